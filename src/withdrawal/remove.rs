//! The `.withdrawn` markers and the `.former` tokens on this machine's disk.

use std::path::PathBuf;

use crate::consent::files::TokenStore;
use crate::consent::token::Token;
use crate::consent::withdrawal::Withdrawal;
use crate::core::error::{Doing as _, ErrorClass, Result};
use crate::core::user::UserId;
use crate::io::files;
use crate::io::removal::remove_durably;
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
