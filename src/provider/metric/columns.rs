//! The columns of every metric after its key, as the data dictionary tells them.

use crate::provider::metric::ColumnType::{
    self, Boolean, Integer, Number, Text, TimeLocal, TimeUtc,
};
use crate::provider::metric::{Column, column};

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
)];

pub const CALORIES: &[Column] = &[column(
    "calories_kcal",
    Number,
    "kcal",
    "Energy in this minute, basal included",
    "totalCalories.kcalSum",
    "activities-calories-intraday.dataset[].value",
)];

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
        "RMSSD over the main sleep",
        "averageHeartRateVariabilityMilliseconds",
        "value.dailyRmssd",
    ),
    column(
        "deep_rmssd_ms",
        Number,
        "ms",
        "RMSSD in deep sleep",
        "deepSleepRootMeanSquareOfSuccessiveDifferencesMilliseconds",
        "value.deepRmssd",
    ),
    only_google(
        "non_rem_heart_rate_bpm",
        Number,
        "1/min",
        "Heart rate outside REM sleep",
        "nonRemHeartRateBeatsPerMinute",
    ),
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
    ),
    only_google("minimum_bpm", Number, "1/min", "Lowest reading", "heartRate.beatsPerMinuteMin"),
    only_google("maximum_bpm", Number, "1/min", "Highest reading", "heartRate.beatsPerMinuteMax"),
];

pub const RESTING_HEART_RATE: &[Column] = &[
    only_google("resting_heart_rate_bpm", Integer, "1/min", "Resting heart rate", "beatsPerMinute"),
    only_google(
        "calculation_method",
        Text,
        "",
        "`with_sleep` or `only_with_awake_data`; empty where not told",
        "dailyRestingHeartRateMetadata.calculationMethod",
    ),
];

pub const SLEEP: &[Column] = &[
    only_google(
        "sleep_start_utc",
        TimeUtc,
        "",
        "Start of the whole sleep, as in sleep_summary",
        "sleep.interval.startTime",
    ),
    only_google("start_utc", TimeUtc, "", "Start of the stage", "stages[].startTime"),
    only_google(
        "start_local",
        TimeLocal,
        "",
        "The same on the wall clock where the participant was",
        "stages[].startUtcOffset",
    ),
    only_google("end_utc", TimeUtc, "", "End of the stage", "stages[].endTime"),
    only_google(
        "end_local",
        TimeLocal,
        "",
        "The same on the wall clock where the participant was",
        "stages[].endUtcOffset",
    ),
    only_google(
        "stage",
        Text,
        "",
        "`awake`, `light`, `deep`, `rem`; in classic sleep `awake`, `restless`, `asleep`",
        "stages[].type",
    ),
];

pub const SPO2: &[Column] = &[
    only_google("average_percent", Number, "%", "Average", "averagePercentage"),
    only_google(
        "lower_bound_percent",
        Number,
        "%",
        "Lower bound of the confidence interval",
        "lowerBoundPercentage",
    ),
    only_google(
        "upper_bound_percent",
        Number,
        "%",
        "Upper bound of the confidence interval",
        "upperBoundPercentage",
    ),
    only_google(
        "standard_deviation_percent",
        Number,
        "%",
        "Standard deviation of the daily averages of the past 7 to 30 days",
        "standardDeviationPercentage",
    ),
];

pub const BREATHING_RATE: &[Column] = &[only_google(
    "breaths_per_minute",
    Number,
    "1/min",
    "Average over the main sleep",
    "breathsPerMinute",
)];

pub const DISTANCE: &[Column] = &[only_google(
    "distance_m",
    Number,
    "m",
    "Distance in this minute",
    "distance.millimetersSum / 1000",
)];

pub const FLOORS: &[Column] =
    &[only_google("floors", Integer, "count", "Floors in this minute", "floors.countSum")];

pub const WEIGHT: &[Column] =
    &[only_google("weight_kg", Number, "kg", "Body weight", "weight.weightGrams / 1000")];

