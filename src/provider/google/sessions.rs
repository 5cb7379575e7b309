//! Readers of the Google Health API's sessions and single measurements: sleep, workouts, weight.
//!
//! Optional members that are absent give empty cells; what is required, or has another type than
//! promised, is an error (googleapis `google/devicesandservices/health/v4/data_model.proto`).

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp};

use crate::core::error::Result;
use crate::core::json::Element;
use crate::core::table::{Cell, Row};
use crate::provider::google::read::{has_value, word};

/// An instant, and what the clock showed where the participant was.
struct Moment {
    at: Timestamp,
    local: DateTime,
}

impl Moment {
    /// `prefix` and `end` of `sleep.interval.` and `start`.
    fn read(element: &Element, prefix: &str, end: &str) -> Result<Self> {
        let at = element.instant(&format!("{prefix}{end}Time"))?;
        let path = format!("{prefix}{end}UtcOffset");
        let offset_s = duration_s(element, &path)?;
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

fn flag(element: &Element, path: &str) -> Result<Cell> {
    // proto3 leaves a false out.
    let flag = element.optional(path, Element::boolean)?.unwrap_or(false);
    Ok(Cell::Text(flag.to_string().into()))
}

/// The date of a sleep that Google is still at work on: the stages, and what follows from them,
/// are still to come. `processed` is no `optional` in Google's protocol definitions, so that a
/// false may be left out; then neither stages nor what became of them are told
/// (googleapis `data_model.proto`, `SleepMetadata`).
pub fn unfinished_night(point: &Element) -> Result<Option<Date>> {
    let processed = point.optional("sleep.metadata.processed", Element::boolean)?;
    let status = point.optional("sleep.metadata.stagesStatus", Element::text)?;
    let untold = point.is_object("sleep.metadata")
        && !point.has("sleep.metadata.externalId")
        && status.is_none()
        && point.list("sleep.stages")?.is_empty();
    let at_work = status.is_some_and(|status| status.starts_with("PROCESSING"));
    if !at_work && !processed.map_or(untold, |processed| !processed) {
        return Ok(None);
    }
    Ok(sleep_of(point)?.map(|(_, end)| end.local.date()))
}

/// The sleep of a point: its start and its end.
fn sleep_of(point: &Element) -> Result<Option<(Moment, Moment)>> {
    if !has_value(point, "sleep")? {
        return Ok(None);
    }
    let start = Moment::read(point, "sleep.interval.", "start")?;
    let end = Moment::read(point, "sleep.interval.", "end")?;
    Ok(Some((start, end)))
}

/// One row per stage.
pub fn sleep(point: &Element) -> Result<Vec<Row>> {
    let Some((sleep_start, sleep_end)) = sleep_of(point)? else { return Ok(Vec::new()) };
    let row = |stage: &Element| {
        let start = Moment::read(stage, "", "start")?;
        let end = Moment::read(stage, "", "end")?;
        let stage = Cell::Text(word(stage, "type")?.into());
        let mut cells = vec![Cell::Instant(sleep_start.at)];
        cells.extend(start.cells());
        cells.extend(end.cells());
        cells.push(stage);
        Ok(Row::on(sleep_end.local.date(), cells))
    };
    point.list("sleep.stages")?.iter().map(row).collect()
}

/// One row per sleep.
pub fn sleep_summary(point: &Element) -> Result<Option<Row>> {
    let Some((start, end)) = sleep_of(point)? else { return Ok(None) };
    let mut cells = Vec::with_capacity(16);
    cells.extend(start.cells());
    cells.extend(end.cells());
    let kind = point.optional("sleep.type", word)?;
    cells.push(kind.map_or(Cell::Empty, |kind| Cell::Text(kind.into())));
    cells.push(flag(point, "sleep.metadata.mainSleep")?);
    cells.push(flag(point, "sleep.metadata.nap")?);
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
        let stage = stages.iter().find(|(known, _)| known == name);
        cells.push(Cell::from(stage.and_then(|(_, minutes)| *minutes)));
    }
    Ok(Some(Row::on(end.local.date(), cells)))
}

/// One row per workout, at its start.
pub fn exercise(point: &Element) -> Result<Option<Row>> {
    if !has_value(point, "exercise")? {
        return Ok(None);
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
            Cell::Text(word(point, "exercise.exerciseType")?.into()),
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
    if !has_value(point, "weight")? {
        return Ok(None);
    }
    let at = point.instant("weight.sampleTime.physicalTime")?;
    let grams = point.number("weight.weightGrams")?;
    Ok(Some(Row::at(at, [Cell::Number(grams / 1000.0)])))
}

#[cfg(test)]
#[path = "sessions_tests.rs"]
mod tests;
