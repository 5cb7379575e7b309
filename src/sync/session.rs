//! Talking to a provider for one participant: token refresh, pace, retries.
//!
//! The refresh transaction (design section "Refreshing tokens"): lock; read the token again; if
//! somebody else refreshed it, use that; make sure the new file can be written; ask; write durably;
//! only then use.

use std::io::Read;
use std::time::{Duration, Instant};

use crate::consent::files::{TokenPlace, TokenStore};
use crate::consent::token::{AccountState, Grant, Token};
use crate::core::error::{ErrorClass, Failure, Result, Smaller};
use crate::core::exchange::{Reply, Request};
use crate::core::user::UserId;
use crate::io::net::circuit::Circuit;
use crate::io::net::http::{BodyReader, Http};
use crate::io::stop;
use crate::limits::{
    PACE_BURST, PACE_PER_S, RANGE_ATTEMPTS_MAX, REFRESH_ATTEMPTS_MAX, REFRESHES_MAX,
    RETRY_ATTEMPTS_MAX, TOKEN_WRITE_S_MAX,
};
use crate::provider::{IN_BETWEEN, Provider, fitbit};

/// One circuit per provider: what is wrong with one service must not stop the participants of the
/// other.
#[derive(Debug)]
pub struct Circuits {
    google: Circuit,
    fitbit: Circuit,
}

impl Circuits {
    /// `participants`: how many the run works on.
    pub fn new(participants: usize) -> Self {
        Self { google: Circuit::new(participants), fitbit: Circuit::new(participants) }
    }

    pub fn of(&self, provider: &str) -> &Circuit {
        if provider == fitbit::NAME { &self.fitbit } else { &self.google }
    }
}

/// At most so many requests at once and per second, per participant.
#[derive(Debug)]
struct Pace {
    tokens: f64,
    at: Instant,
}

impl Pace {
    fn new() -> Self {
        Self { tokens: PACE_BURST, at: Instant::now() }
    }

    fn take(&mut self) -> Result<()> {
        let refill = self.at.elapsed().as_secs_f64() * PACE_PER_S;
        self.tokens = (self.tokens + refill).min(PACE_BURST) - 1.0;
        self.at = Instant::now();
        if self.tokens < 0.0 {
            stop::wait(Duration::from_secs_f64(-self.tokens / PACE_PER_S))?;
        }
        Ok(())
    }
}

/// How often a request is sent that is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tries {
    /// It cannot be made smaller.
    Single,
    /// A range at its first size: once more, then smaller.
    Range,
    /// A range that was made smaller already.
    Smaller,
}

impl Tries {
    fn most(self, failure: &Failure) -> u32 {
        match (failure.smaller, self) {
            (Some(Smaller::AtOnce), _) | (Some(Smaller::AfterOnce), Self::Smaller) => 1,
            (Some(Smaller::AfterOnce), Self::Range) => RANGE_ATTEMPTS_MAX,
            (Some(Smaller::AfterOnce), Self::Single) | (None, _) => RETRY_ATTEMPTS_MAX,
        }
    }

    /// A time-out of what cannot be made smaller is one of the network.
    fn of_transport(self, failure: Failure) -> Failure {
        if self == Self::Single { Failure { smaller: None, ..failure } } else { failure }
    }
}

/// One participant at a provider.
pub struct Session<'a> {
    pub provider: &'a dyn Provider,
    pub user: &'a UserId,
    pub token: Token,
    http: Http,
    store: &'a TokenStore,
    circuit: &'a Circuit,
    pace: Pace,
    refreshes: u32,
    /// Why no new access token is to be had in this run.
    no_refresh: Option<Failure>,
}

impl std::fmt::Debug for Session<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Session({})", self.user)
    }
}

impl<'a> Session<'a> {
    pub fn new(
        provider: &'a dyn Provider,
        user: &'a UserId,
        token: Token,
        http: &'a Http,
        store: &'a TokenStore,
        circuit: &'a Circuit,
    ) -> Self {
        let (http, pace) = (http.counting(), Pace::new());
        let (refreshes, no_refresh) = (0, None);
        Self { provider, user, token, http, store, circuit, pace, refreshes, no_refresh }
    }

