use std::time::Duration;

use super::*;
use crate::portal::redirect::Redirect;
use crate::portal::scene::{BROWSER, FILE, OTHER, Scene, ask, at_a_terminal, goes_to, scene, with};
use crate::portal::session::Operator;
use crate::portal::web::hosts::Hosts;

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
    let callback = "/auth/callback?state=state-user_002-1&code=c";
    assert!(matches!(scene.step(&ask(callback)), Step::Came { .. }));
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
            scene.study.password = operator.then(|| FILE.to_owned());
            if review {
                scene.connect(true);
            } else if operator {
                scene.press(BROWSER);
            }
            let link = scene.path();
            let token = scene.desk.form_key.token(&link);
            scene.page(&ask("/operator"));
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
