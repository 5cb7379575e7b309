//! The sign-ins that are open: one link for one participant, from the invitation to "Done". Pure:
//! time and random bytes are arguments, the exchange with the provider happens elsewhere.
//!
//! Looking changes nothing: a link is used up when a token was stored, not when it was opened,
//! because previews of mail and chat programs open links. And who has the provider's address alone
//! can bind no account to somebody's id: what began on a page comes back to the browser whose
//! button was pressed.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;

use crate::consent::oauth::same;
use crate::core::error::Secret;
use crate::core::user::UserId;
use crate::limits::{PORTAL_CODE_S, PORTAL_EPITAPH_S, PORTAL_REVIEW_S, PORTAL_SIGN_INS_MAX};
use crate::portal::code::{LinkKey, TypedCode};

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
    /// The browser whose button was pressed keeps no cookies.
    NoCookies,
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
    /// Too late, or replaced by a newer invitation.
    Ended,
}

/// Whose a sign-in is: who may bring the account back, and say that it is the right one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// It began in a terminal: the provider's answer needs the state alone.
    Terminal,
    /// It began on its page, and no button was pressed yet, or in a browser without cookies: the
    /// provider's answer has to be pasted there.
    Link,
    /// The browser whose button was pressed last, by its cookie.
    Browser(Secret),
}

/// What a sign-in begins with.
#[derive(Debug, Clone)]
pub struct Invitation {
    pub user: UserId,
    pub key: LinkKey,
    /// The other way to the page, for who has to type.
    pub code: Option<TypedCode>,
    pub owner: Owner,
    pub facts: Facts,
    pub attempt: Attempt,
    pub life_s: u64,
}

#[derive(Debug, Clone)]
pub struct SignIn {
    pub ticket: u64,
    pub user: UserId,
    pub key: LinkKey,
    pub code: Option<TypedCode>,
    pub facts: Facts,
    pub stage: Stage,
    /// A button of its page was pressed: somebody expects to go on there.
    pub pressed: bool,
    owner: Owner,
    attempt: Option<Attempt>,
    /// What is just being taken back.
    let_go: Option<Box<ConnectedAccount>>,
    ends_at: Instant,
    /// A page with a typed code lives no longer than ten minutes; the terminal may wait longer.
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

    /// Whether the provider's answer may come back by this browser's address, without a paste.
    pub fn comes_back_to(&self, browser: Option<&str>) -> bool {
        match &self.owner {
            Owner::Terminal => true,
            Owner::Link => false,
            Owner::Browser(owner) => browser.is_some_and(|browser| same(owner.expose(), browser)),
        }
    }

    /// Whether this browser, which has the link, may see the account and decide about it.
    pub fn is_decided_by(&self, browser: Option<&str>) -> bool {
        self.owner == Owner::Link || self.comes_back_to(browser)
    }

    fn is_open(&self, now: Instant) -> bool {
        matches!(self.stage, Stage::Waiting(_)) && now < self.ends_at
    }

    fn live(&mut self, life_s: u64, now: Instant) {
        self.ends_at = now + Duration::from_secs(life_s);
        self.key_ends_at = match self.code {
            Some(_) => now + Duration::from_secs(PORTAL_CODE_S),
            None => self.ends_at,
        };
        self.forgotten_at = self.ends_at + Duration::from_secs(PORTAL_EPITAPH_S);
    }
}

#[derive(Debug, Default)]
pub struct SignIns {
    rows: Vec<SignIn>,
    next_ticket: u64,
}

impl SignIns {
    /// Opens a sign-in; an older invitation of the same participant ends.
    pub fn open(&mut self, invitation: Invitation, now: Instant) -> u64 {
        let Invitation { user, key, code, owner, facts, attempt, life_s } = invitation;
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
            code,
            facts,
            stage: Stage::Waiting(None),
            pressed: false,
            owner,
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

    /// The sign-in behind `/s/…`.
    pub fn by_key(&self, text: &str, now: Instant) -> Option<u64> {
        let key = LinkKey::parse(text)?;
        self.find(now, |row| same(row.key.as_str(), key.as_str()))
    }

    /// The sign-in of a code that somebody typed.
    pub fn by_code(&self, code: &TypedCode, now: Instant) -> Option<u64> {
        self.find(now, |row| row.code.as_ref().is_some_and(|own| same(own.as_str(), code.as_str())))
    }

    /// All rows are compared: the time must not tell which one was near.
    fn find(&self, now: Instant, is_it: impl Fn(&SignIn) -> bool) -> Option<u64> {
        let rows = self.rows.iter().filter(|row| row.forgotten_at > now);
        rows.fold(None, |found, row| if is_it(row) { Some(row.ticket) } else { found })
    }

    /// The open sign-in that a callback's state belongs to.
    pub fn by_state(&self, state: &str, now: Instant) -> Option<u64> {
        let open = self.rows.iter().filter(|row| row.is_open(now));
        open.fold(None, |found, row| match &row.attempt {
            Some(attempt) if same(&attempt.state, state) => Some(row.ticket),
            _ => found,
        })
    }

    /// A button of its page was pressed, in this browser: what began on the page goes on there.
    pub fn press(&mut self, ticket: u64, browser: Option<&str>) {
        let Some(row) = self.get_mut(ticket) else { return };
        row.pressed = true;
        if row.owner != Owner::Terminal {
            row.owner = browser.map_or(Owner::Link, |id| Owner::Browser(Secret::new(id)));
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