    /// Whether no access token is to be had in this run: nothing more is answered.
    pub const fn is_cut_off(&self) -> bool {
        self.no_refresh.is_some()
    }

    /// How many requests were sent, repeated ones and token refreshes among them.
    pub fn requests(&self) -> u64 {
        self.http.sent()
    }

    /// Makes sure that the access token is good for the next minutes; one that was got in this run
    /// is used to its end, however short its life.
    pub fn ready(&mut self) -> Result<()> {
        let now = self.http.clock().now();
        let good = match self.refreshes {
            0 => self.token.fresh(now),
            1..REFRESHES_MAX => self.token.lives(now, 0),
            _ => true,
        };
        if good { Ok(()) } else { self.refresh() }
    }

    /// Sends a request of this participant; a success, or the failure in its class.
    pub fn call(&mut self, request: &Request) -> Result<Reply> {
        self.exchange(request, Tries::Single, None)
    }

    /// The same of a range, which may be asked smaller; `read` reads the body of the success while
    /// it arrives.
    pub fn read<T>(
        &mut self,
        request: &Request,
        tries: Tries,
        mut read: impl FnMut(&mut dyn Read) -> Result<T>,
    ) -> Result<T> {
        let mut found = None;
        let reader = &mut |body: &mut dyn Read| found = Some(read(body));
        self.exchange(request, tries, Some(reader))?;
        found.unwrap_or_else(|| Err(Failure::new(ErrorClass::Bug, "no body was read")))
    }

    fn exchange(
        &mut self,
        request: &Request,
        tries: Tries,
        mut reader: Option<&mut BodyReader>,
    ) -> Result<Reply> {
        for renewed in [false, true] {
            self.ready()?;
            self.pace.take()?;
            let request = request.clone().bearer(&self.token.access_token);
            let classify = |reply: &Reply| self.provider.classify(reply);
            let send = |request: &Request| {
                let sent = self.http.send_reading(request, reader.as_deref_mut());
                sent.map_err(|failure| tries.of_transport(failure))
            };
            let reply = self.circuit.send_at_most(
                |failure| tries.most(failure),
                self.user.as_str(),
                &request,
                classify,
                send,
            )?;
            if reply.ok() {
                return Ok(reply);
            }
            // What a token of this run may not do, no further one may.
            let curable = reply.status == 401 || self.refreshes == 0;
            let stale = curable && self.provider.token_may_be_stale(&reply);
            if stale && !renewed && self.refreshes < REFRESHES_MAX {
                self.refresh()?;
                continue;
            }
            let failure = believed(self.provider.classify(&reply), &reply).at(request.label());
            if failure.class == ErrorClass::Config {
                self.circuit.failed(self.user.as_str(), &failure);
            }
            return Err(failure);
        }
        Err(Failure::new(ErrorClass::Bug, "no request was made"))
    }

    /// The refresh transaction.
    fn refresh(&mut self) -> Result<()> {
        if let Some(failure) = &self.no_refresh {
            return Err(failure.clone());
        }
        let used = self.token.access_token.clone();
        let _lock = self.store.lock(self.user)?;
        self.reload()?;
        if self.token.access_token != used && self.token.fresh(self.http.clock().now()) {
            return Ok(());
        }
        let place = self.store.reserve(self.user)?;
        let _under_way = stop::RefreshUnderWay::begin()?;
        self.refreshes += 1;
        match self.ask_refresh() {
            Ok(grant) => self.take_in(&grant, place),
            Err(failure) if failure.class == ErrorClass::Auth => self.refused(failure, place),
            Err(failure) => {
                self.no_refresh = Some(failure.clone());
                Err(failure)
            }
        }
    }

    /// Keeps what the provider granted. Where it sent a new refresh token, the one on the disk may
    /// be worth nothing any more.
    fn take_in(&mut self, grant: &Grant, place: TokenPlace) -> Result<()> {
        let before = self.token.refresh_token.clone();
        self.token.renew(grant, self.http.clock().now());
        if self.token.refresh_token == before {
            return place.save(&self.token);
        }
        let patience = Duration::from_secs(TOKEN_WRITE_S_MAX);
        self.store.save_at_last(self.user, place, &self.token, patience)
    }

