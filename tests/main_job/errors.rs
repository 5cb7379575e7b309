//! Refusals of the health API: what each does to its metric, its participant, and the others.

use std::collections::BTreeMap;

use fitsync_sim::jiff::civil::date;
use fitsync_sim::{Effect, Fault, Host, Metric, Participant};

use crate::world::{Ran, USER, WHO, World, at_noon, living_in, one, plain};

fn status(status: u16, retry_after_s: Option<u32>) -> Effect {
    Effect::Status { status, retry_after_s }
}

fn reason(reason: &str) -> Effect {
    Effect::Reason { reason: reason.to_owned(), retry_after_s: None }
}

/// Two participants; the fault meets only the first.
fn two() -> World {
    let world = World::new(plain(Participant::numbered(2)));
    world.connect(USER, WHO);
    world.connect("user_002", "p2");
    world
}

/// The second participant has everything, as if nothing had happened.
#[track_caller]
fn second_is_whole(world: &World, ran: &Ran) {
    let json = ran.json();
    assert_eq!(json["participants"][1]["failures"], serde_json::json!([]));
    assert_eq!(json["participants"][1]["days_read"], 40);
    world.check_bucket("user_002", "p2");
}

#[test]
fn an_access_token_that_ends_in_mid_run_is_refreshed_once_and_the_request_repeated_once() {
    let world = World::connected(plain(one()));
    world.sim.inject(Fault::once(status(401, None)).path("total-calories"));
    world.sim.clear_requests();
    world.sync(&[]).exits(0);
    assert_eq!(world.asked("token").len(), 1);
    assert_eq!(world.asked("total-calories:rollUp").len(), 3);
    world.check_bucket(USER, WHO);
}

#[test]
fn an_access_token_that_no_refresh_cures_asks_for_a_new_sign_in() {
    let world = two();
    world.sim.inject(Fault::always(status(401, None)).host(Host::Google).who(WHO));
    world.sim.clear_requests();
    let ran = world.sync(&[]).exits(3).says(&format!("fitsync login {USER}"));
    assert_eq!(world.asked("token").len(), 1, "it was refreshed again and again");
    assert_eq!(ran.failures(), ["auth -"]);
    second_is_whole(&world, &ran);
    assert!(world.token_file(USER).exists());
}

#[test]
fn a_token_service_that_is_ill_in_mid_run_asks_nobody_to_sign_in_again() {
    let world = World::connected(plain(one()));
    world.sim.inject(Fault::always(status(401, None)).path("dataTypes"));
    world.sim.inject(Fault::always(status(500, None)).path("token"));
    world.sync(&[]).exits(75);
    assert_eq!(world.status(USER)["state"], "connected");
    world.sim.clear_faults();
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);
}

#[test]
fn an_application_that_the_token_service_refuses_asks_nobody_to_sign_in_again() {
    let world = two();
    let refusals = [
        (Effect::OauthError { error: "deleted_client".to_owned() }, "config"),
        (Effect::Html { status: 401 }, "format"),
    ];
    for (effect, class) in refusals {
        world.sim.expire_access_tokens();
        world.sim.inject(Fault::always(effect).host(Host::Token));
        let ran = world.sync(&[]).exits(1);
        let failures = ran.failures();
        assert!(failures.iter().all(|failure| failure.starts_with(class)), "{failures:?}");
        for user in [USER, "user_002"] {
            assert_eq!(world.status(user)["state"], "connected", "{class}");
        }
        world.sim.clear_faults();
    }
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);
}

#[test]
fn an_access_token_without_a_letter_is_not_kept() {
    let world = World::connected(plain(one()));
    let before = std::fs::read(world.token_file(USER)).expect("a token");
    world.sim.expire_access_tokens();
    let change = fitsync_sim::Change::Set("".into());
    let empty = Effect::Change { at: "access_token".to_owned(), change };
    world.sim.inject(Fault::always(empty).host(Host::Token));
    world.sync(&[]).exits(1);
    assert_eq!(std::fs::read(world.token_file(USER)).expect("a token"), before);
    world.sim.clear_faults();
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);
}

