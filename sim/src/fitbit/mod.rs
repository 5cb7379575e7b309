//! The retired Fitbit Web API and its sign-in, as they were; and gone, when they are switched off.
//!
//! `oauth` shows the consent page, `token` gives and takes tokens, `grant` remembers them, `api`
//! checks a request and `data` answers it.

mod api;
mod data;
pub mod error;
pub mod grant;
pub mod oauth;
pub mod token;

use crate::http::{Ask, Reply};
use crate::world::World;

/// Answers one request.
pub fn answer(world: &World, ask: &Ask) -> Reply {
    if world.state().fitbit.retired {
        return error::gone();
    }
    match (ask.method.as_str(), ask.path.as_str()) {
        ("GET", oauth::AUTHORIZE_PATH) => oauth::authorize(world, ask),
        ("GET" | "POST", oauth::APPROVE_PATH) => oauth::approve(world, ask),
        ("POST", "/oauth2/token") => token::token(world, ask),
        ("POST", "/oauth2/revoke") => token::revoke(world, ask),
        ("POST", "/1.1/oauth2/introspect") => token::introspect(world, ask),
        ("GET", path) if path.starts_with("/1/user/") => api::answer(world, ask),
        _ => error::classic(404, "not_found", "The API you are requesting could not be found."),
    }
}
