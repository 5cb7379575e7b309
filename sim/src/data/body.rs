//! One value a day: resting heart rate, oxygen, breathing, fitness, weight.

use jiff::civil::Date;

use super::Amount;
use super::night::slept;
use crate::hash::{chance, mix, pick};
use crate::metric::Metric;
use crate::person::{Person, day_of};

fn number(person: &Person, metric: Metric, date: Date) -> u64 {
    mix(person.seed_of(metric, date), metric.name(), day_of(date))
}

/// Beats a minute at rest, and how they were found.
pub fn resting_heart_rate(person: &Person, date: Date) -> Option<(i64, &'static str)> {
    let metric = Metric::RestingHeartRate;
    let base = 50 + pick(mix(person.seed, "resting", 0), 20);
    let seen = date >= person.joined && person.keeps(metric, date, day_of(date));
    let method = match slept(person, Metric::Sleep, date) {
        true => "WITH_SLEEP",
        false => "ONLY_WITH_AWAKE_DATA",
    };
    seen.then(|| (base + pick(number(person, metric, date), 5), method))
}

/// A night's oxygen saturation, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oxygen {
    pub average: Amount,
    pub lower: Amount,
    pub upper: Amount,
    pub deviation: Option<Amount>,
}

/// The oxygen saturation of the night that ends on `date`.
pub fn oxygen(person: &Person, date: Date) -> Option<Oxygen> {
    if !slept(person, Metric::Spo2, date) {
        return None;
    }
    let number = number(person, Metric::Spo2, date);
    let average = 9_400_000 + pick(number, 40) * 10_000;
    Some(Oxygen {
        average: Amount(average),
        lower: Amount(average - 150_000 - pick(number >> 10, 30) * 10_000),
        upper: Amount(average + 80_000 + pick(number >> 20, 12) * 10_000),
        deviation: (!chance(number >> 30, 10))
            .then(|| Amount(30_000 + pick(number >> 40, 15) * 10_000)),
    })
}

/// Breaths a minute in the night that ends on `date`.
pub fn breaths(person: &Person, date: Date) -> Option<Amount> {
    let metric = Metric::BreathingRate;
    let breaths = || Amount(1_100_000 + pick(number(person, metric, date), 80) * 10_000);
    slept(person, metric, date).then(breaths)
}

/// Cardio fitness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fitness {
    pub vo2_max: Amount,
    pub estimated: bool,
    /// Google's name.
    pub level: Option<&'static str>,
}

/// Cardio fitness, about twice a week.
pub fn vo2_max(person: &Person, date: Date) -> Option<Fitness> {
    let number = number(person, Metric::Vo2Max, date);
    let there = date >= person.joined && chance(number, 30);
    if !there || !person.keeps(Metric::Vo2Max, date, day_of(date)) {
        return None;
    }
    let levels = ["FAIR", "GOOD", "VERY_GOOD"];
    let level = levels[usize::try_from(pick(number >> 30, 3)).unwrap_or(0)];
    Some(Fitness {
        vo2_max: Amount(3_500_000 + pick(number >> 8, 900) * 1_000),
        estimated: chance(number >> 20, 30),
        level: (!chance(number >> 40, 10)).then_some(level),
    })
}

/// A weight in grams and the minute of the day at which it was entered by hand, now and then.
pub fn weight(person: &Person, date: Date) -> Option<(i64, i64)> {
    let number = number(person, Metric::Weight, date);
    let there = date >= person.joined && chance(number, 20);
    let kept = person.keeps(Metric::Weight, date, day_of(date));
    let base = 60_000 + pick(mix(person.seed, "weight", 0), 30) * 1_000;
    let entry = || (base + pick(number >> 8, 30) * 50, 400 + pick(number >> 20, 60));
    (there && kept).then(entry)
}
