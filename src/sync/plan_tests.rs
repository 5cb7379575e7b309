use jiff::civil::date;

use super::*;
use crate::core::json::AsText;
use crate::ledger::entry::Reading;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn days(from: i8, to: i8) -> BTreeSet<Date> {
    range(date(2026, 11, from), date(2026, 11, to)).collect()
}

/// A participant in UTC; the story of a test changes what it needs.
struct Story {
    now: Timestamp,
    head: Head,
    days: BTreeMap<Date, Day>,
    device: Device,
    window: Window,
    today_minutes: u32,
    named: Option<(Date, Date)>,
    granted: bool,
    clock_wrong: bool,
    signed_in: Option<Timestamp>,
}

impl Story {
    fn new(now: &str) -> Self {
        Self {
            now: at(now),
            head: Head::default(),
            days: BTreeMap::new(),
            device: Device::Unknown,
            window: Window::default(),
            today_minutes: 180,
            named: None,
            granted: true,
            clock_wrong: false,
            signed_in: None,
        }
    }

    /// The look-back was read an hour ago, and the device's data until then.
    fn settled(now: &str, device: &str) -> Self {
        let mut story = Self::new(now);
        story.head.lookback_read_at = Some(AsText(at(now) - HOUR));
        story.head.read_until = Some(AsText(at(device)));
        story.head.granted = vec!["steps".to_owned()];
        story.device = Device::SyncedAt(at(device));
        story
    }

    fn entry(&mut self, day: i8, state: State) -> &mut Entry {
        let date = date(2026, 11, day);
        let span = self.calendar().span(date);
        let day = self.days.entry(date).or_insert_with(|| Day::new(&span, "account"));
        let entry = day.metrics.entry("steps".to_owned()).or_insert_with(Entry::wanted);
        entry.state = state;
        entry.device_synced_at = (state == State::Sealed).then(|| AsText(at(NOON)));
        entry
    }

    fn calendar(&self) -> Calendar {
        let fixed = self.days.iter().map(|(&date, day)| (date, day.span())).collect();
        Calendar::new(fixed, "UTC").unwrap()
    }

    fn plan(&self) -> Plan {
        plan(&Inputs {
            now: self.now,
            head: &self.head,
            days: &self.days.iter().map(|(&date, day)| (date, day)).collect(),
            calendar: &self.calendar(),
            device: self.device,
            clock_wrong: self.clock_wrong,
            signed_in: self.signed_in,
            account: "account",
            former: Some("former"),
            window: self.window,
            lookback_days: 7,
            today_minutes: self.today_minutes,
            named: self.named,
            lost: &BTreeSet::new(),
            metrics: &[Wish { name: "steps", granted: self.granted, daily: false }],
        })
    }

    fn asks(&self) -> BTreeSet<Date> {
        self.plan().ask.remove("steps").unwrap_or_default()
    }
}

const HOUR: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);
const NOON: &str = "2026-11-20T12:00:00Z";

#[test]
fn a_first_sync_reads_the_look_back_and_today() {
    let mut story = Story::new(NOON);
    assert_eq!(story.asks(), days(13, 20));
    story.device = Device::SyncedAt(at("2026-11-20T11:50:00Z"));
    assert_eq!(story.asks(), days(13, 20));
    assert_eq!(story.plan().read_until, Some(at("2026-11-20T11:50:00Z")));
}

#[test]
fn nothing_is_asked_while_the_device_is_unchanged() {
    assert!(Story::settled(NOON, "2026-11-20T09:00:00Z").plan().is_idle());
}

#[test]
fn a_device_that_moved_asks_from_the_day_of_its_previous_sync() {
    let mut story = Story::settled(NOON, "2026-11-17T09:00:00Z");
    story.device = Device::SyncedAt(at("2026-11-20T11:00:00Z"));
    assert_eq!(story.asks(), days(17, 20));
    story.head.read_until = Some(AsText(at("2026-11-02T09:00:00Z")));
    assert_eq!(story.asks(), days(2, 20), "also before the look-back");
}

