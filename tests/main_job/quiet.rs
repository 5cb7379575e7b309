//! What a run costs, and what it leaves alone.

use std::collections::BTreeMap;

use fitsync::command::arguments::SyncArguments;
use fitsync::io::clock::Clock;
use fitsync_sim::{Effect, Fault, Host, Metric, Participant, key};

use crate::world::{DayRow, USER, WHO, World, at_noon, hours, just_now, living_in, one, plain};

#[test]
fn a_second_sync_with_nothing_new_makes_one_request_each_and_touches_no_file() {
    let world = World::new(plain(Participant::numbered(3)));
    for number in 1..=3 {
        world.connect(&format!("user_{number:03}"), &format!("p{number}"));
    }
    world.sync(&[]).exits(0);
    let before = world.snapshot();
    world.sim.clear_requests();
    let again = world.sync(&[]).exits(0);
    let asked: Vec<_> = world.asked("").into_iter().map(|seen| seen.label).collect();
    assert_eq!(asked, ["pairedDevices"; 3]);
    assert_eq!(world.snapshot(), before, "a file was written");
    for one in again.json()["participants"].as_array().expect("participants") {
        for (name, wanted) in
            [("requests", 1), ("days_read", 0), ("files_written", 0), ("files_uploaded", 0)]
        {
            assert_eq!(one[name], wanted, "{name}");
        }
    }
}

#[test]
fn a_first_sync_reads_the_look_back_and_today_in_seven_requests_and_their_further_pages() {
    let world = World::connected(plain(one()));
    world.sim.clear_requests();
    let first = world.sync(&[]).exits(0).json();
    let mut labels = BTreeMap::new();
    for seen in world.asked("").iter().filter(|seen| seen.host == Host::Google) {
        *labels.entry(seen.label.clone()).or_insert(0) += 1;
    }
    assert_eq!(labels.len(), 7, "{labels:?}");
    let once = labels.iter().filter(|(label, _)| !label.ends_with(":rollUp"));
    assert!(once.into_iter().all(|(_, count)| *count == 1), "{labels:?}");
    // Seven days and a part are more than one page of minutes, and never three.
    assert!(labels.values().all(|count| *count <= 2), "{labels:?}");
    assert_eq!(first["participants"][0]["days_read"], 8 * 5);
    world.check_bucket(USER, WHO);
}

#[test]
fn something_new_costs_at_most_seven_requests_and_a_refresh() {
    let world = World::connected(plain(one()));
    world.sim.set_device_sync(WHO, just_now() - hours(30)).expect("a device");
    world.sync(&[]).exits(0);
    world.sim.set_device_sync(WHO, just_now()).expect("a device");
    world.sim.expire_access_tokens();
    world.sim.clear_requests();
    world.sync(&[]).exits(0);
    let google = world.asked("").into_iter().filter(|seen| seen.host == Host::Google);
    // The refused one is asked again.
    let google = google.filter(|seen| seen.status != Some(401));
    assert_eq!(google.count(), 7);
    assert_eq!(world.asked("token").len(), 1);
    world.check_bucket(USER, WHO);
}

#[test]
fn a_device_that_syncs_three_days_late_has_its_days_sealed_and_uploaded_once_more() {
    let world = World::connected(plain(vec![living_in("America/New_York")]));
    let late = just_now() - hours(72);
    world.sim.set_device_sync(WHO, late).expect("a device");
    world.sync(&[]).exits(0);
    world.sync_sealed(USER);
    let before = world.objects();
    let days = world.completeness(USER);
    let newest = days.iter().rfind(|row| row.metric == "calories").expect("days").date;
    let half = days.iter().find(|row| row.start <= late && late < row.end).expect("a day").date;
    assert!(days.iter().all(|row| (row.state == "sealed") == (row.date < half)), "{days:?}");
    world.check_bucket(USER, WHO);

    world.sim.set_device_sync(WHO, just_now()).expect("a device");
    world.sync(&[]).exits(0);
    world.sync_sealed(USER);
    let after = world.objects();
    for row in world.completeness(USER) {
        let name = key(USER, Metric::named(&row.metric).expect("a metric"), row.date);
        assert_eq!(row.state == "sealed", row.date < newest, "{name}");
        assert_eq!(row.revisions, 0, "{name}");
        let puts = match (before.get(&name), after.get(&name)) {
            (None, None) => 0,
            (Some(old), Some(new)) if old != new => 2,
            _ => 1,
        };
        assert_eq!(world.sim.puts(&name), puts, "{name}");
    }
    assert_eq!(world.sim.puts(&key(USER, Metric::Calories, half)), 2);
    assert_eq!(world.sim.puts(&key(USER, Metric::Calories, half.yesterday().expect("day"))), 1);
    assert!(half < newest && before.len() + 6 <= after.len(), "three days are new");
    world.check_bucket(USER, WHO);
}

