//! From an answer to what is sent: its line in the log, what faults make of it, headers, zip.

use std::future::pending;
use std::io::Write as _;
use std::time::Duration;

use hyper::Response;
use hyper::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::body::{BoxError, broken};
use crate::fault::{self, Effect, Target};
use crate::http::{Host, Reply};
use crate::log::Seen;
use crate::world::World;
use crate::{fitbit, google};

/// A request in the log; it counts as being worked on until this is dropped.
pub struct Entry<'a> {
    world: &'a World,
    number: usize,
}

impl<'a> Entry<'a> {
    /// Notes a request that has arrived.
    pub fn new(world: &'a World, target: &Target<'_>, label: String) -> Entry<'a> {
        let number = world.log.arrived(Seen {
            at: world.now(),
            host: target.host,
            who: target.who.map(str::to_owned),
            method: target.method.to_owned(),
            path: target.path.to_owned(),
            label,
            status: None,
            in_flight: 0,
        });
        Entry { world, number }
    }

    /// Notes the status that it is answered with.
    pub fn answered(&self, status: u16) {
        self.world.log.answered(self.number, status);
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.world.log.ended();
    }
}

/// What an effect does before the request is worked on: an answer of its own, perhaps.
pub async fn before(
    world: &World,
    host: Host,
    effect: Option<&Effect>,
) -> Result<Option<Reply>, BoxError> {
    let reply = match effect {
        Some(Effect::Close) => return Err(broken()),
        Some(Effect::Hang) => return pending().await,
        Some(Effect::Delay { ms }) => {
            tokio::time::sleep(Duration::from_millis(*ms)).await;
            return Ok(None);
        }
        Some(Effect::Status { status, retry_after_s }) => {
            later(by_status(host, *status), *retry_after_s)
        }
        Some(Effect::RetryAt { status, after_s }) => {
            let at = world.now().saturating_add(SignedDuration::from_secs(*after_s));
            by_status(host, *status).with("retry-after", http_date(at.unwrap_or(Timestamp::MAX)))
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

fn by_status(host: Host, status: u16) -> Reply {
    match host {
        Host::Token => google::token::by_status(status),
        Host::Fitbit => fitbit::error::by_status(status),
        Host::S3 => store_error(status),
        _ => google::error::by_status(status),
    }
}

fn later(reply: Reply, retry_after_s: Option<u32>) -> Reply {
    match retry_after_s {
        Some(seconds) => reply.with("retry-after", seconds.to_string()),
        None => reply,
    }
}

/// What an effect does to the text of an answer.
pub fn changed(mut reply: Reply, effect: Option<&Effect>) -> Reply {
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

/// Compresses a body, as the services do for whoever accepts it.
pub fn zip(reply: &mut Response<Vec<u8>>) {
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

/// The store's error that fits a status.
fn store_error(status: u16) -> Reply {
    let code = match status {
        403 => "AccessDenied",
        404 => "NoSuchBucket",
        412 => "PreconditionFailed",
        429 | 503 => "SlowDown",
        500 => "InternalError",
        _ => "InvalidRequest",
    };
    Reply::s3_error(status, code, "As asked.")
}

/// An instant as HTTP headers have it.
fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// The `Date` header by the world's clock.
pub fn set_date(world: &World, reply: &mut Response<Vec<u8>>, skew_s: i64) {
    let date = world.now().saturating_add(SignedDuration::from_secs(skew_s));
    let date = date.unwrap_or_else(|_| world.now());
    if let Ok(value) = HeaderValue::from_str(&http_date(date)) {
        reply.headers_mut().insert("date", value);
    }
}
