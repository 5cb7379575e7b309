//! What a refusal of S3 means, and in which words the operator hears of it.
//!
//! The HTTP status decides first and `<Code>` second: servers give the same fault different codes,
//! and a HEAD has no body at all. Bodies echo requests and tokens, so nothing of them but the code
//! goes any further (and AWS's own sentence on a denial, which names user, action and policy).

use jiff::Timestamp;

use crate::aws::xml::{code, denial, element, is_error, message, seen, speaks_of_time, text};
use crate::core::address::Address;
use crate::core::error::{ErrorClass, Failure};
use crate::core::exchange::Reply;
use crate::core::said::cleaned;
use crate::limits::{RETRY_AFTER_S_MAX, S3_REGION_BYTES_MAX};

const DENIED: &str = "S3 denies it";
/// What is shown of a `Server` header.
const SERVER_CHARS_MAX: usize = 40;

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
    Suspended,
    Denied,
    NoSuchBucket,
    NoSuchKey,
    /// What arrived is not what was sent.
    Damaged,
    /// AWS's checksum headers, or two checksums at once, are not taken.
    Checksums,
    TooLarge,
    /// A quota, or the store's disk.
    Full,
    SlowDown,
    Server,
    EncryptionKey,
    /// The store has no KMS.
    NoEncryption,
    /// The port wants `https://`, or the same host has moved there.
    WantsTls,
    WantsClientCertificate,
    /// Not an answer of S3 that passes with the network: a sign-in page, a proxy's refusal.
    NotS3,
    /// A web server in the place of the store.
    WebServer,
    /// Anything else that the store calls wrong.
    Refused,
}

/// A reply that is not success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Error {
    pub status: u16,
    pub kind: Refusal,
    pub code: Option<String>,
    /// The store's own sentence, cleaned and cut.
    pub message: Option<String>,
    /// AWS's sentence on a denial.
    denial: Option<String>,
    /// The `Server` header of what is not S3.
    server: Option<String>,
    retry_after_s: Option<u64>,
}

/// What the words of a failure are made from.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub bucket: &'a str,
    pub region: &'a str,
    /// Another address of S3 than AWS's own.
    pub endpoint: Option<&'a str>,
    /// Where the credentials came from: `AWS_PROFILE=clinic, credential_process`.
    pub source: &'a str,
    /// The permission that it needs: `s3:PutObject`.
    pub action: &'static str,
    /// What was sent.
    pub body_bytes: usize,
    pub kms: bool,
    pub expected_owner: Option<&'a str>,
    /// The store's own sentence is told too.
    pub tell_message: bool,
    /// What this machine believes the time is.
    pub machine: Timestamp,
}

/// Reads a reply that is not success.
pub fn read_error(reply: &Reply) -> S3Error {
    let body = text(reply);
    let code = code(&body);
    let kind = kind_of(reply, code, &body);
    let not_s3 = matches!(kind, Refusal::NotS3 | Refusal::WebServer | Refusal::TooLarge);
    let server = reply.header("server").map(|server| cleaned(server, SERVER_CHARS_MAX));
    S3Error {
        status: reply.status,
        denial: denial(&body).filter(|_| kind == Refusal::Denied),
        message: message(&body).filter(|_| code.is_some()),
        server: server.filter(|server| not_s3 && !server.is_empty()),
        kind,
        code: code.map(str::to_owned),
        retry_after_s: reply.retry_after_s(),
    }
}

/// The table of refusals: status, then `Code`, then who is speaking, then the store's sentence.
fn kind_of(reply: &Reply, code: Option<&str>, body: &str) -> Refusal {
    let moved = region_in(reply, body);
    let is_s3 = code.is_some();
    let page = !is_s3 && !body.trim().is_empty() && !is_error(body);
    match (reply.status, code.unwrap_or_default()) {
        (301 | 302 | 303 | 307 | 308, code) if moved.is_some() || !code.is_empty() => {
            Refusal::WrongRegion(moved)
        }
        (301 | 308, _) if moves_to_tls(reply) => Refusal::WantsTls,
        (300..=399 | 407 | 511, _) => Refusal::NotS3,
        (413, _) | (_, "EntityTooLarge") => Refusal::TooLarge,
        (507, _)
        | (_, "QuotaExceeded" | "OverQuota" | "XMinioStorageFull" | "StorageFull")
        | (_, "InsufficientStorage" | "XMinioAdminBucketQuotaExceeded") => Refusal::Full,
        (400 | 401 | 403 | 405, _) if page => page_of(body),
        (400 | 401 | 403 | 501, code) if speaks_of_sums(code, body) => Refusal::Checksums,
        (_, code) if code.starts_with("KMS.") => Refusal::EncryptionKey,
        (_, "KMSNotConfigured" | "XMinioKMSNotConfigured") => Refusal::NoEncryption,
        (400 | 401 | 403, code) => refusal_of(reply.status, code, moved, body),
        (404, "NoSuchBucket") => Refusal::NoSuchBucket,
        (404, "NoSuchKey") => Refusal::NoSuchKey,
        (404, "") if page => Refusal::WebServer,
        (404, "") => Refusal::NoSuchKey,
        (408, _) => Refusal::Server,
        // Somebody else writes the same key at this moment.
        (409, "OperationAborted" | "ConditionalRequestConflict") => Refusal::Server,
        (429, _) | (503, "SlowDown" | "ServiceUnavailable") => Refusal::SlowDown,
        // "Not implemented" does not pass by waiting.
        (501, _) => Refusal::Refused,
        (500..=599, _) => Refusal::Server,
        _ => Refusal::Refused,
    }
}

