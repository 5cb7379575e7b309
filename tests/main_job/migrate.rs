//! The way over from the retired API to Google.

use fitsync_sim::jiff::civil::Date;
use fitsync_sim::jiff::tz::TimeZone;
use fitsync_sim::truth::Day;
use fitsync_sim::{Metric, Participant, key};
use serde_json::Value;

use crate::world::{USER, WHO, World, at_noon, plain};

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
    world.sync(&[]).exits(0);
}
