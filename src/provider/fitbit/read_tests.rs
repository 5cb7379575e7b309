use super::*;

fn day(date: &str, zone: &str) -> LabelledDay {
    LabelledDay { date: date.parse().unwrap(), zone: TimeZone::get(zone).unwrap() }
}

/// A day of which every minute has its number as its steps.
fn whole_day() -> String {
    let minute =
        |n: usize| format!("{{\"time\":\"{:02}:{:02}:00\",\"value\":{n}}}", n / 60, n % 60);
    let dataset: Vec<_> = (0..1440).map(minute).collect();
    format!("{{\"activities-steps-intraday\":{{\"dataset\":[{}]}}}}", dataset.join(","))
}

fn rows(date: &str, zone: &str) -> Vec<(String, i64)> {
    let rows = minutes(&whole_day(), "steps", &day(date, zone), steps).unwrap();
    rows.iter()
        .map(|row| match row.cells.first() {
            Some(Cell::Int(value)) => (row.instant().unwrap().to_string(), *value),
            _ => unreachable!(),
        })
        .collect()
}

#[test]
fn labels_become_instants_by_the_zone_of_the_day() {
    let rows = rows("2026-11-22", "America/New_York");
    assert_eq!(rows.len(), 1440);
    assert_eq!(rows[0], ("2026-11-22T05:00:00Z".to_owned(), 0));
    assert_eq!(rows[1439], ("2026-11-23T04:59:00Z".to_owned(), 1439));
}

#[test]
fn the_hour_that_the_clock_shows_twice_is_taken_as_its_first_showing() {
    let rows = rows("2026-11-01", "America/New_York");
    assert_eq!(rows.len(), 1440);
    let at = |minute: usize| rows[minute].0.as_str();
    assert_eq!(at(60), "2026-11-01T05:00:00Z", "01:00 in summer time");
    assert_eq!(at(119), "2026-11-01T05:59:00Z");
    assert_eq!(at(120), "2026-11-01T07:00:00Z", "02:00 in standard time");
    let second = |row: &&(String, i64)| row.0.starts_with("2026-11-01T06:");
    assert_eq!(rows.iter().filter(second).count(), 0, "the second showing has no rows");
}

#[test]
fn the_hour_that_the_clock_leaves_out_has_no_rows() {
    let rows = rows("2026-03-08", "America/New_York");
    assert_eq!(rows.len(), 1380);
    let pair = rows.windows(2).find(|pair| pair[0].1 == 119).unwrap();
    assert_eq!(pair[0].0, "2026-03-08T06:59:00Z");
    assert_eq!(pair[1], ("2026-03-08T07:00:00Z".to_owned(), 180));
}

#[test]
fn half_hours_of_lord_howe_follow_the_same_rule() {
    assert_eq!(rows("2026-04-05", "Australia/Lord_Howe").len(), 1440);
    assert_eq!(rows("2026-10-04", "Australia/Lord_Howe").len(), 1410);
}

#[test]
fn active_zone_minutes_are_read_from_their_array_of_days() {
    let text = include_str!("../samples/fitbit/azm_intraday_1min_by_date.json");
    let rows = zone_minutes(text, &day("2025-11-19", "Europe/Berlin")).unwrap();
    let found: Vec<_> =
        rows.iter().map(|row| (row.instant().unwrap().to_string(), row.cells.to_vec())).collect();
    let cells = |values: [i64; 4]| values.map(Cell::Int).to_vec();
    assert_eq!(found[0], ("2025-11-18T23:00:00Z".to_owned(), cells([0, 0, 0, 0])));
    assert_eq!(found[1], ("2025-11-19T07:40:00Z".to_owned(), cells([1, 1, 0, 0])));
    assert_eq!(found[3], ("2025-11-19T07:42:00Z".to_owned(), cells([2, 0, 0, 2])));
    assert!(zone_minutes(text, &day("2025-11-20", "Europe/Berlin")).is_err(), "another day's");
}

#[test]
fn active_zone_minutes_in_the_form_of_the_other_resources_are_read_as_well() {
    let text = r#"{"activities-active-zone-minutes":[{"dateTime":"2025-11-19","value":{}}],
        "activities-active-zone-minutes-intraday":{"dataset":[{"time":"08:42:00",
        "value":{"activeZoneMinutes":2,"cardioActiveZoneMinutes":2}}]}}"#;
    let rows = zone_minutes(text, &day("2025-11-19", "Europe/Berlin")).unwrap();
    assert_eq!(rows[0].cells[..3], [Cell::Int(2), Cell::Int(0), Cell::Int(2)]);
    assert!(zone_minutes(text, &day("2025-11-20", "Europe/Berlin")).is_err(), "another day's");
}

#[test]
fn minutes_of_another_day_or_another_interval_are_refused() {
    let text = include_str!("../samples/fitbit/IntradayActivitiesSteps.json");
    assert!(minutes(text, "steps", &day("2016-03-08", "UTC"), steps).is_ok());
    assert!(minutes(text, "steps", &day("2016-03-09", "UTC"), steps).is_err());
    let five = text.replace("\"datasetInterval\":1", "\"datasetInterval\":5");
    assert!(five == text || minutes(&five, "steps", &day("2016-03-08", "UTC"), steps).is_err());
    for time in ["08:40:30", "24:00:00", "8:40", "", "2016-03-09T08:40:00", "08:40:00Z"] {
        let text = format!(
            r#"{{"activities-steps-intraday":{{"dataset":[{{"time":"{time}","value":1}}]}}}}"#
        );
        assert!(minutes(&text, "steps", &day("2016-03-08", "UTC"), steps).is_err(), "{time}");
    }
}

#[test]
fn a_reply_without_minute_data_is_not_an_empty_day() {
    let text = include_str!("../samples/fitbit/steps_no_intraday_key.json");
    let failure = minutes(text, "steps", &day("2016-03-08", "UTC"), steps).unwrap_err();
    assert!(failure.what.contains("approved for intraday data"), "{failure}");
}

#[test]
fn days_give_what_was_told_and_leave_the_rest_empty() {
    let text = r#"{"hrv":[{"value":{"dailyRmssd":34.938},"dateTime":"2021-10-25"}]}"#;
    let rows = days(text, "hrv", hrv).unwrap();
    assert_eq!(rows[0].cells[..2], [Cell::Number(34.938), Cell::Empty]);
    let text = include_str!("../samples/fitbit/temp_skin_by_interval.json");
    let rows = days(text, "tempSkin", wrist_temperature).unwrap();
    assert_eq!(rows[1].cells[..2], [Cell::Number(-0.9), Cell::Empty]);
}

#[test]
fn a_minute_without_a_value_is_a_missing_row_and_a_day_of_them_no_answer() {
    let text = r#"{"activities-steps-intraday":{"dataset":[{"time":"10:00:00","value":null},
        {"time":"10:01:00"},{"time":"10:02:00","value":7}]}}"#;
    let day = day("2016-03-08", "UTC");
    let rows = minutes(text, "steps", &day, steps).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].instant().unwrap().to_string(), "2016-03-08T10:02:00Z");
    assert!(minutes(&text.replace(":7}", ":null}"), "steps", &day, steps).is_err());
    let zones = r#"{"activities-active-zone-minutes-intraday":[{"dateTime":"2016-03-08","minutes":[
        {"minute":"2016-03-08T10:00:00","value":null},
        {"minute":"2016-03-08T10:01:00","value":{"activeZoneMinutes":1}}]}]}"#;
    assert_eq!(zone_minutes(zones, &day).unwrap().len(), 1);
}
