//! The points of `list` and `reconcile`: what a participant's data looks like as JSON.
//!
//! A [`Point`] knows its place in time and can make its JSON; only the rows of the page that is
//! asked for are made.

mod daily;
mod json;
mod minute;
mod point;
mod session;

use std::rc::Rc;

use serde_json::{Map, Value, json};

pub use json::{civil_json, date_json, instant_json};
pub use point::{Make, Origin, Point, Source};

use super::filter::Filter;
use super::strict::Family;
use super::types::{DataType, Kind};
use crate::odd;
use crate::person::Person;
use json::put;

/// The points of a type that a filter wants, newest first.
pub fn points<'a>(source: Source<'a>, data_type: &DataType, filter: &Filter) -> Vec<Point<'a>> {
    let mut points = match (data_type.kind, data_type.id) {
        (Kind::Daily, id) => daily::points(source, id, filter),
        (Kind::Sleep | Kind::Session, id)
        | (_, id @ ("weight" | "heart-rate-variability" | "oxygen-saturation")) => {
            session::points(source, id, filter)
        }
        (_, id) => minute::points(source, id, filter),
    };
    points.retain(|point| filter.wants(point.anchor));
    let mut points = odd_points(source.person, data_type.id, points);
    points.sort_by_key(|point| std::cmp::Reverse(point.anchor.instant));
    points
}

/// The points with everything odd about their days.
fn odd_points<'a>(person: &'a Person, id: &'static str, points: Vec<Point<'a>>) -> Vec<Point<'a>> {
    if person.odd.is_empty() {
        return points;
    }
    let each = points.into_iter().flat_map(|point| {
        let minute = point.anchor.instant.as_second().div_euclid(60);
        let place = (point.anchor.civil.date(), minute);
        let make = point.value.clone();
        (0..odd::count(person, id, place)).map(move |index| {
            let make = make.clone();
            let value = move || {
                let elements = odd::elements(person, id, place, make());
                elements.into_iter().nth(index).unwrap_or(Value::Null)
            };
            Point { value: Rc::new(value), ..point.clone() }
        })
    });
    each.collect()
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
