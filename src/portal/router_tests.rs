use std::cell::Cell;
use std::time::Duration;

use super::*;
use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::core::exchange::form;
use crate::core::user::UserId;
use crate::limits::{PORTAL_LINK_S, PORTAL_REVIEW_S};
use crate::portal::access::cookie;
use crate::portal::code::{LinkKey, TypedCode};
use crate::portal::desk::DeskRules;
use crate::portal::redirect::Redirect;
use crate::portal::session::Operator;
use crate::portal::sign_ins::{Attempt, ConnectedAccount, Facts, Hint, Invitation, Owner};
use crate::portal::web::hosts::Hosts;

#[derive(Default)]
struct Study {
    attempts: Cell<u32>,
    withdrawn: bool,
}

impl Office for Study {
    fn attempt(&self, user: &UserId) -> Result<Attempt> {
        if self.withdrawn {
            return Err(Failure::new(ErrorClass::Usage, "withdrawn"));
        }
        let number = self.attempts.get() + 1;
        self.attempts.set(number);
        Ok(Attempt {
            state: format!("state-{user}-{number}"),
            verifier: Secret::new("verifier"),
            address: format!("https://provider.example/?n={number}"),
        })
    }

    fn facts(&self, _: &UserId) -> Result<Facts> {
        Ok(Facts::default())
    }
}

struct Scene {
    desk: Desk,
    study: Study,
    ticket: u64,
    now: Instant,
}

const TIME: Timestamp = Timestamp::UNIX_EPOCH;

fn scene() -> Scene {
    let rules = DeskRules {
        hosts: Hosts::new("pi", &[]),
        redirect: Redirect::new("http://localhost:8000/auth/callback"),
        port: 8000,
        secure: false,
        local_sign_in: false,
        stranger: Outcome::NotKnown,
    };
    let (mut desk, study, now) = (Desk::new(rules, [5; 32]), Study::default(), Instant::now());
    let user: UserId = "user_001".parse().unwrap();
    let attempt = study.attempt(&user).unwrap();
    let invitation = Invitation {
        user,
        key: LinkKey::new([7; 16]),
        code: None,
        owner: Owner::Link,
        facts: Facts::default(),
        attempt,
        life_s: PORTAL_LINK_S,
    };
    let ticket = desk.sign_ins.open(invitation, now);
    Scene { desk, study, ticket, now }
}

/// As in `login`: it began in a terminal, and there is a code that can be typed.
fn at_a_terminal() -> Scene {
    let mut scene = scene();
    let user: UserId = "user_002".parse().unwrap();
    let invitation = Invitation {
        attempt: scene.study.attempt(&user).unwrap(),
        user,
        key: LinkKey::new([8; 16]),
        code: Some(TypedCode::new([8; 5])),
        owner: Owner::Terminal,
        facts: Facts::default(),
        life_s: PORTAL_LINK_S,
    };
    scene.ticket = scene.desk.sign_ins.open(invitation, scene.now);
    scene
}

/// A browser with its cookie.
const BROWSER: &str = "fitsync_browser=AAAAAAAAAAAAAAAAAAAAAA";
const OTHER: &str = "fitsync_browser=BBBBBBBBBBBBBBBBBBBBBB";

fn ask(target: &str) -> Ask {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Ask {
        post: false,
        path: path.to_owned(),
        query: query.to_owned(),
        form: String::new(),
        host: "192.168.1.20:8000".to_owned(),
        cookie: String::new(),
        peer: [192, 168, 1, 30].into(),
        near: true,
        forwarded: false,
        local: false,
        secure: false,
        operator_door: false,
    }
}

impl Scene {
    fn step(&mut self, ask: &Ask) -> Step {
        self.desk.step(ask, self.now, TIME, &self.study)
    }

    fn page(&mut self, ask: &Ask) -> Page {
        match self.step(ask) {
            Step::Answer(page) => page,
            other => panic!("{other:?}"),
        }
    }

    fn path(&self) -> String {
        self.desk.path(self.ticket)
    }

    fn post(&self, action: &str, pairs: &[(&str, &str)]) -> Ask {
        let path = self.path();
        let token = self.desk.form_key.token(&path);
        let mut all = vec![("token", token.as_str())];
        all.extend(pairs);
        let cookie = BROWSER.to_owned();
        Ask { post: true, form: form(&all), cookie, ..ask(&format!("{path}/{action}")) }
    }

