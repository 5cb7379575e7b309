//! What is called gone was seen to be gone: refused lists, versions, object lock.

use fitsync::core::error::{ErrorClass, Failure};
use fitsync::io::clock::Clock;
use fitsync::s3::erase::{Count, Erased, Erasure, count, erase};

use crate::bucket::{Bucket, Rules};
use crate::scripted::Answer;
use crate::store_at;

const KEYS: [&str; 3] = [
    "users/u1/hrv/u1_hrv_20261122.csv",
    "users/u1/steps/u1_steps_20261121.csv",
    "users/u1/steps/u1_steps_20261122.csv",
];
const OTHER: &str = "users/u10/steps/u10_steps_20261122.csv";
const ALL: &str = "users/u1/";

fn filled(rules: Rules) -> Bucket {
    let bucket = Bucket::start(rules);
    KEYS.iter().chain([&OTHER]).for_each(|key| bucket.put(key));
    bucket
}

/// One erasure, of which so much is known from before.
fn erased(bucket: &Bucket, versions_kept: Option<bool>) -> (Erased, Result<(), Failure>) {
    let store = store_at(&bucket.server.url, &Clock::default());
    let mut erased = Erased::default();
    let erasure = Erasure {
        path: "users/u1",
        sent: &|| Ok(KEYS.map(str::to_owned).to_vec()),
        names_done: false,
        versions_kept,
        progress: &|_| {},
    };
    let done = erase(&store, &erasure, &mut erased);
    (erased, done)
}

/// Whether an erasure may be called done; the rest of a line is for the message.
fn is_done(erased: &Erased, done: &Result<(), Failure>) -> bool {
    done.is_ok() && erased.left.is_empty()
}

const PLAIN: Rules = Rules::PLAIN;
const VERSIONED: Rules = Rules::VERSIONED;

/// Every way in which a store may answer: whether the first erasure is done, and a second one that
/// knows what the first has learned.
const STORES: [(&str, Rules, bool); 20] = [
    ("plain", PLAIN, true),
    ("versioned", VERSIONED, true),
    ("knows no versions", Rules { knows_versions: false, ..PLAIN }, true),
    ("plain, versions unseen", Rules { list_versions: false, ..PLAIN }, true),
    (
        "plain, nothing but objects seen",
        Rules { list_versions: false, see_versioning: false, ..PLAIN },
        true,
    ),
    ("versions unseen", Rules { list_versions: false, ..VERSIONED }, false),
    (
        "versions unseen, versioning too",
        Rules { list_versions: false, see_versioning: false, ..VERSIONED },
        false,
    ),
    ("versions stay", Rules { delete_versions: false, ..VERSIONED }, false),
    ("nothing listed", Rules { list: false, list_versions: false, ..PLAIN }, false),
    ("nothing listed, versioned", Rules { list: false, list_versions: false, ..VERSIONED }, false),
    ("nothing deleted", Rules { delete: false, delete_versions: false, ..VERSIONED }, false),
    ("wrong secret", instead(|| Answer::error(403, "SignatureDoesNotMatch")), false),
    ("unknown key", instead(|| Answer::error(403, "InvalidAccessKeyId")), false),
    ("no bucket", instead(|| Answer::error(404, "NoSuchBucket")), false),
    ("another region", instead(|| Answer::error(301, "PermanentRedirect")), false),
    ("sign in", instead(|| Answer::new(401)), false),
    ("a page, 404", instead(|| page(404)), false),
    ("a page, 200", instead(|| page(200)), false),
    ("no list", instead(|| Answer::new(200).body("<Result><Key>users/u1/a</Key></Result>")), false),
    ("a list cut short", instead(|| Answer::new(200).body("<ListBucketResult><Cont")), false),
];

const fn instead(answer: fn() -> Answer) -> Rules {
    Rules { instead: Some(answer), ..PLAIN }
}

fn page(status: u16) -> Answer {
    Answer::new(status).header("Content-Type", "text/html").body("<html>It works!</html>")
}

#[test]
fn what_is_called_done_can_neither_be_listed_nor_fetched_by_version_or_not() {
    for (name, rules, good) in STORES {
        let bucket = filled(rules);
        let mut versions_kept = None;
        for time in ["first", "second"] {
            let (erased, done) = erased(&bucket, versions_kept);
            versions_kept = erased.versions_kept.or(versions_kept);
            let is_done = is_done(&erased, &done);
            assert_eq!(is_done, good, "{name}, {time}: {erased:?} {done:?}");
            assert!(!is_done || bucket.left(ALL).is_empty(), "{name}, {time}");
        }
        assert_eq!(bucket.left(OTHER).len(), 1, "{name}: of others nothing goes");
    }
}

