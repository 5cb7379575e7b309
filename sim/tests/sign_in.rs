//! Google's sign-in, as strict as Google's.

mod common;

use common::{
    REDIRECT, address, connect, connect_with, exchange_form, get, landed, post_form, query,
    refresh_form, scope, send_form,
};
use fitsync_sim::{Options, Rotation, Sim};

fn sim() -> Sim {
    Sim::start(Options::default())
}

#[test]
fn a_sign_in_ends_at_the_redirect_with_code_and_state() {
    let sim = sim();
    let redirect = sim.consent(&address(&sim, &[]), "p1").expect("consent");
    assert!(redirect.starts_with(&format!("{REDIRECT}?")));
    let landed = landed(&redirect);
    assert_eq!(landed["state"], "a state&more");
    assert_eq!(landed["scope"], scope(&common::SCOPES));
    let answer = send_form(&sim.token_url(), &exchange_form(&sim, &landed["code"]));
    let reply = answer.json();
    assert_eq!(reply["expires_in"], 3599);
    assert_eq!(reply["token_type"], "Bearer");
    assert!(reply["refresh_token"].is_string());
    assert!(reply.get("refresh_token_expires_in").is_none());
    for name in ["access_token", "refresh_token"] {
        let secret = reply[name].as_str().expect("a token").to_owned();
        assert!(sim.secrets().contains(&secret));
    }
    assert!(sim.secrets().contains(&landed["code"]));
}

#[test]
fn the_same_works_over_http_with_a_page_and_a_click() {
    let sim = sim();
    let page = get(&address(&sim, &[]), "");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("Allow as p1"));
    let approve = format!("{}/o/oauth2/approve", sim.google_url());
    let ticket = page.headers["x-sim-ticket"].as_str();
    let form = [("ticket", ticket), ("who", "p1"), ("decision", "approve")];
    let answer = post_form(&approve, &form);
    assert_eq!(answer.status, 302);
    assert!(landed(&answer.headers["location"]).contains_key("code"));
    let again = post_form(&approve, &form);
    assert_eq!(again.status, 400, "a ticket is for one click");
    let page = get(&address(&sim, &[]), "");
    let ticket = page.headers["x-sim-ticket"].as_str();
    let pairs = query(&[("ticket", ticket), ("who", "p1"), ("decision", "deny")]);
    let answer = get(&format!("{approve}?{pairs}"), "");
    assert_eq!(landed(&answer.headers["location"])["error"], "access_denied");
}

