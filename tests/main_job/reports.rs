//! What programs read: the JSON of sync and status, and the exit codes of mixed runs.

use std::collections::BTreeSet;

use fitsync_sim::{Effect, Fault, Host, Participant};
use serde_json::Value;

use crate::world::{USER, WHO, World, one, plain};

fn names(value: &Value) -> BTreeSet<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn a_program_gets_a_document_also_where_nothing_was_done() {
    let world = World::connected(plain(one()));
    let json = world.run(&["sync", "--json", "--to", "2026-11-01"]).exits(2).json();
    assert_eq!((&json["version"], &json["exit"]), (&1.into(), &2.into()));
    assert!(json["message"].as_str().expect("why").contains("--from"));
    let planned = world.run(&["sync", "--json", "--dry-run"]).exits(0).json();
    let days = planned["participants"][0]["ask"]["steps"].as_array().expect("dates").len();
    assert_eq!(days, 8, "the look-back and today");
}

#[test]
fn sync_prints_one_document_of_the_promised_shape() {
    let world = World::connected(plain(one()));
    world.sim.inject(Fault::always(Effect::Html { status: 200 }).path("variability"));
    let ran = world.sync(&["--from", "2026-11-20", "--to", "2026-11-20"]).exits(1);
    assert_eq!(ran.stdout.lines().count(), 1);
    let json = ran.json();
    assert_eq!(names(&json), ["version", "exit", "participants", "waiting"].into());
    assert_eq!((&json["version"], &json["exit"]), (&Value::from(1), &Value::from(1)));
    assert_eq!(json["waiting"], 0);
    let one = &json["participants"][0];
    let numbers = ["requests", "days_read", "files_written", "files_uploaded"];
    let mut wanted = BTreeSet::from(numbers);
    wanted.extend(["user_id", "failures"]);
    assert_eq!(names(one), wanted);
    assert_eq!(one["user_id"], USER);
    assert!(numbers.iter().all(|name| one[name].as_u64() > Some(0)), "{one}");
    let requests = world.asked("").iter().filter(|seen| seen.host == Host::Google).count();
    // The sign-in asked for the identity, the devices and the settings.
    assert_eq!(one["requests"].as_u64(), Some(requests as u64 - 3));
    assert_eq!(one["files_uploaded"].as_u64(), Some(world.objects().len() as u64));
    let failure = &one["failures"][0];
    assert_eq!(names(failure), ["class", "metric", "day", "message"].into());
    assert_eq!((&failure["class"], &failure["metric"]), (&"format".into(), &"hrv".into()));
    assert!(failure["message"].as_str().is_some_and(|text| text.lines().count() == 1));
}

#[test]
fn upload_prints_the_same_document() {
    let world = World::connected(plain(one()));
    world.sync(&["--no-upload"]).exits(0);
    let json = world.run(&["upload", "--json"]).exits(0).json();
    assert_eq!(names(&json), ["version", "exit", "participants", "waiting"].into());
    assert_eq!(json["participants"][0]["files_uploaded"], world.objects().len());
}

#[test]
fn status_prints_one_document_with_everything_that_was_promised() {
    let world = World::new(plain(Participant::numbered(2)));
    let empty = world.run(&["status", "--json"]).exits(0).json();
    assert_eq!(empty, serde_json::json!({"version": 1, "participants": []}));
    world.connect(USER, WHO);
    world.sync(&[]).exits(0);
    world.sync_sealed(USER);
    let json = world.run(&["status", "--json"]).exits(0).json();
    assert_eq!(json["version"], 1);
    let one = &json["participants"][0];
    for name in [
        "user_id",
        "provider",
        "state",
        "state_since",
        "device_synced_at",
        "grant_expires_at",
        "waiting",
        "metrics",
    ] {
        assert!(names(one).contains(name), "{name} is missing: {one}");
    }
    assert_eq!((&one["user_id"], &one["state"]), (&USER.into(), &"connected".into()));
    assert_eq!((&one["provider"], &one["waiting"]), (&"google-health".into(), &0.into()));
    let synced = world.sim.synced(WHO).expect("a person").expect("a device").to_string();
    assert_eq!(one["device_synced_at"], synced);
    let metrics = &one["metrics"];
    assert_eq!(names(metrics), ["steps", "calories", "azm", "hrv", "wrist_temp"].into());
    let newest = metrics["calories"]["newest"].as_str().expect("a time");
    assert!(newest.ends_with(":00Z") && newest < synced.as_str(), "{newest}");
    let days = metrics["steps"]["days"].as_array().expect("days");
    assert_eq!(days.len(), 14);
    for name in ["date", "state", "rows", "revisions"] {
        assert!(names(&days[0]).contains(name), "{name}");
    }
    let state = |index: usize| days[index]["state"].as_str().expect("a state");
    assert_eq!((state(0), state(12), state(13)), ("missing", "sealed", "provisional"));
}

#[test]
fn status_shows_a_picture_and_always_ends_well() {
    let mut world = World::new(plain(Participant::numbered(2)));
    let nobody = world.run(&["status"]).exits(0);
    assert!(nobody.stdout.contains("fitsync login USER"));
    world.connect(USER, WHO);
    world.sync(&[]).exits(0);
    world.sync_sealed(USER);
    world.sim.revoke(WHO);
    world.sim.expire_access_tokens();
    world.sync(&["--user", USER]).exits(3);
    world.set("FITBIT_USER_IDS", "user_001,user_002");
    world.sim.set_down(true);
    let before = world.snapshot();
    let ran = world.run(&["status"]).exits(0);
    for text in [USER, "sign in again", "user_002", "never signed in", "fitsync login user_002"] {
        assert!(ran.stdout.contains(text), "no {text:?} in: {}", ran.stdout);
    }
    assert!(ran.stdout.contains("██████"), "{}", ran.stdout);
    assert_eq!(world.snapshot(), before, "status wrote a file");
}

#[test]
fn the_worst_of_several_failures_decides_the_exit_code() {
    let mut world = World::new(plain(Participant::numbered(3)));
    for number in 1..=3 {
        world.connect(&format!("user_{number:03}"), &format!("p{number}"));
    }
    world.set("FITSYNC_METRICS", "azm,hrv");
    // 75 alone, 3 over 75, 1 over both.
    let ill = Effect::Status { status: 503, retry_after_s: None };
    world.sim.inject(Fault::always(ill).who("p1").path("active-zone"));
    world.sync(&[]).exits(75);
    world.sim.revoke("p2");
    world.sync(&[]).exits(3);
    world.sim.inject(Fault::always(Effect::Html { status: 200 }).who("p3").path("variability"));
    let ran = world.sync(&["--from", "2026-11-20", "--to", "2026-11-20"]).exits(1);
    assert_eq!(ran.json()["exit"], 1);
    let mut failures = ran.failures();
    failures.sort();
    assert_eq!(failures, ["auth -", "format hrv", "server azm"]);
}

#[test]
fn with_nobody_signed_in_a_sync_says_how_to_begin() {
    let world = World::new(plain(one()));
    let ran = world.sync(&[]).exits(0).says("fitsync login USER");
    assert_eq!(ran.json()["participants"], serde_json::json!([]));
}
