//! The columns of every metric after its key, as the data dictionary tells them. Those of sleep and
//! workouts are in `session_columns.rs`.

use crate::provider::metric::ColumnType::{self, Boolean, Integer, Number, Text};
use crate::provider::metric::{Column, Range, column};

/// Ranges that Google documents for these quantities
/// (https://developers.google.com/health/data-types).
pub const COUNT: Range = Range::new(0.0, 1e6);
pub const KCAL: Range = Range::new(0.0, 1e6);
pub const METRES: Range = Range::new(0.0, 1e6);
pub const BPM: Range = Range::new(1.0, 300.0);
pub const RMSSD: Range = Range::new(1.0, 200.0);
/// Documented from zero on; a zero is a placeholder, as nobody lives with it.
pub const PERCENT: Range = Range::above_zero(100.0);
pub const KILOGRAMS: Range = Range::above_zero(1000.0);
pub const VO2: Range = Range::above_zero(100.0);
/// Nothing is documented; zero and negative numbers were seen in the place of no value.
pub const BREATHS: Range = Range::above_zero(f64::INFINITY);
/// Nothing is documented; there is no less than none.
pub const NO_LESS_THAN_NONE: Range = Range::from_zero();

/// A column that Google alone has.
pub const fn only_google(
    name: &'static str,
    kind: ColumnType,
    unit: &'static str,
    meaning: &'static str,
    source: &'static str,
) -> Column {
    column(name, kind, unit, meaning, source, "")
}

pub const STEPS: &[Column] = &[column(
    "steps",
    Integer,
    "count",
    "Steps in this minute",
    "steps.countSum",
    "activities-steps-intraday.dataset[].value",
)
.within(COUNT)];

pub const CALORIES: &[Column] = &[column(
    "calories_kcal",
    Number,
    "kcal",
    "Energy in this minute, basal included",
    "totalCalories.kcalSum",
    "activities-calories-intraday.dataset[].value",
)
.within(KCAL)];

pub const AZM: &[Column] = &[
    column(
        "active_zone_minutes",
        Integer,
        "credits",
        "All zones",
        "activeZoneMinutes",
        "value.activeZoneMinutes",
    ),
    column(
        "fat_burn_active_zone_minutes",
        Integer,
        "credits",
        "Fat burn",
        "heartRateZone FAT_BURN",
        "value.fatBurnActiveZoneMinutes",
    ),
    column(
        "cardio_active_zone_minutes",
        Integer,
        "credits",
        "Cardio",
        "heartRateZone CARDIO",
        "value.cardioActiveZoneMinutes",
    ),
    column(
        "peak_active_zone_minutes",
        Integer,
        "credits",
        "Peak",
        "heartRateZone PEAK",
        "value.peakActiveZoneMinutes",
    ),
];

pub const HRV: &[Column] = &[
    column(
        "daily_rmssd_ms",
        Number,
        "ms",
        "RMSSD of the night; no mean of the night's samples",
        "averageHeartRateVariabilityMilliseconds",
        "value.dailyRmssd",
    )
    .within(RMSSD),
    column(
        "deep_rmssd_ms",
        Number,
        "ms",
        "RMSSD in deep sleep",
        "deepSleepRootMeanSquareOfSuccessiveDifferencesMilliseconds",
        "value.deepRmssd",
    )
    .within(RMSSD),
    only_google(
        "non_rem_heart_rate_bpm",
        Number,
        "1/min",
        "Heart rate outside REM sleep",
        "nonRemHeartRateBeatsPerMinute",
    )
    .within(BPM),
    only_google("entropy", Number, "", "Shannon entropy of the heart beat intervals", "entropy"),
];

pub const WRIST_TEMP: &[Column] = &[
    column(
        "nightly_relative_c",
        Number,
        "°C",
        "Nightly minus baseline; empty unless both are known",
        "nightlyTemperatureCelsius - baselineTemperatureCelsius",
        "value.nightlyRelative",
    ),
    only_google("nightly_c", Number, "°C", "Nightly temperature", "nightlyTemperatureCelsius"),
    only_google("baseline_c", Number, "°C", "Median of 30 days", "baselineTemperatureCelsius"),
    only_google(
        "relative_stddev_30d_c",
        Number,
        "°C",
        "Standard deviation of the relative temperature over 30 days",
        "relativeNightlyStddev30dCelsius",
    ),
];

pub const HEART_RATE: &[Column] = &[
    only_google(
        "average_bpm",
        Number,
        "1/min",
        "Average of the readings",
        "heartRate.beatsPerMinuteAvg",
    )
    .within(BPM),
    only_google("minimum_bpm", Number, "1/min", "Lowest reading", "heartRate.beatsPerMinuteMin")
        .within(BPM),
    only_google("maximum_bpm", Number, "1/min", "Highest reading", "heartRate.beatsPerMinuteMax")
        .within(BPM),
];

pub const RESTING_HEART_RATE: &[Column] = &[
    only_google(
        "resting_heart_rate_bpm",
        Integer,
        "1/min",
        "Google's estimate from sleep and from quiet waking, by `calculation_method`",
        "beatsPerMinute",
    )
    .within(BPM),
    only_google(
        "calculation_method",
        Text,
        "",
        "`with_sleep` or `only_with_awake_data`; empty where not told",
        "dailyRestingHeartRateMetadata.calculationMethod",
    ),
];

pub const SPO2: &[Column] = &[
    only_google("average_percent", Number, "%", "Average", "averagePercentage").within(PERCENT),
    only_google(
        "lower_bound_percent",
        Number,
        "%",
        "Lower bound of the confidence interval",
        "lowerBoundPercentage",
    )
    .within(PERCENT),
    only_google(
        "upper_bound_percent",
        Number,
        "%",
        "Upper bound of the confidence interval",
        "upperBoundPercentage",
    )
    .within(PERCENT),
    only_google(
        "standard_deviation_percent",
        Number,
        "%",
        "Standard deviation of the daily averages of the past 7 to 30 days",
        "standardDeviationPercentage",
    )
    .within(NO_LESS_THAN_NONE),
];

pub const BREATHING_RATE: &[Column] = &[only_google(
    "breaths_per_minute",
    Number,
    "1/min",
    "Average over the main sleep",
    "breathsPerMinute",
)
.within(BREATHS)];

pub const DISTANCE: &[Column] = &[only_google(
    "distance_m",
    Number,
    "m",
    "Distance in this minute",
    "distance.millimetersSum / 1000",
)
.within(METRES)];

pub const FLOORS: &[Column] =
    &[only_google("floors", Integer, "count", "Floors in this minute", "floors.countSum")
        .within(COUNT)];

pub const WEIGHT: &[Column] =
    &[only_google("weight_kg", Number, "kg", "Body weight", "weight.weightGrams / 1000")
        .within(KILOGRAMS)];

pub const VO2_MAX: &[Column] = &[
    only_google(
        "vo2_max_ml_kg_min",
        Number,
        "ml/kg/min",
        "Oxygen per kilogram of body weight and minute",
        "vo2Max",
    )
    .within(VO2),
    only_google(
        "estimated",
        Boolean,
        "",
        "`true` where the provider's confidence is low",
        "estimated",
    ),
    only_google(
        "cardio_fitness_level",
        Text,
        "",
        "`poor`, `fair`, `average`, `good`, `very_good`, `excellent`; empty where not told",
        "cardioFitnessLevel",
    ),
];
