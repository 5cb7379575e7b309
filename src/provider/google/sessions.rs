//! Readers of the Google Health API's sessions and single measurements: sleep, workouts, weight.
//!
//! What may be left out gives empty cells, and a time without its offset is shown in the zone that
//! the account has then; a time that is missing, or anything of another type than promised, is an
//! error of the element (googleapis `google/devicesandservices/health/v4/data_model.proto`).

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp};

use crate::core::error::Result;
use crate::core::json::Element;
use crate::core::table::{Cell, Row};
use crate::provider::google::read::{has_fields, has_value, word};
use crate::provider::job::Job;

/// An instant, and what the clock showed where the participant was.
#[derive(Debug)]
pub struct Moment {
    pub at: Timestamp,
    pub local: DateTime,
}

impl Moment {
    /// `prefix` and `end` of `sleep.interval.` and `start`.
    fn read(element: &Element, prefix: &str, end: &str, job: &Job) -> Result<Self> {
        let at = element.instant(&format!("{prefix}{end}Time"))?;
        let path = format!("{prefix}{end}UtcOffset");
        let Some(offset_s) = element.optional(&path, duration_s)? else {
            return Ok(Self { at, local: job.zone_at(at)?.to_datetime(at) });
        };
        let local = jiff::tz::Offset::UTC.to_datetime(at);
        #[expect(clippy::cast_possible_truncation, reason = "checked to be within a day")]
        let shift = (offset_s.abs() <= 86_400.0 && offset_s.fract() == 0.0)
            .then(|| SignedDuration::from_secs(offset_s as i64))
            .ok_or_else(|| element.unexpected(&path, "an offset of at most a day"))?;
        let local = local
            .checked_add(shift)
            .map_err(|_| element.unexpected(&path, "an offset within the calendar"))?;
        Ok(Self { at, local })
    }

    fn cells(&self) -> [Cell; 2] {
        let local = self.local.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        [Cell::Instant(self.at), Cell::Text(local.into())]
    }
}

/// `"-25200s"`, `"0.5s"`: a Duration in proto3 JSON, in seconds.
pub fn duration_s(element: &Element, path: &str) -> Result<f64> {
    let text = element.text(path)?;
    let seconds = text.strip_suffix('s').and_then(|text| text.parse().ok());
    seconds
        .filter(|seconds: &f64| seconds.is_finite())
        .ok_or_else(|| element.unexpected(path, "a duration such as 90s"))
}

/// What a sleep's metadata say; empty where it has none. proto3 leaves a false out.
pub fn flag(point: &Element, name: &str) -> Result<Cell> {
    match (point.has("sleep.metadata"), point.is_object("sleep.metadata")) {
        (false, _) => return Ok(Cell::Empty),
        (true, false) => return Err(point.unexpected("sleep.metadata", "an object")),
        (true, true) => {}
    }
    let flag = point.optional(&format!("sleep.metadata.{name}"), Element::boolean)?;
    Ok(Cell::Text(flag.unwrap_or(false).to_string().into()))
}

/// The date on which the sleep of a point ended, whatever else is wrong with it.
pub fn ended_on(point: &Element, job: &Job) -> Option<Date> {
    Moment::read(point, "sleep.interval.", "end", job).ok().map(|end| end.local.date())
}

/// The date of a sleep that Google is still at work on: the stages, and what follows from them,
/// are still to come. `processed` is no `optional` in Google's protocol definitions, so that a
/// false may be left out; then neither stages nor what became of them are told
/// (googleapis `data_model.proto`, `SleepMetadata`).
pub fn unfinished_night(point: &Element, job: &Job) -> Option<Date> {
    let processed = point.boolean("sleep.metadata.processed").ok();
    let status = point.text("sleep.metadata.stagesStatus").ok();
    let untold = point.is_object("sleep.metadata")
        && !point.has("sleep.metadata.externalId")
        && status.is_none()
        && point.list("sleep.stages").is_ok_and(|stages| stages.is_empty());
    let at_work = status.is_some_and(|status| status.starts_with("PROCESSING"));
    let is_unfinished = at_work || processed.map_or(untold, |processed| !processed);
    is_unfinished.then(|| ended_on(point, job)).flatten()
}

