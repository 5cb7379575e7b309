//! Faults on demand: which request they meet, and what then goes wrong.

use std::sync::Mutex;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::http::Host;

/// A rule. The first live rule that matches a request is used up by one.
#[derive(Clone, Debug)]
pub struct Fault {
    /// `None`: any service but the control API.
    pub host: Option<Host>,
    /// A part of the path; empty: any.
    pub path: String,
    /// The method; empty: any.
    pub method: String,
    /// The participant's name (in the store: the study id in the key); empty: anybody.
    pub who: String,
    /// Only requests for more days than that; half a day more or less does not matter.
    pub days_above: Option<u32>,
    /// Only requests for pages of more rows than that.
    pub rows_above: Option<u32>,
    /// Only requests that ask for a part of that day (UTC).
    pub date: Option<Date>,
    /// Matching requests that are left alone first.
    pub skip: u32,
    /// How many requests it then meets; `None`: all.
    pub count: Option<u32>,
    pub effect: Effect,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// The connection closes before the request is worked on.
    Close,
    /// The request is worked on, then the connection closes without an answer.
    LostReply,
    /// No answer, until the client goes away.
    Hang,
    /// Nothing more after that many bytes of the body, until the client goes away.
    HangBody { after_bytes: usize },
    /// The connection closes after that many bytes of the body.
    Cut { after_bytes: usize },
    /// The body comes slowly.
    Slow { bytes_per_s: u32 },
    /// The answer comes late.
    Delay { ms: u64 },
    /// `Content-Length` is off by that much.
    WrongLength { by: i64 },
    /// This status, with the error body that the service gives for it.
    Status { status: u16, retry_after_s: Option<u32> },
    /// The same, with `Retry-After` as a date: so many seconds from now.
    RetryAt { status: u16, after_s: i64 },
    /// Google Health's error of this `reason`; `--help` of the program lists them.
    Reason { reason: String, retry_after_s: Option<u32> },
    /// The token address's error.
    OauthError { error: String },
    /// The store's error.
    S3Error { status: u16, code: String },
    /// A redirect of the store to another region.
    Redirect { status: u16, location: String, region: String },
    /// The connection closes after that many bytes of the request's body.
    ResetUpload { after_bytes: usize },
    /// A page where JSON was expected.
    Html { status: u16 },
    /// The JSON of the reply is changed at a path such as `dataPoints/*/steps/count`.
    Change { at: String, change: Change },
    /// The body ends in so many blanks.
    HugeBody { bytes: usize },
    /// The page after this one brings the same rows again, under another token.
    DuplicatePage,
    /// An empty page with a token comes first.
    EmptyPage,
    /// The token of the next page is the one that this page was asked with.
    RepeatToken,
    /// Every row comes twice.
    DuplicateRows,
    /// The `Date` header is off by that much. Works beside other faults.
    DateSkew { seconds: i64 },
}

/// What happens to a piece of JSON.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    Remove,
    Null,
    Rename(String),
    /// A number becomes text, text a number, a list an object, an object text.
    Retype,
    Set(Value),
}

impl Fault {
    /// An effect on the next request of any service.
    pub fn once(effect: Effect) -> Fault {
        Fault {
            host: None,
            path: String::new(),
            method: String::new(),
            who: String::new(),
            days_above: None,
            rows_above: None,
            date: None,
            skip: 0,
            count: Some(1),
            effect,
        }
    }

    /// An effect on every request from now on.
    pub fn always(effect: Effect) -> Fault {
        Fault { count: None, ..Fault::once(effect) }
    }

    #[must_use]
    pub fn host(self, host: Host) -> Fault {
        Fault { host: Some(host), ..self }
    }

    #[must_use]
    pub fn path(self, part: &str) -> Fault {
        Fault { path: part.to_owned(), ..self }
    }

    #[must_use]
    pub fn method(self, method: &str) -> Fault {
        Fault { method: method.to_owned(), ..self }
    }

    #[must_use]
    pub fn who(self, who: &str) -> Fault {
        Fault { who: who.to_owned(), ..self }
    }

