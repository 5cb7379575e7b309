//! "The device has synced" is not "the cloud is done".

use fitsync::command::arguments::SyncArguments;
use fitsync::io::clock::Clock;
use fitsync_sim::jiff::Timestamp;
use fitsync_sim::{Change, Effect, Fault};
use serde_json::json;

use crate::world::{DayRow, USER, WHO, World, at_noon, hours, just_now, plain};

/// A participant of these metrics, connected, and read a first time.
fn study(metrics: &str, lookback_days: &str) -> World {
    let mut world = World::new(plain(vec![at_noon()]));
    world.set("FITSYNC_METRICS", metrics);
    world.set("FITSYNC_LOOKBACK_DAYS", lookback_days);
    world.connect(USER, WHO);
    world
}

/// A run at some time; how many requests to the provider it made.
fn run(world: &World, at: Timestamp) -> usize {
    world.sim.clear_requests();
    assert_eq!(world.sync_at(&Clock::default(), at, &SyncArguments::default()), 0);
    let seen = world.asked("").into_iter().filter(|seen| seen.host == fitsync_sim::Host::Google);
    seen.filter(|seen| seen.label != "token").count()
}

/// Sleep is detected, and its stages are still to come.
fn nights_at_work(world: &World) {
    let at = "dataPoints/*/sleep/metadata/processed".to_owned();
    let effect = Effect::Change { at, change: Change::Set(json!(false)) };
    world.sim.inject(Fault::always(effect).path("dataTypes/sleep/"));
}

#[test]
fn a_band_that_was_offline_for_twelve_days_has_its_nights_whole_in_the_end() {
    for lookback_days in ["1", "7"] {
        let world = study("steps,hrv,sleep_summary", lookback_days);
        let start = just_now();
        world.sim.set_device_sync(WHO, start).expect("a device");
        run(&world, start);
        let synced = start + hours(12 * 24);
        world.sim.set_device_sync(WHO, synced).expect("a device");
        nights_at_work(&world);
        let effect = Effect::Change { at: "dataPoints".to_owned(), change: Change::Set(json!([])) };
        world.sim.inject(Fault::always(effect).path("daily-heart-rate-variability"));
        run(&world, synced);
        world.sim.clear_faults();
        let missed = |row: &DayRow| row.start >= start && row.end <= synced;
        let open = world.completeness(USER).into_iter().filter(missed);
        assert!(open.clone().count() >= 11 * 3);
        assert!(open.clone().all(|row| row.state == "provisional"), "{lookback_days}");
        assert!(open.filter(|row| row.metric == "hrv").all(|row| row.rows == 0));
        run(&world, synced + hours(1));
        run(&world, synced + hours(24));
        let whole: Vec<_> = world.completeness(USER).into_iter().filter(missed).collect();
        assert!(whole.iter().all(|row| row.state == "sealed"), "{lookback_days}: {whole:?}");
        let nights = whole.iter().filter(|row| row.metric == "hrv" && row.rows == 1).count();
        assert!(nights >= 9, "{nights} nights");
        world.check_bucket(USER, WHO);
    }
}

#[test]
fn days_of_a_band_that_syncs_all_day_are_sealed_within_49_hours_and_idle_runs_stay_cheap() {
    let world = study("steps,hrv", "7");
    let start = just_now();
    let mut ended = std::collections::BTreeMap::new();
    for step in 0..(10 * 4) {
        let now = start + hours(6 * step);
        world.sim.set_device_sync(WHO, now - hours(1) / 4).expect("a device");
        run(&world, now);
        assert_eq!(run(&world, now + hours(1) / 60), 1, "an idle run");
        for row in world.completeness(USER).into_iter().filter(|row| row.end <= now) {
            if row.state == "sealed" {
                ended.entry((row.metric, row.date)).or_insert(now);
            } else if now.as_second() - row.end.as_second() > 49 * 3600 && row.end > start {
                panic!("{row:?} is not sealed at {now}");
            }
        }
    }
    assert!(ended.len() >= 2 * (7 + 8), "{}", ended.len());
    world.check_bucket(USER, WHO);
}

#[test]
fn a_night_that_is_never_worked_up_is_asked_once_a_day_for_two_weeks_and_then_counted() {
    let world = study("sleep_summary", "1");
    let start = just_now();
    world.sim.set_device_sync(WHO, start).expect("a device");
    nights_at_work(&world);
    run(&world, start);
    let first = world.completeness(USER).into_iter().filter(|row| row.rows > 0 && row.end <= start);
    let first = first.map(|row| row.date).min().expect("a night");
    let state = |world: &World| {
        let mut rows = world.completeness(USER).into_iter();
        rows.find(|row| row.date == first).map(|row| row.state).expect("a row")
    };
    for day in 1..=14 {
        assert_eq!(state(&world), "provisional", "{day}");
        run(&world, start + hours(24 * day));
        assert_eq!(world.asked("sleep").is_empty(), false, "{day}");
        assert_eq!(run(&world, start + hours(24 * day) + hours(1)), 1, "once a day");
    }
    assert_eq!(state(&world), "sealed");
    world.sim.clear_requests();
    assert_eq!(run(&world, start + hours(24 * 16)), 1 + 1 + 1, "devices, zone, the look-back");
}
