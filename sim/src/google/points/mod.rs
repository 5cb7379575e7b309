//! The points of `list` and `reconcile`: what a participant's data looks like as JSON.
//!
//! A [`Point`] knows its place in time and can make its JSON; only the rows of the page that is
//! asked for are made.

mod daily;
mod json;
mod minute;
mod session;

use std::rc::Rc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

pub use json::{civil_json, date_json, instant_json};

use super::filter::{Anchor, Filter};
use super::strict::Family;
use super::types::{DataType, Kind};
use crate::person::{Local, Person, instant};
use json::{civil_of, put};

/// What points are computed from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    pub person: &'a Person,
    /// Nothing from this instant on has reached the provider.
    pub synced: Timestamp,
    pub device: &'a str,
    /// The id in the names of points.
    pub user: &'a str,
}

/// Who or what recorded a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Band,
    /// Worked out by the provider.
    Derived,
    /// Another app: in `list` only, `reconcile` has merged it.
    Phone,
    /// Typed in: not among `google-wearables`.
    Manual,
}

/// Makes the JSON of a row.
pub type Make<'a> = Rc<dyn Fn() -> Value + 'a>;

/// One point, before it is dressed for `list` or `reconcile`.
#[derive(Clone)]
pub struct Point<'a> {
    pub anchor: Anchor,
    /// The type's own message.
    pub value: Make<'a>,
    /// Identifiable types have an id.
    pub id: Option<i64>,
    pub origin: Origin,
}

impl<'a> Point<'a> {
    /// A point of the band at the beginning of a minute.
    fn at(local: Local, value: impl Fn() -> Value + 'a) -> Point<'a> {
        let anchor = Anchor { instant: instant(local.minute), civil: civil_of(local) };
        Point { anchor, value: Rc::new(value), id: None, origin: Origin::Band }
    }
}

/// The points of a type that a filter wants, newest first.
pub fn points<'a>(source: Source<'a>, data_type: &DataType, filter: &Filter) -> Vec<Point<'a>> {
    let mut points = match (data_type.kind, data_type.id) {
        (Kind::Daily, id) => daily::points(source, id, filter),
        (Kind::Sleep | Kind::Session, id) | (_, id @ "weight") => {
            session::points(source, id, filter)
        }
        (_, id) => minute::points(source, id, filter),
    };
    points.retain(|point| filter.wants(point.anchor));
    points.sort_by_key(|point| std::cmp::Reverse(point.anchor.instant));
    points
}

/// A point as `list` sends it: with its source.
pub fn listed<'a>(source: Source<'a>, data_type: &'a DataType, point: Point<'a>) -> Make<'a> {
    let origin = match point.origin {
        Origin::Phone => json!({
            "recordingMethod": "UNKNOWN",
            "device": {"formFactor": "PHONE", "manufacturer": "samsung"},
            "application": {"packageName": "com.sec.android.app.shealth"},
            "platform": "HEALTH_CONNECT",
        }),
        Origin::Derived => json!({
            "recordingMethod": "DERIVED",
            "device": {"displayName": source.device},
            "platform": "FITBIT",
        }),
        Origin::Manual => json!({"recordingMethod": "MANUAL", "platform": "FITBIT"}),
        Origin::Band => json!({
            "recordingMethod": "PASSIVELY_MEASURED",
            "device": {
                "formFactor": "FITNESS_BAND",
                "manufacturer": "Fitbit",
                "displayName": source.device,
            },
            "platform": "FITBIT",
        }),
    };
    Rc::new(move || {
        let mut object = Map::new();
        put(&mut object, "name", name(source, data_type, &point));
        put(&mut object, "dataSource", Some(origin.clone()));
        put(&mut object, &data_type.camel(), Some((point.value)()));
        Value::Object(object)
    })
}

/// A point as `reconcile` sends it: merged, without a source. `None`: not in this family.
pub fn reconciled<'a>(
    source: Source<'a>,
    data_type: &'a DataType,
    family: Family,
    point: Point<'a>,
) -> Option<Make<'a>> {
    let wearable = family == Family::Wearables;
    if point.origin == Origin::Phone || (wearable && point.origin == Origin::Manual) {
        return None;
    }
    Some(Rc::new(move || {
        let mut object = Map::new();
        put(&mut object, "dataPointName", name(source, data_type, &point));
        put(&mut object, &data_type.camel(), Some((point.value)()));
        Value::Object(object)
    }))
}

fn name(source: Source<'_>, data_type: &DataType, point: &Point<'_>) -> Option<Value> {
    let (user, id) = (source.user, data_type.id);
    let name = |point: i64| format!("users/{user}/dataTypes/{id}/dataPoints/{point}");
    point.id.map(|point| Value::from(name(point)))
}
