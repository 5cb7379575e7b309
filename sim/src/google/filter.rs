//! The filter of list and reconcile: the little of AIP-160 that the API takes.
//!
//! `>=` and `<` against quoted literals, joined by `AND` (sleep: also `OR`); the data type in
//! snake_case; the member that fits the kind of the type.

use jiff::Timestamp;
use jiff::civil::DateTime;

use super::error;
use super::types::{DataType, Kind};
use crate::http::Reply;

/// The place in time that a filter compares: a point's start, or a sleep's end.
#[derive(Clone, Copy, Debug)]
pub struct Anchor {
    pub instant: Timestamp,
    pub civil: DateTime,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Literal {
    Instant(Timestamp),
    Civil(DateTime),
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Clause {
    at_least: bool,
    literal: Literal,
}

/// A filter: all groups must hold, and of each group one clause.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    groups: Vec<Vec<Clause>>,
}

/// An instant that is far away but leaves room for arithmetic.
fn far(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

impl Filter {
    /// Whether a point is asked for.
    pub fn wants(&self, anchor: Anchor) -> bool {
        let holds = |clause: &Clause| {
            let at_least = match clause.literal {
                Literal::Instant(instant) => anchor.instant >= instant,
                Literal::Civil(civil) => anchor.civil >= civil,
            };
            at_least == clause.at_least
        };
        self.groups.iter().all(|group| group.iter().any(holds))
    }

    fn mixes_times(&self) -> bool {
        let is_civil = |clause: &Clause| matches!(clause.literal, Literal::Civil(_));
        let mut kinds = self.groups.iter().flatten().map(is_civil);
        kinds.next().is_some_and(|first| kinds.any(|other| other != first))
    }

    /// UTC bounds outside of which there is nothing that the filter wants.
    pub fn bounds(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        // No zone is more than 14 hours from UTC; a day is more than that.
        self.limits(jiff::SignedDuration::from_hours(24))
    }

    /// What the filter asks for, civil times taken as UTC.
    pub fn range(&self) -> Option<(Timestamp, Timestamp)> {
        let (from, before) = self.limits(jiff::SignedDuration::ZERO);
        from.zip(before)
    }

    fn limits(&self, slack: jiff::SignedDuration) -> (Option<Timestamp>, Option<Timestamp>) {
        let utc = |civil: DateTime| {
            let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC);
            zoned.map_or(far(0), |zoned| zoned.timestamp())
        };
        let (mut from, mut before) = (None, None);
        for group in &self.groups {
            let [clause] = group.as_slice() else { continue };
            let (low, high) = match clause.literal {
                Literal::Instant(instant) => (instant, instant),
                Literal::Civil(civil) => (
                    utc(civil).saturating_sub(slack).unwrap_or(far(0)),
                    utc(civil).saturating_add(slack).unwrap_or(far(0)),
                ),
            };
            if clause.at_least {
                from = from.max(Some(low));
            } else {
                before = Some(before.map_or(high, |old: Timestamp| old.min(high)));
            }
        }
        (from, before)
    }
}

fn mixed_times() -> Reply {
    let text = "Invalid filter: civil and physical times in one filter.";
    invalid("INVALID_DATA_POINT_FILTER_MIXED_TIME_RESTRICTIONS", text)
}

fn invalid(reason: &str, message: &str) -> Reply {
    error::invalid(reason, message, &[])
}

/// The words of a filter: names, operators, quoted literals (with their quotes).
fn words(text: &str) -> Result<Vec<&str>, Reply> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => {
                let end = rest[1..].find('"').ok_or_else(|| {
                    invalid(
                        "INVALID_DATA_POINT_FILTER_SYNTAX",
                        "Invalid filter: unterminated string literal.",
                    )
                })?;
                end + 2
            }
            '>' | '<' | '=' | '!' => {
                rest.find(|c| !matches!(c, '>' | '<' | '=' | '!')).unwrap_or(rest.len())
            }
            _ => rest
                .find(|c: char| c.is_whitespace() || matches!(c, '>' | '<' | '=' | '!' | '"'))
                .unwrap_or(rest.len()),
        };
        let (word, tail) = rest.split_at(length);
        words.push(word);
        rest = tail.trim_start();
    }
    Ok(words)
}

