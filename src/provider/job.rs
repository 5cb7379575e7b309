//! Requests: the days of one metric, cut to what a provider answers at once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::core::day::{Calendar, DaySpan, days_between, floor_minute, zone};
use crate::core::error::Result;
use crate::core::table::RowKey;
use crate::limits::{DAILY_RANGE_DAYS_MAX, MINUTE_RANGE_S_MAX, SESSION_RANGE_DAYS_MAX};

/// One range request of one metric, perhaps of several pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub metric: String,
    /// The days that are asked, and where each lies.
    pub days: BTreeMap<Date, DaySpan>,
    /// The range in UTC: whole minutes, and nothing that is still to come.
    pub from: Timestamp,
    pub to: Timestamp,
    /// At most so many rows a page, where the service is known not to answer more.
    pub page_rows: Option<u32>,
}

impl Job {
    pub fn dates(&self) -> impl Iterator<Item = Date> {
        self.days.keys().copied()
    }

    pub fn first(&self) -> Date {
        self.dates().next().unwrap_or_default()
    }

    pub fn last(&self) -> Date {
        self.days.last_key_value().map(|(&date, _)| date).unwrap_or_default()
    }

    pub fn is_one_day(&self) -> bool {
        self.days.len() == 1
    }

    /// Its dates in two halves, the earlier one first.
    pub fn halves(&self) -> [BTreeSet<Date>; 2] {
        let mut early: BTreeSet<Date> = self.dates().collect();
        let middle = self.dates().nth(self.days.len() / 2).unwrap_or_default();
        let late = early.split_off(&middle);
        [early, late]
    }

    /// The day that a row belongs to, if that is asked here.
    pub fn day_of(&self, key: RowKey) -> Option<Date> {
        match key {
            RowKey::Date(date) => self.days.contains_key(&date).then_some(date),
            RowKey::Instant(at) => {
                let mut days = self.days.iter();
                days.find(|(_, span)| span.contains(at)).map(|(&date, _)| date)
            }
        }
    }

    /// The zone of the account at an instant: that of the day in which it lies, or of the nearest.
    pub fn zone_at(&self, at: Timestamp) -> Result<TimeZone> {
        let after = self.days.values().find(|span| at < span.end);
        let span = after.or_else(|| self.days.values().next_back());
        zone(span.map_or("", |span| &span.zone))
    }
}

/// How far one request may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    pub seconds_max: i64,
    pub days_max: i64,
}

impl Extent {
    pub const MINUTES: Self = Self { seconds_max: MINUTE_RANGE_S_MAX, days_max: 14 };
    pub const DAYS: Self = Self { seconds_max: i64::MAX, days_max: DAILY_RANGE_DAYS_MAX };
    pub const ONE_DAY: Self = Self { seconds_max: i64::MAX, days_max: 1 };
    pub const THIRTY_DAYS: Self = Self { seconds_max: i64::MAX, days_max: 30 };
    pub const SESSIONS: Self = Self { seconds_max: i64::MAX, days_max: SESSION_RANGE_DAYS_MAX };
}

/// Cuts the days of one metric into requests.
pub fn jobs(
    metric: &str,
    dates: &BTreeSet<Date>,
    reach: Extent,
    calendar: &Calendar,
    now: Timestamp,
) -> Vec<Job> {
    let now = floor_minute(now);
    let mut jobs: Vec<Job> = Vec::new();
    for &date in dates {
        let span = calendar.span(date);
        let to = span.end.min(now).max(span.start);
        match jobs.last_mut() {
            Some(job)
                if to.as_second() - job.from.as_second() <= reach.seconds_max
                    && days_between(job.first(), date) < reach.days_max =>
            {
                job.days.insert(date, span);
                job.to = to;
            }
            _ => jobs.push(Job {
                metric: metric.to_owned(),
                from: span.start,
                to,
                days: BTreeMap::from([(date, span)]),
                page_rows: None,
            }),
        }
    }
    jobs
}

#[cfg(test)]
#[path = "job_tests.rs"]
mod tests;
