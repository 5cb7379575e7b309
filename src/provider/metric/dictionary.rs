//! The data dictionary and what readers need of it, made from the table of metrics alone: tables
//! for Athena, views for DuckDB, column types for everything else. `tests/data_dictionary.rs`
//! compares them with the files in `docs/`.

use std::fmt::Write as _;

use crate::provider::metric::table::{DEFAULT, METRICS};
use crate::provider::metric::{Cadence, ColumnType, Metric};

const INTRODUCTION: &str = "\
# Data dictionary

Made from the table of metrics (`src/provider/metric/table.rs`): change it there, then run
`FITSYNC_WRITE_DOCS=1 cargo test --test data_dictionary`.

One CSV file per participant, metric and day: `users/{user_id}/{metric}/{user_id}_{metric}_{YYYYMMDD}.csv`,
below `FITSYNC_S3_PREFIX` where that is set. UTF-8, comma, `\\n`, the header always first. Rows are sorted
and none is repeated. There is one row for each value that the provider gave and none that it did not
give: a missing minute is a missing row, a zero is a real zero. A day without rows makes no file; the
[completeness file](reading.md#completeness) tells it from a day that was not read.

Integers are written as integers, other numbers with at most four decimals; a cell that was not given,
or is not a number, or is outside the range below, is empty. Ranges are those that Google documents for the
quantity, without what was seen in the place of no value: a zero where nobody can have one, and less than none.
Of two values for one date the one counts that the provider says is newer; it mostly says nothing, and then the
one with more cells counts, and of those the greater one as text. A local time whose offset was not told is in the
zone that the account had then. An element that cannot be read makes its day fail, and no other. `time_utc` and the other UTC times are `2026-11-22T13:05:00Z`; local times
are the wall clock, `2026-11-22T08:05:00`, without an offset. `time_local` is in the zone of the row's
day, which the completeness file names.

[Reading the data](reading.md) has queries for DuckDB, pandas and Athena.

The metrics of `FITSYNC_METRICS` are collected (`all` for every one); when it is unset, these are:
";

/// `docs/data-dictionary.md`
pub fn markdown() -> String {
    let mut out = INTRODUCTION.to_owned();
    let defaults: Vec<_> = DEFAULT.iter().map(|name| format!("`{name}`")).collect();
    let _ = writeln!(out, "{}.\n", defaults.join(", "));
    out.push_str("| metric | what | Google scope | Fitbit scope |\n|---|---|---|---|\n");
    for metric in METRICS {
        let fitbit = metric.fitbit.map_or("not collected", |source| source.scope);
        let _ = writeln!(
            out,
            "| [`{0}`](#{0}) | {1} | `{2}` | {3} |",
            metric.name,
            metric.meaning,
            metric.google.scope.name(),
            if metric.fitbit.is_some() { format!("`{fitbit}`") } else { fitbit.to_owned() },
        );
    }
    METRICS.iter().for_each(|metric| section(&mut out, metric));
    out.push_str(CLOCKS);
    out
}

fn section(out: &mut String, metric: &Metric) {
    let _ = write!(out, "\n## {}\n\n{}\n\n", metric.name, metric.meaning);
    let rows = match metric.cadence {
        Cadence::Minute => "One row per minute.",
        Cadence::Event => "One row per event; several may share a time.",
        Cadence::Daily => "At most one row per date.",
        Cadence::Night => "Several rows per date.",
    };
    let _ = write!(out, "{rows} Gaps: {}\n\n", metric.gaps);
    let _ = writeln!(out, "Google data type: `{}`.", metric.google.data_type);
    if let Some(source) = metric.fitbit {
        let _ = writeln!(out, "Fitbit Web API: `/{}/date/…`.", source.path);
    }
    out.push_str("\n| column | type | unit | range | meaning | Google field | Fitbit field |\n");
    out.push_str("|---|---|---|---|---|---|---|\n");
    for column in metric.all_columns() {
        let code = |text: &str| if text.is_empty() { String::new() } else { format!("`{text}`") };
        let cells = [
            code(column.name),
            column.kind.name().to_owned(),
            column.unit.to_owned(),
            column.range.map(|range| range.to_string()).unwrap_or_default(),
            column.meaning.to_owned(),
            code(column.google),
            code(column.fitbit),
        ];
        // An empty cell is one blank, so that the line has no trailing or double one.
        let cells = cells.map(|cell| if cell.is_empty() { cell } else { format!(" {cell}") });
        let _ = writeln!(out, "|{} |", cells.join(" |"));
    }
}

const CLOCKS: &str = "
## When clocks change

Google gives every minute in UTC: the hour that the clock shows twice has two rows per label, told apart
by `time_utc`. The retired Fitbit Web API gives wall clock labels only, one per minute and date. In its
data the labels of the hour that the clock shows twice are taken as the first showing, so that the second
has no rows, and the labels of the hour that the clock leaves out are dropped.
";

const ATHENA: &str = "\
-- Tables for Athena or Glue, one per metric, made from the table of metrics
-- (FITSYNC_WRITE_DOCS=1 cargo test --test data_dictionary).
--
-- Put your bucket (and prefix) in place of BUCKET, and the study ids in place of user_001,user_002.
-- Times are texts: from_iso8601_timestamp(time_utc), and for local times
-- date_parse(time_local, '%Y-%m-%dT%H:%i:%s').

";

/// `docs/athena.sql`
pub fn athena() -> String {
    let mut out = ATHENA.to_owned();
    files().for_each(|(name, columns)| table(&mut out, name, &columns));
    out
}

const DUCKDB: &str = "\
-- Views for DuckDB, one per metric, made from the table of metrics
-- (FITSYNC_WRITE_DOCS=1 cargo test --test data_dictionary).
--
-- Put your bucket (and prefix) in place of BUCKET. A view of what was never collected is an error:
-- leave it out.

";

/// `docs/duckdb.sql`. The types are named: DuckDB would guess them from a few files, and a column
/// that is empty there has no type to guess.
pub fn duckdb() -> String {
    let mut out = DUCKDB.to_owned();
    for (name, columns) in files() {
        let columns = columns.iter().map(|(name, kind)| format!("  '{name}': '{}'", kind.duckdb()));
        let columns = columns.collect::<Vec<_>>().join(",\n");
        let _ = write!(
            out,
            "CREATE OR REPLACE VIEW {name} AS SELECT * FROM read_csv(\n\
             's3://BUCKET/users/*/{name}/*.csv', auto_detect = false, header = true, columns = \
             {{\n{columns}\n}});\n\n"
        );
    }
    out
}

/// `docs/columns.json`: the words of the data dictionary, for a program.
pub fn columns() -> String {
    let file = |(name, columns): (&str, Vec<(&str, ColumnType)>)| {
        let columns = columns.iter().map(|(name, kind)| format!("\"{name}\": \"{}\"", kind.name()));
        let columns = columns.collect::<Vec<_>>().join(",\n    ");
        format!("  \"{name}\": {{\n    {columns}\n  }}")
    };
    let files = files().map(file).collect::<Vec<_>>().join(",\n");
    format!("{{\n{files}\n}}\n")
}

/// Every kind of file, with its columns.
fn files() -> impl Iterator<Item = (&'static str, Vec<(&'static str, ColumnType)>)> {
    let metrics = METRICS.iter().map(|metric| {
        let columns = metric.all_columns().map(|column| (column.name, column.kind));
        (metric.name, columns.collect())
    });
    std::iter::once(("completeness", COMPLETENESS.to_vec())).chain(metrics)
}

