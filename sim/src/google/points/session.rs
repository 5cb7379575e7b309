//! Points with an id: sleep, exercise, weight.

use std::rc::Rc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::json::{civil_of, instant_json, offset_json, sample_time, session_interval};
use super::point::{Origin, Point, Source};
use crate::data::sample::Sample;
use crate::data::session::{Sleep, Workout, quality, sleeps, workout};
use crate::data::{body, sample};
use crate::google::filter::{Anchor, Filter};
use crate::metric::Metric;
use crate::person::{Person, date_of, day_of, instant};

/// The points of a type within a filter's bounds.
pub fn points<'a>(source: Source<'a>, id: &str, filter: &Filter) -> Vec<Point<'a>> {
    let (from, before) = filter.bounds();
    let day = |at: Timestamp| at.as_second().div_euclid(86_400);
    let joined = day_of(source.person.joined);
    let first = from.map_or(joined, |from| day(from) - 2).max(joined);
    let last = before.unwrap_or(source.synced).min(source.synced);
    let days = first..=day(last) + 2;
    let points = days.flat_map(|day| match id {
        "sleep" => nights(source, day),
        "exercise" => workouts(source, day),
        "weight" => weights(source, day),
        "heart-rate-variability" => samples(source, day, Metric::HrvSamples, variability_json),
        "oxygen-saturation" => samples(source, day, Metric::Spo2Samples, saturation_json),
        _ => Vec::new(),
    });
    points.collect()
}

/// A point that is there once its last minute has been synced.
fn point<'a>(
    source: Source<'a>,
    (anchor, start, end): (i64, i64, i64),
    origin: Origin,
    value: impl Fn() -> Value + 'a,
) -> Option<Point<'a>> {
    let civil = civil_of(source.person.local(anchor));
    let point = Point {
        anchor: Anchor { instant: instant(anchor), civil },
        value: Rc::new(value),
        id: Some(1_000_000_000_000 + start * 60),
        origin,
    };
    (instant(end) < source.synced).then_some(point)
}

