use super::*;

fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    let headers = headers.iter().map(|&(n, v)| (n.to_owned(), v.to_owned())).collect();
    Reply { status, headers, body: body.as_bytes().to_vec() }
}

fn xml(code: &str, rest: &str) -> String {
    format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code>{rest}</Error>")
}

fn line(status: u16, code: &str, rest: &str) -> String {
    read_error(&reply(status, &[], &xml(code, rest))).failure(&context()).to_string()
}

fn context() -> Context<'static> {
    Context {
        bucket: "study",
        region: "us-east-1",
        source: "AWS_PROFILE=clinic",
        method: Method::Put,
        kms: false,
        expected_owner: None,
        machine: "2026-11-22T13:05:00Z".parse().unwrap(),
    }
}

#[test]
fn each_refusal_is_one_line_with_its_cure() {
    let table = [
        (
            (403, "InvalidAccessKeyId"),
            "config: S3 does not know the access key of AWS_PROFILE=clinic: create a new key pair",
        ),
        (
            (403, "SignatureDoesNotMatch"),
            "config: the secret of AWS_PROFILE=clinic does not fit its access key: copy both again",
        ),
        (
            (400, "ExpiredToken"),
            "config: the session of AWS_PROFILE=clinic has ended: put in new keys, or use a \
             profile with credential_process, which renews them",
        ),
        (
            (404, "NoSuchBucket"),
            "config: bucket study does not exist: check S3_BUCKET_RAW and AWS_ENDPOINT_URL",
        ),
        (
            (403, "AccessDenied"),
            "config: S3 denies it to AWS_PROFILE=clinic: allow s3:PutObject on bucket study in the \
             policy of user and bucket",
        ),
        (
            (403, "RequestTimeTooSkewed"),
            "clock: S3 refuses the time of the request; the clock of this machine says 2026-11-22 \
             13:05 UTC: set it, or wait for time sync",
        ),
        ((503, "SlowDown"), "quota: S3 asks to slow down: the next run goes on"),
        ((500, "InternalError"), "server: S3 is out of order: the next run goes on"),
        ((400, "BadDigest"), "network: what arrived at S3 is not what was sent"),
        (
            (400, "KMS.DisabledException"),
            "config: the KMS key of bucket or FITSYNC_S3_SSE cannot be used: check it and its \
             policy",
        ),
        (
            (400, "InvalidArgument"),
            "config: the store of bucket study refuses the request: check its settings",
        ),
    ];
    for ((status, code), expected) in table {
        assert_eq!(line(status, code, ""), format!("{expected} [HTTP {status} {code}]"));
    }
}

#[test]
fn the_region_is_found_in_header_body_or_address() {
    let header = [("x-amz-bucket-region", "eu-west-1")];
    for (status, headers, body) in [
        (301, &header[..], String::new()),
        (400, &header[..], String::new()),
        (
            301,
            &[],
            xml("PermanentRedirect", "<Endpoint>study.s3-eu-west-1.amazonaws.com</Endpoint>"),
        ),
        (
            307,
            &[],
            xml("TemporaryRedirect", "<Endpoint>study.s3.eu-west-1.amazonaws.com</Endpoint>"),
        ),
        (307, &[("location", "https://s3.eu-west-1.amazonaws.com/study/x?secret")], String::new()),
        (400, &[], xml("AuthorizationQueryParametersError", "<Region>eu-west-1</Region>")),
        (400, &[], xml("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>")),
    ] {
        let kind = read_error(&reply(status, headers, &body)).kind;
        assert_eq!(kind, Refusal::WrongRegion(Some("eu-west-1".to_owned())), "{status} {body}");
    }
    let wrong = xml("PermanentRedirect", "<Region>evil.example/</Region>");
    assert_eq!(read_error(&reply(301, &[], &wrong)).kind, Refusal::WrongRegion(None));
    assert_eq!(
        read_error(&reply(301, &header, "")).failure(&context()).to_string(),
        "config: bucket study is in eu-west-1, not in us-east-1: set AWS_REGION=eu-west-1 \
         [HTTP 301]"
    );
}

#[test]
fn a_denial_that_names_the_region_is_still_a_denial() {
    let denied = reply(403, &[("x-amz-bucket-region", "us-east-1")], &xml("AccessDenied", ""));
    assert_eq!(read_error(&denied).kind, Refusal::Denied);
    assert_eq!(read_error(&reply(403, &[], "")).kind, Refusal::Denied);
}

#[test]
fn a_denial_shows_what_aws_says_of_it_and_names_every_possible_cure() {
    let sentence = "User: arn:aws:iam::123456789012:user/pi is not authorized to perform: \
                    s3:PutObject on resource: x because no identity-based policy allows it";
    let body = xml("AccessDenied", &format!("<Message>{sentence}</Message>"));
    let context = Context { kms: true, expected_owner: Some("123456789012"), ..context() };
    let line = read_error(&reply(403, &[], &body)).failure(&context).to_string();
    for part in [sentence, "s3:PutObject on", "kms:GenerateDataKey", "account 123456789012"] {
        assert!(line.contains(part), "{line}");
    }
}

#[test]
fn expired_presigned_requests_are_about_time_whatever_their_code() {
    for (status, code, message) in [
        (403, "AccessDenied", "Request has expired"),
        (403, "AccessDenied", "Request is not valid yet"),
        (400, "InvalidRequest", "Date is too old"),
    ] {
        let body = xml(code, &format!("<Message>{message}</Message>"));
        assert_eq!(read_error(&reply(status, &[], &body)).kind, Refusal::WrongTime, "{message}");
    }
}

#[test]
fn pages_of_a_captive_portal_are_not_mistaken_for_s3() {
    let page = "<html><Code>1</Code></html>";
    for (status, body) in [(302, ""), (303, page), (511, page), (407, "")] {
        let found = read_error(&reply(status, &[("location", "http://hotel.example/")], body));
        let failure = found.failure(&context());
        assert_eq!(
            failure.class,
            if status == 303 { ErrorClass::Config } else { ErrorClass::Network }
        );
    }
}

#[test]
fn nothing_that_a_body_echoes_reaches_the_line() {
    let rest = "<Message>secret-1</Message><StringToSign>secret-2</StringToSign>\
                <AWSAccessKeyId>secret-3</AWSAccessKeyId><Token-0>secret-4</Token-0>";
    for code in ["SignatureDoesNotMatch", "AccessDenied", "ExpiredToken", "secret-5 <b>"] {
        let line = line(403, code, rest);
        assert!(!line.contains("secret-"), "{line}");
    }
}

#[test]
fn a_long_wait_asked_for_is_bounded() {
    let slow = reply(503, &[("retry-after", "86400")], &xml("SlowDown", ""));
    let failure = read_error(&slow).failure(&context());
    assert_eq!(failure.retry_after_s, Some(RETRY_AFTER_S_MAX + 1));
}
