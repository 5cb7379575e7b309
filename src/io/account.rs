//! Which user the program runs as: root becomes the owner of the token folder before it touches a
//! file, so that `sudo fitsync …` in a shell and the timer's run find and leave the same files.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::config::{Config, READ_BY_ROOT};
use crate::core::error::{ErrorClass, Failure, Result};

/// Takes this process's place as the folder's owner, with the settings that root has read.
pub fn become_owner(config: &Config) -> Result<()> {
    let Ok(folder) = std::fs::metadata(&config.token_dir) else { return Ok(()) };
    let Ok(process) = std::fs::metadata("/proc/self") else { return Ok(()) };
    let (me, owner) = (process.uid(), folder.uid());
    if me == owner {
        return Ok(());
    }
    if me != 0 {
        let what = format!(
            "the token folder {} belongs to another user: run sudo fitsync …",
            config.token_dir.display()
        );
        return Err(Failure::new(ErrorClass::Usage, what));
    }
    let refuse = |error: std::io::Error| {
        let what = format!("cannot become the owner of the token folder: {error}");
        Failure::new(ErrorClass::Usage, what)
    };
    let program = std::env::current_exe().map_err(refuse)?;
    let error = Command::new(program)
        .args(std::env::args_os().skip(1))
        .envs(config.settings.pairs())
        .env(READ_BY_ROOT, config.settings.file.as_deref().unwrap_or("".as_ref()))
        .uid(owner)
        .gid(folder.gid())
        .exec();
    Err(refuse(error))
}
