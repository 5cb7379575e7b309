//! Durable files and locks: the one function that writes what must not be lost, and the one that
//! locks.
//!
//! A durable write is: temporary file in the same folder, mode set at creation, write, length
//! check, fsync, rename, fsync of the folder. A reader sees the old file or the new one, whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::io::Errno;

use crate::core::error::{Doing as _, ErrorClass, Failure, Result};
use crate::io::damage;
use crate::limits::LOCK_POLL_MS;

const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;
const TEMPORARY_SUFFIX: &str = ".tmp";

/// Writes a file that must not be lost.
pub fn write_durably(path: &Path, bytes: &[u8]) -> Result<()> {
    Reserved::new(path, bytes.len() as u64)?.commit(bytes)
}

/// A file that is about to be written, with its space on the disk already taken.
#[derive(Debug)]
pub struct Reserved {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
    /// What is in it is all there, and stays.
    is_whole: bool,
}

impl Reserved {
    /// Takes the space, so that the later write cannot fail for lack of it.
    pub fn new(path: &Path, bytes_max: u64) -> Result<Self> {
        let temporary = temporary_of(path);
        // A left-over of a killed run; its lock is ours now, so nobody else is writing it.
        remove(&temporary)?;
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(&temporary)
            .doing("create", &temporary)?;
        let reserved = Self { file, temporary, path: path.to_owned(), is_whole: false };
        reserved.allocate(bytes_max).doing("reserve space for", path)?;
        Ok(reserved)
    }

    fn allocate(&self, bytes_max: u64) -> std::io::Result<()> {
        // The system refuses to reserve nothing.
        if bytes_max == 0 {
            return Ok(());
        }
        match fs4::FileExt::allocate(&self.file, bytes_max) {
            // Some filesystems cannot reserve; then the write itself must tell.
            Err(error) if error.kind() == ErrorKind::Unsupported => Ok(()),
            other => other,
        }
    }

    /// Writes and makes durable; on any error the old file stays as it was.
    pub fn commit(mut self, bytes: &[u8]) -> Result<()> {
        self.fill(bytes).doing("write", &self.path)?;
        self.put_in_place()
    }

    /// Makes the bytes durable beside the old file. From here on they stay there, whatever happens,
    /// until they are put in its place.
    pub fn prepare(&mut self, bytes: &[u8]) -> Result<()> {
        self.fill(bytes).doing("write", &self.path)?;
        self.is_whole = true;
        Ok(())
    }

    /// Puts what was written in the place of the old file.
    pub fn put_in_place(self) -> Result<()> {
        put_in_place(&self.temporary, &self.path)
    }

    /// Holds the file before anybody can see it, for as long as the lock lives.
    pub fn hold(&self) -> Result<Lock> {
        let file = self.file.try_clone().doing("hold", &self.path)?;
        if !try_lock(&file).doing("hold", &self.path)? {
            return Err(Failure::new(ErrorClass::Bug, "a new file is held by somebody else"));
        }
        Ok(Lock { _file: file })
    }

