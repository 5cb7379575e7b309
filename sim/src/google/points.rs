//! The points of `list` and `reconcile`: what a participant's data looks like as JSON.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use serde_json::{Map, Value, json};

use super::filter::{Anchor, Filter};
use super::types::{DataType, Kind};
use crate::data::night::Reading;
use crate::data::{Amount, minute, night};
use crate::hash::{chance, mix, pick};
use crate::person::{Local, Person, date_of, day_of, instant};

/// Days that an unbounded filter reaches back for minute data; nobody pages through years.
const UNBOUNDED_DAYS: i64 = 400;

/// What points are computed from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    pub person: &'a Person,
    /// Nothing from this instant on has reached the provider.
    pub synced: Timestamp,
    pub device: &'a str,
}

/// One point, before it is dressed for `list` or `reconcile`.
#[derive(Clone, Debug)]
pub struct Point {
    pub anchor: Anchor,
    /// The type's own message.
    pub value: Value,
    /// Identifiable types have an id.
    pub id: Option<String>,
    /// From the participant's phone: in `list` only.
    pub phone: bool,
}

/// A date as `google.type.Date`.
pub fn date_json(date: Date) -> Value {
    json!({"year": date.year(), "month": date.month(), "day": date.day()})
}

/// A civil time, zero parts left out.
pub fn civil_json(civil: DateTime) -> Value {
    let parts = [("hours", civil.hour()), ("minutes", civil.minute()), ("seconds", civil.second())];
    let parts = parts.into_iter().filter(|(_, value)| *value != 0);
    let time: Map<_, _> =
        parts.map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
    json!({"date": date_json(civil.date()), "time": time})
}

