//! The loop of a guard: accepts, listens to who has no place yet, and calls in who has said
//! something whole. It reads nothing itself, it only looks at what has come.

use std::io;
use std::net::{IpAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::io::net::lan::OwnNetworks;
use crate::limits::{
    OWN_NETWORKS_S, PORTAL_ACCEPTS_AT_ONCE, PORTAL_BODY_BYTES_MAX, PORTAL_CONNECTIONS_MAX,
    PORTAL_FILES_PER_CONNECTION, PORTAL_FILES_SPARE, PORTAL_HEAD_BYTES_MAX, PORTAL_IDLE_MS,
    PORTAL_LISTEN_AGAIN_MS, PORTAL_LOBBY_MAX, PORTAL_PROMOTE_MS, PORTAL_THREADS_MAX,
    PORTAL_TLS_CONNECTIONS_MAX,
};
use crate::portal::web::lobby::{Guest, Heard, Lobby};
use crate::portal::web::places::{self, is_private};
use crate::portal::web::request::{self, HeadReading};
use crate::portal::web::service::{Ending, Service, close, pause, small_thread};
use crate::portal::web::stream;

/// Fewer places, and less room before them, where the process may open few files: tiny_http ends
/// for good without one. Half of them is for the other port.
pub fn rooms(tls: bool) -> (usize, usize) {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = files.and_then(|rest| rest.split_whitespace().next()?.parse::<usize>().ok());
    let fitting = soft.unwrap_or(usize::MAX).saturating_sub(PORTAL_FILES_SPARE) / 2;
    let most = if tls { PORTAL_TLS_CONNECTIONS_MAX } else { PORTAL_CONNECTIONS_MAX };
    let places = (fitting / 2 / PORTAL_FILES_PER_CONNECTION).clamp(2, most);
    let left = fitting.saturating_sub(places * PORTAL_FILES_PER_CONNECTION);
    (places, left.clamp(4, PORTAL_LOBBY_MAX))
}

/// The loop that accepts, listens and calls in.
#[derive(Debug)]
pub struct Reception {
    service: Arc<Service>,
    sockets: Vec<TcpListener>,
    lobby: Lobby<Knock>,
    own: OwnNetworks,
    own_read_at: Instant,
}

/// A connection, and who holds its other end.
#[derive(Debug)]
struct Knock {
    socket: Arc<TcpStream>,
    peer: request::Peer,
}

impl Reception {
    pub fn new(service: Arc<Service>, sockets: Vec<TcpListener>, guests_max: usize) -> Self {
        let (own, own_read_at) = (OwnNetworks::read(), Instant::now());
        Self { service, sockets, lobby: Lobby::new(guests_max), own, own_read_at }
    }

    /// Every error but the end is survived: a listener that gives up locks everybody out.
    pub fn run(mut self) {
        let mut buffer = vec![0; PORTAL_HEAD_BYTES_MAX + PORTAL_BODY_BYTES_MAX];
        loop {
            self.wait();
            if self.service.stop.load(Ordering::SeqCst) {
                return;
            }
            if self.own_read_at.elapsed() > Duration::from_secs(OWN_NETWORKS_S) {
                (self.own, self.own_read_at) = (OwnNetworks::read(), Instant::now());
            }
            self.accept();
            self.listen(&mut buffer);
            self.call_in();
        }
    }

    /// Until somebody comes, or somebody who is silent speaks.
    fn wait(&mut self) {
        let pause_ms = if self.lobby.has(Heard::Whole) {
            PORTAL_PROMOTE_MS
        } else if self.lobby.has(Heard::Some) {
            PORTAL_LISTEN_AGAIN_MS
        } else {
            PORTAL_IDLE_MS
        };
        let accepting = !self.lobby.is_full();
        let doors = self.sockets.iter().filter(|_| accepting);
        let doors = doors.map(|socket| PollFd::new(socket, PollFlags::IN));
        let silent = self.lobby.guests().iter().filter(|guest| guest.heard == Heard::Nothing);
        let silent = silent
            .map(|guest| PollFd::from_borrowed_fd(guest.connection.socket.as_fd(), PollFlags::IN));
        let mut all: Vec<PollFd<'_>> = doors.chain(silent).collect();
        let timeout = Duration::from_millis(pause_ms);
        let timeout = Timespec::try_from(timeout).ok();
        match poll(&mut all, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => pause(),
        }
    }

    fn accept(&mut self) {
        for at in 0..self.sockets.len() {
            for _ in 0..PORTAL_ACCEPTS_AT_ONCE {
                if self.lobby.is_full() {
                    return;
                }
                let Some(accepted) = self.sockets.get(at).map(TcpListener::accept) else { return };
                match accepted {
                    Ok((socket, peer)) => self.welcome(socket, peer.ip().to_canonical()),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                    Err(error) => {
                        log::warn!("sign-in pages: cannot accept: {error}");
                        let offences = &self.service.places().offences;
                        drop(self.lobby.make_room(offences, Instant::now()));
                        pause();
                        break;
                    }
                }
            }
        }
    }

    fn welcome(&mut self, socket: TcpStream, address: IpAddr) {
        let rules = &self.service.rules;
        let own = socket.local_addr().map(|address| address.ip().to_canonical());
        let local = address.is_loopback() || own.is_ok_and(|own| own == address);
        if !rules.allow_public && !local && !is_private(address) {
            log::debug!("sign-in pages: a public address was turned away");
            return;
        }
        if socket.set_nonblocking(true).is_err() {
            return;
        }
        let peer = request::Peer {
            address,
            local,
            near: self.own.holds(address),
            secure: rules.tls.is_some(),
            operator_door: rules.operator_door,
        };
        let knock = Knock { socket: Arc::new(socket), peer };
        let counted = places::Peer::new(address, peer.near);
        let offences = &self.service.places().offences;
        drop(self.lobby.enter(counted, knock, offences, Instant::now()));
    }

    /// Who has spoken, and who has gone.
    fn listen(&mut self, buffer: &mut [u8]) {
        let tls = self.service.rules.tls.is_some();
        let mut gone = Vec::new();
        for guest in self.lobby.guests().iter_mut().filter(|guest| guest.heard != Heard::Whole) {
            match guest.connection.socket.peek(buffer) {
                Ok(0) => gone.push(Arc::as_ptr(&guest.connection.socket)),
                Ok(count) => guest.heard = heard(buffer.get(..count).unwrap_or_default(), tls),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => gone.push(Arc::as_ptr(&guest.connection.socket)),
            }
        }
        let stays = |knock: &Knock| !gone.contains(&Arc::as_ptr(&knock.socket));
        self.lobby.sweep(stays, &mut self.service.places().offences, Instant::now());
    }

    /// Gives places while there are some.
    fn call_in(&mut self) {
        while self.service.threads.load(Ordering::SeqCst) < PORTAL_THREADS_MAX {
            let now = Instant::now();
            let mut places = self.service.places();
            let Some(guest) = self.lobby.call(&places.offences, now) else { return };
            let admitted = places.admit(guest.peer, Arc::clone(&guest.connection.socket), now);
            drop(places);
            match admitted {
                Ok(admitted) => {
                    admitted.closed.iter().for_each(|victim| close(victim));
                    self.serve(admitted.id, guest);
                }
                Err(_) => return self.lobby.send_back(guest),
            }
        }
    }

    fn serve(&self, id: u64, guest: Guest<Knock>) {
        let ending = Ending { service: Arc::clone(&self.service), id };
        self.service.threads.fetch_add(1, Ordering::SeqCst);
        let (Knock { socket, peer }, counted) = (guest.connection, guest.peer);
        let spawned = small_thread("visit", move || {
            let service = Arc::clone(&ending.service);
            if socket.set_nonblocking(false).is_ok() {
                service.serve(ending.id, socket, peer, counted);
            }
            drop(ending);
        });
        if spawned.is_err() {
            pause();
        }
    }
}

/// Whether these first bytes are enough to begin with: a request with its form, or the first flight
/// of TLS. What is refused or is no TLS is enough, too.
fn heard(bytes: &[u8], tls: bool) -> Heard {
    let whole = if tls {
        stream::first_flight_is_whole(bytes)
    } else {
        match request::read(bytes) {
            HeadReading::More => false,
            HeadReading::Refused(_) => true,
            HeadReading::Whole(head, body_at) => bytes.len() >= body_at + head.body_bytes,
        }
    };
    if whole { Heard::Whole } else { Heard::Some }
}
