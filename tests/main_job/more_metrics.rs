//! The further metrics: off by default, asked for by name, their consent told.

use crate::world::{USER, WHO, World, at_noon, one, plain};

#[test]
fn every_metric_is_what_the_service_has() {
    let mut world = World::new(plain(vec![at_noon()]));
    world.set("FITSYNC_METRICS", "all");
    world.connect(USER, WHO).says("sleep_summary");
    let ran = world.sync(&[]).exits(0);
    assert_eq!(ran.failures(), Vec::<String>::new());
    let files = world.check_bucket(USER, WHO);
    assert!(files > 80, "{files} files");
    for metric in fitsync_sim::Metric::ALL.map(fitsync_sim::Metric::name) {
        let folder = format!("users/{USER}/{metric}/");
        assert!(world.objects().keys().any(|key| key.starts_with(&folder)), "no {metric}");
    }
    world.sim.clear_requests();
    assert_eq!(world.sync(&[]).exits(0).json()["participants"][0]["days_read"], 0);
    assert_eq!(world.sim.requests().len(), 1, "the device alone");
}

#[test]
fn only_what_is_named_is_asked_for_at_the_sign_in() {
    let mut world = World::new(plain(one()));
    world.set("FITSYNC_METRICS", "steps");
    let login = world.login(&[USER]);
    assert!(login.url.contains("activity_and_fitness") && !login.url.contains("sleep"));
    login.kill();
    world.set("FITSYNC_METRICS", "sleep");
    let login = world.login(&[USER]);
    assert!(login.url.contains("sleep") && !login.url.contains("activity_and_fitness"));
    login.kill();
}

#[test]
fn a_metric_that_is_added_later_says_who_has_to_consent_again() {
    let mut world = World::connected(plain(vec![at_noon()]));
    world.sync(&[]).exits(0);
    world.set("FITSYNC_METRICS", "steps,sleep");
    world.sync(&[]).exits(0).says("sleep: has to be consented to again by user_001");
    assert_eq!(world.status(USER)["metrics"]["sleep"]["granted"], false);
    world.connect(USER, WHO);
    let ran = world.sync(&[]).exits(0);
    assert!(!ran.stderr.contains("consented to again"), "{}", ran.stderr);
    let folder = format!("users/{USER}/sleep/");
    assert!(world.objects().keys().any(|key| key.starts_with(&folder)));
    world.check_bucket(USER, WHO);
}

#[test]
fn a_metric_that_was_declined_is_not_asked_about_again() {
    let mut world = World::new(plain(one()));
    world.set("FITSYNC_METRICS", "steps,sleep");
    let grants = vec!["activity_and_fitness".to_owned(), "settings".to_owned()];
    world.sim.set_grants(WHO, Some(grants)).expect("grants");
    world.connect(USER, WHO).says("Not granted: sleep");
    let ran = world.sync(&[]).exits(0);
    assert!(!ran.stderr.contains("consented to again"), "{}", ran.stderr);
}
