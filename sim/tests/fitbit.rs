//! The retired Fitbit Web API, as strict as it was, and gone when it is switched off.

mod common;

use std::collections::BTreeMap;

use common::shape::{same_shape, sample};
use common::{Answer, CHALLENGE, REDIRECT, VERIFIER, get, get_with, landed, post_basic, query};
use fitsync_sim::jiff::civil::{Date, date};
use fitsync_sim::truth::Day;
use fitsync_sim::{Effect, Fault, FitbitOptions, Host, Metric, Options, Participant, Sim};
use serde_json::{Value, json};

const ID: &str = "23SIM1";
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const SCOPES: &str = "activity heartrate temperature profile settings";
const DAY: Date = date(2026, 11, 20);

struct Client {
    sim: Sim,
    token: String,
}

fn sim_with(fitbit: FitbitOptions) -> Sim {
    let mut options = Options { fitbit, ..Options::default() };
    options.participants = vec![Participant::new("p1"), Participant::new("p2")];
    options.participants[0].zones[0].1 = "America/New_York".to_owned();
    let sim = Sim::start(options);
    let at = "2026-11-22T12:00:00Z".parse().expect("instant");
    sim.set_device_sync("p1", at).expect("p1");
    sim
}

fn address(sim: &Sim, changes: &[(&'static str, &str)]) -> String {
    let mut pairs = vec![
        ("client_id", ID),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("scope", SCOPES),
        ("state", "a state"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in changes {
        pairs.retain(|(one, _)| one != name);
        if !value.is_empty() {
            pairs.push((name, value));
        }
    }
    format!("{}?{}", sim.fitbit_authorize_url(), query(&pairs))
}

fn exchange(sim: &Sim, code: &str, verifier: &str) -> Answer {
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", verifier),
    ];
    post_basic(&format!("{}/oauth2/token", sim.fitbit_url()), (ID, SECRET), &pairs)
}

fn connect(sim: &Sim) -> Value {
    let redirect = sim.consent(&address(sim, &[]), "p1").expect("consent");
    let answer = exchange(sim, &landed(&redirect)["code"], VERIFIER);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn refresh(sim: &Sim, token: &Value) -> Answer {
    let token = token.as_str().expect("a token");
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", token)];
    post_basic(&format!("{}/oauth2/token", sim.fitbit_url()), (ID, SECRET), &pairs)
}

fn client() -> Client {
    let sim = sim_with(FitbitOptions::default());
    let token = connect(&sim)["access_token"].as_str().expect("a token").to_owned();
    Client { sim, token }
}

impl Client {
    fn ask(&self, path: &str) -> Answer {
        get(&format!("{}/1/user/-/{path}", self.sim.fitbit_url()), &self.token)
    }

    fn get(&self, path: &str) -> Value {
        let answer = self.ask(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }
}

#[track_caller]
fn refused(answer: &Answer, status: u16, kind: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    let error = &answer.json()["errors"][0];
    assert_eq!(error["errorType"], kind, "{}", answer.text());
}

#[test]
fn sign_ins_are_checked_and_end_with_a_strange_fragment() {
    let sim = sim_with(FitbitOptions::default());
    let redirect = sim.consent(&address(&sim, &[]), "p1").expect("consent");
    assert!(redirect.ends_with("#_=_"));
    assert_eq!(landed(&redirect)["state"], "a state");
    let denied = sim.deny(&address(&sim, &[]), "p1").expect("an answer");
    assert_eq!(landed(&denied)["error"], "access_denied");
    let cases: [(&'static str, &str, &str); 5] = [
        ("client_id", "other", "unauthorized_client"),
        ("redirect_uri", "http://localhost:1/", "Invalid redirect_uri"),
        ("scope", "everything", "invalid_scope"),
        ("response_type", "token", "Invalid response_type"),
        ("code_challenge_method", "S512", "Unsupported code_challenge_method"),
    ];
    for (name, value, text) in cases {
        let page = sim.consent(&address(&sim, &[(name, value)]), "p1");
        assert!(page.expect_err(name).contains(text));
    }
    let code = landed(&redirect)["code"].clone();
    refused(&exchange(&sim, &code, "wrong"), 400, "invalid_grant");
    refused(&exchange(&sim, &code, VERIFIER), 400, "invalid_grant");
    let url = format!("{}/oauth2/token", sim.fitbit_url());
    refused(&post_basic(&url, (ID, "wrong"), &[]), 401, "invalid_client");
    refused(&common::post_form(&url, &[("client_id", ID)]), 401, "invalid_client");
    refused(&post_basic(&url, (ID, SECRET), &[]), 400, "invalid_request");
}

#[test]
fn refresh_tokens_work_once_unless_there_is_grace() {
    let sim = sim_with(FitbitOptions::default());
    let first = connect(&sim);
    same_shape(&first, &["fitbit/token_200.json"], &[]);
    let second = refresh(&sim, &first["refresh_token"]).json();
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    let again = refresh(&sim, &first["refresh_token"]);
    refused(&again, 400, "invalid_grant");
    let token = first["refresh_token"].as_str().expect("a token");
    assert!(again.text().contains(token), "messages repeat tokens");
    same_shape(&again.json(), &["fitbit/error_400_invalid_grant.json"], &[]);
    sim.set_fitbit_grace(true);
    let third = refresh(&sim, &second["refresh_token"]).json();
    assert_eq!(refresh(&sim, &second["refresh_token"]).json(), third);
    sim.set_clock_offset_s(121);
    assert_eq!(refresh(&sim, &second["refresh_token"]).status, 400);
    let fault = Fault::once(Effect::LostReply).host(Host::Fitbit).path("/oauth2/token").who("p1");
    sim.inject(fault);
    let lost = third["refresh_token"].as_str().expect("a token");
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", lost)];
    let url = format!("{}/oauth2/token", sim.fitbit_url());
    assert!(common::try_post_form(&url, &pairs).is_err());
    assert!(sim.secrets().iter().any(|secret| secret == lost));
}

#[test]
fn revoking_and_introspecting() {
    let client = client();
    let url = format!("{}/1.1/oauth2/introspect", client.sim.fitbit_url());
    let ask = |token: &str| {
        let header = format!("Bearer {}", client.token);
        let agent = common::agent();
        let request = agent.post(&url).header("authorization", header);
        let mut reply = request.send_form([("token", token)]).expect("an answer");
        let text = reply.body_mut().read_to_string().expect("text");
        serde_json::from_str::<Value>(&text).expect("JSON")
    };
    assert_eq!(ask(&client.token)["active"], true);
    assert_eq!(ask("nothing"), json!({"active": false}));
    let url = format!("{}/oauth2/revoke", client.sim.fitbit_url());
    let answer = post_basic(&url, (ID, SECRET), &[("token", &client.token)]);
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    refused(&client.ask("profile.json"), 401, "invalid_token");
}

#[test]
fn requests_need_a_token_a_scope_and_a_good_path() {
    let client = client();
    let profile = format!("{}/1/user/-/profile.json", client.sim.fitbit_url());
    refused(&get(&profile, ""), 401, "invalid_request");
    let other = format!("{}/1/user/ABCDEF/profile.json", client.sim.fitbit_url());
    refused(&get(&other, &client.token), 403, "insufficient_permissions");
    let good = [
        "activities/steps/date/2026-11-20/1d/15min.json",
        "activities/steps/date/2026-11-20/2026-11-21/1min/time/12:00/11:59.json",
        "activities/calories/date/today/1d/1min.json?timezone=UTC",
        "activities/steps/date/2024-01-01/2026-11-20.json",
        "hrv/date/2026-10-23/2026-11-21.json",
    ];
    for path in good {
        assert_eq!(client.ask(path).status, 200, "{path}");
    }
    let bad = [
        ("activities/steps/date/2026-11-20/1d/2min.json", 400),
        ("activities/steps/date/2026-11-20/2026-11-21/1min.json", 400),
        ("activities/steps/date/2026-11-20/2026-11-21/1min/time/12:00/12:00.json", 400),
        ("activities/steps/date/20261120/1d/1min.json", 400),
        ("activities/steps/date/2026-11-20/1d/1min/time/25:00/26:00.json", 400),
        ("activities/active-zone-minutes/date/2026-11-20/1d/1min.json?timezone=UTC", 400),
        ("hrv/date/2026-10-22/2026-11-21.json", 400),
        ("temp/skin/date/2026-11-21/2026-11-20.json", 400),
        ("activities/heart/date/2026-11-20/1d/1min.json", 404),
        ("profile", 404),
    ];
    for (path, status) in bad {
        assert_eq!(client.ask(path).status, status, "{path}");
    }
    client.sim.expire_access_tokens();
    let expired = client.ask("profile.json");
    refused(&expired, 401, "expired_token");
    assert!(expired.text().contains(&client.token), "messages repeat tokens");
    let changes = [("scope", "profile")];
    let redirect = client.sim.consent(&address(&client.sim, &changes), "p1").expect("consent");
    let reply = exchange(&client.sim, &landed(&redirect)["code"], VERIFIER).json();
    let token = reply["access_token"].as_str().expect("a token");
    let steps = "activities/steps/date/2026-11-20/1d/1min.json";
    let url = format!("{}/1/user/-/{steps}", client.sim.fitbit_url());
    let answer = get(&url, token);
    refused(&answer, 403, "insufficient_scope");
    same_shape(&answer.json(), &["fitbit/error_403_insufficient_scope.json"], &[]);
}

#[test]
fn intraday_needs_permission_and_hours_have_150_requests() {
    let sim =
        sim_with(FitbitOptions { intraday: false, quota_per_hour: 3, ..FitbitOptions::default() });
    let token = connect(&sim)["access_token"].as_str().expect("a token").to_owned();
    let client = Client { sim, token };
    let answer = client.ask("activities/steps/date/2026-11-20/1d/1min.json");
    let expected = sample("fitbit/error_403_insufficient_permissions.json");
    assert_eq!((answer.status, answer.json()), (403, expected));
    assert_eq!(answer.headers["fitbit-rate-limit-limit"], "3");
    assert_eq!(answer.headers["fitbit-rate-limit-remaining"], "2");
    assert_eq!(client.ask("activities/steps/date/2026-11-20/2026-11-21.json").status, 200);
    assert_eq!(client.ask("devices.json").status, 200);
    let answer = client.ask("devices.json");
    assert_eq!((answer.status, answer.json()), (429, sample("fitbit/error_429.json")));
    let reset_s: i64 = answer.headers["fitbit-rate-limit-reset"].parse().expect("a number");
    assert!((1..=3600).contains(&reset_s));
    client.sim.set_clock_offset_s(reset_s);
    assert_eq!(client.ask("devices.json").status, 200);
}

#[test]
fn replies_have_the_shape_of_the_samples() {
    let client = client();
    let shape = |path: &str, name: &str| {
        same_shape(&client.get(path), &[&format!("fitbit/{name}")], &[]);
    };
    shape("profile.json", "UserProfile.json");
    shape("activities/steps/date/2026-11-20/1d/1min.json", "IntradayActivitiesSteps.json");
    shape("activities/calories/date/2026-11-20/1d/1min.json", "IntradayActivitiesCalories.json");
    shape("temp/skin/date/2026-11-01/2026-11-21.json", "temp_skin_by_interval.json");
    let mut azm = json!({"activities-active-zone-minutes-intraday": []});
    for day in 10..20 {
        let path = format!("activities/active-zone-minutes/date/2026-11-{day}/1d/1min.json");
        let reply = client.get(&path);
        let list = azm["activities-active-zone-minutes-intraday"].as_array_mut().expect("a list");
        list.push(reply["activities-active-zone-minutes-intraday"][0].clone());
    }
    same_shape(&azm, &["fitbit/azm_intraday_1min_by_date.json"], &[]);
    let hrv = client.get("hrv/date/2026-11-01/2026-11-21.json");
    let nights = hrv["hrv"].as_array().expect("nights");
    assert!(nights.iter().any(|night| night["value"]["dailyRmssd"].is_number()));
    let devices = client.get("devices.json");
    assert_eq!(devices[0]["lastSyncTime"], "2026-11-22T07:00:00.000");
}

fn truth(client: &Client, metric: Metric, date: Date) -> BTreeMap<String, String> {
    let zone = client.sim.person("p1").expect("p1").zones[0].1.clone();
    let day = Day::civil(date, &zone);
    let bytes = client.sim.fitbit_truth("p1", "u", metric, &day).expect("p1");
    let text = String::from_utf8(bytes.unwrap_or_default()).expect("text");
    let skipped = if text.contains("time_utc") { 3 } else { 2 };
    let rows = text.lines().skip(1).map(|line| {
        let cells: Vec<_> = line.split(',').collect();
        let name = if skipped == 3 { &cells[2][11..] } else { cells[1] };
        (name.to_owned(), cells[skipped..].join(","))
    });
    rows.collect()
}

#[test]
fn values_are_what_the_truth_says() {
    let client = client();
    let steps = client.get("activities/steps/date/2026-11-20/1d/1min.json");
    let rows = steps["activities-steps-intraday"]["dataset"].as_array().expect("rows");
    assert_eq!(rows.len(), 1440, "every minute is there, worn or not");
    let text = |row: &Value, name: &str| row[name].as_str().expect(name).to_owned();
    let read: BTreeMap<_, _> =
        rows.iter().map(|row| (text(row, "time"), row["value"].to_string())).collect();
    assert_eq!(read, truth(&client, Metric::Steps, DAY));
    let sum: i64 = rows.iter().filter_map(|row| row["value"].as_i64()).sum();
    assert_eq!(steps["activities-steps"][0]["value"], sum.to_string());

    let calories = client.get("activities/calories/date/2026-11-20/1d/1min.json");
    let rows = calories["activities-calories-intraday"]["dataset"].as_array().expect("rows");
    for row in rows {
        let expected = &truth(&client, Metric::Calories, DAY)[&text(row, "time")];
        let value = format!("{:.4}", row["value"].as_f64().expect("a number"));
        let value = value.trim_end_matches('0').trim_end_matches('.');
        assert_eq!(value, expected);
        if row["time"] == "00:20:00" {
            break;
        }
    }

    let azm = client.get("activities/active-zone-minutes/date/2026-11-20/1d/1min.json");
    let day = &azm["activities-active-zone-minutes-intraday"][0];
    let rows = day["minutes"].as_array().expect("minutes");
    let number = |value: &Value, name: &str| value[name].as_i64().unwrap_or(0);
    let names = [
        "activeZoneMinutes",
        "fatBurnActiveZoneMinutes",
        "cardioActiveZoneMinutes",
        "peakActiveZoneMinutes",
    ];
    let read: BTreeMap<_, _> = rows
        .iter()
        .map(|row| {
            let cells = names.map(|name| number(&row["value"], name).to_string());
            (text(row, "minute")[11..].to_owned(), cells.join(","))
        })
        .collect();
    assert_eq!(read, truth(&client, Metric::Azm, DAY));
}

#[test]
fn nights_are_what_the_truth_says() {
    let client = client();
    let skin = client.get("temp/skin/date/2026-11-01/2026-11-21.json");
    let skin = skin["tempSkin"].as_array().expect("nights");
    let hrv = client.get("hrv/date/2026-11-01/2026-11-21.json");
    let hrv = hrv["hrv"].as_array().expect("nights");
    let has = |rows: &[Value], date: Date| {
        rows.iter().filter(|row| row["dateTime"] == date.to_string()).count()
    };
    for day in 1..=21 {
        let date = date(2026, 11, day);
        assert_eq!(has(skin, date), truth(&client, Metric::WristTemp, date).len(), "{date}");
        assert_eq!(has(hrv, date), truth(&client, Metric::Hrv, date).len(), "{date}");
    }
    let path = "/1/user/-/temp/skin/date/2026-11-01/2026-11-21.json";
    let url = format!("{}{path}", client.sim.fitbit_url());
    let bearer = format!("Bearer {}", client.token);
    let warm = get_with(&url, &[("authorization", &bearer), ("accept-language", "en_US")]);
    let warm = warm.json()["tempSkin"][0]["value"]["nightlyRelative"].as_f64();
    let cold = skin[0]["value"]["nightlyRelative"].as_f64();
    let (warm, cold) = (warm.expect("a number"), cold.expect("a number"));
    assert!((warm - cold * 1.8).abs() < 0.001, "{warm} {cold}");
}

#[test]
fn days_on_which_the_clock_changes_are_as_odd_as_they_were() {
    let client = client();
    let labels = |path: &str| -> Vec<String> {
        let reply = client.get(path);
        let rows = reply["activities-steps-intraday"]["dataset"].as_array().cloned();
        let rows = rows.unwrap_or_default();
        rows.iter().map(|row| row["time"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let back = labels("activities/steps/date/2026-11-01/1d/1min.json");
    assert_eq!(back.len(), 1440);
    let forward = labels("activities/steps/date/2026-03-08/1d/1min.json");
    assert!(forward.contains(&"02:30:00".to_owned()), "an hour that was not");
    let utc = "activities/steps/date/2026-11-01/1d/1min/time/05:00/06:59.json?timezone=UTC";
    assert_eq!(labels(utc).len(), 120);
}

#[test]
fn the_api_is_gone_when_it_is_retired() {
    let client = client();
    client.sim.set_fitbit_retired(true);
    assert_eq!(client.ask("profile.json").status, 410);
    assert_eq!(get(&client.sim.fitbit_authorize_url(), "").status, 410);
    let answer = refresh(&client.sim, &json!("x"));
    assert_eq!(answer.status, 410);
    client.sim.set_fitbit_retired(false);
    assert_eq!(client.ask("profile.json").status, 200);
    let (reason, retry_after_s) = ("CALLER_WITHOUT_PERMISSION".to_owned(), None);
    client.sim.inject(Fault::once(Effect::Reason { reason, retry_after_s }));
    let answer = client.ask("profile.json");
    let expected = sample("fitbit/error_403_google_style_2026.json");
    assert_eq!((answer.status, answer.json()), (403, expected));
}
