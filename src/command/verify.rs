//! `fitsync verify`: whether the store still has what it confirmed, by HEAD alone.
//!
//! One participant and month at a time, so that memory does not grow with the study. What differs
//! is listed; with `--repair` it is queued again, or its day is read again where the local file is
//! gone too. Nothing is uploaded here.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use jiff::civil::Date;
use miniserde::Serialize;

use crate::command::arguments::VerifyArguments;
use crate::core::error::{ErrorClass, Failure, Result, worst_exit};
use crate::core::hash::sha256_hex;
use crate::core::user::{COMPLETENESS, UserId, file_path};
use crate::gateway::Gateway;
use crate::io::files;
use crate::io::terminal::{print_json, progress};
use crate::ledger::completeness;
use crate::ledger::entry::{FileRecord, State};
use crate::ledger::folder::Ledger;
use crate::ledger::month::MonthKey;
use crate::limits::{CSV_BYTES_MAX, UPLOAD_FAILURES_IN_A_ROW_MAX, VERIFY_LISTED_MAX};
use crate::s3::store::Store;
use crate::s3::sums::{Comparison, Sums, base64_of_hex};
use crate::sync::report::FailureReport;
use crate::sync::run::{named_users, run_lock};

/// What was found; lists are cut, counts are not.
#[derive(Debug, Default, Serialize)]
pub struct VerifyReport {
    version: u32,
    exit: u8,
    compared: u64,
    /// Compared by their size alone: the store keeps no checksum that is known here.
    by_size_alone: u64,
    missing: u64,
    different: u64,
    not_compared: u64,
    repaired: u64,
    missing_keys: Vec<String>,
    different_keys: Vec<String>,
    failures: Vec<FailureReport>,
}

/// A file that the store has confirmed.
#[derive(Debug, Clone)]
struct SentFile {
    metric: String,
    date: Date,
    path: String,
    /// What was confirmed, and what may have been sent since without the ledger knowing.
    sums: [Option<Sums>; 2],
}

/// What became of one item.
enum Verdict {
    Compared(Comparison),
    Missing,
    Failed(Failure),
    /// Nothing got through before.
    NotTried,
}

pub fn run(gateway: &Gateway, arguments: &VerifyArguments) -> Result<u8> {
    let ended = compare(gateway, arguments);
    if let (Err(failure), true) = (&ended, arguments.json) {
        print_json(&VerifyReport {
            version: 1,
            exit: failure.class.exit_code(),
            failures: vec![failure_report(failure, None)],
            ..VerifyReport::default()
        });
    }
    ended
}

fn compare(gateway: &Gateway, arguments: &VerifyArguments) -> Result<u8> {
    let users = gateway.chosen(&named_users(&arguments.user)?)?;
    let _lock = if arguments.repair { Some(run_lock(gateway)?) } else { None };
    let store = gateway.store()?.ok_or_else(|| {
        Failure::new(ErrorClass::Usage, "S3_BUCKET_RAW is not set: there is nothing to compare")
    })?;
    let mut run = Run {
        gateway,
        store: &store,
        json: arguments.json,
        repair: arguments.repair,
        failures_in_a_row: AtomicUsize::new(0),
        told: BTreeSet::new(),
        report: VerifyReport { version: 1, ..VerifyReport::default() },
    };
    let mut months = Vec::new();
    for user in &users {
        let ledger = Ledger::look(&gateway.config.data_dir, user);
        match ledger.and_then(|ledger| ledger.month_keys()) {
            Ok(keys) => months.extend(keys.into_iter().map(|key| (user, key))),
            Err(failure) => run.skip(user, &failure),
        }
    }
    for (done, (user, key)) in months.iter().enumerate() {
        run.month(user, *key)?;
        progress("months of participants", done + 1, months.len());
    }
    Ok(run.end())
}

struct Run<'a> {
    gateway: &'a Gateway,
    store: &'a Store,
    json: bool,
    repair: bool,
    failures_in_a_row: AtomicUsize,
    told: BTreeSet<String>,
    report: VerifyReport,
}

