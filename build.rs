//! Tells the program from which commit it is built: what `FITSYNC_COMMIT` says, else git. A release
//! archive without either builds all the same, of an unknown commit.

use std::path::Path;
use std::process::Command;

/// Enough to name a commit.
const DIGITS: usize = 12;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=FITSYNC_COMMIT");
    let named = std::env::var("FITSYNC_COMMIT").ok().filter(|commit| !commit.is_empty());
    let commit = named.or_else(of_git).unwrap_or_else(|| "unknown".to_owned());
    let commit = commit.get(..DIGITS).unwrap_or(&commit);
    println!("cargo:rustc-env=FITSYNC_COMMIT={commit}");
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