/// Reads a filter for a data type.
pub fn parse(data_type: &DataType, text: &str) -> Result<Filter, Reply> {
    let words = words(text)?;
    if words.is_empty() {
        return Ok(Filter::default());
    }
    let mut filter = Filter::default();
    let mut rest = words.as_slice();
    let mut join_or = false;
    loop {
        let [member, operator, literal, tail @ ..] = rest else {
            return Err(invalid(
                "INVALID_DATA_POINT_FILTER_MISSING_TOKEN",
                "Invalid filter: a token is missing.",
            ));
        };
        let clause = clause(data_type, member, operator, literal)?;
        match filter.groups.last_mut() {
            Some(group) if join_or => group.push(clause),
            _ => filter.groups.push(vec![clause]),
        }
        let Some((join, next)) = tail.split_first() else {
            return if filter.mixes_times() { Err(mixed_times()) } else { Ok(filter) };
        };
        join_or = match *join {
            "AND" => false,
            "OR" if data_type.kind == Kind::Sleep => true,
            other => {
                let text = format!("Invalid filter: operator {other} is not supported.");
                return Err(invalid("INVALID_DATA_POINT_FILTER", &text));
            }
        };
        rest = next;
    }
}

fn clause(
    data_type: &DataType,
    member: &str,
    operator: &str,
    literal: &str,
) -> Result<Clause, Reply> {
    if member.contains('-') || member.starts_with('"') {
        let text = format!("Invalid filter: {member} is not a member name.");
        return Err(invalid("INVALID_DATA_POINT_FILTER", &text));
    }
    let field = member.strip_prefix(&data_type.snake()).and_then(|rest| rest.strip_prefix('.'));
    let civil = field.and_then(|field| member_is_civil(data_type.kind, field));
    let Some(civil) = civil else {
        let text = format!("Invalid filter: {member} is not a member of the data type.");
        let other = member.split('.').next().unwrap_or("").replace('_', "-");
        let reason = match DataType::named(&other) {
            Some(other) if other.id != data_type.id => {
                "INVALID_DATA_POINT_FILTER_COLLECTION_MISMATCH"
            }
            _ => "INVALID_DATA_POINT_FILTER_DATA_TYPE_MEMBER",
        };
        return Err(invalid(reason, &text));
    };
    let at_least = match operator {
        ">=" => true,
        "<" if data_type.kind != Kind::Ecg => false,
        _ => {
            let text = format!("Invalid filter: comparison {operator} is not supported.");
            return Err(invalid("INVALID_DATA_POINT_FILTER_RESTRICTION_COMPARATOR", &text));
        }
    };
    let Some(text) = literal.strip_prefix('"').and_then(|l| l.strip_suffix('"')) else {
        let text = "Invalid filter: a string literal in double quotes is expected.";
        return Err(invalid("INVALID_DATA_POINT_FILTER_SYNTAX", text));
    };
    let literal = match civil {
        Form::Instant => rfc3339(text).map(Literal::Instant),
        Form::Civil => civil_time(text).map(Literal::Civil),
        Form::Date => civil_date(text).map(Literal::Civil),
    };
    match literal {
        Some(literal) => Ok(Clause { at_least, literal }),
        None => {
            let text = format!("Invalid filter: {text} has not the expected format.");
            Err(invalid("INVALID_FILTER_FORMAT", &text))
        }
    }
}

#[derive(Clone, Copy)]
enum Form {
    Instant,
    Civil,
    Date,
}

fn member_is_civil(kind: Kind, field: &str) -> Option<Form> {
    match (kind, field) {
        (Kind::Interval | Kind::Ecg, "interval.start_time")
        | (Kind::Sample, "sample_time.physical_time")
        | (Kind::Sleep, "interval.end_time") => Some(Form::Instant),
        (Kind::Interval | Kind::Session, "interval.civil_start_time")
        | (Kind::Sample, "sample_time.civil_time")
        | (Kind::Sleep, "interval.civil_end_time") => Some(Form::Civil),
        (Kind::Daily, "date") => Some(Form::Date),
        _ => None,
    }
}

/// RFC 3339 with an offset; nothing looser.
pub fn rfc3339(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let shaped = bytes.len() >= 20 && bytes.get(10) == Some(&b'T') && !text.contains('[');
    let ends = text.ends_with('Z') || bytes.get(bytes.len().checked_sub(3)?) == Some(&b':');
    (shaped && ends).then(|| text.parse().ok())?
}

fn civil_time(text: &str) -> Option<DateTime> {
    match text.len() {
        10 => civil_date(text),
        19 if text.as_bytes().get(10) == Some(&b'T') => text.parse().ok(),
        _ => None,
    }
}

