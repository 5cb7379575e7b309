//! Tells the program from which commit it is built: what `FITSYNC_COMMIT` says, else git. A release
//! archive without either builds all the same, of an unknown commit. And when: a box without a clock
//! knows that it is not earlier than that.

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// Enough to name a commit.
const DIGITS: usize = 12;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=FITSYNC_COMMIT");
    let named = std::env::var("FITSYNC_COMMIT").ok().filter(|commit| !commit.is_empty());
    let commit = named.or_else(of_git).unwrap_or_else(|| "unknown".to_owned());
    let commit = commit.get(..DIGITS).unwrap_or(&commit);
    println!("cargo:rustc-env=FITSYNC_COMMIT={commit}");
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    // https://reproducible-builds.org/specs/source-date-epoch/
    let given = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse::<u64>().ok());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    println!("cargo:rustc-env=FITSYNC_BUILT_AT_S={}", given.unwrap_or(now));
}

fn of_git() -> Option<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().ok()?;
    // An archive that is unpacked inside somebody else's repository is not of its commit.
    if Path::new(&git(&["rev-parse", "--show-toplevel"])?).canonicalize().ok()? != here {
        return None;
    }
    // Grows by a line with every commit and every change of branch.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    if here.join(&log).is_file() {
        println!("cargo:rerun-if-changed={log}");
    }
    git(&["rev-parse", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(env!("CARGO_MANIFEST_DIR"))
        .args(arguments)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
