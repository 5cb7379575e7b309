//! The way into the bucket: what waits, what is sent, and what happens without a store.

use std::time::Duration;

use fitsync::io::files;
use fitsync_sim::{Effect, Fault, Host, Metric, Participant};

use crate::world::{USER, WHO, World, one, plain};

#[test]
fn without_a_bucket_files_stay_local_which_is_said_once() {
    let mut world = World::new(plain(Participant::numbered(2)));
    world.connect(USER, WHO);
    world.connect("user_002", "p2");
    let bucket = world.sim.bucket().to_owned();
    world.unset("S3_BUCKET_RAW");
    let ran = world.sync(&[]).exits(0);
    assert_eq!(ran.stderr.matches("S3_BUCKET_RAW is not set").count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains(&world.path("data")));
    assert!(world.objects().is_empty());
    let waiting = ran.json()["waiting"].as_u64().expect("a number");
    assert!(waiting > 16, "{waiting}");
    assert!(world.data().join("users/user_001/steps").is_dir());
    world.run(&["upload"]).exits(2).says("S3_BUCKET_RAW");

    world.set("S3_BUCKET_RAW", &bucket);
    let sent = world.run(&["upload", "--json"]).exits(0).json();
    assert_eq!(sent["waiting"], 0);
    let files = |number: usize| sent["participants"][number]["files_uploaded"].as_u64();
    assert_eq!(files(0).zip(files(1)).map(|(one, other)| one + other), Some(waiting));
    world.check_bucket(USER, WHO);
    world.check_bucket("user_002", "p2");
}

#[test]
fn files_that_are_kept_back_are_sent_by_upload_or_by_the_next_sync() {
    for command in [&["upload", "--json"][..], &["sync", "--json"]] {
        let world = World::connected(plain(one()));
        let kept = world.sync(&["--no-upload"]).exits(0).json();
        assert_eq!(kept["participants"][0]["files_uploaded"], 0);
        assert_eq!(kept["waiting"], kept["participants"][0]["files_written"]);
        assert_eq!(world.status(USER)["waiting"], kept["waiting"]);
        assert!(world.objects().is_empty());
        world.sim.clear_requests();
        let sent = world.run(command).exits(0).json();
        assert_eq!(sent["waiting"], 0);
        assert!(
            world
                .asked("")
                .iter()
                .all(|seen| { seen.host == Host::S3 || seen.label == "pairedDevices" })
        );
        world.check_bucket(USER, WHO);
        let puts = world.objects();
        assert!(puts.keys().all(|key| world.sim.puts(key) == 1));
    }
}

#[test]
fn what_the_bucket_has_is_what_the_gateway_has() {
    let mut world = World::connected(plain(one()));
    world.set("FITSYNC_S3_PREFIX", "study/raw");
    world.sync(&[]).exits(0);
    let objects = world.objects();
    assert!(objects.len() > 16);
    for (key, bytes) in &objects {
        let path = key.strip_prefix("study/raw/").expect("the prefix");
        assert_eq!(&std::fs::read(world.data().join(path)).expect("a file"), bytes, "{key}");
    }
}

#[test]
fn a_dry_run_asks_nothing_writes_nothing_and_says_what_it_would_ask() {
    let world = World::connected(plain(one()));
    let before = world.snapshot();
    world.sim.clear_requests();
    let ran = world.run(&["sync", "--dry-run"]).exits(0);
    assert!(ran.stdout.contains("as if every device had just synced"), "{}", ran.stdout);
    assert!(ran.stdout.contains("user_001: ") && ran.stdout.contains("steps 8 days"));
    let named = ["sync", "--dry-run", "--from", "2026-01-01", "--to", "2026-01-31"];
    let ran = world.run(&named).exits(0);
    assert!(ran.stdout.contains("steps 39 days"), "{}", ran.stdout);
    assert!(world.asked("").is_empty());
    assert_eq!(world.snapshot(), before);
    world.sync(&[]).exits(0);
    let before = world.snapshot();
    world.run(&["sync", "--dry-run"]).exits(0);
    assert_eq!(world.snapshot(), before);
}

#[test]
fn a_store_that_is_down_keeps_the_work_and_the_next_run_catches_up() {
    for catch_up in [&["upload"][..], &["sync", "--user", USER]] {
        let world = World::connected(plain(one()));
        world.sim.inject(Fault::always(Effect::Close).host(Host::S3));
        let ran = world.sync(&[]).exits(75);
        let json = ran.json();
        assert!(ran.failures().iter().all(|failure| failure.starts_with("network")));
        assert_eq!(json["participants"][0]["days_read"], 40, "reading did not go on");
        assert_eq!(json["waiting"], json["participants"][0]["files_written"]);
        world.sim.clear_faults();
        world.run(catch_up).exits(0);
        world.check_bucket(USER, WHO);
        assert_eq!(world.status(USER)["waiting"], 0);
    }
}

#[test]
fn a_store_that_is_ill_for_one_file_gets_the_others_and_that_one_later() {
    let world = World::connected(plain(one()));
    let ill = Effect::Status { status: 503, retry_after_s: None };
    world.sim.inject(Fault::always(ill).host(Host::S3).path("/hrv/"));
    world.sync(&[]).exits(75);
    let objects = world.objects();
    assert!(objects.keys().any(|key| key.contains("/wrist_temp/")));
    // The completeness file must not name what is not there.
    assert!(!objects.keys().any(|key| key.contains("/completeness/user_001_completeness_202611")));
    world.sim.clear_faults();
    world.run(&["upload"]).exits(0);
    world.check_bucket(USER, WHO);
}

