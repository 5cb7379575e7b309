//! Civil days: where each day of a participant starts and ends in UTC.
//!
//! The zone of a day is fixed when the day is first asked, and a day starts where the day before
//! ended. So each UTC minute belongs to exactly one day, also across changes of clocks (days of 23,
//! 25 or 23.5 hours) and of zones (the first day in a new zone takes up the slack).

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::json::AsText;
use crate::limits::DEVICE_AHEAD_S_MAX;

/// One day: the zone of its wall clock, and its bounds in UTC, closed-open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaySpan {
    pub zone: String,
    pub start: Timestamp,
    pub end: Timestamp,
}

impl DaySpan {
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }

    /// Where the wall clock in the zone alone would put the day.
    pub fn natural(date: Date, zone: &TimeZone, name: &str) -> Self {
        Self { zone: name.to_owned(), start: midnight(date, zone), end: midnight(next(date), zone) }
    }
}

/// The first instant of a date; where 00:00 does not exist, the clock jumps to it.
fn midnight(date: Date, zone: &TimeZone) -> Timestamp {
    zone.to_ambiguous_zoned(date.at(0, 0, 0, 0))
        .compatible()
        .map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

/// The day after; the last day of the calendar stays.
pub fn next(date: Date) -> Date {
    date.checked_add(1.day()).unwrap_or(date)
}

/// The day before.
pub fn previous(date: Date) -> Date {
    date.checked_sub(1.day()).unwrap_or(date)
}

/// `days` before.
pub fn back(date: Date, days: u32) -> Date {
    date.checked_sub(i64::from(days).days()).unwrap_or(Date::MIN)
}

/// The dates from one to another, both included.
pub fn range(from: Date, to: Date) -> impl Iterator<Item = Date> {
    from.series(1.day()).take_while(move |&date| date <= to)
}

/// Whole days from one date to another; negative where the other is earlier.
pub fn days_between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}

/// The whole minute that `at` is in.
pub fn floor_minute(at: Timestamp) -> Timestamp {
    let second = at.as_second();
    Timestamp::from_second(second - second.rem_euclid(60)).unwrap_or(at)
}

/// The start of the next whole minute, or `at` itself where it is one.
pub fn ceil_minute(at: Timestamp) -> Timestamp {
    let floor = floor_minute(at);
    if floor == at { at } else { floor.saturating_add(SignedDuration::from_mins(1)).unwrap_or(at) }
}

/// The zone of an IANA name, or of an offset such as `+05:30` (see [`fixed_zone`]).
pub fn zone(name: &str) -> Result<TimeZone> {
    TimeZone::get(name).or_else(|_| fixed(name).ok_or(())).map_err(|()| {
        Failure::new(ErrorClass::Format, format!("{name:?} is not a known IANA time zone"))
    })
}

fn fixed(name: &str) -> Option<TimeZone> {
    let (hours, minutes) = name.strip_prefix(['+', '-'])?.split_once(':')?;
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hours) || !digits(minutes) {
        return None;
    }
    let ahead_s = hours.parse::<i32>().ok()? * 3600 + minutes.parse::<i32>().ok()? * 60;
    let ahead_s = if name.starts_with('-') { -ahead_s } else { ahead_s };
    // The farthest zones are 14 hours ahead and 12 behind; the calendar bears a day.
    let offset = jiff::tz::Offset::from_seconds(ahead_s).ok().filter(|_| ahead_s.abs() < 86_400);
    offset.map(TimeZone::fixed)
}

/// The name of a zone that is this offset from UTC for ever, `+05:30`; `None` where no clock shows
/// such an offset.
pub fn fixed_zone(offset_s: i64) -> Option<String> {
    let sign = if offset_s < 0 { '-' } else { '+' };
    let minutes = offset_s.abs() / 60;
    let name = format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60);
    (offset_s % 60 == 0 && fixed(&name).is_some()).then_some(name)
}

/// How far ahead of UTC the clock of a zone is at an instant.
pub fn offset_s(zone_name: &str, at: Timestamp) -> Option<i64> {
    zone(zone_name).ok().map(|zone| i64::from(zone.to_offset(at).seconds()))
}

/// The days of one participant: those already fixed, and, for all others, where they would lie.
#[derive(Debug, Clone)]
pub struct Calendar {
    fixed: BTreeMap<Date, DaySpan>,
    zone: TimeZone,
    zone_name: String,
    begins_at: Option<Timestamp>,
}

