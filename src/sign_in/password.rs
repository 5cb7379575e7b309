//! The operator's password: typed at a terminal unseen, kept as PBKDF2 in a file of mode 0600.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use crate::core::error::{ErrorClass, Failure, Result};
use crate::gateway::Gateway;
use crate::io::terminal::{ask, say};
use crate::io::{files, random};
use crate::limits::PASSWORD_FILE_BYTES_MAX;
use crate::portal::access::PasswordFile;

/// In the data folder: the token folder holds participants alone.
fn path(gateway: &Gateway) -> PathBuf {
    gateway.config.data_dir.join("operator.json")
}

/// The text of the file; `None` where no password was set.
pub fn read(gateway: &Gateway) -> Result<Option<String>> {
    let bytes = files::read(&path(gateway), PASSWORD_FILE_BYTES_MAX)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// `serve --set-password`: twice at a terminal, or one line of a pipe.
pub fn set(gateway: &Gateway) -> Result<u8> {
    let usage = |what: &str| Failure::new(ErrorClass::Usage, what);
    let at_terminal = std::io::stdin().is_terminal();
    let password = ask("Password for the operator's pages: ")?;
    if at_terminal && password != ask("Once more: ")? {
        return Err(usage("the two passwords differ; nothing was changed"));
    }
    let file = PasswordFile::new(&password, random::bytes()?)?;
    files::make_folder(&gateway.config.data_dir)?;
    files::write_durably(&path(gateway), file.to_json().as_bytes())?;
    say("The password is set. Everybody who was signed in has to sign in again.");
    Ok(0)
}
