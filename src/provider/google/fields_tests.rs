//! Every field of every data type that is read, from Google's discovery document (`fields.tsv`):
//! each left out, each enum unknown, each number at and beyond its range.

use serde_json::{Map, Value, json};

use super::*;
use crate::core::table::Cell;
use crate::provider::conformance_tests::{google, job};
use crate::provider::metric::table::METRICS;
use jiff::civil::date;

struct Field {
    data_type: &'static str,
    path: &'static str,
    kind: &'static str,
    range: &'static str,
    values: &'static str,
}

fn fields(metric: &Metric) -> Vec<Field> {
    let lines = include_str!("fields.tsv").lines().filter(|line| !line.starts_with('#')).skip(1);
    let field = |line: &'static str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let [data_type, path, kind, _, range, values] = cells[..] else { panic!("{line}") };
        Field { data_type, path, kind, range, values }
    };
    lines.map(field).filter(|field| field.data_type == metric.google.data_type).collect()
}

/// The metrics whose fields are in the table.
fn metrics() -> Vec<&'static Metric> {
    for metric in METRICS {
        assert!(!fields(metric).is_empty(), "scripts/google-fields.py knows no {}", metric.name);
    }
    METRICS.iter().collect()
}

/// A value as Google writes it.
fn value(field: &Field) -> Value {
    let name = field.path.rsplit('.').next().unwrap();
    match (field.kind, name) {
        ("google-datetime", name) if name.starts_with("end") => json!("2026-10-15T15:01:00Z"),
        ("google-datetime", _) => json!("2026-10-15T15:00:00Z"),
        ("google-duration", name) if name.contains("Offset") => json!("-25200s"),
        ("google-duration", _) => json!("90s"),
        ("int64", _) => json!("57"),
        ("int32", "year") => json!(2026),
        ("int32", "month") => json!(10),
        ("int32", "day") => json!(15),
        ("int32" | "double", _) => json!(7.5),
        ("boolean", _) => json!(true),
        ("enum", _) => json!(field.values.split('|').nth(1).unwrap()),
        ("string", _) => json!("a text"),
        (kind, _) => panic!("{kind} of {}", field.path),
    }
}

/// Puts a value at a path such as `sleep.stages[].type`; `None` takes it away.
fn put(object: &mut Map<String, Value>, path: &str, new: Option<Value>) {
    let (step, rest) = path.split_once('.').map_or((path, None), |(step, rest)| (step, Some(rest)));
    let name = step.trim_end_matches("[]");
    let Some(rest) = rest else {
        match new {
            Some(new) => drop(object.insert(name.to_owned(), new)),
            None => drop(object.remove(name)),
        }
        return;
    };
    let empty = if step.ends_with("[]") { json!([{}]) } else { json!({}) };
    let inner = object.entry(name).or_insert(empty);
    let inner = if step.ends_with("[]") { &mut inner[0] } else { inner };
    put(inner.as_object_mut().unwrap(), rest, new);
}

/// A point in which every field is told.
fn whole(metric: &Metric) -> Map<String, Value> {
    let mut point = Map::new();
    for field in fields(metric).iter().filter(|field| field.kind != "message") {
        // A list of words, and not of messages.
        let listed = field.path.ends_with("[]").then(|| json!([value(field)]));
        put(&mut point, field.path, Some(listed.unwrap_or_else(|| value(field))));
    }
    point
}

fn read(metric: &Metric, point: &Map<String, Value>) -> DataPage {
    let list =
        if metric.google.ask == GoogleQuery::RollUp { "rollupDataPoints" } else { "dataPoints" };
    let body = json!({ list: [point] }).to_string();
    let job = job(metric, date(2026, 10, 14), date(2026, 10, 16), "America/New_York");
    google().read_page(metric, &job, &mut body.as_bytes()).unwrap()
}

/// The cells of what was read, `None` where an element was odd.
fn cells(metric: &Metric, point: &Map<String, Value>) -> Option<Vec<Vec<Cell>>> {
    let page = read(metric, point);
    let good = page.odd.is_empty() && page.unplaced.is_none();
    good.then(|| page.rows.into_iter().map(|row| row.cells.into_vec()).collect())
}

/// Whether nobody can guess it: the times that say when it was, and the value itself.
fn is_needed(metric: &Metric, path: &str) -> bool {
    let camel = |name: &str| {
        let mut upper = false;
        let letters = name.chars().filter_map(|c| {
            let letter = if upper { c.to_ascii_uppercase() } else { c };
            upper = c == '-';
            (!upper).then_some(letter)
        });
        letters.collect::<String>()
    };
    let (kind, rolled_up) =
        (camel(metric.google.data_type), metric.google.ask == GoogleQuery::RollUp);
    let below = |name: &str| format!("{kind}.{name}");
    let mut needed = vec![below("interval"), below("sampleTime"), below("sampleTime.physicalTime")];
    needed.push(below("interval.startTime"));
    let date = ["date", "date.year", "date.month", "date.day"];
    needed.extend(date.map(below));
    if kind == "sleep" || kind == "exercise" {
        needed.push(below("interval.endTime"));
    }
    if metric.name == "sleep" {
        needed.extend(["stages[].startTime", "stages[].endTime"].map(below));
    }
    needed.push(if rolled_up { "startTime".to_owned() } else { kind });
    needed.iter().any(|known| known == path)
}

