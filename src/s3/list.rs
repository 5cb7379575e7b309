//! What a bucket holds below a prefix, every version where versions exist, whether it keeps
//! versions, and what keeps one of them: requests and replies.
//!
//! Keys are asked url-encoded, so that no name can look like XML; a store that does not do it sends
//! them as XML.

use std::fmt;

use jiff::Timestamp;

use crate::aws::xml::{element, text, unescape};
use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::exchange::{Method, Reply, Request, percent_decode};
use crate::core::table::utc;
use crate::limits::LIST_REPLY_BYTES_MAX;
use crate::s3::key::ObjectKey;
use crate::s3::request::{Signing, presign};

/// One object, or one version of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ListedObject {
    pub key: String,
    /// `None` where the store was asked for objects without versions.
    pub version: Option<String>,
}

impl ListedObject {
    /// The version's id; that of an object from before the bucket kept versions is none.
    fn version_id(&self) -> Option<&str> {
        self.version.as_deref().filter(|version| *version != "null")
    }

    pub fn is_a_version(&self) -> bool {
        self.version_id().is_some()
    }
}

impl fmt::Display for ListedObject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version_id() {
            Some(version) => write!(out, "{} version {version}", self.key),
            None => out.write_str(&self.key),
        }
    }
}

/// Where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Continuation {
    /// `key-marker`, or the continuation token.
    pub marker: String,
    pub version: Option<String>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listing {
    pub items: Vec<ListedObject>,
    pub next: Option<Continuation>,
}

/// Asks for a page of objects (`versions` false) or of versions and delete markers.
pub fn list(
    signing: &Signing<'_>,
    prefix: &ObjectKey,
    versions: bool,
    next: Option<&Continuation>,
) -> Result<Request> {
    let mut query = vec![
        ("encoding-type", "url".to_owned()),
        // The slash: user_1 must not find what is of user_10.
        ("prefix", format!("{prefix}/")),
    ];
    query.push(if versions { ("versions", String::new()) } else { ("list-type", "2".to_owned()) });
    if let Some(next) = next {
        let name = if versions { "key-marker" } else { "continuation-token" };
        query.push((name, next.marker.clone()));
        if let Some(version) = next.version.clone() {
            query.push(("version-id-marker", version));
        }
    }
    let (bucket, keys) = (signing.target.bucket()?, signing.credentials.keys());
    // rusty-s3 has no list of versions; a GET of the bucket itself is all that it is.
    let action = bucket.get_object(Some(&keys), "");
    let mut request = presign(signing, Method::Get, action, query, Vec::new());
    request.reply_bytes_max = LIST_REPLY_BYTES_MAX;
    Ok(request)
}

/// Deletes an object, or one version of it for good.
pub fn delete(signing: &Signing<'_>, key: &ObjectKey, version: Option<&str>) -> Result<Request> {
    let (bucket, keys) = (signing.target.bucket()?, signing.credentials.keys());
    let action = bucket.delete_object(Some(&keys), key.as_str());
    Ok(presign(signing, Method::Delete, action, of_version(version), Vec::new()))
}

/// Asks what keeps an object, or one version of it, from being deleted.
pub fn head(signing: &Signing<'_>, key: &ObjectKey, version: Option<&str>) -> Result<Request> {
    let (bucket, keys) = (signing.target.bucket()?, signing.credentials.keys());
    let action = bucket.head_object(Some(&keys), key.as_str());
    Ok(presign(signing, Method::Head, action, of_version(version), Vec::new()))
}

fn of_version(version: Option<&str>) -> Vec<(&'static str, String)> {
    version.map(|version| ("versionId", version.to_owned())).into_iter().collect()
}

/// Asks whether the bucket keeps versions.
pub fn versioning(signing: &Signing<'_>) -> Result<Request> {
    let (bucket, keys) = (signing.target.bucket()?, signing.credentials.keys());
    let action = bucket.get_object(Some(&keys), "");
    let query = vec![("versioning", String::new())];
    Ok(presign(signing, Method::Get, action, query, Vec::new()))
}

