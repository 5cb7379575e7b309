//! The health API refuses what Google's documentation says it refuses.

mod common;

use common::{Answer, access, connect, connect_with, get, post_json, query, scope};
use fitsync_sim::{Options, Sim};
use serde_json::{Value, json};

struct Client {
    sim: Sim,
    token: String,
}

impl Client {
    fn new() -> Client {
        let options = Options { empty_pages_percent: 0, ..Options::default() };
        let sim = Sim::start(options);
        let at = "2026-11-22T12:00:00Z".parse().expect("instant");
        sim.set_device_sync("p1", at).expect("p1");
        let token = access(&connect(&sim, "p1"));
        Client { sim, token }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/v4/users/me/{path}", self.sim.google_url())
    }

    fn get(&self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        let url = format!("{}?{}", self.url(path), query(pairs));
        get(&url, &self.token)
    }

    fn roll_up(&self, id: &str, change: impl FnOnce(&mut Value)) -> Answer {
        let mut body = json!({
            "range": {"startTime": "2026-11-20T00:00:00Z", "endTime": "2026-11-21T00:00:00Z"},
            "windowSize": "60s",
            "pageSize": 1500,
        });
        change(&mut body);
        let url = self.url(&format!("dataTypes/{id}/dataPoints:rollUp"));
        post_json(&url, &self.token, &body)
    }

    fn daily(&self, id: &str, change: impl FnOnce(&mut Value)) -> Answer {
        let date = |day| json!({"date": {"year": 2026, "month": 11, "day": day}});
        let mut body = json!({"range": {"start": date(1), "end": date(3)}, "windowSizeDays": 1});
        change(&mut body);
        let url = self.url(&format!("dataTypes/{id}/dataPoints:dailyRollUp"));
        post_json(&url, &self.token, &body)
    }
}

#[track_caller]
fn refused(answer: &Answer, status: u16, reason: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.reason(), reason, "{}", answer.text());
}

