//! The world changes under the client: late syncs, revised days, travel; in process and by the
//! control API.

mod common;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use common::{access, address, connect, get, post_json, query};
use fitsync_sim::jiff::Timestamp;
use fitsync_sim::jiff::civil::{Date, date};
use fitsync_sim::truth::Day;
use fitsync_sim::{Device, DeviceKind, Metric, Options, Order, Participant, Sim};
use serde_json::{Value, json};

const DAY: Date = date(2026, 11, 20);

fn sim() -> Sim {
    let mut options =
        Options { empty_pages_percent: 0, order: Order::Documented, ..Options::default() };
    options.participants = vec![Participant::new("p1")];
    options.participants[0].zones[0].1 = "America/New_York".to_owned();
    let sim = Sim::start(options);
    sync(&sim, "2026-11-22T12:00:00Z");
    sim
}

fn sync(sim: &Sim, at: &str) {
    sim.set_device_sync("p1", at.parse().expect("instant")).expect("p1");
}

fn truth(sim: &Sim, metric: Metric) -> Vec<String> {
    let zone = sim.person("p1").expect("p1").zones[0].1.clone();
    let bytes = sim.truth("p1", "u", metric, &Day::civil(DAY, &zone)).expect("p1");
    let text = String::from_utf8(bytes.unwrap_or_default()).expect("text");
    text.lines().skip(1).map(str::to_owned).collect()
}

fn rolled(sim: &Sim, token: &str, id: &str) -> Vec<Value> {
    let body = json!({
        "range": {"startTime": "2026-11-20T05:00:00Z", "endTime": "2026-11-21T05:00:00Z"},
        "windowSize": "60s",
        "pageSize": 2000,
    });
    let url = format!("{}/v4/users/me/dataTypes/{id}/dataPoints:rollUp", sim.google_url());
    let answer = post_json(&url, token, &body).json();
    answer["rollupDataPoints"].as_array().cloned().unwrap_or_default()
}

fn counts(rows: &[Value]) -> usize {
    rows.iter().filter(|row| row.get("steps").is_some()).count()
}

#[test]
fn a_late_sync_brings_the_missing_minutes() {
    let sim = sim();
    let token = access(&connect(&sim, "p1"));
    sync(&sim, "2026-11-20T17:00:30Z");
    let early = truth(&sim, Metric::Steps);
    assert_eq!(counts(&rolled(&sim, &token, "steps")), early.len());
    let calories = rolled(&sim, &token, "total-calories");
    assert_eq!(calories.len(), 1440, "the provider fills in what it does not know");
    assert_eq!(truth(&sim, Metric::Calories).len(), 12 * 60 + 1);
    let resting = &calories[1439]["totalCalories"]["kcalSum"];
    assert_eq!(&calories[1400]["totalCalories"]["kcalSum"], resting);
    sync(&sim, "2026-11-22T12:00:00Z");
    let late = truth(&sim, Metric::Steps);
    assert!(late.len() > early.len() && late.starts_with(&early));
    assert_eq!(counts(&rolled(&sim, &token, "steps")), late.len());
}

#[test]
fn revised_and_shrunk_days_change_alike_everywhere() {
    let sim = sim();
    let token = access(&connect(&sim, "p1"));
    let (steps, calories) = (truth(&sim, Metric::Steps), truth(&sim, Metric::Calories));
    let old = sim.person("p1").expect("p1");
    sim.revise_day("p1", Some(Metric::Steps), DAY).expect("p1");
    let revised = truth(&sim, Metric::Steps);
    assert!(revised != steps && revised.len() == steps.len());
    assert_eq!(truth(&sim, Metric::Calories), calories);
    assert!(old.edits.is_empty(), "a copy keeps saying what was true");
    sim.shrink_day("p1", None, DAY, 30).expect("p1");
    let few = truth(&sim, Metric::Steps);
    assert!(few.len() * 2 < steps.len() && !few.is_empty());
    assert_eq!(counts(&rolled(&sim, &token, "steps")), few.len());
    sim.shrink_day("p1", None, DAY, 0).expect("p1");
    for metric in Metric::FIVE {
        assert!(truth(&sim, metric).is_empty());
    }
    assert!(rolled(&sim, &token, "total-calories").is_empty());
    assert_eq!(counts(&rolled(&sim, &token, "steps")), 0);
}

#[test]
fn travel_changes_civil_times_and_the_settings() {
    let sim = sim();
    let token = access(&connect(&sim, "p1"));
    let settings = format!("{}/v4/users/me/settings", sim.google_url());
    assert_eq!(get(&settings, &token).json()["timeZone"], "America/New_York");
    let from: Timestamp = "2026-11-21T12:00:00Z".parse().expect("instant");
    sim.set_zone("p1", from, "Asia/Tokyo").expect("p1");
    sim.set_clock_offset_s(from.as_second() - Timestamp::now().as_second() + 3600);
    let token = access(&connect(&sim, "p1"));
    let answer = get(&settings, &token).json();
    assert_eq!(
        (&answer["timeZone"], &answer["utcOffset"]),
        (&json!("Asia/Tokyo"), &json!("32400s"))
    );
    let filter = "steps.interval.civil_start_time >= \"2026-11-21\" AND \
                  steps.interval.civil_start_time < \"2026-11-23\"";
    let pairs = query(&[("filter", filter), ("pageSize", "10000")]);
    let url =
        format!("{}/v4/users/me/dataTypes/steps/dataPoints:reconcile?{pairs}", sim.google_url());
    let points = get(&url, &token).json()["dataPoints"].clone();
    let points = points.as_array().expect("points");
    for point in points {
        let interval = &point["steps"]["interval"];
        let start: Timestamp = interval["startTime"].as_str().expect("time").parse().expect("time");
        let offset = if start < from { "-18000s" } else { "32400s" };
        assert_eq!(interval["startUtcOffset"], offset);
    }
    let offsets = points.iter().filter(|p| p["steps"]["interval"]["startUtcOffset"] == "32400s");
    assert!(offsets.count() > 0);
    assert!(sim.set_zone("p1", from, "Mars/Olympus").is_err());
    assert!(sim.set_zone("nobody", from, "UTC").is_err());
}

