//! The completeness file: what the bucket itself says of each day, derived from the ledger.

use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::table::utc;
use crate::core::user::UserId;
use crate::ledger::entry::Month;

/// One row; the field names are the columns.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CompletenessRow {
    pub user_id: String,
    pub metric: String,
    pub date: String,
    pub state: String,
    pub rows: u64,
    pub revisions: u32,
    pub time_zone: String,
    pub day_start_utc: String,
    pub day_end_utc: String,
    pub device_synced_utc: String,
    pub provider: String,
    pub data_source: String,
    /// Of the day's file; empty where the day has none.
    pub sha256: String,
}

/// The file of one participant and month, sorted by date and metric.
pub fn csv(user: &UserId, month: &Month) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for (date, metric, entry) in month.entries() {
        let Some(day) = month.days.get(&date) else { continue };
        let row = CompletenessRow {
            user_id: user.to_string(),
            metric: metric.clone(),
            date: date.to_string(),
            state: entry.state.name().to_owned(),
            rows: entry.rows,
            revisions: entry.revisions,
            time_zone: day.zone.clone(),
            day_start_utc: utc(*day.start),
            day_end_utc: utc(*day.end),
            device_synced_utc: entry.device_synced_at.map(|at| utc(*at)).unwrap_or_default(),
            provider: entry.provider.clone().unwrap_or_default(),
            data_source: entry.data_source.clone().unwrap_or_default(),
            sha256: entry.file.sha256.clone().unwrap_or_default(),
        };
        writer.serialize(row).map_err(|error| broken(&error))?;
    }
    writer.into_inner().map_err(|error| broken(&error))
}

/// Reads such a file back; used when a month of the ledger was lost.
pub fn read(bytes: &[u8]) -> Result<Vec<CompletenessRow>> {
    let rows = csv::Reader::from_reader(bytes).into_deserialize().collect();
    let rows: std::result::Result<Vec<CompletenessRow>, csv::Error> = rows;
    rows.map_err(|error| Failure::new(ErrorClass::Format, format!("completeness file: {error}")))
}

fn broken(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(ErrorClass::Bug, format!("cannot make the completeness file: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::day::{DaySpan, zone};
    use crate::ledger::entry::{Day, Entry, State};

    #[test]
    fn what_is_written_is_read_back() {
        let date = jiff::civil::date(2026, 11, 1);
        let name = "America/New_York";
        let mut day = Day::new(&DaySpan::natural(date, &zone(name).unwrap(), name), "account");
        let entry = Entry { state: State::Sealed, rows: 3, ..Entry::wanted() };
        day.metrics.insert("steps".into(), entry);
        let mut month = Month::default();
        month.days.insert(date, day);
        let bytes = csv(&"user_001".parse().unwrap(), &month).unwrap();
        assert_eq!(
            String::from_utf8(bytes.clone()).unwrap(),
            "user_id,metric,date,state,rows,revisions,time_zone,day_start_utc,day_end_utc,\
             device_synced_utc,provider,data_source,sha256\n\
             user_001,steps,2026-11-01,sealed,3,0,America/New_York,2026-11-01T04:00:00Z,\
             2026-11-02T05:00:00Z,,,,\n"
        );
        let rows = read(&bytes).unwrap();
        assert_eq!((rows[0].metric.as_str(), rows[0].rows), ("steps", 3));
        assert!(read(b"a,b\n1,2\n").is_err());
    }
}
