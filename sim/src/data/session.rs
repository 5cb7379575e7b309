//! Nights, naps and exercises: things with a beginning and an end.

use jiff::civil::Date;

use super::minute::{Zone, bedtime, exercise, get_up, zones};
use super::night::slept;
use crate::hash::{chance, mix, pick};
use crate::metric::Metric;
use crate::person::{Person, date_of, day_of};

/// A stretch of one kind of sleep, in UTC minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    pub from: i64,
    pub to: i64,
    /// Google's name.
    pub kind: &'static str,
}

/// A night or a nap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sleep {
    pub nap: bool,
    pub stages: Vec<Stage>,
}

impl Sleep {
    pub fn from(&self) -> i64 {
        self.stages.first().map_or(0, |stage| stage.from)
    }

    pub fn to(&self) -> i64 {
        self.stages.last().map_or(0, |stage| stage.to)
    }

    /// Minutes of one kind, and how many stretches they are.
    pub fn minutes(&self, kind: &str) -> (i64, usize) {
        let same = self.stages.iter().filter(|stage| stage.kind == kind);
        let minutes = same.clone().map(|stage| stage.to - stage.from).sum();
        (minutes, same.count())
    }
}

/// The night that ends on `date`, and a nap in its afternoon.
pub fn sleeps(person: &Person, date: Date) -> Vec<Sleep> {
    let day = day_of(date);
    let mut sleeps = Vec::new();
    if slept(person, Metric::Sleep, date) {
        let from = person.minute_at(date_of(day - 1), bedtime(person, day - 1));
        let to = person.minute_at(date, get_up(person, day));
        let kinds = ["LIGHT", "DEEP", "LIGHT", "REM", "AWAKE"];
        let stages = stages(person, from, to, &kinds);
        sleeps.push(Sleep { nap: false, stages });
    }
    let number = mix(person.seed_of(Metric::Sleep, date), "nap", day);
    if date >= person.joined && chance(number, 12) && person.keeps(Metric::Sleep, date, -day) {
        let from = person.minute_at(date, 800 + pick(number, 100));
        let to = from + 25 + pick(number >> 16, 50);
        let stages = stages(person, from, to, &["ASLEEP", "RESTLESS", "ASLEEP", "AWAKE"]);
        sleeps.push(Sleep { nap: true, stages });
    }
    sleeps
}

/// What is told of a sleep besides its stages. Stretches are in UTC seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quality {
    pub status: &'static str,
    pub edited: bool,
    pub short_awakenings: Vec<(i64, i64)>,
    pub out_of_bed: Vec<(i64, i64)>,
}

impl Quality {
    /// The seconds of some stretches.
    pub fn seconds(stretches: &[(i64, i64)]) -> i64 {
        stretches.iter().map(|(from, to)| to - from).sum()
    }
}

pub fn quality(person: &Person, date: Date, sleep: &Sleep) -> Quality {
    let seed = person.seed_of(Metric::Sleep, date);
    let number = mix(seed, "quality", sleep.from());
    let stretch = |minute: i64, seconds: i64| (minute * 60, minute * 60 + seconds);
    let some = |name, step: usize, percent, most: u64| {
        let minutes = (sleep.from()..sleep.to() - 5).step_by(step);
        let each = minutes.map(|minute| (minute, mix(seed, name, minute)));
        let kept = each.filter(|(_, number)| chance(*number, percent));
        kept.map(|(minute, number)| stretch(minute, 30 + pick(number >> 8, most))).collect()
    };
    Quality {
        status: match (sleep.nap, number % 20) {
            (true, _) => "REJECTED_NAP",
            (false, 0) => "REJECTED_COVERAGE",
            (false, _) => "SUCCEEDED",
        },
        edited: chance(number >> 8, 10),
        short_awakenings: if sleep.nap { Vec::new() } else { some("awake", 7, 20, 140) },
        out_of_bed: some("out", 60, 10, 200),
    }
}

fn stages(person: &Person, from: i64, to: i64, kinds: &[&'static str]) -> Vec<Stage> {
    let mut stages = Vec::new();
    let mut start = from;
    for kind in kinds.iter().cycle() {
        if start >= to {
            break;
        }
        let number = mix(person.seed, "stage", start);
        let length = match *kind {
            "AWAKE" | "RESTLESS" => 2 + pick(number, 8),
            _ => 12 + pick(number, 40),
        };
        let end = (start + length).min(to);
        stages.push(Stage { from: start, to: end, kind });
        start = end;
    }
    stages
}

/// An exercise, with its minutes in each zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workout {
    pub from: i64,
    pub to: i64,
    /// Google's type and the name that the participant sees.
    pub kind: (&'static str, &'static str),
    pub credits: i64,
    pub fat_burn_min: i64,
    pub cardio_min: i64,
    pub peak_min: i64,
    pub calories_kcal: i64,
    pub average_bpm: i64,
}

/// The exercise of a date.
pub fn workout(person: &Person, date: Date) -> Option<Workout> {
    let day = day_of(date);
    let (start, length) = exercise(person, day)?;
    if date < person.joined || !person.keeps(Metric::Exercise, date, day) {
        return None;
    }
    let kinds = [("RUNNING", "Run"), ("BIKING", "Bike"), ("CARDIO_WORKOUT", "Activity")];
    let kind = kinds[usize::try_from(day.rem_euclid(3)).unwrap_or(0)];
    let from = person.minute_at(date, start);
    let earned: Vec<Zone> =
        (from..from + length).flat_map(|minute| zones(person, person.local(minute))).collect();
    let count = |zone| {
        let same = earned.iter().filter(|one| **one == zone);
        i64::try_from(same.count()).unwrap_or(0)
    };
    let (fat_burn_min, cardio_min, peak_min) =
        (count(Zone::FatBurn), count(Zone::Cardio), count(Zone::Peak));
    let active = fat_burn_min + cardio_min + peak_min;
    let revised = pick(mix(person.seed_of(Metric::Exercise, date), "workout", day), 20);
    Some(Workout {
        from,
        to: from + length,
        kind,
        credits: earned.iter().map(|zone| zone.credit()).sum(),
        fat_burn_min,
        cardio_min,
        peak_min,
        calories_kcal: length * 7 + active * 3 + revised,
        average_bpm: 118 + active % 30,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::tests::person;

    #[test]
    fn nights_have_stages_without_gaps() {
        let person = person();
        let days = day_of(person.joined) + 10..day_of(person.joined) + 60;
        let sleeps: Vec<_> = days.flat_map(|day| sleeps(&person, date_of(day))).collect();
        assert!(sleeps.iter().any(|sleep| sleep.nap));
        let nights: Vec<_> = sleeps.iter().filter(|sleep| !sleep.nap).collect();
        assert!(nights.len() > 25);
        for night in nights {
            let length = night.to() - night.from();
            assert!((6 * 60..10 * 60).contains(&length), "{length}");
            assert!(night.stages.windows(2).all(|pair| pair[0].to == pair[1].from));
        }
    }
}
