//! Devices and settings as they are, and as they fail: none of it sinks a participant.

use fitsync_sim::{Change, Effect, Fault, Metric, key};
use serde_json::json;

use crate::world::{USER, WHO, World, at_noon, hours, just_now, living_in, plain};

fn change(at: &str, change: Change) -> Effect {
    Effect::Change { at: at.to_owned(), change }
}

const fn status(status: u16) -> Effect {
    Effect::Status { status, retry_after_s: None }
}

#[test]
fn devices_and_settings_that_fail_sink_nobody() {
    let mut world = World::new(plain(vec![living_in("Europe/Berlin")]));
    world.set("FITSYNC_METRICS", "steps");
    world.connect(USER, WHO);
    let cases = [
        ("pairedDevices", status(404), 1),
        ("pairedDevices", status(403), 0),
        ("pairedDevices", status(500), 75),
        ("pairedDevices", Effect::Html { status: 200 }, 1),
        ("pairedDevices", change("pairedDevices/0/lastSyncTime", Change::Null), 0),
        ("pairedDevices", change("pairedDevices/0/lastSyncTime", Change::Remove), 0),
        ("settings", status(404), 1),
        ("settings", status(403), 0),
        ("settings", status(500), 75),
        ("settings", change("timeZone", Change::Null), 0),
        ("settings", change("timeZone", Change::Remove), 0),
        ("settings", change("utcOffset", Change::Remove), 0),
    ];
    for (number, (path, effect, code)) in cases.into_iter().enumerate() {
        world.fresh_data(&number.to_string());
        world.sim.inject(Fault::always(effect.clone()).path(path));
        let ran = world.sync(&["--no-upload"]);
        assert_eq!(ran.code, code, "{path} {effect:?}: {}", ran.stderr);
        let head =
            std::fs::read_to_string(world.data().join("ledger").join(USER).join("head.json"));
        assert!(head.expect("a head").contains("\"zone\":\"Europe/Berlin\""), "{path} {effect:?}");
        assert!(ran.json()["participants"][0]["days_read"].as_u64() > Some(6), "{effect:?}");
        world.sim.clear_faults();
    }
}

#[test]
fn a_zone_that_nobody_here_knows_is_its_offset_and_never_utc() {
    let mut world = World::new(plain(vec![living_in("Asia/Kolkata")]));
    world.set("FITSYNC_METRICS", "steps");
    world.connect(USER, WHO);
    let unknown = change("timeZone", Change::Set(json!("Mars/Olympus")));
    world.sim.inject(Fault::always(unknown).path("settings"));
    world.sync(&[]).exits(0);
    let rows = world.completeness(USER);
    assert!(rows.iter().all(|row| row.zone == "+05:30"), "{rows:?}");
}

#[test]
fn a_watch_that_tells_no_time_beside_a_tracker_in_a_drawer_is_read_as_it_is() {
    let world = World::connected(plain(vec![at_noon()]));
    world.sim.set_device_sync(WHO, just_now()).expect("a device");
    let drawer = (just_now() - hours(60 * 24)).to_string();
    let devices = json!([
        {"deviceType": "TRACKER", "deviceVersion": "Inspire 3", "lastSyncTime": drawer},
        {"deviceType": "TRACKER", "deviceVersion": "Pixel Watch 3"},
    ]);
    let effect = change("pairedDevices", Change::Set(devices));
    world.sim.inject(Fault::always(effect).path("pairedDevices"));
    world.sync(&[]).exits(0);
    let status = world.status(USER);
    let why = status["device_unknown"].as_str().unwrap_or_default();
    assert_eq!(why, "Pixel Watch 3 does not tell when it last synced");
    let rows = world.completeness(USER);
    assert!(rows.iter().all(|row| row.synced.is_none()));
    let today = rows.iter().map(|row| row.date).max().expect("a day");
    assert!(world.objects().contains_key(&key(USER, Metric::Calories, today)), "calories are kept");
    world.sim.clear_requests();
    world.sync(&[]).exits(0);
    assert_eq!(world.asked("").len(), 1, "today and yesterday were read just now");
}

#[test]
fn a_device_time_of_1970_or_from_long_before_the_sign_in_reads_nothing_from_before() {
    for since in [just_now() - hours(60 * 24), fitsync_sim::jiff::Timestamp::UNIX_EPOCH] {
        let world = World::connected(plain(vec![at_noon()]));
        let times = |at: fitsync_sim::jiff::Timestamp| {
            change("pairedDevices/0/lastSyncTime", Change::Set(json!(at.to_string())))
        };
        world.sim.inject(Fault::always(times(since)).path("pairedDevices"));
        world.sync(&[]).exits(0);
        let first = world.completeness(USER).iter().map(|row| row.date).min();
        world.sim.clear_faults();
        world.sync(&[]).exits(0);
        assert_eq!(world.completeness(USER).iter().map(|row| row.date).min(), first, "{since}");
    }
}

#[test]
fn calories_are_kept_as_far_as_another_metric_tells_that_data_have_come() {
    let world = World::connected(plain(vec![at_noon()]));
    world.sim.set_device_sync(WHO, just_now()).expect("a device");
    // The account lists an old tracker alone; what is worn is not in the list.
    let old = json!((just_now() - hours(72)).to_string());
    let effect = change("pairedDevices/0/lastSyncTime", Change::Set(old));
    world.sim.inject(Fault::always(effect).path("pairedDevices"));
    world.sync(&[]).exits(0);
    let rows = world.completeness(USER);
    let yesterday = rows.iter().map(|row| row.date).max().expect("a day").yesterday().expect("one");
    assert!(world.objects().contains_key(&key(USER, Metric::Calories, yesterday)));
}
