//! A reply with status 200 that is not what was promised is an error of its metric. It is never
//! "no data": nothing is sealed, no file is written, and the next run reads the days.

use std::collections::BTreeSet;

use fitsync_sim::{Change, Effect, Fault, Metric, Participant};
use serde_json::json;

use crate::world::{USER, WHO, World, living_in, one, plain};

fn change(at: &str, change: Change) -> Effect {
    Effect::Change { at: at.to_owned(), change }
}

/// A member of the reply, once gone by another name, once null, once of another type.
fn three(at: &str) -> Vec<Effect> {
    let renamed = Change::Rename("renamed".to_owned());
    [renamed, Change::Null, Change::Retype].map(|one| change(at, one)).to_vec()
}

fn wrong(at: &str) -> Effect {
    change(at, Change::Set(json!("many")))
}

/// Each effect in turn on the requests of one metric.
fn never_no_data(metric: Metric, path: &str, effects: Vec<Effect>) {
    let person = Participant { missing_nights_percent: 0, ..Participant::new(WHO) };
    let mut world = World::connected(plain(vec![person]));
    // One other metric shows that it goes on.
    let other = if metric == Metric::Hrv { "wrist_temp" } else { "hrv" };
    world.set("FITSYNC_METRICS", &format!("{},{other}", metric.name()));
    // Zone minutes are earned on every third day or so.
    world.set("FITSYNC_LOOKBACK_DAYS", if metric == Metric::Azm { "7" } else { "2" });
    for (number, effect) in effects.into_iter().enumerate() {
        world.fresh_data(&number.to_string());
        world.sim.inject(Fault::always(effect.clone()).path(path));
        let ran = world.sync(&["--no-upload"]);
        assert_eq!(ran.code, 1, "{effect:?}: {}", ran.stderr);
        let failures: BTreeSet<_> = ran.failures().into_iter().collect();
        let all = BTreeSet::from([format!("format {}", metric.name())]);
        assert_eq!(failures, all, "{effect:?}");
        let status = world.status(USER);
        for day in status["metrics"][metric.name()]["days"].as_array().expect("days") {
            // A day without an element is read, and has no rows.
            let state = day["state"].as_str().expect("a state");
            let failed = matches!(state, "wanted" | "missing");
            assert!(failed || day["rows"] == 0, "{effect:?}: {day}");
        }
        let folder = world.data().join("users").join(USER);
        let written = std::fs::read_dir(folder.join(metric.name())).into_iter().flatten();
        assert_eq!(written.count(), 0, "{effect:?} wrote a file");
        assert!(folder.join("completeness").exists(), "{effect:?} stopped the others");
        world.sim.clear_faults();
    }
    // Days that were odd are asked again with the look-back.
    world.fresh_data("whole");
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);
}

#[test]
fn a_reply_about_steps_that_is_not_as_promised_is_an_error_of_steps() {
    let point = "rollupDataPoints/*/steps";
    let effects = [
        vec![Effect::Html { status: 200 }],
        three("rollupDataPoints"),
        three("rollupDataPoints/*"),
        three(point),
        three(&format!("{point}/countSum"))[..2].to_vec(),
        vec![wrong(&format!("{point}/countSum"))],
        vec![change(&format!("{point}/countSum"), Change::Set(json!("1.5")))],
        three("rollupDataPoints/*/startTime"),
        vec![wrong("rollupDataPoints/*/endTime")],
    ];
    never_no_data(Metric::Steps, "dataTypes/steps", effects.concat());
}

#[test]
fn a_reply_about_calories_that_is_not_as_promised_is_an_error_of_calories() {
    let point = "rollupDataPoints/*/totalCalories";
    let effects = [
        vec![Effect::Html { status: 200 }],
        three("rollupDataPoints"),
        three(point),
        three(&format!("{point}/kcalSum"))[..2].to_vec(),
        vec![wrong(&format!("{point}/kcalSum"))],
        vec![wrong("rollupDataPoints/*/startTime")],
    ];
    never_no_data(Metric::Calories, "total-calories", effects.concat());
}

