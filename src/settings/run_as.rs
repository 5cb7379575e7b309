//! Which user the program runs as: root becomes the account of the service before it touches the
//! state, so that `sudo fitsync …` in a shell and the timer's run find and leave the same files,
//! and nothing that this account can write is ever opened with root's rights.
//!
//! Called in `main` before the first thread: the kernel changes the credentials of one thread.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::process::{
    DumpableBehavior, Gid, Resource, Rlimit, Uid, geteuid, set_dumpable_behavior, setrlimit,
};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::core::error::{ErrorClass, Failure, Result};
use crate::io::{files, trust};
use crate::limits::ACCOUNTS_BYTES_MAX;
use crate::settings::Config;
use crate::settings::system_account::{SystemAccount, SystemAccounts};

/// The account that root becomes where it exists and no other is named.
const SERVICE: &str = "fitsync";

const NAME_THE_ACCOUNT: &str = "set FITSYNC_USER to the account that the folders belong to";

/// Below the token folder lies `unreadable`; in two folders of the data one for each participant.
const TOKEN_FOLDERS_DEPTH: usize = 1;
const DATA_FOLDERS_DEPTH: usize = 2;

/// Secrets in memory stay there: no core dump, and no other process of the same user looks in.
pub fn close_memory() {
    // A second lock: where the system refuses it, the program is as good as others are.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// Root becomes the account of the service, or stays root where everything is root's alone.
/// Anybody else is told if the tokens belong to another user. Gives the settings back, with that
/// account's home.
pub fn become_account(mut config: Config) -> Result<Config> {
    if !trust::is_root() {
        refuse_anothers_tokens(&config, "run sudo fitsync …")?;
        return Ok(config);
    }
    check_certificates(&config)?;
    let Err(distrust) = check_state(&config) else { return Ok(config) };
    let Some(account) = account(&config)?.filter(|account| account.user != 0) else {
        return Err(distrust);
    };
    take_over(&account)?;
    close_memory();
    config.settings.set_home(account.home.as_deref());
    let cure =
        format!("root has become user {}: chown the folder, or {NAME_THE_ACCOUNT}", account.user);
    refuse_anothers_tokens(&config, &cure)?;
    Ok(config)
}

/// They decide whom the program believes, whoever reads them later.
fn check_certificates(config: &Config) -> Result<()> {
    for name in ["FITSYNC_CA_FILE", "AWS_CA_BUNDLE"] {
        if let Some(path) = config.settings.get(name) {
            trust::check(Path::new(path), &format!("name another file with {name}"))?;
        }
    }
    Ok(())
}

/// Whether the folders of the state are root's alone, so that root may go on as root.
fn check_state(config: &Config) -> Result<()> {
    trust::check_folders(&config.token_dir, TOKEN_FOLDERS_DEPTH, NAME_THE_ACCOUNT)?;
    trust::check_folders(&config.data_dir, DATA_FOLDERS_DEPTH, NAME_THE_ACCOUNT)
}

/// The account of the service: the one that is named, else `fitsync` where it exists, else the
/// owner of the token folder that a setting names. A folder that only happens to lie in the
/// working directory names nobody.
fn account(config: &Config) -> Result<Option<SystemAccount>> {
    let read = |path: &str| -> Result<String> {
        let bytes = files::read(Path::new(path), ACCOUNTS_BYTES_MAX)?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let accounts = SystemAccounts { passwd: read("/etc/passwd")?, group: read("/etc/group")? };
    if let Some(name) = config.settings.get("FITSYNC_USER") {
        let what = || format!("FITSYNC_USER is {name:?}, and /etc/passwd has no such account");
        let named = accounts.named(name);
        return named.map(Some).ok_or_else(|| Failure::new(ErrorClass::Usage, what()));
    }
    if let Some(service) = accounts.named(SERVICE) {
        return Ok(Some(service));
    }
    let named = config.settings.get("TOKEN_STORE_DIR").is_some();
    let folder = named.then(|| config.token_dir.symlink_metadata().ok()).flatten();
    Ok(folder.map(|folder| accounts.of_user(folder.uid())))
}

/// Groups first: afterwards there is no right left to change them.
fn take_over(account: &SystemAccount) -> Result<()> {
    let refuse = |why: String| {
        let what = format!("cannot become user {}: {why}", account.user);
        Failure::new(ErrorClass::Usage, what)
    };
    let groups: Vec<Gid> = account.groups.iter().copied().map(Gid::from_raw).collect();
    let (user, group) = (Uid::from_raw(account.user), Gid::from_raw(account.group));
    set_thread_groups(&groups)
        .and_then(|()| set_thread_res_gid(group, group, group))
        .and_then(|()| set_thread_res_uid(user, user, user))
        .map_err(|error| refuse(error.to_string()))?;
    let threads =
        std::fs::read_dir("/proc/self/task").map_err(|error| refuse(error.to_string()))?;
    for thread in threads {
        let status =
            thread.and_then(|thread| std::fs::read_to_string(thread.path().join("status")));
        let status = status.map_err(|error| refuse(error.to_string()))?;
        if !is_account(&status, account) {
            return Err(refuse("the kernel says that this process is somebody else".to_owned()));
        }
    }
    Ok(())
}

/// Whether a thread, by its `/proc/…/status`, has the ids of the account, its groups alone, and no
/// right beyond them.
fn is_account(status: &str, account: &SystemAccount) -> bool {
    let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
    let numbers = |name: &str| -> Option<Vec<u32>> {
        line(name)?.split_whitespace().map(|id| id.parse().ok()).collect()
    };
    let none = |name: &str| line(name).is_some_and(|set| set.trim().bytes().all(|b| b == b'0'));
    numbers("Uid:") == Some(vec![account.user; 4])
        && numbers("Gid:") == Some(vec![account.group; 4])
        && numbers("Groups:").as_ref() == Some(&account.groups)
        && none("CapPrm:")
        && none("CapEff:")
}

fn refuse_anothers_tokens(config: &Config, cure: &str) -> Result<()> {
    let folder = nearest_seen(&config.token_dir);
    if folder.is_none_or(|folder| folder.uid() == geteuid().as_raw()) {
        return Ok(());
    }
    let shown = config.token_dir.display();
    let what = format!("the token folder {shown} belongs to another user: {cure}");
    Err(Failure::new(ErrorClass::Usage, what))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_the_account_when_every_number_is_its_own() {
        let account = SystemAccount { user: 998, group: 997, groups: vec![46, 997], home: None };
        let status = "Name:\tfitsync\nUid:\t998\t998\t998\t998\nGid:\t997\t997\t997\t997\n\
                      Groups:\t46 997 \nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n\
                      CapEff:\t0000000000000000\n";
        assert!(is_account(status, &account));
        for (from, to) in [
            ("998\nGid", "0\nGid"),
            ("Gid:\t997", "Gid:\t0"),
            ("46 997 ", "0 46 997 "),
            ("46 997 ", "997"),
            ("Groups:", "Gruppen:"),
            ("CapPrm:\t0", "CapPrm:\t1"),
            ("CapEff:\t0", "CapEff:\t8"),
        ] {
            assert!(!is_account(&status.replacen(from, to, 1), &account), "{to}");
        }
    }
}
