//! The days of one metric, asked in as few requests as are answered: what cannot be read, or is not
//! answered, is asked smaller, so that one odd day hides no other.
//!
//! A part of `fetch.rs`, which holds the loop over the metrics.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::core::day::Calendar;
use crate::core::error::{ErrorClass, Failure, Reach, Result};
use crate::limits::UNANSWERED_DAYS_MAX;
use crate::provider::job::{self, Job};
use crate::provider::metric::Metric;
use crate::sync::fetch::Fetch;
use crate::sync::plan::Device;
use crate::sync::session::Tries;
use crate::sync::sizes::{Piece, Sizes, apart};

/// The search for the days of one metric that are answered.
struct Search<'a> {
    metric: &'static Metric,
    device: Device,
    calendar: &'a Calendar,
    sizes: Sizes,
    /// Still to be asked, the next one last.
    pieces: Vec<(Piece, Cost)>,
    /// What was not answered, or not asked any more, in the order of asking.
    unanswered: Vec<(BTreeSet<Date>, Failure)>,
    /// Single days among it that nobody knew to be odd.
    days_lost: usize,
    /// The last refusal.
    failure: Option<Failure>,
}

/// Whether a request is one of those that a run has only so many of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cost {
    Planned,
    /// Made to find an odd day.
    Extra,
}

impl Search<'_> {
    /// Whether enough days were lost, and none answered, to know that the metric is not.
    fn is_hopeless(&self) -> bool {
        !self.sizes.is_answered() && self.days_lost >= UNANSWERED_DAYS_MAX
    }

    /// Days that are not answered. Before the last one that is tried, the newest of all: odd days
    /// may lie side by side.
    fn lose(&mut self, dates: BTreeSet<Date>, failure: Failure, known: bool) {
        self.unanswered.push((dates, failure));
        self.days_lost += usize::from(!known);
        if self.sizes.is_answered() || self.days_lost + 1 != UNANSWERED_DAYS_MAX {
            return;
        }
        if let Some((piece, _)) = self.pieces.first_mut()
            && piece.dates.len() > 1
            && let Some(newest) = piece.dates.pop_last()
        {
            let piece = Piece { dates: BTreeSet::from([newest]), rows: piece.rows };
            self.pieces.push((piece, Cost::Extra));
        }
    }
}

impl Fetch<'_, '_> {
    /// Reads the days of a metric. A refusal of the whole metric is given back; a failure that
    /// touches more than it is the error.
    pub(super) fn read_metric(
        &mut self,
        metric: &'static Metric,
        dates: &BTreeSet<Date>,
        device: Device,
        calendar: &Calendar,
    ) -> Result<Option<Failure>> {
        let known = self.ledger.head.sizes.as_ref().and_then(|known| known.get(metric.name));
        let rows_max = self.session.provider.page_rows(metric);
        let sizes = Sizes::remembered(known, rows_max, self.now);
        let alone = self.odd_alone(metric, dates);
        let pieces = apart(dates, &alone).into_iter().rev();
        let pieces = pieces.map(|dates| (Piece { dates, rows: sizes.rows() }, Cost::Planned));
        // What is known to be odd comes last: it says nothing of the others.
        let (mut pieces, rest): (Vec<_>, Vec<_>) = pieces
            .partition(|(piece, _)| piece.dates.first().is_some_and(|date| alone.contains(date)));
        pieces.extend(rest);
        let (unanswered, days_lost, failure) = (Vec::new(), 0, None);
        let mut search =
            Search { metric, device, calendar, sizes, pieces, unanswered, days_lost, failure };
        while let Some((mut piece, cost)) = search.pieces.pop() {
            let Some(job) = self.first_job(&search, &piece) else { continue };
            // What the answer teaches counts for the rest already.
            piece.dates.retain(|date| !job.days.contains_key(date));
            if !piece.dates.is_empty() {
                search.pieces.push((piece, cost));
            }
            let refused = self.ask(&mut search, &job, cost)?;
            self.ledger.save_months()?;
            if refused.is_some() {
                return Ok(refused);
            }
        }
        self.conclude_search(search)?;
        Ok(None)
    }

    /// Days of which an earlier run knows that they hide those around them.
    fn odd_alone(&mut self, metric: &Metric, dates: &BTreeSet<Date>) -> BTreeSet<Date> {
        let is_alone = |date: &&Date| {
            let entry = self.ledger.entry_mut(metric.name, **date);
            entry.is_ok_and(|entry| entry.odd_alone.is_some())
        };
        dates.iter().filter(is_alone).copied().collect()
    }

    /// The first request of a piece: as wide as is known to be answered.
    fn first_job(&self, search: &Search, piece: &Piece) -> Option<Job> {
        let mut reach = self.session.provider.reach(search.metric);
        if let Some(days) = search.sizes.days_max().and_then(|days| i64::try_from(days).ok()) {
            reach.days_max = reach.days_max.min(days);
        }
        let name = search.metric.name;
        let jobs = job::jobs(name, &piece.dates, reach, search.calendar, self.now);
        let page_rows = piece.rows.or(search.sizes.rows());
        jobs.into_iter().next().map(|job| Job { page_rows, ..job })
    }