impl Run<'_> {
    /// Compares one month of a participant.
    fn month(&mut self, user: &UserId, key: MonthKey) -> Result<()> {
        let Some(items) = self.items(user, key) else { return Ok(()) };
        let mut broken = Vec::new();
        for (item, found) in self.compare_all(&items) {
            match found {
                Verdict::Compared(Comparison::Same) => self.report.compared += 1,
                Verdict::Compared(Comparison::SameSize) => {
                    self.report.compared += 1;
                    self.report.by_size_alone += 1;
                }
                Verdict::NotTried => self.report.not_compared += 1,
                Verdict::Failed(failure) => self.fail(item, &failure),
                Verdict::Missing | Verdict::Compared(_) => broken.push((item, found)),
            }
        }
        if broken.is_empty() {
            return Ok(());
        }
        // A sync may have been at work meanwhile: what the ledger says otherwise now is no finding.
        let Some(now) = self.items(user, key) else { return Ok(()) };
        let now: BTreeMap<_, _> =
            now.into_iter().map(|item| (item.path.clone(), item.sums)).collect();
        broken.retain(|(item, _)| now.get(&item.path) == Some(&item.sums));
        // A HEAD cannot tell a missing bucket from a missing object.
        let all_missing = broken.iter().all(|(_, found)| matches!(found, Verdict::Missing));
        if all_missing && self.report.compared + self.report.different == 0 {
            self.store.check_bucket()?;
        }
        for (item, found) in &broken {
            self.list(&item.path, found)?;
        }
        if self.repair {
            let items: Vec<_> = broken.into_iter().map(|(item, _)| item).collect();
            match self.mend(user, key, &items) {
                Ok(repaired) => self.report.repaired += repaired,
                Err(failure) => self.skip(user, &failure),
            }
        }
        Ok(())
    }

    /// What the ledger says the store has of a month, unless it cannot be looked into.
    fn items(&mut self, user: &UserId, key: MonthKey) -> Option<Vec<SentFile>> {
        self.read_items(user, key).map_err(|failure| self.skip(user, &failure)).ok()
    }

    fn read_items(&self, user: &UserId, key: MonthKey) -> Result<Vec<SentFile>> {
        let mut ledger = Ledger::look(&self.gateway.config.data_dir, user)?;
        ledger.open_months([key])?;
        if ledger.lost.contains(&key) {
            log::warn!("user={user} the ledger of {key} cannot be read: nothing to compare");
        }
        let mut items = Vec::new();
        for (_, month) in ledger.months() {
            let entries = month.entries();
            let files = entries.map(|(date, metric, entry)| (date, metric.as_str(), &entry.file));
            let completeness = (key.first_day(), COMPLETENESS, &month.completeness);
            for (date, metric, file) in files.chain([completeness]) {
                if file.uploaded_sha256.is_some() {
                    let path = file_path(user, metric, date);
                    items.push(SentFile {
                        metric: metric.to_owned(),
                        date,
                        path,
                        sums: sums_of(file),
                    });
                }
            }
        }
        Ok(items)
    }

    fn compare_all<'i>(&self, items: &'i [SentFile]) -> Vec<(&'i SentFile, Verdict)> {
        let next = AtomicUsize::new(0);
        let results = Mutex::new(Vec::with_capacity(items.len()));
        std::thread::scope(|scope| {
            for _ in 0..self.gateway.config.threads.clamp(1, items.len().max(1)) {
                scope.spawn(|| {
                    while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let found = self.compare(item);
                        let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                        results.push((item, found));
                    }
                });
            }
        });
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_by_key(|(item, _)| (item.date, &item.metric));
        results
    }

    fn compare(&self, item: &SentFile) -> Verdict {
        if self.failures_in_a_row.load(Ordering::Relaxed) >= UPLOAD_FAILURES_IN_A_ROW_MAX {
            return Verdict::NotTried;
        }
        let head = self.store.key(&item.path).and_then(|key| self.store.head(&key));
        let head = match head {
            Ok(head) => head,
            Err(failure) => {
                self.failures_in_a_row.fetch_add(1, Ordering::Relaxed);
                return Verdict::Failed(failure);
            }
        };
        self.failures_in_a_row.store(0, Ordering::Relaxed);
        let Some(head) = head else { return Verdict::Missing };
        let compared = item.sums.iter().flatten().map(|sums| head.compare(sums));
        let best = compared.min_by_key(|comparison| match comparison {
            Comparison::Same => 0,
            Comparison::SameSize => 1,
            Comparison::OtherBytes => 2,
            Comparison::OtherSize => 3,
        });
        Verdict::Compared(best.unwrap_or(Comparison::OtherSize))
    }

    fn fail(&mut self, item: &SentFile, failure: &Failure) {
        self.report.not_compared += 1;
        // A wrong secret refuses every question for the same reason: it is told once.
        let first = self.told.insert(failure.what.clone());
        let level = if first { log::Level::Error } else { log::Level::Debug };
        log::log!(level, "class={} {failure}", failure.class.name());
        self.note(failure, Some(item));
    }

    /// A ledger that cannot be worked with: the others are compared all the same.
    fn skip(&mut self, user: &UserId, failure: &Failure) {
        log::error!("user={user} class={} {failure}", failure.class.name());
        self.note(failure, None);
    }

    fn note(&mut self, failure: &Failure, item: Option<&SentFile>) {
        if self.report.failures.len() < VERIFY_LISTED_MAX {
            self.report.failures.push(failure_report(failure, item));
        }
        self.report.exit = worst_exit([self.report.exit, failure.class.exit_code()]);
    }

    fn list(&mut self, path: &str, found: &Verdict) -> Result<()> {
        let key = self.store.key(path)?;
        let (word, keys, count) = match found {
            Verdict::Missing => {
                ("missing", &mut self.report.missing_keys, &mut self.report.missing)
            }
            _ => ("different", &mut self.report.different_keys, &mut self.report.different),
        };
        *count += 1;
        if keys.len() < VERIFY_LISTED_MAX {
            keys.push(key.to_string());
        }
        self.report.exit = worst_exit([self.report.exit, DIFFERENCES_EXIT]);
        if !self.json {
            // Who reads the pipe may be gone; the count is kept all the same.
            let _ = writeln!(std::io::stdout(), "{word} {}", self.store.location(&key));
        }
        Ok(())
    }

    /// Queues files again; has the day read again where the local file is gone.
    fn mend(&self, user: &UserId, key: MonthKey, items: &[&SentFile]) -> Result<u64> {
        let data_dir = &self.gateway.config.data_dir;
        let mut ledger = Ledger::open(data_dir, user)?;
        let months = ledger.named_months();
        ledger.open_months(months.into_iter().chain([key]))?;
        let head = ledger.head.clone();
        let Some(month) = ledger.month_mut(key) else { return Ok(0) };
        let mut repaired = 0;
        for item in items.iter().filter(|item| item.metric != COMPLETENESS) {
            let entry = month.days.get_mut(&item.date);
            let entry = entry.and_then(|day| day.metrics.get_mut(&item.metric));
            let Some(entry) = entry else { continue };
            entry.file.lost_in_store();
            let local = files::read(&data_dir.join(&item.path), CSV_BYTES_MAX)?;
            if local.map(|bytes| sha256_hex(&bytes)) != entry.file.sha256 {
                entry.file.missing = true;
                entry.state = State::Wanted;
            }
            repaired += 1;
        }
        if let Some(item) = items.iter().find(|item| item.metric == COMPLETENESS) {
            // It follows from the ledger: it can be made again at any time.
            let bytes = completeness::csv(user, month, &head)?;
            let path = data_dir.join(&item.path);
            path.parent().map(files::make_folder).transpose()?;
            files::write_durably(&path, &bytes)?;
            month.completeness.lost_in_store();
            month.completeness.written(&sha256_hex(&bytes), bytes.len() as u64);
            repaired += 1;
        }
        ledger.save()?;
        Ok(repaired)
    }

    fn end(self) -> u8 {
        let VerifyReport { compared, missing, different, not_compared, repaired, .. } = self.report;
        log::info!(
            "compared={compared} missing={missing} different={different} \
             not_compared={not_compared} repaired={repaired} exit={}",
            self.report.exit
        );
        if self.report.by_size_alone > 0 {
            let count = self.report.by_size_alone;
            log::info!("{count} files could be compared by their size alone");
        }
        if repaired > 0 {
            log::info!("fitsync sync reads and sends again what was queued");
        } else if missing + different > 0 {
            log::warn!("fitsync verify --repair queues what is missing or different again");
        }
        if self.json {
            print_json(&self.report);
        }
        self.report.exit
    }
}

fn failure_report(failure: &Failure, item: Option<&SentFile>) -> FailureReport {
    FailureReport {
        class: failure.class.name().to_owned(),
        metric: item.map(|item| item.metric.clone()),
        day: item.map(|item| item.date.to_string()),
        message: failure.to_string(),
    }
}

/// Of a run that found the store to differ.
const DIFFERENCES_EXIT: u8 = 1;

fn sums_of(file: &FileRecord) -> [Option<Sums>; 2] {
    let sums = |sha256: &Option<String>, size_bytes, md5_hex| {
        let sha256_base64 = base64_of_hex(sha256.as_deref()?);
        Some(Sums { size_bytes, sha256_base64, md5_hex })
    };
    // A crash between an upload and the ledger: the store has what waits here.
    let waiting = if file.waits() { sums(&file.sha256, file.bytes, None) } else { None };
    [sums(&file.uploaded_sha256, file.uploaded_bytes, file.uploaded_md5.clone()), waiting]
}
