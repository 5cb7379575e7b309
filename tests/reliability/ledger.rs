//! A ledger that cannot be read back is rebuilt, and the run says so.

use fitsync::ledger::entry::State;
use fitsync_sim::{Effect, Fault, Host};

use crate::check::{self, entries};
use crate::gateway::{Gateway, USER};
use crate::{asked, connected, run};

fn month_files(gateway: &Gateway) -> Vec<std::path::PathBuf> {
    let folder = gateway.data().join("ledger").join(USER);
    let files = std::fs::read_dir(folder).expect("a ledger").flatten().map(|entry| entry.path());
    files.filter(|path| !path.ends_with("head.json")).collect()
}

fn twenty_days() -> Gateway {
    let mut gateway = connected(1);
    gateway.settings.insert("FITSYNC_LOOKBACK_DAYS".into(), "20".into());
    run(&gateway, &["sync"], 0);
    gateway
}

fn well_but_for_the_copies(gateway: &Gateway) {
    let wrong = check::check(gateway, &[check::days_ago(gateway, 20, 0)]);
    let wrong: Vec<_> = wrong.into_iter().filter(|wrong| !wrong.contains("quarantine/")).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_lost_month_is_rebuilt_from_the_files_without_reading_its_sealed_days_again() {
    let gateway = twenty_days();
    let before = entries(&gateway);
    for damaged in ["", "{\"version\":1,\"days\":{", "{\"version\":1}"] {
        for path in month_files(&gateway) {
            std::fs::write(path, damaged).expect("damage");
        }
        gateway.sim.clear_requests();
        let ran = run(&gateway, &["sync"], 0);
        assert!(
            ran.said.contains("cannot be read") && ran.said.contains("rebuilt"),
            "{}",
            ran.said
        );
        assert!(asked(&gateway, "dataTypes") <= 2, "the running day alone is asked");
        let after = entries(&gateway);
        assert_eq!(after.len(), before.len());
        for (name, entry) in &before {
            let now = &after[name];
            assert_eq!((entry.rows, &entry.file.sha256), (now.rows, &now.file.sha256), "{name:?}");
            assert!(entry.state != State::Sealed || now.state == State::Sealed, "{name:?}");
        }
        well_but_for_the_copies(&gateway);
    }
}

#[test]
fn an_upload_that_finds_a_lost_month_leaves_it_to_the_next_sync() {
    let gateway = twenty_days();
    for path in month_files(&gateway) {
        std::fs::write(path, "").expect("damage");
    }
    run(&gateway, &["upload"], 0);
    run(&gateway, &["sync"], 0);
    well_but_for_the_copies(&gateway);
}

#[test]
fn a_ledger_that_is_gone_is_noticed_and_rebuilt_like_one_that_cannot_be_read() {
    let gateway = twenty_days();
    let before = entries(&gateway);
    for path in month_files(&gateway) {
        std::fs::remove_file(path).expect("damage");
    }
    gateway.sim.clear_requests();
    let ran = run(&gateway, &["sync"], 0);
    assert!(ran.said.contains("is gone") && ran.said.contains("rebuilt"), "{}", ran.said);
    assert!(asked(&gateway, "dataTypes") <= 2, "the running day alone is asked");
    assert_eq!(entries(&gateway).len(), before.len());
    well_but_for_the_copies(&gateway);
    // All of it, with the head.
    std::fs::remove_dir_all(gateway.data().join("ledger")).expect("damage");
    run(&gateway, &["sync"], 0);
    assert_eq!(entries(&gateway).len(), before.len());
    well_but_for_the_copies(&gateway);
}

fn lose_ledger_and_files(gateway: &Gateway) {
    for path in month_files(gateway) {
        std::fs::write(path, "").expect("damage");
    }
    std::fs::remove_dir_all(gateway.data().join("users")).expect("damage");
    gateway.sim.clear_requests();
}

#[test]
fn a_lost_month_whose_files_are_gone_as_well_is_rebuilt_from_the_bucket() {
    let gateway = twenty_days();
    lose_ledger_and_files(&gateway);
    run(&gateway, &["sync"], 0);
    assert!(asked(&gateway, "/completeness/") > 0, "the bucket is asked");
    assert!(asked(&gateway, "dataTypes") <= 2, "the running day alone is asked");
    well_but_for_the_copies(&gateway);
}

#[test]
fn a_lost_month_that_nothing_is_left_of_is_read_again() {
    let gateway = twenty_days();
    let bucket = gateway.sim.s3_dir().join(gateway.sim.bucket());
    let completeness = bucket.join("users").join(USER).join("completeness");
    std::fs::remove_dir_all(completeness).expect("damage");
    lose_ledger_and_files(&gateway);
    run(&gateway, &["sync"], 0);
    well_but_for_the_copies(&gateway);
}

#[test]
fn a_bucket_that_does_not_answer_never_keeps_a_lost_month_from_being_read_again() {
    let gateway = twenty_days();
    lose_ledger_and_files(&gateway);
    let ill = Effect::Status { status: 403, retry_after_s: None };
    gateway.sim.inject(Fault::always(ill).host(Host::S3).method("GET"));
    let ran = run(&gateway, &["sync"], 0);
    assert!(ran.said.contains("is rebuilt without it"), "{}", ran.said);
    well_but_for_the_copies(&gateway);
}

#[test]
fn a_lost_head_costs_a_few_requests() {
    let gateway = twenty_days();
    let head = gateway.data().join("ledger").join(USER).join("head.json");
    std::fs::write(&head, "{").expect("damage");
    run(&gateway, &["sync"], 0);
    well_but_for_the_copies(&gateway);
    std::fs::remove_file(&head).expect("damage");
    let ran = run(&gateway, &["sync"], 0);
    assert_eq!(ran.said.matches("head.json was lost").count(), 1, "{}", ran.said);
    well_but_for_the_copies(&gateway);
    gateway.sim.clear_requests();
    run(&gateway, &["sync"], 0);
    assert_eq!(gateway.sim.requests().len(), 1);
}
