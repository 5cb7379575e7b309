//! What happens to every request: log, faults, answer.

use std::future::pending;
use std::io::Write as _;
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Response};
use jiff::SignedDuration;
use serde_json::Value;

use crate::body::{BoxError, ReplyBody, broken, framed};
use crate::control;
use crate::controls::Controls;
use crate::fault::{self, Effect, PageTrick, Target};
use crate::fitbit;
use crate::google;
use crate::http::{Ask, Host, Reply, decoded, pairs};
use crate::listen::Service;
use crate::log::Seen;
use crate::s3;
use crate::world::World;

/// The largest request body that is read.
const BODY_BYTES_MAX: usize = 64 << 20;

/// Answers one request of a port.
pub async fn answer(
    controls: Controls,
    service: Service,
    request: Request<Incoming>,
) -> Result<Response<ReplyBody>, BoxError> {
    let (parts, body) = request.into_parts();
    match service {
        Service::Control => {
            let ask = ask(Host::Control, &parts, read(body).await?);
            let reply = tokio::task::spawn_blocking(move || control::answer(&controls, &ask));
            Ok(framed(response(reply.await?), None))
        }
        Service::S3(store) => store.answer(&controls, parts, body).await,
        Service::Fitbit => {
            let ask = ask(Host::Fitbit, &parts, read(body).await?);
            answer_provider(&controls, ask).await
        }
        Service::Google => {
            let path = decoded(parts.uri.path());
            let ask = ask(google::host_of(&path), &parts, read(body).await?);
            answer_provider(&controls, ask).await
        }
    }
}

async fn read(body: Incoming) -> Result<Vec<u8>, BoxError> {
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await?;
    Ok(body.to_bytes().to_vec())
}

fn ask(host: Host, parts: &Parts, body: Vec<u8>) -> Ask {
    Ask {
        host,
        method: parts.method.as_str().to_owned(),
        path: decoded(parts.uri.path()),
        query: pairs(parts.uri.query().unwrap_or("").as_bytes()),
        headers: parts.headers.clone(),
        body,
        trick: PageTrick::None,
    }
}

/// A request in the log; it counts as being worked on until this is dropped.
pub struct Entry<'a> {
    world: &'a World,
    number: usize,
}

