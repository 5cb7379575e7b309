//! How the samples are made: two gateways live through what leaves something in every file.
//!
//! `FITSYNC_KEEP_FORMATS=v2 cargo test --test formats` keeps what the program of today writes in
//! `tests/formats/v2`, for all later versions to be held to. A folder that is there stays as it is.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use fitsync_sim::jiff::civil::date;
use fitsync_sim::jiff::{SignedDuration, Timestamp};
use fitsync_sim::{Effect, Fault, Host, Metric, Sim};

use crate::gateway::{Files, Gateway, files, people, write};

/// The setting that names the folder to keep.
pub const KEEP: &str = "FITSYNC_KEEP_FORMATS";

/// The operator's password in the samples.
pub const PASSWORD: &str = "three or four words will do";

/// Keeps samples for good.
pub fn keep(samples: &Files, folder: &Path) {
    if folder.join("world").exists() {
        return;
    }
    samples.iter().for_each(|(name, bytes)| write(&folder.join(name), bytes));
}

/// All samples, as the program of today makes them.
pub fn files_of_today() -> Files {
    let sim = people(Timestamp::now() - SignedDuration::from_mins(1));
    let mut samples = Files::new();
    let mut take = |folder: &str, gateway: &Gateway, wanted: fn(&str) -> bool| {
        let all = ["tokens", "data"].map(|part| (part, files(&gateway.dir.join(part))));
        for (part, files) in all {
            let files = files.into_iter().map(|(name, bytes)| (format!("{part}/{name}"), bytes));
            let wanted = files.filter(|(name, _)| wanted(name));
            samples.extend(wanted.map(|(name, bytes)| (format!("{folder}/{name}"), bytes)));
        }
    };
    take("world", &small_world(&sim), |_| true);
    // Of the days' data the world has enough.
    let wanted = |name: &str| !name.contains("/users/") || name.contains("/completeness/");
    take("single", &single_files(&sim), wanted);
    samples
}

/// A gateway with four participants: `user_001` is connected, and two days of a metric are owed,
/// `user_002` is left on the retired API, `user_003` has all sixteen metrics and a study window,
/// `user_004` withdraws and is killed in the middle of it. Files of each wait for upload.
fn small_world(sim: &Sim) -> Gateway {
    let mut gateway = Gateway::new(sim);
    gateway.sign_in(sim, &["login", "user_001"], "p1");
    gateway.sign_in(sim, &["login", "user_004"], "p4");
    gateway.set("FITSYNC_PROVIDER", "fitbit");
    gateway.sign_in(sim, &["login", "user_002"], "p2");
    gateway.set("FITSYNC_PROVIDER", "google-health");
    gateway.run(&["sync"]).exits(0);
    gateway.set("FITSYNC_METRICS", "all");
    let window = ["--collect-from", "2026-10-31", "--collect-until", "2026-11-02"];
    gateway.sign_in(sim, &[&["login", "user_003"], window.as_slice()].concat(), "p3");
    let sync = |gateway: &Gateway, (from, to): (&str, &str), more: &[&str], code| {
        let named = ["sync", "--from", from, "--to", to];
        gateway.run(&[&named, more].concat()).exits(code);
    };
    sync(&gateway, ("2026-10-31", "2026-11-01"), &["--user", "user_003"], 0);

    // From here on nothing is sent.
    sim.expire_access_tokens();
    sync(&gateway, ("2026-11-02", "2026-11-02"), &["--user", "user_003", "--no-upload"], 0);
    gateway.unset("FITSYNC_METRICS");
    let page = Effect::Html { status: 200 };
    sim.inject(Fault::once(page).path("daily-heart-rate-variability").who("p1"));
    for (user, code) in [("user_001", 1), ("user_002", 0), ("user_004", 0)] {
        sync(&gateway, ("2026-11-20", "2026-11-21"), &["--user", user, "--no-upload"], code);
    }
    sim.set_fitbit_retired(true);
    gateway.run(&["sync", "--no-upload", "--user", "user_002"]).exits(3);
    gateway.set_password(PASSWORD);
    sim.inject(Fault::once(Effect::Hang).host(Host::Token).path("revoke"));
    kill_at(&gateway, sim, &["withdraw", "user_004", "--delete-objects", "--yes"], "revoke");
    sim.set_fitbit_retired(false);
    gateway
}

/// Kills a command when the world has seen a request of that kind.
fn kill_at(gateway: &Gateway, sim: &Sim, words: &[&str], label: &str) {
    let mut command = gateway.command(words);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !sim.requests().iter().any(|seen| seen.label.starts_with(label)) {
        assert!(Instant::now() < deadline, "no {label}");
        assert!(child.try_wait().expect("a state").is_none(), "it ended before");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("a process");
    child.wait().expect("an end");
}

/// One file of each kind, with as many members filled as a few days can: `user_008` came over from
/// the retired API, whose consent could not be ended; one day shrank, one could not be read whole
/// while the clock was wrong, one file was refused. `user_007` withdrew.
fn single_files(sim: &Sim) -> Gateway {
    let mut gateway = Gateway::new(sim);
    gateway.set("FITSYNC_METRICS", "steps,calories,azm,hrv,wrist_temp,sleep");
    gateway.set("FITSYNC_PROVIDER", "fitbit");
    gateway.sign_in(sim, &["login", "user_008"], "p5");
    gateway.set("FITSYNC_PROVIDER", "google-health");
    sim.set_host_down(Host::Fitbit, true);
    gateway.sign_in(sim, &["migrate", "user_008"], "p5");
    sim.set_host_down(Host::Fitbit, false);
    let window = ["--collect-from", "2026-11-03", "--collect-until", "2026-11-05"];
    gateway.sign_in(sim, &[&["login", "user_008"], window.as_slice()].concat(), "p5");
    gateway.sign_in(sim, &["login", "user_007"], "p6");
    gateway.run(&["sync", "--from", "2026-11-03", "--to", "2026-11-04"]).exits(0);
    gateway.run(&["withdraw", "user_007", "--delete-objects", "--yes"]).exits(0);

    sim.expire_access_tokens();
    sim.shrink_day("p5", Some(Metric::Calories), date(2026, 11, 3), 0).expect("somebody");
    gateway.run(&["sync", "--from", "2026-11-03", "--to", "2026-11-03"]).exits(0);
    sim.inject(Fault::always(Effect::DateSkew { seconds: 600 }));
    sim.inject(Fault::once(Effect::Html { status: 200 }).path("daily-heart-rate-variability"));
    let denied = Effect::S3Error { status: 403, code: "AccessDenied".to_owned() };
    sim.inject(Fault::once(denied).host(Host::S3).method("PUT").path("/steps/"));
    gateway.run(&["sync", "--from", "2026-11-05", "--to", "2026-11-05"]).exits(1);
    sim.clear_faults();
    gateway.set_password(PASSWORD);
    gateway
}
