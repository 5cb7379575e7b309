//! The sign-ins that are open: one key (typed code or link) for one participant, from the
//! invitation to "Done". Pure: time and random bytes are arguments, the exchange with the provider
//! happens elsewhere.
//!
//! Looking changes nothing: a link is used up when a token was stored, not when it was opened,
//! because previews of mail and chat programs open links.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;

use crate::consent::oauth::same;
use crate::core::error::Secret;
use crate::core::user::UserId;
use crate::limits::{
    PORTAL_CODE_S, PORTAL_EPITAPH_S, PORTAL_REVIEW_S, PORTAL_SIGN_INS_MAX, PORTAL_WRONG_CODES_MAX,
};
use crate::portal::code::LinkKey;

/// One attempt at the provider; its state is used once.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub state: String,
    pub verifier: Secret,
    /// The provider's page.
    pub address: String,
}

/// What the participant is told before approving.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Name and meaning of each metric.
    pub metrics: Vec<(String, String)>,
    pub from: Option<Date>,
    pub until: Option<Date>,
    /// The study's name, where the settings give one.
    pub study: Option<String>,
    /// Where the provider sends the browser back to, as a browser shows it.
    pub returns_to: String,
    /// The provider's page on which a participant removes the study's access.
    pub connections: String,
}

/// What a sign-in led to.
#[derive(Debug, Clone, Default)]
pub struct ConnectedAccount {
    pub account_end: String,
    pub device: Option<String>,
    pub synced_at: Option<Timestamp>,
    /// The devices were shared, but the provider could not tell them.
    pub device_untold: bool,
    pub settings_granted: bool,
    pub granted: Vec<String>,
    pub missing: Vec<String>,
    pub expires_at: Option<Timestamp>,
    /// No account was connected before: it can be taken back from the page.
    pub is_first: bool,
    /// That was tried and failed.
    pub stayed: bool,
}

/// Why the last attempt led to nothing, for the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    NoCode,
    OtherSignIn,
    Denied,
    OtherAccount,
    NotLinked,
    CodeRefused,
    NotReachable,
    /// Too many sign-ins at once.
    Busy,
    Failed,
    /// The device was not the one on the wrist; the account was let go.
    TakenBack,
}

#[derive(Debug, Clone)]
pub enum Stage {
    Waiting(Option<Hint>),
    /// A code is being exchanged.
    Checking,
    /// The token is stored; a person compares the device.
    Review(Box<ConnectedAccount>),
    Done,
    /// Too late, replaced by a newer invitation, or too many wrong codes.
    Ended,
}

#[derive(Debug, Clone)]
pub struct SignIn {
    pub ticket: u64,
    pub user: UserId,
    pub key: LinkKey,
    pub facts: Facts,
    pub stage: Stage,
    /// Its page was looked at: somebody expects to go on there.
    pub seen: bool,
    attempt: Option<Attempt>,
    /// What is just being taken back.
    let_go: Option<Box<ConnectedAccount>>,
    ends_at: Instant,
    /// A typed code lives no longer than ten minutes; the terminal may wait longer.
    key_ends_at: Instant,
    forgotten_at: Instant,
}

impl SignIn {
    /// The provider's page, while an attempt is open.
    pub fn address(&self) -> Option<&str> {
        self.attempt.as_ref().map(|attempt| attempt.address.as_str())
    }

    /// The stage as its page shows it at this time.
    pub fn stage(&self, now: Instant) -> &Stage {
        match &self.stage {
            Stage::Waiting(_) if now >= self.key_ends_at.min(self.ends_at) => &Stage::Ended,
            Stage::Review(_) if now >= self.ends_at => &Stage::Done,
            stage => stage,
        }
    }

    fn is_open(&self, now: Instant) -> bool {
        matches!(self.stage, Stage::Waiting(_)) && now < self.ends_at
    }

    fn live(&mut self, life_s: u64, now: Instant) {
        self.ends_at = now + Duration::from_secs(life_s);
        self.key_ends_at = match self.key {
            LinkKey::Typed(_) => now + Duration::from_secs(PORTAL_CODE_S),
            LinkKey::Link(_) => self.ends_at,
        };
        self.forgotten_at = self.ends_at + Duration::from_secs(PORTAL_EPITAPH_S);
    }
}

#[derive(Debug, Default)]
pub struct SignIns {
    rows: Vec<SignIn>,
    next_ticket: u64,
    wrong_codes: u32,
}

