//! Gathers what is left of a month whose ledger could not be read back; `rebuild.rs` makes the
//! month of it.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil::Date;

use crate::core::error::Result;
use crate::core::hash::sha256_hex;
use crate::core::user::{COMPLETENESS, UserId, date_of_file, file_path};
use crate::io::files;
use crate::ledger::completeness::{self, CompletenessRow};
use crate::ledger::entry::{FileRecord, Month};
use crate::ledger::month::MonthKey;
use crate::ledger::rebuild::{self, LocalFile, Owner, Remains};
use crate::limits::CSV_BYTES_MAX;

/// The month as far as it can be known. `stored`: the rows of the bucket's completeness file.
pub fn month(
    data_dir: &Path,
    user: &UserId,
    key: MonthKey,
    stored: &[CompletenessRow],
    owner: &Owner,
) -> Result<Month> {
    let own = data_dir.join(file_path(user, COMPLETENESS, key.first_day()));
    // One that cannot be read either is made again at the end of the run.
    let own = files::read(&own, CSV_BYTES_MAX).unwrap_or_default();
    let local = own.as_ref().and_then(|bytes| completeness::read(bytes).ok()).unwrap_or_default();
    let found = local_files(data_dir, user, key);
    let remains = Remains { local: &local, stored, files: &found };
    let mut month = rebuild::month(key, remains, owner)?;
    if let Some(bytes) = own {
        let (sha256, bytes) = (Some(sha256_hex(&bytes)), bytes.len() as u64);
        month.completeness = FileRecord { sha256, bytes, ..FileRecord::default() };
    }
    Ok(month)
}

/// The CSV files of a month, by date and metric. What the disk does not give back is not there: its
/// day is read again.
fn local_files(
    data_dir: &Path,
    user: &UserId,
    key: MonthKey,
) -> BTreeMap<(Date, String), LocalFile> {
    let folder = data_dir.join("users").join(user.as_str());
    let names = |folder: &Path| {
        files::names(folder).unwrap_or_else(|failure| {
            log::warn!("user={user} {failure}");
            Vec::new()
        })
    };
    let mut found = BTreeMap::new();
    for metric in names(&folder).into_iter().filter(|name| name != COMPLETENESS) {
        let folder = folder.join(&metric);
        for name in names(&folder) {
            let date = date_of_file(user, &metric, &name);
            let Some(date) = date.filter(|date| MonthKey::of(*date) == key) else { continue };
            let Ok(Some(bytes)) = files::read(&folder.join(&name), CSV_BYTES_MAX) else { continue };
            let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
            let file = LocalFile {
                sha256: sha256_hex(&bytes),
                bytes: bytes.len() as u64,
                rows: lines.saturating_sub(1),
            };
            // A file is renamed into its place when it is whole: one without an end is not ours.
            if bytes.last() == Some(&b'\n') {
                found.insert((date, metric.clone()), file);
            }
        }
    }
    found
}
