//! What the services were asked: every request, and how many at once.

use std::collections::HashMap;
use std::sync::Mutex;

use jiff::Timestamp;

use crate::http::Host;

/// One request.
#[derive(Clone, Debug)]
pub struct Seen {
    pub at: Timestamp,
    pub host: Host,
    /// The participant; in the store the study id in the key.
    pub who: Option<String>,
    pub method: String,
    /// Without the query.
    pub path: String,
    /// A short name such as `steps:rollUp` or `identity`.
    pub label: String,
    /// `None`: no status was sent (yet).
    pub status: Option<u16>,
    /// How many requests were being worked on, this one included.
    pub in_flight: usize,
}

#[derive(Debug, Default)]
struct Inner {
    seen: Vec<Seen>,
    in_flight: usize,
    in_flight_max: usize,
    connections: HashMap<Host, usize>,
}

/// The log of all services but the control API.
#[derive(Debug, Default)]
pub struct Log {
    inner: Mutex<Inner>,
}

/// Numbers over the whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    pub requests: usize,
    pub in_flight_max: usize,
    pub connections: usize,
}

impl Log {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Notes a request that has arrived; the answer is its number.
    pub fn arrived(&self, mut seen: Seen) -> usize {
        let mut inner = self.inner();
        inner.in_flight += 1;
        inner.in_flight_max = inner.in_flight_max.max(inner.in_flight);
        seen.in_flight = inner.in_flight;
        inner.seen.push(seen);
        inner.seen.len() - 1
    }

    /// Notes the end of a request, however it ended.
    pub fn ended(&self) {
        let mut inner = self.inner();
        inner.in_flight = inner.in_flight.saturating_sub(1);
    }

    /// Notes the status that a request was answered with.
    pub fn answered(&self, number: usize, status: u16) {
        if let Some(seen) = self.inner().seen.get_mut(number) {
            seen.status = Some(status);
        }
    }

    /// Notes a connection to a port; Google's services share one, the control API is left out.
    pub fn connected(&self, host: Host) {
        if host == Host::Control {
            return;
        }
        *self.inner().connections.entry(host).or_default() += 1;
    }

    /// Connections to a port.
    pub fn connections(&self, host: Host) -> usize {
        self.inner().connections.get(&host).copied().unwrap_or(0)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.inner().seen.clone()
    }

    pub fn counts(&self) -> Counts {
        let inner = self.inner();
        Counts {
            requests: inner.seen.len(),
            in_flight_max: inner.in_flight_max,
            connections: inner.connections.values().sum(),
        }
    }

    /// Forgets all requests and the largest number at once.
    pub fn clear(&self) {
        let mut inner = self.inner();
        inner.seen.clear();
        inner.in_flight_max = inner.in_flight;
        inner.connections.clear();
    }
}
