//! One ledger file, read back: good, none, or lost. What is of a newer version is an error, and is
//! left as it is.

use std::path::Path;

use crate::core::error::{ErrorClass, Failure, Result};
use crate::io::{aside, files};
use crate::ledger::entry::VERSION;
use crate::limits::LEDGER_BYTES_MAX;

#[derive(Debug)]
pub enum ReadBack<T> {
    Good(T),
    None,
    Lost,
}

/// What every ledger file has, of whatever version.
#[derive(miniserde::Deserialize)]
struct Versioned {
    version: u32,
}

/// The file and its text. `quarantine`: where a copy of what is lost is kept, unless the command
/// only looks.
pub fn read<T: miniserde::Deserialize>(
    path: &Path,
    quarantine: Option<&Path>,
    user: &str,
    version: impl Fn(&T) -> u32,
) -> Result<(ReadBack<T>, String)> {
    let bytes = match files::read(path, LEDGER_BYTES_MAX) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Ok((ReadBack::None, String::new())),
        // Longer than any ledger, or nothing that the disk gives back.
        Err(failure) if matches!(failure.class, ErrorClass::Format | ErrorClass::Damaged) => {
            Vec::new()
        }
        Err(failure) => return Err(failure),
    };
    let text = String::from_utf8(bytes).unwrap_or_default();
    if let Ok(value) = miniserde::json::from_str::<T>(&text)
        && version(&value) <= VERSION
    {
        return Ok((ReadBack::Good(value), text));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Whatever else a newer version may write, it says which it is.
    if let Ok(newer) = miniserde::json::from_str::<Versioned>(&text)
        && newer.version > VERSION
    {
        let newer = Failure::newer(newer.version.into());
        let what = format!("the ledger file {name} is {}", newer.what);
        return Err(Failure { what, ..newer }.at(path.display()));
    }
    if let Some(quarantine) = quarantine {
        let kept = aside::keep(path, quarantine, &format!("{user}_{name}"))?;
        let kept = kept.map_or(String::new(), |copy| format!("; kept as quarantine/{copy}"));
        log::warn!("user={user} the ledger file {name} cannot be read{kept}");
    }
    Ok((ReadBack::Lost, text))
}