pub const VO2_MAX: &[Column] = &[
    only_google(
        "vo2_max_ml_kg_min",
        Number,
        "ml/kg/min",
        "Oxygen per kilogram of body weight and minute",
        "vo2Max",
    ),
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

pub const SLEEP_SUMMARY: &[Column] = &[
    only_google("start_utc", TimeUtc, "", "Start of the sleep", "sleep.interval.startTime"),
    only_google(
        "start_local",
        TimeLocal,
        "",
        "The same on the wall clock where the participant was",
        "sleep.interval.startUtcOffset",
    ),
    only_google("end_utc", TimeUtc, "", "End of the sleep", "sleep.interval.endTime"),
    only_google(
        "end_local",
        TimeLocal,
        "",
        "The same on the wall clock where the participant was",
        "sleep.interval.endUtcOffset",
    ),
    only_google("sleep_type", Text, "", "`stages` or `classic`", "sleep.type"),
    only_google(
        "main_sleep",
        Boolean,
        "",
        "`true` for the longest sleep of the day",
        "sleep.metadata.mainSleep",
    ),
    only_google(
        "nap",
        Boolean,
        "",
        "`true` for a short sleep without stages",
        "sleep.metadata.nap",
    ),
    only_google(
        "sleep_period_minutes",
        Integer,
        "min",
        "From falling asleep to waking up",
        "sleep.summary.minutesInSleepPeriod",
    ),
    only_google("asleep_minutes", Integer, "min", "Asleep", "sleep.summary.minutesAsleep"),
    only_google("awake_minutes", Integer, "min", "Awake", "sleep.summary.minutesAwake"),
    only_google(
        "to_fall_asleep_minutes",
        Integer,
        "min",
        "Until falling asleep",
        "sleep.summary.minutesToFallAsleep",
    ),
    only_google(
        "after_wake_up_minutes",
        Integer,
        "min",
        "In bed after waking up",
        "sleep.summary.minutesAfterWakeUp",
    ),
    only_google(
        "light_minutes",
        Integer,
        "min",
        "Light sleep",
        "sleep.summary.stagesSummary[] LIGHT",
    ),
    only_google("deep_minutes", Integer, "min", "Deep sleep", "sleep.summary.stagesSummary[] DEEP"),
    only_google("rem_minutes", Integer, "min", "REM sleep", "sleep.summary.stagesSummary[] REM"),
    only_google(
        "restless_minutes",
        Integer,
        "min",
        "Restless (classic sleep)",
        "sleep.summary.stagesSummary[] RESTLESS",
    ),
];

pub const EXERCISE: &[Column] = &[
    only_google("end_utc", TimeUtc, "", "End of the workout", "exercise.interval.endTime"),
    only_google(
        "exercise_type",
        Text,
        "",
        "Such as `running`, `walking`, `cardio_workout`",
        "exercise.exerciseType",
    ),
    only_google("active_duration_s", Number, "s", "Without pauses", "exercise.activeDuration"),
    only_google(
        "calories_kcal",
        Number,
        "kcal",
        "Energy, basal included",
        "metricsSummary.caloriesKcal",
    ),
    only_google("distance_m", Number, "m", "Distance", "metricsSummary.distanceMillimeters / 1000"),
    only_google("steps", Integer, "count", "Steps", "metricsSummary.steps"),
    only_google(
        "average_heart_rate_bpm",
        Integer,
        "1/min",
        "Average heart rate",
        "metricsSummary.averageHeartRateBeatsPerMinute",
    ),
    only_google(
        "active_zone_minutes",
        Integer,
        "credits",
        "Active zone minutes",
        "metricsSummary.activeZoneMinutes",
    ),
    only_google(
        "elevation_gain_m",
        Number,
        "m",
        "Elevation gained",
        "metricsSummary.elevationGainMillimeters / 1000",
    ),
    only_google(
        "light_zone_s",
        Number,
        "s",
        "In the light heart rate zone",
        "metricsSummary.heartRateZoneDurations.lightTime",
    ),
    only_google(
        "moderate_zone_s",
        Number,
        "s",
        "In the moderate heart rate zone",
        "metricsSummary.heartRateZoneDurations.moderateTime",
    ),
    only_google(
        "vigorous_zone_s",
        Number,
        "s",
        "In the vigorous heart rate zone",
        "metricsSummary.heartRateZoneDurations.vigorousTime",
    ),
    only_google(
        "peak_zone_s",
        Number,
        "s",
        "In the peak heart rate zone",
        "metricsSummary.heartRateZoneDurations.peakTime",
    ),
];