#[test]
fn a_refusal_is_told_with_the_permission_that_cures_it() {
    let told = |rules: Rules| {
        let (erased, done) = erased(&filled(rules), None);
        let left = erased.left.first().map(|(_, stays)| stays.to_string());
        let failure = done.err();
        assert!(failure.as_ref().is_none_or(|failure| failure.class == ErrorClass::Config));
        failure.map(|failure| failure.what).or(left).unwrap()
    };
    let versions = "allow s3:ListBucketVersions on the bucket and s3:DeleteObjectVersion";
    for (rules, words) in [
        (Rules { list_versions: false, ..VERSIONED }, "those of the deleted objects stay"),
        (Rules { list_versions: false, ..VERSIONED }, versions),
        (Rules { delete_versions: false, ..VERSIONED }, "allow s3:DeleteObjectVersion on"),
        (Rules { delete: false, ..PLAIN }, "allow s3:DeleteObject on"),
        (Rules { list: false, list_versions: false, ..PLAIN }, "allow s3:ListBucket and"),
        (STORES[11].1, "the secret of"),
        (STORES[13].1, "bucket study does not exist"),
        (STORES[16].1, "check AWS_ENDPOINT_URL"),
    ] {
        let what = told(rules);
        assert!(what.contains(words), "{words} in {what}");
    }
}

#[test]
fn where_nothing_is_deleted_only_the_bucket_itself_can_say_that_it_keeps_no_versions() {
    let unseen = Rules { list_versions: false, ..PLAIN };
    let bucket = Bucket::start(unseen);
    let (erased_first, done) = erased(&bucket, None);
    assert_eq!((done, erased_first.versions_kept), (Ok(()), Some(false)));
    bucket.rule(Rules { see_versioning: false, ..unseen });
    let (_, done) = erased(&bucket, None);
    assert!(done.unwrap_err().what.contains("cannot be seen: allow s3:ListBucketVersions"));
    // What was deleted before proved it.
    assert_eq!(erased(&bucket, Some(false)).1, Ok(()));
    assert!(erased(&bucket, Some(true)).1.is_err());
}

#[test]
fn what_the_store_keeps_is_told_by_its_reason_and_all_the_others_go() {
    let bucket = filled(VERSIONED);
    bucket.lock(KEYS[0], Some("2099-01-02T03:04:05Z"), false);
    bucket.lock(KEYS[1], None, true);
    // Older ones, more than any limit of failures in a row.
    (0..9).for_each(|_| bucket.put("users/u1/steps/u1_steps_20261120.csv"));
    bucket.lock("20261120", Some("2098-01-01T00:00:00Z"), false);
    let (erased, done) = erased(&bucket, None);
    assert_eq!((done, erased.objects), (Ok(()), 1));
    let told: Vec<_> = erased.left.iter().map(|(_, stays)| stays.to_string()).collect();
    assert_eq!(told[0], "under retention until 2099-01-02T03:04:05Z");
    assert_eq!(told[1..10], vec!["under retention until 2098-01-01T00:00:00Z"; 9]);
    assert_eq!(told[10..], ["under legal hold"]);
    let ends: Vec<_> = erased.left.iter().map(|(_, stays)| stays.until().is_some()).collect();
    assert!(ends[..10].iter().all(|known| *known) && !ends[10]);
    assert_eq!(bucket.asked("DELETE", KEYS[2]), 1);
    assert_eq!(bucket.left(KEYS[2]), Vec::<String>::new());
}

#[test]
fn the_objects_are_counted_before_they_are_deleted() {
    let counted = |bucket: &Bucket| {
        let store = store_at(&bucket.server.url, &Clock::default());
        count(&store, "users/u1")
    };
    let bucket = filled(VERSIONED);
    bucket.put(KEYS[0]);
    assert_eq!(counted(&bucket), Ok(Count { objects: 3, versions: Some(4) }));
    bucket.rule(Rules { list_versions: false, ..VERSIONED });
    assert_eq!(counted(&bucket), Ok(Count { objects: 3, versions: None }));
    bucket.rule(Rules { list: false, list_versions: false, ..VERSIONED });
    assert_eq!(counted(&bucket).unwrap_err().class, ErrorClass::Config);
}
