use super::*;
use crate::core::day::zone;
use jiff::civil::date;
use std::path::PathBuf;

fn scratch(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("fitsync-ledger-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    files::make_folder(&dir).unwrap();
    dir
}

fn user() -> UserId {
    "user_001".parse().unwrap()
}

fn want(ledger: &mut Ledger, date: Date) {
    let span = DaySpan::natural(date, &zone("UTC").unwrap(), "UTC");
    ledger.note("steps", date, &span, "account", State::Wanted);
}

fn named(ledger: &Ledger) -> Vec<String> {
    ledger.named_months().iter().map(ToString::to_string).collect()
}

#[test]
fn a_backfill_that_is_killed_after_its_first_write_is_still_owed() {
    let dir = scratch("owed");
    let mut ledger = Ledger::open(&dir, &user()).unwrap();
    want(&mut ledger, date(2020, 3, 1));
    ledger.save_months().unwrap();
    assert_eq!(named(&Ledger::open(&dir, &user()).unwrap()), ["2020-03"]);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn months_without_open_work_are_not_named_but_recent_ones_are() {
    let dir = scratch("named");
    let mut ledger = Ledger::open(&dir, &user()).unwrap();
    ledger.keep_named([MonthKey::of(date(2026, 11, 1))].into());
    want(&mut ledger, date(2020, 3, 1));
    ledger.save().unwrap();
    assert_eq!(named(&Ledger::open(&dir, &user()).unwrap()), ["2020-03", "2026-11"]);
    ledger.entry_mut("steps", date(2020, 3, 1)).unwrap().state = State::Sealed;
    ledger.save().unwrap();
    assert_eq!(named(&Ledger::open(&dir, &user()).unwrap()), ["2026-11"]);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_ledger_that_cannot_be_read_is_kept_and_its_loss_is_noticed_until_it_is_mended() {
    let dir = scratch("lost");
    let mut ledger = Ledger::open(&dir, &user()).unwrap();
    want(&mut ledger, date(2026, 10, 5));
    ledger.save().unwrap();
    let folder = dir.join("ledger/user_001");
    for text in ["", "{\"version\":1,\"days\":", "{\"version\":1}"] {
        std::fs::write(folder.join("2026-10.json"), text).unwrap();
        // An upload that comes first does not mend it, and does not hide it.
        for _ in 0..2 {
            let mut ledger = Ledger::open(&dir, &user()).unwrap();
            ledger.open_months(ledger.named_months()).unwrap();
            assert_eq!(ledger.lost.len(), 1, "{text:?}");
            ledger.save().unwrap();
        }
    }
    assert_eq!(files::names(&dir.join("quarantine")).unwrap().len(), 3);
    let mut ledger = Ledger::open(&dir, &user()).unwrap();
    ledger.open_months(ledger.named_months()).unwrap();
    ledger.restore(MonthKey::of(date(2026, 10, 5)), Month::default());
    want(&mut ledger, date(2026, 10, 6));
    ledger.save().unwrap();
    let mut ledger = Ledger::open(&dir, &user()).unwrap();
    ledger.open_months(ledger.named_months()).unwrap();
    assert!(ledger.lost.is_empty() && ledger.days().contains_key(&date(2026, 10, 6)));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_lost_head_is_gathered_from_the_months() {
    let dir = scratch("head");
    let mut ledger = Ledger::open(&dir, &user()).unwrap();
    want(&mut ledger, date(2025, 1, 7));
    want(&mut ledger, date(2026, 10, 5));
    ledger.save().unwrap();
    let head = dir.join("ledger/user_001/head.json");
    let damages: [&dyn Fn(); 2] =
        [&|| std::fs::write(&head, "{").unwrap(), &|| std::fs::remove_file(&head).unwrap()];
    for damage in damages {
        damage();
        let mut ledger = Ledger::open(&dir, &user()).unwrap();
        assert_eq!(named(&ledger), ["2025-01", "2026-10"]);
        ledger.open_months(ledger.named_months()).unwrap();
        assert_eq!(ledger.head.first_day.map(|day| *day), Some(date(2025, 1, 7)));
        ledger.save().unwrap();
    }
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_file_of_a_newer_version_is_left_untouched_whatever_else_is_in_it() {
    let dir = scratch("newer");
    let mut ledger = Ledger::open(&dir, &user()).unwrap();
    want(&mut ledger, date(2026, 10, 5));
    ledger.save().unwrap();
    for name in ["2026-10.json", "head.json"] {
        let path = dir.join("ledger/user_001").join(name);
        let newer = "{\"version\":2,\"days\":[\"of another kind\"]}";
        std::fs::write(&path, newer).unwrap();
        let opened = Ledger::open(&dir, &user());
        let opened = opened.and_then(|mut ledger| ledger.open_months(ledger.named_months()));
        let failure = opened.unwrap_err();
        assert_eq!(failure.class, ErrorClass::Newer);
        assert!(failure.what.contains("install fitsync 2 or newer"), "{failure}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), newer);
    }
    assert!(!dir.join("quarantine").exists());
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn what_the_disk_does_not_give_back_is_lost_and_kept_aside_once() {
    let dir = scratch("eio");
    let mut ledger = Ledger::open(&dir, &user()).unwrap();
    want(&mut ledger, date(2026, 10, 5));
    ledger.save().unwrap();
    for name in ["2026-10.json", "head.json"] {
        let path = dir.join("ledger/user_001").join(name);
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/proc/self/mem", &path).unwrap();
    }
    for _ in 0..2 {
        let mut ledger = Ledger::open(&dir, &user()).unwrap();
        ledger.open_months(ledger.named_months()).unwrap();
        assert!(ledger.head_lost && ledger.lost.len() == 1);
    }
    assert_eq!(files::names(&dir.join("quarantine")).unwrap().len(), 2);
    std::fs::remove_dir_all(dir).unwrap();
}
