//! The real binary, and what its operator reads: one line for each reason, with the cure.

use std::process::Command;

use fitsync::core::day::{DaySpan, zone};
use fitsync::core::hash::sha256_hex;
use fitsync::core::user::{UserId, file_path};
use fitsync::io::files;
use fitsync::ledger::entry::{Reading, State};
use fitsync::ledger::folder::Ledger;
use fitsync_sim::{Certificate, Host, Options, Sim, Tls};
use jiff::civil::date;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use crate::scripted::{Answer, Server};
use crate::{Folder, SECRET};

/// A folder in which small files of one participant wait for upload, and the profile `clinic`.
struct Gateway(Folder);

struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Days enough that some are sent, some are probes, and some are not tried.
const FILES: i64 = 24;

impl Gateway {
    fn new(count: i64) -> Self {
        let one = Self(Folder::new());
        std::fs::create_dir(one.0.path(".aws")).unwrap();
        let user: UserId = "u1".parse().unwrap();
        let data = one.0.path("data");
        let mut ledger = Ledger::open(&data, &user).unwrap();
        for index in 0..count {
            let day = date(2024, 1, 1).saturating_add(index.days());
            let path = data.join(file_path(&user, "steps", day));
            files::make_folder(path.parent().unwrap()).unwrap();
            let body = format!("user_id,time_utc,time_local,steps\nu1,{day},{day},{index}\n");
            std::fs::write(&path, &body).unwrap();
            let span = DaySpan::natural(day, &zone("UTC").unwrap(), "UTC");
            ledger.note("steps", day, &span, "account", State::Wanted);
            let reading = Reading {
                rows: 1,
                sha256: sha256_hex(body.as_bytes()),
                bytes: body.len() as u64,
                at: Timestamp::now(),
                device_synced_at: None,
                seals: true,
                unfinished: false,
                clock_wrong: false,
                provider: "google-health",
                data_source: "all-sources",
            };
            let _ = ledger.entry_mut("steps", day).unwrap().settle(&reading);
        }
        ledger.save().unwrap();
        one
    }

    /// Keys that the files of `~/.aws` hold.
    fn keys(self, key: &str, secret: &str) -> Self {
        let keys = format!("aws_access_key_id = {key}\naws_secret_access_key = {secret}\n");
        self.0.write(".aws/credentials", &format!("[clinic]\n{keys}"));
        self
    }

    fn process(self, script: &str) -> Self {
        let script = format!("echo run >> {}\n{script}", self.path("runs"));
        let command = self.0.write("get-keys.sh", &script);
        let profile = format!("[profile clinic]\ncredential_process = sh {command}\n");
        self.0.write(".aws/config", &profile);
        self
    }

    fn path(&self, name: &str) -> String {
        self.0.path(name).to_str().unwrap().to_owned()
    }

    fn runs(&self) -> usize {
        std::fs::read_to_string(self.path("runs")).unwrap_or_default().lines().count()
    }

    fn run(&self, words: &[&str], url: &str, changes: &[(&str, &str)]) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_fitsync"))
            .args(words)
            .current_dir(self.0.path(""))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("FITSYNC_DATA_DIR", self.path("data"))
            .env("TOKEN_STORE_DIR", self.path("tokens"))
            .env("FITBIT_USER_IDS", "u1")
            .env("S3_BUCKET_RAW", "sim-raw")
            .env("AWS_PROFILE", "clinic")
            .env("HOME", self.path(""))
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ENDPOINT_URL_S3", url)
            .envs(changes.iter().copied())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let ran = Ran {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        };
        for secret in [SECRET, "X-Amz", "Signature=", "s3cret"] {
            assert!(!ran.stderr.contains(secret) && !ran.stdout.contains(secret), "{}", ran.stderr);
        }
        ran
    }

    /// The one line of `upload` that is no information, without user, metric and place.
    fn told(&self, code: i32, url: &str, changes: &[(&str, &str)]) -> String {
        let ran = self.run(&["upload"], url, changes);
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        let lines = ran.told();
        assert_eq!(lines.len(), 1, "{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("waiting={FILES}")), "{}", ran.stderr);
        let line = lines[0].split_once(" class=").map_or(lines[0].as_str(), |(_, rest)| rest);
        let line = line.split_once(' ').map_or(line, |(_, rest)| rest);
        let line = line.split_once(" (PUT ").map_or(line, |(line, _)| line);
        line.split_once(" (users/").map_or(line, |(line, _)| line).to_owned()
    }
}

