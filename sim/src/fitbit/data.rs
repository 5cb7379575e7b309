//! A participant's data as the Fitbit Web API told it: wall clock labels without a zone, zeros
//! where nobody knows, resting calories likewise.
//!
//! On the day on which the clock goes forward the labels of the hour that is not there are sent
//! with zeros; when it goes back, the repeated hour is sent once, as it was the first time.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::data::{Amount, PARTS, minute, night};
use crate::hash::mix;
use crate::metric::Metric;
use crate::person::{Person, date_of, day_of};

/// What answers are computed from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    pub person: &'a Person,
    pub synced: Timestamp,
    pub now: Timestamp,
    /// The zone of the profile: the present one, also for old days.
    pub zone: &'a TimeZone,
}

/// Which minutes are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// The first label: its date and the minute of that day.
    pub first: (Date, i64),
    pub length: i64,
    /// Minutes in one row.
    pub minutes: i64,
    /// Labels are UTC rather than the wall clock.
    pub utc: bool,
}

/// A label, and the UTC minute that it stands for; `None`: the clock skipped it.
#[derive(Clone, Copy)]
struct Label {
    date: Date,
    minute_of_day: i64,
    minute: Option<i64>,
}

impl Source<'_> {
    fn label(&self, (date, minute_of_day): (Date, i64), utc: bool) -> Label {
        let hour = i8::try_from(minute_of_day / 60).unwrap_or(0);
        let rest = i8::try_from(minute_of_day % 60).unwrap_or(0);
        let wall = date.at(hour, rest, 0, 0);
        let zone = if utc { &TimeZone::UTC } else { self.zone };
        let place = zone.to_ambiguous_timestamp(wall);
        let minute = match place.offset() {
            jiff::tz::AmbiguousOffset::Gap { .. } => None,
            _ => place.compatible().ok(),
        };
        let minute = minute.map(|at| at.as_second().div_euclid(60));
        Label { date, minute_of_day, minute }
    }

    /// The labels that are asked for, as far as the time has come.
    fn labels(&self, slot: Slot) -> Vec<Label> {
        let (date, first) = slot.first;
        let now = self.now.as_second().div_euclid(60);
        let labels = (first..first + slot.length).map(|index| {
            let date = date_of(day_of(date) + index.div_euclid(1440));
            self.label((date, index.rem_euclid(1440)), slot.utc)
        });
        labels
            .filter(|label| label.minute.is_none_or(|minute| minute <= now))
            .filter(|label| label.date >= self.person.joined)
            .collect()
    }

    fn synced(&self, minute: i64) -> bool {
        minute * 60 < self.synced.as_second()
    }
}

/// The amount of a resource in one label; `None`: there is no row.
fn amount(source: Source<'_>, resource: &str, label: Label) -> Option<Amount> {
    let Some(minute) = label.minute else {
        return Some(Amount(0));
    };
    let (person, local) = (source.person, source.person.local(minute));
    let synced = source.synced(minute);
    let known = |value: Option<i64>| value.filter(|_| synced).unwrap_or(0) * PARTS;
    match resource {
        "calories" => minute::calories(person, local, synced),
        _ if !person.keeps(Metric::Steps, local.date(), minute) => None,
        "steps" => Some(Amount(known(minute::steps(person, local)))),
        "floors" => Some(Amount(known(minute::floors(person, local)))),
        _ => Some(Amount(known(minute::distance_mm(person, local)) / 1_000_000)),
    }
}

/// A `float` as it looks when it is printed as a `double`.
fn float(amount: Amount) -> Value {
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
    let number = (amount.0 as f64 / PARTS as f64) as f32;
    match amount.0 % PARTS {
        0 => Value::from(amount.0 / PARTS),
        _ => Value::from(f64::from(number)),
    }
}

fn number(resource: &str, amount: Amount) -> Value {
    match resource {
        "calories" | "distance" => float(amount),
        _ => Value::from(amount.0 / PARTS),
    }
}

/// A day's total as text.
fn total(resource: &str, sum: i64) -> String {
    match resource {
        "distance" => format!("{}.{:05}", sum / PARTS, sum % PARTS),
        _ => (sum / PARTS).to_string(),
    }
}

/// Minute rows of a resource.
pub fn intraday(source: Source<'_>, resource: &str, slot: Slot) -> Value {
    if resource == "active-zone-minutes" {
        return active_zone_minutes(source, slot);
    }
    let labels = source.labels(slot);
    let size = usize::try_from(slot.minutes).unwrap_or(1);
    let (mut rows, mut sum) = (Vec::new(), 0);
    for group in labels.chunks(size) {
        let amounts: Vec<_> = group.iter().filter_map(|l| amount(source, resource, *l)).collect();
        let (Some(first), false) = (group.first(), amounts.is_empty()) else {
            continue;
        };
        let all = Amount(amounts.iter().map(|amount| amount.0).sum());
        sum += all.0;
        let minute = first.minute_of_day;
        let mut row = json!({
            "time": format!("{:02}:{:02}:00", minute / 60, minute % 60),
            "value": number(resource, all),
        });
        if resource == "calories" {
            let (level, mets) = effort(source, *first, all, amounts.len());
            row = json!({"level": level, "mets": mets, "time": row["time"], "value": row["value"]});
        }
        rows.push(row);
    }
    let day = json!({
        "dateTime": slot.first.0.to_string(),
        "value": total(resource, sum),
    });
    json!({
        format!("activities-{resource}"): [day],
        format!("activities-{resource}-intraday"): {
            "dataset": rows,
            "datasetInterval": slot.minutes,
            "datasetType": "minute",
        },
    })
}

