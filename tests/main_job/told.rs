//! Only what was told is read.

use crate::world::{USER, WHO, World, at_noon, plain};

/// What the sign-ins of a participant named, as the token has it.
fn told(world: &World) -> String {
    let text = std::fs::read_to_string(world.token_file(USER)).expect("a token");
    let token: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    token["told_metrics"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_participant_who_was_told_five_metrics_is_asked_for_no_other_by_no_option() {
    let mut world = World::connected(plain(vec![at_noon()]));
    assert_eq!(told(&world), "steps calories azm hrv wrist_temp");
    world.sync(&[]).exits(0);
    // The scopes of these were granted with those of the five.
    world.set("FITSYNC_METRICS", "steps,distance,floors");
    world.sim.clear_requests();
    for arguments in [
        [].as_slice(),
        &["--metric", "distance"],
        &["--user", USER, "--metric", "distance", "--metric", "steps"],
        &["--from", "2026-10-01", "--to", "2026-10-02"],
    ] {
        let ran = world.sync(arguments).exits(0);
        assert!(world.asked("distance").is_empty() && world.asked("floors").is_empty());
        ran.says("distance: has to be consented to again by user_001");
    }
    world.sync(&["--metric", "distance"]).exits(0).says("not named at the sign-in");
    world.run(&["sync", "--dry-run", "--json"]).exits(0);
    world.sync(&["--metric", "hrv"]).exits(2).says("FITSYNC_METRICS does not name hrv");
    let rows = world.completeness(USER);
    let distance: Vec<_> = rows.iter().filter(|row| row.metric == "distance").collect();
    assert!(!distance.is_empty() && distance.iter().all(|row| row.state == "never_asked"));
    let status = world.status(USER);
    for day in status["metrics"]["distance"]["days"].as_array().expect("days") {
        assert_eq!(day["state"], "never_asked", "{day}");
    }

    // What is told later is read from the participant's first day on.
    world.connect(USER, WHO);
    assert_eq!(told(&world), "steps calories azm hrv wrist_temp distance floors");
    world.sync(&[]).exits(0);
    let rows = world.completeness(USER);
    let first = |metric: &str| {
        let read = rows.iter().filter(|row| row.metric == metric && row.state != "never_asked");
        read.map(|row| row.date).min().expect("a day")
    };
    assert_eq!(first("distance"), first("steps"));
    assert_eq!(first("distance").month(), 10);
    world.check_bucket(USER, WHO);
}

#[test]
fn the_studys_own_form_covers_what_the_settings_name() {
    let mut world = World::connected(plain(vec![at_noon()]));
    world.set("FITSYNC_METRICS", "steps,distance");
    world.set("FITSYNC_CONSENT", "form");
    let ran = world.sync(&[]).exits(0);
    assert!(!world.asked("distance").is_empty());
    assert!(!ran.stderr.contains("consented to again"), "{}", ran.stderr);
    world.set("FITSYNC_CONSENT", "letter");
    world.sync(&[]).exits(2).says("FITSYNC_CONSENT must be one of: page, form");
}

#[test]
fn a_token_of_version_1_was_told_what_its_ledger_knows() {
    let mut world = World::connected(plain(vec![at_noon()]));
    world.sync(&[]).exits(0);
    let forget = |world: &World| {
        let path = world.token_file(USER);
        let text = std::fs::read_to_string(&path).expect("a token");
        let mut token: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        token.as_object_mut().expect("an object").remove("told_metrics");
        std::fs::write(&path, token.to_string()).expect("a token");
    };
    forget(&world);
    world.set("FITSYNC_METRICS", "steps,distance");
    world.sim.clear_requests();
    world.sync(&[]).exits(0);
    assert!(world.asked("distance").is_empty());
    assert_eq!(told(&world), "steps calories azm hrv wrist_temp");

    // Nothing is known of it yet: what the settings name at its first run, once and for all.
    forget(&world);
    world.fresh_data("seed");
    world.sync(&[]).exits(0);
    assert!(!world.asked("distance").is_empty());
    assert_eq!(told(&world), "steps distance");
}

#[test]
fn a_new_account_in_the_place_of_another_is_told_anew() {
    let mut world = World::new(plain(fitsync_sim::Participant::numbered(2)));
    world.connect(USER, WHO);
    world.set("FITSYNC_METRICS", "steps");
    world.connect(USER, WHO);
    assert_eq!(told(&world), "steps calories azm hrv wrist_temp", "the union");
    world.connect_with(&[USER, "--replace"], "p2").exits(0);
    assert_eq!(told(&world), "steps");
}
