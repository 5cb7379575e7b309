//! The guard in front of tiny_http: the only code that a stranger's bytes reach unchecked.
//!
//! It accepts on the LAN sockets, bounds connections, time and bytes, reads one request strictly
//! (`head.rs`), writes it anew to the server on a private socket, and hands the answer back with
//! the security headers in front. One request per connection. tiny_http alone keeps half-open
//! connections for ever, has no limit for a head and can be smuggled past (CVE-2026-66752).

use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::core::error::{ErrorClass, Failure, Result};
use crate::limits::{
    PORTAL_BACKLOG, PORTAL_CLOSE_TIMEOUT_MS, PORTAL_CONNECTIONS_MAX, PORTAL_FILES_PER_CONNECTION,
    PORTAL_FILES_SPARE, PORTAL_PAUSE_MS, PORTAL_RELAYS_MAX, PORTAL_REQUEST_TIMEOUT_MS,
    PORTAL_THREAD_PAUSE_MS, PORTAL_THREAD_STACK_BYTES, PORTAL_THREADS_MAX,
    PORTAL_TLS_CONNECTIONS_MAX,
};
use crate::portal::web::places::{Admission, Phase, Places, is_private};
use crate::portal::web::relay::{self, in_ms};
use crate::portal::web::stream::{Tls, Wire};

/// Who asks.
#[derive(Debug, Clone, Copy)]
struct Peer {
    address: IpAddr,
    /// It is this machine.
    local: bool,
}

/// How the guard behaves; fixed while it runs.
#[derive(Debug)]
pub struct GuardRules {
    /// The private socket of the server behind.
    pub inner: PathBuf,
    pub tls: Option<Tls>,
    /// Peers from public addresses are served too.
    pub allow_public: bool,
    /// Lines that are put in front of every answer, each with its line end.
    pub headers: String,
}

struct Shared {
    rules: GuardRules,
    places: Mutex<Places<Arc<TcpStream>>>,
    threads: AtomicUsize,
    relays: Mutex<usize>,
    relay_ended: Condvar,
    stop: AtomicBool,
    /// The server behind did not take a connection: it has ended.
    inner_lost: AtomicBool,
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
    pub fn start(sockets: Vec<TcpListener>, rules: GuardRules) -> Result<Self> {
        let failed = |error: io::Error| {
            Failure::new(ErrorClass::Disk, format!("cannot start the sign-in pages: {error}"))
        };
        let places = match rules.tls {
            Some(_) => places_max().min(PORTAL_TLS_CONNECTIONS_MAX),
            None => places_max(),
        };
        let shared = Arc::new(Shared {
            rules,
            places: Mutex::new(Places::new(places)),
            threads: AtomicUsize::new(0),
            relays: Mutex::new(0),
            relay_ended: Condvar::new(),
            stop: AtomicBool::new(false),
            inner_lost: AtomicBool::new(false),
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

    /// Whether the server behind has to be started again; asking clears it.
    pub fn inner_lost(&self) -> bool {
        self.shared.inner_lost.swap(false, Ordering::SeqCst)
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
        let own = socket.local_addr().map(|address| address.ip().to_canonical());
        let local = peer.is_loopback() || own.is_ok_and(|own| own == peer);
        if !self.rules.allow_public && !local && !is_private(peer) {
            log::debug!("sign-in pages: a public address was turned away");
            return;
        }
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
                let read = relay::read_request(&mut wire);
                (wire, read)
            }
            Ok(Err(plain)) => (plain, Err(Some(421))),
            Err(_) => return,
        };
        let answered = match read {
            Ok((head, body)) if self.places().advance(id, Phase::Asked) => {
                self.relay(id, &head.forward(peer.address, peer.local), &body, &mut wire)
            }
            Err(Some(status)) => {
                let mut places = self.places();
                if status != 421 {
                    places.offend(peer.address, Instant::now()); // forgetting "https" is no offence
                }
                places.advance(id, Phase::Writing);
                drop(places);
                relay::refuse(status, &self.rules.headers, &mut wire)
            }
            Ok(_) | Err(None) => return,
        };
        if answered.is_ok() {
            self.places().advance(id, Phase::Waiting);
            wire.hang_up();
        }
    }

    /// Asks the server behind, and hands its answer back.
    fn relay(&self, id: u64, head: &str, body: &[u8], wire: &mut Wire) -> io::Result<()> {
        let place = self.begin_relay();
        let answer = relay::ask(&self.rules.inner, head, body);
        self.places().advance(id, Phase::Writing);
        match answer {
            Ok(answer) => {
                // A client that reads slowly keeps no place that others need.
                let _place = (!answer.is_whole()).then_some(place);
                answer.hand_back(&self.rules.headers, wire)
            }
            Err(error) => {
                let lost = [io::ErrorKind::ConnectionRefused, io::ErrorKind::NotFound];
                if lost.contains(&error.kind()) {
                    self.inner_lost.store(true, Ordering::SeqCst);
                }
                drop(place);
                relay::refuse(503, &self.rules.headers, wire)
            }
        }
    }

    /// Waits for one of the few places at the server behind.
    fn begin_relay(&self) -> Place<'_> {
        let mut count = self.relays.lock().unwrap_or_else(PoisonError::into_inner);
        while *count >= PORTAL_RELAYS_MAX {
            count = self.relay_ended.wait(count).unwrap_or_else(PoisonError::into_inner);
        }
        *count += 1;
        Place(self)
    }
}

/// A place at the server behind.
struct Place<'a>(&'a Shared);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.0.relays.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.relay_ended.notify_one();
    }
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
