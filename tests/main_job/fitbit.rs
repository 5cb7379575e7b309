//! The retired Fitbit Web API: the seed's settings and token files work, and its end touches only
//! its own participants.

use fitsync_sim::{Host, Metric};
use serde_json::Value;

use crate::world::{USER, WHO, World, at_noon, plain};
use fitsync_sim::Participant;

fn seed() -> World {
    let mut world = World::new(plain(vec![at_noon()]));
    world.use_fitbit();
    for name in ["GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET", "FITSYNC_PROVIDER"] {
        world.unset(name);
    }
    world.set("FITBIT_REDIRECT_URI", "http://localhost:8000/auth/callback");
    world
}

/// Requests to the retired API.
fn asked(world: &World) -> usize {
    world.sim.requests().iter().filter(|seen| seen.host == Host::Fitbit).count()
}

#[test]
fn the_settings_of_the_seed_lead_to_the_same_files() {
    let world = seed();
    let login = world.connect(USER, WHO);
    assert!(login.stderr.contains("Device: Charge 6, synced"), "{}", login.stderr);
    let token: Value =
        serde_json::from_slice(&std::fs::read(world.token_file(USER)).unwrap()).unwrap();
    assert_eq!(token["provider"], "fitbit");
    world.sim.clear_requests();
    let ran = world.sync(&[]).exits(0);
    assert_eq!(ran.failures(), Vec::<String>::new());
    // Profile for the zone, devices, three minute metrics a day, one request per daily metric.
    assert_eq!(asked(&world), 2 + 3 * 8 + 2);
    let files = world.check_bucket(USER, WHO);
    assert!(files >= 3 * 7, "{files} files");
    let rows = world.completeness(USER);
    assert!(rows.iter().all(|row| row.provider == "fitbit"));
    let sealed = rows.iter().filter(|row| row.metric == Metric::Steps.name());
    assert!(sealed.clone().filter(|row| row.state == "sealed").count() >= 6);
    world.sim.clear_requests();
    world.sync(&[]).exits(0);
    assert_eq!(world.sim.requests().len(), 1, "the device alone");
}

#[test]
fn a_token_file_of_the_seed_is_refreshed_and_kept_whole() {
    let world = seed();
    world.connect(USER, WHO);
    let path = world.token_file(USER);
    let token: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let names = ["access_token", "refresh_token", "expires_in", "scope", "token_type", "user_id"];
    let plain: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), token[*name].clone())).collect();
    std::fs::write(&path, Value::Object(plain).to_string()).unwrap();
    std::fs::remove_file(world.dir.join("tokens/user_001.json.prev")).ok();
    world.sync(&[]).exits(0);
    let new: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_ne!(new["refresh_token"], token["refresh_token"], "each is good for one use");
    assert_eq!(new["user_id"], token["user_id"]);
    world.sim.expire_access_tokens();
    world.sync(&["--from", "2026-01-01", "--to", "2026-01-01"]).exits(0);
    world.check_bucket(USER, WHO);
}

#[test]
fn the_end_of_the_api_touches_only_its_participants_and_says_what_to_do() {
    let mut world = World::new(plain(Participant::numbered(2)));
    world.connect("on_google", "p2");
    world.use_fitbit();
    world.connect(USER, WHO);
    world.sync(&[]).exits(0);
    let before = std::fs::read(world.token_file(USER)).unwrap();
    world.sim.set_fitbit_retired(true);
    let ran = world.sync(&["--from", "2026-03-01", "--to", "2026-03-01"]).exits(3);
    ran.says("fitsync migrate");
    let ran = world.sync(&[]).exits(3);
    let failures = ran.failures();
    assert_eq!(failures, ["retired -"], "the other goes on");
    world.sim.clear_requests();
    world.sync(&[]).exits(3);
    assert_eq!(asked(&world), 0, "never asked again");
    let after = std::fs::read(world.token_file(USER)).unwrap();
    let refresh = |bytes: &[u8]| {
        let token: Value = serde_json::from_slice(bytes).unwrap();
        token["refresh_token"].clone()
    };
    assert_eq!(refresh(&before), refresh(&after), "the token stays");
    assert_eq!(world.status(USER)["state"], "retired");
}

#[test]
fn no_error_of_this_api_shows_a_token() {
    let world = seed();
    world.connect(USER, WHO);
    world.sync(&[]).exits(0);
    world.sim.revoke(WHO);
    world.sim.expire_access_tokens();
    let ran = world.sync(&["--from", "2026-03-01", "--to", "2026-03-01"]);
    for secret in world.sim.secrets() {
        assert!(!ran.stderr.contains(&secret) && !ran.stdout.contains(&secret));
    }
}
