//! One client's connection as bytes, plain or TLS, where every read and write ends at a deadline.
//! TLS is this program's own rustls, the same for listening as for calling out.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::core::error::{ErrorClass, Failure, Result};
use crate::io::{files, trust};
use crate::limits::{PORTAL_LINGER_BYTES_MAX, PORTAL_LINGER_MS};

/// First byte of every TLS connection: a handshake record.
const TLS_HANDSHAKE: u8 = 0x16;

/// A record's head: its type, the protocol's version, its length (RFC 8446, section 5.1).
const TLS_RECORD_HEAD_BYTES: usize = 5;

/// Whether a handshake can begin with these bytes, or they are no TLS at all.
pub fn first_flight_is_whole(bytes: &[u8]) -> bool {
    match bytes {
        [TLS_HANDSHAKE, _, _, high, low, ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            bytes.len() >= TLS_RECORD_HEAD_BYTES + length
        }
        [TLS_HANDSHAKE, ..] | [] => false,
        _ => true,
    }
}

/// Certificate and key of the sign-in pages.
#[derive(Clone, Debug)]
pub struct Tls(Arc<ServerConfig>);

impl Tls {
    /// Reads both files (PEM); the key must belong to the certificate.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self> {
        let refused = |what: &str, path: &Path, error: &dyn std::fmt::Display| {
            Failure::new(ErrorClass::Usage, format!("{what}: {error}")).at(path.display())
        };
        for (name, path) in [("FITSYNC_TLS_CERT", certificate), ("FITSYNC_TLS_KEY", key)] {
            trust::check_as_root(path, &format!("name another file with {name}"))?;
            files::check_readable(name, path)?;
        }
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
            .map_err(|error| refused("cannot read FITSYNC_TLS_CERT", certificate, &error))?;
        let secret = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| refused("cannot read FITSYNC_TLS_KEY", key, &error))?;
        Self::new(chain, secret)
            .map_err(|error| refused("FITSYNC_TLS_CERT and _KEY do not fit", certificate, &error))
    }

    /// The key must belong to the first certificate.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> std::result::Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map(|builder| builder.with_no_client_auth())
            .and_then(|builder| builder.with_single_cert(chain, key))?;
        // One connection, one request: nothing to resume, nothing to remember.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self(Arc::new(config)))
    }
}

/// A socket whose reads and writes fail once the deadline has passed, however slowly bytes drip.
#[derive(Debug)]
pub struct Timed {
    socket: Arc<TcpStream>,
    deadline: Instant,
}

impl Timed {
    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Timed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(self.left()?))?;
        self.socket.as_ref().read(into)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(self.left()?))?;
        self.socket.as_ref().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One client's connection.
#[derive(Debug)]
pub enum Wire {
    Plain(Timed),
    Tls(Box<StreamOwned<ServerConnection, Timed>>),
}

impl Wire {
    /// `Err(wire)` is a client that speaks plain HTTP where TLS is spoken: it can be told so.
    pub fn open(
        socket: Arc<TcpStream>,
        tls: Option<&Tls>,
        deadline: Instant,
    ) -> io::Result<std::result::Result<Self, Self>> {
        let timed = Timed { socket, deadline };
        let Some(Tls(config)) = tls else { return Ok(Ok(Self::Plain(timed))) };
        timed.socket.set_read_timeout(Some(timed.left()?))?;
        let mut first = [0];
        if timed.socket.peek(&mut first)? == 1 && first != [TLS_HANDSHAKE] {
            return Ok(Err(Self::Plain(timed)));
        }
        let connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        Ok(Ok(Self::Tls(Box::new(StreamOwned::new(connection, timed)))))
    }

    /// Whether bytes written now would arrive without reading first.
    pub fn can_answer(&self) -> bool {
        match self {
            Self::Plain(_) => true,
            Self::Tls(stream) => !stream.conn.is_handshaking(),
        }
    }

    /// Everything from now on has to be done by then.
    pub fn set_deadline(&mut self, deadline: Instant) {
        match self {
            Self::Plain(timed) => timed.deadline = deadline,
            Self::Tls(stream) => stream.sock.deadline = deadline,
        }
    }

    /// Ends the answer and reads away what still comes, for a moment: a socket closed with unread
    /// bytes resets the connection, and the client never sees the answer.
    pub fn hang_up(mut self) {
        self.set_deadline(Instant::now() + Duration::from_millis(PORTAL_LINGER_MS));
        if let Self::Tls(stream) = &mut self {
            stream.conn.send_close_notify();
            let _ = stream.flush(); // the client may be gone already
        }
        let timed = match &mut self {
            Self::Plain(timed) => timed,
            Self::Tls(stream) => &mut stream.sock,
        };
        let _ = timed.socket.shutdown(Shutdown::Write);
        let mut buffer = [0; 4096];
        let mut total = 0;
        while let Ok(count @ 1..) = timed.read(&mut buffer) {
            total += count;
            if total > PORTAL_LINGER_BYTES_MAX {
                break;
            }
        }
    }
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(timed) => timed.read(into),
            Self::Tls(stream) => stream.read(into),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(timed) => timed.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(timed) => timed.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_begins_when_its_first_record_is_whole() {
        for (bytes, whole) in [
            (&b""[..], false),
            (b"\x16", false),
            (b"\x16\x03\x01\x00\x03ab", false),
            (b"\x16\x03\x01\x00\x03abc", true),
            (b"GET / HTTP/1.1", true),
        ] {
            assert_eq!(first_flight_is_whole(bytes), whole, "{bytes:?}");
        }
    }
}