    /// Only for ranges of more days: a service that cannot answer wide requests.
    #[must_use]
    pub fn days_above(self, days: u32) -> Fault {
        Fault { days_above: Some(days), ..self }
    }

    /// Only for larger pages.
    #[must_use]
    pub fn rows_above(self, rows: u32) -> Fault {
        Fault { rows_above: Some(rows), ..self }
    }

    /// Only for ranges that hold a part of that day: a day that cannot be answered.
    #[must_use]
    pub fn about(self, date: Date) -> Fault {
        Fault { date: Some(date), ..self }
    }

    #[must_use]
    pub fn skip(self, skip: u32) -> Fault {
        Fault { skip, ..self }
    }

    #[must_use]
    pub fn count(self, count: u32) -> Fault {
        Fault { count: Some(count), ..self }
    }

    fn meets(&self, request: &Target<'_>) -> bool {
        let host = self.host.is_none_or(|host| host == request.host);
        host && request.path.contains(&self.path)
            && (self.method.is_empty() || self.method == request.method)
            && (self.who.is_empty() || Some(self.who.as_str()) == request.who)
            && self.days_above.is_none_or(|days| request.asked.days() > i64::from(days))
            && self.rows_above.is_none_or(|rows| request.asked.rows > i64::from(rows))
            && self.date.is_none_or(|date| request.asked.holds(date))
    }
}

/// What rules look at.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    pub host: Host,
    pub method: &'a str,
    pub path: &'a str,
    pub who: Option<&'a str>,
    pub asked: Asked,
}

/// How much data a request asks for; nothing of both for other requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    pub range: Option<(Timestamp, Timestamp)>,
    pub rows: i64,
}

impl Asked {
    fn days(&self) -> i64 {
        let seconds = |(from, to): (Timestamp, Timestamp)| to.as_second() - from.as_second();
        (self.range.map_or(0, seconds) + 43_200).div_euclid(86_400)
    }

    fn holds(&self, date: Date) -> bool {
        let utc = |date: Date| Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp());
        let day = utc(date).zip(date.tomorrow().ok().and_then(utc));
        let meets = |(from, to): &(Timestamp, Timestamp)| {
            day.is_some_and(|(start, end)| *from < end && start < *to)
        };
        self.range.as_ref().is_some_and(meets)
    }
}

/// The live rules.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Mutex<Vec<Fault>>,
}

impl Faults {
    pub fn add(&self, fault: Fault) {
        self.rules.lock().expect("rules").push(fault);
    }

    pub fn clear(&self) {
        self.rules.lock().expect("rules").clear();
    }

    /// The effect that a request meets, and how far its `Date` header is off.
    pub fn take(&self, request: &Target<'_>) -> (Option<Effect>, i64) {
        let mut rules = self.rules.lock().expect("rules");
        let (mut effect, mut skew_s) = (None, 0);
        for rule in rules.iter_mut().filter(|rule| rule.meets(request)) {
            let skews = matches!(rule.effect, Effect::DateSkew { .. });
            if rule.count == Some(0) || (!skews && effect.is_some()) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.count = rule.count.map(|count| count - 1);
            match &rule.effect {
                Effect::DateSkew { seconds } => skew_s += seconds,
                other => effect = Some(other.clone()),
            }
        }
        rules.retain(|rule| rule.count != Some(0));
        (effect, skew_s)
    }
}

/// Changes JSON at a path; `*` stands for every element. Says whether anything was there.
pub fn apply(value: &mut Value, at: &str, change: &Change) -> bool {
    let (head, rest) = match at.split_once('/') {
        Some((head, rest)) => (head, Some(rest)),
        None => (at, None),
    };
    if head == "*" {
        let Value::Array(list) = value else {
            return false;
        };
        return match rest {
            Some(rest) => {
                let hits = list.iter_mut().map(|one| apply(one, rest, change));
                hits.fold(false, |any, hit| any | hit)
            }
            None => {
                list.iter_mut().for_each(|one| replace(one, change));
                !list.is_empty()
            }
        };
    }
    if let Value::Array(list) = value {
        let one = head.parse::<usize>().ok().and_then(|i| list.get_mut(i));
        return match (one, rest) {
            (Some(one), Some(rest)) => apply(one, rest, change),
            (Some(one), None) => {
                replace(one, change);
                true
            }
            (None, _) => false,
        };
    }
    let Value::Object(object) = value else {
        return false;
    };
    match (object.get_mut(head), rest, change) {
        (None, _, _) => return false,
        (Some(one), Some(rest), _) => return apply(one, rest, change),
        (Some(_), None, Change::Remove) => {
            object.shift_remove(head);
        }
        (Some(_), None, Change::Rename(name)) => {
            let old = object.shift_remove(head).unwrap_or(Value::Null);
            object.insert(name.clone(), old);
        }
        (Some(one), None, _) => replace(one, change),
    }
    true
}

