//! The guard in front of tiny_http: the only code that a stranger's bytes reach unchecked.
//!
//! One loop accepts on the LAN sockets and listens to who has no place yet (`reception.rs`). Who
//! has said something whole gets a place (`places.rs`) and a thread, which reads one request
//! strictly (`request.rs`), writes it anew to the server on a private socket, and hands the answer
//! back with the security headers in front. One request per connection. tiny_http alone keeps
//! half-open connections for ever, has no limit for a head and can be smuggled past
//! (CVE-2026-66752).

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::core::error::{ErrorClass, Failure, Result};
use crate::limits::{PORTAL_BACKLOG, PORTAL_CLOSE_TIMEOUT_MS, PORTAL_PAUSE_MS};
use crate::portal::web::reception::{Reception, rooms};
use crate::portal::web::service::{GuardRules, Service, close, small_thread};

/// Accepts until it is dropped.
pub struct Guard {
    service: Arc<Service>,
    addresses: Vec<SocketAddr>,
    accepting: JoinHandle<()>,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Guard {:?}", self.addresses)
    }
}

impl Guard {
    /// Starts the loop that accepts on these sockets.
    pub fn start(sockets: Vec<TcpListener>, rules: GuardRules) -> Result<Self> {
        let failed = |error: io::Error| {
            Failure::new(ErrorClass::Disk, format!("cannot start the sign-in pages: {error}"))
        };
        let (places, lobby) = rooms(rules.tls.is_some());
        let service = Arc::new(Service::new(rules, places));
        let mut addresses = Vec::new();
        for socket in &sockets {
            rustix::net::listen(socket, PORTAL_BACKLOG).map_err(|error| failed(error.into()))?;
            socket.set_nonblocking(true).map_err(failed)?;
            addresses.push(socket.local_addr().map_err(failed)?);
        }
        let reception = Reception::new(Arc::clone(&service), sockets, lobby);
        let accepting = small_thread("accept", move || reception.run()).map_err(failed)?;
        Ok(Self { service, addresses, accepting })
    }

    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Whether the server behind has to be started again; asking clears it.
    pub fn inner_lost(&self) -> bool {
        self.service.inner_lost.swap(false, Ordering::SeqCst)
    }

    /// Accepts nobody any more; answers under way get a moment to arrive.
    pub fn stop(&self) {
        self.service.stop.store(true, Ordering::SeqCst);
        for address in &self.addresses {
            wake(*address);
        }
        let deadline = Instant::now() + Duration::from_millis(PORTAL_CLOSE_TIMEOUT_MS);
        // A loop that has not ended still holds the port.
        let busy = || !self.accepting.is_finished() || self.service.places().any_served();
        while busy() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(PORTAL_PAUSE_MS));
        }
        for socket in self.service.places().take_all() {
            close(&socket);
        }
    }
}

/// The accept loop sees that it should end when somebody knocks.
fn wake(address: SocketAddr) {
    let ip = match address.ip() {
        IpAddr::V4(v4) if v4.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(v6) if v6.is_unspecified() => IpAddr::from(std::net::Ipv6Addr::LOCALHOST),
        other => other,
    };
    let timeout = Duration::from_millis(PORTAL_PAUSE_MS);
    let _ = TcpStream::connect_timeout(&SocketAddr::new(ip, address.port()), timeout);
}
