//! The table of metrics. A metric is one row here and one reader per provider: name, columns, and
//! how each provider asks and reads. The data dictionary is made from this table.

use crate::core::error::Result;
use crate::core::json::Element;
use crate::core::table::Row;
use crate::provider::google_read as read;

/// What a row of the metric is about, and so how its days are asked and cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cadence {
    /// Instants, cut into days by UTC range.
    Minute,
    /// One value per civil date.
    Daily,
}

/// One column after the key, with what the data dictionary says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    pub name: &'static str,
    pub unit: &'static str,
    pub meaning: &'static str,
    /// The field of the Google Health API that it comes from.
    pub source: &'static str,
}

/// Google's scopes group data types; all are read-only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    ActivityAndFitness,
    HealthMetrics,
}

/// How the Google Health API is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// `POST …:rollUp` in windows of one minute.
    RollUp,
    /// `GET …:reconcile`, filtered by this member of the type and the job's UTC range.
    ReconcileInstant(&'static str),
    /// `GET …:reconcile`, filtered by civil date.
    ReconcileDate(&'static str),
}

/// Where a metric stands in the Google Health API.
#[derive(Debug, Clone, Copy)]
pub struct GoogleSource {
    /// The data type in paths (kebab case).
    pub data_type: &'static str,
    /// The member of a point that holds the value.
    pub member: &'static str,
    pub scope: Scope,
    pub ask: Ask,
    /// One element of a page to at most one row.
    pub read: fn(&Element) -> Result<Option<Row>>,
    /// Several points to one row, where the table has fewer rows than the API has points.
    pub combine: Option<fn(Vec<Row>) -> Vec<Row>>,
}

#[derive(Debug, Clone, Copy)]
pub struct Metric {
    pub name: &'static str,
    pub cadence: Cadence,
    pub meaning: &'static str,
    pub columns: &'static [Column],
    pub google: GoogleSource,
    /// Values after the device's last sync are the provider's filling, not data.
    pub filled_by_provider: bool,
}

impl Metric {
    /// The header of the metric's files.
    pub fn header(&self) -> Vec<&'static str> {
        let key: &[&str] = match self.cadence {
            Cadence::Minute => &["user_id", "time_utc", "time_local"],
            Cadence::Daily => &["user_id", "date"],
        };
        key.iter().copied().chain(self.columns.iter().map(|column| column.name)).collect()
    }
}

/// The metric of this name.
pub fn find(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name)
}

const fn column(
    name: &'static str,
    unit: &'static str,
    meaning: &'static str,
    source: &'static str,
) -> Column {
    Column { name, unit, meaning, source }
}

/// The metrics that are collected when `FITSYNC_METRICS` names none: the seed's five.
pub const DEFAULT: [&str; 5] = ["steps", "calories", "azm", "hrv", "wrist_temp"];

pub static METRICS: &[Metric] = &[
    Metric {
        name: "steps",
        cadence: Cadence::Minute,
        meaning: "Steps per minute. No row: not worn. 0: worn, no step.",
        columns: &[column("steps", "count", "Steps in this minute", "steps.countSum")],
        google: GoogleSource {
            data_type: "steps",
            member: "steps",
            scope: Scope::ActivityAndFitness,
            ask: Ask::RollUp,
            read: read::steps,
            combine: None,
        },
        filled_by_provider: false,
    },
    Metric {
        name: "calories",
        cadence: Cadence::Minute,
        meaning: "Energy per minute, basal metabolism included, worn or not. No row after the \
                  device's last sync: the provider fills those minutes with resting energy.",
        columns: &[column(
            "calories_kcal",
            "kcal",
            "Energy in this minute, basal included",
            "totalCalories.kcalSum",
        )],
        google: GoogleSource {
            data_type: "total-calories",
            member: "totalCalories",
            scope: Scope::ActivityAndFitness,
            ask: Ask::RollUp,
            read: read::calories,
            combine: None,
        },
        filled_by_provider: true,
    },
    Metric {
        name: "azm",
        cadence: Cadence::Minute,
        meaning: "Active zone minutes: credits, two for a cardio or peak minute. No row: no credit.",
        columns: &[
            column("active_zone_minutes", "credits", "All zones", "activeZoneMinutes"),
            column("fat_burn_active_zone_minutes", "credits", "Fat burn", "heartRateZone FAT_BURN"),
            column("cardio_active_zone_minutes", "credits", "Cardio", "heartRateZone CARDIO"),
            column("peak_active_zone_minutes", "credits", "Peak", "heartRateZone PEAK"),
        ],
        google: GoogleSource {
            data_type: "active-zone-minutes",
            member: "activeZoneMinutes",
            scope: Scope::ActivityAndFitness,
            ask: Ask::ReconcileInstant("interval.start_time"),
            read: read::active_zone_minutes,
            combine: Some(read::sum_active_zone_minutes),
        },
        filled_by_provider: false,
    },
    Metric {
        name: "hrv",
        cadence: Cadence::Daily,
        meaning: "Heart rate variability of a night, under the date on which it ended.",
        columns: &[
            column(
                "daily_rmssd_ms",
                "ms",
                "RMSSD over the main sleep",
                "averageHeartRateVariabilityMilliseconds",
            ),
            column(
                "deep_rmssd_ms",
                "ms",
                "RMSSD in deep sleep",
                "deepSleepRootMeanSquareOfSuccessiveDifferencesMilliseconds",
            ),
            column(
                "non_rem_heart_rate_bpm",
                "1/min",
                "Heart rate outside REM sleep",
                "nonRemHeartRateBeatsPerMinute",
            ),
            column("entropy", "", "Shannon entropy of the heart beat intervals", "entropy"),
        ],
        google: GoogleSource {
            data_type: "daily-heart-rate-variability",
            member: "dailyHeartRateVariability",
            scope: Scope::HealthMetrics,
            ask: Ask::ReconcileDate("date"),
            read: read::heart_rate_variability,
            combine: None,
        },
        filled_by_provider: false,
    },
    Metric {
        name: "wrist_temp",
        cadence: Cadence::Daily,
        meaning: "Skin temperature at the wrist during a night, under the date on which it ended.",
        columns: &[
            column(
                "nightly_relative_c",
                "°C",
                "Nightly minus baseline; empty unless both are known",
                "computed",
            ),
            column("nightly_c", "°C", "Nightly temperature", "nightlyTemperatureCelsius"),
            column("baseline_c", "°C", "Median of 30 days", "baselineTemperatureCelsius"),
            column(
                "relative_stddev_30d_c",
                "°C",
                "Standard deviation of the relative temperature over 30 days",
                "relativeNightlyStddev30dCelsius",
            ),
        ],
        google: GoogleSource {
            data_type: "daily-sleep-temperature-derivations",
            member: "dailySleepTemperatureDerivations",
            scope: Scope::HealthMetrics,
            ask: Ask::ReconcileDate("date"),
            read: read::wrist_temperature,
            combine: None,
        },
        filled_by_provider: false,
    },
];