#[test]
fn so_many_requests_are_in_flight_as_there_are_threads() {
    for threads in [1, 3] {
        let mut world = World::new(plain(Participant::numbered(5)));
        for number in 1..=5 {
            world.connect(&format!("user_{number:03}"), &format!("p{number}"));
        }
        world.set("FITSYNC_THREADS", &threads.to_string());
        world.set("FITSYNC_METRICS", "hrv");
        world.sim.inject(Fault::always(Effect::Delay { ms: 100 }).host(Host::Google));
        world.sim.clear_requests();
        world.sync(&[]).exits(0);
        assert_eq!(world.sim.max_in_flight(), threads);
    }
}

#[test]
fn a_study_that_wants_ended_days_only_never_reads_the_running_day() {
    let mut world = World::connected(plain(vec![at_noon()]));
    world.set("FITSYNC_TODAY_MINUTES", "0");
    world.sync(&[]).exits(0);
    world.sync_sealed(USER);
    let rows = world.completeness(USER);
    assert_eq!(rows.len(), 7 * 5);
    assert!(rows.iter().all(|row| row.state == "sealed"), "{rows:?}");
}

#[test]
fn without_a_band_the_last_two_days_are_read_at_most_so_often_and_old_days_sealed_by_their_age() {
    let world = World::connected(plain(vec![at_noon()]));
    world.sim.set_devices(WHO, Vec::new()).expect("a person");
    world.sync(&[]).exits(0);
    let rows = world.completeness(USER);
    assert!(rows.iter().all(|row| row.synced.is_none()), "{rows:?}");
    // The oldest day of the look-back is read for the last time today: it is sealed by that.
    let oldest = rows.iter().map(|row| row.date).min();
    for row in &rows {
        let sealed = Some(row.date) == oldest;
        assert_eq!(row.state, if sealed { "sealed" } else { "provisional" }, "{row:?}");
    }
    assert!(world.status(USER)["device_unknown"].as_str().is_some_and(|why| !why.is_empty()));
    world.sim.clear_requests();
    let again = world.sync(&[]).exits(0).json();
    // They were read just now.
    assert_eq!(again["participants"][0]["days_read"], 0);
    assert_eq!(world.asked("").len(), 1);
    world.sync(&["--from", "2026-10-01", "--to", "2026-10-02"]).exits(0);
    let rows = world.completeness(USER).into_iter();
    let old: Vec<_> = rows.filter(|row| row.date.month() == 10).collect();
    assert!(old.len() == 10 && old.iter().all(|row| row.state == "sealed"), "{old:?}");
}

#[test]
fn a_device_time_that_is_still_to_come_seals_nothing_and_keeps_nobody_idle() {
    let mut world = World::connected(plain(vec![at_noon()]));
    world.set("FITSYNC_TODAY_MINUTES", "0");
    world.sim.set_device_sync(WHO, just_now() + hours(3 * 365 * 24)).expect("a device");
    let ran = world.sync(&["--from", "2026-10-01", "--to", "2026-10-02"]).exits(0);
    assert_eq!(ran.stderr.matches("lies in the future").count(), 1, "{}", ran.stderr);
    let rows = world.completeness(USER);
    let open = |row: &DayRow| row.state == "provisional" && row.synced.is_none();
    assert!(rows.len() == (7 + 2) * 5 && rows.iter().all(open), "{rows:?}");
    let why = world.status(USER)["device_unknown"].as_str().unwrap_or_default().to_owned();
    assert!(why.contains("set the clock of its phone"), "{why}");

    // Once it is right everything over is sealed, also what is older than the look-back.
    world.sim.set_device_sync(WHO, just_now()).expect("a device");
    world.sync(&[]).exits(0);
    world.sync_sealed(USER);
    assert!(world.completeness(USER).iter().all(|row| row.state == "sealed"));
    world.check_bucket(USER, WHO);

    // A head that holds such a time from before waits for nothing.
    let head = world.data().join("ledger").join(USER).join("head.json");
    let text = std::fs::read_to_string(&head).expect("a head");
    let mut json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    json["read_until"] = "2039-01-01T00:00:00Z".into();
    std::fs::write(&head, json.to_string()).expect("a head");
    let again = world.sync(&[]).exits(0).json();
    assert_eq!(again["participants"][0]["days_read"], 7 * 5, "{again}");
    let idle = world.sync(&[]).exits(0).json();
    assert_eq!(idle["participants"][0]["requests"], 1);
}

#[test]
fn a_running_day_is_read_again_after_three_hours_only() {
    let world = World::connected(plain(vec![at_noon()]));
    world.sim.set_device_sync(WHO, just_now() - hours(1)).expect("a device");
    world.sync(&[]).exits(0);
    world.sim.set_device_sync(WHO, just_now()).expect("a device");
    world.sim.clear_requests();
    world.sync(&[]).exits(0);
    assert_eq!(world.asked("").len(), 1, "today was read less than three hours ago");

    let later = just_now() + hours(4);
    world.sim.clear_requests();
    assert_eq!(world.sync_at(&Clock::default(), later, &SyncArguments::default()), 0);
    assert_eq!(world.asked("total-calories:rollUp").len(), 1);
    world.check_bucket(USER, WHO);
}
