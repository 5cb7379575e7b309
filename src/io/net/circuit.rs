//! A circuit breaker with retries for one service: what fails for everybody is not asked of
//! everybody.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::core::backoff::{self, Next};
use crate::core::error::{ErrorClass, Failure, Reach, Result};
use crate::core::exchange::{Reply, Request};
use crate::io::net::http::Http;
use crate::io::{random, stop};
use crate::limits::{
    BREAKER_NETWORK, BREAKER_PARTICIPANTS, BREAKER_SERVER, RETRY_ATTEMPTS_MAX, RETRY_BUDGET,
};

/// What all participants of a run share: the budget of retries, and the breaker that ends a run
/// in which everybody fails for the same reason.
#[derive(Debug)]
pub struct Circuit {
    retries_left: AtomicI64,
    /// One participant whose every request fails must not end the run for the others.
    participants_min: usize,
    breaker: Mutex<Breaker>,
}

/// Failures since the last success of anybody.
#[derive(Debug, Default)]
pub struct Breaker {
    network: u32,
    server: u32,
    participants: BTreeSet<String>,
    broken: Option<Failure>,
}

impl Circuit {
    /// For a run of so many participants.
    pub fn new(participants: usize) -> Self {
        Self {
            retries_left: AtomicI64::new(RETRY_BUDGET),
            participants_min: participants.clamp(1, BREAKER_PARTICIPANTS),
            breaker: Mutex::default(),
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reason why nothing more is sent in this run, if there is one.
    pub fn check(&self) -> Result<()> {
        stop::check()?;
        self.breaker().broken.clone().map_or(Ok(()), Err)
    }

    fn succeeded(&self) {
        let mut breaker = self.breaker();
        *breaker = Breaker { broken: breaker.broken.take(), ..Breaker::default() };
    }

    /// Counts a failure; many in a row, or one that touches everyone, end the run.
    pub fn failed(&self, who: &str, failure: &Failure) {
        let mut breaker = self.breaker();
        let mut tripped = failure.class.reach() == Reach::Run;
        let class = failure.class;
        if matches!(class, ErrorClass::Network | ErrorClass::Server | ErrorClass::Quota) {
            // A range that takes too long is no sign that the network is down.
            let network = u32::from(class == ErrorClass::Network && failure.smaller.is_none());
            breaker.network += network;
            breaker.server += 1 - network;
            if !breaker.participants.contains(who) {
                breaker.participants.insert(who.to_owned());
            }
            tripped = breaker.participants.len() >= self.participants_min
                && (breaker.network >= BREAKER_NETWORK || breaker.server >= BREAKER_SERVER);
        }
        if tripped {
            breaker.broken.get_or_insert_with(|| failure.clone());
        }
    }

    /// Sends for somebody, and tries again what may pass within seconds. `classify` reads a reply
    /// without success.
    pub fn send(
        &self,
        who: &str,
        http: &Http,
        request: &Request,
        classify: impl Fn(&Reply) -> Failure,
    ) -> Result<Reply> {
        let most = |_: &Failure| RETRY_ATTEMPTS_MAX;
        self.send_at_most(most, who, request, classify, |request| http.send(request))
    }

    /// `attempts_max`: how often in all, after this failure.
    pub fn send_at_most(
        &self,
        attempts_max: impl Fn(&Failure) -> u32,
        who: &str,
        request: &Request,
        classify: impl Fn(&Reply) -> Failure,
        mut send: impl FnMut(&Request) -> Result<Reply>,
    ) -> Result<Reply> {
        for attempt in 1.. {
            self.check()?;
            let failure = match send(request) {
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
            self.failed(who, &failure);
            let next = backoff::next(&failure, attempt, random::number());
            let Next::WaitMs(wait_ms) = next else { return Err(failure) };
            if attempt >= attempts_max(&failure) || !self.take_retry() {
                return Err(failure);
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_participant_who_always_fails_does_not_end_the_run_of_the_others() {
        let circuit = Circuit::new(50);
        let failure = |class| Failure::new(class, "x");
        for _ in 0..100 {
            circuit.failed("u1", &failure(ErrorClass::Server));
            circuit.failed("u2", &failure(ErrorClass::Network));
        }
        circuit.check().unwrap();
        circuit.failed("u3", &failure(ErrorClass::Network));
        assert_eq!(circuit.check().unwrap_err().class, ErrorClass::Network);
    }

    #[test]
    fn a_success_of_anybody_shows_that_the_network_is_there() {
        let circuit = Circuit::new(1);
        for _ in 0..10 {
            for _ in 1..BREAKER_NETWORK {
                circuit.failed("u1", &Failure::new(ErrorClass::Network, "x"));
            }
            circuit.succeeded();
        }
        circuit.check().unwrap();
        circuit.failed("u1", &Failure::new(ErrorClass::Clock, "x"));
        assert!(circuit.check().is_err());
    }
}
