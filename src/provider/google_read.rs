//! Readers of the Google Health API's points: one function per metric.
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
fn has_value(point: &Element, member: &str) -> Result<bool> {
    if point.is_object(member) {
        return Ok(true);
    }
    let renamed = point.names("").into_iter().any(|name| point.is_object(name));
    if renamed || point.has(member) {
        return Err(point.unexpected(member, "an object"));
    }
    Ok(false)
}

fn window_row(
    point: &Element,
    member: &str,
    cell: impl FnOnce(&Element) -> Result<Cell>,
) -> Result<Option<Row>> {
    let start = window_start(point)?;
    if !has_value(point, member)? {
        return Ok(None);
    }
    Ok(Some(Row::at(start, [cell(point)?])))
}

pub fn steps(point: &Element) -> Result<Option<Row>> {
    window_row(point, "steps", |point| point.int("steps.countSum").map(Cell::Int))
}

pub fn calories(point: &Element) -> Result<Option<Row>> {
    window_row(point, "totalCalories", |point| {
        point.number("totalCalories.kcalSum").map(Cell::Number)
    })
}

/// One credit of one zone; [`sum_active_zone_minutes`] makes minutes of them.
pub fn active_zone_minutes(point: &Element) -> Result<Option<Row>> {
    let start = point.instant("activeZoneMinutes.interval.startTime")?;
    let credits = point.int("activeZoneMinutes.activeZoneMinutes")?;
    let zone = point.text("activeZoneMinutes.heartRateZone")?;
    // A zone that is added later counts in the total only.
    let of = |name: &str| Cell::Int(if zone == name { credits } else { 0 });
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

#[cfg(test)]
#[path = "google_read_tests.rs"]
mod tests;