/// Of 400, 401 and 403, which servers give for the same things.
fn refusal_of(status: u16, code: &str, moved: Option<String>, body: &str) -> Refusal {
    match code {
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
        "AccessDenied" => denied_by(body),
        "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => Refusal::SessionEnded,
        "UserSuspended" | "AccountProblem" | "AllAccessDisabled" => Refusal::Suspended,
        "BadDigest"
        | "InvalidDigest"
        | "XAmzContentSHA256Mismatch"
        | "IncompleteBody"
        | "XAmzContentChecksumMismatch" => Refusal::Damaged,
        "RequestTimeout" => Refusal::Server,
        "InvalidBucketName" => Refusal::NoSuchBucket,
        // A HEAD has no body; only the header then tells the region.
        "" if status == 400 && moved.is_some() => Refusal::WrongRegion(moved),
        _ if status == 400 => Refusal::Refused,
        _ => Refusal::Denied,
    }
}

/// Garage gives one code for a denial, a full quota, an unknown key and a wrong secret
/// (<https://git.deuxfleurs.fr/Deuxfleurs/garage>, `src/api/common/signature/error.rs`).
fn denied_by(body: &str) -> Refusal {
    let said = message(body).unwrap_or_default().to_ascii_lowercase();
    let says = |words: &str| said.contains(words);
    if says("quota") {
        Refusal::Full
    } else if says("no such key") {
        Refusal::UnknownKey
    } else if says("invalid signature") {
        Refusal::WrongSecret
    } else {
        Refusal::Denied
    }
}

/// Backblaze B2: 400 InvalidArgument "Unsupported header 'x-amz-checksum-sha256' …"; Cloudflare
/// R2: 400 InvalidRequest "You can only specify one checksum at a time"; others 501.
fn speaks_of_sums(code: &str, body: &str) -> bool {
    let said = message(body).unwrap_or_default().to_ascii_lowercase();
    let codes = ["InvalidArgument", "InvalidRequest", "NotImplemented", "InvalidHeader"];
    codes.contains(&code)
        && (said.contains("x-amz-checksum")
            || said.contains("one checksum")
            || said.contains("x-amz-sdk-checksum"))
}

/// nginx's pages for plain HTTP at a TLS port, and for a client certificate that is missing.
fn page_of(body: &str) -> Refusal {
    let said = body.to_ascii_lowercase();
    if said.contains("plain http request was sent to https port")
        || said.contains("http request to an https server")
    {
        Refusal::WantsTls
    } else if said.contains("ssl certificate") {
        Refusal::WantsClientCertificate
    } else {
        Refusal::WebServer
    }
}

fn moves_to_tls(reply: &Reply) -> bool {
    let location = reply.header("location").and_then(|to| Address::parse(to).ok());
    location.is_some_and(|to| to.secure())
}

/// The region that a reply names: in its header, in `<Region>`, or in the host of `<Endpoint>`.
fn region_in(reply: &Reply, body: &str) -> Option<String> {
    let host = || element(body, "Endpoint").or_else(|| reply.header("location"));
    let region = reply.header("x-amz-bucket-region").or_else(|| element(body, "Region"));
    let region = region.map(str::to_owned).or_else(|| region_of_host(host()?))?;
    let region = region.trim();
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let sound = !region.is_empty() && region.len() <= S3_REGION_BYTES_MAX;
    (sound && region.bytes().all(fits)).then(|| region.to_owned())
}

