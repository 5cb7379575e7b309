use std::os::unix::fs::symlink;
use std::process::Command;

use super::*;
use crate::io::files::make_folder;

fn scratch(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("fitsync-removal-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    make_folder(&path).unwrap();
    path
}

#[test]
fn files_folders_and_links_go_and_what_links_lead_to_stays() {
    let folder = scratch("all");
    make_folder(&folder.join("users/u/steps")).unwrap();
    for name in ["kept", "users/u/steps/1.csv", "users/u/steps/2.csv", "token"] {
        fs::write(folder.join(name), "x").unwrap();
    }
    symlink(folder.join("kept"), folder.join("users/u/link")).unwrap();
    symlink(folder.join("nowhere"), folder.join("dangling")).unwrap();
    let paths = ["users/u", "token", "dangling", "never/there"].map(|name| folder.join(name));
    assert!(lies_at(&paths[2]).unwrap());
    assert_eq!(remove_durably(paths.clone()), Removed { files: 5, left: Vec::new() });
    assert!(paths.iter().all(|path| !lies_at(path).unwrap()));
    assert!(folder.join("kept").exists());
    assert_eq!(remove_durably(paths).all(), Ok(0), "again");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn one_that_cannot_be_removed_is_told_and_the_others_go() {
    let folder = scratch("stays");
    make_folder(&folder.join("u/steps")).unwrap();
    let held = folder.join("u/steps/2.csv");
    for name in ["u/steps/1.csv", "u/steps/2.csv", "u/steps/3.csv", "u/head.json"] {
        fs::write(folder.join(name), "x").unwrap();
    }
    let change = |flag: &str| Command::new("chattr").arg(flag).arg(&held).status();
    if !change("+i").is_ok_and(|status| status.success()) {
        eprintln!("skipped: no file can be made immutable here");
        return;
    }
    let removed = remove_durably([folder.join("u"), folder.join("none")]);
    let _ = change("-i");
    assert_eq!(removed.files, 3);
    assert_eq!(removed.left.len(), 1, "{removed:?}");
    assert_eq!(removed.left[0].at.as_deref(), held.to_str());
    assert_eq!(crate::io::files::names(&folder.join("u/steps")).unwrap(), ["2.csv"]);
    assert_eq!(remove_durably([folder.join("u")]).all(), Ok(1));
    assert!(!folder.join("u").exists());
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_next_one_is_asked_for_when_the_one_before_is_gone() {
    let folder = scratch("lazy");
    let paths = ["a", "b"].map(|name| folder.join(name));
    paths.iter().for_each(|path| fs::write(path, "x").unwrap());
    let first = paths[0].clone();
    let needed = paths.clone().into_iter().take_while(|_| first.exists());
    assert_eq!(remove_durably(needed).all(), Ok(1));
    assert!(!paths[0].exists() && paths[1].exists());
    fs::remove_dir_all(folder).unwrap();
}