/// The sleep of a point: its start and its end.
pub fn sleep_of(point: &Element, job: &Job) -> Result<(Moment, Moment)> {
    if !has_value(point, "sleep")? {
        return Err(point.unexpected("sleep", "an object"));
    }
    let start = Moment::read(point, "sleep.interval.", "start", job)?;
    let end = Moment::read(point, "sleep.interval.", "end", job)?;
    Ok((start, end))
}

/// One row per stage.
pub fn sleep(point: &Element, job: &Job) -> Result<Vec<Row>> {
    let (sleep_start, sleep_end) = sleep_of(point, job)?;
    let row = |stage: &Element| {
        let start = Moment::read(stage, "", "start", job)?;
        let end = Moment::read(stage, "", "end", job)?;
        let mut cells = vec![Cell::Instant(sleep_start.at)];
        cells.extend(start.cells());
        cells.extend(end.cells());
        cells.push(word(stage, "type")?);
        Ok(Row::on(sleep_end.local.date(), cells))
    };
    point.list("sleep.stages")?.iter().map(row).collect()
}

/// One row per sleep.
pub fn sleep_summary(point: &Element, job: &Job) -> Result<Vec<Row>> {
    let (start, end) = sleep_of(point, job)?;
    let mut cells = Vec::with_capacity(16);
    cells.extend(start.cells());
    cells.extend(end.cells());
    cells.push(word(point, "sleep.type")?);
    cells.push(flag(point, "mainSleep")?);
    cells.push(flag(point, "nap")?);
    for name in [
        "minutesInSleepPeriod",
        "minutesAsleep",
        "minutesAwake",
        "minutesToFallAsleep",
        "minutesAfterWakeUp",
    ] {
        let minutes = point.optional(&format!("sleep.summary.{name}"), Element::int)?;
        cells.push(Cell::from(minutes));
    }
    let mut stages = Vec::new();
    for stage in point.list("sleep.summary.stagesSummary")? {
        stages.push((word(&stage, "type")?, stage.optional("minutes", Element::int)?));
    }
    for name in ["light", "deep", "rem", "restless"] {
        let stage = stages.iter().find(|(known, _)| *known == Cell::Text(name.into()));
        cells.push(Cell::from(stage.and_then(|(_, minutes)| *minutes)));
    }
    Ok(vec![Row::on(end.local.date(), cells)])
}

/// One row per workout, at its start.
pub fn exercise(point: &Element) -> Result<Option<Row>> {
    if !has_value(point, "exercise")? {
        return Err(point.unexpected("exercise", "an object"));
    }
    let start = point.instant("exercise.interval.startTime")?;
    let end = point.instant("exercise.interval.endTime")?;
    let summary = |name: &str| format!("exercise.metricsSummary.{name}");
    let int = |name: &str| point.optional(&summary(name), Element::int).map(Cell::from);
    let number = |name: &str| point.optional(&summary(name), Element::number).map(Cell::from);
    let metres = |name: &str| {
        let millimetres = point.optional(&summary(name), Element::number)?;
        Ok(Cell::from(millimetres.map(|value| value / 1000.0)))
    };
    let seconds = |path: &str| point.optional(path, duration_s).map(Cell::from);
    let zone = |name: &str| seconds(&summary(&format!("heartRateZoneDurations.{name}")));
    Ok(Some(Row::at(
        start,
        [
            Cell::Instant(end),
            word(point, "exercise.exerciseType")?,
            seconds("exercise.activeDuration")?,
            number("caloriesKcal")?,
            metres("distanceMillimeters")?,
            int("steps")?,
            int("averageHeartRateBeatsPerMinute")?,
            int("activeZoneMinutes")?,
            metres("elevationGainMillimeters")?,
            zone("lightTime")?,
            zone("moderateTime")?,
            zone("vigorousTime")?,
            zone("peakTime")?,
        ],
    )))
}

/// One row per measurement.
pub fn weight(point: &Element) -> Result<Option<Row>> {
    let at = point.instant("weight.sampleTime.physicalTime")?;
    has_fields(point, "weight", &["weightGrams"], &["sampleTime", "notes"])?;
    let grams = point.optional("weight.weightGrams", Element::number)?;
    Ok(Some(Row::at(at, [Cell::from(grams.map(|grams| grams / 1000.0))])))
}

#[cfg(test)]
#[path = "sessions_tests.rs"]
mod tests;
