//! Readers of what nobody needs unless it is named: the samples of a night, what a sleep tells
//! beside its stages, energy and time in zones by the minute; one function per metric.
//!
//! All value fields are `optional` in Google's protocol definitions, and enums that are not
//! specified are not written (googleapis `google/devicesandservices/health/v4`).

use crate::core::error::Result;
use crate::core::json::Element;
use crate::core::table::{Cell, Row};
use crate::provider::google::read::{has_fields, window, word};
use crate::provider::google::sessions::{duration_s, flag, sleep_of};
use crate::provider::job::Job;

pub fn heart_rate_variability(point: &Element) -> Result<Option<Row>> {
    let member = "heartRateVariability";
    let at = point.instant("heartRateVariability.sampleTime.physicalTime")?;
    let (rmssd, deviation) =
        ("rootMeanSquareOfSuccessiveDifferencesMilliseconds", "standardDeviationMilliseconds");
    if !has_fields(point, member, &[rmssd, deviation, "metadata"], &["sampleTime"])? {
        return Ok(None);
    }
    let fields = [rmssd, deviation, "metadata.lowFrequencyPower", "metadata.highFrequencyPower"];
    let mut cells = Vec::with_capacity(fields.len());
    for field in fields {
        cells.push(point.optional(&format!("{member}.{field}"), Element::number)?);
    }
    let told = cells.iter().any(Option::is_some);
    Ok(told.then(|| Row::at(at, cells.into_iter().map(Cell::from).collect::<Vec<_>>())))
}

pub fn oxygen_saturation(point: &Element) -> Result<Option<Row>> {
    let at = point.instant("oxygenSaturation.sampleTime.physicalTime")?;
    if !has_fields(point, "oxygenSaturation", &["percentage"], &["sampleTime"])? {
        return Ok(None);
    }
    let percentage = point.number("oxygenSaturation.percentage")?;
    Ok(Some(Row::at(at, [Cell::Number(percentage)])))
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

/// One row per sleep.
pub fn sleep_quality(point: &Element, job: &Job) -> Result<Vec<Row>> {
    let (start, end) = sleep_of(point, job)?;
    let (awakenings, awake_minutes) = minutes(point, "sleep.shortAwakenings")?;
    let (_, out_of_bed_minutes) = minutes(point, "sleep.outOfBedSegments")?;
    let cells = [
        Cell::Instant(start.at),
        Cell::Instant(end.at),
        flag(point, "processed")?,
        word(point, "sleep.metadata.stagesStatus")?,
        flag(point, "manuallyEdited")?,
        Cell::Int(i64::try_from(awakenings).unwrap_or(i64::MAX)),
        awake_minutes,
        out_of_bed_minutes,
    ];
    Ok(vec![Row::on(end.local.date(), cells)])
}

pub fn active_energy(point: &Element) -> Result<Option<Row>> {
    let Some(start) = window(point, "activeEnergyBurned", &["kcalSum"])? else { return Ok(None) };
    Ok(Some(Row::at(start, [Cell::Number(point.number("activeEnergyBurned.kcalSum")?)])))
}

/// The seconds of each zone; a zone that is not listed is 0.
pub fn heart_rate_zones(point: &Element) -> Result<Option<Row>> {
    let (member, list) = ("timeInHeartRateZone", "timeInHeartRateZones");
    let Some(start) = window(point, member, &[list])? else { return Ok(None) };
    let zones = point.list(&format!("{member}.{list}"))?;
    let mut seconds = ["light", "moderate", "vigorous", "peak"].map(|name| (name, Some(0.0)));
    for zone in &zones {
        let time = zone.optional("duration", duration_s)?;
        let name = word(zone, "heartRateZone")?;
        let known = seconds.iter_mut().find(|(known, _)| name == Cell::Text((*known).into()));
        if let Some((_, sum)) = known {
            *sum = sum.zip(time).map(|(sum, time)| sum + time);
        }
    }
    let cells = seconds.map(|(_, sum)| Cell::from(sum));
    Ok((!zones.is_empty()).then(|| Row::at(start, cells)))
}

#[cfg(test)]
#[path = "samples_tests.rs"]
mod tests;