#[test]
fn every_field_left_out_gives_an_empty_cell_or_what_nobody_can_guess_an_odd_day() {
    for metric in metrics() {
        let point = whole(metric);
        let full = cells(metric, &point).unwrap_or_else(|| panic!("{} is odd", metric.name));
        assert!(!full.is_empty(), "{}", metric.name);
        for field in fields(metric) {
            let mut without = point.clone();
            put(&mut without, field.path.trim_end_matches("[]"), None);
            let place = format!("{} without {}", metric.name, field.path);
            let Some(found) = cells(metric, &without) else {
                assert!(is_needed(metric, field.path), "{place} is odd");
                continue;
            };
            assert!(!is_needed(metric, field.path), "{place} is read");
            assert!(found.len() <= full.len(), "{place}");
            for (cell, before) in found.iter().flatten().zip(full.iter().flatten()) {
                // A false is not written, and neither is what a zone or a list would add to.
                let none = [Cell::Int(0), Cell::Number(0.0)];
                let left = [&[Cell::Empty, Cell::Text("false".into())], &none[..]].concat();
                let moved = field.path.ends_with("UtcOffset");
                assert!(cell == before || left.contains(cell) || moved, "{place}: {cell:?}");
            }
        }
    }
}

#[test]
fn a_time_without_its_offset_is_shown_in_the_zone_of_the_account() {
    for name in ["sleep", "sleep_summary"] {
        let metric = METRICS.iter().find(|metric| metric.name == name).unwrap();
        let local = |cells: Vec<Vec<Cell>>| {
            let texts = cells.into_iter().flatten().filter_map(|cell| match cell {
                Cell::Text(text) if text.contains('T') => Some(text.to_string()),
                _ => None,
            });
            texts.collect::<Vec<_>>()
        };
        let mut point = whole(metric);
        assert_eq!(
            local(cells(metric, &point).unwrap()),
            ["2026-10-15T08:00:00", "2026-10-15T08:01:00"],
            "{name}"
        );
        for field in fields(metric).iter().filter(|field| field.path.ends_with("UtcOffset")) {
            put(&mut point, field.path, None);
        }
        assert_eq!(
            local(cells(metric, &point).unwrap()),
            ["2026-10-15T11:00:00", "2026-10-15T11:01:00"],
            "{name}"
        );
    }
}

#[test]
fn every_enum_that_is_not_known_gives_an_empty_cell_or_its_word() {
    for metric in metrics() {
        let point = whole(metric);
        for field in fields(metric).iter().filter(|field| field.kind == "enum") {
            let unspecified = field.values.split('|').next().unwrap();
            assert!(unspecified.ends_with("_UNSPECIFIED"), "{}", field.path);
            for (new, word) in [
                (json!(unspecified), None),
                (json!(99), None),
                (json!("OF_TOMORROW"), Some("of_tomorrow")),
            ] {
                let mut other = point.clone();
                put(&mut other, field.path, Some(new.clone()));
                let place = format!("{} with {} {new}", metric.name, field.path);
                let found = cells(metric, &other).unwrap_or_else(|| panic!("{place} is odd"));
                assert!(!found.is_empty(), "{place}");
                let texts = found.iter().flatten().filter_map(|cell| match cell {
                    Cell::Text(text) => Some(&**text),
                    _ => None,
                });
                let texts: Vec<_> = texts.collect();
                assert!(!texts.iter().any(|text| text.contains("unspecified")), "{place}");
                let written = texts.contains(&"of_tomorrow");
                assert!(!written || word.is_some(), "{place}: {texts:?}");
            }
        }
    }
}

#[test]
fn every_number_at_and_beyond_its_range_is_written_or_empty() {
    let mut documented = 0;
    for metric in metrics() {
        let point = whole(metric);
        let numbers = |field: &&Field| {
            matches!(field.kind, "double" | "int64") && !field.path.contains("Metadata")
        };
        for field in fields(metric).iter().filter(numbers) {
            let read = |number: f64| {
                let mut other = point.clone();
                let new = if field.kind == "int64" {
                    json!(format!("{number:.0}"))
                } else {
                    json!(number)
                };
                put(&mut other, field.path, Some(new));
                let place = format!("{} with {} of {number}", metric.name, field.path);
                let found = cells(metric, &other).unwrap_or_else(|| panic!("{place} is odd"));
                for (cell, column) in found.iter().flat_map(|row| row.iter().zip(metric.columns)) {
                    let number = match cell {
                        Cell::Int(value) => *value as f64,
                        Cell::Number(value) => *value,
                        _ => continue,
                    };
                    let range = column.range;
                    assert!(range.is_none_or(|range| range.contains(number)), "{place}");
                }
                found
            };
            let count = |rows: &[Vec<Cell>]| {
                rows.iter().flatten().filter(|cell| **cell == Cell::Empty).count()
            };
            for number in [-1.0, 0.0, 1e12] {
                read(number);
            }
            let Some((low, high)) = field.range.split_once("..") else { continue };
            let (low, high): (f64, f64) = (low.parse().unwrap(), high.parse().unwrap());
            documented += 1;
            let inside = count(&read(high));
            assert_eq!(count(&read(high + 1.0)), inside + 1, "{} above", field.path);
            assert_eq!(count(&read(low - 1.0)), inside + 1, "{} below", field.path);
            // Zero percent of oxygen, no weight: documented, and no value all the same.
            let placeholder = low == 0.0
                && !["steps", "distance", "floors", "active_energy"].contains(&metric.name);
            assert_eq!(count(&read(low)), inside + usize::from(placeholder), "{}", field.path);
        }
    }
    assert!(documented >= 11, "{documented}");
}

