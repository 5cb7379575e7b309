//! What root may read: only what nobody else could have written or exchanged.
//!
//! A path is looked at from `/` down, one name after the other, so that what has passed cannot be
//! exchanged afterwards by anybody but root. Nothing is opened for it.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use crate::core::error::{Doing as _, ErrorClass, Failure, Result};
use crate::io::files;
use crate::limits::SYMBOLIC_LINKS_MAX;

const OTHERS_MAY_WRITE: u32 = 0o022;
const STICKY: u32 = 0o1000;

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Reads a file that a setting names; `None` where there is none. As root only where [`check`]
/// lets it. `instead` is the other cure: how another file is named.
pub fn read(path: &Path, bytes_max: u64, instead: &str) -> Result<Option<Vec<u8>>> {
    check_as_root(path, instead)?;
    files::read_named(path, bytes_max)
}

/// [`check`] of a file that is there, where this is root.
pub fn check_as_root(path: &Path, instead: &str) -> Result<()> {
    if is_root() && path.symlink_metadata().is_ok() { check(path, instead) } else { Ok(()) }
}

/// Refuses what somebody else than root could change: the file or folder itself, each folder above
/// it, each symbolic link on the way. What is not there is judged as far as it is.
pub fn check(path: &Path, instead: &str) -> Result<()> {
    let whole = std::path::absolute(path).doing("look at", path)?;
    let Some(Distrust { at, why, cure }) = walk(&whole)? else { return Ok(()) };
    let (whole_shown, shown) = (whole.display(), at.display());
    let what = if at == whole {
        format!("{whole_shown} {why}: sudo {cure} {shown}")
    } else {
        format!(
            "{whole_shown} lies below {shown}, which {why}: move it to a folder of root's alone \
             (sudo {cure} {shown} makes it one)"
        )
    };
    let what = format!("root reads only what nobody else can change; {what}, or {instead}");
    Err(Failure::new(ErrorClass::Usage, what))
}

/// The same for a folder and the folders in it, `depth` floors down.
pub fn check_folders(folder: &Path, depth: usize, instead: &str) -> Result<()> {
    check(folder, instead)?;
    if depth == 0 || !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder).doing("list", folder)? {
        let entry = entry.doing("list", folder)?;
        let kind = entry.file_type().doing("look at", &entry.path())?;
        if kind.is_dir() || kind.is_symlink() {
            check_folders(&entry.path(), depth - 1, instead)?;
        }
    }
    Ok(())
}

/// The name on the way that somebody else could change.
struct Distrust {
    at: PathBuf,
    why: String,
    cure: &'static str,
}

fn walk(path: &Path) -> Result<Option<Distrust>> {
    let mut left = names(path);
    let mut at = PathBuf::from("/");
    let mut links = 0;
    loop {
        let about = match fs::symlink_metadata(&at) {
            Ok(about) => about,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error).doing("look at", &at),
        };
        if about.uid() != 0 {
            let why = format!("belongs to user {}", about.uid());
            return Ok(Some(Distrust { at, why, cure: "chown -h root" }));
        }
        let mode = about.mode() & 0o7777;
        // What root owns in such a folder nobody else can move; a file or folder that is to be
        // read itself is different.
        let sticky = about.is_dir() && mode & STICKY != 0 && !left.is_empty();
        if !about.is_symlink() && mode & OTHERS_MAY_WRITE != 0 && !sticky {
            let why = format!("may be written by others (mode {mode:03o})");
            return Ok(Some(Distrust { at, why, cure: "chmod go-w" }));
        }
        if about.is_symlink() {
            links += 1;
            if links > SYMBOLIC_LINKS_MAX {
                let what = "too many symbolic links";
                return Err(Failure::new(ErrorClass::Usage, what).at(path.display()));
            }
            let target = fs::read_link(&at).doing("look at", &at)?;
            at.pop();
            if target.is_absolute() {
                at = PathBuf::from("/");
            }
            left.extend(names(&target));
        }
        // A link is gone by now, so that what stands above a name is where it really lies.
        match left.pop() {
            None => return Ok(None),
            Some(name) if name == ".." => drop(at.pop()),
            Some(name) => at.push(name),
        }
    }
}

/// The names of a path, the last one first.
fn names(path: &Path) -> Vec<OsString> {
    let name = |part: Component<'_>| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    path.components().rev().filter_map(name).collect()
}

#[cfg(test)]
#[path = "trust_tests.rs"]
mod tests;
