//! Steps, calories and active zone minutes, minute by minute.

use super::Amount;
use crate::hash::{chance, mix, pick};
use crate::metric::Metric;
use crate::person::{Local, Person};

/// A heart rate zone that earns active zone minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    FatBurn,
    Cardio,
    Peak,
}

impl Zone {
    /// Google's name.
    pub fn name(self) -> &'static str {
        match self {
            Zone::FatBurn => "FAT_BURN",
            Zone::Cardio => "CARDIO",
            Zone::Peak => "PEAK",
        }
    }

    /// What one minute in the zone counts.
    pub fn credit(self) -> i64 {
        match self {
            Zone::FatBurn => 1,
            Zone::Cardio | Zone::Peak => 2,
        }
    }
}

/// Every third day has one exercise of 20 to 59 minutes between 07:00 and 20:00.
pub fn exercising(person: &Person, local: Local) -> bool {
    match exercise(person, local.day) {
        Some((from, length)) => (from..from + length).contains(&local.minute_of_day),
        None => false,
    }
}

/// The first minute of the day's exercise, and how many minutes it took.
pub fn exercise(person: &Person, day: i64) -> Option<(i64, i64)> {
    let number = mix(person.seed, "exercise", day);
    if !number.is_multiple_of(3) {
        return None;
    }
    Some((420 + pick(number >> 4, 720), 20 + pick(number >> 24, 40)))
}

/// The minute of the day at which the participant gets up: about half past six.
pub fn get_up(person: &Person, day: i64) -> i64 {
    360 + pick(mix(person.seed, "sleep", day), 60)
}

/// The minute of the day at which the participant falls asleep: about eleven.
pub fn bedtime(person: &Person, day: i64) -> i64 {
    1350 + pick(mix(person.seed, "sleep", day) >> 16, 60)
}

fn asleep(person: &Person, local: Local) -> bool {
    local.minute_of_day < get_up(person, local.day)
        || local.minute_of_day >= bedtime(person, local.day)
}

/// Whether the participant took part already.
fn taking_part(person: &Person, local: Local) -> bool {
    local.date() >= person.joined
}

/// Steps while the band is worn; nothing while it is not.
pub fn steps(person: &Person, local: Local) -> Option<i64> {
    steps_for(person, local, Metric::Steps)
}

fn steps_of(person: &Person, local: Local, seed: u64) -> i64 {
    let number = mix(seed, "steps", local.minute);
    if exercising(person, local) {
        return 90 + pick(number, 90);
    }
    if asleep(person, local) {
        return 0;
    }
    let mood = mix(person.seed, "walk", local.minute.div_euclid(10)) % 10;
    match mood {
        0..7 => 0,
        7..9 => pick(number, 40),
        _ => 50 + pick(number, 70),
    }
}

/// The kcal that the body needs at rest, in one minute.
fn resting(person: &Person) -> i64 {
    80_000 + pick(mix(person.seed, "rest", 0), 50_000)
}

/// Calories: present in every minute, at rest where nobody has measured anything.
pub fn calories(person: &Person, local: Local, synced: bool) -> Option<Amount> {
    if !taking_part(person, local) {
        return None;
    }
    let date = local.date();
    if !person.keeps(Metric::Calories, date, local.minute) {
        return None;
    }
    let rest = resting(person);
    if !synced || !person.worn(local) {
        return Some(Amount::untied(rest));
    }
    let seed = person.seed_of(Metric::Calories, date);
    let number = mix(seed, "calories", local.minute);
    let effort = steps_of(person, local, seed) * 4_000;
    let sport = if exercising(person, local) { 300_000 } else { 0 };
    Some(Amount::untied(rest + effort + sport + pick(number, rest.unsigned_abs() / 3)))
}

/// The zones of a minute that earned something: none, one, sometimes two.
pub fn zones(person: &Person, local: Local) -> Vec<Zone> {
    let active = taking_part(person, local) && exercising(person, local) && person.worn(local);
    let date = local.date();
    if !active || !person.keeps(Metric::Azm, date, local.minute) {
        return Vec::new();
    }
    let seed = person.seed_of(Metric::Azm, date);
    let number = mix(seed, "azm", local.minute);
    if chance(number >> 16, 6) {
        return vec![Zone::FatBurn, Zone::Cardio];
    }
    match number % 10 {
        0 | 1 => Vec::new(),
        2..5 => vec![Zone::FatBurn],
        5..8 => vec![Zone::Cardio],
        _ => vec![Zone::Peak],
    }
}

