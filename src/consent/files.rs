//! The token files of all participants: read leniently, written durably under a lock, never
//! deleted by an error.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::civil::Date;

use crate::consent::token::Token;
use crate::consent::window::Bounds;
use crate::core::error::{Doing as _, ErrorClass, Failure, Result};
use crate::core::user::UserId;
use crate::io::files::{self, Lock, Reserved};
use crate::limits::{TOKEN_BYTES_MAX, TOKEN_LOCK_WAIT_S, TOKEN_RESERVE_BYTES};

/// Copies of token files that could not be read back.
const UNREADABLE: &str = "unreadable";

/// The folder of token files.
#[derive(Debug, Clone)]
pub struct TokenStore {
    dir: PathBuf,
    /// Only looks: nothing is copied or written.
    read_only: bool,
}

/// The lock of one participant's token and the space for its next version.
#[derive(Debug)]
pub struct TokenPlace {
    path: PathBuf,
    file: Reserved,
}

impl TokenStore {
    /// Refuses a folder that others can read. Makes none: only a sign-in does.
    pub fn open(dir: &Path) -> Result<Self> {
        files::check_private(dir)?;
        Ok(Self { dir: dir.to_owned(), read_only: false })
    }

    /// For commands that only look.
    pub fn look(dir: &Path) -> Result<Self> {
        Ok(Self { read_only: true, ..Self::open(dir)? })
    }

