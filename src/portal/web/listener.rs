//! The open sign-in pages: a [`Listener`] that hands out [`Visit`]s.
//!
//! `guard` faces the network, tiny_http parses behind it on a private socket. A visit only
//! arrives here; what it means is decided by the loop that called [`Listener::next`].

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::consent::oauth::{new_state, same};
use crate::core::error::{ErrorClass, Failure, Result};
use crate::io::random;
use crate::limits::{PORTAL_CLOSE_TIMEOUT_MS, PORTAL_PAUSE_MS};
use crate::portal::pages::page::{self, Outcome, Page};
use crate::portal::web::bind::{bind, names_public};
use crate::portal::web::guard::Guard;
use crate::portal::web::service::GuardRules;
use crate::portal::web::stream::Tls;
use crate::portal::web::visit::Visit;

/// The open sign-in pages. They close when this is dropped.
pub struct Listener {
    guard: Guard,
    /// In front of the operator's own port.
    operator: Option<Guard>,
    /// `None` while it could not be started again.
    server: Option<tiny_http::Server>,
    folder: PathBuf,
    secure: bool,
    headers: String,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Listener {:?}", self.guard.addresses())
    }
}

impl Listener {
    /// Opens the pages on `listen`: `:8000` is every interface, IPv4 and IPv6; else `host:port`.
    /// `form_targets`: origins to which a form may lead on. A port that is taken is
    /// [`ErrorClass::Locked`], an address that cannot be [`ErrorClass::Usage`].
    pub fn open(listen: &str, tls: Option<Tls>, form_targets: &[String]) -> Result<Self> {
        let sockets = bind(listen)?;
        let folder = private_folder()?;
        let secure = tls.is_some();
        let headers = page::security_headers(form_targets);
        let server = Some(serve(&folder.join(SOCKET)).inspect_err(|_| remove(&folder))?);
        let rules = GuardRules {
            inner: folder.join(SOCKET),
            tls,
            operator_door: false,
            allow_public: names_public(listen),
            headers: headers.clone(),
        };
        let guard = Guard::start(sockets, rules).inspect_err(|_| remove(&folder))?;
        Ok(Self { guard, operator: None, server, folder, secure, headers })
    }

    /// Opens the operator's own port, in place of one that is open already; the port.
    pub fn open_operator(&mut self, listen: &str, tls: Tls) -> Result<u16> {
        if let Some(before) = self.operator.take() {
            before.stop();
        }
        let rules = GuardRules {
            inner: self.folder.join(SOCKET),
            tls: Some(tls),
            operator_door: true,
            allow_public: names_public(listen),
            headers: self.headers.clone(),
        };
        let guard = Guard::start(bind(listen)?, rules)?;
        let port = port_of(&guard);
        self.operator = Some(guard);
        Ok(port)
    }

    /// The next request, or `None` when nobody came in that time.
    pub fn next(&mut self, timeout: Duration) -> Option<Visit> {
        let received = match &self.server {
            Some(server) => server.recv_timeout(timeout),
            None => Err(io::ErrorKind::NotConnected.into()),
        };
        let operator_lost = self.operator.as_ref().is_some_and(Guard::inner_lost);
        if received.is_err() || self.guard.inner_lost() || operator_lost {
            self.restart();
        }
        received.ok().flatten().and_then(Visit::read)
    }

    /// tiny_http ends for good after any error (no file, no thread): begin again behind the guard.
    fn restart(&mut self) {
        log::warn!("sign-in pages: started again");
        let inner = self.folder.join(SOCKET);
        // It removes its socket when it is dropped: before there is a new one.
        drop(self.server.take());
        let _ = std::fs::remove_file(&inner);
        match serve(&inner) {
            Ok(server) => self.server = Some(server),
            Err(failure) => {
                log::warn!("{failure}");
                std::thread::sleep(Duration::from_millis(PORTAL_PAUSE_MS));
            }
        }
    }

