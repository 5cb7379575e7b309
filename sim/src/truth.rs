//! What fitsync must have written: the exact bytes of a CSV file, without fitsync's code.
//!
//! The values come from the same pure functions that the services answer from; the text is made
//! here, from design.md section 6 alone.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::data::night::Reading;
use crate::data::{Amount, PARTS, minute, night};
use crate::metric::Metric;
use crate::person::{Person, instant};

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
    let rows = match metric {
        Metric::Steps | Metric::Calories | Metric::Azm => {
            let values = |minute| minute_values(person, metric, minute);
            minute_rows(user_id, day, synced, values)
        }
        Metric::Hrv | Metric::WristTemp => night_row(person, user_id, metric, day, synced),
    };
    (!rows.is_empty()).then(|| format!("{}\n{rows}", metric.header()).into_bytes())
}

/// The same for a day that was read from the retired Fitbit API: zeros where nobody knows; of a
/// repeated hour the first pass of active zone minutes; of the nights only what it told.
pub fn fitbit_csv(
    person: &Person,
    user_id: &str,
    metric: Metric,
    day: &Day,
    synced: Option<Timestamp>,
) -> Option<Vec<u8>> {
    let ready = synced.is_none_or(|synced| person.night_ready(day.date) < synced);
    let night = match metric {
        _ if !ready => None,
        Metric::Hrv => night::hrv(person, day.date)
            .filter(|night| night.average.is_some() || night.deep.is_some())
            .map(|night| {
                let cell = |amount: Option<Amount>| amount.map(decimal).unwrap_or_default();
                format!("{},{},,", cell(night.average), cell(night.deep))
            }),
        Metric::WristTemp => {
            let relative = night::relative(person, day.date);
            relative.map(|relative| format!("{},,,", decimal(relative)))
        }
        Metric::Steps | Metric::Calories | Metric::Azm => None,
    };
    let rows = match (metric, night) {
        (Metric::Hrv | Metric::WristTemp, Some(cells)) => {
            format!("{user_id},{},{cells}\n", day.date)
        }
        (Metric::Hrv | Metric::WristTemp, None) => String::new(),
        _ => minute_rows(user_id, day, synced, |minute| fitbit_minute(person, metric, day, minute)),
    };
    (!rows.is_empty()).then(|| format!("{}\n{rows}", metric.header()).into_bytes())
}

fn fitbit_minute(person: &Person, metric: Metric, day: &Day, minute: i64) -> Option<String> {
    let local = person.local(minute);
    let wall = day.zone.to_datetime(instant(minute));
    if wall.date() < person.joined || !person.keeps(metric, local.date(), minute) {
        return None;
    }
    match metric {
        Metric::Steps => Some(minute::steps(person, local).unwrap_or(0).to_string()),
        Metric::Azm => {
            let first = day.zone.to_ambiguous_timestamp(wall).compatible();
            let is_first = first.is_ok_and(|first| first == instant(minute));
            let nothing = || "0,0,0,0".to_owned();
            is_first.then(|| minute_values(person, metric, minute).unwrap_or_else(nothing))
        }
        _ => minute_values(person, metric, minute),
    }
}

/// The file of a day that had rows once and has none any more: its header.
pub fn header_only(metric: Metric) -> Vec<u8> {
    format!("{}\n", metric.header()).into_bytes()
}

fn minute_rows(
    user_id: &str,
    day: &Day,
    synced: Option<Timestamp>,
    values_of: impl Fn(i64) -> Option<String>,
) -> String {
    let first = -(-day.start.as_second()).div_euclid(60);
    let last = -(-day.end.as_second()).div_euclid(60);
    let mut rows = String::new();
    for minute in first..last {
        let at = instant(minute);
        if synced.is_some_and(|synced| at >= synced) {
            break;
        }
        if let Some(values) = values_of(minute) {
            let wall = day.zone.to_datetime(at).strftime("%Y-%m-%dT%H:%M:%S");
            let utc = at.strftime("%Y-%m-%dT%H:%M:%SZ");
            let _ = writeln!(rows, "{user_id},{utc},{wall},{values}");
        }
    }
    rows
}

fn minute_values(person: &Person, metric: Metric, minute: i64) -> Option<String> {
    let local = person.local(minute);
    match metric {
        Metric::Steps => minute::steps(person, local).map(|steps| steps.to_string()),
        Metric::Calories => minute::calories(person, local, true).map(decimal),
        _ => {
            let zones = minute::zones(person, local);
            let credit = |zone| {
                let same = zones.iter().filter(|z| **z == zone);
                same.map(|z| z.credit()).sum::<i64>()
            };
            let (fat, cardio, peak) = (
                credit(minute::Zone::FatBurn),
                credit(minute::Zone::Cardio),
                credit(minute::Zone::Peak),
            );
            let sum = fat + cardio + peak;
            (sum > 0).then(|| format!("{sum},{fat},{cardio},{peak}"))
        }
    }
}

fn night_row(
    person: &Person,
    user_id: &str,
    metric: Metric,
    day: &Day,
    synced: Option<Timestamp>,
) -> String {
    let ready = person.night_ready(day.date);
    if synced.is_some_and(|synced| ready >= synced) {
        return String::new();
    }
    let values = match metric {
        Metric::Hrv => night::hrv(person, day.date).map(|night| {
            [
                night.average.map(decimal),
                night.deep.map(decimal),
                night.non_rem.map(|bpm| bpm.to_string()),
                night.entropy.map(decimal),
            ]
            .map(Option::unwrap_or_default)
        }),
        _ => night::temperature(person, day.date).map(|night| {
            let relative = night::relative(person, day.date);
            let relative = relative.map(decimal).unwrap_or_default();
            let cell = |reading| match reading {
                Reading::Value(amount) => decimal(amount),
                Reading::Missing | Reading::NotANumber => String::new(),
            };
            [relative, cell(night.nightly), cell(night.baseline), cell(night.stddev)]
        }),
    };
    match values {
        Some(values) => format!("{user_id},{},{}\n", day.date, values.join(",")),
        None => String::new(),
    }
}

/// At most four decimals, no trailing zeros, no minus before nothing.
fn decimal(amount: Amount) -> String {
    let tenths = (amount.0.abs() + 5) / 10;
    let (whole, fraction) = (tenths / (PARTS / 10), tenths % (PARTS / 10));
    let sign = if amount.0 < 0 && tenths > 0 { "-" } else { "" };
    let text = format!("{sign}{whole}.{fraction:04}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
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
}