    /// For `doctor`, which tells that others can read the folder and looks all the same.
    pub fn inspect(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), read_only: true }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn path(&self, user: &UserId, suffix: &str) -> PathBuf {
        self.dir.join(format!("{user}{suffix}"))
    }

    /// Everyone with a token file, a `.prev` or a withdrawn marker.
    pub fn ids(&self) -> Result<BTreeSet<UserId>> {
        let suffixes = [".json", ".json.prev", ".withdrawn"];
        let id = |name: &String| {
            let stem = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix))?;
            stem.parse().ok()
        };
        Ok(files::names(&self.dir)?.iter().filter_map(id).collect())
    }

    pub fn is_withdrawn(&self, user: &UserId) -> bool {
        self.path(user, ".withdrawn").exists()
    }

    /// Makes the folder; a sign-in is the first to write there.
    pub fn make(&self) -> Result<()> {
        files::make_folder(&self.dir)
    }

    /// Held while a sign-in looks whose its account is and writes the token: of two sign-ins with
    /// one account, the second finds the first.
    pub fn lock_sign_ins(&self) -> Result<Lock> {
        self.take_lock(&self.dir.join(".sign-ins.lock"), "another sign-in is being stored")
    }

    /// Takes the participant's lock; held while a token is read, refreshed and written.
    pub fn lock(&self, user: &UserId) -> Result<Lock> {
        let path = self.path(user, ".lock");
        self.take_lock(&path, &format!("another fitsync holds the token of {user}"))
    }

    fn take_lock(&self, path: &Path, held: &str) -> Result<Lock> {
        files::lock(path, Duration::from_secs(TOKEN_LOCK_WAIT_S))?
            .ok_or_else(|| Failure::new(ErrorClass::Network, held).at(path.display()))
    }

    /// The token; `None` where this id never signed in. The newest file that can be read serves,
    /// and what cannot be read is kept in `unreadable/`.
    pub fn load(&self, user: &UserId) -> Result<Option<Token>> {
        let path = self.path(user, ".json");
        let newest = Self::read(&path);
        let failure = match newest {
            Ok(Some(token)) => return Ok(Some(token)),
            Ok(None) => None,
            // A file that is there, and is not to be used.
            Err(failure) if matches!(failure.class, ErrorClass::Disk | ErrorClass::Usage) => {
                return Err(failure);
            }
            Err(failure) => {
                self.keep_unreadable(&path)?;
                Some(failure)
            }
        };
        let previous = Self::read(&self.path(user, ".json.prev")).unwrap_or_default();
        match (previous, failure) {
            (Some(token), why) => {
                let why = why.map_or("it is missing".to_owned(), |failure| failure.what);
                log::warn!("user={user} token file: {why}; using the one before");
                Ok(Some(token))
            }
            (None, None) => Ok(None),
            (None, Some(failure)) => {
                let what = format!("{}; sign in again: fitsync login {user}", failure.what);
                Err(Failure::new(ErrorClass::Auth, what).at(path.display()))
            }
        }
    }

    fn read(path: &Path) -> Result<Option<Token>> {
        files::check_private(path)?;
        let Some(bytes) = files::read(path, TOKEN_BYTES_MAX)? else { return Ok(None) };
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::new(ErrorClass::Format, "the token file is not text"))?;
        Token::parse(&text).map(Some)
    }

    /// The token whose grant a withdrawal ends, also out of a file that this version cannot read.
    /// The newest file that shows a refresh token serves.
    pub fn load_to_revoke(&self, user: &UserId) -> Result<Option<Token>> {
        match self.texts(user).iter().find_map(|text| Token::salvage(text)) {
            Some(token) => Ok(Some(token)),
            None => self.load(user),
        }
    }

    /// The files as they are, the newest first.
    fn texts(&self, user: &UserId) -> Vec<String> {
        let text = |suffix| {
            let bytes = files::read(&self.path(user, suffix), TOKEN_BYTES_MAX).ok()??;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        };
        [".json", ".json.prev"].into_iter().filter_map(text).collect()
    }

    /// The study window that the files of a token show which is lost or cannot be read.
    pub fn bounds(&self, user: &UserId) -> Bounds {
        Bounds::of(&self.texts(user))
    }

    /// From and until of the study window, also where the token cannot be read.
    pub fn window(&self, user: &UserId) -> (Option<Date>, Option<Date>) {
        match self.load(user) {
            Ok(Some(token)) => (token.collect_from, token.collect_until),
            Ok(None) | Err(_) => self.bounds(user).dates(),
        }
    }

    /// Keeps a copy, once: its name is its content's hash.
    pub fn keep_unreadable(&self, path: &Path) -> Result<()> {
        if self.read_only {
            return Ok(());
        }
        let bytes = std::fs::read(path).doing("read", path)?;
        let folder = self.dir.join(UNREADABLE);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let hash = crate::core::hash::sha256_hex(&bytes);
        let copy = folder.join(format!("{name}.{}", hash.get(..16).unwrap_or_default()));
        if copy.exists() {
            return Ok(());
        }
        files::make_folder(&folder)?;
        files::write_durably(&copy, &bytes)
    }

    /// Makes sure that a new token can be written, before one is asked for: the present one goes
    /// to `.prev`, and the space of the next one is taken. The lock is held.
    pub fn reserve(&self, user: &UserId) -> Result<TokenPlace> {
        let path = self.path(user, ".json");
        if let Some(bytes) = files::read(&path, TOKEN_BYTES_MAX)?
            && Self::read(&path).is_ok()
        {
            files::write_durably(&self.path(user, ".json.prev"), &bytes)?;
        }
        Ok(TokenPlace { file: Reserved::new(&path, TOKEN_RESERVE_BYTES)?, path })
    }

    /// Makes sure that a sign-in can be kept, before anybody agrees to it.
    pub fn check_room(&self, user: &UserId) -> Result<()> {
        let taken = self.make();
        let taken =
            taken.and_then(|()| Reserved::new(&self.path(user, ".probe"), TOKEN_RESERVE_BYTES));
        taken.map(drop).map_err(|failure| {
            let what = format!(
                "a token could not be kept, so nobody is asked to sign in: {}; see to it that \
                 this user may write to the token folder and that its disk has room",
                failure.what
            );
            Failure { what, ..failure }
        })
    }

    /// Whether a sign-in is not decided yet: somebody is asked whether it is the right band
    /// (`TokenPlace::save_held`), and may still take it back.
    pub fn is_undecided(&self, user: &UserId) -> Result<bool> {
        files::is_held(&self.path(user, ".json"))
    }

    /// Writes a token whose place was not reserved. The lock is held.
    pub fn save(&self, user: &UserId, token: &Token) -> Result<()> {
        self.reserve(user)?.save(token)
    }

    /// Removes the token of an account that was connected by mistake. The lock is held.
    pub fn remove(&self, user: &UserId) -> Result<()> {
        files::remove(&self.path(user, ".json"))?;
        files::remove(&self.path(user, ".json.prev"))
    }

    /// Removes what killed runs left behind, of participants whose lock is free, and makes durable
    /// what they wrote: a token must be before it is used.
    pub fn sweep(&self) -> Result<()> {
        for name in files::names(&self.dir)? {
            let user = files::left_over(&name).and_then(|file| {
                let kinds = [".json", ".json.prev", ".probe"];
                kinds.iter().find_map(|kind| file.strip_suffix(kind))?.parse::<UserId>().ok()
            });
            let Some(user) = user else { continue };
            if let Some(_lock) = files::lock(&self.path(&user, ".lock"), Duration::ZERO)? {
                log::debug!("user={user} removing the left-over {name}");
                files::remove(&self.dir.join(name))?;
            }
        }
        files::sweep(&self.dir.join(UNREADABLE))?;
        files::make_durable(&self.dir)
    }
}

