//! What lies on this machine: settings, modes, locks, disk.

use std::path::{Path, PathBuf};

use crate::command::doctor::finding::{self, Finding};
use crate::command::doctor::inspect::{self, Rights};
use crate::core::error::{ErrorClass, Failure};
use crate::io::files;
use crate::portal::web::stream::Tls;
use crate::settings::Config;
use crate::settings::source::SECRETS;

const MODES: &str = "modes";
const SYSTEM_CREDENTIALS: &str = "/etc/fitsync/credentials";
const SYSTEM_FILE: &str = "/etc/fitsync/fitsync.env";

/// Where the settings come from, and what is odd about them.
pub fn settings(config: &Config) -> Vec<Finding> {
    let check = "settings";
    let file = config.settings.file.as_deref();
    let mut found = vec![match file {
        Some(path) => Finding::ok(check, format!("read from {}", path.display())),
        None => Finding::ok(check, "from the environment alone"),
    }];
    if file.is_some_and(Path::is_relative) && Path::new(SYSTEM_FILE).exists() {
        let text = format!("this command reads ./.env, the timer reads {SYSTEM_FILE}");
        found.push(Finding::warn(check, text, "run it from another folder"));
    }
    let local = config.working_directory_folders();
    if !local.is_empty() {
        let text = format!("{} lie in the working directory", local.join(" and "));
        let cure = "set TOKEN_STORE_DIR and FITSYNC_DATA_DIR to whole paths for a timer";
        found.push(Finding::warn(check, text, cure));
    }
    let odd = |warning: &String| Finding::warn(check, warning, "correct or remove it");
    found.extend(config.warnings.iter().map(odd));
    if let Some((certificate, key)) = &config.tls
        && let Err(failure) = Tls::load(certificate, key)
    {
        found.push(Finding::failure(check, &failure));
    }
    found
}

/// Whom folders and files belong to and who can read them, locks, free space.
pub fn folders(config: &Config) -> Vec<Finding> {
    let mut wrong = Vec::new();
    wrong.extend(folder(&config.token_dir, "TOKEN_STORE_DIR"));
    wrong.extend(folder(&config.data_dir, "FITSYNC_DATA_DIR"));
    wrong.extend(token_files(&config.token_dir));
    wrong.extend(secret_files(config));
    if wrong.is_empty() {
        wrong.push(Finding::ok(MODES, "folders, tokens and secrets are closed to others"));
    }
    wrong.push(locks(&config.token_dir));
    wrong.extend(folder_syncs(config));
    wrong.extend(disks(config));
    wrong
}

fn folder(path: &Path, name: &str) -> Option<Finding> {
    let shown = path.display();
    if inspect::is_hidden(path) {
        let text = format!("{name}: this user may not look at {shown}");
        return Some(Finding::fail(MODES, text, "run sudo fitsync …"));
    }
    let Some(rights) = inspect::rights(path) else {
        let above = inspect::nearest(path);
        let text = format!("{name}: {shown} is not there and cannot be made");
        let cure = format!("make it, or make {} writable for this user", above.display());
        return (!inspect::may_write(&above)).then(|| Finding::fail(MODES, text, cure));
    };
    if !rights.is_folder {
        return Some(Finding::fail(MODES, format!("{name}: {shown} is no folder"), "move it away"));
    }
    if let Err(failure) = files::check_private(path) {
        return Some(Finding::failure(MODES, &failure));
    }
    (!inspect::may_write(path)).then(|| {
        let text = format!("{name}: {shown} cannot be written by this user");
        Finding::fail(MODES, text, "run sudo fitsync …, or check the folder's owner and the disk")
    })
}

/// Token files that others can read, or that are not this user's.
fn token_files(folder: &Path) -> Vec<Finding> {
    let names = files::names(folder).unwrap_or_default();
    let secret =
        |name: &String| [".json", ".json.prev", ".withdrawn"].iter().any(|end| name.ends_with(end));
    let (mut open, mut strange) = (Vec::new(), Vec::new());
    for name in names.into_iter().filter(secret) {
        let Some(rights) = inspect::rights(&folder.join(&name)) else { continue };
        if !rights.is_private() {
            open.push(name);
        } else if inspect::me() != rights.owner {
            strange.push(name);
        }
    }
    let mut found = Vec::new();
    if !open.is_empty() {
        let who = finding::named(open.iter().map(String::as_str));
        // They are refused like the folder, and so are the commands that need them.
        let what = format!("others may read {who}; run: chmod 600 {}/*.json*", folder.display());
        found.push(Finding::failure(MODES, &Failure::new(ErrorClass::Usage, what)));
    }
    if !strange.is_empty() {
        let who = finding::named(strange.iter().map(String::as_str));
        let cure = format!("chown them to the owner of {}", folder.display());
        found.push(Finding::fail(MODES, format!("{who} belong to another user"), cure));
    }
    found
}

/// Files that hold a secret and that everybody on this machine can read.
fn secret_files(config: &Config) -> Vec<Finding> {
    let settings = &config.settings;
    let mut paths: Vec<PathBuf> = Vec::new();
    paths.extend(settings.file.clone().filter(|_| settings.file_holds_secret()));
    let given = settings.get("CREDENTIALS_DIRECTORY").unwrap_or(SYSTEM_CREDENTIALS);
    paths.extend(SECRETS.iter().map(|name| Path::new(given).join(name)));
    paths.extend(settings.get("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from));
    paths.extend(settings.get("HOME").map(|home| Path::new(home).join(".aws/credentials")));
    paths.extend(config.tls.as_ref().map(|(_, key)| key.clone()));
    let open = |path: &PathBuf| inspect::rights(path).is_some_and(Rights::others_may_read);
    let found = paths.into_iter().filter(open).map(|path| {
        let text = format!("everybody on this machine may read {}", path.display());
        Finding::warn(MODES, text, format!("chmod o= {}", path.display()))
    });
    found.collect()
}

/// Whether a new name in a folder outlives a power cut, for the folders' disks.
fn folder_syncs(config: &Config) -> Option<Finding> {
    let folders = [&config.token_dir, &config.data_dir].map(|folder| inspect::nearest(folder));
    let cannot = folders.iter().find(|folder| files::folder_syncs(folder).is_ok_and(|it| !it))?;
    let text = format!(
        "the file system of {} cannot make a folder durable: after a power cut the files of \
         before may be back",
        cannot.display()
    );
    Some(Finding::warn("disk", text, "keep both folders on ext4, or another disk of this machine"))
}

fn locks(token_dir: &Path) -> Finding {
    let folder = inspect::nearest(token_dir);
    finding::locks(&folder.display().to_string(), inspect::locks_exclude(&folder))
}

/// The disk of the data folder, and that of the tokens where it is another one.
fn disks(config: &Config) -> Vec<Finding> {
    let judge = |folder: &Path, judgement: fn(u64, u64) -> Finding| {
        let found = files::space(folder).and_then(|free| Ok((free, files::disk_size(folder)?)));
        found.map_or_else(
            |failure| Finding::failure("disk", &failure),
            |(free, size)| judgement(free, size),
        )
    };
    let (data, tokens) = (inspect::nearest(&config.data_dir), inspect::nearest(&config.token_dir));
    let mut found = vec![judge(&data, finding::space)];
    if inspect::disk(&data) != inspect::disk(&tokens) {
        found.push(judge(&tokens, finding::token_space));
    }
    found
}
