//! Checksums of objects: what was sent, what the store says it holds, whether they agree.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::core::hash::{hex, md5, sha256};

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
pub struct Held {
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

impl Held {
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
mod tests {
    use super::*;

    #[test]
    fn an_etag_is_an_md5_only_when_it_looks_like_one() {
        let md5 = md5_hex(b"");
        assert_eq!(md5, "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(md5_of_etag("\"D41D8CD98F00B204E9800998ECF8427E\""), Some(md5));
        assert_eq!(md5_of_etag("\"d41d8cd98f00b204e9800998ecf8427e-2\""), None);
        assert_eq!(md5_of_etag("\"\""), None);
    }

    #[test]
    fn an_object_is_compared_by_the_best_sum_that_both_sides_know() {
        let head = |etag: &str, sha256: Option<String>, kms| Held {
            size_bytes: 3,
            etag: etag.to_owned(),
            sha256_base64: sha256,
            kms,
        };
        let (sums, md5) = (Sums::of(b"abc"), md5_hex(b"abc"));
        let zeros = "0".repeat(32);
        let compare = |head: Held| head.compare(&sums);
        assert_eq!(compare(head(&zeros, Some(sha256_base64(b"abc")), false)), Comparison::Same);
        assert_eq!(compare(head(&md5, Some(sha256_base64(b"abd")), false)), Comparison::OtherBytes);
        assert_eq!(compare(head(&md5, None, false)), Comparison::Same);
        assert_eq!(compare(head(&zeros, None, false)), Comparison::OtherBytes);
        assert_eq!(compare(head(&zeros, None, true)), Comparison::SameSize);
        assert_eq!(compare(head("1-2", None, false)), Comparison::SameSize);
        assert_eq!(head(&md5, None, false).compare(&Sums::of(b"abcd")), Comparison::OtherSize);
        assert_eq!(
            head(&md5, None, false).compare(&Sums { md5_hex: None, ..sums }),
            Comparison::SameSize
        );
    }

    #[test]
    fn a_digest_in_hex_becomes_the_one_that_s3_keeps() {
        let hex = crate::core::hash::sha256_hex(b"abc");
        assert_eq!(base64_of_hex(&hex), Some(sha256_base64(b"abc")));
        assert_eq!(base64_of_hex("zz"), None);
        assert_eq!(base64_of_hex("abc"), None);
    }
}