    /// Where the button leads that is pressed in this browser.
    fn press(&mut self, cookie: &str) -> Page {
        let go = Ask { cookie: cookie.to_owned(), ..self.post("go", &[]) };
        self.page(&go)
    }

    fn connect(&mut self, is_first: bool) {
        self.press(BROWSER);
        self.desk.sign_ins.take_attempt(self.ticket, self.now).unwrap();
        let missing = vec!["hrv".to_owned()];
        let connected = ConnectedAccount { missing, is_first, ..ConnectedAccount::default() };
        self.desk.sign_ins.connected(self.ticket, connected, self.now);
    }
}

fn with(cookie: &str, target: &str) -> Ask {
    Ask { cookie: cookie.to_owned(), ..ask(target) }
}

fn goes_to(page: &Page) -> Option<&str> {
    page.headers.iter().find(|(name, _)| name == "Location").map(|(_, to)| to.as_str())
}

#[test]
fn a_name_that_is_not_ours_is_answered_nothing() {
    let mut scene = scene();
    let rebound = Ask { host: "evil.example:8000".into(), ..ask(&scene.path()) };
    let page = scene.page(&rebound);
    assert_eq!(page.status, 421);
    assert!(!page.body.contains("user_001"));
}

#[test]
fn opening_the_link_changes_nothing() {
    let mut scene = scene();
    let path = scene.path();
    let first = scene.page(&with(BROWSER, &path));
    assert!(first.body.contains("user_001") && !first.body.contains("provider.example"));
    for target in ["/paste", "/done", "/again", "/not-mine"] {
        let page = scene.page(&ask(&format!("{path}{target}")));
        assert_eq!((page.status, goes_to(&page)), (303, Some(path.as_str())), "{target}");
    }
    assert_eq!(scene.page(&with(BROWSER, &path)), first);
    assert_eq!(scene.study.attempts.get(), 1);
}

#[test]
fn without_a_link_no_page_names_a_participant() {
    let mut scene = scene();
    for target in ["/", "/s/", "/s/AAAA-AAAA", "/s/user_001", "/user_001", "/operator", "/s/x/done"]
    {
        let page = scene.page(&ask(target));
        assert!(!page.body.contains("user_"), "{target}");
    }
}

#[test]
fn a_form_without_the_token_of_its_link_is_refused() {
    let mut scene = scene();
    let good = scene.post("done", &[]);
    for form in [String::new(), "token=".into(), "token=AAAAAAAAAAAAAAAAAAAAAA".into()] {
        assert_eq!(scene.page(&Ask { form, ..good.clone() }).status, 403);
    }
    let other = scene.desk.form_key.token("/s/another");
    assert_eq!(scene.page(&Ask { form: format!("token={other}"), ..good }).status, 403);
}

#[test]
fn a_pasted_address_becomes_a_code_once() {
    let mut scene = scene();
    let pasted = "http://localhost:8000/auth/callback?state=state-user_001-1&code=4/abc&scope=x";
    let post = scene.post("paste", &[("address", pasted)]);
    let Step::Came { ticket, callback, attempt } = scene.step(&post) else { panic!("no code") };
    assert_eq!((ticket, attempt.state.as_str()), (scene.ticket, "state-user_001-1"));
    assert!(matches!(callback, Callback::Code { code, .. } if code.expose() == "4/abc"));
    assert!(matches!(scene.step(&post), Step::Answer(_)), "the state is used up");
    let path = scene.path();
    let page = scene.page(&ask(&path));
    assert!(page.body.contains(text::CHECKING));
}

#[test]
fn a_paste_that_is_no_code_or_another_s_is_told_so() {
    let mut scene = scene();
    for (pasted, hint) in [
        ("hello", Hint::NoCode),
        ("http://localhost:8000/auth/callback?state=wrong&code=c", Hint::OtherSignIn),
    ] {
        let page = scene.page(&scene.post("paste", &[("address", pasted)]));
        assert_eq!(goes_to(&page), Some(scene.path().as_str()));
        let page = scene.page(&ask(&scene.path()));
        let told = crate::portal::pages::markup::escape(text::hint(hint));
        assert!(page.body.contains(&told), "{pasted}");
        assert!(!page.body.contains("wrong&"), "nothing of a paste is shown");
    }
}

const CALLBACK: &str = "/auth/callback?state=state-user_001-1&code=c";

