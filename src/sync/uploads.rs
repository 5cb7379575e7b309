//! The uploading part of a run: what this run wrote, then the backlog, oldest day first.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::user::{COMPLETENESS, UserId, file_path};
use crate::gateway::Gateway;
use crate::io::terminal::progress;
use crate::ledger::completeness::{self, CompletenessRow};
use crate::ledger::entry::FileRecord;
use crate::ledger::folder::Ledger;
use crate::ledger::month::MonthKey;
use crate::limits::{BACKLOG_ITEMS_MAX, CSV_BYTES_MAX};
use crate::s3::store::Store;
use crate::sync::queue::{Queue, Streak, Tally, WaitingFile, waiting_files};
use crate::sync::report::ParticipantReport;

/// Where a run sends files, if it does.
#[derive(Debug)]
pub struct Uploads<'a> {
    gateway: &'a Gateway,
    /// With which one participant's new files are sent, while others are read.
    threads_each: usize,
    store: Option<Store>,
    /// Why nothing is sent although a bucket is named; told once, with the backlog.
    refused: Option<Failure>,
    streak: Streak,
    /// The reasons that were told: a wrong secret refuses every file for the same one.
    told: Mutex<BTreeSet<String>>,
    /// Times set after earlier failures are not waited for.
    insistent: bool,
}

impl<'a> Uploads<'a> {
    /// Without a bucket files stay local, which is said once.
    ///
    /// `users`: on how many the run works; so many as are at work at once share the threads.
    /// Settings that cannot be right are an error before anything is done.
    pub fn open(
        gateway: &'a Gateway,
        users: usize,
        no_upload: bool,
        insistent: bool,
    ) -> Result<Self> {
        let threads = gateway.config.threads;
        let mut uploads = Self {
            gateway,
            threads_each: threads / users.clamp(1, threads.max(1)),
            store: None,
            refused: None,
            streak: Streak::default(),
            told: Mutex::default(),
            insistent,
        };
        if no_upload {
            return Ok(uploads);
        }
        match gateway.store() {
            Ok(Some(store)) => uploads.store = Some(store),
            Ok(None) => log::warn!(
                "S3_BUCKET_RAW is not set: files stay local under {}",
                gateway.config.data_dir.display()
            ),
            Err(failure) if failure.class == ErrorClass::Usage => return Err(failure),
            Err(failure) => uploads.refused = Some(failure),
        }
        Ok(uploads)
    }

