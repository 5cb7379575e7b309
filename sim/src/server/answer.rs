//! What happens to every request: log, faults, answer.

use std::sync::Arc;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Request, Response};

use super::body::{BoxError, ReplyBody, broken, framed};
use super::reply::{Entry, before, changed, response, set_date, zip};
use super::s3::Store;
use crate::controls::{Controls, api};
use crate::fault::{Effect, Target};
use crate::http::{Ask, Host, PageTrick, decoded, pairs};
use crate::world::World;
use crate::{fitbit, google};

/// The largest request body that is read.
const BODY_BYTES_MAX: usize = 64 << 20;

/// What answers on a port.
#[derive(Clone)]
pub enum Service {
    Google,
    Fitbit,
    S3(Arc<Store>),
    Control,
}

impl Service {
    /// The host that stands for the port.
    pub fn host(&self) -> Host {
        match self {
            Service::Google => Host::Google,
            Service::Fitbit => Host::Fitbit,
            Service::S3(_) => Host::S3,
            Service::Control => Host::Control,
        }
    }
}

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
            let reply = tokio::task::spawn_blocking(move || api::answer(&controls, &ask));
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

async fn answer_provider(
    controls: &Controls,
    mut ask: Ask,
) -> Result<Response<ReplyBody>, BoxError> {
    let world = &controls.world;
    if controls.is_down(ask.host.port()) {
        return Err(broken());
    }
    let who = who(world, &ask);
    let asked = google::asked(&ask);
    let who = who.as_deref();
    let target = Target { host: ask.host, method: &ask.method, path: &ask.path, who, asked };
    let entry = Entry::new(world, &target, label(&ask.path));
    let (effect, skew_s) = world.faults.take(&target);
    ask.trick = match &effect {
        Some(Effect::DuplicatePage) => PageTrick::Duplicate,
        Some(Effect::EmptyPage) => PageTrick::Empty,
        Some(Effect::RepeatToken) => PageTrick::RepeatToken,
        _ => PageTrick::None,
    };
    let zipped = ask.header("accept-encoding").contains("gzip");
    let reply = match before(world, ask.host, effect.as_ref()).await? {
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
