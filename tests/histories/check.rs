//! What must hold in every plan, and at the end of a history.

use std::collections::BTreeSet;

use fitsync::core::day::Calendar;
use fitsync::ledger::entry::{Day, Month, State};
use fitsync::ledger::month::MonthKey;
use fitsync::sync::plan::{Device, Plan};
use fitsync_sim::jiff::Timestamp;
use fitsync_sim::jiff::civil::Date;

use crate::disk::{Run, days, spans};
use crate::gateway::{Gateway, LOOKBACK_DAYS, file_name};
use crate::world::{METRICS, World};

impl Gateway {
    /// What must hold when all trouble is over.
    pub fn check(&self, world: &World) {
        let (mut run, mut keys) = self.open(world.now);
        // A damaged month in which nothing is open is noticed when something is.
        let whole = |key: &MonthKey| {
            let text = &self.disk[&format!("ledger/{key}")];
            miniserde::json::from_str::<Month>(text).is_ok()
        };
        keys.retain(whole);
        self.open_months(&mut run, keys);
        let today =
            Calendar::new(spans(&run), world.person.zone).expect("a zone").date_of(world.now);
        let first = *run.head.first_day.expect("a first day");
        let mut end: Option<Timestamp> = None;
        for date in fitsync::core::day::range(first, today) {
            let Some(month) = run.months.get(&MonthKey::of(date)) else {
                end = None;
                continue;
            };
            let day = month.days.get(&date).unwrap_or_else(|| panic!("{date} was never asked"));
            assert!(
                end.is_none_or(|end| end == *day.start),
                "{date} does not begin where its day before ended"
            );
            end = Some(*day.end);
            for metric in METRICS {
                self.check_day(world, metric, date, day, today);
            }
        }
    }

    fn check_day(&self, world: &World, metric: &'static str, date: Date, day: &Day, today: Date) {
        let name = file_name(metric, date);
        let entry = &day.metrics.get(metric).unwrap_or_else(|| panic!("{name} has no entry"));
        if entry.state == State::NotGranted {
            assert!(!world.person.granted.contains(metric), "{name} was granted");
            return;
        }
        if !world.person.granted.contains(metric) {
            return;
        }
        assert_ne!(entry.state, State::Wanted, "{name}: {entry:?}");
        assert!(!entry.file.waits(), "{name} waits: {entry:?}");
        let held = world.bucket.get(&name);
        assert_eq!(held, self.read.get(&name), "{name} is not what was read last: {entry:?}");
        if date == today {
            return;
        }
        let known = world.person.settings_granted;
        let ended = fitsync::core::day::back(today, if known { 2 } else { LOOKBACK_DAYS });
        assert!(date >= ended || entry.state == State::Sealed, "{name} is not sealed: {entry:?}");
        // Where no device says so, nobody knows of data that came later than the look-back.
        if !known {
            return;
        }
        let (rows, said) = world.person.measured(metric, date, (*day.start, *day.end), world.now);
        let hours = |text: &str| text.split_once('[').map(|(_, hours)| hours.to_owned());
        let held_row = held.and_then(|text| text.lines().nth(1)).unwrap_or_default();
        let sure = said.contains(" r0 ");
        // A day that the provider changed long after is not read again; all others are whole.
        if sure && rows > 0 {
            assert_eq!(hours(held_row), hours(&said), "{name} is not whole: {entry:?}");
        }
        if sure && rows == 0 {
            assert_eq!(held_row, "", "{name} has rows that nobody measured");
        }
    }
}

/// Every day that is asked has a reason to be.
pub fn check_plan(
    run: &Run,
    plan: &Plan,
    device: Device,
    calendar: &Calendar,
    missing: &BTreeSet<Date>,
) {
    let today = calendar.date_of(run.now);
    let oldest = fitsync::core::day::back(today, LOOKBACK_DAYS);
    let moved = match (device, run.head.read_until) {
        (Device::SyncedAt(at), Some(until)) => at > *until,
        _ => true,
    };
    let known = days(run);
    for (metric, dates) in &plan.ask {
        for date in dates {
            let entry = known.get(date).and_then(|day| day.metrics.get(metric));
            let outage = device == Device::Unknown
                && run.head.lookback_read_at.is_some_and(|at| *date >= calendar.date_of(*at));
            let recent = plan.lookback && (*date >= oldest || outage);
            let since = run.head.read_until.map_or(oldest, |until| calendar.date_of(*until));
            let first_seen = run.head.read_until.is_none();
            let synced = moved && (first_seen || *date >= since || *date >= oldest);
            let yesterday = fitsync::core::day::previous(today);
            let unknown = device == Device::Unknown && *date >= yesterday;
            let new = !run.head.granted.iter().any(|known| known == metric);
            let owed = new
                || entry.is_none_or(|entry| {
                    entry.state == State::Wanted
                        || entry.cloud_is_due(run.now, plan.lookback)
                        || entry.state == State::NotGranted
                        || entry.shrunk_due(run.now)
                        || (entry.clock_was_wrong.is_some() && !run.clock_wrong)
                        || (entry.state == State::Provisional
                            && (device == Device::Unknown || entry.device_synced_at.is_none())
                            && plan.lookback)
                });
            let lost = missing.contains(date);
            assert!(*date <= today, "{metric} of {date} is asked, and today is {today}");
            assert!(
                recent || synced || unknown || owed || lost,
                "{metric} of {date} is asked without a reason: {entry:?}"
            );
        }
    }
    let jobs = plan.ask.values().map(|dates| dates.len()).max().unwrap_or(0);
    assert!(jobs < 400, "a plan of {jobs} days");
}
