//! A day that lost its rows at the provider: believed when a second run, six hours later, agrees.

use fitsync::command::arguments::SyncArguments;
use fitsync::io::clock::Clock;
use fitsync_sim::jiff::Timestamp;
use fitsync_sim::{Metric, key, truth};

use crate::world::{USER, WHO, World, at_noon, hours, just_now, plain};

/// A world whose participant's day of three days ago has lost rows after it was sealed; the time
/// of the first run that sees it, which has run.
fn shrunk(keep_percent: u8) -> (World, Clock, Timestamp, String) {
    let world = World::connected(plain(vec![at_noon()]));
    world.sync(&[]).exits(0);
    world.sync_sealed(USER);
    let days = world.completeness(USER);
    let newest = days.iter().rfind(|row| row.metric == "steps").expect("days").date;
    let day = newest.saturating_sub(fitsync_sim::jiff::Span::new().days(3));
    world.sim.shrink_day(WHO, Some(Metric::Steps), day, keep_percent).expect("a person");
    let clock = Clock::default();
    let seen = just_now() + hours(25);
    world.sim.set_device_sync(WHO, seen).expect("a device");
    assert_eq!(world.sync_at(&clock, seen, &SyncArguments::default()), 0);
    (world, clock, seen, key(USER, Metric::Steps, day))
}

fn again(world: &World, clock: &Clock, at: Timestamp) {
    world.sim.set_device_sync(WHO, at).expect("a device");
    assert_eq!(world.sync_at(clock, at, &SyncArguments::default()), 0);
}

#[test]
fn a_day_that_shrinks_keeps_its_file_until_a_second_run_agrees_six_hours_later() {
    let (world, clock, seen, name) = shrunk(20);
    let old = world.objects()[&name].clone();
    assert_eq!(world.sim.puts(&name), 1);
    again(&world, &clock, seen + hours(5));
    assert_eq!(world.objects()[&name], old, "it was believed too early");
    again(&world, &clock, seen + hours(7));
    assert_ne!(world.objects()[&name], old);
    assert_eq!(world.sim.puts(&name), 2);
    world.check_bucket(USER, WHO);
    let row = world
        .completeness(USER)
        .into_iter()
        .find(|row| row.metric == "steps" && key(USER, Metric::Steps, row.date) == name);
    let row = row.expect("the day");
    assert_eq!((row.state.as_str(), row.revisions), ("sealed", 1));
}

#[test]
fn a_day_that_loses_every_row_becomes_a_file_of_its_header() {
    let (world, clock, seen, name) = shrunk(0);
    assert!(world.objects()[&name].len() > 1000);
    again(&world, &clock, seen + hours(7));
    assert_eq!(world.objects()[&name], truth::header_only(Metric::Steps));
    let row = world
        .completeness(USER)
        .into_iter()
        .find(|row| row.metric == "steps" && key(USER, Metric::Steps, row.date) == name);
    assert_eq!(row.map(|row| row.rows), Some(0));
}

#[test]
fn a_day_that_lost_its_rows_for_a_moment_only_is_never_touched() {
    let (world, clock, seen, name) = shrunk(10);
    let lost = name.get(name.len() - 12..name.len() - 4).expect("a date").to_owned();
    let day = fitsync_sim::jiff::civil::Date::strptime("%Y%m%d", &lost).expect("a date");
    world.sim.shrink_day(WHO, Some(Metric::Steps), day, 100).expect("a person");
    again(&world, &clock, seen + hours(7));
    assert_eq!(world.sim.puts(&name), 1);
    world.check_bucket(USER, WHO);
    let rows = world.completeness(USER);
    assert!(rows.iter().all(|row| row.state == "sealed" || row.date > day));
}

#[test]
fn a_day_that_the_provider_revises_is_uploaded_again_and_counted() {
    let world = World::connected(plain(vec![at_noon()]));
    world.sync(&[]).exits(0);
    world.sync_sealed(USER);
    let newest = world.completeness(USER).last().expect("days").date;
    let day = newest.saturating_sub(fitsync_sim::jiff::Span::new().days(2));
    world.sim.revise_day(WHO, Some(Metric::Calories), day).expect("a person");
    let text = day.to_string();
    world.sync(&["--from", &text, "--to", &text]).exits(0);
    world.check_bucket(USER, WHO);
    assert_eq!(world.sim.puts(&key(USER, Metric::Calories, day)), 2);
    assert_eq!(world.sim.puts(&key(USER, Metric::Steps, day)), 1);
    let rows = world.completeness(USER);
    let revised: Vec<_> = rows.iter().filter(|row| row.revisions > 0).collect();
    assert_eq!(revised.len(), 1);
    assert_eq!((revised[0].metric.as_str(), revised[0].revisions), ("calories", 1));
}
