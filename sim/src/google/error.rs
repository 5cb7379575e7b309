//! Error bodies as Google sends them.

use serde_json::{Map, Value, json};

use crate::http::Reply;

const INFO: &str = "type.googleapis.com/google.rpc.ErrorInfo";
const BAD_REQUEST: &str = "type.googleapis.com/google.rpc.BadRequest";
const HEALTH: &str = "health.googleapis.com";
const GENERAL: &str = "googleapis.com";

fn body(code: u16, message: &str, status: &str, details: Vec<Value>) -> Reply {
    let mut error = json!({"code": code, "message": message, "status": status});
    if !details.is_empty() {
        error["details"] = Value::Array(details);
    }
    Reply::json(code, &json!({"error": error}))
}

fn info(reason: &str, domain: &str, metadata: &[(&str, &str)]) -> Value {
    let mut info = json!({"@type": INFO, "reason": reason, "domain": domain});
    if !metadata.is_empty() {
        let pairs = metadata.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value)));
        info["metadata"] = Value::Object(pairs.collect::<Map<_, _>>());
    }
    info
}

fn violation(field: &str, description: &str) -> Value {
    json!({
        "@type": BAD_REQUEST,
        "fieldViolations": [{"field": field, "description": description}],
    })
}

/// 400 with one of the health API's reasons.
pub fn invalid(reason: &str, message: &str, metadata: &[(&str, &str)]) -> Reply {
    let info = info(reason, HEALTH, metadata);
    body(400, message, "INVALID_ARGUMENT", vec![info])
}

/// 400 for a field of the request that is missing, unknown or of the wrong kind.
pub fn invalid_field(field: &str, description: &str) -> Reply {
    let details = vec![violation(field, description)];
    body(400, description, "INVALID_ARGUMENT", details)
}

/// 400 for a query parameter or a JSON field that the method does not have.
pub fn unknown_name(name: &str, in_query: bool) -> Reply {
    let rest = if in_query {
        format!(
            "Cannot bind query parameter. Field '{name}' could not be found in request message."
        )
    } else {
        "Cannot find field.".to_owned()
    };
    let text = format!("Invalid JSON payload received. Unknown name \"{name}\": {rest}");
    let details = vec![json!({
        "@type": BAD_REQUEST,
        "fieldViolations": [{"description": text}],
    })];
    body(400, &text, "INVALID_ARGUMENT", details)
}

/// 400 for a data type that does not exist under that name.
pub fn unknown_type(name: &str) -> Reply {
    let message =
        format!("Invalid data type ID referenced in the parent data type collection: {name}");
    let description = format!("The data type ID '{name}' is not supported.");
    let reason = "INVALID_PARENT_DATA_TYPE_COLLECTION";
    let details =
        vec![info(reason, HEALTH, &[("dataType", name)]), violation("parent", &description)];
    body(400, &message, "INVALID_ARGUMENT", details)
}

/// 400 for an action that a data type does not have.
pub fn unsupported_action(action: &str, data_type: &str, supported: &str) -> Reply {
    let message = format!(
        "{action} is not supported for data type {data_type}, but the following actions are \
         supported: {supported}"
    );
    let metadata = [("dataType", data_type)];
    invalid("UNSUPPORTED_DATA_TYPE_ACTION", &message, &metadata)
}

/// 400 for a range, or for pages, that are too long.
pub fn rollup_too_long(days_max: i64) -> Reply {
    let days = days_max.to_string();
    let message = "Request contains an invalid argument.";
    let metadata = [("maxDurationDays", days.as_str())];
    invalid("INVALID_ROLLUP_QUERY_DURATION", message, &metadata)
}

/// 400 for a closed-open range that holds nothing.
pub fn empty_range() -> Reply {
    let metadata = [("field", "range")];
    invalid("INVALID_TIME_RANGE", "The range must not be empty.", &metadata)
}

/// The page for an address that does not exist.
pub fn not_found() -> Reply {
    Reply::html(
        404,
        "<!DOCTYPE html>\n<html lang=en><title>Error 404 (Not Found)!!1</title>\n\
         <p>The requested URL was not found on this server.\n",
    )
}

