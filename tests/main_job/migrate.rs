//! The way over from the retired API to Google.

use fitsync_sim::jiff::civil::Date;
use fitsync_sim::jiff::tz::TimeZone;
use fitsync_sim::truth::Day;
use fitsync_sim::{Metric, Participant, key};
use serde_json::Value;

use crate::world::{Login, USER, WHO, World, at_noon, plain};

fn on_fitbit() -> World {
    let mut people = vec![at_noon()];
    people.push(Participant { name: "p2".to_owned(), ..Participant::new("p2") });
    let mut world = World::new(plain(people));
    world.use_fitbit();
    world.connect(USER, WHO);
    world.sync(&[]).exits(0);
    world.unset("FITSYNC_PROVIDER");
    world
}

fn token(world: &World) -> Value {
    serde_json::from_slice(&std::fs::read(world.token_file(USER)).unwrap()).unwrap()
}

/// The steps of a day are what Google says. (Zeros of active zone minutes, which the retired API
/// sent and Google does not, stand until a second reading six hours later.)
#[track_caller]
fn check_steps(world: &World, date: Date) {
    let rows = world.completeness(USER);
    let row = rows.iter().find(|row| row.date == date && row.metric == "steps").unwrap();
    let zone = TimeZone::get(&row.zone).unwrap();
    let day = Day { date, zone, start: row.start, end: row.end };
    let wanted = world.sim.truth(WHO, USER, Metric::Steps, &day).unwrap();
    assert_eq!(world.objects().get(&key(USER, Metric::Steps, date)), wanted.as_ref());
}

#[test]
fn the_same_person_goes_over_with_id_and_files() {
    let world = on_fitbit();
    let list = world.run(&["migrate", "--list"]).exits(0);
    assert!(list.stdout.contains("user_001  connected"), "{}", list.stdout);
    let json = world.run(&["migrate", "--json"]).exits(0).json();
    assert_eq!(json["participants"][0]["user_id"], USER);
    let before = world.objects();
    let old = token(&world);
    world.connect_by(&["migrate"], WHO).exits(0).says("Connected: user_001");
    let new = token(&world);
    assert_eq!(new["provider"], "google-health");
    assert_eq!(new["legacy_user_id"], old["user_id"]);
    assert!(!world.dir.join("tokens/user_001.former").exists(), "the old grant was revoked");
    let today = world.completeness(USER).iter().map(|row| row.date).max().unwrap();
    let ran = world.sync(&[]).exits(0);
    assert_eq!(ran.failures(), Vec::<String>::new());
    // The running day is read every three hours, or by its name.
    world.sync(&["--from", &today.to_string()]).exits(0);
    let after = world.objects();
    let stamp = format!("_{}.csv", today.strftime("%Y%m%d"));
    for (key, bytes) in before.iter().filter(|(key, _)| !key.contains("/completeness/")) {
        if !key.ends_with(&stamp) {
            assert_eq!(after.get(key), Some(bytes), "{key} is from before the consent");
        }
    }
    let rows = world.completeness(USER);
    let of_today = rows.iter().filter(|row| row.date == today && row.metric == "steps");
    assert!(of_today.clone().all(|row| row.provider == "google-health"));
    assert_eq!(of_today.count(), 1);
    check_steps(&world, today);
    let yesterday = today.yesterday().unwrap().to_string();
    world.sync(&["--from", &yesterday, "--to", &yesterday]).exits(0);
    let rows = world.completeness(USER);
    let row = rows.iter().find(|row| row.date.to_string() == yesterday && row.metric == "steps");
    assert_eq!(row.unwrap().provider, "google-health", "asked by name");
    check_steps(&world, today.yesterday().unwrap());
    let list = world.run(&["migrate", "--list"]).exits(0);
    assert!(list.stdout.contains("Nobody is on the retired"), "{}", list.stdout);
}

#[test]
fn who_is_not_listed_or_cannot_be_read_is_not_passed_over() {
    let mut world = on_fitbit();
    world.set("FITBIT_USER_IDS", "user_009");
    let list = world.run(&["migrate", "--list"]).exits(0);
    assert!(list.stdout.contains("user_001  connected"), "{}", list.stdout);
    std::fs::write(world.token_file(USER), "{").unwrap();
    let list = world.run(&["migrate", "--list"]).exits(1).says("user_001 may be on the retired");
    assert!(list.stdout.contains("Nobody else is known"), "{}", list.stdout);
    world.run(&["migrate", "--json"]).exits(1);
    world.run(&["migrate"]).exits(1);
}

#[test]
fn the_days_of_the_retired_api_are_the_same_person_s_where_the_token_is_lost() {
    let world = on_fitbit();
    std::fs::remove_file(world.token_file(USER)).unwrap();
    world.connect_with(&[USER], "p2").exits(1).says("has days of a different account");
    world.connect(USER, WHO);
    assert!(token(&world)["moved_at"].is_string() && token(&world)["account_since"].is_null());
}

