//! Faults (wrong guesses, requests that never ended), counted by who made them: for fairness alone,
//! never for identity. Pure.
//!
//! A count rises when something has failed, and by nothing else. It makes its owner wait, and puts
//! it behind others; it never ends anything that belongs to somebody else.

use std::time::{Duration, Instant};

use crate::limits::{GUESS_WAIT_S_MAX, GUESSES_FREE, TALLY_REMEMBERED_S, TALLY_ROWS_MAX};

/// Faults by address, by network or by device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally<K> {
    rows: Vec<Row<K>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row<K> {
    who: K,
    count: u32,
    last_at: Instant,
}

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self { rows: Vec::new() }
    }
}

impl<K: PartialEq> Tally<K> {
    fn row(&self, who: &K, now: Instant) -> Option<&Row<K>> {
        self.rows.iter().find(|row| row.who == *who).filter(|row| row.is_remembered(now))
    }

    pub fn count(&self, who: &K, now: Instant) -> u32 {
        self.row(who, now).map_or(0, |row| row.count)
    }

    /// How long until the next guess is looked at: nothing for the first few, then twice as long
    /// with each.
    pub fn wait(&self, who: &K, now: Instant) -> Duration {
        self.row(who, now).map_or(Duration::ZERO, |row| {
            (row.last_at + wait_after(row.count)).saturating_duration_since(now)
        })
    }

    /// Something has failed.
    pub fn note(&mut self, who: K, now: Instant) {
        if let Some(row) = self.rows.iter_mut().find(|row| row.who == who) {
            row.count = if row.is_remembered(now) { row.count.saturating_add(1) } else { 1 };
            row.last_at = now;
            return;
        }
        if self.rows.len() >= TALLY_ROWS_MAX {
            self.rows.retain(|row| row.is_remembered(now));
        }
        if self.rows.len() >= TALLY_ROWS_MAX {
            // Not the oldest: many new addresses must not free the one that fails all the time.
            let rows = self.rows.iter().enumerate();
            if let Some((at, _)) = rows.min_by_key(|(_, row)| (row.count, row.last_at)) {
                self.rows.swap_remove(at);
            }
        }
        self.rows.push(Row { who, count: 1, last_at: now });
    }

    /// What goes well makes good for what failed.
    pub fn forgive(&mut self, who: &K) {
        self.rows.retain(|row| row.who != *who);
    }
}

impl<K> Row<K> {
    fn is_remembered(&self, now: Instant) -> bool {
        now < self.last_at + Duration::from_secs(TALLY_REMEMBERED_S)
    }
}

fn wait_after(count: u32) -> Duration {
    let Some(doublings) = count.checked_sub(GUESSES_FREE) else { return Duration::ZERO };
    let seconds = 1_u64.checked_shl(doublings).unwrap_or(GUESS_WAIT_S_MAX);
    Duration::from_secs(seconds.min(GUESS_WAIT_S_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_few_cost_nothing_and_then_the_wait_doubles_for_who_tally_alone() {
        let (mut tally, now) = (Tally::default(), Instant::now());
        for number in 1..GUESSES_FREE {
            tally.note("a", now);
            assert_eq!((tally.count(&"a", now), tally.wait(&"a", now).as_secs()), (number, 0));
        }
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            tally.note("a", now);
            assert_eq!(tally.wait(&"a", now).as_secs(), seconds);
        }
        assert_eq!(tally.wait(&"a", now + Duration::from_secs(60)), Duration::ZERO);
        assert_eq!((tally.count(&"b", now), tally.wait(&"b", now)), (0, Duration::ZERO));
        tally.forgive(&"a");
        assert_eq!(tally.count(&"a", now), 0);
    }

    #[test]
    fn all_is_forgotten_after_a_while() {
        let (mut tally, now) = (Tally::default(), Instant::now());
        (0..99).for_each(|_| tally.note("a", now));
        assert_eq!(tally.count(&"a", now + Duration::from_secs(TALLY_REMEMBERED_S)), 0);
    }

    #[test]
    fn guesses_from_many_addresses_do_not_free_the_one_that_guessed_most() {
        let (mut tally, now) = (Tally::default(), Instant::now());
        (0..20).for_each(|_| tally.note(0, now));
        for address in 1..=2 * TALLY_ROWS_MAX {
            tally.note(address, now);
        }
        assert_eq!(tally.rows.len(), TALLY_ROWS_MAX);
        assert_eq!(tally.count(&0, now), 20);
    }
}
