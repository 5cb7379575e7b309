//! How cells, rows and files are written.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::data::{Amount, PARTS};
use crate::metric::Metric;
use crate::person::Local;

/// The file of a day; no rows: no file.
pub fn file(user_id: &str, metric: Metric, rows: &[String]) -> Option<Vec<u8>> {
    let mut text = format!("{}\n", metric.header());
    for row in rows {
        let _ = writeln!(text, "{user_id},{row}");
    }
    (!rows.is_empty()).then(|| text.into_bytes())
}

/// An instant in UTC.
pub fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The wall clock where the participant was.
pub fn local(local: Local) -> String {
    let (hour, minute) = (local.minute_of_day / 60, local.minute_of_day % 60);
    format!("{}T{hour:02}:{minute:02}:00", local.date())
}

/// At most four decimals, no trailing zeros, no minus before nothing.
pub fn decimal(amount: Amount) -> String {
    let tenths = (amount.0.abs() + 5) / 10;
    let (whole, fraction) = (tenths / (PARTS / 10), tenths % (PARTS / 10));
    let sign = if amount.0 < 0 && tenths > 0 { "-" } else { "" };
    let text = format!("{sign}{whole}.{fraction:04}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Thousandths of something, in whole ones.
pub fn thousandths(count: i64) -> String {
    decimal(Amount(count * PARTS / 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_at_most_four_decimals() {
        let cases = [
            (7_200_000, "72"),
            (144_951, "1.4495"),
            (134_670, "1.3467"),
            (-47_000, "-0.47"),
            (-1, "0"),
            (0, "0"),
            (1_000_006, "10.0001"),
        ];
        for (parts, text) in cases {
            assert_eq!(decimal(Amount(parts)), text);
        }
        assert_eq!(thousandths(80_250), "80.25");
    }
}
