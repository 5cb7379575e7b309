//! One value a day: resting heart rate, oxygen, breathing, fitness, weight.

use jiff::civil::Date;

use super::Amount;
use super::night::slept_well;
use crate::hash::{chance, mix, pick};
use crate::person::{Person, day_of};

fn number(person: &Person, name: &str, date: Date) -> u64 {
    mix(person.seed_of(None, date), name, day_of(date))
}

/// Beats a minute at rest.
pub fn resting_heart_rate(person: &Person, date: Date) -> Option<i64> {
    let base = 50 + pick(mix(person.seed, "resting", 0), 20);
    let seen = date >= person.joined && person.keeps(None, date, day_of(date));
    seen.then(|| base + pick(number(person, "resting", date), 5))
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
    if !slept_well(person, "oxygen", date) {
        return None;
    }
    let number = number(person, "oxygen", date);
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
    let slept = slept_well(person, "breaths", date);
    slept.then(|| Amount(1_100_000 + pick(number(person, "breaths", date), 80) * 10_000))
}

/// Cardio fitness, about twice a week.
pub fn vo2_max(person: &Person, date: Date) -> Option<Amount> {
    let number = number(person, "vo2", date);
    let there = date >= person.joined && chance(number, 30) && person.keeps(None, date, 0);
    there.then(|| Amount(3_500_000 + pick(number >> 8, 900) * 1_000))
}

/// A weight in grams and the minute of the day at which it was entered by hand, now and then.
pub fn weight(person: &Person, date: Date) -> Option<(i64, i64)> {
    let number = number(person, "weight", date);
    let there = date >= person.joined && chance(number, 20) && person.keeps(None, date, 1);
    let base = 60_000 + pick(mix(person.seed, "weight", 0), 30) * 1_000;
    there.then(|| (base + pick(number >> 8, 30) * 50, 400 + pick(number >> 20, 60)))
}
