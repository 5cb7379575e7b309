//! A gateway without a clock chip: what its clock says is checked against what services say.

use fitsync::command::arguments::SyncArguments;
use fitsync::command::sync;
use fitsync::io::clock::Clock;
use fitsync::ledger::entry::State;
use fitsync::ledger::folder::Ledger;
use fitsync::settings::Config;
use fitsync::settings::source::Settings;
use fitsync_sim::jiff::civil::{Date, date};
use fitsync_sim::jiff::{SignedDuration, Timestamp};

use crate::check::{days_ago, entries};
use crate::gateway::{Gateway, USER};
use crate::{all_well, connected, run};

const THREE_DAYS_S: i64 = 3 * 86_400;

/// In the world's time.
fn a_minute_ago(gateway: &Gateway) -> Timestamp {
    gateway.sim.now() - SignedDuration::from_secs(60)
}

#[test]
fn a_clock_that_is_three_days_slow_asks_the_right_days_seals_none_and_uploads() {
    let gateway = connected(1);
    gateway.sim.set_clock_offset_s(THREE_DAYS_S);
    gateway.sim.set_device_sync(crate::gateway::WHO, a_minute_ago(&gateway)).expect("p1");
    let ran = run(&gateway, &["sync"], 0);
    assert_eq!(ran.said.matches("no day is sealed until it is right").count(), 1, "{}", ran.said);
    assert!(ran.said.contains(" s behind"), "{}", ran.said);
    let (from, to) = days_ago(&gateway, 1, 0);
    let entries = entries(&gateway);
    let days: Vec<_> = entries.keys().map(|(date, _)| *date).collect();
    assert_eq!((days.first(), days.last()), (Some(&from), Some(&to)));
    assert!(entries.values().all(|entry| entry.state == State::Provisional));
    assert!(entries.values().all(|entry| entry.file.sha256 == entry.file.uploaded_sha256));
}

#[test]
fn a_clock_that_is_three_days_fast_asks_no_day_that_is_still_to_come() {
    let gateway = connected(1);
    gateway.sim.set_clock_offset_s(-THREE_DAYS_S);
    gateway.sim.set_device_sync(crate::gateway::WHO, a_minute_ago(&gateway)).expect("p1");
    run(&gateway, &["sync", "--no-upload"], 0);
    let to = days_ago(&gateway, 1, 0).1;
    assert!(
        entries(&gateway)
            .iter()
            .all(|((date, _), entry)| { *date <= to && entry.state == State::Provisional })
    );
    // When the clock is right again, the look-back seals what is over.
    gateway.sim.set_clock_offset_s(0);
    gateway.sim.set_device_sync(crate::gateway::WHO, a_minute_ago(&gateway)).expect("p1");
    run(&gateway, &["sync", "--user", USER], 0);
    let (yesterday, today) = days_ago(&gateway, 1, 0);
    let states = entries(&gateway);
    let recent = states.iter().filter(|((date, _), _)| (yesterday..today).contains(date));
    assert_eq!(recent.filter(|(_, entry)| entry.state == State::Sealed).count(), 2);
}

/// A sync in this process under a clock that stands somewhere else; the world's is right.
fn sync_at(gateway: &Gateway, at: &str, from: Option<Date>) -> u8 {
    let pairs = gateway.settings.iter();
    let pairs: Vec<_> = pairs.map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let clock = Clock::simulated(at.parse().expect("a time"));
    let arguments =
        SyncArguments { from: from.map(|date| date.to_string()), ..SyncArguments::default() };
    loop {
        let config = Config::new(Settings::of(&pairs)).expect("settings");
        let gateway = fitsync::gateway::Gateway::new(config, clock.clone()).expect("a gateway");
        match sync::run(&gateway, &arguments).unwrap_or_else(|failure| failure.class.exit_code()) {
            // A child that another test is just starting holds a copy of our lock for an instant.
            4 => std::thread::sleep(std::time::Duration::from_millis(20)),
            code => return code,
        }
    }
}

fn months(gateway: &Gateway) -> Vec<String> {
    let mut names = Vec::new();
    for folder in [format!("ledger/{USER}"), format!("users/{USER}/completeness")] {
        let entries = std::fs::read_dir(gateway.data().join(folder)).expect("a folder").flatten();
        names.extend(entries.map(|entry| entry.file_name().to_string_lossy().into_owned()));
    }
    names.sort();
    names
}

#[test]
fn a_clock_that_is_far_ahead_notes_no_day_after_those_that_a_service_confirms() {
    let gateway = connected(1);
    run(&gateway, &["sync"], 0);
    let (from, today) = days_ago(&gateway, 4, 0);
    for at in ["2100-06-01T00:00:00Z", "2262-04-11T23:47:00Z", "9000-01-01T00:00:00Z"] {
        gateway.sim.set_device_sync(crate::gateway::WHO, a_minute_ago(&gateway)).expect("p1");
        // A network that is away: nothing tells the time.
        gateway.sim.set_down(true);
        assert_eq!(sync_at(&gateway, at, Some(from)), 75);
        let noted = entries(&gateway);
        assert!(noted.keys().all(|(date, _)| *date <= today), "{at}");
        assert!(noted.keys().any(|(date, _)| *date == from), "{at}: what is over is owed");
        gateway.sim.set_down(false);
        assert_eq!(sync_at(&gateway, at, Some(from)), 0);
        assert!(entries(&gateway).keys().all(|(date, _)| *date <= today), "{at}");
        assert!(months(&gateway).len() <= 5, "{:?}", months(&gateway));
    }
    assert!(gateway.data().join("users").join(USER).join("steps").exists());
}

#[test]
fn months_that_are_still_to_come_are_cleared_away() {
    let gateway = connected(1);
    run(&gateway, &["sync"], 0);
    let before = months(&gateway);
    // What a clock in 2100 left of version 1.
    let user = USER.parse().expect("an id");
    let mut ledger = Ledger::open(&gateway.data(), &user).expect("a ledger");
    ledger.open_months(ledger.named_months()).expect("months");
    let tomorrow_s = days_ago(&gateway, -20, -20).0;
    for date in [tomorrow_s, date(2090, 5, 6), date(2100, 1, 1)] {
        let utc = fitsync_sim::jiff::tz::TimeZone::UTC;
        let span = fitsync::core::day::DaySpan::natural(date, &utc, "UTC");
        ledger.note("steps", date, &span, "account", State::Wanted);
    }
    ledger.save().expect("saved");
    ledger.write_completeness(&gateway.data(), &user).expect("written");
    ledger.save().expect("saved");
    assert!(months(&gateway).len() >= before.len() + 4);
    run(&gateway, &["sync"], 0);
    assert_eq!(months(&gateway), before);
    let today = days_ago(&gateway, 0, 0).0;
    assert!(entries(&gateway).keys().all(|(date, _)| *date <= today));
    let objects = gateway.sim.s3_dir().join(gateway.sim.bucket()).join("users").join(USER);
    for month in ["209005", "210001"] {
        let name = format!("completeness/{USER}_completeness_{month}.csv");
        assert!(!objects.join(name).exists(), "never sent");
    }
    all_well(&gateway);
}
