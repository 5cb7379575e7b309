//! Talking to a provider for one participant: token refresh, pace, retries.
//!
//! The refresh transaction (design section "Refreshing tokens"): lock; read the token again; if
//! somebody else refreshed it, use that; make sure the new file can be written; ask; write durably;
//! only then use.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::config::{
    BREAKER_NETWORK, BREAKER_SERVER, PACE_BURST, PACE_PER_S, REFRESHES_MAX, RETRY_BUDGET,
};
use crate::core::backoff::{self, Next};
use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::core::exchange::{Reply, Request};
use crate::core::token::{AccountState, Grant, Token};
use crate::core::user::UserId;
use crate::io::http::Http;
use crate::io::tokens::TokenStore;
use crate::io::{random, stop};
use crate::provider::Provider;

/// What all participants of a run share: the budget of retries, and the breaker that ends a run
/// in which everybody fails for the same reason.
#[derive(Debug)]
pub struct Guard {
    retries_left: AtomicI64,
    network_failures: AtomicU32,
    server_failures: AtomicU32,
    broken: Mutex<Option<Failure>>,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            retries_left: AtomicI64::new(RETRY_BUDGET),
            network_failures: AtomicU32::new(0),
            server_failures: AtomicU32::new(0),
            broken: Mutex::new(None),
        }
    }
}

impl Guard {
    /// The reason why nothing more is sent in this run, if there is one.
    pub fn check(&self) -> Result<()> {
        stop::check()?;
        let broken = self.broken.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        broken.clone().map_or(Ok(()), Err)
    }

    fn succeeded(&self) {
        self.network_failures.store(0, Ordering::Relaxed);
        self.server_failures.store(0, Ordering::Relaxed);
    }

    /// Counts a failure; many in a row, or one that touches everyone, end the run.
    fn failed(&self, failure: &Failure) {
        let tripped = match failure.class {
            ErrorClass::Network => {
                self.network_failures.fetch_add(1, Ordering::Relaxed) + 1 >= BREAKER_NETWORK
            }
            ErrorClass::Server => {
                self.server_failures.fetch_add(1, Ordering::Relaxed) + 1 >= BREAKER_SERVER
            }
            class => {
                self.succeeded();
                class.reach() == crate::core::error::Reach::Run
            }
        };
        if tripped {
            let mut broken = self.broken.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            broken.get_or_insert_with(|| failure.clone());
        }
    }

    /// Sends, and tries again what may pass within seconds. `classify` reads a reply without
    /// success.
    pub fn send(
        &self,
        http: &Http,
        request: &Request,
        classify: impl Fn(&Reply) -> Failure,
    ) -> Result<Reply> {
        for attempt in 1.. {
            self.check()?;
            let failure = match http.send(request) {
                Ok(reply) if reply.ok() => {
                    self.succeeded();
                    return Ok(reply);
                }
                Ok(reply) => {
                    let failure = classify(&reply).at(request.label());
                    if !failure.class.retry_now() && failure.class != ErrorClass::Quota {
                        // The caller decides; the service itself is well.
                        self.succeeded();
                        return Ok(reply);
                    }
                    failure
                }
                Err(failure) => failure,
            };
            self.failed(&failure);
            let next = backoff::next(&failure, attempt, random::number());
            let (Next::WaitMs(wait_ms), true) = (next, self.take_retry()) else {
                return Err(failure);
            };
            log::debug!("{failure}; trying again in {wait_ms} ms");
            self.check()?;
            stop::wait(Duration::from_millis(wait_ms))?;
        }
        Err(Failure::new(ErrorClass::Bug, "no attempt was made"))
    }

    fn take_retry(&self) -> bool {
        self.retries_left.fetch_sub(1, Ordering::Relaxed) > 0
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

/// One participant at a provider.
pub struct Session<'a> {
    pub provider: &'a dyn Provider,
    pub user: &'a UserId,
    pub token: Token,
    http: &'a Http,
    store: &'a TokenStore,
    guard: &'a Guard,
    pace: Pace,
    refreshes: u32,
    pub requests: u64,
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
        guard: &'a Guard,
    ) -> Self {
        let (pace, refreshes, requests) = (Pace::new(), 0, 0);
        Self { provider, user, token, http, store, guard, pace, refreshes, requests }
    }

    /// Makes sure that the access token is good for the next minutes.
    pub fn ready(&mut self) -> Result<()> {
        if self.token.fresh(self.http.clock().now()) { Ok(()) } else { self.refresh() }
    }

    /// Sends a request of this participant; a success, or the failure in its class.
    pub fn call(&mut self, request: &Request) -> Result<Reply> {
        for renewed in [false, true] {
            self.ready()?;
            self.pace.take()?;
            self.requests += 1;
            let request = request.clone().bearer(&self.token.access_token);
            let classify = |reply: &Reply| self.provider.classify(reply);
            let reply = self.guard.send(self.http, &request, classify)?;
            if reply.ok() {
                return Ok(reply);
            }
            let stale = self.provider.token_may_be_stale(&reply);
            if stale && !renewed && self.refreshes < REFRESHES_MAX {
                self.refresh()?;
                continue;
            }
            let failure = self.provider.classify(&reply).at(request.label());
            if failure.class == ErrorClass::Config {
                self.guard.failed(&failure);
            }
            return Err(failure);
        }
        Err(Failure::new(ErrorClass::Bug, "no request was made"))
    }

    /// The refresh transaction.
    fn refresh(&mut self) -> Result<()> {
        let used = self.token.access_token.clone();
        let _lock = self.store.lock(self.user)?;
        self.reload()?;
        if self.token.access_token != used && self.token.fresh(self.http.clock().now()) {
            return Ok(());
        }
        let place = self.store.reserve(self.user)?;
        let under_way = stop::RefreshUnderWay::begin()?;
        self.refreshes += 1;
        let grant = match self.ask_refresh() {
            Err(failure) if failure.class == ErrorClass::Auth => {
                drop(place);
                return self.refused(failure);
            }
            other => other?,
        };
        self.token.renew(&grant, self.http.clock().now());
        place.save(&self.token)?;
        drop(under_way);
        Ok(())
    }

    fn reload(&mut self) -> Result<()> {
        if let Some(token) = self.store.load(self.user)? {
            self.token = token;
        }
        Ok(())
    }

    fn ask_refresh(&self) -> Result<Grant> {
        let request = self.provider.refresh_request(&self.token.refresh_token);
        // A lost reply is repeated by the guard's retries, with the same refresh token.
        let classify = |reply: &Reply| self.provider.classify(reply);
        let reply = self.guard.send(self.http, &request, classify)?;
        if reply.ok() {
            return self.provider.read_grant(&reply);
        }
        let failure = self.provider.classify(&reply).at(request.label());
        if failure.class == ErrorClass::Config {
            self.guard.failed(&failure);
        }
        Err(failure)
    }

    /// After `invalid_grant`: believe it only if the file still holds the token that was refused.
    fn refused(&mut self, failure: Failure) -> Result<()> {
        let used: Secret = self.token.refresh_token.clone();
        self.reload()?;
        if self.token.refresh_token != used && self.token.fresh(self.http.clock().now()) {
            return Ok(());
        }
        Err(failure)
    }

    /// Notes in the token file whether the participant must sign in again; never removes it.
    pub fn note_state(&mut self, state: AccountState) -> Result<()> {
        if self.token.state == state {
            return Ok(());
        }
        let _lock = self.store.lock(self.user)?;
        self.reload()?;
        self.token.set_state(state, self.http.clock().now());
        self.store.save(self.user, &self.token)
    }
}