impl TokenPlace {
    /// Writes the token durably; only then may it be used.
    pub fn save(self, token: &Token) -> Result<()> {
        self.file
            .commit(token.to_json().as_bytes())
            .map_err(|failure| failure.at(self.path.display()))
    }

    /// The same, and nothing is read of this account while the lock lives. It lies on the file
    /// itself: it ends with the process, and a later sign-in is free of it.
    pub fn save_held(self, token: &Token) -> Result<Lock> {
        self.file
            .commit_held(token.to_json().as_bytes())
            .map_err(|failure| failure.at(self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consent::token::Grant;
    use crate::core::error::Secret;

    fn scratch(name: &str) -> TokenStore {
        let name = format!("fitsync-tokens-{name}-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&dir);
        files::make_folder(&dir).unwrap();
        TokenStore::open(&dir).unwrap()
    }

    fn token(refresh: &str) -> Token {
        let grant = Grant {
            access_token: Secret::new("a"),
            refresh_token: Some(Secret::new(refresh)),
            ..Grant::default()
        };
        Token::new("google-health", "account", &grant, jiff::Timestamp::UNIX_EPOCH)
    }

    fn user() -> UserId {
        "user_001".parse().unwrap()
    }

    fn loaded(store: &TokenStore) -> String {
        store.load(&user()).unwrap().unwrap().refresh_token.expose().to_owned()
    }

    #[test]
    fn the_one_before_serves_when_the_newest_is_cut_empty_or_of_a_newer_version() {
        let store = scratch("prev");
        store.save(&user(), &token("r1")).unwrap();
        store.save(&user(), &token("r2")).unwrap();
        let path = store.dir().join("user_001.json");
        let whole = std::fs::read_to_string(&path).unwrap();
        let newer = whole.replace("\"version\":1", "\"version\":2");
        for (count, text) in ["", &whole[..20], &newer, "\0\0\0"].into_iter().enumerate() {
            std::fs::write(&path, text).unwrap();
            assert_eq!(loaded(&store), "r1", "{text:?}");
            let kept = files::names(&store.dir().join("unreadable")).unwrap();
            assert_eq!(kept.len(), count + 1, "{text:?}");
        }
        // The next token takes the place, and the one that served stays behind it.
        store.save(&user(), &token("r3")).unwrap();
        assert_eq!(loaded(&store), "r3");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(loaded(&store), "r1");
        std::fs::remove_dir_all(store.dir()).unwrap();
    }

    #[test]
    fn the_left_over_of_a_killed_first_sign_in_is_swept() {
        let store = scratch("sweep");
        let left = store.dir().join(".user_001.json.tmp");
        let probe = store.dir().join(".user_001.probe.tmp");
        let other = store.dir().join(".note.txt");
        std::fs::write(&left, "{").unwrap();
        std::fs::write(&probe, "").unwrap();
        std::fs::write(&other, "mine").unwrap();
        let held = store.lock(&user()).unwrap();
        store.sweep().unwrap();
        assert!(left.exists(), "somebody is writing it");
        drop(held);
        store.sweep().unwrap();
        assert!(!left.exists() && !probe.exists() && other.exists());
        std::fs::remove_dir_all(store.dir()).unwrap();
    }
}
