//! Readers of the Google Health API's points: one function per metric (those of sessions are in
//! `google_sessions.rs`).
//!
//! What protocol buffers may leave out gives an empty cell: numbers and enums that are not set are
//! not written, and a zero is sent as `"0"` (googleapis
//! `google/devicesandservices/health/v4/data_model.proto`). A value object without any member is
//! no value. What cannot be guessed is an error of this element: a time that is missing, a value of
//! another type, something unknown where all that is known is missing.

use jiff::{SignedDuration, Timestamp};

use crate::core::day::floor_minute;
use crate::core::error::Result;
use crate::core::json::Element;
use crate::core::table::{Cell, Row, RowKey};

/// The start of a one-minute window, which is what was asked for.
fn window_start(point: &Element) -> Result<Timestamp> {
    let start = point.instant("startTime")?;
    let whole = start.checked_add(SignedDuration::from_mins(1)).ok();
    let end = point.optional("endTime", Element::instant)?;
    if floor_minute(start) != start || (end.is_some() && end != whole) {
        return Err(point.unexpected("startTime", "a window of one whole minute"));
    }
    Ok(start)
}

/// Whether the point has its value; a window without one was not worn.
pub fn has_value(point: &Element, member: &str) -> Result<bool> {
    if point.is_object(member) {
        return Ok(true);
    }
    let renamed = point.names("").into_iter().any(|name| point.is_object(name));
    if renamed || point.has(member) {
        return Err(point.unexpected(member, "an object"));
    }
    Ok(false)
}

/// Whether one of the fields is there; where all are missing, nothing else may have taken their
/// place. `others`: members that have another meaning.
pub fn has_fields(point: &Element, member: &str, fields: &[&str], others: &[&str]) -> Result<bool> {
    let names = point.names(member);
    if names.iter().any(|name| fields.contains(name)) {
        return Ok(true);
    }
    if names.iter().any(|name| !others.contains(name)) {
        return Err(point.unexpected(&format!("{member}.{}", fields.join("|")), "a number"));
    }
    Ok(false)
}

/// The start of a window that has a value.
pub fn window(point: &Element, member: &str, fields: &[&str]) -> Result<Option<Timestamp>> {
    let start = window_start(point)?;
    let worn = has_value(point, member)? && has_fields(point, member, fields, &[])?;
    Ok(worn.then_some(start))
}

/// A name of an enum in lower case: `with_sleep`. One that is not set is not written, and one that
/// is not known where it was written may come as its number: both are empty. Anything else never
/// gets into a file.
pub fn word(element: &Element, path: &str) -> Result<Cell> {
    if !element.has(path) || (element.text(path).is_err() && element.int(path).is_ok()) {
        return Ok(Cell::Empty);
    }
    let text = element.text(path)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.is_empty() || text.len() > 80 || !text.chars().all(plain) {
        return Err(element.unexpected(path, "a name such as LIGHT"));
    }
    if text.ends_with("_UNSPECIFIED") {
        return Ok(Cell::Empty);
    }
    Ok(Cell::Text(text.to_ascii_lowercase().into()))
}

pub fn steps(point: &Element) -> Result<Option<Row>> {
    let Some(start) = window(point, "steps", &["countSum"])? else { return Ok(None) };
    Ok(Some(Row::at(start, [Cell::Int(point.int("steps.countSum")?)])))
}

pub fn calories(point: &Element) -> Result<Option<Row>> {
    let Some(start) = window(point, "totalCalories", &["kcalSum"])? else { return Ok(None) };
    Ok(Some(Row::at(start, [Cell::Number(point.number("totalCalories.kcalSum")?)])))
}

pub fn heart_rate(point: &Element) -> Result<Option<Row>> {
    let fields = ["beatsPerMinuteAvg", "beatsPerMinuteMin", "beatsPerMinuteMax"];
    let Some(start) = window(point, "heartRate", &fields)? else { return Ok(None) };
    let cell = |name: &str| point.optional(&format!("heartRate.{name}"), Element::number);
    let [average, low, high] = fields;
    Ok(Some(Row::at(start, [cell(average)?, cell(low)?, cell(high)?].map(Cell::from))))
}

pub fn distance(point: &Element) -> Result<Option<Row>> {
    let Some(start) = window(point, "distance", &["millimetersSum"])? else { return Ok(None) };
    let millimetres = point.number("distance.millimetersSum")?;
    Ok(Some(Row::at(start, [Cell::Number(millimetres / 1000.0)])))
}

pub fn floors(point: &Element) -> Result<Option<Row>> {
    let Some(start) = window(point, "floors", &["countSum"])? else { return Ok(None) };
    Ok(Some(Row::at(start, [Cell::Int(point.int("floors.countSum")?)])))
}

/// One credit of one zone; [`sum_active_zone_minutes`] makes minutes of them.
pub fn active_zone_minutes(point: &Element) -> Result<Option<Row>> {
    let member = "activeZoneMinutes";
    let start = point.instant("activeZoneMinutes.interval.startTime")?;
    let credits = point.optional("activeZoneMinutes.activeZoneMinutes", Element::int)?;
    let zone = word(point, "activeZoneMinutes.heartRateZone")?;
    // An unspecified zone is left out, and so was a credit of zero before that field became
    // `optional`: each may be missing, unless something else has taken its place.
    let known = ["interval", "heartRateZone", "activeZoneMinutes"];
    let renamed = point.names(member).into_iter().any(|name| !known.contains(&name));
    if renamed && (credits.is_none() || zone == Cell::Empty) {
        return Err(point.unexpected(&format!("{member}.{member}"), "an integer, and its zone"));
    }
    // Without both there is no value; a credit below zero is a placeholder.
    if (credits.is_none() && zone == Cell::Empty) || credits.is_some_and(|credits| credits < 0) {
        return Ok(None);
    }
    let credits = credits.unwrap_or(0);
    // A zone that is added later, or not named, counts in the total only.
    let of = |name: &str| Cell::Int(if zone == Cell::Text(name.into()) { credits } else { 0 });
    let cells = [Cell::Int(credits), of("fat_burn"), of("cardio"), of("peak")];
    Ok(Some(Row::at(start, cells)))
}

