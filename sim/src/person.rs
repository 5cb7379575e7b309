//! A participant's body and habits: what all their data follows from.
//!
//! A [`Person`] is a plain value. The services and the truth read the same one, and a test may
//! keep a copy of an older one to say what had been true before a revision.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::cloud::Cloud;
use crate::hash::{chance, mix, pick};
use crate::metric::Metric;
use crate::odd::Odd;

/// Minutes of one civil day, apart from days on which the clock is changed.
pub const DAY_MINUTES: i64 = 1440;

/// How a day differs from what it was at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edit {
    /// How often the provider has revised the day; other values each time.
    pub revision: u32,
    /// How many percent of the rows are left.
    pub keep_percent: u8,
}

impl Default for Edit {
    fn default() -> Edit {
        Edit { revision: 0, keep_percent: 100 }
    }
}

/// Everything that a participant's data is computed from.
#[derive(Clone, Debug)]
pub struct Person {
    pub name: String,
    pub seed: u64,
    /// The first day with data.
    pub joined: Date,
    /// Where the participant lives from when on; the first one also holds for all time before.
    pub zones: Vec<(Timestamp, TimeZone)>,
    /// Hours of a hundred in which the band is off for a while; 0 is always worn.
    pub off_percent: u8,
    /// Nights of a hundred without heart rate variability or temperature.
    pub missing_nights_percent: u8,
    /// Days that were revised or have shrunk; no metric stands for all of them.
    pub edits: BTreeMap<(Date, Option<Metric>), Edit>,
    /// Days with odd elements.
    pub odd: BTreeMap<Date, Vec<Odd>>,
    /// When what was measured has reached the provider.
    pub cloud: Cloud,
}

/// A UTC minute as the participant's wall clock shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// Minutes since 1970-01-01T00:00Z.
    pub minute: i64,
    pub offset_s: i32,
    /// Civil days since 1970-01-01.
    pub day: i64,
    pub minute_of_day: i64,
}

impl Local {
    pub fn date(self) -> Date {
        date_of(self.day)
    }
}

/// The civil date that many days after 1970-01-01.
pub fn date_of(day: i64) -> Date {
    let span = jiff::Span::new().days(day);
    jiff::civil::date(1970, 1, 1).saturating_add(span)
}

/// Days from 1970-01-01 to a civil date.
pub fn day_of(date: Date) -> i64 {
    let utc = date.at(0, 0, 0, 0).to_zoned(TimeZone::UTC);
    utc.map_or(0, |zoned| zoned.timestamp().as_second().div_euclid(86_400))
}

/// The instant at which a minute begins.
pub fn instant(minute: i64) -> Timestamp {
    Timestamp::from_second(minute.saturating_mul(60)).unwrap_or(Timestamp::MAX)
}

impl Person {
    /// The zone that the participant is in at an instant.
    pub fn zone_at(&self, at: Timestamp) -> &TimeZone {
        let later = self.zones.iter().skip(1).rev();
        let entry = later.clone().find(|(from, _)| *from <= at);
        match entry.or(self.zones.first()) {
            Some((_, zone)) => zone,
            None => const { &TimeZone::UTC },
        }
    }

    /// The wall clock of the participant in a UTC minute.
    pub fn local(&self, minute: i64) -> Local {
        let at = instant(minute);
        let offset_s = self.zone_at(at).to_offset(at).seconds();
        let wall = minute + i64::from(offset_s) / 60;
        Local {
            minute,
            offset_s,
            day: wall.div_euclid(DAY_MINUTES),
            minute_of_day: wall.rem_euclid(DAY_MINUTES),
        }
    }

    /// The instant of a wall clock hour on a civil date, where the participant is then.
    pub fn at_hour(&self, date: Date, hour: i8) -> Timestamp {
        self.at(date.at(hour, 0, 0, 0))
    }

    /// The UTC minute of a minute of a civil day.
    pub fn minute_at(&self, date: Date, minute_of_day: i64) -> i64 {
        let hour = i8::try_from(minute_of_day / 60).unwrap_or(0);
        let minute = i8::try_from(minute_of_day % 60).unwrap_or(0);
        self.at(date.at(hour, minute, 0, 0)).as_second().div_euclid(60)
    }

    fn at(&self, wall: DateTime) -> Timestamp {
        let in_zone = |zone: &TimeZone| {
            let zoned = zone.to_ambiguous_timestamp(wall).compatible();
            zoned.unwrap_or(Timestamp::MAX)
        };
        let guess = in_zone(&TimeZone::UTC);
        let first = in_zone(self.zone_at(guess));
        in_zone(self.zone_at(first))
    }