impl<'a> Entry<'a> {
    pub fn new(world: &'a World, seen: Seen) -> Entry<'a> {
        let number = world.log.arrived(seen);
        Entry { world, number }
    }

    pub fn answered(&self, status: u16) {
        self.world.log.answered(self.number, status);
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.world.log.ended();
    }
}

async fn answer_provider(
    controls: &Controls,
    mut ask: Ask,
) -> Result<Response<ReplyBody>, BoxError> {
    let world = &controls.world;
    if controls.is_down(ask.host.port()) {
        return Err(broken());
    }
    let who = who(world, &ask);
    let seen = Seen {
        at: world.now(),
        host: ask.host,
        who: who.clone(),
        method: ask.method.clone(),
        path: ask.path.clone(),
        label: label(&ask.path),
        status: None,
        in_flight: 0,
    };
    let entry = Entry::new(world, seen);
    let target =
        Target { host: ask.host, method: &ask.method, path: &ask.path, who: who.as_deref() };
    let (effect, skew_s) = world.faults.take(&target);
    ask.trick = match &effect {
        Some(Effect::DuplicatePage) => PageTrick::Duplicate,
        Some(Effect::EmptyPage) => PageTrick::Empty,
        Some(Effect::RepeatToken) => PageTrick::RepeatToken,
        _ => PageTrick::None,
    };
    let zipped = ask.header("accept-encoding").contains("gzip");
    let reply = match before(ask.host, effect.as_ref()).await? {
        Some(reply) => reply,
        None if ask.host == Host::Fitbit => fitbit::answer(world, &ask),
        None => google::answer(world, &ask),
    };
    if effect == Some(Effect::LostReply) {
        return Err(broken());
    }
    let mut reply = response(changed(reply, effect.as_ref()));
    if zipped && matches!(ask.host, Host::Google | Host::Fitbit) {
        zip(&mut reply);
    }
    entry.answered(reply.status().as_u16());
    set_date(world, &mut reply, skew_s);
    Ok(framed(reply, effect.as_ref()))
}

/// The `Date` header by the world's clock.
pub fn set_date(world: &World, reply: &mut Response<Vec<u8>>, skew_s: i64) {
    let date = world.now().saturating_add(SignedDuration::from_secs(skew_s));
    let date = date.unwrap_or_else(|_| world.now());
    let text = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(value) = HeaderValue::from_str(&text) {
        reply.headers_mut().insert("date", value);
    }
}

/// The participant that a request is about.
fn who(world: &World, ask: &Ask) -> Option<String> {
    let secret = match ask.host {
        Host::Token => google::token::secret_of(ask),
        _ => ask.bearer().map(str::to_owned),
    };
    let secret = match (ask.host, ask.path.as_str()) {
        (Host::Fitbit, path) if path.starts_with("/oauth2/") => fitbit::token::secret_of(ask),
        _ => secret,
    };
    let (secret, state) = (secret?, world.state());
    let owner = state.grants.owner(&secret);
    owner.or_else(|| state.fitbit.owner(&secret))
}

/// A short name of a path: `steps:rollUp`, `identity`, `token`.
fn label(path: &str) -> String {
    let last = path.rsplit('/').next().unwrap_or("");
    let Some((_, data)) = path.split_once("/dataTypes/") else {
        return last.to_owned();
    };
    let name = data.split('/').next().unwrap_or("");
    match last.split_once(':') {
        Some((_, action)) => format!("{name}:{action}"),
        None => format!("{name}:list"),
    }
}

/// What an effect does before the request is worked on: an answer of its own, perhaps.
pub async fn before(host: Host, effect: Option<&Effect>) -> Result<Option<Reply>, BoxError> {
    let reply = match effect {
        Some(Effect::Close) => return Err(broken()),
        Some(Effect::Hang) => return pending().await,
        Some(Effect::Delay { ms }) => {
            tokio::time::sleep(Duration::from_millis(*ms)).await;
            return Ok(None);
        }
        Some(Effect::Status { status, retry_after_s }) => {
            let reply = match host {
                Host::Token => google::token::by_status(*status),
                Host::Fitbit => fitbit::error::by_status(*status),
                Host::S3 => s3::by_status(*status),
                _ => google::error::by_status(*status),
            };
            later(reply, *retry_after_s)
        }
        Some(Effect::Reason { reason, retry_after_s }) => {
            let reply = google::error::by_reason(reason);
            later(reply.unwrap_or_else(google::error::not_found), *retry_after_s)
        }
        Some(Effect::OauthError { error }) if host == Host::Fitbit => {
            fitbit::error::by_error(error)
        }
        Some(Effect::OauthError { error }) => google::token::by_error(error),
        Some(Effect::S3Error { status, code }) => Reply::s3_error(*status, code, "As asked."),
        Some(Effect::Redirect { status, location, region }) => {
            let code = match status {
                301 => "PermanentRedirect",
                _ => "TemporaryRedirect",
            };
            let reply = Reply::s3_error(*status, code, "Please send the request elsewhere.");
            let reply = reply.with("x-amz-bucket-region", region.as_str());
            match location.as_str() {
                "" => reply,
                location => reply.with("location", location),
            }
        }
        Some(Effect::Html { status }) => Reply::html(
            *status,
            "<!DOCTYPE html>\n<html><title>Guest network</title><h1>Please accept the terms</h1>",
        ),
        _ => return Ok(None),
    };
    Ok(Some(reply))
}

fn later(reply: Reply, retry_after_s: Option<u32>) -> Reply {
    match retry_after_s {
        Some(seconds) => reply.with("retry-after", seconds.to_string()),
        None => reply,
    }
}

/// What an effect does to the text of an answer.
fn changed(mut reply: Reply, effect: Option<&Effect>) -> Reply {
    match effect {
        Some(Effect::Change { at, change }) => {
            if let Ok(mut value) = serde_json::from_slice::<Value>(&reply.body) {
                fault::apply(&mut value, at, change);
                reply.body = serde_json::to_vec_pretty(&value).unwrap_or_default();
            }
        }
        Some(Effect::DuplicateRows) => {
            if let Ok(mut value) = serde_json::from_slice::<Value>(&reply.body) {
                for name in ["dataPoints", "rollupDataPoints"] {
                    if let Some(Value::Array(rows)) = value.get_mut(name) {
                        rows.extend(rows.clone());
                    }
                }
                reply.body = serde_json::to_vec_pretty(&value).unwrap_or_default();
            }
        }
        Some(Effect::HugeBody { bytes }) => {
            reply.body.resize(reply.body.len() + bytes, b' ');
        }
        _ => {}
    }
    reply
}

/// A reply in hyper's words.
pub fn response(reply: Reply) -> Response<Vec<u8>> {
    let mut response = Response::new(reply.body);
    *response.status_mut() = hyper::StatusCode::from_u16(reply.status)
        .unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().append(HeaderName::from_static(name), value);
        }
    }
    response
}

fn zip(reply: &mut Response<Vec<u8>>) {
    let level = flate2::Compression::fast();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
    let written = encoder.write_all(reply.body());
    if let (Ok(()), Ok(zipped)) = (written, encoder.finish()) {
        *reply.body_mut() = zipped;
        let headers = reply.headers_mut();
        headers.insert("content-encoding", HeaderValue::from_static("gzip"));
        headers.insert("vary", HeaderValue::from_static("Accept-Encoding"));
        headers.remove(CONTENT_LENGTH);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_short() {
        let rollup = "/v4/users/me/dataTypes/steps/dataPoints:rollUp";
        assert_eq!(label(rollup), "steps:rollUp");
        assert_eq!(label("/v4/users/me/dataTypes/sleep/dataPoints"), "sleep:list");
        assert_eq!(label("/v4/users/me/identity"), "identity");
        assert_eq!(label("/token"), "token");
    }
}
