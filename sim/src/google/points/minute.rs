//! Points of minutes: steps, active zone minutes, distance, floors, heart rate.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::json::{interval, sample_time};
use super::point::{Origin, Point, Source};
use crate::data::minute;
use crate::google::filter::Filter;
use crate::hash::{chance, mix, pick};
use crate::person::{Local, Person, day_of};

/// Days that an unbounded filter reaches back; nobody pages through years of minutes.
const UNBOUNDED_DAYS: i64 = 100;
/// The same for samples of seconds.
const UNBOUNDED_SAMPLE_DAYS: i64 = 2;

type MakePoints = for<'a> fn(Source<'a>, Local) -> Vec<Point<'a>>;

/// The points of a type within a filter's bounds.
pub fn points<'a>(source: Source<'a>, id: &str, filter: &Filter) -> Vec<Point<'a>> {
    let make: MakePoints = match id {
        "steps" => steps,
        "active-zone-minutes" => active_zone_minutes,
        "distance" => distance,
        "floors" => floors,
        "heart-rate" => heart_rate,
        "active-energy-burned" => active_energy,
        "time-in-heart-rate-zone" => zone_times,
        _ => return Vec::new(),
    };
    let minute_of = |at: Timestamp| at.as_second().div_euclid(60);
    let (from, before) = filter.bounds();
    let end = before.map_or(source.synced, |before| before.min(source.synced));
    let days = match id {
        "heart-rate" => UNBOUNDED_SAMPLE_DAYS,
        _ => UNBOUNDED_DAYS,
    };
    let oldest = minute_of(source.synced) - days * 1440;
    let joined = (day_of(source.person.joined) - 1) * 1440;
    let start = from.map_or(oldest, minute_of).max(joined);
    let last = -(-end.as_second()).div_euclid(60);
    (start..last).flat_map(|minute| make(source, source.person.local(minute))).collect()
}

fn count_json(person: &Person, local: Local, name: &str, count: i64) -> Value {
    json!({
        "interval": interval(person, local.minute, local.minute + 1),
        name: count.to_string(),
    })
}

fn counted<'a>(source: Source<'a>, local: Local, name: &'static str, count: i64) -> Point<'a> {
    Point::at(local, move || count_json(source.person, local, name, count))
}

fn steps(source: Source<'_>, local: Local) -> Vec<Point<'_>> {
    let Some(count) = minute::steps(source.person, local).filter(|count| *count > 0) else {
        return Vec::new();
    };
    let mut points = vec![counted(source, local, "count", count)];
    let number = mix(source.person.seed, "phone", local.minute);
    if chance(number, 20) {
        let other = 1 + pick(number, count.unsigned_abs() + 1);
        points.push(Point { origin: Origin::Phone, ..counted(source, local, "count", other) });
    }
    points
}

fn distance(source: Source<'_>, local: Local) -> Vec<Point<'_>> {
    let distance = minute::distance_mm(source.person, local).filter(|mm| *mm > 0);
    let point = distance.map(|mm| counted(source, local, "millimeters", mm));
    point.into_iter().collect()
}

fn floors(source: Source<'_>, local: Local) -> Vec<Point<'_>> {
    let floors = minute::floors(source.person, local).filter(|floors| *floors > 0);
    let point = floors.map(|floors| counted(source, local, "count", floors));
    point.into_iter().collect()
}

fn active_zone_minutes(source: Source<'_>, local: Local) -> Vec<Point<'_>> {
    let zones = minute::zones(source.person, local).into_iter();
    let point = |zone: minute::Zone| {
        Point::at(local, move || {
            json!({
                "interval": interval(source.person, local.minute, local.minute + 1),
                "heartRateZone": zone.name(),
                "activeZoneMinutes": zone.credit().to_string(),
            })
        })
    };
    zones.map(point).collect()
}

fn active_energy(source: Source<'_>, local: Local) -> Vec<Point<'_>> {
    let Some(energy) = minute::active_energy(source.person, local) else {
        return Vec::new();
    };
    let make = move || {
        json!({
            "interval": interval(source.person, local.minute, local.minute + 1),
            "kcal": energy.json(),
        })
    };
    vec![Point::at(local, make)]
}

fn zone_times(source: Source<'_>, local: Local) -> Vec<Point<'_>> {
    let zones = minute::zone_times(source.person, local).into_iter();
    // Whole minutes: the split of a minute is told by the rollup alone.
    let point = |(name, _)| {
        Point::at(local, move || {
            json!({
                "interval": interval(source.person, local.minute, local.minute + 1),
                "heartRateZoneType": name,
            })
        })
    };
    zones.take(1).map(point).collect()
}

fn heart_rate(source: Source<'_>, local: Local) -> Vec<Point<'_>> {
    let sample = |index: i64| {
        let beats = minute::heart_rate(source.person, local, index)?;
        let second = i8::try_from(index * 5).unwrap_or(0);
        let context = match minute::exercising(source.person, local) {
            true => "ACTIVE",
            false => "SEDENTARY",
        };
        let mut point = Point::at(local, move || {
            json!({
                "sampleTime": sample_time(local, second),
                "beatsPerMinute": beats.to_string(),
                "metadata": {"motionContext": context, "sensorLocation": "WRIST"},
            })
        });
        let later = SignedDuration::from_secs(i64::from(second));
        point.anchor.instant += later;
        point.anchor.civil += later;
        (point.anchor.instant < source.synced).then_some(point)
    };
    (0..minute::SAMPLES).filter_map(sample).collect()
}
