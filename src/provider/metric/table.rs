//! The table of metrics. A metric is one row here and one reader per provider.

use GoogleQuery::{ReconcileAround, ReconcileDate, ReconcileInstant, RollUp};
use Scope::{ActivityAndFitness, HealthMetrics, Sleep};

use crate::provider::fitbit::read as fitbit;
use crate::provider::fitbit::read::FitbitRead;
use crate::provider::google::{read, samples, sessions};
use crate::provider::metric::{
    Cadence, FitbitSource, GoogleQuery, GoogleSource, Metric, Read, Scope, columns, sample_columns,
    session_columns,
};

const fn google(
    data_type: &'static str,
    scope: Scope,
    ask: GoogleQuery,
    read: Read,
) -> GoogleSource {
    GoogleSource { data_type, scope, ask, read, combine: None }
}

const fn fitbit(scope: &'static str, path: &'static str, read: FitbitRead) -> Option<FitbitSource> {
    Some(FitbitSource { scope, path, read })
}

const NOT_WORN: &str = "No row: not worn, or not synced. 0: worn, and none.";
const NO_NIGHT: &str = "No row: the device gave no value for this night.";

pub static METRICS: &[Metric] = &[
    Metric {
        name: "steps",
        cadence: Cadence::Minute,
        meaning: "Steps per minute.",
        gaps: NOT_WORN,
        columns: columns::STEPS,
        google: google("steps", ActivityAndFitness, RollUp, Read::One(read::steps)),
        fitbit: fitbit("activity", "1/user/-/activities/steps", FitbitRead::Minutes(fitbit::steps)),
        filled_by_google: false,
    },
    Metric {
        name: "calories",
        cadence: Cadence::Minute,
        meaning: "Energy per minute, basal metabolism included.",
        gaps: "No row: not worn, or not synced. No row after the device's last sync: the retired \
               API fills those minutes with resting energy, and Google may.",
        columns: columns::CALORIES,
        google: google("total-calories", ActivityAndFitness, RollUp, Read::One(read::calories)),
        fitbit: fitbit(
            "activity",
            "1/user/-/activities/calories",
            FitbitRead::Minutes(fitbit::calories),
        ),
        filled_by_google: true,
    },
    Metric {
        name: "azm",
        cadence: Cadence::Minute,
        meaning: "Active zone minutes: credits, two for a cardio or peak minute.",
        gaps: "No row (Google) or 0 (Fitbit): no credit. A zone without credit is 0. The same \
               credit told by two sources counts once.",
        columns: columns::AZM,
        google: GoogleSource {
            data_type: "active-zone-minutes",
            scope: ActivityAndFitness,
            ask: ReconcileInstant("interval.start_time"),
            read: Read::One(read::active_zone_minutes),
            combine: Some(read::sum_active_zone_minutes),
        },
        fitbit: fitbit(
            "activity",
            "1/user/-/activities/active-zone-minutes",
            FitbitRead::ZoneMinutes,
        ),
        filled_by_google: false,
    },
    Metric {
        name: "hrv",
        cadence: Cadence::Daily,
        meaning: "Heart rate variability of a night, under the date on which it ended.",
        gaps: NO_NIGHT,
        columns: columns::HRV,
        google: google(
            "daily-heart-rate-variability",
            HealthMetrics,
            ReconcileDate("date"),
            Read::One(read::heart_rate_variability),
        ),
        fitbit: fitbit("heartrate", "1/user/-/hrv", FitbitRead::Days("hrv", fitbit::hrv)),
        filled_by_google: false,
    },
    Metric {
        name: "wrist_temp",
        cadence: Cadence::Daily,
        meaning: "Skin temperature at the wrist during a night, under the date on which it ended.",
        gaps: NO_NIGHT,
        columns: columns::WRIST_TEMP,
        google: google(
            "daily-sleep-temperature-derivations",
            HealthMetrics,
            ReconcileDate("date"),
            Read::One(read::wrist_temperature),
        ),
        fitbit: fitbit(
            "temperature",
            "1/user/-/temp/skin",
            FitbitRead::Days("tempSkin", fitbit::wrist_temperature),
        ),
        filled_by_google: false,
    },
    Metric {
        name: "heart_rate",
        cadence: Cadence::Minute,
        meaning: "Heart rate per minute.",
        gaps: "No row: not worn, not synced, or no reading in this minute.",
        columns: columns::HEART_RATE,
        google: google("heart-rate", HealthMetrics, RollUp, Read::One(read::heart_rate)),
        fitbit: None,
        filled_by_google: false,
    },
    Metric {
        name: "resting_heart_rate",
        cadence: Cadence::Daily,
        meaning: "Resting heart rate of a day, as Google estimates it.",
        gaps: "No row: the provider calculated none for this day.",
        columns: columns::RESTING_HEART_RATE,
        google: google(
            "daily-resting-heart-rate",
            HealthMetrics,
            ReconcileDate("date"),
            Read::One(read::resting_heart_rate),
        ),
        fitbit: None,
        filled_by_google: false,
    },
    Metric {
        name: "sleep",
        cadence: Cadence::Night,
        meaning: "Sleep, one row per stage, under the date on which the sleep ended.",
        gaps: "No row: no sleep was recorded, or it has no stages (see sleep_summary).",
        columns: session_columns::SLEEP,
        google: google(
            "sleep",
            Sleep,
            ReconcileDate("interval.civil_end_time"),
            Read::Many(sessions::sleep),
        ),
        fitbit: None,
        filled_by_google: false,
    },
    Metric {
        name: "sleep_summary",
        cadence: Cadence::Night,
        meaning: "Sleep, one row per night under the date on which it ended; a nap is a row of \
                  its own.",
        gaps: "No row: no sleep was recorded. An empty cell: not told for this kind of sleep, or \
               by this source.",
        columns: session_columns::SLEEP_SUMMARY,
        google: google(
            "sleep",
            Sleep,
            ReconcileDate("interval.civil_end_time"),
            Read::Many(sessions::sleep_summary),
        ),
        fitbit: None,
        filled_by_google: false,
    },
    Metric {
        name: "spo2",
        cadence: Cadence::Daily,
        meaning: "Oxygen saturation of the blood during a night, under the date on which it ended.",
        gaps: NO_NIGHT,
        columns: columns::SPO2,
        google: google(
            "daily-oxygen-saturation",
            HealthMetrics,
            ReconcileDate("date"),
            Read::One(read::oxygen_saturation),
        ),
        fitbit: None,
        filled_by_google: false,
    },
    Metric {
        name: "breathing_rate",
        cadence: Cadence::Daily,
        meaning: "Breathing rate of the main sleep, under the date on which it ended.",
        gaps: NO_NIGHT,
        columns: columns::BREATHING_RATE,
        google: google(
            "daily-respiratory-rate",
            HealthMetrics,
            ReconcileDate("date"),
            Read::One(read::breathing_rate),
        ),
        fitbit: None,
        filled_by_google: false,
    },
    Metric {
        name: "distance",
        cadence: Cadence::Minute,
        meaning: "Distance per minute.",
        gaps: NOT_WORN,
        columns: columns::DISTANCE,
        google: google("distance", ActivityAndFitness, RollUp, Read::One(read::distance)),
        fitbit: None,
        filled_by_google: false,
    },
    Metric {
        name: "floors",
        cadence: Cadence::Minute,
        meaning: "Floors climbed per minute.",
        gaps: NOT_WORN,
        columns: columns::FLOORS,
        google: google("floors", ActivityAndFitness, RollUp, Read::One(read::floors)),
        fitbit: None,
        filled_by_google: false,
    },
    Metric {
        name: "weight",
        cadence: Cadence::Event,
        meaning: "Body weight, one row per measurement.",
        gaps: "No row: not measured.",
        columns: columns::WEIGHT,
        google: google(
            "weight",
            HealthMetrics,
            ReconcileInstant("sample_time.physical_time"),
            Read::One(sessions::weight),
        ),
        fitbit: None,
        filled_by_google: false,
    },
    Metric {
        name: "exercise",
        cadence: Cadence::Event,
        meaning: "Workouts, one row each, under the day on which they began.",
        gaps: "No row: no workout was recorded. An empty cell: not measured in this workout.",
        columns: session_columns::EXERCISE,
        google: google(
            "exercise",
            ActivityAndFitness,
            ReconcileAround("interval.civil_start_time"),
            Read::One(sessions::exercise),
        ),
        fitbit: None,
        filled_by_google: false,
    },
    Metric {
        name: "vo2_max",
        cadence: Cadence::Daily,
        meaning: "Cardio fitness: the most oxygen that the body can use.",
        gaps: "No row: the provider estimated none for this day.",
        columns: columns::VO2_MAX,
        google: google(
            "daily-vo2-max",
            ActivityAndFitness,
            ReconcileDate("date"),
            Read::One(read::vo2_max),
        ),
        fitbit: None,
        filled_by_google: false,
    },
    Metric {
        name: "hrv_samples",
        cadence: Cadence::Event,
        meaning: "Heart rate variability in the course of a night, one row per sample.",
        gaps: "No row: no sample. An empty cell: not told with this sample.",
        columns: sample_columns::HRV_SAMPLES,
        google: google(
            "heart-rate-variability",
            HealthMetrics,
            ReconcileInstant("sample_time.physical_time"),
            Read::One(samples::heart_rate_variability),
        ),
        fitbit: None,
        filled_by_google: false,
    },
    Metric {
        name: "sleep_quality",
        cadence: Cadence::Night,
        meaning: "What the provider tells of a sleep beside its stages, one row per sleep under \
                  the date on which it ended.",
        gaps: "No row: no sleep was recorded. 0 awakenings or minutes: none was told.",
        columns: sample_columns::SLEEP_QUALITY,
        google: google(
            "sleep",
            Sleep,
            ReconcileDate("interval.civil_end_time"),
            Read::Many(samples::sleep_quality),
        ),
        fitbit: None,
        filled_by_google: false,
    },
    Metric {
        name: "active_energy",
        cadence: Cadence::Minute,
        meaning: "Energy of activity per minute, basal metabolism not included.",
        gaps: "No row: no activity, not worn, or not synced.",
        columns: sample_columns::ACTIVE_ENERGY,
        google: google(
            "active-energy-burned",
            ActivityAndFitness,
            RollUp,
            Read::One(samples::active_energy),
        ),
        fitbit: None,
        filled_by_google: false,
    },
    Metric {
        name: "spo2_samples",
        cadence: Cadence::Event,
        meaning: "Oxygen saturation of the blood, one row per sample.",
        gaps: "No row: no sample.",
        columns: sample_columns::SPO2_SAMPLES,
        google: google(
            "oxygen-saturation",
            HealthMetrics,
            ReconcileInstant("sample_time.physical_time"),
            Read::One(samples::oxygen_saturation),
        ),
        fitbit: None,
        filled_by_google: false,
    },
    Metric {
        name: "heart_rate_zones",
        cadence: Cadence::Minute,
        meaning: "Time in each heart rate zone per minute.",
        gaps: "No row: in no zone, not worn, or not synced. 0: in another zone.",
        columns: sample_columns::HEART_RATE_ZONES,
        google: google(
            "time-in-heart-rate-zone",
            ActivityAndFitness,
            RollUp,
            Read::One(samples::heart_rate_zones),
        ),
        fitbit: None,
        filled_by_google: false,
    },
];

/// The metric of this name.
pub fn find(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name)
}

/// The metrics that are collected when `FITSYNC_METRICS` names none: the seed's five.
pub const DEFAULT: [&str; 5] = ["steps", "calories", "azm", "hrv", "wrist_temp"];
