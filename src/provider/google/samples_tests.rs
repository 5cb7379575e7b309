use super::*;
use crate::provider::conformance_tests::job;
use crate::provider::metric::table::find;

fn point(text: &str) -> Element {
    Element::parse(text, "dataPoints[0]").unwrap()
}

fn cells(row: Result<Option<Row>>) -> Option<Vec<Cell>> {
    row.unwrap().map(|row| row.cells.into_vec())
}

#[test]
fn a_sample_tells_what_it_has() {
    let sample = |value: &str| {
        let time = r#""sampleTime":{"physicalTime":"2026-10-15T10:35:00Z"}"#;
        heart_rate_variability(&point(&format!(r#"{{"heartRateVariability":{{{time}{value}}}}}"#)))
    };
    let rmssd = r#","rootMeanSquareOfSuccessiveDifferencesMilliseconds":38.2"#;
    let only_rmssd = vec![Cell::Number(38.2), Cell::Empty, Cell::Empty, Cell::Empty];
    assert_eq!(cells(sample(rmssd)), Some(only_rmssd));
    let power = r#","metadata":{"lowFrequencyPower":7,"highFrequencyPower":"NaN"}"#;
    let found = cells(sample(power)).unwrap();
    assert_eq!(found[..3], [Cell::Empty, Cell::Empty, Cell::Number(7.0)]);
    assert_eq!(cells(sample("")), None);
    assert_eq!(cells(sample(r#","metadata":{}"#)), None);
    assert!(sample(r#","rmssd":38.2"#).is_err());
    assert!(oxygen_saturation(&point(r#"{"other":{}}"#)).is_err());
}

fn sleep_with(members: &str) -> Result<Option<Row>> {
    let (metric, day) = (find("sleep_quality").unwrap(), jiff::civil::date(2026, 10, 15));
    let job = job(metric, day, day, "America/Los_Angeles");
    let interval = r#""interval":{"startTime":"2026-10-15T05:00:00Z","startUtcOffset":"-25200s",
        "endTime":"2026-10-15T12:30:00Z","endUtcOffset":"-25200s"}"#;
    let point = point(&format!(r#"{{"sleep":{{{interval}{members}}}}}"#));
    Ok(sleep_quality(&point, &job)?.pop())
}

fn text(text: &str) -> Cell {
    Cell::Text(text.into())
}

#[test]
fn a_sleep_tells_its_awakenings_and_its_times_out_of_bed() {
    let awake = |from: &str, to: &str| {
        format!(r#"{{"startTime":"2026-10-15T{from}Z","endTime":"2026-10-15T{to}Z"}}"#)
    };
    let (one, two) = (awake("06:00:00", "06:01:30"), awake("07:00:00", "07:00:30"));
    let row = sleep_with(&format!(
        r#","shortAwakenings":[{one},{two}],"outOfBedSegments":[{one}],
            "metadata":{{"processed":true,"stagesStatus":"SUCCEEDED"}}"#
    ));
    let found = cells(row).unwrap();
    let expected = [text("true"), text("succeeded"), text("false"), Cell::Int(2)];
    assert_eq!(found[2..6], expected);
    assert_eq!(found[6..], [Cell::Number(2.0), Cell::Number(1.5)]);
    let backwards = awake("07:00:00", "06:00:00");
    assert!(sleep_with(&format!(r#","outOfBedSegments":[{backwards}]"#)).is_err());
}

#[test]
fn a_stretch_without_a_time_leaves_the_minutes_empty() {
    let stretch = r#","shortAwakenings":[{"startTime":"2026-10-15T06:00:00Z"}]"#;
    let found = cells(sleep_with(stretch)).unwrap();
    assert_eq!(found[5..], [Cell::Int(1), Cell::Empty, Cell::Number(0.0)]);
}

#[test]
fn a_false_is_left_out_but_no_metadata_tells_nothing() {
    let flags = |members: &str| cells(sleep_with(members)).unwrap()[2..5].to_vec();
    assert_eq!(flags(r#","metadata":{}"#), [text("false"), Cell::Empty, text("false")]);
    assert_eq!(flags(""), [Cell::Empty, Cell::Empty, Cell::Empty]);
}

#[test]
fn zones_add_up_and_others_are_zero() {
    let window = |zones: &str| {
        heart_rate_zones(&point(&format!(
            r#"{{"startTime":"2026-10-15T15:00:00Z","endTime":"2026-10-15T15:01:00Z",
                "timeInHeartRateZone":{zones}}}"#
        )))
    };
    let zones = r#"{"timeInHeartRateZones":[{"heartRateZone":"PEAK","duration":"20.5s"},
        {"duration":"9s"},{"heartRateZone":"LIGHT"}]}"#;
    let expected = vec![Cell::Empty, Cell::Empty, Cell::Empty, Cell::Number(20.5)];
    assert_eq!(cells(window(zones)), Some(expected));
    let zones = r#"{"timeInHeartRateZones":[{"heartRateZone":"PEAK","duration":"20.5s"},
        {"heartRateZone":"PEAK","duration":"9s"},{"heartRateZone":"LIGHT"}]}"#;
    let expected = vec![Cell::Empty, Cell::Number(0.0), Cell::Number(0.0), Cell::Number(29.5)];
    assert_eq!(cells(window(zones)), Some(expected));
    assert_eq!(cells(window("{}")), None);
    assert!(window(r#"{"zones":[]}"#).is_err());
}