impl Calendar {
    /// `fixed`: what the ledger holds around the days in question. `zone_name`: where the
    /// participant is now.
    pub fn new(mut fixed: BTreeMap<Date, DaySpan>, zone_name: &str) -> Result<Self> {
        let here = zone(zone_name)?;
        // A day whose zone this build does not know keeps its bounds.
        for span in fixed.values_mut().filter(|span| zone(&span.zone).is_err()) {
            zone_name.clone_into(&mut span.zone);
        }
        Ok(Self { fixed, zone: here, zone_name: zone_name.to_owned(), begins_at: None })
    }

    /// The first day starts here, not at its midnight: an account that took another one's place
    /// has nothing from before its sign-in.
    #[must_use]
    pub fn begins_at(mut self, since: Option<Timestamp>) -> Self {
        self.begins_at = since.map(ceil_minute);
        self
    }

    /// The date that the wall clock shows.
    pub fn civil_date(&self, at: Timestamp) -> Date {
        at.to_zoned(self.zone.clone()).date()
    }

    /// The day's bounds: fixed, or between its fixed neighbours. A day that its neighbours leave
    /// no room for (a flight across the date line) is empty: its start is its end.
    pub fn span(&self, date: Date) -> DaySpan {
        if let Some(span) = self.fixed.get(&date) {
            return span.clone();
        }
        let mut span = DaySpan::natural(date, &self.zone, &self.zone_name);
        if let Some(before) = self.fixed.get(&previous(date)) {
            span.start = before.end;
        }
        if let Some(begins_at) = self.begins_at.filter(|begins_at| span.contains(*begins_at)) {
            span.start = begins_at;
        }
        if let Some(after) = self.fixed.get(&next(date)) {
            span.end = after.start;
        }
        span.end = span.end.max(span.start);
        span
    }

    /// Fixes a day where it lies now, so that its neighbours follow.
    pub fn fix(&mut self, date: Date) -> DaySpan {
        let span = self.span(date);
        self.fixed.insert(date, span.clone());
        span
    }

    /// The day that an instant belongs to; what was before the first day counts to it.
    pub fn date_of(&self, at: Timestamp) -> Date {
        let at = self.begins_at.map_or(at, |begins_at| at.max(begins_at));
        let mut date = self.civil_date(at);
        // Zones lie at most 26 hours apart, so the answer is at most two days off.
        for _ in 0..3 {
            let span = self.span(date);
            if at >= span.end {
                date = next(date);
            } else if at < span.start {
                date = previous(date);
            } else {
                break;
            }
        }
        date
    }
}

/// Whether `at` is less than `seconds` before `now`; a time in the future says nothing.
pub fn within(at: Option<AsText<Timestamp>>, seconds: i64, now: Timestamp) -> bool {
    at.is_some_and(|at| (0..seconds).contains(&(now.as_second() - at.as_second())))
}

/// Whether a device's time is still to come, which no device's time can be.
pub fn ahead(at: Timestamp, now: Timestamp) -> bool {
    at.as_second() - now.as_second() > DEVICE_AHEAD_S_MAX
}