#[test]
fn the_look_back_is_read_once_a_day_whatever_the_device_does() {
    let mut story = Story::settled(NOON, "2026-11-20T09:00:00Z");
    story.head.lookback_read_at = Some(AsText(at("2026-11-19T12:00:01Z")));
    assert!(story.plan().is_idle());
    story.head.lookback_read_at = Some(AsText(at("2026-11-19T12:00:00Z")));
    assert_eq!(story.asks(), days(13, 20));
    // A clock that jumped back does not put the look-back off.
    story.head.lookback_read_at = Some(AsText(at("2038-01-01T00:00:00Z")));
    assert_eq!(story.asks(), days(13, 20));
}

#[test]
fn wanted_days_are_asked_by_every_run() {
    let mut story = Story::settled(NOON, "2026-11-20T09:00:00Z");
    story.entry(3, State::Wanted);
    story.entry(4, State::Sealed);
    assert_eq!(story.asks(), days(3, 3));
}

#[test]
fn the_running_day_is_read_at_most_so_often_and_what_was_put_off_is_not_forgotten() {
    let mut story = Story::settled(NOON, "2026-11-20T09:00:00Z");
    story.entry(20, State::Provisional).read_at = Some(AsText(at(NOON) - HOUR));
    story.device = Device::SyncedAt(at("2026-11-20T11:55:00Z"));
    assert!(story.plan().ask.is_empty());
    assert_eq!(story.plan().read_until, Some(at("2026-11-20T09:00:00Z")), "still to be asked");
    story.now = at("2026-11-20T14:00:00Z");
    assert_eq!(story.asks(), days(20, 20));
    assert_eq!(story.plan().read_until, Some(at("2026-11-20T11:55:00Z")));
}

#[test]
fn with_zero_minutes_only_ended_days_are_read_and_none_is_lost() {
    let mut story = Story::settled(NOON, "2026-11-19T21:00:00Z");
    story.today_minutes = 0;
    story.device = Device::SyncedAt(at("2026-11-20T11:00:00Z"));
    assert_eq!(story.asks(), days(19, 19));
    assert_eq!(story.plan().read_until, Some(at("2026-11-20T00:00:00Z")));
    story.head.read_until = story.plan().read_until.map(AsText);
    story.now = at("2026-11-21T01:00:00Z");
    story.head.lookback_read_at = Some(AsText(story.now - HOUR));
    assert_eq!(story.asks(), days(20, 20), "asked when it has ended");
}

#[test]
fn without_a_device_today_and_yesterday_are_asked_every_three_hours() {
    let mut story = Story::settled(NOON, "2026-11-20T09:00:00Z");
    story.device = Device::Unknown;
    assert_eq!(story.asks(), days(19, 20));
    for day in 19..=20 {
        story.entry(day, State::Provisional).read_at = Some(AsText(at(NOON) - HOUR));
    }
    assert!(story.plan().is_idle());
    story.now = at("2026-11-20T14:00:00Z");
    assert_eq!(story.asks(), days(19, 20));
    story.today_minutes = 0;
    assert!(story.plan().is_idle(), "yesterday is asked with the look-back");
    story.head.lookback_read_at = None;
    assert_eq!(story.asks(), days(13, 19));
}

#[test]
fn days_after_the_device_are_asked_within_the_look_back_only() {
    let mut story = Story::settled(NOON, "2026-11-05T09:00:00Z");
    for day in 5..=12 {
        story.entry(day, State::Wanted);
    }
    assert_eq!(story.asks(), days(5, 5), "the rest waits, unasked and free");
    assert!(story.plan().later.is_empty(), "and is noted already");
    story.named = Some((date(2026, 11, 4), date(2026, 11, 6)));
    assert_eq!(story.asks(), days(4, 5));
}

#[test]
fn named_days_reach_back_and_never_into_the_future() {
    let named = Some((date(2026, 11, 1), Date::MAX));
    assert_eq!(Story { named, ..Story::new(NOON) }.asks(), days(1, 20));
}

#[test]
fn no_option_reaches_beyond_the_study_window() {
    let mut story = Story::new(NOON);
    story.window.from = Some(date(2026, 11, 15));
    story.window.until = Some(date(2026, 11, 18));
    story.named = Some((date(2026, 11, 1), Date::MAX));
    story.entry(3, State::Wanted);
    assert_eq!(story.asks(), days(15, 18));
}

