//! Readers of the Google Health API's points: one function per metric (those of sessions are in
//! `google_sessions.rs`).
//!
//! A point whose value is absent is "not worn" and gives no row; a point with something else in
//! its value's place, or a value without its field, is not what was promised and is an error. All
//! value fields are `optional` in Google's protocol definitions, so a zero is sent as `"0"`
//! (googleapis `google/devicesandservices/health/v4/data_model.proto`).

use jiff::{SignedDuration, Timestamp};

use crate::core::day::floor_minute;
use crate::core::error::Result;
use crate::core::json::Element;
use crate::core::table::{Cell, Row, RowKey};

/// The start of a one-minute window, which is what was asked for.
fn window_start(point: &Element) -> Result<Timestamp> {
    let start = point.instant("startTime")?;
    let end = point.instant("endTime")?;
    if end.duration_since(start) != SignedDuration::from_mins(1) || floor_minute(start) != start {
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

pub fn window_row<const N: usize>(
    point: &Element,
    member: &str,
    cells: impl FnOnce(&Element) -> Result<[Cell; N]>,
) -> Result<Option<Row>> {
    let start = window_start(point)?;
    if !has_value(point, member)? || point.names(member).is_empty() {
        return Ok(None);
    }
    Ok(Some(Row::at(start, cells(point)?)))
}

/// A name of the API in lower case: `with_sleep`. Anything else never gets into a file.
pub fn word(element: &Element, path: &str) -> Result<String> {
    let text = element.text(path)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.is_empty() || text.len() > 80 || !text.chars().all(plain) {
        return Err(element.unexpected(path, "a name such as LIGHT"));
    }
    Ok(text.to_ascii_lowercase())
}

pub fn steps(point: &Element) -> Result<Option<Row>> {
    window_row(point, "steps", |point| Ok([Cell::Int(point.int("steps.countSum")?)]))
}

pub fn calories(point: &Element) -> Result<Option<Row>> {
    window_row(point, "totalCalories", |point| {
        Ok([Cell::Number(point.number("totalCalories.kcalSum")?)])
    })
}

pub fn heart_rate(point: &Element) -> Result<Option<Row>> {
    window_row(point, "heartRate", |point| {
        let cell = |name: &str| point.number(&format!("heartRate.beatsPerMinute{name}"));
        Ok([Cell::Number(cell("Avg")?), Cell::Number(cell("Min")?), Cell::Number(cell("Max")?)])
    })
}

pub fn distance(point: &Element) -> Result<Option<Row>> {
    window_row(point, "distance", |point| {
        Ok([Cell::Number(point.number("distance.millimetersSum")? / 1000.0)])
    })
}

pub fn floors(point: &Element) -> Result<Option<Row>> {
    window_row(point, "floors", |point| Ok([Cell::Int(point.int("floors.countSum")?)]))
}

/// One credit of one zone; [`sum_active_zone_minutes`] makes minutes of them.
pub fn active_zone_minutes(point: &Element) -> Result<Option<Row>> {
    let start = point.instant("activeZoneMinutes.interval.startTime")?;
    let credits = point.optional("activeZoneMinutes.activeZoneMinutes", Element::int)?;
    let zone = point.optional("activeZoneMinutes.heartRateZone", Element::text)?;
    // An unspecified zone is left out, and so was a credit of zero before that field became
    // `optional`: one of them may be missing, unless something else has taken its place.
    let known = ["interval", "heartRateZone", "activeZoneMinutes"];
    let renamed = point.names("activeZoneMinutes").into_iter().any(|name| !known.contains(&name));
    match (credits, zone) {
        (None, _) if renamed || zone.is_none() => {
            return Err(point.unexpected("activeZoneMinutes.activeZoneMinutes", "an integer"));
        }
        (_, None) if renamed => {
            return Err(point.unexpected("activeZoneMinutes.heartRateZone", "a text"));
        }
        _ => {}
    }
    let credits = credits.unwrap_or(0);
    // A zone that is added later, or not named, counts in the total only.
    let of = |name: &str| Cell::Int(if zone == Some(name) { credits } else { 0 });
    let cells = [Cell::Int(credits), of("FAT_BURN"), of("CARDIO"), of("PEAK")];
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

/// A daily value: its date, and cells of which at least one is given.
fn daily_row<const N: usize>(
    point: &Element,
    member: &str,
    fields: [&str; N],
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
    if values.iter().any(Option::is_some) {
        return Ok(Some(Row::on(date, cells(values))));
    }
    // Only the date: the night was too short. Anything else there has taken a field's place.
    if point.names(member).len() > 1 {
        return Err(point.unexpected(&format!("{member}.{}", fields.join("|")), "a number"));
    }
    Ok(None)
}

pub fn heart_rate_variability(point: &Element) -> Result<Option<Row>> {
    let fields = [
        "averageHeartRateVariabilityMilliseconds",
        "deepSleepRootMeanSquareOfSuccessiveDifferencesMilliseconds",
        "nonRemHeartRateBeatsPerMinute",
        "entropy",
    ];
    daily_row(point, "dailyHeartRateVariability", fields, |values| {
        values.into_iter().map(Cell::from).collect()
    })
}

pub fn wrist_temperature(point: &Element) -> Result<Option<Row>> {
    let fields = [
        "nightlyTemperatureCelsius",
        "baselineTemperatureCelsius",
        "relativeNightlyStddev30dCelsius",
    ];
    daily_row(point, "dailySleepTemperatureDerivations", fields, |[nightly, baseline, spread]| {
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
    daily_row(point, "dailyOxygenSaturation", fields, |values| {
        values.into_iter().map(Cell::from).collect()
    })
}

pub fn breathing_rate(point: &Element) -> Result<Option<Row>> {
    daily_row(point, "dailyRespiratoryRate", ["breathsPerMinute"], |values| {
        values.into_iter().map(Cell::from).collect()
    })
}

/// A word that may be absent.
fn optional_word(point: &Element, path: &str) -> Result<Cell> {
    let word = point.optional(path, word)?;
    Ok(word.map_or(Cell::Empty, |word| Cell::Text(word.into())))
}

pub fn resting_heart_rate(point: &Element) -> Result<Option<Row>> {
    let member = "dailyRestingHeartRate";
    let method = format!("{member}.dailyRestingHeartRateMetadata.calculationMethod");
    let method = optional_word(point, &method)?;
    daily_row(point, member, ["beatsPerMinute"], |[rate]| vec![Cell::from(rate), method])
}

pub fn vo2_max(point: &Element) -> Result<Option<Row>> {
    let estimated = point.optional("dailyVo2Max.estimated", Element::boolean)?.unwrap_or(false);
    let estimated = Cell::Text(estimated.to_string().into());
    let level = optional_word(point, "dailyVo2Max.cardioFitnessLevel")?;
    daily_row(point, "dailyVo2Max", ["vo2Max"], |[value]| vec![Cell::from(value), estimated, level])
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
