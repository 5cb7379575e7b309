//! Against a real S3 server that checks signatures.

use fitsync::aws::endpoint::Variant;
use fitsync::aws::keys::Credentials;
use fitsync::core::error::{ErrorClass, Result, Secret};
use fitsync::core::exchange::{Reply, Request};
use fitsync::io::clock::Clock;
use fitsync::io::net::http::Http;
use fitsync::s3::key::ObjectKey;
use fitsync::s3::request::{self, Encryption, SignedOptions, Signing, Target};
use fitsync::s3::store::{Store, StoreConfig};
use fitsync::s3::sums::{Comparison, Sums};
use fitsync_sim::{Certificate, Effect, Host, Options, Sim, Tls};
use jiff::{SignedDuration, Timestamp};

use crate::{BODY, Folder, PATH, config, http, http_trusting};

/// The store of a world, with some settings changed.
fn store_with(sim: &Sim, http: &Http, changes: &[(&str, &str)]) -> Store {
    let url = sim.s3_url();
    let mut pairs = vec![
        ("AWS_ACCESS_KEY_ID", sim.access_key()),
        ("AWS_SECRET_ACCESS_KEY", sim.secret_key()),
        ("AWS_REGION", sim.region()),
        ("AWS_ENDPOINT_URL_S3", url.as_str()),
    ];
    pairs.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    pairs.extend(changes);
    let config = StoreConfig { bucket: sim.bucket().to_owned(), ..config(&pairs) };
    Store::new(config, http).unwrap()
}

fn store(sim: &Sim) -> Store {
    store_with(sim, &http(&Clock::default()), &[])
}

fn object(sim: &Sim, key: &str) -> Option<Vec<u8>> {
    sim.s3_objects().into_iter().find(|(known, _)| known == key).map(|(_, bytes)| bytes)
}

#[test]
fn what_is_put_can_be_looked_at_read_and_deleted() {
    let sim = Sim::start(Options::default());
    let store = store(&sim);
    let key = store.key(PATH).unwrap();
    assert_eq!(store.head(&key), Ok(None));
    for body in [BODY, b"", &vec![b'x'; 1_000_000]] {
        store.put(&key, body).unwrap();
        assert_eq!(object(&sim, PATH).as_deref(), Some(body));
        let head = store.head(&key).unwrap().unwrap();
        assert_eq!(head.compare(&Sums::of(body)), Comparison::Same);
        assert_eq!(head.compare(&Sums::of(b"else")), Comparison::OtherSize);
    }
    store.delete(&key).unwrap();
    store.delete(&key).unwrap();
    assert_eq!(object(&sim, PATH), None);
    store.check_bucket().unwrap();
}

/// The parts of a signature, for requests that are made by hand.
struct Signer {
    target: Target,
    options: SignedOptions,
    credentials: Credentials,
    http: Http,
}

impl Signer {
    fn new(sim: &Sim) -> Self {
        Self {
            target: Target {
                bucket: sim.bucket().to_owned(),
                region: sim.region().to_owned(),
                endpoint: Some(sim.s3_url()),
                path_style: true,
                variant: Variant::default(),
            },
            options: SignedOptions::default(),
            credentials: Credentials {
                access_key: sim.access_key().to_owned(),
                secret: Secret::new(sim.secret_key()),
                session_token: None,
                expires_at: None,
            },
            http: http(&Clock::default()),
        }
    }

    fn put(&self, now: Timestamp) -> Request {
        let Self { target, options, credentials, .. } = self;
        let signing = Signing { target, options, credentials, now };
        request::put(&signing, &ObjectKey::new("", PATH).unwrap(), BODY).unwrap()
    }

    /// A server that refuses without reading the body closes its connection, at times only after
    /// the next request has begun.
    fn send(&self, request: &Request) -> Reply {
        (0..5).find_map(|_| self.http.send(request).ok()).unwrap()
    }
}

/// Every combination of what an operator can ask for.
fn combinations() -> Vec<SignedOptions> {
    let encryptions = [
        None,
        Some(Encryption::Aes256),
        Some(Encryption::Kms { key: None }),
        Some(Encryption::Kms { key: Some("arn:aws:kms:us-east-1:1:key/2".to_owned()) }),
    ];
    let owners = [None, Some("123456789012".to_owned())];
    let pairs = encryptions.iter().flat_map(|encryption| {
        let of = |owner: &Option<String>| SignedOptions {
            encryption: encryption.clone(),
            expected_owner: owner.clone(),
            ..SignedOptions::default()
        };
        owners.iter().map(of).collect::<Vec<_>>()
    });
    pairs.collect()
}

