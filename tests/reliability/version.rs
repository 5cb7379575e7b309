//! Files of a newer version: their participant is left untouched, the others go on.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::gateway::{Gateway, USER, tree};
use crate::{asked, connected, run};

/// Everything of a participant.
fn files_of(gateway: &Gateway) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    let all = tree(&gateway.root).into_iter();
    all.filter(|(path, _)| path.to_string_lossy().contains(USER)).collect()
}

fn make_newer(path: &Path) {
    let text = std::fs::read_to_string(path).expect("a file");
    let newer = text.replace("\"version\":1", "\"version\":2");
    assert_ne!(newer, text);
    std::fs::write(path, newer).expect("an upgrade");
}

#[test]
fn its_participant_is_left_untouched_and_the_others_go_on() {
    for file in ["tokens/user_001.json", "data/ledger/user_001/head.json", "month", "marker"] {
        let gateway = connected(2);
        run(&gateway, &["sync", "--no-upload"], 0);
        let path = match file {
            "month" => {
                let folder = gateway.data().join("ledger").join(USER);
                let names = std::fs::read_dir(folder).expect("a ledger").flatten();
                let mut paths = names.map(|entry| entry.path());
                paths.find(|path| !path.ends_with("head.json")).expect("a month")
            }
            "marker" => {
                run(&gateway, &["withdraw", "--yes", USER], 0);
                gateway.tokens().join("user_001.withdrawn")
            }
            file => gateway.root.join(file),
        };
        make_newer(&path);
        let before = files_of(&gateway);
        gateway.sim.clear_requests();
        let ran = run(&gateway, &["sync"], 1);
        assert!(ran.said.contains("install fitsync 2 or newer"), "{file}: {}", ran.said);
        assert!(!ran.said.contains("sign in again"), "{file}: {}", ran.said);
        assert!(files_of(&gateway) == before, "{file}");
        assert_eq!(asked(&gateway, "pairedDevices"), 1, "{file}: the other one goes on");
        let objects = gateway.sim.s3_objects();
        assert!(objects.iter().any(|(key, _)| key.contains("user_002/")), "{file}");
        assert!(!objects.iter().any(|(key, _)| key.contains("user_001/")), "{file}");
        for arguments in [&["upload"][..], &["verify", "--repair"], &["migrate", "--list"]] {
            gateway.run(arguments, None);
            assert!(files_of(&gateway) == before, "{file}: {arguments:?}");
        }
        run(&gateway, &["status"], 0);
        if file.starts_with("tokens") {
            run(&gateway, &["login", USER], 1);
            assert!(files_of(&gateway) == before, "{file}");
        }
    }
}

#[test]
fn the_program_tells_its_version_its_commit_and_its_formats() {
    let output = Command::new(env!("CARGO_BIN_EXE_fitsync")).arg("--version").output();
    let said = String::from_utf8(output.expect("the program runs").stdout).expect("text");
    let (first, rest) = said.split_once(" (commit ").expect("a commit");
    assert_eq!(first, format!("fitsync {}", env!("CARGO_PKG_VERSION")));
    let (commit, formats) = rest.split_once("; ").expect("formats");
    assert_eq!(formats, "formats: token 1, ledger 1, withdrawn 1)\n");
    let is_commit = commit.len() == 12 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(is_commit || commit == "unknown", "{commit}");
}
