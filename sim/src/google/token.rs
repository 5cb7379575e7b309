//! Google's token and revoke addresses.

use serde_json::json;

use super::grant::Refusal;
use crate::http::{Ask, Reply, pairs};
use crate::world::World;

fn refused(status: u16, (error, description): Refusal) -> Reply {
    let body = json!({"error": error, "error_description": description});
    Reply::json(status, &body)
}

/// The error that a fault names.
pub fn by_error(error: &str) -> Reply {
    let (status, description) = match error {
        "invalid_rapt" => return invalid_rapt(),
        "permission_denied" => return permission_denied(),
        "access_denied" => (403, "Access to this account is denied."),
        "disallowed_useragent" => (403, "You can't sign in from this user agent."),
        "org_internal" => (403, "The client is restricted to users within its organization."),
        "admin_policy_enforced" => (400, "Access is restricted by the account's administrator."),
        "rate_limit_exceeded" => (403, "Rate Limit Exceeded"),
        "quota_exceeded" => (429, "Token grant quota exceeded."),
        "invalid_scope" => (400, "Some requested scopes were invalid."),
        "invalid_request" => (400, "Missing required parameter: grant_type"),
        "redirect_uri_mismatch" => (400, "Bad Request"),
        "disabled_client" => (401, "The OAuth client was disabled."),
        "temporarily_unavailable" => (503, "Please try again later."),
        "invalid_grant" => (400, "Token has been expired or revoked."),
        "invalid_client" => (401, "The provided client secret is invalid."),
        "unauthorized_client" => (401, "Unauthorized"),
        "deleted_client" => (401, "The OAuth client was deleted."),
        "internal_failure" => (500, "Internal failure"),
        _ => (400, "Bad Request"),
    };
    Reply::json(status, &json!({"error": error, "error_description": description}))
}

/// The account's Workspace wants a new sign-in from time to time, which ends every consent.
fn invalid_rapt() -> Reply {
    let body = json!({
        "error": "invalid_grant",
        "error_description": "reauth related error (invalid_rapt)",
        "error_uri": "https://support.google.com/a/answer/9368756",
        "error_subtype": "invalid_rapt",
    });
    Reply::json(400, &body)
}

/// A refusal of Google's gateway in front of the token address, in the API's shape.
fn permission_denied() -> Reply {
    let message = "Request is prohibited by organization's policy.";
    let error = json!({"code": 403, "message": message, "status": "PERMISSION_DENIED"});
    Reply::json(403, &json!({ "error": error }))
}

/// All that [`by_error`] knows, for help texts.
pub const ERRORS: &str = "invalid_grant invalid_rapt invalid_client unauthorized_client \
    deleted_client disabled_client access_denied disallowed_useragent org_internal \
    admin_policy_enforced permission_denied rate_limit_exceeded quota_exceeded invalid_scope \
    invalid_request redirect_uri_mismatch temporarily_unavailable internal_failure";

/// The error that fits a status, for faults that name none.
pub fn by_status(status: u16) -> Reply {
    let error = match status {
        400 => "invalid_grant",
        401 => "invalid_client",
        429 => "rate_limit_exceeded",
        500..600 => "internal_failure",
        _ => "access_denied",
    };
    Reply::json(status, &json!({"error": error, "error_description": "Bad Request"}))
}

/// The token or code that a request to these addresses is about.
pub fn secret_of(ask: &Ask) -> Option<String> {
    let form = ask.form();
    let names = ["refresh_token", "code", "token"];
    let found = form.into_iter().find(|(name, _)| names.contains(&name.as_str()));
    let in_query = ask.parameter("token").map(str::to_owned);
    found.map(|(_, value)| value).or(in_query)
}

/// `POST /token`.
pub fn token(world: &World, ask: &Ask) -> Reply {
    let kind = ask.header("content-type");
    let kind = kind.split(';').next().unwrap_or("").trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return refused(400, ("invalid_request", "The body must be a form."));
    }
    let form = pairs(&ask.body);
    let mut names: Vec<_> = form.iter().map(|(name, _)| name).collect();
    names.sort();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return refused(400, ("invalid_request", "A parameter is there twice."));
    }
    let get = |name: &str| {
        let found = form.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    let Some(client) = get("client_id") else {
        return refused(400, ("invalid_request", "Could not determine client ID from request."));
    };
    if client != world.options.client_id {
        return refused(401, ("invalid_client", "The OAuth client was not found."));
    }
    match get("client_secret") {
        Some(secret) if secret == world.options.client_secret => {}
        Some(_) => {
            let text = "The provided client secret is invalid.";
            return refused(401, ("invalid_client", text));
        }
        None => return refused(400, ("invalid_request", "client_secret is missing.")),
    }
    let now = world.now();
    let grants = &mut world.state().grants;
    let result = match (get("grant_type"), get("code"), get("refresh_token")) {
        (Some("authorization_code"), Some(code), _) => match get("redirect_uri") {
            Some(redirect) => grants.exchange(code, redirect, get("code_verifier"), now),
            None => Err(("invalid_request", "Missing parameter: redirect_uri")),
        },
        (Some("authorization_code"), None, _) => {
            Err(("invalid_request", "Missing required parameter: code"))
        }
        (Some("refresh_token"), _, Some(token)) => grants.refresh(token, now),
        (Some("refresh_token"), _, None) => {
            Err(("invalid_request", "Missing required parameter: refresh_token"))
        }
        (Some(_), _, _) => Err(("unsupported_grant_type", "Invalid grant_type")),
        (None, _, _) => Err(("invalid_request", "Required parameter is missing: grant_type")),
    };
    match result {
        Ok(reply) => Reply::json(200, &reply).with("cache-control", "no-store"),
        Err(refusal) => refused(400, refusal),
    }
}

/// `POST /revoke`.
pub fn revoke(world: &World, ask: &Ask) -> Reply {
    let now = world.now();
    match secret_of(ask) {
        Some(token) if world.state().grants.revoke(&token, now) => Reply::json(200, &json!({})),
        Some(_) => refused(400, ("invalid_token", "Token expired or revoked")),
        None => refused(400, ("invalid_request", "Missing required parameter: token")),
    }
}
