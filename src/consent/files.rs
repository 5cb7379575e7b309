//! The token files of all participants: read leniently, written durably under a lock, never
//! deleted by an error.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::civil::Date;

use crate::consent::token::Token;
use crate::consent::window::Bounds;
use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::hash::sha256_hex;
use crate::core::user::UserId;
use crate::io::files::{self, Lock, Reserved};
use crate::io::removal::remove_durably;
use crate::io::{aside, damage};
use crate::limits::{
    TOKEN_BYTES_MAX, TOKEN_LOCK_WAIT_S, TOKEN_RESERVE_BYTES, TOKEN_WRITE_PAUSE_MS,
};

/// Copies of token files that could not be read back.
pub const UNREADABLE: &str = "unreadable";

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
    /// The present token on its way to `.prev`.
    before: Option<(Reserved, Vec<u8>)>,
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

    /// Also where the disk does not even say whether there is a marker.
    pub fn is_withdrawn(&self, user: &UserId) -> bool {
        let marker = self.path(user, ".withdrawn");
        marker.try_exists().unwrap_or_else(|error| damage::is_damage(&error))
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

    /// Takes the participant's lock; held while a token is read, refreshed and written. Whoever has
    /// it finds what a killed run left (`take_over`).
    pub fn lock(&self, user: &UserId) -> Result<Lock> {
        let path = self.path(user, ".lock");
        let held = self.take_lock(&path, &format!("another fitsync holds the token of {user}"))?;
        if let Err(failure) = self.take_over(user) {
            log::warn!("user={user} {failure}");
        }
        Ok(held)
    }

    fn take_lock(&self, path: &Path, held: &str) -> Result<Lock> {
        files::lock(path, Duration::from_secs(TOKEN_LOCK_WAIT_S))?
            .ok_or_else(|| Failure::new(ErrorClass::Network, held).at(path.display()))
    }

    /// The token; `None` where this id never signed in. The newest file that can be read serves,
    /// and what cannot be read is kept in `unreadable/`. A file of a newer version is left alone.
    pub fn load(&self, user: &UserId) -> Result<Option<Token>> {
        let path = self.path(user, ".json");
        let newest = match Self::read(&path) {
            Ok(Some(token)) => return Ok(Some(token)),
            Ok(None) => None,
            Err(failure) if !is_damage(&failure) => return Err(failure),
            Err(failure) => {
                if let Err(failure) = self.keep_unreadable(&path) {
                    log::warn!("user={user} {failure}");
                }
                Some(failure)
            }
        };
        let before = match Self::read(&self.path(user, ".json.prev")) {
            Ok(Some(token)) => {
                let why = newest.map_or("it is missing".to_owned(), |failure| failure.what);
                log::warn!("user={user} token file: {why}; using the one before");
                return Ok(Some(token));
            }
            Ok(None) => None,
            Err(failure) if !is_damage(&failure) => return Err(failure),
            Err(failure) => Some(failure),
        };
        let mut lost: Vec<Failure> = newest.into_iter().chain(before).collect();
        if lost.is_empty() {
            return Ok(None);
        }
        // What the disk does not give back now it may give back yet: the consent is not lost.
        let unread = lost.iter().position(|failure| failure.class == ErrorClass::Damaged);
        let class = if unread.is_some() { ErrorClass::Damaged } else { ErrorClass::Auth };
        let failure = lost.swap_remove(unread.unwrap_or_default());
        let cure = match class {
            ErrorClass::Auth => format!("sign in again: fitsync login {user}"),
            _ => format!("if it stays so: fitsync login {user}"),
        };
        Err(Failure::new(class, format!("{}; {cure}", failure.what)).at(path.display()))
    }

    /// Refuses a participant whose token is of a newer version: nothing of theirs is touched.
    pub fn refuse_newer(&self, user: &UserId) -> Result<()> {
        match Self::read(&self.path(user, ".json")) {
            Err(failure) if failure.class == ErrorClass::Newer => Err(failure),
            _ => Ok(()),
        }
    }

    /// The token before the present one.
    pub fn before(&self, user: &UserId) -> Option<Token> {
        Self::read(&self.path(user, ".json.prev")).unwrap_or_default()
    }

    fn read(path: &Path) -> Result<Option<Token>> {
        let Some(bytes) = files::read(path, TOKEN_BYTES_MAX)? else { return Ok(None) };
        files::check_private(path)?;
        parse(&bytes).map(Some).map_err(|failure| failure.at(path.display()))
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

    /// Keeps it in `unreadable/`, once.
    pub fn keep_unreadable(&self, path: &Path) -> Result<()> {
        if self.read_only {
            return Ok(());
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        aside::keep(path, &self.dir.join(UNREADABLE), &name).map(drop)
    }

    /// A whole new token that a killed run did not live to put in its place takes it: of a provider
    /// that rotates it is the only one that lives. Not one of another account, of a withdrawn
    /// participant, or older than the present one by the times in them. The lock is held.
    fn take_over(&self, user: &UserId) -> Result<()> {
        let path = self.path(user, ".json");
        let left = files::temporary_of(&path);
        if self.read_only || self.is_withdrawn(user) {
            return Ok(());
        }
        let Ok(Some(bytes)) = files::read(&left, TOKEN_BYTES_MAX) else { return Ok(()) };
        // Behind it may be what was reserved.
        let length = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let new = match parse(bytes.get(..length).unwrap_or_default()) {
            Ok(new) => new,
            Err(failure) if is_damage(&failure) => return Ok(()),
            Err(failure) => return Err(failure.at(left.display())),
        };
        let Ok(Some(present)) = self.load(user) else { return Ok(()) };
        if !new.same_account(&present) || !new.is_as_new_as(&present) {
            return Ok(());
        }
        if let Ok(Some(bytes)) = Self::usable(&path) {
            files::write_durably(&self.path(user, ".json.prev"), &bytes)?;
        }
        files::take_over(&path, length as u64)?;
        log::warn!("user={user} a new token that was not put in its place has taken it");
        Ok(())
    }

    /// The bytes of a token file that can be read.
    fn usable(path: &Path) -> Result<Option<Vec<u8>>> {
        let Some(bytes) = files::read(path, TOKEN_BYTES_MAX)? else { return Ok(None) };
        parse(&bytes).map(|_| Some(bytes)).map_err(|failure| failure.at(path.display()))
    }

    /// Makes sure that a new token can be written, before one is asked for: its space is taken, and
    /// that of the present one, which will be `.prev`. The lock is held.
    pub fn reserve(&self, user: &UserId) -> Result<TokenPlace> {
        self.take_over(user)?;
        let path = self.path(user, ".json");
        let present = match Self::usable(&path) {
            Ok(present) => present,
            // The one before stays behind the next one.
            Err(failure) if is_damage(&failure) => {
                self.keep_unreadable(&path)?;
                None
            }
            Err(failure) => return Err(failure),
        };
        let before = present.map(|bytes| -> Result<_> {
            Ok((Reserved::new(&self.path(user, ".json.prev"), bytes.len() as u64)?, bytes))
        });
        let before = before.transpose()?;
        Ok(TokenPlace { file: Reserved::new(&path, TOKEN_RESERVE_BYTES)?, before, path })
    }

    /// Makes sure that a sign-in can be kept, before anybody agrees to it.
    pub fn check_room(&self, user: &UserId) -> Result<()> {
        self.refuse_newer(user)?;
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

    /// Writes the only token that lives: again and again for so long, then into `unreadable/`,
    /// before it is given up. The lock is held.
    pub fn save_at_last(
        &self,
        user: &UserId,
        place: TokenPlace,
        token: &Token,
        patience: Duration,
    ) -> Result<()> {
        let deadline = Instant::now() + patience;
        let mut done = place.save(token);
        while let Err(failure) = &done
            && Instant::now() < deadline
        {
            log::debug!("user={user} {failure}; trying again");
            std::thread::sleep(Duration::from_millis(TOKEN_WRITE_PAUSE_MS));
            done = self.save(user, token);
        }
        done.map_err(|failure| {
            let bytes = token.to_json().into_bytes();
            let hash = sha256_hex(&bytes);
            let name = format!("{user}.json.{}", hash.get(..16).unwrap_or_default());
            let folder = self.dir.join(UNREADABLE);
            let kept = files::make_folder(&folder)
                .and_then(|()| files::write_durably(&folder.join(&name), &bytes));
            let where_it_is = match kept {
                Ok(()) => format!("it is kept as {UNREADABLE}/{name}: put it in the place of"),
                Err(_) => "nor anywhere else; sign in again if it is refused:".to_owned(),
            };
            let what = format!(
                "the new token, the only one that is good, could not be stored ({}); \
                 {where_it_is} {user}.json",
                failure.what
            );
            Failure { what, ..failure }
        })
    }

    /// Removes the token of an account that was connected by mistake. The lock is held.
    pub fn remove(&self, user: &UserId) -> Result<()> {
        let newest_first = [".json", ".json.prev"].map(|suffix| self.path(user, suffix));
        remove_durably(newest_first).all().map(drop)
    }

    /// Takes over, or removes, what killed runs left, of participants whose lock is free, and makes
    /// durable what they wrote: a token must be before it is used.
    pub fn sweep(&self) -> Result<()> {
        let mut done = Ok(());
        for name in files::names(&self.dir)? {
            let user = files::left_over(&name).and_then(|file| {
                let kinds = [".json", ".json.prev", ".probe", ".former", ".withdrawn"];
                kinds.iter().find_map(|kind| file.strip_suffix(kind))?.parse::<UserId>().ok()
            });
            if let Some(user) = user {
                // One that cannot be removed hides no other.
                done = done.and(self.sweep_one(&user, &self.dir.join(&name)));
            }
        }
        done.and(files::sweep(&self.dir.join(UNREADABLE))).and(files::make_durable(&self.dir))
    }

    fn sweep_one(&self, user: &UserId, left: &Path) -> Result<()> {
        let Some(_lock) = files::lock(&self.path(user, ".lock"), Duration::ZERO)? else {
            return Ok(());
        };
        if left == files::temporary_of(&self.path(user, ".json")) {
            self.take_over(user)?;
        }
        log::debug!("user={user} removing the left-over {}", left.display());
        files::remove(left)
    }
}

/// Whether what a file holds, or the disk below it, is damaged: what stands for it serves.
fn is_damage(failure: &Failure) -> bool {
    matches!(failure.class, ErrorClass::Format | ErrorClass::Damaged)
}

fn parse(bytes: &[u8]) -> Result<Token> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Failure::new(ErrorClass::Format, "the token file is not text"))?;
    Token::parse(text)
}

impl TokenPlace {
    /// Writes the token durably; only then may it be used. From its first fsync on it is not lost:
    /// who comes next takes it over.
    pub fn save(mut self, token: &Token) -> Result<()> {
        let here = |failure: Failure| failure.at(self.path.display());
        self.file.prepare(token.to_json().as_bytes()).map_err(here)?;
        if let Some((before, bytes)) = self.before.take()
            && let Err(failure) = before.commit(&bytes)
        {
            log::warn!("the token before is not kept: {failure}");
        }
        self.file.put_in_place().map_err(|failure| failure.at(self.path.display()))
    }

    /// The same, and nothing is read of this account while the lock lives. It lies on the file
    /// itself: it ends with the process, and a later sign-in is free of it.
    pub fn save_held(self, token: &Token) -> Result<Lock> {
        let held = self.file.hold()?;
        self.save(token).map(|()| held)
    }
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
