//! A gateway without a clock chip: what its clock says is checked against what services say.

use fitsync::ledger::entry::State;
use fitsync_sim::jiff::{SignedDuration, Timestamp};

use crate::check::{days_ago, entries};
use crate::gateway::{Gateway, USER};
use crate::{connected, run};

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
