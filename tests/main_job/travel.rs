//! Somebody who flies around the world while the gateway goes on syncing.

use std::collections::BTreeMap;

use fitsync::command::arguments::SyncArguments;
use fitsync::io::clock::Clock;
use fitsync_sim::jiff::Timestamp;
use fitsync_sim::{Options, Participant};

use crate::world::{USER, WHO, World, hours, just_now};

fn zones(from: Timestamp, flights: &[(i64, &str)]) -> Vec<(Timestamp, String)> {
    let flight = |(hour, zone): &(i64, &str)| (from + hours(*hour), (*zone).to_owned());
    flights.iter().map(flight).collect()
}

/// Syncs every so many hours of nine days, and once more at the end: the days tile the time, each
/// file is what the world says of its day, and each minute stands in exactly one file.
fn every_minute_once(start: Timestamp, flights: &[(i64, &str)], every_hours: i64) {
    let traveller = Participant { zones: zones(start, flights), ..Participant::new(WHO) };
    let options = Options { participants: vec![traveller], ..Options::default() };
    let mut world = World::connected(options);
    // Less to read again; the flights are within it all the same.
    world.set("FITSYNC_LOOKBACK_DAYS", "3");
    world.set("FITSYNC_METRICS", "steps,calories,hrv");
    let clock = Clock::default();
    let mut hour = 1;
    while hour <= 9 * 24 {
        let now = start + hours(hour);
        world.sim.set_device_sync(WHO, now - hours(1)).expect("a device");
        assert_eq!(world.sync_at(&clock, now, &SyncArguments::default()), 0, "hour {hour}");
        hour += every_hours;
    }
    world.check_bucket(USER, WHO);

    let days = world.completeness(USER);
    let calories: Vec<_> = days.iter().filter(|row| row.metric == "calories").collect();
    for pair in calories.windows(2) {
        assert_eq!(pair[0].end, pair[1].start, "after {}", pair[0].date);
        assert_eq!(pair[0].date.tomorrow().ok(), Some(pair[1].date));
    }
    let mut minutes: BTreeMap<String, u32> = BTreeMap::new();
    for (key, bytes) in world.objects() {
        if key.contains("/calories/") {
            let text = String::from_utf8(bytes).expect("text");
            for line in text.lines().skip(1) {
                let minute = line.split(',').nth(1).expect("a time");
                *minutes.entry(minute.to_owned()).or_default() += 1;
            }
        }
    }
    assert!(minutes.values().all(|count| *count == 1), "a minute stands in two files");
    let synced = world.sim.synced(WHO).expect("a person").expect("a device");
    let all = (synced.as_second() - calories[0].start.as_second() + 59) / 60;
    assert_eq!(i64::try_from(minutes.len()), Ok(all), "a minute is missing");
    let zones: std::collections::BTreeSet<_> = days.iter().map(|row| row.zone.clone()).collect();
    assert_eq!(zones.len(), 2, "{zones:?}");
}

#[test]
fn from_new_york_to_tokyo_and_back_every_minute_stands_in_exactly_one_file() {
    let flights = [(0, "America/New_York"), (50, "Asia/Tokyo"), (110, "America/New_York")];
    every_minute_once(just_now(), &flights, 9);
}

#[test]
fn across_the_date_line_and_back_every_minute_stands_in_exactly_one_file() {
    let flights = [(0, "Pacific/Auckland"), (60, "Pacific/Honolulu"), (130, "Pacific/Auckland")];
    every_minute_once(just_now(), &flights, 11);
}
