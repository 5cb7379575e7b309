//! Bad sectors, single faults and odd files: one file costs one file, never a consent or a day.

use std::path::PathBuf;

use fitsync::ledger::entry::State;
use fitsync_sim::Rotation;

use crate::check::{self, check, days_ago, entries};
use crate::faulty::{self, EINVAL, EIO, Fault};
use crate::gateway::{Gateway, USER};
use crate::{all_well, asked, connected, expire, run, token_text};

/// With a token file and the one before, of a provider that rotates.
fn rotated() -> Gateway {
    let gateway = connected(1);
    gateway.sim.set_rotation(Rotation::Rotate);
    run(&gateway, &["sync"], 0);
    expire(&gateway);
    run(&gateway, &["sync"], 0);
    gateway
}

fn token_file(gateway: &Gateway, end: &str) -> PathBuf {
    gateway.tokens().join(format!("{USER}{end}"))
}

fn temporary(gateway: &Gateway) -> PathBuf {
    gateway.tokens().join(format!(".{USER}.json.tmp"))
}

fn unread(path: &str) -> Fault {
    Fault::new("read", path, EIO)
}

#[track_caller]
fn well_but_for_the_copies(gateway: &Gateway, days: i32) {
    let wrong = check(gateway, &[days_ago(gateway, days, 0)]);
    let copy = |wrong: &String| wrong.contains("quarantine/") || wrong.contains("unreadable/");
    let wrong: Vec<_> = wrong.into_iter().filter(|wrong| !copy(wrong)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Its place in the folder of the ledger.
fn month_file(gateway: &Gateway) -> String {
    format!("/{}.json", days_ago(gateway, 0, 0).0.strftime("%Y-%m"))
}

#[test]
fn under_the_newest_token_the_one_before_serves_and_a_sign_in_heals() {
    let gateway = connected(1);
    run(&gateway, &["sync"], 0);
    expire(&gateway);
    run(&gateway, &["sync"], 0);
    let ran = faulty::run(&gateway, &["sync"], &unread("/user_001.json"), 0);
    assert_eq!(ran.said.matches("replace the card").count(), 1, "{}", ran.said);
    assert!(ran.said.contains("/user_001.json cannot be read back"), "{}", ran.said);
    // A real file that is answered so.
    std::fs::remove_file(token_file(&gateway, ".json")).expect("a token");
    std::os::unix::fs::symlink("/proc/self/mem", token_file(&gateway, ".json")).expect("a link");
    run(&gateway, &["login", USER], 0);
    run(&gateway, &["sync"], 0);
    well_but_for_the_copies(&gateway, 1);
}

#[test]
fn nobody_has_to_sign_in_where_the_one_before_cannot_be_read_either() {
    let gateway = connected(1);
    run(&gateway, &["sync"], 0);
    expire(&gateway);
    run(&gateway, &["sync"], 0);
    let whole = token_text(&gateway);
    std::fs::write(token_file(&gateway, ".json"), "{").expect("damage");
    // Once is not at all.
    faulty::run(&gateway, &["sync"], &unread(".json.prev").times(1), 0);
    std::fs::write(token_file(&gateway, ".json"), "{").expect("damage");
    let ran = faulty::run(&gateway, &["sync"], &unread(".json.prev"), 1);
    assert!(!ran.said.contains("sign in again"), "{}", ran.said);
    std::fs::write(token_file(&gateway, ".json"), whole).expect("a cure");
    run(&gateway, &["sync"], 0);
}

#[test]
fn under_the_ledger_it_is_rebuilt_and_told_once() {
    let gateway = connected(1);
    run(&gateway, &["sync"], 0);
    for file in ["/head.json".to_owned(), month_file(&gateway)] {
        let ran = faulty::run(&gateway, &["sync"], &unread(&file).times(2), 0);
        assert_eq!(ran.said.matches("replace the card").count(), 1, "{file}: {}", ran.said);
        run(&gateway, &["sync"], 0);
        well_but_for_the_copies(&gateway, 1);
    }
}

#[test]
fn under_a_file_that_waits_its_day_is_read_again() {
    let gateway = connected(1);
    run(&gateway, &["sync", "--no-upload"], 0);
    let yesterday = days_ago(&gateway, 1, 1).0.strftime("%Y%m%d");
    let file = format!("steps_{yesterday}.csv");
    let ran = faulty::run(&gateway, &["upload"], &unread(&file).times(2), 1);
    assert!(ran.said.contains("its day will be read again"), "{}", ran.said);
    gateway.sim.clear_requests();
    run(&gateway, &["sync"], 0);
    assert!(asked(&gateway, "steps") > 0);
    all_well(&gateway);
}

#[test]
fn under_a_file_of_a_lost_month_its_day_is_read_again() {
    let gateway = connected(1);
    run(&gateway, &["sync", "--no-upload"], 0);
    let month = gateway.data().join("ledger").join(USER).join(&month_file(&gateway)[1..]);
    std::fs::write(month, "").expect("damage");
    let yesterday = days_ago(&gateway, 1, 1).0.strftime("%Y%m%d");
    let fault = unread(&format!("steps_{yesterday}.csv")).times(2);
    faulty::run(&gateway, &["sync"], &fault, 0);
    well_but_for_the_copies(&gateway, 1);
}

#[test]
fn under_the_folder_of_a_metric_the_others_go_on() {
    let gateway = connected(1);
    // A file in its place: nothing of steps can be kept.
    let folder = gateway.data().join("users").join(USER).join("steps");
    std::fs::create_dir_all(folder.parent().expect("above")).expect("a folder");
    std::fs::write(&folder, "").expect("damage");
    let ran = run(&gateway, &["sync"], 1);
    assert!(ran.said.contains("metric=steps class=disk"), "{}", ran.said);
    let kept = entries(&gateway);
    let read = |metric: &str, state: State| {
        kept.iter().filter(|((_, name), _)| name == metric).all(|(_, entry)| entry.state == state)
    };
    assert!(read("steps", State::Wanted) && !read("hrv", State::Wanted));
    std::fs::remove_file(&folder).expect("a cure");
    run(&gateway, &["sync"], 0);
    all_well(&gateway);
    let yesterday = days_ago(&gateway, 1, 1).0.to_string();
    let fault = Fault::new("list", "/steps/", EIO);
    let ran = faulty::run(&gateway, &["sync", "--from", &yesterday], &fault, 1);
    assert_eq!(ran.said.matches("replace the card").count(), 1, "{}", ran.said);
    assert!(ran.said.contains("metric=steps class=disk"), "{}", ran.said);
    all_well(&gateway);
}

#[test]
fn one_day_that_cannot_be_kept_marks_no_other_and_its_mark_goes_when_it_is_read() {
    let mut gateway = connected(1);
    gateway.settings.insert("FITSYNC_LOOKBACK_DAYS".into(), "6".into());
    let odd = days_ago(&gateway, 3, 3).0;
    let user = USER.parse().expect("an id");
    let path = gateway.data().join(fitsync::core::user::file_path(&user, "steps", odd));
    std::fs::create_dir_all(&path).expect("damage");
    let ran = run(&gateway, &["sync"], 1);
    assert_eq!(ran.said.matches("[ERROR]").count(), 1, "{}", ran.said);
    let failed = |gateway: &Gateway| {
        let all = entries(gateway).into_iter();
        all.filter(|(_, entry)| entry.error.is_some()).map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(failed(&gateway), [(odd, "steps".to_owned())]);
    std::fs::remove_dir(&path).expect("a cure");
    run(&gateway, &["sync"], 0);
    assert_eq!(failed(&gateway), []);
    assert_eq!(check::check(&gateway, &[days_ago(&gateway, 6, 0)]), Vec::<String>::new());
}

#[test]
fn a_rotated_token_is_written_again_where_its_write_fails() {
    let gateway = rotated();
    for (call, path) in [
        ("fsync", ".user_001.json.tmp"),
        ("write", ".user_001.json.tmp"),
        ("rename", "/user_001.json"),
        ("rename", "/user_001.json.prev"),
        ("fsync", "/tokens/"),
    ] {
        expire(&gateway);
        faulty::run(&gateway, &["sync"], &Fault::new(call, path, EIO).times(1), 0);
        expire(&gateway);
        run(&gateway, &["sync"], 0);
        all_well(&gateway);
    }
}

#[test]
fn a_whole_new_token_that_a_killed_run_left_is_taken_over() {
    let gateway = rotated();
    // As it was before the rename.
    std::fs::rename(token_file(&gateway, ".json"), temporary(&gateway)).expect("a token");
    std::fs::rename(token_file(&gateway, ".json.prev"), token_file(&gateway, ".json"))
        .expect("a token");
    gateway.sim.expire_access_tokens();
    let ran = run(&gateway, &["sync"], 0);
    assert!(ran.said.contains("has taken it"), "{}", ran.said);
    all_well(&gateway);
}

#[test]
fn where_the_provider_refuses_what_was_taken_over_the_older_one_is_tried_once() {
    let gateway = connected(1);
    run(&gateway, &["sync"], 0);
    let whole = token_text(&gateway);
    let good = fitsync::consent::token::Token::parse(&whole).expect("a token").refresh_token;
    let bad = whole.replace(good.expose(), "never-sent");
    std::fs::write(temporary(&gateway), bad).expect("a left-over");
    gateway.sim.expire_access_tokens();
    gateway.sim.clear_requests();
    run(&gateway, &["sync"], 0);
    assert_eq!(asked(&gateway, "/token"), 2);
    all_well(&gateway);
}

#[test]
fn a_fifo_a_device_or_a_folder_is_refused_at_once_for_that_participant_only() {
    let gateway = connected(2);
    run(&gateway, &["sync"], 0);
    let token = token_file(&gateway, ".json");
    let head = gateway.data().join("ledger").join(USER).join("head.json");
    for path in [token, head] {
        let aside = path.with_extension("aside");
        std::fs::rename(&path, &aside).expect("damage");
        for kind in ["fifo", "device", "folder"] {
            match kind {
                "fifo" => {
                    let done = std::process::Command::new("mkfifo").arg(&path).status();
                    assert!(done.expect("mkfifo").success());
                }
                "device" => std::os::unix::fs::symlink("/dev/zero", &path).expect("a device"),
                _ => std::fs::create_dir(&path).expect("a folder"),
            }
            gateway.sim.clear_requests();
            let ran = run(&gateway, &["sync"], 1);
            assert!(ran.said.contains(&format!("a {kind} stands where")), "{}", ran.said);
            assert!(!ran.said.contains("sign in again"), "{}", ran.said);
            assert_eq!(asked(&gateway, "pairedDevices"), 1, "the other one goes on");
            run(&gateway, &["status"], 0);
            let _ = std::fs::remove_file(&path);
            let _ = std::fs::remove_dir(&path);
        }
        std::fs::rename(&aside, &path).expect("a cure");
        run(&gateway, &["sync"], 0);
    }
}

#[test]
fn a_file_system_that_cannot_sync_folders_keeps_nobody_from_signing_in_and_doctor_names_it() {
    let gateway = Gateway::new(std::path::Path::new(env!("CARGO_BIN_EXE_fitsync")));
    let fault = Fault::new("fsync", "/tokens/", EINVAL);
    let mut odd = Gateway::new(std::path::Path::new(env!("CARGO_BIN_EXE_fitsync")));
    let settings = faulty::environment(&fault);
    odd.settings.extend(settings.into_iter().map(|(name, value)| (name.to_owned(), value)));
    let ran = run(&odd, &["login", USER], 0);
    assert!(ran.said.contains("Connected"), "{}", ran.said);
    run(&odd, &["sync"], 0);
    let said = |gateway: &Gateway| {
        let mut doctor = std::process::Command::new(env!("CARGO_BIN_EXE_fitsync"));
        let output = doctor.arg("doctor").env_clear().envs(&gateway.settings).output();
        let output = output.expect("the program runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(said(&odd).contains("cannot make a folder durable"));
    run(&gateway, &["login", USER], 0);
    assert!(!said(&gateway).contains("cannot make a folder durable"));
}
