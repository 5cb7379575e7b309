//! How long to wait before the next try.
//!
//! Exponential with full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/):
//! a random time between zero and a ceiling that doubles. What a service asks for is honoured
//! when it is short; a long wait is left to the next run.

use crate::core::error::{ErrorClass, Failure};
use crate::limits::{
    QUEUE_WAIT_S_BASE, QUEUE_WAIT_S_MAX, RETRY_AFTER_S_MAX, RETRY_ATTEMPTS_MAX, RETRY_WAIT_MS_BASE,
    RETRY_WAIT_MS_MAX,
};

/// What follows a failed try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    WaitMs(u64),
    GiveUp,
}

/// After try number `attempt` (from 1) within a run. `random` is uniform over all of `u64`.
pub fn next(failure: &Failure, attempt: u32, random: u64) -> Next {
    let short_quota = failure.class == ErrorClass::Quota
        && failure.retry_after_s.is_none_or(|seconds| seconds <= RETRY_AFTER_S_MAX);
    if attempt >= RETRY_ATTEMPTS_MAX || !(failure.class.retry_now() || short_quota) {
        return Next::GiveUp;
    }
    match failure.retry_after_s {
        Some(seconds) if seconds > RETRY_AFTER_S_MAX => Next::GiveUp,
        // Everybody was told the same time: come back spread over the second after it.
        Some(seconds) => Next::WaitMs(seconds * 1000 + jitter(1000, random)),
        None => {
            let doubled = RETRY_WAIT_MS_BASE.saturating_mul(1 << (attempt - 1).min(16));
            Next::WaitMs(jitter(doubled.min(RETRY_WAIT_MS_MAX), random))
        }
    }
}

/// How long a file that the store refused waits in the queue, in seconds.
pub fn queue_wait_s(attempts: u32, random: u64) -> u64 {
    let ceiling = QUEUE_WAIT_S_BASE.saturating_mul(1 << attempts.min(16)).min(QUEUE_WAIT_S_MAX);
    ceiling / 2 + jitter(ceiling / 2, random)
}

/// Uniform from 0 to `ceiling`, both included.
fn jitter(ceiling: u64, random: u64) -> u64 {
    let scaled = u128::from(random) * (u128::from(ceiling) + 1);
    u64::try_from(scaled >> 64).unwrap_or(ceiling)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(class: ErrorClass, retry_after_s: Option<u64>) -> Failure {
        Failure::new(class, "x").after(retry_after_s)
    }

    #[test]
    fn the_ceiling_doubles_and_the_jitter_is_full() {
        let server = failure(ErrorClass::Server, None);
        assert_eq!(next(&server, 1, 0), Next::WaitMs(0));
        assert_eq!(next(&server, 1, u64::MAX), Next::WaitMs(RETRY_WAIT_MS_BASE));
        assert_eq!(next(&server, 2, u64::MAX), Next::WaitMs(2 * RETRY_WAIT_MS_BASE));
        assert_eq!(next(&server, RETRY_ATTEMPTS_MAX, 0), Next::GiveUp);
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        use ErrorClass::{Auth, Bug, Config, Format, Network, NotGranted, Quota, Retired};
        for class in [Auth, Bug, Config, Format, NotGranted, Retired] {
            assert_eq!(next(&failure(class, None), 1, 0), Next::GiveUp, "{class:?}");
        }
        for class in [Network, Quota] {
            assert_ne!(next(&failure(class, None), 1, 0), Next::GiveUp, "{class:?}");
        }
    }

    #[test]
    fn a_short_wait_asked_for_is_kept_and_a_long_one_left_to_the_next_run() {
        let asked = |seconds| next(&failure(ErrorClass::Quota, Some(seconds)), 1, u64::MAX);
        assert_eq!(asked(3), Next::WaitMs(4000));
        assert_eq!(asked(RETRY_AFTER_S_MAX + 1), Next::GiveUp);
        assert_eq!(asked(u64::MAX), Next::GiveUp);
    }

    #[test]
    fn the_queue_never_waits_longer_than_its_limit() {
        for attempts in [0, 1, 5, 40, u32::MAX] {
            let wait = queue_wait_s(attempts, u64::MAX);
            assert!((QUEUE_WAIT_S_BASE / 2..=QUEUE_WAIT_S_MAX).contains(&wait), "{attempts}");
        }
    }
}