#[test]
fn credentials_that_are_refused_stop_no_reading() {
    let mut world = World::connected(plain(one()));
    world.set("AWS_SECRET_ACCESS_KEY", "not-the-secret-of-this-key");
    let ran = world.sync(&[]).exits(1);
    assert!(!ran.stderr.contains("not-the-secret"));
    assert_eq!(ran.json()["participants"][0]["days_read"], 40);
    let failures = ran.failures();
    // What was not tried after that waits, in the class of a store out of reach.
    assert!(failures.iter().any(|failure| failure.starts_with("config")), "{failures:?}");
    assert!(world.objects().is_empty());
    let secret = world.sim.secret_key().to_owned();
    world.set("AWS_SECRET_ACCESS_KEY", &secret);
    world.run(&["upload"]).exits(0);
    world.check_bucket(USER, WHO);
}

#[test]
fn files_that_wait_for_their_next_try_keep_the_exit_code_and_the_reason() {
    for (status, code, exit) in [(403, "AccessDenied", 1), (503, "SlowDown", 75)] {
        let mut world = World::connected(plain(one()));
        // So few files that all of them are tried.
        world.set("FITSYNC_METRICS", "hrv");
        let refusal = Effect::S3Error { status, code: code.to_owned() };
        world.sim.inject(Fault::always(refusal).host(Host::S3).method("PUT"));
        world.sync(&[]).exits(exit);
        for _ in 0..2 {
            world.sim.clear_requests();
            let json = world.sync(&[]).exits(exit).json();
            assert!(json["waiting"].as_u64() > Some(0));
            assert!(world.asked("").iter().all(|seen| seen.method != "PUT"), "it was due");
            let failures = json["participants"][0]["failures"].as_array().expect("a list").clone();
            let of_store = |failure: &serde_json::Value| {
                failure["message"].as_str().expect("a text").contains(code)
            };
            assert!(failures.iter().all(of_store) && !failures.is_empty(), "{failures:?}");
        }
        world.sim.clear_faults();
        world.run(&["upload"]).exits(0);
        world.sync(&[]).exits(0);
        world.check_bucket(USER, WHO);
    }
}

#[test]
fn credentials_that_are_missing_stop_no_reading() {
    let mut world = World::connected(plain(one()));
    world.unset("AWS_SECRET_ACCESS_KEY");
    world.unset("AWS_ACCESS_KEY_ID");
    world.set("AWS_EC2_METADATA_DISABLED", "true");
    let ran = world.sync(&[]).exits(1);
    assert_eq!(ran.json()["participants"][0]["days_read"], 40);
    assert!(ran.json()["waiting"].as_u64() > Some(16));
    assert_eq!(ran.failures(), ["config -"]);

    let key = world.sim.access_key().to_owned();
    let secret = world.sim.secret_key().to_owned();
    world.set("AWS_ACCESS_KEY_ID", &key);
    world.set("AWS_SECRET_ACCESS_KEY", &secret);
    world.run(&["upload"]).exits(0);
    world.check_bucket(USER, WHO);
}

#[test]
fn one_participant_or_one_metric_can_be_named_and_no_other_is_touched() {
    let world = World::new(plain(Participant::numbered(2)));
    world.connect(USER, WHO);
    world.connect("user_002", "p2");
    let ran = world.sync(&["--user", USER]).exits(0).json();
    assert_eq!(ran["participants"].as_array().map(Vec::len), Some(1));
    assert!(world.objects().keys().all(|key| key.contains(USER)));
    world.check_bucket(USER, WHO);

    world.sync(&["--user=user_002", "--metric", "azm", "--metric=hrv"]).exits(0);
    let rows = world.completeness("user_002");
    assert!(rows.iter().all(|row| row.metric == "azm" || row.metric == "hrv"));
    assert_eq!(rows.len(), 8 * 2);
    // The others are not forgotten.
    world.sync(&[]).exits(0);
    assert_eq!(world.completeness("user_002").len(), 8 * 5);
    world.check_bucket("user_002", "p2");
    let files = world.objects();
    let steps = files.keys().filter(|key| key.contains("user_002_steps"));
    assert!(steps.count() >= 7 && Metric::FIVE.len() == 5);
}

#[test]
fn while_another_run_is_at_work_this_one_ends_and_those_that_only_look_do_not() {
    let world = World::connected(plain(one()));
    world.sync(&["--no-upload"]).exits(0);
    let lock = files::lock(&world.data().join("run.lock"), Duration::ZERO).expect("a lock");
    assert!(lock.is_some());
    let before = world.snapshot();
    world.sim.clear_requests();
    for command in [&["sync"][..], &["upload"], &["sync", "--user", USER]] {
        let ran = world.run(command).exits(4);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    }
    for command in [&["status"][..], &["sync", "--dry-run"]] {
        world.run(command).exits(0);
    }
    assert_eq!(world.snapshot(), before);
    assert!(world.asked("").is_empty());
    drop(lock);
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);
}

#[test]
fn a_local_file_that_is_gone_before_it_was_sent_is_read_again() {
    let world = World::connected(plain(one()));
    world.sync(&["--no-upload"]).exits(0);
    let folder = world.data().join("users/user_001/calories");
    for entry in std::fs::read_dir(&folder).expect("a folder").take(2) {
        std::fs::remove_file(entry.expect("a file").path()).expect("a file");
    }
    let ran = world.sync(&[]).exits(1);
    assert_eq!(ran.failures(), ["disk calories", "disk calories"]);
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);
}
