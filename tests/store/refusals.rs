//! What S3 may refuse, and what is done about it.

use fitsync::core::error::{ErrorClass, Failure, Result};
use fitsync::io::clock::Clock;
use fitsync::s3::request::Encryption;
use fitsync::s3::store::{Store, Stored};
use fitsync::s3::sums::{Comparison, Sums, md5_hex, sha256_base64};
use jiff::{SignedDuration, Timestamp};

use crate::scripted::{Answer, Asked, Server};
use crate::{BODY, PATH, SECRET, config, http, static_keys, store_at};

fn put(store: &Store) -> Result<Stored> {
    store.put(&store.key(PATH).unwrap(), BODY)
}

/// One upload to a server that answers so: what came of it, and what the server was asked.
fn upload(
    script: impl Fn(&Asked, usize) -> Answer + Send + Sync + 'static,
) -> (Result<Stored>, Vec<Asked>) {
    let server = Server::start(script);
    let result = put(&store_at(&server.url, &Clock::default()));
    (result, server.asked())
}

fn region_of(asked: &Asked) -> String {
    asked.query("X-Amz-Credential").split('/').nth(2).unwrap_or_default().to_owned()
}

#[test]
fn an_upload_goes_to_its_key_with_both_checksums() {
    let (result, asked) = upload(|asked, _| Answer::stored(asked));
    assert_eq!(result.unwrap().etag, format!("\"{}\"", md5_hex(BODY)));
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].method, "PUT");
    assert!(asked[0].target.starts_with(&format!("/study/{PATH}?")), "{}", asked[0].target);
    assert_eq!(asked[0].body, BODY);
    assert_eq!(asked[0].header("x-amz-checksum-sha256"), sha256_base64(BODY));
    assert_eq!(asked[0].header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(asked[0].header("content-length"), BODY.len().to_string());
    assert_eq!(asked[0].header("content-md5").len(), 24);
    let signed = asked[0].query("X-Amz-SignedHeaders");
    assert_eq!(signed, "content-md5;content-type;host;x-amz-checksum-sha256");
}

#[test]
fn a_checksum_that_the_store_confirms_outweighs_its_etag() {
    let odd = "\"0123456789abcdef0123456789abcdef\"";
    let answer = |etag: &str, sum: &str| {
        Answer::new(200).header("ETag", etag).header("x-amz-checksum-sha256", sum)
    };
    let (result, _) = upload(move |_, _| answer(odd, &sha256_base64(BODY)));
    assert_eq!(result.unwrap().etag, odd);
    let right = format!("\"{}\"", md5_hex(BODY));
    let (result, _) = upload(move |_, _| answer(&right, &sha256_base64(b"other")));
    assert!(result.unwrap_err().what.contains("not what was sent"));
    let (result, _) = upload(move |_, _| Answer::new(200).header("ETag", odd));
    assert!(result.is_err(), "nothing else speaks for it");
}

#[test]
fn a_key_that_somebody_else_writes_at_this_moment_is_tried_again() {
    let (result, asked) = upload(|asked, number| match number {
        0 => Answer::error(409, "OperationAborted"),
        _ => Answer::stored(asked),
    });
    result.unwrap();
    assert_eq!(asked.len(), 2);
}

#[test]
fn another_region_is_followed_once_and_remembered() {
    let moved = |status: u16, tells: &'static str| {
        move |asked: &Asked, _: usize| match (region_of(asked).as_str(), tells) {
            ("eu-west-1", _) => Answer::stored(asked),
            (_, "header") => Answer::new(status).header("x-amz-bucket-region", "eu-west-1"),
            (_, "location") => Answer::error(status, "TemporaryRedirect")
                .header("Location", "https://study.s3.eu-west-1.amazonaws.com/x"),
            _ => Answer::new(status).body(
                "<Error><Code>AuthorizationQueryParametersError</Code><Region>eu-west-1</Region>\
                 </Error>",
            ),
        }
    };
    for (status, tells) in [(301, "header"), (307, "location"), (400, "header"), (400, "body")] {
        let server = Server::start(moved(status, tells));
        let store = store_at(&server.url, &Clock::default());
        put(&store).unwrap();
        put(&store).unwrap();
        let regions: Vec<_> = server.asked().iter().map(region_of).collect();
        assert_eq!(regions, ["us-east-1", "eu-west-1", "eu-west-1"], "{status} {tells}");
    }
}

#[test]
fn regions_that_send_on_and_on_end() {
    let (result, asked) = upload(|_, number| {
        Answer::new(301).header("x-amz-bucket-region", &format!("eu-west-{number}"))
    });
    let failure = result.unwrap_err();
    assert_eq!(failure.class, ErrorClass::Config);
    assert!(failure.what.contains("AWS_REGION=eu-west-1"), "{failure}");
    assert_eq!(asked.len(), 2);
}

