//! What is asked because the cloud needs time, and of metrics that were added.

use super::*;

#[test]
fn a_day_that_the_device_has_passed_is_asked_alone_when_the_cloud_has_had_its_time() {
    let mut story = Story::settled(NOON, "2026-11-20T09:00:00Z");
    let entry = story.entry(3, State::Provisional);
    entry.passed_at = Some(AsText(at("2026-11-19T12:00:01Z")));
    entry.read_at = entry.passed_at;
    assert!(story.plan().is_idle());
    story.now = at("2026-11-20T12:00:01Z");
    assert_eq!(story.asks(), days(3, 3));
    let entry = story.entry(3, State::Provisional);
    entry.passed_at = Some(AsText(at("2026-11-19T12:00:01Z")));
    entry.read_at = Some(AsText(at("2026-11-20T12:00:01Z")));
    assert!(story.plan().is_idle(), "once");
    // Its device is not paired any more, and the one that is has synced long before.
    story.head.lookback_read_at = Some(AsText(story.now - 25 * HOUR));
    story.device = Device::SyncedAt(at("2026-11-01T09:00:00Z"));
    story.head.read_until = Some(AsText(at("2026-11-01T09:00:00Z")));
    assert_eq!(story.asks(), &days(3, 3) | &days(13, 20), "and then with the look-back");
}

#[test]
fn one_stuck_night_long_ago_is_one_more_day_of_the_look_back() {
    let mut story = Story::settled(NOON, "2026-11-20T09:00:00Z");
    story.head.lookback_read_at = Some(AsText(story.now - 25 * HOUR));
    let long_ago = date(2026, 5, 4);
    let span = story.calendar().span(long_ago);
    let mut day = Day::new(&span, "account");
    let entry = Entry {
        state: State::Provisional,
        passed_at: Some(AsText(at("2026-11-12T12:00:00Z"))),
        read_at: Some(AsText(at("2026-11-19T11:00:00Z"))),
        ..Entry::wanted()
    };
    day.metrics.insert("steps".to_owned(), entry);
    story.days.insert(long_ago, day);
    assert_eq!(story.asks(), &days(13, 20) | &BTreeSet::from([long_ago]));
    story.head.lookback_read_at = Some(AsText(story.now - HOUR));
    assert!(story.plan().is_idle());
}

#[test]
fn what_version_1_sealed_early_is_asked_once_more() {
    let mut story = Story::settled(NOON, "2026-11-20T09:00:00Z");
    let entry = story.entry(3, State::Sealed);
    entry.was_sealed = true;
    entry.read_at = Some(AsText(at("2026-11-14T13:00:00Z")));
    entry.device_synced_at = Some(AsText(at("2026-11-14T12:00:00Z")));
    story.entry(4, State::Sealed);
    assert_eq!(story.asks(), days(3, 3));
    story.head.early_seals_asked = Some(true);
    assert!(story.plan().is_idle());
}

#[test]
fn a_metric_that_is_added_later_is_asked_from_the_first_day_on() {
    let mut story = Story::settled(NOON, "2026-11-20T09:00:00Z");
    story.entry(8, State::Sealed);
    story.head.first_day = Some(AsText(date(2026, 11, 3)));
    assert!(story.plan().is_idle());
    story.head.granted.clear();
    assert_eq!(story.asks(), &days(3, 7) | &days(9, 20));
    story.window.from = Some(date(2026, 11, 6));
    assert_eq!(story.asks(), &days(6, 7) | &days(9, 20));
    story.head.refused.push("steps".to_owned());
    assert!(story.plan().is_idle(), "the provider refuses it: what was noted is asked");
}

#[test]
fn a_device_from_a_drawer_reads_nothing_from_before_the_first_day() {
    let mut story = Story::settled(NOON, "2026-09-20T09:00:00Z");
    story.head.first_day = Some(AsText(date(2026, 11, 13)));
    story.device = Device::SyncedAt(at("2026-11-20T11:00:00Z"));
    assert_eq!(story.asks(), days(13, 20));
    assert_eq!(months(&story.head, story.now, 7, None).len(), 1);
}