    /// Ends a callback: its browser goes on to an address without the code, and that page is
    /// served if it is asked for within a moment. Other visitors wait meanwhile. The address has a
    /// part that only that browser knows: how somebody's sign-in ended is nobody else's business.
    pub fn conclude(&mut self, visit: Visit, outcome: Outcome) {
        let Some(path) = outcome.path() else { return visit.answer(outcome.page()) };
        let Ok(random) = random::bytes() else { return visit.answer(outcome.page()) };
        let secret = new_state(random);
        visit.answer(Page::redirect(&format!("{path}?seen={secret}")));
        let deadline = Instant::now() + Duration::from_millis(PORTAL_CLOSE_TIMEOUT_MS);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let Some(next) = self.next(left) else { continue };
            let knows = next.query_value("seen").is_some_and(|seen| same(&seen, &secret));
            if next.path == path && knows {
                return next.answer(outcome.page());
            }
            next.answer(Outcome::NotFound.page());
        }
    }

    /// The addresses that are listened on, with the real port.
    pub fn addresses(&self) -> &[SocketAddr] {
        self.guard.addresses()
    }

    pub fn port(&self) -> u16 {
        port_of(&self.guard)
    }

    /// Whether the pages are served over TLS.
    pub const fn secure(&self) -> bool {
        self.secure
    }
}

fn port_of(guard: &Guard) -> u16 {
    guard.addresses().first().map_or(0, SocketAddr::port)
}

impl Drop for Listener {
    fn drop(&mut self) {
        while let Some(Ok(Some(request))) = self.server.as_ref().map(|server| server.try_recv()) {
            drop(request); // answers "500": its client is told that nothing comes
        }
        self.guard.stop();
        self.operator.iter().for_each(Guard::stop);
        remove(&self.folder);
    }
}

/// A new folder that only this user can enter.
fn private_folder() -> Result<PathBuf> {
    let name = format!("fitsync-{:016x}", u64::from_ne_bytes(random::bytes()?));
    let mut builder = std::fs::DirBuilder::new();
    builder.mode(0o700);
    let candidates = [std::env::temp_dir(), PathBuf::from("/tmp"), PathBuf::from("/run")];
    // A socket's path has at most 107 bytes.
    let short =
        candidates.iter().map(|base| base.join(&name)).filter(|path| path.as_os_str().len() < 90);
    for folder in short {
        if builder.create(&folder).is_ok() {
            return Ok(folder);
        }
    }
    let what = "cannot make a temporary folder for the sign-in pages; set TMPDIR";
    Err(Failure::new(ErrorClass::Disk, what))
}

/// The name of the private socket.
const SOCKET: &str = "pages";

fn remove(folder: &Path) {
    let _ = std::fs::remove_dir_all(folder); // an empty folder in /tmp harms nobody
}

