//! Google: sign-in, tokens and the Health API v4, strict where its documentation is.
//!
//! `oauth` shows the consent page, `token` gives and takes tokens, `grant` remembers them.
//! `health` checks a request and sends it on to `points` (list, reconcile) or `rollup`.

pub mod account;
pub mod error;
pub mod filter;
pub mod grant;
pub mod health;
pub mod oauth;
pub mod page;
pub mod points;
pub mod rollup;
pub mod strict;
pub mod token;
pub mod types;

use crate::fault::Asked;
use crate::google::types::DataType;
use crate::http::{Ask, Host, Reply};
use crate::world::World;

/// Which of Google's services a path belongs to.
pub fn host_of(path: &str) -> Host {
    match path {
        "/token" | "/revoke" => Host::Token,
        _ if path.starts_with("/o/") => Host::Authorize,
        _ => Host::Google,
    }
}

/// How much data a request asks for, as far as it can be told before it is checked.
pub fn asked(ask: &Ask) -> Asked {
    let Some((_, data)) = ask.path.split_once("/dataTypes/") else { return Asked::default() };
    let data_type = data.split('/').next().and_then(DataType::named);
    data_type.map(|data_type| health::asked(ask, data_type)).unwrap_or_default()
}

/// Answers one request.
pub fn answer(world: &World, ask: &Ask) -> Reply {
    match (ask.method.as_str(), ask.path.as_str()) {
        ("GET", oauth::AUTHORIZE_PATH) => oauth::authorize(world, ask),
        ("GET" | "POST", oauth::APPROVE_PATH) => oauth::approve(world, ask),
        ("POST", "/token") => token::token(world, ask),
        ("POST", "/revoke") => token::revoke(world, ask),
        _ if ask.path.starts_with("/v4/") => health::answer(world, ask),
        _ => error::not_found(),
    }
}
