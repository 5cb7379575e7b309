//! Certificates as stores on a LAN have them, and the words for what is wrong with others.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use fitsync::core::error::{ErrorClass, Failure};
use fitsync::core::exchange::{Method, Reply, Request};
use fitsync::gateway::Gateway;
use fitsync::io::clock::Clock;
use fitsync::io::net::http::Http;
use fitsync::settings::Config;
use fitsync::settings::source::Settings;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::Folder;

struct MadeUp {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

/// As `openssl req -x509 -newkey` makes it: an authority and a server in one.
fn self_made(names: &[&str], years: (i32, i32)) -> MadeUp {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut parameters = CertificateParams::new(names).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.not_before = rcgen::date_time_ymd(years.0, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(years.1, 1, 1);
    let key = KeyPair::generate().unwrap();
    MadeUp { certificate: parameters.self_signed(&key).unwrap(), key }
}

/// A server that answers every request with 200; with `wants_client` it wants a certificate too.
fn serve(made: &MadeUp, wants_client: bool) -> String {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = if wants_client {
        let mut roots = RootCertStore::empty();
        roots.add(made.certificate.der().clone()).unwrap();
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.with_client_cert_verifier(clients.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivateKeyDer::try_from(made.key.serialize_der()).unwrap();
    let chain = vec![made.certificate.der().clone()];
    let config = Arc::new(builder.with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            std::thread::spawn(move || answer(StreamOwned::new(connection, stream)));
        }
    });
    format!("https://127.0.0.1:{port}/")
}

fn answer(mut stream: StreamOwned<ServerConnection, TcpStream>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

/// A server that sends these bytes to whoever connects.
fn sends(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut hello = [0; 512];
            let _ = stream.read(&mut hello);
            let _ = stream.write_all(bytes);
        }
    });
    url
}

fn get(http: &Http, url: &str) -> Result<Reply, Failure> {
    http.send(&Request::new(Method::Get, url, 1024))
}

fn trusting(folder: &Folder, made: &MadeUp) -> Http {
    let path = folder.write("ca.pem", &made.certificate.pem());
    Http::new(&[Path::new(&path)], &Clock::default(), 1).unwrap()
}

#[test]
fn a_certificate_of_ones_own_is_taken_for_itself_and_its_names() {
    let folder = Folder::new();
    let made = self_made(&["127.0.0.1", "store.lan"], (2020, 2097));
    let url = serve(&made, false);
    assert_eq!(get(&trusting(&folder, &made), &url).unwrap().status, 200);

    let unnamed = get(&Http::new(&[], &Clock::default(), 1).unwrap(), &url).unwrap_err();
    assert_eq!(unnamed.class, ErrorClass::Network);
    assert!(unnamed.what.contains("FITSYNC_CA_FILE"), "{unnamed}");

    let other = self_made(&["127.0.0.1"], (2020, 2097));
    let refused = get(&trusting(&folder, &other), &url).unwrap_err();
    assert!(refused.what.contains("FITSYNC_CA_FILE"), "{refused}");

    let elsewhere = self_made(&["store.lan"], (2020, 2097));
    let refused = get(&trusting(&folder, &elsewhere), &serve(&elsewhere, false)).unwrap_err();
    assert!(refused.what.contains("the certificate is for"), "{refused}");
    assert!(refused.what.contains("store.lan"), "{refused}");
}

#[test]
fn its_time_is_judged_all_the_same() {
    let folder = Folder::new();
    for (years, words) in [
        ((2020, 2021), "the certificate has ended on 2021-01-01"),
        ((2096, 2097), "the certificate is not valid before 2096-01-01"),
    ] {
        let made = self_made(&["127.0.0.1"], years);
        let refused = get(&trusting(&folder, &made), &serve(&made, false)).unwrap_err();
        assert_eq!(refused.class, ErrorClass::Clock);
        assert!(refused.what.contains(words), "{refused}");
    }
}

#[test]
fn a_certificate_for_clients_is_none_of_a_server() {
    let folder = Folder::new();
    let mut parameters = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().unwrap();
    let made = MadeUp { certificate: parameters.self_signed(&key).unwrap(), key };
    let refused = get(&trusting(&folder, &made), &serve(&made, false)).unwrap_err();
    assert!(refused.what.contains("not for servers"), "{refused}");
}

#[test]
fn what_a_server_wants_or_cannot_is_said_in_words() {
    let folder = Folder::new();
    let made = self_made(&["127.0.0.1"], (2020, 2097));
    let http = trusting(&folder, &made);
    // An alert of RFC 8446, section 6: record, version, length, fatal, description.
    let cases = [
        (serve(&made, true), "wants a client certificate"),
        (sends(b"\x15\x03\x01\x00\x02\x02\x46"), "TLS 1.1 or older"),
        (sends(b"\x15\x03\x03\x00\x02\x02\x28"), "no way of encryption in common"),
        (sends(b"\x15\x03\x03\x00\x02\x02\x70"), "does not know this name"),
        (sends(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "does not speak TLS"),
    ];
    for (url, words) in cases {
        let refused = get(&http, &url).unwrap_err();
        assert_eq!(refused.class, ErrorClass::Network, "{refused}");
        assert!(refused.what.contains(words), "{words}: {refused}");
    }
}

#[test]
fn the_bundle_of_aws_opens_the_store_alone() {
    let folder = Folder::new();
    let made = self_made(&["127.0.0.1"], (2020, 2097));
    let url = serve(&made, false);
    let bundle = folder.write("bundle.pem", &made.certificate.pem());
    let (tokens, data) = (folder.path("tokens"), folder.path("data"));
    let settings = Settings::of(&[
        ("AWS_CA_BUNDLE", &bundle),
        ("TOKEN_STORE_DIR", tokens.to_str().unwrap()),
        ("FITSYNC_DATA_DIR", data.to_str().unwrap()),
    ]);
    let gateway = Gateway::new(Config::new(settings).unwrap(), Clock::default()).unwrap();
    assert_eq!(get(&gateway.aws_http, &url).unwrap().status, 200);
    let refused = get(&gateway.http, &url).unwrap_err();
    assert!(refused.what.contains("AWS_CA_BUNDLE is for S3 and STS alone"), "{refused}");
}
