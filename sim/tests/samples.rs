//! Every reply has the shape of the published or recorded payload: the same names, the same kinds
//! of values. Sources and licences of the payloads: `samples/google-health/MANIFEST.json`.

mod common;

use common::{access, connect_with, get, post_json, query, scope, shape};
use fitsync_sim::{Effect, Fault, Options, Sim};
use serde_json::{Value, json};

const ALL: [&str; 5] =
    ["activity_and_fitness", "health_metrics_and_measurements", "profile", "settings", "sleep"];

fn sample(name: &str) -> Value {
    shape::sample(&format!("google-health/{name}"))
}

/// Paths that depend on the time of the day, ends of lists, and fields that are rarely set.
const OPTIONAL: [&str; 6] = [
    "hours number",
    "minutes number",
    "seconds number",
    "nextPageToken text",
    "metadata/nap bool",
    "device/manufacturer text",
];

#[track_caller]
fn same_shape(reply: &Value, samples: &[&str]) {
    let names: Vec<_> = samples.iter().map(|name| format!("google-health/{name}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    shape::same_shape(reply, &names, &OPTIONAL);
}

struct Client {
    sim: Sim,
    token: String,
}

fn client() -> Client {
    let sim = Sim::start(Options { empty_pages_percent: 0, ..Options::default() });
    let at = "2026-11-22T12:00:00Z".parse().expect("instant");
    sim.set_device_sync("p1", at).expect("p1");
    let token = access(&connect_with(&sim, "p1", &[("scope", &scope(&ALL))]));
    Client { sim, token }
}

impl Client {
    fn get(&self, path: &str) -> Value {
        let url = format!("{}/v4/users/me/{path}", self.sim.google_url());
        let answer = get(&url, &self.token);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    fn list(&self, id: &str) -> Value {
        self.get(&format!("dataTypes/{id}/dataPoints?{}", query(&[("pageSize", "5000")])))
    }

    fn roll_up(&self, id: &str) -> Value {
        let body = json!({
            "range": {"startTime": "2026-11-15T00:00:00Z", "endTime": "2026-11-22T00:00:00Z"},
            "windowSize": "60s",
            "pageSize": 10_000,
            "dataSourceFamily": "users/me/dataSourceFamilies/all-sources",
        });
        self.post(id, "rollUp", &body)
    }

    fn post(&self, id: &str, action: &str, body: &Value) -> Value {
        let url =
            format!("{}/v4/users/me/dataTypes/{id}/dataPoints:{action}", self.sim.google_url());
        let answer = post_json(&url, &self.token, body);
        assert_eq!(answer.status, 200, "{id}: {}", answer.text());
        answer.json()
    }
}

#[test]
fn accounts_look_like_the_samples() {
    let client = client();
    same_shape(&client.get("identity"), &["identity.json"]);
    same_shape(&client.get("settings"), &["settings.json"]);
    same_shape(&client.get("profile"), &["profile.json"]);
    same_shape(&client.get("pairedDevices"), &["paired_devices.json"]);
}

#[test]
fn points_look_like_the_samples() {
    let client = client();
    let cases: [(&str, &[&str]); 9] = [
        ("steps", &["steps_list.json", "steps_list_two_sources.json"]),
        ("active-zone-minutes", &["active_zone_minutes_list.json"]),
        ("heart-rate", &["heart_rate_list.json"]),
        ("weight", &["weight_list.json"]),
        ("sleep", &["sleep_list.json"]),
        ("exercise", &["exercise_list.json"]),
        ("daily-resting-heart-rate", &["daily_resting_heart_rate.json"]),
        ("daily-heart-rate-variability", &["daily_heart_rate_variability.json"]),
        (
            "daily-sleep-temperature-derivations",
            &[
                "daily_sleep_temperature_derivations.json",
                "daily_sleep_temperature_derivations_nan.json",
            ],
        ),
    ];
    for (id, samples) in cases {
        same_shape(&client.list(id), samples);
    }
    let cases = [
        ("daily-oxygen-saturation", "daily_oxygen_saturation.json"),
        ("daily-respiratory-rate", "daily_respiratory_rate.json"),
    ];
    for (id, name) in cases {
        let reply = client.get(&format!("dataTypes/{id}/dataPoints:reconcile"));
        same_shape(&reply, &[name]);
    }
    let fitness = client.get("dataTypes/daily-vo2-max/dataPoints:reconcile");
    assert!(fitness["dataPoints"][0]["dailyVo2Max"]["vo2Max"].is_number());
}

#[test]
fn rollups_look_like_the_samples() {
    let client = client();
    let cases = [
        ("steps", "steps_rollup_60s_full_day.json"),
        ("total-calories", "total_calories_rollup_60s.json"),
        ("active-zone-minutes", "active_zone_minutes_rollup_60s.json"),
        ("distance", "distance_rollup_60s.json"),
        ("heart-rate", "heart_rate_rollup_60s.json"),
    ];
    for (id, name) in cases {
        same_shape(&client.roll_up(id), &[name]);
    }
    let mut body = sample("request_daily_rollup_steps.json");
    same_shape(&client.post("steps", "dailyRollUp", &body), &["steps_daily_rollup.json"]);
    body["pageSize"] = json!(1);
    same_shape(&client.post("steps", "dailyRollUp", &body), &["steps_daily_rollup.json"]);
    let body = sample("request_rollup_total_calories_60s.json");
    let names = ["total_calories_rollup_60s_full_day.json"];
    same_shape(&client.post("total-calories", "rollUp", &body), &names);
}

#[test]
fn no_data_looks_like_the_sample() {
    let client = client();
    let filter = "steps.interval.start_time >= \"2030-01-01T00:00:00Z\"";
    let path = format!("dataTypes/steps/dataPoints?{}", query(&[("filter", filter)]));
    assert_eq!(client.get(&path), sample("empty.json"));
    client.sim.inject(Fault::once(Effect::EmptyPage).path("weight"));
    let page = client.get("dataTypes/weight/dataPoints");
    let names: Vec<_> = page.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["nextPageToken"]);
}

#[test]
fn tokens_look_like_the_samples() {
    let client = client();
    let reply = connect_with(&client.sim, "p2", &[]);
    same_shape(&reply, &["oauth_token_code_exchange.json"]);
    let token = reply["refresh_token"].as_str().expect("a token");
    let form = common::refresh_form(&client.sim, token);
    let reply = common::send_form(&client.sim.token_url(), &form).json();
    same_shape(&reply, &["oauth_token_refresh.json"]);
    let testing = Sim::start(Options { testing_app: true, ..Options::default() });
    let reply = connect_with(&testing, "p1", &[]);
    same_shape(&reply, &["oauth_token_code_exchange_testing.json"]);
}

#[test]
fn errors_are_the_samples() {
    let client = client();
    let settings = format!("{}/v4/users/me/settings", client.sim.google_url());
    let cases = [
        ("ACCESS_TOKEN_SCOPE_INSUFFICIENT", "access_token_scope_insufficient.json"),
        ("ACCOUNT_NOT_LINKED", "account_not_linked.json"),
        ("USER_PROJECT_DENIED", "permission_denied.json"),
        ("RATE_LIMIT_EXCEEDED", "resource_exhausted.json"),
        ("SERVICE_DISABLED", "service_disabled.json"),
        ("CREDENTIALS_MISSING", "unauthenticated.json"),
    ];
    for (reason, name) in cases {
        let (reason, retry_after_s) = (reason.to_owned(), None);
        client.sim.inject(Fault::once(Effect::Reason { reason, retry_after_s }));
        let answer = get(&settings, &client.token);
        let expected = sample(&format!("errors/{name}"));
        assert_eq!(answer.json(), expected);
        assert_eq!(json!(answer.status), expected["error"]["code"]);
    }
    let asked = |path: &str| {
        let url = format!("{}/v4/users/me/dataTypes/{path}", client.sim.google_url());
        get(&url, &client.token).json()
    };
    let unknown = sample("errors/invalid_parent_data_type.json");
    assert_eq!(asked("heartRate/dataPoints"), unknown);
    let unsupported = sample("errors/unsupported_data_type_action.json");
    assert_eq!(asked("total-calories/dataPoints"), unsupported);
    let form = common::refresh_form(&client.sim, "1//0nothing");
    let refused = common::send_form(&client.sim.token_url(), &form).json();
    assert_eq!(refused, sample("errors/oauth_invalid_grant.json"));
    let body = json!({
        "range": {"startTime": "2026-10-01T00:00:00Z", "endTime": "2026-11-01T00:00:00Z"},
        "windowSize": "3600s",
        "pageSize": 10,
    });
    let url = format!(
        "{}/v4/users/me/dataTypes/total-calories/dataPoints:rollUp",
        client.sim.google_url()
    );
    let answer = post_json(&url, &client.token, &body).json();
    assert_eq!(answer, sample("errors/invalid_rollup_query_duration.json"));
}