/// The columns of the completeness file.
pub const COMPLETENESS: [(&str, ColumnType); 13] = [
    ("user_id", ColumnType::Text),
    ("metric", ColumnType::Text),
    ("date", ColumnType::Date),
    ("state", ColumnType::Text),
    ("rows", ColumnType::Integer),
    ("revisions", ColumnType::Integer),
    ("time_zone", ColumnType::Text),
    ("day_start_utc", ColumnType::TimeUtc),
    ("day_end_utc", ColumnType::TimeUtc),
    ("device_synced_utc", ColumnType::TimeUtc),
    ("provider", ColumnType::Text),
    ("data_source", ColumnType::Text),
    ("sha256", ColumnType::Text),
];

fn table(out: &mut String, name: &str, columns: &[(&str, ColumnType)]) {
    let _ = writeln!(out, "CREATE EXTERNAL TABLE IF NOT EXISTS fitsync_{name} (");
    let lines: Vec<_> =
        columns.iter().map(|(name, kind)| format!("  `{name}` {}", kind.athena())).collect();
    let _ = write!(
        out,
        "{}\n)\nPARTITIONED BY (participant string)\nROW FORMAT DELIMITED FIELDS TERMINATED BY ','\n\
         LOCATION 's3://BUCKET/users/'\nTBLPROPERTIES (\n  'skip.header.line.count' = '1',\n  \
         'projection.enabled' = 'true',\n  'projection.participant.type' = 'enum',\n  \
         'projection.participant.values' = 'user_001,user_002',\n  \
         'storage.location.template' = 's3://BUCKET/users/${{participant}}/{name}/'\n);\n\n",
        lines.join(",\n")
    );
}