impl SignIns {
    /// Opens a sign-in; an older invitation of the same participant ends.
    pub fn open(
        &mut self,
        user: UserId,
        key: LinkKey,
        facts: Facts,
        attempt: Attempt,
        life_s: u64,
        now: Instant,
    ) -> u64 {
        self.rows.retain(|row| row.forgotten_at > now);
        for row in self.rows.iter_mut().filter(|row| row.user == user) {
            if matches!(row.stage, Stage::Waiting(_)) {
                row.stage = Stage::Ended;
                row.attempt = None;
            }
        }
        if self.rows.len() >= PORTAL_SIGN_INS_MAX {
            self.rows.remove(0);
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let mut row = SignIn {
            ticket,
            user,
            key,
            facts,
            stage: Stage::Waiting(None),
            seen: false,
            attempt: Some(attempt),
            let_go: None,
            ends_at: now,
            key_ends_at: now,
            forgotten_at: now,
        };
        row.live(life_s, now);
        self.rows.push(row);
        ticket
    }

    pub fn get(&self, ticket: u64) -> Option<&SignIn> {
        self.rows.iter().find(|row| row.ticket == ticket)
    }

    fn get_mut(&mut self, ticket: u64) -> Option<&mut SignIn> {
        self.rows.iter_mut().find(|row| row.ticket == ticket)
    }

    /// The sign-in behind `/s/…`. A wrong typed code counts against the one that is alive.
    pub fn by_key(&mut self, text: &str, now: Instant) -> Option<u64> {
        let key = LinkKey::parse(text)?;
        // All rows are compared: the time must not tell which one was near.
        let found =
            self.rows.iter().filter(|row| row.forgotten_at > now).fold(None, |found, row| {
                if same(row.key.as_str(), key.as_str()) { Some(row.ticket) } else { found }
            });
        if found.is_none() && matches!(key, LinkKey::Typed(_)) {
            self.count_wrong_code();
        }
        found
    }

    fn count_wrong_code(&mut self) {
        self.wrong_codes = self.wrong_codes.saturating_add(1);
        if self.wrong_codes < PORTAL_WRONG_CODES_MAX {
            return;
        }
        for row in self.rows.iter_mut().filter(|row| matches!(row.key, LinkKey::Typed(_))) {
            // The code leads nowhere any more; the attempt itself can still end at the terminal.
            row.key = LinkKey::Typed(String::new());
        }
    }

    /// Whether so many wrong codes were tried that the typed code is dead.
    pub fn typed_code_is_dead(&self) -> bool {
        self.wrong_codes >= PORTAL_WRONG_CODES_MAX
    }

    /// The open sign-in that a callback's state belongs to.
    pub fn by_state(&self, state: &str, now: Instant) -> Option<u64> {
        let open = self.rows.iter().filter(|row| row.is_open(now));
        open.fold(None, |found, row| match &row.attempt {
            Some(attempt) if same(&attempt.state, state) => Some(row.ticket),
            _ => found,
        })
    }

    pub fn note_seen(&mut self, ticket: u64) {
        if let Some(row) = self.get_mut(ticket) {
            row.seen = true;
        }
    }

    /// Tells the page why nothing came of it; the attempt goes on.
    pub fn hint(&mut self, ticket: u64, hint: Hint) {
        if let Some(row) = self.get_mut(ticket)
            && let Stage::Waiting(shown) = &mut row.stage
        {
            *shown = Some(hint);
        }
    }

    /// A code came: the attempt is used up, and what the exchange needs is handed out, once.
    pub fn take_attempt(&mut self, ticket: u64, now: Instant) -> Option<Attempt> {
        let row = self.get_mut(ticket).filter(|row| row.is_open(now))?;
        let attempt = row.attempt.take()?;
        row.stage = Stage::Checking;
        Some(attempt)
    }

    /// The token was stored.
    pub fn connected(&mut self, ticket: u64, connected: ConnectedAccount, now: Instant) {
        if let Some(row) = self.get_mut(ticket) {
            row.stage = Stage::Review(Box::new(connected));
            row.ends_at = now + Duration::from_secs(PORTAL_REVIEW_S);
            row.forgotten_at = row.forgotten_at.max(row.ends_at);
        }
    }

    /// The token was stored, and the same link may sign in once more: to share what is missing,
    /// or after the account was let go.
    pub fn reopen(
        &mut self,
        ticket: u64,
        hint: Option<Hint>,
        attempt: Attempt,
        life_s: u64,
        now: Instant,
    ) {
        if let Some(row) = self.get_mut(ticket) {
            row.stage = Stage::Waiting(hint);
            row.attempt = Some(attempt);
            row.live(life_s, now);
        }
    }

    /// The account is being let go; not once the time to compare is over.
    pub fn take_back(&mut self, ticket: u64, now: Instant) -> bool {
        let Some(row) = self.get_mut(ticket) else { return false };
        let Stage::Review(connected) = row.stage(now) else { return false };
        if !connected.is_first {
            return false;
        }
        row.let_go = Some(connected.clone());
        row.stage = Stage::Checking;
        true
    }

    /// The account could not be let go: it stays undecided, and can be taken back once more.
    pub fn stays(&mut self, ticket: u64, now: Instant) {
        if let Some(connected) = self.get_mut(ticket).and_then(|row| row.let_go.take()) {
            self.connected(ticket, ConnectedAccount { stayed: true, ..*connected }, now);
        }
    }

    /// Whether the account may still be taken back, or is just being.
    pub fn is_undecided(&self, ticket: u64, now: Instant) -> bool {
        self.get(ticket).is_some_and(|row| match row.stage(now) {
            Stage::Review(connected) => connected.is_first,
            Stage::Checking => true,
            Stage::Waiting(_) | Stage::Done | Stage::Ended => false,
        })
    }

    /// Nothing came of the attempt: the same link may try again, with a new one.
    pub fn try_again(&mut self, ticket: u64, hint: Hint, attempt: Attempt) {
        if let Some(row) = self.get_mut(ticket) {
            row.stage = Stage::Waiting(Some(hint));
            row.attempt = Some(attempt);
        }
    }

    /// "Done" was pressed.
    pub fn finish(&mut self, ticket: u64) -> bool {
        let row = self.get_mut(ticket).filter(|row| matches!(row.stage, Stage::Review(_)));
        row.map(|row| row.stage = Stage::Done).is_some()
    }

    /// The participant may not sign in any more.
    pub fn end(&mut self, ticket: u64) {
        if let Some(row) = self.get_mut(ticket) {
            row.stage = Stage::Ended;
            row.attempt = None;
        }
    }
}

#[cfg(test)]
#[path = "sign_ins_tests.rs"]
mod tests;
