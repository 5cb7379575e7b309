//! The metrics of the product: their names, and what the first line of their CSV file says.

/// One metric, as fitsync names it in folders, keys and files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    Steps,
    Calories,
    Azm,
    Hrv,
    WristTemp,
    HeartRate,
    RestingHeartRate,
    Sleep,
    SleepSummary,
    Spo2,
    BreathingRate,
    Distance,
    Floors,
    Weight,
    Exercise,
    Vo2Max,
    HrvSamples,
    SleepQuality,
    ActiveEnergy,
    Spo2Samples,
    HeartRateZones,
}

impl Metric {
    /// The five metrics that are collected unless the settings say otherwise.
    pub const FIVE: [Metric; 5] =
        [Metric::Steps, Metric::Calories, Metric::Azm, Metric::Hrv, Metric::WristTemp];

    /// All metrics that the product knows.
    pub const ALL: [Metric; 21] = [
        Metric::Steps,
        Metric::Calories,
        Metric::Azm,
        Metric::Hrv,
        Metric::WristTemp,
        Metric::HeartRate,
        Metric::RestingHeartRate,
        Metric::Sleep,
        Metric::SleepSummary,
        Metric::Spo2,
        Metric::BreathingRate,
        Metric::Distance,
        Metric::Floors,
        Metric::Weight,
        Metric::Exercise,
        Metric::Vo2Max,
        Metric::HrvSamples,
        Metric::SleepQuality,
        Metric::ActiveEnergy,
        Metric::Spo2Samples,
        Metric::HeartRateZones,
    ];

    /// The name in folders, keys and files.
    pub fn name(self) -> &'static str {
        match self {
            Metric::Steps => "steps",
            Metric::Calories => "calories",
            Metric::Azm => "azm",
            Metric::Hrv => "hrv",
            Metric::WristTemp => "wrist_temp",
            Metric::HeartRate => "heart_rate",
            Metric::RestingHeartRate => "resting_heart_rate",
            Metric::Sleep => "sleep",
            Metric::SleepSummary => "sleep_summary",
            Metric::Spo2 => "spo2",
            Metric::BreathingRate => "breathing_rate",
            Metric::Distance => "distance",
            Metric::Floors => "floors",
            Metric::Weight => "weight",
            Metric::Exercise => "exercise",
            Metric::Vo2Max => "vo2_max",
            Metric::HrvSamples => "hrv_samples",
            Metric::SleepQuality => "sleep_quality",
            Metric::ActiveEnergy => "active_energy",
            Metric::Spo2Samples => "spo2_samples",
            Metric::HeartRateZones => "heart_rate_zones",
        }
    }

    /// The metric of that name.
    pub fn named(name: &str) -> Option<Metric> {
        Metric::ALL.into_iter().find(|metric| metric.name() == name)
    }

    /// What a row is about.
    pub fn cadence(self) -> Cadence {
        match self {
            Metric::Steps
            | Metric::Calories
            | Metric::Azm
            | Metric::HeartRate
            | Metric::Distance
            | Metric::Floors
            | Metric::ActiveEnergy
            | Metric::HeartRateZones => Cadence::Minute,
            Metric::Weight | Metric::Exercise | Metric::HrvSamples | Metric::Spo2Samples => {
                Cadence::Event
            }
            Metric::Sleep | Metric::SleepSummary | Metric::SleepQuality => Cadence::Night,
            _ => Cadence::Daily,
        }
    }

    /// The header line of the CSV file, without its line end.
    pub fn header(self) -> String {
        let key = match self.cadence() {
            Cadence::Minute | Cadence::Event => "user_id,time_utc,time_local",
            Cadence::Daily | Cadence::Night => "user_id,date",
        };
        format!("{key},{}", self.columns())
    }

    /// The columns after the key.
    pub fn columns(self) -> &'static str {
        match self {
            Metric::Steps => "steps",
            Metric::Calories => "calories_kcal",
            Metric::Azm => {
                "active_zone_minutes,fat_burn_active_zone_minutes,cardio_active_zone_minutes,\
                 peak_active_zone_minutes"
            }
            Metric::Hrv => "daily_rmssd_ms,deep_rmssd_ms,non_rem_heart_rate_bpm,entropy",
            Metric::WristTemp => "nightly_relative_c,nightly_c,baseline_c,relative_stddev_30d_c",
            Metric::HeartRate => "average_bpm,minimum_bpm,maximum_bpm",
            Metric::RestingHeartRate => "resting_heart_rate_bpm,calculation_method",
            Metric::Sleep => "sleep_start_utc,start_utc,start_local,end_utc,end_local,stage",
            Metric::SleepSummary => {
                "start_utc,start_local,end_utc,end_local,sleep_type,main_sleep,nap,\
                 sleep_period_minutes,asleep_minutes,awake_minutes,to_fall_asleep_minutes,\
                 after_wake_up_minutes,light_minutes,deep_minutes,rem_minutes,restless_minutes"
            }
            Metric::Spo2 => {
                "average_percent,lower_bound_percent,upper_bound_percent,\
                 standard_deviation_percent"
            }
            Metric::BreathingRate => "breaths_per_minute",
            Metric::Distance => "distance_m",
            Metric::Floors => "floors",
            Metric::Weight => "weight_kg",
            Metric::Exercise => {
                "end_utc,exercise_type,active_duration_s,calories_kcal,distance_m,steps,\
                 average_heart_rate_bpm,active_zone_minutes,elevation_gain_m,light_zone_s,\
                 moderate_zone_s,vigorous_zone_s,peak_zone_s"
            }
            Metric::Vo2Max => "vo2_max_ml_kg_min,estimated,cardio_fitness_level",
            Metric::HrvSamples => {
                "rmssd_ms,standard_deviation_ms,low_frequency_power,high_frequency_power"
            }
            Metric::SleepQuality => {
                "start_utc,end_utc,processed,stages_status,manually_edited,short_awakenings,\
                 short_awakenings_minutes,out_of_bed_minutes"
            }
            Metric::ActiveEnergy => "active_energy_kcal",
            Metric::Spo2Samples => "oxygen_saturation_percent",
            Metric::HeartRateZones => "light_zone_s,moderate_zone_s,vigorous_zone_s,peak_zone_s",
        }
    }
}

/// What a row of a metric is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cadence {
    /// A minute.
    Minute,
    /// An instant at which something happened or began.
    Event,
    /// A civil date.
    Daily,
    /// A sleep, under the civil date on which it ended.
    Night,
}
