use super::*;

fn zone(name: Option<&str>, offset_s: Option<i64>, known: &[&str]) -> Result<Option<String>> {
    let told = ToldZone { name: name.map(str::to_owned), offset_s };
    let known: Vec<String> = known.iter().map(|&name| name.to_owned()).collect();
    zone_of(&told, known.into_iter(), "2026-11-22T12:00:00Z".parse().unwrap())
}

#[test]
fn a_zone_that_the_account_names_and_nobody_here_knows_is_never_another_one() {
    let berlin = "Europe/Berlin";
    assert_eq!(zone(Some(berlin), Some(7), &["UTC"]).unwrap().as_deref(), Some(berlin));
    let fixed = zone(Some("Mars/Olympus"), Some(-12_600), &[berlin]).unwrap();
    assert_eq!(fixed.as_deref(), Some("-03:30"));
    let failure = zone(Some("Mars/Olympus"), None, &[berlin]).unwrap_err();
    assert!(failure.what.contains("install a newer fitsync"), "{failure}");
}

#[test]
fn an_account_that_names_no_zone_keeps_the_one_that_was_known() {
    assert_eq!(zone(None, None, &["Asia/Tokyo", "UTC"]).unwrap().as_deref(), Some("Asia/Tokyo"));
    assert_eq!(zone(None, None, &[]).unwrap(), None);
    // An offset alone: New York has it in winter, so its clocks change as they do there.
    let (new_york, winter_s) = ("America/New_York", Some(-18_000));
    let here = |known: &[&str]| zone(None, winter_s, known).unwrap();
    assert_eq!(here(&["Asia/Tokyo", new_york]).as_deref(), Some(new_york));
    assert_eq!(here(&["Asia/Tokyo"]).as_deref(), Some("-05:00"));
    assert_eq!(here(&[]).as_deref(), Some("-05:00"));
}
