//! Faults as the control API takes them: one flat JSON object.
//!
//! ```json
//! {"host": "google", "path": "steps", "who": "p1", "count": 3,
//!  "effect": "status", "status": 503, "retry_after_s": 2}
//! ```

use jiff::civil::Date;
use serde_json::{Map, Value};

use crate::fault::{Change, Effect, Fault};
use crate::http::Host;

type Fields = Map<String, Value>;

/// The names of all effects, for help texts.
pub const EFFECTS: &str = "close, lost_reply, hang, hang_body(after_bytes), cut(after_bytes), \
    slow(bytes_per_s), delay(ms), wrong_length(by), status(status[, retry_after_s]), \
    retry_at(status, after_s), \
    reason(reason[, retry_after_s]), oauth_error(error), s3_error(status, code), \
    redirect(status, location, region), reset_upload(after_bytes), html(status), \
    remove(at), null(at), rename(at, to), retype(at), set(at, to), huge_body(bytes), \
    duplicate_page, empty_page, repeat_token, duplicate_rows, date_skew(seconds)";

fn number(fields: &Fields, name: &str) -> Result<i64, String> {
    let value = fields.get(name);
    let number = match value {
        Some(Value::String(text)) => text.parse().ok(),
        other => other.and_then(Value::as_i64),
    };
    number.ok_or_else(|| format!("{name} must be a whole number"))
}

fn number_or<T: TryFrom<i64>>(fields: &Fields, name: &str, other: i64) -> Result<T, String> {
    let value = match fields.get(name) {
        None | Some(Value::Null) => other,
        Some(_) => number(fields, name)?,
    };
    T::try_from(value).map_err(|_| format!("{name} is out of range"))
}

fn optional(fields: &Fields, name: &str) -> Result<Option<u32>, String> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(_) => number_or(fields, name, 0).map(Some),
    }
}

fn text(fields: &Fields, name: &str) -> String {
    match fields.get(name) {
        Some(Value::String(text)) => text.clone(),
        _ => String::new(),
    }
}

/// Reads a fault.
pub fn fault(fields: &Fields) -> Result<Fault, String> {
    let host = match text(fields, "host").as_str() {
        "" | "any" => None,
        name => Some(Host::named(name).ok_or_else(|| format!("no such host: {name}"))?),
    };
    let count = match fields.get("count") {
        None => Some(1),
        Some(Value::String(word)) if word == "always" => None,
        Some(_) => optional(fields, "count")?,
    };
    Ok(Fault {
        host,
        path: text(fields, "path"),
        method: text(fields, "method"),
        who: text(fields, "who"),
        days_above: optional(fields, "days_above")?,
        rows_above: optional(fields, "rows_above")?,
        date: date(fields)?,
        skip: number_or(fields, "skip", 0)?,
        count,
        effect: effect(fields)?,
    })
}

fn date(fields: &Fields) -> Result<Option<Date>, String> {
    let date = |text: String| text.parse().map_err(|_| format!("date={text} cannot be read"));
    Some(text(fields, "date")).filter(|text| !text.is_empty()).map(date).transpose()
}

fn effect(fields: &Fields) -> Result<Effect, String> {
    let name = text(fields, "effect");
    let effect = match name.as_str() {
        "close" => Effect::Close,
        "lost_reply" => Effect::LostReply,
        "hang" => Effect::Hang,
        "duplicate_page" => Effect::DuplicatePage,
        "empty_page" => Effect::EmptyPage,
        "repeat_token" => Effect::RepeatToken,
        "duplicate_rows" => Effect::DuplicateRows,
        "hang_body" => Effect::HangBody { after_bytes: number_or(fields, "after_bytes", 0)? },
        "cut" => Effect::Cut { after_bytes: number_or(fields, "after_bytes", 0)? },
        "reset_upload" => Effect::ResetUpload { after_bytes: number_or(fields, "after_bytes", 0)? },
        "slow" => Effect::Slow { bytes_per_s: number_or(fields, "bytes_per_s", 1)? },
        "delay" => Effect::Delay { ms: number_or(fields, "ms", 100)? },
        "wrong_length" => Effect::WrongLength { by: number_or(fields, "by", -1)? },
        "huge_body" => Effect::HugeBody { bytes: number_or(fields, "bytes", 64 << 20)? },
        "date_skew" => Effect::DateSkew { seconds: number(fields, "seconds")? },
        "html" => Effect::Html { status: number_or(fields, "status", 200)? },
        "status" => Effect::Status {
            status: number_or(fields, "status", 500)?,
            retry_after_s: optional(fields, "retry_after_s")?,
        },
        "retry_at" => Effect::RetryAt {
            status: number_or(fields, "status", 503)?,
            after_s: number(fields, "after_s")?,
        },
        "reason" => Effect::Reason {
            reason: text(fields, "reason"),
            retry_after_s: optional(fields, "retry_after_s")?,
        },
        "oauth_error" => Effect::OauthError { error: text(fields, "error") },
        "s3_error" => Effect::S3Error {
            status: number_or(fields, "status", 503)?,
            code: text(fields, "code"),
        },
        "redirect" => Effect::Redirect {
            status: number_or(fields, "status", 307)?,
            location: text(fields, "location"),
            region: text(fields, "region"),
        },
        other => Effect::Change { at: text(fields, "at"), change: change(other, fields)? },
    };
    Ok(effect)
}

/// Reads a change of JSON.
pub fn change(name: &str, fields: &Fields) -> Result<Change, String> {
    match name {
        "remove" => Ok(Change::Remove),
        "null" => Ok(Change::Null),
        "rename" => Ok(Change::Rename(text(fields, "to"))),
        "retype" => Ok(Change::Retype),
        "set" => Ok(Change::Set(fields.get("to").cloned().unwrap_or(Value::Null))),
        other => Err(format!("no such effect: {other}; there are: {EFFECTS}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: Value) -> Result<Fault, String> {
        fault(value.as_object().expect("an object"))
    }

    #[test]
    fn faults_are_read_from_flat_json() {
        let fault = read(json!({
            "host": "google", "path": "steps", "who": "p1", "count": 3,
            "effect": "status", "status": 503, "retry_after_s": 2,
        }));
        let fault = fault.expect("a fault");
        let status = Effect::Status { status: 503, retry_after_s: Some(2) };
        assert_eq!(fault.effect, status);
        assert_eq!((fault.host, fault.count), (Some(Host::Google), Some(3)));
        let always = read(json!({"effect": "rename", "at": "a/b", "to": "c", "count": "always"}));
        let always = always.expect("a fault");
        assert_eq!(always.count, None);
        let rename = Change::Rename("c".to_owned());
        let at = "a/b".to_owned();
        assert_eq!(always.effect, Effect::Change { at, change: rename });
        assert!(read(json!({"effect": "nonsense"})).is_err());
        assert!(read(json!({"effect": "close", "host": "moon"})).is_err());
    }
}
