//! `rollUp` and `dailyRollUp`: sums over windows of the reconciled stream.

use std::rc::Rc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::filter::rfc3339;
use super::points::{Make, civil_json, instant_json};
use super::strict::Family;
use super::types::DataType;
use super::{error, strict};
use crate::data::{Amount, PARTS, body, minute};
use crate::http::Reply;
use crate::odd;
use crate::person::{Local, Person, day_of};

const DAY_S: i64 = 86_400;

/// What a rollup is computed from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    pub person: &'a Person,
    /// Nothing from this instant on has reached the provider.
    pub synced: Timestamp,
    /// Up to here the provider fills calories in.
    pub now: Timestamp,
    pub family: Family,
}

/// What a window holds.
enum Bin {
    Value(Value),
    /// A window with its times and nothing else.
    Bare,
    LeftOut,
}

/// A checked `rollUp`.
#[derive(Clone, Copy, Debug)]
pub struct Windows {
    start_s: i64,
    end_s: i64,
    window_s: i64,
}

/// Reads the range and the window of a `rollUp`, and holds them to the limits.
pub fn windows(
    map: &Map<String, Value>,
    data_type: &DataType,
    page_size: usize,
) -> Result<Windows, Reply> {
    let range = map.get("range").cloned().unwrap_or(Value::Null);
    if range.is_null() {
        return Err(error::invalid_field("range", "Range is required."));
    }
    let range = strict::fields(range, &["startTime", "endTime"])?;
    let instant = |name: &str| {
        let text = strict::text(&range, name)?;
        rfc3339(text).ok_or_else(|| {
            let text = format!("Invalid value for {name}: a timestamp is expected.");
            error::invalid_field(&format!("range.{name}"), &text)
        })
    };
    let (start, end) = (instant("startTime")?, instant("endTime")?);
    if end <= start {
        return Err(error::empty_range());
    }
    let window_s = window_s(strict::text(map, "windowSize")?)?;
    let days_max = data_type.days_max();
    let span_s = end.as_second() - start.as_second();
    let page_s = window_s.saturating_mul(i64::try_from(page_size).unwrap_or(i64::MAX));
    if span_s > days_max * DAY_S || page_s > days_max * DAY_S {
        return Err(error::rollup_too_long(days_max));
    }
    Ok(Windows { start_s: start.as_second(), end_s: end.as_second(), window_s })
}

fn window_s(text: &str) -> Result<i64, Reply> {
    let wrong = |why: &str| Err(error::invalid_field("window_size", why));
    if text.is_empty() {
        return wrong("Window size is required.");
    }
    let seconds = text.strip_suffix('s').and_then(|s| s.parse::<i64>().ok());
    match seconds {
        Some(seconds) if seconds >= 1 => Ok(seconds),
        Some(_) => wrong("Window size must be at least 1 second."),
        None => wrong("Invalid value: a duration in seconds such as \"60s\" is expected."),
    }
}

/// The windows of a `rollUp` that have something to say, oldest first.
pub fn roll_up<'a>(source: Source<'_>, data_type: &'a DataType, windows: Windows) -> Vec<Make<'a>> {
    let mut rows: Vec<Make<'a>> = Vec::new();
    let mut from_s = windows.start_s;
    while from_s < windows.end_s {
        let to_s = (from_s + windows.window_s).min(windows.end_s);
        let place = || {
            let local = source.person.local(from_s.div_euclid(60));
            (local.date(), local.minute)
        };
        let values = match bin(source, data_type.id, from_s, to_s) {
            Bin::LeftOut => Vec::new(),
            Bin::Bare => vec![None],
            Bin::Value(value) if source.person.odd.is_empty() => vec![Some(value)],
            Bin::Value(value) => {
                let values = odd::elements(source.person, data_type.id, place(), value);
                values.into_iter().map(Some).collect()
            }
        };
        for value in values {
            rows.push(Rc::new(move || {
                let time = |s| instant_json(Timestamp::from_second(s).unwrap_or(Timestamp::MAX));
                let mut row = json!({"startTime": time(from_s), "endTime": time(to_s)});
                if let Some(value) = &value {
                    row[data_type.camel().as_str()] = value.clone();
                }
                row
            }));
        }
        from_s = to_s;
    }
    rows
}

