//! Rows and their CSV form, version 1: the same data gives the same bytes.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::core::day::DaySpan;
use crate::core::error::{ErrorClass, Failure, Result};

/// What a row is about: an instant, or a civil date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowKey {
    Instant(Timestamp),
    Date(Date),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Int(i64),
    Number(f64),
    Text(Box<str>),
    /// A further instant of the row, such as its end: written as UTC.
    Instant(Timestamp),
    /// Not given, or not a number.
    Empty,
}

impl From<Option<i64>> for Cell {
    fn from(value: Option<i64>) -> Self {
        value.map_or(Self::Empty, Self::Int)
    }
}

impl From<Option<f64>> for Cell {
    fn from(value: Option<f64>) -> Self {
        value.map_or(Self::Empty, Self::Number)
    }
}

/// One row: its key and the cells after the key's columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub key: RowKey,
    pub cells: Box<[Cell]>,
    /// When the provider came to know it, where it says so: of two rows the newer one counts.
    pub told_at: Option<Timestamp>,
}

impl Row {
    pub fn at(key: Timestamp, cells: impl Into<Box<[Cell]>>) -> Self {
        Self { key: RowKey::Instant(key), cells: cells.into(), told_at: None }
    }

    /// The instant that the row is about, unless it is a date.
    pub const fn instant(&self) -> Option<Timestamp> {
        match self.key {
            RowKey::Instant(at) => Some(at),
            RowKey::Date(_) => None,
        }
    }

    pub fn on(key: Date, cells: impl Into<Box<[Cell]>>) -> Self {
        Self { key: RowKey::Date(key), cells: cells.into(), told_at: None }
    }
}

/// Sorts by time and drops what was given twice. Of two rows for one key the one stays that the
/// provider says is newer; else the one with more cells; else the one whose text is greater:
/// replies are in no order, and the same data must give the same bytes.
/// Where `many` rows may share a key (sleep stages, workouts), only identical rows are dropped.
pub fn tidy(rows: &mut Vec<Row>, many: bool) {
    let texts = |row: &Row| row.cells.iter().map(text_of).collect::<Vec<_>>();
    if many {
        rows.sort_by_cached_key(|row| (row.key, texts(row)));
        rows.dedup_by(|later, earlier| later.key == earlier.key && texts(later) == texts(earlier));
    } else {
        let rank = |row: &Row| {
            let texts = texts(row);
            let filled = texts.iter().filter(|text| !text.is_empty()).count();
            (row.told_at, filled, texts)
        };
        rows.sort_by_key(|row| row.key);
        rows.dedup_by(|later, earlier| {
            let same = later.key == earlier.key;
            if same && rank(later) > rank(earlier) {
                std::mem::swap(later, earlier);
            }
            same
        });
    }
}

/// The file of one participant, metric and day. Rows must be tidy.
pub fn csv(user_id: &str, columns: &[&str], zone: &TimeZone, rows: &[Row]) -> Result<Vec<u8>> {
    let broken = |error: &dyn std::fmt::Display| {
        Failure::new(ErrorClass::Bug, format!("cannot make the CSV: {error}"))
    };
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::with_capacity(64 * rows.len()));
    writer.write_record(columns).map_err(|error| broken(&error))?;
    for row in rows {
        let key = match row.key {
            RowKey::Instant(at) => vec![utc(at), local(at, zone)],
            RowKey::Date(date) => vec![date.to_string()],
        };
        let cells =
            std::iter::once(user_id.to_owned()).chain(key).chain(row.cells.iter().map(text_of));
        writer.write_record(cells.map(String::into_bytes)).map_err(|error| broken(&error))?;
    }
    writer.into_inner().map_err(|error| broken(&error))
}

