//! The upload queue: the ledger's files that the store does not have yet, oldest day first.
//!
//! Items are sent by several threads; this thread alone writes the ledger, in batches, while they
//! go on. A crash repeats at most a batch, harmlessly: keys and bytes are the same.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;

use crate::core::backoff::queue_wait_s;
use crate::core::day::next_try;
use crate::core::error::{ErrorClass, Failure, Reach, Result};
use crate::core::hash::{hex, md5, sha256_hex};
use crate::core::user::{COMPLETENESS, UserId, file_path};
use crate::io::clock::Clock;
use crate::io::{files, random, stop};
use crate::ledger::entry::{FileRecord, State};
use crate::ledger::folder::Ledger;
use crate::ledger::month::MonthKey;
use crate::limits::{
    CSV_BYTES_MAX, UPLOAD_AHEAD_FILES, UPLOAD_BATCH_FILES, UPLOAD_BATCH_S,
    UPLOAD_FAILURES_IN_A_ROW_MAX, UPLOAD_PROBES,
};
use crate::s3::key::ObjectKey;
use crate::s3::store::Store;

/// A file that waits; sorted by day first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WaitingFile {
    pub date: Date,
    pub user: UserId,
    /// A metric, or [`COMPLETENESS`].
    pub metric: String,
    pub sha256: String,
    /// How often the store did not take it.
    pub attempts: u32,
    /// Why not, the last time.
    pub last_error: Option<String>,
}

/// The waiting files of one participant's opened months. The completeness file of a month follows
/// when nothing else of the month waits: it must not name what the store does not have.
pub fn waiting_files(
    ledger: &Ledger,
    user: &UserId,
    take: impl Fn(&FileRecord) -> bool,
) -> Vec<WaitingFile> {
    let mut items = Vec::new();
    let mut add = |date: Date, metric: &str, file: &FileRecord| {
        if let Some(sha256) = file.sha256.clone().filter(|_| file.waits() && take(file)) {
            let (user, metric) = (user.clone(), metric.to_owned());
            let (attempts, last_error) = (file.attempts, file.last_error.clone());
            items.push(WaitingFile { date, user, metric, sha256, attempts, last_error });
        }
    };
    for (key, month) in ledger.months() {
        month.entries().for_each(|(date, metric, entry)| add(date, metric, &entry.file));
        if !month.entries().any(|(_, _, entry)| entry.file.waits()) {
            add(key.first_day(), COMPLETENESS, &month.completeness);
        }
    }
    items
}

/// What became of some items.
#[derive(Debug, Default)]
pub struct Tally {
    pub uploaded: u64,
    /// Of them, by participant.
    pub uploaded_of: BTreeMap<String, u64>,
    pub failures: Vec<(WaitingFile, Failure)>,
    /// Why some items were not tried: a signal, or nothing gets through.
    pub not_tried: Option<Failure>,
    /// Why the ledger does not say what was sent: it will be sent again.
    pub not_noted: Option<Failure>,
}

impl Tally {
    /// One participant's part.
    pub fn of_user(&self, user: &str) -> Self {
        let failures = self.failures.iter().filter(|(item, _)| item.user.as_str() == user);
        Self {
            uploaded: self.uploaded_of.get(user).copied().unwrap_or_default(),
            failures: failures.cloned().collect(),
            ..Self::default()
        }
    }
}

/// Sends items and keeps the ledger.
#[derive(Debug)]
pub struct Queue<'a> {
    pub store: &'a Store,
    pub prefix: &'a str,
    pub data_dir: &'a PathBuf,
    pub clock: &'a Clock,
    pub streak: &'a Streak,
}

/// The failures in a row of a run: when nothing gets through, the rest is left to the next one.
#[derive(Debug, Default)]
pub struct Streak {
    length: AtomicUsize,
    last: Mutex<Option<Failure>>,
}

impl Streak {
    fn length(&self) -> usize {
        self.length.load(Ordering::Relaxed)
    }

    fn ends(&self) {
        self.length.store(0, Ordering::Relaxed);
    }

    fn goes_on(&self, failure: &Failure) {
        self.length.fetch_add(1, Ordering::Relaxed);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure.clone());
    }

    /// Why the rest is not tried: for what the others failed.
    fn reason(&self) -> Failure {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let nothing = || Failure::new(ErrorClass::Network, "nothing got through");
        Failure { at: None, ..last.clone().unwrap_or_else(nothing) }
    }
}

