//! Odd elements: what real accounts, other clients and the discovery document show and the
//! samples do not. They are a trait of a participant's day, so every request for it meets them.

use jiff::civil::Date;
use serde_json::Value;

use crate::fault::{Change, apply, replace};
use crate::metric::Metric;
use crate::person::Person;

/// How the elements of one data type on one day differ from the usual ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Odd {
    /// As in paths: `exercise`.
    pub data_type: String,
    /// Below the type's own message, such as `stages/*/type`; empty: the message itself.
    pub at: String,
    pub how: How,
    /// Of minutes only each n-th is odd.
    pub every: i64,
    /// What fitsync must make of it; metrics that are not named are as usual.
    pub truth: Vec<(Metric, Reads)>,
}

/// What is odd.
#[derive(Clone, Debug, PartialEq)]
pub enum How {
    Change(Change),
    /// The element comes twice, the second time with this value at the place; `None`: the same.
    Twice(Option<Value>),
}

/// What fitsync must make of an odd day of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reads {
    /// These columns are empty.
    Empty(Vec<&'static str>),
    /// These columns have these cells.
    Cells(Vec<(&'static str, &'static str)>),
    /// The odd elements give no row.
    NoRow,
    /// The day cannot be read: no file, and the day is named.
    Failed,
}

impl Odd {
    pub fn new(data_type: &str, at: &str, how: How) -> Odd {
        let (data_type, at) = (data_type.to_owned(), at.to_owned());
        Odd { data_type, at, how, every: 1, truth: Vec::new() }
    }

    /// A field (or what `at` names) is not written.
    pub fn without(data_type: &str, at: &str) -> Odd {
        Odd::new(data_type, at, How::Change(Change::Remove))
    }

    /// A field has another value.
    pub fn with(data_type: &str, at: &str, value: impl Into<Value>) -> Odd {
        Odd::new(data_type, at, How::Change(Change::Set(value.into())))
    }

    #[must_use]
    pub fn every(self, every: i64) -> Odd {
        Odd { every, ..self }
    }

    #[must_use]
    pub fn reads(mut self, metric: Metric, reads: Reads) -> Odd {
        self.truth.push((metric, reads));
        self
    }

    /// Shorthand: these columns are empty.
    #[must_use]
    pub fn empties(self, metric: Metric, columns: &[&'static str]) -> Odd {
        self.reads(metric, Reads::Empty(columns.to_vec()))
    }

    /// Whether it meets a minute.
    fn meets(&self, minute: i64) -> bool {
        self.every <= 1 || minute.rem_euclid(self.every) == 0
    }
}

/// What is odd about an element of a day: itself as it is sent, and whatever comes beside it.
/// Without anything odd the answer is the value.
pub fn elements(
    person: &Person,
    data_type: &str,
    (date, minute): (Date, i64),
    value: Value,
) -> Vec<Value> {
    let mut values = vec![value];
    for odd in person.odd.get(&date).into_iter().flatten() {
        if odd.data_type != data_type || !odd.meets(minute) {
            continue;
        }
        match &odd.how {
            How::Change(change) => {
                values.iter_mut().for_each(|value| change_at(value, &odd.at, change));
            }
            How::Twice(other) => {
                let mut second = values[0].clone();
                if let Some(other) = other {
                    change_at(&mut second, &odd.at, &Change::Set(other.clone()));
                }
                values.push(second);
            }
        }
    }
    values
}

fn change_at(value: &mut Value, at: &str, change: &Change) {
    if at.is_empty() {
        return replace(value, change);
    }
    let there = apply(value, at, change);
    // What is missing is set all the same, so that the day is odd.
    let (parent, name) = at.rsplit_once('/').unwrap_or(("", at));
    let pointer = if parent.is_empty() { String::new() } else { format!("/{parent}") };
    let parent = value.pointer_mut(&pointer);
    if let (false, Change::Set(new), Some(Value::Object(parent))) = (there, change, parent) {
        parent.insert(name.to_owned(), new.clone());
    }
}

/// How many elements stand for one of a day.
pub fn count(person: &Person, data_type: &str, (date, minute): (Date, i64)) -> usize {
    let odd = person.odd.get(&date).into_iter().flatten();
    let twice = odd.filter(|odd| {
        let second = matches!(odd.how, How::Twice(_));
        second && odd.data_type == data_type && odd.meets(minute)
    });
    1 + twice.count()
}

/// What fitsync must make of the cells after a row's key that would be as usual. `None`: nothing.
pub fn cells(
    person: &Person,
    metric: Metric,
    (date, minute): (Date, i64),
    cells: String,
) -> Option<String> {
    if person.odd.is_empty() {
        return Some(cells);
    }
    let mut cells: Vec<String> = cells.split(',').map(str::to_owned).collect();
    let mut put = |column: &str, text: &str| {
        let index = metric.columns().split(',').position(|name| name == column);
        if let Some(cell) = index.and_then(|index| cells.get_mut(index)) {
            text.clone_into(cell);
        }
    };
    for (odd, reads) in reads(person, metric, date) {
        match reads {
            _ if !odd.meets(minute) => {}
            Reads::NoRow | Reads::Failed => return None,
            Reads::Empty(columns) => columns.iter().for_each(|column| put(column, "")),
            Reads::Cells(pairs) => pairs.iter().for_each(|(column, text)| put(column, text)),
        }
    }
    // What tells nothing is no row; a placeholder is one.
    let removes = |(odd, _): (&Odd, &Reads)| odd.how == How::Change(Change::Remove);
    let tells_nothing = cells.iter().all(String::is_empty);
    let is_gone = tells_nothing && reads(person, metric, date).any(removes);
    (!is_gone).then(|| cells.join(","))
}

/// The same for a whole row with so many cells of key before the others.
pub fn row(
    person: &Person,
    metric: Metric,
    date: Date,
    row: String,
    key_cells: usize,
) -> Option<String> {
    let end = row.match_indices(',').nth(key_cells - 1).map(|(index, _)| index);
    let (key, others) = row.split_at(end.unwrap_or(row.len()));
    let others = others.strip_prefix(',').unwrap_or(others).to_owned();
    Some(format!("{key},{}", cells(person, metric, (date, 0), others)?))
}

/// Whether a metric's day cannot be read.
pub fn fails(person: &Person, metric: Metric, date: Date) -> bool {
    reads(person, metric, date).any(|(_, reads)| *reads == Reads::Failed)
}

fn reads(person: &Person, metric: Metric, date: Date) -> impl Iterator<Item = (&Odd, &Reads)> {
    let odd = person.odd.get(&date).into_iter().flatten();
    let each =
        odd.flat_map(|odd| odd.truth.iter().map(move |(metric, reads)| (odd, metric, reads)));
    each.filter(move |(_, one, _)| **one == metric).map(|(odd, _, reads)| (odd, reads))
}