#[test]
fn a_store_that_is_busy_or_ill_is_tried_again_a_few_times() {
    let ill = |answer: fn() -> Answer| {
        move |asked: &Asked, number: usize| match number {
            0 | 1 => answer(),
            _ => Answer::stored(asked),
        }
    };
    for answer in [
        || Answer::error(503, "SlowDown"),
        || Answer::error(500, "InternalError"),
        || Answer::error(400, "BadDigest"),
        || Answer::error(400, "RequestTimeout"),
        || Answer::new(502).body("<html>"),
    ] {
        let (result, asked) = upload(ill(answer));
        assert!(result.is_ok(), "{result:?}");
        assert_eq!(asked.len(), 3);
    }
    let (result, asked) = upload(|_, _| Answer::error(503, "SlowDown"));
    assert_eq!(result.unwrap_err().class, ErrorClass::Quota);
    assert_eq!(asked.len(), fitsync::limits::RETRY_ATTEMPTS_MAX as usize);
    let long = |_: &Asked, _| Answer::error(503, "SlowDown").header("Retry-After", "3600");
    let (result, asked) = upload(long);
    assert_eq!((result.unwrap_err().class, asked.len()), (ErrorClass::Quota, 1));
}

#[test]
fn a_denial_is_told_at_once_with_its_place_and_without_the_signature() {
    let (result, asked) = upload(|_, _| Answer::error(403, "AccessDenied"));
    let failure = result.unwrap_err();
    assert_eq!((failure.class, asked.len()), (ErrorClass::Config, 1));
    let line = failure.to_string();
    assert!(line.contains(PATH) && line.contains("s3:PutObject"), "{line}");
    assert!(!line.contains("X-Amz") && !line.contains('?'), "{line}");
}

#[test]
fn an_upload_that_differs_from_what_was_sent_is_not_believed() {
    let differs: [fn(&Asked) -> Answer; 2] = [
        |_| Answer::new(200).header("ETag", "\"00000000000000000000000000000000\""),
        |asked| Answer::stored(asked).header("x-amz-checksum-sha256", "AAAA"),
    ];
    for answer in differs {
        let (result, _) = upload(move |asked, _| answer(asked));
        assert_eq!(result.unwrap_err().class, ErrorClass::Network);
        let (result, asked) = upload(move |asked, number| match number {
            0 => answer(asked),
            _ => Answer::stored(asked),
        });
        assert_eq!((result.is_ok(), asked.len()), (true, 2));
    }
}

#[test]
fn an_etag_that_is_no_md5_says_nothing() {
    let zeros = "\"00000000000000000000000000000000\"";
    for answer in [
        Answer::new(200).header("ETag", zeros).header("x-amz-server-side-encryption", "aws:kms"),
        Answer::new(200).header("ETag", "\"0123-1\""),
        Answer::new(200).header("ETag", "\"W/anything\""),
    ] {
        let (result, asked) = upload(move |_, _| answer.clone());
        assert_eq!((result.is_ok(), asked.len()), (true, 1));
    }
    // Asked for, and the server does not say so.
    let server = Server::start(move |_, _| Answer::new(200).header("ETag", zeros));
    let keys = static_keys(&server.url);
    let encryption = Some(Encryption::Kms { key: Some("key-1".to_owned()) });
    let config = fitsync::s3::store::StoreConfig { encryption, ..config(&keys) };
    put(&Store::new(config, &http(&Clock::default())).unwrap()).unwrap();
    let asked = &server.asked()[0];
    assert_eq!(asked.header("x-amz-server-side-encryption"), "aws:kms");
    assert_eq!(asked.header("x-amz-server-side-encryption-aws-kms-key-id"), "key-1");
}

#[test]
fn a_page_that_says_200_is_not_mistaken_for_a_store() {
    for answer in [
        Answer::new(200).header("Content-Type", "text/html").body("<html>Welcome to our Wi-Fi"),
        Answer::new(302).header("Location", "http://hotel.example/"),
        Answer::new(511).body("<html>"),
    ] {
        let (result, _) = upload(move |_, _| answer.clone());
        let failure = result.unwrap_err();
        assert_eq!(failure.class, ErrorClass::Network);
        assert!(failure.what.contains("not from S3"), "{failure}");
    }
}

/// A server whose time is `ahead_s` ahead and which refuses requests that are signed for another.
fn strict_about_time(ahead_s: i64, refusal: fn() -> Answer) -> Server {
    Server::start(move |asked, _| {
        let now = Timestamp::now() + SignedDuration::from_secs(ahead_s);
        let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let signed = asked.query("X-Amz-Date");
        let signed = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", signed).unwrap();
        let signed = signed.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
        let off_s = (signed.as_second() - now.as_second()).abs();
        let answer = if off_s > 900 { refusal() } else { Answer::stored(asked) };
        answer.header("Date", &date)
    })
}

