//! S3 as data: object keys, where a bucket is, and the signed requests that put, look at and delete
//! an object. What a refusal means is in `error.rs`; who sends is `store.rs`.
//!
//! Requests are presigned by rusty-s3 just before each try, every `x-amz-*` header among what is
//! signed. The signed URL is a bearer secret: it is never logged and never stored.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use rusty_s3::{Bucket, S3Action, UrlStyle};

use crate::aws::endpoint::{Variant, aws_address};
use crate::aws::keys::Credentials;
use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::exchange::{Method, Request};
use crate::core::hash::md5;
use crate::limits::{S3_URL_LIFE_S, SMALL_REPLY_BYTES_MAX};
use crate::s3::key::ObjectKey;
use crate::s3::sums::sha256_base64;

pub const CSV_CONTENT_TYPE: &str = "text/csv; charset=utf-8";

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
    pub sums: SumsUsed,
}

/// AWS's own checksum headers, which not every store takes
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-dataintegrity.html>). `Content-MD5`,
/// which every store checks, is always sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SumsUsed {
    /// `x-amz-checksum-sha256` with each upload.
    pub sent: bool,
    /// `x-amz-checksum-mode` with each look at an object.
    pub asked: bool,
}

impl Default for SumsUsed {
    fn default() -> Self {
        Self { sent: true, asked: true }
    }
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

/// Everything a signature is made from, besides the request.
#[derive(Debug, Clone, Copy)]
pub struct Signing<'a> {
    pub target: &'a Target,
    pub options: &'a SignedOptions,
    pub credentials: &'a Credentials,
    /// The corrected time.
    pub now: Timestamp,
}

/// Stores a CSV file. The checksums are sent and signed: MD5 is the one that every server enforces,
/// SHA-256 the one that AWS recommends and keeps with the object.
pub fn put(signing: &Signing<'_>, key: &ObjectKey, body: &[u8]) -> Result<Request> {
    let mut headers = vec![
        ("content-md5", BASE64.encode(md5(body))),
        ("content-type", CSV_CONTENT_TYPE.to_owned()),
    ];
    if signing.options.sums.sent {
        headers.push(("x-amz-checksum-sha256", sha256_base64(body)));
    }
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
pub fn head(signing: &Signing<'_>, key: &ObjectKey) -> Result<Request> {
    let headers = sums_asked(signing);
    let (bucket, keys) = (signing.target.bucket()?, signing.credentials.keys());
    let action = bucket.head_object(Some(&keys), key.as_str());
    // A compressed answer would have another length, or none.
    let request = presign(signing, Method::Head, action, Vec::new(), headers);
    Ok(request.header("accept-encoding", "identity"))
}

fn sums_asked(signing: &Signing<'_>) -> Vec<(&'static str, String)> {
    let asked = signing.options.sums.asked;
    asked.then(|| ("x-amz-checksum-mode", "ENABLED".to_owned())).into_iter().collect()
}

/// Reads one byte of an object: its refusal has a body, which that of [`head`] has not.
pub fn first_byte(signing: &Signing<'_>, key: &ObjectKey) -> Result<Request> {
    let (bucket, keys) = (signing.target.bucket()?, signing.credentials.keys());
    let action = bucket.get_object(Some(&keys), key.as_str());
    let request = presign(signing, Method::Get, action, Vec::new(), sums_asked(signing));
    Ok(request.header("range", "bytes=0-0"))
}

/// Lists one object: its refusal has a body, which that of [`head_bucket`] has not.
pub fn first_object(signing: &Signing<'_>) -> Result<Request> {
    let (bucket, keys) = (signing.target.bucket()?, signing.credentials.keys());
    let action = bucket.get_object(Some(&keys), "");
    let query = vec![("list-type", "2".to_owned()), ("max-keys", "1".to_owned())];
    Ok(presign(signing, Method::Get, action, query, Vec::new()))
}

/// Reads an object of at most so many bytes.
pub fn get(signing: &Signing<'_>, key: &ObjectKey, bytes_max: u64) -> Result<Request> {
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
pub fn delete(signing: &Signing<'_>, key: &ObjectKey) -> Result<Request> {
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

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