#[test]
fn a_metric_that_is_refused_for_a_while_leaves_what_was_read_as_it_was() {
    let world = World::connected(plain(vec![at_noon()]));
    world.sync(&[]).exits(0);
    world.sync_sealed(USER);
    let states = |world: &World| -> BTreeMap<_, _> {
        let rows = world.completeness(USER).into_iter().filter(|row| row.metric == "hrv");
        rows.map(|row| (row.date, row.state)).collect()
    };
    let before = states(&world);
    assert!(before.values().any(|state| state == "sealed"), "{before:?}");
    let first = *before.keys().next().expect("days");
    let older = first.yesterday().expect("a day");
    let refused = reason("ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    world.sim.inject(Fault::always(refused).path("variability"));
    world.sync(&["--from", &older.to_string()]).exits(0).says("metric=hrv class=not_granted");
    let mut after = states(&world);
    assert_eq!(after.remove(&older).as_deref(), Some("not_granted"), "it was never read");
    assert_eq!(after, before);
}

#[test]
fn one_metric_that_is_refused_is_not_granted_and_the_others_are_read() {
    let world = two();
    let refused = reason("ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    world.sim.inject(Fault::always(refused).who(WHO).path("variability"));
    let ran = world.sync(&[]).exits(0).says("metric=hrv class=not_granted");
    // What a participant did not grant is no failure.
    assert!(ran.failures().is_empty());
    second_is_whole(&world, &ran);
    let rows = world.completeness(USER);
    let of_hrv = rows.iter().filter(|row| row.metric == "hrv");
    assert!(of_hrv.into_iter().all(|row| row.state == "not_granted"));
    assert_eq!(world.status(USER)["metrics"]["hrv"]["granted"], false);
    assert_eq!(world.status(USER)["state"], "connected");
}

#[test]
fn a_metric_that_was_refused_for_a_while_is_read_in_full_when_it_is_allowed_again() {
    let mut world = World::connected(plain(vec![living_in("Europe/Berlin")]));
    world.set("FITSYNC_METRICS", "azm,hrv");
    world.sim.inject(Fault::always(status(403, None)).path("variability"));
    world.sync(&["--from", "2026-09-01", "--to", "2026-10-31"]).exits(0);
    world.sim.clear_faults();
    // With the next look-back, a day later.
    let tomorrow = crate::world::just_now() + crate::world::hours(25);
    world.sim.set_device_sync(WHO, tomorrow).expect("a device");
    let clock = fitsync::io::clock::Clock::default();
    assert_eq!(world.sync_at(&clock, tomorrow, &Default::default()), 0);
    let days = (date(2026, 9, 1), date(2026, 10, 31));
    world.check_bucket(USER, WHO);
    let rows = world.completeness(USER);
    assert!(rows.iter().all(|row| row.state != "not_granted"));
    let of_then = rows.iter().filter(|row| days.0 <= row.date && row.date <= days.1);
    assert_eq!(of_then.count(), 61 * 2);
}

#[test]
fn everything_refused_asks_for_a_new_sign_in_and_a_new_sign_in_heals_it_at_once() {
    let world = two();
    world.sim.inject(Fault::always(status(403, None)).host(Host::Google).who(WHO));
    let ran = world.sync(&[]).exits(3).says(&format!("fitsync login {USER}"));
    second_is_whole(&world, &ran);
    assert_eq!(world.status(USER)["state"], "sign_in_again");
    // Until then nothing is asked of this participant.
    world.sim.clear_requests();
    world.sync(&[]).exits(3).says(&format!("fitsync login {USER}"));
    assert!(world.asked("").iter().all(|seen| seen.who.as_deref() != Some(WHO)));

    world.sim.clear_faults();
    world.connect(USER, WHO);
    let ran = world.sync(&[]).exits(0).json();
    assert_eq!(ran["participants"][0]["days_read"], 40);
    world.check_bucket(USER, WHO);
    let zone = world.sim.person(WHO).expect("a person").zone_at(world.sim.now()).clone();
    let zone = zone.iana_name().expect("a name");
    let rows = world.completeness(USER);
    assert!(rows.iter().all(|row| row.zone == zone), "days were cut in a zone that was guessed");
    assert_eq!(world.status(USER)["state"], "connected");
}

#[test]
fn days_that_were_refused_are_read_right_after_a_new_sign_in() {
    let world = World::connected(plain(vec![at_noon()]));
    world.sync(&[]).exits(0);
    world.sim.inject(Fault::always(status(403, None)).host(Host::Google).who(WHO));
    let ran = world.sync(&["--from", "2026-10-01", "--to", "2026-10-02"]).exits(3);
    assert_eq!(ran.failures(), ["auth -"]);
    world.sim.clear_faults();
    world.connect(USER, WHO);
    let ran = world.sync(&[]).exits(0).json();
    // The look-back without the running day, which was read just now, and the two that were named.
    assert_eq!(ran["participants"][0]["days_read"], 7 * 5 + 2 * 5);
    assert!(world.completeness(USER).iter().all(|row| row.state != "not_granted"));
    world.check_bucket(USER, WHO);
}

#[test]
fn too_many_requests_for_a_moment_are_waited_out() {
    let world = World::connected(plain(one()));
    world.sim.inject(Fault::once(status(429, None)).path("total-calories"));
    world.sim.inject(Fault::once(status(429, Some(1))).path("variability"));
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);
}

#[test]
fn a_long_pause_that_is_asked_for_is_left_to_the_next_run() {
    let world = two();
    world.sim.inject(Fault::always(status(429, Some(3600))).who(WHO).path("total-calories"));
    let ran = world.sync(&[]).exits(75);
    assert_eq!(
        world
            .asked("total-calories:rollUp")
            .iter()
            .filter(|seen| seen.who.as_deref() == Some(WHO))
            .count(),
        1
    );
    assert!(ran.failures().iter().all(|failure| failure.starts_with("quota")));
    second_is_whole(&world, &ran);
    world.sim.clear_faults();
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);
}

