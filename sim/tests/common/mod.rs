//! A browser and a client, as small as they can be.
#![allow(dead_code)]

pub mod shape;

use std::collections::HashMap;

use fitsync_sim::Sim;
use serde_json::Value;

pub const REDIRECT: &str = "http://localhost:8000/auth/callback";
pub const SCOPES: [&str; 3] =
    ["activity_and_fitness", "health_metrics_and_measurements", "settings"];
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A status, its headers and its body.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    pub fn reason(&self) -> String {
        let json = self.json();
        let reason = json["error"]["details"][0]["reason"].as_str();
        reason.unwrap_or_default().to_owned()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

pub fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(std::time::Duration::from_secs(20)))
        .build()
        .into()
}

fn answer(
    result: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<Answer, ureq::Error> {
    let mut response = result?;
    let headers = response.headers().iter();
    let headers = headers.map(|(name, value)| {
        let value = value.to_str().unwrap_or_default().to_owned();
        (name.as_str().to_owned(), value)
    });
    let headers = headers.collect();
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(200 << 20);
    let body = body.read_to_vec()?;
    Ok(Answer { status, headers, body })
}

pub fn try_get(url: &str, token: &str) -> Result<Answer, ureq::Error> {
    let request = agent().get(url);
    let request = match token {
        "" => request,
        token => request.header("authorization", format!("Bearer {token}")),
    };
    answer(request.call())
}

pub fn get(url: &str, token: &str) -> Answer {
    try_get(url, token).expect("an answer")
}

pub fn post_json(url: &str, token: &str, body: &Value) -> Answer {
    let request = agent().post(url).header("content-type", "application/json");
    let request = request.header("authorization", format!("Bearer {token}"));
    answer(request.send(body.to_string())).expect("an answer")
}

/// A form with a Basic header.
pub fn post_basic(url: &str, (id, secret): (&str, &str), pairs: &[(&str, &str)]) -> Answer {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"));
    let request = agent().post(url).header("authorization", format!("Basic {pair}"));
    answer(request.send_form(pairs.iter().copied())).expect("an answer")
}

/// A GET with more headers.
pub fn get_with(url: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = agent().get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    answer(request.call()).expect("an answer")
}

pub fn try_post_form(url: &str, pairs: &[(&str, &str)]) -> Result<Answer, ureq::Error> {
    answer(agent().post(url).send_form(pairs.iter().copied()))
}

pub fn post_form(url: &str, pairs: &[(&str, &str)]) -> Answer {
    try_post_form(url, pairs).expect("an answer")
}

pub fn put(url: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer, ureq::Error> {
    let mut request = agent().put(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    answer(request.send(body))
}

/// A query, encoded.
pub fn query(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

pub fn scope(names: &[&str]) -> String {
    let full = names
        .iter()
        .map(|name| format!("https://www.googleapis.com/auth/googlehealth.{name}.readonly"));
    full.collect::<Vec<_>>().join(" ")
}

/// The parameters of a good sign-in address.
pub fn sign_in(sim: &Sim) -> Vec<(&'static str, String)> {
    vec![
        ("client_id", sim.client_id().to_owned()),
        ("redirect_uri", REDIRECT.to_owned()),
        ("response_type", "code".to_owned()),
        ("scope", scope(&SCOPES)),
        ("access_type", "offline".to_owned()),
        ("prompt", "consent".to_owned()),
        ("state", "a state&more".to_owned()),
        ("code_challenge", CHALLENGE.to_owned()),
        ("code_challenge_method", "S256".to_owned()),
    ]
}

/// The address of a sign-in with some parameters changed; an empty value leaves one out.
pub fn address(sim: &Sim, changes: &[(&'static str, &str)]) -> String {
    let mut pairs = sign_in(sim);
    for (name, value) in changes {
        pairs.retain(|(one, _)| one != name);
        if !value.is_empty() {
            pairs.push((name, (*value).to_owned()));
        }
    }
    let pairs: Vec<_> = pairs.iter().map(|(k, v)| (*k, v.as_str())).collect();
    format!("{}?{}", sim.authorize_url(), query(&pairs))
}

/// The parameters of the address that a browser ends on.
pub fn landed(redirect: &str) -> HashMap<String, String> {
    let url = url::Url::parse(redirect).expect("an address");
    url.query_pairs().into_owned().collect()
}

/// The form that changes a code into tokens.
pub fn exchange_form(sim: &Sim, code: &str) -> Vec<(&'static str, String)> {
    vec![
        ("grant_type", "authorization_code".to_owned()),
        ("code", code.to_owned()),
        ("redirect_uri", REDIRECT.to_owned()),
        ("client_id", sim.client_id().to_owned()),
        ("client_secret", sim.client_secret().to_owned()),
        ("code_verifier", VERIFIER.to_owned()),
    ]
}

pub fn send_form(url: &str, form: &[(&'static str, String)]) -> Answer {
    let form: Vec<_> = form.iter().map(|(k, v)| (*k, v.as_str())).collect();
    post_form(url, &form)
}

/// Signs a participant in: the token reply.
pub fn connect(sim: &Sim, who: &str) -> Value {
    connect_with(sim, who, &[])
}

pub fn connect_with(sim: &Sim, who: &str, changes: &[(&'static str, &str)]) -> Value {
    let redirect = sim.consent(&address(sim, changes), who).expect("consent");
    let code = landed(&redirect).remove("code").expect("a code");
    let answer = send_form(&sim.token_url(), &exchange_form(sim, &code));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

pub fn access(reply: &Value) -> String {
    reply["access_token"].as_str().expect("a token").to_owned()
}

pub fn refresh_form(sim: &Sim, token: &str) -> Vec<(&'static str, String)> {
    vec![
        ("grant_type", "refresh_token".to_owned()),
        ("refresh_token", token.to_owned()),
        ("client_id", sim.client_id().to_owned()),
        ("client_secret", sim.client_secret().to_owned()),
    ]
}