/// Changes a piece of JSON as a whole.
pub fn replace(value: &mut Value, change: &Change) {
    *value = match (change, &*value) {
        (Change::Set(new), _) => new.clone(),
        (Change::Retype, Value::Number(number)) => Value::from(number.to_string()),
        (Change::Retype, Value::String(text)) => {
            Value::from(text.parse::<f64>().unwrap_or(12_345.0))
        }
        (Change::Retype, Value::Array(_)) => serde_json::json!({}),
        (Change::Retype, _) => Value::from("retyped"),
        _ => Value::Null,
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn target(path: &str) -> Target<'_> {
        let asked = Asked::default();
        Target { host: Host::Google, method: "GET", path, who: Some("p1"), asked }
    }

    #[test]
    fn rules_look_at_width_rows_and_days() {
        let at = |text: &str| text.parse::<Timestamp>().expect("instant");
        let range = Some((at("2026-11-01T05:00:00Z"), at("2026-11-04T05:00:00Z")));
        let meets = |fault: Fault| {
            let asked = Asked { range, rows: 5000 };
            fault.meets(&Target { asked, ..target("/steps") })
        };
        let fault = || Fault::always(Effect::Close);
        assert!(meets(fault().days_above(2)) && !meets(fault().days_above(3)));
        assert!(meets(fault().rows_above(4999)) && !meets(fault().rows_above(5000)));
        let date = |day| jiff::civil::date(2026, 11, day);
        assert!(meets(fault().about(date(1))) && meets(fault().about(date(4))));
        assert!(!meets(fault().about(date(5))));
        assert!(!fault().about(date(1)).meets(&target("/settings")));
    }

    #[test]
    fn rules_are_used_up_in_order() {
        let faults = Faults::default();
        faults.add(Fault::once(Effect::Close).path("steps").skip(1));
        faults.add(Fault::once(Effect::Hang).path("steps"));
        faults.add(Fault::once(Effect::LostReply).host(Host::S3));
        assert_eq!(faults.take(&target("/azm")).0, None);
        assert_eq!(faults.take(&target("/steps")).0, Some(Effect::Hang));
        assert_eq!(faults.take(&target("/steps")).0, Some(Effect::Close));
        assert_eq!(faults.take(&target("/steps")).0, None);
    }

    #[test]
    fn a_wrong_date_comes_beside_other_faults() {
        let faults = Faults::default();
        faults.add(Fault::always(Effect::DateSkew { seconds: 60 }));
        faults.add(Fault::once(Effect::Close));
        assert_eq!(faults.take(&target("/")), (Some(Effect::Close), 60));
        assert_eq!(faults.take(&target("/")), (None, 60));
    }

    #[test]
    fn json_is_changed_where_the_path_says() {
        let mut value = json!({"points": [{"a": {"count": "7"}}, {"a": {"count": "8"}}]});
        assert!(apply(&mut value, "points/*/a/count", &Change::Retype));
        assert_eq!(value["points"][1]["a"]["count"], json!(8.0));
        assert!(apply(&mut value, "points/0/a", &Change::Remove));
        assert_eq!(value["points"][0], json!({}));
        let rename = Change::Rename("b".to_owned());
        assert!(apply(&mut value, "points/1/a", &rename));
        assert_eq!(value["points"][1], json!({"b": {"count": 8.0}}));
        assert!(!apply(&mut value, "nothing/here", &Change::Null));
    }
}
