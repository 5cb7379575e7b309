//! The shape of the source, held by tests: which layer may know what, and how large a piece is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "structure/imports.rs"]
mod imports;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "no sources in {folder}");
    found
}

/// The lines of a source that are code of the program: no comments, no tests.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().take_while(|line| *line != "#[cfg(test)]");
    lines.filter(|line| !line.trim_start().starts_with("//"))
}

/// From the top down: each may use only what stands further down.
const ORDER: [&str; 17] = [
    "main.rs",
    "command",
    "sign_in",
    "sync",
    "withdrawal",
    "fleet",
    "gateway.rs",
    "settings",
    "portal",
    "provider",
    "s3",
    "aws",
    "ledger",
    "consent",
    "io",
    "core",
    "limits.rs",
];

/// What may touch the world; a folder stands for all its files. Everything else is pure.
const WORLD: [&str; 21] = [
    "main.rs",
    "command/",
    "sign_in/password.rs",
    "sign_in/terminal.rs",
    "sign_in/waiting.rs",
    "sync/dry_run.rs",
    "sync/queue.rs",
    "sync/run.rs",
    "sync/session.rs",
    "withdrawal/objects.rs",
    "withdrawal/remove.rs",
    "settings/run_as.rs",
    "settings/source.rs",
    "portal/web/",
    "s3/send.rs",
    "aws/credentials.rs",
    "aws/process.rs",
    "ledger/folder.rs",
    "ledger/retention.rs",
    "consent/files.rs",
    "io/",
];

/// How code touches the world.
const EFFECTS: [&str; 24] = [
    "std::fs",
    "std::thread",
    "std::env",
    "std::process",
    "std::os::unix",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "UnixListener",
    "ToSocketAddrs",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "SystemRandom",
    "ureq::",
    "tiny_http",
    "fs4::",
    "rustix::",
    "signal_hook",
    "stdin()",
    "stdout()",
    "stderr()",
];

/// The part of the source that a file belongs to: its folder, or the file itself.
fn part(file: &str) -> &str {
    file.split('/').next().unwrap()
}

fn floor(file: &str) -> usize {
    let found = ORDER.iter().position(|name| *name == part(file));
    found.unwrap_or_else(|| panic!("{file} has no place in the order of the folders"))
}

#[test]
fn each_folder_uses_only_those_below_it() {
    let edges = imports::edges(&root().join("src"));
    let up = edges.iter().filter(|(from, _)| from != "lib.rs");
    let up: Vec<_> = up.filter(|(from, to)| floor(from) > floor(to)).collect();
    assert_eq!(up, Vec::<&(String, String)>::new(), "imports that run up");
}

#[test]
fn no_two_files_import_each_other() {
    imports::assert_no_ring(&root().join("src"));
}

#[test]
fn no_command_uses_another_one() {
    let command = |file: &str| {
        let rest = file.strip_prefix("command/")?;
        Some(part(rest).to_owned()).filter(|name| name != "arguments.rs" && name != "mod.rs")
    };
    for (from, to) in imports::edges(&root().join("src")) {
        if let (Some(one), Some(other)) = (command(&from), command(&to)) {
            assert_eq!(one, other, "{from} uses {to}");
        }
    }
}

#[test]
fn only_the_named_files_touch_the_world() {
    for (path, text) in sources("src") {
        let file = path.strip_prefix(root().join("src")).unwrap().to_str().unwrap();
        let may = |name: &&str| *name == file || (name.ends_with('/') && file.starts_with(name));
        if WORLD.iter().any(may) || file.ends_with("_tests.rs") {
            continue;
        }
        for line in code(&text) {
            let effect = EFFECTS.iter().find(|effect| line.contains(*effect));
            assert_eq!(effect, None, "{file}: {line}");
        }
    }
}

/// Files beside each other that a reader can still take in.
const FILES_MAX: usize = 16;

#[test]
fn folders_stay_small() {
    for folder in ["src", "sim/src"] {
        let mut counts = std::collections::BTreeMap::new();
        for (path, _) in sources(folder) {
            let name = path.file_name().unwrap().to_str().unwrap();
            if !name.ends_with("_tests.rs") && name != "mod.rs" {
                *counts.entry(path.parent().unwrap().to_owned()).or_insert(0) += 1;
            }
        }
        for (folder, count) in counts {
            assert!(count <= FILES_MAX, "{} has {count} files", folder.display());
        }
    }
}

#[test]
fn files_and_lines_stay_small() {
    for folder in ["src", "sim/src", "tests"] {
        for (path, text) in sources(folder) {
            let lines = text.lines().count();
            assert!(lines <= 400 || folder == "tests", "{} has {lines} lines", path.display());
            for (number, line) in text.lines().enumerate() {
                // An address cannot be broken, nor a line of a text that is written as it stands.
                let whole = line.contains("://") || path.ends_with("dictionary.rs");
                let columns = if whole { 0 } else { line.chars().count() };
                let place = format!("{}:{}", path.display(), number + 1);
                assert!(columns <= 100, "{place} has {columns} columns");
            }
        }
    }
}

#[test]
fn functions_stay_small() {
    for folder in ["src", "sim/src"] {
        for (path, text) in sources(folder) {
            let mut begun: Option<(usize, usize, String)> = None;
            for (number, line) in text.lines().enumerate() {
                let indent = line.len() - line.trim_start().len();
                let is_start = line.contains("fn ") && !line.trim_start().starts_with("//");
                if begun.is_none() && is_start && !line.trim_end().ends_with(';') {
                    begun = Some((number, indent, line.trim().to_owned()));
                }
                if let Some((start, depth, name)) = &begun
                    && indent == *depth
                    && line.trim_start().starts_with('}')
                {
                    let length = number - start + 1;
                    assert!(length <= 70, "{}: {name} has {length} lines", path.display());
                    begun = None;
                }
            }
        }
    }
}

#[test]
fn the_product_has_no_async_runtime() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "-p", "fitsync", "-e", "normal", "--prefix", "none", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    assert!(tree.contains("ureq v"));
    for name in ["tokio", "async-std", "smol", "futures-executor", "hyper", "fitsync-sim"] {
        let found = tree.lines().find(|line| line.split(' ').next() == Some(name));
        assert_eq!(found, None);
    }
}
