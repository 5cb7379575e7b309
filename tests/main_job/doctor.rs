//! `fitsync doctor`: every trap has its line, its level and its cure; nothing is changed.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fitsync::io::files;
use fitsync_sim::{Certificate, Effect, Fault, Host, Participant, Tls};
use serde_json::Value;

use crate::world::{Ran, USER, WHO, World, one, plain};

/// The lines of a report, as `level check: text; cure`.
struct Report {
    lines: Vec<String>,
    ran: Ran,
}

fn report(ran: Ran) -> Report {
    let json = ran.json();
    assert_eq!((&json["version"], &json["exit"]), (&1.into(), &ran.code.into()), "{}", ran.stdout);
    let lines = json["checks"].as_array().expect("checks").iter().map(|check| {
        let text = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
        let cure = &check["cure"];
        assert_eq!(cure.is_null(), text("level") == "ok", "every trouble has its cure: {check}");
        assert_ne!(cure, &Value::from(""), "{check}");
        format!("{} {}: {}; {}", text("level"), text("check"), text("text"), text("cure"))
    });
    Report { lines: lines.collect(), ran }
}

fn doctor(world: &World) -> Report {
    report(world.run(&["doctor", "--json"]))
}

impl Report {
    #[track_caller]
    fn exits(self, code: i32) -> Self {
        assert_eq!(self.ran.code, code, "{:#?}\n{}", self.lines, self.ran.stderr);
        self
    }

    /// One line begins so and holds all of these.
    #[track_caller]
    fn has(self, start: &str, parts: &[&str]) -> Self {
        let fits = |line: &&String| {
            line.starts_with(start) && parts.iter().all(|part| line.contains(part))
        };
        assert!(self.lines.iter().any(|line| fits(&line)), "{start} {parts:?}: {:#?}", self.lines);
        self
    }

    #[track_caller]
    fn has_no(self, start: &str) -> Self {
        let found = self.lines.iter().find(|line| line.starts_with(start));
        assert_eq!(found, None);
        self
    }
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
}

#[test]
fn a_box_that_works_is_told_so_and_left_as_it_was() {
    let world = World::connected(plain(one()));
    world.sync(&[]).exits(0);
    let (files, objects) = (world.snapshot(), world.objects());
    // A run is at work: the doctor does not wait for it.
    let lock = files::lock(&world.data().join("run.lock"), Duration::ZERO).expect("a lock");
    world.sim.clear_requests();
    doctor(&world)
        .exits(0)
        .has_no("fail")
        .has("ok modes", &[])
        .has("ok locks", &["flock works"])
        .has("ok disk", &["MB free"])
        .has("ok provider", &["google-health answers"])
        .has("ok provider", &["may use the API"])
        .has("ok credentials", &["knows the application"])
        .has("ok participants", &["1 connected"])
        .has("ok bucket", &["written and read back", "users/_fitsync_doctor/"])
        .has("ok clock", &[])
        .has("ok redirect", &["localhost"]);
    drop(lock);
    assert!(world.snapshot() == files, "a file was changed");
    assert!(world.objects() == objects, "the probe object is left");
    let probes: Vec<_> = world.asked("").into_iter().filter(|one| one.host == Host::S3).collect();
    assert!(probes.len() >= 3, "{probes:?}");

    let text = world.run(&["doctor"]).exits(0).stdout;
    assert!(text.lines().any(|line| line.starts_with("OK    bucket        ")), "{text}");
    assert!(text.trim_end().ends_with("0 FAIL"), "{text}");
    for secret in world.sim.secrets() {
        assert!(!text.contains(&secret), "a secret was said");
    }
}

#[test]
fn wrong_settings_are_a_line_with_exit_code_2() {
    let mut world = World::new(plain(one()));
    world.set("FITSYNC_THREADS", "many");
    doctor(&world).exits(2).has("fail settings", &["FITSYNC_THREADS", "whole number"]);
    let text = world.run(&["doctor"]).exits(2).stdout;
    assert!(text.starts_with("FAIL  settings      FITSYNC_THREADS"), "{text}");
    world.unset("FITSYNC_THREADS");
    world.set("FITSYNC_CA_FILE", "/nowhere/ca.pem");
    doctor(&world).exits(2).has("fail settings", &["/nowhere/ca.pem"]).has("ok locks", &[]);
    world.unset("FITSYNC_CA_FILE");
    report(world.run(&["--env-file", "/nowhere/x.env", "doctor", "--json"]))
        .exits(2)
        .has("fail settings", &["/nowhere/x.env"]);
}

