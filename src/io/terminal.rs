//! What a person at a terminal sees and types. Results go to stdout, everything else to stderr.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::io::stop;
use crate::limits::{PASSWORD_BYTES_MAX, PASTE_BYTES_MAX, STOP_POLL_MS};

/// The provider's address alone on one line of stdout.
pub fn print_address(address: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{address}").and_then(|()| out.flush());
}

/// Words for the person at the terminal.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

pub fn print_json(report: &impl miniserde::Serialize) {
    let mut out = std::io::stdout().lock();
    // Who reads the pipe may be gone; the work is done all the same.
    let _ = writeln!(out, "{}", miniserde::json::to_string(report));
}

/// The progress line of a terminal.
pub fn progress(what: &str, done: usize, all: usize) {
    let mut out = std::io::stderr().lock();
    if out.is_terminal() {
        let end = if done == all { "\n" } else { "" };
        let _ = write!(out, "\r{done}/{all} {what}{end}");
    }
}

/// The lines of stdin, read by a thread of its own, one per process; their end is no error.
pub fn lines_of_stdin() -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        loop {
            let mut line = Vec::new();
            let limit = PASTE_BYTES_MAX as u64 + 1;
            match stdin.by_ref().take(limit).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            if send.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    });
    receive
}

/// Reads one line, unseen at a terminal, and gives up on a signal.
pub fn ask(question: &str) -> Result<Secret> {
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
#[derive(Debug)]
pub struct Unseen(Option<Termios>);

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