#[test]
fn every_combination_of_headers_is_accepted() {
    let sim = Sim::start(Options::default());
    let mut signer = Signer::new(&sim);
    for options in combinations() {
        signer.options = options;
        let request = signer.put(Timestamp::now());
        let reply = signer.send(&request);
        let text = String::from_utf8_lossy(&reply.body);
        assert_eq!(reply.status, 200, "{:?}: {text}", signer.options);
    }
}

/// The text with the byte at `at` replaced by another letter or digit.
fn changed(text: &str, at: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
    String::from_utf8(bytes).unwrap()
}

fn refused(signer: &Signer, request: &Request, what: &str) {
    let reply = signer.send(request);
    assert!(matches!(reply.status, 400 | 403), "{what}: {}", reply.status);
}

#[test]
fn one_changed_byte_of_key_header_time_or_signature_is_refused() {
    let sim = Sim::start(Options::default());
    let mut signer = Signer::new(&sim);
    for options in combinations() {
        signer.options = options;
        let request = signer.put(Timestamp::now());
        let place = |part: &str| request.url.find(part).unwrap() + part.len();
        let key = request.url.find("u1_steps").unwrap();
        for (what, at) in [
            ("key", key),
            ("time", place("X-Amz-Date=") + 14),
            ("expiry", place("X-Amz-Expires=")),
            ("signature", place("X-Amz-Signature=")),
            ("access key", place("X-Amz-Credential=")),
        ] {
            let url = changed(&request.url, at);
            refused(&signer, &Request { url, ..request.clone() }, what);
        }
        for index in 0..request.headers.len() {
            let mut other = request.clone();
            other.headers[index].1 = changed(&other.headers[index].1, 0);
            refused(&signer, &other, &request.headers[index].0);
            let mut fewer = request.clone();
            fewer.headers.remove(index);
            refused(&signer, &fewer, &request.headers[index].0);
        }
    }
    assert_eq!(object(&sim, PATH), None);
}

#[test]
fn a_body_that_changed_on_its_way_is_refused() {
    let sim = Sim::start(Options::default());
    let signer = Signer::new(&sim);
    let mut request = signer.put(Timestamp::now());
    request.body[0] = b'U';
    assert_eq!(signer.send(&request).status, 400);
    assert_eq!(object(&sim, PATH), None);
}

fn failing(sim: &Sim, changes: &[(&str, &str)], body: &[u8]) -> fitsync::core::error::Failure {
    let store = store_with(sim, &http(&Clock::default()), changes);
    store.put(&store.key(PATH).unwrap(), body).unwrap_err()
}

#[test]
fn wrong_keys_and_buckets_are_told_apart_also_when_the_body_is_large() {
    let sim = Sim::start(Options::default());
    for body in [BODY, &vec![b'x'; 2_000_000]] {
        let failure = failing(&sim, &[("AWS_SECRET_ACCESS_KEY", "wrong")], body);
        assert_eq!(failure.class, ErrorClass::Config, "{failure}");
        assert!(failure.what.contains("does not fit its access key"), "{failure}");
        let failure = failing(&sim, &[("AWS_ACCESS_KEY_ID", "AKIAWRONG")], body);
        assert_eq!(failure.class, ErrorClass::Config, "{failure}");
    }
    let url = sim.s3_url();
    let pairs = [
        ("AWS_ACCESS_KEY_ID", sim.access_key()),
        ("AWS_SECRET_ACCESS_KEY", sim.secret_key()),
        ("AWS_ENDPOINT_URL_S3", url.as_str()),
    ];
    let store = Store::new(config(&pairs), &http(&Clock::default())).unwrap();
    let key = store.key(PATH).unwrap();
    let failure = store.put(&key, BODY).unwrap_err();
    assert!(failure.what.contains("bucket study does not exist"), "{failure}");
    // A HEAD has no body: the bucket has to be asked for.
    assert_eq!(store.head(&key), Ok(None));
    let failure = store.check_bucket().unwrap_err();
    assert!(failure.what.contains("bucket study does not exist"), "{failure}");
}

