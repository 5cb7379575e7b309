//! Points of days: nights' values and daily summaries.

use std::rc::Rc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::json::{date_json, put};
use super::point::{Origin, Point, Source};
use crate::data::night::Reading;
use crate::data::{Amount, body, night};
use crate::google::filter::{Anchor, Filter};
use crate::person::{Person, date_of, day_of};

/// The points of a type within a filter's bounds. A night is there once the band has synced
/// after it.
pub fn points<'a>(source: Source<'a>, id: &str, filter: &Filter) -> Vec<Point<'a>> {
    let make: fn(&Person, Date) -> Option<Value> = match id {
        "daily-heart-rate-variability" => heart_rate_variability,
        "daily-sleep-temperature-derivations" => temperature,
        "daily-resting-heart-rate" => resting_heart_rate,
        "daily-oxygen-saturation" => oxygen,
        "daily-respiratory-rate" => breaths,
        "daily-vo2-max" => vo2_max,
        _ => return Vec::new(),
    };
    let person = source.person;
    let (from, before) = filter.bounds();
    let day = |at: Timestamp| at.as_second().div_euclid(86_400);
    let joined = day_of(person.joined);
    let first = from.map_or(joined, day).max(joined);
    let last = before.unwrap_or(source.synced).min(source.synced);
    (first..=day(last) + 2)
        .map(date_of)
        .filter(|date| {
            let ready = person.night_ready(*date);
            ready < source.synced && person.cloud.has_night(ready, source.now)
        })
        .filter_map(|date| {
            let civil = date.at(0, 0, 0, 0);
            let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
            let instant = zoned.timestamp();
            let value = make(person, date)?;
            Some(Point {
                anchor: Anchor { instant, civil },
                value: Rc::new(move || value.clone()),
                id: None,
                origin: Origin::Derived,
            })
        })
        .collect()
}

fn dated(date: Date) -> Map<String, Value> {
    let mut object = Map::new();
    put(&mut object, "date", Some(date_json(date)));
    object
}

fn heart_rate_variability(person: &Person, date: Date) -> Option<Value> {
    let night = night::hrv(person, date)?;
    let mut object = dated(date);
    let number = |amount: Option<Amount>| amount.map(Amount::json);
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
    let mut object = dated(date);
    let number = |reading| match reading {
        Reading::Missing => None,
        Reading::NotANumber => Some(Value::from("NaN")),
        Reading::Value(amount) => Some(Amount::json(amount)),
    };
    let fields = [
        ("nightlyTemperatureCelsius", night.nightly),
        ("baselineTemperatureCelsius", night.baseline),
        ("relativeNightlyStddev30dCelsius", night.stddev),
    ];
    for (name, reading) in fields {
        put(&mut object, name, number(reading));
    }
    Some(Value::Object(object))
}

fn resting_heart_rate(person: &Person, date: Date) -> Option<Value> {
    let (beats, method) = body::resting_heart_rate(person, date)?;
    let mut object = dated(date);
    put(&mut object, "beatsPerMinute", Some(beats.to_string().into()));
    let metadata = json!({"calculationMethod": method});
    put(&mut object, "dailyRestingHeartRateMetadata", Some(metadata));
    Some(Value::Object(object))
}

fn oxygen(person: &Person, date: Date) -> Option<Value> {
    let night = body::oxygen(person, date)?;
    let mut object = dated(date);
    let fields = [
        ("averagePercentage", Some(night.average)),
        ("lowerBoundPercentage", Some(night.lower)),
        ("upperBoundPercentage", Some(night.upper)),
        ("standardDeviationPercentage", night.deviation),
    ];
    for (name, amount) in fields {
        put(&mut object, name, amount.map(Amount::json));
    }
    Some(Value::Object(object))
}

fn breaths(person: &Person, date: Date) -> Option<Value> {
    let breaths = body::breaths(person, date)?;
    let mut object = dated(date);
    put(&mut object, "breathsPerMinute", Some(breaths.json()));
    Some(Value::Object(object))
}

fn vo2_max(person: &Person, date: Date) -> Option<Value> {
    let fitness = body::vo2_max(person, date)?;
    let mut object = dated(date);
    put(&mut object, "vo2Max", Some(fitness.vo2_max.json()));
    put(&mut object, "estimated", fitness.estimated.then_some(Value::Bool(true)));
    put(&mut object, "cardioFitnessLevel", fitness.level.map(Value::from));
    put(&mut object, "vo2MaxCovariance", Some(json!(1.25)));
    Some(Value::Object(object))
}
