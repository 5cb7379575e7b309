use super::*;
use crate::core::table::csv;
use crate::provider::conformance_tests::job;
use crate::provider::metric::table::find;
use jiff::civil::date;
use jiff::tz::TimeZone;

fn points(text: &str) -> Vec<Element> {
    Element::parse(text, "page").unwrap().list("dataPoints").unwrap()
}

/// A job of the days around the samples, of an account in New York.
fn around() -> Job {
    job(find("sleep").unwrap(), date(2026, 10, 10), date(2026, 10, 20), "America/New_York")
}

/// The cells of a row as the file has them.
fn line(row: &Row) -> String {
    let names: Vec<String> = (0..row.cells.len() + 3).map(|n| n.to_string()).collect();
    let date = row.instant().is_none();
    let names: Vec<&str> = names.iter().skip(usize::from(date)).map(String::as_str).collect();
    let zone = TimeZone::get("America/Los_Angeles").unwrap();
    let bytes = csv("u", &names, &zone, std::slice::from_ref(row)).unwrap();
    String::from_utf8(bytes).unwrap().lines().nth(1).unwrap().to_owned()
}

#[test]
fn a_night_is_a_row_per_stage_under_the_date_on_which_it_ended() {
    let sample = points(include_str!("../samples/sleep_list.json"));
    let rows = sleep(&sample[0], &around()).unwrap();
    assert_eq!(
        rows.iter().map(line).collect::<Vec<_>>(),
        [
            "u,2026-10-15,2026-10-15T05:48:00Z,2026-10-15T05:48:00Z,2026-10-14T22:48:00,\
             2026-10-15T06:02:00Z,2026-10-14T23:02:00,awake",
            "u,2026-10-15,2026-10-15T05:48:00Z,2026-10-15T06:02:00Z,2026-10-14T23:02:00,\
             2026-10-15T07:10:00Z,2026-10-15T00:10:00,deep",
        ]
    );
}

#[test]
fn a_night_is_summed_up_in_one_row_with_empty_cells_for_what_was_not_told() {
    let sample = points(include_str!("../samples/sleep_list.json"));
    let row = sleep_summary(&sample[0], &around()).unwrap().remove(0);
    assert_eq!(
        line(&row),
        "u,2026-10-15,2026-10-15T05:48:00Z,2026-10-14T22:48:00,2026-10-15T13:10:00Z,\
         2026-10-15T06:10:00,stages,true,false,442,391,51,0,0,,68,,"
    );
}

#[test]
fn a_workout_and_a_weight_are_rows_at_their_time() {
    let sample = points(include_str!("../samples/exercise_list.json"));
    let row = exercise(&sample[0]).unwrap().unwrap();
    assert_eq!(
        line(&row),
        "u,2026-06-02T20:26:51Z,2026-06-02T13:26:51,2026-06-02T20:42:25Z,cardio_workout,934,122,\
         ,,134,21,,120,600,240,0"
    );
    let sample = points(include_str!("../samples/weight_list.json"));
    let row = weight(&sample[0]).unwrap().unwrap();
    assert_eq!(line(&row), "u,2026-10-15T14:00:00Z,2026-10-15T07:00:00,80.25");
}

#[test]
fn an_offset_that_is_none_is_refused() {
    for offset in ["\"\"", "\"s\"", "\"1\"", "\"1e9s\"", "\"NaNs\"", "\"0.5s\"", "3600", "null"] {
        let text = format!(r#"{{"startTime":"2026-10-15T05:48:00Z","startUtcOffset":{offset}}}"#);
        let element = Element::parse(&text, "x").unwrap();
        assert!(Moment::read(&element, "", "start", &around()).is_err(), "{offset}");
    }
}
