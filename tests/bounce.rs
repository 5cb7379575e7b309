//! `docs/bounce.html` is handed out as it is: what it promises is held here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fitsync::core::hash::sha256;

const PAGE: &str = include_str!("../docs/bounce.html");

fn inside(tag: &str) -> &'static str {
    let (begin, end) = (format!("<{tag}>"), format!("</{tag}>"));
    assert_eq!(PAGE.matches(&begin).count(), 1, "one {tag}");
    let rest = PAGE.split_once(&begin).unwrap().1;
    rest.split_once(&end).unwrap().0
}

#[test]
fn its_policy_names_the_script_and_style_that_it_has() {
    for (tag, directive) in [("script", "script-src"), ("style", "style-src")] {
        let hash = STANDARD.encode(sha256(inside(tag).as_bytes()));
        let source = format!("{directive} 'sha256-{hash}'");
        assert!(PAGE.contains(&source), "the policy of {tag} must be: {source}");
    }
}

#[test]
fn nothing_is_fetched_and_nothing_is_sent_but_by_leading_the_browser() {
    let script = inside("script");
    let senders = ["fetch(", "XMLHttpRequest", "sendBeacon", "WebSocket", "import(", "EventSource"];
    for sender in senders {
        assert!(!script.contains(sender), "{sender}");
    }
    assert!(PAGE.contains("default-src 'none'") && PAGE.contains("content=\"no-referrer\""));
    assert!(!PAGE.contains(" src=") && !PAGE.contains("http-equiv=\"refresh\""));
    for (leads, to) in [("location.replace(", "to.href"), ("location.assign(", "origin + CALLBACK")]
    {
        assert_eq!(script.matches(leads).count(), 1, "{leads}");
        assert!(script.contains(&format!("{leads}{to}")), "{leads}");
    }
}

#[test]
fn a_name_without_a_dot_and_an_odd_port_are_no_gateway() {
    let script = inside("script");
    assert!(!script.contains("[.:]"), "http://ai is a public name");
    assert!(script.contains("url.port < 1024"));
}
