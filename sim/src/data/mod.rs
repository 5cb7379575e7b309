//! What the bands measured: pure functions of a person and a minute or a date.
//!
//! Amounts are whole numbers of 1/100000 ([`Amount`]), so that the JSON of the services and the
//! CSV of the truth are two views of the same exact value.

pub mod body;
pub mod minute;
pub mod night;
pub mod sample;
pub mod session;

use serde_json::Value;

/// A decimal number, counted in 1/100000.
///
/// The fifth decimal is never a 5 where the product rounds to four: what half rounds to is
/// nobody's contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(pub i64);

/// How many parts one whole has.
pub const PARTS: i64 = 100_000;

impl Amount {
    /// That number, moved off the half.
    pub fn untied(parts: i64) -> Amount {
        if parts.rem_euclid(10) == 5 { Amount(parts + 1) } else { Amount(parts) }
    }

    /// As a service sends a `double`: whole numbers without a point.
    pub fn json(self) -> Value {
        if self.0 % PARTS == 0 {
            return Value::from(self.0 / PARTS);
        }
        // Both numbers are exact in a double, so the division gives the nearest double.
        #[allow(clippy::cast_precision_loss)]
        let number = self.0 as f64 / PARTS as f64;
        Value::from(number)
    }
}