#[test]
fn placeholders_are_no_zeros() {
    let point = |metric: &str, values: Value| {
        let metric = METRICS.iter().find(|known| known.name == metric).unwrap();
        cells(metric, values.as_object().unwrap()).unwrap().remove(0)
    };
    let day = json!({"year": 2026, "month": 10, "day": 15});
    for rate in [0.0, -1.0] {
        let value = json!({"dailyRespiratoryRate": {"date": day, "breathsPerMinute": rate}});
        assert_eq!(point("breathing_rate", value), [Cell::Empty]);
    }
    let value = json!({"dailyOxygenSaturation": {"date": day, "averagePercentage": 0,
        "lowerBoundPercentage": -1, "upperBoundPercentage": 0}});
    assert!(point("spo2", value).iter().all(|cell| *cell == Cell::Empty));
    let value = json!({"dailyRestingHeartRate": {"date": day, "beatsPerMinute": "0"}});
    assert!(point("resting_heart_rate", value).iter().all(|cell| *cell == Cell::Empty));
    let value = json!({"dailyHeartRateVariability":
        {"date": day, "averageHeartRateVariabilityMilliseconds": 0.0, "entropy": 2.5}});
    assert_eq!(point("hrv", value), [Cell::Empty, Cell::Empty, Cell::Empty, Cell::Number(2.5)]);
    let time = json!({"physicalTime": "2026-10-15T15:00:00Z"});
    let value = json!({"weight": {"sampleTime": time, "weightGrams": 0}});
    assert_eq!(point("weight", value), [Cell::Empty]);
}

#[test]
fn a_workout_of_another_client_is_a_row() {
    let metric = METRICS.iter().find(|metric| metric.name == "exercise").unwrap();
    let point = json!({"exercise": {"interval": {"startTime": "2026-10-15T16:03:07Z",
        "endTime": "2026-10-15T16:33:07Z"}, "metricsSummary": {"caloriesKcal": 89}}});
    let row = cells(metric, point.as_object().unwrap()).unwrap().remove(0);
    assert_eq!(row[1..4], [Cell::Empty, Cell::Empty, Cell::Number(89.0)]);
}

#[test]
fn an_odd_element_is_named_with_its_path_and_its_day_alone() {
    let metric = METRICS.iter().find(|metric| metric.name == "hrv").unwrap();
    let night = |day: u8, value: Value| {
        json!({"dailyHeartRateVariability": {"date": {"year": 2026, "month": 10, "day": day},
            "entropy": value}})
    };
    let points = [night(14, json!(2.5)), night(15, json!("much")), night(16, json!(2.5))];
    let body = json!({"dataPoints": points}).to_string();
    let job = job(metric, date(2026, 10, 14), date(2026, 10, 16), "UTC");
    let page = google().read_page(metric, &job, &mut body.as_bytes()).unwrap();
    assert_eq!(page.rows.len(), 2);
    assert!(page.unplaced.is_none());
    let odd: Vec<_> = page.odd.into_iter().collect();
    assert_eq!(odd.len(), 1);
    assert_eq!(odd[0].0, date(2026, 10, 15));
    assert!(odd[0].1.what.contains("dataPoints[1].dailyHeartRateVariability.entropy"), "{odd:?}");
    for lost in [json!({"x": 1}), json!(null), json!(7)] {
        let body = json!({"dataPoints": [night(14, json!(2.5)), lost]}).to_string();
        let page = google().read_page(metric, &job, &mut body.as_bytes()).unwrap();
        assert!(page.unplaced.is_some() && page.odd.is_empty(), "{lost}");
    }
}

#[test]
fn a_window_with_an_empty_value_is_no_value_and_counted() {
    let metric = METRICS.iter().find(|metric| metric.name == "steps").unwrap();
    let body = r#"{"rollupDataPoints":[{"startTime":"2026-10-15T15:00:00Z",
        "endTime":"2026-10-15T15:01:00Z","steps":{}}]}"#;
    let job = job(metric, date(2026, 10, 15), date(2026, 10, 15), "UTC");
    let page = google().read_page(metric, &job, &mut body.as_bytes()).unwrap();
    assert!(page.rows.is_empty() && page.odd.is_empty() && page.unplaced.is_none());
    assert_eq!(page.bare, 1);
}
