//! A day, and which times are in it.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::text::utc;
use crate::person::instant;

/// A civil day as the product cuts it: a date, the zone of its local times, and its UTC minutes.
#[derive(Clone, Debug)]
pub struct Day {
    pub date: Date,
    pub zone: TimeZone,
    pub start: Timestamp,
    pub end: Timestamp,
}

impl Day {
    /// The day from midnight to midnight in one zone.
    pub fn civil(date: Date, zone: &TimeZone) -> Day {
        let midnight = |date: Date| {
            let zoned = date.to_zoned(zone.clone());
            zoned.map_or(Timestamp::MAX, |zoned| zoned.timestamp())
        };
        Day {
            date,
            zone: zone.clone(),
            start: midnight(date),
            end: midnight(date.tomorrow().unwrap_or(date)),
        }
    }

    /// Whether an instant is in the day.
    pub(super) fn holds(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }

    /// The cells of an instant: UTC, and the wall clock in the day's zone.
    pub(super) fn times(&self, at: Timestamp) -> String {
        let wall = self.zone.to_datetime(at).strftime("%Y-%m-%dT%H:%M:%S");
        format!("{},{wall}", utc(at))
    }
}

/// The rows of the minutes that begin in the day and before the sync.
pub fn minute_rows(
    day: &Day,
    synced: Timestamp,
    cells: impl Fn(i64) -> Option<String>,
) -> Vec<String> {
    let first = -(-day.start.as_second()).div_euclid(60);
    let last = -(-day.end.as_second()).div_euclid(60);
    let known = (first..last).take_while(|minute| instant(*minute) < synced);
    known
        .filter_map(|minute| Some(format!("{},{}", day.times(instant(minute)), cells(minute)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn days_on_which_the_clock_changes_have_23_and_25_hours() {
        let zone = TimeZone::get("America/New_York").expect("bundled zone");
        let hours = |date| {
            let day = Day::civil(date, &zone);
            (day.end.as_second() - day.start.as_second()) / 3600
        };
        assert_eq!(hours(date(2026, 3, 8)), 23);
        assert_eq!(hours(date(2026, 11, 1)), 25);
        assert_eq!(hours(date(2026, 11, 22)), 24);
    }
}
