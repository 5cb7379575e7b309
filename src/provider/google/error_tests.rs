use super::*;
use crate::core::error::Reach;

fn reply(status: u16, body: &str) -> Reply {
    Reply { status, headers: Vec::new(), body: body.into() }
}

/// An error of the health API, as its documentation shows them.
fn api_reply(code: u16, status: &str, reason: &str) -> Reply {
    let info = "type.googleapis.com/google.rpc.ErrorInfo";
    let details = if reason.is_empty() {
        String::new()
    } else {
        format!(
            r#","details":[{{"@type":"type.googleapis.com/google.rpc.Help"}},
            {{"@type":"{info}","reason":"{reason}","domain":"health.googleapis.com"}}]"#
        )
    };
    reply(
        code,
        &format!(
            r#"{{"error":{{"code":{code},"message":"ya29.secret","status":"{status}"{details}}}}}"#
        ),
    )
}

/// Every reason that Google documents or that was seen, and what follows from it.
const REASONS: &[(u16, &str, &str, ErrorClass)] = &[
    (400, "FAILED_PRECONDITION", "ACCOUNT_NOT_LINKED", Auth),
    (400, "FAILED_PRECONDITION", "", Format),
    (400, "FAILED_PRECONDITION", "A_REASON_OF_TOMORROW", Bug),
    (400, "INVALID_ARGUMENT", "", Bug),
    (400, "INVALID_ARGUMENT", "INVALID_PARENT_DATA_TYPE_COLLECTION", Bug),
    (400, "INVALID_ARGUMENT", "INVALID_PARENT_DATA_TYPE_COLLECTION_FORMAT", Bug),
    (400, "INVALID_ARGUMENT", "UNSUPPORTED_DATA_TYPE_ACTION", Bug),
    (400, "INVALID_ARGUMENT", "INVALID_DATA_POINT_FILTER", Bug),
    (400, "INVALID_ARGUMENT", "INVALID_DATA_POINT_FILTER_SYNTAX", Bug),
    (400, "INVALID_ARGUMENT", "INVALID_DATA_POINT_FILTER_MISSING_TOKEN", Bug),
    (400, "INVALID_ARGUMENT", "INVALID_DATA_POINT_FILTER_DATA_TYPE_MEMBER", Bug),
    (400, "INVALID_ARGUMENT", "INVALID_DATA_POINT_FILTER_UNEXPECTED_TOKEN", Bug),
    (400, "INVALID_ARGUMENT", "INVALID_DATA_POINT_FILTER_UNEXPECTED_END_OF_INPUT", Bug),
    (400, "INVALID_ARGUMENT", "INVALID_DATA_POINT_FILTER_EXPRESSION_STRUCTURE", Bug),
    (400, "INVALID_ARGUMENT", "INVALID_DATA_POINT_FILTER_RESTRICTION_COMPARABLE", Bug),
    (400, "INVALID_ARGUMENT", "INVALID_DATA_POINT_FILTER_RESTRICTION_COMPARATOR", Bug),
    (400, "INVALID_ARGUMENT", "INVALID_DATA_POINT_FILTER_DATA_TYPE_RESTRICTION", Bug),
    (400, "INVALID_ARGUMENT", "INVALID_DATA_POINT_FILTER_COLLECTION_MISMATCH", Bug),
    (400, "INVALID_ARGUMENT", "INVALID_DATA_POINT_FILTER_MIXED_TIME_RESTRICTIONS", Bug),
    (400, "INVALID_ARGUMENT", "INVALID_FILTER_FORMAT", Bug),
    (400, "INVALID_ARGUMENT", "INVALID_DATA_POINT_DATA_SOURCE_FAMILY", Bug),
    (400, "INVALID_ARGUMENT", "INVALID_TIME_RANGE", Bug),
    (400, "INVALID_ARGUMENT", "INVALID_PAGE_TOKEN", Format),
    (400, "INVALID_ARGUMENT", "INVALID_ROLLUP_QUERY_DURATION", TooLong),
    (401, "UNAUTHENTICATED", "CREDENTIALS_MISSING", Auth),
    (401, "UNAUTHENTICATED", "ACCESS_TOKEN_EXPIRED", Auth),
    (401, "UNAUTHENTICATED", "", Auth),
    (403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT", NotGranted),
    (403, "PERMISSION_DENIED", "MISSING_OAUTH_SCOPE", NotGranted),
    (403, "PERMISSION_DENIED", "SERVICE_DISABLED", Config),
    (403, "PERMISSION_DENIED", "USER_PROJECT_DENIED", Config),
    (403, "PERMISSION_DENIED", "CONSUMER_INVALID", Config),
    (403, "PERMISSION_DENIED", "API_KEY_INVALID", Config),
    (403, "PERMISSION_DENIED", "API_PRIVATE_PREVIEW_ACCESS_DENIED", Config),
    (403, "PERMISSION_DENIED", "DISALLOWED_OAUTH_SCOPES", Config),
    (403, "PERMISSION_DENIED", "DATA_ACCESS_DENIED", Denied),
    (403, "PERMISSION_DENIED", "RESOURCE_PERMISSION_DENIED", Denied),
    (403, "PERMISSION_DENIED", "", Denied),
    (403, "PERMISSION_DENIED", "A_REASON_OF_TOMORROW", Denied),
    (403, "PERMISSION_DENIED", "RATE_LIMIT_EXCEEDED", Quota),
    (404, "NOT_FOUND", "RESOURCE_NOT_FOUND", Bug),
    (408, "", "", Server),
    (410, "", "", Bug),
    (412, "FAILED_PRECONDITION", "", Auth),
    (429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED", Quota),
    (429, "RESOURCE_EXHAUSTED", "", Quota),
    (500, "INTERNAL", "", Server),
    (502, "", "", Server),
    (503, "UNAVAILABLE", "", Server),
    (504, "DEADLINE_EXCEEDED", "", Server),
];

#[test]
fn every_reason_of_the_health_api_has_its_class_and_shows_its_name_alone() {
    for &(code, status, reason, class) in REASONS {
        let failure = classify(&api_reply(code, status, reason));
        assert_eq!(failure.class, class, "{code} {status} {reason}: {failure}");
        assert!(failure.what.contains(reason), "{failure}");
        assert!(!failure.what.contains("secret"), "{failure}");
    }
}

#[test]
fn every_row_of_the_tables_is_reached_and_has_a_sentence() {
    for row in API.iter().filter(|row| !row.name.is_empty()) {
        let named = |(code, status, reason, _): &&(u16, &str, &str, ErrorClass)| {
            *code == row.status
                && (*reason == row.name || (reason.is_empty() && *status == row.name))
        };
        let told = REASONS.iter().find(named);
        let &(code, status, reason, class) = told.unwrap_or_else(|| panic!("no test: {row:?}"));
        assert_eq!(class, row.class, "{row:?}");
        let failure = classify(&api_reply(code, status, reason));
        assert!(!row.sentence.is_empty() && failure.what.contains(row.sentence), "{failure}");
        assert!(failure.what.ends_with(row.cure), "{failure}");
    }
    // What only a person can mend names what to do.
    for row in API.iter().chain(TOKEN).filter(|row| matches!(row.class, Config | Account | Denied))
    {
        assert!(!row.cure.is_empty(), "{row:?}");
    }
}

#[test]
fn the_reasons_of_the_older_form_are_the_same_ones() {
    for (former, class) in [
        ("accessNotConfigured", Config),
        ("insufficientPermissions", NotGranted),
        ("userRateLimitExceeded", Quota),
        ("dailyLimitExceeded", Quota),
        ("of_tomorrow", Denied),
    ] {
        let body = format!(r#"{{"error":{{"code":403,"errors":[{{"reason":"{former}"}}]}}}}"#);
        assert_eq!(classify(&reply(403, &body)).class, class, "{former}");
    }
}

#[test]
fn only_an_answer_in_googles_form_says_anything_of_a_consent_or_a_project() {
    let pages = [
        "",
        "<html>Gone</html>",
        "{}",
        "[]",
        "null",
        r#"{"message":"PERMISSION_DENIED"}"#,
        r#"{"error":"blocked"}"#,
        r#"{"error":{"message":"blocked"}}"#,
        r#"{"error":{"code":7,"status":"PERMISSION_DENIED"}}"#,
    ];
    for body in pages {
        for status in [400, 401, 403, 404, 407, 410, 412, 451, 499] {
            let failure = classify(&reply(status, body));
            assert_eq!(failure.class.reach(), Reach::Item, "{status} {body}: {failure}");
            assert!(matches!(failure.class, Format | Bug), "{status} {body}: {failure}");
            if !body.contains("blocked") {
                let failure = classify_token(&reply(status, body));
                assert_eq!(failure.class.reach(), Reach::Item, "{status} {body}: {failure}");
            }
        }
    }
}

#[test]
fn a_range_that_is_not_answered_is_asked_smaller_and_after_504_at_once() {
    for (status, smaller) in [
        (500, Some(Smaller::AfterOnce)),
        (502, Some(Smaller::AfterOnce)),
        (503, Some(Smaller::AfterOnce)),
        (504, Some(Smaller::AtOnce)),
        (400, None),
        (429, None),
    ] {
        assert_eq!(classify(&reply(status, "")).smaller, smaller, "{status}");
        assert_eq!(classify_token(&reply(status, "")).smaller, None, "{status}");
    }
}

fn of_token(status: u16, body: &str) -> Failure {
    classify_token(&reply(status, body))
}

#[test]
fn every_error_of_the_token_service_has_its_class_and_its_cure() {
    for (status, error, class, says) in [
        (400, "invalid_grant", Auth, "withdrawn"),
        (401, "invalid_client", Config, "GOOGLE_CLIENT_ID"),
        (400, "unauthorized_client", Config, "GOOGLE_CLIENT_ID"),
        (401, "deleted_client", Config, "GOOGLE_CLIENT_ID"),
        (400, "disabled_client", Config, "GOOGLE_CLIENT_ID"),
        (401, "a_word_of_tomorrow", Config, "GOOGLE_CLIENT_ID"),
        (400, "redirect_uri_mismatch", Config, "GOOGLE_REDIRECT_URI"),
        (403, "org_internal", Config, "External"),
        (400, "invalid_scope", Config, "Data access"),
        (400, "admin_policy_enforced", Account, "administrator"),
        (403, "access_denied", Account, "Test users"),
        (400, "access_denied", Account, "Test users"),
        (403, "disallowed_useragent", Account, "browser"),
        (403, "rate_limit_exceeded", Quota, "too many"),
        (429, "rate_limit_exceeded", Quota, "429"),
        (403, "quota_exceeded", Quota, "used up"),
        (400, "slow_down", Quota, "too many"),
        (400, "invalid_request", Bug, "called wrong"),
    ] {
        let failure = of_token(status, &format!(r#"{{"error":"{error}"}}"#));
        assert_eq!(failure.class, class, "{status} {error}: {failure}");
        assert!(failure.what.contains(error) && failure.what.contains(says), "{failure}");
        assert!(!failure.what.contains("something between"), "{failure}");
    }
    for row in TOKEN {
        assert!(!row.sentence.is_empty(), "{row:?}");
    }
}

#[test]
fn a_policy_that_ends_every_consent_is_told_from_a_consent_that_ended() {
    let body = r#"{"error":"invalid_grant","error_description":"reauth related error
        (invalid_rapt)","error_subtype":"invalid_rapt"}"#;
    let failure = of_token(400, &body.replace('\n', " "));
    assert_eq!(failure.class, Auth);
    assert!(failure.what.contains("every new one"), "{failure}");
    // What stands in a sentence decides nothing.
    let plain = body.replace(r#","error_subtype":"invalid_rapt""#, "").replace('\n', " ");
    assert!(!of_token(400, &plain).what.contains("every new one"));
}

#[test]
fn a_refusal_of_the_token_service_in_the_form_of_the_api_is_no_page_of_a_proxy() {
    let of = |reason: &str| classify_token(&api_reply(403, "PERMISSION_DENIED", reason));
    assert_eq!(of("").class, Format);
    assert!(of("").what.contains("token service refuses"), "{}", of(""));
    assert_eq!(of("SERVICE_DISABLED").class, Config);
    assert_eq!(of("RATE_LIMIT_EXCEEDED").class, Quota);
    let page = of_token(403, "<html>Blocked</html>");
    assert!(page.what.contains("something between"), "{page}");
    let envelope = api_reply(401, "UNAUTHENTICATED", "");
    assert_eq!(classify_token(&envelope).class, Format, "no word of OAuth");
    assert_eq!(of_token(503, "<html>").class, Server);
}

#[test]
fn a_wait_that_is_asked_for_is_kept_as_a_number_and_as_a_date() {
    let date = ("Wed, 21 Oct 2026 07:27:30 GMT", "Wed, 21 Oct 2026 07:28:00 GMT");
    for (after, wanted) in [("30", 30), (date.1, 30)] {
        let headers = [("date", date.0), ("retry-after", after)];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        for status in [403, 429, 500, 503] {
            let body = api_reply(status, "", "RATE_LIMIT_EXCEEDED").body;
            let failure = classify(&Reply { status, headers: headers.clone(), body });
            assert_eq!(failure.retry_after_s, Some(wanted), "{status} {after}");
        }
    }
}