/// What became of one item.
enum Sending {
    Sent {
        md5: String,
        bytes: u64,
    },
    Refused(Failure),
    /// The local file is gone or damaged.
    Lost,
    NotTried(Failure),
}

/// What is still to be sent, oldest first.
struct Todo<'a> {
    items: Mutex<VecDeque<&'a WaitingFile>>,
    streak: &'a Streak,
}

impl<'a> Todo<'a> {
    /// The oldest item. After many failures in a row, which may be those of poisoned items alone,
    /// the newest of those that failed least: if that does not get through either, nothing will.
    fn next(&self) -> Option<&'a WaitingFile> {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        if self.streak.length() < UPLOAD_FAILURES_IN_A_ROW_MAX {
            return items.pop_front();
        }
        let least = items.iter().enumerate().rev().min_by_key(|(_, item)| item.attempts);
        least.map(|(index, _)| index).and_then(|index| items.remove(index))
    }
}

impl Queue<'_> {
    /// Sends all items with so many threads, oldest first; `progress` is told of each.
    pub fn send(
        &self,
        mut items: Vec<WaitingFile>,
        threads: usize,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Tally {
        items.sort();
        let todo = Todo { items: Mutex::new(items.iter().collect()), streak: self.streak };
        // A slow disk holds the threads back: what a crash repeats stays a batch.
        let (results, answers) = mpsc::sync_channel(UPLOAD_AHEAD_FILES);
        let mut tally = Tally::default();
        std::thread::scope(|scope| {
            for _ in 0..threads.clamp(1, items.len().max(1)) {
                let (results, todo) = (results.clone(), &todo);
                scope.spawn(move || {
                    while let Some(item) = todo.next() {
                        let done = self.send_one(item);
                        if results.send((item, done)).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(results);
            self.collect(&answers, &mut tally, progress);
        });
        tally
    }

    /// Writes results into the ledger: every so many files, or seconds.
    fn collect(
        &self,
        answers: &mpsc::Receiver<(&WaitingFile, Sending)>,
        tally: &mut Tally,
        progress: &(dyn Fn(usize) + Sync),
    ) {
        let pause = Duration::from_secs(UPLOAD_BATCH_S);
        let batch_files = UPLOAD_BATCH_FILES - UPLOAD_AHEAD_FILES;
        let (mut batch, mut since, mut done) = (Vec::new(), Instant::now(), 0);
        let mut touched = BTreeMap::new();
        loop {
            let answer = answers.recv_timeout(pause.saturating_sub(since.elapsed()));
            let ended = matches!(answer, Err(mpsc::RecvTimeoutError::Disconnected));
            if let Ok(answer) = answer {
                done += 1;
                progress(done);
                batch.push(answer);
            }
            if ended || batch.len() >= batch_files || since.elapsed() >= pause {
                self.note(std::mem::take(&mut batch), &mut touched, tally);
                since = Instant::now();
            }
            if ended {
                break;
            }
        }
        self.write_down(touched, tally);
    }

    fn send_one(&self, item: &WaitingFile) -> Sending {
        if let Err(failure) = stop::check() {
            return Sending::NotTried(failure);
        }
        if self.streak.length() >= UPLOAD_FAILURES_IN_A_ROW_MAX + UPLOAD_PROBES {
            return Sending::NotTried(self.streak.reason());
        }
        let path = file_path(&item.user, &item.metric, item.date);
        let body = match files::read(&self.data_dir.join(&path), CSV_BYTES_MAX) {
            Ok(Some(body)) if sha256_hex(&body) == item.sha256 => body,
            Err(failure) if failure.class == ErrorClass::Disk => return Sending::Refused(failure),
            _ => return Sending::Lost,
        };
        match ObjectKey::new(self.prefix, &path).and_then(|key| self.store.put(&key, &body)) {
            Ok(_) => {
                self.streak.ends();
                Sending::Sent { md5: hex(&md5(&body)), bytes: body.len() as u64 }
            }
            Err(failure) if stop::asked() => Sending::NotTried(failure),
            Err(failure) => {
                self.streak.goes_on(&failure);
                Sending::Refused(failure.at(path))
            }
        }
    }

    /// Sums up a batch and writes it into the ledger. Uploading goes on where the ledger cannot be
    /// written (a full disk): what is not noted is sent again, harmlessly.
    fn note(&self, batch: Vec<(&WaitingFile, Sending)>, touched: &mut Touched, tally: &mut Tally) {
        let mut by_user: BTreeMap<&UserId, Vec<(&WaitingFile, Sending)>> = BTreeMap::new();
        for (item, done) in batch {
            match &done {
                Sending::Sent { .. } => {
                    tally.uploaded += 1;
                    *tally.uploaded_of.entry(item.user.to_string()).or_default() += 1;
                }
                Sending::Refused(failure) => tally.failures.push((item.clone(), failure.clone())),
                Sending::Lost => {
                    let what = "the local file is gone or damaged; its day will be read again";
                    let place = file_path(&item.user, &item.metric, item.date);
                    let failure = Failure::new(ErrorClass::Disk, what).at(place);
                    tally.failures.push((item.clone(), failure));
                }
                Sending::NotTried(failure) => {
                    tally.not_tried.get_or_insert_with(|| failure.clone());
                    continue;
                }
            }
            by_user.entry(&item.user).or_default().push((item, done));
        }
        for (user, done) in &by_user {
            let months = done.iter().map(|(item, _)| MonthKey::of(item.date));
            touched.entry((*user).clone()).or_default().extend(months);
        }
        if let Err(failure) = at_once(by_user, |(user, done)| self.note_user(user, done)) {
            tally.not_noted.get_or_insert(failure);
        }
    }

    /// At the end the heads name the months that still wait. Until then they name more, which is
    /// harmless and spares each batch a file.
    fn write_down(&self, touched: Touched, tally: &mut Tally) {
        let done = at_once(touched, |(user, months)| {
            let mut ledger = Ledger::open(self.data_dir, &user)?;
            ledger.open_months(months)?;
            ledger.save()
        });
        if let Err(failure) = done {
            tally.not_noted.get_or_insert(failure);
        }
    }

    fn note_user(&self, user: &UserId, done: Vec<(&WaitingFile, Sending)>) -> Result<()> {
        let now = self.clock.now();
        let mut ledger = Ledger::open(self.data_dir, user)?;
        ledger.open_months(done.iter().map(|(item, _)| MonthKey::of(item.date)))?;
        let mut rewrite = false;
        for (item, done) in done {
            rewrite |= matches!(done, Sending::Lost) && item.metric == COMPLETENESS;
            note_one(&mut ledger, item, done, now);
        }
        if rewrite {
            // It follows from the ledger: no need to ask anybody.
            ledger.write_completeness(self.data_dir, user)?;
        }
        ledger.save_months()
    }
}

/// The months in which something was noted.
type Touched = BTreeMap<UserId, BTreeSet<MonthKey>>;

/// Works on several ledgers at once, so many at a time: a disk makes several files durable in
/// hardly more time than one.
fn at_once<T: Send>(
    work: impl IntoIterator<Item = T>,
    one: impl Fn(T) -> Result<()> + Sync,
) -> Result<()> {
    let (mut work, one) = (work.into_iter().peekable(), &one);
    let mut done = Ok(());
    while work.peek().is_some() {
        std::thread::scope(|scope| {
            let some = work.by_ref().take(UPLOAD_BATCH_FILES);
            let begun: Vec<_> = some.map(|item| scope.spawn(move || one(item))).collect();
            let defect = || Err(Failure::new(ErrorClass::Bug, "the ledger was not written"));
            for thread in begun {
                done = done.clone().and(thread.join().unwrap_or_else(|_| defect()));
            }
        });
    }
    done
}

fn note_one(ledger: &mut Ledger, item: &WaitingFile, done: Sending, now: Timestamp) {
    let Some(month) = ledger.month_mut(MonthKey::of(item.date)) else { return };
    let file = if item.metric == COMPLETENESS {
        &mut month.completeness
    } else {
        let day = month.days.get_mut(&item.date);
        let Some(entry) = day.and_then(|day| day.metrics.get_mut(&item.metric)) else { return };
        if matches!(done, Sending::Lost) {
            entry.state = State::Wanted;
        }
        &mut entry.file
    };
    match done {
        Sending::Sent { md5, bytes } => file.uploaded(&item.sha256, &md5, bytes),
        Sending::Lost => file.missing = true,
        Sending::NotTried(_) => {}
        Sending::Refused(failure) => {
            // A store out of reach, or a wrong secret, is not the item's fault: it keeps its place.
            let whole_run =
                failure.class == ErrorClass::Network || failure.class.reach() == Reach::Run;
            let attempts = if whole_run { 0 } else { file.attempts };
            let wait_s = queue_wait_s(attempts, random::number());
            file.refused(&failure, next_try(now, wait_s));
        }
    }
}
