//! The cells of a date.

use jiff::civil::Date;

use super::text::decimal;
use crate::data::night::{self, Reading};
use crate::data::{Amount, body};
use crate::metric::Metric;
use crate::person::Person;

fn cell(amount: Option<Amount>) -> String {
    amount.map(decimal).unwrap_or_default()
}

fn reading(reading: Reading) -> String {
    match reading {
        Reading::Value(amount) => decimal(amount),
        Reading::Missing | Reading::NotANumber => String::new(),
    }
}

pub fn cells(person: &Person, metric: Metric, date: Date) -> Option<String> {
    let cells = match metric {
        Metric::Hrv => {
            let night = night::hrv(person, date)?;
            let non_rem = night.non_rem.map(|bpm| bpm.to_string()).unwrap_or_default();
            vec![cell(night.average), cell(night.deep), non_rem, cell(night.entropy)]
        }
        Metric::WristTemp => {
            let night = night::temperature(person, date)?;
            vec![
                cell(night::relative(person, date)),
                reading(night.nightly),
                reading(night.baseline),
                reading(night.stddev),
            ]
        }
        Metric::RestingHeartRate => {
            let (beats, method) = body::resting_heart_rate(person, date)?;
            vec![beats.to_string(), method.to_lowercase()]
        }
        Metric::Spo2 => {
            let night = body::oxygen(person, date)?;
            let three = [night.average, night.lower, night.upper].map(decimal);
            three.into_iter().chain([cell(night.deviation)]).collect()
        }
        Metric::BreathingRate => vec![decimal(body::breaths(person, date)?)],
        Metric::Vo2Max => {
            let fitness = body::vo2_max(person, date)?;
            let level = fitness.level.unwrap_or("").to_lowercase();
            vec![decimal(fitness.vo2_max), fitness.estimated.to_string(), level]
        }
        _ => return None,
    };
    Some(cells.join(","))
}
