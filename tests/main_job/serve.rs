//! `fitsync serve` as a browser uses it, without one: the operator signs in and invites, a
//! participant follows the link, and the timer's sync works on the same files meanwhile.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use fitsync_sim::{Options, Participant};

use crate::world::{USER, WHO, World, plain, ran};

const PASSWORD: &str = "correct horse battery";
/// How long anything that must come may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The pages of a study, open until this is dropped.
struct Pages {
    world: World,
    port: u16,
    child: Child,
    cookie: String,
}

impl Drop for Pages {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What one request was answered.
struct Answer {
    head: String,
    body: String,
}

impl Answer {
    fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    fn location(&self) -> &str {
        let line = self.head.lines().find_map(|line| line.strip_prefix("Location: "));
        line.unwrap_or_else(|| panic!("no Location: {}\n{}", self.head, self.body))
    }

    fn cookie(&self) -> String {
        let line = self.head.lines().find_map(|line| line.strip_prefix("Set-Cookie: "));
        line.and_then(|line| line.split(';').next()).expect("a cookie").to_owned()
    }

    fn token(&self) -> String {
        between(&self.body, "name=\"token\" value=\"", "\"").to_owned()
    }
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let rest = text.split_once(begin).unwrap_or_else(|| panic!("no {begin} in {text}")).1;
    rest.split_once(end).expect("an end").0
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

impl Pages {
    fn open() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let redirect = format!("http://localhost:{port}/auth/callback");
        let redirects = vec![redirect.clone()];
        let mut world = World::new(Options { redirects, ..plain(Participant::numbered(2)) });
        world.set("GOOGLE_REDIRECT_URI", &redirect);
        world.set("FITSYNC_LISTEN", &format!("127.0.0.1:{port}"));
        let mut setting = world.command(&["serve", "--set-password"]);
        let mut setting = setting.stdin(Stdio::piped()).spawn().expect("the binary runs");
        writeln!(setting.stdin.take().expect("stdin"), "{PASSWORD}").expect("a password");
        assert!(setting.wait().expect("an end").success());
        let child = world.command(&["serve"]).stderr(Stdio::null()).spawn().expect("the binary");
        let mut pages = Self { world, port, child, cookie: String::new() };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "the pages do not open");
            std::thread::sleep(Duration::from_millis(20));
        }
        pages.sign_in();
        pages
    }

    fn sign_in(&mut self) {
        let page = self.get("/operator");
        self.cookie = page.cookie();
        let form = format!("token={}&password={}", page.token(), encoded(PASSWORD));
        let signed_in = self.post("/operator/sign-in", &form);
        assert_eq!(signed_in.status(), "303", "{}", signed_in.body);
        self.cookie = signed_in.cookie();
    }

    fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\n{}\r\n", self.headers()))
    }

    fn post(&self, path: &str, form: &str) -> Answer {
        let length = form.len();
        self.ask(&format!(
            "POST {path} HTTP/1.1\r\n{}Content-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {length}\r\n\r\n{form}",
            self.headers()
        ))
    }

    fn headers(&self) -> String {
        let cookie = if self.cookie.is_empty() { "a=b" } else { &self.cookie };
        format!("Host: localhost:{}\r\nCookie: {cookie}\r\n", self.port)
    }

    fn ask(&self, request: &str) -> Answer {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).expect("the pages");
        socket.write_all(request.as_bytes()).expect("a request");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        Answer { head: head.to_owned(), body: body.to_owned() }
    }

    /// The path of a new link.
    fn invite(&self, user: &str) -> String {
        let token = self.get("/operator").token();
        let made = self.post("/operator/invite", &format!("token={token}&user_id={user}"));
        let page = self.get(made.location());
        assert!(page.body.contains("<svg class=\"qr\""), "a QR code");
        format!("/s/{}", between(&page.body, "/s/", "<"))
    }

    /// The list, which is kept for a moment, as soon as it names somebody.
    fn list_with(&self, user: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let list = self.get("/operator").body;
            if list.contains(user) {
                return list;
            }
            assert!(Instant::now() < deadline, "no {user} in {list}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// The address to which the provider sends the browser after the link's button.
    fn approve(&self, link: &str, who: &str) -> String {
        let page = self.get(link);
        let address = between(
            &page.body,
            "class=\"button\" target=\"_blank\" rel=\"noopener noreferrer\" href=\"",
            "\"",
        );
        self.world.sim.consent(&address.replace("&amp;", "&"), who).expect("a consent")
    }

    fn paste(&self, link: &str, address: &str) -> Answer {
        let token = self.get(&format!("{link}?paste=1")).token();
        self.post(&format!("{link}/paste"), &format!("token={token}&address={}", encoded(address)))
    }
}

#[test]
fn a_study_is_connected_by_links_while_the_sync_works_on_the_same_files() {
    let pages = Pages::open();
    let link = pages.invite(USER);
    let returned = pages.approve(&link, WHO);
    assert_eq!(pages.paste(&link, &returned).location(), link);
    let review = pages.get(&link);
    assert!(review.body.contains("Is this the band on the wrist?"), "{}", review.body);
    pages.world.sync(&[]).exits(0);
    let done = pages.post(&format!("{link}/done"), &format!("token={}", review.token()));
    assert!(done.body.contains("the link is used up"), "{}", done.body);
    pages.world.check_bucket(USER, WHO);
    // A second one comes back by itself, to an address that carries no code afterwards.
    let link = pages.invite("user_002");
    let returned = pages.approve(&link, "p2");
    let path = &returned[returned.find("/auth").expect("a path")..];
    assert_eq!(pages.get(path).location(), link);
    assert!(pages.get(&link).body.contains("Is this the band on the wrist?"));
    pages.world.sync(&[]).exits(0);
    let list = pages.list_with("user_002");
    assert!(list.contains(USER) && list.contains("class=\"chart row\""), "{list}");
    let one = pages.get("/operator/participant/user_001").body;
    assert!(one.contains("class=\"chart calendar\""), "{one}");
}

#[test]
fn an_account_of_another_participant_is_refused_on_the_page_and_the_link_goes_on() {
    let pages = Pages::open();
    let first = pages.invite(USER);
    pages.paste(&first, &pages.approve(&first, WHO));
    let second = pages.invite("user_002");
    let returned = pages.approve(&second, WHO);
    pages.paste(&second, &returned);
    let page = pages.get(&second).body;
    assert!(page.contains("This account cannot be used here") && !page.contains(USER), "{page}");
    pages.paste(&second, &returned);
    assert!(pages.get(&second).body.contains("belongs to another sign-in"), "used once");
    pages.paste(&second, &pages.approve(&second, "p2"));
    assert!(pages.get(&second).body.contains("Is this the band on the wrist?"));
    // A different account for a participant who is connected: the terminal alone may replace it.
    let again = pages.invite(USER);
    pages.paste(&again, &pages.approve(&again, "p2"));
    assert!(pages.get(&again).body.contains("This account cannot be used here"));
}

#[test]
fn a_login_beside_the_pages_goes_on_by_paste_and_its_callback_is_not_theirs() {
    let pages = Pages::open();
    let mut login = pages.world.login(&["user_002"]);
    login.hears("another program listens on this port");
    let returned = pages.world.sim.consent(&login.url, "p2").expect("a consent");
    let path = &returned[returned.find("/auth").expect("a path")..];
    let shown = pages.get(path);
    assert_eq!(shown.status(), "404");
    assert!(shown.body.contains("copy this address into the terminal"), "{}", shown.body);
    assert!(!shown.body.contains("code="));
    login.paste(&returned);
    login.end().exits(0).says("Connected: user_002");
}

#[test]
fn serve_ends_by_a_signal_and_says_which_settings_it_needs() {
    let mut pages = Pages::open();
    let ended = std::process::Command::new("kill").arg(pages.child.id().to_string()).status();
    assert!(ended.expect("kill").success());
    assert!(pages.child.wait().expect("an end").success(), "a signal is its usual end");
    pages.world.unset("GOOGLE_CLIENT_ID");
    let refused = ran(&mut pages.world.command(&["serve"]));
    refused.exits(2).says("GOOGLE_CLIENT_ID");
}