/// The level, and ten times the metabolic equivalent.
fn effort(source: Source<'_>, label: Label, all: Amount, minutes: usize) -> (i64, i64) {
    let local = source.person.local(label.minute.unwrap_or(0));
    let rest = minute::calories(source.person, local, false).map_or(100_000, |rest| rest.0);
    let count = i64::try_from(minutes).unwrap_or(1);
    let mets = all.0 * 10 / (rest * count).max(1);
    let level = match mets {
        ..15 => 0,
        15..30 => 1,
        30..60 => 2,
        _ => 3,
    };
    (level, mets)
}

fn active_zone_minutes(source: Source<'_>, slot: Slot) -> Value {
    let labels = source.labels(slot);
    let size = usize::try_from(slot.minutes).unwrap_or(1);
    let mut days: Vec<Value> = Vec::new();
    for group in labels.chunks(size) {
        let Some(first) = group.first() else { continue };
        let zones = group.iter().filter_map(|label| label.minute);
        let keeps = |label: &Label| {
            let date = label.minute.map(|m| source.person.local(m).date());
            let index = label.minute.unwrap_or(0);
            date.is_none_or(|date| source.person.keeps(Metric::Azm, date, index))
        };
        if !group.iter().any(keeps) {
            continue;
        }
        let zones: Vec<_> = zones
            .filter(|minute| source.synced(*minute))
            .flat_map(|minute| minute::zones(source.person, source.person.local(minute)))
            .collect();
        let credit = |zone| {
            let same = zones.iter().filter(|one| **one == zone);
            same.map(|one| one.credit()).sum::<i64>()
        };
        let mut value = json!({
            "activeZoneMinutes": zones.iter().map(|zone| zone.credit()).sum::<i64>(),
        });
        let names = [
            ("fatBurnActiveZoneMinutes", minute::Zone::FatBurn),
            ("cardioActiveZoneMinutes", minute::Zone::Cardio),
            ("peakActiveZoneMinutes", minute::Zone::Peak),
        ];
        for (name, zone) in names {
            if credit(zone) > 0 {
                value[name] = Value::from(credit(zone));
            }
        }
        let (date, minute) = (first.date.to_string(), first.minute_of_day);
        let time = format!("{date}T{:02}:{:02}:00", minute / 60, minute % 60);
        let row = json!({"value": value, "minute": time});
        match days.last_mut() {
            Some(day) if day["dateTime"] == date.as_str() => {
                if let Some(rows) = day["minutes"].as_array_mut() {
                    rows.push(row);
                }
            }
            _ => days.push(json!({"minutes": [row], "dateTime": date})),
        }
    }
    json!({"activities-active-zone-minutes-intraday": days})
}

/// Daily totals of a resource.
pub fn totals(source: Source<'_>, resource: &str, from: Date, to: Date) -> Value {
    let days = (day_of(from)..=day_of(to)).map(|day| {
        let slot = Slot { first: (date_of(day), 0), length: 1440, minutes: 1440, utc: false };
        let date = date_of(day).to_string();
        if resource == "active-zone-minutes" {
            let value = &active_zone_minutes(source, slot);
            let value = &value["activities-active-zone-minutes-intraday"][0]["minutes"][0];
            return json!({"dateTime": date, "value": value["value"]});
        }
        let day = intraday(source, resource, slot);
        day[format!("activities-{resource}")][0].clone()
    });
    json!({format!("activities-{resource}"): days.collect::<Vec<_>>()})
}

fn nights<'a>(source: Source<'a>, from: Date, to: Date) -> impl Iterator<Item = Date> + use<'a> {
    let days = (day_of(from)..=day_of(to)).map(date_of);
    days.filter(move |date| source.person.night_ready(*date) < source.synced)
}

/// Heart rate variability of nights.
pub fn hrv(source: Source<'_>, from: Date, to: Date) -> Vec<Value> {
    let night = |date: Date| {
        let night = night::hrv(source.person, date)?;
        let mut value = json!({});
        for (name, amount) in [("dailyRmssd", night.average), ("deepRmssd", night.deep)] {
            if let Some(amount) = amount {
                value[name] = amount.json();
            }
        }
        let empty = night.average.is_none() && night.deep.is_none();
        (!empty).then(|| json!({"value": value, "dateTime": date.to_string()}))
    };
    nights(source, from, to).filter_map(night).collect()
}

/// Skin temperature of nights, relative to the usual one.
pub fn skin_temperature(source: Source<'_>, from: Date, to: Date, fahrenheit: bool) -> Vec<Value> {
    let night = |date: Date| {
        let amount = night::relative(source.person, date)?;
        let amount = match fahrenheit {
            true => Amount(amount.0 * 9 / 5),
            false => amount,
        };
        let sensor = match mix(source.person.seed, "sensor", day_of(date)) % 5 {
            0 => "other_sensors",
            _ => "dedicated_temp_sensor",
        };
        Some(json!({
            "value": {"nightlyRelative": amount.json()},
            "logType": sensor,
            "dateTime": date.to_string(),
        }))
    };
    nights(source, from, to).filter_map(night).collect()
}
