//! Nothing is lost when the world misbehaves: lost replies, stores that refuse, networks that are
//! away, signals, two runs at once, wrong clocks, files that cannot be read back. The real binary
//! over real sockets; where weeks pass, the same commands with a simulated clock.

#[path = "../power/check.rs"]
mod check;
#[path = "../power/gateway.rs"]
mod gateway;
#[path = "../power/shim.rs"]
mod shim;

mod clock;
mod disk;
mod faulty;
mod ledger;
mod offline;
mod signal;
mod store;
mod token;
mod version;

use std::path::Path;
use std::process::Command;

use gateway::{Gateway, Ran, USER};

/// A gateway with its participants signed in.
fn connected(participants: usize) -> Gateway {
    let gateway = Gateway::with(Path::new(env!("CARGO_BIN_EXE_fitsync")), participants);
    for number in 1..=participants {
        run(&gateway, &["login", &format!("user_{number:03}")], 0);
    }
    gateway
}

#[track_caller]
fn run(gateway: &Gateway, arguments: &[&str], code: i32) -> Ran {
    let ran = gateway.run(arguments, None);
    assert_eq!(ran.code, Some(code), "{arguments:?} said: {}", ran.said);
    ran
}

/// Everything of the look-back of one day is well.
#[track_caller]
fn all_well(gateway: &Gateway) {
    let wrong = check::check(gateway, &[check::days_ago(gateway, 1, 0)]);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The number of requests whose label or path has that part.
fn asked(gateway: &Gateway, part: &str) -> usize {
    let seen = gateway.sim.requests();
    seen.iter().filter(|seen| seen.label.contains(part) || seen.path.contains(part)).count()
}

/// Waits until the world has seen such a request.
fn until_asked(gateway: &Gateway, part: &str) {
    for _ in 0..3_000 {
        if asked(gateway, part) > 0 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("never asked for {part}");
}

fn terminate(child: &std::process::Child) {
    signal(child.id(), "TERM");
}

fn signal(process: u32, name: &str) {
    let done = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status();
    assert!(done.expect("kill").success());
}

fn token_text(gateway: &Gateway) -> String {
    let path = gateway.tokens().join(format!("{USER}.json"));
    std::fs::read_to_string(path).expect("a token")
}

/// The access token is over, at the provider and by the file.
fn expire(gateway: &Gateway) {
    gateway.sim.expire_access_tokens();
    let text = token_text(gateway);
    let at = text.find("\"expires_at\":\"").expect("a time") + 14;
    let text = format!("{}2020{}", &text[..at], &text[at + 4..]);
    let path = gateway.tokens().join(format!("{USER}.json"));
    std::fs::write(path, text).expect("a token");
}