#[test]
fn an_application_that_is_not_set_or_not_known_is_told() {
    let mut world = World::new(plain(one()));
    world.set("GOOGLE_CLIENT_SECRET", "wrong");
    doctor(&world).exits(1).has("fail credentials", &["GOOGLE_CLIENT_SECRET"]);
    world.unset("GOOGLE_CLIENT_SECRET");
    doctor(&world).exits(1).has("fail credentials", &["GOOGLE_CLIENT_SECRET is not set"]);
    world.unset("GOOGLE_CLIENT_ID");
    doctor(&world).exits(1).has("fail provider", &["GOOGLE_CLIENT_ID is not set"]);
}

#[test]
fn a_project_without_the_api_is_told_by_a_participants_token() {
    let world = World::connected(plain(one()));
    let disabled = Effect::Reason { reason: "SERVICE_DISABLED".to_owned(), retry_after_s: None };
    // The first request has no token.
    let fault = Fault::always(disabled).host(Host::Google).path("identity");
    world.sim.inject(Fault { skip: 1, ..fault });
    doctor(&world).exits(1).has("fail provider", &["enable it in the console"]);
}

#[test]
fn a_redirect_address_of_the_lan_is_told() {
    let mut world = World::new(plain(one()));
    for redirect in [
        "http://192.168.1.20:8000/auth/callback",
        "https://gateway.local/cb",
        "https://gw.corp/cb",
        "http://localhost:8000/cb#x",
        "https://study.example.org/a/../cb",
    ] {
        world.set("GOOGLE_REDIRECT_URI", redirect);
        doctor(&world).exits(1).has("fail redirect", &[redirect, "register http://localhost:8000"]);
    }
    world.unset("GOOGLE_REDIRECT_URI");
    world.set("FITSYNC_LISTEN", "127.0.0.1:8123");
    doctor(&world).has("warn redirect", &["8123"]);
}

#[test]
fn services_that_do_not_answer_as_they_should_are_told() {
    let mut world = World::new(plain(one()));
    let api = |effect| Fault::always(effect).host(Host::Google).path("identity");
    for (effect, line, parts) in [
        (Effect::Html { status: 200 }, "fail provider", ["sign-in page", "HTTPS_PROXY"]),
        (
            Effect::Status { status: 503, retry_after_s: None },
            "fail provider",
            ["HTTP 503", "doctor again"],
        ),
        (Effect::Close, "fail provider", ["identity", "network"]),
    ] {
        world.sim.clear_faults();
        world.sim.inject(api(effect));
        doctor(&world).exits(1).has(line, &parts);
    }
    world.sim.clear_faults();
    world.use_fitbit();
    world.sim.set_fitbit_retired(true);
    doctor(&world).exits(1).has("fail provider", &["fitbit is retired", "fitsync migrate"]);
    world.unset("FITSYNC_PROVIDER");
    doctor(&world).exits(0).has("warn provider", &["fitbit is retired", "fitsync migrate"]);
}

#[test]
fn certificates_that_do_not_hold_are_told_apart() {
    let tls = |certificate| {
        let world = World::new(fitsync_sim::Options { tls: Tls::Own(certificate), ..plain(one()) });
        let authority = world.sim.authority().expect("an authority");
        std::fs::write(world.path("ca.pem"), authority).expect("a file");
        world
    };
    let mut world = tls(Certificate::Good);
    doctor(&world).exits(1).has("fail tls", &["issuer is unknown", "FITSYNC_CA_FILE"]);
    world.set("FITSYNC_CA_FILE", &world.path("ca.pem"));
    doctor(&world).exits(0).has("ok tls", &["certificate"]);
    for (certificate, part) in [
        (Certificate::Expired, "the certificate has ended on 2021-01-01"),
        (Certificate::NotYet, "the clock of this machine says"),
        (Certificate::WrongHost, "TLS"),
    ] {
        let mut world = tls(certificate);
        world.set("FITSYNC_CA_FILE", &world.path("ca.pem"));
        doctor(&world).exits(1).has("fail tls", &[part]);
    }
}

