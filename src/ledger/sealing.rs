//! When a day is read for good: the cloud needs time after the device, and the provider may say
//! that it is still at work (design section "The life of a day"). Pure.

use jiff::Timestamp;

use crate::core::json::AsText;
use crate::ledger::entry::{Day, Entry, State};
use crate::limits::{CLOUD_SETTLES_S, EARLY_SEALS_DAYS, UNFINISHED_S_MAX};

/// What decides, beside the entry, whether a reading seals its day.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances {
    pub now: Timestamp,
    pub day_end: Timestamp,
    /// The device's last sync as seen before the request.
    pub device_synced_at: Option<Timestamp>,
    /// No device tells how far data are complete, and the day is older than the look-back.
    pub is_old: bool,
    /// Whether a service has shown the machine's clock to be wrong.
    pub clock_wrong: bool,
    /// Whether the provider says that it is still at work on the day.
    pub unfinished: bool,
}

impl Entry {
    /// When a run first saw a device time past the day's end. A moment that is still to come was
    /// noted by a clock that has jumped, and is none.
    pub fn passed(&self, now: Timestamp) -> Option<Timestamp> {
        self.passed_at.map(|at| *at).filter(|at| *at <= now)
    }

    /// Whether a reading of now seals the day. Under a wrong clock it says so of what could be
    /// sealed but for the clock: [`Entry::settle`] then has the day read again.
    pub fn seals(&self, about: &Circumstances) -> bool {
        let waited =
            |since: Timestamp, seconds| about.now.as_second() - since.as_second() >= seconds;
        let passed = self.passed(about.now);
        let is_done = match about.clock_wrong {
            true => about.device_synced_at.is_some_and(|at| at >= about.day_end),
            false => passed.is_some_and(|at| waited(at, CLOUD_SETTLES_S)),
        };
        let waits = about.unfinished
            && !about.clock_wrong
            && !waited(passed.unwrap_or(about.day_end), UNFINISHED_S_MAX);
        about.now >= about.day_end && (is_done || about.is_old) && !waits
    }

    /// Whether a day that the device has passed is to be asked by itself: once as soon as the cloud
    /// has had its time (also one that was sealed by its age), and while it is not sealed with each
    /// look-back.
    pub fn cloud_is_due(&self, now: Timestamp, lookback: bool) -> bool {
        let had_its_time =
            self.passed(now).is_some_and(|at| now.as_second() - at.as_second() >= CLOUD_SETTLES_S);
        let is_open = lookback && self.state == State::Provisional;
        had_its_time && (is_open || self.waits_for_cloud() || self.read_at > Some(AsText(now)))
    }

    /// Whether it was not read since the cloud had its time after the device.
    pub fn waits_for_cloud(&self) -> bool {
        let read_s = self.read_at.map_or(i64::MIN, |at| at.as_second());
        let was_read = matches!(self.state, State::Provisional | State::Sealed);
        was_read && self.passed_at.is_some_and(|at| read_s < at.as_second() + CLOUD_SETTLES_S)
    }

    /// Whether version 1, which did not wait for the cloud, may have sealed the day too early: it
    /// read what a device had sent late, and read it soon after.
    pub fn sealed_early(&self, day_end: Timestamp, lookback_days: u32, now: Timestamp) -> bool {
        let (Some(read_at), Some(synced_at)) = (self.read_at, self.device_synced_at) else {
            return false;
        };
        let after_s = |at: Timestamp, since: Timestamp| at.as_second() - since.as_second();
        let days_s = |days: u32| i64::from(days) * 86_400;
        self.state == State::Sealed
            && self.passed_at.is_none()
            && after_s(*read_at, day_end) > days_s(lookback_days)
            && after_s(*read_at, *synced_at) < CLOUD_SETTLES_S
            && after_s(now, day_end) <= days_s(EARLY_SEALS_DAYS)
    }
}

/// Notes which days the device has passed, now or, as a later day tells, before. `days` are those
/// of the account, in their order.
pub fn note_passed<'a>(
    days: impl DoubleEndedIterator<Item = &'a mut Day>,
    synced_at: Timestamp,
    now: Timestamp,
) {
    let mut passed = now;
    for day in days.rev() {
        let known = day.metrics.values().filter_map(|entry| entry.passed(now));
        passed = known.fold(passed, Timestamp::min);
        if *day.end > synced_at {
            continue;
        }
        for entry in day.metrics.values_mut() {
            let is_open = matches!(entry.state, State::Wanted | State::Provisional);
            // What version 1 sealed stays so.
            let is_sealed = entry.was_sealed && entry.device_synced_at.is_some();
            if is_open && !is_sealed && entry.passed(now).is_none() {
                entry.passed_at = Some(AsText(passed));
            }
        }
    }
}

#[cfg(test)]
#[path = "sealing_tests.rs"]
mod tests;
