//! The retired Fitbit Web API: the seed's settings and token files work, and its end touches only
//! its own participants.

use fitsync_sim::jiff::civil::date;
use fitsync_sim::{FitbitOptions, Host, Metric, Options, Participant, key};
use serde_json::Value;

use crate::world::{USER, WHO, World, at_noon, living_in, plain};

fn seed() -> World {
    seed_in(plain(vec![at_noon()]))
}

/// A gateway with the settings of the seed alone.
fn seed_in(options: Options) -> World {
    let mut world = World::new(options);
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
    world.sync_sealed(USER);
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
fn the_settings_file_of_the_seed_works_unchanged() {
    let mut world = seed();
    let (tokens, user_ids) = (world.path("tokens"), "user_001");
    let file = format!(
        "FITBIT_CLIENT_ID={}\r\nFITBIT_CLIENT_SECRET=\"{}\"\r\nTOKEN_STORE_DIR={tokens}\r\n\
         FITBIT_REDIRECT_URI=http://localhost:8000/auth/callback\r\nFITBIT_USER_IDS={user_ids}\r\n\
         AWS_DEFAULT_REGION={}\r\nS3_BUCKET_RAW={}\r\n",
        world.sim.fitbit_environment()[0].1,
        world.sim.fitbit_environment()[1].1,
        world.sim.region(),
        world.sim.bucket(),
    );
    std::fs::write(world.dir.join(".env"), file).unwrap();
    for name in ["FITBIT_CLIENT_ID", "FITBIT_CLIENT_SECRET", "FITBIT_REDIRECT_URI"] {
        world.unset(name);
    }
    for name in ["TOKEN_STORE_DIR", "AWS_DEFAULT_REGION", "S3_BUCKET_RAW"] {
        world.unset(name);
    }
    world.connect(USER, WHO);
    world.sync(&[]).exits(0);
    assert!(world.check_bucket(USER, WHO) >= 3 * 7);
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

#[test]
fn the_hour_that_the_clock_shows_twice_has_rows_for_its_first_showing() {
    let world = seed_in(plain(vec![living_in("America/New_York")]));
    world.connect(USER, WHO);
    world.sync(&["--from", "2026-10-30", "--to", "2026-11-03"]).exits(0);
    world.sync_sealed(USER);
    world.check_bucket(USER, WHO);
    let day = date(2026, 11, 1);
    let file = String::from_utf8(world.objects()[&key(USER, Metric::Calories, day)].clone());
    let file = file.unwrap();
    let rows = |hour: &str| file.lines().filter(|row| row.contains(hour)).count();
    assert_eq!(rows(",2026-11-01T05:59:00Z,2026-11-01T01:59:00,"), 1, "the first 01:59");
    assert_eq!(rows("user_001,2026-11-01T06:"), 0, "the second 01:00 to 01:59");
    assert_eq!(rows(",2026-11-01T07:00:00Z,2026-11-01T02:00:00,"), 1, "02:00");
    assert_eq!(file.lines().count() - 1, 1440);
    let told = world.completeness(USER).into_iter().find(|row| row.date == day).unwrap();
    assert_eq!(told.end.as_second() - told.start.as_second(), 25 * 3600);
    assert_eq!(told.state, "sealed");
}

#[test]
fn daily_data_is_asked_by_thirty_days_and_minutes_by_the_day() {
    let mut options = plain(vec![at_noon()]);
    options.fitbit.quota_per_hour = 1000;
    let world = seed_in(options);
    world.connect(USER, WHO);
    world.sync(&[]).exits(0);
    world.sim.clear_requests();
    let daily = ["--metric", "hrv", "--metric", "wrist_temp"];
    world.sync(&[&daily[..], &["--from", "2026-06-01", "--to", "2026-07-30"]].concat()).exits(0);
    let to = |part: &str| world.sim.requests().iter().filter(|s| s.path.contains(part)).count();
    assert_eq!(to("/hrv/date/"), 2);
    assert_eq!(to("/temp/skin/date/"), 2);
    assert_eq!(to("/1d/1min.json"), 0);
    world.sync(&["--from", "2026-07-26", "--to", "2026-07-30"]).exits(0);
    assert_eq!(to("/1d/1min.json"), 3 * 5);
    world.check_bucket(USER, WHO);
}

#[test]
fn a_quota_that_is_used_up_costs_nothing_but_time() {
    let mut options = plain(vec![at_noon()]);
    options.fitbit.quota_per_hour = 20;
    let world = seed_in(options);
    // Shortly before the full hour its end would be waited for.
    let into_s = world.sim.now().as_second().rem_euclid(3600);
    let ahead_s = if into_s > 2400 { 3660 - into_s } else { 0 };
    world.sim.set_clock_offset_s(ahead_s);
    world.connect(USER, WHO);
    let ran = world.sync(&[]).exits(75);
    assert_eq!(ran.failures(), ["quota -"]);
    let refused = world.sim.requests().iter().filter(|seen| seen.status == Some(429)).count();
    assert_eq!(refused, 1, "the hour refuses everything, so nothing more is asked");
    let mut runs = 1;
    loop {
        world.sim.set_clock_offset_s(ahead_s + 3600 * runs);
        let ran = world.sync(&[]);
        // Every answer of the hour is kept; what was refused is asked in the next.
        runs += 1;
        if ran.code == 0 {
            break;
        }
        assert_eq!(ran.code, 75, "{}", ran.stderr);
        assert!(runs < 4, "{}", ran.stderr);
    }
    assert!(world.check_bucket(USER, WHO) >= 3 * 7);
}

#[test]
fn an_application_without_minute_data_reads_the_nights_and_says_why() {
    let options = Options {
        fitbit: FitbitOptions { intraday: false, ..FitbitOptions::default() },
        ..plain(vec![at_noon()])
    };
    let world = seed_in(options);
    world.connect(USER, WHO);
    let ran = world.sync(&[]).says("not approved for minute data");
    assert_eq!(ran.code, 0, "what is not granted is no failure of the run: {}", ran.stderr);
    let keys = world.objects();
    assert!(keys.keys().any(|key| key.contains("/hrv/")));
    assert!(!keys.keys().any(|key| key.contains("/steps/")));
}

#[test]
fn a_sign_in_at_an_api_that_is_switched_off_changes_nothing_and_says_what_to_do() {
    let world = seed();
    world.connect(USER, WHO);
    let before = std::fs::read(world.token_file(USER)).unwrap();
    let login = world.login(&[USER]);
    let address = world.sim.consent(&login.url, WHO).unwrap();
    world.sim.set_fitbit_retired(true);
    let mut login = login;
    login.paste(&address);
    login.end().exits(3).says("switched off");
    assert_eq!(std::fs::read(world.token_file(USER)).unwrap(), before);
}

#[test]
fn what_this_api_is_not_asked_for_is_said_and_is_no_failure() {
    let mut world = seed();
    world.set("FITSYNC_METRICS", "steps,sleep");
    let login = world.connect(USER, WHO).says("Not to be had from this provider: sleep.");
    assert!(!login.stderr.contains("tick all boxes"), "{}", login.stderr);
    let ran = world.sync(&[]).exits(0);
    assert!(!ran.stderr.contains("consented to again"), "{}", ran.stderr);
    let rows = world.completeness(USER);
    let sleep: Vec<_> = rows.iter().filter(|row| row.metric == "sleep").collect();
    assert!(!sleep.is_empty() && sleep.iter().all(|row| row.state == "not_granted"));
}