    fn queue(&self) -> Option<Queue<'_>> {
        Some(Queue {
            store: self.store.as_ref()?,
            prefix: self.gateway.config.s3_prefix.as_deref().unwrap_or_default(),
            data_dir: &self.gateway.config.data_dir,
            clock: &self.gateway.clock,
            streak: &self.streak,
        })
    }

    /// What the bucket says of a month of a participant; nothing where it holds nothing, or there
    /// is no bucket.
    pub fn completeness(&self, user: &UserId, key: MonthKey) -> Result<Vec<CompletenessRow>> {
        let Some(store) = &self.store else { return Ok(Vec::new()) };
        let key = store.key(&file_path(user, COMPLETENESS, key.first_day()))?;
        let Some(bytes) = store.get(&key, CSV_BYTES_MAX)? else { return Ok(Vec::new()) };
        completeness::read(&bytes)
    }

    /// Sends what this run wrote for one participant; what failed before is left to the backlog.
    pub fn participant(&self, user: &UserId, report: &mut ParticipantReport) {
        if let Err(failure) = self.try_participant(user, report) {
            report.fail(&failure, None, None);
        }
    }

    fn try_participant(&self, user: &UserId, report: &mut ParticipantReport) -> Result<()> {
        let Some(queue) = self.queue() else { return Ok(()) };
        // Twice: the completeness file follows when the files that it names are up.
        for _ in 0..2 {
            let items = self.items(user, |file| file.attempts == 0)?;
            if items.is_empty() {
                break;
            }
            self.tell(report, queue.send(items, self.threads_each, &|_| {}));
        }
        Ok(())
    }

    fn items(&self, user: &UserId, take: impl Fn(&FileRecord) -> bool) -> Result<Vec<WaitingFile>> {
        self.gateway.tokens.refuse_newer(user)?;
        let mut ledger = Ledger::open(&self.gateway.config.data_dir, user)?;
        let months = ledger.named_months();
        ledger.open_months(months)?;
        Ok(waiting_files(&ledger, user, take))
    }

    /// Sends what waits, of all participants, oldest day first, until nothing is due.
    pub fn backlog(&self, users: &[UserId], reports: &mut [ParticipantReport]) {
        self.drain(users, reports);
        if self.store.is_some() {
            reports.iter_mut().for_each(|report| self.held_back(report));
        }
    }

    /// Reports the files that wait for their next try: what kept them back in an earlier run is
    /// not over. One for each cause, unless this run has met it as well.
    fn held_back(&self, report: &mut ParticipantReport) {
        let now = self.gateway.clock.now();
        let Ok(user) = report.user_id.parse() else { return };
        // A folder that cannot be read was told with its items.
        let items = self.items(&user, |file| !file.due(now)).unwrap_or_default();
        for item in items {
            let failure = item.last_error.as_deref().and_then(Failure::of_line);
            if let Some(failure) = failure.filter(|failure| !self.told().contains(&failure.what)) {
                self.fail(report, &failure, Some(&item.metric), Some(item.date.to_string()));
            }
        }
    }

    fn told(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drain(&self, users: &[UserId], reports: &mut [ParticipantReport]) {
        if let (Some(failure), Some(first)) = (&self.refused, reports.first_mut()) {
            first.fail(failure, None, None);
        }
        let Some(queue) = self.queue() else { return };
        let threads = self.gateway.config.threads;
        let mut insistent = self.insistent;
        loop {
            let items = self.oldest(users, insistent, reports);
            let all = items.len();
            if all == 0 {
                return;
            }
            let tally = queue.send(items, threads, &|done| progress("files", done, all));
            let stuck = tally.uploaded == 0 || tally.not_noted.is_some();
            for report in reports.iter_mut() {
                self.tell(report, tally.of_user(&report.user_id));
            }
            if let (Some(failure), Some(first)) = (&tally.not_noted, reports.first_mut()) {
                first.fail(failure, None, None);
            }
            // What has just failed has a time for its next try; what was sent makes room.
            insistent = false;
            if stuck || tally.not_tried.is_some() {
                if let (Some(failure), Some(first)) = (&tally.not_tried, reports.first_mut()) {
                    self.fail(first, failure, None, None);
                }
                return;
            }
        }
    }

    /// The oldest items that are due, at most so many that memory stays small. One participant's
    /// unreadable folder does not stop the others.
    fn oldest(
        &self,
        users: &[UserId],
        insistent: bool,
        reports: &mut [ParticipantReport],
    ) -> Vec<WaitingFile> {
        let now = self.gateway.clock.now();
        let mut items = Vec::new();
        for user in users {
            match self.items(user, |file| insistent || file.due(now)) {
                Ok(found) => items.extend(found),
                Err(failure) => {
                    let mut own = reports.iter_mut();
                    if let Some(report) = own.find(|report| report.user_id == user.as_str()) {
                        report.fail(&failure, None, None);
                    }
                }
            }
            if items.len() > 2 * BACKLOG_ITEMS_MAX {
                items.sort();
                items.truncate(BACKLOG_ITEMS_MAX);
            }
        }
        items.sort();
        items.truncate(BACKLOG_ITEMS_MAX);
        items
    }

    /// How many files wait; those of a ledger that cannot be opened are not counted.
    pub fn waiting(&self, users: &[UserId]) -> u64 {
        let count = |user: &UserId| -> Result<u64> {
            let mut ledger = Ledger::look(&self.gateway.config.data_dir, user)?;
            let months = ledger.named_months();
            ledger.open_months(months)?;
            Ok(ledger.months().map(|(_, month)| month.waiting()).sum())
        };
        users.iter().filter_map(|user| count(user).ok()).sum()
    }

    fn tell(&self, report: &mut ParticipantReport, tally: Tally) {
        report.files_uploaded += tally.uploaded;
        for (item, failure) in tally.failures {
            self.fail(report, &failure, Some(&item.metric), Some(item.date.to_string()));
        }
        if let Some(failure) = tally.not_noted {
            report.fail(&failure, None, None);
        }
    }

    /// Reports a failure; its reason is logged once in a run, however many files it touches.
    fn fail(
        &self,
        report: &mut ParticipantReport,
        failure: &Failure,
        metric: Option<&str>,
        day: Option<String>,
    ) {
        if self.told().insert(failure.what.clone()) {
            report.fail(failure, metric, day);
        } else {
            report.fail_again(failure, metric, day);
        }
    }
}
