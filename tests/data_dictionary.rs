//! The documents that are made from the table of metrics say what the table says.

use std::path::Path;

use fitsync::ledger::completeness::CompletenessRow;
use fitsync::provider::metric::dictionary;
use fitsync::provider::metric::table::METRICS;

/// Compares, or writes where `FITSYNC_WRITE_DOCS` is set.
fn check(name: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    if std::env::var_os("FITSYNC_WRITE_DOCS").is_some() {
        std::fs::write(&path, made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "docs/{name} is not what the table of metrics says; run: \
         FITSYNC_WRITE_DOCS=1 cargo test --test data_dictionary"
    );
}

#[test]
fn the_data_dictionary_says_what_the_table_of_metrics_says() {
    check("data-dictionary.md", &dictionary::markdown());
}

#[test]
fn the_table_definitions_have_the_columns_of_the_files() {
    check("athena.sql", &dictionary::athena());
    check("duckdb.sql", &dictionary::duckdb());
    check("columns.json", &dictionary::columns());
}

#[test]
fn every_column_is_described_and_names_are_not_used_twice() {
    for metric in METRICS {
        let names = metric.header();
        for column in metric.columns {
            assert!(!column.meaning.is_empty() && !column.google.is_empty(), "{}", column.name);
            assert_eq!(names.iter().filter(|name| **name == column.name).count(), 1);
        }
        assert!(!metric.gaps.is_empty() && !metric.meaning.is_empty(), "{}", metric.name);
    }
}

#[test]
fn the_completeness_file_has_the_columns_that_are_documented() {
    let row = CompletenessRow {
        user_id: String::new(),
        metric: String::new(),
        date: String::new(),
        state: String::new(),
        rows: 0,
        revisions: 0,
        time_zone: String::new(),
        day_start_utc: String::new(),
        day_end_utc: String::new(),
        device_synced_utc: String::new(),
        provider: String::new(),
        data_source: String::new(),
        sha256: String::new(),
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.serialize(row).unwrap();
    let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
    let names: Vec<_> = dictionary::COMPLETENESS.iter().map(|(name, _)| *name).collect();
    assert_eq!(text.lines().next().unwrap(), names.join(","));
}