#[test]
fn too_many_requests_without_end_are_left_to_the_next_run() {
    let world = World::connected(plain(one()));
    world.sim.inject(Fault::always(status(429, None)).path("temperature"));
    let ran = world.sync(&[]).exits(75);
    assert!(ran.failures().iter().all(|failure| failure.starts_with("quota")));
    world.sim.clear_faults();
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);
}

#[test]
fn a_service_that_is_ill_for_a_moment_is_asked_again() {
    let world = World::connected(plain(one()));
    for (code, path) in [(500, "steps"), (502, "calories"), (503, "zone"), (504, "variability")] {
        world.sim.inject(Fault::once(status(code, None)).host(Host::Google).path(path));
    }
    world.sim.inject(Fault::once(Effect::Close).host(Host::Google).path("temperature"));
    world.sim.inject(Fault::once(Effect::LostReply).host(Host::Google).path("pairedDevices"));
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);
}

#[test]
fn a_metric_whose_service_is_ill_is_left_to_the_next_run_and_the_others_are_read() {
    let world = World::connected(plain(one()));
    world.sim.inject(Fault::always(status(503, None)).path("active-zone"));
    let ran = world.sync(&[]).exits(75);
    assert_eq!(ran.failures(), ["server azm"]);
    assert_eq!(ran.json()["participants"][0]["days_read"], 32);
    world.sim.clear_faults();
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);
    assert!(world.completeness(USER).iter().all(|row| row.state != "wanted"));
}

