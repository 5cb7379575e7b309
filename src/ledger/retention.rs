//! How long uploaded CSV files stay on this machine: `FITSYNC_KEEP_DAYS`, or less where the disk
//! is nearly full. Only a file that the ledger says the store holds is ever removed.
//!
//! Completeness files stay: they are small, and a lost ledger is rebuilt from them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::civil::Date;

use crate::core::day::back;
use crate::core::error::Result;
use crate::core::user::{COMPLETENESS, UserId, date_of_file};
use crate::io::clock::Clock;
use crate::io::files;
use crate::io::removal::remove_durably;
use crate::ledger::folder::Ledger;
use crate::ledger::month::MonthKey;
use crate::limits::{KEEP_FILES_MAX, LOW_WATER_BYTES, LOW_WATER_BYTES_MIN, LOW_WATER_PART};

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    pub removed: u64,
    /// Whether the disk was so full that files were removed before their time.
    pub low: bool,
}

/// Removes what need not be kept any more. `keep_days` 0 keeps everything for ever.
pub fn make_room(
    data_dir: &Path,
    users: &BTreeSet<UserId>,
    keep_days: u32,
    clock: &Clock,
) -> Result<Room> {
    let (mut room, mut told) = (Room::default(), BTreeSet::new());
    if keep_days == 0 || !data_dir.is_dir() {
        return Ok(room);
    }
    // A clock that is wrong, or of which nobody knows yet, must not make files old.
    if clock.checked() && !clock.known_wrong() {
        let today = clock.now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let life = Duration::from_secs(u64::from(keep_days) * 86_400);
        let written_before = SystemTime::now().checked_sub(life);
        let is_old = |file: &Kept| {
            let written = std::fs::metadata(&file.path).and_then(|found| found.modified());
            written.ok().zip(written_before).is_some_and(|(at, limit)| at < limit)
        };
        let old = oldest(data_dir, users, back(today, keep_days), &mut told);
        room.removed += remove(data_dir, old.into_iter().filter(is_old), || true);
    }
    let low_water = low_water(data_dir)?;
    while files::space(data_dir)? < low_water {
        let low = || files::space(data_dir).is_ok_and(|free| free < low_water);
        let oldest = oldest(data_dir, users, Date::MAX, &mut told);
        let removed = remove(data_dir, oldest.into_iter(), low);
        if removed == 0 {
            break;
        }
        room.low = true;
        room.removed += removed;
    }
    Ok(room)
}

/// Below so much free space uploaded files make room.
fn low_water(data_dir: &Path) -> Result<u64> {
    let part = files::disk_size(data_dir)? / LOW_WATER_PART;
    Ok(part.clamp(LOW_WATER_BYTES_MIN, LOW_WATER_BYTES))
}

/// A CSV file; sorted by day first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kept {
    date: Date,
    user: UserId,
    metric: String,
    path: PathBuf,
}

/// The oldest files of days before a date that the store holds, at most so many that memory stays
/// small. Of whom that cannot be told, nothing is removed; `told` has those that it was said of.
fn oldest(
    data_dir: &Path,
    users: &BTreeSet<UserId>,
    before: Date,
    told: &mut BTreeSet<UserId>,
) -> Vec<Kept> {
    let mut found = Vec::new();
    for user in users {
        if let Err(failure) = oldest_of(data_dir, user, before, &mut found)
            && told.insert(user.clone())
        {
            log::warn!("user={user} the uploaded files are not known, and kept: {failure}");
        }
    }
    found.sort();
    found.truncate(KEEP_FILES_MAX);
    found
}

fn oldest_of(data_dir: &Path, user: &UserId, before: Date, found: &mut Vec<Kept>) -> Result<()> {
    let folder = data_dir.join("users").join(user.as_str());
    let mut of_user: BTreeMap<MonthKey, Vec<Kept>> = BTreeMap::new();
    let mut done = Ok(());
    for metric in files::names(&folder)?.into_iter().filter(|name| name != COMPLETENESS) {
        // One folder that cannot be read keeps its own files alone.
        let names = files::names(&folder.join(&metric)).unwrap_or_else(|failure| {
            done = Err(failure);
            Vec::new()
        });
        for name in names {
            let date = date_of_file(user, &metric, &name).filter(|date| *date < before);
            let Some(date) = date else { continue };
            let path = folder.join(&metric).join(name);
            let kept = Kept { date, user: user.clone(), metric: metric.clone(), path };
            of_user.entry(MonthKey::of(date)).or_default().push(kept);
        }
    }
    for (key, kept) in of_user {
        let mut ledger = Ledger::look(data_dir, user)?;
        ledger.open_months([key])?;
        let days = ledger.days();
        found.extend(kept.into_iter().filter(|file| {
            let entry = days.get(&file.date).and_then(|day| day.metrics.get(&file.metric));
            let file = entry.map(|entry| &entry.file);
            file.is_some_and(|file| {
                file.uploaded_sha256.is_some() && file.sha256 == file.uploaded_sha256
            })
        }));
        if found.len() > 2 * KEEP_FILES_MAX {
            found.sort();
            found.truncate(KEEP_FILES_MAX);
        }
    }
    done
}

/// Removes files as long as it is needed; how many are gone. One that stays is told.
fn remove(data_dir: &Path, files: impl Iterator<Item = Kept>, needed: impl Fn() -> bool) -> u64 {
    let removed = remove_durably(files.take_while(|_| needed()).map(|file| {
        let shown = file.path.strip_prefix(data_dir).unwrap_or(&file.path);
        log::debug!("removing {}", shown.display());
        file.path
    }));
    removed.left.iter().for_each(|failure| log::warn!("{failure}"));
    removed.files
}

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;
