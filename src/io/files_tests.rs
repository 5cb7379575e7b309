use super::*;

fn scratch(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("fitsync-files-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    make_folder(&path).unwrap();
    path
}

#[test]
fn a_write_replaces_the_whole_file_and_leaves_nothing_else() {
    let folder = scratch("write");
    let path = folder.join("a.json");
    write_durably(&path, b"a longer first text").unwrap();
    write_durably(&path, b"second").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"second");
    assert_eq!(names(&folder).unwrap(), ["a.json"]);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_reservation_that_is_dropped_leaves_the_old_file() {
    let folder = scratch("reserve");
    let path = folder.join("a.json");
    write_durably(&path, b"old").unwrap();
    drop(Reserved::new(&path, 4096).unwrap());
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names(&folder).unwrap(), ["a.json"]);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn left_overs_are_swept_and_nothing_else() {
    let folder = scratch("sweep");
    for name in [".a.json.tmp", "b.tmp", ".c", "d.json"] {
        fs::write(folder.join(name), b"x").unwrap();
    }
    sweep(&folder).unwrap();
    assert_eq!(names(&folder).unwrap(), [".c", "b.tmp", "d.json"]);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn an_empty_file_is_written_as_well() {
    let folder = scratch("empty");
    write_durably(&folder.join("a"), b"").unwrap();
    assert_eq!(read(&folder.join("a"), 5).unwrap().unwrap(), b"");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_lock_is_held_once() {
    let folder = scratch("lock");
    let path = folder.join("run.lock");
    let held = lock(&path, Duration::ZERO).unwrap();
    assert!(held.is_some());
    assert!(lock(&path, Duration::ZERO).unwrap().is_none());
    drop(held);
    assert!(lock(&path, Duration::ZERO).unwrap().is_some());
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_file_is_held_until_its_holder_lets_go_or_another_takes_its_place() {
    let folder = scratch("held");
    let path = folder.join("a.json");
    assert!(!is_held(&path).unwrap());
    let write = || {
        let file = Reserved::new(&path, 10).unwrap();
        let held = file.hold().unwrap();
        file.commit(b"new").unwrap();
        held
    };
    let held = write();
    assert!(is_held(&path).unwrap());
    assert_eq!(fs::read(&path).unwrap(), b"new");
    drop(held);
    assert!(!is_held(&path).unwrap());
    let _held = write();
    write_durably(&path, b"newer").unwrap();
    assert!(!is_held(&path).unwrap());
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_folder_that_others_can_read_is_refused_with_the_cure() {
    let folder = scratch("private");
    check_private(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o750)).unwrap();
    let failure = check_private(&folder).unwrap_err();
    assert!(failure.what.contains("chmod 700"), "{failure}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_file_in_the_place_of_a_folder_is_refused_by_the_name_of_its_setting() {
    let folder = scratch("place");
    let file = folder.join("a");
    fs::write(&file, "x").unwrap();
    for path in [&file, &file.join("below")] {
        let failure = check_folder("FITSYNC_DATA_DIR", path).unwrap_err();
        assert_eq!(failure.class, ErrorClass::Usage);
        assert!(failure.what.starts_with("FITSYNC_DATA_DIR: "), "{failure}");
    }
    check_folder("FITSYNC_DATA_DIR", &folder).unwrap();
    check_folder("FITSYNC_DATA_DIR", &folder.join("new")).unwrap();
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_the_operator_names_may_be_a_device_and_what_is_ours_may_not() {
    let null = Path::new("/dev/null");
    assert_eq!(read_named(null, 5).unwrap().unwrap(), b"");
    assert_eq!(read(null, 5).unwrap_err().class, ErrorClass::Disk);
    assert_eq!(read(Path::new("/proc/self/mem"), 5).unwrap_err().class, ErrorClass::Damaged);
}

#[test]
fn a_file_over_its_limit_is_an_error() {
    let folder = scratch("limit");
    fs::write(folder.join("a"), b"12345").unwrap();
    assert!(read(&folder.join("a"), 4).is_err());
    assert_eq!(read(&folder.join("a"), 5).unwrap().unwrap(), b"12345");
    assert_eq!(read(&folder.join("b"), 5).unwrap(), None);
    fs::remove_dir_all(folder).unwrap();
}
