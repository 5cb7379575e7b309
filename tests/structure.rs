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

/// The lines of a source that are code.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//"))
}

fn assert_free_of(folder: &str, words: &[&str]) {
    for (path, text) in sources(folder) {
        for line in code(&text) {
            for word in words {
                assert!(!line.contains(word), "{} has {word}: {line}", path.display());
            }
        }
    }
}

#[test]
fn core_and_provider_are_pure() {
    let effects = [
        "std::fs",
        "std::net",
        "std::thread",
        "std::env",
        "std::process",
        "SystemTime",
        "Instant::now",
        "Timestamp::now",
        "Zoned::now",
        "SystemRandom",
        "ureq::",
        "tiny_http",
        "fs4::",
    ];
    assert_free_of("src/core", &effects);
    assert_free_of("src/provider", &effects);
}

#[test]
fn arrows_point_down_only() {
    let above_core = ["crate::provider", "crate::io", "crate::portal", "crate::command"];
    assert_free_of("src/core", &above_core);
    assert_free_of("src/provider", &["crate::io", "crate::portal", "crate::command"]);
    assert_free_of("src/io", &["crate::portal", "crate::command"]);
    assert_free_of("src/portal", &["crate::command"]);
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