#[test]
fn a_reply_about_zone_minutes_that_is_not_as_promised_is_an_error_of_zone_minutes() {
    let point = "dataPoints/*/activeZoneMinutes";
    let effects = [
        vec![Effect::Html { status: 200 }],
        three("dataPoints"),
        three(point),
        vec![change(point, Change::Remove)],
        three(&format!("{point}/activeZoneMinutes"))[..2].to_vec(),
        vec![wrong(&format!("{point}/activeZoneMinutes"))],
        three(&format!("{point}/heartRateZone"))[..2].to_vec(),
        three(&format!("{point}/interval")),
        vec![wrong(&format!("{point}/interval/startTime"))],
    ];
    never_no_data(Metric::Azm, "active-zone-minutes", effects.concat());
}

#[test]
fn a_reply_about_heart_rate_variability_that_is_not_as_promised_is_an_error_of_hrv() {
    let point = "dataPoints/*/dailyHeartRateVariability";
    let effects = [
        vec![Effect::Html { status: 200 }],
        three("dataPoints"),
        three(point),
        vec![change(point, Change::Remove)],
        three(&format!("{point}/date")),
        vec![change(&format!("{point}/date/year"), Change::Remove)],
        three(&format!("{point}/averageHeartRateVariabilityMilliseconds"))[1..2].to_vec(),
        vec![wrong(&format!("{point}/averageHeartRateVariabilityMilliseconds"))],
        vec![wrong(&format!("{point}/nonRemHeartRateBeatsPerMinute"))],
        vec![wrong(&format!("{point}/entropy"))],
    ];
    never_no_data(Metric::Hrv, "daily-heart-rate-variability", effects.concat());
}

#[test]
fn a_reply_about_temperature_that_is_not_as_promised_is_an_error_of_wrist_temp() {
    let point = "dataPoints/*/dailySleepTemperatureDerivations";
    let effects = [
        vec![Effect::Html { status: 200 }],
        three("dataPoints"),
        three(point),
        vec![change(point, Change::Remove)],
        three(&format!("{point}/date")),
        vec![wrong(&format!("{point}/nightlyTemperatureCelsius"))],
        vec![change(&format!("{point}/nightlyTemperatureCelsius"), Change::Null)],
    ];
    never_no_data(Metric::WristTemp, "daily-sleep-temperature", effects.concat());
}

#[test]
fn a_page_token_that_is_no_text_is_an_error_of_its_metric() {
    let mut world = World::connected(plain(one()));
    for (number, token) in [json!(7), json!([]), json!({})].into_iter().enumerate() {
        world.fresh_data(&number.to_string());
        let effect = change("nextPageToken", Change::Set(token));
        world.sim.inject(Fault::always(effect).path("total-calories"));
        let ran = world.sync(&["--no-upload"]).exits(1);
        assert_eq!(ran.failures(), ["format calories"]);
        world.sim.clear_faults();
    }
}

#[test]
fn devices_and_settings_that_are_not_as_promised_never_make_up_a_zone_or_a_sync() {
    let mut world = World::connected(plain(vec![living_in("Asia/Kolkata")]));
    let cases = [
        ("pairedDevices", Effect::Html { status: 200 }),
        ("pairedDevices", change("pairedDevices", Change::Rename("devices".to_owned()))),
        ("settings", Effect::Html { status: 200 }),
        ("settings", change("timeZone", Change::Set(json!(7)))),
    ];
    for (number, (path, effect)) in cases.into_iter().enumerate() {
        world.fresh_data(&number.to_string());
        world.sim.inject(Fault::always(effect.clone()).path(path));
        let ran = world.sync(&["--no-upload"]);
        assert_eq!(ran.code, 1, "{effect:?}: {}", ran.stderr);
        assert_eq!(ran.failures(), ["format -"], "{effect:?}");
        // What the sign-in was told of the zone holds, and no band is made up.
        let head = world.data().join("ledger").join(USER).join("head.json");
        let head = std::fs::read_to_string(head).expect("a head");
        let synced = head.contains("\"device_synced_at\":\"");
        assert!(head.contains("\"zone\":\"Asia/Kolkata\""), "{effect:?}");
        assert_eq!(synced, path == "settings", "{effect:?}");
        world.sim.clear_faults();
    }
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);
}

#[test]
fn a_window_with_an_empty_value_is_no_value_and_no_error() {
    let world = World::connected(plain(one()));
    let at = "rollupDataPoints/*/steps/countSum";
    world.sim.inject(Fault::always(change(at, Change::Remove)).path("dataTypes/steps"));
    world.sync(&[]).exits(0);
    let steps = world.completeness(USER).into_iter().filter(|row| row.metric == "steps");
    assert!(steps.into_iter().all(|row| row.rows == 0));
}
