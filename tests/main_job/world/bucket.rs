//! What the bucket holds, against what the world knows to be true.

use std::collections::{BTreeMap, BTreeSet};

use fitsync_sim::jiff::Timestamp;
use fitsync_sim::jiff::civil::Date;
use fitsync_sim::jiff::tz::TimeZone;
use fitsync_sim::truth::{self, Day};
use fitsync_sim::{Metric, key};

use super::World;

/// A row of a completeness file.
#[derive(Clone, Debug)]
pub struct DayRow {
    pub metric: String,
    pub date: Date,
    pub state: String,
    pub rows: usize,
    pub revisions: u32,
    pub zone: String,
    pub start: Timestamp,
    pub end: Timestamp,
    pub synced: Option<Timestamp>,
    pub provider: String,
    pub sha256: String,
}

const HEADER: &str = "user_id,metric,date,state,rows,revisions,time_zone,day_start_utc,\
                      day_end_utc,device_synced_utc,provider,data_source,sha256";

fn row(line: &str) -> DayRow {
    let cells: Vec<_> = line.split(',').collect();
    let time = |at: usize| cells[at].parse::<Timestamp>();
    DayRow {
        metric: cells[1].to_owned(),
        date: cells[2].parse().expect("a date"),
        state: cells[3].to_owned(),
        rows: cells[4].parse().expect("a number"),
        revisions: cells[5].parse().expect("a number"),
        zone: cells[6].to_owned(),
        start: time(7).expect("a time"),
        end: time(8).expect("a time"),
        synced: time(9).ok(),
        provider: cells[10].to_owned(),
        sha256: cells[12].to_owned(),
    }
}

fn hash(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl World {
    pub fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        self.sim.s3_objects().into_iter().collect()
    }

    /// The rows of a participant's completeness files in the bucket.
    pub fn completeness(&self, user: &str) -> Vec<DayRow> {
        let prefix = format!("users/{user}/completeness/");
        let objects = self.objects();
        let files = objects.iter().filter(|(key, _)| key.starts_with(&prefix));
        let mut rows = Vec::new();
        for (_, bytes) in files {
            let text = std::str::from_utf8(bytes).expect("text");
            let mut lines = text.lines();
            assert_eq!(lines.next(), Some(HEADER));
            rows.extend(lines.map(row));
        }
        rows
    }

    /// The state of a metric's day, as the bucket has it.
    pub fn state(&self, user: &str, metric: Metric, date: Date) -> Option<String> {
        let rows = self.completeness(user).into_iter();
        let mut rows = rows.filter(|row| row.metric == metric.name() && row.date == date);
        rows.next().map(|row| row.state)
    }

    /// Every object of a participant is, byte for byte, what the world says of its day, every day
    /// with data has one, and the completeness files say the same. The number of data files.
    #[track_caller]
    pub fn check_bucket(&self, user: &str, who: &str) -> usize {
        let person = self.sim.person(who).expect("a person");
        let objects = self.objects();
        let mut named = BTreeSet::new();
        for row in self.completeness(user) {
            let metric = Metric::named(&row.metric).expect("a metric");
            let name = key(user, metric, row.date);
            let zone = TimeZone::get(&row.zone).expect("a zone");
            let day = Day { date: row.date, zone, start: row.start, end: row.end };
            let wanted = match row.provider.as_str() {
                "fitbit" => truth::fitbit_csv(&person, user, metric, &day, row.synced),
                // Not granted, or not offered by the provider: never asked.
                "" => None,
                _ => truth::csv(&person, user, metric, &day, row.synced),
            };
            let found = objects.get(&name);
            let lines = wanted.as_ref().map_or(1, |bytes| bytes.split(|b| *b == b'\n').count() - 1);
            assert_same(&name, found, wanted.as_ref());
            assert_eq!(row.rows, lines - 1, "{name}");
            assert_eq!(row.sha256, found.map(|bytes| hash(bytes)).unwrap_or_default(), "{name}");
            named.insert(name);
        }
        let prefix = format!("users/{user}/");
        let mine = objects.keys().filter(|key| key.starts_with(&prefix));
        let data: Vec<_> = mine.filter(|key| !key.contains("/completeness/")).collect();
        for key in &data {
            assert!(named.contains(*key), "{key} is in no completeness file");
        }
        data.len()
    }

    /// The files of these civil days are exactly those that the world says there are.
    #[track_caller]
    pub fn check_days(&self, user: &str, who: &str, days: (Date, Date), zone: &str) -> usize {
        let expected = self.sim.expected(who, user, days, Some(zone)).expect("days");
        let objects = self.objects();
        for file in &expected {
            assert_same(&file.key, objects.get(&file.key), Some(&file.bytes));
        }
        let stamp =
            |key: &str| key.get(key.len().checked_sub(12)?..key.len() - 4).map(str::to_owned);
        let text = |date: Date| date.strftime("%Y%m%d").to_string();
        let (from, to) = (text(days.0), text(days.1));
        let of_days = objects.keys().filter(|key| {
            let inside = stamp(key).is_some_and(|stamp| from <= stamp && stamp <= to);
            key.starts_with(&format!("users/{user}/")) && !key.contains("/completeness/") && inside
        });
        assert_eq!(of_days.count(), expected.len());
        expected.len()
    }
}

#[track_caller]
fn assert_same(key: &str, found: Option<&Vec<u8>>, wanted: Option<&Vec<u8>>) {
    if found == wanted {
        return;
    }
    let text = |bytes: Option<&Vec<u8>>| {
        bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
    };
    let (found, wanted) = (text(found), text(wanted));
    let mut pairs = found.lines().zip(wanted.lines());
    let first = pairs.find(|(found, wanted)| found != wanted);
    panic!(
        "{key}: {} lines instead of {}; first difference: {first:?}",
        found.lines().count(),
        wanted.lines().count()
    );
}
