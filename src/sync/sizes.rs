//! How large a request of one metric may be: what was answered, what was not, and what to try next.
//!
//! A range that is not answered is asked in halves, down to one day, and then in smaller pages. As
//! long as all that was refused is larger than all that was answered, the size is to blame, and
//! nothing larger than what was answered is asked. Once something was refused that is no larger,
//! a day is to blame, and the others are asked at their full size.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::core::day::within;
use crate::core::error::ErrorClass;
use crate::core::json::AsText;
use crate::ledger::head::AnsweredSize;
use crate::limits::{PAGE_ROWS_PART_MIN, SIZE_REMEMBERED_S};
use crate::provider::job::Job;

/// What is known of the sizes of one metric.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sizes {
    /// The widest range that was answered.
    answered_days: Option<usize>,
    /// The narrowest one that was not.
    refused_days: Option<usize>,
    /// Pages of more rows are not answered.
    rows: Option<u32>,
    /// The largest page that the provider has; `None`: it has no pages.
    rows_max: Option<u32>,
    /// Something was answered in this run.
    answered: bool,
    /// No smaller page is answered either.
    pages_tried: bool,
    remembered: Option<AsText<Timestamp>>,
}

/// A part of a job, to be asked for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub dates: BTreeSet<Date>,
    pub rows: Option<u32>,
}

impl Sizes {
    /// What an earlier run found out, as long as that holds.
    pub fn remembered(known: Option<&AnsweredSize>, rows_max: Option<u32>, now: Timestamp) -> Self {
        let mut sizes = Self { rows_max, ..Self::default() };
        if let Some(known) = known.filter(|known| within(Some(known.at), SIZE_REMEMBERED_S, now)) {
            sizes.answered_days = known.days.and_then(|days| usize::try_from(days).ok());
            sizes.refused_days = sizes.answered_days.map(|days| days + 1);
            sizes.rows = known.rows;
            sizes.remembered = Some(known.at);
        }
        sizes
    }

    /// What a later run should know; nothing, where everything is answered at its full size.
    pub fn to_remember(&self, now: Timestamp) -> Option<AnsweredSize> {
        let days = self.days_max().and_then(|days| u32::try_from(days).ok());
        let known = days.is_some() || self.rows.is_some();
        let at = self.remembered.unwrap_or(AsText(now));
        known.then_some(AnsweredSize { days, rows: self.rows, at })
    }

    /// The widest range that is asked, where a wider one was refused for its size.
    pub fn days_max(&self) -> Option<usize> {
        let (answered, refused) = (self.answered_days?, self.refused_days?);
        (answered < refused).then_some(answered)
    }

    pub const fn rows(&self) -> Option<u32> {
        self.rows
    }

    /// Whether anything of the metric was answered in this run.
    pub const fn is_answered(&self) -> bool {
        self.answered
    }

    pub fn answered(&mut self, job: &Job) {
        if job.page_rows.is_some() && job.page_rows != self.rows {
            // It was the page, and not the range.
            (self.rows, self.refused_days, self.remembered) = (job.page_rows, None, None);
        }
        self.answered_days = self.answered_days.max(Some(job.days.len()));
        self.answered = true;
    }

    /// Notes what was refused; the smaller pieces to ask in its place, the earlier one first. None:
    /// it cannot be made smaller.
    pub fn refused(&mut self, job: &Job, class: ErrorClass) -> Vec<Piece> {
        // What cannot be read says nothing of what is answered.
        if class != ErrorClass::Format {
            let days = job.days.len();
            self.refused_days = Some(self.refused_days.map_or(days, |known| known.min(days)));
        }
        if !job.is_one_day() {
            let piece = |dates| Piece { dates, rows: job.page_rows };
            return job.halves().map(piece).to_vec();
        }
        if class == ErrorClass::Format || self.is_answered() || self.pages_tried {
            return Vec::new();
        }
        let smaller = self.rows_max.and_then(|most| {
            let rows = job.page_rows.unwrap_or(most) / 2;
            (rows >= most / PAGE_ROWS_PART_MIN && rows > 0).then_some(rows)
        });
        self.pages_tried = smaller.is_none();
        let dates = job.dates().collect();
        smaller.map(|rows| Piece { dates, rows: Some(rows) }).into_iter().collect()
    }
}

/// The days in pieces that are asked one by one: a day that hides those around it is asked alone.
pub fn apart(dates: &BTreeSet<Date>, alone: &BTreeSet<Date>) -> Vec<BTreeSet<Date>> {
    let mut pieces: Vec<BTreeSet<Date>> = Vec::new();
    let mut joins = false;
    for &date in dates {
        let is_alone = alone.contains(&date);
        match pieces.last_mut() {
            Some(piece) if joins && !is_alone => drop(piece.insert(date)),
            _ => pieces.push(BTreeSet::from([date])),
        }
        joins = !is_alone;
    }
    pieces
}

#[cfg(test)]
#[path = "sizes_tests.rs"]
mod tests;
