//! Reading the JSON of others, leniently in form and strictly in meaning.
//!
//! A page of 10,000 rows is never one tree in memory: `json_scan` finds one value after the other,
//! and an [`Element`] is parsed from one alone. Every error names the path:
//! `rollupDataPoints[17].steps.countSum: expected an integer, found null`. Values are never quoted
//! in errors: they are health data.
//!
//! Also here: [`AsText`], which lets our own files hold times and dates through miniserde.

use std::fmt::Display;
use std::ops::Deref;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use miniserde::json::{Number, Value};

use crate::core::error::{ErrorClass, Failure, Result};

fn malformed(what: impl Into<String>) -> Failure {
    Failure::new(ErrorClass::Format, what)
}

/// One parsed value and where it stands; paths are dotted (`steps.countSum`).
#[derive(Debug)]
pub struct Element {
    value: Value,
    place: String,
}

impl Element {
    pub fn parse(raw: &str, place: impl Into<String>) -> Result<Self> {
        let place = place.into();
        let value = miniserde::json::from_str(raw)
            .map_err(|_| malformed(format!("{place}: not valid JSON")))?;
        Ok(Self { value, place })
    }

    /// An object, which every reply of a provider is.
    pub fn object(raw: &str, place: impl Into<String>) -> Result<Self> {
        let found = Self::parse(raw, place)?;
        if found.is_object("") { Ok(found) } else { Err(found.unexpected("", "an object")) }
    }

    fn find(&self, path: &str) -> Option<&Value> {
        path.split('.').filter(|step| !step.is_empty()).try_fold(&self.value, |value, step| {
            match value {
                Value::Object(object) => object.get(step),
                _ => None,
            }
        })
    }

    pub fn has(&self, path: &str) -> bool {
        self.find(path).is_some()
    }

    /// Whether there is a value at `path` that is not null.
    pub fn has_value(&self, path: &str) -> bool {
        self.find(path).is_some_and(|value| !matches!(value, Value::Null))
    }

