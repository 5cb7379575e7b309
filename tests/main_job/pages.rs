//! Pages and points as Google really sends them.

use fitsync_sim::{Change, Effect, Fault, Host, Metric, Options, Order, Participant};
use serde_json::json;

use crate::world::{USER, WHO, World, just_now, one, plain};

/// A first sync under some faults ends well, and every file is what the world says.
fn reads_well_under(options: Options, faults: Vec<Fault>) -> World {
    let world = World::connected(options);
    faults.into_iter().for_each(|fault| world.sim.inject(fault));
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);
    world
}

fn always(effect: Effect) -> Fault {
    Fault::always(effect).host(Host::Google).path("dataTypes")
}

#[test]
fn an_empty_page_that_carries_a_token_is_followed() {
    let world = reads_well_under(plain(one()), vec![always(Effect::EmptyPage)]);
    assert_eq!(world.asked("total-calories:rollUp").len(), 3);
    assert_eq!(world.asked("daily-heart-rate-variability:reconcile").len(), 2);
}

#[test]
fn pages_without_any_order_are_sorted() {
    let options = Options { order: Order::Shuffled, ..plain(one()) };
    reads_well_under(options, Vec::new());
}

#[test]
fn rows_that_come_twice_are_written_once() {
    reads_well_under(plain(one()), vec![always(Effect::DuplicateRows)]);
}

#[test]
fn pages_that_come_twice_are_written_once() {
    let twice = |path: &str| Fault::once(Effect::DuplicatePage).host(Host::Google).path(path);
    let paths = ["steps", "total-calories", "active-zone", "variability", "temperature"];
    let world = reads_well_under(plain(one()), paths.map(twice).to_vec());
    assert_eq!(world.asked("active-zone-minutes:reconcile").len(), 2);
}

#[test]
fn a_token_that_repeats_is_an_error_of_its_metric_and_not_a_loop() {
    let world = World::connected(plain(one()));
    let repeat = Fault::always(Effect::RepeatToken).path("total-calories").skip(1);
    world.sim.inject(repeat);
    let ran = world.sync(&[]).exits(1);
    assert_eq!(ran.failures(), ["format calories"]);
    assert_eq!(world.asked("total-calories:rollUp").len(), 2);
    let files = world.objects();
    assert!(!files.keys().any(|key| key.contains("/calories/")), "half a week was written");
    world.sim.clear_faults();
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);
}

#[test]
fn integers_are_read_as_texts_and_as_numbers_alike() {
    let retype = |at: &str| always(Effect::Change { at: at.to_owned(), change: Change::Retype });
    let faults = vec![
        retype("rollupDataPoints/*/steps/countSum").path("steps"),
        retype("dataPoints/*/activeZoneMinutes/activeZoneMinutes").path("active-zone"),
        retype("rollupDataPoints/*/totalCalories/kcalSum").path("total-calories"),
        retype("dataPoints/*/dailyHeartRateVariability/nonRemHeartRateBeatsPerMinute")
            .path("variability"),
    ];
    reads_well_under(plain(one()), faults);
}

#[test]
fn a_number_that_is_not_one_is_an_empty_cell() {
    // Without thirty nights there is no baseline: Google sends "NaN".
    let joined = just_now().to_zoned(fitsync_sim::jiff::tz::TimeZone::UTC).date();
    let joined = joined.saturating_sub(fitsync_sim::jiff::Span::new().days(20));
    let person = Participant { joined, missing_nights_percent: 0, ..Participant::new(WHO) };
    let world = reads_well_under(plain(vec![person]), Vec::new());
    let objects = world.objects();
    let nights: Vec<_> = objects.iter().filter(|(key, _)| key.contains("/wrist_temp/")).collect();
    assert!(nights.len() >= 7, "{}", nights.len());
    for (key, bytes) in nights {
        let text = std::str::from_utf8(bytes).expect("text");
        let cells: Vec<_> = text.lines().nth(1).expect("a night").split(',').collect();
        let (relative, nightly, baseline) = (cells[2], cells[3], cells[4]);
        assert!(relative.is_empty() && baseline.is_empty(), "{key}: {cells:?}");
        let warm = nightly.parse().is_ok_and(|celsius: f64| (30.0..37.0).contains(&celsius));
        assert!(warm || nightly.is_empty(), "{key}: {cells:?}");
    }
}