    /// The instant after which the night that ends on `date` can be had: eight in the morning.
    pub fn night_ready(&self, date: Date) -> Timestamp {
        self.at_hour(date, 8)
    }

    /// What became of a metric's day. Sleep and its summary are one.
    pub fn edit(&self, date: Date, metric: Metric) -> Edit {
        if self.edits.is_empty() {
            return Edit::default();
        }
        let metric = match metric {
            Metric::SleepSummary | Metric::SleepQuality => Metric::Sleep,
            other => other,
        };
        let all = self.edits.get(&(date, None)).copied().unwrap_or_default();
        let one = self.edits.get(&(date, Some(metric)));
        let one = one.copied().unwrap_or_default();
        Edit {
            revision: all.revision + one.revision,
            keep_percent: all.keep_percent.min(one.keep_percent),
        }
    }

    /// The seed of a metric's values on a day: another one after each revision.
    pub fn seed_of(&self, metric: Metric, date: Date) -> u64 {
        match self.edit(date, metric).revision {
            0 => self.seed,
            revision => mix(self.seed, "revision", i64::from(revision)),
        }
    }

    /// Whether the row `index` of a metric's day is still there after the day has shrunk.
    pub fn keeps(&self, metric: Metric, date: Date, index: i64) -> bool {
        let edit = self.edit(date, metric);
        edit.keep_percent >= 100 || chance(mix(self.seed, "keep", index), edit.keep_percent)
    }

    /// Whether the band is on the wrist.
    pub fn worn(&self, local: Local) -> bool {
        if self.off_percent == 0 {
            return true;
        }
        if chance(mix(self.seed, "day off", local.day), self.off_percent / 4) {
            return false;
        }
        let hour = local.minute.div_euclid(60);
        let number = mix(self.seed, "hour off", hour);
        if !chance(number, self.off_percent) {
            return true;
        }
        let from = pick(number >> 8, 40);
        let length = 5 + pick(number >> 20, 55);
        let minute = local.minute.rem_euclid(60);
        minute < from || minute >= from + length
    }

    /// Whether a window in which the band was off is left out, rather than sent without a value.
    pub fn leaves_out(&self, minute: i64) -> bool {
        mix(self.seed, "leave out", minute.div_euclid(60)).is_multiple_of(2)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use jiff::civil::date;

    /// A participant for unit tests of other modules.
    pub fn person() -> Person {
        Person {
            name: "p1".to_owned(),
            seed: 7,
            joined: date(2024, 1, 1),
            zones: vec![(Timestamp::MIN, TimeZone::get("America/New_York").expect("bundled zone"))],
            off_percent: 8,
            missing_nights_percent: 25,
            edits: BTreeMap::new(),
            odd: BTreeMap::new(),
            cloud: Cloud::default(),
        }
    }

    #[test]
    fn days_and_dates_agree() {
        assert_eq!(date_of(0), date(1970, 1, 1));
        assert_eq!(day_of(date(1970, 1, 1)), 0);
        assert_eq!(date_of(day_of(date(2026, 11, 22))), date(2026, 11, 22));
    }

    #[test]
    fn the_wall_clock_follows_the_travel() {
        let mut person = person();
        let flight: Timestamp = "2026-06-10T12:00:00Z".parse().expect("instant");
        let berlin = TimeZone::get("Europe/Berlin").expect("bundled zone");
        person.zones.push((flight, berlin));
        let minute = flight.as_second() / 60;
        assert_eq!(person.local(minute - 1).offset_s, -4 * 3600);
        assert_eq!(person.local(minute).offset_s, 2 * 3600);
        assert_eq!(person.local(minute).minute_of_day, 14 * 60);
        let ready: Timestamp = "2026-06-11T06:00:00Z".parse().expect("instant");
        assert_eq!(person.night_ready(date(2026, 6, 11)), ready);
    }

    #[test]
    fn revisions_change_the_seed_of_their_day_and_metric_only() {
        let mut person = person();
        let day = date(2026, 6, 10);
        let edit = Edit { revision: 1, keep_percent: 0 };
        person.edits.insert((day, Some(Metric::Steps)), edit);
        assert_ne!(person.seed_of(Metric::Steps, day), person.seed);
        assert_eq!(person.seed_of(Metric::Azm, day), person.seed);
        assert!(!person.keeps(Metric::Steps, day, 5));
        assert!(person.keeps(Metric::Azm, day, 5));
    }
}
