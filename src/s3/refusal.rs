//! What a refusal of S3 is: the table of status, `Code`, speaker and sentence. In which words the
//! operator hears of it is in `error.rs`.

use crate::aws::xml::{element, is_error, message, speaks_of_time};
use crate::core::address::Address;
use crate::core::exchange::Reply;
use crate::limits::S3_REGION_BYTES_MAX;

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

/// The table of refusals: status, then `Code`, then who is speaking, then the store's sentence.
pub fn kind_of(reply: &Reply, code: Option<&str>, body: &str) -> Refusal {
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
