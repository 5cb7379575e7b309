//! What fitsync must have written: the exact bytes of a CSV file, without fitsync's code.
//!
//! The values come from the same pure functions that the services answer from; the text is made
//! here, from the design and the data dictionary alone.

mod daily;
mod fitbit;
mod minute;
mod session;

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

pub use fitbit::fitbit_csv;

use crate::data::{Amount, PARTS};
use crate::metric::{Cadence, Metric};
use crate::person::{Local, Person, instant};

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
    fn holds(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }

    /// The cells of an instant: UTC, and the wall clock in the day's zone.
    fn times(&self, at: Timestamp) -> String {
        let wall = self.zone.to_datetime(at).strftime("%Y-%m-%dT%H:%M:%S");
        format!("{},{wall}", utc(at))
    }
}

/// The CSV file of a metric's day, as it must be when the device last synced at `synced`
/// (`None`: there is no device, everything up to `end` counts). No rows: no file.
pub fn csv(
    person: &Person,
    user_id: &str,
    metric: Metric,
    day: &Day,
    synced: Option<Timestamp>,
) -> Option<Vec<u8>> {
    let synced = synced.unwrap_or(Timestamp::MAX);
    let rows: Vec<String> = match metric.cadence() {
        Cadence::Minute => minute_rows(day, synced, |m| minute::cells(person, metric, m)),
        Cadence::Event => session::event_rows(person, metric, day, synced),
        Cadence::Daily => {
            let ready = person.night_ready(day.date) < synced;
            let cells = ready.then(|| daily::cells(person, metric, day.date)).flatten();
            cells.map(|cells| format!("{},{cells}", day.date)).into_iter().collect()
        }
        Cadence::Night => session::sleep_rows(person, metric, day, synced),
    };
    file(user_id, metric, &rows)
}

/// The file of a day that had rows once and has none any more: its header.
pub fn header_only(metric: Metric) -> Vec<u8> {
    format!("{}\n", metric.header()).into_bytes()
}

fn file(user_id: &str, metric: Metric, rows: &[String]) -> Option<Vec<u8>> {
    let mut text = format!("{}\n", metric.header());
    for row in rows {
        let _ = writeln!(text, "{user_id},{row}");
    }
    (!rows.is_empty()).then(|| text.into_bytes())
}

/// The rows of the minutes that begin in the day and before the sync.
fn minute_rows(day: &Day, synced: Timestamp, cells: impl Fn(i64) -> Option<String>) -> Vec<String> {
    let first = -(-day.start.as_second()).div_euclid(60);
    let last = -(-day.end.as_second()).div_euclid(60);
    let known = (first..last).take_while(|minute| instant(*minute) < synced);
    known
        .filter_map(|minute| Some(format!("{},{}", day.times(instant(minute)), cells(minute)?)))
        .collect()
}

fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The wall clock where the participant was.
fn local(local: Local) -> String {
    let (hour, minute) = (local.minute_of_day / 60, local.minute_of_day % 60);
    format!("{}T{hour:02}:{minute:02}:00", local.date())
}

/// At most four decimals, no trailing zeros, no minus before nothing.
fn decimal(amount: Amount) -> String {
    let tenths = (amount.0.abs() + 5) / 10;
    let (whole, fraction) = (tenths / (PARTS / 10), tenths % (PARTS / 10));
    let sign = if amount.0 < 0 && tenths > 0 { "-" } else { "" };
    let text = format!("{sign}{whole}.{fraction:04}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Thousandths of something, in whole ones.
fn thousandths(count: i64) -> String {
    decimal(Amount(count * PARTS / 1000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::tests::person;
    use jiff::civil::date;

    #[test]
    fn numbers_have_at_most_four_decimals() {
        let cases = [
            (7_200_000, "72"),
            (144_951, "1.4495"),
            (134_670, "1.3467"),
            (-47_000, "-0.47"),
            (-1, "0"),
            (0, "0"),
            (1_000_006, "10.0001"),
        ];
        for (parts, text) in cases {
            assert_eq!(decimal(Amount(parts)), text);
        }
        assert_eq!(thousandths(80_250), "80.25");
    }

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

    #[test]
    fn rows_end_where_the_device_last_synced() {
        let person = person();
        let zone = TimeZone::get("America/New_York").expect("bundled zone");
        let day = Day::civil(date(2026, 11, 20), &zone);
        let whole = csv(&person, "user_001", Metric::Calories, &day, None).expect("rows");
        let text = String::from_utf8(whole).expect("text");
        assert_eq!(text.lines().count(), 1 + 1440);
        let first = text.lines().nth(1).expect("a row");
        assert!(first.starts_with("user_001,2026-11-20T05:00:00Z,2026-11-20T00:00:00,"));
        let synced = "2026-11-20T05:01:30Z".parse().ok();
        let part = csv(&person, "user_001", Metric::Calories, &day, synced).expect("rows");
        assert_eq!(String::from_utf8(part).expect("text").lines().count(), 3);
        let before = Some(day.start);
        assert_eq!(csv(&person, "u", Metric::Steps, &day, before), None);
    }

    #[test]
    fn every_row_has_as_many_cells_as_its_header() {
        let person = person();
        let zone = TimeZone::get("America/New_York").expect("bundled zone");
        for metric in Metric::ALL {
            let days = (1..30).map(|day| Day::civil(date(2026, 11, day), &zone));
            let files: Vec<_> =
                days.filter_map(|day| csv(&person, "u", metric, &day, None)).collect();
            assert!(!files.is_empty(), "{}", metric.name());
            for bytes in files {
                let text = String::from_utf8(bytes).expect("text");
                let cells = |line: &str| line.matches(',').count();
                let header = text.lines().next().expect("a header");
                assert!(text.lines().all(|line| cells(line) == cells(header)), "{text}");
            }
        }
    }
}
