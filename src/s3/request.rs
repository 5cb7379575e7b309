//! S3 as data: object keys, where a bucket is, and the signed requests that put, look at and delete
//! an object. What a refusal means is in `s3_error.rs`; who sends is `io/store.rs`.
//!
//! Requests are presigned by rusty-s3 just before each try, every `x-amz-*` header among what is
//! signed. The signed URL is a bearer secret: it is never logged and never stored.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use rusty_s3::{Bucket, S3Action, UrlStyle};

use crate::aws::settings::{Variant, aws_address};
use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::core::exchange::{Method, Request};
use crate::core::hash::{hex, md5, sha256};
use crate::limits::{S3_KEY_BYTES_MAX, S3_URL_LIFE_S, SMALL_REPLY_BYTES_MAX};

pub const CSV_CONTENT_TYPE: &str = "text/csv; charset=utf-8";

/// The key of one object, prefix included. It has no `.` or `..` segment: those would change which
/// object, or even which bucket, a request is about (rusty-s3, "Object keys"). One of ours has no
/// empty segment either, and plain characters only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// `prefix` is the operator's (may be empty, and may begin or end with `/`), `path` is ours.
    pub fn new(prefix: &str, path: &str) -> Result<Self> {
        let prefix = prefix.trim_matches('/');
        if let Some(why) = (!prefix.is_empty()).then(|| unfit(prefix)).flatten() {
            let what = format!("FITSYNC_S3_PREFIX {why}: use letters, digits, / _ . = -");
            return Err(Failure::new(ErrorClass::Usage, what));
        }
        if let Some(why) = unfit(path) {
            return Err(Failure::new(ErrorClass::Bug, format!("an object key {why}")).at(path));
        }
        let key = if prefix.is_empty() { path.to_owned() } else { format!("{prefix}/{path}") };
        if key.len() > S3_KEY_BYTES_MAX {
            let what = format!("FITSYNC_S3_PREFIX is too long: a key has {S3_KEY_BYTES_MAX} bytes");
            return Err(Failure::new(ErrorClass::Usage, what));
        }
        Ok(Self(key))
    }

    /// A key as the store lists it. Whatever it holds is encoded when a request is signed; only
    /// `.` and `..` cannot be kept apart from what they mean in an address.
    pub fn listed(key: &str) -> Result<Self> {
        let moves = |part: &str| part == "." || part == "..";
        if key.is_empty() || key.split('/').any(moves) {
            let what = "a key with a segment . or .. cannot be addressed safely: delete it with \
                        the store's own tools";
            return Err(Failure::new(ErrorClass::Format, what));
        }
        Ok(Self(key.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// `S3_BUCKET_RAW`: a name, not an address.
pub fn check_bucket_name(bucket: &str) -> Result<()> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let ends = bucket.starts_with('.') || bucket.ends_with('.') || bucket.contains("..");
    if bucket.bytes().all(fits) && (3..=255).contains(&bucket.len()) && !ends {
        return Ok(());
    }
    let what = format!("S3_BUCKET_RAW={bucket}: give the bucket's name alone, not s3:// or an ARN");
    Err(Failure::new(ErrorClass::Usage, what))
}

/// `FITSYNC_S3_EXPECTED_OWNER`: the number of an account.
pub fn check_owner(owner: &str) -> Result<()> {
    if owner.len() == 12 && owner.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    let what = "FITSYNC_S3_EXPECTED_OWNER must be the 12 digits of an AWS account";
    Err(Failure::new(ErrorClass::Usage, what))
}

/// What is wrong with a key or a part of one.
fn unfit(path: &str) -> Option<&'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_.=-".contains(&byte);
    if !path.bytes().all(plain) {
        return Some("has a character that is not allowed");
    }
    if path.split('/').any(str::is_empty) {
        return Some("has an empty segment");
    }
    path.split('/').any(|part| part == "." || part == "..").then_some("has a segment . or ..")
}

/// Where the bucket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub bucket: String,
    pub region: String,
    /// Another address of S3 than AWS's own for the region.
    pub endpoint: Option<String>,
    pub path_style: bool,
    /// Which of AWS's own addresses.
    pub variant: Variant,
}

impl Target {
    /// Where requests go: scheme, host, and the bucket where it is part of the path.
    pub fn address(&self) -> Result<String> {
        Ok(self.bucket()?.base_url().to_string())
    }

