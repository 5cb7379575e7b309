//! A desk for tests, the study behind it, and who stands before it.

use std::cell::{Cell, RefCell};
use std::time::Instant;

use jiff::Timestamp;

use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::core::exchange::form;
use crate::core::user::UserId;
use crate::limits::PORTAL_LINK_S;
use crate::portal::code::{LinkKey, TypedCode};
use crate::portal::desk::{Desk, DeskRules};
use crate::portal::pages::page::{Outcome, Page};
use crate::portal::redirect::Redirect;
use crate::portal::session::Operator;
use crate::portal::sign_ins::{Attempt, ConnectedAccount, Facts, Invitation, Owner};
use crate::portal::step::{Office, Step};
use crate::portal::web::hosts::Hosts;
use crate::portal::web::visit::Ask;

#[derive(Default)]
pub struct Study {
    pub attempts: Cell<u32>,
    pub withdrawn: bool,
    pub password: Option<String>,
    /// One-time links that are good.
    pub links: RefCell<Vec<LinkKey>>,
}

impl Office for Study {
    fn attempt(&self, user: &UserId) -> Result<Attempt> {
        if self.withdrawn || user.as_str() == "gone" {
            let what = format!("{user} has withdrawn from the study");
            return Err(Failure::new(ErrorClass::Usage, what));
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

    fn password(&self) -> Option<String> {
        self.password.clone()
    }

    fn is_synced(&self, user: &UserId) -> bool {
        user.as_str() != "unlisted"
    }

    fn use_link(&self, key: &LinkKey) -> bool {
        let mut links = self.links.borrow_mut();
        let before = links.len();
        links.retain(|known| known != key);
        links.len() < before
    }

    fn base(&self) -> Option<String> {
        Some("http://192.168.1.20:8000".to_owned())
    }
}

/// A file that parses; no test derives the real number of rounds.
pub const FILE: &str = "{\"version\":1,\"algorithm\":\"pbkdf2-hmac-sha256\",\"iterations\":1,\
                    \"salt\":\"c2FsdA\",\"hash\":\"x\"}";

pub struct Scene {
    pub desk: Desk,
    pub study: Study,
    /// The sign-in that is open.
    pub ticket: u64,
    pub now: Instant,
}

pub const TIME: Timestamp = Timestamp::UNIX_EPOCH;

fn desk() -> Desk {
    let rules = DeskRules {
        hosts: Hosts::new("pi", &[]),
        redirect: Redirect::new("http://localhost:8000/auth/callback"),
        port: 8000,
        secure: false,
        local_sign_in: false,
        stranger: Outcome::NotKnown,
    };
    Desk::new(rules, [5; 32])
}

fn opened(user: &str, owner: Owner) -> Scene {
    let (mut desk, study, now) = (desk(), Study::default(), Instant::now());
    let user: UserId = user.parse().unwrap();
    let invitation = Invitation {
        attempt: study.attempt(&user).unwrap(),
        user,
        key: LinkKey::new([7; 16]),
        code: (owner == Owner::Terminal).then(|| TypedCode::new([8; 5])),
        owner,
        facts: Facts::default(),
        life_s: PORTAL_LINK_S,
    };
    let ticket = desk.sign_ins.open(invitation, now);
    Scene { desk, study, ticket, now }
}

/// A sign-in that begins on its page.
pub fn scene() -> Scene {
    opened("user_001", Owner::Link)
}

/// As in `login`: it began in a terminal, and there is a code that can be typed.
pub fn at_a_terminal() -> Scene {
    opened("user_002", Owner::Terminal)
}

/// As in `serve`: an operator with a password, and no sign-in yet.
pub fn with_operator() -> Scene {
    let mut desk = desk();
    desk.operator = Some(Operator::default());
    let study = Study { password: Some(FILE.to_owned()), ..Study::default() };
    Scene { desk, study, ticket: 0, now: Instant::now() }
}

/// A browser with its cookie.
pub const BROWSER: &str = "fitsync_browser=AAAAAAAAAAAAAAAAAAAAAA";
pub const OTHER: &str = "fitsync_browser=BBBBBBBBBBBBBBBBBBBBBB";

/// On the plain port, by way of the network.
pub fn ask(target: &str) -> Ask {
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

/// At the operator's own port.
pub fn at_operator(target: &str) -> Ask {
    let host = "192.168.1.20:8001".to_owned();
    Ask { secure: true, operator_door: true, host, ..ask(target) }
}

/// On the plain port, in a browser of the gateway.
pub fn at_gateway(target: &str) -> Ask {
    let (peer, host) = ([127, 0, 0, 1].into(), "localhost:8000".to_owned());
    Ask { peer, host, local: true, ..ask(target) }
}

pub fn with(cookie: &str, target: &str) -> Ask {
    Ask { cookie: cookie.to_owned(), ..ask(target) }
}

/// A form at the operator's own port.
pub fn post(path: &str, cookie: &str, pairs: &[(&str, &str)]) -> Ask {
    Ask { post: true, cookie: cookie.to_owned(), form: form(pairs), ..at_operator(path) }
}

pub fn goes_to(page: &Page) -> Option<&str> {
    page.headers.iter().find(|(name, _)| name == "Location").map(|(_, to)| to.as_str())
}

pub fn cookie_of(page: &Page) -> String {
    let (_, value) = page.headers.iter().find(|(name, _)| name == "Set-Cookie").unwrap();
    assert!(value.contains("; HttpOnly; SameSite=Strict"), "{value}");
    value.split(';').next().unwrap().to_owned()
}

pub fn token_of(page: &Page) -> String {
    let rest = page.body.split("name=\"token\" value=\"").nth(1).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

impl Scene {
    pub fn step(&mut self, ask: &Ask) -> Step {
        self.desk.step(ask, self.now, TIME, &self.study)
    }

    pub fn page(&mut self, ask: &Ask) -> Page {
        match self.step(ask) {
            Step::Answer(page) => page,
            other => panic!("{other:?}"),
        }
    }

    pub fn path(&self) -> String {
        self.desk.path(self.ticket)
    }

    pub fn post(&self, action: &str, pairs: &[(&str, &str)]) -> Ask {
        let path = self.path();
        let token = self.desk.form_key.token(&path);
        let mut all = vec![("token", token.as_str())];
        all.extend(pairs);
        let cookie = BROWSER.to_owned();
        Ask { post: true, form: form(&all), cookie, ..ask(&format!("{path}/{action}")) }
    }

    /// Where the button leads that is pressed in this browser.
    pub fn press(&mut self, cookie: &str) -> Page {
        let go = Ask { cookie: cookie.to_owned(), ..self.post("go", &[]) };
        self.page(&go)
    }

    pub fn connect(&mut self, is_first: bool) {
        self.press(BROWSER);
        self.desk.sign_ins.take_attempt(self.ticket, self.now).unwrap();
        let missing = vec!["hrv".to_owned()];
        let connected = ConnectedAccount { missing, is_first, ..ConnectedAccount::default() };
        self.desk.sign_ins.connected(self.ticket, connected, self.now);
    }

    /// The cookie of an operator who is signed in.
    pub fn sign_in(&mut self) -> String {
        self.page(&at_operator("/operator"));
        let page =
            self.desk.password_checked(&at_operator("/operator/sign-in"), true, self.now, TIME);
        cookie_of(&page)
    }
}
