//! Where credentials come from, in a run: found once, renewed in time, their failures in words.

use std::path::Path;
use std::time::Instant;

use fitsync::core::error::{ErrorClass, Result};
use fitsync::io::clock::Clock;
use fitsync::s3::store::{Store, Stored};
use jiff::{SignedDuration, Timestamp};

use crate::scripted::{Answer, Asked, Server};
use crate::{BODY, Folder, PATH, config, http};

fn put(store: &Store) -> Result<Stored> {
    store.put(&store.key(PATH).unwrap(), BODY)
}

/// A profile whose credential_process counts its runs in a file and prints what `printed` makes.
fn counting(folder: &Folder, script: &str) -> String {
    let runs = folder.path("runs");
    let script = format!("echo run >> {}\n{script}", runs.display());
    let command = folder.write("get-keys.sh", &script);
    folder.write("config", &format!("[profile clinic]\ncredential_process = sh {command}\n"))
}

fn runs(folder: &Folder) -> usize {
    let text = std::fs::read_to_string(folder.path("runs")).unwrap_or_default();
    text.lines().count()
}

fn keys_json(expiration: &str) -> String {
    format!(
        "{{\"Version\":1,\"AccessKeyId\":\"ASIA\",\"SecretAccessKey\":\"s\",\"SessionToken\":\"t\",\
         \"Expiration\":\"{expiration}\"}}"
    )
}

/// A store at this address with the profile `clinic` of a folder's files.
fn clinic(url: &str, folder: &Folder, clock: &Clock) -> Store {
    let (config_file, missing) = (path(folder, "config"), path(folder, "none"));
    let pairs = [
        ("AWS_PROFILE", "clinic"),
        ("AWS_CONFIG_FILE", &config_file),
        ("AWS_SHARED_CREDENTIALS_FILE", &missing),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", url),
    ];
    Store::new(config(&pairs), &http(clock)).unwrap()
}

fn path(folder: &Folder, name: &str) -> String {
    folder.path(name).to_str().unwrap().to_owned()
}

#[test]
fn credentials_are_found_once_for_all_threads_of_a_run() {
    let folder = Folder::new();
    counting(&folder, &format!("sleep 0.2; echo '{}'", keys_json("2099-01-01T00:00:00Z")));
    let server = Server::start(|asked, _| Answer::stored(asked));
    let store = clinic(&server.url, &folder, &Clock::default());
    assert_eq!(runs(&folder), 0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..20).for_each(|_| drop(put(&store).unwrap())));
        }
    });
    assert_eq!((runs(&folder), server.asked().len()), (1, 160));
    assert!(server.connections() <= 8, "{}", server.connections());
    assert_eq!(server.asked()[0].query("X-Amz-Security-Token"), "t");
}

#[test]
fn a_process_that_fails_is_not_run_for_every_file() {
    let folder = Folder::new();
    let config_file = counting(&folder, "echo 'no session' >&2; exit 255");
    let server = Server::start(|asked, _| Answer::stored(asked));
    let store = clinic(&server.url, &folder, &Clock::default());
    let begun = Instant::now();
    for _ in 0..20 {
        let failure = put(&store).unwrap_err();
        assert_eq!(
            failure.to_string(),
            format!(
                "config: AWS_PROFILE=clinic found in {config_file}, credential_process exited 255: \
                 no session"
            )
        );
    }
    assert_eq!((runs(&folder), server.asked().len()), (1, 0));
    assert!(begun.elapsed().as_secs() < 5);
}

#[test]
fn credentials_are_renewed_before_they_expire() {
    let folder = Folder::new();
    let first = Timestamp::now();
    let hour = SignedDuration::from_hours(1);
    let (one, two) = (first + hour, first + 2 * hour);
    let script = format!(
        "if [ $(wc -l < {}) -gt 1 ]; then echo '{}'; else echo '{}'; fi",
        path(&folder, "runs"),
        keys_json(&two.to_string()).replace("ASIA", "ASIB"),
        keys_json(&one.to_string()),
    );
    counting(&folder, &script);
    let server = Server::start(|asked, _| Answer::stored(asked));
    let clock = Clock::simulated(first);
    let store = clinic(&server.url, &folder, &clock);
    for (minutes, runs_so_far, key) in [(0, 1, "ASIA/"), (44, 1, "ASIA/"), (46, 2, "ASIB/")] {
        clock.set(first + SignedDuration::from_mins(minutes));
        put(&store).unwrap();
        assert_eq!(runs(&folder), runs_so_far, "{minutes}");
        let asked = server.asked().pop().unwrap();
        assert!(asked.query("X-Amz-Credential").starts_with(key), "{minutes}");
    }
}

