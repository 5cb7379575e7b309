//! What Google's errors mean: a table from status and reason to what follows.
//!
//! Messages are never read, for they may echo tokens and change without notice. Only an answer in
//! Google's own form ([`told`]) says anything of a consent or of the project; a page of something
//! in between does not. Facts: https://developers.google.com/health/reference/rest/v4/errors,
//! https://developers.google.com/health/troubleshooting and RFC 6749, section 5.2.

use ErrorClass::{Account, Auth, Bug, Config, Denied, Format, NotGranted, Quota, Server, TooLong};

use crate::core::error::{ErrorClass, Failure, Smaller};
use crate::core::exchange::Reply;
use crate::core::json::Element;
use crate::provider::{IN_BETWEEN, error_name, no_token_answer, refuses_client, text_of};

/// One row: what a name means at a status, and what cures it.
#[derive(Debug)]
pub struct Meaning {
    status: u16,
    /// A reason; where none is told, the API's status; empty: any name that has no row.
    name: &'static str,
    class: ErrorClass,
    sentence: &'static str,
    cure: &'static str,
}

const fn row(
    status: u16,
    name: &'static str,
    class: ErrorClass,
    sentence: &'static str,
    cure: &'static str,
) -> Meaning {
    Meaning { status, name, class, sentence, cure }
}

const OUR_REQUEST: &str = "the request is called wrong";
const TELL_US: &str = "this is a defect of this program: install a newer version, or report it";
const NO_PROFILE: &str = "this Google account has no Google Health profile";
const SET_UP_PROFILE: &str = "set it up in the app, then sign in";
const NO_SCOPE: &str = "not granted";
const CONSOLE: &str =
    "enable it in the console: https://console.cloud.google.com/apis/library/health.googleapis.com";
const CLIENT: &str = "check GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET, and that the client is \
                      there in the Google Cloud console";
const CONNECT_AGAIN: &str =
    "remove the application at https://myaccount.google.com/connections, then sign in again";
const SIGN_IN_WITH_GOOGLE: &str = "if that stays, the participant signs out of the app on the \
                                   phone, in again with the Google account, and then here";

