//! What the documents and real accounts show, and the samples do not.

mod common;

use common::{Answer, access, connect, get, post_json, query, refresh_form, send_form};
use fitsync_sim::jiff::Timestamp;
use fitsync_sim::jiff::civil::{Date, date};
use fitsync_sim::truth::Day;
use fitsync_sim::{
    Device, DeviceKind, Effect, Fault, Host, How, Metric, Odd, Options, Participant, Processing,
    Reads, SettingsReply, Sim, Told,
};
use serde_json::{Value, json};

struct Client {
    sim: Sim,
    token: String,
    refresh: String,
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("instant")
}

impl Client {
    fn new() -> Client {
        let zones = vec![(Timestamp::MIN, "Etc/UTC".to_owned())];
        let person = Participant { zones, missing_nights_percent: 0, ..Participant::new("p1") };
        let options =
            Options { participants: vec![person], empty_pages_percent: 0, ..Options::default() };
        let sim = Sim::start(options);
        sim.set_device_sync("p1", at("2026-11-22T12:00:00Z")).expect("p1");
        let scope = "https://www.googleapis.com/auth/googlehealth.";
        let names =
            ["activity_and_fitness", "health_metrics_and_measurements", "settings", "sleep"];
        let scopes = names.map(|name| format!("{scope}{name}.readonly")).join(" ");
        let grant = common::connect_with(&sim, "p1", &[("scope", &scopes)]);
        let refresh = grant["refresh_token"].as_str().expect("a token").to_owned();
        Client { token: access(&grant), sim, refresh }
    }

    fn get(&self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        let url = format!("{}/v4/users/me/{path}?{}", self.sim.google_url(), query(pairs));
        get(&url, &self.token)
    }

    /// The values of a type that belong to these days.
    fn days(&self, id: &str, member: &str, days: (Date, Date)) -> Answer {
        let kind = id.replace('-', "_");
        let filter =
            format!("{kind}.{member} >= \"{}\" AND {kind}.{member} < \"{}\"", days.0, days.1);
        self.get(&format!("dataTypes/{id}/dataPoints:reconcile"), &[("filter", &filter)])
    }

    fn steps(&self, days: i64, rows: i64) -> Answer {
        let end = at("2026-11-20T00:00:00Z").as_second() + days * 86_400;
        let end = Timestamp::from_second(end).expect("instant");
        let body = json!({
            "range": {"startTime": "2026-11-20T00:00:00Z", "endTime": end.to_string()},
            "windowSize": "60s",
            "pageSize": rows,
        });
        let path = "/v4/users/me/dataTypes/steps/dataPoints:rollUp";
        post_json(&format!("{}{path}", self.sim.google_url()), &self.token, &body)
    }
}

#[test]
fn devices_come_in_pages_of_five_and_may_tell_no_time() {
    let client = Client::new();
    let device = |number: i32| {
        let id = number.to_string();
        Device::new(&id, "Inspire", DeviceKind::Tracker, at("2026-09-20T00:00:00Z"))
    };
    let watch = device(1).telling(Told::Nothing);
    let old = device(2).telling(Told::Wrong(Timestamp::UNIX_EPOCH));
    client
        .sim
        .set_devices("p1", [vec![watch, old], (3..8).map(device).collect()].concat())
        .expect("p1");
    let first = client.get("pairedDevices", &[]).json();
    let list = first["pairedDevices"].as_array().expect("devices");
    assert_eq!(list.len(), 5);
    assert_eq!((list[0].get("lastSyncTime"), list[0].get("features")), (None, None));
    assert_eq!(list[1]["lastSyncTime"], "1970-01-01T00:00:00Z");
    let token = first["nextPageToken"].as_str().expect("more");
    let second = client.get("pairedDevices", &[("pageToken", token)]).json();
    assert_eq!(second["pairedDevices"].as_array().map(Vec::len), Some(2));
    assert_eq!(second.get("nextPageToken"), None);
    let all = client.get("pairedDevices", &[("pageSize", "1000")]).json();
    assert_eq!(all["pairedDevices"].as_array().map(Vec::len), Some(7));
}

