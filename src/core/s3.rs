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
use md5::Digest as _;
use rusty_s3::{Bucket, S3Action, UrlStyle};

use crate::config::{S3_KEY_BYTES_MAX, S3_URL_LIFE_S, SMALL_REPLY_BYTES_MAX};
use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::core::exchange::{Method, Request};

pub const CSV_CONTENT_TYPE: &str = "text/csv; charset=utf-8";

/// The key of one object, prefix included. It has no empty, `.` or `..` segment: those would change
/// which object, or even which bucket, a request is about (rusty-s3, "Object keys").
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

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
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
}

impl Target {
    fn bucket(&self) -> Result<Bucket> {
        let refuse = |why: &dyn fmt::Display| {
            let at = self.endpoint.as_deref().unwrap_or("AWS");
            let what = format!("bucket {} cannot be addressed at {at}: {why}", self.bucket);
            Failure::new(ErrorClass::Config, what)
        };
        let endpoint = self.endpoint.clone().unwrap_or_else(|| aws_endpoint(&self.region));
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

/// AWS's own address of S3; China is a partition with a domain of its own.
fn aws_endpoint(region: &str) -> String {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://s3.{region}.{domain}")
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
    fn keys(&self) -> rusty_s3::Credentials {
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
        ("content-md5", BASE64.encode(md5::Md5::digest(body))),
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
    let mut request = presign(signing, Method::Put, action, headers);
    request.body = body.to_vec();
    Ok(request)
}

/// Asks for an object's size, ETag and checksum.
pub fn head(signing: &Signing<'_>, key: &Key) -> Result<Request> {
    let headers = vec![("x-amz-checksum-mode", "ENABLED".to_owned())];
    let (bucket, keys) = (signing.target.bucket()?, signing.credentials.keys());
    let action = bucket.head_object(Some(&keys), key.as_str());
    // A compressed answer would have another length, or none.
    let request = presign(signing, Method::Head, action, headers);
    Ok(request.header("accept-encoding", "identity"))
}

/// Asks whether the bucket is there: a HEAD of an object cannot tell, it has no body.
pub fn head_bucket(signing: &Signing<'_>) -> Result<Request> {
    let (bucket, keys) = (signing.target.bucket()?, signing.credentials.keys());
    Ok(presign(signing, Method::Head, bucket.head_bucket(Some(&keys)), Vec::new()))
}

/// Deletes an object; one that is not there is deleted too.
pub fn delete(signing: &Signing<'_>, key: &Key) -> Result<Request> {
    let (bucket, keys) = (signing.target.bucket()?, signing.credentials.keys());
    Ok(presign(
        signing,
        Method::Delete,
        bucket.delete_object(Some(&keys), key.as_str()),
        Vec::new(),
    ))
}

/// Signs `headers`, and sends exactly what was signed.
fn presign<'a>(
    signing: &Signing<'_>,
    method: Method,
    mut action: impl S3Action<'a>,
    mut headers: Vec<(&'static str, String)>,
) -> Request {
    if let Some(owner) = &signing.options.expected_owner {
        headers.push(("x-amz-expected-bucket-owner", owner.clone()));
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
    BASE64.encode(ring::digest::digest(&ring::digest::SHA256, body))
}

/// The ETag of an object that was sent in one piece and not encrypted by KMS: its MD5, in hex.
pub fn md5_hex(body: &[u8]) -> String {
    md5::Md5::digest(body).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The MD5 that an ETag is, if it is one.
pub fn md5_of_etag(etag: &str) -> Option<String> {
    let bare = etag.trim().trim_matches('"');
    let hex = bare.len() == 32 && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
    hex.then(|| bare.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        Target {
            bucket: "examplebucket".to_owned(),
            region: "us-east-1".to_owned(),
            endpoint: Some("https://s3.amazonaws.com".to_owned()),
            path_style: false,
        }
    }

    fn credentials() -> Credentials {
        Credentials {
            access_key: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            session_token: None,
            expires_at: None,
        }
    }

    /// The request that `make` gives in AWS's example account on its example day.
    fn made(
        target: &Target,
        options: &SignedOptions,
        make: impl Fn(&Signing<'_>) -> Result<Request>,
    ) -> Request {
        let credentials = credentials();
        let now = "2013-05-24T00:00:00Z".parse().unwrap();
        make(&Signing { target, options, credentials: &credentials, now }).unwrap()
    }

    fn query(request: &Request, name: &str) -> String {
        let query = request.url.split_once('?').unwrap().1;
        let pairs = crate::core::exchange::pairs(query);
        pairs.into_iter().find(|(known, _)| known == name).unwrap().1
    }

    #[test]
    fn a_key_is_the_prefix_and_the_path_with_one_slash_between() {
        for prefix in ["study/a", "/study/a", "study/a/", "/study/a/"] {
            assert_eq!(
                Key::new(prefix, "users/u/x.csv").unwrap().as_str(),
                "study/a/users/u/x.csv"
            );
        }
        assert_eq!(Key::new("", "users/u=1/x.csv").unwrap().as_str(), "users/u=1/x.csv");
        assert_eq!(Key::new("/", "x").unwrap().as_str(), "x");
    }

    #[test]
    fn a_key_that_could_reach_another_object_is_refused() {
        for path in
            ["", "/", "a//b", "/a", "a/", ".", "..", "a/../b", "a/./b", "a b", "a?b", "a%2e"]
        {
            assert_eq!(Key::new("", path).unwrap_err().class, ErrorClass::Bug, "{path}");
        }
        for prefix in ["..", "a/../b", "a//b", "ä", "s3://bucket", "a b"] {
            assert_eq!(Key::new(prefix, "x").unwrap_err().class, ErrorClass::Usage, "{prefix}");
        }
        assert!(Key::new(&"p".repeat(1020), "x.csv").is_err());
    }

    #[test]
    fn every_header_that_is_sent_with_a_put_is_signed() {
        let options = SignedOptions {
            encryption: Some(Encryption::Kms { key: Some("arn:aws:kms:eu:1:key/2".to_owned()) }),
            expected_owner: Some("123456789012".to_owned()),
        };
        let key = Key::new("", "users/u/x.csv").unwrap();
        let request = made(&target(), &options, |signing| put(signing, &key, b"a,b\n"));
        assert_eq!(
            query(&request, "X-Amz-SignedHeaders"),
            "content-md5;content-type;host;x-amz-checksum-sha256;x-amz-expected-bucket-owner;\
             x-amz-server-side-encryption;x-amz-server-side-encryption-aws-kms-key-id"
        );
        assert_eq!(request.headers.len(), 6);
        assert_eq!(request.body, b"a,b\n");
        assert_eq!(query(&request, "X-Amz-Expires"), S3_URL_LIFE_S.to_string());
    }

    #[test]
    fn a_head_asks_for_the_checksum_and_for_no_compression() {
        let key = Key::new("", "x.csv").unwrap();
        let request = made(&target(), &SignedOptions::default(), |signing| head(signing, &key));
        assert_eq!(query(&request, "X-Amz-SignedHeaders"), "host;x-amz-checksum-mode");
        assert!(request.headers.contains(&("accept-encoding".into(), "identity".into())));
    }

    #[test]
    fn a_session_token_is_part_of_what_is_signed() {
        let (target, options) = (target(), SignedOptions::default());
        let mut credentials = credentials();
        credentials.session_token = Some(Secret::new("session+/="));
        let now = "2013-05-24T00:00:00Z".parse().unwrap();
        let signing =
            Signing { target: &target, options: &options, credentials: &credentials, now };
        let request = delete(&signing, &Key::new("", "x.csv").unwrap()).unwrap();
        assert_eq!(query(&request, "X-Amz-Security-Token"), "session+/=");
    }

    #[test]
    fn the_host_names_the_bucket_unless_it_cannot() {
        let address = |bucket: &str, endpoint: Option<&str>, path_style| {
            let target = Target {
                bucket: bucket.to_owned(),
                region: "eu-west-1".to_owned(),
                endpoint: endpoint.map(str::to_owned),
                path_style,
            };
            let key = Key::new("", "x").unwrap();
            made(&target, &SignedOptions::default(), |signing| delete(signing, &key)).label()
        };
        assert_eq!(address("study", None, false), "DELETE study.s3.eu-west-1.amazonaws.com/x");
        assert_eq!(address("a.study", None, false), "DELETE s3.eu-west-1.amazonaws.com/a.study/x");
        assert_eq!(address("Study_1", None, false), "DELETE s3.eu-west-1.amazonaws.com/Study_1/x");
        let own = Some("http://127.0.0.1:9000");
        assert_eq!(address("study", own, true), "DELETE 127.0.0.1:9000/study/x");
        let own = Some("https://store.example/s3/");
        assert_eq!(address("study", own, true), "DELETE store.example/s3/study/x");
        assert_eq!(address("study", own, false), "DELETE study.store.example/s3/x");
    }

    #[test]
    fn an_address_that_cannot_hold_the_bucket_is_a_config_error() {
        let key = Key::new("", "x").unwrap();
        for endpoint in ["ftp://store", "not an address", "https://127.0.0.1"] {
            let target = Target { endpoint: Some(endpoint.to_owned()), ..target() };
            let (options, credentials) = (SignedOptions::default(), credentials());
            let now = Timestamp::UNIX_EPOCH;
            let signing =
                Signing { target: &target, options: &options, credentials: &credentials, now };
            let failure = delete(&signing, &key).unwrap_err();
            assert_eq!(failure.class, ErrorClass::Config, "{endpoint}");
        }
    }

    #[test]
    fn encryption_is_read_in_awss_own_terms() {
        assert_eq!("AES256".parse(), Ok(Encryption::Aes256));
        assert_eq!("aws:kms".parse(), Ok(Encryption::Kms { key: None }));
        let key = "arn:aws:kms:eu-west-1:123456789012:key/1-2";
        let expected = Encryption::Kms { key: Some(key.to_owned()) };
        assert_eq!(format!("aws:kms:{key}").parse(), Ok(expected));
        for wrong in ["", "aes256", "kms", "aws:kms:", "aws:kms:dsse", "aws:kms:a b"] {
            assert!(wrong.parse::<Encryption>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_etag_is_an_md5_only_when_it_looks_like_one() {
        let md5 = md5_hex(b"");
        assert_eq!(md5, "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(md5_of_etag("\"D41D8CD98F00B204E9800998ECF8427E\""), Some(md5));
        assert_eq!(md5_of_etag("\"d41d8cd98f00b204e9800998ecf8427e-2\""), None);
        assert_eq!(md5_of_etag("\"\""), None);
    }
}
