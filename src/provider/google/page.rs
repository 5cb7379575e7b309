//! The elements of a page: each is read by itself, so that one that is not as promised hides no
//! other. Which day such a one belongs to is often still told by its time.

use jiff::{SignedDuration, Timestamp};

use crate::core::json::Element;
use crate::core::table::RowKey;
use crate::provider::DataPage;
use crate::provider::google::sessions::{self, ended_on};
use crate::provider::job::Job;
use crate::provider::metric::{GoogleQuery, Metric, Read};

/// Takes in one element; one that is not as promised leaves the others as they are.
pub fn take_in(page: &mut DataPage, metric: &Metric, job: &Job, raw: &str, place: String) {
    let point = match Element::parse(raw, place) {
        Ok(point) => point,
        Err(failure) => {
            page.unplaced.get_or_insert(failure);
            return;
        }
    };
    let read = match metric.google.read {
        Read::One(read) => read(&point).map(|row| row.into_iter().collect()),
        Read::Many(read) => read(&point, job),
    };
    match read {
        Ok(rows) => {
            page.bare += u64::from(metric.google.ask == GoogleQuery::RollUp && is_bare(&point));
            if metric.google.data_type == "sleep" {
                page.unfinished.extend(sessions::unfinished_night(&point, job));
            }
            let rows = rows.into_iter().map(|mut row| {
                metric.empty_placeholders(&mut row);
                row
            });
            page.rows.extend(rows);
        }
        Err(failure) => match key_of(metric, &point, job) {
            Some(key) => {
                // What lies outside was asked for around the edges only.
                if let Some(date) = job.day_of(key) {
                    page.odd.entry(date).or_insert(failure);
                }
            }
            None => {
                page.unplaced.get_or_insert(failure);
            }
        },
    }
}

/// Whether the point's value is an object without members. They are all `optional` in Google's
/// protocol definitions, and what an empty one means is not documented: it is no value.
fn is_bare(point: &Element) -> bool {
    point.names("").into_iter().any(|name| point.is_object(name) && point.names(name).is_empty())
}

/// The key that the element's row would have had.
fn key_of(metric: &Metric, point: &Element, job: &Job) -> Option<RowKey> {
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
