//! Fitbit's token, revoke and introspect addresses.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::error;
use crate::http::{Ask, Reply, pairs};
use crate::world::World;

/// Seconds that an access token lives unless asked otherwise.
const ACCESS_S: i64 = 28_800;

/// The token or code that a request to these addresses is about.
pub fn secret_of(ask: &Ask) -> Option<String> {
    let names = ["refresh_token", "code", "token"];
    let form = ask.form().into_iter();
    let mut found = form.filter(|(name, _)| names.contains(&name.as_str()));
    found.next().map(|(_, value)| value)
}

/// A Server app proves itself by a Basic header.
fn client(world: &World, ask: &Ask) -> Result<(), Reply> {
    let options = &world.options.fitbit;
    let pair = format!("{}:{}", options.client_id, options.client_secret);
    let header = ask.header("authorization");
    let wrong = |text: &str| Err(error::visit(401, "invalid_client", text));
    match header.split_once(' ') {
        Some(("Basic", encoded)) if encoded == STANDARD.encode(&pair) => Ok(()),
        Some(("Basic", _)) => wrong("Invalid authorization header. Client credentials invalid."),
        _ => wrong("Invalid authorization header format. The header was not recognized."),
    }
}

/// `POST /oauth2/token`.
pub fn token(world: &World, ask: &Ask) -> Reply {
    if let Err(reply) = client(world, ask) {
        return reply;
    }
    let form = pairs(&ask.body);
    let get = |name: &str| {
        let found = form.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    let life_s = match get("expires_in") {
        None | Some("28800") => ACCESS_S,
        Some("3600") => 3600,
        Some(_) => {
            let text = "Invalid expires_in parameter value.";
            return error::visit(400, "invalid_request", text);
        }
    };
    let now = world.now();
    let mut state = world.state();
    let owner = match (get("grant_type"), get("code"), get("refresh_token")) {
        (Some("authorization_code"), Some(code), _) => {
            let verifier = get("code_verifier");
            let owner = state.fitbit.redeem(code, get("redirect_uri"), verifier, now);
            match owner {
                Some(owner) => owner,
                None => return invalid("Authorization code invalid", code),
            }
        }
        (Some("refresh_token"), _, Some(token)) => match state.fitbit.refreshable(token, now) {
            Some(Err(owner)) => owner,
            Some(Ok(reply)) => return Reply::json(200, &reply),
            None => return invalid("Refresh token invalid", token),
        },
        (Some("authorization_code"), None, _) => return missing("code"),
        (Some("refresh_token"), _, None) => return missing("refresh_token"),
        (Some(other), _, _) => {
            let text = format!("Unsupported grant_type parameter value: {other}.");
            return error::visit(400, "unsupported_grant_type", &text);
        }
        (None, _, _) => return missing("grant_type"),
    };
    let (who, scopes) = owner;
    let user_id = state.citizen(&who).map(|one| one.participant.legacy_user_id.clone());
    let user_id = user_id.unwrap_or_default();
    let reply = state.fitbit.issue((&who, &user_id), &scopes, life_s, now);
    if let Some(token) = get("refresh_token") {
        state.fitbit.replace(token, &reply, now);
    }
    Reply::json(200, &reply)
}

fn invalid(what: &str, secret: &str) -> Reply {
    error::visit(400, "invalid_grant", &format!("{what}: {secret}."))
}

fn missing(name: &str) -> Reply {
    let text = format!("Missing '{name}' parameter value.");
    error::visit(400, "invalid_request", &text)
}

/// `POST /oauth2/revoke`.
pub fn revoke(world: &World, ask: &Ask) -> Reply {
    if let Err(reply) = client(world, ask) {
        return reply;
    }
    let mut state = world.state();
    let owner = secret_of(ask).and_then(|token| state.fitbit.owner(&token));
    match owner {
        Some(who) => {
            state.fitbit.revoke_all(&who);
            Reply { status: 200, headers: Vec::new(), body: Vec::new() }
        }
        None => missing("token"),
    }
}

/// `POST /1.1/oauth2/introspect`.
pub fn introspect(world: &World, ask: &Ask) -> Reply {
    let now = world.now();
    let state = world.state();
    let bearer = ask.bearer().and_then(|token| state.fitbit.access(token));
    if bearer.is_none_or(|access| now >= access.expires) {
        return error::visit(401, "invalid_token", "Access token invalid.");
    }
    let token = secret_of(ask).unwrap_or_default();
    let access = state.fitbit.access(&token).filter(|access| now < access.expires);
    let Some(access) = access else {
        return Reply::json(200, &json!({"active": false}));
    };
    let scopes = access.scopes.iter().map(|scope| format!("{}=READ_WRITE", scope.to_uppercase()));
    let scopes = scopes.collect::<Vec<_>>().join(", ");
    let user_id = state.citizen(&access.who).map(|one| &one.participant.legacy_user_id);
    Reply::json(
        200,
        &json!({
            "active": true,
            "scope": format!("{{{scopes}}}"),
            "client_id": world.options.fitbit.client_id,
            "user_id": user_id,
            "token_type": "access_token",
            "exp": access.expires.as_millisecond(),
            "iat": access.issued.as_millisecond(),
        }),
    )
}
