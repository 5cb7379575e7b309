//! Only what was told: a run reads no metric that the participant's sign-in did not name.

use crate::core::error::Result;
use crate::core::user::UserId;
use crate::gateway::Gateway;
use crate::ledger::head::Head;
use crate::ledger::told::Told;
use crate::sync::fetch::{Fetch, RunOptions};
use crate::sync::plan::{Plan, Wish};
use crate::sync::session::Session;

/// Which metrics may be read. Where the token says nothing, what is known by now is written into
/// it and holds from then on.
pub(super) fn note_told(gateway: &Gateway, session: &mut Session, head: &Head) -> Result<Told> {
    let config = &gateway.config;
    if session.token.told_metrics.is_none() {
        let told = Told::of(Some(&session.token), head);
        let named = config.metrics.iter().map(|metric| metric.name);
        let names = told.names().map_or_else(|| Told::ALL.with(named), <[String]>::to_vec);
        session.note_told(names)?;
    }
    Ok(config.told(Some(&session.token), head))
}

impl RunOptions {
    /// Without the metrics that the participant was not told of.
    pub(super) fn covered(&self, told: &Told, user: &UserId) -> Self {
        let mut covered = self.clone();
        covered.metrics.retain(|metric| told.covers(metric.name));
        for metric in self.metrics.iter().filter(|one| self.narrowed && !told.covers(one.name)) {
            log::info!("user={user} {}: not named at the sign-in, so not read", metric.name);
        }
        covered
    }
}

impl Fetch<'_, '_> {
    /// Says of each metric that `--metric` named why nothing is asked of it.
    pub(super) fn tell_named(&self, plan: &Plan, wishes: &[Wish]) {
        for wish in wishes.iter().filter(|_| self.wanted.narrowed) {
            let user = self.session.user;
            if !wish.granted {
                log::info!("user={user} {}: not granted", wish.name);
            } else if !plan.ask.contains_key(wish.name) {
                log::info!("user={user} {}: nothing to ask", wish.name);
            }
        }
    }
}