/// Whether the bucket keeps versions, or did. One that never did names no status.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketVersioning.html>
pub fn read_versioning(reply: &Reply) -> Result<bool> {
    let body = text(reply);
    if !body.contains("<VersioningConfiguration") {
        return Err(malformed("what the store says of versions is no answer of S3"));
    }
    Ok(matches!(element(&body, "Status"), Some("Enabled" | "Suspended")))
}

/// What keeps an object although a key may delete it.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html>
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ObjectLock {
    pub retained_until: Option<Timestamp>,
    pub legal_hold: bool,
}

impl ObjectLock {
    /// As the answer to a HEAD tells it, to keys that may read it.
    pub fn read(reply: &Reply) -> Self {
        let until = reply.header("x-amz-object-lock-retain-until-date");
        let hold = reply.header("x-amz-object-lock-legal-hold");
        Self {
            retained_until: until.and_then(|until| until.trim().parse().ok()),
            legal_hold: hold.is_some_and(|hold| hold.trim() == "ON"),
        }
    }

    /// Whether it keeps the object at this time.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.legal_hold || self.retained_until.is_some_and(|until| now < until)
    }
}

impl fmt::Display for ObjectLock {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.retained_until, self.legal_hold) {
            (Some(until), true) => {
                write!(out, "under legal hold, and under retention until {}", utc(until))
            }
            (Some(until), false) => write!(out, "under retention until {}", utc(until)),
            (None, _) => out.write_str("under legal hold"),
        }
    }
}

/// Reads a page of either list.
pub fn read(reply: &Reply, versions: bool) -> Result<Listing> {
    let body = text(reply);
    let kind = if versions { "ListVersionsResult" } else { "ListBucketResult" };
    if !body.contains(&format!("<{kind}")) || !body.contains(&format!("</{kind}>")) {
        return Err(malformed("the list of objects is not one, or is cut short"));
    }
    let encoded = element(&body, "EncodingType") == Some("url");
    let decoded = |text: &str| {
        let text = unescape(text);
        if encoded { percent_decode(&text) } else { text }
    };
    let names: &[&str] = if versions { &["Version", "DeleteMarker"] } else { &["Contents"] };
    let mut listing = Listing::default();
    for name in names {
        for part in body.split(&format!("<{name}>")).skip(1) {
            let part = part.split(&format!("</{name}>")).next().unwrap_or_default();
            let key = raw(part, "Key").ok_or_else(|| malformed("an object without a key"))?;
            let version = element(part, "VersionId").map(unescape);
            if versions && version.is_none() {
                return Err(malformed("a version without its id"));
            }
            listing.items.push(ListedObject { key: decoded(key), version });
        }
    }
    if element(&body, "IsTruncated") == Some("true") {
        let marker = if versions { "NextKeyMarker" } else { "NextContinuationToken" };
        let marker = raw(&body, marker).ok_or_else(|| malformed("a list without its end"))?;
        let marker = if versions { decoded(marker) } else { unescape(marker) };
        let version = element(&body, "NextVersionIdMarker").map(unescape);
        listing.next = Some(Continuation { marker, version });
    }
    Ok(listing)
}

/// The text of the first element of this name, blanks at its ends included.
fn raw<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

