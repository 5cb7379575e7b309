//! One point, before it becomes JSON.

use std::rc::Rc;

use jiff::Timestamp;
use serde_json::Value;

use super::json::civil_of;
use crate::google::filter::Anchor;
use crate::person::{Local, Person, instant};

/// What points are computed from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    pub person: &'a Person,
    /// Nothing from this instant on has reached the provider.
    pub synced: Timestamp,
    /// The cloud's work on older syncs may not be done.
    pub now: Timestamp,
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
    pub fn at(local: Local, value: impl Fn() -> Value + 'a) -> Point<'a> {
        let anchor = Anchor { instant: instant(local.minute), civil: civil_of(local) };
        Point { anchor, value: Rc::new(value), id: None, origin: Origin::Band }
    }
}
