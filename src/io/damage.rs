//! Files that cannot be read back: what counts as damage, and that the machine's owner hears of it.
//!
//! A bad sector is no weather: whoever reads treats it like a file whose content is damaged. What
//! says nothing of the file itself (no permission, too many open files) is a failure of the disk.

use std::collections::BTreeSet;
use std::fs::{self, File, FileType, OpenOptions};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::core::error::{ErrorClass, Failure, Result};
use crate::limits::NAMES_SHOWN_MAX;

/// Opens a file to read it; `None` where there is none. What is no regular file is refused at once:
/// opening a fifo would wait for whoever writes to it.
pub fn open(path: &Path) -> Result<Option<File>> {
    match fs::metadata(path) {
        Ok(about) if about.is_file() => {}
        Ok(about) => return Err(no_file(path, about.file_type())),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failure("look at", path, &error)),
    }
    // Nor may what takes its place in this moment.
    let never_waits = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    match OpenOptions::new().read(true).custom_flags(never_waits).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failure("open", path, &error)),
    }
}

fn no_file(path: &Path, kind: FileType) -> Failure {
    let found = if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a fifo"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    let what = format!(
        "{found} stands where this file belongs: move it away; what it held is then made again"
    );
    Failure::new(ErrorClass::Disk, what).at(path.display())
}

/// The failure of reading a file or a folder, in its class.
pub fn failure(what: &str, path: &Path, error: &Error) -> Failure {
    let class = if is_damage(error) { ErrorClass::Damaged } else { ErrorClass::Disk };
    Failure::new(class, format!("cannot {what}: {error}")).at(path.display())
}

/// Whether the disk cannot give back what was written; not what is wrong with the asking.
pub fn is_damage(error: &Error) -> bool {
    let asking = matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::OutOfMemory
            | ErrorKind::Interrupted
            | ErrorKind::WouldBlock
            // A network's file system: the file itself is well.
            | ErrorKind::TimedOut
            | ErrorKind::StaleNetworkFileHandle
    );
    let errno = Errno::from_io_error(error);
    let process = [Errno::MFILE, Errno::NFILE, Errno::LOOP, Errno::NAMETOOLONG];
    !asking && !errno.is_some_and(|errno| process.contains(&errno))
}

static TOLD: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Tells the machine's owner, once in a run, which file it is and what to do.
pub fn tell(failure: &Failure, path: &Path) {
    if failure.class != ErrorClass::Damaged {
        return;
    }
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if told.len() >= NAMES_SHOWN_MAX || !told.insert(path.to_owned()) {
        return;
    }
    let (shown, what) = (path.display(), &failure.what);
    if told.len() == 1 {
        log::warn!(
            "{shown} cannot be read back ({what}): replace the card or disk of this machine"
        );
    } else {
        log::warn!("{shown} cannot be read back either");
    }
}
