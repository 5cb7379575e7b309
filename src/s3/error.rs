//! What a refusal of S3 means, and in which words the operator hears of it.
//!
//! The HTTP status decides first and `<Code>` second: servers give the same fault different codes,
//! and a HEAD has no body at all. Bodies echo requests and tokens, so nothing of them but the code
//! goes any further (and AWS's own sentence on a denial, which names user, action and policy).

use jiff::Timestamp;

use crate::aws::xml::{code, denial, message, seen, text};
use crate::core::error::{ErrorClass, Failure};
use crate::core::exchange::Reply;
use crate::core::said::cleaned;
use crate::limits::RETRY_AFTER_S_MAX;
use crate::s3::refusal::{Refusal, kind_of};

const DENIED: &str = "S3 denies it";
/// What is shown of a `Server` header.
const SERVER_CHARS_MAX: usize = 40;

/// Whether a failure that was made here is a policy's: other refusals name their own cure.
pub fn is_denial(failure: &Failure) -> bool {
    failure.what.starts_with(DENIED)
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
        Refusal::EncryptionKey => {
            "the KMS key of bucket or FITSYNC_S3_SSE cannot be used: check it and its policy"
                .to_owned()
        }
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
