//! What one participant's run leaves in order: no left-overs of killed runs, completeness, ledger.
//!
//! A part of `fetch.rs`, which holds the loop; both are steps of [`Fetch`].

use crate::core::error::Result;
use crate::core::user::COMPLETENESS;
use crate::io::files;
use crate::sync::fetch::Fetch;

impl Fetch<'_, '_> {
    /// Also where there was nothing to read: a run that was killed just before this left it.
    pub(super) fn conclude(&mut self) -> Result<()> {
        let (data_dir, user) = (&self.gateway.config.data_dir, self.session.user);
        if let Some(why) = self.ledger.head.device_unknown.as_ref().filter(|_| self.device_ahead) {
            log::warn!("user={user} {why}; until then its days stay provisional");
        }
        let swept = self.ledger.sweep();
        let swept = swept.and(files::sweep(&self.gateway.config.csv_dir(user, COMPLETENESS)));
        let written = self.ledger.write_completeness(data_dir, user);
        // What was read is noted, whatever else fails.
        self.ledger.save()?;
        self.report.files_written += written?;
        swept
    }

    /// A metric's folder that cannot be read is that metric's failure alone.
    pub(super) fn sweep(&mut self) -> Result<()> {
        let config = &self.gateway.config;
        let user = self.session.user;
        files::make_durable(&config.data_dir.join("users").join(user.as_str()))?;
        for metric in &self.wanted.metrics {
            if let Err(failure) = files::sweep(&config.csv_dir(user, metric.name)) {
                self.report.fail(&failure, Some(metric.name), None);
            }
        }
        Ok(())
    }
}
