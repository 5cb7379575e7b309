//! One request and its answer: read from the client, passed to the server behind the guard, handed
//! back with the security headers in front. Every step is bounded in bytes and in time.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::limits::{
    PORTAL_ANSWER_BUFFER_BYTES, PORTAL_ANSWER_BYTES_MAX, PORTAL_PAGE_TIMEOUT_MS,
    PORTAL_WRITE_TIMEOUT_MS,
};
use crate::portal::web::request::{self, HeadReading, RequestHead};
use crate::portal::web::stream::Wire;

pub fn in_ms(milliseconds: u64) -> Instant {
    Instant::now() + Duration::from_millis(milliseconds)
}

/// A whole request, or the status to refuse it with; `Err(None)` is a client that went away.
pub fn read_request(wire: &mut Wire) -> Result<(RequestHead, Vec<u8>), Option<u16>> {
    let mut bytes = Vec::with_capacity(1024);
    let (head, body_at) = loop {
        match request::read(&bytes) {
            HeadReading::Whole(head, body_at) => break (head, body_at),
            HeadReading::Refused(status) => return Err(Some(status)),
            HeadReading::More => read_more(wire, &mut bytes)?,
        }
    };
    let end = body_at + head.body_bytes;
    while bytes.len() < end {
        read_more(wire, &mut bytes)?;
    }
    // Whatever follows is a second request: it is never answered.
    bytes.truncate(end);
    Ok((head, bytes.split_off(body_at)))
}

fn read_more(wire: &mut Wire, bytes: &mut Vec<u8>) -> Result<(), Option<u16>> {
    let mut chunk = [0; 1024];
    match wire.read(&mut chunk) {
        Ok(count @ 1..) => {
            bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
            Ok(())
        }
        Ok(_) => Err(None),
        Err(error) => match error.kind() {
            io::ErrorKind::Interrupted => Ok(()),
            // Without a handshake there is no way to tell the client anything.
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut if wire.can_answer() => {
                Err(Some(408))
            }
            _ => Err(None),
        },
    }
}

/// The answer of the server behind.
#[derive(Debug)]
pub struct Answer {
    /// All of it, or its beginning.
    first: Vec<u8>,
    /// Where the rest comes from.
    rest: Option<UnixStream>,
}

/// Asks the server behind, with a head of our own.
pub fn ask(socket: &Path, head: &str, body: &[u8]) -> io::Result<Answer> {
    let mut inner = UnixStream::connect(socket)?;
    inner.set_read_timeout(Some(Duration::from_millis(PORTAL_PAGE_TIMEOUT_MS)))?;
    inner.set_write_timeout(Some(Duration::from_millis(PORTAL_WRITE_TIMEOUT_MS)))?;
    inner.write_all(head.as_bytes())?;
    inner.write_all(body)?;
    let mut first = Vec::with_capacity(1024);
    let mut chunk = [0; 8 * 1024];
    loop {
        let count = read_some(&mut inner, &mut chunk)?;
        first.extend_from_slice(chunk.get(..count).unwrap_or_default());
        if count == 0 && first.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if count == 0 || first.len() >= PORTAL_ANSWER_BUFFER_BYTES {
            return Ok(Answer { first, rest: (count > 0).then_some(inner) });
        }
    }
}

impl Answer {
    /// Whether the server behind has nothing more to do with it.
    pub const fn is_whole(&self) -> bool {
        self.rest.is_none()
    }

    /// Writes it to the client, with our headers after its first line.
    pub fn hand_back(self, headers: &str, wire: &mut Wire) -> io::Result<()> {
        let line_end = self.first.windows(2).position(|two| two == b"\r\n").map(|at| at + 2);
        let line_end = line_end.ok_or(io::ErrorKind::InvalidData)?;
        let (line, rest) = self.first.split_at_checked(line_end).unwrap_or((&self.first, &[]));
        wire.set_deadline(in_ms(PORTAL_WRITE_TIMEOUT_MS));
        wire.write_all(line)?;
        wire.write_all(headers.as_bytes())?;
        wire.write_all(rest)?;
        if let Some(inner) = self.rest {
            let mut more = inner.take(PORTAL_ANSWER_BYTES_MAX);
            let mut chunk = [0; 8 * 1024];
            while let count @ 1.. = read_some(&mut more, &mut chunk)? {
                wire.write_all(chunk.get(..count).unwrap_or_default())?;
            }
        }
        wire.flush()
    }
}

/// `read`, going on after a signal.
fn read_some(from: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// A refusal is one line of text, written here: the server behind never hears of it.
pub fn refuse(status: u16, headers: &str, wire: &mut Wire) -> io::Result<()> {
    let text = refusal(status);
    let head = format!(
        "HTTP/1.1 {status} {text}\r\n{headers}Content-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {}\r\n\r\n{text}\n",
        text.len() + 1
    );
    wire.set_deadline(in_ms(PORTAL_WRITE_TIMEOUT_MS));
    wire.write_all(head.as_bytes())?;
    wire.flush()
}

const fn refusal(status: u16) -> &'static str {
    match status {
        405 => "Only GET and POST are answered here.",
        408 => "The request took too long.",
        411 => "The length of the form is missing.",
        413 => "The form is too large.",
        415 => "Only forms of these pages are read.",
        421 => "Put https:// in front of this address.",
        431 => "The request is too large.",
        501 => "Transfer-Encoding is not supported.",
        503 => "The sign-in pages are closed.",
        505 => "Only HTTP/1.1 is spoken here.",
        _ => "The request is not well formed.",
    }
}
