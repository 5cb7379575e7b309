//! The study window of a participant whose token files cannot be read: what their texts still show.
//! Nothing outside it may ever be asked, so a lost grant must not lose it.

use jiff::Timestamp;
use jiff::civil::Date;
use miniserde::json::Value;

pub const FROM: &str = "collect_from";
pub const UNTIL: &str = "collect_until";

/// A bound that stands there and cannot be read: nothing may be asked until it is named.
const CUT: &str = "cut off";

/// The bounds as the texts have them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bounds {
    pub from: Option<String>,
    pub until: Option<String>,
    /// Whether a bound may have stood where nothing is to be seen any more.
    pub doubtful: bool,
}

impl Bounds {
    /// Of token files that cannot be read as such, the newest first.
    pub fn of(texts: &[String]) -> Self {
        let shown = |name| texts.iter().find_map(|text| shown(text, name));
        let (from, until) = (shown(FROM), shown(UNTIL));
        let doubtful = from.is_none() || until.is_none();
        Self { from: from.flatten(), until: until.flatten(), doubtful }
    }

    pub fn dates(&self) -> (Option<Date>, Option<Date>) {
        let date = |bound: &Option<String>| bound.as_deref().and_then(date_of);
        (date(&self.from), date(&self.until))
    }
}

/// A time is taken for its date.
pub fn date_of(text: &str) -> Option<Date> {
    text.get(..10)?.parse().ok()
}

/// What a text has under a name; `None` where it may have been lost.
fn shown(text: &str, name: &str) -> Option<Option<String>> {
    match miniserde::json::from_str(text) {
        Ok(Value::Object(fields)) => Some(match fields.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(bound)) => Some(bound.clone()).filter(|bound| !bound.is_empty()),
            Some(_) => Some(CUT.to_owned()),
        }),
        _ if text.contains(&format!("\"{name}\"")) => {
            Some(Some(string_of(text, name).unwrap_or_else(|| CUT.to_owned())))
        }
        _ => None,
    }
}

/// The text that stands in broken JSON under a name, if it is whole.
pub fn string_of(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("\"{name}\""))?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    let mut escaped = false;
    let end = rest.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    miniserde::json::from_str(&format!("\"{}\"", rest.get(..end)?)).ok()
}

/// The days that may be asked at all, by no option more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    pub from: Option<Date>,
    pub until: Option<Date>,
    /// After `--replace`: the sign-in of the present account.
    pub account_since: Option<Timestamp>,
    /// When the same person came over from another provider.
    pub moved_at: Option<Timestamp>,
}

/// Whether something stands where a bound of the study window belongs and is no date: of any type.
pub fn is_no_date(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.is_empty() && date_of(text).is_none(),
        Some(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_window_is_seen_in_newer_cut_and_older_texts() {
        let whole = r#"{"collect_from":"2026-11-01","collect_until":"2026-11-20","version":9}"#;
        let both = (Some(date(2026, 11, 1)), Some(date(2026, 11, 20)));
        let of = |texts: &[&str]| {
            Bounds::of(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
        };
        let cut = &whole[..whole.len() - 5];
        for texts in [[whole].as_slice(), &[cut], &["", whole], &[&whole[..30], cut]] {
            let bounds = of(texts);
            assert_eq!((bounds.dates(), bounds.doubtful), (both, false), "{texts:?}");
        }
        assert_eq!(of(&["{}"]), Bounds::default());
        let typed = of(&[r#"{"collect_from":20261101,"collect_until":null}"#]);
        assert_eq!((typed.from.as_deref(), typed.until), (Some(CUT), None));
        for texts in [[].as_slice(), &[""], &["\0\0"], &["{\"acc"]] {
            assert_eq!(of(texts), Bounds { doubtful: true, ..Bounds::default() }, "{texts:?}");
        }
        let half = of(&[&whole[..50]]);
        assert_eq!(half.dates(), (both.0, None));
        assert_eq!((half.until.as_deref(), half.doubtful), (Some(CUT), false));
    }
}
