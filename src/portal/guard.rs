//! The guard in front of tiny_http: the only code that a stranger's bytes reach unchecked.
//!
//! It accepts on the LAN sockets, bounds connections, time and bytes, reads one request strictly
//! (`head.rs`), writes it anew to the server on a private socket, and hands the answer back with
//! the security headers in front. One request per connection. tiny_http alone keeps half-open
//! connections for ever, has no limit for a head and can be smuggled past (CVE-2026-66752).

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::config::{
    PORTAL_ANSWER_BYTES_MAX, PORTAL_BACKLOG, PORTAL_CLOSE_TIMEOUT_MS, PORTAL_CONNECTIONS_MAX,
    PORTAL_FILES_PER_CONNECTION, PORTAL_FILES_SPARE, PORTAL_PAGE_TIMEOUT_MS, PORTAL_PAUSE_MS,
    PORTAL_REQUEST_TIMEOUT_MS, PORTAL_THREAD_PAUSE_MS, PORTAL_THREAD_STACK_BYTES,
    PORTAL_THREADS_MAX, PORTAL_WRITE_TIMEOUT_MS,
};
use crate::core::error::{ErrorClass, Failure, Result};
use crate::portal::head::{self, Head, Reading};
use crate::portal::places::{Admission, Places, Stage, is_private};
use crate::portal::wire::{Tls, Wire};

/// How the guard behaves; fixed while it runs.
#[derive(Debug)]
pub struct Rules {
    /// The private socket of the server behind.
    pub inner: PathBuf,
    pub tls: Option<Tls>,
    /// Peers from public addresses are served too.
    pub allow_public: bool,
    /// Lines that are put in front of every answer, each with its line end.
    pub headers: String,
}

struct Shared {
    rules: Rules,
    places: Mutex<Places<Arc<TcpStream>>>,
    threads: AtomicUsize,
    stop: AtomicBool,
}

/// Accepts until it is dropped.
pub struct Guard {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    loops: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Guard {:?}", self.addresses)
    }
}

impl Guard {
    /// Starts one accept loop per socket.
    pub fn start(sockets: Vec<TcpListener>, rules: Rules) -> Result<Self> {
        let failed = |error: io::Error| {
            Failure::new(ErrorClass::Disk, format!("cannot start the sign-in pages: {error}"))
        };
        let shared = Arc::new(Shared {
            rules,
            places: Mutex::new(Places::new(places_max())),
            threads: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let mut guard = Self { shared, addresses: Vec::new(), loops: Vec::new() };
        for socket in sockets {
            rustix::net::listen(&socket, PORTAL_BACKLOG).map_err(|error| failed(error.into()))?;
            guard.addresses.push(socket.local_addr().map_err(failed)?);
            let shared = Arc::clone(&guard.shared);
            let accepting = small_thread("accept", move || accept(&socket, &shared));
            guard.loops.push(accepting.map_err(failed)?);
        }
        Ok(guard)
    }

    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Accepts nobody any more; answers under way get a moment to arrive.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for address in &self.addresses {
            wake(*address);
        }
        let deadline = Instant::now() + Duration::from_millis(PORTAL_CLOSE_TIMEOUT_MS);
        let busy = || {
            // A loop that has not ended still holds the port.
            self.loops.iter().any(|accepting| !accepting.is_finished())
                || self.shared.places().any_served()
        };
        while busy() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(PORTAL_PAUSE_MS));
        }
        for socket in self.shared.places().take_all() {
            close(&socket);
        }
    }
}

/// An accept loop sees that it should end when somebody knocks.
fn wake(address: SocketAddr) {
    let ip = match address.ip() {
        IpAddr::V4(v4) if v4.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(v6) if v6.is_unspecified() => IpAddr::from(std::net::Ipv6Addr::LOCALHOST),
        other => other,
    };
    let timeout = Duration::from_millis(PORTAL_PAUSE_MS);
    let _ = TcpStream::connect_timeout(&SocketAddr::new(ip, address.port()), timeout);
}