#[test]
fn days_of_another_account_are_never_asked_again() {
    let mut story = Story::new(NOON);
    for day in 13..=20 {
        story.entry(day, State::Sealed);
    }
    for day in story.days.values_mut() {
        day.account = "another".to_owned();
    }
    assert!(story.asks().is_empty());
    story.window.account_since = Some(at("2026-11-19T08:00:00Z"));
    story.days.retain(|&day, _| day < date(2026, 11, 19));
    assert_eq!(story.asks(), days(19, 20));
}

#[test]
fn what_is_not_granted_is_noted_once_and_not_asked() {
    let mut story = Story::new(NOON);
    story.granted = false;
    assert!(story.plan().ask.is_empty());
    assert_eq!(story.plan().not_granted["steps"], days(13, 20));
    for day in 13..=20 {
        story.entry(day, State::NotGranted);
    }
    assert!(story.plan().is_idle());
    story.granted = true;
    story.head.lookback_read_at = Some(AsText(at(NOON) - HOUR));
    story.head.read_until = Some(AsText(at("2026-11-20T09:00:00Z")));
    story.device = Device::SyncedAt(at("2026-11-20T09:00:00Z"));
    assert_eq!(story.asks(), days(13, 20), "granted now: what was left out is asked");
}

#[test]
fn a_day_that_shrank_is_asked_again_after_six_hours() {
    let mut story = Story::settled(NOON, "2026-11-20T09:00:00Z");
    let reading = |rows, sha256: &str, time| Reading {
        rows,
        sha256: sha256.to_owned(),
        bytes: 1,
        at: at(time),
        device_synced_at: Some(at("2026-11-19T06:00:00Z")),
        seals: true,
        unfinished: false,
        clock_wrong: false,
        provider: "p",
        data_source: "d",
    };
    let entry = story.entry(15, State::Wanted);
    entry.settle(&reading(100, "full", "2026-11-19T06:30:00Z"));
    entry.settle(&reading(10, "less", "2026-11-20T06:30:00Z"));
    assert!(story.plan().is_idle());
    story.now = at("2026-11-20T12:30:00Z");
    assert_eq!(story.asks(), days(15, 15));
}

#[test]
fn a_plan_looks_into_the_months_that_may_hold_its_days() {
    let mut head = Head::default();
    let names = |head: &Head, named| -> Vec<String> {
        let months = months(head, at("2026-11-02T12:00:00Z"), 7, named);
        months.into_iter().map(|month| month.to_string()).collect()
    };
    assert_eq!(names(&head, None), ["2026-10", "2026-11"]);
    head.open_months = vec![AsText("2025-03".parse().unwrap())];
    head.read_until = Some(AsText(at("2026-09-02T12:00:00Z")));
    assert_eq!(names(&head, None), ["2025-03", "2026-08", "2026-09", "2026-10", "2026-11"]);
}

#[test]
fn an_outage_longer_than_the_look_back_leaves_no_gap_where_no_device_was_known() {
    let mut story = Story::new(NOON);
    story.head.lookback_read_at = Some(AsText(at("2026-11-02T09:00:00Z")));
    assert_eq!(story.asks(), days(2, 20));
    story.device = Device::SyncedAt(at("2026-11-20T09:00:00Z"));
    assert_eq!(story.asks(), days(2, 20), "seen for the first time");
    story.head.first_day = Some(AsText(date(2026, 11, 5)));
    assert_eq!(story.asks(), days(5, 20), "nothing was ever asked before");
    let first = months(&story.head, at("2026-12-24T00:00:00Z"), 7, None).pop_first();
    assert_eq!(first, Some(MonthKey::of(date(2026, 11, 4))), "the first day and its neighbour");
}

#[test]
fn what_was_not_whole_is_asked_when_the_device_is_first_seen_or_the_head_was_lost() {
    let mut story = Story::settled(NOON, "2026-11-20T09:00:00Z");
    story.entry(2, State::Sealed).device_synced_at = None;
    story.entry(3, State::Sealed);
    story.entry(4, State::Provisional);
    assert!(story.plan().is_idle());
    story.head.read_until = None;
    assert_eq!(story.asks(), &(&days(2, 2) | &days(4, 4)) | &days(13, 20), "one by age");
}

