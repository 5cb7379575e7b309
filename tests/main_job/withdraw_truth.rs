//! A withdrawal tells the truth: what is called done is gone, and what is not is told, kept in mind
//! and finished.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use fitsync_sim::Participant;
use serde_json::{Value, json};

use crate::bucket::{Bucket, Rules};
use crate::scripted::Answer;
use crate::world::{Ran, USER, WHO, World, plain};

const ALL: &str = "users/user_001/";
const WITHDRAW: [&str; 4] = ["withdraw", USER, "--delete-objects", "--yes"];

/// Two participants whose days are in a bucket of ours.
fn two(rules: Rules) -> (World, Bucket) {
    let bucket = Bucket::start(rules);
    let mut world = World::new(plain(Participant::numbered(2)));
    world.set("AWS_ENDPOINT_URL_S3", &bucket.server.url);
    world.connect(USER, WHO);
    world.connect("user_002", "p2");
    world.sync(&[]).exits(0);
    assert!(bucket.left(ALL).len() > 10);
    (world, bucket)
}

fn marker(world: &World) -> Value {
    let bytes = std::fs::read(world.dir.join("tokens/user_001.withdrawn")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// Of every participant's file here but lock and marker, as far as it is of the one.
fn lie_here(world: &World) -> Vec<String> {
    let names = world.snapshot().into_keys();
    let names = names.map(|path| path.to_string_lossy().into_owned());
    names
        .filter(|name| name.contains("/user_001/") || name.contains("/user_001."))
        .map(|name| name.rsplit('/').next().unwrap().to_owned())
        .filter(|name| name != "user_001.lock" && name != "user_001.withdrawn")
        .collect()
}

/// Whether it was called done; if so nothing is left of it anywhere.
#[track_caller]
fn check(name: &str, ran: &Ran, world: &World, bucket: &Bucket) -> bool {
    let told_done = ran.stdout.contains("Done. This id cannot sign in again.");
    assert_eq!(ran.code == 0, told_done, "{name}: {} {}", ran.stdout, ran.stderr);
    if ran.code == 0 {
        assert_eq!(bucket.left(ALL), Vec::<String>::new(), "{name}");
        assert_eq!(lie_here(world), Vec::<String>::new(), "{name}");
    }
    ran.code == 0
}

#[test]
fn after_exit_0_nothing_can_be_listed_or_fetched_and_what_is_owed_is_finished() {
    let good = Rules::VERSIONED;
    let instead = |answer| Rules { instead: Some(answer), ..good };
    let page = || Answer::new(200).header("Content-Type", "text/html").body("<html></html>");
    for (name, rules) in [
        ("versions unseen", Rules { list_versions: false, see_versioning: false, ..good }),
        ("versions stay", Rules { delete_versions: false, ..good }),
        ("nothing listed", Rules { list: false, list_versions: false, ..good }),
        ("wrong secret", instead(|| Answer::error(403, "SignatureDoesNotMatch"))),
        ("no bucket", instead(|| Answer::error(404, "NoSuchBucket"))),
        ("a page", instead(page)),
    ] {
        let (world, bucket) = two(good);
        bucket.rule(rules);
        for time in ["first", "second"] {
            let ran = world.run(&WITHDRAW).exits(1);
            assert!(!check(name, &ran, &world, &bucket), "{name}, {time}");
            assert!(ran.stdout.contains("NOT YET all"), "{name}: {}", ran.stdout);
        }
        assert!(!bucket.left(ALL).is_empty(), "{name}: a case for a refusal");
        world.sync(&[]).exits(1).says("user=user_001");
        let owed = world.status(USER)["message"].as_str().unwrap_or_default().to_owned();
        // The ledger stays as long: it knows the names.
        assert_eq!(owed.split(" (").next(), Some("not done yet: local files; objects in S3"));
        bucket.rule(good);
        world.sync(&[]).exits(0).says("the withdrawal is complete");
        assert!(check(name, &world.run(&WITHDRAW), &world, &bucket), "{name}");
        assert!(!bucket.left("users/user_002/").is_empty());
    }
}

#[test]
fn asked_for_again_the_objects_are_listed_and_deleted_anew() {
    let (world, bucket) = two(Rules::PLAIN);
    let ran = world.run(&["withdraw", USER, "--yes"]).exits(0);
    assert!(ran.stdout.contains("stored objects   kept"));
    let denied = Rules { list: false, list_versions: false, ..Rules::PLAIN };
    for rules in [denied, Rules { instead: Some(|| Answer::new(404)), ..Rules::PLAIN }] {
        bucket.rule(rules);
        assert!(!check("again", &world.run(&WITHDRAW).exits(1), &world, &bucket));
    }
    bucket.rule(Rules::PLAIN);
    assert!(check("again", &world.run(&WITHDRAW), &world, &bucket));
    // Somebody put one back; the marker says that all are gone.
    bucket.put("users/user_001/steps/copy.csv");
    let ran = world.run(&WITHDRAW).exits(0);
    assert!(check("once more", &ran, &world, &bucket));
}

#[test]
fn a_bucket_that_has_nothing_of_what_was_sent_is_asked_about() {
    let (mut world, bucket) = two(Rules::PLAIN);
    let wrong = Bucket::start(Rules::PLAIN);
    world.set("AWS_ENDPOINT_URL_S3", &wrong.server.url);
    let ran = world.run(&WITHDRAW).exits(1).says("check S3_BUCKET_RAW");
    assert!(!check("wrong bucket", &ran, &world, &bucket));
    world.sync(&[]).exits(1).says("check S3_BUCKET_RAW");
    world.set("AWS_ENDPOINT_URL_S3", &bucket.server.url);
    world.sync(&["--no-upload"]).exits(0).says("the withdrawal is complete");
    assert!(check("right bucket", &world.run(&WITHDRAW), &world, &bucket));
    // Deleted by somebody else: who asks for the same bucket again is believed.
    let (mut world, bucket) = two(Rules::PLAIN);
    world.set("AWS_ENDPOINT_URL_S3", &wrong.server.url);
    let ran = world.run(&WITHDRAW).exits(1);
    assert!(ran.stdout.contains("once more ends it"), "{}", ran.stdout);
    let ran = world.run(&WITHDRAW).exits(0);
    assert!(check("believed", &ran, &world, &wrong) && !bucket.left(ALL).is_empty());
}

#[test]
fn a_retention_is_told_once_a_day_with_its_end() {
    let (world, bucket) = two(Rules::VERSIONED);
    bucket.lock("user_001/calories", Some("2099-01-02T03:04:05Z"), false);
    bucket.lock("user_001/steps", Some("2098-01-01T00:00:00Z"), false);
    let locked =
        bucket.left("users/user_001/calories").len() + bucket.left("users/user_001/steps").len();
    let ran = world.run(&WITHDRAW).exits(1).says("the last until 2099-01-02T03:04:05Z");
    assert_eq!(bucket.left(ALL).len(), locked, "all the others go");
    let one = "_calories_";
    let lines = ran.stdout.lines().filter(|line| line.contains("left: ") && line.contains(one));
    let mut lines = lines.peekable();
    assert!(lines.peek().is_some());
    assert!(lines.all(|line| line.contains("under retention until 2099-01-02T03:04:05Z")));
    let until = "under retention until 2099-01-02T03:04:05Z";
    let owed = world.status(USER)["message"].as_str().unwrap().to_owned();
    assert_eq!(owed, format!("not done yet: objects in S3 ({locked}) {until}"));
    let asked = bucket.asked("DELETE", "");
    world.sync(&[]).exits(0);
    assert_eq!(bucket.asked("DELETE", ""), asked, "told today");
    let mut old = marker(&world);
    old["retention_told_at"] = json!("2026-01-01T00:00:00Z");
    std::fs::write(world.dir.join("tokens/user_001.withdrawn"), old.to_string()).unwrap();
    world.sync(&[]).exits(1).says("the last until 2099");
    world.sync(&[]).exits(0);
    bucket.lock("user_001/", None, false);
    assert!(check("free", &world.run(&WITHDRAW), &world, &bucket));
    // A legal hold names no end.
    let (world, bucket) = two(Rules::VERSIONED);
    bucket.lock("user_001/calories", None, true);
    let ran = world.run(&WITHDRAW).exits(1);
    assert!(ran.stdout.contains("under legal hold"), "{}", ran.stdout);
    (0..2).for_each(|_| drop(world.sync(&[]).exits(1).says("under legal hold")));
}

#[test]
fn how_many_objects_there_are_is_said_before_the_id_is_typed() {
    let (world, bucket) = two(Rules::PLAIN);
    let asked = || {
        let mut command = world.command(&["withdraw", USER, "--delete-objects"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"no\n").unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let count = bucket.left(ALL).len();
    let said = asked();
    assert!(said.contains(&format!("and deletes {count} objects in S3 (s3://")), "{said}");
    bucket.rule(Rules { list: false, list_versions: false, ..Rules::PLAIN });
    let said = asked();
    assert!(said.contains("how much that is the store does not say"), "{said}");
    assert!(said.contains("s3:ListBucket"), "{said}");
    assert_eq!(bucket.left(ALL).len(), count);
}

/// Sets or takes the flag that even root may not remove a file with; whether that can be done.
fn immutable(path: &Path, flag: &str) -> bool {
    Command::new("chattr").arg(flag).arg(path).status().is_ok_and(|status| status.success())
}

/// A file of each kind that a withdrawal removes.
fn of_each_kind(world: &World) -> Vec<std::path::PathBuf> {
    let of = |folder: &str, part: &str| {
        let files = world.snapshot().into_keys();
        let mut files = files.filter(|path| {
            let path = path.to_string_lossy();
            path.contains(&format!("/{folder}")) && path.contains(part)
        });
        files.next().unwrap_or_else(|| panic!("no {folder} {part}"))
    };
    vec![
        of("tokens/user_001.json", ".prev"),
        of("users/user_001/", "_steps_"),
        of("ledger/user_001/", "head.json"),
    ]
}

#[test]
fn a_file_that_cannot_be_removed_is_named_and_removed_by_the_first_run_that_can() {
    for kind in 0..3 {
        let (world, _bucket) = two(Rules::PLAIN);
        let previous = world.dir.join("tokens/user_001.json.prev");
        std::fs::copy(world.token_file(USER), previous).unwrap();
        let path = of_each_kind(&world).swap_remove(kind);
        if !immutable(&path, "+i") {
            eprintln!("skipped: no file can be made immutable here");
            return;
        }
        let ran = world.run(&["withdraw", USER, "--yes"]);
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let again = world.sync(&[]);
        let marked = marker(&world);
        let left = lie_here(&world);
        let owed = world.status(USER)["message"].clone();
        let repair = world.run(&["verify", "--repair"]);
        immutable(&path, "-i");
        assert_eq!(ran.code, 1, "{} {}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains("NOT YET all: 1 stay\n    left: disk: cannot remove"));
        assert!(ran.stdout.contains(&name) && !ran.stdout.contains("Done."), "{}", ran.stdout);
        again.exits(1).says("withdrawal: cannot remove");
        repair.exits(1).says("withdrawal: cannot remove");
        assert_eq!((left, &marked["local_removed_at"]), (vec![name], &Value::Null));
        assert_eq!(owed, "not done yet: files here that cannot be removed (1)");
        let last: &[&str] = [["upload"].as_slice(), &["verify", "--repair"], &["sync"]][kind];
        world.run(last).exits(0).says("the withdrawal is complete");
        assert_eq!(lie_here(&world), Vec::<String>::new());
        assert_eq!(marker(&world)["files_left_count"], Value::Null);
    }
}

#[test]
fn what_lies_here_of_somebody_who_withdrew_goes_whatever_the_marker_says() {
    let (world, _bucket) = two(Rules::PLAIN);
    let before = world.snapshot();
    world.run(&["withdraw", USER, "--yes"]).exits(0);
    // As a power cut, or a copy that somebody put back, may bring it again.
    for (path, (_, bytes)) in &before {
        let name = path.to_string_lossy();
        if name.contains("/user_001") && !name.ends_with(".lock") {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }
    let aside =
        ["tokens/unreadable/user_001.json.prev.0f", "data/quarantine/user_001_head.json.0f"];
    for name in aside.into_iter().chain(["tokens/.user_001.json.tmp", "tokens/user_001.former"]) {
        let path = world.dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x").unwrap();
    }
    std::fs::create_dir_all(world.dir.join("tokens/user_001.json.prev/a")).unwrap();
    assert!(lie_here(&world).len() > 20);
    world.sync(&[]).exits(0).says("files lie here all the same");
    assert_eq!(lie_here(&world), Vec::<String>::new());
    assert!(!world.dir.join("tokens/user_001.json.prev").exists());
    let quiet = world.sync(&[]).exits(0);
    assert!(!quiet.stderr.contains("user=user_001"), "{}", quiet.stderr);
}
