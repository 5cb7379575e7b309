//! What Google's errors mean: status and reason alone, for messages may echo tokens.
//!
//! Facts: https://developers.google.com/health/reference/rest/v4/errors and RFC 6749, section 5.2.

use crate::core::error::{ErrorClass, Failure};
use crate::core::exchange::Reply;
use crate::core::json::Element;
use crate::provider::{IN_BETWEEN, error_name, text_of};

/// The names that Google gives an error; its message is never kept, it may echo tokens.
#[derive(Debug, Default)]
pub struct Reasons {
    /// OAuth: `invalid_grant`. API: `PERMISSION_DENIED`.
    pub status: String,
    /// `ACCESS_TOKEN_SCOPE_INSUFFICIENT`
    reason: String,
}

impl Reasons {
    fn is_scope(&self) -> bool {
        matches!(self.reason.as_str(), "ACCESS_TOKEN_SCOPE_INSUFFICIENT" | "MISSING_OAUTH_SCOPE")
    }

    fn is_project(&self) -> bool {
        matches!(
            self.reason.as_str(),
            "SERVICE_DISABLED" | "USER_PROJECT_DENIED" | "CONSUMER_INVALID" | "API_KEY_INVALID"
        )
    }

    pub fn is_unexplained(&self) -> bool {
        !self.is_scope() && !self.is_project()
    }
}

pub fn reasons(reply: &Reply) -> Reasons {
    let Ok(body) = text_of(reply).and_then(|text| Element::parse(text, "error")) else {
        return Reasons::default();
    };
    let text = |path: &str| body.text(path).map(error_name).unwrap_or_default();
    let details = body.list("error.details").unwrap_or_default();
    let reason = details.iter().find_map(|detail| detail.text("reason").map(error_name).ok());
    let status = if body.is_object("error") { text("error.status") } else { text("error") };
    Reasons { status, reason: reason.unwrap_or_default() }
}

pub fn classify(reply: &Reply) -> Failure {
    let reasons = reasons(reply);
    let named = format!("HTTP {} {} {}", reply.status, reasons.status, reasons.reason);
    let named = named.split_whitespace().collect::<Vec<_>>().join(" ");
    let fail = |class, cure: &str| {
        let join = if cure.is_empty() { "" } else { ": " };
        Failure::new(class, format!("{named}{join}{cure}"))
    };
    match (reply.status, reasons.status.as_str()) {
        (400 | 401, "invalid_grant") => {
            fail(ErrorClass::Auth, "the consent has expired or was withdrawn")
        }
        (400 | 401, "invalid_client" | "unauthorized_client") => fail(
            ErrorClass::Config,
            "Google does not know this application: check GOOGLE_CLIENT_ID and \
             GOOGLE_CLIENT_SECRET",
        ),
        (400 | 401, "redirect_uri_mismatch") => fail(
            ErrorClass::Config,
            "GOOGLE_REDIRECT_URI must equal an address registered at Google, to the letter",
        ),
        (400, _) if reasons.reason == "INVALID_ROLLUP_QUERY_DURATION" => {
            fail(ErrorClass::TooLong, "the range is longer than this service allows")
        }
        (412, _) | (400, "FAILED_PRECONDITION") => fail(
            ErrorClass::Auth,
            "this Google account has no Google Health profile: set it up in the app, then sign in",
        ),
        (401, _) => fail(ErrorClass::Auth, "the access token is refused"),
        (403, _) if reasons.is_scope() => fail(ErrorClass::NotGranted, "not granted"),
        (403, _) if reasons.is_project() => fail(
            ErrorClass::Config,
            "the Google Cloud project may not use the Google Health API: enable it in the console",
        ),
        (403, _) => fail(ErrorClass::NotGranted, "permission denied"),
        (410, _) => fail(ErrorClass::Retired, "this API is switched off"),
        (429, _) => fail(ErrorClass::Quota, "").after(reply.retry_after_s()),
        (500..=599, _) => fail(ErrorClass::Server, "").after(reply.retry_after_s()),
        (400..=499, _) => fail(ErrorClass::Bug, "the request is called wrong"),
        (300..=399, _) => fail(ErrorClass::Format, IN_BETWEEN),
        _ => fail(ErrorClass::Format, "an answer that is not documented"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class_of(status: u16, body: &str) -> ErrorClass {
        classify(&Reply { status, headers: Vec::new(), body: body.into() }).class
    }

    #[test]
    fn an_error_of_the_sign_in_names_its_cure() {
        let body = r#"{"error":"redirect_uri_mismatch","error_description":"Bad Request"}"#;
        let reply = Reply { status: 400, headers: Vec::new(), body: body.into() };
        let failure = classify(&reply);
        assert_eq!(failure.class, ErrorClass::Config);
        assert!(failure.what.contains("GOOGLE_REDIRECT_URI"), "{failure}");
        assert_eq!(class_of(400, r#"{"error":"invalid_grant"}"#), ErrorClass::Auth);
        assert_eq!(class_of(401, r#"{"error":"invalid_client"}"#), ErrorClass::Config);
    }

    #[test]
    fn a_range_that_is_too_long_can_be_asked_in_halves() {
        let body = r#"{"error":{"code":400,"status":"INVALID_ARGUMENT","details":[{"reason":
            "INVALID_ROLLUP_QUERY_DURATION","metadata":{"maxDurationDays":"14"}}]}}"#;
        assert_eq!(class_of(400, body), ErrorClass::TooLong);
        let other = body.replace("ROLLUP_QUERY_DURATION", "DATA_POINT_FILTER");
        assert_eq!(class_of(400, &other), ErrorClass::Bug);
    }
}
