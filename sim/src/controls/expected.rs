//! What fitsync must have written about a participant as they are now.

use jiff::civil::Date;

use super::Controls;
use crate::metric::Metric;
use crate::truth::{self, Day};
use crate::world::zone;

/// A file that fitsync must have written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    pub key: String,
    pub rows: usize,
    pub bytes: Vec<u8>,
}

impl Controls {
    /// The CSV that fitsync must have for a day, if it read it now.
    pub fn truth(
        &self,
        who: &str,
        user_id: &str,
        metric: Metric,
        day: &Day,
    ) -> Result<Option<Vec<u8>>, String> {
        let (person, synced) =
            self.change(who, |citizen| (citizen.person.clone(), citizen.synced()))?;
        Ok(truth::csv(&person, user_id, metric, day, synced))
    }

    /// The same, if it was read from the retired Fitbit API.
    pub fn fitbit_truth(
        &self,
        who: &str,
        user_id: &str,
        metric: Metric,
        day: &Day,
    ) -> Result<Option<Vec<u8>>, String> {
        let (person, synced) =
            self.change(who, |citizen| (citizen.person.clone(), citizen.synced()))?;
        Ok(truth::fitbit_csv(&person, user_id, metric, day, synced))
    }

    /// All files of the five metrics that fitsync must have for the days of a participant, by key
    /// without prefix. The zone is the participant's present one unless given.
    pub fn expected(
        &self,
        who: &str,
        user_id: &str,
        days: (Date, Date),
        zone_name: Option<&str>,
    ) -> Result<Vec<Expected>, String> {
        self.expected_of(&Metric::FIVE, who, user_id, days, zone_name)
    }

    /// The same for other metrics.
    pub fn expected_of(
        &self,
        metrics: &[Metric],
        who: &str,
        user_id: &str,
        (from, to): (Date, Date),
        zone_name: Option<&str>,
    ) -> Result<Vec<Expected>, String> {
        let now = self.world.now();
        let person = self.person(who)?;
        let zone = match zone_name {
            Some(name) => zone(name)?,
            None => person.zone_at(now).clone(),
        };
        let mut files = Vec::new();
        for date in from.series(jiff::Span::new().days(1)).take_while(|date| *date <= to) {
            for metric in metrics.iter().copied() {
                let day = Day::civil(date, &zone);
                if let Some(bytes) = self.truth(who, user_id, metric, &day)? {
                    let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
                    files.push(Expected {
                        key: key(user_id, metric, date),
                        rows: lines - 1,
                        bytes,
                    });
                }
            }
        }
        files.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(files)
    }
}

/// The key of a file, without prefix.
pub fn key(user_id: &str, metric: Metric, date: Date) -> String {
    let name = metric.name();
    let day = date.strftime("%Y%m%d");
    format!("users/{user_id}/{name}/{user_id}_{name}_{day}.csv")
}
