//! `fitsync serve` as a browser uses it, without one: the operator signs in and invites, a
//! participant follows the link, and the timer's sync works on the same files meanwhile.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime};

use fitsync_sim::{Options, Participant};

use crate::world::{Answer, Browser, USER, WHO, World, between, encoded, free_port, plain, ran};

const PASSWORD: &str = "correct horse battery";
/// How long anything that must come may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The pages of a study, open until this is dropped.
struct Pages {
    world: World,
    child: Child,
    browser: Browser,
}

impl Drop for Pages {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Pages {
    fn open() -> Self {
        let port = free_port();
        let redirect = format!("http://localhost:{port}/auth/callback");
        let redirects = vec![redirect.clone()];
        let mut world = World::new(Options { redirects, ..plain(Participant::numbered(2)) });
        world.set("GOOGLE_REDIRECT_URI", &redirect);
        world.set("FITSYNC_LISTEN", &format!("127.0.0.1:{port}"));
        world.set("FITSYNC_OPERATOR_LISTEN", "127.0.0.1:0");
        let mut setting = world.command(&["serve", "--set-password"]);
        let mut setting = setting.stdin(Stdio::piped()).spawn().expect("the binary runs");
        writeln!(setting.stdin.take().expect("stdin"), "{PASSWORD}").expect("a password");
        assert!(setting.wait().expect("an end").success());
        let child = world.command(&["serve"]).stderr(Stdio::null()).spawn().expect("the binary");
        let pages = Self { world, child, browser: Browser::new(port) };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "the pages do not open");
            std::thread::sleep(Duration::from_millis(20));
        }
        pages.sign_in();
        pages
    }

    fn sign_in(&self) {
        let page = self.get("/operator");
        let form = format!("token={}&password={}", page.token(), encoded(PASSWORD));
        let signed_in = self.post("/operator/sign-in", &form);
        assert_eq!(signed_in.status(), "303", "{}", signed_in.body);
    }

    fn get(&self, path: &str) -> Answer {
        self.browser.get(path)
    }

    fn post(&self, path: &str, form: &str) -> Answer {
        self.browser.post(path, form)
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
        self.world.sim.consent(&self.browser.go(link), who).expect("a consent")
    }

    fn paste(&self, link: &str, address: &str) -> Answer {
        self.browser.paste(link, address)
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
    pages.world.sync(&[]).exits(0).says("user=user_001 somebody compares the band");
    assert!(pages.world.objects().is_empty());
    let done = pages.browser.press(&link, "done");
    assert!(done.body.contains("the link is used up"), "{}", done.body);
    pages.world.sync(&[]).exits(0);
    pages.world.check_bucket(USER, WHO);
    // A second one comes back by itself, to an address that carries no code afterwards.
    let link = pages.invite("user_002");
    let returned = pages.approve(&link, "p2");
    let path = &returned[returned.find("/auth").expect("a path")..];
    assert_eq!(pages.get(path).location(), link);
    assert!(pages.get(&link).body.contains("Is this the band on the wrist?"));
    pages.browser.press(&link, "done");
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

#[test]
fn a_file_in_the_place_of_a_ledger_folder_hides_and_stops_nobody_else() {
    let mut pages = Pages::open();
    pages.world.connect(USER, WHO);
    pages.world.connect("user_002", "p2");
    pages.world.sync(&[]).exits(0);
    let csv_files = |world: &World, user: &str| -> Vec<PathBuf> {
        let folder = world.data().join("users").join(user);
        let all = world.snapshot().into_keys();
        all.filter(|path| path.starts_with(&folder) && !path.ends_with("completeness")).collect()
    };
    let (of_odd, of_other) = (csv_files(&pages.world, USER), csv_files(&pages.world, "user_002"));
    let long_ago = SystemTime::now() - Duration::from_secs(100 * 86_400);
    for path in of_odd.iter().chain(&of_other) {
        std::fs::File::open(path).and_then(|file| file.set_modified(long_ago)).expect("a file");
    }
    let ledger = pages.world.data().join("ledger").join(USER);
    std::fs::remove_dir_all(&ledger).expect("damage");
    std::fs::write(&ledger, "").expect("damage");

    let verified = pages.world.run(&["verify", "--json"]).exits(1).says("user=user_001 class=disk");
    let report = verified.json();
    assert!(report["compared"].as_u64() > Some(10) && report["missing"] == 0, "{report}");
    assert_eq!(report["failures"].as_array().map(Vec::len), Some(1), "{report}");

    let list = pages.list_with(USER);
    assert!(list.contains("ledger cannot be read") && list.contains("Charge"), "{list}");
    assert_eq!(pages.get("/operator/participant/user_001").status(), "200");

    pages.world.set("FITSYNC_KEEP_DAYS", "1");
    let upload = ran(&mut pages.world.command(&["upload"]));
    upload.says("user=user_001 the uploaded files are not known, and kept");
    assert_eq!(csv_files(&pages.world, USER), of_odd);
    assert!(csv_files(&pages.world, "user_002").len() < of_other.len());

    for user in [USER, "user_002"] {
        let path = pages.world.token_file(user);
        let text = std::fs::read_to_string(&path).expect("a token");
        std::fs::write(&path, text.replace("google-health", "fitbit")).expect("a token");
    }
    let left = pages.world.run(&["migrate", "--list"]).exits(0);
    let left = left.says("What was read of user_001 cannot be told").stdout;
    assert!(left.contains("user_001  connected, newest data none"), "{left}");
    assert!(left.contains("user_002  connected, newest data 20"), "{left}");
}
