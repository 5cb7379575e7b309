//! Wrong use: one line that says what and how to cure it, exit 2, nothing written, nothing asked.

use std::os::unix::fs::PermissionsExt as _;

use fitsync_sim::Participant;

use crate::world::{Ran, USER, WHO, World, one, plain, ran};

#[track_caller]
fn is_refused(world: &World, run: impl Fn() -> Ran, words: &[&str]) {
    let before = world.snapshot();
    world.sim.clear_requests();
    let ran = run().exits(2);
    assert_eq!(ran.stdout, "");
    assert_eq!(ran.stderr.lines().count(), 1, "more than a line: {}", ran.stderr);
    for word in words {
        assert!(ran.stderr.contains(word), "no {word:?} in: {}", ran.stderr);
    }
    assert_eq!(world.snapshot(), before, "{words:?}: something was written");
    assert!(world.asked("").is_empty(), "{words:?}: something was asked");
}

#[test]
fn a_command_line_that_makes_no_sense_is_refused_in_one_line() {
    let world = World::connected(plain(one()));
    let cases: [(&[&str], &[&str]); 20] = [
        (&[], &["--help"]),
        (&["frobnicate"], &["frobnicate", "--help"]),
        (&["sync", "--frobnicate"], &["--frobnicate", "--help"]),
        (&["sync", "extra"], &["extra", "--help"]),
        (&["login"], &["user", "--help"]),
        (&["login", "../x"], &["../x", "participant id"]),
        (&["login", ""], &["participant id"]),
        (&["login", USER, "--timeout", "0"], &["--timeout", "1440"]),
        (&["login", USER, "--timeout=soon"], &["timeout"]),
        (&["login", USER, "--collect-from", "monday"], &["--collect-from", "2026-11-22"]),
        (
            &["login", USER, "--collect-from", "2026-02-02", "--collect-until", "2026-02-01"],
            &["--collect-from is after --collect-until"],
        ),
        (&["sync", "--user", "../x"], &["../x", "participant id"]),
        (&["sync", "--user", "user_999"], &["user_999 is not known", "fitsync login user_999"]),
        (&["sync", "--metric", "moods"], &["moods", "steps", "wrist_temp"]),
        (&["sync", "--from", "2026-11-02", "--to", "2026-11-01"], &["--from is after --to"]),
        (&["sync", "--to", "2026-11-01"], &["--to needs --from"]),
        (&["sync", "--from", "2999-01-01"], &["--from is after today"]),
        (&["sync", "--from", "01.11.2026"], &["--from", "01.11.2026", "2026-11-22"]),
        (&["sync", "--from", "1026-11-01"], &["--from", "2007"]),
        (&["status", "--user", "a/b"], &["a/b", "participant id"]),
    ];
    for (arguments, words) in cases {
        is_refused(&world, || world.run(arguments), words);
    }
}

#[test]
fn a_setting_that_makes_no_sense_is_named_with_the_cure() {
    let world = World::connected(plain(one()));
    let cases: [(&str, &str, &[&str]); 17] = [
        ("FITSYNC_THREAD", "2", &["FITSYNC_THREAD", "did you mean FITSYNC_THREADS"]),
        ("FITSYNC_METRIC", "steps", &["did you mean FITSYNC_METRICS"]),
        ("FITSYNC_LOOKBACKDAYS", "3", &["did you mean FITSYNC_LOOKBACK_DAYS"]),
        ("FITSYNC_THREADS", "0", &["FITSYNC_THREADS", "1 to 64"]),
        ("FITSYNC_THREADS", "many", &["FITSYNC_THREADS", "1 to 64"]),
        ("FITSYNC_METRICS", "steps,moods", &["moods", "calories"]),
        ("FITSYNC_METRICS", ",", &["FITSYNC_METRICS", "names no metric"]),
        ("FITSYNC_DATA_DIR", "/etc/passwd", &["FITSYNC_DATA_DIR", "/etc/passwd", "not a folder"]),
        ("TOKEN_STORE_DIR", "/etc/passwd/x", &["TOKEN_STORE_DIR", "not a folder"]),
        ("FITSYNC_LOOKBACK_DAYS", "-1", &["FITSYNC_LOOKBACK_DAYS", "whole number"]),
        ("FITSYNC_TIME_ZONE", "Mars/Olympus", &["FITSYNC_TIME_ZONE", "IANA"]),
        ("FITSYNC_LOG", "loud", &["FITSYNC_LOG", "debug"]),
        ("FITSYNC_DATA_SOURCE", "phone", &["FITSYNC_DATA_SOURCE", "google-wearables"]),
        ("FITBIT_USER_IDS", "user_001,../x", &["FITBIT_USER_IDS", "../x"]),
        ("GOOGLE_HEALTH_URL", "http://health.example.org", &["GOOGLE_HEALTH_URL", "https://"]),
        ("FITSYNC_TLS_CERT", "/tmp/cert.pem", &["FITSYNC_TLS_CERT", "FITSYNC_TLS_KEY"]),
        ("FITSYNC_CA_FILE", "/nowhere/ca.pem", &["/nowhere/ca.pem"]),
    ];
    for (name, value, words) in cases {
        let run = || ran(world.command(&["sync"]).env(name, value));
        is_refused(&world, run, words);
    }
}

