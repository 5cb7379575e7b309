//! What is measured every few minutes of a night.

use jiff::civil::Date;

use super::Amount;
use super::night::slept;
use super::session::sleeps;
use crate::hash::{chance, mix, pick};
use crate::metric::Metric;
use crate::person::Person;

/// A sample of a night, at the beginning of a UTC minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    pub minute: i64,
    /// The night's last minute: samples come with the whole night.
    pub night_end: i64,
    pub number: u64,
}

/// The samples of the night that ends on `date`, one every five minutes, some left out.
pub fn samples(person: &Person, metric: Metric, date: Date) -> Vec<Sample> {
    let night = sleeps(person, date).into_iter().find(|sleep| !sleep.nap);
    let Some(night) = night.filter(|_| slept(person, metric, date)) else {
        return Vec::new();
    };
    let seed = person.seed_of(metric, date);
    let minutes = (night.from()..night.to()).step_by(5);
    let sample =
        |minute| Sample { minute, night_end: night.to(), number: mix(seed, metric.name(), minute) };
    minutes.map(sample).filter(|sample| !chance(sample.number >> 50, 8)).collect()
}

/// What a sample of heart rate variability says; each part but the first may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variability {
    pub rmssd: Amount,
    pub deviation: Option<Amount>,
    /// Low and high frequencies.
    pub power: Option<(Amount, Amount)>,
}

pub fn variability(sample: Sample) -> Variability {
    let number = sample.number;
    let part = |shift: u32, least, spread| Amount::untied(least + pick(number >> shift, spread));
    Variability {
        rmssd: part(0, 1_500_000, 6_000_000),
        deviation: (!chance(number >> 40, 20)).then(|| part(8, 2_000_000, 7_000_000)),
        power: chance(number >> 44, 50)
            .then(|| (part(16, 10_000_000, 90_000_000), part(20, 10_000_000, 90_000_000))),
    }
}

/// The percent of a sample of oxygen saturation.
pub fn saturation(sample: Sample) -> Amount {
    Amount(9_000_000 + pick(sample.number, 100) * 10_000)
}
