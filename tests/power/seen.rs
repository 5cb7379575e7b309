//! A test of the shim: the kernel, asked by strace, must have seen exactly the operations that the
//! shim numbers.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::disk::read_log;
use crate::gateway::{Gateway, USER};
use crate::stage::Outcome;

/// What the shim calls a call of the kernel.
const KINDS: [(&str, &[&str]); 6] = [
    ("write", &["write"]),
    ("fsync", &["fsync", "fdatasync", "sync_file_range", "syncfs"]),
    ("rename", &["rename", "renameat", "renameat2"]),
    ("unlink", &["unlink", "unlinkat"]),
    ("mkdir", &["mkdir", "mkdirat"]),
    ("create", &[]),
];

pub fn run(program: &Path) -> Outcome {
    let gateway = Gateway::new(program);
    gateway.run(&["login", USER], None);
    let (root, bucket) = (gateway.tree(), gateway.bucket());
    let ran = gateway.run(&["sync"], Some(&[]));
    let mut shim: BTreeMap<&str, usize> = BTreeMap::new();
    for operation in read_log(&ran.log).operations {
        if let Some((kind, _)) = KINDS.iter().find(|(kind, _)| *kind == operation.kind) {
            *shim.entry(kind).or_default() += 1;
        }
    }
    gateway.restore(&root, &bucket);
    let kernel = traced(&gateway, program);
    let mut outcome = Outcome { instants: 1, accidents: 1, ..Outcome::default() };
    for (kind, _) in KINDS {
        let (one, other) = (shim.get(kind), kernel.get(kind));
        if one != other {
            outcome.wrong.push(format!("{kind}: the shim saw {one:?}, the kernel {other:?}"));
        }
    }
    outcome
}

fn traced(gateway: &Gateway, program: &Path) -> BTreeMap<&'static str, usize> {
    let log = gateway.root.with_file_name("trace");
    let calls: Vec<&str> = KINDS.iter().flat_map(|(_, calls)| calls.iter().copied()).collect();
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-qq", "-o"]).arg(&log);
    command.arg("-e").arg(format!("trace=openat,open,creat,{}", calls.join(",")));
    command.arg(program).arg("sync").env_clear().envs(&gateway.settings);
    let output = command.output().expect("strace");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(&log).expect("a trace");
    let root = gateway.root.to_string_lossy().into_owned();
    let mut seen: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut made: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| line.contains(&root)) {
        // `123 rename("a", "b") = 0`; one that failed is no operation on the disk.
        let call = line.split_whitespace().nth(1).unwrap_or_default();
        let call = call.split('(').next().unwrap_or_default();
        let failed = line.contains(" = -1 ");
        if call.starts_with("open") {
            let path = line.split('"').nth(1).unwrap_or_default().to_owned();
            let makes = line.contains("O_CREAT") && !failed && !made.contains(&path);
            // The lock files of the sign-in are there already.
            let known = path.ends_with(".lock") && path.contains("/tokens/");
            if makes && !known {
                *seen.entry("create").or_default() += 1;
                if path.ends_with(".lock") {
                    made.push(path);
                }
            }
            continue;
        }
        let kind = KINDS.iter().find(|(_, calls)| calls.contains(&call));
        if let Some((kind, _)) = kind.filter(|_| !failed) {
            *seen.entry(kind).or_default() += 1;
        }
    }
    seen
}
