//! Who may be trusted at the pages: nobody for where a connection comes from, a sign-in's own
//! browser alone, and the operator at a port with the gateway's own certificate.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::callback::at_a_port;
use crate::world::{Browser, USER, WHO, World, encoded};

const PASSWORD: &str = "correct horse battery";
const PATIENCE: Duration = Duration::from_secs(60);

/// A `serve` that runs until this is dropped; what it says goes to a file.
struct Serve {
    world: World,
    port: u16,
    child: Child,
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn set_password(world: &World) {
    use std::io::Write as _;
    let mut setting = world.command(&["serve", "--set-password"]);
    let mut setting = setting.stdin(Stdio::piped()).spawn().expect("the binary runs");
    writeln!(setting.stdin.take().expect("stdin"), "{PASSWORD}").expect("a password");
    assert!(setting.wait().expect("an end").success());
}

impl Serve {
    fn start((mut world, port): (World, u16)) -> Self {
        world.set("FITSYNC_OPERATOR_LISTEN", "127.0.0.1:0");
        let log = std::fs::File::create(world.dir.join("serve.log")).expect("a log");
        let child = world.command(&["serve"]).stderr(log).spawn().expect("the binary runs");
        let serve = Self { world, port, child };
        serve.says("the pages are at");
        serve
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.world.dir.join("serve.log")).expect("a log")
    }