/// `2026-11-22T13:05:00Z`
pub fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `2026-11-22T08:05:00`: the wall clock.
fn local(at: Timestamp, zone: &TimeZone) -> String {
    zone.to_datetime(at).strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

fn text_of(cell: &Cell) -> String {
    match cell {
        Cell::Int(value) => value.to_string(),
        Cell::Number(value) => number(*value),
        Cell::Text(text) => text.to_string(),
        Cell::Instant(at) => utc(*at),
        Cell::Empty => String::new(),
    }
}

/// Integers as integers, others with at most four decimals, trailing zeros dropped, no exponent;
/// not-a-number is empty.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return String::new();
    }
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// The rows of a day, and those after it; rows before it belong to days that were not asked.
pub fn cut<'a>(rows: &'a [Row], date: Date, span: &DaySpan) -> (&'a [Row], &'a [Row]) {
    let before = rows.partition_point(|row| match row.key {
        RowKey::Instant(at) => at < span.start,
        RowKey::Date(on) => on < date,
    });
    let rows = rows.get(before..).unwrap_or_default();
    let of_day = rows.partition_point(|row| match row.key {
        RowKey::Instant(at) => at < span.end,
        RowKey::Date(on) => on <= date,
    });
    rows.split_at(of_day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_plain() {
        let cases = [
            (72.0, "72"),
            (-0.0, "0"),
            (-0.000_01, "0"),
            (1.18, "1.18"),
            (6.957_12, "6.9571"),
            (100.0, "100"),
            (1e21, "1000000000000000000000"),
            (0.1 + 0.2, "0.3"),
            (f64::NAN, ""),
            (f64::INFINITY, ""),
            (-0.9, "-0.9"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text, "{value}");
        }
    }

    #[test]
    fn the_repeated_hour_is_told_apart_by_utc() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let rows = [
            Row::at(at("2026-11-01T05:30:00Z"), [Cell::Int(7)]),
            Row::at(at("2026-11-01T06:30:00Z"), [Cell::Int(0)]),
        ];
        let zone = TimeZone::get("America/New_York").unwrap();
        let columns = ["user_id", "time_utc", "time_local", "steps"];
        let text = String::from_utf8(csv("u1", &columns, &zone, &rows).unwrap()).unwrap();
        assert_eq!(
            text,
            "user_id,time_utc,time_local,steps\n\
             u1,2026-11-01T05:30:00Z,2026-11-01T01:30:00,7\n\
             u1,2026-11-01T06:30:00Z,2026-11-01T01:30:00,0\n"
        );
    }

    #[test]
    fn a_file_without_rows_has_its_header() {
        let text = csv("u1", &["user_id", "date", "x"], &TimeZone::UTC, &[]).unwrap();
        assert_eq!(text, b"user_id,date,x\n");
    }

    #[test]
    fn rows_are_sorted_and_of_two_for_one_minute_the_same_stays_in_any_order() {
        let row =
            |second, value| Row::at(Timestamp::from_second(second).unwrap(), [Cell::Int(value)]);
        let mut rows = vec![row(120, 1), row(60, 2), row(120, 3), row(60, 2)];
        tidy(&mut rows, false);
        assert_eq!(rows, [row(60, 2), row(120, 3)]);
        let mut turned = vec![row(120, 3), row(60, 2), row(120, 1)];
        tidy(&mut turned, false);
        assert_eq!(turned, rows);
        let mut stages = vec![row(120, 3), row(60, 2), row(120, 1), row(60, 2)];
        tidy(&mut stages, true);
        assert_eq!(stages, [row(60, 2), row(120, 1), row(120, 3)]);
    }
    #[test]
    fn of_two_values_for_one_date_the_newer_counts_then_the_fuller() {
        let date = jiff::civil::date(2026, 11, 20);
        let row = |cells: [Option<i64>; 2], told_at: Option<i64>| Row {
            told_at: told_at.map(|second| Timestamp::from_second(second).unwrap()),
            ..Row::on(date, cells.map(Cell::from))
        };
        let (old, new) = (row([Some(9), Some(9)], Some(1)), row([Some(1), None], Some(2)));
        let (full, part) = (row([Some(1), Some(1)], None), row([Some(9), None], None));
        for (one, other, stays) in [(&old, &new, &new), (&full, &part, &full), (&part, &new, &new)]
        {
            for pair in [[one, other], [other, one]] {
                let mut rows: Vec<Row> = pair.into_iter().cloned().collect();
                tidy(&mut rows, false);
                assert_eq!(rows, std::slice::from_ref(stays));
            }
        }
    }
}
