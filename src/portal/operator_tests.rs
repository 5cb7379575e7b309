use std::time::Duration;

use super::*;
use crate::core::exchange::form;
use crate::limits::{SESSION_IDLE_S, SESSION_S};
use crate::portal::redirect::Redirect;
use crate::portal::scene::{
    FILE, Scene, ask as plain, at_gateway, at_operator as ask, cookie_of, goes_to, post, token_of,
    with_operator,
};

const SEED: &str = "/fitbit/login?user_id=user_001";

#[test]
fn without_a_password_it_is_said_how_to_set_one() {
    let mut scene = with_operator();
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
    let mut scene = with_operator();
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
    let mut scene = with_operator();
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
    let mut scene = with_operator();
    for target in ["/s/AAAAAAAAAAAAAAAAAAAAAA", "/auth/callback?state=x&code=c", "/s"] {
        assert_eq!(scene.page(&ask(target)), Outcome::NotFound.page(), "{target}");
    }
    assert_eq!(scene.page(&ask("/healthz")).body, "ok\n");
}

#[test]
fn a_visitor_sees_the_same_page_whatever_the_id() {
    let mut scene = with_operator();
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
fn the_operator_s_pages_need_the_session_and_its_forms_their_token() {
    let mut scene = with_operator();
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
    let mut scene = with_operator();
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
    let mut scene = with_operator();
    let cookie = scene.sign_in();
    let list = Ask { cookie, ..ask("/operator") };
    assert!(matches!(scene.step(&list), Step::Show { .. }));
    scene.study.password = Some(FILE.replace("salt", "tlas"));
    assert!(matches!(scene.step(&list), Step::Answer(_)));
}

#[test]
fn a_session_ends_by_itself() {
    let mut scene = with_operator();
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

#[test]
fn being_on_the_gateway_is_no_operator() {
    let mut scene = with_operator();
    let page = scene.page(&at_gateway(SEED));
    assert!(page.body.contains("type=\"password\""), "{}", page.body);
    // Sent all the same, with everything that a stranger can get.
    let (cookie, token) = (cookie_of(&page), token_of(&page));
    let form = form(&[("token", &token), ("user_id", "user_001")]);
    let begin = Ask { post: true, form, cookie, query: String::new(), ..at_gateway(SEED) };
    assert!(scene.page(&begin).body.contains("type=\"password\""));
    assert!(scene.desk.sign_ins.get(0).is_none(), "no sign-in was opened");
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
    let mut scene = with_operator();
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