/// When an item that failed `attempts` times is tried next, without jitter.
pub fn next_try(now: Timestamp, wait_s: u64) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(i64::try_from(wait_s).unwrap_or(i64::MAX)))
        .unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn hours(zone_name: &str, year: i16, month: i8, day: i8) -> f64 {
        let span = DaySpan::natural(date(year, month, day), &zone(zone_name).unwrap(), zone_name);
        span.end.duration_since(span.start).as_secs_f64() / 3600.0
    }

    #[test]
    fn a_day_in_a_zone_that_is_not_known_keeps_its_bounds() {
        let date = date(2026, 11, 20);
        let day = DaySpan::natural(date, &zone("America/New_York").unwrap(), "Mars/Olympus");
        let fixed = BTreeMap::from([(date, day.clone())]);
        let span = Calendar::new(fixed, "UTC").unwrap().span(date);
        assert_eq!(span, DaySpan { zone: "UTC".to_owned(), ..day });
    }

    #[test]
    fn an_offset_is_a_zone_whose_clocks_never_change() {
        for (seconds, name) in [(19_800, "+05:30"), (-12_600, "-03:30"), (0, "+00:00")] {
            assert_eq!(fixed_zone(seconds).as_deref(), Some(name));
            assert_eq!(offset_s(name, Timestamp::UNIX_EPOCH), Some(seconds));
        }
        assert_eq!((fixed_zone(90), fixed_zone(100 * 3600)), (None, None));
        for name in ["+24:00", "05:30", "+5:30", "+05:3x", "-", ""] {
            assert!(zone(name).is_err(), "{name}");
        }
    }

    #[test]
    fn days_have_the_hours_that_the_clock_gives_them() {
        assert_eq!(hours("America/New_York", 2026, 11, 1), 25.0);
        assert_eq!(hours("America/New_York", 2026, 3, 8), 23.0);
        assert_eq!(hours("Europe/London", 2026, 10, 25), 25.0);
        assert_eq!(hours("Australia/Lord_Howe", 2026, 10, 4), 23.5);
        assert_eq!(hours("Australia/Lord_Howe", 2026, 4, 5), 24.5);
        assert_eq!(hours("Africa/Cairo", 2026, 4, 24), 23.0);
        assert_eq!(hours("Asia/Kolkata", 2026, 10, 25), 24.0);
    }

    #[test]
    fn a_day_whose_midnight_does_not_exist_starts_when_the_clock_jumps() {
        let cairo = DaySpan::natural(date(2026, 4, 24), &zone("Africa/Cairo").unwrap(), "x");
        assert_eq!(cairo.start.to_string(), "2026-04-23T22:00:00Z");
    }

    fn calendar(zone_name: &str, fixed: &[(Date, &str)]) -> Calendar {
        let mut days = Calendar::new(BTreeMap::new(), zone_name).unwrap();
        for (date, name) in fixed {
            days.zone = zone(name).unwrap();
            days.zone_name = (*name).to_owned();
            days.fix(*date);
        }
        days.zone = zone(zone_name).unwrap();
        days.zone_name = zone_name.to_owned();
        days
    }

    #[test]
    fn after_a_flight_the_next_day_takes_up_the_slack() {
        let (ny, tokyo) = ("America/New_York", "Asia/Tokyo");
        let mut days = calendar(ny, &[(date(2026, 11, 10), ny), (date(2026, 11, 11), tokyo)]);
        let short = days.span(date(2026, 11, 11));
        assert_eq!(short.start.to_string(), "2026-11-11T05:00:00Z");
        assert_eq!(short.end.to_string(), "2026-11-11T15:00:00Z");
        let long = days.fix(date(2026, 11, 12));
        assert_eq!((long.start, long.zone.as_str()), (short.end, ny));
        assert_eq!(long.end.to_string(), "2026-11-13T05:00:00Z");
    }

    #[test]
    fn across_the_date_line_a_day_may_be_empty() {
        let pago = "Pacific/Pago_Pago";
        let mut days = calendar("Pacific/Kiritimati", &[(date(2026, 11, 10), pago)]);
        let empty = days.fix(date(2026, 11, 11));
        assert_eq!(empty.start, empty.end);
        assert_eq!(days.span(date(2026, 11, 12)).start, empty.end);
    }

    #[test]
    fn every_instant_belongs_to_exactly_one_day() {
        let (ny, tokyo) = ("America/New_York", "Asia/Tokyo");
        let fixed = [
            (date(2026, 11, 1), ny),
            (date(2026, 11, 2), tokyo),
            (date(2026, 11, 3), tokyo),
            (date(2026, 11, 4), ny),
        ];
        let days = calendar(ny, &fixed);
        let start: Timestamp = "2026-10-30T00:00:00Z".parse().unwrap();
        for quarter in 0..(9 * 96) {
            let at = start + SignedDuration::from_mins(15 * quarter);
            let date = days.date_of(at);
            assert!(days.span(date).contains(at), "{at} in {date}");
            assert!(!days.span(next(date)).contains(at) && !days.span(previous(date)).contains(at));
        }
    }

    #[test]
    fn a_day_between_two_fixed_ones_fills_the_gap() {
        let ny = "America/New_York";
        let days = calendar("Asia/Tokyo", &[(date(2026, 11, 10), ny), (date(2026, 11, 12), ny)]);
        let between = days.span(date(2026, 11, 11));
        assert_eq!(between.start.to_string(), "2026-11-11T05:00:00Z");
        assert_eq!(between.end.to_string(), "2026-11-12T05:00:00Z");
    }

    #[test]
    fn the_first_day_of_another_account_starts_with_its_sign_in() {
        let since: Timestamp = "2026-11-10T10:20:30Z".parse().unwrap();
        let days = calendar("America/New_York", &[]).begins_at(Some(since));
        let first = days.span(date(2026, 11, 10));
        assert_eq!(first.start.to_string(), "2026-11-10T10:21:00Z");
        assert_eq!(first.end.to_string(), "2026-11-11T05:00:00Z");
        assert_eq!(days.span(date(2026, 11, 11)).start, first.end);
    }

    #[test]
    fn minutes_are_whole() {
        let at: Timestamp = "2026-11-10T10:20:30.5Z".parse().unwrap();
        assert_eq!(floor_minute(at).to_string(), "2026-11-10T10:20:00Z");
        assert_eq!(ceil_minute(at).to_string(), "2026-11-10T10:21:00Z");
        assert_eq!(ceil_minute(floor_minute(at)), floor_minute(at));
    }
}