    pub(super) fn bucket(&self) -> Result<Bucket> {
        let refuse = |why: &dyn fmt::Display| {
            let at = self.endpoint.as_deref().unwrap_or("AWS");
            let what = format!("bucket {} cannot be addressed at {at}: {why}", self.bucket);
            Failure::new(ErrorClass::Config, what)
        };
        let aws = || aws_address("s3", &self.region, self.variant);
        let endpoint = self.endpoint.clone().unwrap_or_else(aws);
        let endpoint = endpoint.parse().map_err(|error| refuse(&error))?;
        let style = if self.path_style || !fits_host_name(&self.bucket) {
            UrlStyle::Path
        } else {
            UrlStyle::VirtualHost
        };
        Bucket::new(endpoint, style, self.bucket.clone(), self.region.clone())
            .map_err(|error| refuse(&error))
    }
}

/// Whether a bucket's name can be one label of a host name; AWS's certificates cover one label.
fn fits_host_name(bucket: &str) -> bool {
    bucket.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// What the operator asks of every object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignedOptions {
    pub encryption: Option<Encryption>,
    /// The account that must own the bucket: S3 refuses the request otherwise.
    pub expected_owner: Option<String>,
}

/// `FITSYNC_S3_SSE`: `AES256`, `aws:kms` or `aws:kms:KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    Aes256,
    Kms { key: Option<String> },
}

impl std::str::FromStr for Encryption {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self> {
        let visible =
            |key: &&str| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
        match text {
            "AES256" => Ok(Self::Aes256),
            "aws:kms" => Ok(Self::Kms { key: None }),
            _ => match text.strip_prefix("aws:kms:").filter(visible) {
                Some(key) if key != "dsse" => Ok(Self::Kms { key: Some(key.to_owned()) }),
                _ => {
                    let what = "FITSYNC_S3_SSE must be AES256, aws:kms or aws:kms:KEY";
                    Err(Failure::new(ErrorClass::Usage, what))
                }
            },
        }
    }
}

/// One key pair, with a session when it is temporary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    pub access_key: String,
    pub secret: Secret,
    pub session_token: Option<Secret>,
    pub expires_at: Option<Timestamp>,
}

impl Credentials {
    pub(super) fn keys(&self) -> rusty_s3::Credentials {
        let token = self.session_token.as_ref().map(|token| token.expose().to_owned());
        let (key, secret) = (self.access_key.clone(), self.secret.expose().to_owned());
        match token {
            Some(token) => rusty_s3::Credentials::new_with_token(key, secret, token),
            None => rusty_s3::Credentials::new(key, secret),
        }
    }
}

/// Everything a signature is made from, besides the request.
#[derive(Debug, Clone, Copy)]
pub struct Signing<'a> {
    pub target: &'a Target,
    pub options: &'a SignedOptions,
    pub credentials: &'a Credentials,
    /// The corrected time.
    pub now: Timestamp,
}

/// Stores a CSV file. Both checksums are sent and signed: MD5 is the one that every server
/// enforces, SHA-256 the one that AWS recommends and keeps with the object.
pub fn put(signing: &Signing<'_>, key: &Key, body: &[u8]) -> Result<Request> {
    let mut headers = vec![
        ("content-md5", BASE64.encode(md5(body))),
        ("content-type", CSV_CONTENT_TYPE.to_owned()),
        ("x-amz-checksum-sha256", sha256_base64(body)),
    ];
    match &signing.options.encryption {
        None => {}
        Some(Encryption::Aes256) => {
            headers.push(("x-amz-server-side-encryption", "AES256".to_owned()));
        }
        Some(Encryption::Kms { key }) => {
            headers.push(("x-amz-server-side-encryption", "aws:kms".to_owned()));
            if let Some(key) = key {
                headers.push(("x-amz-server-side-encryption-aws-kms-key-id", key.clone()));
            }
        }
    }
    let (bucket, keys) = (signing.target.bucket()?, signing.credentials.keys());
    let action = bucket.put_object(Some(&keys), key.as_str());
    let mut request = presign(signing, Method::Put, action, Vec::new(), headers);
    request.body = body.to_vec();
    Ok(request)
}

/// Asks for an object's size, ETag and checksum.
pub fn head(signing: &Signing<'_>, key: &Key) -> Result<Request> {
    let headers = vec![("x-amz-checksum-mode", "ENABLED".to_owned())];
    let (bucket, keys) = (signing.target.bucket()?, signing.credentials.keys());
    let action = bucket.head_object(Some(&keys), key.as_str());
    // A compressed answer would have another length, or none.
    let request = presign(signing, Method::Head, action, Vec::new(), headers);
    Ok(request.header("accept-encoding", "identity"))
}