#[test]
fn what_a_time_still_to_come_has_sealed_is_asked_again_when_its_month_is_open() {
    let mut story = Story::settled(NOON, "2026-11-20T09:00:00Z");
    story.entry(2, State::Sealed).device_synced_at = Some(AsText(at("2030-01-01T00:00:00Z")));
    story.entry(3, State::Sealed);
    assert_eq!(story.asks(), days(2, 2));
    let (now, minute) = (at(NOON), jiff::SignedDuration::from_mins(1));
    assert_eq!(Device::at(Some(now + minute), now), Device::SyncedAt(now + minute));
    assert_eq!(Device::at(Some(now + HOUR), now), Device::Unknown);
}

#[test]
fn what_was_not_whole_when_a_grant_was_lost_is_asked_when_it_is_given_again() {
    let mut story = Story::settled(NOON, "2026-11-20T09:00:00Z");
    story.entry(3, State::Sealed);
    story.entry(4, State::Provisional);
    story.entry(5, State::NotGranted);
    story.head.granted.clear();
    assert_eq!(story.asks(), days(4, 5));
}

#[test]
fn a_head_that_was_lost_in_a_long_outage_leaves_no_gap() {
    for device in [Device::Unknown, Device::SyncedAt(at("2026-11-20T09:00:00Z"))] {
        let mut story = Story::new(NOON);
        story.device = device;
        for day in [1, 2, 6] {
            story.entry(day, State::Sealed);
        }
        let (gaps, recent) = (days(3, 5).into_iter(), days(7, 20));
        assert_eq!(story.asks(), gaps.chain(recent).collect(), "{device:?}");
    }
}

#[test]
fn a_device_that_is_no_longer_known_leaves_no_gap_behind_its_last_sync() {
    // It was silent, then the gateway was away, then the settings were not granted any more.
    let mut story = Story::settled(NOON, "2026-11-03T09:00:00Z");
    story.entry(3, State::Sealed);
    for day in 11..=19 {
        story.entry(day, State::Sealed);
    }
    story.device = Device::Unknown;
    assert_eq!(story.asks(), days(4, 10).into_iter().chain(days(19, 20)).collect());
}

#[test]
fn without_a_device_the_look_back_after_an_outage_seals_what_it_left() {
    let mut story = Story::new(NOON);
    story.head.granted = vec!["steps".to_owned()];
    story.head.lookback_read_at = Some(AsText(at("2026-11-06T09:00:00Z")));
    story.entry(2, State::Sealed);
    for day in 3..=6 {
        story.entry(day, State::Provisional);
    }
    assert_eq!(story.asks(), days(3, 20));
    // Or a device that is known again, and says more than the days after its last sync.
    story.head.read_until = Some(AsText(at("2026-11-05T09:00:00Z")));
    story.device = Device::SyncedAt(at("2026-11-20T09:00:00Z"));
    assert_eq!(story.asks(), days(3, 20));
}

#[test]
fn a_sign_in_makes_the_look_back_due_and_hides_no_outage() {
    let mut story = Story::settled(NOON, "2026-11-20T09:00:00Z");
    story.signed_in = Some(at(NOON) - HOUR - HOUR);
    assert!(story.plan().is_idle(), "the look-back was read since");
    story.signed_in = Some(at(NOON));
    assert_eq!(story.asks(), days(13, 20));
    story.signed_in = Some(at("2038-01-01T00:00:00Z"));
    assert!(story.plan().is_idle(), "a clock that was wrong");
    story.signed_in = Some(at(NOON));
    story.device = Device::Unknown;
    story.head.lookback_read_at = Some(AsText(at("2026-11-02T09:00:00Z")));
    story.head.read_until = None;
    assert_eq!(story.asks(), days(2, 20), "refused for weeks before");
}

#[test]
fn what_a_wrong_clock_could_not_seal_is_sealed_when_it_is_right_however_old() {
    let mut story = Story::settled(NOON, "2026-11-20T09:00:00Z");
    story.entry(2, State::Provisional);
    story.entry(3, State::Provisional).clock_was_wrong = Some(true);
    story.clock_wrong = true;
    assert!(story.plan().is_idle());
    story.clock_wrong = false;
    assert_eq!(story.asks(), days(3, 3), "the other one had not synced past its end");
}

#[path = "plan_cloud_tests.rs"]
mod cloud;
