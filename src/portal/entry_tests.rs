use std::time::Duration;

use super::*;
use crate::core::exchange::form;
use crate::portal::scene::{
    FILE, Scene, TIME, at_gateway, at_operator as ask, cookie_of, goes_to, post, token_of,
    with_operator,
};

#[test]
fn the_password_form_belongs_to_its_browser() {
    let mut scene = with_operator();
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
    let mut scene = with_operator();
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
    let mut scene = with_operator();
    let proxied = Ask { forwarded: true, ..typed(&mut scene) };
    for _ in 0..99 {
        scene.desk.password_checked(&proxied, false, scene.now, TIME);
    }
    assert_eq!(rank_of(scene.step(&proxied)).wrong_of_address, 99);
}

#[test]
fn a_browser_that_was_signed_in_before_has_a_lane_of_its_own() {
    let mut scene = with_operator();
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
    let mut scene = with_operator();
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
fn the_seed_s_address_leads_to_the_password_and_goes_on() {
    let mut scene = with_operator();
    let page = scene.page(&at_gateway("/fitbit/login?user_id=user_001"));
    let pairs = [("token", &*token_of(&page)), ("user_id", "user_001"), ("password", "x")];
    let path = "/operator/sign-in";
    let typed =
        Ask { form: form(&pairs), post: true, cookie: cookie_of(&page), ..at_gateway(path) };
    rank_of(scene.step(&typed));
    let wrong = scene.desk.password_checked(&typed, false, scene.now, TIME);
    assert!(wrong.body.contains("value=\"user_001\""), "it goes on after a wrong one, too");
    let right = scene.desk.password_checked(&typed, true, scene.now, TIME);
    assert_eq!(goes_to(&right), Some("/fitbit/login?user_id=user_001"));
    let odd = Ask { form: typed.form.replace("user_001", "..%2Fx"), ..typed };
    let odd = scene.desk.password_checked(&odd, true, scene.now, TIME);
    assert_eq!(goes_to(&odd), Some("/operator"));
}