fn malformed(what: &str) -> Failure {
    Failure::new(ErrorClass::Format, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(body: &str) -> Reply {
        Reply { status: 200, headers: Vec::new(), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn versions_and_delete_markers_are_found_with_the_place_to_go_on() {
        let body = "<?xml version=\"1.0\"?><ListVersionsResult xmlns=\"http://s3\">\
            <EncodingType>url</EncodingType>\
            <IsTruncated>true</IsTruncated><NextKeyMarker>users/a%2Bb</NextKeyMarker>\
            <NextVersionIdMarker>v2</NextVersionIdMarker>\
            <Version><Key>users/a%2Fx.csv</Key><VersionId>v1</VersionId></Version>\
            <DeleteMarker><Key>users/a/y.csv</Key><VersionId>null</VersionId></DeleteMarker>\
            </ListVersionsResult>";
        let listing = read(&reply(body), true).unwrap();
        let item = |key: &str, version: &str| ListedObject {
            key: key.to_owned(),
            version: Some(version.to_owned()),
        };
        assert_eq!(listing.items, [item("users/a/x.csv", "v1"), item("users/a/y.csv", "null")]);
        let next = Continuation { marker: "users/a+b".to_owned(), version: Some("v2".to_owned()) };
        assert_eq!(listing.next, Some(next));
        assert_eq!(listing.items[0].to_string(), "users/a/x.csv version v1");
        assert_eq!(listing.items[1].to_string(), "users/a/y.csv");
    }

    #[test]
    fn a_list_of_objects_is_read_to_its_end() {
        let body = "<ListBucketResult><IsTruncated>false</IsTruncated><Contents>\
            <Key>users/a/x.csv</Key></Contents></ListBucketResult>";
        let listing = read(&reply(body), false).unwrap();
        assert_eq!(
            listing.items,
            [ListedObject { key: "users/a/x.csv".to_owned(), version: None }]
        );
        assert_eq!(listing.next, None);
        let empty = read(&reply("<ListBucketResult></ListBucketResult>"), false).unwrap();
        assert_eq!(empty, Listing::default());
    }

    #[test]
    fn keys_are_read_as_the_reply_says_that_they_are_written() {
        let read_key = |encoding: &str, key: &str| {
            let item = format!("<Contents><Key>{key}</Key></Contents>");
            let body = format!("<ListBucketResult>{encoding}{item}</ListBucketResult>");
            read(&reply(&body), false).unwrap().items[0].key.clone()
        };
        let url = "<EncodingType>url</EncodingType>";
        assert_eq!(read_key(url, "users/a/b+c%2B%26%C3%BC"), "users/a/b c+&\u{fc}");
        assert_eq!(read_key("", "users/a/b+c%2B&amp;lt;&#x20;"), "users/a/b+c%2B&lt; ");
        assert_eq!(read_key("", " users/a/ "), " users/a/ ");
    }

    #[test]
    fn what_keeps_an_object_is_told_by_its_head() {
        let lock = |headers: &[(&str, &str)]| {
            let headers = headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
            ObjectLock::read(&Reply { status: 200, headers: headers.collect(), body: Vec::new() })
        };
        let until = ("x-amz-object-lock-retain-until-date", "2027-01-02T03:04:05.000Z");
        let hold = ("x-amz-object-lock-legal-hold", "ON");
        let now = "2026-11-29T00:00:00Z".parse().unwrap();
        assert_eq!(lock(&[until]).to_string(), "under retention until 2027-01-02T03:04:05Z");
        assert_eq!(lock(&[hold]).to_string(), "under legal hold");
        assert!(lock(&[until, hold]).to_string().contains("hold, and under retention until 2027"));
        assert!(lock(&[until]).holds(now) && lock(&[hold]).holds(now));
        assert!(!lock(&[until]).holds("2027-01-02T03:04:05Z".parse().unwrap()));
        for (name, odd) in [(until.0, "soon"), (hold.0, "OFF")] {
            assert_eq!(lock(&[(name, odd)]), ObjectLock::default());
        }
    }

    #[test]
    fn only_a_bucket_that_never_kept_versions_names_no_status() {
        let read = |inner: &str| {
            read_versioning(&reply(&format!(
                "<VersioningConfiguration xmlns=\"http://s3\">{inner}</VersioningConfiguration>"
            )))
        };
        assert_eq!(read(""), Ok(false));
        assert_eq!(read("<Status>Enabled</Status>"), Ok(true));
        assert_eq!(read("<Status>Suspended</Status>"), Ok(true));
        assert!(read_versioning(&reply("<html></html>")).is_err());
    }

    #[test]
    fn what_is_no_list_is_never_taken_for_an_empty_one() {
        for body in [
            "",
            "<html></html>",
            "<ListBucketResult>",
            "<ListBucketResult><Contents></Contents></ListBucketResult>",
            "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        ] {
            assert!(read(&reply(body), false).is_err(), "{body}");
        }
    }
}