/// Heart rate samples of a minute, one every five seconds.
pub const SAMPLES: i64 = 12;

/// Beats a minute, while the band is worn.
pub fn heart_rate(person: &Person, local: Local, sample: i64) -> Option<i64> {
    let date = local.date();
    if !taking_part(person, local)
        || !person.worn(local)
        || !person.keeps(Metric::HeartRate, date, local.minute)
    {
        return None;
    }
    let base = 58 + pick(mix(person.seed, "heart", 0), 18);
    let effort = match (exercising(person, local), asleep(person, local)) {
        (true, _) => 55 + pick(mix(person.seed, "effort", local.minute), 40),
        (_, true) => -8,
        _ => pick(mix(person.seed, "mood", local.minute.div_euclid(15)), 18),
    };
    let seed = person.seed_of(Metric::HeartRate, date);
    let index = local.minute * SAMPLES + sample;
    Some(base + effort + pick(mix(seed, "beat", index), 7))
}

/// Steps as distance and floors see them: revised on their own.
fn steps_for(person: &Person, local: Local, metric: Metric) -> Option<i64> {
    if !taking_part(person, local) || !person.worn(local) {
        return None;
    }
    let date = local.date();
    let kept = person.keeps(metric, date, local.minute);
    kept.then(|| steps_of(person, local, person.seed_of(metric, date)))
}

/// Millimetres, while the band is worn.
pub fn distance_mm(person: &Person, local: Local) -> Option<i64> {
    let stride = 650 + pick(mix(person.seed, "stride", 0), 150);
    steps_for(person, local, Metric::Distance).map(|steps| steps * stride)
}

/// Floors, while the band is worn.
pub fn floors(person: &Person, local: Local) -> Option<i64> {
    let steps = steps_for(person, local, Metric::Floors)?;
    let number = mix(person.seed, "floors", local.minute);
    Some(i64::from(steps > 40 && chance(number, 4)))
}

/// The energy of moving, above what the body needs at rest; a minute without any has no value.
pub fn active_energy(person: &Person, local: Local) -> Option<Amount> {
    let steps = steps_for(person, local, Metric::ActiveEnergy)?;
    let seed = person.seed_of(Metric::ActiveEnergy, local.date());
    let sport = if exercising(person, local) { 300_000 } else { 0 };
    let effort = steps * 4_000 + sport;
    let more = pick(mix(seed, "energy", local.minute), 900) * 10;
    (effort > 0).then(|| Amount::untied(effort + more))
}

/// Google's names of the zones of an exercise's minute, and the seconds in each.
pub fn zone_times(person: &Person, local: Local) -> Vec<(&'static str, i64)> {
    let date = local.date();
    let there = taking_part(person, local) && exercising(person, local) && person.worn(local);
    if !there || !person.keeps(Metric::HeartRateZones, date, local.minute) {
        return Vec::new();
    }
    let number = mix(person.seed_of(Metric::HeartRateZones, date), "zones", local.minute);
    let names = ["LIGHT", "MODERATE", "VIGOROUS", "PEAK"];
    let lower = usize::try_from(number % 4).unwrap_or(0);
    let seconds = 5 + pick(number >> 8, 50);
    match names.get(lower + 1) {
        Some(upper) if chance(number >> 16, 30) => {
            vec![(names[lower], seconds), (*upper, 60 - seconds)]
        }
        _ => vec![(names[lower], 60)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::tests::person;

    fn days(count: i64) -> impl Iterator<Item = i64> {
        let start = 1_790_000_000 / 60;
        start..start + count * 1440
    }

    #[test]
    fn a_fortnight_has_gaps_zeros_steps_and_zones() {
        let person = person();
        let values: Vec<_> = days(14).map(|m| steps(&person, person.local(m))).collect();
        assert!(values.iter().any(Option::is_none));
        assert!(values.contains(&Some(0)));
        assert!(values.iter().flatten().any(|steps| *steps > 60));
        let earned: Vec<_> = days(14).map(|m| zones(&person, person.local(m))).collect();
        assert!(earned.iter().any(|zones| zones.len() == 2));
        assert!(earned.iter().any(|zones| zones == &[Zone::Peak]));
    }

    #[test]
    fn calories_are_never_missing_and_never_end_in_half() {
        let person = person();
        for minute in days(3) {
            let local = person.local(minute);
            for synced in [false, true] {
                let amount = calories(&person, local, synced).expect("always there");
                assert!(amount.0 > 0 && amount.0 % 10 != 5);
            }
        }
    }
}
