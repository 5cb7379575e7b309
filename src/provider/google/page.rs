//! Which day an element belongs to that cannot be read: its time is often still there.

use jiff::{SignedDuration, Timestamp};

use crate::core::json::Element;
use crate::core::table::RowKey;
use crate::provider::google::sessions::ended_on;
use crate::provider::job::Job;
use crate::provider::metric::{GoogleQuery, Metric};

/// The key that the element's row would have had.
pub fn key_of(metric: &Metric, point: &Element, job: &Job) -> Option<RowKey> {
    let value = camel(metric.google.data_type);
    match metric.google.ask {
        GoogleQuery::RollUp => instant(point, "startTime", "endTime"),
        GoogleQuery::ReconcileInstant(member) | GoogleQuery::ReconcileAround(member) => {
            let start = format!("{value}.{}", camel(&member.replace("civil_", "")));
            instant(point, &start, &format!("{value}.interval.endTime"))
        }
        GoogleQuery::ReconcileDate("date") => {
            point.date(&format!("{value}.date")).ok().map(RowKey::Date)
        }
        GoogleQuery::ReconcileDate(_) => ended_on(point, job).map(RowKey::Date),
    }
}

/// When it began; if that cannot be read, the last moment before its end.
fn instant(point: &Element, start: &str, end: &str) -> Option<RowKey> {
    let last = |end: Timestamp| end.checked_sub(SignedDuration::from_secs(1)).ok();
    let start = point.instant(start).ok();
    start.or_else(|| point.instant(end).ok().and_then(last)).map(RowKey::Instant)
}

/// `activeZoneMinutes` of `active-zone-minutes`, `interval.startTime` of `interval.start_time`.
fn camel(name: &str) -> String {
    let mut parts = name.split(['-', '_']);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, part| {
        let (head, tail) = part.split_at(part.len().min(1));
        name + &head.to_ascii_uppercase() + tail
    })
}
