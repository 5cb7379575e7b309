//! The cells of a minute.

use super::text::{decimal, thousandths};
use crate::data::{Amount, PARTS, minute};
use crate::metric::Metric;
use crate::person::Person;

pub fn cells(person: &Person, metric: Metric, minute: i64) -> Option<String> {
    let local = person.local(minute);
    match metric {
        Metric::Steps => minute::steps(person, local).map(|steps| steps.to_string()),
        Metric::Calories => minute::calories(person, local, true).map(decimal),
        Metric::ActiveEnergy => minute::active_energy(person, local).map(decimal),
        Metric::HeartRateZones => {
            let zones = minute::zone_times(person, local);
            let seconds = |name| {
                let same = zones.iter().filter(|(zone, _)| *zone == name);
                same.map(|(_, seconds)| seconds).sum::<i64>().to_string()
            };
            let names = ["LIGHT", "MODERATE", "VIGOROUS", "PEAK"];
            (!zones.is_empty()).then(|| names.map(seconds).join(","))
        }
        Metric::Floors => minute::floors(person, local).map(|floors| floors.to_string()),
        Metric::Distance => minute::distance_mm(person, local).map(thousandths),
        Metric::HeartRate => {
            let samples = 0..minute::SAMPLES;
            let beats: Vec<i64> =
                samples.filter_map(|i| minute::heart_rate(person, local, i)).collect();
            let count = i64::try_from(beats.len()).ok().filter(|count| *count > 0)?;
            let average = decimal(Amount(beats.iter().sum::<i64>() * PARTS / count));
            Some(format!("{average},{},{}", beats.iter().min()?, beats.iter().max()?))
        }
        _ => {
            let zones = minute::zones(person, local);
            let credit = |zone| {
                let same = zones.iter().filter(|one| **one == zone);
                same.map(|one| one.credit()).sum::<i64>()
            };
            let fat = credit(minute::Zone::FatBurn);
            let cardio = credit(minute::Zone::Cardio);
            let peak = credit(minute::Zone::Peak);
            let sum = fat + cardio + peak;
            (sum > 0).then(|| format!("{sum},{fat},{cardio},{peak}"))
        }
    }
}
