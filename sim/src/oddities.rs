//! What can be odd about a day of a data type, with what fitsync must make of it: from the
//! discovery document (which members may be missing, which values are in range) and from what real
//! accounts have shown.

use serde_json::json;

use crate::metric::Metric;
use crate::odd::Reads::{self, Cells, Empty, Failed, NoRow};
use crate::odd::{How, Odd};

/// Everything that is known to happen. Each leaves its times as they are, so that it is known to
/// which day it belongs.
pub fn all() -> Vec<Odd> {
    [minutes(), daily(), nights(), events()].concat()
}

fn without(metric: Metric, data_type: &str, at: &str, columns: &[&'static str]) -> Odd {
    Odd::without(data_type, at).reads(metric, Empty(columns.to_vec()))
}

/// A value that cannot be, in the place of none.
fn placeholder(
    metric: Metric,
    (data_type, at): (&str, &str),
    value: i64,
    column: &'static str,
) -> Odd {
    Odd::with(data_type, at, value).reads(metric, Empty(vec![column]))
}

/// Something that is no number where a number was promised.
fn no_number(metric: Metric, data_type: &str, at: &str) -> Odd {
    Odd::with(data_type, at, "many").reads(metric, Failed)
}

fn minutes() -> Vec<Odd> {
    let bare =
        |metric, data_type| Odd::with(data_type, "", json!({})).every(7).reads(metric, NoRow);
    let azm = "active-zone-minutes";
    let unnamed = [
        ("fat_burn_active_zone_minutes", "0"),
        ("cardio_active_zone_minutes", "0"),
        ("peak_active_zone_minutes", "0"),
    ];
    vec![
        bare(Metric::Steps, "steps"),
        bare(Metric::Distance, "distance"),
        bare(Metric::Floors, "floors"),
        bare(Metric::HeartRateZones, "time-in-heart-rate-zone"),
        bare(Metric::ActiveEnergy, "active-energy-burned"),
        Odd::with("total-calories", "kcalSum", "NaN")
            .every(5)
            .reads(Metric::Calories, Empty(vec!["calories_kcal"])),
        Odd::without(azm, "heartRateZone").reads(Metric::Azm, Cells(unnamed.to_vec())),
        // The same point of another source: one minute has it once.
        Odd::new(azm, "", How::Twice(None)),
        Odd::new("heart-rate", "", How::Twice(None)),
        placeholder(Metric::HeartRate, ("heart-rate", "beatsPerMinuteMin"), 0, "minimum_bpm")
            .every(3),
        no_number(Metric::Steps, "steps", "countSum").every(20),
        no_number(Metric::Calories, "total-calories", "kcalSum").every(20),
        no_number(Metric::HeartRate, "heart-rate", "beatsPerMinuteAvg").every(20),
        no_number(Metric::Distance, "distance", "millimetersSum").every(20),
        no_number(Metric::Floors, "floors", "countSum").every(20),
    ]
}

fn daily() -> Vec<Odd> {
    let (hrv, spo2) = ("daily-heart-rate-variability", "daily-oxygen-saturation");
    let (breaths, resting) = ("daily-respiratory-rate", "daily-resting-heart-rate");
    let temperature = "daily-sleep-temperature-derivations";
    let average = "averageHeartRateVariabilityMilliseconds";
    let placed = |at| {
        placeholder(Metric::BreathingRate, (breaths, "breathsPerMinute"), at, "breaths_per_minute")
    };
    let nine: Reads = Cells(vec![("breaths_per_minute", "9")]);
    vec![
        without(Metric::Hrv, hrv, "entropy", &["entropy"]),
        without(
            Metric::WristTemp,
            temperature,
            "baselineTemperatureCelsius",
            &["baseline_c", "nightly_relative_c"],
        ),
        without(
            Metric::RestingHeartRate,
            resting,
            "dailyRestingHeartRateMetadata",
            &["calculation_method"],
        ),
        without(Metric::Vo2Max, "daily-vo2-max", "cardioFitnessLevel", &["cardio_fitness_level"]),
        placeholder(Metric::Spo2, (spo2, "averagePercentage"), 0, "average_percent"),
        placeholder(Metric::Spo2, (spo2, "lowerBoundPercentage"), -1, "lower_bound_percent"),
        placed(0),
        placed(-1),
        // Of two values for one date, of which no time is told, the text that sorts last.
        Odd::new(breaths, "breathsPerMinute", How::Twice(Some(json!(9))))
            .reads(Metric::BreathingRate, nine),
        no_number(Metric::Hrv, hrv, average),
        no_number(Metric::WristTemp, temperature, "nightlyTemperatureCelsius"),
        no_number(Metric::Spo2, spo2, "upperBoundPercentage"),
        no_number(Metric::BreathingRate, breaths, "breathsPerMinute"),
        no_number(Metric::RestingHeartRate, resting, "beatsPerMinute"),
        no_number(Metric::Vo2Max, "daily-vo2-max", "vo2Max"),
    ]
}

fn nights() -> Vec<Odd> {
    let told = [
        "sleep_period_minutes",
        "asleep_minutes",
        "awake_minutes",
        "to_fall_asleep_minutes",
        "after_wake_up_minutes",
        "light_minutes",
        "deep_minutes",
        "rem_minutes",
        "restless_minutes",
    ];
    vec![
        without(Metric::Sleep, "sleep", "stages/*/type", &["stage"]),
        without(Metric::SleepSummary, "sleep", "type", &["sleep_type"]),
        without(Metric::SleepSummary, "sleep", "summary", &told),
        without(Metric::SleepSummary, "sleep", "summary/stagesSummary/*/type", &told[5..]),
        without(Metric::SleepQuality, "sleep", "metadata/stagesStatus", &["stages_status"]),
        // The zone of the account says what the clock showed.
        Odd::without("sleep", "stages/*/startUtcOffset"),
        Odd::without("sleep", "interval/endUtcOffset"),
        no_number(Metric::SleepSummary, "sleep", "summary/minutesAsleep"),
        no_number(Metric::Sleep, "sleep", "stages/0/endTime"),
        no_number(Metric::SleepQuality, "sleep", "metadata/manuallyEdited"),
    ]
}

fn events() -> Vec<Odd> {
    let told = [
        "calories_kcal",
        "distance_m",
        "steps",
        "average_heart_rate_bpm",
        "active_zone_minutes",
        "elevation_gain_m",
        "light_zone_s",
        "moderate_zone_s",
        "vigorous_zone_s",
        "peak_zone_s",
    ];
    let (hrv, spo2) = ("heart-rate-variability", "oxygen-saturation");
    let rmssd = "rootMeanSquareOfSuccessiveDifferencesMilliseconds";
    vec![
        without(Metric::Exercise, "exercise", "exerciseType", &["exercise_type"]),
        without(Metric::Exercise, "exercise", "metricsSummary", &told),
        without(Metric::Exercise, "exercise", "activeDuration", &["active_duration_s"]),
        // As other clients write it.
        Odd::without("exercise", "interval/startUtcOffset"),
        placeholder(Metric::Weight, ("weight", "weightGrams"), 0, "weight_kg"),
        placeholder(Metric::HrvSamples, (hrv, rmssd), 0, "rmssd_ms"),
        placeholder(Metric::Spo2Samples, (spo2, "percentage"), 0, "oxygen_saturation_percent"),
        no_number(Metric::Exercise, "exercise", "metricsSummary/caloriesKcal"),
        no_number(Metric::Weight, "weight", "weightGrams"),
        no_number(Metric::HrvSamples, hrv, rmssd),
        no_number(Metric::Spo2Samples, spo2, "percentage"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::google::types::DataType;

    #[test]
    fn oddities_are_about_types_and_columns_that_there_are() {
        for odd in all() {
            assert!(DataType::named(&odd.data_type).is_some(), "{odd:?}");
            for (metric, reads) in &odd.truth {
                let columns: Vec<_> = metric.columns().split(',').collect();
                let named: Vec<_> = match reads {
                    Reads::Empty(names) => names.clone(),
                    Reads::Cells(cells) => cells.iter().map(|(name, _)| *name).collect(),
                    Reads::NoRow | Reads::Failed => Vec::new(),
                };
                assert!(named.iter().all(|name| columns.contains(name)), "{odd:?}");
            }
        }
    }
}