#[test]
fn a_settings_file_that_cannot_be_read_is_named_without_its_secrets() {
    let world = World::connected(plain(one()));
    let file = world.dir.join(".env");
    let texts: [(&[u8], &str); 3] = [
        (b"GOOGLE_CLIENT_SECRET=abc def ghi\n", "GOOGLE_CLIENT_SECRET"),
        (b"what is this\n", "NAME=value"),
        (b"A=\xff\xfe\n", "UTF-8"),
    ];
    for (text, word) in texts {
        std::fs::write(&file, text).expect("a file");
        is_refused(&world, || world.run(&["sync"]), &[".env", word]);
        assert!(!world.run(&["sync"]).stderr.contains("def"));
    }
    std::fs::remove_file(&file).expect("a file");
    let folder = world.path("");
    is_refused(&world, || world.run(&["--env-file", &folder, "sync"]), &["settings file"]);
    let nowhere = world.path("nowhere.env");
    let run = || world.run(&["--env-file", &nowhere, "sync"]);
    is_refused(&world, run, &["nowhere.env", "no such file"]);
    // A `.env` that is there but is no file was meant to say something.
    std::fs::create_dir(&file).expect("a folder");
    is_refused(&world, || world.run(&["sync"]), &[".env"]);
}

#[test]
fn a_settings_file_from_windows_is_understood() {
    let mut world = World::connected(plain(one()));
    let bucket = world.sim.bucket().to_owned();
    world.unset("S3_BUCKET_RAW");
    let text = format!("\u{feff}# study\r\nexport S3_BUCKET_RAW=\"{bucket}\"\r\n");
    std::fs::write(world.dir.join(".env"), text).expect("a file");
    world.sync(&[]).exits(0);
    assert!(world.check_bucket(USER, WHO) > 0);
}

#[test]
fn a_token_folder_that_others_can_read_is_refused_with_the_cure() {
    let world = World::connected(plain(one()));
    let folder = world.dir.join("tokens");
    let mode = |mode| std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(&folder, mode(0o755)).expect("a mode");
    is_refused(&world, || world.run(&["sync"]), &["chmod 700"]);
    std::fs::set_permissions(&folder, mode(0o700)).expect("a mode");
    world.sync(&[]).exits(0);
}

#[test]
fn a_token_file_that_is_empty_or_cut_is_its_participants_failure_alone() {
    let world = World::new(plain(Participant::numbered(2)));
    world.connect(USER, WHO);
    world.connect("user_002", "p2");
    let file = world.token_file(USER);
    let whole = std::fs::read(&file).expect("a token");
    for broken in [&b""[..], &whole[..whole.len() / 2], b"\0\0\0\0", b"[]"] {
        std::fs::write(&file, broken).expect("a file");
        let _ = std::fs::remove_file(world.dir.join("tokens/user_001.json.prev"));
        let ran = world.sync(&[]).exits(3).says("fitsync login user_001");
        assert_eq!(ran.failures(), ["auth -"]);
        assert_eq!(ran.json()["participants"][1]["failures"], serde_json::json!([]));
        assert_eq!(std::fs::read(&file).expect("the file is kept"), broken);
        assert_eq!(world.status(USER)["state"], "unreadable");
    }
    world.check_bucket("user_002", "p2");
    assert!(world.objects().keys().all(|key| !key.contains(USER)));
    // Signing in again cures it.
    world.connect(USER, WHO);
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);
}

#[test]
fn a_token_file_that_was_cut_is_replaced_by_the_one_before() {
    let world = World::connected(plain(one()));
    world.sim.expire_access_tokens();
    world.sync(&[]).exits(0);
    let file = world.token_file(USER);
    let whole = std::fs::read(&file).expect("a token");
    std::fs::write(&file, &whole[..40]).expect("a file");
    world.sync(&["--from", "2026-11-01", "--to", "2026-11-02"]).exits(0).says("the one before");
    world.check_bucket(USER, WHO);
    let kept = std::fs::read_dir(world.dir.join("tokens/unreadable")).expect("a folder");
    assert_eq!(kept.count(), 1);
}

#[test]
fn help_and_version_are_no_errors() {
    let world = World::new(plain(one()));
    for arguments in [&["--help"][..], &["sync", "--help"], &["login", "-h"], &["--version"]] {
        let ran = world.run(arguments).exits(0);
        assert!(ran.stdout.contains("fitsync") && ran.stderr.is_empty(), "{ran:?}");
    }
}