#[test]
fn settings_may_tell_less_than_a_zone() {
    let client = Client::new();
    let cases = [
        (SettingsReply::Whole, (Some("Etc/UTC".into()), true)),
        (SettingsReply::Empty, (None, false)),
        (SettingsReply::WithoutZone, (None, false)),
        (SettingsReply::OffsetAlone, (None, true)),
        (SettingsReply::NullZone, (Some(Value::Null), true)),
        (
            SettingsReply::Zone { name: "Mars/Olympus".to_owned(), with_offset: false },
            (Some("Mars/Olympus".into()), false),
        ),
    ];
    for (reply, (zone, with_offset)) in cases {
        client.sim.set_settings("p1", reply.clone()).expect("p1");
        let told = client.get("settings", &[]).json();
        assert_eq!(told.get("timeZone"), zone.as_ref(), "{reply:?}");
        assert_eq!(told.get("utcOffset").is_some(), with_offset, "{reply:?}");
    }
}

#[test]
fn the_cloud_is_done_hours_after_the_sync() {
    let client = Client::new();
    let hour = Processing { nights_s: 3600, stages_s: 3600, ..Processing::default() };
    client.sim.set_processing("p1", hour).expect("p1");
    let now = client.sim.now();
    let ahead = |text: &str| at(text).as_second() - now.as_second();
    client.sim.set_device_sync("p1", at("2026-11-10T12:00:00Z")).expect("p1");
    client.sim.set_device_sync("p1", at("2026-11-22T12:00:00Z")).expect("p1");
    let days = (date(2026, 11, 11), date(2026, 11, 22));
    let counts = || {
        let hrv = client.days("daily-heart-rate-variability", "date", days).json();
        let sleep = client.days("sleep", "interval.civil_end_time", days).json();
        let sleeps = sleep["dataPoints"].as_array().cloned().unwrap_or_default();
        let open = |one: &&Value| one["sleep"]["metadata"]["processed"] == json!(false);
        let staged = |one: &&Value| one["sleep"]["stages"].is_array();
        let nights = hrv["dataPoints"].as_array().map_or(0, Vec::len);
        (nights, sleeps.iter().filter(open).count(), sleeps.iter().filter(staged).count())
    };
    client.sim.set_clock_offset_s(ahead("2026-11-22T12:30:00Z"));
    let token = access(&connect(&client.sim, "p1"));
    assert!(!token.is_empty());
    let (nights, open, staged) = counts();
    assert_eq!((nights, staged), (0, 0));
    assert!(open >= 11, "{open}");
    client.sim.set_clock_offset_s(ahead("2026-11-22T13:00:10Z"));
    assert_eq!(counts(), (11, 0, open));
}

#[test]
fn an_odd_day_is_odd_for_every_request_and_the_truth_knows_it() {
    let client = Client::new();
    let day = date(2026, 11, 20);
    let every = Odd::with("steps", "", json!({})).every(7).reads(Metric::Steps, Reads::NoRow);
    client.sim.set_odd("p1", day, every).expect("p1");
    let rows = client.steps(1, 10_000).json()["rollupDataPoints"].as_array().cloned();
    let rows = rows.expect("rows");
    let bare = rows.iter().filter(|row| row["steps"] == json!({})).count();
    let valued = rows.iter().filter(|row| row["steps"]["countSum"].is_string()).count();
    assert!(bare > 100, "{bare}");
    let zone = fitsync_sim::jiff::tz::TimeZone::UTC;
    let truth = client.sim.truth("p1", "u", Metric::Steps, &Day::civil(day, &zone)).expect("p1");
    let lines = truth.expect("rows").iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(lines - 1, valued);

    let breaths = "daily-respiratory-rate";
    let twice = Odd::new(breaths, "breathsPerMinute", How::Twice(Some(json!(9))));
    client.sim.set_odd("p1", day, twice).expect("p1");
    let days = client.days(breaths, "date", (day, date(2026, 11, 22))).json();
    let days = days["dataPoints"].as_array().expect("points").clone();
    assert_eq!(days.len(), 3);
    client.sim.clear_odd("p1").expect("p1");
    let days = client.days(breaths, "date", (day, date(2026, 11, 22))).json();
    assert_eq!(days["dataPoints"].as_array().map(Vec::len), Some(2));
}

#[test]
fn every_oddity_changes_what_is_sent_or_what_must_be_made_of_it() {
    let client = Client::new();
    let day = date(2026, 11, 20);
    let zone = fitsync_sim::jiff::tz::TimeZone::UTC;
    let plain = client.sim.person("p1").expect("p1");
    for odd in fitsync_sim::oddities::all() {
        let Some((metric, reads)) = odd.truth.first().cloned() else { continue };
        client.sim.clear_odd("p1").expect("p1");
        client.sim.set_odd("p1", day, odd.clone()).expect("p1");
        let of =
            |person| fitsync_sim::truth::csv(person, "u", metric, &Day::civil(day, &zone), None);
        let (usual, told) = (of(&plain), of(&client.sim.person("p1").expect("p1")));
        if usual.is_some() && reads == Reads::Failed {
            assert_eq!(told, None, "{odd:?}");
        }
    }
}

