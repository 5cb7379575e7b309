//! Stores that speak S3 with an accent: what they refuse, and what is made of it.

use fitsync::core::error::ErrorClass;
use fitsync::io::clock::Clock;
use fitsync::s3::store::Store;
use fitsync::s3::sums::{Comparison, Sums, md5_hex};

use crate::scripted::{Answer, Asked, Server};
use crate::{BODY, Folder, PATH, config, http, static_keys, store_at};

fn refused(status: u16, code: &str, message: &str) -> Answer {
    Answer::new(status).header("Content-Type", "application/xml").body(&format!(
        "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    ))
}

fn found(body: &[u8]) -> Answer {
    Answer::new(200)
        .header("ETag", &format!("\"{}\"", md5_hex(body)))
        .header("Content-Length", &body.len().to_string())
}

/// Backblaze B2 by public reports.
fn b2(asked: &Asked, _: usize) -> Answer {
    for name in ["x-amz-checksum-sha256", "x-amz-checksum-mode"] {
        if !asked.header(name).is_empty() {
            let message = format!("Unsupported header '{name}' received for this API call.");
            return refused(400, "InvalidArgument", &message);
        }
    }
    match asked.method.as_str() {
        "PUT" => Answer::stored(asked),
        "HEAD" => found(BODY),
        _ => Answer::new(200),
    }
}

/// Cloudflare R2 by public reports.
fn r2(asked: &Asked, _: usize) -> Answer {
    let both = ["content-md5", "x-amz-checksum-sha256"];
    match asked.method.as_str() {
        "PUT" if both.iter().all(|name| !asked.header(name).is_empty()) => {
            refused(400, "InvalidRequest", "You can only specify one checksum at a time.")
        }
        "PUT" => Answer::stored(asked),
        "HEAD" => found(BODY),
        _ => Answer::new(200),
    }
}

/// One that says that it has not built it.
fn other(asked: &Asked, _: usize) -> Answer {
    match asked.method.as_str() {
        "PUT" if !asked.header("x-amz-checksum-sha256").is_empty() => {
            refused(501, "NotImplemented", "x-amz-checksum-sha256 is not implemented")
        }
        "PUT" => Answer::stored(asked),
        "HEAD" => found(BODY),
        _ => Answer::new(200),
    }
}

#[test]
fn checksums_that_a_store_does_not_take_are_left_out_and_integrity_is_proven_all_the_same() {
    for (name, script) in [("B2", b2 as fn(&Asked, usize) -> Answer), ("R2", r2), ("other", other)]
    {
        let server = Server::start(script);
        let store = store_at(&server.url, &Clock::default());
        let key = store.key(PATH).unwrap();
        store.put(&key, BODY).unwrap();
        store.put(&key, BODY).unwrap();
        let puts = server.asked().iter().filter(|asked| asked.method == "PUT").count();
        assert_eq!(puts, 3, "{name}: learnt once");
        let held = store.head(&key).unwrap().unwrap();
        assert_eq!(held.compare(&Sums::of(BODY)), Comparison::Same, "{name}");
        assert_eq!(held.compare(&Sums::of(b"other")), Comparison::OtherSize, "{name}");
        store.delete(&key).unwrap();
        let last = server.asked().into_iter().rfind(|asked| asked.method == "PUT").unwrap();
        assert!(!last.header("content-md5").is_empty(), "{name}");
    }
}

#[test]
fn a_store_that_confirms_other_bytes_is_not_believed_without_its_checksum_either() {
    let server = Server::start(|asked, number| match b2(asked, number) {
        answer if answer.status == 200 && asked.method == "PUT" => {
            Answer::new(200).header("ETag", &format!("\"{}\"", md5_hex(b"other bytes")))
        }
        answer => answer,
    });
    let store = store_at(&server.url, &Clock::default());
    let failure = store.put(&store.key(PATH).unwrap(), BODY).unwrap_err();
    assert_eq!(failure.class, ErrorClass::Network);
    assert!(failure.what.contains("is not what was sent"), "{failure}");
}

#[test]
fn the_settings_of_the_sdks_leave_the_question_out() {
    let server = Server::start(b2);
    let mut pairs = static_keys(&server.url).to_vec();
    pairs.push(("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required"));
    pairs.push(("AWS_RESPONSE_CHECKSUM_VALIDATION", "WHEN_REQUIRED"));
    let store = Store::new(config(&pairs), &http(&Clock::default())).unwrap();
    let key = store.key(PATH).unwrap();
    store.put(&key, BODY).unwrap();
    store.head(&key).unwrap().unwrap();
    assert_eq!(server.asked().len(), 2);
    pairs.push(("AWS_REQUEST_CHECKSUM_CALCULATION", "sometimes"));
    pairs.remove(4);
    let failure = Store::new(config(&pairs), &http(&Clock::default())).unwrap_err();
    assert_eq!(failure.class, ErrorClass::Usage);
    assert!(failure.what.contains("AWS_REQUEST_CHECKSUM_CALCULATION"), "{failure}");
}

/// A HEAD's refusal has no body; the GET of one byte says why.
fn bare(asked: &Asked, why: Answer) -> Answer {
    if asked.method == "HEAD" { Answer::new(why.status) } else { why }
}

#[test]
fn a_look_that_is_refused_without_a_word_is_mended_as_an_upload_is() {
    let region = "<?xml version=\"1.0\"?><Error><Code>AuthorizationHeaderMalformed</Code>\
                  <Region>garage</Region></Error>";
    let server = Server::start(move |asked, _| {
        if asked.target.contains("%2Fgarage%2F") {
            return found(BODY);
        }
        bare(asked, Answer::new(400).body(region))
    });
    let store = store_at(&server.url, &Clock::default());
    let key = store.key(PATH).unwrap();
    assert_eq!(store.head(&key).unwrap().unwrap().size_bytes, BODY.len() as u64);
    let methods: Vec<String> = server.asked().into_iter().map(|asked| asked.method).collect();
    assert_eq!(methods, ["HEAD", "GET", "HEAD"]);
    let first_byte = &server.asked()[1];
    assert_eq!(first_byte.header("range"), "bytes=0-0");
}

#[test]
fn why_a_look_is_refused_is_told() {
    for (status, code, words) in [
        (403, "InvalidAccessKeyId", "does not know the access key"),
        (403, "SignatureDoesNotMatch", "the secret of"),
        (403, "UserSuspended", "is suspended"),
        (400, "ExpiredToken", "the session of"),
        (403, "AccessDenied", "s3:GetObject and s3:ListBucket"),
    ] {
        let server = Server::start(move |asked, _| bare(asked, refused(status, code, "secret-x")));
        let store = store_at(&server.url, &Clock::default());
        let failure = store.head(&store.key(PATH).unwrap()).unwrap_err();
        assert!(failure.what.contains(words), "{code}: {failure}");
        assert!(!failure.what.contains("secret-x"), "{failure}");
        if code != "AccessDenied" {
            let bucket = store.check_bucket().unwrap_err();
            assert!(bucket.what.contains(words), "{code}: {bucket}");
        }
    }
}

#[test]
fn words_follow_whoever_speaks() {
    let page = |title: &str| format!("<html><head><title>{title}</title></head></html>");
    let nginx = |status: u16, title: &str| {
        Answer::new(status).header("Server", "nginx/1.22.1").body(&page(title))
    };
    for (answer, class, words) in [
        (nginx(413, "413 Request Entity Too Large"), ErrorClass::Config, "is too large"),
        (nginx(401, "401 Authorization Required"), ErrorClass::Config, "like a web server"),
        (nginx(403, "403 Forbidden"), ErrorClass::Config, "like a web server"),
        (nginx(400, "400 Bad Request"), ErrorClass::Config, "like a web server"),
        (nginx(404, "404 Not Found"), ErrorClass::Config, "like a web server"),
        (
            nginx(400, "The plain HTTP request was sent to HTTPS port"),
            ErrorClass::Config,
            "wants https://",
        ),
        (nginx(400, "No required SSL certificate was sent"), ErrorClass::Config, "certificate"),
        (
            Answer::new(308).header("Location", "https://store.lan/x"),
            ErrorClass::Config,
            "wants https://",
        ),
        (refused(403, "QuotaExceeded", ""), ErrorClass::Config, "is full"),
        (
            refused(403, "AccessDenied", "Forbidden: Bucket size quota reached"),
            ErrorClass::Config,
            "is full",
        ),
        (Answer::new(507), ErrorClass::Config, "is full"),
        (
            refused(403, "AccessDenied", "Forbidden: No such key: GK1"),
            ErrorClass::Config,
            "does not know",
        ),
        (
            refused(403, "AccessDenied", "Forbidden: Invalid signature"),
            ErrorClass::Config,
            "Host and path",
        ),
        (refused(403, "SignatureDoesNotMatch", ""), ErrorClass::Config, "Host and path"),
        (refused(403, "UserSuspended", ""), ErrorClass::Config, "suspended"),
        (refused(501, "KMSNotConfigured", ""), ErrorClass::Config, "has no KMS"),
        (Answer::new(511), ErrorClass::Network, "a sign-in page"),
        (
            Answer::new(400).body(
                "<?xml version=\"1.0\"?><Error><Code>AuthorizationHeaderMalformed</Code>\
                 <Region>us-east-1</Region></Error>",
            ),
            ErrorClass::Config,
            "which is the region in use",
        ),
    ] {
        let told = answer.clone();
        let server = Server::start(move |_, _| told.clone());
        let store = store_at(&server.url, &Clock::default());
        let failure = store.put(&store.key(PATH).unwrap(), BODY).unwrap_err();
        assert_eq!(failure.class, class, "{failure}");
        assert!(failure.what.contains(words), "{words}: {failure}");
        if answer.headers.iter().any(|(name, _)| name == "Server")
            && !words.contains("certificate")
            && !words.contains("https")
        {
            assert!(failure.what.contains("Server: nginx/1.22.1"), "{failure}");
        }
    }
}

#[test]
fn a_proxy_that_knows_no_expect_gets_the_body_at_once() {
    let server = Server::start(|asked, _| match asked.header("expect") {
        "" => Answer::stored(asked),
        _ => Answer::new(417),
    });
    let store = store_at(&server.url, &Clock::default());
    let body = vec![b'x'; 300_000];
    store.put(&store.key(PATH).unwrap(), &body).unwrap();
    assert_eq!(server.asked().len(), 2);
    store.put(&store.key(PATH).unwrap(), BODY).unwrap();
    assert_eq!(server.asked().len(), 3, "small bodies ask nothing first");
}

#[test]
fn settings_that_cannot_be_right_are_refused_before_anything_is_asked() {
    let open = |changes: &[(&'static str, &'static str)], files: &str| {
        let folder = Folder::new();
        let path = folder.write("config", files);
        let mut pairs = static_keys("https://store.example").to_vec();
        pairs.retain(|(name, _)| !changes.iter().any(|(other, _)| other == name));
        pairs.push(("AWS_CONFIG_FILE", &path));
        pairs.extend(changes);
        Store::new(config(&pairs), &http(&Clock::default())).map(drop)
    };
    open(&[], "").unwrap();
    for region in ["eu/west", "a?b", "evil.example#", "a@b", "EU-WEST-1", "-a", "eu west"] {
        let failure = open(&[("AWS_REGION", region)], "").unwrap_err();
        assert_eq!(failure.class, ErrorClass::Usage, "{region}");
    }
    for (endpoint, words) in [
        ("store.example", "does not begin with http"),
        ("https://user:secret@store.example", "user name"),
        ("ftp://store.example", "does not begin with http"),
        ("http://store.example", "FITSYNC_ALLOW_INSECURE_S3"),
    ] {
        let failure = open(&[("AWS_ENDPOINT_URL_S3", endpoint)], "").unwrap_err();
        assert_eq!(failure.class, ErrorClass::Usage, "{endpoint}");
        assert!(failure.what.contains(words) && !failure.what.contains("secret"), "{failure}");
    }
    for endpoint in [
        "https://study.s3.eu-west-1.amazonaws.com",
        "https://store.example/study",
        "https://study.r2.example/",
    ] {
        let failure = open(&[("AWS_ENDPOINT_URL_S3", endpoint)], "").unwrap_err();
        assert_eq!(failure.class, ErrorClass::Config, "fetching goes on: {endpoint}");
        for cure in ["AWS_ENDPOINT_URL=https://", "FITSYNC_S3_PREFIX=study"] {
            assert!(failure.what.contains(cure), "{failure}");
        }
    }
    for (files, words) in [
        ("[default]\nservices = lan\n", "[services lan]"),
        ("[default]\ns3 =\n use_accelerate_endpoint = true\n", "use_accelerate_endpoint"),
        ("[default]\nregion = a/b\n", "a/b"),
    ] {
        let failure = open(&[("AWS_REGION", "")], files).unwrap_err();
        assert_eq!(failure.class, ErrorClass::Usage, "{files}");
        assert!(failure.what.contains(words), "{failure}");
    }
}

#[test]
fn containers_and_ec2_machines_give_their_roles_keys() {
    let server = Server::start(|asked, _| match (asked.method.as_str(), asked.target.as_str()) {
        ("GET", "/container") if asked.header("authorization") == "Bearer tok" => {
            Answer::new(200).body(KEYS)
        }
        ("GET", "/container") => Answer::new(403).body("{\"message\":\"no\\u202e token\"}"),
        ("PUT", "/latest/api/token") => Answer::new(200).body("imds"),
        ("GET", path) if path.starts_with("/latest/") => {
            assert_eq!(asked.header("x-aws-ec2-metadata-token"), "imds");
            Answer::new(200).body(if path.ends_with("/pi-role") { KEYS } else { "pi-role\n" })
        }
        ("PUT", _) => Answer::stored(asked),
        other => panic!("{other:?}"),
    });
    let folder = Folder::new();
    let token = folder.write("token", "Bearer tok\n");
    let url = format!("{}/container", server.url);
    let base = [("AWS_REGION", "us-east-1"), ("AWS_ENDPOINT_URL_S3", server.url.as_str())];
    let put = |pairs: &[(&str, &str)], config_file: &str| {
        let path = folder.write("config", config_file);
        let pairs = [&base[..], pairs, &[("AWS_CONFIG_FILE", path.as_str())]].concat();
        let store = Store::new(config(&pairs), &http(&Clock::default()))?;
        store.put(&store.key(PATH)?, BODY).map(drop)
    };
    let full = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str());
    put(&[full, ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &token)], "").unwrap();
    let signed = server.asked().pop().unwrap();
    assert_eq!(signed.query("X-Amz-Security-Token"), "session");
    let refused = put(&[full], "").unwrap_err();
    assert!(refused.what.contains("gives no keys [HTTP 403]: no token"), "{refused}");
    let metadata = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url.as_str());
    let profile = "[default]\nrole_arn = \ncredential_source = Ec2InstanceMetadata\n";
    let profile = profile.replace("role_arn = \n", "");
    put(&[metadata], &profile).unwrap();
    let signed = server.asked().pop().unwrap();
    assert!(signed.query("X-Amz-Credential").starts_with("ASIAEXAMPLE/"));
}

const KEYS: &str = "{\"Code\":\"Success\",\"AccessKeyId\":\"ASIAEXAMPLE\",\"SecretAccessKey\":\
                    \"s3cret\",\"Token\":\"session\",\"Expiration\":\"2097-01-01T00:00:00Z\"}";