    /// Asks one job; what is not answered goes back in smaller pieces.
    fn ask(&mut self, search: &mut Search, job: &Job, cost: Cost) -> Result<Option<Failure>> {
        let known = search.sizes.days_max().is_some_and(|days| job.days.len() <= days);
        let extra = cost == Cost::Extra && !known;
        if let Some(failure) = search.failure.clone()
            && (search.is_hopeless() || (extra && self.extra == 0))
        {
            search.unanswered.push((job.dates().collect(), failure));
            return Ok(None);
        }
        let tries = if extra { Tries::Smaller } else { Tries::Range };
        let before = self.session.requests();
        let read = self.read_job(search.metric, job, tries, search.device, search.calendar);
        let sent = self.session.requests() - before;
        if extra || read.is_err() {
            self.extra = self.extra.saturating_sub(sent);
        }
        let failure = match read {
            Ok(()) => {
                search.sizes.answered(job);
                return Ok(None);
            }
            Err(failure) if failure.class.is_refusal() => return Ok(Some(failure)),
            // Without a request there was no answer: the run is about to end.
            Err(failure) if !may_be_asked_smaller(&failure) || sent == 0 => {
                self.job_failed(search.metric, job, failure)?;
                return Ok(None);
            }
            Err(failure) => failure,
        };
        search.failure = Some(failure.clone());
        let known = self.was_odd(search.metric, job);
        let smaller = search.sizes.refused(job, failure.class);
        if smaller.is_empty() || self.extra == 0 || known {
            search.lose(job.dates().collect(), failure, known);
        } else {
            let smaller = smaller.into_iter().rev().map(|piece| (piece, Cost::Extra));
            search.pieces.extend(smaller);
        }
        Ok(None)
    }

    /// Whether it is a day that was odd before: it is not searched again.
    fn was_odd(&mut self, metric: &Metric, job: &Job) -> bool {
        let entry = self.ledger.entry_mut(metric.name, job.first());
        job.is_one_day() && entry.is_ok_and(|entry| entry.odd_since.is_some())
    }

    /// A day that alone is not answered is odd; where nothing is answered, the metric fails.
    fn conclude_search(&mut self, search: Search) -> Result<()> {
        let Search { metric, sizes, unanswered, .. } = search;
        let known = self.ledger.head.sizes.get_or_insert_default();
        match sizes.to_remember(self.now) {
            Some(size) => drop(known.insert(metric.name.to_owned(), size)),
            None => drop(known.remove(metric.name)),
        }
        if known.is_empty() {
            self.ledger.head.sizes = None;
        }
        let all: usize = unanswered.iter().map(|(dates, _)| dates.len()).sum();
        for (number, (dates, failure)) in unanswered.into_iter().enumerate() {
            let alone = sizes.is_answered() || failure.class == ErrorClass::Format;
            let mut found = dates.len() == 1 && alone;
            for &date in &dates {
                let Ok(entry) = self.ledger.entry_mut(metric.name, date) else { continue };
                found |= entry.odd_since.is_some() && dates.len() == 1;
                match found {
                    true => entry.odd(failure.class, true, self.now),
                    false => entry.failed(failure.class, self.now),
                }
            }
            // One cause that all share is told once.
            if found || number == 0 {
                let day = (found || all == 1).then(|| dates.first().map(Date::to_string));
                self.report.fail(&failure, Some(metric.name), day.flatten());
            }
        }
        self.ledger.save_months()
    }

    /// One metric failing never stops another; what touches the participant or all does.
    fn job_failed(&mut self, metric: &Metric, job: &Job, failure: Failure) -> Result<()> {
        for date in job.dates() {
            if let Ok(entry) = self.ledger.entry_mut(metric.name, date) {
                entry.failed(failure.class, self.now);
            }
        }
        let used_up = failure.class == ErrorClass::Quota && self.session.provider.quota_stops_all();
        if failure.class.reach() != Reach::Item || used_up {
            return Err(failure);
        }
        let day = job.is_one_day().then(|| job.first().to_string());
        self.report.fail(&failure, Some(metric.name), day);
        Ok(())
    }

    /// Days with an element that is not as promised; those around them are good.
    pub(super) fn note_odd(&mut self, metric: &Metric, job: &Job, odd: &BTreeMap<Date, Failure>) {
        for (&date, failure) in odd {
            if let Ok(entry) = self.ledger.entry_mut(metric.name, date) {
                entry.odd(failure.class, false, self.now);
            }
        }
        let all = odd.len() > 1 && odd.len() == job.days.len();
        for (date, failure) in odd.iter().take(if all { 1 } else { odd.len() }) {
            let day = (!all).then(|| date.to_string());
            self.report.fail(failure, Some(metric.name), day);
        }
    }
}

fn may_be_asked_smaller(failure: &Failure) -> bool {
    failure.smaller.is_some() || failure.class == ErrorClass::TooLong
}
