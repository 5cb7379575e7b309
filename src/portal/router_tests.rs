use std::cell::Cell;
use std::time::Duration;

use super::*;
use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::core::exchange::form;
use crate::core::user::UserId;
use crate::limits::{PORTAL_LINK_S, PORTAL_REVIEW_S};
use crate::portal::access::Operator;
use crate::portal::desk::DeskRules;
use crate::portal::redirect::Redirect;
use crate::portal::sign_ins::{Attempt, ConnectedAccount, Facts, Hint};
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
        stranger: Outcome::NotKnown,
    };
    let (mut desk, study, now) = (Desk::new(rules, [5; 32]), Study::default(), Instant::now());
    let user: UserId = "user_001".parse().unwrap();
    let attempt = study.attempt(&user).unwrap();
    let key = LinkKey::link([7; 16]);
    let ticket = desk.sign_ins.open(user, key, Facts::default(), attempt, PORTAL_LINK_S, now);
    Scene { desk, study, ticket, now }
}

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
        forwarded: false,
        local: false,
        secure: false,
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
        Ask { post: true, form: form(&all), ..ask(&format!("{path}/{action}")) }
    }

    fn connect(&mut self, is_first: bool) {
        self.desk.sign_ins.take_attempt(self.ticket, self.now).unwrap();
        let missing = vec!["hrv".to_owned()];
        let connected = ConnectedAccount { missing, is_first, ..ConnectedAccount::default() };
        self.desk.sign_ins.connected(self.ticket, connected, self.now);
    }
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
    let first = scene.page(&ask(&path));
    assert!(first.body.contains("user_001") && first.body.contains("provider.example/?n=1"));
    for target in ["/paste", "/done", "/again", "/not-mine"] {
        let page = scene.page(&ask(&format!("{path}{target}")));
        assert_eq!((page.status, goes_to(&page)), (303, Some(path.as_str())), "{target}");
    }
    assert_eq!(scene.page(&ask(&path)), first);
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

#[test]
fn the_callback_needs_its_state_and_no_cookie() {
    let mut scene = scene();
    let stranger = scene.page(&ask("/auth/callback?state=unknown&code=c"));
    assert_eq!(stranger, Outcome::NotKnown.page());
    assert!(matches!(scene.step(&ask("/auth/callback?code=c")), Step::Answer(_)));
    let came = scene.step(&ask("/auth/callback?state=state-user_001-1&code=c"));
    assert!(matches!(came, Step::Came { .. }));
    let again = scene.page(&ask("/auth/callback?state=state-user_001-1&code=c"));
    assert_eq!(again, Outcome::NotKnown.page(), "replayed");
}

#[test]
fn the_page_goes_on_by_itself_only_where_the_browser_finds_the_gateway() {
    let mut scene = scene();
    let path = scene.path();
    let refreshes = |page: &Page| page.headers.iter().any(|(name, _)| name == "Refresh");
    assert!(!refreshes(&scene.page(&ask(&path))), "a phone");
    let local = Ask { local: true, ..ask(&path) };
    assert!(refreshes(&scene.page(&local)), "the gateway's own browser");
    let local_paste = Ask { local: true, ..ask(&format!("{path}?paste=1")) };
    assert!(!refreshes(&scene.page(&local_paste)), "its person wants to paste");
    scene.desk.rules.port = 9000;
    assert!(!refreshes(&scene.page(&local)), "the redirect leads to another port");
    scene.desk.rules.redirect = Redirect::new("https://study.example.com/auth/callback");
    assert!(refreshes(&scene.page(&ask(&path))), "a public name");
}

#[test]
fn done_uses_the_link_up_and_so_does_time() {
    let mut scene = scene();
    scene.connect(true);
    let path = scene.path();
    assert!(scene.page(&ask(&path)).body.contains(text::REVIEW_TITLE));
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
    let page = scene.page(&ask(&scene.path()));
    assert!(page.body.contains("provider.example/?n=2"), "{}", page.body);
    scene.study.withdrawn = true;
    scene.connect(false);
    scene.page(&scene.post("again", &[]));
    assert!(scene.page(&ask(&scene.path())).body.contains(text::REVIEW_TITLE));
}

#[test]
fn a_typed_code_is_tidied_and_looked_up() {
    let mut scene = scene();
    let page = scene.page(&ask("/s?code=k7qm+3fxd"));
    assert_eq!(goes_to(&page), Some("/s/K7QM-3FXD"));
    assert!(scene.page(&ask("/s?code=%3Cscript%3E")).body.contains(text::CODE_LABEL));
    assert_eq!(scene.page(&ask("/healthz")).body, "ok\n");
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
        let denied = format!("{path}?state=state-user_001-1&error=access_denied");
        assert!(matches!(scene.step(&ask(&denied)), Step::Came { .. }), "{path}");
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
        let here = Ask { local: true, secure, ..ask(&scene.path()) };
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
