//! The cloud between band and API: it needs time after a sync, and the sync's time is not told
//! everywhere.

use jiff::{SignedDuration, Timestamp};

use crate::options::Processing;

/// When a participant's bands have synced, and how long the cloud works on what they sent.
///
/// What was measured before the first sync that is known arrived as it was measured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cloud {
    /// Ascending.
    pub syncs: Vec<Timestamp>,
    pub processing: Processing,
}

impl Cloud {
    /// A band syncs (or synced) at that instant; syncs after it have not been.
    pub fn synced(&mut self, at: Timestamp) {
        self.syncs.retain(|sync| *sync < at);
        self.syncs.push(at);
    }

    /// The sync that brought what ended at an instant.
    fn arrived(&self, ended: Timestamp) -> Timestamp {
        let is_first = self.syncs.first().is_none_or(|first| ended < *first);
        let later = || self.syncs.iter().copied().find(|sync| *sync >= ended);
        if is_first { ended } else { later().unwrap_or(ended) }
    }

    fn is_done(&self, ended: Timestamp, after_s: i64, now: Timestamp) -> bool {
        after_s == 0 || self.arrived(ended).as_second().saturating_add(after_s) <= now.as_second()
    }

    /// Whether the values of a night that ended then are there.
    pub fn has_night(&self, ended: Timestamp, now: Timestamp) -> bool {
        self.is_done(ended, self.processing.nights_s, now)
    }

    /// Whether a sleep that ended then has its stages.
    pub fn has_stages(&self, ended: Timestamp, now: Timestamp) -> bool {
        self.is_done(ended, self.processing.stages_s, now)
    }

    /// Up to where minutes are there, of those that reach to `synced`.
    pub fn seen_until(&self, synced: Timestamp, now: Timestamp) -> Timestamp {
        let delay = SignedDuration::from_secs(self.processing.minutes_s);
        let newest = now.saturating_sub(delay).unwrap_or(Timestamp::MIN);
        if delay.is_zero() || synced <= newest {
            return synced;
        }
        let done = self.syncs.iter().copied().filter(|sync| *sync <= newest).max();
        let first = self.syncs.first().copied().unwrap_or(synced);
        done.unwrap_or(first.min(newest)).min(synced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("instant")
    }

    #[test]
    fn what_a_late_sync_brought_is_done_later() {
        let processing =
            Processing { minutes_s: 600, nights_s: 3600, stages_s: 7200, leaves_false_out: false };
        let mut cloud = Cloud { syncs: Vec::new(), processing };
        cloud.synced(at("2026-11-10T12:00:00Z"));
        cloud.synced(at("2026-11-22T12:00:00Z"));
        let night = at("2026-11-15T07:00:00Z");
        assert!(!cloud.has_night(night, at("2026-11-22T12:59:59Z")));
        assert!(cloud.has_night(night, at("2026-11-22T13:00:00Z")));
        assert!(!cloud.has_stages(night, at("2026-11-22T13:59:59Z")));
        let before = at("2026-11-09T07:00:00Z");
        assert!(cloud.has_stages(before, at("2026-11-10T12:00:00Z")));
        let synced = at("2026-11-22T12:00:00Z");
        let first = at("2026-11-10T12:00:00Z");
        assert_eq!(cloud.seen_until(synced, at("2026-11-22T12:05:00Z")), first);
        assert_eq!(cloud.seen_until(synced, at("2026-11-22T12:10:00Z")), synced);
    }
}