#[test]
fn a_clock_that_is_wrong_is_told_with_its_distance() {
    let world = World::new(plain(one()));
    for (seconds, line, part) in
        [(7200, "fail clock", "s behind"), (-120, "warn clock", "s ahead"), (5, "ok clock", "")]
    {
        world.sim.clear_faults();
        world.sim.inject(Fault::always(Effect::DateSkew { seconds }));
        doctor(&world).has(line, &[part]);
    }
}

#[test]
fn names_that_a_static_program_cannot_look_up_are_told() {
    let mut world = World::new(plain(one()));
    world.set("AWS_ENDPOINT_URL_S3", "https://fitsync-test-minio.local:9000");
    doctor(&world).exits(1).has("fail names", &["fitsync-test-minio.local", "/etc/hosts"]);
    world.set("NO_PROXY", "localhost, .example,10.0.0.0/8,http://a.example");
    doctor(&world).has("warn proxy", &["\"http://a.example\"", "10.0.0.0/8"]);
}

#[test]
fn a_proxy_of_the_settings_file_is_used() {
    let mut world = World::new(plain(one()));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let env = world.path("box.env");
    let google = "https://health.test";
    let text = format!(
        "HTTPS_PROXY=http://me:hunter2@{address}\nNO_PROXY=nothing.example\n\
         GOOGLE_HEALTH_URL={google}\n"
    );
    world.unset("GOOGLE_HEALTH_URL");
    std::fs::write(&env, text).expect("a file");
    let first = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a visit");
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).expect("a line");
        line
    });
    let found = report(world.run(&["--env-file", &env, "doctor", "--json"]))
        .exits(1)
        .has("ok proxy", &[&address])
        .has("ok settings", &["box.env"])
        .has("fail provider", &[]);
    assert!(!found.ran.stdout.contains("hunter2") && !found.ran.stderr.contains("hunter2"));
    let line = first.join().expect("a thread");
    assert!(line.starts_with("CONNECT health.test:443"), "{line:?}");
    assert!(world.asked("identity").is_empty(), "asked without the proxy");
}

#[test]
fn modes_that_let_others_in_are_told() {
    let mut world = World::connected(plain(one()));
    let tokens = world.dir.join("tokens");
    set_mode(&tokens, 0o755);
    doctor(&world)
        .exits(2)
        .has("fail modes", &["chmod 700", "tokens"])
        .has("ok participants", &["1 connected"])
        .has("ok bucket", &[]);
    set_mode(&tokens, 0o700);
    set_mode(&world.token_file(USER), 0o644);
    doctor(&world).exits(2).has("fail modes", &["user_001.json", "chmod 600"]);
    set_mode(&world.token_file(USER), 0o600);
    let env = PathBuf::from(world.path("box.env"));
    std::fs::write(&env, "GOOGLE_CLIENT_SECRET=x\n").expect("a file");
    let here = env.display().to_string();
    let with_env = ["--env-file", &here, "doctor", "--json"];
    set_mode(&env, 0o644);
    report(world.run(&with_env)).has("warn modes", &["box.env", "chmod o="]);
    set_mode(&env, 0o640);
    report(world.run(&with_env)).has("ok modes", &[]);
    world.set("TOKEN_STORE_DIR", &here);
    doctor(&world).exits(1).has("fail modes", &["is no folder"]);
}

#[test]
fn the_disk_of_the_tokens_is_looked_at_too() {
    let mut world = World::new(plain(one()));
    let disk = |path: &Path| std::fs::metadata(path).ok().map(|about| about.dev());
    let memory = Path::new("/dev/shm");
    // Not every machine has another disk at hand.
    if disk(memory).is_none() || disk(memory) == disk(&world.dir) {
        return;
    }
    world.set("TOKEN_STORE_DIR", "/dev/shm/fitsync-no-such-folder");
    let found = doctor(&world).has("ok disk: tokens: ", &["MB free"]);
    assert_eq!(found.lines.iter().filter(|line| line.starts_with("ok disk")).count(), 2);
}