#[test]
fn the_callback_of_a_page_needs_its_state_and_the_browser_whose_button_was_pressed() {
    let mut scene = scene();
    let stranger = scene.page(&ask("/auth/callback?state=unknown&code=c"));
    assert_eq!(stranger, Outcome::NotKnown.page());
    assert!(matches!(scene.step(&ask("/auth/callback?code=c")), Step::Answer(_)));
    // The provider's address was mailed to somebody, and nobody pressed here.
    assert_eq!(scene.page(&with(BROWSER, CALLBACK)), Outcome::OtherBrowser.page());
    assert_eq!(goes_to(&scene.press(BROWSER)), Some("https://provider.example/?n=1"));
    for cookie in ["", OTHER, "fitsync_browser=", "fitsync_browser=AAAA"] {
        assert_eq!(scene.page(&with(cookie, CALLBACK)), Outcome::OtherBrowser.page(), "{cookie}");
    }
    assert!(matches!(scene.step(&with(BROWSER, CALLBACK)), Step::Came { .. }));
    let again = scene.page(&with(BROWSER, CALLBACK));
    assert_eq!(again, Outcome::NotKnown.page(), "replayed");
}

#[test]
fn pressed_again_in_another_browser_it_moves_there() {
    let mut scene = scene();
    scene.press(BROWSER);
    scene.press(OTHER);
    assert_eq!(scene.page(&with(BROWSER, CALLBACK)), Outcome::OtherBrowser.page());
    assert!(matches!(scene.step(&with(OTHER, CALLBACK)), Step::Came { .. }));
}

#[test]
fn the_callback_of_a_terminal_needs_its_state_alone() {
    let mut scene = at_a_terminal();
    let callback = "/auth/callback?state=state-user_002-2&code=c";
    assert!(matches!(scene.step(&ask(callback)), Step::Came { .. }));
}

#[test]
fn the_account_is_shown_to_its_browser_alone_which_alone_can_decide() {
    let mut scene = scene();
    scene.connect(true);
    let path = scene.path();
    assert!(scene.page(&with(BROWSER, &path)).body.contains(text::REVIEW_TITLE));
    for cookie in ["", OTHER] {
        assert_eq!(scene.page(&with(cookie, &path)), Outcome::OtherBrowser.page());
        for action in ["done", "not-mine", "again"] {
            let ask = Ask { cookie: cookie.to_owned(), ..scene.post(action, &[]) };
            assert_eq!(scene.page(&ask), Outcome::OtherBrowser.page(), "{action}");
        }
    }
    assert!(scene.page(&scene.post("done", &[])).body.contains(text::DONE));
}

#[test]
fn a_browser_is_given_a_cookie_and_one_that_keeps_none_is_told_so_and_can_paste() {
    let mut scene = scene();
    let path = scene.path();
    let set = |page: &Page| {
        let found = page.headers.iter().find(|(name, _)| name == "Set-Cookie");
        found.map(|(_, value)| value.clone())
    };
    let given = set(&scene.page(&ask(&path))).unwrap();
    assert!(given.starts_with("fitsync_browser=") && given.ends_with("; HttpOnly; SameSite=Lax"));
    assert_eq!(cookie(&given, "fitsync_browser").map(str::len), Some(22));
    assert_eq!(set(&scene.page(&with(BROWSER, &path))), None, "it has one");
    let secure = set(&scene.page(&Ask { secure: true, ..ask(&path) })).unwrap();
    assert!(secure.ends_with("; Secure"));
    let told = scene.press("");
    assert!(told.body.contains("keeps no cookies") && told.body.contains("<textarea"));
    assert!(told.body.contains("href=\"https://provider.example/?n=1\""));
    let returned = "http://localhost:8000/auth/callback?state=state-user_001-1&code=c";
    let paste = Ask { cookie: String::new(), ..scene.post("paste", &[("address", returned)]) };
    assert!(matches!(scene.step(&paste), Step::Came { .. }));
    scene.desk.sign_ins.connected(scene.ticket, ConnectedAccount::default(), scene.now);
    let done = Ask { cookie: String::new(), ..scene.post("done", &[]) };
    assert!(scene.page(&done).body.contains(text::DONE));
}

