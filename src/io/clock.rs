//! The clock of this machine, corrected by what services say it should be.
//!
//! A Pi has no clock chip. The skew is estimated from the `Date` header of replies (source: the AWS
//! SDKs' rule): `Date` minus the middle of sent and received; ignored with an `Age` header or when
//! the round trip took over 15 minutes; used when it is over four minutes.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};

use crate::core::exchange::Reply;
use crate::limits::{CLOCK_ROUND_TRIP_S_MAX, CLOCK_SKEW_S_MIN};

/// Cheap to clone; all clones share the skew.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    skew_s: Arc<AtomicI64>,
    checked: Arc<AtomicBool>,
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

    /// Whether a service has told the time in this run at all.
    pub fn checked(&self) -> bool {
        self.checked.load(Ordering::Relaxed)
    }

    /// Learns from the reply of a trusted peer (verified TLS or loopback).
    pub fn learn(&self, sent: Timestamp, received: Timestamp, reply: &Reply) {
        if let Some(skew_s) = skew_of(sent, received, reply) {
            let skew_s = if skew_s.abs() > CLOCK_SKEW_S_MIN { skew_s } else { 0 };
            self.skew_s.store(skew_s, Ordering::Relaxed);
            self.checked.store(true, Ordering::Relaxed);
        }
    }
}

/// Present once systemd-timesyncd has set the clock since the machine was switched on.
pub const TIME_SYNCED: &str = "/run/systemd/timesync/synchronized";

/// The latest time that is certain: now, where a service or time sync has told it, else the time at
/// which this program was built.
pub fn not_before(clock: &Clock) -> Timestamp {
    let built_at_s = env!("FITSYNC_BUILT_AT_S").parse().unwrap_or_default();
    let built_at = Timestamp::from_second(built_at_s).unwrap_or_default();
    let confirmed = clock.checked() || std::path::Path::new(TIME_SYNCED).exists();
    if confirmed { built_at.max(clock.now()) } else { built_at }
}

/// What cures a clock that is wrong.
pub const CLOCK_CURE: &str =
    "turn on time sync: sudo timedatectl set-ntp true (or let NTP, UDP port 123, out)";

/// How far this machine's clock is from that of a service, in words.
pub fn clock_is_off(skew_s: i64) -> String {
    let side = if skew_s > 0 { "behind" } else { "ahead" };
    format!("this machine's clock is {} s {side}", skew_s.abs())
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

#[cfg(test)]
mod tests {
    use miniserde::json::{Number, Object, Value};

    use super::*;

    fn object(value: &Value) -> &Object {
        match value {
            Value::Object(object) => object,
            other => panic!("{other:?}"),
        }
    }

    fn array(value: &Value) -> impl Iterator<Item = &Object> {
        match value {
            Value::Array(array) => array.iter().map(object),
            other => panic!("{other:?}"),
        }
    }

    fn text(value: &Value) -> &str {
        match value {
            Value::String(text) => text,
            other => panic!("{other:?}"),
        }
    }

    fn number(value: &Value) -> i64 {
        match value {
            Value::Number(Number::U64(number)) => i64::try_from(*number).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn reply_of(attempt: &Object) -> Reply {
        let headers = object(&object(&attempt["response"])["headers"]);
        let headers = headers.iter().map(|(n, v)| (n.to_lowercase(), text(v).to_owned())).collect();
        Reply { status: 200, headers, body: Vec::new() }
    }

    /// One operation: each attempt is signed at the expected time, and the skew ends as expected.
    fn check(name: &str, operation: &Object, clock: &Clock, skew_s: &mut i64) {
        for attempt in array(&operation["attempts"]) {
            let time = |field: &str| text(&attempt[field]).parse::<Timestamp>().unwrap();
            let (sent, received) = (time("clientTimeAtSend"), time("clientTimeAtReceive"));
            clock.set(sent);
            assert_eq!(clock.now(), time("expectedSigningTime"), "{name}");
            let reply = reply_of(attempt);
            clock.learn(sent, received, &reply);
            *skew_s = skew_of(sent, received, &reply).unwrap_or(*skew_s);
        }
        let expected_s = number(&operation["expectedClientSkew"]);
        assert_eq!(*skew_s, expected_s, "{name}");
        // What is below the threshold is known and not used.
        let used_s = if expected_s > CLOCK_SKEW_S_MIN { expected_s } else { 0 };
        assert_eq!(clock.skew_s(), used_s, "{name}");
    }

    #[test]
    fn the_ten_cases_of_the_aws_sdks_hold() {
        let json = include_str!("../../tests/data/aws/clock-skew-test-cases.json");
        let document: Value = miniserde::json::from_str(json).unwrap();
        let mut cases = 0;
        for case in array(&object(&document)["tests"]) {
            let clock = Clock::default();
            let mut skew_s = 0;
            for (index, operation) in array(&case["operations"]).enumerate() {
                if index == 0 {
                    skew_s = number(&operation["initialClientSkew"]);
                    clock.skew_s.store(skew_s, Ordering::Relaxed);
                }
                assert_eq!(skew_s, number(&operation["initialClientSkew"]));
                check(text(&case["description"]), operation, &clock, &mut skew_s);
            }
            cases += 1;
        }
        assert_eq!(cases, 10);
    }
}
