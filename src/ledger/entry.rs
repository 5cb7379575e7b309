//! What is known of each day: the states of design section "The life of a day", and the upload
//! queue, which is nothing but the files whose `sha256` differs from their `uploaded_sha256`.
//!
//! Pure data and transitions; `folder.rs` loads and saves it, one file per participant and month.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::core::day::{DaySpan, ahead};
use crate::core::error::{ErrorClass, Failure};
use crate::core::json::AsText;
use crate::limits::{NEXT_TRY_AHEAD_S_MAX, ODD_DAY_S_MAX, SHRUNK_CONFIRM_S};

pub use crate::ledger::month::MonthKey;

/// The version of head and month files; a newer one is not read.
pub const VERSION: u32 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, miniserde::Serialize, miniserde::Deserialize)]
pub enum State {
    /// To be asked.
    #[serde(rename = "wanted")]
    Wanted,
    /// Read, and not yet for good: `sealing.rs` says when.
    #[serde(rename = "provisional")]
    Provisional,
    /// Read long enough after the device had synced past the day's end.
    #[serde(rename = "sealed")]
    Sealed,
    #[serde(rename = "not_granted")]
    NotGranted,
}

impl State {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Provisional => "provisional",
            Self::Sealed => "sealed",
            Self::NotGranted => "not_granted",
        }
    }
}

/// One (day, metric) of a participant.
#[derive(Debug, Clone, PartialEq, Eq, miniserde::Serialize, miniserde::Deserialize)]
pub struct Entry {
    pub state: State,
    pub rows: u64,
    /// Re-reads that changed the day after it was sealed.
    pub revisions: u32,
    pub was_sealed: bool,
    pub read_at: Option<AsText<Timestamp>>,
    /// The device's last sync as seen before the last read.
    pub device_synced_at: Option<AsText<Timestamp>>,
    pub provider: Option<String>,
    pub data_source: Option<String>,
    pub file: FileRecord,
    pub error: Option<ReadError>,
    pub shrunk: Option<Shrunk>,
    /// Only the clock kept the day from being sealed: it is read once more when that is right.
    pub clock_was_wrong: Option<bool>,
    /// Since when this day alone cannot be read, while those around it can.
    pub odd_since: Option<AsText<Timestamp>>,
    /// A request that covers it gives nothing of the days around it either.
    pub odd_alone: Option<bool>,
    /// When a run first saw a device time past the day's end; no later sync moves it.
    pub passed_at: Option<AsText<Timestamp>>,
    /// The last read found that the provider was still at work on the day; of a sealed day, that
    /// it was not waited for any longer.
    pub unfinished: Option<bool>,
}

/// The last failure to read; cleared by success.
#[derive(Debug, Clone, PartialEq, Eq, miniserde::Serialize, miniserde::Deserialize)]
pub struct ReadError {
    pub class: String,
    pub at: AsText<Timestamp>,
}

/// A reply that would take more than half of a day's rows away, waiting for a second opinion.
#[derive(Debug, Clone, PartialEq, Eq, miniserde::Serialize, miniserde::Deserialize)]
pub struct Shrunk {
    pub sha256: String,
    pub rows: u64,
    pub at: AsText<Timestamp>,
}

/// A written file and what the store has of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, miniserde::Serialize, miniserde::Deserialize)]
pub struct FileRecord {
    pub sha256: Option<String>,
    pub bytes: u64,
    pub uploaded_sha256: Option<String>,
    pub uploaded_bytes: u64,
    /// For stores that answer with an MD5 ETag only.
    pub uploaded_md5: Option<String>,
    pub attempts: u32,
    pub last_error: Option<String>,
    pub next_try: Option<AsText<Timestamp>>,
    /// The local file is gone or damaged: to be written again, whatever was read.
    pub missing: bool,
}

impl FileRecord {
    /// Whether it is in the upload queue.
    pub fn waits(&self) -> bool {
        self.sha256.is_some() && self.sha256 != self.uploaded_sha256 && !self.missing
    }

    /// Whether it may be tried now; a time too far ahead was set by a clock that has jumped.
    pub fn due(&self, now: Timestamp) -> bool {
        self.next_try.is_none_or(|at| {
            let ahead_s = at.as_second() - now.as_second();
            ahead_s <= 0 || ahead_s > NEXT_TRY_AHEAD_S_MAX
        })
    }

    /// New bytes were written.
    pub fn written(&mut self, sha256: &str, bytes: u64) {
        self.sha256 = Some(sha256.to_owned());
        self.bytes = bytes;
        self.missing = false;
        self.attempts = 0;
        self.last_error = None;
        self.next_try = None;
    }

