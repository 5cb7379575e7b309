//! Everything that can go wrong goes wrong on demand, and only then.

mod common;

use std::time::{Duration, Instant};

use serde_json::Value;

use common::{access, connect, get, refresh_form, send_form, try_get, try_post_form};
use fitsync_sim::{Certificate, Change, Effect, Fault, Host, Options, Order, Rotation, Sim, Tls};

struct Client {
    sim: Sim,
    token: String,
    settings: String,
}

fn client() -> Client {
    let sim = Sim::start(Options {
        empty_pages_percent: 0,
        order: Order::Documented,
        ..Options::default()
    });
    let token = access(&connect(&sim, "p1"));
    sim.clear_requests();
    let settings = format!("{}/v4/users/me/settings", sim.google_url());
    Client { sim, token, settings }
}

impl Client {
    fn try_get(&self) -> Result<common::Answer, ureq::Error> {
        try_get(&self.settings, &self.token)
    }

    fn with(&self, effect: Effect) -> Result<common::Answer, ureq::Error> {
        self.sim.inject(Fault::once(effect));
        let result = self.try_get();
        assert_eq!(self.try_get().expect("only once").status, 200);
        result
    }

    fn steps(&self, token: &str) -> Value {
        let day = ("2026-11-02T12:00:00Z", "2026-11-02T13:00:00Z");
        let filter = format!(
            "steps.interval.start_time >= \"{}\" AND steps.interval.start_time < \"{}\"",
            day.0, day.1
        );
        let mut pairs = vec![("pageSize", "3"), ("filter", filter.as_str())];
        if !token.is_empty() {
            pairs.push(("pageToken", token));
        }
        let path = "/v4/users/me/dataTypes/steps/dataPoints:reconcile";
        let url = format!("{}{path}?{}", self.sim.google_url(), common::query(&pairs));
        let answer = get(&url, &self.token);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }
}

#[test]
fn connections_break_as_told() {
    let client = client();
    assert!(client.with(Effect::Close).is_err());
    assert!(client.with(Effect::LostReply).is_err());
    assert!(client.with(Effect::Cut { after_bytes: 10 }).is_err());
    assert!(client.with(Effect::WrongLength { by: 5 }).is_err());
    let short = client.with(Effect::WrongLength { by: -5 });
    let whole = |answer: &common::Answer| serde_json::from_slice::<Value>(&answer.body).is_ok();
    assert!(!short.is_ok_and(|answer| whole(&answer)));
    let seen = client.sim.requests();
    assert_eq!(seen[0].status, None);
    assert_eq!(seen[0].label, "settings");
    assert_eq!(seen[0].who.as_deref(), Some("p1"));
    assert_eq!(seen[1].status, Some(200));
}

