//! A disk of 2 MB that fills up in every phase, and one that turns read-only.

use std::path::Path;
use std::process::Command;

use fitsync_sim::{Effect, Fault, Host};

use crate::check::{Wrong, check, days_ago, token};
use crate::faults::expire;
use crate::gateway::{Gateway, Ran, USER};
use crate::stage::Outcome;

/// Free bytes that are left before a run.
const LEFT: [u64; 8] = [0, 4_096, 12_288, 32_768, 131_072, 409_600, 614_400, 1_048_576];
/// More than fits: about 4 MB.
const LOOKBACK_DAYS: i32 = 24;

pub fn run(program: &Path) -> Outcome {
    let mut outcome = Outcome::default();
    let mut note = |place: &str, wrong: Wrong| {
        outcome.instants += 1;
        outcome.accidents += 1;
        outcome.wrong.extend(wrong.into_iter().map(|what| format!("{place}: {what}")));
    };
    note("more data than disk", more_than_fits(program));
    note("uploaded files on a full disk", uploaded_files(program));
    for left in LEFT {
        note(&format!("sign-in with {left} bytes"), phase(program, left, &["login", USER]));
        note(&format!("sync with {left} bytes"), phase(program, left, &["sync"]));
        note(&format!("upload with {left} bytes"), phase(program, left, &["upload"]));
        note(&format!("refresh with {left} bytes"), refresh(program, left));
    }
    note("a disk that turned read-only", read_only(program));
    outcome
}

/// A gateway whose folders lie on a small disk of their own.
struct Small {
    gateway: Gateway,
}

impl Small {
    fn new(program: &Path) -> Small {
        let gateway = Gateway::new(program);
        mount(&gateway, &["-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs"]);
        Small { gateway }
    }

    /// Fills the disk until so much is left.
    fn fill(&self, left: u64) {
        let free = fitsync::io::files::space(&self.gateway.root).expect("space");
        let ballast = vec![0_u8; usize::try_from(free.saturating_sub(left)).expect("size")];
        std::fs::write(self.gateway.root.join("ballast"), ballast).expect("ballast");
    }

    fn empty(&self) {
        std::fs::remove_file(self.gateway.root.join("ballast")).expect("ballast");
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.gateway.root).status();
    }
}

fn mount(gateway: &Gateway, words: &[&str]) {
    let done = Command::new("mount").args(words).arg(&gateway.root).status();
    assert!(done.expect("mount").success(), "a small disk needs root");
}

fn ended(ran: &Ran, codes: &[i32], wrong: &mut Wrong) {
    if ran.code.is_none_or(|code| !codes.contains(&code)) {
        wrong.push(format!("ended with {:?}, not {codes:?}: {}", ran.code, ran.said));
    }
}

/// Uploaded files make room by themselves, so in a few runs everything is in the bucket.
fn more_than_fits(program: &Path) -> Wrong {
    let mut small = Small::new(program);
    let gateway = &mut small.gateway;
    gateway.settings.insert("FITSYNC_LOOKBACK_DAYS".into(), LOOKBACK_DAYS.to_string());
    gateway.settings.insert("FITSYNC_METRICS".into(), "steps,calories,azm,hrv,wrist_temp".into());
    let mut wrong = Wrong::new();
    ended(&gateway.run(&["login", USER], None), &[0], &mut wrong);
    let mut said = String::new();
    for count in 1.. {
        let ran = gateway.run(&["sync"], None);
        said.push_str(&ran.said);
        if ran.code == Some(0) {
            break;
        }
        ended(&ran, &[1], &mut wrong);
        if count > 20 {
            wrong.push(format!("20 runs were not enough: {}", ran.said));
            break;
        }
    }
    for words in ["the disk is full", "the disk is nearly full: removed"] {
        if !said.contains(words) {
            wrong.push(format!("nobody said that {words}"));
        }
    }
    wrong.extend(check(gateway, &[days_ago(gateway, LOOKBACK_DAYS, 0)]));
    wrong
}