/// The health API. Statuses that have no row are judged by their hundred.
#[rustfmt::skip]
pub const API: &[Meaning] = &[
    row(400, "ACCOUNT_NOT_LINKED", Auth, NO_PROFILE, SET_UP_PROFILE),
    row(400, "INVALID_ROLLUP_QUERY_DURATION", TooLong,
        "the range is longer than this service allows", ""),
    row(400, "INVALID_PAGE_TOKEN", Format,
        "the service does not know its own page token", "the next run asks from the first page"),
    row(400, "INVALID_TIME_RANGE", Bug, "the range is called empty", TELL_US),
    row(400, "INVALID_PARENT_DATA_TYPE_COLLECTION", Bug,
        "the data type is called unknown", TELL_US),
    row(400, "INVALID_PARENT_DATA_TYPE_COLLECTION_FORMAT", Bug,
        "the address is called wrong", TELL_US),
    row(400, "UNSUPPORTED_DATA_TYPE_ACTION", Bug,
        "the data type can no longer be asked in this way", TELL_US),
    row(400, "INVALID_DATA_POINT_DATA_SOURCE_FAMILY", Bug,
        "the data source is called wrong", "check FITSYNC_DATA_SOURCE"),
    row(400, "INVALID_FILTER_FORMAT", Bug, "the filter is called wrong", TELL_US),
    row(400, "INVALID_DATA_POINT_FILTER", Bug, "the filter is called wrong", TELL_US),
    row(400, "FAILED_PRECONDITION", Format, "the account is not as this request needs it", ""),
    row(400, "", Bug, OUR_REQUEST, ""),
    row(401, "", Auth, "the access token is refused", ""),
    row(403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", NotGranted, NO_SCOPE, ""),
    row(403, "MISSING_OAUTH_SCOPE", NotGranted, NO_SCOPE, ""),
    row(403, "SERVICE_DISABLED", Config,
        "the Google Cloud project may not use the Google Health API", CONSOLE),
    row(403, "USER_PROJECT_DENIED", Config,
        "the Google Cloud project may not use the Google Health API", CONSOLE),
    row(403, "CONSUMER_INVALID", Config, "the Google Cloud project is not there, or suspended",
        "look into the Google Cloud console, and check GOOGLE_CLIENT_ID"),
    row(403, "API_KEY_INVALID", Config, "Google does not accept this application", CLIENT),
    row(403, "API_PRIVATE_PREVIEW_ACCESS_DENIED", Config,
        "the Google Cloud project is not admitted to the Google Health API",
        "apply for it: https://developers.google.com/health/setup"),
    row(403, "DISALLOWED_OAUTH_SCOPES", Config,
        "the scopes are not registered for this application",
        "name them under Google Auth Platform, Data access, and use an OAuth client that has no \
         scopes of other Google services"),
    row(403, "DATA_ACCESS_DENIED", Denied, "Google does not let this data of the account be read",
        SIGN_IN_WITH_GOOGLE),
    row(403, "RESOURCE_PERMISSION_DENIED", Denied,
        "refused although the consent covers it", CONNECT_AGAIN),
    // Without a reason: `The caller does not have permission`, `Could not mint UberMint from
    // GaiaMint`. A legacy Fitbit account consented, and not a Google account.
    row(403, "PERMISSION_DENIED", Denied,
        "refused without a reason, as for a legacy Fitbit account that consented in the place of \
         a Google account", SIGN_IN_WITH_GOOGLE),
    row(403, "", Denied, "refused for a reason that is not known here", CONNECT_AGAIN),
    row(404, "", Bug, "there is nothing at this address", TELL_US),
    row(408, "", Server, "", ""),
    // No verdict on a consent: one address of Google's has gone.
    row(410, "", Bug, "this address of Google's is switched off", TELL_US),
    row(412, "", Auth, NO_PROFILE, SET_UP_PROFILE),
    row(429, "", Quota, "", ""),
];

/// Google's token service: names of OAuth, at any status from 400 to 403, and 429.
#[rustfmt::skip]
pub const TOKEN: &[Meaning] = &[
    row(400, "invalid_grant", Auth, "the consent has expired or was withdrawn", ""),
    // The subtype of an `invalid_grant`.
    row(400, "invalid_rapt", Auth,
        "a policy of this account's Google Workspace ended the consent, and will end every new one",
        "have its administrator exempt the application from session control, or connect another \
         account"),
    row(400, "redirect_uri_mismatch", Config, "the redirect address is not registered",
        "GOOGLE_REDIRECT_URI must equal an address registered at Google, to the letter"),
    row(400, "org_internal", Config,
        "the application is for accounts of its own organisation",
        "set its audience to External in the Google Cloud console"),
    row(400, "invalid_scope", Config, "a scope is not known at Google, or not registered",
        "name the scopes under Google Auth Platform, Data access"),
    row(400, "admin_policy_enforced", Account,
        "the administrator of this account's Google Workspace does not allow the application",
        "have it allowed there, or connect another account"),
    row(400, "access_denied", Account, "Google does not let this account use the application",
        "where its status is Testing, name the account under Google Auth Platform, Audience, Test \
         users"),
    row(400, "disallowed_useragent", Account,
        "Google allows no sign-in in the browser that is built into an app",
        "open the address in a browser of its own, such as Chrome, Firefox or Safari"),
    row(400, "rate_limit_exceeded", Quota, "too many sign-ins or refreshes for now", ""),
    row(400, "slow_down", Quota, "too many sign-ins or refreshes for now", ""),
    row(400, "quota_exceeded", Quota, "the day's sign-ins and refreshes are used up",
        "ask Google for more in the console"),
];

/// Reasons in the older form of Google's errors (`errors[].reason`), by their names of today.
const FORMER: &[(&str, &str)] = &[
    ("accessNotConfigured", "SERVICE_DISABLED"),
    ("insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
    ("rateLimitExceeded", "RATE_LIMIT_EXCEEDED"),
    ("userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"),
    ("quotaExceeded", "RATE_LIMIT_EXCEEDED"),
    ("dailyLimitExceeded", "RATE_LIMIT_EXCEEDED"),
];

/// The names that Google gives an error; its message is never kept, it may echo tokens.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// OAuth: `invalid_grant`. API: `PERMISSION_DENIED`.
    pub status: String,
    /// `ACCESS_TOKEN_SCOPE_INSUFFICIENT`; of OAuth the subtype, `invalid_rapt`.
    pub reason: String,
}

/// What an error says in Google's own form; `None`: a page, an empty body, anybody's JSON.
pub fn told(reply: &Reply) -> Option<Names> {
    told_by_api(reply).or_else(|| {
        let body = text_of(reply).and_then(|text| Element::parse(text, "error")).ok()?;
        let text = |path: &str| body.text(path).map(error_name).unwrap_or_default();
        let (status, reason) = (text("error"), text("error_subtype"));
        (!status.is_empty()).then_some(Names { status, reason })
    })
}

/// The same of the health API: an `error` that repeats the status of the reply.
fn told_by_api(reply: &Reply) -> Option<Names> {
    let body = text_of(reply).and_then(|text| Element::parse(text, "error")).ok()?;
    let repeats = body.int("error.code").is_ok_and(|code| code == i64::from(reply.status));
    if !repeats {
        return None;
    }
    let reason_in = |list: &str| {
        let found = body.list(list).unwrap_or_default();
        found.iter().find_map(|one| one.text("reason").map(error_name).ok())
    };
    let former = || {
        let reason = reason_in("error.errors")?;
        let known = FORMER.iter().find(|(former, _)| *former == reason);
        Some(known.map_or(reason, |(_, today)| (*today).to_owned()))
    };
    let reason = reason_in("error.details").or_else(former).unwrap_or_default();
    let status = body.text("error.status").map(error_name).unwrap_or_default();
    Some(Names { status, reason })
}

/// The rows of a status are asked for the reason first, then for what stands for any.
fn find(status: u16, names: &Names) -> Option<&'static Meaning> {
    let name = if names.reason.is_empty() { &names.status } else { &names.reason };
    let of = |name: &str| API.iter().find(|row| row.status == status && row.name == name);
    // All that is wrong with a filter: `INVALID_DATA_POINT_FILTER_SYNTAX` and its siblings.
    let filter = name.starts_with("INVALID_DATA_POINT_FILTER_").then_some(FILTER);
    of(name).or_else(|| of(filter?)).or_else(|| of(""))
}