#[test]
fn a_renewal_that_fails_does_not_stop_what_still_works() {
    let folder = Folder::new();
    let first = Timestamp::now();
    let expires = first + SignedDuration::from_hours(1);
    let script = format!(
        "if [ $(wc -l < {}) -gt 1 ]; then exit 1; fi; echo '{}'",
        path(&folder, "runs"),
        keys_json(&expires.to_string()),
    );
    counting(&folder, &script);
    let server = Server::start(|asked, _| Answer::stored(asked));
    let clock = Clock::simulated(first);
    let store = clinic(&server.url, &folder, &clock);
    for (minutes, works) in [(0, true), (50, true), (58, true), (61, false)] {
        clock.set(first + SignedDuration::from_mins(minutes));
        assert_eq!(put(&store).is_ok(), works, "{minutes}");
    }
    assert_eq!(runs(&folder), 2);
}

#[test]
fn a_session_that_ended_is_replaced_once() {
    let folder = Folder::new();
    counting(&folder, &format!("echo '{}'", keys_json("2099-01-01T00:00:00Z")));
    let server = Server::start(|asked, number| match number {
        0 => Answer::error(400, "ExpiredToken"),
        _ => Answer::stored(asked),
    });
    let store = clinic(&server.url, &folder, &Clock::default());
    put(&store).unwrap();
    assert_eq!((runs(&folder), server.asked().len()), (2, 2));
    let server = Server::start(|_, _| Answer::error(403, "ExpiredToken"));
    let failure = put(&clinic(&server.url, &folder, &Clock::default())).unwrap_err();
    assert_eq!((failure.class, server.asked().len()), (ErrorClass::Config, 2));
    assert!(failure.what.contains("AWS_PROFILE=clinic found in"), "{failure}");
}

#[test]
fn keys_that_cannot_be_renewed_are_not_tried_twice() {
    let server = Server::start(|_, _| Answer::error(400, "ExpiredToken"));
    let failure = put(&crate::store_at(&server.url, &Clock::default())).unwrap_err();
    assert_eq!((failure.class, server.asked().len()), (ErrorClass::Config, 1));
    assert!(failure.what.contains("has ended"), "{failure}");
}

/// An STS and an S3 in one: roles are given keys of their name.
fn sts_and_s3(asked: &Asked, _: usize) -> Answer {
    if asked.method == "PUT" {
        return Answer::stored(asked);
    }
    let role = asked.form("RoleArn");
    let name = role.rsplit('/').next().unwrap_or_default().to_owned();
    Answer::new(200).body(&format!(
        "<R><Credentials><AccessKeyId>{name}</AccessKeyId><SecretAccessKey>of-{name}\
         </SecretAccessKey><SessionToken>session-{name}</SessionToken>\
         <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></R>"
    ))
}

const TWO_ROLES: &str = "[profile clinic]
role_arn = arn:aws:iam::123456789012:role/outer
source_profile = inner
external_id = e1
[profile inner]
role_arn = arn:aws:iam::123456789012:role/inner
source_profile = base
role_session_name = pi
[profile base]
aws_access_key_id = BASE
aws_secret_access_key = s
";

#[test]
fn a_chain_of_roles_is_walked_from_the_keys_up() {
    let folder = Folder::new();
    folder.write("config", TWO_ROLES);
    let server = Server::start(sts_and_s3);
    let store = clinic(&server.url, &folder, &Clock::default());
    put(&store).unwrap();
    put(&store).unwrap();
    let asked = server.asked();
    let signer = |asked: &Asked| {
        let authorization = asked.header("authorization");
        let key = authorization.split_once("Credential=").and_then(|(_, key)| key.split_once('/'));
        key.map(|(key, _)| key.to_owned()).unwrap_or_default()
    };
    assert_eq!(asked.len(), 4);
    assert_eq!(
        (signer(&asked[0]).as_str(), asked[0].form("RoleSessionName")),
        ("BASE", "pi".into())
    );
    assert_eq!((signer(&asked[1]).as_str(), asked[1].form("ExternalId")), ("inner", "e1".into()));
    assert_eq!(asked[1].header("x-amz-security-token"), "session-inner");
    assert!(asked[2].query("X-Amz-Credential").starts_with("outer/"));
    assert_eq!(asked[2].query("X-Amz-Security-Token"), "session-outer");
    assert!(store.credentials_source().contains("role arn:aws:iam::123456789012:role/outer"));
}

