//! What participants do with their consent.

use fitsync::command::arguments::SyncArguments;
use fitsync::io::clock::Clock;
use fitsync_sim::{Effect, Fault, Host, Participant, Rotation};

use crate::world::{USER, WHO, World, at_noon, hours, just_now, one, plain};

fn granting(scopes: &[&str]) -> Participant {
    let grants = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    Participant { grants: Some(grants), ..Participant::new(WHO) }
}

#[test]
fn what_was_not_granted_is_said_and_never_asked_and_a_new_consent_reads_it_all() {
    let world = World::new(plain(vec![granting(&["activity_and_fitness", "settings"])]));
    let login = world.connect(USER, WHO);
    let login = login.says("Collected: steps, calories, azm.");
    login.says("Not granted: hrv, wrist_temp.");
    let ran = world.sync(&[]).exits(0);
    assert!(ran.failures().is_empty(), "{:?}", ran.failures());
    assert!(world.asked("daily-").is_empty());
    let status = world.status(USER);
    assert_eq!(status["metrics"]["steps"]["granted"], true);
    assert_eq!(status["metrics"]["hrv"]["granted"], false);
    let rows = world.completeness(USER);
    assert_eq!(rows.iter().filter(|row| row.state == "not_granted").count(), 8 * 2);
    world.sim.clear_requests();
    world.sync(&[]).exits(0);
    assert_eq!(world.asked("").len(), 1);

    world.sim.set_grants(WHO, None).expect("a person");
    world.connect(USER, WHO);
    world.sync(&[]).exits(0);
    let rows = world.completeness(USER);
    assert!(rows.iter().all(|row| row.state != "not_granted"), "{rows:?}");
    world.check_bucket(USER, WHO);
}

#[test]
fn a_consent_that_was_withdrawn_asks_for_a_new_sign_in_and_loses_nothing() {
    let world = World::new(plain(Participant::numbered(2)));
    world.connect(USER, WHO);
    world.connect("user_002", "p2");
    world.sync(&[]).exits(0);
    let before = world.objects();
    world.sim.revoke(WHO);
    let ran = world.sync(&[]).exits(3).says(&format!("fitsync login {USER}"));
    assert_eq!(ran.failures(), ["auth -"]);
    assert!(world.token_file(USER).exists());
    assert_eq!(world.status(USER)["state"], "sign_in_again");
    assert_eq!(world.status("user_002")["state"], "connected");
    // Asked once a day only, unless somebody insists.
    world.sim.clear_requests();
    world.sync(&[]).exits(3);
    assert!(world.asked("token").is_empty());
    world.sync(&["--user", USER]).exits(3);
    assert_eq!(world.asked("token").len(), 1);

    world.connect(USER, WHO);
    world.sync(&[]).exits(0);
    assert_eq!(world.status(USER)["state"], "connected");
    for (key, bytes) in before {
        if !key.contains("/completeness/") {
            assert_eq!(world.objects().get(&key), Some(&bytes), "{key}");
        }
    }
}

#[test]
fn an_account_without_a_health_profile_is_named_and_heals_when_it_has_one() {
    let world = World::connected(plain(one()));
    world.sim.set_linked(WHO, false).expect("a person");
    let ran = world.sync(&[]).exits(3).says("no Google Health profile");
    assert_eq!(ran.failures(), ["auth -"]);
    assert!(!world.data().join("users").exists());
    world.sim.set_linked(WHO, true).expect("a person");
    world.sync(&["--user", USER]).exits(0);
    assert_eq!(world.status(USER)["state"], "connected");
    world.check_bucket(USER, WHO);
}

#[test]
fn a_listed_participant_who_never_signed_in_stops_nobody() {
    let mut world = World::connected(plain(one()));
    world.set("FITBIT_USER_IDS", "user_001, user_777");
    let ran = world.sync(&[]).exits(3).says("fitsync login user_777");
    assert_eq!(ran.failures(), ["auth -"]);
    world.check_bucket(USER, WHO);
    assert_eq!(world.status("user_777")["state"], "never_signed_in");
}

#[test]
fn a_refresh_whose_reply_is_lost_is_repeated_with_the_same_token() {
    for rotation in [Rotation::None, Rotation::RotateWithGrace] {
        let world = World::connected(plain(one()));
        world.sim.set_rotation(rotation);
        world.sim.expire_access_tokens();
        world.sim.inject(Fault::once(Effect::LostReply).host(Host::Token));
        world.sim.clear_requests();
        world.sync(&[]).exits(0);
        assert_eq!(world.asked("token").len(), 2, "{rotation:?}");
        world.sim.expire_access_tokens();
        world.sync(&["--user", USER]).exits(0);
        world.check_bucket(USER, WHO);
    }
}

#[test]
fn a_client_that_google_does_not_know_is_the_operators_business_and_no_participants() {
    let mut world = World::connected(plain(one()));
    world.sim.expire_access_tokens();
    world.set("GOOGLE_CLIENT_SECRET", "wrong-secret");
    let ran = world.sync(&[]).exits(1).says("GOOGLE_CLIENT_SECRET");
    assert_eq!(ran.failures(), ["config -"]);
    assert!(!ran.stderr.contains("wrong-secret"));
    assert_eq!(world.status(USER)["state"], "connected");
}

#[test]
fn a_token_server_that_is_ill_costs_nothing_but_time() {
    let world = World::connected(plain(one()));
    world.sim.expire_access_tokens();
    let ill = Effect::Status { status: 503, retry_after_s: None };
    world.sim.inject(Fault::always(ill).host(Host::Token));
    let ran = world.sync(&[]).exits(75);
    assert_eq!(ran.failures(), ["server -"]);
    world.sim.clear_faults();
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);
}

#[test]
fn a_study_that_collects_from_the_consent_on_loses_no_day_by_a_later_sign_in() {
    let mut world = World::new(plain(vec![at_noon()]));
    world.set("FITSYNC_COLLECT_FROM", "consent");
    world.connect(USER, WHO);
    world.sync(&["--from", "2026-10-01"]).exits(0);
    let days = world.completeness(USER);
    assert_eq!(days.len(), 5, "only the day of the sign-in: {days:?}");
    // The consent ends; three days later the participant signs in again.
    world.sim.revoke(WHO);
    let later = just_now() + hours(72);
    world.sim.set_device_sync(WHO, later).expect("a device");
    world.sim.set_clock_offset_s(72 * 3600);
    world.connect(USER, WHO);
    let clock = Clock::default();
    assert_eq!(world.sync_at(&clock, later + hours(1), &SyncArguments::default()), 0);
    assert_eq!(world.completeness(USER).len(), 4 * 5);
    world.check_bucket(USER, WHO);
}
