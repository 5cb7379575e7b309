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

/// How many stretches a sleep has, and their minutes, which may overlap with stages. Empty where
/// one of them lacks a time.
fn minutes(point: &Element, path: &str) -> Result<(Cell, Cell)> {
    let stretches = point.list(path)?;
    let mut seconds = Some(0.0);
    for stretch in &stretches {
        let start = stretch.optional("startTime", Element::instant)?;
        let end = stretch.optional("endTime", Element::instant)?;
        let length = start.zip(end).map(|(start, end)| end.duration_since(start).as_secs_f64());
        if length.is_some_and(|length| length < 0.0) {
            return Err(stretch.unexpected("endTime", "a time after the start"));
        }
        seconds = seconds.zip(length).map(|(sum, length)| sum + length);
    }
    let count = i64::try_from(stretches.len()).unwrap_or(i64::MAX);
    Ok((Cell::Int(count), Cell::from(seconds.map(|seconds| seconds / 60.0))))
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
        awakenings,
        awake_minutes,
        out_of_bed_minutes,
    ];
    Ok(vec![Row::on(end.local.date(), cells)])
}

pub fn active_energy(point: &Element) -> Result<Option<Row>> {
    let Some(start) = window(point, "activeEnergyBurned", &["kcalSum"])? else { return Ok(None) };
    Ok(Some(Row::at(start, [Cell::Number(point.number("activeEnergyBurned.kcalSum")?)])))
}

/// The seconds of each zone; a zone that is not listed is 0, unless another one has no name.
pub fn heart_rate_zones(point: &Element) -> Result<Option<Row>> {
    let (member, list) = ("timeInHeartRateZone", "timeInHeartRateZones");
    let Some(start) = window(point, member, &[list])? else { return Ok(None) };
    let zones = point.list(&format!("{member}.{list}"))?;
    let mut listed = Vec::with_capacity(zones.len());
    for zone in &zones {
        listed.push((word(zone, "heartRateZone")?, zone.optional("duration", duration_s)?));
    }
    let unnamed = listed.iter().any(|(name, _)| *name == Cell::Empty);
    let cells = ["light", "moderate", "vigorous", "peak"].map(|name| {
        let same = listed.iter().filter(|(known, _)| *known == Cell::Text(name.into()));
        let times: Vec<_> = same.map(|(_, time)| *time).collect();
        let sum: Option<f64> = times.iter().copied().sum();
        Cell::from(sum.filter(|_| !unnamed || !times.is_empty()))
    });
    Ok((!zones.is_empty()).then(|| Row::at(start, cells)))
}

#[cfg(test)]
#[path = "samples_tests.rs"]
mod tests;
