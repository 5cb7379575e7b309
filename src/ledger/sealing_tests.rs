use super::*;
use crate::core::day::{DaySpan, zone};
use crate::ledger::entry::Reading;
use jiff::civil::date;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const DAY_END: &str = "2026-11-03T00:00:00Z";

fn circumstances(now: &str) -> Circumstances {
    Circumstances {
        now: at(now),
        day_end: at(DAY_END),
        device_synced_at: Some(at("2026-11-03T00:15:00Z")),
        is_old: false,
        clock_wrong: false,
        unfinished: false,
    }
}

fn passed(when: &str) -> Entry {
    Entry {
        state: State::Provisional,
        passed_at: Some(AsText(at(when))),
        read_at: Some(AsText(at(when))),
        ..Entry::wanted()
    }
}

fn read_at(entry: &mut Entry, when: &str) {
    entry.read_at = Some(AsText(at(when)));
}

#[test]
fn a_day_is_sealed_by_what_is_read_a_day_after_the_device_has_passed_it() {
    let entry = passed("2026-11-03T00:30:00Z");
    assert!(!entry.seals(&circumstances("2026-11-03T00:30:00Z")));
    assert!(!entry.seals(&circumstances("2026-11-04T00:29:59Z")));
    assert!(entry.seals(&circumstances("2026-11-04T00:30:00Z")));
    assert!(!Entry::wanted().seals(&circumstances("2026-11-20T00:00:00Z")), "not passed yet");
    let to_come = passed("2039-01-01T00:00:00Z");
    assert!(!to_come.seals(&circumstances("2026-11-20T00:00:00Z")), "a clock that has jumped");
}

#[test]
fn what_no_device_tells_is_sealed_by_its_age() {
    let old = Circumstances {
        device_synced_at: None,
        is_old: true,
        ..circumstances("2026-11-10T00:00:00Z")
    };
    assert!(Entry::wanted().seals(&old));
    assert!(!Entry::wanted().seals(&Circumstances { is_old: false, ..old }));
    assert!(!Entry::wanted().seals(&Circumstances { unfinished: true, ..old }));
    let older = Circumstances { unfinished: true, now: at("2026-11-17T00:00:00Z"), ..old };
    assert!(Entry::wanted().seals(&older));
}

#[test]
fn what_the_provider_calls_unfinished_is_waited_for_two_weeks_at_most() {
    let entry = passed("2026-11-03T00:30:00Z");
    let at_work = |now| Circumstances { unfinished: true, ..circumstances(now) };
    assert!(!entry.seals(&at_work("2026-11-04T00:30:00Z")));
    assert!(!entry.seals(&at_work("2026-11-17T00:29:59Z")));
    assert!(entry.seals(&at_work("2026-11-17T00:30:00Z")));
}

#[test]
fn under_a_wrong_clock_a_day_that_the_device_has_passed_is_read_again_when_it_is_right() {
    let wrong = |unfinished| Circumstances {
        clock_wrong: true,
        unfinished,
        ..circumstances("2026-11-03T02:00:00Z")
    };
    assert!(Entry::wanted().seals(&wrong(false)) && Entry::wanted().seals(&wrong(true)));
    let behind =
        Circumstances { device_synced_at: Some(at("2026-11-02T20:00:00Z")), ..wrong(false) };
    assert!(!Entry::wanted().seals(&behind));
}

#[test]
fn a_day_is_asked_once_when_the_cloud_has_had_its_time_and_then_with_each_look_back() {
    let mut entry = passed("2026-11-03T00:30:00Z");
    assert!(!entry.cloud_is_due(at("2026-11-04T00:29:00Z"), true));
    read_at(&mut entry, "2026-11-03T22:00:00Z");
    assert!(entry.cloud_is_due(at("2026-11-04T00:30:00Z"), false));
    read_at(&mut entry, "2026-11-04T00:30:00Z");
    assert!(!entry.cloud_is_due(at("2026-11-04T09:00:00Z"), false));
    assert!(entry.cloud_is_due(at("2026-11-04T22:00:00Z"), true), "still unfinished");
    entry.state = State::Sealed;
    assert!(!entry.cloud_is_due(at("2026-11-04T22:00:00Z"), true));
    read_at(&mut entry, "2026-11-03T22:00:00Z");
    assert!(entry.cloud_is_due(at("2026-11-04T22:00:00Z"), false), "sealed by its age");
}

#[test]
fn what_version_1_sealed_while_the_cloud_was_at_work_is_known_by_its_times() {
    let entry = |read: &str, synced: &str| Entry {
        state: State::Sealed,
        was_sealed: true,
        read_at: Some(AsText(at(read))),
        device_synced_at: Some(AsText(at(synced))),
        ..Entry::wanted()
    };
    let now = at("2026-12-01T00:00:00Z");
    let early = |read, synced| entry(read, synced).sealed_early(at(DAY_END), 7, now);
    assert!(early("2026-11-14T09:00:00Z", "2026-11-14T08:00:00Z"), "offline for eleven days");
    assert!(!early("2026-11-09T09:00:00Z", "2026-11-09T08:00:00Z"), "the look-back read it again");
    assert!(!early("2026-11-14T09:00:00Z", "2026-11-13T09:00:00Z"), "the cloud had its time");
    let late = entry("2026-11-14T09:00:00Z", "2026-11-14T08:00:00Z");
    assert!(!late.sealed_early(at(DAY_END), 7, at("2027-02-02T00:00:00Z")), "too long ago");
    let waited = Entry { passed_at: Some(AsText(now)), ..late };
    assert!(!waited.sealed_early(at(DAY_END), 7, now), "of this version");
}

#[test]
fn the_moment_of_passing_is_noted_once_and_later_days_tell_it_of_earlier_ones() {
    let day = |number| {
        let span = DaySpan::natural(date(2026, 11, number), &zone("UTC").unwrap(), "UTC");
        let mut day = Day::new(&span, "account");
        day.metrics.insert("steps".to_owned(), Entry::wanted());
        day
    };
    let mut days: Vec<Day> = (1..=4).map(day).collect();
    let (first, second) = (at("2026-11-03T00:30:00Z"), at("2026-11-05T00:30:00Z"));
    note_passed(days[1..].iter_mut(), at("2026-11-03T00:15:00Z"), first);
    let told = |days: &[Day]| -> Vec<_> {
        days.iter().map(|day| day.metrics["steps"].passed_at.map(|at| *at)).collect()
    };
    assert_eq!(told(&days), [None, Some(first), None, None]);
    // A day that is asked for the first time lies before one that was passed long ago.
    note_passed(days.iter_mut(), at("2026-11-05T00:15:00Z"), second);
    assert_eq!(told(&days), [Some(first), Some(first), Some(second), Some(second)]);
    days[3].metrics.get_mut("steps").unwrap().passed_at = Some(AsText(at("2039-01-01T00:00:00Z")));
    note_passed(days.iter_mut(), at("2026-11-05T00:15:00Z"), second);
    assert_eq!(told(&days)[3], Some(second), "noted by a clock that had jumped");
}

#[test]
fn a_day_that_waits_for_the_cloud_keeps_its_month_open() {
    let mut entry = passed("2026-11-03T00:30:00Z");
    assert!(entry.has_open_work());
    entry.settle(&Reading {
        rows: 1,
        sha256: "a".to_owned(),
        bytes: 1,
        at: at("2026-11-04T00:30:00Z"),
        device_synced_at: None,
        seals: true,
        unfinished: false,
        clock_wrong: false,
        provider: "p",
        data_source: "d",
    });
    assert!(!entry.has_open_work());
}