    fn fill(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.file.write_all(bytes)?;
        self.file.set_len(bytes.len() as u64)?;
        self.file.sync_all()?;
        if self.file.metadata()?.len() == bytes.len() as u64 {
            return Ok(());
        }
        Err(std::io::Error::other("the written file has another length"))
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        // After a rename there is nothing to remove.
        if !self.is_whole {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// The temporary file of a durable write.
pub fn temporary_of(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}{TEMPORARY_SUFFIX}"))
}

fn put_in_place(temporary: &Path, path: &Path) -> Result<()> {
    fs::rename(temporary, path).doing("rename to", path)?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Ends the durable write of a killed run: its temporary file, whole up to `length`, takes the
/// place. The caller holds the lock of the file.
pub fn take_over(path: &Path, length: u64) -> Result<()> {
    let temporary = temporary_of(path);
    OpenOptions::new()
        .write(true)
        .open(&temporary)
        .and_then(|file| file.set_len(length).and_then(|()| file.sync_all()))
        .doing("write", &temporary)?;
    put_in_place(&temporary, path)
}

/// Makes the names in a folder durable, where its file system knows how to.
pub(super) fn sync_folder(path: &Path) -> Result<()> {
    folder_syncs(path).map(drop)
}

/// Whether the file system can make the names in a folder durable. Some cannot (FAT, a few of FUSE
/// and of networks); PostgreSQL's `fsync_fname` goes on with these errors as well
/// (https://github.com/postgres/postgres/blob/master/src/common/file_utils.c).
pub fn folder_syncs(path: &Path) -> Result<bool> {
    let done = File::open(path).and_then(|folder| folder.sync_all());
    let unknown = [Errno::INVAL, Errno::BADF, Errno::NOSYS, Errno::OPNOTSUPP];
    match &done {
        Err(error) if Errno::from_io_error(error).is_some_and(|no| unknown.contains(&no)) => {
            Ok(false)
        }
        _ => done.doing("sync the folder", path).map(|()| true),
    }
}

/// Makes a folder and what is above it, private, each one durable in its parent.
pub fn make_folder(path: &Path) -> Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        make_folder(parent)?;
    }
    match DirBuilder::new().mode(FOLDER_MODE).create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        other => other.doing("make the folder", path)?,
    }
    sync_folder(parent.unwrap_or(Path::new(".")))
}

/// Removes a temporary file, which may come back; one that is not there is fine. What must not
/// come back goes by `removal::remove_durably`.
pub fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other.doing("remove", path),
    }
}

/// The whole file, or `None` where there is none; longer than `bytes_max` is an error.
///
/// What is damaged is [`ErrorClass::Damaged`], whether it is the content or the disk below it, and
/// the machine's owner is told; what is no regular file is refused at once.
pub fn read(path: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>> {
    let first = read_once(path, bytes_max);
    if !first.as_ref().is_err_and(|failure| failure.class == ErrorClass::Damaged) {
        return first;
    }
    // A cable or a card that stumbled once is no bad sector.
    read_once(path, bytes_max).inspect_err(|failure| damage::tell(failure, path))
}

fn read_once(path: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>> {
    damage::open(path)?.map(|file| whole(file, path, bytes_max)).transpose()
}

/// The same of a file that somebody named, which may be a pipe or `/dev/null`.
pub fn read_named(path: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>> {
    match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        other => other.doing("open", path).and_then(|file| whole(file, path, bytes_max).map(Some)),
    }
}

fn whole(file: File, path: &Path, bytes_max: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut std::io::Read::take(file, bytes_max + 1), &mut bytes)
        .map_err(|error| damage::failure("read", path, &error))?;
    if bytes.len() as u64 > bytes_max {
        let what = format!("the file is longer than {bytes_max} bytes");
        return Err(Failure::new(ErrorClass::Format, what).at(path.display()));
    }
    Ok(bytes)
}

/// The names in a folder, sorted; none where there is no folder.
pub fn names(path: &Path) -> Result<Vec<String>> {
    let cannot = |error| {
        let failure = damage::failure("list", path, &error);
        damage::tell(&failure, path);
        failure
    };
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(cannot)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        // A name that is not UTF-8 is none of ours.
        names.extend(entry.map_err(cannot)?.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

/// Removes what a killed run left behind. The caller holds the lock of the files in there.
pub fn sweep(folder: &Path) -> Result<()> {
    for name in names(folder)? {
        if left_over(&name).is_some() {
            log::debug!("removing the left-over {name}");
            remove(&folder.join(name))?;
        }
    }
    Ok(())
}

/// The file that a temporary name was made for.
pub fn left_over(name: &str) -> Option<&str> {
    name.strip_prefix('.')?.strip_suffix(TEMPORARY_SUFFIX)
}

/// Makes durable what a killed run named in a folder, or removed from it, but did not live to sync:
/// this run leans on what it finds there.
pub fn make_durable(folder: &Path) -> Result<()> {
    match fs::metadata(folder) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(())
        }
        _ => sync_folder(folder),
    }
}

/// Refuses a setting that names a file, or something below one, where a folder belongs.
pub fn check_folder(name: &str, folder: &Path) -> Result<()> {
    let is_file = match fs::metadata(folder) {
        Ok(metadata) => !metadata.is_dir(),
        Err(error) => error.kind() == ErrorKind::NotADirectory,
    };
    if !is_file {
        return Ok(());
    }
    let what = format!("{name}: {} is not a folder: name one, or a new one", folder.display());
    Err(Failure::new(ErrorClass::Usage, what))
}

/// Refuses a folder of secrets that others can read, as ssh does.
pub fn check_private(folder: &Path) -> Result<()> {
    readable_by_others(folder)?.map_or(Ok(()), |what| Err(Failure::new(ErrorClass::Usage, what)))
}

/// What is wrong with the mode of a folder that others may look into, with the cure.
pub fn readable_by_others(folder: &Path) -> Result<Option<String>> {
    let metadata = match fs::metadata(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.doing("look at", folder)?,
    };
    let mode = metadata.permissions().mode() & 0o777;
    let folder = folder.display();
    Ok((mode & 0o077 != 0).then(|| {
        format!("{folder} may be read by others (mode {mode:03o}); run: chmod 700 {folder}")
    }))
}

/// Refuses a file that the settings name and that this user may not read, with the cure.
pub fn check_readable(name: &str, path: &Path) -> Result<()> {
    match File::open(path) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let shown = path.display();
            let what = format!(
                "{name}: the user that fitsync runs as may not read {shown}; run: sudo chgrp \
                 fitsync {shown} && sudo chmod 640 {shown} (and let it into the folder)"
            );
            Err(Failure::new(ErrorClass::Usage, what))
        }
        // Whoever reads it tells everything else.
        _ => Ok(()),
    }
}