/// The error that a reason names, for checks and for faults.
pub fn by_reason(reason: &str) -> Option<Reply> {
    let reply = match reason {
        "CREDENTIALS_MISSING" => body(
            401,
            "Request is missing required authentication credential. Expected OAuth 2 access \
             token, login cookie or other valid authentication credential. See \
             https://developers.google.com/identity/sign-in/web/devconsole-project.",
            "UNAUTHENTICATED",
            vec![info(reason, GENERAL, &[])],
        ),
        "ACCESS_TOKEN_EXPIRED" => body(
            401,
            "Request had invalid authentication credentials. Expected OAuth 2 access token, \
             login cookie or other valid authentication credential. See \
             https://developers.google.com/identity/sign-in/web/devconsole-project.",
            "UNAUTHENTICATED",
            vec![info(reason, GENERAL, &[("service", HEALTH)])],
        ),
        "SERVICE_DISABLED" => service_disabled(),
        "ACCOUNT_NOT_LINKED" => body(
            400,
            "The account is not linked to Google Health.",
            "FAILED_PRECONDITION",
            vec![info(
                reason,
                GENERAL,
                &[("redirect_uri", "https://fitbit.google.com/auth/signup")],
            )],
        ),
        "PROFILE_NOT_INITIALIZED" => {
            body(412, "The user has no Google Health profile.", "FAILED_PRECONDITION", vec![])
        }
        "API_KEY_INVALID" => body(
            400,
            "API key not valid. Please pass a valid API key.",
            "INVALID_ARGUMENT",
            plain(reason),
        ),
        "RESOURCE_NOT_FOUND" => body(
            404,
            "The requested resource was not found.",
            "NOT_FOUND",
            vec![info(reason, HEALTH, &[])],
        ),
        "RATE_LIMIT_EXCEEDED" => rate_limited(),
        _ if INVALID.contains(&reason) => {
            invalid(reason, "Request contains an invalid argument.", &[])
        }
        _ => return denial(reason).or_else(|| without_reason(reason)),
    };
    Some(reply)
}

/// The reasons of 403.
fn denial(reason: &str) -> Option<Reply> {
    let denied = |message: &str, details| body(403, message, "PERMISSION_DENIED", details);
    let reply = match reason {
        "ACCESS_TOKEN_SCOPE_INSUFFICIENT" | "MISSING_OAUTH_SCOPE" => denied(
            "Request had insufficient authentication scopes.",
            vec![info(reason, GENERAL, &[])],
        ),
        "USER_PROJECT_DENIED" => denied(
            "User is not authorized to access health data.",
            vec![info(reason, GENERAL, &[])],
        ),
        "RESOURCE_PERMISSION_DENIED" => {
            denied("The caller does not have permission", vec![info(reason, HEALTH, &[])])
        }
        "CALLER_WITHOUT_PERMISSION" => denied("The caller does not have permission", vec![]),
        "UBER_MINT" => denied("Could not mint UberMint from GaiaMint", vec![]),
        "DISALLOWED_OAUTH_SCOPES" => {
            denied("The OAuth client is not allowed to use these scopes.", plain(reason))
        }
        "API_PRIVATE_PREVIEW_ACCESS_DENIED" => {
            denied("The project has no access to this API.", plain(reason))
        }
        "CONSUMER_INVALID" | "CONSUMER_SUSPENDED" => denied(
            "Permission denied: Consumer 'project_number:123456789' is not valid.",
            plain(reason),
        ),
        "DATA_ACCESS_DENIED" => {
            denied("Access to the requested data is denied.", vec![info(reason, HEALTH, &[])])
        }
        _ => return None,
    };
    Some(reply)
}

fn plain(reason: &str) -> Vec<Value> {
    vec![info(reason, GENERAL, &[])]
}

/// Errors of which Google tells the status alone.
fn without_reason(status: &str) -> Option<Reply> {
    let (code, message) = match status {
        "UNAUTHENTICATED" => (401, "Request had invalid authentication credentials."),
        "PERMISSION_DENIED" => (403, "Permission denied."),
        "NOT_FOUND" => (404, "Requested entity was not found."),
        "ABORTED" => (409, "The operation was aborted."),
        "RESOURCE_EXHAUSTED" => (429, "Resource has been exhausted (e.g. check quota)."),
        "INTERNAL" => (500, "Internal error encountered."),
        "UNIMPLEMENTED" => (501, "Operation is not implemented."),
        "UNAVAILABLE" => (503, "The service is currently unavailable."),
        "DEADLINE_EXCEEDED" => (504, "Deadline expired before operation could complete."),
        _ => return None,
    };
    Some(body(code, message, status, vec![]))
}

