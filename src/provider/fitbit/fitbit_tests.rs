use super::*;
use crate::provider::conformance_tests::{fitbit, job, reply};
use crate::provider::metric::table::{METRICS, find};

fn error(status: u16, body: &str) -> Reply {
    Reply { status, ..reply(body) }
}

#[test]
fn the_client_names_itself_by_basic_authentication() {
    let request = fitbit().code_request(&Secret::new("c"), &Secret::new("v"));
    let basic = ("authorization".to_owned(), "Basic Y2xpZW50OmNsaWVudC1zZWNyZXQ=".to_owned());
    assert!(request.headers.contains(&basic));
    let body = String::from_utf8(request.body).unwrap();
    assert!(body.contains("code_verifier=v") && body.contains("redirect_uri=http"), "{body}");
    assert!(!body.contains("client-secret"), "{body}");
    let mut public = fitbit();
    public.app.client_secret = Secret::default();
    let request = public.refresh_request(&Secret::new("r"));
    assert!(request.headers.iter().all(|(name, _)| name != "authorization"));
    assert!(String::from_utf8(request.body).unwrap().ends_with("client_id=client"));
}

#[test]
fn a_grant_names_its_account() {
    let grant =
        fitbit().read_grant(&reply(include_str!("../samples/fitbit_token_200.json"))).unwrap();
    assert_eq!(grant.account.as_deref(), Some("26FWFL"));
    assert_eq!(grant.expires_in_s, Some(28_800));
    assert!(grant.refresh_token.is_some());
    assert!(grant.scopes.unwrap().contains(&"heartrate".to_owned()));
}

#[test]
fn minutes_are_asked_by_the_day_and_nights_by_the_range() {
    let (first, last) = ("2026-10-01".parse().unwrap(), "2026-10-30".parse().unwrap());
    let url = |name: &str, last| {
        let metric = find(name).unwrap();
        fitbit().page_request(metric, &job(metric, first, last, "UTC"), None).url
    };
    assert_eq!(
        url("steps", first),
        "https://api.fitbit.com/1/user/-/activities/steps/date/2026-10-01/1d/1min.json"
    );
    assert_eq!(
        url("azm", first),
        "https://api.fitbit.com/1/user/-/activities/active-zone-minutes/date/2026-10-01/1d/1min.json"
    );
    assert_eq!(
        url("hrv", last),
        "https://api.fitbit.com/1/user/-/hrv/date/2026-10-01/2026-10-30.json"
    );
    assert_eq!(
        url("wrist_temp", last),
        "https://api.fitbit.com/1/user/-/temp/skin/date/2026-10-01/2026-10-30.json"
    );
    for metric in METRICS.iter().filter(|metric| metric.fitbit.is_some()) {
        let days = if metric.cadence.has_instants() { 1 } else { 30 };
        assert_eq!(fitbit().reach(metric).days_max, days);
        assert_eq!(fitbit().fills_after_sync(metric), metric.cadence.has_instants());
    }
}

#[test]
fn rows_that_are_still_to_come_are_dropped() {
    let metric = find("steps").unwrap();
    let date = "2026-11-22".parse().unwrap();
    let mut job = job(metric, date, date, "America/New_York");
    job.to = "2026-11-22T13:05:00Z".parse().unwrap();
    let dataset = r#"{"activities-steps-intraday":{"dataset":[{"time":"08:04:00","value":3},
        {"time":"08:05:00","value":0}]}}"#;
    let rows = fitbit().read_page(metric, &job, &mut dataset.as_bytes()).unwrap().rows;
    assert_eq!(rows.len(), 1);
}

#[test]
fn devices_tell_the_wall_clock_of_the_participant() {
    let text = r#"[{"deviceVersion":"Charge 2",
        "lastSyncTime":"2019-11-07T12:00:58.000","type":"TRACKER"},
        {"deviceVersion":"Aria","type":"SCALE"}]"#;
    let zone = TimeZone::get("America/New_York").unwrap();
    let devices = fitbit().read_devices(&reply(text), &zone).unwrap().devices;
    assert_eq!(devices[0].synced_at.unwrap().to_string(), "2019-11-07T17:00:58Z");
    assert!(devices[1].is_scale && devices[1].synced_at.is_none());
    assert!(fitbit().read_devices(&reply("[]"), &zone).unwrap().devices.is_empty());
    assert!(fitbit().read_devices(&reply("{}"), &zone).is_err());
    // Shown twice: the first time, so that nothing is called synced too early.
    let text = r#"[{"lastSyncTime":"2026-11-01T01:30:00.000"}]"#;
    let devices = fitbit().read_devices(&reply(text), &zone).unwrap().devices;
    assert_eq!(devices[0].synced_at.unwrap().to_string(), "2026-11-01T05:30:00Z");
}

