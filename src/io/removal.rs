//! Durable removal: the one way in which what a participant or an account left here goes.
//!
//! What is there goes, whatever it is, links unfollowed; then the folders that it went from are
//! synced: until then a power cut brings it back. One that cannot be removed stops no other.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::core::error::{Doing as _, ErrorClass, Failure, Result};
use crate::io::files::make_durable;
use crate::limits::REMOVE_DEPTH_MAX;

/// What a removal came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Files that are gone for good.
    pub files: u64,
    /// Why something is not: one for each file, and one for each folder that could not be synced.
    pub left: Vec<Failure>,
}

impl Removed {
    /// How many files are gone, where nothing was left.
    pub fn all(self) -> Result<u64> {
        let count = self.left.len();
        match self.left.into_iter().next() {
            None => Ok(self.files),
            Some(failure) if count == 1 => Err(failure),
            Some(failure) => {
                let what = format!("{count} files stay: {}", failure.what);
                Err(Failure { what, ..failure })
            }
        }
    }
}

/// Removes files and folders, each taken from `paths` when the one before is gone. The folder of a
/// path is synced also where the path was gone before: by a run, perhaps, that did not live to do
/// it.
pub fn remove_durably(paths: impl IntoIterator<Item = PathBuf>) -> Removed {
    let mut removal = Removal::default();
    for path in paths {
        removal.remove(&path, 0);
        removal.folders.insert(folder_of(&path).to_owned());
    }
    for folder in &removal.folders {
        removal.removed.left.extend(make_durable(folder).err());
    }
    removal.removed
}

/// Whether anything of this name lies there; also a link that leads nowhere.
pub fn lies_at(path: &Path) -> Result<bool> {
    match fs::symlink_metadata(path) {
        Err(error) if is_gone(&error) => Ok(false),
        other => other.doing("look at", path).map(|_| true),
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != OsStr::new("")).unwrap_or(Path::new("."))
}

fn is_gone(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

#[derive(Default)]
struct Removal {
    removed: Removed,
    /// Folders that stay, and from which something went.
    folders: BTreeSet<PathBuf>,
}

impl Removal {
    /// Whether the path is gone.
    fn remove(&mut self, path: &Path, depth: usize) -> bool {
        let done = match fs::symlink_metadata(path) {
            Ok(about) if about.is_dir() => return self.remove_folder(path, depth),
            Ok(_) => fs::remove_file(path).map(|()| self.removed.files += 1),
            Err(error) => Err(error),
        };
        match done {
            Err(error) if !is_gone(&error) => self.leave(Err(error).doing("remove", path)),
            _ => true,
        }
    }

    fn remove_folder(&mut self, path: &Path, depth: usize) -> bool {
        if depth >= REMOVE_DEPTH_MAX {
            let what = "cannot remove: folders lie deeper here than fitsync ever made them";
            return self.leave(Err(Failure::new(ErrorClass::Disk, what).at(path.display())));
        }
        let mut emptied = true;
        match fs::read_dir(path) {
            Err(error) => emptied = self.leave(Err(error).doing("list", path)),
            Ok(entries) => {
                for entry in entries {
                    emptied &= match entry {
                        Ok(entry) => self.remove(&entry.path(), depth + 1),
                        Err(error) => self.leave(Err(error).doing("list", path)),
                    };
                }
            }
        }
        let gone = emptied
            && match fs::remove_dir(path) {
                Err(error) if !is_gone(&error) => self.leave(Err(error).doing("remove", path)),
                _ => true,
            };
        if !gone {
            self.folders.insert(path.to_owned());
        }
        gone
    }

    fn leave(&mut self, why: Result<()>) -> bool {
        self.removed.left.extend(why.err());
        false
    }
}

#[cfg(test)]
#[path = "removal_tests.rs"]
mod tests;
