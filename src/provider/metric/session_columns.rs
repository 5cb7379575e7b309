//! The columns of sleep and workouts after their key.

use crate::provider::metric::Column;
use crate::provider::metric::ColumnType::{Boolean, Integer, Number, Text, TimeLocal, TimeUtc};
use crate::provider::metric::columns::{BPM, COUNT, KCAL, METRES, NO_LESS_THAN_NONE, only_google};

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
        "`true` for the longest sleep of the day, one with stages first; empty where not told",
        "sleep.metadata.mainSleep",
    ),
    only_google(
        "nap",
        Boolean,
        "",
        "`true` for a sleep that Google calls a nap: short, and mostly without stages",
        "sleep.metadata.nap",
    ),
    only_google(
        "sleep_period_minutes",
        Integer,
        "min",
        "From falling asleep to waking up",
        "sleep.summary.minutesInSleepPeriod",
    )
    .within(NO_LESS_THAN_NONE),
    only_google(
        "asleep_minutes",
        Integer,
        "min",
        "Asleep: light, deep and REM sleep, or classic sleep without awake and restless",
        "sleep.summary.minutesAsleep",
    )
    .within(NO_LESS_THAN_NONE),
    only_google("awake_minutes", Integer, "min", "Awake", "sleep.summary.minutesAwake")
        .within(NO_LESS_THAN_NONE),
    only_google(
        "to_fall_asleep_minutes",
        Integer,
        "min",
        "Until falling asleep; always 0 for sleep that was detected: no measured zero",
        "sleep.summary.minutesToFallAsleep",
    )
    .within(NO_LESS_THAN_NONE),
    only_google(
        "after_wake_up_minutes",
        Integer,
        "min",
        "In bed after waking up; always 0 for sleep that was detected: no measured zero",
        "sleep.summary.minutesAfterWakeUp",
    )
    .within(NO_LESS_THAN_NONE),
    only_google(
        "light_minutes",
        Integer,
        "min",
        "Light sleep, short awakenings included",
        "sleep.summary.stagesSummary[] LIGHT",
    )
    .within(NO_LESS_THAN_NONE),
    only_google("deep_minutes", Integer, "min", "Deep sleep", "sleep.summary.stagesSummary[] DEEP")
        .within(NO_LESS_THAN_NONE),
    only_google("rem_minutes", Integer, "min", "REM sleep", "sleep.summary.stagesSummary[] REM")
        .within(NO_LESS_THAN_NONE),
    only_google(
        "restless_minutes",
        Integer,
        "min",
        "Restless (classic sleep)",
        "sleep.summary.stagesSummary[] RESTLESS",
    )
    .within(NO_LESS_THAN_NONE),
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
    only_google("active_duration_s", Number, "s", "Without pauses", "exercise.activeDuration")
        .within(NO_LESS_THAN_NONE),
    only_google(
        "calories_kcal",
        Number,
        "kcal",
        "Energy, basal included",
        "metricsSummary.caloriesKcal",
    )
    .within(KCAL),
    only_google("distance_m", Number, "m", "Distance", "metricsSummary.distanceMillimeters / 1000")
        .within(METRES),
    only_google("steps", Integer, "count", "Steps", "metricsSummary.steps").within(COUNT),
    only_google(
        "average_heart_rate_bpm",
        Integer,
        "1/min",
        "Average heart rate",
        "metricsSummary.averageHeartRateBeatsPerMinute",
    )
    .within(BPM),
    only_google(
        "active_zone_minutes",
        Integer,
        "credits",
        "Active zone minutes",
        "metricsSummary.activeZoneMinutes",
    )
    .within(NO_LESS_THAN_NONE),
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
    )
    .within(NO_LESS_THAN_NONE),
    only_google(
        "moderate_zone_s",
        Number,
        "s",
        "In the moderate heart rate zone",
        "metricsSummary.heartRateZoneDurations.moderateTime",
    )
    .within(NO_LESS_THAN_NONE),
    only_google(
        "vigorous_zone_s",
        Number,
        "s",
        "In the vigorous heart rate zone",
        "metricsSummary.heartRateZoneDurations.vigorousTime",
    )
    .within(NO_LESS_THAN_NONE),
    only_google(
        "peak_zone_s",
        Number,
        "s",
        "In the peak heart rate zone",
        "metricsSummary.heartRateZoneDurations.peakTime",
    )
    .within(NO_LESS_THAN_NONE),
];