/// They make room, oldest first, but never where they are kept for ever, and never one that waits.
fn uploaded_files(program: &Path) -> Wrong {
    let mut small = Small::new(program);
    let mut wrong = Wrong::new();
    ended(&small.gateway.run(&["login", USER], None), &[0], &mut wrong);
    ended(&small.gateway.run(&["sync"], None), &[0], &mut wrong);
    let files = |small: &Small| {
        let names = small.gateway.tree().into_keys();
        names.filter(|name| name.to_string_lossy().contains("/steps/")).count()
    };
    let all = files(&small);
    small.fill(4_096);
    small.gateway.settings.insert("FITSYNC_KEEP_DAYS".into(), "0".into());
    ended(&small.gateway.run(&["upload"], None), &[0], &mut wrong);
    if files(&small) != all || all < 2 {
        wrong.push(format!("{} of {all} that are kept for ever are left", files(&small)));
    }
    small.gateway.settings.insert("FITSYNC_KEEP_DAYS".into(), "90".into());
    small.gateway.sim.inject(Fault::always(Effect::Close).host(Host::S3));
    let ledger = small.gateway.data().join("ledger").join(USER);
    let sent: Vec<_> = std::fs::read_dir(&ledger).into_iter().flatten().flatten().collect();
    let before: Vec<_> = sent.iter().map(|file| std::fs::read_to_string(file.path())).collect();
    small.empty();
    // As if none had been sent.
    for (file, text) in sent.iter().zip(before.iter().flatten()) {
        let text = text.replace("\"uploaded_sha256\":\"", "\"uploaded_sha256\":\"0");
        std::fs::write(file.path(), text).expect("a ledger");
    }
    small.fill(4_096);
    let ran = small.gateway.run(&["upload"], None);
    if files(&small) != all {
        wrong.push(format!("files that wait were removed: {}", ran.said));
    }
    small.gateway.sim.clear_faults();
    small.empty();
    // What was refused waits some minutes; `upload` tries it at once.
    ended(&small.gateway.run(&["upload"], None), &[0], &mut wrong);
    small.fill(4_096);
    let ran = small.gateway.run(&["upload"], None);
    if files(&small) == all || !ran.said.contains("the disk is nearly full: removed") {
        wrong.push(format!("uploaded files did not make room: {}", ran.said));
    }
    small.empty();
    ended(&small.gateway.run(&["sync"], None), &[0], &mut wrong);
    wrong.extend(check(&small.gateway, &[days_ago(&small.gateway, 1, 0)]));
    wrong
}

/// A command on a nearly full disk, and again when there is room.
fn phase(program: &Path, left: u64, command: &[&str]) -> Wrong {
    let small = Small::new(program);
    let gateway = &small.gateway;
    let mut wrong = Wrong::new();
    if command[0] != "login" {
        ended(&gateway.run(&["login", USER], None), &[0], &mut wrong);
    }
    if command[0] == "upload" {
        ended(&gateway.run(&["sync", "--no-upload"], None), &[0], &mut wrong);
    }
    small.fill(left);
    ended(&gateway.run(command, None), &[0, 1], &mut wrong);
    let waits = gateway.sim.s3_objects().iter().filter(|(key, _)| !key.contains("/comp")).count();
    if command[0] == "upload" && waits == 0 {
        wrong.push("nothing was sent".to_owned());
    }
    small.empty();
    if command[0] == "login" {
        ended(&gateway.run(command, None), &[0], &mut wrong);
    }
    ended(&gateway.run(&["sync"], None), &[0], &mut wrong);
    wrong.extend(check(gateway, &[days_ago(gateway, 1, 0)]));
    wrong
}

/// A provider that rotates is not asked where the answer could not be kept.
fn refresh(program: &Path, left: u64) -> Wrong {
    let small = Small::new(program);
    let gateway = &small.gateway;
    let mut wrong = Wrong::new();
    gateway.sim.set_rotation(fitsync_sim::Rotation::Rotate);
    ended(&gateway.run(&["login", USER], None), &[0], &mut wrong);
    expire(gateway);
    small.fill(left);
    ended(&gateway.run(&["sync"], None), &[0, 1], &mut wrong);
    if token(gateway).is_none() {
        wrong.push("the token is damaged".to_owned());
    }
    small.empty();
    ended(&gateway.run(&["sync"], None), &[0], &mut wrong);
    wrong.extend(check(gateway, &[days_ago(gateway, 1, 0)]));
    wrong
}

/// What waits is sent, nothing else is tried, and afterwards all is well.
fn read_only(program: &Path) -> Wrong {
    let small = Small::new(program);
    let gateway = &small.gateway;
    let mut wrong = Wrong::new();
    ended(&gateway.run(&["login", USER], None), &[0], &mut wrong);
    ended(&gateway.run(&["sync", "--no-upload"], None), &[0], &mut wrong);
    mount(gateway, &["-o", "remount,ro"]);
    ended(&gateway.run(&["upload"], None), &[1], &mut wrong);
    let sent = gateway.sim.s3_objects().len();
    if sent < 3 {
        wrong.push(format!("only {sent} files were sent"));
    }
    ended(&gateway.run(&["sync"], None), &[1], &mut wrong);
    mount(gateway, &["-o", "remount,rw"]);
    ended(&gateway.run(&["sync"], None), &[0], &mut wrong);
    wrong.extend(check(gateway, &[days_ago(gateway, 1, 0)]));
    wrong
}
