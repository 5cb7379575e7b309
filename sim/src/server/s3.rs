//! The store: a real S3 server over folders, behind what AWS checks and that server does not.

use std::path::{Path, PathBuf};

use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use jiff::Timestamp;
use jiff::civil::DateTime;
use s3s::auth::SimpleAuth;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};

use super::body::{BoxError, ReplyBody, broken, framed};
use super::reply::{Entry, before, response, set_date};
use crate::controls::Controls;
use crate::fault::{Asked, Effect, Target};
use crate::hash::mix;
use crate::http::{Host, Reply, decoded, pairs};
use crate::options::Options;
use crate::world::World;

/// How far a request's clock may be ahead.
const SKEW_S: i64 = 900;

/// The server and its folder.
pub struct Store {
    service: S3Service,
    root: PathBuf,
}

impl Store {
    /// A server over a folder, with one bucket.
    pub fn new(options: &Options, root: &Path) -> Result<Store, String> {
        let problem = |problem: &dyn std::fmt::Display| format!("S3 folder: {problem}");
        std::fs::create_dir_all(root.join(&options.bucket)).map_err(|e| problem(&e))?;
        let files = s3s_fs::FileSystem::new(root)
            .map_err(|_| format!("S3 folder: {} cannot be used", root.display()))?;
        let mut builder = S3ServiceBuilder::new(files);
        let auth = SimpleAuth::from_single(options.access_key.clone(), options.secret_key.clone());
        builder.set_auth(auth);
        // The world's clock decides about times, see `refused`.
        let mut config = S3Config::default();
        config.presigned_url_max_skew_time_secs = u32::MAX;
        builder.set_config(std::sync::Arc::new(StaticConfigProvider::new(std::sync::Arc::new(
            config,
        ))));
        Ok(Store { service: builder.build(), root: root.to_owned() })
    }

    /// Answers one request.
    pub async fn answer(
        &self,
        controls: &Controls,
        parts: Parts,
        mut body: Incoming,
    ) -> Result<Response<ReplyBody>, BoxError> {
        let world = &controls.world;
        if controls.is_down(Host::S3) {
            return Err(broken());
        }
        let path = decoded(parts.uri.path());
        let method = parts.method.as_str().to_owned();
        let target = Target {
            host: Host::S3,
            method: &method,
            path: &path,
            who: user_id(&path),
            asked: Asked::default(),
        };
        let entry = Entry::new(world, &target, method.clone());
        let (effect, skew_s) = world.faults.take(&target);
        if let Some(Effect::ResetUpload { after_bytes }) = effect {
            swallow(&mut body, after_bytes).await;
            return Err(broken());
        }
        let own = match before(world, Host::S3, effect.as_ref()).await? {
            Some(reply) => Some(reply),
            None => self.refused(world, &parts, &path),
        };
        let mut reply = match own {
            Some(reply) => response(reply),
            None => self.served(world, parts, body, &path).await?,
        };
        if effect == Some(Effect::LostReply) {
            return Err(broken());
        }
        entry.answered(reply.status().as_u16());
        set_date(world, &mut reply, skew_s);
        Ok(framed(reply, effect.as_ref()))
    }

    /// Hands a request to the server. An upload that it refuses leaves the object as it was.
    async fn served(
        &self,
        world: &World,
        parts: Parts,
        body: Incoming,
        path: &str,
    ) -> Result<Response<Vec<u8>>, BoxError> {
        let is_put = parts.method == "PUT";
        let file = is_put.then(|| self.file(path)).flatten();
        let old = file.as_ref().and_then(|file| std::fs::read(file).ok());
        let encryption = encryption(&parts);
        let request = hyper::Request::from_parts(parts, s3s::Body::from(body));
        let reply = self.service.call(request).await;
        let reply = reply.map_err(|_| broken())?;
        let (mut parts, body) = reply.into_parts();
        let body = body.collect().await.map_err(|_| broken())?.to_bytes();
        let key = path.trim_start_matches('/');
        let key = key.split_once('/').map_or(key, |(_, key)| key);
        match file {
            Some(file) if !parts.status.is_success() => restore(&file, old),
            Some(_) => {
                let mut state = world.state();
                *state.puts.entry(key.to_owned()).or_default() += 1;
                state.encryption.insert(key.to_owned(), encryption);
            }
            None => {}
        }
        if parts.status.is_success() {
            tell_encryption(world, key, &mut parts.headers);
        }
        Ok(Response::from_parts(parts, body.to_vec()))
    }

    /// The file of an object.
    fn file(&self, path: &str) -> Option<PathBuf> {
        let key = path.trim_start_matches('/');
        let odd = key.split('/').any(|part| matches!(part, "" | "." | ".."));
        (!odd && key.contains('/')).then(|| self.root.join(key))
    }