#[test]
fn a_scale_is_no_band_and_nobody_needs_a_device() {
    let sim = sim();
    let token = access(&connect(&sim, "p1"));
    let band_synced = sim.synced("p1").expect("p1");
    let at = "2026-11-23T00:00:00Z".parse().expect("instant");
    let mut devices = vec![Device::new("scale", "Aria Air", DeviceKind::Scale, at)];
    sim.set_devices("p1", devices.clone()).expect("p1");
    assert_eq!(sim.synced("p1").expect("p1"), None);
    let at = band_synced.expect("a band");
    devices.push(Device::new("band", "Charge 6", DeviceKind::Tracker, at));
    sim.set_devices("p1", devices).expect("p1");
    assert_eq!(sim.synced("p1").expect("p1"), band_synced);
    sim.set_devices("p1", Vec::new()).expect("p1");
    let url = format!("{}/v4/users/me/pairedDevices", sim.google_url());
    assert_eq!(get(&url, &token).json(), json!({}));
}

#[test]
fn the_control_api_does_the_same_over_http() {
    let sim = sim();
    let call = |name: &str, fields: Value| {
        let answer = post_json(&format!("{}/_sim/{name}", sim.control_url()), "", &fields);
        (answer.status, answer.json())
    };
    let (status, about) = call("", json!({}));
    assert_eq!((status, &about["bucket"]), (200, &json!("sim-raw")));
    let url = address(&sim, &[]);
    let (_, landed) = call("consent", json!({"url": url, "who": "p1"}));
    assert!(landed["redirect"].as_str().expect("an address").contains("code="));
    let (_, landed) = call("consent", json!({"url": url, "who": "p1", "decision": "deny"}));
    assert!(landed["redirect"].as_str().expect("an address").contains("error=access_denied"));
    let fields = json!({"who": "p1", "at": "2026-11-20T17:00:00Z"});
    assert_eq!(call("device_sync", fields), (200, json!({})));
    assert_eq!(truth(&sim, Metric::Calories).len(), 720);
    assert_eq!(call("revise", json!({"who": "p1", "date": "2026-11-20"})).0, 200);
    let fields = json!({"who": "p1", "date": "2026-11-20", "keep_percent": 0, "metric": "azm"});
    assert_eq!(call("shrink", fields).0, 200);
    assert!(truth(&sim, Metric::Azm).is_empty());
    assert_eq!(call("rotation", json!({"rotation": "rotate"})).0, 200);
    assert_eq!(call("fault", json!({"effect": "close", "path": "identity"})).0, 200);
    assert_eq!(call("fault", json!({"effect": "nonsense"})).0, 400);
    assert_eq!(call("nonsense", json!({})).0, 400);
    assert_eq!(call("device_sync", json!({"who": "nobody", "at": "now"})).0, 400);
    let expected = json!({
        "who": "p1", "user_id": "user_001", "from": "2026-11-18", "to": "2026-11-20",
    });
    let (_, files) = call("expected", expected);
    let files = files.as_array().expect("files");
    assert!(files.len() > 6 && files.iter().all(|file| file["rows"].as_u64() > Some(0)));
    let path = "who=p1&user_id=u&metric=calories&date=2026-11-20";
    let csv = get(&format!("{}/_sim/truth?{path}", sim.control_url()), "");
    assert_eq!(csv.text().lines().count(), 721);
    let none = get(
        &format!(
            "{}/_sim/truth?{path}&zone=Asia/Tokyo&start=2026-11-21T00:00:00Z&\
                             end=2026-11-22T00:00:00Z",
            sim.control_url()
        ),
        "",
    );
    assert_eq!(none.status, 204);
    let (_, secrets) = call("secrets", json!({}));
    assert!(secrets.as_array().is_some_and(|all| all.len() >= 3));
}

#[test]
fn the_program_says_where_everything_is_and_signs_in() {
    let program = env!("CARGO_BIN_EXE_fitsync-sim");
    let mut child = Command::new(program)
        .args(["--participants=2", "--zone", "Europe/Paris", "--until-stdin-closes"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program");
    let mut line = String::new();
    let out = child.stdout.take().expect("stdout");
    BufReader::new(out).read_line(&mut line).expect("a line");
    let about: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(about["participants"], json!(["p1", "p2"]));
    let text = |name: &str| about[name].as_str().expect(name).to_owned();
    let scope = common::scope(&["settings"]);
    let url = format!(
        "{}?{}",
        text("authorize"),
        query(&[
            ("client_id", &text("client_id")),
            ("redirect_uri", common::REDIRECT),
            ("response_type", "code"),
            ("scope", &scope),
        ])
    );
    let consent = |url: &str| {
        let output = Command::new(program)
            .args(["consent", "--who=p2", "--url", url])
            .env("SIM_CONTROL_URL", text("control"))
            .output()
            .expect("the program");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (good, landed) = consent(&url);
    assert!(good && landed.starts_with(common::REDIRECT), "{landed}");
    assert_eq!(consent(&text("authorize")), (false, String::new()));
    drop(child.stdin.take());
    assert!(child.wait().expect("an end").success());
}