    /// The names of the members of the object at `path`; none where there is no object.
    pub fn names(&self, path: &str) -> Vec<&str> {
        match self.find(path) {
            Some(Value::Object(object)) => object.keys().map(String::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether the value at `path` is an object.
    pub fn is_object(&self, path: &str) -> bool {
        matches!(self.find(path), Some(Value::Object(_)))
    }

    /// The elements of the array at `path`; none where the member is absent.
    pub fn list(&self, path: &str) -> Result<Vec<Self>> {
        let Some(found) = self.find(path) else { return Ok(Vec::new()) };
        let Value::Array(array) = found else {
            return Err(self.unexpected(path, "an array"));
        };
        let element = |(index, value): (usize, &Value)| Self {
            value: value.clone(),
            place: format!("{}[{index}]", self.path_to(path)),
        };
        Ok(array.iter().enumerate().map(element).collect())
    }

    fn path_to(&self, path: &str) -> String {
        if path.is_empty() { self.place.clone() } else { format!("{}.{path}", self.place) }
    }

    /// The error for a value that is not what was expected there.
    pub fn unexpected(&self, path: &str, expected: &str) -> Failure {
        let found = match self.find(path) {
            None => "nothing",
            Some(Value::Null) => "null",
            Some(Value::Bool(_)) => "a boolean",
            Some(Value::Number(_)) => "a number",
            Some(Value::String(_)) => "a text",
            Some(Value::Array(_)) => "an array",
            Some(Value::Object(_)) => "an object",
        };
        malformed(format!("{}: expected {expected}, found {found}", self.path_to(path)))
    }

    fn read<T>(
        &self,
        path: &str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<T> {
        self.find(path).and_then(read).ok_or_else(|| self.unexpected(path, expected))
    }

    pub fn text(&self, path: &str) -> Result<&str> {
        match self.find(path) {
            Some(Value::String(text)) => Ok(text),
            _ => Err(self.unexpected(path, "a text")),
        }
    }

    /// An integer, also as a text (int64 in proto3 JSON) or as `72.0`.
    pub fn int(&self, path: &str) -> Result<i64> {
        self.read(path, "an integer", integer)
    }

    /// A number, also as a text; `"NaN"` and `"Infinity"` are numbers in proto3 JSON.
    pub fn number(&self, path: &str) -> Result<f64> {
        self.read(path, "a number", float)
    }

    pub fn boolean(&self, path: &str) -> Result<bool> {
        self.read(path, "a boolean", |value| match value {
            Value::Bool(value) => Some(*value),
            _ => None,
        })
    }

    pub fn instant(&self, path: &str) -> Result<Timestamp> {
        self.text(path)?.parse().map_err(|_| self.unexpected(path, "an RFC 3339 time"))
    }

    /// `{"year":2026,"month":10,"day":15}`
    pub fn date(&self, path: &str) -> Result<Date> {
        let part = |name: &str| self.int(&format!("{path}.{name}"));
        let (year, month, day) = (part("year")?, part("month")?, part("day")?);
        i16::try_from(year)
            .ok()
            .zip(i8::try_from(month).ok())
            .zip(i8::try_from(day).ok())
            .and_then(|((year, month), day)| Date::new(year, month, day).ok())
            .ok_or_else(|| self.unexpected(path, "a date"))
    }

    /// `None` where the member is absent; anything wrong in it is still an error.
    pub fn optional<'a, T>(
        &'a self,
        path: &str,
        read: impl FnOnce(&'a Self, &str) -> Result<T>,
    ) -> Result<Option<T>> {
        if self.has(path) { read(self, path).map(Some) } else { Ok(None) }
    }

    /// The same, and `None` for null, which is how proto3 JSON may write what is not set.
    pub fn nullable<'a, T>(
        &'a self,
        path: &str,
        read: impl FnOnce(&'a Self, &str) -> Result<T>,
    ) -> Result<Option<T>> {
        if self.has_value(path) { read(self, path).map(Some) } else { Ok(None) }
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(Number::I64(value)) => Some(*value),
        Value::Number(Number::U64(value)) => i64::try_from(*value).ok(),
        Value::Number(Number::F64(value)) => {
            // Exactly representable integers only: 2^53 and above is not what was sent.
            let whole = value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0;
            #[expect(clippy::cast_possible_truncation, reason = "checked to be a whole number")]
            whole.then_some(*value as i64)
        }
        _ => None,
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            text => text.parse().ok().filter(|value: &f64| value.is_finite()),
        },
        #[expect(clippy::cast_precision_loss, reason = "no measurement has 53 bits")]
        Value::Number(Number::I64(value)) => Some(*value as f64),
        #[expect(clippy::cast_precision_loss, reason = "no measurement has 53 bits")]
        Value::Number(Number::U64(value)) => Some(*value as f64),
        Value::Number(Number::F64(value)) => Some(*value),
        _ => None,
    }
}

/// A value that our own files hold as text: times, dates, names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AsText<T>(pub T);

impl<T> Deref for AsText<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Display> miniserde::Serialize for AsText<T> {
    fn begin(&self) -> miniserde::ser::Fragment<'_> {
        miniserde::ser::Fragment::Str(self.0.to_string().into())
    }
}

mod text_place {
    use super::{AsText, FromStr};
    use miniserde::de::{Deserialize, Visitor};

    miniserde::make_place!(Place);

    impl<T: FromStr> Visitor for Place<AsText<T>> {
        fn string(&mut self, text: &str) -> miniserde::Result<()> {
            self.out = Some(AsText(text.parse().map_err(|_| miniserde::Error)?));
            Ok(())
        }
    }

    impl<T: FromStr> Deserialize for AsText<T> {
        fn begin(out: &mut Option<Self>) -> &mut dyn Visitor {
            Place::new(out)
        }
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