    /// The store confirmed these bytes.
    pub fn uploaded(&mut self, sha256: &str, md5: &str, bytes: u64) {
        self.uploaded_sha256 = Some(sha256.to_owned());
        self.uploaded_md5 = Some(md5.to_owned());
        self.uploaded_bytes = bytes;
        self.attempts = 0;
        self.last_error = None;
        self.next_try = None;
    }

    /// The store turned out not to have what it had confirmed.
    pub fn lost_in_store(&mut self) {
        self.uploaded_sha256 = None;
        self.uploaded_md5 = None;
        self.uploaded_bytes = 0;
        self.attempts = 0;
        self.last_error = None;
        self.next_try = None;
    }

    /// The store did not take it; it stays in the queue.
    pub fn refused(&mut self, failure: &Failure, next_try: Timestamp) {
        self.attempts = self.attempts.saturating_add(1);
        self.last_error = Some(failure.to_string());
        self.next_try = Some(AsText(next_try));
    }
}

/// What a successful read found.
#[derive(Debug, Clone)]
pub struct Reading<'a> {
    pub rows: u64,
    pub sha256: String,
    pub bytes: u64,
    pub at: Timestamp,
    pub device_synced_at: Option<Timestamp>,
    /// Whether the day is sealed by this reading ([`Entry::seals`]).
    pub seals: bool,
    /// Whether the provider said that it is still at work on the day.
    pub unfinished: bool,
    /// Whether a service has shown the machine's clock to be wrong: nothing is sealed then.
    pub clock_wrong: bool,
    pub provider: &'a str,
    pub data_source: &'a str,
}

/// What to do with the file of a day that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileChange {
    Unchanged,
    Write,
    /// The reply lost most of the day: the old file stands until a later run reads the same.
    Hold,
}

impl Entry {
    pub fn wanted() -> Self {
        Self {
            state: State::Wanted,
            rows: 0,
            revisions: 0,
            was_sealed: false,
            read_at: None,
            device_synced_at: None,
            provider: None,
            data_source: None,
            file: FileRecord::default(),
            error: None,
            shrunk: None,
            clock_was_wrong: None,
            odd_since: None,
            odd_alone: None,
            passed_at: None,
            unfinished: None,
        }
    }

    /// Takes in a successful read. The caller makes the file durable before this entry.
    pub fn settle(&mut self, reading: &Reading) -> FileChange {
        let same = match &self.file.sha256 {
            Some(sha256) => *sha256 == reading.sha256,
            None => reading.rows == 0,
        };
        let was_told_sealed = self.was_sealed;
        if self.device_was_ahead(reading.at) {
            self.was_sealed = false;
        }
        self.error = None;
        self.odd_since = None;
        self.odd_alone = None;
        self.read_at = Some(AsText(reading.at));
        self.device_synced_at = reading.device_synced_at.map(AsText);
        self.provider = Some(reading.provider.to_owned());
        self.data_source = Some(reading.data_source.to_owned());
        self.unfinished = reading.unfinished.then_some(true);
        let shrinks = self.rows > 0 && 2 * reading.rows < self.rows;
        if !same && shrinks && !self.confirms_shrunk(reading) {
            self.state = State::Provisional;
            return FileChange::Hold;
        }
        self.shrunk = None;
        if was_told_sealed && !same {
            self.revisions += 1;
        }
        // What was sealed once stays so: a later reading, by a wrong clock perhaps, knows no less.
        self.was_sealed |= reading.seals && !reading.clock_wrong;
        self.clock_was_wrong = (reading.seals && !self.was_sealed).then_some(true);
        self.state = if self.was_sealed { State::Sealed } else { State::Provisional };
        self.rows = reading.rows;
        if same && !self.file.missing {
            return FileChange::Unchanged;
        }
        self.file.written(&reading.sha256, reading.bytes);
        FileChange::Write
    }

    /// Whether an earlier run, long enough ago, read the same; if not, remembers this one.
    fn confirms_shrunk(&mut self, reading: &Reading) -> bool {
        if let Some(shrunk) = self.shrunk.as_ref().filter(|s| s.sha256 == reading.sha256) {
            return reading.at.as_second() - shrunk.at.as_second() >= SHRUNK_CONFIRM_S;
        }
        self.shrunk = Some(Shrunk {
            sha256: reading.sha256.clone(),
            rows: reading.rows,
            at: AsText(reading.at),
        });
        false
    }

    /// Whether it is time to ask a second opinion on a day that shrank.
    pub fn shrunk_due(&self, now: Timestamp) -> bool {
        self.shrunk.as_ref().is_some_and(|shrunk| {
            let age_s = now.as_second() - shrunk.at.as_second();
            !(0..SHRUNK_CONFIRM_S).contains(&age_s)
        })
    }

    /// Whether the last read believed a device's time that was still to come: it sealed nothing.
    pub fn device_was_ahead(&self, now: Timestamp) -> bool {
        self.device_synced_at.is_some_and(|at| ahead(*at, now))
    }