#[test]
fn participants_who_are_not_synced_or_cannot_be_are_told() {
    let mut world = World::new(plain(Participant::numbered(4)));
    for number in 1..=3 {
        world.connect(&format!("user_00{number}"), &format!("p{number}"));
    }
    doctor(&world).exits(0).has("ok participants", &["3 connected"]).has_no("warn participants");
    world.set("FITBIT_USER_IDS", "user_001,user_003,user_004");
    world.sim.revoke("p3");
    world.sim.expire_access_tokens();
    world.run(&["sync", "--user", "user_003"]).exits(3);
    let tokens = world.snapshot();
    doctor(&world)
        .exits(0)
        .has("warn participants", &["user_002", "FITBIT_USER_IDS"])
        .has("warn participants", &["user_004", "never signed in", "fitsync login"])
        .has("warn participants", &["user_003", "sign in again"])
        .has("ok participants", &["2 connected"]);
    assert!(world.snapshot() == tokens, "a token was changed");
    std::fs::write(world.token_file("user_001"), "{").expect("a file");
    let _ = std::fs::remove_file(world.dir.join("tokens/user_001.json.prev"));
    doctor(&world).exits(1).has("fail participants", &["user_001", "fitsync login user_001"]);
}

#[test]
fn what_was_not_granted_and_consents_that_end_are_told() {
    let options = fitsync_sim::Options { testing_app: true, ..plain(one()) };
    let world = World::new(options);
    world.sim.set_grants(WHO, Some(vec!["activity_and_fitness".to_owned()])).expect("p1");
    world.connect_with(&[USER], WHO).exits(0);
    doctor(&world)
        .exits(0)
        .has("warn scopes", &["hrv is not granted by user_001", "fitsync login"])
        .has("warn scopes", &["user_001: band and time zone"])
        .has("warn testing", &["user_001", "seven days", "Production"]);
}

#[test]
fn a_bucket_that_answers_and_refuses_is_told() {
    let mut world = World::new(plain(one()));
    let denied = || Effect::S3Error { status: 403, code: "AccessDenied".to_owned() };
    let on = |method| Fault::always(denied()).host(Host::S3).method(method);
    world.sim.inject(on("PUT"));
    doctor(&world).exits(1).has("fail bucket", &["answers, and refuses writes", "s3:PutObject"]);
    for (code, cure) in [
        ("InvalidAccessKeyId", "create a new key pair"),
        ("ExpiredToken", "put in new keys"),
        ("KMS.DisabledException", "check it and its policy"),
    ] {
        world.sim.clear_faults();
        let refused = Effect::S3Error { status: 403, code: code.to_owned() };
        world.sim.inject(Fault::always(refused).host(Host::S3).method("PUT"));
        let found = doctor(&world).exits(1).has("fail bucket", &[code, cure]);
        assert!(!found.ran.stdout.contains("s3:PutObject"), "{code}");
    }
    world.sim.clear_faults();
    world.sim.inject(on("DELETE"));
    doctor(&world)
        .exits(0)
        .has("ok bucket", &["written and read back"])
        .has("warn bucket", &["cannot be deleted", "s3:DeleteObject"]);
    world.sim.clear_faults();
    world.sim.inject(on("HEAD").path("_probe_"));
    doctor(&world).exits(0).has("warn bucket", &["not looked at", "s3:GetObject"]);
    world.sim.clear_faults();
    let secret = "b".repeat(40);
    world.set("AWS_SECRET_ACCESS_KEY", &secret);
    let found = doctor(&world).exits(1).has("fail bucket", &["copy both again"]);
    assert!(!found.ran.stdout.contains(&secret) && !found.ran.stdout.contains("s3:PutObject"));
    world.set("S3_BUCKET_RAW", "no-such-bucket");
    doctor(&world).exits(1).has("fail bucket", &["no-such-bucket"]);
    world.unset("AWS_ACCESS_KEY_ID");
    doctor(&world).exits(1).has("fail credentials", &["AWS_ACCESS_KEY_ID"]);
    world.unset("S3_BUCKET_RAW");
    doctor(&world).exits(0).has("warn bucket", &["S3_BUCKET_RAW is not set"]);
}
