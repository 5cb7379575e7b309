//! Random numbers of the operating system.

use ring::rand::{SecureRandom as _, SystemRandom};

use crate::core::error::{ErrorClass, Failure, Result};

pub fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(Failure::new(ErrorClass::Bug, "the system gives no random numbers")),
    }
}

/// For jitter: uniform, and harmless where the system gives none.
pub fn number() -> u64 {
    bytes().map_or(u64::MAX / 2, u64::from_le_bytes)
}
