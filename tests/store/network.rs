//! A store that cannot be reached, and what the log shows of one that can.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use fitsync::core::error::ErrorClass;
use fitsync::core::exchange::{Method, Request};
use fitsync::io::clock::Clock;
use fitsync::io::net::http::Http;
use fitsync::io::net::proxy::Proxies;

use crate::scripted::{Answer, Server};
use crate::{BODY, PATH, SECRET, http, store_at};

#[test]
fn a_name_that_does_not_exist_is_told_in_words() {
    let request = Request::new(Method::Head, "https://no-such-store.invalid/x?secret", 1);
    let failure = http(&Clock::default()).send(&request).unwrap_err();
    assert_eq!(failure.class, ErrorClass::Network);
    assert_eq!(
        failure.to_string(),
        "network: the name cannot be looked up: check the network and its name server (HEAD \
         no-such-store.invalid/x)"
    );
}

#[test]
fn a_port_that_nobody_listens_on_is_out_of_reach() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let store = store_at(&url, &Clock::default());
    let failure = store.put(&store.key(PATH).unwrap(), BODY).unwrap_err();
    assert_eq!(failure.class, ErrorClass::Network);
    assert!(failure.to_string().contains(PATH), "{failure}");
}

#[test]
fn a_store_that_takes_a_request_and_never_answers_is_asked_once() {
    let server = Server::start(|_, _| {
        std::thread::sleep(std::time::Duration::from_secs(600));
        Answer::new(503)
    });
    let store = store_at(&server.url, &Clock::default());
    let failure = store.put(&store.key(PATH).unwrap(), BODY).unwrap_err();
    assert_eq!((failure.class, server.asked().len()), (ErrorClass::Network, 1), "{failure}");
    assert!(failure.what.starts_with("no answer in time"), "{failure}");
}

/// Runs one ignored test of this binary with settings in its environment.
fn in_a_process_of_its_own(test: &str, name: &str, value: &str) {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", test])
        .env(name, value)
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .env_remove("ALL_PROXY")
        .status()
        .unwrap();
    assert!(status.success());
}

/// A proxy that gives this status to everybody, and the settings that name it.
fn through_a_proxy(status: &'static str, name: &'static str) -> Http {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                head.push(byte[0]);
            }
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let proxies = Proxies::of(&|asked| (asked == name).then_some(url.as_str())).unwrap();
    Http::through(proxies, &[], &Clock::default(), 1).unwrap()
}

#[test]
fn a_proxy_that_refuses_is_told_in_words() {
    for (status, name, words) in [
        ("403 Forbidden", "HTTPS_PROXY", "the proxy refused (HTTP 403)"),
        ("407 Proxy Authentication Required", "HTTPS_PROXY", "wants a name and a password"),
        ("401 Unauthorized", "ALL_PROXY", "does not take this name and password"),
        ("502 Bad Gateway", "all_proxy", "could not reach the service (HTTP 502)"),
        ("503 Service Unavailable", "https_proxy", "could not reach the service (HTTP 503)"),
    ] {
        let request = Request::new(Method::Head, "https://store.example/x?secret", 1);
        let failure = through_a_proxy(status, name).send(&request).unwrap_err();
        assert_eq!(failure.class, ErrorClass::Network);
        let line = failure.to_string();
        assert!(line.contains(words) && line.contains(&format!(" of {name}")), "{line}");
        assert!(line.ends_with("(HEAD store.example/x)"), "{line}");
    }
}

/// Keeps every line that is logged.
struct Lines(Mutex<Vec<String>>);

impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = format!("{} {}", record.target(), record.args());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    fn flush(&self) {}
}

static LINES: Lines = Lines(Mutex::new(Vec::new()));

#[test]
fn no_log_line_shows_a_signed_address_or_a_key() {
    in_a_process_of_its_own("network::with_all_lines_kept", "FITSYNC_LOG", "debug");
}

#[test]
#[ignore = "run by no_log_line_shows_a_signed_address_or_a_key"]
fn with_all_lines_kept() {
    log::set_logger(&LINES).unwrap();
    log::set_max_level(log::LevelFilter::Debug);
    let server = Server::start(|asked, number| match number {
        0 => Answer::error(503, "SlowDown"),
        1 => Answer::new(301).header("x-amz-bucket-region", "eu-west-1"),
        2 => Answer::error(403, "SignatureDoesNotMatch"),
        _ => Answer::stored(asked),
    });
    let store = store_at(&server.url, &Clock::default());
    let key = store.key(PATH).unwrap();
    store.put(&key, BODY).unwrap_err();
    store.put(&key, BODY).unwrap();
    let signature = server.asked()[0].query("X-Amz-Signature");
    assert_eq!(signature.len(), 64);
    let lines = LINES.0.lock().unwrap();
    let ours = |line: &&String| line.starts_with("fitsync::");
    assert!(lines.iter().filter(ours).any(|line| line.contains("set AWS_REGION=eu-west-1")));
    assert!(lines.iter().filter(ours).any(|line| line.contains("credentials: ")));
    for line in lines.iter() {
        for secret in [SECRET, "X-Amz-Signature", &signature, "AKIDEXAMPLE"] {
            assert!(!line.contains(secret), "{line}");
        }
    }
}