/// An instant as Google writes it.
pub fn instant_json(at: Timestamp) -> Value {
    Value::from(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn civil_of(local: Local) -> DateTime {
    let hour = i8::try_from(local.minute_of_day / 60).unwrap_or(0);
    let minute = i8::try_from(local.minute_of_day % 60).unwrap_or(0);
    local.date().at(hour, minute, 0, 0)
}

/// An interval of whole minutes, with its civil times.
fn interval(person: &Person, from: i64, length: i64) -> Value {
    let (start, end) = (person.local(from), person.local(from + length));
    json!({
        "startTime": instant_json(instant(from)),
        "startUtcOffset": format!("{}s", start.offset_s),
        "endTime": instant_json(instant(from + length)),
        "endUtcOffset": format!("{}s", end.offset_s),
        "civilStartTime": civil_json(civil_of(start)),
        "civilEndTime": civil_json(civil_of(end)),
    })
}

/// The points of a type that a filter wants, newest first.
pub fn points(source: Source<'_>, data_type: &DataType, filter: &Filter) -> Vec<Point> {
    let mut points = match data_type.kind {
        Kind::Daily => daily(source, data_type, filter),
        _ => minutely(source, data_type, filter),
    };
    points.retain(|point| filter.wants(point.anchor));
    points.sort_by_key(|point| std::cmp::Reverse(point.anchor.instant));
    points
}

fn minutely(source: Source<'_>, data_type: &DataType, filter: &Filter) -> Vec<Point> {
    let minute_of = |at: Timestamp| at.as_second().div_euclid(60);
    let (from, before) = filter.bounds();
    let end = before.map_or(source.synced, |before| before.min(source.synced));
    let oldest = minute_of(source.synced) - UNBOUNDED_DAYS * 1440;
    let joined = (day_of(source.person.joined) - 1) * 1440;
    let start = from.map_or(oldest, minute_of).max(joined);
    let last = -(-end.as_second()).div_euclid(60);
    let make: fn(Source<'_>, Local) -> Vec<Point> = match data_type.id {
        "steps" => steps,
        "active-zone-minutes" => active_zone_minutes,
        _ => return Vec::new(),
    };
    (start..last).flat_map(|minute| make(source, source.person.local(minute))).collect()
}

fn point(local: Local, value: Value) -> Point {
    let anchor = Anchor { instant: instant(local.minute), civil: civil_of(local) };
    Point { anchor, value, id: None, phone: false }
}

fn steps(source: Source<'_>, local: Local) -> Vec<Point> {
    let Some(count) = minute::steps(source.person, local).filter(|count| *count > 0) else {
        return Vec::new();
    };
    let value = |count: i64| {
        json!({
            "interval": interval(source.person, local.minute, 1),
            "count": count.to_string(),
        })
    };
    let mut points = vec![point(local, value(count))];
    let number = mix(source.person.seed, "phone", local.minute);
    if chance(number, 20) {
        points.push(Point {
            phone: true,
            ..point(local, value(1 + pick(number, count.unsigned_abs() + 1)))
        });
    }
    points
}

fn active_zone_minutes(source: Source<'_>, local: Local) -> Vec<Point> {
    let zones = minute::zones(source.person, local);
    let value = |zone: minute::Zone| {
        json!({
            "interval": interval(source.person, local.minute, 1),
            "heartRateZone": zone.name(),
            "activeZoneMinutes": zone.credit().to_string(),
        })
    };
    zones.into_iter().map(|zone| point(local, value(zone))).collect()
}

fn daily(source: Source<'_>, data_type: &DataType, filter: &Filter) -> Vec<Point> {
    let person = source.person;
    let (from, before) = filter.bounds();
    let day = |at: Timestamp| at.as_second().div_euclid(86_400);
    let joined = day_of(person.joined);
    let first = from.map_or(joined, day).max(joined);
    let last = before.unwrap_or(source.synced).min(source.synced);
    let make: fn(&Person, Date) -> Option<Value> = match data_type.id {
        "daily-heart-rate-variability" => heart_rate_variability,
        "daily-sleep-temperature-derivations" => temperature,
        _ => return Vec::new(),
    };
    let dates = (first..=day(last) + 2).map(date_of);
    let ready = dates.filter(|date| person.night_ready(*date) < source.synced);
    ready
        .filter_map(|date| {
            let civil = date.at(0, 0, 0, 0);
            let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
            let anchor = Anchor { instant: zoned.timestamp(), civil };
            Some(Point { anchor, value: make(person, date)?, id: None, phone: false })
        })
        .collect()
}

fn put(object: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        object.insert(name.to_owned(), value);
    }
}

fn heart_rate_variability(person: &Person, date: Date) -> Option<Value> {
    let night = night::hrv(person, date)?;
    let mut object = Map::new();
    let number = |amount: Option<Amount>| amount.map(Amount::json);
    put(&mut object, "date", Some(date_json(date)));
    put(&mut object, "averageHeartRateVariabilityMilliseconds", number(night.average));
    put(
        &mut object,
        "nonRemHeartRateBeatsPerMinute",
        night.non_rem.map(|bpm| Value::from(bpm.to_string())),
    );
    put(&mut object, "entropy", number(night.entropy));
    put(
        &mut object,
        "deepSleepRootMeanSquareOfSuccessiveDifferencesMilliseconds",
        number(night.deep),
    );
    Some(Value::Object(object))
}

fn temperature(person: &Person, date: Date) -> Option<Value> {
    let night = night::temperature(person, date)?;
    let mut object = Map::new();
    let number = |reading| match reading {
        Reading::Missing => None,
        Reading::NotANumber => Some(Value::from("NaN")),
        Reading::Value(amount) => Some(Amount::json(amount)),
    };
    put(&mut object, "date", Some(date_json(date)));
    put(&mut object, "nightlyTemperatureCelsius", number(night.nightly));
    put(&mut object, "baselineTemperatureCelsius", number(night.baseline));
    put(&mut object, "relativeNightlyStddev30dCelsius", number(night.stddev));
    Some(Value::Object(object))
}

/// A point as `list` sends it: with its source.
pub fn listed(source: Source<'_>, data_type: &DataType, point: &Point) -> Value {
    let band = json!({
        "formFactor": "FITNESS_BAND",
        "manufacturer": "Fitbit",
        "displayName": source.device,
    });
    let origin = match (point.phone, data_type.kind) {
        (true, _) => json!({
            "recordingMethod": "UNKNOWN",
            "device": {"formFactor": "PHONE", "manufacturer": "samsung"},
            "application": {"packageName": "com.sec.android.app.shealth"},
            "platform": "HEALTH_CONNECT",
        }),
        (false, Kind::Daily) => json!({
            "recordingMethod": "DERIVED",
            "device": {"displayName": source.device},
            "platform": "FITBIT",
        }),
        (false, _) => json!({
            "recordingMethod": "PASSIVELY_MEASURED",
            "device": band,
            "platform": "FITBIT",
        }),
    };
    let mut object = Map::new();
    put(&mut object, "name", point.id.clone().map(Value::from));
    put(&mut object, "dataSource", Some(origin));
    put(&mut object, &data_type.camel(), Some(point.value.clone()));
    Value::Object(object)
}

/// A point as `reconcile` sends it: merged, without a source.
pub fn reconciled(data_type: &DataType, point: &Point) -> Value {
    let mut object = Map::new();
    put(&mut object, "dataPointName", point.id.clone().map(Value::from));
    put(&mut object, &data_type.camel(), Some(point.value.clone()));
    Value::Object(object)
}