    /// The rest of the line in which it says that.
    fn says(&self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some((_, rest)) = self.log().split_once(text)
                && let Some(rest) = rest.lines().next()
            {
                return rest.trim().to_owned();
            }
            assert!(Instant::now() < deadline, "no {text:?} in {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn sign_in(&self, browser: &Browser, page: &str) -> String {
        let page = browser.get(page);
        let user = if page.body.contains("user_id") { "&user_id=user_001" } else { "" };
        let form = format!("token={}&password={}{user}", page.token(), encoded(PASSWORD));
        browser.post("/operator/sign-in", &form).location().to_owned()
    }

    fn invite(&self, browser: &Browser) -> String {
        let token = browser.get("/operator").token();
        let made = browser.post("/operator/invite", &format!("token={token}&user_id={USER}"));
        let page = browser.get(made.location()).body;
        let key = page.split_once("/s/").expect("a link").1.get(..22).expect("a key");
        format!("/s/{key}")
    }
}

const SEED: &str = "/fitbit/login?user_id=user_001";

#[test]
fn a_browser_on_the_gateway_needs_the_password_and_goes_on_after_it() {
    let (world, port) = at_a_port();
    set_password(&world);
    let serve = Serve::start((world, port));
    let browser = Browser::new(serve.port);
    let page = browser.get(SEED);
    assert!(page.body.contains("type=\"password\""), "{}", page.body);
    let form = format!("token={}&user_id={USER}", page.token());
    let begun = browser.post("/fitbit/login", &form);
    assert!(begun.body.contains("type=\"password\""), "{}", begun.body);
    assert_eq!(serve.sign_in(&browser, SEED), SEED);
    let begun = browser
        .post("/fitbit/login", &format!("token={}&user_id={USER}", browser.get(SEED).token()));
    let link = begun.location().to_owned();
    let returned = serve.world.sim.consent(&browser.go(&link), WHO).expect("a consent");
    browser.get(&returned[returned.find("/auth").expect("a path")..]);
    assert!(browser.get(&link).body.contains("Is this the band on the wrist?"));
}

#[test]
fn where_the_settings_say_so_a_browser_on_the_gateway_needs_none() {
    let (mut world, port) = at_a_port();
    let serve = Serve::start((world, port));
    let refused = Browser::new(port).get(SEED).body;
    assert!(refused.contains("--set-password") && refused.contains("FITSYNC_LOCAL_SIGN_IN=1"));
    drop(serve);
    (world, _) = at_a_port();
    world.set("FITSYNC_LISTEN", &format!("127.0.0.1:{port}"));
    world.set("FITSYNC_LOCAL_SIGN_IN", "1");
    let _serve = Serve::start((world, port));
    let browser = Browser::new(port);
    let page = browser.get(SEED);
    let begun = browser.post("/fitbit/login", &format!("token={}&user_id={USER}", page.token()));
    assert!(browser.get(begun.location()).body.contains("Connect user_001"));
}

#[test]
fn the_provider_s_address_sent_to_somebody_else_binds_no_account() {
    let (world, port) = at_a_port();
    set_password(&world);
    let serve = Serve::start((world, port));
    let (operator, victim) = (Browser::new(port), Browser::new(port));
    serve.sign_in(&operator, "/operator");
    let link = serve.invite(&operator);
    let mailed = operator.go(&link);
    let returned = serve.world.sim.consent(&mailed, "p2").expect("a consent");
    let path = &returned[returned.find("/auth").expect("a path")..];
    let shown = victim.get(path);
    assert_eq!(shown.status(), "403");
    assert!(shown.body.contains("began in another browser"), "{}", shown.body);
    assert!(!serve.world.token_file(USER).exists() && serve.world.asked("token").is_empty());
    // Pressed again elsewhere, it moves there.
    let address = victim.go(&link);
    let returned = serve.world.sim.consent(&address, WHO).expect("a consent");
    let path = &returned[returned.find("/auth").expect("a path")..];
    assert_eq!(operator.get(path).status(), "403");
    assert_eq!(victim.get(path).location(), link);
    assert!(!operator.get(&link).body.contains("Charge"), "the account is its browser's business");
    assert!(victim.get(&link).body.contains("Charge"));
    victim.press(&link, "done");
    assert!(serve.world.token_file(USER).exists());
}

#[test]
fn a_one_time_link_signs_the_operator_in_once_and_is_kept_as_a_hash() {
    let (world, port) = at_a_port();
    world.run(&["serve", "--sign-in"]).exits(2).says("serve --set-password");
    set_password(&world);
    let serve = Serve::start((world, port));
    let own = serve.says("the operator's pages are at");
    let printed = serve.world.run(&["serve", "--sign-in"]).exits(0).says("fingerprint");
    let link = printed.stdout.trim();
    assert!(link.starts_with(&format!("{own}/operator/link/")), "{link} {own}");
    let key = link.rsplit('/').next().expect("a key");
    let file = serve.world.dir.join("tokens/operator.links");
    let mode = std::fs::metadata(&file).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert!(!std::fs::read_to_string(&file).expect("text").contains(key));
    // The same pages, as a browser on the gateway reaches them.
    let browser = Browser::new(port);
    let use_it = |browser: &Browser| {
        let page = browser.get(&format!("/operator/link/{key}"));
        browser.post("/operator/link", &format!("token={}&key={key}", page.token()))
    };
    assert_eq!(use_it(&browser).location(), "/operator");
    assert!(browser.get("/operator").body.contains("Make a link"));
    let again = use_it(&Browser::new(port));
    assert!(again.body.contains("was used or has ended"), "{}", again.body);
    assert!(!serve.log().contains(key));
}

#[test]
fn the_gateway_s_own_certificate_lasts_and_keeps_its_key() {
    let (world, port) = at_a_port();
    set_password(&world);
    let mut serve = Serve::start((world, port));
    let own = serve.says("the operator's pages are at");
    let first = serve.says("fingerprint of their certificate:");
    assert_eq!(first.len(), 95, "{first}");
    serve.says("plain HTTP");
    let shown = over_tls(&own, "/operator");
    assert!(shown.contains("__Host-fitsync_visitor=") && shown.contains("; Secure"), "{shown}");
    assert!(shown.contains("type=\"password\""), "{shown}");
    assert!(!shown.to_lowercase().contains("strict-transport-security"), "{shown}");
    let key = serve.world.dir.join("tokens/operator.key");
    let mode = std::fs::metadata(&key).expect("a key").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let before = std::fs::read(&key).expect("a key");
    let restart = |serve: &mut Serve| {
        let _ = serve.child.kill();
        let _ = serve.child.wait();
        let log = std::fs::File::create(serve.world.dir.join("serve.log")).expect("a log");
        serve.child = serve.world.command(&["serve"]).stderr(log).spawn().expect("the binary");
        serve.says("fingerprint of their certificate:")
    };
    assert_eq!(restart(&mut serve), first, "it is made once");
    let pem = serve.world.dir.join("tokens/operator.pem");
    let text = std::fs::read_to_string(&pem).expect("a certificate");
    let ends = text.lines().find(|line| line.starts_with("# ends: ")).expect("an end");
    std::fs::write(&pem, text.replace(ends, "# ends: 2026-12-01T00:00:00Z")).expect("an old one");
    assert_ne!(restart(&mut serve), first, "it is renewed before its end");
    assert_eq!(std::fs::read(&key).expect("a key"), before);
}

#[test]
fn without_the_operator_s_port_participants_are_served_all_the_same() {
    let (mut world, port) = at_a_port();
    set_password(&world);
    world.set("FITSYNC_OPERATOR_LISTEN", "192.0.2.1:1");
    let log = std::fs::File::create(world.dir.join("serve.log")).expect("a log");
    let child = world.command(&["serve"]).stderr(log).spawn().expect("the binary runs");
    let serve = Serve { world, port, child };
    serve.says("the operator's pages have no port of their own");
    let browser = Browser::new(port);
    serve.sign_in(&browser, "/operator");
    let link = serve.invite(&browser);
    assert!(Browser::new(port).get(&link).body.contains("Connect user_001"));
}

/// Head and body of a page under a certificate that nobody else knows.
fn over_tls(origin: &str, path: &str) -> String {
    let tls = ureq::tls::TlsConfig::builder().disable_verification(true).build();
    let agent: ureq::Agent = ureq::Agent::config_builder().tls_config(tls).build().into();
    let mut reply = agent.get(format!("{origin}{path}")).call().expect("a page");
    let body = reply.body_mut().read_to_string().expect("text");
    format!("{:?}\n{body}", reply.headers())
}
