//! The clock of this machine, corrected by what services say it should be.
//!
//! A Pi has no clock chip. The skew is estimated from the `Date` header of replies (source: the AWS
//! SDKs' rule): `Date` minus the middle of sent and received; ignored with an `Age` header or when
//! the round trip took over 15 minutes; used when it is over four minutes.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

use crate::config::{CLOCK_ROUND_TRIP_S_MAX, CLOCK_SKEW_S_MIN};
use crate::core::exchange::Reply;

/// Cheap to clone; all clones share the skew.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    skew_s: Arc<AtomicI64>,
    /// A simulated time for tests that live through months; `None` is the machine's clock.
    pinned: Arc<Mutex<Option<Timestamp>>>,
}

impl Clock {
    /// A clock that stands where it is put (`set`): simulations of long histories use it.
    pub fn simulated(at: Timestamp) -> Self {
        let clock = Self::default();
        clock.set(at);
        clock
    }

    pub fn set(&self, at: Timestamp) {
        *self.pinned.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(at);
    }

    /// What this machine believes.
    pub fn machine(&self) -> Timestamp {
        let pinned = *self.pinned.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        pinned.unwrap_or_else(Timestamp::now)
    }

    /// The best known time: the machine's, corrected when it is known to be wrong.
    pub fn now(&self) -> Timestamp {
        let skew = SignedDuration::from_secs(self.skew_s.load(Ordering::Relaxed));
        self.machine().checked_add(skew).unwrap_or_else(|_| self.machine())
    }

    /// Seconds to add to the machine's clock; zero while it is right or nothing is known.
    pub fn skew_s(&self) -> i64 {
        self.skew_s.load(Ordering::Relaxed)
    }

    /// Whether a service has shown this machine's clock to be wrong.
    pub fn known_wrong(&self) -> bool {
        self.skew_s() != 0
    }

    /// Learns from the reply of a trusted peer (verified TLS or loopback).
    pub fn learn(&self, sent: Timestamp, received: Timestamp, reply: &Reply) {
        if let Some(skew_s) = skew_of(sent, received, reply) {
            let skew_s = if skew_s.abs() > CLOCK_SKEW_S_MIN { skew_s } else { 0 };
            self.skew_s.store(skew_s, Ordering::Relaxed);
        }
    }
}

/// The estimate of one reply, in seconds; `None` where it says nothing.
pub fn skew_of(sent: Timestamp, received: Timestamp, reply: &Reply) -> Option<i64> {
    let round_trip_s = received.as_second() - sent.as_second();
    if reply.header("age").is_some() || !(0..=CLOCK_ROUND_TRIP_S_MAX).contains(&round_trip_s) {
        return None;
    }
    let date = jiff::fmt::rfc2822::parse(reply.header("date")?).ok()?.timestamp();
    Some(date.as_second() - (sent.as_second() + round_trip_s / 2))
}
