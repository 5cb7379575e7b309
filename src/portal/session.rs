//! Who is signed in to the operator's pages; in memory alone, so a restart signs everybody out.
//! Pure: time and random bytes are arguments.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::consent::oauth::same;
use crate::core::error::Secret;
use crate::io::rarely::Rarely;
use crate::limits::{SESSION_IDLE_S, SESSION_S, SESSIONS_MAX};
use crate::portal::tally::Tally;

/// Who is signed in, and who guessed.
#[derive(Debug, Default)]
pub struct Operator {
    pub(super) sessions: Sessions,
    /// Wrong passwords by address, by network, and by a device that was known.
    pub(super) addresses: Tally<u128>,
    pub(super) networks: Tally<u128>,
    pub(super) devices: Tally<String>,
    pub(super) wrong_told: Rarely,
    /// The password's file that the sessions belong to: a new password ends them.
    pub(super) file: String,
    /// The port of the pages with the gateway's own certificate, while they are open.
    pub port: Option<u16>,
}

impl Operator {
    pub fn has_password(&self) -> bool {
        !self.file.is_empty()
    }

    /// The password's file as it is now.
    pub(super) fn follow(&mut self, file: String) {
        if self.file != file {
            *self = Self { file, port: self.port, ..Self::default() };
        }
    }
}

/// Operators who are signed in.
#[derive(Debug, Default)]
pub struct Sessions {
    rows: Vec<Session>,
}

#[derive(Debug)]
struct Session {
    id: Secret,
    ends_at: Instant,
    idle_at: Instant,
}

impl Session {
    fn is_alive(&self, now: Instant) -> bool {
        now < self.ends_at.min(self.idle_at)
    }
}

fn idle_at(now: Instant) -> Instant {
    now + Duration::from_secs(SESSION_IDLE_S)
}

impl Sessions {
    /// A new session; the text is the cookie.
    pub fn begin(&mut self, random: [u8; 16], now: Instant) -> String {
        let id = URL_SAFE_NO_PAD.encode(random);
        self.rows.retain(|row| row.is_alive(now));
        if self.rows.len() >= SESSIONS_MAX {
            self.rows.remove(0);
        }
        let ends_at = now + Duration::from_secs(SESSION_S);
        self.rows.push(Session { id: Secret::new(id.clone()), ends_at, idle_at: idle_at(now) });
        id
    }

    /// Whether it is alive; a session that is used is not idle.
    pub fn holds(&mut self, id: &str, now: Instant) -> bool {
        // All rows are compared: the time must not tell which one was near.
        let alive = self.rows.iter_mut().filter(|row| row.is_alive(now));
        alive.fold(false, |found, row| {
            let is_this = same(row.id.expose(), id);
            if is_this {
                row.idle_at = idle_at(now);
            }
            found | is_this
        })
    }

    pub fn end(&mut self, id: &str) {
        self.rows.retain(|row| !same(row.id.expose(), id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_end_by_time_by_leaving_and_by_number() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        let first = sessions.begin([1; 16], now);
        assert!(sessions.holds(&first, now) && !sessions.holds("", now));
        sessions.end(&first);
        assert!(!sessions.holds(&first, now));
        let ids: Vec<_> = (0..=SESSIONS_MAX as u8).map(|n| sessions.begin([n; 16], now)).collect();
        assert!(!sessions.holds(&ids[0], now) && sessions.holds(&ids[1], now));
    }

    #[test]
    fn a_session_that_nobody_uses_ends_and_one_that_is_used_lasts_half_a_day() {
        let (mut sessions, begun) = (Sessions::default(), Instant::now());
        let (idle, used) = (sessions.begin([1; 16], begun), sessions.begin([2; 16], begun));
        let after = |seconds| begun + Duration::from_secs(seconds);
        for at in (0..SESSION_S).step_by(SESSION_IDLE_S as usize - 1) {
            assert!(sessions.holds(&used, after(at)), "{at}");
        }
        assert!(!sessions.holds(&idle, after(SESSION_IDLE_S)));
        assert!(!sessions.holds(&used, after(SESSION_S)));
    }
}
