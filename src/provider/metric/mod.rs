//! What a metric is: name, cadence, columns, and how each provider asks and reads. The rows are in
//! `metric_table.rs`; the data dictionary is made from them.

pub mod columns;
pub mod dictionary;
pub mod sample_columns;
pub mod session_columns;
pub mod table;

use crate::core::error::Result;
use crate::core::json::Element;
use crate::core::table::{Cell, Row};
use crate::provider::fitbit::read::FitbitRead;
use crate::provider::job::Job;

/// What a row of the metric is about, and so how its days are asked and cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cadence {
    /// Whole minutes, cut into days by UTC range.
    Minute,
    /// Instants at which something happened, cut likewise; several rows may share one.
    Event,
    /// One value per civil date.
    Daily,
    /// What belongs to a night, under the civil date on which it ended; several rows per date.
    Night,
}

impl Cadence {
    /// Whether rows are instants; if not they are civil dates.
    pub const fn has_instants(self) -> bool {
        matches!(self, Self::Minute | Self::Event)
    }

    /// Whether several rows may have the same key.
    pub const fn repeats_keys(self) -> bool {
        matches!(self, Self::Event | Self::Night)
    }
}

/// The type of a column, for readers and for the data dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    Integer,
    Number,
    Text,
    /// `true` or `false`
    Boolean,
    /// `2026-11-22`
    Date,
    /// `2026-11-22T13:05:00Z`
    TimeUtc,
    /// `2026-11-22T08:05:00`: a wall clock.
    TimeLocal,
}

impl ColumnType {
    /// The word of the data dictionary.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Text => "text",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::TimeUtc => "UTC time",
            Self::TimeLocal => "local time",
        }
    }

    /// The type in Athena, whose text files know one form of time only, and it is not ISO 8601
    /// (https://docs.aws.amazon.com/athena/latest/ug/data-types.html).
    pub const fn athena(self) -> &'static str {
        match self {
            Self::Integer => "bigint",
            Self::Number => "double",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Text | Self::TimeUtc | Self::TimeLocal => "string",
        }
    }

    /// The type in DuckDB (https://duckdb.org/docs/stable/sql/data_types/overview).
    pub const fn duckdb(self) -> &'static str {
        match self {
            Self::Integer => "BIGINT",
            Self::Number => "DOUBLE",
            Self::Text => "VARCHAR",
            Self::Boolean => "BOOLEAN",
            Self::Date => "DATE",
            Self::TimeUtc => "TIMESTAMPTZ",
            Self::TimeLocal => "TIMESTAMP",
        }
    }
}

/// The values that a number can have: those that the API documents for its field, without what it
/// was seen to put in the place of no value. Any other is an empty cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    low: f64,
    high: f64,
    /// The low end is none of them.
    above: bool,
}

impl Range {
    pub const fn new(low: f64, high: f64) -> Self {
        Self { low, high, above: false }
    }

    pub const fn from_zero() -> Self {
        Self::new(0.0, f64::INFINITY)
    }

    /// A zero is a placeholder.
    pub const fn above_zero(high: f64) -> Self {
        Self { low: 0.0, high, above: true }
    }

    /// Not a number is in no range.
    pub fn contains(&self, value: f64) -> bool {
        value <= self.high && if self.above { value > self.low } else { value >= self.low }
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let from = if self.above { "above" } else { "from" };
        write!(out, "{from} {}", self.low)?;
        if self.high.is_finite() { write!(out, " to {}", self.high) } else { Ok(()) }
    }
}

/// One column, with what the data dictionary says of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Column {
    pub name: &'static str,
    pub kind: ColumnType,
    pub unit: &'static str,
    pub meaning: &'static str,
    /// The field of the Google Health API that it comes from.
    pub google: &'static str,
    /// The field of the Fitbit Web API; empty where it has none.
    pub fitbit: &'static str,
    /// `None`: any number.
    pub range: Option<Range>,
}

impl Column {
    /// The same column, of which only these values are written.
    pub const fn within(self, range: Range) -> Self {
        Self { range: Some(range), ..self }
    }
}

const KEY_USER: Column =
    column("user_id", ColumnType::Text, "", "The study's id of the participant", "", "");
const KEY_DATE: Column =
    column("date", ColumnType::Date, "", "The civil date in the participant's zone", "", "");