fn bin(source: Source<'_>, id: &str, from_s: i64, to_s: i64) -> Bin {
    let person = source.person;
    let of = |value: fn(&Person, Local) -> Option<i64>| {
        let minutes = minutes(source, from_s, to_s);
        minutes
            .filter_map(|minute| value(person, person.local(minute)))
            .reduce(|sum, value| sum + value)
    };
    let counted = |name: &str, sum: Option<i64>| match sum {
        Some(sum) => Bin::Value(json!({name: sum.to_string()})),
        None => not_worn(source, from_s),
    };
    match id {
        "steps" => counted("countSum", of(minute::steps)),
        "floors" => counted("countSum", of(minute::floors)),
        "distance" => counted("millimetersSum", of(minute::distance_mm)),
        "active-energy-burned" => active_energy(source, from_s, to_s),
        "time-in-heart-rate-zone" => zone_times(source, from_s, to_s),
        "total-calories" => calories(source, from_s, to_s),
        "active-zone-minutes" => active_zone_minutes(source, from_s, to_s),
        "heart-rate" => heart_rate(source, from_s, to_s),
        "weight" => weight(source, from_s, to_s),
        _ => Bin::LeftOut,
    }
}

/// The minutes that begin in a window and have reached the provider.
fn minutes(source: Source<'_>, from_s: i64, to_s: i64) -> std::ops::Range<i64> {
    let end_s = to_s.min(source.synced.as_second());
    -(-from_s).div_euclid(60)..-(-end_s).div_euclid(60)
}

/// A window in which nobody wore the band: left out or bare, as the hour has it.
fn not_worn(source: Source<'_>, from_s: i64) -> Bin {
    if source.person.leaves_out(from_s.div_euclid(60)) { Bin::LeftOut } else { Bin::Bare }
}

fn calories(source: Source<'_>, from_s: i64, to_s: i64) -> Bin {
    let end_s = to_s.min(source.now.max(source.synced).as_second());
    let mut sum = None;
    for minute in from_s.div_euclid(60)..-(-end_s).div_euclid(60) {
        let begin_s = minute * 60;
        let part_s = end_s.min(begin_s + 60) - from_s.max(begin_s);
        let synced = begin_s < source.synced.as_second();
        let local = source.person.local(minute);
        if let Some(amount) = minute::calories(source.person, local, synced) {
            *sum.get_or_insert(0) += amount.0 * part_s / 60;
        }
    }
    match sum {
        Some(sum) => Bin::Value(json!({"kcalSum": Amount(sum).json()})),
        None => Bin::LeftOut,
    }
}

fn active_energy(source: Source<'_>, from_s: i64, to_s: i64) -> Bin {
    let person = source.person;
    let minutes = minutes(source, from_s, to_s);
    let each = minutes.filter_map(|m| minute::active_energy(person, person.local(m)));
    match each.map(|amount| amount.0).reduce(|sum, one| sum + one) {
        Some(sum) => Bin::Value(json!({"kcalSum": Amount(sum).json()})),
        None => Bin::LeftOut,
    }
}

fn zone_times(source: Source<'_>, from_s: i64, to_s: i64) -> Bin {
    let person = source.person;
    let minutes = minutes(source, from_s, to_s);
    let mut sums: Vec<(&str, i64)> = Vec::new();
    for (zone, seconds) in minutes.flat_map(|m| minute::zone_times(person, person.local(m))) {
        match sums.iter_mut().find(|(name, _)| *name == zone) {
            Some((_, sum)) => *sum += seconds,
            None => sums.push((zone, seconds)),
        }
    }
    if sums.is_empty() {
        return Bin::LeftOut;
    }
    let one = |(zone, sum)| json!({"heartRateZone": zone, "duration": format!("{sum}s")});
    Bin::Value(json!({"timeInHeartRateZones": sums.into_iter().map(one).collect::<Vec<_>>()}))
}

fn active_zone_minutes(source: Source<'_>, from_s: i64, to_s: i64) -> Bin {
    let minutes = minutes(source, from_s, to_s);
    let person = source.person;
    let zones: Vec<_> = minutes.flat_map(|m| minute::zones(person, person.local(m))).collect();
    if zones.is_empty() {
        return Bin::LeftOut;
    }
    let sum = |zone| {
        let same = zones.iter().filter(|one| **one == zone);
        same.map(|one| one.credit()).sum::<i64>().to_string()
    };
    Bin::Value(json!({
        "sumInCardioHeartZone": sum(minute::Zone::Cardio),
        "sumInPeakHeartZone": sum(minute::Zone::Peak),
        "sumInFatBurnHeartZone": sum(minute::Zone::FatBurn),
    }))
}

fn heart_rate(source: Source<'_>, from_s: i64, to_s: i64) -> Bin {
    let person = source.person;
    let beats: Vec<i64> = minutes(source, from_s, to_s)
        .flat_map(|minute| {
            let local = person.local(minute);
            (0..minute::SAMPLES).filter_map(move |i| minute::heart_rate(person, local, i))
        })
        .collect();
    let (Some(most), Some(least)) = (beats.iter().max(), beats.iter().min()) else {
        return Bin::LeftOut;
    };
    let count = i64::try_from(beats.len()).unwrap_or(1);
    let average = Amount(beats.iter().sum::<i64>() * PARTS / count);
    Bin::Value(json!({
        "beatsPerMinuteAvg": average.json(),
        "beatsPerMinuteMax": most,
        "beatsPerMinuteMin": least,
    }))
}