/// `bucket.s3.eu-west-1.amazonaws.com` and the older `bucket.s3-eu-west-1.amazonaws.com`.
fn region_of_host(address: &str) -> Option<String> {
    // `<Endpoint>` has no scheme.
    let host = Address::parse(address).or_else(|_| Address::of_authority(address)).ok()?.host();
    let host = host.split_once(".amazonaws.com")?.0;
    if let Some((_, region)) = host.rsplit_once(".s3.").or_else(|| host.rsplit_once(".s3-")) {
        return Some(region.to_owned());
    }
    host.strip_prefix("s3.").or_else(|| host.strip_prefix("s3-")).map(str::to_owned)
}

impl S3Error {
    /// Whether the refusal has no body, as that of a HEAD: why is not known.
    pub fn is_bare(&self) -> bool {
        self.code.is_none()
            && matches!(self.status, 400 | 401 | 403 | 501)
            && !matches!(self.kind, Refusal::WrongRegion(_) | Refusal::WebServer)
    }

    /// Whether the keys are what is wrong, or how they are sent: no answer about an object.
    pub fn names_the_keys(&self) -> bool {
        use Refusal::{SessionEnded, Suspended, UnknownKey, WrongSecret, WrongTime};
        matches!(self.kind, UnknownKey | WrongSecret | SessionEnded | Suspended | WrongTime)
    }

    /// The line for the operator, with the cure.
    pub fn failure(&self, context: &Context<'_>) -> Failure {
        let (class, mut what) = self.words(context);
        if let Some(message) = self.message.as_ref().filter(|_| context.tell_message) {
            what += &format!("; the store says: {message}");
        }
        let mut seen = seen(self.status, self.code.as_deref());
        if let Some(server) = &self.server {
            seen += &format!(", Server: {server}");
        }
        let wait_s = self.retry_after_s.map(|seconds| seconds.min(RETRY_AFTER_S_MAX + 1));
        Failure::new(class, format!("{what} [{seen}]")).after(wait_s)
    }

    fn words(&self, context: &Context<'_>) -> (ErrorClass, String) {
        use ErrorClass::{Clock, Config, Network, Quota, Server};
        let Context { bucket, region, source, .. } = context;
        match &self.kind {
            Refusal::WrongRegion(Some(found)) if found == region => (
                Config,
                format!(
                    "the store says that bucket {bucket} is in {found}, which is the region in \
                     use: check AWS_ENDPOINT_URL and the key"
                ),
            ),
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
            Refusal::WrongSecret => (Config, wrong_secret(context)),
            Refusal::SessionEnded => (
                Config,
                format!(
                    "the session of {source} has ended: put in new keys, or use a profile with \
                     credential_process, which renews them"
                ),
            ),
            Refusal::Suspended => (
                Config,
                format!("the account of {source} is suspended at the store: ask who runs it"),
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
            other => (Config, of_the_store(other, context)),
        }
    }

    /// A policy refuses; nothing is wrong with the keys.
    fn denied(&self, context: &Context<'_>) -> String {
        let Context { bucket, source, action, .. } = context;
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

/// A proxy that passes another host or path on makes every signature wrong.
fn wrong_secret(context: &Context<'_>) -> String {
    let source = context.source;
    let what = format!("the secret of {source} does not fit its access key: copy both again");
    match context.endpoint {
        Some(_) => what + "; a proxy in front of the store must pass Host and path on unchanged",
        None => what,
    }
}

/// Limits and settings of the store, or of what stands in front of it.
fn of_the_store(kind: &Refusal, context: &Context<'_>) -> String {
    let endpoint = context.endpoint.unwrap_or("AWS");
    match kind {
        Refusal::TooLarge => format!(
            "a file of {} bytes is too large for the store or a proxy in front of it: raise its \
             limit (nginx: client_max_body_size)",
            context.body_bytes
        ),
        Refusal::Full => format!(
            "the store of bucket {} is full, or its quota is used up: make room there or raise \
             the quota; the files wait here",
            context.bucket
        ),
        Refusal::NoEncryption => {
            "the store has no KMS: unset FITSYNC_S3_SSE, or set KMS up there".to_owned()
        }
        Refusal::Checksums => {
            "the store takes no checksum of an upload: it cannot be relied on".to_owned()
        }
        Refusal::WantsTls => format!("{endpoint} wants https://: set AWS_ENDPOINT_URL to that"),
        Refusal::WantsClientCertificate => format!(
            "{endpoint} wants a client certificate, which this program has none of: let it in by \
             keys alone"
        ),
        _ => format!(
            "{endpoint} answers like a web server, not like S3: check AWS_ENDPOINT_URL (scheme, \
             host and port)"
        ),
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