    /// The metric may not be read: what was read of the day before is still what it was.
    pub fn not_granted(&mut self) {
        let was_read = self.read_at.is_some() || self.file.sha256.is_some();
        self.state = match self.state {
            State::Wanted if self.file.missing => State::NotGranted,
            State::Wanted if self.was_sealed => State::Sealed,
            State::Wanted if was_read => State::Provisional,
            State::Wanted => State::NotGranted,
            read => read,
        };
    }

    /// A read failed: the day stays as it is asked for, with the reason.
    pub fn failed(&mut self, class: ErrorClass, at: Timestamp) {
        self.error = Some(ReadError { class: class.name().to_owned(), at: AsText(at) });
    }

    /// This day alone cannot be read. `alone`: a range that covers it cannot, either.
    pub fn odd(&mut self, class: ErrorClass, alone: bool, at: Timestamp) {
        self.failed(class, at);
        self.odd_since.get_or_insert(AsText(at));
        self.odd_alone = alone.then_some(true);
    }

    /// Whether an odd day is asked by name only, since it was odd for so long.
    fn given_up(&self) -> bool {
        let age_s =
            |since: AsText<Timestamp>, error: &ReadError| error.at.as_second() - since.as_second();
        let age_s =
            self.odd_since.zip(self.error.as_ref()).map(|(since, error)| age_s(since, error));
        age_s.is_some_and(|age_s| age_s >= ODD_DAY_S_MAX)
    }

    /// Whether an odd day is left alone by this run: it is asked with the look-back only.
    pub fn odd_waits(&self, lookback: bool) -> bool {
        self.odd_since.is_some() && (!lookback || self.given_up())
    }

    /// Whether the entry needs to be read by a later run.
    pub fn has_open_work(&self) -> bool {
        (self.state == State::Wanted && !self.given_up())
            || self.shrunk.is_some()
            || self.clock_was_wrong.is_some()
            || (self.state == State::Provisional && self.passed_at.is_some())
            || self.waits_for_cloud()
    }
}

/// One civil day of a participant.
#[derive(Debug, Clone, PartialEq, Eq, miniserde::Serialize, miniserde::Deserialize)]
pub struct Day {
    pub zone: String,
    pub start: AsText<Timestamp>,
    pub end: AsText<Timestamp>,
    /// The provider's account that the day belongs to.
    pub account: String,
    pub metrics: BTreeMap<String, Entry>,
}

impl Day {
    pub fn new(span: &DaySpan, account: &str) -> Self {
        Self {
            zone: span.zone.clone(),
            start: AsText(span.start),
            end: AsText(span.end),
            account: account.to_owned(),
            metrics: BTreeMap::new(),
        }
    }

    pub fn span(&self) -> DaySpan {
        DaySpan { zone: self.zone.clone(), start: *self.start, end: *self.end }
    }
}

/// The days of one month.
#[derive(Debug, Clone, PartialEq, Eq, miniserde::Serialize, miniserde::Deserialize)]
pub struct Month {
    pub version: u32,
    pub days: BTreeMap<Date, Day>,
    pub completeness: FileRecord,
}

impl Default for Month {
    fn default() -> Self {
        Self { version: VERSION, days: BTreeMap::new(), completeness: FileRecord::default() }
    }
}

impl Month {
    pub fn entries(&self) -> impl Iterator<Item = (Date, &String, &Entry)> {
        self.days.iter().flat_map(|(&date, day)| {
            day.metrics.iter().map(move |(metric, entry)| (date, metric, entry))
        })
    }

    /// Notes as wanted what is not known of an account's days: some may have left no file.
    pub fn want<'a>(&mut self, metrics: impl Iterator<Item = &'a str> + Clone, account: &str) {
        for day in self.days.values_mut().filter(|day| day.account == account) {
            for metric in metrics.clone() {
                day.metrics.entry(metric.to_owned()).or_insert_with(Entry::wanted);
            }
        }
    }

    /// Takes out what was never read of the days after `last`.
    pub fn forget_after(&mut self, last: Date) {
        for (_, day) in self.days.range_mut(last..).filter(|(date, _)| **date > last) {
            day.metrics.retain(|_, entry| entry.read_at.is_some() || entry.file.sha256.is_some());
        }
        self.days.retain(|date, day| *date <= last || !day.metrics.is_empty());
    }

    /// Whether a later run has something to read in it.
    pub fn has_open_work(&self) -> bool {
        self.entries().any(|(_, _, entry)| entry.has_open_work())
    }

    /// How many files wait for upload.
    pub fn waiting(&self) -> u64 {
        let files = self.entries().filter(|(_, _, entry)| entry.file.waits()).count() as u64;
        files + u64::from(self.completeness.waits())
    }
}

#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