#[test]
fn a_wrong_clock_is_corrected_by_the_stores_time_whatever_the_refusal_looks_like() {
    let refusals: [fn() -> Answer; 4] = [
        || Answer::error(403, "RequestTimeTooSkewed"),
        || Answer::error(403, "SignatureDoesNotMatch"),
        || Answer::error(400, "InvalidRequest"),
        || Answer::new(403),
    ];
    for (ahead_s, refusal) in [3600, -3600, 86_400 * 365, -7200].into_iter().zip(refusals) {
        let server = strict_about_time(ahead_s, refusal);
        let store = store_at(&server.url, &Clock::default());
        put(&store).unwrap();
        put(&store).unwrap();
        assert_eq!(server.asked().len(), 3, "{ahead_s}");
    }
}

#[test]
fn a_time_that_stays_refused_is_an_error_of_its_own() {
    let (result, asked) = upload(|_, _| {
        Answer::error(403, "RequestTimeTooSkewed").header("Date", "Sat, 22 Nov 2036 13:05:00 GMT")
    });
    let failure = result.unwrap_err();
    assert_eq!((failure.class, asked.len()), (ErrorClass::Clock, 2));
    assert!(failure.what.contains("clock of this machine says 20"), "{failure}");
}

#[test]
fn a_look_reads_size_etag_and_checksum() {
    let server = Server::start(|asked, number| match number {
        0 => Answer::new(200)
            .header("Content-Length", "34")
            .header("ETag", &format!("\"{}\"", md5_hex(BODY)))
            .header("x-amz-checksum-sha256", &sha256_base64(BODY)),
        1 => Answer::new(200)
            .header("Content-Length", "34")
            .header("ETag", "\"0-2\"")
            .header("x-amz-checksum-sha256", "AAAA-2")
            .header("x-amz-server-side-encryption", "aws:kms"),
        2 => Answer::new(404),
        3 => Answer::new(403),
        _ => Answer::new(500).header("x-seen", &asked.method),
    });
    let store = store_at(&server.url, &Clock::default());
    let key = store.key(PATH).unwrap();
    let head = store.head(&key).unwrap().unwrap();
    assert_eq!((head.size_bytes, head.kms), (34, false));
    assert_eq!(head.compare(&Sums::of(BODY)), Comparison::Same);
    let other = Sums::of(b"user_id,time_utc,time_local,stepz\n");
    assert_eq!(head.compare(&other), Comparison::OtherBytes);
    let head = store.head(&key).unwrap().unwrap();
    assert_eq!((head.sha256_base64.clone(), head.kms), (None, true));
    assert_eq!(head.compare(&Sums::of(BODY)), Comparison::SameSize);
    assert_eq!(store.head(&key), Ok(None));
    let failure = store.head(&key).unwrap_err();
    assert_eq!(failure.class, ErrorClass::Config);
    assert!(failure.what.contains("s3:ListBucket"), "{failure}");
    assert_eq!(server.asked()[0].header("x-amz-checksum-mode"), "ENABLED");
    assert_eq!(server.asked()[0].header("accept-encoding"), "identity");
}

#[test]
fn what_is_not_there_is_deleted_too() {
    let server = Server::start(|_, number| match number {
        0 => Answer::new(204),
        _ => Answer::error(403, "AccessDenied"),
    });
    let store = store_at(&server.url, &Clock::default());
    let key = store.key(PATH).unwrap();
    assert_eq!(store.delete(&key), Ok(()));
    let failure = store.delete(&key).unwrap_err();
    assert!(failure.what.contains("s3:DeleteObject"), "{failure}");
}

#[test]
fn a_server_in_the_clear_needs_the_operators_word() {
    let keys = static_keys("http://10.1.2.3:9000");
    let refused = |config| Store::new(config, &http(&Clock::default())).map(drop);
    let failure: Failure = refused(config(&keys)).unwrap_err();
    assert_eq!(failure.class, ErrorClass::Usage);
    assert!(failure.what.contains("FITSYNC_ALLOW_INSECURE_S3=1"), "{failure}");
    let allowed = fitsync::s3::store::StoreConfig { allow_insecure: true, ..config(&keys) };
    assert_eq!(refused(allowed), Ok(()));
    assert_eq!(refused(config(&static_keys("ftp://10.1.2.3"))).unwrap_err().class, failure.class);
}

#[test]
fn nothing_of_a_store_prints_its_secret() {
    let store = store_at("https://store.example", &Clock::default());
    assert!(!format!("{store:?}").contains(SECRET));
}