#[test]
fn another_person_s_account_is_refused() {
    let world = on_fitbit();
    let old = token(&world);
    world.connect_by(&["migrate", USER], "p2").exits(1).says("different account");
    assert_eq!(token(&world), old);
    assert!(!world.dir.join("tokens/user_001.former").exists());
}

#[test]
fn the_old_grant_is_kept_aside_where_its_provider_answers_no_more() {
    let world = on_fitbit();
    world.sim.set_host_down(fitsync_sim::Host::Fitbit, true);
    world.connect_by(&["migrate", USER], WHO).exits(0);
    assert!(world.dir.join("tokens/user_001.former").exists());
    world.sim.expire_access_tokens();
    world.sync(&["--from", "2026-11-01", "--to", "2026-11-01"]).exits(0);
    assert!(world.dir.join("tokens/user_001.former").exists(), "a refresh leaves it alone");
}

#[test]
fn an_api_that_is_switched_off_confirms_nothing_so_the_old_grant_is_kept_aside() {
    let world = on_fitbit();
    world.sim.set_fitbit_retired(true);
    world.connect_by(&["migrate", USER], WHO).exits(0);
    assert!(world.dir.join("tokens/user_001.former").exists());
}

#[test]
fn several_people_go_over_one_after_another_and_who_cannot_stops_nobody() {
    let zones = at_noon().zones;
    let people = Participant::numbered(4).into_iter();
    let people = people.map(|one| Participant { zones: zones.clone(), ..one });
    let mut world = World::new(plain(people.collect()));
    world.use_fitbit();
    for (user, who) in [("user_001", "p1"), ("user_002", "p2"), ("user_003", "p3")] {
        world.connect(user, who);
    }
    world.sync(&[]).exits(0);
    world.unset("FITSYNC_PROVIDER");
    let before = world.objects();
    let mut migrate = world.sign_in_by(&["migrate"]);
    migrate.hears("user_001 (1 of 3)");
    let consent = |migrate: &Login, who| world.sim.consent(&migrate.url, who).unwrap();
    migrate.paste(&consent(&migrate, "p1"));
    migrate.next_url();
    // Somebody else's account: refused, and the next one has their turn.
    migrate.paste(&consent(&migrate, "p4"));
    migrate.next_url();
    migrate.paste(&consent(&migrate, "p3"));
    migrate.end().exits(1).says("user_002 is connected to a different account");
    assert_eq!(provider(&world, "user_001"), "google-health");
    assert_eq!(provider(&world, "user_002"), "fitbit");
    assert_eq!(provider(&world, "user_003"), "google-health");
    let list = world.run(&["migrate", "--list"]).exits(0).stdout;
    assert!(list.contains("user_002  connected") && !list.contains("user_001"), "{list}");
    assert_eq!(world.sync(&[]).exits(0).failures(), Vec::<String>::new());

    world.connect_by(&["migrate", "--replace", "user_002"], "p4").exits(0);
    world.sync(&["--from", "2026-11-01"]).exits(0);
    let after = world.objects();
    let mut kept = before.keys().filter(|key| key.contains("/user_002/steps/"));
    let today = world.completeness("user_002").iter().map(|row| row.date).max().unwrap();
    let today = today.strftime("%Y%m%d").to_string();
    assert!(kept.all(|key| key.contains(&today) || after[key] == before[key]));
    let rows = world.completeness("user_002");
    let of_new = rows.iter().filter(|row| row.provider == "google-health");
    assert!(of_new.map(|row| row.date.strftime("%Y%m%d").to_string()).all(|date| date >= today));
}

fn provider(world: &World, user: &str) -> String {
    let token = std::fs::read(world.token_file(user)).unwrap();
    let token: Value = serde_json::from_slice(&token).unwrap();
    token["provider"].as_str().unwrap().to_owned()
}

#[test]
fn an_account_that_is_not_known_cannot_be_compared_and_is_refused() {
    let world = on_fitbit();
    let mut old = token(&world);
    let fields = old.as_object_mut().unwrap();
    fields.remove("user_id").unwrap();
    std::fs::write(world.token_file(USER), old.to_string()).unwrap();
    world.connect_by(&["migrate", USER], WHO).exits(1).says("different account");
    assert_eq!(provider(&world, USER), "fitbit");
    world.connect_by(&["migrate", "--replace", USER], WHO).exits(0);
    assert_eq!(provider(&world, USER), "google-health");
}

#[test]
fn without_a_google_application_nothing_happens_and_it_is_said() {
    let mut world = on_fitbit();
    world.unset("GOOGLE_CLIENT_ID");
    world.run(&["migrate"]).exits(2).says("GOOGLE_CLIENT_ID");
    assert_eq!(world.run(&["migrate", "--list"]).exits(0).stdout.lines().count(), 1);
}
