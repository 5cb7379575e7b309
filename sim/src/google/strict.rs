//! The strictness of Google's gateway: no parameter and no field that a method does not have.

use serde_json::{Map, Value};

use super::error;
use super::types::{Action, DataType};
use crate::http::{Ask, Reply};

/// Parameters that every method of every Google API takes.
const GENERAL: [&str; 4] = ["alt", "prettyPrint", "quotaUser", "key"];

/// The camelCase form of a name, which may be in either form.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or("").to_owned();
    words.fold(first, |mut all, word| {
        let mut letters = word.chars();
        all.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        all.push_str(letters.as_str());
        all
    })
}

/// The query as a map of camelCase names. Unknown and repeated names are refused.
pub fn query(ask: &Ask, allowed: &[&str]) -> Result<Map<String, Value>, Reply> {
    let mut map = Map::new();
    for (name, value) in &ask.query {
        let camel = camel(name);
        // Google's own clients send `$alt=json;enum-encoding=int`.
        let general = name.trim_start_matches('$');
        if GENERAL.contains(&general) {
            if general == "alt" && value.split(';').next() != Some("json") {
                return Err(error::invalid_field("alt", "Only alt=json is supported."));
            }
            continue;
        }
        if !allowed.contains(&camel.as_str()) {
            return Err(error::unknown_name(name, true));
        }
        let value = Value::from(value.as_str());
        if map.insert(camel, value).is_some() {
            let text = format!("Invalid value: {name} is not a repeated field.");
            return Err(error::invalid_field(name, &text));
        }
    }
    Ok(map)
}

/// The body as a map of camelCase names.
pub fn body(ask: &Ask, allowed: &[&str]) -> Result<Map<String, Value>, Reply> {
    let kind = ask.header("content-type");
    if !kind.to_ascii_lowercase().starts_with("application/json") {
        let text = "Invalid content type: application/json is expected.";
        return Err(error::invalid_field("body", text));
    }
    let value: Value = serde_json::from_slice(&ask.body).map_err(|problem| {
        let text = format!("Invalid JSON payload received. {problem}");
        error::invalid_field("body", &text)
    })?;
    fields(value, allowed)
}

/// The fields of a JSON object, in camelCase. Unknown ones are refused.
pub fn fields(value: Value, allowed: &[&str]) -> Result<Map<String, Value>, Reply> {
    let Value::Object(object) = value else {
        return Err(error::invalid_field("body", "Invalid value: an object is expected."));
    };
    let mut map = Map::new();
    for (name, value) in object {
        let camel = camel(&name);
        if !allowed.contains(&camel.as_str()) {
            return Err(error::unknown_name(&name, false));
        }
        map.insert(camel, value);
    }
    Ok(map)
}

/// Text that may be missing.
pub fn text<'a>(map: &'a Map<String, Value>, name: &str) -> Result<&'a str, Reply> {
    match map.get(name) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(error::invalid_field(name, "Invalid value: text is expected.")),
    }
}

/// A whole number that may be missing.
pub fn number(map: &Map<String, Value>, name: &str) -> Result<Option<i64>, Reply> {
    let number = match map.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) => text.parse().ok(),
        Some(_) => None,
    };
    match number {
        Some(number) if i32::try_from(number).is_ok() => Ok(Some(number)),
        _ => Err(error::invalid_field(name, "Invalid value: TYPE_INT32 is expected.")),
    }
}

/// Rows of a page: zero is the default, more than the most is the most.
pub fn page_size(
    map: &Map<String, Value>,
    data_type: &DataType,
    action: Action,
) -> Result<usize, Reply> {
    let (default, most) = data_type.page_sizes(action);
    if action == Action::DailyRollUp
        && data_type.id == "total-calories"
        && map.contains_key("pageSize")
    {
        // Seen on real accounts; the documentation does not say it.
        return Err(error::invalid_field("page_size", "Page size is not supported."));
    }
    match number(map, "pageSize")? {
        None | Some(0) => Ok(default),
        Some(size) => match usize::try_from(size) {
            // Larger than the limit is refused there, not cut.
            Ok(size) if action == Action::DailyRollUp => Ok(size),
            Ok(size) => Ok(size.min(most)),
            Err(_) => Err(error::invalid_field("page_size", "Page size must not be negative.")),
        },
    }
}

/// Which sources are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    All,
    /// Nothing of other companies' apps.
    Google,
    /// Nothing that was typed in.
    Wearables,
    /// What the caller wrote itself: nothing.
    Own,
}

/// Reads a data source family: its full name, or nothing.
pub fn family(map: &Map<String, Value>, user: &str) -> Result<Family, Reply> {
    let family = text(map, "dataSourceFamily")?;
    if family.is_empty() {
        return Ok(Family::All);
    }
    let user = format!("users/{user}");
    let short = ["users/me", &user].into_iter().find_map(|parent| {
        let rest = family.strip_prefix(parent)?;
        rest.strip_prefix("/dataSourceFamilies/")
    });
    match short {
        Some("all-sources") => Ok(Family::All),
        Some("google-sources") => Ok(Family::Google),
        Some("google-wearables") => Ok(Family::Wearables),
        Some("self-sources") => Ok(Family::Own),
        _ => {
            let text = format!("Invalid data source family: {family}");
            let reason = "INVALID_DATA_POINT_DATA_SOURCE_FAMILY";
            Err(error::invalid(reason, &text, &[]))
        }
    }
}
