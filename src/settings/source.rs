//! Where settings come from: the environment, then one settings file; secrets first from
//! credential files. Finds texts, gives them no meaning.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::core::error::{ErrorClass, Failure, Result};
use crate::io::trust;
use crate::limits::{SECRET_BYTES_MAX, SETTINGS_BYTES_MAX};

const SYSTEM_FILE: &str = "/etc/fitsync/fitsync.env";
const SYSTEM_CREDENTIALS: &str = "/etc/fitsync/credentials";

/// Settings that may stand in a credential file of their name.
pub const SECRETS: [&str; 7] = [
    "GOOGLE_CLIENT_ID",
    "GOOGLE_CLIENT_SECRET",
    "FITBIT_CLIENT_ID",
    "FITBIT_CLIENT_SECRET",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
];

/// All settings by name. Values are never shown: some are secrets.
#[derive(Clone, Default)]
pub struct Settings {
    values: BTreeMap<String, String>,
    /// The settings file that was read.
    pub file: Option<PathBuf>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_set().entries(self.values.keys()).finish()
    }
}

impl Settings {
    /// Reads the environment and the files of this machine.
    pub fn read(env_file: Option<&Path>) -> Result<Self> {
        // Something of that name that is no file is told, not passed over.
        let usual = || [".env", SYSTEM_FILE].map(PathBuf::from).into_iter();
        let found = || usual().find(|path| path.symlink_metadata().is_ok());
        let file = env_file.map(Path::to_owned).or_else(found);
        let mut settings = Self { file, ..Self::default() };
        if let Some(path) = settings.file.clone() {
            settings.add_file(&path)?;
        }
        for (name, value) in std::env::vars_os() {
            settings.add_variable(&name, &value)?;
        }
        settings.add_credentials()?;
        Ok(settings)
    }

    /// For tests and for code that needs no machine.
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { values: pairs.collect(), ..Self::default() }
    }

    /// The value; blank means unset.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// After root has become another account: that one's home, if it has one.
    pub fn set_home(&mut self, home: Option<&str>) {
        self.values.insert("HOME".to_owned(), home.unwrap_or_default().to_owned());
    }

    fn add_variable(&mut self, name: &OsStr, value: &OsStr) -> Result<()> {
        let Some(name) = name.to_str() else { return Ok(()) };
        match value.to_str() {
            Some(value) => drop(self.values.insert(name.to_owned(), value.to_owned())),
            None if name.starts_with("FITSYNC_") => {
                return Err(Failure::new(ErrorClass::Usage, format!("{name} is not UTF-8 text")));
            }
            None => {}
        }
        Ok(())
    }

    /// Whether the settings file itself holds a secret, as far as this user may read it.
    pub fn file_holds_secret(&self) -> bool {
        let mut inside = Self::default();
        let read = self.file.as_deref().is_some_and(|path| inside.add_file(path).is_ok());
        let secret = |name: &&str| !name.ends_with("_ID") && inside.get(name).is_some();
        read && SECRETS.iter().any(secret)
    }

    fn add_file(&mut self, path: &Path) -> Result<()> {
        let refuse = |why: String| {
            let what = format!("cannot read the settings file {}: {why}", path.display());
            Failure::new(ErrorClass::Usage, what)
        };
        let bytes = trust::read(path, SETTINGS_BYTES_MAX, "name another file with --env-file");
        let bytes = match bytes {
            Err(failure) if failure.class == ErrorClass::Usage => return Err(failure),
            Err(_) if hidden(path) => {
                let why = "this user may not; run sudo fitsync … (or check its owner and mode)";
                return Err(refuse(why.to_owned()));
            }
            other => other.map_err(|failure| refuse(failure.what))?,
        };
        let bytes = bytes.ok_or_else(|| refuse("there is no such file".to_owned()))?;
        let text = String::from_utf8(bytes).map_err(|_| refuse("it is not UTF-8".to_owned()))?;
        for (name, value) in parse(&text).map_err(refuse)? {
            self.values.insert(name, value);
        }
        Ok(())
    }

    fn add_credentials(&mut self) -> Result<()> {
        let given = self.values.get("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        let folder = given.unwrap_or_else(|| PathBuf::from(SYSTEM_CREDENTIALS));
        let instead = "name another folder with CREDENTIALS_DIRECTORY";
        for name in SECRETS {
            let path = folder.join(name);
            let bytes = match trust::read(&path, SECRET_BYTES_MAX, instead) {
                // This user's business no more than the folder's owner says.
                Err(_) if hidden(&path) => None,
                other => {
                    other.map_err(|failure| Failure { class: ErrorClass::Usage, ..failure })?
                }
            };
            let text = String::from_utf8(bytes.unwrap_or_default());
            let text = text.map_err(|_| {
                let what = format!("cannot read {}: it is not UTF-8", path.display());
                Failure::new(ErrorClass::Usage, what)
            })?;
            // A file made by the installation and not yet filled; the setting may stand elsewhere.
            if !text.trim().is_empty() {
                self.values.insert(name.to_owned(), text.trim().to_owned());
            }
        }
        Ok(())
    }
}

/// Whether this user may not read what is there.
fn hidden(path: &Path) -> bool {
    std::fs::File::open(path).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

/// Reads a `.env` text, also one made on Windows. `$` is plain, as systemd reads the same file.
pub fn parse(text: &str) -> std::result::Result<Vec<(String, String)>, String> {
    let text = text.trim_start_matches('\u{feff}').replace('\r', "");
    let lines = text.lines().map(|line| {
        // dotenvy would put other variables in place of `$NAME`; between single quotes it does not.
        if line.contains('\'') { line.to_owned() } else { line.replace('$', "\\$") }
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    let mut pairs = Vec::new();
    for pair in dotenvy::from_read_iter(text.as_bytes()) {
        // dotenvy's own words quote the line, which may hold a secret.
        pairs.push(pair.map_err(|_| unreadable(&text, pairs.len()))?);
    }
    Ok(pairs)
}

/// Names the first line that was not read, without its value.
fn unreadable(text: &str, lines_read: usize) -> String {
    let lines = text.lines().map(str::trim).enumerate();
    let mut lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let Some((index, line)) = lines.nth(lines_read) else {
        return "a line is not NAME=value".to_owned();
    };
    let name = line.split_once('=').map(|(name, _)| name.trim().trim_start_matches("export "));
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match name.filter(|name| name.len() <= 64 && name.chars().all(plain)) {
        Some(name) => format!("the line of {name} cannot be read; put its value in quotes"),
        None => format!("line {} is not NAME=value", index + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, name: &str) -> Option<String> {
        let found = parse(text).unwrap();
        found.into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    #[test]
    fn a_file_made_on_windows_is_read() {
        let text =
            "\u{feff}# comment\r\nexport A=\"x y\"\r\nB='q$r'\r\nC=a$b\r\n\r\nD=plain # note\r\n";
        assert_eq!(value(text, "A").as_deref(), Some("x y"));
        assert_eq!(value(text, "B").as_deref(), Some("q$r"));
        assert_eq!(value(text, "C").as_deref(), Some("a$b"));
        assert_eq!(value(text, "D").as_deref(), Some("plain"));
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named_without_its_value() {
        let why = parse("GOOGLE_CLIENT_SECRET=abc def\n").unwrap_err();
        assert!(why.contains("GOOGLE_CLIENT_SECRET") && !why.contains("abc"), "{why}");
        let why = parse("A=1\n# note\nsome secret words\nB=2\n").unwrap_err();
        assert_eq!(why, "line 3 is not NAME=value");
    }
}
