//! What a refusal of S3 means, and in which words the operator hears of it.
//!
//! The HTTP status decides first and `<Code>` second: servers give the same fault different codes,
//! and a HEAD has no body at all. Bodies echo requests and tokens, so nothing of them but the code
//! goes any further (and AWS's own sentence on a denial, which names user, action and policy).

use jiff::Timestamp;

use crate::aws::xml::{code, denial, element, seen, speaks_of_time, text};
use crate::core::error::{ErrorClass, Failure};
use crate::core::exchange::{Method, Reply};
use crate::limits::{RETRY_AFTER_S_MAX, S3_REGION_BYTES_MAX};

const DENIED: &str = "S3 denies it";

/// Whether a failure that was made here is a policy's: other refusals name their own cure.
pub fn is_denial(failure: &Failure) -> bool {
    failure.what.starts_with(DENIED)
}

/// What went wrong, as far as it decides what happens next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The bucket is in another region: its name, where the reply tells.
    WrongRegion(Option<String>),
    /// The time of the request is refused.
    WrongTime,
    UnknownKey,
    WrongSecret,
    /// A session token that is expired or not one.
    SessionEnded,
    Denied,
    NoSuchBucket,
    NoSuchKey,
    /// What arrived is not what was sent.
    Damaged,
    SlowDown,
    Server,
    EncryptionKey,
    /// Not an answer of S3: a captive portal, a proxy, a web server.
    NotS3,
    /// Anything else that the store calls wrong.
    Refused,
}

/// A reply that is not success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Error {
    pub status: u16,
    pub kind: Refusal,
    pub code: Option<String>,
    /// AWS's sentence on a denial.
    denial: Option<String>,
    retry_after_s: Option<u64>,
}

/// What the words of a failure are made from.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub bucket: &'a str,
    pub region: &'a str,
    /// Where the credentials came from: `AWS_PROFILE=clinic, credential_process`.
    pub source: &'a str,
    pub method: Method,
    pub kms: bool,
    pub expected_owner: Option<&'a str>,
    /// What this machine believes the time is.
    pub machine: Timestamp,
}

/// Reads a reply that is not success.
pub fn read_error(reply: &Reply) -> S3Error {
    let body = text(reply);
    let code = code(&body);
    let kind = kind_of(reply, code, &body);
    S3Error {
        status: reply.status,
        denial: denial(&body).filter(|_| kind == Refusal::Denied),
        kind,
        code: code.map(str::to_owned),
        retry_after_s: reply.retry_after_s(),
    }
}

fn kind_of(reply: &Reply, code: Option<&str>, body: &str) -> Refusal {
    let code = code.unwrap_or_default();
    let moved = region_in(reply, body);
    match reply.status {
        301 | 302 | 303 | 307 | 308 if moved.is_some() || !code.is_empty() => {
            Refusal::WrongRegion(moved)
        }
        300..=399 => Refusal::NotS3,
        400 | 401 | 403 => match code {
            "AuthorizationHeaderMalformed"
            | "AuthorizationQueryParametersError"
            | "IllegalLocationConstraintException"
            | "PermanentRedirect"
            | "TemporaryRedirect" => match moved {
                Some(region) => Refusal::WrongRegion(Some(region)),
                None => Refusal::Refused,
            },
            "RequestTimeTooSkewed" | "RequestExpired" => Refusal::WrongTime,
            "AccessDenied" | "InvalidRequest" if speaks_of_time(body) => Refusal::WrongTime,
            // The second is what some other servers say.
            "InvalidAccessKeyId" | "NotSignedUp" => Refusal::UnknownKey,
            "SignatureDoesNotMatch" => Refusal::WrongSecret,
            "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => Refusal::SessionEnded,
            "BadDigest"
            | "InvalidDigest"
            | "XAmzContentSHA256Mismatch"
            | "IncompleteBody"
            | "XAmzContentChecksumMismatch" => Refusal::Damaged,
            "RequestTimeout" => Refusal::Server,
            "InvalidBucketName" => Refusal::NoSuchBucket,
            _ if code.starts_with("KMS.") => Refusal::EncryptionKey,
            // A HEAD has no body; only the header then tells the region.
            "" if reply.status == 400 && moved.is_some() => Refusal::WrongRegion(moved),
            _ if reply.status == 400 => Refusal::Refused,
            _ => Refusal::Denied,
        },
        404 if code == "NoSuchBucket" => Refusal::NoSuchBucket,
        404 if code.is_empty() || code == "NoSuchKey" => Refusal::NoSuchKey,
        407 | 511 => Refusal::NotS3,
        408 => Refusal::Server,
        // Somebody else writes the same key at this moment.
        409 if code == "OperationAborted" || code == "ConditionalRequestConflict" => {
            Refusal::Server
        }
        429 => Refusal::SlowDown,
        503 if code == "SlowDown" || code == "ServiceUnavailable" => Refusal::SlowDown,
        // "Not implemented" does not pass by waiting.
        501 => Refusal::Refused,
        500..=599 => Refusal::Server,
        _ => Refusal::Refused,
    }
}