impl Ran {
    /// What is said at `warn` and above.
    fn told(&self) -> Vec<String> {
        let words = ["[WARN] ", "[ERROR] "];
        let line = |line: &str| {
            words.iter().find_map(|word| line.split_once(word)).map(|(_, rest)| rest.to_owned())
        };
        self.stderr.lines().filter_map(line).collect()
    }

    fn informed(&self, text: &str) -> bool {
        self.stderr.lines().any(|line| line.ends_with(&format!("[INFO] {text}")))
    }
}

fn example() -> Gateway {
    Gateway::new(FILES).keys("AKIDEXAMPLE", SECRET)
}

/// With the keys of a world.
fn of_world(sim: &Sim) -> Gateway {
    Gateway::new(FILES).keys(sim.access_key(), sim.secret_key())
}

const KEYS: &str = "AWS_PROFILE=clinic found in ~/.aws/credentials, keys";

#[test]
fn refused_keys() {
    let sim = Sim::start(Options::default());
    let wrong = Gateway::new(FILES).keys(sim.access_key(), SECRET);
    assert_eq!(
        wrong.told(1, &sim.s3_url(), &[]),
        format!(
            "config: the secret of {KEYS} does not fit its access key: copy both again [HTTP 403 \
             SignatureDoesNotMatch]"
        )
    );
    // As AWS has it.
    let server = Server::start(|_, _| Answer::error(403, "InvalidAccessKeyId"));
    let unknown = "config: S3 does not know the access key of ";
    assert_eq!(
        example().told(1, &server.url, &[]),
        format!("{unknown}{KEYS}: create a new key pair [HTTP 403 InvalidAccessKeyId]")
    );
    let line = Gateway::new(FILES).keys("AKIAUNKNOWN", SECRET).told(1, &sim.s3_url(), &[]);
    assert!(line.starts_with(unknown), "{line}");
    wrong.keys(sim.access_key(), sim.secret_key()).goes_well(&sim);
}

impl Gateway {
    fn goes_well(&self, sim: &Sim) {
        let ran = self.run(&["upload"], &sim.s3_url(), &[]);
        assert_eq!((ran.code, ran.told()), (Some(0), Vec::new()), "{}", ran.stderr);
        assert!(ran.informed("credentials: profile clinic, keys, do not expire"), "{}", ran.stderr);
        assert_eq!(sim.s3_objects().len(), usize::try_from(FILES).unwrap());
    }
}

#[test]
fn a_session_that_has_ended() {
    let server = Server::start(|_, _| Answer::error(400, "ExpiredToken"));
    assert_eq!(
        example().told(1, &server.url, &[]),
        format!(
            "config: the session of {KEYS} has ended: put in new keys, or use a profile with \
             credential_process, which renews them [HTTP 400 ExpiredToken]"
        )
    );
}

#[test]
fn a_bucket_that_is_not_there_or_denied() {
    let sim = Sim::start(Options::default());
    assert_eq!(
        of_world(&sim).told(1, &sim.s3_url(), &[("S3_BUCKET_RAW", "study-raw")]),
        "config: bucket study-raw does not exist: check S3_BUCKET_RAW and AWS_ENDPOINT_URL [HTTP \
         404 NoSuchBucket]"
    );
    let sentence = "User: arn:aws:iam::1:user/pi is not authorized to perform: s3:PutObject on \
                    resource: \"arn:aws:s3:::sim-raw/x\" with an explicit deny";
    let server = Server::start(move |_, _| {
        let document = "<Error><Code>AccessDenied</Code><Message>";
        Answer::new(403).body(&format!("{document}{sentence}</Message></Error>"))
    });
    assert_eq!(
        example().told(1, &server.url, &[]),
        format!(
            "config: S3 denies it ({sentence}): allow s3:PutObject on bucket sim-raw in the policy \
             of user and bucket [HTTP 403 AccessDenied]"
        )
    );
}