    /// Takes the newest token. A run goes on with the account that it began with, or not at all:
    /// the days of one account must not be filled with those of another.
    fn reload(&mut self) -> Result<()> {
        let Some(token) = self.store.load(self.user)? else {
            let what = "the account was let go during this run; nothing more is read of it";
            return Err(Failure::new(ErrorClass::Quota, what));
        };
        if token.account != self.token.account || token.provider != self.token.provider {
            let what = "another account signed in during this run; the next run goes on with it";
            return Err(Failure::new(ErrorClass::Quota, what));
        }
        self.token = token;
        Ok(())
    }

    fn ask_refresh(&self) -> Result<Grant> {
        let request = self.provider.refresh_request(&self.token.refresh_token);
        // A lost reply is asked for once more with the same refresh token, not again and again: a
        // provider that rotates may take that for a theft.
        let classify = |reply: &Reply| self.provider.classify_token(reply);
        let who = self.user.as_str();
        let reply = self.circuit.send_at_most(
            |_| REFRESH_ATTEMPTS_MAX,
            who,
            &request,
            classify,
            |request| self.http.send(request),
        )?;
        if reply.ok() {
            return self.provider.read_grant(&reply);
        }
        let failure = self.provider.classify_token(&reply).at(request.label());
        if failure.class == ErrorClass::Config {
            self.circuit.failed(who, &failure);
        }
        Err(failure)
    }

    /// After `invalid_grant`: believe it only if the file still holds the token that was refused,
    /// and the one before it is refused as well. (A killed run may have left a token that its
    /// provider never came to know as sent.)
    fn refused(&mut self, failure: Failure, place: TokenPlace) -> Result<()> {
        let used = self.token.refresh_token.clone();
        self.reload()?;
        if self.token.refresh_token != used && self.token.fresh(self.http.clock().now()) {
            return Ok(());
        }
        let other = |before: &Token| {
            before.same_consent(&self.token) && before.refresh_token != self.token.refresh_token
        };
        let Some(before) = self.store.before(self.user).filter(other) else { return Err(failure) };
        log::info!("user={} the token before this one is tried once", self.user);
        let refused = std::mem::replace(&mut self.token, before);
        match self.ask_refresh() {
            Ok(grant) => self.take_in(&grant, place),
            Err(why) => {
                self.token = refused;
                // Not refused, so it is still to be tried.
                Err(if why.class == ErrorClass::Auth { failure } else { why })
            }
        }
    }

    /// Notes in the token file which metrics the participant was told of, once.
    pub fn note_told(&mut self, names: Vec<String>) -> Result<()> {
        let _lock = self.store.lock(self.user)?;
        self.reload()?;
        if self.token.told_metrics.is_some() {
            return Ok(());
        }
        self.token.told_metrics = Some(names);
        self.store.save(self.user, &self.token)
    }

    /// Notes in the token file whether the participant must sign in again; never removes it. What
    /// was learned of one consent says nothing of another one that was given meanwhile.
    pub fn note_state(&mut self, state: AccountState) -> Result<()> {
        if self.token.state == state {
            return Ok(());
        }
        let judged = self.token.refresh_token.clone();
        let _lock = self.store.lock(self.user)?;
        self.reload()?;
        if self.token.refresh_token != judged || self.token.state == state {
            return Ok(());
        }
        self.token.set_state(state, self.http.clock().now());
        self.store.save(self.user, &self.token)
    }
}

/// Only an answer that speaks for itself says anything of a participant: what a proxy sends in the
/// service's place is a failure of that request. That an API is switched off is said by its status
/// alone: the retired one answers with a page.
fn believed(failure: Failure, reply: &Reply) -> Failure {
    let verdicts = [ErrorClass::Auth, ErrorClass::Account, ErrorClass::NotGranted];
    if !verdicts.contains(&failure.class) || reply.is_json() {
        return failure;
    }
    let what = format!("HTTP {} without a word of the service's: {IN_BETWEEN}", reply.status);
    Failure::new(ErrorClass::Format, what)
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
