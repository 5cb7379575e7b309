//! AWS STS as data: the two requests that give credentials of a role, and what came back.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>

use jiff::Timestamp;

use crate::aws::chain::Role;
use crate::aws::endpoint::aws_address;
use crate::aws::keys::Credentials;
use crate::aws::settings::AwsSettings;
use crate::aws::sigv4;
use crate::aws::xml::{code, denial, element, seen, speaks_of_time, text};
use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::core::exchange::{Method, Reply, Request, form};
use crate::limits::{CREDENTIALS_RENEW_BEFORE_S, SMALL_REPLY_BYTES_MAX};

const VERSION: &str = "2011-06-15";
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
/// The name of our sessions in CloudTrail, where the profile gives none.
const SESSION_NAME: &str = "fitsync";
/// Where STS answers when no region is named.
const GLOBAL: &str = "https://sts.amazonaws.com";
const GLOBAL_REGION: &str = "us-east-1";

/// The address of STS, and the region to sign for.
fn address(settings: &AwsSettings) -> (String, &str) {
    let region = settings.region.as_deref();
    let address = settings.sts_endpoint.clone().unwrap_or_else(|| match region {
        Some(region) => aws_address("sts", region, settings.variant),
        None => GLOBAL.to_owned(),
    });
    (format!("{}/", address.trim_end_matches('/')), region.unwrap_or(GLOBAL_REGION))
}

/// Gives the credentials so far for those of a role.
pub fn assume_role(
    settings: &AwsSettings,
    role: &Role,
    credentials: &Credentials,
    now: Timestamp,
) -> Request {
    let (url, region) = address(settings);
    let session_name = role.session_name.as_deref().unwrap_or(SESSION_NAME);
    let duration_s = role.duration_s.map(|seconds| seconds.to_string());
    let mut pairs = vec![
        ("Action", "AssumeRole"),
        ("Version", VERSION),
        ("RoleArn", &role.role_arn),
        ("RoleSessionName", session_name),
    ];
    pairs.extend(role.external_id.as_deref().map(|id| ("ExternalId", id)));
    pairs.extend(duration_s.as_deref().map(|seconds| ("DurationSeconds", seconds)));
    let request = Request::new(Method::Post, url, SMALL_REPLY_BYTES_MAX).body(FORM, form(&pairs));
    sigv4::sign(request, region, "sts", credentials, now)
}

/// Gives the token of another identity provider for the credentials of a role; not signed.
pub fn assume_role_with_web_identity(
    settings: &AwsSettings,
    role_arn: &str,
    session_name: Option<&str>,
    token: &Secret,
) -> Request {
    let pairs = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", VERSION),
        ("RoleArn", role_arn),
        ("RoleSessionName", session_name.unwrap_or(SESSION_NAME)),
        ("WebIdentityToken", token.expose()),
    ];
    let url = address(settings).0;
    Request::new(Method::Post, url, SMALL_REPLY_BYTES_MAX).body(FORM, form(&pairs))
}

/// The credentials in STS's reply, or what it refused. `source` is where the credentials came from
/// that were given.
pub fn read(reply: &Reply, role_arn: &str, source: &str) -> Result<Credentials> {
    let body = text(reply);
    if !reply.ok() {
        return Err(refusal(reply, &body, role_arn, source));
    }
    let field = |name: &str| element(&body, name).filter(|text| !text.is_empty());
    let credentials = || {
        Some(Credentials {
            access_key: field("AccessKeyId")?.to_owned(),
            secret: Secret::new(field("SecretAccessKey")?),
            session_token: Some(Secret::new(field("SessionToken")?)),
            expires_at: Some(field("Expiration")?.parse().ok()?),
        })
    };
    credentials().ok_or_else(|| {
        Failure::new(ErrorClass::Network, "the answer is not from AWS STS: a proxy is in between")
    })
}

/// Whether a refusal may be about the time of the request: it is then signed again once.
pub fn may_be_time(reply: &Reply) -> bool {
    matches!(reply.status, 400 | 401 | 403)
}

fn refusal(reply: &Reply, body: &str, role_arn: &str, source: &str) -> Failure {
    use ErrorClass::{Clock, Config, Network, Quota, Server};
    let code = code(body);
    let (class, what) = match (reply.status, code.unwrap_or_default()) {
        _ if speaks_of_time(body) => {
            (Clock, "AWS STS refuses the time of the request: set this machine's clock".to_owned())
        }
        (_, "InvalidClientTokenId" | "UnrecognizedClientException") => {
            (Config, format!("AWS does not know the access key of {source}: create a new key pair"))
        }
        (_, "SignatureDoesNotMatch") => {
            (Config, format!("the secret of {source} does not fit its access key: copy both again"))
        }
        (_, "ExpiredToken" | "ExpiredTokenException") => {
            (Config, format!("the session or token of {source} has ended: renew it"))
        }
        (_, "InvalidIdentityToken" | "InvalidIdentityTokenException" | "IDPRejectedClaim") => (
            Config,
            format!("AWS does not accept the token of {source} for {role_arn}: check its issuer"),
        ),
        (_, "RegionDisabledException") => (
            Config,
            "AWS STS is not active in this region: activate it, or set AWS_REGION to another"
                .to_owned(),
        ),
        (_, "IDPCommunicationError") => (Server, "AWS STS is out of order".to_owned()),
        (429, _) | (_, "Throttling" | "ThrottlingException" | "RequestLimitExceeded") => {
            (Quota, "AWS STS asks for fewer requests".to_owned())
        }
        (500.., _) => (Server, "AWS STS is out of order".to_owned()),
        (300..=399 | 407, _) => {
            (Network, "the answer is not from AWS STS: a proxy is in between".to_owned())
        }
        _ => {
            let denial = denial(body).map(|denial| format!(" ({denial})")).unwrap_or_default();
            let what = format!(
                "{source} may not assume {role_arn}{denial}: allow sts:AssumeRole, and trust it in \
                 the role"
            );
            (Config, what)
        }
    };
    let what = format!("{what} [{}]", seen(reply.status, code));
    Failure::new(class, what).after(reply.retry_after_s())
}

/// When credentials are renewed: some time before they expire, and not sooner than after half of a
/// short life.
pub fn renew_at(found_at: Timestamp, expires_at: Timestamp) -> Timestamp {
    let life_s = expires_at.as_second().saturating_sub(found_at.as_second()).max(0);
    let before_s = CREDENTIALS_RENEW_BEFORE_S.min(life_s / 2);
    Timestamp::from_second(expires_at.as_second() - before_s).unwrap_or(expires_at)
}

#[cfg(test)]
#[path = "sts_tests.rs"]
mod tests;