fn small_thread(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let builder = std::thread::Builder::new().name(format!("portal-{name}"));
    builder.stack_size(PORTAL_THREAD_STACK_BYTES).spawn(work)
}

/// Fewer places where the process may open few files: tiny_http ends for good without one.
fn places_max() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = files.and_then(|rest| rest.split_whitespace().next()?.parse::<usize>().ok());
    let fitting = soft.unwrap_or(usize::MAX).saturating_sub(PORTAL_FILES_SPARE);
    (fitting / PORTAL_FILES_PER_CONNECTION).clamp(2, PORTAL_CONNECTIONS_MAX)
}

fn close(socket: &TcpStream) {
    let _ = socket.shutdown(Shutdown::Both); // it may be closed already
}

fn pause() {
    std::thread::sleep(Duration::from_millis(PORTAL_PAUSE_MS));
}

/// Every error but the end is survived: a listener that gives up locks everybody out.
fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        let accepted = listener.accept();
        if shared.stop.load(Ordering::SeqCst) {
            return;
        }
        match accepted {
            Ok((socket, peer)) => shared.welcome(socket, peer.ip().to_canonical()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                log::warn!("sign-in pages: cannot accept: {error}");
                shared.make_room();
            }
        }
    }
}

impl Shared {
    fn places(&self) -> MutexGuard<'_, Places<Arc<TcpStream>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make_room(&self) {
        let victim = self.places().make_room(Instant::now());
        victim.iter().for_each(|socket| close(socket));
        drop(victim);
        pause();
    }

    fn welcome(self: &Arc<Self>, socket: TcpStream, peer: IpAddr) {
        if !self.rules.allow_public && !is_private(peer) {
            log::debug!("sign-in pages: a public address was turned away");
            return;
        }
        let own = socket.local_addr().map(|address| address.ip().to_canonical());
        let local = peer.is_loopback() || own.is_ok_and(|own| own == peer);
        let socket = Arc::new(socket);
        let admission = self.places().admit(peer, Arc::clone(&socket), Instant::now());
        let Admission::Admitted { id, closed } = admission else { return };
        closed.iter().for_each(|victim| close(victim));
        drop(closed);
        while self.threads.load(Ordering::SeqCst) >= PORTAL_THREADS_MAX {
            // Those that lost their place are about to end.
            std::thread::sleep(Duration::from_millis(PORTAL_THREAD_PAUSE_MS));
        }
        let ending = Ending { shared: Arc::clone(self), id };
        self.threads.fetch_add(1, Ordering::SeqCst);
        let spawned = small_thread("visit", move || {
            let shared = Arc::clone(&ending.shared);
            shared.serve(ending.id, socket, Peer { address: peer, local });
            drop(ending);
        });
        if spawned.is_err() {
            pause();
        }
    }

    /// One connection from its first byte to its last.
    fn serve(&self, id: u64, socket: Arc<TcpStream>, peer: Peer) {
        let deadline = in_ms(PORTAL_REQUEST_TIMEOUT_MS);
        let (mut wire, read) = match Wire::open(socket, self.rules.tls.as_ref(), deadline) {
            Ok(Ok(mut wire)) => {
                let read = read_request(&mut wire);
                (wire, read)
            }
            Ok(Err(plain)) => (plain, Err(Some(421))),
            Err(_) => return,
        };
        let answered = match read {
            Ok((head, body)) => {
                if !self.places().advance(id, Stage::Asked) {
                    return;
                }
                self.relay(&head, &body, peer, &mut wire, || {
                    self.places().advance(id, Stage::Writing);
                })
            }
            Err(Some(status)) => {
                let mut places = self.places();
                if status != 421 {
                    places.offend(peer.address, Instant::now()); // forgetting "https" is no offence
                }
                places.advance(id, Stage::Writing);
                drop(places);
                self.refuse(status, &mut wire)
            }
            Err(None) => return,
        };
        if answered.is_ok() {
            self.places().advance(id, Stage::Waiting);
            wire.hang_up();
        }
    }

    /// Asks the server behind, and hands its answer back.
    fn relay(
        &self,
        head: &Head,
        body: &[u8],
        peer: Peer,
        wire: &mut Wire,
        writing: impl FnOnce(),
    ) -> io::Result<()> {
        let asked = UnixStream::connect(&self.rules.inner).and_then(|mut inner| {
            inner.set_read_timeout(Some(Duration::from_millis(PORTAL_PAGE_TIMEOUT_MS)))?;
            inner.set_write_timeout(Some(Duration::from_millis(PORTAL_WRITE_TIMEOUT_MS)))?;
            inner.write_all(head.forward(peer.address, peer.local).as_bytes())?;
            inner.write_all(body)?;
            let mut first = Vec::with_capacity(1024);
            let line_end = read_line(&mut inner, &mut first)?;
            Ok((inner, first, line_end))
        });
        writing();
        let Ok((inner, first, line_end)) = asked else { return self.refuse(503, wire) };
        wire.set_deadline(in_ms(PORTAL_WRITE_TIMEOUT_MS));
        let (line, rest) = first.split_at_checked(line_end).unwrap_or((&first, &[]));
        wire.write_all(line)?;
        wire.write_all(self.rules.headers.as_bytes())?;
        wire.write_all(rest)?;
        copy(inner.take(PORTAL_ANSWER_BYTES_MAX), wire)?;
        wire.flush()
    }

    /// A refusal is one line of text, written here: the server behind never hears of it.
    fn refuse(&self, status: u16, wire: &mut Wire) -> io::Result<()> {
        let text = refusal(status);
        let head = format!(
            "HTTP/1.1 {status} {text}\r\n{}Content-Type: text/plain; charset=utf-8\r\n\
             Content-Length: {}\r\n\r\n{text}\n",
            self.rules.headers,
            text.len() + 1
        );
        wire.set_deadline(in_ms(PORTAL_WRITE_TIMEOUT_MS));
        wire.write_all(head.as_bytes())?;
        wire.flush()
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
struct Peer {
    address: IpAddr,
    /// It is this machine.
    local: bool,
}

/// Gives place and thread back, however the thread ends.
struct Ending {
    shared: Arc<Shared>,
    id: u64,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.shared.places().leave(self.id);
        self.shared.threads.fetch_sub(1, Ordering::SeqCst);
    }
}

