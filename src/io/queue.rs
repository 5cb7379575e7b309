//! The upload queue: the ledger's files that the store does not have yet, oldest day first.
//!
//! Items are sent by several threads; this thread alone writes the ledger, in batches. A crash
//! repeats at most a batch, harmlessly: keys and bytes are the same.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;

use crate::config::{
    CSV_BYTES_MAX, UPLOAD_BATCH_FILES, UPLOAD_BATCH_S, UPLOAD_FAILURES_IN_A_ROW_MAX,
};
use crate::core::backoff::queue_wait_s;
use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::hash::{hex, md5, sha256_hex};
use crate::core::ledger::{File, MonthKey, State, next_try};
use crate::core::s3::Key;
use crate::core::user::{COMPLETENESS, UserId, file_path};
use crate::io::book::Book;
use crate::io::clock::Clock;
use crate::io::store::Store;
use crate::io::{files, random, stop};

/// A file that waits; sorted by day first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    pub date: Date,
    pub user: UserId,
    /// A metric, or [`COMPLETENESS`].
    pub metric: String,
    pub sha256: String,
}

/// The waiting files of one participant's opened months. The completeness file of a month follows
/// when nothing else of the month waits: it must not name what the store does not have.
pub fn waiting(book: &Book, user: &UserId, take: impl Fn(&File) -> bool) -> Vec<Item> {
    let mut items = Vec::new();
    let mut add = |date: Date, metric: &str, file: &File| {
        if let Some(sha256) = file.sha256.clone().filter(|_| file.waits() && take(file)) {
            let (user, metric) = (user.clone(), metric.to_owned());
            items.push(Item { date, user, metric, sha256 });
        }
    };
    for (key, month) in book.months() {
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
    pub failures: Vec<(Item, Failure)>,
}

impl Tally {
    pub fn of(&self, user: &str) -> u64 {
        self.uploaded_of.get(user).copied().unwrap_or_default()
    }
}

/// Sends items and keeps the ledger.
#[derive(Debug)]
pub struct Queue<'a> {
    pub store: &'a Store,
    pub prefix: &'a str,
    pub data_dir: &'a PathBuf,
    pub clock: &'a Clock,
    /// Shared by all of a run: when nothing gets through, the rest is left to the next one.
    pub failures_in_a_row: &'a AtomicUsize,
}

struct Sent {
    md5: String,
    bytes: u64,
}

impl Queue<'_> {
    /// Sends all items with so many threads, oldest first; `progress` is told of each.
    pub fn send(
        &self,
        mut items: Vec<Item>,
        threads: usize,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Tally> {
        items.sort();
        let next = AtomicUsize::new(0);
        let (results, answers) = mpsc::channel();
        let mut tally = Tally::default();
        std::thread::scope(|scope| {
            for _ in 0..threads.clamp(1, items.len().max(1)) {
                let (results, items, next) = (results.clone(), &items, &next);
                scope.spawn(move || {
                    while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let done = self.send_one(item);
                        if results.send((item, done)).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(results);
            self.collect(&answers, &mut tally, progress)
        })?;
        Ok(tally)
    }

    /// Writes results into the ledger: every so many files, or seconds.
    fn collect(
        &self,
        answers: &mpsc::Receiver<(&Item, Result<Sent>)>,
        tally: &mut Tally,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<()> {
        let pause = Duration::from_secs(UPLOAD_BATCH_S);
        let (mut batch, mut since, mut done) = (Vec::new(), Instant::now(), 0);
        loop {
            let answer = answers.recv_timeout(pause.saturating_sub(since.elapsed()));
            let ended = matches!(answer, Err(mpsc::RecvTimeoutError::Disconnected));
            if let Ok(answer) = answer {
                done += 1;
                progress(done);
                batch.push(answer);
            }
            if ended || batch.len() >= UPLOAD_BATCH_FILES || since.elapsed() >= pause {
                self.note(std::mem::take(&mut batch), tally)?;
                since = Instant::now();
            }
            if ended {
                return Ok(());
            }
        }
    }

    fn send_one(&self, item: &Item) -> Result<Sent> {
        stop::check()?;
        if self.failures_in_a_row.load(Ordering::Relaxed) >= UPLOAD_FAILURES_IN_A_ROW_MAX {
            let what = "not tried: nothing got through before";
            return Err(Failure::new(ErrorClass::Network, what));
        }
        let path = file_path(&item.user, &item.metric, item.date);
        let body = files::read(&self.data_dir.join(&path), CSV_BYTES_MAX)?;
        let Some(body) = body.filter(|body| sha256_hex(body) == item.sha256) else {
            return Err(Failure::new(ErrorClass::Disk, LOST).at(path));
        };
        let put = Key::new(self.prefix, &path).and_then(|key| self.store.put(&key, &body));
        match put {
            Ok(_) => self.failures_in_a_row.store(0, Ordering::Relaxed),
            Err(failure) => {
                self.failures_in_a_row.fetch_add(1, Ordering::Relaxed);
                return Err(failure.at(path));
            }
        }
        Ok(Sent { md5: hex(&md5(&body)), bytes: body.len() as u64 })
    }

    fn note(&self, batch: Vec<(&Item, Result<Sent>)>, tally: &mut Tally) -> Result<()> {
        let mut by_user: BTreeMap<&UserId, Vec<(&Item, Result<Sent>)>> = BTreeMap::new();
        for (item, sent) in batch {
            by_user.entry(&item.user).or_default().push((item, sent));
        }
        let now = self.clock.now();
        for (user, sent) in by_user {
            let mut book = Book::open(self.data_dir, user)?;
            let mut months = book.named_months();
            months.extend(sent.iter().map(|(item, _)| MonthKey::of(item.date)));
            book.open_months(months)?;
            for (item, sent) in sent {
                note_one(&mut book, item, &sent, now);
                match sent {
                    Ok(_) => {
                        tally.uploaded += 1;
                        *tally.uploaded_of.entry(user.to_string()).or_default() += 1;
                    }
                    Err(failure) => tally.failures.push((item.clone(), failure)),
                }
            }
            book.save()?;
        }
        Ok(())
    }
}

const LOST: &str = "the local file is gone or damaged; its day will be read again";

fn note_one(book: &mut Book, item: &Item, sent: &Result<Sent>, now: Timestamp) {
    let lost = matches!(sent, Err(failure) if failure.what == LOST);
    let Some(month) = book.month_mut(MonthKey::of(item.date)) else { return };
    let file = if item.metric == COMPLETENESS {
        &mut month.completeness
    } else {
        let day = month.days.get_mut(&item.date);
        let Some(entry) = day.and_then(|day| day.metrics.get_mut(&item.metric)) else { return };
        if lost {
            entry.state = State::Wanted;
        }
        &mut entry.file
    };
    match sent {
        Ok(sent) => file.uploaded(&item.sha256, &sent.md5, sent.bytes),
        Err(_) if lost => file.missing = true,
        // Stopped or not tried: as if nothing had happened.
        Err(failure) if failure.at.is_none() => {}
        Err(failure) => {
            let wait_s = queue_wait_s(file.attempts, random::number());
            file.refused(failure, next_try(now, wait_s));
        }
    }
}
