//! A month of the ledger that could not be read back, made again from what is left of it: the
//! local CSV files, and the month's completeness file (the local one, and the bucket's).
//!
//! What is certain is taken over; whatever is not becomes `wanted` and is asked again. So a wrong
//! guess costs a request and never a day.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::core::day::{Calendar, DaySpan, floor_minute};
use crate::core::error::Result;
use crate::core::json::AsText;
use crate::ledger::completeness::CompletenessRow;
use crate::ledger::entry::{Day, Entry, FileRecord, Month, State};
use crate::ledger::month::MonthKey;

/// A CSV file as it lies on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalFile {
    pub sha256: String,
    pub bytes: u64,
    /// Its lines without the header.
    pub rows: u64,
}

/// Whose days they are, as far as the token says.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    pub account: &'a str,
    /// Days before it belong to an account that nobody knows any more.
    pub since: Option<Timestamp>,
    /// For days that only a file is left of.
    pub zone: &'a str,
}

/// What is left of a month.
#[derive(Debug, Clone, Copy)]
pub struct Remains<'a> {
    /// The local completeness file.
    pub local: &'a [CompletenessRow],
    /// The bucket's: it is sent after the files that it names, so it confirms them.
    pub stored: &'a [CompletenessRow],
    pub files: &'a BTreeMap<(Date, String), LocalFile>,
}

pub fn month(key: MonthKey, remains: Remains, owner: &Owner) -> Result<Month> {
    let mut month = Month::default();
    // The local rows are the newer ones, so they come last and win.
    for row in remains.stored.iter().chain(remains.local) {
        let Some((date, span, entry)) = read(row).filter(|(date, ..)| MonthKey::of(*date) == key)
        else {
            continue;
        };
        let day = month.days.entry(date).or_insert_with(|| owner.day(&span));
        day.metrics.insert(row.metric.clone(), entry);
    }
    for row in remains.stored {
        let date = row.date.parse().unwrap_or_default();
        let day = month.days.get_mut(&date);
        let Some(entry) = day.and_then(|day| day.metrics.get_mut(&row.metric)) else { continue };
        entry.file.uploaded_sha256 = Some(row.sha256.clone()).filter(|sha256| !sha256.is_empty());
    }
    let spans = month.days.iter().map(|(&date, day)| (date, day.span())).collect();
    let mut calendar = Calendar::new(spans, owner.zone)?;
    for ((date, metric), file) in remains.files {
        if MonthKey::of(*date) == key {
            let day = month.days.entry(*date).or_insert_with(|| owner.day(&calendar.fix(*date)));
            let entry = day.metrics.entry(metric.clone()).or_insert_with(Entry::wanted);
            found(entry, file);
        }
    }
    let entries = month.days.iter_mut().flat_map(|(date, day)| {
        day.metrics.iter_mut().map(|(metric, entry)| ((*date, metric.clone()), entry))
    });
    for (name, entry) in entries {
        if !remains.files.contains_key(&name) {
            not_found(entry);
        }
    }
    Ok(month)
}

impl Owner<'_> {
    fn day(&self, span: &DaySpan) -> Day {
        let own = self.since.is_none_or(|since| span.start >= floor_minute(since));
        Day::new(span, if own { self.account } else { "" })
    }
}

/// One row; `None` where it says nothing that can be used.
fn read(row: &CompletenessRow) -> Option<(Date, DaySpan, Entry)> {
    let date = row.date.parse().ok()?;
    let zone = row.time_zone.clone();
    let span = DaySpan {
        zone,
        start: row.day_start_utc.parse().ok()?,
        end: row.day_end_utc.parse().ok()?,
    };
    let states = [State::Wanted, State::Provisional, State::Sealed, State::NotGranted];
    let named = states.into_iter().find(|state| state.name() == row.state)?;
    // The file may be older than the ledger was: only a sealed day is known to be whole, and what
    // was not granted may have been since.
    let state = if named == State::Sealed { named } else { State::Wanted };
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let entry = Entry {
        state,
        rows: row.rows,
        revisions: row.revisions,
        was_sealed: state == State::Sealed || row.revisions > 0,
        device_synced_at: row.device_synced_utc.parse().ok().map(AsText),
        provider: text(&row.provider),
        data_source: text(&row.data_source),
        file: FileRecord { sha256: text(&row.sha256), ..FileRecord::default() },
        ..Entry::wanted()
    };
    Some((date, span, entry))
}

/// The local file is there. If it is not the one that was named, it is newer than what is known of
/// the day: it is sent, and the day is asked again.
fn found(entry: &mut Entry, file: &LocalFile) {
    if entry.file.sha256.as_ref() != Some(&file.sha256) {
        entry.state = State::Wanted;
        entry.rows = file.rows;
        entry.file.sha256 = Some(file.sha256.clone());
    }
    entry.file.bytes = file.bytes;
    if entry.file.uploaded_sha256.as_ref() == Some(&file.sha256) {
        entry.file.uploaded_bytes = file.bytes;
    }
}

/// The local file is gone: fine where the bucket has it, as it is removed after some time.
fn not_found(entry: &mut Entry) {
    if entry.file.sha256.is_some() && entry.file.sha256 != entry.file.uploaded_sha256 {
        entry.state = State::Wanted;
        entry.file.missing = true;
    }
}

#[cfg(test)]
#[path = "rebuild_tests.rs"]
mod tests;