#[test]
fn strangers_callbacks_are_told_at_most_once_a_minute() {
    let mut scene = scene();
    let mut told = |at: u64| {
        scene.now += Duration::from_secs(at);
        scene.page(&ask("/auth/callback?state=unknown&code=c"));
        scene.desk.strangers_told.clone().tell(scene.now)
    };
    assert_eq!([told(0), told(1), told(1)], [None; 3]);
    let next = scene.now + Duration::from_secs(60);
    assert_eq!(scene.desk.strangers_told.tell(next), Some(2));
}

#[test]
fn the_page_goes_on_by_itself_only_where_the_browser_finds_the_gateway() {
    let mut scene = scene();
    let path = scene.path();
    let refreshes = |page: &Page| page.headers.iter().any(|(name, _)| name == "Refresh");
    assert!(!refreshes(&scene.page(&ask(&path))), "a phone");
    let local = Ask { local: true, host: "localhost:8000".into(), ..ask(&path) };
    let by_number = Ask { local: true, host: "127.0.0.1:8000".into(), ..ask(&path) };
    assert!(!refreshes(&scene.page(&by_number)), "its cookie would not come along");
    assert!(refreshes(&scene.page(&local)), "the gateway's own browser");
    let local_paste =
        Ask { host: local.host.clone(), local: true, ..ask(&format!("{path}?paste=1")) };
    assert!(!refreshes(&scene.page(&local_paste)), "its person wants to paste");
    scene.desk.rules.port = 9000;
    assert!(!refreshes(&scene.page(&local)), "the redirect leads to another port");
    scene.desk.rules.redirect = Redirect::new("https://study.example.com/auth/callback");
    let public = Ask { host: "study.example.com".into(), ..ask(&path) };
    assert_eq!(scene.page(&public).status, 421, "not one of ours yet");
    scene.desk.rules.hosts = Hosts::new("pi", &["study.example.com"]);
    assert!(refreshes(&scene.page(&public)), "a public name");
    let page = scene.page(&public);
    assert!(page.headers.iter().any(|(_, value)| value.ends_with("; Secure")), "it has https");
    let proxied = Ask { host: "127.0.0.1:8000".into(), ..ask(&path) };
    assert!(refreshes(&scene.page(&proxied)), "by a proxy that says its own");
    assert!(!refreshes(&scene.page(&ask(&path))), "by an address that the cookie is not for");
}

#[test]
fn done_uses_the_link_up_and_so_does_time() {
    let mut scene = scene();
    scene.connect(true);
    let path = scene.path();
    let page = scene.page(&scene.post("done", &[]));
    assert!(page.body.contains(text::DONE));
    assert!(scene.page(&ask(&path)).body.contains(text::DONE));
    let late = scene.now + Duration::from_secs(PORTAL_REVIEW_S);
    let step = scene.desk.step(&ask(&path), late, TIME, &scene.study);
    assert!(matches!(step, Step::Answer(page) if page.body.contains(text::DONE)));
}

#[test]
fn only_a_new_connection_can_be_taken_back() {
    for is_first in [true, false] {
        let mut scene = scene();
        scene.connect(is_first);
        let step = scene.step(&scene.post("not-mine", &[]));
        assert_eq!(matches!(step, Step::TakeBack { .. }), is_first);
    }
}

#[test]
fn what_is_missing_can_be_shared_by_signing_in_once_more() {
    let mut scene = scene();
    scene.connect(false);
    scene.page(&scene.post("again", &[]));
    assert_eq!(goes_to(&scene.press(BROWSER)), Some("https://provider.example/?n=2"));
    scene.study.withdrawn = true;
    scene.connect(false);
    scene.page(&scene.post("again", &[]));
    assert!(scene.page(&with(BROWSER, &scene.path())).body.contains(text::REVIEW_TITLE));
}

fn type_code(scene: &mut Scene, code: &str, peer: [u8; 4]) -> Ask {
    let start = Ask { peer: peer.into(), ..ask("/") };
    let page = scene.page(&start);
    let token = page.body.split("name=\"token\" value=\"").nth(1).unwrap();
    let token = token.split('"').next().unwrap();
    Ask { post: true, form: form(&[("token", token), ("code", code)]), path: "/s".into(), ..start }
}

fn good_code() -> String {
    TypedCode::new([8; 5]).as_str().to_ascii_lowercase().replace('-', " ")
}