#[test]
fn a_web_identity_is_exchanged_without_a_signature() {
    let folder = Folder::new();
    let token_file = folder.write("token", "jwt.of.this\n");
    let server = Server::start(sts_and_s3);
    let none = path(&folder, "none");
    let pairs = [
        ("AWS_CONFIG_FILE", none.as_str()),
        ("AWS_SHARED_CREDENTIALS_FILE", &none),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &token_file),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/web"),
        ("AWS_ENDPOINT_URL", &server.url),
    ];
    let store = Store::new(config(&pairs), &http(&Clock::default())).unwrap();
    put(&store).unwrap();
    let asked = server.asked();
    assert_eq!(asked[0].form("WebIdentityToken"), "jwt.of.this");
    assert_eq!(asked[0].header("authorization"), "");
    assert!(asked[1].query("X-Amz-Credential").starts_with("web/"));
    std::fs::remove_file(Path::new(&token_file)).unwrap();
    let store = Store::new(config(&pairs), &http(&Clock::default())).unwrap();
    let failure = put(&store).unwrap_err();
    assert_eq!(failure.class, ErrorClass::Config);
    assert!(failure.to_string().contains("there is no such file"), "{failure}");
}

#[test]
fn a_role_that_is_denied_is_told_and_an_ill_sts_tried_again() {
    let folder = Folder::new();
    folder.write("config", TWO_ROLES);
    let server = Server::start(|_, _| Answer::error(403, "AccessDenied"));
    let failure = put(&clinic(&server.url, &folder, &Clock::default())).unwrap_err();
    assert_eq!((failure.class, server.asked().len()), (ErrorClass::Config, 1));
    assert!(failure.what.contains("may not assume arn:aws:iam::123456789012:role/inner"));
    let server = Server::start(|asked, number| match number {
        0 => Answer::error(500, "InternalFailure"),
        1 => Answer::error(400, "Throttling"),
        _ => sts_and_s3(asked, number),
    });
    put(&clinic(&server.url, &folder, &Clock::default())).unwrap();
    assert_eq!(server.asked().len(), 5);
}

#[test]
fn a_wrong_clock_is_corrected_before_sts_too() {
    let folder = Folder::new();
    folder.write("config", TWO_ROLES);
    let server = Server::start(|asked, number| {
        let date =
            (Timestamp::now() + SignedDuration::from_hours(5)).strftime("%Y%m%d").to_string();
        let answer = match asked.header("x-amz-date") {
            _ if number == 0 => Answer::error(403, "SignatureDoesNotMatch"),
            signed if asked.method == "POST" && !signed.starts_with(&date) => {
                Answer::error(403, "SignatureDoesNotMatch")
            }
            _ => sts_and_s3(asked, number),
        };
        let now = Timestamp::now() + SignedDuration::from_hours(5);
        answer.header("Date", &now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
    });
    put(&clinic(&server.url, &folder, &Clock::default())).unwrap();
    assert_eq!(server.asked().len(), 4);
}

#[test]
fn secrets_of_a_role_never_travel_in_the_clear() {
    let folder = Folder::new();
    let config_file = folder.write("config", TWO_ROLES);
    let pairs = [
        ("AWS_PROFILE", "clinic"),
        ("AWS_CONFIG_FILE", config_file.as_str()),
        ("AWS_ENDPOINT_URL_S3", "https://store.example"),
        ("AWS_ENDPOINT_URL_STS", "http://10.0.0.1"),
    ];
    let failure = Store::new(config(&pairs), &http(&Clock::default())).unwrap_err();
    assert_eq!(failure.class, ErrorClass::Config);
    assert!(failure.what.contains("AWS_ENDPOINT_URL_STS"), "{failure}");
}

#[test]
fn a_broken_profile_file_is_named_with_its_line() {
    let folder = Folder::new();
    let config_file = folder.write("config", "[profile clinic]\nregion us-east-1\n");
    let pairs = [("AWS_CONFIG_FILE", config_file.as_str())];
    let failure = Store::new(config(&pairs), &http(&Clock::default())).unwrap_err();
    assert_eq!(failure.class, ErrorClass::Config);
    assert!(failure.to_string().contains(&format!("{config_file}, line 2")), "{failure}");
}