const KEY_UTC: Column =
    column("time_utc", ColumnType::TimeUtc, "", "When it was, or began", "", "");
const KEY_LOCAL: Column = column(
    "time_local",
    ColumnType::TimeLocal,
    "",
    "The same on the wall clock of the day's zone",
    "",
    "",
);

/// Google's scopes group data types; all are read-only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    ActivityAndFitness,
    HealthMetrics,
    Sleep,
}

impl Scope {
    /// What stands between Google's prefix and `.readonly`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ActivityAndFitness => "activity_and_fitness",
            Self::HealthMetrics => "health_metrics_and_measurements",
            Self::Sleep => "sleep",
        }
    }
}

/// How the Google Health API is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoogleQuery {
    /// `POST …:rollUp` in windows of one minute.
    RollUp,
    /// `GET …:reconcile`, filtered by this member of the type and the job's UTC range.
    ReconcileInstant(&'static str),
    /// `GET …:reconcile`, filtered by civil date.
    ReconcileDate(&'static str),
    /// Likewise for types that have instants but no filter by them: one day more at both ends,
    /// because the civil date may have been another one where the participant was.
    ReconcileAround(&'static str),
}

/// Reads one element of a page.
#[derive(Debug, Clone, Copy)]
pub enum Read {
    /// To at most one row.
    One(fn(&Element) -> Result<Option<Row>>),
    /// To several rows; the job knows the zone of the account, for times without an offset.
    Many(fn(&Element, &Job) -> Result<Vec<Row>>),
}

/// Where a metric stands in the Google Health API.
#[derive(Debug, Clone, Copy)]
pub struct GoogleSource {
    /// The data type in paths (kebab case).
    pub data_type: &'static str,
    pub scope: Scope,
    pub ask: GoogleQuery,
    pub read: Read,
    /// Several points to one row, where the table has fewer rows than the API has points.
    pub combine: Option<fn(Vec<Row>) -> Vec<Row>>,
}

/// Where a metric stands in the retired Fitbit Web API.
#[derive(Debug, Clone, Copy)]
pub struct FitbitSource {
    pub scope: &'static str,
    /// What comes before `/date/` in the path.
    pub path: &'static str,
    pub read: FitbitRead,
}

#[derive(Debug, Clone, Copy)]
pub struct Metric {
    pub name: &'static str,
    pub cadence: Cadence,
    pub meaning: &'static str,
    /// What a missing row, a zero and an empty cell mean.
    pub gaps: &'static str,
    /// The columns after the key.
    pub columns: &'static [Column],
    pub google: GoogleSource,
    /// `None`: the retired API is not asked for it.
    pub fitbit: Option<FitbitSource>,
    /// Google's values after the device's last sync are its filling, not data.
    pub filled_by_google: bool,
}

impl Metric {
    /// The columns that say whose row it is and what it is about.
    pub const fn key(&self) -> &'static [Column] {
        if self.cadence.has_instants() {
            &[KEY_USER, KEY_UTC, KEY_LOCAL]
        } else {
            &[KEY_USER, KEY_DATE]
        }
    }

    /// All columns, in their order.
    pub fn all_columns(&self) -> impl Iterator<Item = &'static Column> {
        self.key().iter().chain(self.columns)
    }

    /// Empties the cells whose number cannot be.
    pub fn empty_placeholders(&self, row: &mut Row) {
        for (cell, column) in row.cells.iter_mut().zip(self.columns) {
            #[expect(clippy::cast_precision_loss, reason = "no range has 53 bits")]
            let value = match cell {
                Cell::Int(value) => *value as f64,
                Cell::Number(value) => *value,
                Cell::Text(_) | Cell::Instant(_) | Cell::Empty => continue,
            };
            if column.range.is_some_and(|range| !range.contains(value)) {
                *cell = Cell::Empty;
            }
        }
    }

    /// The header of the metric's files.
    pub fn header(&self) -> Vec<&'static str> {
        self.all_columns().map(|column| column.name).collect()
    }
}

pub const fn column(
    name: &'static str,
    kind: ColumnType,
    unit: &'static str,
    meaning: &'static str,
    google: &'static str,
    fitbit: &'static str,
) -> Column {
    Column { name, kind, unit, meaning, google, fitbit, range: None }
}
