//! Keeps files that cannot be used: nothing that might hold a consent or a day is thrown away.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::core::error::{Doing as _, Result};
use crate::core::hash::sha256_hex;
use crate::io::files;
use crate::limits::KEPT_BYTES_MAX;

/// Keeps what cannot be used in a folder, once, and tells under which name: by the hash of its
/// content or, where the disk does not give that back, as a second name of the same file, if the
/// file system can.
pub fn keep(path: &Path, folder: &Path, name: &str) -> Result<Option<String>> {
    let bytes = files::read(path, KEPT_BYTES_MAX);
    let id = match &bytes {
        Ok(None) => return Ok(None),
        Ok(Some(bytes)) => sha256_hex(bytes).get(..16).unwrap_or_default().to_owned(),
        Err(_) => format!("{:016x}", fs::metadata(path).doing("look at", path)?.ino()),
    };
    let name = format!("{name}.{id}");
    let copy = folder.join(&name);
    if copy.exists() {
        return Ok(Some(name));
    }
    files::make_folder(folder)?;
    match bytes {
        Ok(Some(bytes)) => files::write_durably(&copy, &bytes).map(|()| Some(name)),
        _ => match fs::hard_link(path, &copy) {
            Ok(()) => files::sync_folder(folder).map(|()| Some(name)),
            Err(error) => {
                log::warn!("{} cannot be kept aside: {error}", path.display());
                Ok(None)
            }
        },
    }
}
