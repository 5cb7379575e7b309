use super::*;
use crate::core::exchange::form;
use crate::limits::PORTAL_REVIEW_S;
use crate::portal::scene::{BROWSER, OTHER, Scene, TIME, ask, at_a_terminal, goes_to, scene, with};
use crate::portal::sign_ins::ConnectedAccount;

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
