//! The completeness file: what the bucket itself says of each day, derived from the ledger.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::table::utc;
use crate::core::user::UserId;
use crate::ledger::entry::{Day, Entry, Month};
use crate::ledger::head::Head;

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

/// The state of a day that the ledger has no entry of, as nobody might ask for it.
pub const NEVER_ASKED: &str = "never_asked";

/// The file of one participant and month, sorted by date and metric.
pub fn csv(user: &UserId, month: &Month, head: &Head) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for (&date, day) in &month.days {
        let never_asked = head.first_days.iter().flatten().filter(|(_, first)| date < ***first);
        let mut entries: BTreeMap<&String, Option<&Entry>> =
            never_asked.map(|(metric, _)| (metric, None)).collect();
        entries.extend(day.metrics.iter().map(|(metric, entry)| (metric, Some(entry))));
        for (metric, entry) in entries {
            let row = row(user, metric, date, day, entry);
            writer.serialize(row).map_err(|error| broken(&error))?;
        }
    }
    writer.into_inner().map_err(|error| broken(&error))
}

fn row(
    user: &UserId,
    metric: &str,
    date: Date,
    day: &Day,
    entry: Option<&Entry>,
) -> CompletenessRow {
    let text = |of: fn(&Entry) -> &Option<String>| entry.and_then(|e| of(e).clone());
    let synced_at = entry.and_then(|entry| entry.device_synced_at);
    CompletenessRow {
        user_id: user.to_string(),
        metric: metric.to_owned(),
        date: date.to_string(),
        state: entry.map_or(NEVER_ASKED, |entry| entry.state.name()).to_owned(),
        rows: entry.map_or(0, |entry| entry.rows),
        revisions: entry.map_or(0, |entry| entry.revisions),
        time_zone: day.zone.clone(),
        day_start_utc: utc(*day.start),
        day_end_utc: utc(*day.end),
        device_synced_utc: synced_at.map(|at| utc(*at)).unwrap_or_default(),
        provider: text(|entry| &entry.provider).unwrap_or_default(),
        data_source: text(|entry| &entry.data_source).unwrap_or_default(),
        sha256: text(|entry| &entry.file.sha256).unwrap_or_default(),
    }
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
    use crate::core::json::AsText;
    use crate::ledger::entry::State;

    #[test]
    fn what_is_written_is_read_back() {
        let date = jiff::civil::date(2026, 11, 1);
        let name = "America/New_York";
        let mut day = Day::new(&DaySpan::natural(date, &zone(name).unwrap(), name), "account");
        let entry = Entry { state: State::Sealed, rows: 3, ..Entry::wanted() };
        day.metrics.insert("steps".into(), entry);
        let mut month = Month::default();
        month.days.insert(date, day);
        let first_days = [("azm", Date::MAX), ("steps", date)];
        let first_days = first_days.map(|(name, date)| (name.to_owned(), AsText(date)));
        let head = Head { first_days: Some(first_days.into()), ..Head::default() };
        let bytes = csv(&"user_001".parse().unwrap(), &month, &head).unwrap();
        assert_eq!(
            String::from_utf8(bytes.clone()).unwrap(),
            "user_id,metric,date,state,rows,revisions,time_zone,day_start_utc,day_end_utc,\
             device_synced_utc,provider,data_source,sha256\n\
             user_001,azm,2026-11-01,never_asked,0,0,America/New_York,2026-11-01T04:00:00Z,\
             2026-11-02T05:00:00Z,,,,\n\
             user_001,steps,2026-11-01,sealed,3,0,America/New_York,2026-11-01T04:00:00Z,\
             2026-11-02T05:00:00Z,,,,\n"
        );
        let rows = read(&bytes).unwrap();
        assert_eq!((rows[1].metric.as_str(), rows[1].rows), ("steps", 3));
        assert!(read(b"a,b\n1,2\n").is_err());
    }
}
