//! Looking at files without changing them, for `doctor`.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::core::error::{Doing as _, Result};
use crate::io::files;

/// Who may do what with a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    pub mode: u32,
    pub owner: u32,
    pub is_folder: bool,
}

impl Rights {
    pub const fn others_may_read(self) -> bool {
        self.mode & 0o004 != 0
    }

    /// Neither the group nor others may do anything.
    pub const fn is_private(self) -> bool {
        self.mode & 0o077 == 0
    }
}

/// `None` where there is nothing, or where this user may not even look.
pub fn rights(path: &Path) -> Option<Rights> {
    let about = fs::metadata(path).ok()?;
    let mode = about.permissions().mode() & 0o777;
    Some(Rights { mode, owner: about.uid(), is_folder: about.is_dir() })
}

/// Whether this user may not even look whether there is something.
pub fn is_hidden(path: &Path) -> bool {
    fs::metadata(path).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

/// The user that this process is.
pub fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether this user may make files in a folder; also false on a disk that is read-only.
pub fn may_write(folder: &Path) -> bool {
    access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

/// Which disk a folder is on.
pub fn disk(folder: &Path) -> Option<u64> {
    fs::metadata(folder).ok().map(|about| about.dev())
}

/// The folder itself, or the nearest one above it that exists.
pub fn nearest(folder: &Path) -> PathBuf {
    let folder = if folder.is_absolute() { folder.to_owned() } else { Path::new(".").join(folder) };
    folder.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

/// Whether the folder's filesystem has locks that exclude: a lock file of the folder (else the
/// folder itself) is locked for a moment, and must then refuse a second lock.
pub fn locks_exclude(folder: &Path) -> Result<bool> {
    let name = files::names(folder)?.into_iter().find(|name| name.ends_with(".lock"));
    let is_file = name.is_some();
    let path = name.map_or_else(|| folder.to_owned(), |name| folder.join(name));
    let open = || OpenOptions::new().read(true).write(is_file).open(&path).doing("open", &path);
    let (first, second) = (open()?, open()?);
    match fs4::FileExt::try_lock(&first) {
        // Held by another fitsync at this moment: that is what locks are for.
        Err(fs4::TryLockError::WouldBlock) => return Ok(true),
        // NFS locks only what is open for writing, which a folder never is: nothing is known yet.
        Err(fs4::TryLockError::Error(error)) if !is_file && is_bad_file(&error) => return Ok(true),
        Err(fs4::TryLockError::Error(error)) => return Err(error).doing("lock", &path),
        Ok(()) => {}
    }
    match fs4::FileExt::try_lock(&second) {
        Err(fs4::TryLockError::WouldBlock) => Ok(true),
        Err(fs4::TryLockError::Error(error)) => Err(error).doing("lock", &path),
        Ok(()) => Ok(false),
    }
}

fn is_bad_file(error: &std::io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::BADF.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_this_disk_locks_and_stays_as_it_was() {
        let folder = std::env::temp_dir().join(format!("fitsync-inspect-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        files::make_folder(&folder).unwrap();
        assert!(locks_exclude(&folder).unwrap());
        assert!(files::names(&folder).unwrap().is_empty());
        fs::write(folder.join("user_001.lock"), "").unwrap();
        assert!(locks_exclude(&folder).unwrap());
        let rights = rights(&folder).unwrap();
        assert!(rights.is_private() && rights.is_folder && rights.owner == me());
        assert!(may_write(&folder));
        assert_eq!(nearest(&folder.join("a/b")), folder);
        fs::remove_dir_all(folder).unwrap();
    }
}
