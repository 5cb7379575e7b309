//! Readers of what nobody needs unless it is named: the samples of a night, what a sleep tells
//! beside its stages, energy and time in zones by the minute; one function per metric.
//!
//! All value fields are `optional` in Google's protocol definitions, and enums that are not
//! specified are not written (googleapis `google/devicesandservices/health/v4`).

use crate::core::error::Result;
use crate::core::json::Element;
use crate::core::table::{Cell, Row};
use crate::provider::google::read::{window_row, word};
use crate::provider::google::sessions::{duration_s, sleep_of};

/// A measurement at an instant; one of which nothing is told gives no row.
fn sample_row<const N: usize>(
    point: &Element,
    member: &str,
    fields: [&str; N],
) -> Result<Option<Row>> {
    if !point.is_object(member) {
        return Err(point.unexpected(member, "an object"));
    }
    let at = point.instant(&format!("{member}.sampleTime.physicalTime"))?;
    let mut cells = Vec::with_capacity(N);
    for field in fields {
        let value = point.optional(&format!("{member}.{field}"), Element::number)?;
        cells.push(Cell::from(value));
    }
    if cells.iter().any(|cell| *cell != Cell::Empty) {
        return Ok(Some(Row::at(at, cells)));
    }
    let known = |name: &&str| {
        let mut first = fields.iter().filter_map(|field| field.split('.').next());
        *name == "sampleTime" || first.any(|field| field == *name)
    };
    if point.names(member).iter().all(known) {
        return Ok(None);
    }
    // Something else has taken a field's place.
    Err(point.unexpected(&format!("{member}.{}", fields.join("|")), "a number"))
}

pub fn heart_rate_variability(point: &Element) -> Result<Option<Row>> {
    let fields = [
        "rootMeanSquareOfSuccessiveDifferencesMilliseconds",
        "standardDeviationMilliseconds",
        "metadata.lowFrequencyPower",
        "metadata.highFrequencyPower",
    ];
    sample_row(point, "heartRateVariability", fields)
}

pub fn oxygen_saturation(point: &Element) -> Result<Option<Row>> {
    sample_row(point, "oxygenSaturation", ["percentage"])
}

/// The minutes of a list of stretches; they may overlap with stages.
fn minutes(point: &Element, path: &str) -> Result<(usize, Cell)> {
    let stretches = point.list(path)?;
    let mut seconds = 0.0;
    for stretch in &stretches {
        let (start, end) = (stretch.instant("startTime")?, stretch.instant("endTime")?);
        if end < start {
            return Err(stretch.unexpected("endTime", "a time after the start"));
        }
        seconds += end.duration_since(start).as_secs_f64();
    }
    Ok((stretches.len(), Cell::Number(seconds / 60.0)))
}

/// One row per sleep. Where it has no metadata nobody worked on it: its flags are unknown.
pub fn sleep_quality(point: &Element) -> Result<Option<Row>> {
    let Some((start, end)) = sleep_of(point)? else { return Ok(None) };
    let flag = |name: &str| {
        // proto3 leaves a false out.
        let value = point.optional(&format!("sleep.metadata.{name}"), Element::boolean)?;
        let told = value.or(point.is_object("sleep.metadata").then_some(false));
        Ok(told.map_or(Cell::Empty, |value| Cell::Text(value.to_string().into())))
    };
    let status = point.optional("sleep.metadata.stagesStatus", word)?;
    let (awakenings, awake_minutes) = minutes(point, "sleep.shortAwakenings")?;
    let (_, out_of_bed_minutes) = minutes(point, "sleep.outOfBedSegments")?;
    let cells = [
        Cell::Instant(start.at),
        Cell::Instant(end.at),
        flag("processed")?,
        status.map_or(Cell::Empty, |status| Cell::Text(status.into())),
        flag("manuallyEdited")?,
        Cell::Int(i64::try_from(awakenings).unwrap_or(i64::MAX)),
        awake_minutes,
        out_of_bed_minutes,
    ];
    Ok(Some(Row::on(end.local.date(), cells)))
}

pub fn active_energy(point: &Element) -> Result<Option<Row>> {
    window_row(point, "activeEnergyBurned", |point| {
        Ok([Cell::Number(point.number("activeEnergyBurned.kcalSum")?)])
    })
}

/// The seconds of each zone; a zone that is not listed is 0.
pub fn heart_rate_zones(point: &Element) -> Result<Option<Row>> {
    let path = "timeInHeartRateZone.timeInHeartRateZones";
    window_row(point, "timeInHeartRateZone", |point| {
        let zones = point.list(path)?;
        if zones.is_empty() {
            return Err(point.unexpected(path, "an array of zones"));
        }
        let mut seconds = ["LIGHT", "MODERATE", "VIGOROUS", "PEAK"].map(|name| (name, Some(0.0)));
        for zone in &zones {
            let time = zone.optional("duration", duration_s)?;
            let name = zone.optional("heartRateZone", Element::text)?;
            let known = seconds.iter_mut().find(|(known, _)| name == Some(*known));
            if let Some((_, sum)) = known {
                *sum = sum.zip(time).map(|(sum, time)| sum + time);
            }
        }
        Ok(seconds.map(|(_, sum)| Cell::from(sum)))
    })
}

#[cfg(test)]
#[path = "samples_tests.rs"]
mod tests;