#[test]
fn faults_look_at_what_is_asked() {
    let client = Client::new();
    let wide = Effect::Status { status: 504, retry_after_s: None };
    client.sim.inject(Fault::always(wide.clone()).path("/steps/").days_above(3));
    assert_eq!(client.steps(3, 1000).status, 200);
    let answer = client.steps(4, 1000);
    assert_eq!(
        (answer.status, answer.json()["error"]["status"].clone()),
        (504, json!("DEADLINE_EXCEEDED"))
    );
    client.sim.clear_faults();
    client.sim.inject(Fault::always(wide.clone()).rows_above(5000));
    assert_eq!((client.steps(1, 5000).status, client.steps(1, 5001).status), (200, 504));
    client.sim.clear_faults();
    client.sim.inject(Fault::always(wide).about(date(2026, 11, 21)));
    assert_eq!((client.steps(1, 1000).status, client.steps(2, 1000).status), (200, 504));
    client.sim.clear_faults();
    let busy = Effect::RetryAt { status: 503, after_s: 90 };
    client.sim.inject(Fault::once(busy));
    let answer = client.steps(1, 1000);
    assert_eq!(answer.status, 503);
    let later = answer.headers["retry-after"].clone();
    assert!(later.ends_with(" GMT") && later != answer.headers["date"], "{later}");
}

#[test]
fn every_reason_and_every_error_of_the_token_address_has_an_answer() {
    let client = Client::new();
    let about = client.sim.about();
    let names = |name: &str| {
        let all = about[name].as_str().expect("names").split_whitespace();
        all.map(str::to_owned).collect::<Vec<_>>()
    };
    for reason in names("reasons") {
        client.sim.inject_once(
            Host::Google,
            "settings",
            Effect::Reason { reason: reason.clone(), retry_after_s: None },
        );
        let answer = client.get("settings", &[]);
        let error = answer.json()["error"].clone();
        assert!(answer.status >= 400 && error["code"] == json!(answer.status), "{reason}");
        assert!(error["status"].is_string() && error["message"].is_string(), "{reason}");
    }
    for error in names("oauth_errors") {
        client.sim.inject(Fault::once(Effect::OauthError { error: error.clone() }));
        let answer =
            send_form(&client.sim.token_url(), &refresh_form(&client.sim, &client.refresh));
        assert!(answer.status >= 400, "{error}");
        assert_ne!(answer.json().get("error"), None, "{error}");
    }
}

#[test]
fn more_is_refused_where_google_refuses_it() {
    let client = Client::new();
    let family = ("dataSourceFamily", "users/me/dataSourceFamilies/google-sources");
    assert_eq!(client.get("dataTypes/steps/dataPoints", &[family]).status, 200);
    assert_eq!(client.get("dataTypes/sleep/dataPoints", &[family]).status, 400);
    assert_eq!(client.get("dataTypes/sleep/dataPoints:reconcile", &[family]).status, 200);
    let steps = "dataTypes/steps/dataPoints:reconcile";
    let answer = client.get(steps, &[("pageToken", "x")]);
    assert_eq!((answer.status, answer.reason().as_str()), (400, "INVALID_PAGE_TOKEN"));
    let empty = client.steps(0, 10);
    assert_eq!((empty.status, empty.reason().as_str()), (400, "INVALID_TIME_RANGE"));
    let day = |day: i32| json!({"date": {"year": 2026, "month": 11, "day": day}});
    let daily = |id: &str, size: Option<i32>| {
        let mut body = json!({"range": {"start": day(1), "end": day(13)}});
        if let Some(size) = size {
            body["pageSize"] = size.into();
        }
        let path = format!("/v4/users/me/dataTypes/{id}/dataPoints:dailyRollUp");
        post_json(&format!("{}{path}", client.sim.google_url()), &client.token, &body)
    };
    assert_eq!(daily("total-calories", Some(5)).status, 400);
    assert_eq!(daily("total-calories", None).status, 200);
    let page = daily("steps", Some(5)).json();
    assert_eq!(page["rollupDataPoints"].as_array().map(Vec::len), Some(5));
    assert!(page["nextPageToken"].is_string());
}
