use std::cell::RefCell;
use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::core::error::ErrorClass;
use crate::core::error::Secret;
use crate::core::exchange::form;
use crate::limits::{GUESSES_FREE, SESSION_IDLE_S, SESSION_S};
use crate::portal::desk::DeskRules;
use crate::portal::queue::Rank;
use crate::portal::redirect::Redirect;
use crate::portal::session::Operator;
use crate::portal::sign_ins::{Attempt, Facts};
use crate::portal::web::hosts::Hosts;

struct Study {
    password: Option<String>,
    /// One-time links that are good.
    links: RefCell<Vec<LinkKey>>,
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
const FILE: &str = "{\"version\":1,\"algorithm\":\"pbkdf2-hmac-sha256\",\"iterations\":1,\
                    \"salt\":\"c2FsdA\",\"hash\":\"x\"}";

const TIME: Timestamp = Timestamp::UNIX_EPOCH;

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
        secure: false,
        local_sign_in: false,
        stranger: Outcome::NotKnown,
    };
    let mut desk = Desk::new(rules, [5; 32]);
    desk.operator = Some(Operator::default());
    let study = Study { password: Some(FILE.to_owned()), links: RefCell::default() };
    Scene { desk, study, now: Instant::now() }
}

/// At the operator's own port.
fn ask(target: &str) -> Ask {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Ask {
        post: false,
        path: path.to_owned(),
        query: query.to_owned(),
        form: String::new(),
        host: "192.168.1.20:8001".to_owned(),
        cookie: String::new(),
        peer: [192, 168, 1, 30].into(),
        near: true,
        forwarded: false,
        local: false,
        secure: true,
        operator_door: true,
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

    /// The cookie of an operator who is signed in.
    fn sign_in(&mut self) -> String {
        self.page(&ask("/operator"));
        let page = self.desk.password_checked(&ask("/operator/sign-in"), true, self.now, TIME);
        cookie_of(&page)
    }
}

fn cookie_of(page: &Page) -> String {
    let (_, value) = page.headers.iter().find(|(name, _)| name == "Set-Cookie").unwrap();
    assert!(value.contains("; HttpOnly; SameSite=Strict"), "{value}");
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

/// On the plain port, by way of the network.
fn plain(target: &str) -> Ask {
    let host = "192.168.1.20:8000".to_owned();
    Ask { secure: false, operator_door: false, host, ..ask(target) }
}

/// On the plain port, in a browser of the gateway.
fn at_gateway(target: &str) -> Ask {
    let (peer, host) = ([127, 0, 0, 1].into(), "localhost:8000".to_owned());
    Ask { peer, host, local: true, ..plain(target) }
}

#[test]
fn without_a_password_it_is_said_how_to_set_one() {
    let mut scene = scene();
    scene.study.password = None;
    for target in ["/operator", "/operator/participant/a", "/fitbit/login?user_id=a"] {
        for ask in [ask(target), plain(target), at_gateway(target)] {
            let page = scene.page(&ask);
            assert!(page.body.contains("--set-password"), "{target}");
            assert!(page.body.contains("FITSYNC_LOCAL_SIGN_IN=1") && !page.body.contains("<form"));
        }
    }
    assert!(!scene.page(&plain("/")).body.contains("/operator"));
}

#[test]
fn on_the_plain_port_the_old_addresses_lead_to_the_operator_s_own() {
    let mut scene = scene();
    scene.desk.operator.as_mut().unwrap().port = Some(8001);
    for target in ["/operator", "/operator?page=2", "/fitbit/login?user_id=user_001"] {
        let page = scene.page(&plain(target));
        assert!(
            page.body.contains(&format!("href=\"https://192.168.1.20:8001{target}\"")),
            "{target}"
        );
        assert!(!page.body.contains("<form"), "no password is typed there");
    }
    let posted = post("/operator/sign-in", "", &[("password", "secret words here")]);
    let posted = Ask { secure: false, operator_door: false, ..posted };
    assert!(!scene.page(&posted).body.contains("<form"));
    scene.desk.operator.as_mut().unwrap().port = None;
    assert!(scene.page(&plain("/operator")).body.contains("could not be opened"));
}

#[test]
fn cookies_under_tls_are_known_as_such_and_a_browser_of_the_gateway_has_plain_ones() {
    let mut scene = scene();
    let secure = cookie_of(&scene.page(&ask("/operator")));
    assert!(secure.starts_with("__Host-fitsync_visitor="));
    let page = scene.page(&at_gateway("/operator"));
    assert!(page.body.contains("type=\"password\"") && cookie_of(&page).starts_with("fitsync_v"));
    let session = scene.sign_in();
    assert!(session.starts_with("__Host-fitsync_operator="));
    let renamed = session.replace("__Host-", "");
    let plain = Ask { cookie: renamed, ..ask("/operator") };
    assert!(matches!(scene.step(&plain), Step::Answer(_)), "a cookie that anybody could have set");
}

#[test]
fn the_operator_s_port_has_nothing_of_participants() {
    let mut scene = scene();
    for target in ["/s/AAAAAAAAAAAAAAAAAAAAAA", "/auth/callback?state=x&code=c", "/s"] {
        assert_eq!(scene.page(&ask(target)), Outcome::NotFound.page(), "{target}");
    }
    assert_eq!(scene.page(&ask("/healthz")).body, "ok\n");
}

#[test]
fn a_visitor_sees_the_same_page_whatever_the_id() {
    let mut scene = scene();
    let cookie = cookie_of(&scene.page(&ask("/operator")));
    let mut bodies = [
        "/operator",
        "/operator/participant/a",
        "/operator/invite/0",
        "/fitbit/login?user_id=../x",
    ]
    .map(|target| scene.page(&Ask { cookie: cookie.clone(), ..ask(target) }).body)
    .to_vec();
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
    assert!(bodies[0].contains("type=\"password\""));
    let seed = scene.page(&Ask { cookie, ..ask("/fitbit/login?user_id=user_001") }).body;
    let own = "<input type=\"hidden\" name=\"user_id\" value=\"user_001\">";
    assert_eq!(seed.replace(own, ""), bodies[0], "what was asked, and nothing that is known");
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
    let other = "__Host-fitsync_visitor=AAAAAAAAAAAAAAAAAAAAAA";
    for cookie in ["", other] {
        assert_eq!(scene.page(&post("/operator/sign-in", cookie, &pairs)).status, 403);
    }
}

/// The password's form of a browser that is new here.
fn typed(scene: &mut Scene) -> Ask {
    let page = scene.page(&ask("/operator"));
    let (cookie, token) = (cookie_of(&page), token_of(&page));
    post("/operator/sign-in", &cookie, &[("token", &token), ("password", "x")])
}

fn rank_of(step: Step) -> Rank {
    match step {
        Step::Password { rank, .. } => rank,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_password_counts_when_it_was_checked_and_was_wrong_and_not_before() {
    let mut scene = scene();
    let attempt = typed(&mut scene);
    for _ in 0..99 {
        let rank = rank_of(scene.step(&attempt));
        assert_eq!((rank.stranger, rank.wrong_of_address), (true, 0), "it is sent again and again");
    }
    for wrong in 1..=GUESSES_FREE {
        let page = scene.desk.password_checked(&attempt, false, scene.now, TIME);
        assert_eq!(page.status, 403);
        if wrong < GUESSES_FREE {
            assert_eq!(rank_of(scene.step(&attempt)).wrong_of_address, wrong);
        }
    }
    assert_eq!(scene.page(&attempt).status, 429);
    let neighbour = Ask { peer: [192, 168, 1, 31].into(), ..attempt.clone() };
    let rank = rank_of(scene.step(&neighbour));
    assert_eq!((rank.wrong_of_address, rank.wrong_of_network), (0, GUESSES_FREE));
    scene.now += Duration::from_secs(1);
    rank_of(scene.step(&attempt));
}

#[test]
fn those_behind_one_proxy_come_later_and_are_never_locked_out() {
    let mut scene = scene();
    let proxied = Ask { forwarded: true, ..typed(&mut scene) };
    for _ in 0..99 {
        scene.desk.password_checked(&proxied, false, scene.now, TIME);
    }
    assert_eq!(rank_of(scene.step(&proxied)).wrong_of_address, 99);
}

#[test]
fn a_browser_that_was_signed_in_before_has_a_lane_of_its_own() {
    let mut scene = scene();
    let first = typed(&mut scene);
    let signed_in = scene.desk.password_checked(&first, true, scene.now, TIME);
    let set = signed_in.headers.iter().filter(|(name, _)| name == "Set-Cookie");
    let device = set.map(|(_, value)| value.as_str()).find(|value| value.contains("_device="));
    let device = device.unwrap();
    assert!(device.starts_with("__Host-") && device.contains("; Max-Age=7776000; HttpOnly"));
    let device = device.split(';').next().unwrap();
    let again = typed(&mut scene);
    let known = Ask { cookie: format!("{}; {device}", again.cookie), ..again.clone() };
    for _ in 0..99 {
        scene.desk.password_checked(&again, false, scene.now, TIME);
    }
    assert_eq!(scene.page(&again).status, 429);
    assert!(!rank_of(scene.step(&known)).stranger);
    let forged = Ask { cookie: format!("{}; {device}A", again.cookie), ..again };
    assert_eq!(scene.page(&forged).status, 429, "strangers cannot enter");
    for _ in 0..GUESSES_FREE {
        scene.desk.password_checked(&known, false, scene.now, TIME);
    }
    assert_eq!(scene.page(&known).status, 429, "one that guesses loses it");
    scene.study.password = Some(FILE.replace("c2FsdA", "dGxhcw"));
    assert!(rank_of(scene.step(&Ask { peer: [10, 0, 0, 9].into(), ..known })).stranger);
}

#[test]
fn a_one_time_link_signs_in_once_and_looking_uses_none_up() {
    let mut scene = scene();
    let key = LinkKey::new([4; 16]);
    scene.study.links.borrow_mut().push(key.clone());
    let page = scene.page(&ask(&format!("/operator/link/{}", key.as_str())));
    let other = scene.page(&ask("/operator/link/AAAAAAAAAAAAAAAAAAAAAA"));
    assert_eq!(page.status, other.status, "it is not told whether a key is good");
    let pairs = [("token", &*token_of(&page)), ("key", key.as_str())];
    let button = post("/operator/link", &cookie_of(&page), &pairs);
    let foreign = Ask { cookie: String::new(), ..button.clone() };
    assert_eq!(scene.page(&foreign).status, 403, "another site's form");
    let on_plain = Ask { secure: false, operator_door: false, ..button.clone() };
    assert_eq!(scene.page(&on_plain), pages::elsewhere(None));
    let signed_in = scene.page(&button);
    assert_eq!(goes_to(&signed_in), Some("/operator"));
    let list = Ask { cookie: cookie_of(&signed_in), ..ask("/operator") };
    assert!(matches!(scene.step(&list), Step::Show { .. }));
    assert!(scene.page(&button).body.contains("was used or has ended"));
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
    let by_name = Ask { host: "pi.local:8001".into(), cookie: cookie.clone(), ..ask(&to) };
    assert!(scene.page(&by_name).body.contains("http://pi.local:8000/s/"));
    let by_itself = Ask { host: "localhost:8001".into(), cookie: cookie.clone(), ..ask(&to) };
    assert!(scene.page(&by_itself).body.contains("http://192.168.1.20:8000/s/"));
    scene.desk.rules.redirect = Redirect::new("https://study.example.org/auth/callback");
    let here = scene.page(&Ask { cookie: cookie.clone(), ..ask(&to) });
    assert!(here.body.contains("https://study.example.org/s/"), "{}", here.body);
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
    scene.now += Duration::from_secs(SESSION_IDLE_S - 1);
    assert!(matches!(scene.step(&list), Step::Show { .. }), "it is used");
    scene.now += Duration::from_secs(SESSION_IDLE_S);
    assert!(matches!(scene.step(&list), Step::Answer(_)), "it was left alone");
    let list = Ask { cookie: scene.sign_in(), ..ask("/operator") };
    for _ in (0..SESSION_S).step_by(600) {
        assert!(matches!(scene.step(&list), Step::Show { .. }));
        scene.now += Duration::from_secs(600);
    }
    assert!(matches!(scene.step(&list), Step::Answer(_)), "half a day");
}

const SEED: &str = "/fitbit/login?user_id=user_001";

#[test]
fn being_on_the_gateway_is_no_operator() {
    let mut scene = scene();
    let page = scene.page(&at_gateway(SEED));
    assert!(page.body.contains("type=\"password\""), "{}", page.body);
    // Sent all the same, with everything that a stranger can get.
    let (cookie, token) = (cookie_of(&page), token_of(&page));
    let form = form(&[("token", &token), ("user_id", "user_001")]);
    let begin = Ask { post: true, form, cookie, query: String::new(), ..at_gateway(SEED) };
    assert!(scene.page(&begin).body.contains("type=\"password\""));
    assert!(scene.desk.sign_ins.get(0).is_none(), "no sign-in was opened");
}

#[test]
fn the_seed_s_address_leads_to_the_password_and_goes_on() {
    let mut scene = scene();
    let page = scene.page(&at_gateway(SEED));
    let pairs = [("token", &*token_of(&page)), ("user_id", "user_001"), ("password", "x")];
    let path = "/operator/sign-in";
    let typed =
        Ask { form: form(&pairs), post: true, cookie: cookie_of(&page), ..at_gateway(path) };
    rank_of(scene.step(&typed));
    let wrong = scene.desk.password_checked(&typed, false, scene.now, TIME);
    assert!(wrong.body.contains("value=\"user_001\""), "it goes on after a wrong one, too");
    let right = scene.desk.password_checked(&typed, true, scene.now, TIME);
    assert_eq!(goes_to(&right), Some(SEED));
    let odd = Ask { form: typed.form.replace("user_001", "..%2Fx"), ..typed };
    let odd = scene.desk.password_checked(&odd, true, scene.now, TIME);
    assert_eq!(goes_to(&odd), Some("/operator"));
}

/// From the page that asks to the sign-in.
fn begins(scene: &mut Scene, seed: &Ask) -> String {
    let page = scene.page(seed);
    assert!(page.body.contains("value=\"user_001\""), "{}", page.body);
    let (visitor, token) = (cookie_of(&page), token_of(&page));
    let form = form(&[("token", &token), ("user_id", "user_001")]);
    let cookie = format!("{}; {visitor}", seed.cookie);
    let begin = Ask { post: true, form, cookie, query: String::new(), ..seed.clone() };
    let forged = Ask { cookie: seed.cookie.clone(), ..begin.clone() };
    assert_eq!(scene.page(&forged).status, 403);
    goes_to(&scene.page(&begin)).unwrap().to_owned()
}

#[test]
fn the_seed_s_address_works_for_the_operator_and_for_the_gateway_where_the_settings_say_so() {
    let mut scene = scene();
    let operator = Ask { cookie: scene.sign_in(), ..ask(SEED) };
    assert_eq!(begins(&mut scene, &operator), "/operator/invite/0");
    scene.desk.rules.local_sign_in = true;
    assert!(begins(&mut scene, &at_gateway(SEED)).starts_with("/s/"));
    scene.study.password = None;
    assert!(begins(&mut scene, &at_gateway(SEED)).starts_with("/s/"), "without a password, too");
    let through_proxy = Ask { local: false, forwarded: true, ..at_gateway(SEED) };
    let rebound = Ask { host: "192.168.1.20:8000".into(), ..at_gateway(SEED) };
    let own_lan_address = Ask { peer: [192, 168, 1, 20].into(), ..at_gateway(SEED) };
    for refused in [plain(SEED), ask(SEED), through_proxy, rebound, own_lan_address] {
        assert!(!scene.page(&refused).body.contains("value=\"user_001\""));
    }
}