/// Reads an object of at most so many bytes.
pub fn get(signing: &Signing<'_>, key: &Key, bytes_max: u64) -> Result<Request> {
    let (bucket, keys) = (signing.target.bucket()?, signing.credentials.keys());
    let action = bucket.get_object(Some(&keys), key.as_str());
    let mut request = presign(signing, Method::Get, action, Vec::new(), Vec::new());
    request.reply_bytes_max = bytes_max;
    Ok(request)
}

/// Asks whether the bucket is there: a HEAD of an object cannot tell, it has no body.
pub fn head_bucket(signing: &Signing<'_>) -> Result<Request> {
    let (bucket, keys) = (signing.target.bucket()?, signing.credentials.keys());
    Ok(presign(signing, Method::Head, bucket.head_bucket(Some(&keys)), Vec::new(), Vec::new()))
}

/// Deletes an object; one that is not there is deleted too.
pub fn delete(signing: &Signing<'_>, key: &Key) -> Result<Request> {
    let (bucket, keys) = (signing.target.bucket()?, signing.credentials.keys());
    Ok(presign(
        signing,
        Method::Delete,
        bucket.delete_object(Some(&keys), key.as_str()),
        Vec::new(),
        Vec::new(),
    ))
}

/// Signs `headers`, and sends exactly what was signed.
pub(super) fn presign<'a>(
    signing: &Signing<'_>,
    method: Method,
    mut action: impl S3Action<'a>,
    query: Vec<(&'static str, String)>,
    mut headers: Vec<(&'static str, String)>,
) -> Request {
    if let Some(owner) = &signing.options.expected_owner {
        headers.push(("x-amz-expected-bucket-owner", owner.clone()));
    }
    for (name, value) in query {
        action.query_mut().insert(name, value);
    }
    for (name, value) in &headers {
        action.headers_mut().insert(*name, value.clone());
    }
    let url = action.sign_with_time(Duration::from_secs(S3_URL_LIFE_S), &signing.now);
    let request = Request::new(method, url.as_str(), SMALL_REPLY_BYTES_MAX);
    headers.into_iter().fold(request, |request, (name, value)| request.header(name, value))
}

/// As `x-amz-checksum-sha256` has it.
pub fn sha256_base64(body: &[u8]) -> String {
    BASE64.encode(sha256(body))
}

/// The same from a digest in hex, as the ledger has it.
pub fn base64_of_hex(digest: &str) -> Option<String> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let pairs = digest.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(16 * digit(high)? + digit(low)?),
        _ => None,
    });
    Some(BASE64.encode(pairs.collect::<Option<Vec<u8>>>()?))
}

/// The ETag of an object that was sent in one piece and not encrypted by KMS: its MD5, in hex.
pub fn md5_hex(body: &[u8]) -> String {
    hex(&md5(body))
}

/// The MD5 that an ETag is, if it is one.
pub fn md5_of_etag(etag: &str) -> Option<String> {
    let bare = etag.trim().trim_matches('"');
    let hex = bare.len() == 32 && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
    hex.then(|| bare.to_ascii_lowercase())
}

/// What S3 holds under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub size_bytes: u64,
    pub etag: String,
    /// Of the whole object; stores that do not keep checksums send none.
    pub sha256_base64: Option<String>,
    /// Encrypted by KMS: the ETag is then no MD5, however it looks.
    pub kms: bool,
}

/// What is known of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sums {
    pub size_bytes: u64,
    pub sha256_base64: Option<String>,
    pub md5_hex: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Same,
    /// Of the same size; there is no checksum that both sides know.
    SameSize,
    OtherSize,
    OtherBytes,
}

impl Sums {
    pub fn of(body: &[u8]) -> Self {
        Self {
            size_bytes: body.len() as u64,
            sha256_base64: Some(sha256_base64(body)),
            md5_hex: Some(md5_hex(body)),
        }
    }
}

impl Head {
    /// Whether the object is these bytes: by SHA-256, else by an ETag that is an MD5, else by size.
    pub fn compare(&self, sums: &Sums) -> Comparison {
        if self.size_bytes != sums.size_bytes {
            return Comparison::OtherSize;
        }
        let md5 = md5_of_etag(&self.etag).filter(|_| !self.kms);
        let of = |ours: &Option<String>, theirs: Option<String>| {
            let same = ours.as_ref()? == theirs.as_ref()?;
            Some(if same { Comparison::Same } else { Comparison::OtherBytes })
        };
        of(&sums.sha256_base64, self.sha256_base64.clone())
            .or_else(|| of(&sums.md5_hex, md5))
            .unwrap_or(Comparison::SameSize)
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