#[test]
fn a_midnight_without_its_hours_is_understood() {
    let at = "dataPoints/*/activeZoneMinutes/interval/civilStartTime/time".to_owned();
    let empty = Effect::Change { at, change: Change::Set(json!({})) };
    reads_well_under(plain(one()), vec![always(empty).path("active-zone")]);
}

#[test]
fn a_missing_window_was_not_worn_and_a_zero_was() {
    let person = Participant { off_percent: 30, ..Participant::new(WHO) };
    let world = reads_well_under(plain(vec![person]), Vec::new());
    world.sync_sealed(USER);
    let steps = world.completeness(USER).into_iter().filter(|row| row.metric == "steps");
    let whole: Vec<_> = steps.filter(|row| row.state == "sealed").collect();
    assert!(whole.iter().any(|row| 0 < row.rows && row.rows < 1440), "{whole:?}");
    let objects = world.objects();
    let zeros = objects.iter().filter(|(key, _)| key.contains("/steps/")).map(|(_, bytes)| {
        let text = std::str::from_utf8(bytes).expect("text");
        text.lines().filter(|line| line.ends_with(",0")).count()
    });
    assert!(zeros.sum::<usize>() > 1000);
}

#[test]
fn windows_begin_at_whole_minutes_whenever_the_band_synced() {
    let world = World::connected(plain(one()));
    let odd = just_now() - fitsync_sim::jiff::SignedDuration::from_secs(43);
    world.sim.set_device_sync(WHO, odd).expect("a device");
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);
    for (key, bytes) in world.objects() {
        if key.contains("/calories/") || key.contains("/steps/") {
            let text = String::from_utf8(bytes).expect("text");
            assert!(text.lines().skip(1).all(|line| line.contains(":00Z,")), "{key}");
        }
    }
}

#[test]
fn a_page_is_asked_and_read_compressed() {
    // A page of calories is over a megabyte of text; so few bytes hold it only compressed.
    let cut = Fault::always(Effect::Cut { after_bytes: 400_000 }).path("total-calories");
    let world = reads_well_under(plain(one()), vec![cut]);
    assert!(world.state(USER, Metric::Calories, world.completeness(USER)[0].date).is_some());
}

#[test]
fn a_reply_that_breaks_off_once_is_asked_again() {
    let cut = Fault::once(Effect::Cut { after_bytes: 500 });
    let cut = cut.host(Host::Google).path("total-calories");
    let world = reads_well_under(plain(one()), vec![cut]);
    assert_eq!(world.asked("total-calories:rollUp").len(), 3);
}

#[test]
fn a_reply_that_always_breaks_off_is_a_network_failure_of_its_metric() {
    let world = World::connected(plain(one()));
    world.sim.inject(Fault::always(Effect::Cut { after_bytes: 50 }).path("variability"));
    let ran = world.sync(&[]).exits(75);
    assert_eq!(ran.failures(), ["network hrv"]);
    assert!(world.objects().keys().any(|key| key.contains("/wrist_temp/")));
    world.sim.clear_faults();
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);
}

#[test]
fn a_body_without_end_is_an_error_of_its_metric() {
    let world = World::connected(plain(one()));
    world.sim.inject(Fault::always(Effect::HugeBody { bytes: 9 << 20 }).path("active-zone"));
    let ran = world.sync(&[]).exits(1).says("longer than");
    assert_eq!(ran.failures(), ["format azm"]);
    assert_eq!(world.asked("active-zone-minutes:reconcile").len(), 1);
    world.sim.clear_faults();
    world.sync(&[]).exits(0);
    world.check_bucket(USER, WHO);
}