#[test]
fn the_profile_names_account_and_zone() {
    let profile = reply(include_str!("../samples/fitbit/UserProfile.json"));
    assert_eq!(fitbit().read_identity(&profile).unwrap().account, "XXXXXX");
    assert!(fitbit().read_zone(&profile).is_ok());
    let profile = reply(r#"{"user":{"encodedId":"A1B2C3","timezone":"America/Los_Angeles"}}"#);
    let zone = fitbit().read_zone(&profile).unwrap();
    assert_eq!(zone.name.as_deref(), Some("America/Los_Angeles"));
    assert!(fitbit().read_zone(&reply("{}")).is_err());
}

#[test]
fn each_error_has_its_class_in_both_envelopes() {
    let class = |status, body| fitbit().classify(&error(status, body)).class;
    let cases = [
        (401, include_str!("../samples/fitbit/error_401_expired_token.json"), ErrorClass::Auth),
        (
            403,
            include_str!("../samples/fitbit/error_403_google_style_2026.json"),
            ErrorClass::NotGranted,
        ),
        (
            403,
            include_str!("../samples/fitbit/error_403_insufficient_permissions.json"),
            ErrorClass::NotGranted,
        ),
        (
            403,
            include_str!("../samples/fitbit/error_403_insufficient_scope.json"),
            ErrorClass::NotGranted,
        ),
        (429, include_str!("../samples/fitbit/error_429.json"), ErrorClass::Quota),
        (400, r#"{"errors":[{"errorType":"validation"}]}"#, ErrorClass::Bug),
        (409, "", ErrorClass::Server),
        (410, "<html>Gone</html>", ErrorClass::Retired),
        (502, "Maintenance!", ErrorClass::Server),
        (302, "", ErrorClass::Format),
    ];
    for (status, body, wanted) in cases {
        assert_eq!(class(status, body), wanted, "{status} {body}");
    }
    let stale = |status, body| fitbit().token_may_be_stale(&error(status, body));
    assert!(stale(401, cases[0].1) && stale(403, cases[1].1));
    assert!(!stale(403, cases[2].1) && !stale(403, cases[3].1) && !stale(410, ""));
}

#[test]
fn only_an_invalid_grant_of_the_token_service_asks_for_a_new_sign_in() {
    let class = |status, body: &str| fitbit().classify_token(&error(status, body)).class;
    let grant = include_str!("../samples/fitbit/error_400_invalid_grant.json");
    assert_eq!(class(400, grant), ErrorClass::Auth);
    for (status, name) in
        [(401, "invalid_client"), (400, "unauthorized_client"), (401, "another_word")]
    {
        let body = format!(r#"{{"errors":[{{"errorType":"{name}"}}]}}"#);
        assert_eq!(class(status, &body), ErrorClass::Config, "{name}");
    }
    let style = include_str!("../samples/fitbit/error_403_google_style_2026.json");
    for (status, body) in [(401, "<html>"), (401, ""), (403, style), (400, "<html>")] {
        assert_eq!(class(status, body), ErrorClass::Format, "{status} {body}");
    }
    assert_eq!(class(410, "<html>Gone</html>"), ErrorClass::Retired);
    assert_eq!(class(409, ""), ErrorClass::Server);
}

#[test]
fn an_error_that_echoes_a_token_is_told_without_it() {
    let body = r#"{"errors":[{"errorType":"expired_token","message":"Access token expired: eyJ"},
        {"errorType":"a secret eyJ with blanks"}],"success":false}"#;
    let failure = fitbit().classify(&error(401, body));
    assert_eq!(failure.to_string(), "auth: HTTP 401 expired_token: the access token is refused");
    let odd = r#"{"errors":[{"errorType":"eyJ.abc def"}]}"#;
    assert!(!fitbit().classify(&error(400, odd)).to_string().contains("eyJ"));
}

#[test]
fn the_hour_of_requests_is_waited_for_by_its_own_header() {
    let limited = |headers: &[(&str, &str)]| {
        let headers = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        fitbit().classify(&Reply { headers, ..error(429, "") }).retry_after_s
    };
    let spare = FITBIT_RESET_SPARE_S;
    assert_eq!(
        limited(&[("retry-after", "5"), ("fitbit-rate-limit-reset", "1201")]),
        Some(1201 + spare)
    );
    assert_eq!(limited(&[("retry-after", "5")]), Some(5 + spare));
    assert_eq!(limited(&[("fitbit-rate-limit-reset", "99999999")]), None);
    assert_eq!(limited(&[("fitbit-rate-limit-reset", "inf")]), None);
}
