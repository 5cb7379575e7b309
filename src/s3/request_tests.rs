use super::*;
use crate::core::error::Secret;

fn target() -> Target {
    Target {
        bucket: "examplebucket".to_owned(),
        region: "us-east-1".to_owned(),
        endpoint: Some("https://s3.amazonaws.com".to_owned()),
        path_style: false,
        variant: Variant::default(),
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
fn every_header_that_is_sent_with_a_put_is_signed() {
    let options = SignedOptions {
        encryption: Some(Encryption::Kms { key: Some("arn:aws:kms:eu:1:key/2".to_owned()) }),
        expected_owner: Some("123456789012".to_owned()),
        ..SignedOptions::default()
    };
    let key = ObjectKey::new("", "users/u/x.csv").unwrap();
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
    let key = ObjectKey::new("", "x.csv").unwrap();
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
    let signing = Signing { target: &target, options: &options, credentials: &credentials, now };
    let request = delete(&signing, &ObjectKey::new("", "x.csv").unwrap()).unwrap();
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
            variant: Variant::default(),
        };
        let key = ObjectKey::new("", "x").unwrap();
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
    let key = ObjectKey::new("", "x").unwrap();
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
