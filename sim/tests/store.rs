//! The store checks signatures, and fails as it is told.

mod common;

use std::time::Duration;

use fitsync_sim::{Effect, Fault, Host, Options, Sim};
use rusty_s3::{Bucket, Credentials, S3Action as _, UrlStyle};

fn signed(sim: &Sim, key: &str, secret: &str, region: &str) -> String {
    let url = sim.s3_url().parse().expect("address");
    let bucket = Bucket::new(url, UrlStyle::Path, sim.bucket().to_owned(), region.to_owned());
    let bucket = bucket.expect("a bucket");
    let credentials = Credentials::new(sim.access_key(), secret);
    let put = bucket.put_object(Some(&credentials), key);
    put.sign(Duration::from_secs(600)).to_string()
}

fn good(sim: &Sim, key: &str) -> String {
    signed(sim, key, sim.secret_key(), sim.region())
}

#[test]
fn uploads_arrive_and_are_counted() {
    let sim = Sim::start(Options::default());
    let key = "users/user_001/steps/user_001_steps_20261122.csv";
    for _ in 0..2 {
        let answer = common::put(&good(&sim, key), &[], b"a,b\n").expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(sim.s3_objects(), [(key.to_owned(), b"a,b\n".to_vec())]);
    assert_eq!(sim.puts(key), 2);
    let seen = sim.requests();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].who.as_deref(), Some("user_001"));
    assert_eq!(seen[0].status, Some(200));
}

#[test]
fn what_aws_refuses_is_refused() {
    let sim = Sim::start(Options::default());
    let status = |url: &str, headers: &[(&str, &str)]| {
        let answer = common::put(url, headers, b"x").expect("an answer");
        (answer.status, answer.text())
    };
    let (code, text) = status(&signed(&sim, "k", "wrong", sim.region()), &[]);
    assert_eq!(code, 403, "{text}");
    let (code, text) = status(&signed(&sim, "k", sim.secret_key(), "eu-west-1"), &[]);
    assert!(code == 400 && text.contains("expecting 'us-east-1'"), "{text}");
    let (code, text) = status(&good(&sim, "k").replace("/sim-raw/", "/other/"), &[]);
    assert!(code == 404 && text.contains("NoSuchBucket"), "{text}");
    let (code, text) = status(&good(&sim, "k"), &[("x-amz-meta-a", "b")]);
    assert!(code == 403 && text.contains("not signed"), "{text}");
    let (code, _) = status(&good(&sim, "k"), &[("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==")]);
    assert_eq!(code, 400);
    assert!(sim.s3_objects().is_empty(), "a refused upload leaves nothing");
}

#[test]
fn the_store_fails_as_it_is_told() {
    let sim = Sim::start(Options::default());
    let put = || common::put(&good(&sim, "k"), &[], &[b'x'; 100_000]);
    let slow_down = Effect::S3Error { status: 503, code: "SlowDown".to_owned() };
    sim.inject(Fault::once(slow_down).host(Host::S3));
    let answer = put().expect("an answer");
    assert!(answer.status == 503 && answer.text().contains("<Code>SlowDown</Code>"));
    sim.inject(Fault::once(Effect::ResetUpload { after_bytes: 1000 }));
    assert!(put().is_err());
    let redirect =
        Effect::Redirect { status: 301, location: String::new(), region: "eu-west-1".to_owned() };
    sim.inject(Fault::once(redirect));
    let answer = put().expect("an answer");
    assert_eq!(answer.status, 301);
    assert_eq!(answer.headers["x-amz-bucket-region"], "eu-west-1");
    assert_eq!(sim.puts("k"), 0);
    assert_eq!(put().expect("an answer").status, 200);
    assert_eq!(sim.puts("k"), 1);
    sim.inject(Fault::once(Effect::LostReply));
    assert!(put().is_err());
    assert_eq!(sim.puts("k"), 2);
}

#[test]
fn an_upload_from_a_wrong_clock_is_refused() {
    let sim = Sim::start(Options::default());
    sim.set_clock_offset_s(3600);
    let answer = common::put(&good(&sim, "k"), &[], b"x").expect("an answer");
    assert!(answer.status == 403 && answer.text().contains("expired"), "{}", answer.text());
    sim.set_clock_offset_s(-3600);
    let answer = common::put(&good(&sim, "k"), &[], b"x").expect("an answer");
    assert!(answer.status == 403 && answer.text().contains("RequestTimeTooSkewed"));
}

#[test]
fn the_owner_the_token_and_the_encryption_are_checked_and_told() {
    let token = "a-session-token";
    let sim = Sim::start(Options { session_token: Some(token.to_owned()), ..Options::default() });
    let answer = common::put(&good(&sim, "k"), &[], b"x").expect("an answer");
    assert!(answer.status == 400 && answer.text().contains("InvalidToken"), "{}", answer.text());
    let url = sim.s3_url().parse().expect("address");
    let bucket = Bucket::new(url, UrlStyle::Path, sim.bucket().to_owned(), sim.region().to_owned());
    let bucket = bucket.expect("a bucket");
    let (key, secret) = (sim.access_key(), sim.secret_key());
    let credentials = Credentials::new_with_token(key, secret, token);
    let put = |headers: &[(&'static str, &'static str)]| {
        let mut put = bucket.put_object(Some(&credentials), "k");
        for (name, value) in headers {
            put.headers_mut().insert(*name, *value);
        }
        let url = put.sign(Duration::from_secs(600)).to_string();
        common::put(&url, headers, b"x").expect("an answer")
    };
    assert_eq!(put(&[]).status, 200);
    assert_eq!(put(&[("x-amz-expected-bucket-owner", "123456789012")]).status, 200);
    assert_eq!(put(&[("x-amz-expected-bucket-owner", "999999999999")]).status, 403);
    let kms = "x-amz-server-side-encryption";
    let answer = put(&[(kms, "aws:kms")]);
    assert_eq!((answer.status, answer.headers[kms].as_str()), (200, "aws:kms"));
    assert_ne!(answer.headers["etag"], "\"9dd4e461268c8034f5c8564e155c67a6\"", "no MD5");
    assert!(sim.secrets().contains(&"a-session-token".to_owned()));
}