/// Sums the credits of each minute. Rows are sorted.
pub fn sum_active_zone_minutes(rows: Vec<Row>) -> Vec<Row> {
    let mut minutes: Vec<Row> = Vec::new();
    for mut row in rows {
        if let RowKey::Instant(at) = row.key {
            row.key = RowKey::Instant(floor_minute(at));
        }
        match minutes.last_mut() {
            Some(minute) if minute.key == row.key => {
                for (sum, cell) in minute.cells.iter_mut().zip(&row.cells) {
                    if let (Cell::Int(sum), Cell::Int(cell)) = (sum, cell) {
                        *sum = sum.saturating_add(*cell);
                    }
                }
            }
            _ => minutes.push(row),
        }
    }
    minutes
}

/// A daily value: its date, and cells of which at least one is given. `words`: members that are
/// read beside the numbers, with their cells; `others`: members that are not read.
fn daily_row<const N: usize>(
    point: &Element,
    member: &str,
    fields: [&str; N],
    words: &[(&str, Cell)],
    others: &[&str],
    cells: impl FnOnce([Option<f64>; N]) -> Vec<Cell>,
) -> Result<Option<Row>> {
    // Only a window may be bare; a point without its value is not what was promised.
    if !point.is_object(member) {
        return Err(point.unexpected(member, "an object"));
    }
    let date = point.date(&format!("{member}.date"))?;
    let mut values = [None; N];
    for (value, field) in values.iter_mut().zip(fields) {
        *value = point.optional(&format!("{member}.{field}"), Element::number)?;
    }
    let mut known = vec!["date", UPDATED, CREATED];
    known.extend(words.iter().map(|(name, _)| *name).chain(others.iter().copied()));
    let has_fields = has_fields(point, member, &fields, &known)?;
    // Only the date: the night was too short.
    if !has_fields && words.iter().all(|(_, cell)| *cell == Cell::Empty) {
        return Ok(None);
    }
    let time = |name| point.instant(&format!("{member}.{name}")).ok();
    let told_at = time(UPDATED).or_else(|| time(CREATED));
    Ok(Some(Row { told_at, ..Row::on(date, cells(values)) }))
}

const UPDATED: &str = "updateTime";
const CREATED: &str = "createTime";

/// A daily value of numbers alone, in the order of the columns.
fn daily_numbers<const N: usize>(
    point: &Element,
    member: &str,
    fields: [&str; N],
) -> Result<Option<Row>> {
    daily_row(point, member, fields, &[], &[], |values| {
        values.into_iter().map(Cell::from).collect()
    })
}

pub fn heart_rate_variability(point: &Element) -> Result<Option<Row>> {
    let fields = [
        "averageHeartRateVariabilityMilliseconds",
        "deepSleepRootMeanSquareOfSuccessiveDifferencesMilliseconds",
        "nonRemHeartRateBeatsPerMinute",
        "entropy",
    ];
    daily_numbers(point, "dailyHeartRateVariability", fields)
}

pub fn wrist_temperature(point: &Element) -> Result<Option<Row>> {
    let member = "dailySleepTemperatureDerivations";
    let fields = [
        "nightlyTemperatureCelsius",
        "baselineTemperatureCelsius",
        "relativeNightlyStddev30dCelsius",
    ];
    daily_row(point, member, fields, &[], &[], |[nightly, baseline, spread]| {
        let relative = nightly.zip(baseline).map(|(nightly, baseline)| nightly - baseline);
        [relative, nightly, baseline, spread].into_iter().map(Cell::from).collect()
    })
}

pub fn oxygen_saturation(point: &Element) -> Result<Option<Row>> {
    let fields = [
        "averagePercentage",
        "lowerBoundPercentage",
        "upperBoundPercentage",
        "standardDeviationPercentage",
    ];
    daily_numbers(point, "dailyOxygenSaturation", fields)
}

pub fn breathing_rate(point: &Element) -> Result<Option<Row>> {
    daily_numbers(point, "dailyRespiratoryRate", ["breathsPerMinute"])
}

pub fn resting_heart_rate(point: &Element) -> Result<Option<Row>> {
    let (member, about) = ("dailyRestingHeartRate", "dailyRestingHeartRateMetadata");
    let method = word(point, &format!("{member}.{about}.calculationMethod"))?;
    let words = [(about, method.clone())];
    daily_row(point, member, ["beatsPerMinute"], &words, &[], |[rate]| {
        vec![Cell::from(rate), method]
    })
}

pub fn vo2_max(point: &Element) -> Result<Option<Row>> {
    let member = "dailyVo2Max";
    let estimated = point.optional("dailyVo2Max.estimated", Element::boolean)?.unwrap_or(false);
    let estimated = Cell::Text(estimated.to_string().into());
    let level = word(point, "dailyVo2Max.cardioFitnessLevel")?;
    let words = [("cardioFitnessLevel", level.clone())];
    let others = ["estimated", "vo2MaxCovariance"];
    daily_row(point, member, ["vo2Max"], &words, &others, |[value]| {
        vec![Cell::from(value), estimated, level]
    })
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
