//! The metrics of the product: their names, and what the first line of their CSV file says.

/// One metric, as fitsync names it in folders, keys and files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    Steps,
    Calories,
    Azm,
    Hrv,
    WristTemp,
}

impl Metric {
    /// The five metrics that are collected unless the settings say otherwise.
    pub const FIVE: [Metric; 5] =
        [Metric::Steps, Metric::Calories, Metric::Azm, Metric::Hrv, Metric::WristTemp];

    /// The name in folders, keys and files.
    pub fn name(self) -> &'static str {
        match self {
            Metric::Steps => "steps",
            Metric::Calories => "calories",
            Metric::Azm => "azm",
            Metric::Hrv => "hrv",
            Metric::WristTemp => "wrist_temp",
        }
    }

    /// The metric of that name.
    pub fn named(name: &str) -> Option<Metric> {
        Metric::FIVE.into_iter().find(|metric| metric.name() == name)
    }

    /// The header line of the CSV file, without its line end.
    pub fn header(self) -> &'static str {
        match self {
            Metric::Steps => "user_id,time_utc,time_local,steps",
            Metric::Calories => "user_id,time_utc,time_local,calories_kcal",
            Metric::Azm => {
                "user_id,time_utc,time_local,active_zone_minutes,fat_burn_active_zone_minutes,\
                 cardio_active_zone_minutes,peak_active_zone_minutes"
            }
            Metric::Hrv => {
                "user_id,date,daily_rmssd_ms,deep_rmssd_ms,non_rem_heart_rate_bpm,entropy"
            }
            Metric::WristTemp => {
                "user_id,date,nightly_relative_c,nightly_c,baseline_c,relative_stddev_30d_c"
            }
        }
    }
}