#[test]
fn hanging_and_slow_replies_take_their_time() {
    let client = client();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_millis(300)))
        .build()
        .into();
    let header = format!("Bearer {}", client.token);
    for effect in
        [Effect::Hang, Effect::HangBody { after_bytes: 20 }, Effect::Slow { bytes_per_s: 1 }]
    {
        client.sim.inject(Fault::once(effect));
        let started = Instant::now();
        let call = agent.get(&client.settings).header("authorization", &header);
        let result = call.call().and_then(|mut reply| reply.body_mut().read_to_vec());
        assert!(result.is_err());
        assert!(started.elapsed() >= Duration::from_millis(290));
    }
    let started = Instant::now();
    assert!(client.with(Effect::Delay { ms: 200 }).is_ok());
    assert!(started.elapsed() >= Duration::from_millis(200));
    for _ in 0..100 {
        if client.sim.counts().in_flight_max == 1 {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    client.sim.clear_requests();
    assert_eq!(client.sim.max_in_flight(), 0, "a client that went away is not waited for");
}

#[test]
fn statuses_have_the_service_s_own_bodies() {
    let client = client();
    let status = |status, retry_after_s| Effect::Status { status, retry_after_s };
    let answer = client.with(status(429, Some(7))).expect("an answer");
    assert_eq!(answer.headers["retry-after"], "7");
    assert_eq!(answer.reason(), "RATE_LIMIT_EXCEEDED");
    let answer = client.with(status(503, None)).expect("an answer");
    assert_eq!(answer.json()["error"]["status"], "UNAVAILABLE");
    assert!(!answer.headers.contains_key("retry-after"));
    for code in [401, 403, 410, 500, 502] {
        assert_eq!(client.with(status(code, None)).expect("an answer").status, code);
    }
    let page = client.with(Effect::Html { status: 200 }).expect("an answer");
    assert!(page.status == 200 && page.text().contains("<html>"));
}

#[test]
fn json_is_changed_and_grown() {
    let client = client();
    let change = |at: &str, change| Effect::Change { at: at.to_owned(), change };
    let json = |effect| client.with(effect).expect("an answer").json();
    assert!(json(change("timeZone", Change::Remove)).get("timeZone").is_none());
    assert!(json(change("timeZone", Change::Null))["timeZone"].is_null());
    let renamed = json(change("timeZone", Change::Rename("zone".to_owned())));
    assert!(renamed["zone"].is_string());
    assert!(json(change("timeZone", Change::Retype))["timeZone"].is_number());
    let set = Change::Set(serde_json::json!("Mars/Olympus"));
    assert_eq!(json(change("timeZone", set))["timeZone"], "Mars/Olympus");
    let huge = client.with(Effect::HugeBody { bytes: 50 << 20 }).expect("an answer");
    assert!(huge.body.len() > 50 << 20 && huge.json()["timeZone"].is_string());
}

#[test]
fn pages_misbehave_as_told() {
    let client = client();
    let rows = |page: &Value| page["dataPoints"].as_array().map_or(0, Vec::len);
    let token = |page: &Value| page["nextPageToken"].as_str().map(str::to_owned);
    let plain = client.steps("");
    client.sim.inject(Fault::once(Effect::DuplicatePage));
    let first = client.steps("");
    assert_eq!(first["dataPoints"], plain["dataPoints"]);
    let again = client.steps(&token(&first).expect("a token"));
    assert_eq!(again["dataPoints"], plain["dataPoints"]);
    client.sim.inject(Fault::always(Effect::RepeatToken));
    let next = token(&client.steps("")).expect("a token");
    assert_eq!(token(&client.steps(&next)).as_ref(), Some(&next));
    client.sim.clear_faults();
    client.sim.inject(Fault::once(Effect::EmptyPage));
    let empty = client.steps("");
    assert_eq!(rows(&empty), 0);
    let first = client.steps(&token(&empty).expect("a token"));
    assert_eq!(first["dataPoints"], plain["dataPoints"]);
    client.sim.inject(Fault::once(Effect::DuplicateRows));
    assert_eq!(rows(&client.steps("")), 2 * rows(&plain));
}

#[test]
fn a_lost_token_reply_has_rotated_all_the_same() {
    let sim = Sim::start(Options::default());
    let token = connect(&sim, "p1")["refresh_token"].clone();
    let token = token.as_str().expect("a token");
    sim.set_rotation(Rotation::Rotate);
    sim.inject(Fault::once(Effect::LostReply).host(Host::Token).who("p1"));
    let form = refresh_form(&sim, token);
    let pairs: Vec<_> = form.iter().map(|(k, v)| (*k, v.as_str())).collect();
    assert!(try_post_form(&sim.token_url(), &pairs).is_err());
    assert_eq!(send_form(&sim.token_url(), &form).json()["error"], "invalid_grant");
    sim.inject_once(
        Host::Token,
        "/token",
        Effect::OauthError { error: "invalid_client".to_owned() },
    );
    let refused = send_form(&sim.token_url(), &form);
    assert_eq!((refused.status, &refused.json()["error"]), (401, &"invalid_client".into()));
    assert!(connect(&sim, "p2")["access_token"].is_string());
}

#[test]
fn faults_meet_only_their_service_path_method_and_participant() {
    let client = client();
    client.sim.inject(Fault::always(Effect::Close).host(Host::S3));
    client.sim.inject(Fault::always(Effect::Close).path("steps"));
    client.sim.inject(Fault::always(Effect::Close).method("POST").host(Host::Google));
    client.sim.inject(Fault::always(Effect::Close).who("p2"));
    assert_eq!(client.try_get().expect("none of them").status, 200);
    client.sim.inject(Fault::once(Effect::Close).who("p1").skip(1).count(2));
    assert!(client.try_get().is_ok());
    assert!(client.try_get().is_err());
    assert!(client.try_get().is_err());
    assert!(client.try_get().is_ok());
}

#[test]
fn clocks_in_replies_are_wrong_as_told() {
    let client = client();
    client.sim.inject(Fault::always(Effect::DateSkew { seconds: -7200 }));
    let answer = client.try_get().expect("an answer");
    let date = fitsync_sim::jiff::fmt::rfc2822::parse(&answer.headers["date"]);
    let late_s = client.sim.now().as_second() - date.expect("a date").timestamp().as_second();
    assert!((7195..7205).contains(&late_s), "{late_s}");
}

#[test]
fn while_everything_is_down_nobody_listens() {
    let client = client();
    let address = client.sim.google_url();
    let address = address.trim_start_matches("http://");
    assert!(std::net::TcpStream::connect(address).is_ok());
    let refuses = || {
        let error = std::net::TcpStream::connect(address).err();
        error.is_some_and(|e| e.kind() == std::io::ErrorKind::ConnectionRefused)
    };
    for _ in 0..3 {
        client.sim.set_down(true);
        assert!(refuses());
        client.sim.set_down(false);
        assert_eq!(client.try_get().expect("at once").status, 200);
        client.sim.set_host_down(Host::S3, true);
        assert_eq!(client.try_get().expect("another service").status, 200);
        client.sim.set_host_down(Host::Token, true);
        assert!(refuses(), "Google's services share a port");
        client.sim.set_down(false);
    }
}

#[test]
fn tls_is_as_good_as_its_certificate() {
    let cases = [
        (Certificate::Good, true),
        (Certificate::Expired, false),
        (Certificate::NotYet, false),
        (Certificate::WrongHost, false),
    ];
    for (certificate, good) in cases {
        let sim = Sim::start(Options { tls: Tls::Own(certificate), ..Options::default() });
        assert!(sim.s3_url().starts_with("https://"));
        let pem = sim.authority().expect("an authority");
        let root = ureq::tls::Certificate::from_pem(pem.as_bytes()).expect("a certificate");
        let roots = ureq::tls::RootCerts::new_with_certs(&[root]);
        let tls = ureq::tls::TlsConfig::builder().root_certs(roots).build();
        let config = ureq::Agent::config_builder().tls_config(tls);
        let agent: ureq::Agent = config.http_status_as_error(false).build().into();
        let result = agent.get(format!("{}/v4/x", sim.google_url())).call();
        assert_eq!(result.is_ok(), good, "{certificate:?}: {result:?}");
    }
}
