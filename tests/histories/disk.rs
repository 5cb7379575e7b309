//! The gateway's disk and the ledger on it, with a crash between any two writes.

use std::collections::{BTreeMap, BTreeSet};

use fitsync::core::day::DaySpan;
use fitsync::core::json::AsText;
use fitsync::ledger::completeness::{self, CompletenessRow};
use fitsync::ledger::entry::{Day, Month};
use fitsync::ledger::head::Head;
use fitsync::ledger::month::MonthKey;
use fitsync::ledger::rebuild::{self, LocalFile, Owner, Remains};
use fitsync_sim::jiff::Timestamp;
use fitsync_sim::jiff::civil::Date;

use crate::gateway::{ACCOUNT, End, Gateway, Step, hash};
use crate::world::METRICS;

/// What a run holds in memory.
pub struct Run {
    pub head: Head,
    pub months: BTreeMap<MonthKey, Month>,
    pub now: Timestamp,
    pub clock_wrong: bool,
    pub first_noted: Option<Date>,
    pub head_lost: bool,
}

impl Gateway {
    pub fn open(&self, now: Timestamp) -> (Run, BTreeSet<MonthKey>) {
        let text = self.disk.get("ledger/head");
        let keys =
            || self.disk.keys().filter_map(|name| name.strip_prefix("ledger/2").map(month_key));
        let head = text.and_then(|text| miniserde::json::from_str::<Head>(text).ok());
        let head_lost = head.is_none();
        let head = head.unwrap_or_else(|| {
            let all: Vec<_> = keys().map(AsText).collect();
            Head { open_months: all.clone(), waiting_months: all, ..Head::default() }
        });
        (
            Run {
                head,
                months: BTreeMap::new(),
                now,
                clock_wrong: false,
                first_noted: None,
                head_lost,
            },
            keys().collect(),
        )
    }

    pub fn open_months(&self, run: &mut Run, keys: BTreeSet<MonthKey>) -> BTreeSet<Date> {
        let mut missing = BTreeSet::new();
        for key in keys {
            let Some(text) = self.disk.get(&format!("ledger/{key}")) else { continue };
            let month = miniserde::json::from_str::<Month>(text).unwrap_or_else(|_| {
                let mut month = self.rebuild(key, run.head.zone.as_deref().unwrap_or("UTC"));
                month.want(METRICS.into_iter(), ACCOUNT);
                let days = fitsync::core::day::range(key.first_day(), key.last_day());
                let known = month.days.first_key_value().map(|(&date, _)| AsText(date));
                let first = if run.head_lost { known } else { run.head.first_day };
                let days = days.filter(|date| first.is_none_or(|first| *date >= *first));
                missing.extend(days.filter(|date| !month.days.contains_key(date)));
                month
            });
            let first = month.days.first_key_value().map(|(&date, _)| AsText(date));
            run.head.first_day = match (run.head.first_day, first) {
                (Some(known), Some(first)) => Some(known.min(first)),
                (known, first) => known.or(first),
            };
            run.months.insert(key, month);
        }
        missing
    }

    pub fn rebuild(&self, key: MonthKey, zone: &str) -> Month {
        let rows = |text: Option<&String>| -> Vec<CompletenessRow> {
            text.and_then(|text| completeness::read(text.as_bytes()).ok()).unwrap_or_default()
        };
        let local = rows(self.disk.get(&format!("csv/completeness/{key}")));
        let stored = rows(self.disk.get(&format!("bucket/completeness/{key}")));
        let files = self.disk.iter().filter_map(|(name, text)| {
            let (metric, date) = name.strip_prefix("csv/")?.split_once('/')?;
            let date = date.parse().ok()?;
            let rows = text.lines().count() as u64 - 1;
            let rows = if metric == "completeness" { return None } else { rows };
            let file = LocalFile { sha256: hash(text), bytes: text.len() as u64, rows };
            Some(((date, metric.to_owned()), file))
        });
        let remains = Remains { local: &local, stored: &stored, files: &files.collect() };
        rebuild::month(key, remains, &Owner { account: ACCOUNT, since: None, zone })
            .expect("a month")
    }

    pub fn save(&mut self, run: &mut Run, steps: &mut Steps, whole: bool) -> Step<()> {
        let mut open: BTreeSet<MonthKey> = run.head.open_months.iter().map(|key| key.0).collect();
        open.retain(|key| !whole || !run.months.contains_key(key));
        open.extend(
            run.months.iter().filter(|(_, month)| month.has_open_work()).map(|(&key, _)| key),
        );
        if !whole {
            run.head.open_months = open.iter().copied().map(AsText).collect();
            steps.next()?;
            self.disk.insert("ledger/head".to_owned(), miniserde::json::to_string(&run.head));
        }
        for (key, month) in &run.months {
            steps.next()?;
            self.disk.insert(format!("ledger/{key}"), miniserde::json::to_string(month));
        }
        if whole {
            let waits = |(_, month): &(&MonthKey, &Month)| month.waiting() > 0;
            let waiting = run.months.iter().filter(waits).map(|(&key, _)| AsText(key));
            let unopened = run.head.waiting_months.iter().copied();
            let unopened = unopened.filter(|key| !run.months.contains_key(key));
            run.head.waiting_months = unopened.chain(waiting).collect();
            run.head.open_months = open.into_iter().map(AsText).collect();
            if let Some(noted) = run.first_noted {
                let first = run.head.first_day.map_or(noted, |first| (*first).min(noted));
                run.head.first_day = Some(AsText(first));
            }
            steps.next()?;
            self.disk.insert("ledger/head".to_owned(), miniserde::json::to_string(&run.head));
        }
        Ok(())
    }
}

/// A crash between two operations on the disk.
pub struct Steps {
    pub left: u64,
}

impl Steps {
    pub fn next(&mut self) -> Step<()> {
        if self.left == 0 {
            return Err(End::Crash);
        }
        self.left = self.left.saturating_sub(u64::from(self.left != u64::MAX));
        Ok(())
    }
}

fn month_key(rest: &str) -> MonthKey {
    format!("2{rest}").parse().expect("a month")
}

pub fn days(run: &Run) -> BTreeMap<Date, &Day> {
    run.months.values().flat_map(|month| &month.days).map(|(&date, day)| (date, day)).collect()
}

pub fn spans(run: &Run) -> BTreeMap<Date, DaySpan> {
    days(run).into_iter().map(|(date, day)| (date, day.span())).collect()
}