const FILTER: &str = "INVALID_DATA_POINT_FILTER";

fn failure(reply: &Reply, names: &Names, class: ErrorClass, says: &[&str]) -> Failure {
    let named = format!("HTTP {} {} {}", reply.status, names.status, names.reason);
    let named = named.split_whitespace().collect::<Vec<_>>().join(" ");
    let says = says.iter().filter(|text| !text.is_empty());
    let what = says.fold(named, |what, text| format!("{what}: {text}"));
    Failure::new(class, what)
}

/// The token service's answers. Only `invalid_grant` says that the participant must sign in again.
pub fn classify_token(reply: &Reply) -> Failure {
    let names = told(reply).unwrap_or_default();
    let of = |name: &str| TOKEN.iter().find(|row| row.name == name);
    let by_name = of(&names.status).filter(|row| row.class != Auth || reply.status <= 401);
    if let (400..=403 | 429, Some(row)) = (reply.status, by_name) {
        let row = of(&names.reason).filter(|_| row.class == Auth).unwrap_or(row);
        let failure = failure(reply, &names, row.class, &[row.sentence, row.cure]);
        return failure.after(reply.retry_after_s());
    }
    match reply.status {
        status if refuses_client(status, &names.status) => {
            let says = ["Google does not accept this application", CLIENT];
            failure(reply, &names, Config, &says)
        }
        // What is wrong with the project is told here in the health API's form.
        403 if names.reason == "RATE_LIMIT_EXCEEDED" => {
            let says = ["too many sign-ins or refreshes for now"];
            failure(reply, &names, Quota, &says).after(reply.retry_after_s())
        }
        403 if find(403, &names).is_some_and(|row| row.class == Config) => classify(reply),
        403 if names.status == "PERMISSION_DENIED" => {
            let says = [
                "Google's token service refuses this machine or this project",
                "look into the Google Cloud console, and whether this network may reach Google",
            ];
            failure(reply, &names, Format, &says)
        }
        401 | 403 | 412 => no_token_answer(reply.status),
        400 if names.status.is_empty() => no_token_answer(reply.status),
        400 => failure(reply, &names, Bug, &[OUR_REQUEST]),
        _ => Failure { smaller: None, ..classify(reply) },
    }
}

/// The health API's answers.
pub fn classify(reply: &Reply) -> Failure {
    let told = told_by_api(reply);
    let names = told.as_ref();
    let says = |class, says: &[&str]| {
        failure(reply, names.unwrap_or(&Names::default()), class, says).after(reply.retry_after_s())
    };
    match (reply.status, names) {
        // A word on the consent or the project, but not in Google's form.
        (401 | 403 | 407 | 412 | 451, None) => says(Format, &[IN_BETWEEN]),
        // Sent again at the same size it would be answered so again, and Google asks not to
        // (https://developers.google.com/health/rate-limits).
        (504, _) => says(Server, &[]).asked_smaller(Smaller::AtOnce),
        (500..=599, _) => says(Server, &[]).asked_smaller(Smaller::AfterOnce),
        (300..=399, _) => says(Format, &[IN_BETWEEN]),
        (403, Some(names)) if names.reason == "RATE_LIMIT_EXCEEDED" => says(Quota, &[]),
        (status @ 400..=499, _) => match find(status, names.unwrap_or(&Names::default())) {
            Some(row) => says(row.class, &[row.sentence, row.cure]),
            None => says(Bug, &[OUR_REQUEST]),
        },
        _ => says(Format, &["an answer that is not documented"]),
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
