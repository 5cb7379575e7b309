//! What strangers can cause again and again is logged at most once a minute. Pure.

use std::time::{Duration, Instant};

use crate::limits::PORTAL_TELL_EVERY_S;

/// One kind of line.
#[derive(Debug, Clone, Default)]
pub struct Rarely {
    told_at: Option<Instant>,
    untold: u32,
}

impl Rarely {
    /// Whether to tell it now, and how often it was left untold since it was told last.
    pub fn tell(&mut self, now: Instant) -> Option<u32> {
        let every = Duration::from_secs(PORTAL_TELL_EVERY_S);
        if self.told_at.is_some_and(|at| now < at + every) {
            self.untold = self.untold.saturating_add(1);
            return None;
        }
        self.told_at = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_minute_says_how_many_there_were() {
        let (mut rarely, now) = (Rarely::default(), Instant::now());
        let seen: Vec<_> =
            (0..130).filter_map(|s| rarely.tell(now + Duration::from_secs(s))).collect();
        assert_eq!(seen, [0, 59, 59]);
    }
}
