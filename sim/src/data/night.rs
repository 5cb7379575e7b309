//! Heart rate variability and skin temperature, one value per night.

use jiff::civil::Date;

use super::Amount;
use crate::hash::{chance, mix, pick};
use crate::metric::Metric;
use crate::person::{Person, day_of};

/// Nights until a participant has a temperature baseline.
pub const BASELINE_NIGHTS: i64 = 30;

/// A night's heart rate variability; each part may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hrv {
    pub average: Option<Amount>,
    pub deep: Option<Amount>,
    pub non_rem: Option<i64>,
    pub entropy: Option<Amount>,
}

/// A `double` that may be missing or not a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    Missing,
    NotANumber,
    Value(Amount),
}

/// A night's skin temperature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Temperature {
    pub nightly: Reading,
    pub baseline: Reading,
    pub stddev: Reading,
}

/// Whether the night before `date` gave anything for a metric.
pub fn slept(person: &Person, metric: Metric, date: Date) -> bool {
    let day = day_of(date);
    let number = mix(person.seed, metric.name(), day);
    date >= person.joined
        && !chance(number, person.missing_nights_percent)
        && person.keeps(metric, date, day)
}

/// The heart rate variability of the night that ends on `date`.
pub fn hrv(person: &Person, date: Date) -> Option<Hrv> {
    if !slept(person, Metric::Hrv, date) {
        return None;
    }
    let day = day_of(date);
    let number = |name| mix(person.seed_of(Metric::Hrv, date), name, day);
    let part = |name, missing_percent, least, spread| {
        let number = number(name);
        let whole = chance(number >> 40, 5);
        let parts = least + pick(number, spread);
        let parts = if whole { parts / 100_000 * 100_000 } else { parts };
        (!chance(number >> 32, missing_percent)).then_some(Amount::untied(parts))
    };
    let night = Hrv {
        average: part("rmssd", 3, 1_800_000, 7_000_000),
        deep: part("deep", 15, 1_800_000, 8_000_000),
        non_rem: (!chance(number("non rem") >> 32, 10)).then(|| 48 + pick(number("non rem"), 24)),
        entropy: part("entropy", 10, 180_000, 200_000),
    };
    let empty = night.average.is_none() && night.deep.is_none();
    let empty = empty && night.non_rem.is_none() && night.entropy.is_none();
    (!empty).then_some(night)
}

/// The skin temperature of the night that ends on `date`.
pub fn temperature(person: &Person, date: Date) -> Option<Temperature> {
    if !slept(person, Metric::WristTemp, date) {
        return None;
    }
    let day = day_of(date);
    let seed = person.seed_of(Metric::WristTemp, date);
    let number = mix(seed, "temperature", day);
    // The last digits are 0 to 4 and 0: their difference never ends in 5.
    let nightly = 3_200_000 + pick(number, 25_000) * 10 + pick(number >> 20, 5);
    let baseline = 3_300_000 + pick(mix(person.seed, "baseline", day / 7), 5_000) * 10;
    let stddev = Amount::untied(10_000 + pick(number >> 30, 60_000));
    let settled = day - day_of(person.joined) >= BASELINE_NIGHTS;
    let (baseline, stddev) = match number % 50 {
        _ if !settled => (Reading::NotANumber, Reading::NotANumber),
        0 => (Reading::NotANumber, Reading::NotANumber),
        1 => (Reading::Missing, Reading::Missing),
        2 => (Reading::Value(Amount(baseline)), Reading::Missing),
        3 => (Reading::Value(Amount(nightly)), Reading::Value(stddev)),
        // A hair below the baseline: a relative temperature that rounds to minus nothing.
        4 => {
            let above = Amount(nightly - nightly % 10 + 10);
            let nightly = Reading::Value(Amount(above.0 - 1));
            let baseline = Reading::Value(above);
            return Some(Temperature { nightly, baseline, stddev: Reading::Value(stddev) });
        }
        _ => (Reading::Value(Amount(baseline)), Reading::Value(stddev)),
    };
    let nightly = match number % 97 {
        0 => Reading::Missing,
        _ => Reading::Value(Amount(nightly)),
    };
    Some(Temperature { nightly, baseline, stddev })
}

/// How much warmer or colder than usual the skin was, where the baseline is known.
pub fn relative(person: &Person, date: Date) -> Option<Amount> {
    let night = temperature(person, date)?;
    match (night.nightly, night.baseline) {
        (Reading::Value(nightly), Reading::Value(base)) => Some(Amount(nightly.0 - base.0)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::date_of;
    use crate::person::tests::person;

    #[test]
    fn a_year_of_nights_has_every_shape() {
        let person = person();
        let first = day_of(person.joined);
        let nights: Vec<_> = (first..first + 700).map(date_of).collect();
        let hrv: Vec<_> = nights.iter().filter_map(|d| hrv(&person, *d)).collect();
        assert!(hrv.len() > 400 && hrv.len() < 650, "{}", hrv.len());
        assert!(hrv.iter().any(|night| night.deep.is_none()));
        assert!(hrv.iter().any(|night| night.average.is_none()));
        let warm = |date: &Date| temperature(&person, *date);
        let early: Vec<_> = nights[..30].iter().filter_map(warm).collect();
        assert!(early.iter().all(|n| n.baseline == Reading::NotANumber));
        let late: Vec<_> = nights[30..].iter().filter_map(warm).collect();
        assert!(late.iter().any(|n| n.baseline == Reading::Missing));
        assert!(late.iter().any(|n| n.nightly == Reading::Missing));
        assert!(late.iter().any(|n| matches!(n.baseline, Reading::Value(_))));
        let before = date_of(first - 1);
        assert_eq!(temperature(&person, before), None);
    }
}
