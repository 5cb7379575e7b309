//! One connection from its place to its end: the request is read, written anew to the server
//! behind, and the answer handed back.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::limits::{
    PORTAL_PAUSE_MS, PORTAL_RELAYS_MAX, PORTAL_REQUEST_TIMEOUT_MS, PORTAL_THREAD_STACK_BYTES,
};
use crate::portal::web::places::{self, Phase, Places};
use crate::portal::web::relay::{self, in_ms};
use crate::portal::web::request;
use crate::portal::web::stream::{Tls, Wire};

/// How the guard behaves; fixed while it runs.
#[derive(Debug)]
pub struct GuardRules {
    /// The private socket of the server behind.
    pub inner: PathBuf,
    pub tls: Option<Tls>,
    /// It stands at the operator's own port.
    pub operator_door: bool,
    /// Peers from public addresses are served too.
    pub allow_public: bool,
    /// Lines that are put in front of every answer, each with its line end.
    pub headers: String,
}

/// What the threads of a guard share.
#[derive(Debug)]
pub struct Service {
    pub rules: GuardRules,
    places: Mutex<Places<Arc<TcpStream>>>,
    pub threads: AtomicUsize,
    relays: Mutex<usize>,
    relay_ended: Condvar,
    pub stop: AtomicBool,
    /// The server behind did not take a connection: it has ended.
    pub inner_lost: AtomicBool,
}

pub fn small_thread(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let builder = std::thread::Builder::new().name(format!("portal-{name}"));
    builder.stack_size(PORTAL_THREAD_STACK_BYTES).spawn(work)
}

pub fn close(socket: &TcpStream) {
    let _ = socket.shutdown(Shutdown::Both); // it may be closed already
}

pub fn pause() {
    std::thread::sleep(Duration::from_millis(PORTAL_PAUSE_MS));
}

impl Service {
    pub fn new(rules: GuardRules, places_max: usize) -> Self {
        Self {
            rules,
            places: Mutex::new(Places::new(places_max)),
            threads: AtomicUsize::new(0),
            relays: Mutex::new(0),
            relay_ended: Condvar::new(),
            stop: AtomicBool::new(false),
            inner_lost: AtomicBool::new(false),
        }
    }

    pub fn places(&self) -> MutexGuard<'_, Places<Arc<TcpStream>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn advance(&self, id: u64, phase: Phase) -> bool {
        self.places().advance(id, phase, Instant::now())
    }

    /// One connection from its first byte to its last.
    pub fn serve(
        &self,
        id: u64,
        socket: Arc<TcpStream>,
        peer: request::Peer,
        counted: places::Peer,
    ) {
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
            Ok((head, body)) if self.advance(id, Phase::Asked) => {
                self.places().offences.forgive(counted);
                self.relay(id, &head.forward(&peer), &body, &mut wire)
            }
            Err(Some(status)) => {
                let now = Instant::now();
                if status != 421 {
                    self.places().offences.note(counted, now); // forgetting "https" is none
                }
                self.advance(id, Phase::Writing);
                relay::refuse(status, &self.rules.headers, &mut wire)
            }
            Ok(_) | Err(None) => return,
        };
        if answered.is_ok() {
            self.advance(id, Phase::Leaving);
            wire.hang_up();
        }
    }

    /// Asks the server behind, and hands its answer back.
    fn relay(&self, id: u64, head: &str, body: &[u8], wire: &mut Wire) -> io::Result<()> {
        let place = self.begin_relay();
        let answer = relay::ask(&self.rules.inner, head, body);
        self.advance(id, Phase::Writing);
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
struct Place<'a>(&'a Service);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.0.relays.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.relay_ended.notify_one();
    }
}

/// Gives place and thread back, however the thread ends.
#[derive(Debug)]
pub struct Ending {
    pub service: Arc<Service>,
    pub id: u64,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.service.places().leave(self.id);
        self.service.threads.fetch_sub(1, Ordering::SeqCst);
    }
}