#[test]
fn a_typed_code_is_tidied_and_looked_up_in_a_form_alone() {
    let mut scene = at_a_terminal();
    let (good, code) = (good_code(), TypedCode::new([8; 5]).as_str().to_owned());
    for target in [format!("/s/{code}"), format!("/s?code={code}"), format!("/s/{}", "K7QM-3FXD")] {
        let page = scene.page(&ask(&target));
        assert!(page.status == 200 && page.body.contains(text::CODE_LABEL), "{target}");
        assert!(!page.body.contains("user_"), "GET looks nothing up");
    }
    let typed = type_code(&mut scene, &good, [192, 168, 1, 30]);
    assert_eq!(goes_to(&scene.page(&typed)), Some(scene.path().as_str()));
    for forged in [
        Ask { form: form(&[("code", &good)]), ..typed.clone() },
        Ask { peer: [192, 168, 1, 31].into(), ..typed },
    ] {
        assert_eq!(scene.page(&forged).status, 403, "another site's form");
    }
    assert!(scene.page(&ask("/s?code=%3Cscript%3E")).body.contains(text::CODE_LABEL));
    assert_eq!(scene.page(&ask("/healthz")).body, "ok\n");
}

#[test]
fn wrong_codes_cost_who_guesses_time_and_nobody_else_anything() {
    let mut scene = at_a_terminal();
    let mut answers = Vec::new();
    for _ in 0..9 {
        let guess = type_code(&mut scene, "0000-0000", [192, 168, 1, 66]);
        answers.push(match scene.step(&guess) {
            Step::Held { page, .. } | Step::Answer(page) => page.status,
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(answers, [404, 404, 404, 404, 404, 429, 429, 429, 429], "unlooked-at ones are free");
    let right = type_code(&mut scene, &good_code(), [192, 168, 1, 66]);
    assert_eq!(scene.page(&right).status, 429, "an answer would be a guess");
    let elsewhere = type_code(&mut scene, &good_code(), [192, 168, 1, 67]);
    assert_eq!(scene.page(&elsewhere).status, 303);
    let path = scene.path();
    let link = Ask { peer: [192, 168, 1, 66].into(), ..ask(&path) };
    assert!(scene.page(&link).body.contains("user_002"), "the link is not concerned");
    scene.now += Duration::from_secs(1);
    let later = type_code(&mut scene, &good_code(), [192, 168, 1, 66]);
    assert_eq!(scene.page(&later).status, 303);
}

#[test]
fn those_behind_one_proxy_are_never_locked_out_by_each_other() {
    let mut scene = at_a_terminal();
    for _ in 0..99 {
        let guess = type_code(&mut scene, "0000-0000", [127, 0, 0, 1]);
        assert!(matches!(scene.step(&guess), Step::Held { wait, .. } if !wait.is_zero()));
    }
    let right = type_code(&mut scene, &good_code(), [127, 0, 0, 1]);
    assert_eq!(scene.page(&right).status, 303);
}

/// Every address that the pages have, and some that they have not.
const ROUTES: [&str; 38] = [
    "/",
    "/healthz",
    "/s",
    "/s?code=0000-0000",
    "/s/",
    "/s/0000-0000",
    "/s/AAAAAAAAAAAAAAAAAAAAAA",
    "LINK",
    "LINK?paste=1",
    "LINK/go",
    "LINK/paste?address=x",
    "LINK/done",
    "LINK/not-mine",
    "LINK/again",
    "/auth/callback",
    "/auth/callback?code=c",
    "/auth/callback?state=x&code=c",
    "/auth/callback?state=x&error=access_denied",
    "/auth/callback?state=state-user_001-1",
    "/auth/callback?state=state-user_001-1&code=c",
    "/auth/connected",
    "/auth/connected?seen=x",
    "/auth/denied",
    "/auth/failed",
    "/auth/other-account",
    "/operator",
    "/operator?show=attention",
    "/operator/sign-in?password=x",
    "/operator/sign-out?token=TOKEN",
    "/operator/invite?user_id=user_001&token=TOKEN",
    "/operator/invite/0",
    "/operator/participant/user_001",
    "/operator/link",
    "/operator/link/AAAAAAAAAAAAAAAAAAAAAA",
    "/fitbit/login?user_id=user_001",
    "/fitbit/login?user_id=user_001&token=TOKEN",
    "/nothing",
    "/users",
];

#[test]
fn get_changes_nothing_at_any_address() {
    for review in [false, true] {
        for operator in [false, true] {
            let mut scene = if operator { scene() } else { at_a_terminal() };
            scene.desk.operator = operator.then(Operator::default);
            // The first sign-in of each scene is that of a page.
            if review {
                scene.connect(true);
            } else if operator {
                scene.press(BROWSER);
            }
            let link = scene.path();
            let token = scene.desk.form_key.token(&link);
            scene.page(&ask("/auth/callback?state=unknown&code=c"));
            let state = |scene: &Scene| {
                let desk = &scene.desk;
                let all = (&desk.sign_ins, &desk.operator, &desk.wrong_codes);
                (format!("{all:?}"), scene.study.attempts.get())
            };
            let before = state(&scene);
            for route in ROUTES {
                let route = route.replace("LINK", &link).replace("TOKEN", &token);
                for cookie in ["", OTHER] {
                    for (local, operator_door) in [(true, false), (false, false), (false, true)] {
                        let peer = if local { [127, 0, 0, 1] } else { [192, 168, 1, 30] }.into();
                        let host = if local { "localhost:8000" } else { "192.168.1.20:8000" };
                        let (host, secure) = (host.to_owned(), operator_door);
                        let seen = with(cookie, &route);
                        let ask = Ask { peer, host, local, secure, operator_door, ..seen };
                        let step = scene.step(&ask);
                        assert!(matches!(step, Step::Answer(_)), "{route} {step:?}");
                        assert_eq!(state(&scene), before, "{route}");
                    }
                }
            }
        }
    }
}

#[test]
fn how_a_sign_in_ended_stands_at_no_address_for_everybody() {
    let mut scene = scene();
    scene.connect(true);
    for path in ["/auth/connected", "/auth/denied", "/auth/failed", "/auth/other-account"] {
        assert_eq!(scene.page(&with(BROWSER, path)), Outcome::NotFound.page(), "{path}");
    }
}

#[test]
fn a_callback_wins_where_its_address_is_also_that_of_a_page() {
    let link = scene().path();
    for path in ["/", "/operator", "/s/", link.as_str()] {
        let mut scene = scene();
        scene.desk.operator = Some(Operator::default());
        scene.desk.rules.redirect = Redirect::new(&format!("http://localhost:8000{path}"));
        let stray = scene.page(&ask(&format!("{path}?state=other&code=x")));
        assert!(stray.body.contains(text::NOT_KNOWN_TITLE), "{path}");
        let page = scene.page(&ask(path));
        assert!(!page.body.contains(text::NOT_KNOWN_TITLE), "{path}");
        scene.press(BROWSER);
        let denied = format!("{path}?state=state-user_001-1&error=access_denied");
        assert!(matches!(scene.step(&with(BROWSER, &denied)), Step::Came { .. }), "{path}");
    }
}

#[test]
fn the_page_goes_on_by_itself_only_where_redirect_and_pages_have_the_same_port_and_tls() {
    for (redirect, port, secure, by_itself) in [
        ("http://localhost:8000/cb", 8000, false, true),
        ("http://localhost:8000/cb", 8000, true, false),
        ("https://localhost:8000/cb", 8000, true, true),
        ("HTTPS://localhost:8000/cb", 8000, false, false),
        ("http://localhost:8000/cb", 8001, false, false),
    ] {
        let mut scene = scene();
        scene.desk.rules.redirect = Redirect::new(redirect);
        scene.desk.rules.port = port;
        let host = "localhost:8000".to_owned();
        let here = Ask { local: true, secure, host, ..ask(&scene.path()) };
        let page = scene.page(&here);
        assert_eq!(!page.body.contains("<textarea"), by_itself, "{redirect} {port} {secure}");
    }
}

#[test]
fn an_account_can_be_taken_back_while_it_is_compared_and_is_undecided_so_long() {
    let mut scene = scene();
    assert!(!scene.desk.sign_ins.is_undecided(scene.ticket, scene.now));
    scene.connect(true);
    assert!(scene.desk.sign_ins.is_undecided(scene.ticket, scene.now));
    let later = scene.now + Duration::from_secs(PORTAL_REVIEW_S);
    assert!(!scene.desk.sign_ins.is_undecided(scene.ticket, later));
    let back = scene.post("not-mine", &[]);
    let step = scene.desk.step(&back, later, TIME, &scene.study);
    assert!(matches!(step, Step::Answer(_)), "{step:?}");
    assert!(matches!(scene.step(&back), Step::TakeBack { .. }));
    assert!(scene.desk.sign_ins.is_undecided(scene.ticket, scene.now), "not before it is gone");
}
