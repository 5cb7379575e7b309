//! What cannot be read or is not answered hides nothing else: it is found, named, and left alone.

use fitsync_sim::jiff::civil::Date;
use fitsync_sim::{Change, Effect, Fault, Host, Participant};
use serde_json::{Value, json};

use crate::world::{Ran, USER, WHO, World, plain};

/// A world in which every night was measured, read back to some day by a first run.
fn world(metrics: &str) -> World {
    let person = Participant { missing_nights_percent: 0, ..Participant::new(WHO) };
    let mut world = World::connected(plain(vec![person]));
    world.set("FITSYNC_METRICS", metrics);
    world
}

fn status(status: u16) -> Effect {
    Effect::Status { status, retry_after_s: None }
}

fn day(text: &str) -> Date {
    text.parse().expect("a date")
}

/// The days of a metric that are not read.
fn unread(world: &World, metric: &str) -> Vec<Date> {
    let rows = world.completeness(USER).into_iter();
    let rows = rows.filter(|row| row.metric == metric && row.state == "wanted");
    rows.map(|row| row.date).collect()
}

fn failed_days(ran: &Ran) -> Vec<Value> {
    let json = ran.json();
    let failures = json["participants"][0]["failures"].as_array().expect("failures").clone();
    failures.into_iter().map(|failure| failure["day"].clone()).collect()
}

#[test]
fn a_day_that_is_not_answered_is_found_in_ninety_and_asked_with_the_look_back_alone() {
    let world = world("hrv");
    let odd = day("2026-09-15");
    let fault = || Fault::always(status(500)).host(Host::Google).path("variability");
    world.sim.inject(fault().about(odd));
    world.sim.clear_requests();
    let ran = world.sync(&["--from", "2026-08-20", "--to", "2026-11-10"]).exits(75);
    assert_eq!(failed_days(&ran), [json!("2026-09-15")]);
    assert_eq!(unread(&world, "hrv"), [odd]);
    let requests = world.asked("daily-heart-rate-variability:reconcile").len();
    assert!(requests <= 20, "{requests}");
    // Nothing asks for it until the look-back does.
    world.sim.clear_requests();
    world.sync(&[]).exits(0);
    assert_eq!(world.asked("daily-heart-rate-variability:reconcile").len(), 0);
    world.sim.clear_faults();
    world.sync(&["--from", "2026-09-15", "--to", "2026-09-15"]).exits(0);
    assert_eq!(unread(&world, "hrv"), []);
    world.check_bucket(USER, WHO);
}

#[test]
fn a_width_that_is_answered_is_used_for_the_rest_and_kept_for_a_day() {
    let world = world("steps");
    world.sim.inject(Fault::always(status(504)).host(Host::Google).days_above(3));
    world.sim.clear_requests();
    world.sync(&[]).exits(0);
    // Eight days: refused once each at eight and four, then two by two.
    let first = world.asked("steps:rollUp").len();
    assert!(first <= 7, "{first}");
    world.check_bucket(USER, WHO);
    world.sim.clear_requests();
    world.sync(&["--from", "2026-10-01", "--to", "2026-10-06"]).exits(0);
    let named = world.asked("steps:rollUp").len();
    assert!(named <= 4, "it was searched again: {named}");
    world.check_bucket(USER, WHO);
}

#[test]
fn pages_that_are_too_large_are_made_smaller_after_the_days() {
    let world = world("steps,hrv");
    world.sim.inject(Fault::always(status(504)).host(Host::Google).rows_above(5000));
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);
}

#[test]
fn a_metric_that_is_never_answered_costs_few_requests_and_its_days_stay_wanted() {
    let world = world("steps,hrv");
    world.sim.inject(Fault::always(status(503)).host(Host::Google).path("variability"));
    world.sim.clear_requests();
    let ran = world.sync(&[]).exits(75);
    assert_eq!(ran.failures(), ["server hrv"]);
    let requests = world.asked("daily-heart-rate-variability:reconcile").len();
    assert!(requests <= 12, "{requests}");
    world.sim.clear_faults();
    // The next run asks: the service was ill, and no day of it.
    world.sync(&[]).exits(0);
    assert_eq!(unread(&world, "hrv"), []);
    world.check_bucket(USER, WHO);
}

#[test]
fn an_element_that_cannot_be_read_fails_its_day_with_its_path_and_no_request_more() {
    let world = world("hrv");
    let at = "dataPoints/1/dailyHeartRateVariability/entropy".to_owned();
    let much = Effect::Change { at, change: Change::Set(json!("much")) };
    world.sim.inject(Fault::always(much).path("variability"));
    world.sim.clear_requests();
    let ran = world.sync(&[]).exits(1).says("dataPoints[1].dailyHeartRateVariability.entropy");
    assert_eq!(ran.failures(), ["format hrv"]);
    assert_eq!(unread(&world, "hrv").len(), 1);
    assert_eq!(world.asked("daily-heart-rate-variability:reconcile").len(), 1);
    let picture = world.status(USER);
    let days = picture["metrics"]["hrv"]["days"].as_array().expect("days").clone();
    assert!(days.iter().filter(|day| day["rows"] == 1).count() >= 5, "{days:?}");
}

#[test]
fn an_element_without_its_day_is_found_by_halves() {
    let world = world("hrv");
    let at = "dataPoints/0/dailyHeartRateVariability/date".to_owned();
    world
        .sim
        .inject(Fault::always(Effect::Change { at, change: Change::Null }).path("variability"));
    let ran = world.sync(&[]).exits(1);
    assert!(ran.failures().iter().all(|failure| failure == "format hrv"));
    let days = failed_days(&ran);
    assert!(!days.is_empty() && days.iter().all(Value::is_string), "{days:?}");
}