/// The region that a reply names: in its header, in `<Region>`, or in the host of `<Endpoint>`.
fn region_in(reply: &Reply, body: &str) -> Option<String> {
    let host = || element(body, "Endpoint").or_else(|| reply.header("location"));
    let region = reply.header("x-amz-bucket-region").or_else(|| element(body, "Region"));
    let region = region.or_else(|| region_of_host(host()?))?.trim();
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let sound = !region.is_empty() && region.len() <= S3_REGION_BYTES_MAX;
    (sound && region.bytes().all(fits)).then(|| region.to_owned())
}

/// `bucket.s3.eu-west-1.amazonaws.com` and the older `bucket.s3-eu-west-1.amazonaws.com`.
fn region_of_host(address: &str) -> Option<&str> {
    let address = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = address.split(['/', ':']).next()?.split_once(".amazonaws.com")?.0;
    if let Some((_, region)) = host.rsplit_once(".s3.").or_else(|| host.rsplit_once(".s3-")) {
        return Some(region);
    }
    host.strip_prefix("s3.").or_else(|| host.strip_prefix("s3-"))
}

impl S3Error {
    /// The line for the operator, with the cure.
    pub fn failure(&self, context: &Context<'_>) -> Failure {
        let (class, what) = self.words(context);
        let seen = seen(self.status, self.code.as_deref());
        let wait_s = self.retry_after_s.map(|seconds| seconds.min(RETRY_AFTER_S_MAX + 1));
        Failure::new(class, format!("{what} [{seen}]")).after(wait_s)
    }

    fn words(&self, context: &Context<'_>) -> (ErrorClass, String) {
        use ErrorClass::{Clock, Config, Network, Quota, Server};
        let Context { bucket, region, source, .. } = context;
        match &self.kind {
            Refusal::WrongRegion(Some(found)) => (
                Config,
                format!("bucket {bucket} is in {found}, not in {region}: set AWS_REGION={found}"),
            ),
            Refusal::WrongRegion(None) => (
                Config,
                format!("bucket {bucket} is not in {region}: set AWS_REGION to where it is"),
            ),
            Refusal::WrongTime => (
                Clock,
                format!(
                    "S3 refuses the time of the request; the clock of this machine says {}: set \
                     it, or wait for time sync",
                    context.machine.strftime("%Y-%m-%d %H:%M UTC")
                ),
            ),
            Refusal::UnknownKey => (
                Config,
                format!("S3 does not know the access key of {source}: create a new key pair"),
            ),
            Refusal::WrongSecret => (
                Config,
                format!("the secret of {source} does not fit its access key: copy both again"),
            ),
            Refusal::SessionEnded => (
                Config,
                format!(
                    "the session of {source} has ended: put in new keys, or use a profile with \
                     credential_process, which renews them"
                ),
            ),
            Refusal::Denied => (Config, self.denied(context)),
            Refusal::NoSuchBucket => (
                Config,
                format!("bucket {bucket} does not exist: check S3_BUCKET_RAW and AWS_ENDPOINT_URL"),
            ),
            Refusal::NoSuchKey => (
                Config,
                format!("no bucket {bucket} there: check S3_BUCKET_RAW and AWS_ENDPOINT_URL"),
            ),
            Refusal::Damaged => (Network, "what arrived at S3 is not what was sent".to_owned()),
            Refusal::SlowDown => (Quota, "S3 asks to slow down: the next run goes on".to_owned()),
            Refusal::Server => (Server, "S3 is out of order: the next run goes on".to_owned()),
            Refusal::EncryptionKey => (
                Config,
                "the KMS key of bucket or FITSYNC_S3_SSE cannot be used: check it and its policy"
                    .to_owned(),
            ),
            Refusal::NotS3 => (
                Network,
                "the answer is not from S3: a sign-in page or a proxy of this network is in between"
                    .to_owned(),
            ),
            Refusal::Refused => (
                Config,
                format!("the store of bucket {bucket} refuses the request: check its settings"),
            ),
        }
    }

    /// A policy refuses; nothing is wrong with the keys.
    fn denied(&self, context: &Context<'_>) -> String {
        let Context { bucket, source, .. } = context;
        let action = match context.method {
            Method::Put | Method::Post => "s3:PutObject",
            Method::Delete => "s3:DeleteObject",
            Method::Get | Method::Head => "s3:GetObject and s3:ListBucket",
        };
        let mut what = match &self.denial {
            Some(denial) => format!("{DENIED} ({denial})"),
            None => format!("{DENIED} to {source}"),
        };
        what += &format!(": allow {action} on bucket {bucket} in the policy of user and bucket");
        if context.kms {
            what += ", and kms:GenerateDataKey and kms:Decrypt on the key";
        }
        if let Some(owner) = context.expected_owner {
            what += &format!(", and check that account {owner} owns the bucket");
        }
        what
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