fn weight(source: Source<'_>, from_s: i64, to_s: i64) -> Bin {
    let person = source.person;
    let days = from_s.div_euclid(DAY_S) - 1..=to_s.div_euclid(DAY_S) + 1;
    let entries = days.filter_map(|day| {
        let date = crate::person::date_of(day);
        let (grams, minute) = body::weight(person, date)?;
        let at_s = person.minute_at(date, minute) * 60;
        let inside = (from_s..to_s).contains(&at_s) && at_s < source.synced.as_second();
        inside.then_some(grams)
    });
    let entries: Vec<i64> = entries.collect();
    if entries.is_empty() || source.family == Family::Wearables {
        return Bin::LeftOut;
    }
    let count = i64::try_from(entries.len()).unwrap_or(1);
    let average = Amount(entries.iter().sum::<i64>() * PARTS / count);
    Bin::Value(json!({"weightGramsAvg": average.json()}))
}

/// A checked `dailyRollUp`.
#[derive(Clone, Copy, Debug)]
pub struct Days {
    first: i64,
    end: i64,
    window: i64,
}

/// Reads the range and the window of a `dailyRollUp`, and holds them to the limits.
pub fn days(
    map: &Map<String, Value>,
    data_type: &DataType,
    page_size: usize,
) -> Result<Days, Reply> {
    let range = map.get("range").cloned().unwrap_or(Value::Null);
    if range.is_null() {
        return Err(error::invalid_field("range", "Range is required."));
    }
    let range = strict::fields(range, &["start", "end"])?;
    let day = |name: &str| civil_day(range.get(name), name);
    let (first, end) = (day("start")?, day("end")?);
    if end <= first {
        return Err(error::empty_range());
    }
    let window = strict::number(map, "windowSizeDays")?.unwrap_or(0);
    let window = if window == 0 { 1 } else { window };
    if window < 0 {
        let text = "Window size must be at least one day.";
        return Err(error::invalid_field("window_size_days", text));
    }
    let days_max = data_type.days_max();
    let pages = map.contains_key("pageSize");
    let page = i64::try_from(page_size).unwrap_or(i64::MAX);
    if end - first > days_max || (pages && window.saturating_mul(page) > days_max) {
        return Err(error::rollup_too_long(days_max));
    }
    Ok(Days { first, end, window })
}

/// A `CivilDateTime` at midnight, as a day.
fn civil_day(value: Option<&Value>, name: &str) -> Result<i64, Reply> {
    let wrong = |why: &str| error::invalid_field(&format!("range.{name}"), why);
    let Some(value) = value else {
        return Err(wrong("The range needs a start and an end."));
    };
    let civil = strict::fields(value.clone(), &["date", "time"])?;
    if let Some(time) = civil.get("time") {
        let parts = ["hours", "minutes", "seconds", "nanos"];
        let time = strict::fields(time.clone(), &parts)?;
        if time.values().any(|part| part.as_i64() != Some(0)) {
            return Err(wrong("The time must be aligned with the window."));
        }
    }
    let date = civil.get("date").cloned().unwrap_or(Value::Null);
    let date = strict::fields(date, &["year", "month", "day"])?;
    let part = |name: &str| date.get(name).and_then(Value::as_i64).unwrap_or(0);
    let date = Date::new(
        i16::try_from(part("year")).unwrap_or(0),
        i8::try_from(part("month")).unwrap_or(0),
        i8::try_from(part("day")).unwrap_or(0),
    );
    date.map(day_of).map_err(|_| wrong("There is no such date."))
}

/// The windows of a `dailyRollUp`, newest first.
pub fn daily_roll_up<'a>(source: Source<'_>, data_type: &'a DataType, days: Days) -> Vec<Make<'a>> {
    let mut rows: Vec<Make<'a>> = Vec::new();
    let mut first = days.first;
    while first < days.end {
        let end = (first + days.window).min(days.end);
        let midnight = |day| {
            let date = crate::person::date_of(day);
            let at = source.person.at_hour(date, 0);
            (date.at(0, 0, 0, 0), at.as_second())
        };
        let ((civil_start, from_s), (civil_end, to_s)) = (midnight(first), midnight(end));
        if let Bin::Value(value) = bin(source, data_type.id, from_s, to_s) {
            rows.push(Rc::new(move || {
                let mut row = json!({
                    "civilStartTime": civil_json(civil_start),
                    "civilEndTime": civil_json(civil_end),
                });
                row[data_type.camel().as_str()] = value.clone();
                row
            }));
        }
        first = end;
    }
    rows.reverse();
    rows
}
