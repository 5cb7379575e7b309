//! Times and intervals as Google writes them.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use serde_json::{Map, Value, json};

use crate::person::{Local, Person, instant};

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

/// An offset from UTC as a duration.
pub fn offset_json(local: Local) -> Value {
    Value::from(format!("{}s", local.offset_s))
}

/// The wall clock at the beginning of a minute.
pub fn civil_of(local: Local) -> DateTime {
    let hour = i8::try_from(local.minute_of_day / 60).unwrap_or(0);
    let minute = i8::try_from(local.minute_of_day % 60).unwrap_or(0);
    local.date().at(hour, minute, 0, 0)
}

/// The interval of an observation, with its civil times.
pub fn interval(person: &Person, from: i64, to: i64) -> Value {
    let mut interval = session_interval(person, from, to);
    interval["civilStartTime"] = civil_json(civil_of(person.local(from)));
    interval["civilEndTime"] = civil_json(civil_of(person.local(to)));
    interval
}

/// The interval of a session.
pub fn session_interval(person: &Person, from: i64, to: i64) -> Value {
    json!({
        "startTime": instant_json(instant(from)),
        "startUtcOffset": offset_json(person.local(from)),
        "endTime": instant_json(instant(to)),
        "endUtcOffset": offset_json(person.local(to)),
    })
}

/// The time of a sample.
pub fn sample_time(local: Local, second: i8) -> Value {
    let at = instant(local.minute).as_second() + i64::from(second);
    let civil =
        civil_of(local).date().at(civil_of(local).hour(), civil_of(local).minute(), second, 0);
    json!({
        "physicalTime": instant_json(Timestamp::from_second(at).unwrap_or(Timestamp::MAX)),
        "utcOffset": offset_json(local),
        "civilTime": civil_json(civil),
    })
}

/// Adds a field that may be missing.
pub fn put(object: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        object.insert(name.to_owned(), value);
    }
}