fn serve(inner: &Path) -> Result<tiny_http::Server> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(ErrorClass::Disk, format!("cannot start the sign-in pages: {error}"))
    };
    let listener = UnixListener::bind(inner).map_err(|error| failed(&error))?;
    tiny_http::Server::from_listener(listener, None).map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::pages::text;
    use std::io::{Read as _, Write as _};
    use std::net::{IpAddr, TcpListener, TcpStream};
    use std::thread;

    const LONG: Duration = Duration::from_secs(20);

    fn open() -> Listener {
        Listener::open("127.0.0.1:0", None, &[]).unwrap()
    }

    fn client(address: SocketAddr, bytes: &[u8]) -> thread::JoinHandle<String> {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.write_all(bytes).unwrap();
        thread::spawn(move || {
            let mut answer = Vec::new();
            let _ = socket.read_to_end(&mut answer);
            String::from_utf8_lossy(&answer).into_owned()
        })
    }

    #[test]
    fn a_visit_arrives_and_its_answer_is_protected() {
        let mut listener = open();
        let address = listener.addresses()[0];
        let request = "GET /auth/callback?code=4%2Fx&state=s HTTP/1.1\r\nHost: localhost\r\n\
                       Cookie: id=1\r\n\r\n";
        let answer = client(address, request.as_bytes());
        let visit = listener.next(LONG).unwrap();
        assert_eq!((visit.path.as_str(), visit.post), ("/auth/callback", false));
        assert_eq!(visit.query_value("code").as_deref(), Some("4/x"));
        assert_eq!((visit.cookie.as_str(), visit.host.as_str()), ("id=1", "localhost"));
        assert_eq!(visit.peer, IpAddr::from([127, 0, 0, 1]));
        assert_eq!(format!("{visit:?}"), "GET /auth");
        visit.answer(Outcome::NotKnown.page());
        let answer = answer.join().unwrap();
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
        for line in ["Connection: close", "Cache-Control: no-store", "frame-ancestors 'none'"] {
            assert!(answer.contains(line), "{line}");
        }
        assert!(answer.contains("Server: fitsync") && answer.ends_with("</html>\n"));
    }

    #[test]
    fn a_form_arrives_whole_and_a_second_request_behind_it_never() {
        let mut listener = open();
        let request = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\n\
                       Content-Type: application/x-www-form-urlencoded\r\n\r\na=b+c%21\
                       GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
        let request = request.replace("Length: 7", "Length: 8");
        let answer = client(listener.addresses()[0], request.as_bytes());
        let visit = listener.next(LONG).unwrap();
        assert_eq!(visit.form_value("a").as_deref(), Some("b c!"));
        visit.answer(Page::text(200, "once"));
        let answer = answer.join().unwrap();
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
        assert!(listener.next(Duration::from_millis(50)).is_none());
    }

    #[test]
    fn a_refused_request_never_reaches_the_pages() {
        let mut listener = open();
        let huge = format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(100_000));
        let answer = client(listener.addresses()[0], huge.as_bytes()).join().unwrap();
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        assert!(listener.next(Duration::from_millis(50)).is_none());
    }

    #[test]
    fn after_a_callback_the_browser_stands_on_an_address_without_the_code() {
        let mut listener = open();
        let address = listener.addresses()[0];
        let get = |path: &str| {
            client(address, format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes())
        };
        let answer = get("/auth/callback?code=secret");
        let visit = listener.next(LONG).unwrap();
        let browser = thread::spawn(move || {
            let answer = answer.join().unwrap();
            let to = answer.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap();
            let get = format!("GET {to} HTTP/1.1\r\nHost: h\r\n\r\n");
            (to.to_owned(), client(address, get.as_bytes()).join().unwrap())
        });
        listener.conclude(visit, Outcome::Connected);
        let (to, answer) = browser.join().unwrap();
        assert!(to.starts_with("/auth/connected?seen="), "{to}");
        assert!(answer.contains(text::CONNECTED), "{answer}");
    }

    #[test]
    fn how_a_sign_in_ended_is_told_to_nobody_but_its_browser() {
        let mut listener = open();
        let address = listener.addresses()[0];
        let get = |path: &str| {
            client(address, format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes())
        };
        let browser = get("/auth/callback?code=secret");
        let visit = listener.next(LONG).unwrap();
        let (guess, plain) = (get("/auth/connected?seen=AAAA"), get("/auth/connected"));
        listener.conclude(visit, Outcome::Connected);
        assert!(browser.join().unwrap().starts_with("HTTP/1.1 303"));
        for stranger in [guess, plain] {
            assert!(stranger.join().unwrap().starts_with("HTTP/1.1 404"));
        }
    }

    #[test]
    fn a_port_that_is_taken_is_told_from_an_address_that_cannot_be() {
        let first = open();
        let taken = Listener::open(&first.addresses()[0].to_string(), None, &[]);
        assert_eq!(taken.unwrap_err().class, ErrorClass::Locked);
        let strange = Listener::open("192.0.2.1:0", None, &[]);
        assert_eq!(strange.unwrap_err().class, ErrorClass::Usage);
        assert_eq!(Listener::open(":x", None, &[]).unwrap_err().class, ErrorClass::Usage);
    }

    #[test]
    fn all_interfaces_serve_both_families_and_close_without_a_trace() {
        let mut listener = Listener::open(":0", None, &[]).unwrap();
        let folder = listener.folder.clone();
        for host in ["127.0.0.1", "::1"] {
            let address = SocketAddr::new(host.parse().unwrap(), listener.port());
            if TcpListener::bind(SocketAddr::new(address.ip(), 0)).is_err() {
                continue; // a machine without IPv6
            }
            let answer = client(address, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
            let visit = listener.next(LONG).unwrap();
            assert_eq!(visit.peer, address.ip());
            visit.answer(Page::text(200, "hello"));
            assert!(answer.join().unwrap().ends_with("hello\n"));
        }
        let port = listener.port();
        drop(listener);
        assert!(!folder.exists());
        Listener::open(&format!(":{port}"), None, &[]).unwrap();
    }

    #[test]
    fn a_server_behind_the_guard_that_ended_is_started_again() {
        let mut listener = open();
        let address = listener.addresses()[0];
        let socket = listener.folder.join(SOCKET);
        std::fs::remove_file(&socket).unwrap();
        let request = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
        let answer = client(address, request).join().unwrap();
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(listener.next(Duration::from_millis(10)).is_none());
        let answer = client(address, request);
        listener.next(LONG).unwrap().answer(Page::text(200, "again"));
        assert!(answer.join().unwrap().ends_with("again\n"));
    }
}