/// A held lock; freed when dropped, also when the process dies.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Takes the lock of a file that is never renamed or deleted; `None` when somebody else holds it
/// all of `wait`.
pub fn lock(path: &Path, wait: Duration) -> Result<Option<Lock>> {
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(path);
    let file = match opened {
        // A disk that turned read-only: uploading goes on, and a lock needs no writing.
        Err(error) if error.kind() == ErrorKind::ReadOnlyFilesystem => File::open(path),
        other => other,
    };
    let file = file.doing("open the lock", path)?;
    let deadline = Instant::now() + wait;
    loop {
        if try_lock(&file).doing("lock", path)? {
            return Ok(Some(Lock { _file: file }));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(LOCK_POLL_MS));
    }
}

/// Whether the lock was free.
fn try_lock(file: &File) -> std::io::Result<bool> {
    match fs4::FileExt::try_lock(file) {
        Ok(()) => Ok(true),
        Err(fs4::TryLockError::WouldBlock) => Ok(false),
        Err(fs4::TryLockError::Error(error)) => Err(error),
    }
}

/// Whether somebody holds this very file (`Reserved::commit_held`). A file that takes its place is
/// not held, nor is one whose holder has died.
pub fn is_held(path: &Path) -> Result<bool> {
    let Some(file) = damage::open(path)? else { return Ok(false) };
    match fs4::FileExt::try_lock_shared(&file) {
        Ok(()) => Ok(false),
        Err(fs4::TryLockError::WouldBlock) => Ok(true),
        Err(fs4::TryLockError::Error(error)) => Err(error).doing("look at the lock of", path),
    }
}

/// The bytes that this user may still write to the disk of `folder`.
pub fn space(folder: &Path) -> Result<u64> {
    fs4::available_space(folder).doing("ask the free space of", folder)
}

/// The size of the disk of `folder`.
pub fn disk_size(folder: &Path) -> Result<u64> {
    fs4::total_space(folder).doing("ask the size of the disk of", folder)
}

/// Refuses to start work that the disk has no room for.
pub fn check_space(folder: &Path, bytes_min: u64) -> Result<()> {
    let free = space(folder)?;
    if free >= bytes_min {
        return Ok(());
    }
    let what = format!("the disk is full ({free} bytes free, {bytes_min} needed)");
    Err(Failure::new(ErrorClass::Disk, what).at(folder.display()))
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
