//! The `.withdrawn` markers, and what is removed from this machine's disk.

use std::path::{Path, PathBuf};

use crate::consent::files::TokenStore;
use crate::consent::token::Token;
use crate::consent::withdrawal::Withdrawal;
use crate::core::error::{Doing as _, ErrorClass, Result};
use crate::core::user::UserId;
use crate::io::files;
use crate::io::removal::remove_durably;
use crate::ledger::month::MonthKey;
use crate::limits::{TOKEN_BYTES_MAX, WITHDRAWAL_BYTES_MAX};

fn marker(tokens: &TokenStore, user: &UserId) -> PathBuf {
    tokens.dir().join(format!("{user}.withdrawn"))
}

/// The marker of a participant who withdrew. One that cannot be read is kept aside, and stands for
/// a withdrawal of which nothing is known to be done.
pub fn load(tokens: &TokenStore, user: &UserId) -> Result<Option<Withdrawal>> {
    let path = marker(tokens, user);
    let Some(bytes) = files::read(&path, WITHDRAWAL_BYTES_MAX)? else { return Ok(None) };
    let failure = match Withdrawal::parse(&bytes) {
        Ok(withdrawal) => return Ok(Some(withdrawal)),
        Err(failure) if failure.class == ErrorClass::Newer => {
            return Err(failure.at(path.display()));
        }
        Err(failure) => failure,
    };
    log::warn!("user={user} {failure}; it is kept in unreadable/, and everything is removed again");
    tokens.keep_unreadable(&path)?;
    let written_at = std::fs::metadata(&path).and_then(|about| about.modified());
    let written_at = written_at.doing("look at", &path)?.try_into().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    Ok(Some(Withdrawal::anew(user.as_str(), &text, written_at)))
}

/// Makes the marker durable: from then on the id is refused.
pub fn save(tokens: &TokenStore, user: &UserId, withdrawal: &Withdrawal) -> Result<()> {
    tokens.make()?;
    files::write_durably(&marker(tokens, user), withdrawal.to_json().as_bytes())
}

fn former(tokens: &TokenStore, user: &UserId) -> PathBuf {
    tokens.dir().join(format!("{user}.former"))
}

/// Keeps the token of the provider of before, until its grant is known to be gone. The lock is
/// held.
pub fn keep_former(tokens: &TokenStore, user: &UserId, token: &Token) -> Result<()> {
    files::write_durably(&former(tokens, user), token.to_json().as_bytes())
}

/// The token that was kept so; nothing where no refresh token is to be seen in it.
pub fn former_token(tokens: &TokenStore, user: &UserId) -> Option<Token> {
    let bytes = files::read(&former(tokens, user), TOKEN_BYTES_MAX).ok()??;
    Token::salvage(&String::from_utf8_lossy(&bytes))
}

pub fn forget_former(tokens: &TokenStore, user: &UserId) -> Result<()> {
    remove_durably([former(tokens, user)]).all().map(drop)
}

/// Removes the token files and the copies of unreadable ones; how many. The lock is held, and its
/// file stays.
pub fn remove_tokens(tokens: &TokenStore, user: &UserId) -> Result<u64> {
    let dir = tokens.dir();
    let mut found: Vec<PathBuf> = Vec::new();
    for name in files::names(dir)? {
        let ours = [".json", ".json.prev", ".former"].map(|suffix| format!("{user}{suffix}"));
        let left = [format!(".{user}.json.tmp"), format!(".{user}.json.prev.tmp")];
        if ours.contains(&name) || left.contains(&name) {
            found.push(dir.join(name));
        }
    }
    let folder = dir.join("unreadable");
    for name in files::names(&folder)? {
        // `a.json.<hash>`, and not the copies of a participant called `a.json`.
        let hash = name.strip_prefix(&format!("{user}.json.")).unwrap_or_default();
        if !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            found.push(folder.join(name));
        }
    }
    remove_durably(found).all()
}

/// Removes the CSV files; how many.
pub fn remove_csv(data_dir: &Path, user: &UserId) -> Result<u64> {
    remove_folder(&data_dir.join("users").join(user.as_str()))
}

/// Removes the ledger and what was put aside of it; how many files.
pub fn remove_ledger(data_dir: &Path, user: &UserId) -> Result<u64> {
    let mut found = Vec::new();
    let folder = data_dir.join("quarantine");
    for name in files::names(&folder)? {
        let file = name.strip_prefix(&format!("{user}_")).and_then(|rest| rest.split('.').next());
        if file.is_some_and(|file| file == "head" || file.parse::<MonthKey>().is_ok()) {
            found.push(folder.join(name));
        }
    }
    let kept = remove_durably(found).all()?;
    Ok(kept + remove_folder(&data_dir.join("ledger").join(user.as_str()))?)
}

fn remove_folder(folder: &Path) -> Result<u64> {
    let count = count_files(folder)?;
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        other => other.doing("remove the folder", folder).map(|()| count),
    }
}

/// The files below a folder of two levels, which is all that we make.
fn count_files(folder: &Path) -> Result<u64> {
    let mut count = 0;
    for name in files::names(folder)? {
        let path = folder.join(name);
        count += if path.is_dir() { files::names(&path)?.len() as u64 } else { 1 };
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_participant_s_own_files_are_removed() {
        let dir = std::env::temp_dir().join(format!("fitsync-withdraw-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        for folder in
            ["tokens/unreadable", "data/quarantine", "data/users/a/steps", "data/ledger/a"]
        {
            files::make_folder(&dir.join(folder)).unwrap();
        }
        let names = [
            "tokens/a.json",
            "tokens/a.json.prev",
            "tokens/a.lock",
            "tokens/aa.json",
            "tokens/unreadable/a.json.0123abc",
            "tokens/unreadable/a.json.json.0123abc",
            "data/quarantine/a_head.json.1f",
            "data/quarantine/a_2026-11.json.1f",
            "data/quarantine/a_b_head.json.1f",
            "data/users/a/steps/a_steps_20261101.csv",
            "data/ledger/a/head.json",
        ];
        for name in names {
            std::fs::write(dir.join(name), b"x").unwrap();
        }
        let tokens = TokenStore::open(&dir.join("tokens")).unwrap();
        let user: UserId = "a".parse().unwrap();
        assert_eq!(remove_tokens(&tokens, &user).unwrap(), 3);
        assert_eq!(remove_csv(&dir.join("data"), &user).unwrap(), 1);
        assert_eq!(remove_ledger(&dir.join("data"), &user).unwrap(), 3);
        let left: Vec<_> = names.iter().filter(|name| dir.join(name).exists()).collect();
        let wanted = [
            &"tokens/a.lock",
            &"tokens/aa.json",
            &"tokens/unreadable/a.json.json.0123abc",
            &"data/quarantine/a_b_head.json.1f",
        ];
        assert_eq!(left, wanted);
        assert_eq!(remove_csv(&dir.join("data"), &user).unwrap(), 0, "again");
        std::fs::remove_dir_all(dir).unwrap();
    }
}
