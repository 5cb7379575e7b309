//! The operator's password: typed at a terminal unseen, kept as PBKDF2 in a file of mode 0600.

use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::command::login::say;
use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::gateway::Gateway;
use crate::io::{files, random, stop};
use crate::limits::{PASSWORD_BYTES_MAX, PASSWORD_FILE_BYTES_MAX, STOP_POLL_MS};
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

/// Reads one line, unseen at a terminal, and gives up on a signal.
fn ask(question: &str) -> Result<Secret> {
    let _unseen = Unseen::begin(question);
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let limit = u64::try_from(PASSWORD_BYTES_MAX).unwrap_or(u64::MAX) + 2;
        let read = std::io::stdin().lock().take(limit).read_line(&mut line);
        let _ = send.send(read.map(|_| line)); // nobody waits for it after a signal
    });
    loop {
        stop::check()?;
        match receive.recv_timeout(Duration::from_millis(STOP_POLL_MS)) {
            Ok(Ok(line)) => return Ok(Secret::new(line.trim_end_matches(['\r', '\n']))),
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => {
                return Err(Failure::new(ErrorClass::Usage, "the password could not be read"));
            }
        }
    }
}

/// While this lives, the terminal does not show what is typed.
struct Unseen(Option<Termios>);

impl Unseen {
    fn begin(question: &str) -> Self {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return Self(None);
        }
        eprint!("{question}");
        let before = tcgetattr(&stdin).ok();
        if let Some(mut modes) = before.clone() {
            modes.local_modes.remove(LocalModes::ECHO);
            let _ = tcsetattr(&stdin, OptionalActions::Flush, &modes); // then it is seen
        }
        Self(before)
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, before);
            eprintln!();
        }
    }
}