fn nights(source: Source<'_>, day: i64) -> Vec<Point<'_>> {
    let sleeps = sleeps(source.person, date_of(day)).into_iter();
    let points = sleeps.filter_map(|sleep| {
        let (from, to) = (sleep.from(), sleep.to());
        let make = move || sleep_json(source, date_of(day), &sleep);
        point(source, (to, from, to), Origin::Band, make)
    });
    points.collect()
}

/// A sleep that was detected and whose stages are not there yet.
fn unprocessed_json(person: &Person, sleep: &Sleep) -> Value {
    let metadata = match person.cloud.processing.leaves_false_out {
        true => json!({}),
        false => json!({"processed": false}),
    };
    json!({
        "interval": session_interval(person, sleep.from(), sleep.to()),
        "metadata": metadata,
        "summary": {"minutesInSleepPeriod": (sleep.to() - sleep.from()).to_string()},
    })
}

fn sleep_json(source: Source<'_>, date: Date, sleep: &Sleep) -> Value {
    let person = source.person;
    if !person.cloud.has_stages(instant(sleep.to()), source.now) {
        return unprocessed_json(person, sleep);
    }
    let stages: Vec<_> = sleep
        .stages
        .iter()
        .map(|stage| {
            let mut value = session_interval(person, stage.from, stage.to);
            value["type"] = Value::from(stage.kind);
            value
        })
        .collect();
    let quality = quality(person, date, sleep);
    let (kind, kinds, flag): (_, &[&str], _) = match sleep.nap {
        false => ("STAGES", &["AWAKE", "LIGHT", "DEEP", "REM"], "mainSleep"),
        true => ("CLASSIC", &["AWAKE", "RESTLESS", "ASLEEP"], "nap"),
    };
    let mut metadata = json!({"stagesStatus": quality.status, "processed": true, flag: true});
    if quality.edited {
        metadata["manuallyEdited"] = Value::Bool(true);
    }
    let summary: Vec<_> = kinds
        .iter()
        .filter_map(|kind| {
            let (minutes, count) = sleep.minutes(kind);
            let row = json!({
                "type": kind,
                "minutes": minutes.to_string(),
                "count": count.to_string(),
            });
            (count > 0).then_some(row)
        })
        .collect();
    let (awake, _) = sleep.minutes("AWAKE");
    let period = sleep.to() - sleep.from();
    let stretches = |all: &[(i64, i64)], kind: Option<&str>| {
        let all = all.iter().map(|stretch| stretch_json(person, *stretch, kind));
        all.collect::<Vec<_>>()
    };
    let mut value = json!({
        "interval": session_interval(person, sleep.from(), sleep.to()),
        "type": kind,
        "stages": stages,
        "metadata": metadata,
        "summary": {
            "minutesInSleepPeriod": period.to_string(),
            "minutesAfterWakeUp": "0",
            "minutesToFallAsleep": "0",
            "minutesAsleep": (period - awake).to_string(),
            "minutesAwake": awake.to_string(),
            "stagesSummary": summary,
        },
    });
    // Empty lists are not written.
    if !quality.short_awakenings.is_empty() {
        value["shortAwakenings"] = stretches(&quality.short_awakenings, Some("AWAKE")).into();
    }
    if !quality.out_of_bed.is_empty() {
        value["outOfBedSegments"] = stretches(&quality.out_of_bed, None).into();
    }
    value
}

/// A stretch of seconds in a sleep.
fn stretch_json(person: &Person, (from_s, to_s): (i64, i64), kind: Option<&str>) -> Value {
    let time = |at_s: i64| instant_json(Timestamp::from_second(at_s).unwrap_or(Timestamp::MAX));
    let offset = |at_s: i64| offset_json(person.local(at_s.div_euclid(60)));
    let mut value = json!({
        "startTime": time(from_s),
        "startUtcOffset": offset(from_s),
        "endTime": time(to_s),
        "endUtcOffset": offset(to_s),
    });
    if let Some(kind) = kind {
        value["type"] = Value::from(kind);
    }
    value
}

/// The samples of a night. They come with the night, once the cloud has worked on it.
fn samples(source: Source<'_>, day: i64, metric: Metric, make: SampleJson) -> Vec<Point<'_>> {
    let person = source.person;
    let samples = sample::samples(person, metric, date_of(day)).into_iter();
    let points = samples.filter_map(|sample| {
        let ended = instant(sample.night_end);
        let times = (sample.minute, sample.minute, sample.night_end);
        let point = point(source, times, Origin::Band, move || make(person, sample))?;
        let is_done = person.cloud.has_night(ended, source.now);
        is_done.then_some(Point { id: None, ..point })
    });
    points.collect()
}

type SampleJson = fn(&Person, Sample) -> Value;

fn variability_json(person: &Person, one: Sample) -> Value {
    let said = sample::variability(one);
    let mut value = json!({
        "sampleTime": sample_time(person.local(one.minute), 0),
        "rootMeanSquareOfSuccessiveDifferencesMilliseconds": said.rmssd.json(),
    });
    if let Some(deviation) = said.deviation {
        value["standardDeviationMilliseconds"] = deviation.json();
    }
    if let Some((low, high)) = said.power {
        value["metadata"] =
            json!({"lowFrequencyPower": low.json(), "highFrequencyPower": high.json()});
    }
    value
}

fn saturation_json(person: &Person, one: Sample) -> Value {
    json!({
        "sampleTime": sample_time(person.local(one.minute), 0),
        "percentage": sample::saturation(one).json(),
    })
}

fn workouts(source: Source<'_>, day: i64) -> Vec<Point<'_>> {
    let Some(workout) = workout(source.person, date_of(day)) else {
        return Vec::new();
    };
    let make = move || workout_json(source.person, workout);
    let times = (workout.from, workout.from, workout.to);
    let point = point(source, times, Origin::Band, make);
    point.into_iter().collect()
}

fn workout_json(person: &Person, workout: Workout) -> Value {
    let length = workout.to - workout.from;
    let active = workout.fat_burn_min + workout.cardio_min + workout.peak_min;
    let seconds = |minutes: i64| format!("{}s", minutes * 60);
    let written = instant(workout.to + 60).strftime("%Y-%m-%dT%H:%M:%S.343470Z");
    let written = written.to_string();
    json!({
        "interval": session_interval(person, workout.from, workout.to),
        "exerciseType": workout.kind.0,
        "metricsSummary": {
            "caloriesKcal": workout.calories_kcal,
            "averageHeartRateBeatsPerMinute": workout.average_bpm.to_string(),
            "activeZoneMinutes": workout.credits.to_string(),
            "heartRateZoneDurations": {
                "lightTime": seconds((length - active).max(0)),
                "moderateTime": seconds(workout.fat_burn_min),
                "vigorousTime": seconds(workout.cardio_min),
                "peakTime": seconds(workout.peak_min),
            },
        },
        "exerciseMetadata": {},
        "displayName": workout.kind.1,
        "activeDuration": seconds(length),
        "updateTime": written,
        "createTime": written,
    })
}

fn weights(source: Source<'_>, day: i64) -> Vec<Point<'_>> {
    let person = source.person;
    let date = date_of(day);
    let Some((grams, minute)) = body::weight(person, date) else {
        return Vec::new();
    };
    let at = person.minute_at(date, minute);
    let make = move || {
        json!({
            "sampleTime": sample_time(person.local(at), 0),
            "weightGrams": grams,
        })
    };
    let point = point(source, (at, at, at), Origin::Manual, make);
    point.into_iter().collect()
}
