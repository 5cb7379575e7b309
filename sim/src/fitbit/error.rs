//! Fitbit's classic error envelope. Its messages repeat tokens.

use serde_json::json;

use crate::http::Reply;

/// Where every message sends its reader.
const VISIT: &str = "Visit https://dev.fitbit.com/docs/oauth2 for more information on the Fitbit \
                     Web API authorization process.";

/// An error with a message of its own.
pub fn classic(status: u16, kind: &str, message: &str) -> Reply {
    let body = json!({"errors": [{"errorType": kind, "message": message}], "success": false});
    Reply::json(status, &body)
}

/// The same, with the pointer to the documentation.
pub fn visit(status: u16, kind: &str, message: &str) -> Reply {
    classic(status, kind, &format!("{message} {VISIT}"))
}

/// 429, as it was.
pub fn too_many() -> Reply {
    let one = json!({"errorType": "system", "fieldName": "n/a", "message": "Too Many Requests"});
    Reply::json(429, &json!({"errors": [one], "success": false}))
}

/// What is left after the end of the API. Its real body was never published.
pub fn gone() -> Reply {
    Reply::html(
        410,
        "<!DOCTYPE html>\n<html lang=en><title>Error 410 (Gone)!!1</title>\n\
         <p>The Fitbit Web API has been turned off.\n",
    )
}

/// The error that a fault names.
pub fn by_error(error: &str) -> Reply {
    match error {
        "invalid_grant" => visit(400, error, "Refresh token invalid: 0123456789abcdef."),
        "invalid_client" => visit(401, error, "Invalid authorization header format."),
        other => visit(400, other, "As asked."),
    }
}

/// The error that fits a status, for faults that name none.
pub fn by_status(status: u16) -> Reply {
    match status {
        401 => visit(401, "expired_token", "Access token expired: 0123456789abcdef."),
        403 => visit(
            403,
            "insufficient_permissions",
            "API client is not authorized by Fitbit to access the resource requested.",
        ),
        409 => classic(
            409,
            "request",
            "Request conflict due to multiple clients attempting to refresh the same access token",
        ),
        410 => gone(),
        429 => too_many(),
        500..600 => classic(status, "system", "Something is wrong on our side"),
        _ => classic(status, "request", "As asked."),
    }
}
