//! A browser without a screen: what it asks of the pages on this machine, and what it is answered.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};

/// A port for pages: below those that the kernel gives to connections, so that it stays free until
/// it is opened, and another one each time.
pub fn free_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = (std::process::id() % 120) * 100 + TAKEN.fetch_add(1, Ordering::SeqCst);
        let port = 20_000 + u16::try_from(number % 12_000).expect("a port");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// One browser with its cookies.
pub struct Browser {
    pub port: u16,
    cookies: RefCell<BTreeMap<String, String>>,
}

/// What one request was answered.
pub struct Answer {
    head: String,
    pub body: String,
}

impl Answer {
    pub fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    pub fn location(&self) -> &str {
        let line = self.head.lines().find_map(|line| line.strip_prefix("Location: "));
        line.unwrap_or_else(|| panic!("no Location: {}\n{}", self.head, self.body))
    }

    pub fn token(&self) -> String {
        between(&self.body, "name=\"token\" value=\"", "\"").to_owned()
    }
}

pub fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let rest = text.split_once(begin).unwrap_or_else(|| panic!("no {begin} in {text}")).1;
    rest.split_once(end).expect("an end").0
}

pub fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

impl Browser {
    pub fn new(port: u16) -> Self {
        Self { port, cookies: RefCell::default() }
    }

    /// Presses the button of a sign-in page: the provider's address.
    pub fn go(&self, link: &str) -> String {
        self.press(link, "go").location().to_owned()
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\n{}\r\n", self.headers()))
    }

    pub fn post(&self, path: &str, form: &str) -> Answer {
        let length = form.len();
        self.ask(&format!(
            "POST {path} HTTP/1.1\r\n{}Content-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {length}\r\n\r\n{form}",
            self.headers()
        ))
    }

    /// The form of a button on a sign-in page: `go`, `done`, `not-mine`, `again`.
    pub fn press(&self, link: &str, button: &str) -> Answer {
        let token = self.get(link).token();
        self.post(&format!("{link}/{button}"), &format!("token={token}"))
    }

    /// Into the box of a sign-in page.
    pub fn paste(&self, link: &str, address: &str) -> Answer {
        let token = self.get(&format!("{link}?paste=1")).token();
        self.post(&format!("{link}/paste"), &format!("token={token}&address={}", encoded(address)))
    }

    fn headers(&self) -> String {
        let cookies = self.cookies.borrow();
        let cookies: Vec<_> =
            cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("Host: localhost:{}\r\nCookie: {}\r\n", self.port, cookies.join("; "))
    }

    fn keep_cookies(&self, head: &str) {
        for line in head.lines().filter_map(|line| line.strip_prefix("Set-Cookie: ")) {
            let pair = line.split(';').next().and_then(|pair| pair.split_once('='));
            let (name, value) = pair.expect("a cookie");
            self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
        }
    }

    fn ask(&self, request: &str) -> Answer {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).expect("the pages");
        socket.write_all(request.as_bytes()).expect("a request");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        self.keep_cookies(head);
        Answer { head: head.to_owned(), body: body.to_owned() }
    }
}
