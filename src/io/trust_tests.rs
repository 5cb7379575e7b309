use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

use super::*;

const OTHER: u32 = 65_534;

/// A folder of root's in the temporary folder, which is a sticky one; `None` where this is not
/// root.
fn folder(name: &str) -> Option<PathBuf> {
    if !is_root() {
        eprintln!("skipped: only root can give files away");
        return None;
    }
    let name = format!("fitsync-trust-{name}-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("below")).unwrap();
    fs::write(folder.join("below/file"), "A=1").unwrap();
    Some(folder)
}

fn give(path: &Path) {
    std::os::unix::fs::lchown(path, Some(OTHER), Some(OTHER)).unwrap();
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn refused(path: &Path) -> String {
    check(path, "name another").unwrap_err().what
}

#[test]
fn a_file_of_roots_passes_in_a_sticky_folder_and_so_does_what_is_not_there() {
    let Some(folder) = folder("passes") else { return };
    for name in ["below/file", "below/../below/file", "none", "none/below", "below/file/none"] {
        check(&folder.join(name), "").unwrap();
    }
    check_folders(&folder, 2, "").unwrap();
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_file_each_folder_above_it_and_each_link_is_judged() {
    let Some(folder) = folder("judged") else { return };
    let (below, file) = (folder.join("below"), folder.join("below/file"));
    for (at, why) in [(&file, "below/file belongs to user"), (&below, "below, which belongs to")] {
        give(at);
        let what = refused(&file);
        assert!(what.contains(why) && what.ends_with(", or name another"), "{what}");
        chown(at, Some(0), Some(0)).unwrap();
    }
    for (at, open) in [(&file, 0o664), (&file, 0o606), (&below, 0o775), (&below, 0o757)] {
        mode(at, open);
        assert!(refused(&file).contains("chmod go-w"), "{open:o}");
        mode(at, 0o755);
    }
    // In a sticky folder root's files are safe, and others' are others'.
    mode(&below, 0o1777);
    check(&file, "").unwrap();
    give(&file);
    assert!(refused(&file).contains("belongs to user 65534"));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_link_is_judged_like_a_file_then_its_target() {
    let Some(folder) = folder("links") else { return };
    let link = folder.join("link");
    symlink("below/file", &link).unwrap();
    check(&link, "").unwrap();
    give(&link);
    assert!(refused(&link).contains("links-") && refused(&link).contains("chown -h"));
    fs::remove_file(&link).unwrap();

    symlink(folder.join("below"), &link).unwrap();
    give(&folder.join("below"));
    assert!(refused(&link.join("file")).contains("below, which belongs to user 65534"));
    // Above a link's target is not what stands before the link.
    chown(folder.join("below"), Some(0), Some(0)).unwrap();
    give(&folder.join("below/file"));
    check(&link.join(".."), "").unwrap();
    let what = check_folders(&folder, 1, "").map(|()| "passed");
    assert_eq!(what, Ok("passed"));
    give(&link);
    assert!(check_folders(&folder, 1, "").is_err(), "a link among the folders");

    fs::remove_file(&link).unwrap();
    symlink("link", &link).unwrap();
    assert!(refused(&link).contains("too many symbolic links"));
    fs::remove_dir_all(folder).unwrap();
}
