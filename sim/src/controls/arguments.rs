//! The arguments of a call of the control API: query parameters, or the fields of a JSON object.

use serde_json::{Map, Value};

use crate::http::Ask;
use crate::metric::Metric;

/// The arguments of a call.
pub struct Arguments(pub Map<String, Value>);

impl Arguments {
    pub fn of(ask: &Ask) -> Result<Arguments, String> {
        let mut map = Map::new();
        if !ask.body.is_empty() {
            let body = serde_json::from_slice(&ask.body);
            match body.map_err(|problem| format!("the body is no JSON: {problem}"))? {
                Value::Object(fields) => map = fields,
                _ => return Err("the body must be a JSON object".to_owned()),
            }
        }
        for (name, value) in &ask.query {
            map.insert(name.clone(), Value::from(value.as_str()));
        }
        Ok(Arguments(map))
    }

    pub fn maybe(&self, name: &str) -> Option<String> {
        match self.0.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(other) => Some(other.to_string()),
        }
    }

    pub fn text(&self, name: &str) -> Result<String, String> {
        self.maybe(name).ok_or_else(|| format!("{name} is missing"))
    }

    pub fn read<T: std::str::FromStr>(&self, name: &str) -> Result<T, String> {
        let text = self.text(name)?;
        text.parse().map_err(|_| format!("{name}={text} cannot be read"))
    }

    pub fn metrics(&self) -> Result<Vec<Metric>, String> {
        let names = self.maybe("metrics");
        match names.as_deref() {
            None => Ok(Metric::FIVE.to_vec()),
            Some("all") => Ok(Metric::ALL.to_vec()),
            Some(names) => {
                let one = |name| Metric::named(name).ok_or(format!("no such metric: {name}"));
                names.split(',').map(one).collect()
            }
        }
    }

    pub fn metric(&self) -> Result<Option<Metric>, String> {
        match self.maybe("metric") {
            None => Ok(None),
            Some(name) => match Metric::named(&name) {
                Some(metric) => Ok(Some(metric)),
                None => Err(format!("no such metric: {name}")),
            },
        }
    }
}
