//! Rows of what has a beginning and an end, and of single measurements.

use jiff::Timestamp;
use jiff::civil::Date;

use super::day::Day;
use super::text::{decimal, local, thousandths, utc};
use crate::data::sample::{Sample, samples, saturation, variability};
use crate::data::session::{Quality, Sleep, quality, sleeps, workout};
use crate::data::{Amount, PARTS, body};
use crate::metric::Metric;
use crate::person::{Person, date_of, day_of, instant};

/// The sleeps that ended on the day's date and have been synced, oldest first.
pub fn sleep_rows(person: &Person, metric: Metric, day: &Day, synced: Timestamp) -> Vec<String> {
    let mut rows = Vec::new();
    let all = sleeps(person, day.date).into_iter();
    for sleep in all.filter(|sleep| instant(sleep.to()) < synced) {
        match metric {
            Metric::Sleep => rows.extend(stage_rows(person, &sleep)),
            Metric::SleepQuality => rows.push(quality_row(person, day.date, &sleep)),
            _ => rows.push(summary(person, &sleep)),
        }
    }
    rows.iter().map(|row| format!("{},{row}", day.date)).collect()
}

/// UTC and the wall clock where the participant was.
fn both(person: &Person, minute: i64) -> String {
    format!("{},{}", utc(instant(minute)), local(person.local(minute)))
}

fn stage_rows(person: &Person, sleep: &Sleep) -> Vec<String> {
    let start = utc(instant(sleep.from()));
    let row = |stage: &crate::data::session::Stage| {
        let (from, to) = (both(person, stage.from), both(person, stage.to));
        format!("{start},{from},{to},{}", stage.kind.to_lowercase())
    };
    sleep.stages.iter().map(row).collect()
}

fn summary(person: &Person, sleep: &Sleep) -> String {
    let (from, to) = (both(person, sleep.from()), both(person, sleep.to()));
    let kind = if sleep.nap { "classic" } else { "stages" };
    let period = sleep.to() - sleep.from();
    let (awake, _) = sleep.minutes("AWAKE");
    let kinds: &[&str] = if sleep.nap { &["RESTLESS"] } else { &["LIGHT", "DEEP", "REM"] };
    let stage = |name: &str| match sleep.minutes(name) {
        (minutes, count) if count > 0 && kinds.contains(&name) => minutes.to_string(),
        _ => String::new(),
    };
    let stages = ["LIGHT", "DEEP", "REM", "RESTLESS"].map(stage).join(",");
    let (main, nap, asleep) = (!sleep.nap, sleep.nap, period - awake);
    format!("{from},{to},{kind},{main},{nap},{period},{asleep},{awake},0,0,{stages}")
}

fn quality_row(person: &Person, date: Date, sleep: &Sleep) -> String {
    let quality = quality(person, date, sleep);
    let minutes = |stretches: &[(i64, i64)]| {
        decimal(Amount::untied(Quality::seconds(stretches) * PARTS / 60))
    };
    let cells = [
        utc(instant(sleep.from())),
        utc(instant(sleep.to())),
        "true".to_owned(),
        quality.status.to_lowercase(),
        quality.edited.to_string(),
        quality.short_awakenings.len().to_string(),
        minutes(&quality.short_awakenings),
        minutes(&quality.out_of_bed),
    ];
    cells.join(",")
}

/// The samples of nights that have been synced.
fn sample_rows(person: &Person, metric: Metric, day: &Day, synced: Timestamp) -> Vec<String> {
    let nights = (day_of(day.date) - 2..=day_of(day.date) + 2).map(date_of);
    let samples = nights.flat_map(|date| samples(person, metric, date));
    let known = samples
        .filter(|sample| instant(sample.night_end) < synced && day.holds(instant(sample.minute)));
    let cell = |amount: Option<Amount>| amount.map(decimal).unwrap_or_default();
    let row = |sample: Sample| {
        let cells = match metric {
            Metric::HrvSamples => {
                let said = variability(sample);
                let (low, high) = said.power.unzip();
                [Some(said.rmssd), said.deviation, low, high].map(cell).join(",")
            }
            _ => decimal(saturation(sample)),
        };
        format!("{},{cells}", day.times(instant(sample.minute)))
    };
    known.map(row).collect()
}

/// What happened or began in the day and has been synced, oldest first.
pub fn event_rows(person: &Person, metric: Metric, day: &Day, synced: Timestamp) -> Vec<String> {
    if matches!(metric, Metric::HrvSamples | Metric::Spo2Samples) {
        return sample_rows(person, metric, day, synced);
    }
    let days = day_of(day.date) - 2..=day_of(day.date) + 2;
    let rows = days.map(date_of).filter_map(|date| {
        if metric == Metric::Weight {
            let (grams, minute) = body::weight(person, date)?;
            let at = instant(person.minute_at(date, minute));
            let known = day.holds(at) && at < synced;
            return known.then(|| format!("{},{}", day.times(at), thousandths(grams)));
        }
        let workout = workout(person, date)?;
        let (at, end) = (instant(workout.from), instant(workout.to));
        if !day.holds(at) || end >= synced {
            return None;
        }
        let length = workout.to - workout.from;
        let active = workout.fat_burn_min + workout.cardio_min + workout.peak_min;
        let cells = [
            day.times(at),
            utc(end),
            workout.kind.0.to_lowercase(),
            (length * 60).to_string(),
            decimal(Amount(workout.calories_kcal * PARTS)),
            String::new(),
            String::new(),
            workout.average_bpm.to_string(),
            workout.credits.to_string(),
            String::new(),
            ((length - active).max(0) * 60).to_string(),
            (workout.fat_burn_min * 60).to_string(),
            (workout.cardio_min * 60).to_string(),
            (workout.peak_min * 60).to_string(),
        ];
        Some(cells.join(","))
    });
    rows.collect()
}