#[test]
fn callers_need_a_live_token_with_the_scope() {
    let client = Client::new();
    let url = client.url("settings");
    refused(&get(&url, ""), 401, "CREDENTIALS_MISSING");
    assert_eq!(get(&url, "ya29.nonsense").status, 401);
    assert_eq!(get(&url, &client.token).status, 200);
    client.sim.expire_access_tokens();
    let expired = get(&url, &client.token);
    assert_eq!(expired.json()["error"]["status"], "UNAUTHENTICATED");
    let only = scope(&["activity_and_fitness"]);
    let reply = connect_with(&client.sim, "p1", &[("scope", &only)]);
    let token = access(&reply);
    refused(&get(&url, &token), 403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    let hrv = client.url("dataTypes/daily-heart-rate-variability/dataPoints:reconcile");
    refused(&get(&hrv, &token), 403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    assert_eq!(get(&client.url("identity"), &token).status, 200);
}

#[test]
fn others_data_is_out_of_reach() {
    let client = Client::new();
    let url = |user: &str| format!("{}/v4/users/{user}/identity", client.sim.google_url());
    assert_eq!(get(&url("health-p1"), &client.token).status, 200);
    assert_eq!(get(&url("health-p2"), &client.token).status, 403);
    client.sim.set_linked("p1", false).expect("p1");
    refused(&get(&url("me"), &client.token), 400, "ACCOUNT_NOT_LINKED");
}

#[test]
fn types_have_one_name_and_their_actions() {
    let client = Client::new();
    for id in ["heartRate", "heart_rate", "Steps", "calories", "skin-temperature"] {
        let answer = client.get(&format!("dataTypes/{id}/dataPoints"), &[]);
        refused(&answer, 400, "INVALID_PARENT_DATA_TYPE_COLLECTION");
    }
    let unsupported = "UNSUPPORTED_DATA_TYPE_ACTION";
    for path in ["dataPoints", "dataPoints:reconcile"] {
        let answer = client.get(&format!("dataTypes/total-calories/{path}"), &[]);
        refused(&answer, 400, unsupported);
    }
    let hrv = "daily-heart-rate-variability";
    refused(&client.roll_up(hrv, |_| ()), 400, unsupported);
    let answer = client.daily(hrv, |_| ());
    refused(&answer, 400, unsupported);
    let message = answer.json()["error"]["message"].as_str().map(str::to_owned);
    let expected = "DailyRollup is not supported for data type daily-heart-rate-variability, but \
                    the following actions are supported: list, reconcile";
    assert_eq!(message.as_deref(), Some(expected));
    assert_eq!(client.get("dataTypes/steps/dataPoints:rollUp", &[]).status, 404);
    assert_eq!(client.get("dataTypes/steps/dataPoints:merge", &[]).status, 404);
    assert_eq!(client.get("nothing", &[]).status, 404);
}

#[test]
fn filters_and_families_are_exact() {
    let client = Client::new();
    let azm = "dataTypes/active-zone-minutes/dataPoints:reconcile";
    let cases = [
        ("active-zone-minutes.interval.start_time >= \"2026-11-20T00:00:00Z\"", ""),
        (
            "active_zone_minutes.interval.start_time > \"2026-11-20T00:00:00Z\"",
            "_RESTRICTION_COMPARATOR",
        ),
        ("active_zone_minutes.date >= \"2026-11-20\"", "_DATA_TYPE_MEMBER"),
        ("active_zone_minutes.interval.start_time >= 2026", "_SYNTAX"),
        ("active_zone_minutes.interval.start_time", "_MISSING_TOKEN"),
    ];
    for (filter, ending) in cases {
        let answer = client.get(azm, &[("filter", filter)]);
        refused(&answer, 400, &format!("INVALID_DATA_POINT_FILTER{ending}"));
    }
    for family in ["all-sources", "users/p2/dataSourceFamilies/all-sources", "google-wearables"] {
        let answer = client.get(azm, &[("dataSourceFamily", family)]);
        refused(&answer, 400, "INVALID_DATA_POINT_DATA_SOURCE_FAMILY");
    }
    let mine = "users/me/dataSourceFamilies/self-sources";
    let answer = client.get(azm, &[("dataSourceFamily", mine)]);
    assert_eq!((answer.status, answer.json()), (200, json!({})));
}

#[test]
fn parameters_and_fields_must_be_known() {
    let client = Client::new();
    let azm = "dataTypes/active-zone-minutes/dataPoints:reconcile";
    for name in ["limit", "page", "startTime", "Filter"] {
        let answer = client.get(azm, &[(name, "1")]);
        assert_eq!(answer.status, 400, "{name}");
    }
    assert_eq!(client.get(azm, &[("page_size", "1"), ("prettyPrint", "false")]).status, 200);
    assert_eq!(client.get(azm, &[("pageSize", "many")]).status, 400);
    assert_eq!(client.get(azm, &[("pageSize", "-1")]).status, 400);
    assert_eq!(client.roll_up("steps", |body| body["filter"] = json!("")).status, 400);
    assert_eq!(client.roll_up("steps", |body| body["range"]["zone"] = json!("")).status, 400);
    assert_eq!(client.roll_up("steps", |body| body["windowSizeDays"] = json!(1)).status, 400);
    let snake = |body: &mut Value| {
        *body = json!({
            "range": {"start_time": "2026-11-20T00:00:00Z", "end_time": "2026-11-21T00:00:00Z"},
            "window_size": "60s",
        });
    };
    assert_eq!(client.roll_up("steps", snake).status, 200);
}

#[test]
fn rollups_have_limits() {
    let client = Client::new();
    let too_long = "INVALID_ROLLUP_QUERY_DURATION";
    let days = |from: &'static str, to: &'static str| {
        move |body: &mut Value| body["range"] = json!({"startTime": from, "endTime": to})
    };
    let (start, day_14, more) =
        ("2026-11-01T00:00:00Z", "2026-11-15T00:00:00Z", "2026-11-15T00:01:00Z");
    assert_eq!(client.roll_up("total-calories", days(start, day_14)).status, 200);
    let answer = client.roll_up("total-calories", days(start, more));
    refused(&answer, 400, too_long);
    let metadata = &answer.json()["error"]["details"][0]["metadata"];
    assert_eq!(metadata["maxDurationDays"], "14");
    assert_eq!(client.roll_up("steps", days(start, more)).status, 200);
    refused(&client.roll_up("steps", days("2026-08-01T00:00:00Z", more)), 400, too_long);
    let window = |window: &'static str, page: i64| {
        move |body: &mut Value| {
            body["windowSize"] = json!(window);
            body["pageSize"] = json!(page);
        }
    };
    refused(&client.roll_up("total-calories", window("900s", 0)), 400, too_long);
    assert_eq!(client.roll_up("total-calories", window("900s", 1344)).status, 200);
    refused(&client.roll_up("total-calories", window("900s", 1345)), 400, too_long);
    assert_eq!(client.roll_up("total-calories", window("60s", 99_999)).status, 200);
    for wrong in ["0s", "60", "1m", "-60s", ""] {
        assert_eq!(client.roll_up("steps", window(wrong, 10)).status, 400, "{wrong}");
    }
    let backwards = days(day_14, start);
    assert_eq!(client.roll_up("steps", backwards).status, 400);
    let local = days("2026-11-01T00:00:00", day_14);
    assert_eq!(client.roll_up("steps", local).status, 400);
    let pages = client.daily("heart-rate", |body| body["pageSize"] = json!(15));
    refused(&pages, 400, too_long);
    let pages = client.daily("total-calories", |body| body["pageSize"] = json!(5));
    assert_eq!(pages.status, 400);
    assert_eq!(client.daily("total-calories", |_| ()).status, 200);
    let odd = |body: &mut Value| body["range"]["start"]["time"] = json!({"hours": 1});
    assert_eq!(client.daily("steps", odd).status, 400);
}

#[test]
fn buckets_start_where_the_range_starts() {
    let client = Client::new();
    let odd = |body: &mut Value| {
        body["range"] = json!({
            "startTime": "2026-11-20T10:00:17Z",
            "endTime": "2026-11-20T10:02:00Z",
        });
    };
    let answer = client.roll_up("total-calories", odd).json();
    let mut times: Vec<_> = answer["rollupDataPoints"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| (row["startTime"].clone(), row["endTime"].clone()))
        .collect();
    times.sort_by_key(|(start, _)| start.to_string());
    let expected = [
        (json!("2026-11-20T10:00:17Z"), json!("2026-11-20T10:01:17Z")),
        (json!("2026-11-20T10:01:17Z"), json!("2026-11-20T10:02:00Z")),
    ];
    assert_eq!(times, expected);
}

#[test]
fn pages_are_cut_and_tokens_stay_with_their_request() {
    let client = Client::new();
    let page = |size: i64, token: &str| {
        client.roll_up("total-calories", |body| {
            body["pageSize"] = json!(size);
            if !token.is_empty() {
                body["pageToken"] = json!(token);
            }
        })
    };
    let first = page(100, "").json();
    assert_eq!(first["rollupDataPoints"].as_array().map(Vec::len), Some(100));
    let token = first["nextPageToken"].as_str().expect("a token");
    assert_eq!(page(100, token).status, 200);
    assert_eq!(page(101, token).status, 400, "another request");
    assert_eq!(page(100, "abc").status, 400);
    let whole = client.roll_up("total-calories", |body| {
        body["range"]["endTime"] = json!("2026-11-22T00:00:00Z");
        body["pageSize"] = json!(0);
    });
    let whole = whole.json();
    assert_eq!(whole["rollupDataPoints"].as_array().map(Vec::len), Some(1440));
    assert!(whole["nextPageToken"].is_string());
}

#[test]
fn three_hundred_requests_a_minute_are_enough() {
    let sim = Sim::start(Options { quota_per_minute: 3, ..Options::default() });
    let token = access(&connect(&sim, "p1"));
    let url = format!("{}/v4/users/me/settings", sim.google_url());
    for _ in 0..3 {
        assert_eq!(get(&url, &token).status, 200);
    }
    let answer = get(&url, &token);
    refused(&answer, 429, "RATE_LIMIT_EXCEEDED");
    assert_eq!(answer.json()["error"]["status"], "RESOURCE_EXHAUSTED");
    let other = access(&connect(&sim, "p2"));
    assert_eq!(get(&url, &other).status, 200, "the quota is everybody's own");
    sim.set_clock_offset_s(61);
    assert_eq!(get(&url, &token).status, 200);
}
