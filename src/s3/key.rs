//! Names that a store takes: object keys, buckets, the account that owns one.

use std::fmt;

use crate::core::error::{ErrorClass, Failure, Result};
use crate::limits::S3_KEY_BYTES_MAX;

/// The key of one object, prefix included. It has no `.` or `..` segment: those would change which
/// object, or even which bucket, a request is about (rusty-s3, "Object keys"). One of ours has no
/// empty segment either, and plain characters only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(String);

impl ObjectKey {
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

impl fmt::Display for ObjectKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// `S3_BUCKET_RAW`: a name, not an address.
pub fn check_bucket_name(bucket: &str) -> Result<()> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let end = |c: char| c == '.' || c == '-';
    let ends = bucket.starts_with(end) || bucket.ends_with(end) || bucket.contains("..");
    if bucket.ends_with("--x-s3") {
        let what =
            format!("S3_BUCKET_RAW={bucket}: directory buckets (S3 Express) are not supported");
        return Err(Failure::new(ErrorClass::Usage, what));
    }
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
pub fn unfit(path: &str) -> Option<&'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_.=-".contains(&byte);
    if !path.bytes().all(plain) {
        return Some("has a character that is not allowed");
    }
    if path.split('/').any(str::is_empty) {
        return Some("has an empty segment");
    }
    path.split('/').any(|part| part == "." || part == "..").then_some("has a segment . or ..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_prefix_and_the_path_with_one_slash_between() {
        for prefix in ["study/a", "/study/a", "study/a/", "/study/a/"] {
            assert_eq!(
                ObjectKey::new(prefix, "users/u/x.csv").unwrap().as_str(),
                "study/a/users/u/x.csv"
            );
        }
        assert_eq!(ObjectKey::new("", "users/u=1/x.csv").unwrap().as_str(), "users/u=1/x.csv");
        assert_eq!(ObjectKey::new("/", "x").unwrap().as_str(), "x");
    }

    #[test]
    fn a_key_that_could_reach_another_object_is_refused() {
        for path in
            ["", "/", "a//b", "/a", "a/", ".", "..", "a/../b", "a/./b", "a b", "a?b", "a%2e"]
        {
            assert_eq!(ObjectKey::new("", path).unwrap_err().class, ErrorClass::Bug, "{path}");
        }
        for prefix in ["..", "a/../b", "a//b", "ä", "s3://bucket", "a b"] {
            assert_eq!(
                ObjectKey::new(prefix, "x").unwrap_err().class,
                ErrorClass::Usage,
                "{prefix}"
            );
        }
        assert!(ObjectKey::new(&"p".repeat(1020), "x.csv").is_err());
    }

    #[test]
    fn a_bucket_is_a_name_and_an_owner_a_number() {
        for name in ["study", "a.study-1", "Study_1", "alias-s3alias"] {
            assert_eq!(check_bucket_name(name), Ok(()));
        }
        for name in [
            "",
            "ab",
            "s3://study",
            "arn:aws:s3:::study",
            "a/b",
            "..",
            "a..b",
            ".ab",
            "a b",
            "raw-",
            "-raw",
            "a--use1-az4--x-s3",
        ] {
            assert_eq!(check_bucket_name(name).unwrap_err().class, ErrorClass::Usage, "{name}");
        }
        assert_eq!(check_owner("123456789012"), Ok(()));
        assert!(check_owner("1234-5678-9012").is_err());
    }
}