#[test]
fn wrong_sign_in_addresses_end_on_an_error_page() {
    let sim = sim();
    let cases: [(&'static str, &str, &str); 14] = [
        ("client_id", "", "invalid_request"),
        ("client_id", "somebody-else", "invalid_client"),
        ("redirect_uri", "", "invalid_request"),
        ("redirect_uri", "http://192.168.1.20:8000/auth/callback", "invalid_request"),
        ("redirect_uri", "http://gateway.local:8000/auth/callback", "invalid_request"),
        ("redirect_uri", "https://10.0.0.1/auth/callback", "invalid_request"),
        ("redirect_uri", "http://localhost:8001/auth/callback", "redirect_uri_mismatch"),
        ("redirect_uri", "http://localhost:8000/auth/callback/", "redirect_uri_mismatch"),
        ("response_type", "token", "unsupported_response_type"),
        ("scope", "", "invalid_request"),
        ("scope", "https://www.googleapis.com/auth/googlehealth.all", "invalid_scope"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("access_type", "always", "invalid_request"),
    ];
    for (name, value, error) in cases {
        let page = get(&address(&sim, &[(name, value)]), "");
        let text = page.text();
        assert!((400..=401).contains(&page.status), "{name}={value}: {}", page.status);
        assert!(text.contains(error), "{name}={value}: {text}");
    }
    assert!(sim.consent(&address(&sim, &[("scope", "")]), "p1").is_err());
    assert!(sim.consent(&address(&sim, &[]), "nobody").is_err());
}

#[test]
fn codes_work_once_with_their_verifier_and_redirect() {
    let sim = sim();
    let code = || {
        let redirect = sim.consent(&address(&sim, &[]), "p1").expect("consent");
        landed(&redirect).remove("code").expect("a code")
    };
    let refused = |form: &[(&'static str, String)], error: &str| {
        let answer = send_form(&sim.token_url(), form);
        assert_eq!(answer.json()["error"], error, "{}", answer.text());
        answer.status
    };
    let with = |name: &str, value: &str| {
        let mut form = exchange_form(&sim, &code());
        form.retain(|(one, _)| *one != name);
        if let (false, Some(name)) = (value.is_empty(), NAMES.iter().find(|n| **n == name)) {
            form.push((name, value.to_owned()));
        }
        form
    };
    const NAMES: [&str; 6] =
        ["grant_type", "code", "redirect_uri", "client_id", "client_secret", "code_verifier"];
    let form = exchange_form(&sim, &code());
    assert_eq!(send_form(&sim.token_url(), &form).status, 200);
    assert_eq!(refused(&form, "invalid_grant"), 400);
    assert_eq!(refused(&with("code", "4/0Anything"), "invalid_grant"), 400);
    assert_eq!(refused(&with("code_verifier", ""), "invalid_grant"), 400);
    assert_eq!(refused(&with("code_verifier", "wrong"), "invalid_grant"), 400);
    let elsewhere = "http://127.0.0.1:8000/auth/callback";
    assert_eq!(refused(&with("redirect_uri", elsewhere), "redirect_uri_mismatch"), 400);
    assert_eq!(refused(&with("client_secret", "wrong"), "invalid_client"), 401);
    assert_eq!(refused(&with("client_id", "wrong"), "invalid_client"), 401);
    assert_eq!(refused(&with("client_id", ""), "invalid_request"), 400);
    assert_eq!(refused(&with("grant_type", "password"), "unsupported_grant_type"), 400);
    let late = exchange_form(&sim, &code());
    sim.set_clock_offset_s(601);
    assert_eq!(refused(&late, "invalid_grant"), 400);
}

#[test]
fn a_refresh_token_needs_offline_and_consent() {
    let sim = sim();
    let online = connect_with(&sim, "p1", &[("access_type", "")]);
    assert!(online.get("refresh_token").is_none());
    let sim = self::sim();
    let first = connect_with(&sim, "p1", &[("prompt", "")]);
    assert!(first["refresh_token"].is_string(), "the first consent gives one");
    let second = connect_with(&sim, "p1", &[("prompt", "")]);
    assert!(second.get("refresh_token").is_none(), "later ones only when asked");
    assert!(connect(&sim, "p1")["refresh_token"].is_string());
}

#[test]
fn participants_may_untick_scopes() {
    let sim = sim();
    let granted = Some(vec!["settings".to_owned()]);
    sim.set_grants("p1", granted).expect("p1");
    let reply = connect(&sim, "p1");
    assert_eq!(reply["scope"], scope(&["settings"]));
    sim.set_grants("p1", Some(Vec::new())).expect("p1");
    let redirect = sim.consent(&address(&sim, &[]), "p1").expect("consent");
    assert_eq!(landed(&redirect)["error"], "access_denied");
}

fn refresh(sim: &Sim, token: &serde_json::Value) -> common::Answer {
    let token = token.as_str().expect("a refresh token");
    send_form(&sim.token_url(), &refresh_form(sim, token))
}

#[test]
fn refreshes_keep_the_refresh_token_unless_they_rotate() {
    let sim = sim();
    let first = connect(&sim, "p1")["refresh_token"].clone();
    let reply = refresh(&sim, &first).json();
    assert!(reply["access_token"].is_string() && reply.get("refresh_token").is_none());
    assert_eq!(refresh(&sim, &first).status, 200);

    sim.set_rotation(Rotation::Rotate);
    let second = refresh(&sim, &first).json()["refresh_token"].clone();
    assert_ne!(first, second);
    let refused = refresh(&sim, &first);
    assert_eq!(refused.status, 400);
    let description = &refused.json()["error_description"];
    assert_eq!(description, "Token has been expired or revoked.");

    sim.set_rotation(Rotation::RotateWithGrace);
    let reply = refresh(&sim, &second).json();
    assert_eq!(refresh(&sim, &second).json(), reply, "a repeat gets the same answer");
    sim.set_clock_offset_s(121);
    assert_eq!(refresh(&sim, &second).status, 400, "but not for ever");
    assert_eq!(refresh(&sim, &reply["refresh_token"]).status, 200);
}

#[test]
fn an_app_in_testing_gets_seven_days() {
    let sim = Sim::start(Options { testing_app: true, ..Options::default() });
    let reply = connect(&sim, "p1");
    assert_eq!(reply["refresh_token_expires_in"], 604_799);
    sim.set_clock_offset_s(604_798);
    assert_eq!(refresh(&sim, &reply["refresh_token"]).status, 200);
    sim.set_clock_offset_s(604_800);
    assert_eq!(refresh(&sim, &reply["refresh_token"]).status, 400);
}

#[test]
fn revoking_ends_everything() {
    let sim = sim();
    let reply = connect(&sim, "p1");
    let token = reply["refresh_token"].as_str().expect("a token");
    assert!(sim.is_granted("p1"));
    let answer = post_form(&sim.revoke_url(), &[("token", token)]);
    assert_eq!((answer.status, answer.json()), (200, serde_json::json!({})));
    assert!(!sim.is_granted("p1"));
    assert_eq!(refresh(&sim, &reply["refresh_token"]).status, 400);
    let settings = format!("{}/v4/users/me/settings", sim.google_url());
    assert_eq!(get(&settings, &common::access(&reply)).status, 401);
    let again = post_form(&sim.revoke_url(), &[("token", token)]);
    assert_eq!(again.json()["error"], "invalid_token");
}

#[test]
fn the_token_address_wants_a_form() {
    let sim = sim();
    let body = serde_json::json!({"grant_type": "refresh_token"});
    let answer = common::post_json(&sim.token_url(), "", &body);
    assert_eq!(answer.json()["error"], "invalid_request");
    let answer = post_form(&sim.token_url(), &[("client_id", "a"), ("client_id", "b")]);
    assert_eq!(answer.json()["error"], "invalid_request");
}