#[test]
fn another_region_is_found_and_told_once() {
    let sim = Sim::start(Options { region: "eu-central-1".to_owned(), ..Options::default() });
    let ran = of_world(&sim).run(&["upload"], &sim.s3_url(), &[]);
    let line = "bucket sim-raw is in eu-central-1, not us-east-1: set AWS_REGION=eu-central-1";
    assert_eq!((ran.code, ran.told()), (Some(0), vec![line.to_owned()]), "{}", ran.stderr);
    let server = Server::start(|_, _| Answer::error(301, "PermanentRedirect"));
    assert_eq!(
        example().told(1, &server.url, &[]),
        "config: bucket sim-raw is not in us-east-1: set AWS_REGION to where it is [HTTP 301 \
         PermanentRedirect]"
    );
}

#[test]
fn a_wrong_clock_is_told_once_and_one_that_stays_refused_is_an_error() {
    let sim = Sim::start(Options::default());
    sim.set_clock_offset_s(5 * 3600);
    let ran = of_world(&sim).run(&["upload"], &sim.s3_url(), &[("FITSYNC_THREADS", "8")]);
    assert_eq!((ran.code, ran.told().len()), (Some(0), 1), "{}", ran.stderr);
    let line = &ran.told()[0];
    assert!(line.starts_with("this machine's clock is wrong by 1"), "{line}");
    let server = Server::start(|_, _| Answer::error(403, "RequestTimeTooSkewed"));
    let line = example().told(1, &server.url, &[]);
    assert!(line.starts_with("clock: S3 refuses the time of the request; the clock of this"));
    assert!(
        line.ends_with("UTC: set it, or wait for time sync [HTTP 403 RequestTimeTooSkewed]"),
        "{line}"
    );
}

#[test]
fn tls_that_does_not_hold() {
    for (certificate, trusted, line) in [
        (
            Certificate::Good,
            false,
            "network: TLS: the certificate's issuer is unknown; name its CA in FITSYNC_CA_FILE",
        ),
        (
            Certificate::WrongHost,
            true,
            "network: TLS: the certificate is for another name: check the address",
        ),
    ] {
        let sim = Sim::start(Options { tls: Tls::Own(certificate), ..Options::default() });
        let gateway = of_world(&sim);
        let authority = gateway.0.write("ca.pem", sim.authority().unwrap());
        let changes = [("AWS_CA_BUNDLE", authority.as_str())];
        assert_eq!(gateway.told(75, &sim.s3_url(), &changes[..usize::from(trusted)]), line);
        if certificate == Certificate::Good {
            let ran = gateway.run(&["upload"], &sim.s3_url(), &changes);
            assert_eq!((ran.code, ran.told()), (Some(0), Vec::new()), "{}", ran.stderr);
        }
    }
    let plain = Sim::start(Options::default());
    assert_eq!(
        example().told(75, &plain.s3_url().replace("http:", "https:"), &[]),
        "network: TLS: what answers there does not speak TLS: check address and port"
    );
}

#[test]
fn a_name_or_port_that_does_not_answer() {
    assert_eq!(
        example().told(75, "https://no-such-store.invalid", &[]),
        "network: the name cannot be looked up: check the network and its name server"
    );
    let sim = Sim::start(Options::default());
    sim.set_host_down(Host::S3, true);
    assert_eq!(
        of_world(&sim).told(75, &sim.s3_url(), &[]),
        "network: connection refused: nothing listens at this address and port: check both"
    );
}

/// A proxy that answers every request so.
fn proxy(status: u16) -> (Server, String) {
    let server = Server::start(move |_, _| Answer::new(status));
    let address = server.url.replace("http://", "");
    (server, address)
}

#[test]
fn a_proxy_that_refuses() {
    for (status, words) in [
        (403, "refused (HTTP 403): have it allow this host, or name that in NO_PROXY"),
        (407, "wants a name and a password: http://NAME:PASSWORD@HOST:PORT"),
    ] {
        let (_server, address) = proxy(status);
        let named = format!("http://pi:s3cret@{address}");
        assert_eq!(
            example().told(75, "https://store.example", &[("HTTPS_PROXY", &named)]),
            format!("network: the proxy {words}; by way of the proxy {address} of HTTPS_PROXY")
        );
    }
}

