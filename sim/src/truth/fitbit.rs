//! The truth of a day that was read from the retired Fitbit API.

use jiff::Timestamp;

use super::day::{Day, minute_rows};
use super::minute;
use super::text::{decimal, file};
use crate::data::{Amount, minute as measured, night};
use crate::metric::Metric;
use crate::person::{Person, instant};

/// The same as [`super::csv`] for a day that was read from the retired Fitbit API, which knows the
/// first five metrics. It sends zeros where nobody knows, names minutes by the wall clock (of an
/// hour that came twice the first time counts), and of the nights it tells less.
pub fn fitbit_csv(
    person: &Person,
    user_id: &str,
    metric: Metric,
    day: &Day,
    synced: Option<Timestamp>,
) -> Option<Vec<u8>> {
    let synced = synced.unwrap_or(Timestamp::MAX);
    let ready = person.night_ready(day.date) < synced;
    let night = |cells: Option<String>| {
        let cells = cells.filter(|_| ready);
        cells.map(|cells| format!("{},{cells}", day.date)).into_iter().collect()
    };
    let rows: Vec<String> = match metric {
        Metric::Steps | Metric::Calories | Metric::Azm => {
            minute_rows(day, synced, |minute| cells(person, metric, day, minute))
        }
        Metric::Hrv => night(hrv(person, day)),
        Metric::WristTemp => {
            let relative = night::relative(person, day.date);
            night(relative.map(|relative| format!("{},,,", decimal(relative))))
        }
        _ => Vec::new(),
    };
    file(user_id, metric, &rows)
}

fn hrv(person: &Person, day: &Day) -> Option<String> {
    let night = night::hrv(person, day.date)?;
    let cell = |amount: Option<Amount>| amount.map(decimal).unwrap_or_default();
    let known = night.average.is_some() || night.deep.is_some();
    known.then(|| format!("{},{},,", cell(night.average), cell(night.deep)))
}

fn cells(person: &Person, metric: Metric, day: &Day, minute: i64) -> Option<String> {
    let local = person.local(minute);
    let wall = day.zone.to_datetime(instant(minute));
    let first = day.zone.to_ambiguous_timestamp(wall).compatible();
    let is_first = first.is_ok_and(|first| first == instant(minute));
    let there = is_first && wall.date() >= person.joined;
    if !there || !person.keeps(metric, local.date(), minute) {
        return None;
    }
    match metric {
        Metric::Steps => Some(measured::steps(person, local).unwrap_or(0).to_string()),
        Metric::Azm => {
            let nothing = || "0,0,0,0".to_owned();
            Some(minute::cells(person, metric, minute).unwrap_or_else(nothing))
        }
        _ => minute::cells(person, metric, minute),
    }
}