fn civil_date(text: &str) -> Option<DateTime> {
    let date: jiff::civil::Date = (text.len() == 10).then(|| text.parse().ok())??;
    Some(date.at(0, 0, 0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(id: &str, text: &str) -> String {
        let data_type = DataType::named(id).expect("known");
        let reply = parse(data_type, text).expect_err(text);
        assert_eq!(reply.status, 400);
        let body: serde_json::Value = serde_json::from_slice(&reply.body).expect("json");
        let reason = &body["error"]["details"][0]["reason"];
        reason.as_str().unwrap_or_default().to_owned()
    }

    #[test]
    fn documented_filters_are_read() {
        let good = [
            (
                "steps",
                "steps.interval.start_time >= \"2023-11-24T00:00:00Z\" AND \
                 steps.interval.start_time < \"2023-11-25T00:00:00Z\"",
            ),
            ("steps", "steps.interval.civil_start_time>=\"2023-11-24T00:00:00\""),
            ("weight", "weight.sample_time.civil_time < \"2023-11-24\""),
            ("exercise", "exercise.interval.civil_start_time >= \"2023-11-24\""),
            (
                "sleep",
                "sleep.interval.end_time >= \"2023-11-24T00:00:00+01:00\" OR \
                 sleep.interval.end_time < \"2023-11-20T00:00:00Z\"",
            ),
            (
                "daily-heart-rate-variability",
                "daily_heart_rate_variability.date >= \"2026-10-15\" AND \
                 daily_heart_rate_variability.date < \"2026-10-16\"",
            ),
            ("steps", ""),
        ];
        for (id, text) in good {
            let data_type = DataType::named(id).expect("known");
            assert!(parse(data_type, text).is_ok(), "{text}");
        }
    }

    #[test]
    fn others_are_refused_with_their_reason() {
        let day = "\"2026-10-15\"";
        let cases = [
            (
                "steps",
                format!("steps.interval.civil_start_time > {day}"),
                "_RESTRICTION_COMPARATOR",
            ),
            (
                "steps",
                format!(
                    "steps.interval.civil_start_time >= {day} AND \
                     steps.interval.start_time < \"2026-10-15T00:00:00Z\""
                ),
                "_MIXED_TIME_RESTRICTIONS",
            ),
            ("steps", format!("sleep.interval.civil_end_time >= {day}"), "_COLLECTION_MISMATCH"),
            ("steps", format!("steps.interval.civilStartTime >= {day}"), "_DATA_TYPE_MEMBER"),
            (
                "steps",
                format!(
                    "steps.interval.civil_start_time >= {day} OR \
                     steps.interval.civil_start_time < {day}"
                ),
                "",
            ),
            ("active-zone-minutes", format!("active-zone-minutes.date >= {day}"), ""),
            ("steps", format!("steps.date >= {day}"), "_DATA_TYPE_MEMBER"),
            ("steps", format!("azm.interval.start_time >= {day}"), "_DATA_TYPE_MEMBER"),
            ("sleep", format!("sleep.interval.civil_start_time >= {day}"), "_DATA_TYPE_MEMBER"),
            ("steps", "steps.interval.start_time >=".to_owned(), "_MISSING_TOKEN"),
            ("steps", "steps.interval.civil_start_time >= 2026-10-15".to_owned(), "_SYNTAX"),
            ("steps", "steps.interval.civil_start_time >= \"2026".to_owned(), "_SYNTAX"),
        ];
        for (id, text, ending) in cases {
            let expected = format!("INVALID_DATA_POINT_FILTER{ending}");
            assert_eq!(reason(id, &text), expected, "{text}");
        }
        let wrong = format!("steps.interval.start_time >= {day}");
        assert_eq!(reason("steps", &wrong), "INVALID_FILTER_FORMAT");
        let wrong = "daily_vo2_max.date >= \"2026-10-15T00:00:00\"";
        assert_eq!(reason("daily-vo2-max", wrong), "INVALID_FILTER_FORMAT");
    }

    #[test]
    fn bounds_hold_everything_that_is_wanted() {
        let data_type = DataType::named("steps").expect("known");
        let text = "steps.interval.civil_start_time >= \"2026-10-15\" AND \
                    steps.interval.civil_start_time < \"2026-10-16\"";
        let filter = parse(data_type, text).expect("filter");
        let (from, before) = filter.bounds();
        assert_eq!(from, "2026-10-14T00:00:00Z".parse().ok());
        assert_eq!(before, "2026-10-17T00:00:00Z".parse().ok());
        let anchor = |text: &str| Anchor {
            instant: Timestamp::UNIX_EPOCH,
            civil: text.parse().expect("civil"),
        };
        assert!(filter.wants(anchor("2026-10-15T23:59:00")));
        assert!(!filter.wants(anchor("2026-10-16T00:00:00")));
    }
}
