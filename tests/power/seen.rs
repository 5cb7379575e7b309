//! A test of the shim: the kernel, asked by strace, must have seen exactly the operations that the
//! shim numbers, in every command that needs nobody at the terminal.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use crate::disk::read_log;
use crate::gateway::{Gateway, Tree};
use crate::scenario::{SCENARIOS, Scenario};
use crate::stage::{Outcome, Stage};

/// What the shim calls a call of the kernel.
const KINDS: [(&str, &[&str]); 6] = [
    ("write", &["write"]),
    ("fsync", &["fsync", "fdatasync", "sync_file_range", "syncfs"]),
    ("rename", &["rename", "renameat", "renameat2"]),
    ("unlink", &["unlink", "unlinkat", "rmdir"]),
    ("mkdir", &["mkdir", "mkdirat"]),
    ("create", &[]),
];

type Counts = BTreeMap<&'static str, usize>;

pub fn run(program: &Path) -> Outcome {
    let mut outcome = Outcome::default();
    let attended = |one: &Scenario| matches!(one.command[0], "login" | "migrate");
    for scenario in SCENARIOS.iter().filter(|one| !attended(one)) {
        outcome.instants += 1;
        outcome.accidents += 1;
        let wrong = differences(scenario, program).into_iter();
        outcome.wrong.extend(wrong.map(|what| format!("{}: {what}", scenario.name)));
    }
    outcome
}

fn differences(scenario: &Scenario, program: &Path) -> Vec<String> {
    let stage = Stage::new(scenario, program);
    stage.restore(&stage.before.root, &stage.before);
    let mut shim = Counts::new();
    for operation in read_log(&stage.fire(&[]).log).operations {
        if let Some((kind, _)) = KINDS.iter().find(|(kind, _)| *kind == operation.kind) {
            *shim.entry(kind).or_default() += 1;
        }
    }
    stage.restore(&stage.before.root, &stage.before);
    let kernel = traced(&stage.gateway, program, &stage.arguments, &stage.before.root);
    let kinds = KINDS.iter().map(|(kind, _)| (kind, shim.get(kind), kernel.get(kind)));
    let differ = kinds.filter(|(_, shim, kernel)| shim != kernel);
    differ.map(|(kind, one, other)| format!("{kind}: shim {one:?}, kernel {other:?}")).collect()
}

fn traced(gateway: &Gateway, program: &Path, arguments: &[String], before: &Tree) -> Counts {
    let log = gateway.root.with_file_name("trace");
    let calls: Vec<&str> = KINDS.iter().flat_map(|(_, calls)| calls.iter().copied()).collect();
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-qq", "-o"]).arg(&log);
    command.arg("-e").arg(format!("trace=openat,open,creat,{}", calls.join(",")));
    command.arg(program).args(arguments).env_clear().envs(&gateway.settings);
    command.output().expect("strace");
    let text = std::fs::read_to_string(&log).expect("a trace");
    let root = gateway.root.to_string_lossy().into_owned();
    let mut seen = Counts::new();
    let mut there: BTreeSet<String> =
        before.keys().map(|name| gateway.root.join(name).to_string_lossy().into_owned()).collect();
    for line in text.lines().filter(|line| line.contains(&root)) {
        // `123 rename("a", "b") = 0`; one that failed is no operation on the disk.
        let call = line.split_whitespace().nth(1).unwrap_or_default();
        let call = call.split('(').next().unwrap_or_default();
        if line.contains(" = -1 ") {
            continue;
        }
        if call.starts_with("open") {
            let path = line.split('"').nth(1).unwrap_or_default();
            let makes = line.contains("O_EXCL") || !there.contains(path);
            if line.contains("O_CREAT") && makes {
                *seen.entry("create").or_default() += 1;
                there.insert(path.to_owned());
            }
            continue;
        }
        if let Some((kind, _)) = KINDS.iter().find(|(_, calls)| calls.contains(&call)) {
            *seen.entry(kind).or_default() += 1;
        }
    }
    seen
}
