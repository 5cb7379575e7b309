use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::core::error::ErrorClass;
use crate::core::exchange::form;
use crate::limits::PASSWORD_WRONG_MAX;
use crate::portal::desk::DeskRules;
use crate::portal::redirect::Redirect;
use crate::portal::sign_ins::{Attempt, Facts};
use crate::portal::web::hosts::Hosts;

struct Study {
    password: Option<String>,
}

impl Office for Study {
    fn attempt(&self, user: &UserId) -> Result<Attempt> {
        if user.as_str() == "gone" {
            return Err(Failure::new(ErrorClass::Usage, "gone has withdrawn from the study"));
        }
        let (state, address) = (format!("state-{user}"), "https://provider.example/".to_owned());
        Ok(Attempt { state, verifier: Secret::new("v"), address })
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

    fn base(&self) -> Option<String> {
        Some("http://192.168.1.20:8000".to_owned())
    }
}

/// A file that parses; no test derives the real number of rounds.
const FILE: &str = "{\"version\":1,\"algorithm\":\"pbkdf2-hmac-sha256\",\"iterations\":1,\
                    \"salt\":\"c2FsdA\",\"hash\":\"x\"}";

struct Scene {
    desk: Desk,
    study: Study,
    now: Instant,
}

fn scene() -> Scene {
    let rules = DeskRules {
        hosts: Hosts::new("pi", &[]),
        redirect: Redirect::new("http://localhost:8000/auth/callback"),
        port: 8000,
        stranger: Outcome::NotKnown,
    };
    let mut desk = Desk::new(rules, [5; 32]);
    desk.operator = Some(Operator::default());
    Scene { desk, study: Study { password: Some(FILE.to_owned()) }, now: Instant::now() }
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
        self.desk.step(ask, self.now, Timestamp::UNIX_EPOCH, &self.study)
    }

    fn page(&mut self, ask: &Ask) -> Page {
        match self.step(ask) {
            Step::Answer(page) => page,
            other => panic!("{other:?}"),
        }
    }

    /// The cookie of an operator who is signed in.
    fn sign_in(&mut self) -> String {
        self.page(&ask("/operator"));
        let page = self.desk.password_checked(&ask("/operator/sign-in"), true, self.now);
        cookie_of(&page)
    }
}

fn cookie_of(page: &Page) -> String {
    let (_, value) = page.headers.iter().find(|(name, _)| name == "Set-Cookie").unwrap();
    assert!(value.contains("HttpOnly; SameSite=Strict"), "{value}");
    value.split(';').next().unwrap().to_owned()
}

