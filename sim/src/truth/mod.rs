//! What fitsync must have written: the exact bytes of a CSV file, without fitsync's code.
//!
//! The values come from the same pure functions that the services answer from; the text is made
//! here, from the design and the data dictionary alone.

mod daily;
mod day;
mod fitbit;
mod minute;
mod session;
mod text;

use jiff::Timestamp;

pub use day::Day;
pub use fitbit::fitbit_csv;

use crate::metric::{Cadence, Metric};
use crate::odd;
use crate::person::Person;
use day::minute_rows;
use text::file;

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
    if odd::fails(person, metric, day.date) {
        return None;
    }
    let rows: Vec<String> = match metric.cadence() {
        Cadence::Minute => minute_rows(day, synced, |m| {
            let cells = minute::cells(person, metric, m)?;
            odd::cells(person, metric, (day.date, m), cells)
        }),
        Cadence::Event => session::event_rows(person, metric, day, synced),
        Cadence::Daily => {
            let ready = person.night_ready(day.date) < synced;
            let cells = ready.then(|| daily::cells(person, metric, day.date)).flatten();
            cells.map(|cells| format!("{},{cells}", day.date)).into_iter().collect()
        }
        Cadence::Night => session::sleep_rows(person, metric, day, synced),
    };
    let rows: Vec<String> = match metric.cadence() {
        Cadence::Minute => rows,
        cadence => {
            let key_cells = if cadence == Cadence::Event { 2 } else { 1 };
            let odd = |row| odd::row(person, metric, day.date, row, key_cells);
            rows.into_iter().filter_map(odd).collect()
        }
    };
    file(user_id, metric, &rows)
}

/// The file of a day that had rows once and has none any more: its header.
pub fn header_only(metric: Metric) -> Vec<u8> {
    format!("{}\n", metric.header()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::tests::person;
    use jiff::civil::date;
    use jiff::tz::TimeZone;

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