#[test]
fn the_buckets_region_is_found() {
    let options = Options { region: "eu-central-1".to_owned(), ..Options::default() };
    let sim = Sim::start(options);
    let store = store_with(&sim, &http(&Clock::default()), &[("AWS_REGION", "us-east-1")]);
    let key = store.key(PATH).unwrap();
    store.put(&key, BODY).unwrap();
    let head = store.head(&key).unwrap().unwrap();
    assert_eq!(head.compare(&Sums::of(BODY)), Comparison::Same);
    assert_eq!(sim.requests().len(), 3);
}

#[test]
fn a_machine_without_a_clock_uploads_all_the_same() {
    // Behind the world's time. (The server in the simulator can only be moved ahead; a machine that
    // is ahead is tried with scripted replies.)
    for hours in [5, 20_000] {
        let sim = Sim::start(Options::default());
        sim.set_clock_offset_s(hours * 3600);
        let clock = Clock::default();
        let store = store_with(&sim, &http(&clock), &[]);
        let key = store.key(PATH).unwrap();
        store.put(&key, BODY).unwrap();
        let head = store.head(&key).unwrap().unwrap();
        assert_eq!(head.compare(&Sums::of(BODY)), Comparison::Same);
        assert_eq!(sim.requests().len(), 3, "{hours}");
        let off_s = clock.skew_s() - hours * 3600;
        assert!(off_s.abs() < 10, "{off_s}");
    }
}

#[test]
fn a_broken_connection_is_tried_again() {
    let sim = Sim::start(Options::default());
    let store = store(&sim);
    let key = store.key(PATH).unwrap();
    for effect in [Effect::Close, Effect::LostReply, Effect::ResetUpload { after_bytes: 70_000 }] {
        sim.inject_once(Host::S3, "", effect);
        let body = vec![b'x'; 200_000];
        store.put(&key, &body).unwrap();
        assert_eq!(object(&sim, PATH), Some(body));
    }
    sim.set_down(true);
    let failure = store.put(&key, BODY).unwrap_err();
    assert_eq!(failure.class, ErrorClass::Network);
    assert!(!failure.to_string().contains("X-Amz"), "{failure}");
}

/// A world with such a certificate, and its authority in a file.
fn with_tls(certificate: Certificate) -> (Sim, Folder, String) {
    let sim = Sim::start(Options { tls: Tls::Own(certificate), ..Options::default() });
    let folder = Folder::new();
    let authority = folder.write("ca.pem", sim.authority().unwrap());
    (sim, folder, authority)
}

fn put_over_tls(sim: &Sim, http: &Http) -> Result<()> {
    let store = store_with(sim, http, &[]);
    store.put(&store.key(PATH).unwrap(), BODY).map(drop)
}

#[test]
fn a_private_authority_is_trusted_when_it_is_named() {
    let (sim, _folder, authority) = with_tls(Certificate::Good);
    put_over_tls(&sim, &http_trusting(authority.as_ref())).unwrap();
    let failure = put_over_tls(&sim, &http(&Clock::default())).unwrap_err();
    assert_eq!(failure.class, ErrorClass::Network);
    assert!(failure.what.contains("FITSYNC_CA_FILE"), "{failure}");
}

#[test]
fn certificates_that_do_not_hold_are_told_in_words() {
    for (certificate, class, words) in [
        (Certificate::Expired, ErrorClass::Clock, "set it, or wait for time sync"),
        (Certificate::NotYet, ErrorClass::Clock, "set it, or wait for time sync"),
        (Certificate::WrongHost, ErrorClass::Network, "TLS"),
    ] {
        let (sim, _folder, authority) = with_tls(certificate);
        let failure = put_over_tls(&sim, &http_trusting(authority.as_ref())).unwrap_err();
        assert_eq!(failure.class, class, "{failure}");
        assert!(failure.what.contains(words), "{failure}");
        assert_eq!(failure.to_string().lines().count(), 1);
    }
}

#[test]
fn a_store_whose_clock_is_off_is_followed_and_forgotten_again() {
    let sim = Sim::start(Options::default());
    let clock = Clock::default();
    let store = store_with(&sim, &http(&clock), &[]);
    let key = store.key(PATH).unwrap();
    sim.set_clock_offset_s(7200);
    store.put(&key, BODY).unwrap();
    assert!(clock.known_wrong());
    sim.set_clock_offset_s(0);
    store.put(&key, BODY).unwrap();
    assert!(!clock.known_wrong());
    let machine = clock.machine();
    assert!((clock.now() - SignedDuration::from_secs(5)) <= machine);
}
