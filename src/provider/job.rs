//! Requests: the days of one metric, cut to what a provider answers at once.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::core::day::{Calendar, days_between, floor_minute};
use crate::limits::{DAILY_RANGE_DAYS_MAX, MINUTE_RANGE_S_MAX, SESSION_RANGE_DAYS_MAX};

/// One range request of one metric, perhaps of several pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub metric: String,
    pub dates: BTreeSet<Date>,
    /// The zone of the first day's wall clock.
    pub zone: String,
    /// The range in UTC: whole minutes, and nothing that is still to come.
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Job {
    pub fn first(&self) -> Date {
        self.dates.first().copied().unwrap_or_default()
    }

    pub fn last(&self) -> Date {
        self.dates.last().copied().unwrap_or_default()
    }

    /// Its dates in two halves, the earlier one first.
    pub fn halves(&self) -> [BTreeSet<Date>; 2] {
        let mut early = self.dates.clone();
        let middle = self.dates.iter().nth(self.dates.len() / 2).copied().unwrap_or_default();
        let late = early.split_off(&middle);
        [early, late]
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
                job.dates.insert(date);
                job.to = to;
            }
            _ => jobs.push(Job {
                metric: metric.to_owned(),
                dates: BTreeSet::from([date]),
                zone: span.zone,
                from: span.start,
                to,
            }),
        }
    }
    jobs
}

#[cfg(test)]
#[path = "job_tests.rs"]
mod tests;