#[test]
fn a_command_that_gives_no_credentials_runs_once() {
    let server = Server::start(|asked, _| Answer::stored(asked));
    let gateway = Gateway::new(FILES).process("echo 's3cret'; echo 'no session' >&2; exit 255");
    assert_eq!(
        gateway.told(1, &server.url, &[]),
        "config: AWS_PROFILE=clinic found in ~/.aws/config, credential_process exited 255: no \
         session"
    );
    assert_eq!((gateway.runs(), server.asked().len()), (1, 0));
}

#[test]
fn what_needs_a_browser_a_container_or_ec2_names_the_way_that_works() {
    let gateway = Gateway::new(FILES);
    for (profile, words) in [
        ("sso_session = s", "profile clinic signs in by a browser (SSO or login); "),
        ("login_session = arn", "profile clinic signs in by a browser (SSO or login); "),
        (
            "role_arn = arn:r\ncredential_source = Ec2InstanceMetadata",
            "profile clinic has credential_source = Ec2InstanceMetadata, which is not supported; ",
        ),
    ] {
        gateway.0.write(".aws/config", &format!("[profile clinic]\n{profile}\n"));
        let line = gateway.told(1, "https://store.invalid", &[]);
        assert_eq!(
            line,
            format!(
                "config: {words}use a profile with: credential_process = aws configure \
                 export-credentials --profile clinic"
            )
        );
    }
    gateway.0.write(".aws/config", "");
    let container = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x");
    let line = gateway.told(1, "https://store.invalid", &[container, ("AWS_PROFILE", "")]);
    assert!(line.contains("is not supported; use a profile with: credential_process"), "{line}");
}

/// A time of the day, with the date where it is another day's.
fn until(at: Timestamp) -> String {
    let today = at.strftime("%F").to_string() == Timestamp::now().strftime("%F").to_string();
    at.strftime(if today { "%H:%MZ" } else { "%F %H:%MZ" }).to_string()
}

#[test]
fn a_thousand_small_files_need_one_look_for_credentials_and_a_connection_for_each_thread() {
    let sim = Sim::start(Options::default());
    let expires = Timestamp::now() + SignedDuration::from_hours(2);
    let (key, secret) = (sim.access_key(), sim.secret_key());
    let gateway = Gateway::new(1000).process(&format!(
        "echo '{{\"Version\":1,\"AccessKeyId\":\"{key}\",\"SecretAccessKey\":\"{secret}\",\
         \"Expiration\":\"{expires}\"}}'"
    ));
    sim.clear_requests();
    let ran = gateway.run(&["upload"], &sim.s3_url(), &[("FITSYNC_THREADS", "8")]);
    assert_eq!((ran.code, ran.told()), (Some(0), Vec::new()), "{}", ran.stderr);
    let line =
        format!("credentials: profile clinic, credential_process, expire {}", until(expires));
    assert!(ran.informed(&line), "{line}: {}", ran.stderr);
    assert_eq!(ran.stderr.matches("credentials: ").count(), 1);
    assert_eq!((gateway.runs(), sim.s3_objects().len()), (1, 1000));
    assert_eq!(sim.requests().iter().filter(|seen| seen.method == "PUT").count(), 1000);
    assert_eq!(sim.requests().len(), 1000);
    // As many as threads, unless this machine stood still until an idle one was closed.
    assert!(sim.connections(Host::S3) <= 16, "{}", sim.connections(Host::S3));
    // One participant's files go side by side.
    assert!(sim.max_in_flight() > 1, "{}", sim.max_in_flight());
    sim.clear_requests();
    let ran = gateway.run(&["verify"], &sim.s3_url(), &[("FITSYNC_THREADS", "8")]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("compared=1000 missing=0 different=0"), "{}", ran.stderr);
    assert!(sim.connections(Host::S3) <= 16, "{}", sim.connections(Host::S3));
    assert_eq!(gateway.runs(), 2);
}
