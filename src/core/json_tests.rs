use super::*;

fn element(text: &str) -> Element {
    Element::parse(text, "page").unwrap()
}

#[test]
fn numbers_are_lenient_in_form() {
    let e = element(r#"{"a":"64","b":64,"c":64.0,"d":"NaN","e":6.5,"f":null,"g":"-3"}"#);
    assert_eq!([e.int("a"), e.int("b"), e.int("c")], [Ok(64), Ok(64), Ok(64)]);
    assert_eq!(e.int("g"), Ok(-3));
    assert!(e.number("d").unwrap().is_nan());
    assert_eq!(e.number("e"), Ok(6.5));
    assert!(e.int("e").is_err() && e.int("f").is_err() && e.number("f").is_err());
    assert_eq!(e.optional("z", Element::int), Ok(None));
    assert!(e.optional("f", Element::int).is_err(), "null is not the same as absent");
}

#[test]
fn errors_name_the_path_and_never_the_value() {
    let e = element(r#"{"steps":{"countSum":"ninety"}}"#);
    let failure = e.int("steps.countSum").unwrap_err();
    assert_eq!(
        failure.to_string(),
        "format: page.steps.countSum: expected an integer, found a text"
    );
    assert!(e.int("steps.other").unwrap_err().to_string().ends_with("found nothing"));
}

#[test]
fn dates_and_times_are_read() {
    let e = element(r#"{"d":{"year":2026,"month":2,"day":29},"t":"2026-10-15T15:00:00.5Z"}"#);
    assert!(e.date("d").is_err());
    assert_eq!(e.instant("t").unwrap().as_second(), 1_792_076_400);
}

#[test]
fn times_go_through_our_own_files_as_text() {
    let time: AsText<Timestamp> = miniserde::json::from_str("\"2026-11-22T13:05:00Z\"").unwrap();
    assert_eq!(miniserde::json::to_string(&time), "\"2026-11-22T13:05:00Z\"");
    assert!(miniserde::json::from_str::<AsText<Timestamp>>("\"yesterday\"").is_err());
}
