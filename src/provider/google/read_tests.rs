use jiff::civil::date;

use super::*;
use crate::core::json_scan::{elements, members};
use crate::core::table;
use crate::provider::metric::Read;
use crate::provider::metric::table::{DEFAULT, METRICS};

fn point(text: &str) -> Element {
    Element::parse(text, "point").unwrap()
}

fn points(page: &str) -> Vec<Element> {
    let found = members(page).unwrap();
    let list = found.iter().find(|(name, _)| name.ends_with("ataPoints")).unwrap();
    let points = elements(&list.1).unwrap();
    points.iter().map(|raw| Element::parse(raw, "point").unwrap()).collect()
}

const WINDOW: &str = r#""startTime":"2026-10-15T15:00:00Z","endTime":"2026-10-15T15:01:00Z""#;

#[test]
fn a_window_without_a_value_was_not_worn_and_zero_is_a_real_zero() {
    assert_eq!(steps(&point(&format!("{{{WINDOW}}}"))), Ok(None));
    assert_eq!(steps(&point(&format!(r#"{{{WINDOW},"steps":{{}}}}"#))), Ok(None));
    let zero = steps(&point(&format!(r#"{{{WINDOW},"steps":{{"countSum":"0"}}}}"#)));
    assert_eq!(zero.unwrap().unwrap().cells[0], Cell::Int(0));
}

#[test]
fn a_value_that_is_not_what_was_promised_is_an_error_and_never_not_worn() {
    for value in [
        r#""steps":null"#,
        r#""steps":{"countSum":null}"#,
        r#""steps":{"countSum":"many"}"#,
        r#""steps":{"count":"7"}"#,
        r#""stepz":{"countSum":"7"}"#,
        r#""steps":"7""#,
    ] {
        assert!(steps(&point(&format!("{{{WINDOW},{value}}}"))).is_err(), "{value}");
    }
}

#[test]
fn windows_are_whole_minutes_or_an_error() {
    let window = |from: &str, to: &str| {
        let text = format!(
            r#"{{"startTime":"2026-10-15T15:{from}Z",
                "endTime":"2026-10-15T15:{to}Z","steps":{{"countSum":"1"}}}}"#
        );
        steps(&point(&text))
    };
    assert!(window("00:00", "01:00").is_ok());
    assert!(window("00:17", "01:17").is_err());
    assert!(window("00:00", "02:00").is_err());
}

#[test]
fn a_full_day_of_the_sample_is_read() {
    let page = include_str!("../samples/steps_rollup_60s_full_day.json");
    let rows: Vec<Row> = points(page).iter().filter_map(|point| steps(point).unwrap()).collect();
    assert_eq!(rows.len(), 1400, "40 minutes were not worn");
    let page = include_str!("../samples/total_calories_rollup_60s.json");
    let rows: Vec<Row> = points(page).iter().filter_map(|p| calories(p).unwrap()).collect();
    assert_eq!(rows[0].cells[0], Cell::Number(1.44951));
}

#[test]
fn credits_are_summed_per_minute_and_repeated_points_count_once() {
    let page = include_str!("../samples/active_zone_minutes_list.json");
    let mut rows: Vec<Row> =
        points(page).iter().filter_map(|point| active_zone_minutes(point).unwrap()).collect();
    rows.extend(rows.clone());
    let credit = |second, zone: [i64; 3]| {
        let total = zone.iter().sum();
        let cells = [Cell::Int(total), Cell::Int(zone[0]), Cell::Int(zone[1]), Cell::Int(zone[2])];
        Row::at(Timestamp::from_second(second).unwrap(), cells)
    };
    rows.push(credit(1_792_080_000, [1, 0, 0]));
    rows.push(credit(1_792_080_000, [0, 2, 0]));
    table::tidy(&mut rows, true);
    let minutes = sum_active_zone_minutes(rows);
    assert!(minutes.contains(&credit(1_792_080_000, [1, 2, 0])));
    assert_eq!(minutes.len(), 4);
}

fn credits_of(members: &str) -> Result<Vec<i64>> {
    let interval = r#""interval":{"startTime":"2026-10-15T15:22:00Z"}"#;
    let text = format!(r#"{{"activeZoneMinutes":{{{interval}{members}}}}}"#);
    let row = active_zone_minutes(&point(&text))?.unwrap();
    Ok(row.cells.iter().map(|cell| if let Cell::Int(n) = cell { *n } else { -1 }).collect())
}

#[test]
fn an_unknown_zone_counts_in_the_total_only() {
    let text = r#","heartRateZone":"EXTREME","activeZoneMinutes":"3""#;
    assert_eq!(credits_of(text), Ok(vec![3, 0, 0, 0]));
}

#[test]
fn a_credit_of_zero_and_a_zone_may_be_left_out_but_not_renamed() {
    assert_eq!(credits_of(r#","heartRateZone":"PEAK""#), Ok(vec![0, 0, 0, 0]));
    assert_eq!(credits_of(r#","activeZoneMinutes":"2""#), Ok(vec![2, 0, 0, 0]));
    for wrong in [
        r#","minutes":"2""#,
        r#","heartRateZone":"PEAK","minutes":"2""#,
        r#","zone":"PEAK","activeZoneMinutes":"2""#,
        r#","heartRateZone":"PEAK","activeZoneMinutes":null"#,
        r#","heartRateZone":null,"activeZoneMinutes":"2""#,
    ] {
        assert!(credits_of(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn nights_are_read_with_what_they_have() {
    let page = include_str!("../samples/daily_heart_rate_variability.json");
    let rows: Vec<Row> =
        points(page).iter().filter_map(|p| heart_rate_variability(p).unwrap()).collect();
    assert_eq!(rows[0].key, RowKey::Date(date(2026, 10, 15)));
    assert_eq!(rows[0].cells[2], Cell::Number(57.0));
    assert_eq!(*rows[1].cells, [Cell::Number(39.5), Cell::Empty, Cell::Empty, Cell::Empty]);
}

#[test]
fn the_relative_temperature_needs_both_parts_to_be_finite() {
    let row = |page| wrist_temperature(&points(page)[0]).unwrap().unwrap();
    let cells = row(include_str!("../samples/daily_sleep_temperature_derivations.json")).cells;
    assert!(matches!(cells[0], Cell::Number(value) if table::number(value) == "0.47"));
    let cells = row(include_str!("../samples/daily_sleep_temperature_derivations_nan.json")).cells;
    assert!(matches!(cells[0], Cell::Number(value) if table::number(value).is_empty()));
    assert!(matches!(cells[1], Cell::Number(value) if table::number(value) == "33.42"));
}

#[test]
fn a_night_without_values_is_no_row_and_one_with_renamed_values_an_error() {
    let night = |values: &str| {
        let date = r#""date":{"year":2026,"month":10,"day":15}"#;
        let text = format!(r#"{{"dailyHeartRateVariability":{{{date}{values}}}}}"#);
        heart_rate_variability(&point(&text))
    };
    assert_eq!(night(""), Ok(None));
    assert!(night(r#","rmssd":42"#).is_err());
    assert!(night(r#","entropy":null"#).is_err());
}

/// Every value of a sample removed, nulled and retyped, one at a time: an error or fewer rows,
/// never a panic and never a different value.
#[test]
fn no_damage_to_a_point_makes_a_value_up() {
    let samples = [
        ("steps", include_str!("../samples/steps_rollup_60s_full_day.json")),
        ("calories", include_str!("../samples/total_calories_rollup_60s.json")),
        ("azm", include_str!("../samples/active_zone_minutes_list.json")),
        ("hrv", include_str!("../samples/daily_heart_rate_variability.json")),
        ("wrist_temp", include_str!("../samples/daily_sleep_temperature_derivations.json")),
    ];
    assert_eq!(samples.len(), DEFAULT.len());
    for (name, page) in samples {
        let metric = METRICS.iter().find(|metric| metric.name == name).unwrap();
        let Read::One(read) = metric.google.read else { panic!("{name} gives several rows") };
        let found = members(page).unwrap();
        let raw = elements(&found[0].1).unwrap().swap_remove(0);
        let whole = read(&point(&raw)).unwrap().unwrap();
        for damaged in damages(&raw) {
            let Ok(element) = Element::parse(&damaged, "point") else { continue };
            if let Ok(Some(row)) = read(&element) {
                let same = row.cells.iter().zip(&whole.cells).all(|(cell, sound)| {
                    cell == sound || matches!(cell, Cell::Empty) || *cell == Cell::Int(0)
                });
                assert!(same, "{name}: {damaged} gives {row:?}");
            }
        }
    }
}

/// A text with each of its JSON scalars put out of place in turn.
fn damages(raw: &str) -> Vec<String> {
    let mut damages = Vec::new();
    for (at, _) in raw.match_indices(':') {
        let Some(value) = raw[at + 1..].chars().next().map(|_| raw[at + 1..].trim_start()) else {
            continue;
        };
        let start = raw.len() - value.len();
        let length = if let Some(text) = value.strip_prefix('"') {
            text.find('"').map_or(0, |end| end + 2)
        } else {
            value.find([',', '}', ']', '\n']).unwrap_or(0)
        };
        for other in ["null", "true", "\"x\"", "[]", "{}"] {
            damages.push(format!("{}{other}{}", &raw[..start], &raw[start + length..]));
        }
    }
    damages
}