    /// What AWS refuses and the server behind would not.
    fn refused(&self, world: &World, parts: &Parts, path: &str) -> Option<Reply> {
        let bucket = path.trim_start_matches('/').split('/').next().unwrap_or("");
        if !bucket.is_empty() && !self.root.join(bucket).is_dir() {
            let text = "The specified bucket does not exist";
            return Some(Reply::s3_error(404, "NoSuchBucket", text));
        }
        if parts.method == "PUT" && !parts.headers.contains_key("content-length") {
            let text = "You must provide the Content-Length HTTP header.";
            return Some(Reply::s3_error(411, "MissingContentLength", text));
        }
        let owner = parts.headers.get("x-amz-expected-bucket-owner");
        if owner.is_some_and(|owner| owner.as_bytes() != world.options.account.as_bytes()) {
            return Some(Reply::s3_error(403, "AccessDenied", "Access Denied"));
        }
        let query = pairs(parts.uri.query().unwrap_or("").as_bytes());
        let get = |name: &str| {
            let found = query.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.as_str())
        };
        let signed = get("X-Amz-SignedHeaders")?;
        let mut unsigned = parts.headers.keys().map(hyper::header::HeaderName::as_str);
        let all_signed: Vec<_> = signed.split(';').collect();
        if unsigned.any(|name| name.starts_with("x-amz-") && !all_signed.contains(&name)) {
            let text = "There were headers present in the request which were not signed";
            return Some(Reply::s3_error(403, "AccessDenied", text));
        }
        if get("X-Amz-Security-Token") != world.options.session_token.as_deref() {
            let text = "The provided token is malformed or otherwise invalid.";
            return Some(Reply::s3_error(400, "InvalidToken", text));
        }
        let region = get("X-Amz-Credential")?.split('/').nth(2)?.to_owned();
        if region != world.options.region {
            let text = format!(
                "Error parsing the X-Amz-Credential parameter; the region '{region}' is wrong; \
                 expecting '{}'",
                world.options.region
            );
            let reply = Reply::s3_error(400, "AuthorizationQueryParametersError", &text);
            return Some(reply.with("x-amz-bucket-region", world.options.region.as_str()));
        }
        let at = amz_date(get("X-Amz-Date")?)?.as_second();
        let expires_s: i64 = get("X-Amz-Expires")?.parse().ok()?;
        let now = world.now().as_second();
        if at > now + SKEW_S {
            let text = "The difference between the request time and the current time is too large.";
            return Some(Reply::s3_error(403, "RequestTimeTooSkewed", text));
        }
        if now > at + expires_s {
            return Some(Reply::s3_error(403, "AccessDenied", "Request has expired"));
        }
        None
    }
}

const ENCRYPTION: [&str; 2] =
    ["x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"];

fn encryption(parts: &Parts) -> Vec<(&'static str, String)> {
    let value = |name| parts.headers.get(name)?.to_str().ok().map(str::to_owned);
    let pairs = ENCRYPTION.into_iter().filter_map(|name| Some((name, value(name)?)));
    pairs.collect()
}

/// AWS repeats how an object is encrypted; under KMS its ETag is no MD5.
fn tell_encryption(world: &World, key: &str, headers: &mut HeaderMap) {
    let state = world.state();
    for (name, value) in state.encryption.get(key).into_iter().flatten() {
        if let Ok(text) = HeaderValue::from_str(value) {
            headers.insert(*name, text);
        }
        if value == "aws:kms" && headers.contains_key("etag") {
            let etag = format!("\"{:032x}\"", mix(0, key, 0));
            if let Ok(text) = HeaderValue::from_str(&etag) {
                headers.insert("etag", text);
            }
        }
    }
}

fn restore(file: &Path, old: Option<Vec<u8>>) {
    // What cannot be restored is what a test then sees; there is nobody to tell.
    let _ = match old {
        Some(bytes) => std::fs::write(file, bytes),
        None => std::fs::remove_file(file),
    };
}

/// Reads so many bytes of a body.
async fn swallow(body: &mut Incoming, bytes: usize) {
    let mut read = 0;
    while read < bytes {
        match body.frame().await {
            Some(Ok(frame)) => read += frame.data_ref().map_or(0, |data| data.len()),
            _ => return,
        }
    }
}

/// The study id in a key `…users/{id}/…`.
fn user_id(path: &str) -> Option<&str> {
    let (_, rest) = path.split_once("/users/")?;
    rest.split('/').next()
}

/// `20261122T130500Z`.
fn amz_date(text: &str) -> Option<Timestamp> {
    let civil = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_name_the_participant() {
        assert_eq!(user_id("/b/users/user_001/steps/x.csv"), Some("user_001"));
        assert_eq!(user_id("/b/probe"), None);
    }

    #[test]
    fn amazon_writes_times_without_separators() {
        let at = amz_date("20261122T130500Z");
        assert_eq!(at, "2026-11-22T13:05:00Z".parse().ok());
    }
}