fn token_of(page: &Page) -> String {
    let rest = page.body.split("name=\"token\" value=\"").nth(1).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

fn post(path: &str, cookie: &str, pairs: &[(&str, &str)]) -> Ask {
    Ask { post: true, cookie: cookie.to_owned(), form: form(pairs), ..ask(path) }
}

fn goes_to(page: &Page) -> Option<&str> {
    page.headers.iter().find(|(name, _)| name == "Location").map(|(_, to)| to.as_str())
}

#[test]
fn without_a_password_there_is_no_operator_page() {
    let mut scene = scene();
    scene.study.password = None;
    for target in ["/operator", "/operator/participant/a", "/fitbit/login?user_id=a"] {
        assert_eq!(scene.page(&ask(target)), Outcome::NotFound.page(), "{target}");
    }
    assert!(!scene.page(&ask("/")).body.contains("/operator"));
}

#[test]
fn a_visitor_sees_the_same_page_whatever_the_id() {
    let mut scene = scene();
    let cookie = cookie_of(&scene.page(&ask("/operator")));
    let mut bodies = [
        "/operator",
        "/operator/participant/a",
        "/operator/invite/0",
        "/fitbit/login?user_id=user_001",
        "/fitbit/login?user_id=../x",
    ]
    .map(|target| scene.page(&Ask { cookie: cookie.clone(), ..ask(target) }).body)
    .to_vec();
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
    assert!(bodies[0].contains("type=\"password\""));
}

#[test]
fn the_password_form_belongs_to_its_browser() {
    let mut scene = scene();
    let page = scene.page(&ask("/operator"));
    let (cookie, token) = (cookie_of(&page), token_of(&page));
    let pairs = [("token", token.as_str()), ("password", "secret words here")];
    assert!(matches!(
        scene.step(&post("/operator/sign-in", &cookie, &pairs)),
        Step::Password { password, .. } if password.expose() == "secret words here"
    ));
    let other = "fitsync_visitor=AAAAAAAAAAAAAAAAAAAAAA";
    for cookie in ["", other] {
        assert_eq!(scene.page(&post("/operator/sign-in", cookie, &pairs)).status, 403);
    }
}

#[test]
fn many_passwords_make_the_peer_wait_even_when_sent_at_once() {
    let mut scene = scene();
    let page = scene.page(&ask("/operator"));
    let (cookie, token) = (cookie_of(&page), token_of(&page));
    let attempt = post("/operator/sign-in", &cookie, &[("token", &token), ("password", "x")]);
    for _ in 0..PASSWORD_WRONG_MAX {
        assert!(matches!(scene.step(&attempt), Step::Password { .. }));
    }
    assert_eq!(scene.page(&attempt).status, 429);
    let elsewhere = Ask { peer: [192, 168, 1, 31].into(), ..attempt };
    assert!(matches!(scene.step(&elsewhere), Step::Password { .. }));
    assert_eq!(scene.desk.password_checked(&elsewhere, false, scene.now).status, 403);
}

#[test]
fn the_operator_s_pages_need_the_session_and_its_forms_their_token() {
    let mut scene = scene();
    let cookie = scene.sign_in();
    let list = Ask { cookie: cookie.clone(), ..ask("/operator?show=attention&page=2") };
    let Step::Show { shown, token } = scene.step(&list) else { panic!("no list") };
    assert_eq!(shown, Shown::List(Filter { attention: true, page: 2 }));
    let one = Ask { cookie: cookie.clone(), ..ask("/operator/participant/user_001") };
    assert!(matches!(scene.step(&one), Step::Show { shown: Shown::Participant(_), .. }));
    for token in ["", "AAAAAAAAAAAAAAAAAAAAAA"] {
        let forged = post("/operator/invite", &cookie, &[("token", token), ("user_id", "a")]);
        assert_eq!(scene.page(&forged).status, 403);
    }
    let out = post("/operator/sign-out", &cookie, &[("token", &token)]);
    assert_eq!(goes_to(&scene.page(&out)), Some("/operator"));
    assert!(matches!(scene.step(&list), Step::Answer(_)), "the session has ended");
}

#[test]
fn an_invitation_makes_a_link_for_a_new_or_known_id() {
    let mut scene = scene();
    let cookie = scene.sign_in();
    let list = Ask { cookie: cookie.clone(), ..ask("/operator") };
    let Step::Show { token, .. } = scene.step(&list) else { panic!("no list") };
    let invite =
        |user: &str| post("/operator/invite", &cookie, &[("token", &token), ("user_id", user)]);
    let unlisted = scene.page(&invite("unlisted"));
    let (_, place) = unlisted.headers.iter().find(|(name, _)| name == "Location").unwrap();
    let shown = scene.page(&Ask { cookie: cookie.clone(), ..ask(place) });
    assert!(shown.body.contains("not in FITBIT_USER_IDS, so not synced"), "{}", shown.body);
    let made = scene.page(&invite(" user_001 "));
    let to = goes_to(&made).unwrap().to_owned();
    let page = scene.page(&Ask { cookie: cookie.clone(), ..ask(&to) });
    assert!(page.body.contains("http://192.168.1.20:8000/s/"), "{}", page.body);
    let at_gateway = Ask { host: "localhost:8000".into(), cookie: cookie.clone(), ..ask(&to) };
    assert!(scene.page(&at_gateway).body.contains("http://192.168.1.20:8000/s/"));
    for (user, why) in [("../x", "is not a participant id"), ("gone", "has withdrawn")] {
        let page = scene.page(&invite(user));
        assert!(page.status == 400 && page.body.contains(why), "{user}");
    }
}

#[test]
fn a_new_password_ends_all_sessions() {
    let mut scene = scene();
    let cookie = scene.sign_in();
    let list = Ask { cookie, ..ask("/operator") };
    assert!(matches!(scene.step(&list), Step::Show { .. }));
    scene.study.password = Some(FILE.replace("salt", "tlas"));
    assert!(matches!(scene.step(&list), Step::Answer(_)));
}

#[test]
fn a_session_ends_by_itself() {
    let mut scene = scene();
    let list = Ask { cookie: scene.sign_in(), ..ask("/operator") };
    scene.now += Duration::from_secs(SESSION_S);
    assert!(matches!(scene.step(&list), Step::Answer(_)));
}

#[test]
fn the_seed_s_address_works_for_the_operator_and_at_the_gateway_alone() {
    let mut scene = scene();
    let seed = ask("/fitbit/login?user_id=user_001");
    let gateway = Ask {
        peer: [127, 0, 0, 1].into(),
        local: true,
        host: "localhost:8000".into(),
        ..seed.clone()
    };
    let operator = Ask { cookie: scene.sign_in(), ..seed.clone() };
    for allowed in [&gateway, &operator] {
        let page = scene.page(allowed);
        assert!(page.body.contains("value=\"user_001\""), "{}", page.body);
        let (visitor, token) = (cookie_of(&page), token_of(&page));
        let form = form(&[("token", &token), ("user_id", "user_001")]);
        let cookie = format!("{}; {visitor}", allowed.cookie);
        let begin = Ask { post: true, form, cookie, query: String::new(), ..allowed.clone() };
        assert!(goes_to(&scene.page(&begin)).unwrap().starts_with("/s/"));
        let forged = Ask { cookie: allowed.cookie.clone(), ..begin };
        assert_eq!(scene.page(&forged).status, 403);
    }
    let through_proxy = Ask { local: false, forwarded: true, ..gateway.clone() };
    let rebound = Ask { host: "192.168.1.20:8000".into(), ..gateway.clone() };
    let own_lan_address = Ask { peer: [192, 168, 1, 20].into(), ..gateway };
    for refused in [seed, through_proxy, rebound, own_lan_address] {
        assert!(!scene.page(&refused).body.contains("user_001"));
    }
}
