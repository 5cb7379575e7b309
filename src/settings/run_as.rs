//! Which user the program runs as: root becomes the owner of the token folder before it touches a
//! file, so that `sudo fitsync …` in a shell and the timer's run find and leave the same files.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use crate::core::error::{ErrorClass, Failure, Result};
use crate::settings::Config;
use crate::settings::source::READ_BY_ROOT;

/// Takes this process's place as the folder's owner, with the settings that root has read. Before
/// the first sign-in there is no token folder yet; the data folder's owner will need it.
pub fn become_owner(config: &Config) -> Result<()> {
    let Ok(process) = std::fs::metadata("/proc/self") else { return Ok(()) };
    let me = process.uid();
    let tokens = nearest_seen(&config.token_dir).map(|folder| ("token", folder));
    let data = || Some(("data", std::fs::metadata(&config.data_dir).ok()?));
    let Some((name, folder)) = tokens.or_else(data) else { return Ok(()) };
    let owner = folder.uid();
    if me == owner || (me != 0 && name == "data") {
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
        let what = format!("cannot become the owner of the {name} folder: {error}");
        Failure::new(ErrorClass::Usage, what)
    };
    let program = std::env::current_exe().map_err(refuse)?;
    let error = Command::new(program)
        .args(std::env::args_os().skip(1))
        .envs(config.settings.pairs())
        .env("HOME", home_of(owner).unwrap_or_default())
        .env(READ_BY_ROOT, config.settings.file.as_deref().unwrap_or("".as_ref()))
        .uid(owner)
        .gid(folder.gid())
        .exec();
    Err(refuse(error))
}

/// The folder, or where this user may not see it the nearest one above it that it may: that one
/// shuts it out. `None` where there is no folder yet.
fn nearest_seen(folder: &Path) -> Option<Metadata> {
    for folder in folder.ancestors() {
        match std::fs::metadata(folder) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
            other => return other.ok(),
        }
    }
    None
}

/// A user's home, where the AWS tools keep their files: the timer's run has the same. Root's own is
/// closed to everybody else.
fn home_of(user: u32) -> Option<String> {
    home_in(&std::fs::read_to_string("/etc/passwd").ok()?, user)
}

fn home_in(passwd: &str, user: u32) -> Option<String> {
    let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
    let mut users = passwd.lines().map(fields);
    let of_user = |fields: &Vec<String>| fields.get(2).is_some_and(|id| id.parse() == Ok(user));
    users.find(of_user)?.get(5).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_found_by_the_users_number() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nbroken\n\
                      fitsync:x:998:997::/var/lib/fitsync:/usr/sbin/nologin\n";
        assert_eq!(home_in(passwd, 998).as_deref(), Some("/var/lib/fitsync"));
        assert_eq!(home_in(passwd, 0).as_deref(), Some("/root"));
        assert_eq!(home_in(passwd, 5), None);
    }
}
