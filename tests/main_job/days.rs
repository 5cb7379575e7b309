//! Days as the wall clock has them: every file is what the world says, also where clocks change.

use fitsync_sim::jiff::civil::{Date, date};
use fitsync_sim::{Metric, Options, key};

use crate::world::{USER, WHO, World, living_in};

/// Backfills a week and compares all of it; the answer is the number of minutes of one day.
fn minutes_of_a_week(zone: &str, week: (Date, Date), day: Date) -> usize {
    let participants = vec![living_in(zone)];
    let world = World::connected(Options { participants, ..Options::default() });
    let (from, to) = (week.0.to_string(), week.1.to_string());
    world.sync(&["--from", &from, "--to", &to]).exits(0);
    world.sync_sealed(USER);
    let files = world.check_days(USER, WHO, week, zone);
    assert!(files >= 7 * 2, "only {files} files");
    assert!(world.check_bucket(USER, WHO) > files, "the look-back is missing");
    let sealed = world.completeness(USER).into_iter().filter(|row| row.date <= week.1);
    assert!(sealed.into_iter().all(|row| row.state == "sealed"));
    // Calories are there for every minute, worn or not.
    let bytes = &world.objects()[&key(USER, Metric::Calories, day)];
    bytes.iter().filter(|byte| **byte == b'\n').count() - 1
}

#[test]
fn a_week_with_25_hours_in_new_york_is_what_the_world_says() {
    let week = (date(2026, 10, 29), date(2026, 11, 4));
    assert_eq!(minutes_of_a_week("America/New_York", week, date(2026, 11, 1)), 1500);
}

#[test]
fn a_week_with_25_hours_in_london_is_what_the_world_says() {
    let week = (date(2026, 10, 22), date(2026, 10, 28));
    assert_eq!(minutes_of_a_week("Europe/London", week, date(2026, 10, 25)), 1500);
}

#[test]
fn a_week_with_half_an_hour_less_on_lord_howe_is_what_the_world_says() {
    let week = (date(2026, 10, 1), date(2026, 10, 7));
    assert_eq!(minutes_of_a_week("Australia/Lord_Howe", week, date(2026, 10, 4)), 1410);
}

#[test]
fn a_week_with_a_day_without_midnight_in_cairo_is_what_the_world_says() {
    let week = (date(2026, 4, 21), date(2026, 4, 27));
    assert_eq!(minutes_of_a_week("Africa/Cairo", week, date(2026, 4, 24)), 1380);
}

#[test]
fn a_week_without_a_change_in_kolkata_is_what_the_world_says() {
    let week = (date(2026, 10, 22), date(2026, 10, 28));
    assert_eq!(minutes_of_a_week("Asia/Kolkata", week, date(2026, 10, 25)), 1440);
}

#[test]
fn a_participant_without_settings_has_days_in_the_zone_of_the_study() {
    let scopes = ["activity_and_fitness", "health_metrics_and_measurements"];
    let mut participant = living_in("Europe/Berlin");
    participant.grants = Some(scopes.map(str::to_owned).to_vec());
    let mut world = World::new(crate::world::plain(vec![participant]));
    world.set("FITSYNC_TIME_ZONE", "Europe/Berlin");
    world.connect(USER, WHO).says("settings were not granted");
    world.sync(&[]).exits(0);
    assert!(world.asked("settings").is_empty() && world.asked("pairedDevices").len() <= 1);
    let days = world.completeness(USER);
    assert!(days.iter().all(|row| row.zone == "Europe/Berlin" && row.synced.is_none()));
    let unknown = world.status(USER)["device_unknown"].clone();
    assert!(unknown.as_str().is_some_and(|why| why.contains("not granted")), "{unknown}");

    world.unset("FITSYNC_TIME_ZONE");
    world.fresh_data("utc");
    world.sync(&[]).exits(0).says("FITSYNC_TIME_ZONE");
    let days = world.completeness(USER);
    assert!(days.iter().all(|row| row.zone == "UTC"));
}