/// The reasons of 400 that say no more than themselves.
const INVALID: [&str; 16] = [
    "INVALID_PARENT_DATA_TYPE_COLLECTION",
    "INVALID_PARENT_DATA_TYPE_COLLECTION_FORMAT",
    "UNSUPPORTED_DATA_TYPE_ACTION",
    "INVALID_DATA_POINT_DATA_SOURCE_FAMILY",
    "INVALID_DATA_POINT_FILTER",
    "INVALID_DATA_POINT_FILTER_SYNTAX",
    "INVALID_DATA_POINT_FILTER_MISSING_TOKEN",
    "INVALID_DATA_POINT_FILTER_UNEXPECTED_TOKEN",
    "INVALID_DATA_POINT_FILTER_UNEXPECTED_END_OF_INPUT",
    "INVALID_DATA_POINT_FILTER_DATA_TYPE_MEMBER",
    "INVALID_DATA_POINT_FILTER_RESTRICTION_COMPARATOR",
    "INVALID_DATA_POINT_FILTER_MIXED_TIME_RESTRICTIONS",
    "INVALID_FILTER_FORMAT",
    "INVALID_PAGE_TOKEN",
    "INVALID_TIME_RANGE",
    "INVALID_ROLLUP_QUERY_DURATION",
];

/// All that [`by_reason`] knows, for help texts.
pub fn all_reasons() -> String {
    let others = "CREDENTIALS_MISSING ACCESS_TOKEN_EXPIRED UNAUTHENTICATED \
        ACCESS_TOKEN_SCOPE_INSUFFICIENT MISSING_OAUTH_SCOPE USER_PROJECT_DENIED \
        RESOURCE_PERMISSION_DENIED CALLER_WITHOUT_PERMISSION UBER_MINT DISALLOWED_OAUTH_SCOPES \
        API_PRIVATE_PREVIEW_ACCESS_DENIED CONSUMER_INVALID CONSUMER_SUSPENDED DATA_ACCESS_DENIED \
        SERVICE_DISABLED PERMISSION_DENIED ACCOUNT_NOT_LINKED PROFILE_NOT_INITIALIZED \
        API_KEY_INVALID RESOURCE_NOT_FOUND NOT_FOUND ABORTED RATE_LIMIT_EXCEEDED \
        RESOURCE_EXHAUSTED INTERNAL UNIMPLEMENTED UNAVAILABLE DEADLINE_EXCEEDED";
    format!("{others} {}", INVALID.join(" "))
}

fn service_disabled() -> Reply {
    let url = "https://console.developers.google.com/apis/api/health.googleapis.com/overview\
               ?project=123456789";
    let message = format!(
        "Google Health API has not been used in project 123456789 before or it is disabled. \
         Enable it by visiting {url} then retry. If you enabled this API recently, wait a few \
         minutes for the action to propagate to our systems and retry."
    );
    let metadata = [("consumer", "projects/123456789"), ("service", "health.googleapis.com")];
    let help = json!({
        "@type": "type.googleapis.com/google.rpc.Help",
        "links": [{"description": "Google developers console API activation", "url": url}],
    });
    let details = vec![info("SERVICE_DISABLED", GENERAL, &metadata), help];
    body(403, &message, "PERMISSION_DENIED", details)
}

fn rate_limited() -> Reply {
    let message = "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute' of \
                   service 'health.googleapis.com' for consumer 'project_number:123456789'.";
    let failure = json!({
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{"subject": "project:123456789", "description": "Quota exceeded"}],
    });
    let details = vec![info("RATE_LIMIT_EXCEEDED", GENERAL, &[]), failure];
    body(429, message, "RESOURCE_EXHAUSTED", details)
}

/// The error that fits a status, for faults that name no reason.
pub fn by_status(status: u16) -> Reply {
    let reason = match status {
        401 => "ACCESS_TOKEN_EXPIRED",
        403 => "RESOURCE_PERMISSION_DENIED",
        429 => "RATE_LIMIT_EXCEEDED",
        500 => "INTERNAL",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "",
    };
    by_reason(reason).unwrap_or_else(|| {
        let page = format!("<!DOCTYPE html>\n<html lang=en><title>Error {status}</title>\n");
        Reply::html(status, &page)
    })
}
