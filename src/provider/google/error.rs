//! What Google's errors mean: status and reason alone, for messages may echo tokens.
//!
//! Facts: https://developers.google.com/health/reference/rest/v4/errors and RFC 6749, section 5.2.

use crate::core::error::{ErrorClass, Failure};
use crate::core::exchange::Reply;
use crate::core::json::Element;
use crate::provider::{IN_BETWEEN, error_name, no_token_answer, refuses_client, text_of};

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

fn failure(reply: &Reply, reasons: &Reasons, class: ErrorClass, cure: &str) -> Failure {
    let named = format!("HTTP {} {} {}", reply.status, reasons.status, reasons.reason);
    let named = named.split_whitespace().collect::<Vec<_>>().join(" ");
    let join = if cure.is_empty() { "" } else { ": " };
    Failure::new(class, format!("{named}{join}{cure}"))
}

/// The token service's answers. Only `invalid_grant` says that the participant must sign in again.
pub fn classify_token(reply: &Reply) -> Failure {
    let reasons = reasons(reply);
    let fail = |class, cure: &str| failure(reply, &reasons, class, cure);
    match (reply.status, reasons.status.as_str()) {
        (400 | 401, "invalid_grant") => {
            fail(ErrorClass::Auth, "the consent has expired or was withdrawn")
        }
        (400 | 401, "redirect_uri_mismatch") => fail(
            ErrorClass::Config,
            "GOOGLE_REDIRECT_URI must equal an address registered at Google, to the letter",
        ),
        (400..=403, "org_internal") => fail(
            ErrorClass::Config,
            "the application is for accounts of its own organisation: set its audience to \
             External in the Google Cloud console",
        ),
        (400..=403, "admin_policy_enforced") => fail(
            ErrorClass::Account,
            "the administrator of this account's Google Workspace does not allow the \
             application: have it allowed there, or connect another account",
        ),
        (status, error) if refuses_client(status, error) => fail(
            ErrorClass::Config,
            "Google does not accept this application: check GOOGLE_CLIENT_ID and \
             GOOGLE_CLIENT_SECRET, and that the client is there in the Google Cloud console",
        ),
        (400, "") | (401 | 403 | 412, _) => no_token_answer(reply.status),
        _ => classify(reply),
    }
}

pub fn classify(reply: &Reply) -> Failure {
    let reasons = reasons(reply);
    let fail = |class, cure: &str| failure(reply, &reasons, class, cure);
    match (reply.status, reasons.status.as_str()) {
        (400, _) if reasons.reason == "INVALID_ROLLUP_QUERY_DURATION" => {
            fail(ErrorClass::TooLong, "the range is longer than this service allows")
        }
        (400, _) if reasons.reason == "ACCOUNT_NOT_LINKED" => fail(ErrorClass::Auth, NO_PROFILE),
        (412, _) => fail(ErrorClass::Auth, NO_PROFILE),
        (400, "FAILED_PRECONDITION") => {
            fail(ErrorClass::Format, "the account is not as this request needs it")
        }
        (401, _) => fail(ErrorClass::Auth, "the access token is refused"),
        (403, _) if reasons.is_scope() => fail(ErrorClass::NotGranted, "not granted"),
        (403, _) if reasons.is_project() => fail(
            ErrorClass::Config,
            "the Google Cloud project may not use the Google Health API: enable it in the console",
        ),
        (403, _) => fail(ErrorClass::NotGranted, "permission denied"),
        (408, _) => fail(ErrorClass::Server, "").after(reply.retry_after_s()),
        (429, _) => fail(ErrorClass::Quota, "").after(reply.retry_after_s()),
        (500..=599, _) => fail(ErrorClass::Server, "").after(reply.retry_after_s()),
        (400..=499, _) => fail(ErrorClass::Bug, "the request is called wrong"),
        (300..=399, _) => fail(ErrorClass::Format, IN_BETWEEN),
        _ => fail(ErrorClass::Format, "an answer that is not documented"),
    }
}

const NO_PROFILE: &str =
    "this Google account has no Google Health profile: set it up in the app, then sign in";

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply { status, headers: Vec::new(), body: body.into() }
    }

    fn class_of(status: u16, body: &str) -> ErrorClass {
        classify(&reply(status, body)).class
    }

    #[test]
    fn an_error_of_the_sign_in_names_its_cure() {
        let body = r#"{"error":"redirect_uri_mismatch","error_description":"Bad Request"}"#;
        let failure = classify_token(&reply(400, body));
        assert_eq!(failure.class, ErrorClass::Config);
        assert!(failure.what.contains("GOOGLE_REDIRECT_URI"), "{failure}");
    }

    #[test]
    fn only_an_invalid_grant_of_the_token_service_asks_for_a_new_sign_in() {
        let class = |status, error: &str| {
            classify_token(&reply(status, &format!(r#"{{"error":"{error}"}}"#))).class
        };
        assert_eq!(class(400, "invalid_grant"), ErrorClass::Auth);
        for (status, error) in [
            (401, "invalid_client"),
            (400, "unauthorized_client"),
            (401, "deleted_client"),
            (400, "disabled_client"),
            (401, "a_word_of_tomorrow"),
            (403, "org_internal"),
        ] {
            assert_eq!(class(status, error), ErrorClass::Config, "{status} {error}");
        }
        assert_eq!(class(400, "admin_policy_enforced"), ErrorClass::Account);
        assert_eq!(class(400, "invalid_request"), ErrorClass::Bug, "of one participant");
        let envelope = r#"{"error":{"code":401,"status":"UNAUTHENTICATED"}}"#;
        for body in ["<html>Sign in</html>", "", "{}", envelope] {
            for status in [401, 403, 412] {
                let failure = classify_token(&reply(status, body));
                assert_eq!(failure.class, ErrorClass::Format, "{status} {body}");
            }
        }
        assert_eq!(classify_token(&reply(400, "<html>")).class, ErrorClass::Format);
        assert_eq!(classify_token(&reply(503, "<html>")).class, ErrorClass::Server);
    }

    #[test]
    fn an_account_without_a_profile_is_told_by_its_reason_alone() {
        let body = |reason: &str| {
            format!(
                r#"{{"error":{{"code":400,"status":"FAILED_PRECONDITION","details":[
                    {{"reason":"{reason}"}}]}}}}"#
            )
        };
        assert_eq!(class_of(400, &body("ACCOUNT_NOT_LINKED")), ErrorClass::Auth);
        assert_eq!(class_of(412, ""), ErrorClass::Auth);
        let other = class_of(400, &body("SOME_OTHER_REASON"));
        assert_eq!(other.reach(), crate::core::error::Reach::Item);
        assert_eq!(class_of(408, ""), ErrorClass::Server);
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