#[test]
fn a_request_that_is_called_wrong_is_a_failure_of_its_metric() {
    let world = World::connected(plain(one()));
    world.sim.inject(Fault::always(status(400, None)).path("variability"));
    let ran = world.sync(&[]).exits(1);
    assert_eq!(ran.failures(), ["bug hrv"]);
    assert_eq!(world.asked("daily-heart-rate-variability:reconcile").len(), 1);
}

#[test]
fn an_address_of_googles_that_is_switched_off_ends_no_consent() {
    let world = two();
    world.sync(&["--user", USER]).exits(0);
    let before = world.objects();
    let gone = [status(410, None), Effect::Html { status: 410 }, Effect::Html { status: 403 }];
    for effect in gone {
        world.sim.inject(Fault::always(effect.clone()).host(Host::Google).who(WHO));
        world.sync(&["--from", "2026-10-01", "--to", "2026-10-02"]).exits(1);
        let status = world.status(USER);
        assert_eq!(status["state"], "connected", "{effect:?}");
        world.sim.clear_faults();
    }
    let of_user = |key: &&String| key.contains(USER) && !key.contains("completeness");
    for (key, bytes) in before.iter().filter(|(key, _)| of_user(key)) {
        assert_eq!(world.objects().get(key), Some(bytes));
    }
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);
    assert!(world.completeness(USER).iter().all(|row| row.state != "not_granted"));
}

#[test]
fn a_refusal_that_the_consent_does_not_explain_is_warned_about_with_its_reason() {
    let world = World::connected(plain(one()));
    world.sim.inject(Fault::always(status(403, None)).path("variability"));
    let ran = world.sync(&[]).exits(0).says("RESOURCE_PERMISSION_DENIED");
    assert!(ran.stderr.contains("WARN"), "{}", ran.stderr);
    assert_eq!(ran.failures(), ["denied hrv"]);
    assert_eq!(world.status(USER)["state"], "connected");
    world.sim.clear_faults();
}

#[test]
fn what_does_not_speak_for_itself_ends_no_consent() {
    let world = two();
    world.sync(&["--user", USER]).exits(0);
    let pages = [401, 403, 410, 412].map(|status| Effect::Html { status });
    for effect in pages.into_iter().chain([status(410, None)]) {
        world.sim.inject(Fault::always(effect.clone()).host(Host::Google).who(WHO));
        let ran = world.sync(&["--user", USER, "--from", "2026-11-01"]).exits(1);
        let failures = ran.failures();
        let of_metrics = failures.iter().filter(|one| !one.ends_with(" -")).count();
        assert_eq!(of_metrics, 5, "{effect:?}: {failures:?}");
        assert_eq!(world.status(USER)["state"], "connected", "{effect:?}");
        world.sim.clear_faults();
    }
    // One that version 1 took for the end of Google's API is tried at the next run.
    let path = world.token_file(USER);
    let token = std::fs::read_to_string(&path).expect("a token");
    let mut token: serde_json::Value = serde_json::from_str(&token).expect("JSON");
    token["state"] = "retired".into();
    std::fs::write(&path, token.to_string()).expect("a token");
    let ran = world.sync(&[]).exits(0);
    second_is_whole(&world, &ran);
    assert_eq!(world.status(USER)["state"], "connected");
    world.check_bucket(USER, WHO);
}

#[test]
fn an_api_that_is_not_enabled_is_said_once_and_asked_no_more() {
    let world = two();
    world.sim.inject(Fault::always(reason("SERVICE_DISABLED")).host(Host::Google));
    world.sim.clear_requests();
    let ran = world.sync(&[]).exits(1).says("enable it in the console");
    assert!(ran.failures().iter().all(|failure| failure.starts_with("config")));
    assert!(world.asked("").len() <= 2, "{:?}", world.asked(""));
    assert_eq!(world.status(USER)["state"], "connected");
    world.sim.clear_faults();
    world.sync(&[]).exits(0);
    assert_eq!(world.state(USER, Metric::Hrv, "2000-01-01".parse().expect("day")), None);
    world.check_bucket(USER, WHO);
}