fn in_ms(milliseconds: u64) -> Instant {
    Instant::now() + Duration::from_millis(milliseconds)
}

/// A whole request, or the status to refuse it with; `Err(None)` is a client that went away.
fn read_request(wire: &mut Wire) -> std::result::Result<(Head, Vec<u8>), Option<u16>> {
    let mut bytes = Vec::with_capacity(1024);
    let (head, body_at) = loop {
        match head::read(&bytes) {
            Reading::Whole(head, body_at) => break (head, body_at),
            Reading::Refused(status) => return Err(Some(status)),
            Reading::More => read_more(wire, &mut bytes)?,
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

fn read_more(wire: &mut Wire, bytes: &mut Vec<u8>) -> std::result::Result<(), Option<u16>> {
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

/// Reads until the first line is whole; where it ends.
fn read_line(from: &mut UnixStream, bytes: &mut Vec<u8>) -> io::Result<usize> {
    let mut chunk = [0; 1024];
    loop {
        if let Some(at) = bytes.windows(2).position(|two| two == b"\r\n") {
            return Ok(at + 2);
        }
        let count = read_some(from, &mut chunk)?;
        if count == 0 || bytes.len() > 8 * chunk.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
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

fn copy(mut from: impl Read, wire: &mut Wire) -> io::Result<()> {
    let mut chunk = [0; 8 * 1024];
    loop {
        match read_some(&mut from, &mut chunk)? {
            0 => return Ok(()),
            count => wire.write_all(chunk.get(..count).unwrap_or_default())?,
        }
    }
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
