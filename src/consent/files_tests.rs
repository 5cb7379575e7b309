use super::*;
use crate::consent::token::Grant;
use crate::core::error::Secret;

fn scratch(name: &str) -> TokenStore {
    let name = format!("fitsync-tokens-{name}-{}", std::process::id());
    let dir = std::env::temp_dir().join(name);
    let _ = std::fs::remove_dir_all(&dir);
    files::make_folder(&dir).unwrap();
    TokenStore::open(&dir).unwrap()
}

/// As the program writes its files: for nobody else.
fn put(path: &std::path::Path, text: impl AsRef<[u8]>) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}

fn token(refresh: &str) -> Token {
    let grant = Grant {
        access_token: Secret::new("a"),
        refresh_token: Some(Secret::new(refresh)),
        ..Grant::default()
    };
    Token::new("google-health", "account", &grant, jiff::Timestamp::UNIX_EPOCH)
}

fn user() -> UserId {
    "user_001".parse().unwrap()
}

fn loaded(store: &TokenStore) -> String {
    store.load(&user()).unwrap().unwrap().refresh_token.expose().to_owned()
}

#[test]
fn the_one_before_serves_when_the_newest_is_cut_or_empty() {
    let store = scratch("prev");
    store.save(&user(), &token("r1")).unwrap();
    store.save(&user(), &token("r2")).unwrap();
    let path = store.dir().join("user_001.json");
    let whole = std::fs::read_to_string(&path).unwrap();
    for (count, text) in ["", &whole[..20], "\0\0\0"].into_iter().enumerate() {
        put(&path, text).unwrap();
        assert_eq!(loaded(&store), "r1", "{text:?}");
        let kept = files::names(&store.dir().join("unreadable")).unwrap();
        assert_eq!(kept.len(), count + 1, "{text:?}");
    }
    // The next token takes the place, and the one that served stays behind it.
    store.save(&user(), &token("r3")).unwrap();
    assert_eq!(loaded(&store), "r3");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(loaded(&store), "r1");
    std::fs::remove_dir_all(store.dir()).unwrap();
}

#[test]
fn the_left_over_of_a_killed_first_sign_in_is_swept() {
    let store = scratch("sweep");
    let left = store.dir().join(".user_001.json.tmp");
    let probe = store.dir().join(".user_001.probe.tmp");
    let other = store.dir().join(".note.txt");
    put(&left, "{").unwrap();
    put(&probe, "").unwrap();
    put(&other, "mine").unwrap();
    let held = store.lock(&user()).unwrap();
    store.sweep().unwrap();
    assert!(left.exists(), "somebody is writing it");
    drop(held);
    store.sweep().unwrap();
    assert!(!left.exists() && !probe.exists() && other.exists());
    std::fs::remove_dir_all(store.dir()).unwrap();
}

/// A file that the disk does not give back: reading it is answered with EIO.
fn spoil(path: &Path) {
    let _ = std::fs::remove_file(path);
    std::os::unix::fs::symlink("/proc/self/mem", path).unwrap();
}

fn refresh_token(text: &str) -> String {
    Token::parse(text).unwrap().refresh_token.expose().to_owned()
}

#[test]
fn what_the_disk_does_not_give_back_is_kept_aside_and_the_one_before_serves_until_it_is_healed() {
    let store = scratch("eio");
    store.save(&user(), &token("r1")).unwrap();
    store.save(&user(), &token("r2")).unwrap();
    let path = store.dir().join("user_001.json");
    spoil(&path);
    assert_eq!((loaded(&store), loaded(&store)), ("r1".to_owned(), "r1".to_owned()));
    assert_eq!(files::names(&store.dir().join("unreadable")).unwrap().len(), 1);
    store.save(&user(), &token("r3")).unwrap();
    assert_eq!(loaded(&store), "r3");
    std::fs::remove_dir_all(store.dir()).unwrap();
}

#[test]
fn a_consent_that_the_disk_may_still_give_back_is_not_lost() {
    let store = scratch("back");
    store.save(&user(), &token("r1")).unwrap();
    store.save(&user(), &token("r2")).unwrap();
    let (path, before) =
        (store.dir().join("user_001.json"), store.dir().join("user_001.json.prev"));
    let cases: [(&dyn Fn(), ErrorClass); 4] = [
        (&|| put(&path, "{").unwrap(), ErrorClass::Damaged),
        (&|| spoil(&path), ErrorClass::Damaged),
        (&|| std::fs::remove_file(&path).unwrap(), ErrorClass::Damaged),
        (&|| put(&path, "{").unwrap(), ErrorClass::Auth),
    ];
    spoil(&before);
    for (number, (damage, class)) in cases.into_iter().enumerate() {
        if number == 3 {
            std::fs::remove_file(&before).unwrap();
        }
        damage();
        assert_eq!(store.load(&user()).unwrap_err().class, class, "{number}");
    }
    std::fs::remove_dir_all(store.dir()).unwrap();
}

#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let store = scratch("kind");
    store.save(&user(), &token("r1")).unwrap();
    store.save(&user(), &token("r2")).unwrap();
    let path = store.dir().join("user_001.json");
    let fifo = || {
        let done = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(done.unwrap().success());
    };
    let kinds: [(&dyn Fn(), &str); 3] = [
        (&fifo, "a fifo"),
        (&|| std::fs::create_dir(&path).unwrap(), "a folder"),
        (&|| std::os::unix::fs::symlink("/dev/zero", &path).unwrap(), "a device"),
    ];
    for (make, name) in kinds {
        let _ = std::fs::remove_file(&path);
        make();
        let failure = store.load(&user()).unwrap_err();
        assert_eq!(failure.class, ErrorClass::Disk, "{failure}");
        assert!(failure.what.starts_with(name), "{failure}");
        assert!(store.is_undecided(&user()).is_err() && store.reserve(&user()).is_err());
        let _ = std::fs::remove_dir(&path);
    }
    std::fs::remove_dir_all(store.dir()).unwrap();
}

#[test]
fn a_file_of_a_newer_version_is_left_untouched() {
    let store = scratch("newer");
    store.save(&user(), &token("r1")).unwrap();
    store.save(&user(), &token("r2")).unwrap();
    let path = store.dir().join("user_001.json");
    let whole = std::fs::read_to_string(&path).unwrap();
    let newer = whole.replace("\"version\":1", "\"version\":2");
    put(&path, &newer).unwrap();
    for failure in [
        store.load(&user()).unwrap_err(),
        store.save(&user(), &token("r3")).unwrap_err(),
        store.check_room(&user()).unwrap_err(),
    ] {
        assert_eq!(failure.class, ErrorClass::Newer);
        assert!(failure.what.contains("install fitsync 2 or newer"), "{failure}");
    }
    // Nor what a newer program did not live to put in its place.
    put(&path, &whole).unwrap();
    let left = store.dir().join(".user_001.json.tmp");
    put(&left, &newer).unwrap();
    assert_eq!(store.sweep().unwrap_err().class, ErrorClass::Newer);
    assert_eq!(store.reserve(&user()).unwrap_err().class, ErrorClass::Newer);
    assert_eq!(std::fs::read_to_string(&left).unwrap(), newer);
    assert!(!store.dir().join("unreadable").exists());
    std::fs::remove_dir_all(store.dir()).unwrap();
}

/// A token of a later refresh.
fn later(refresh: &str, account: &str, expires_in_s: i64) -> String {
    let grant = Grant {
        refresh_token: Some(Secret::new(refresh)),
        expires_in_s: Some(expires_in_s),
        ..Grant::default()
    };
    Token::new("google-health", account, &grant, jiff::Timestamp::UNIX_EPOCH).to_json()
}

#[test]
fn a_whole_token_that_a_killed_run_left_takes_its_place_by_whoever_comes_next() {
    let store = scratch("left");
    let left = store.dir().join(".user_001.json.tmp");
    let ways: [&dyn Fn(); 3] =
        [&|| store.sweep().unwrap(), &|| drop(store.lock(&user()).unwrap()), &|| {
            drop(store.reserve(&user()).unwrap())
        }];
    for way in ways {
        // Also with what was reserved still behind it.
        for behind in ["", "\0\0\0\0"] {
            store.save(&user(), &token("r1")).unwrap();
            put(&left, later("r2", "account", 7200) + behind).unwrap();
            way();
            assert_eq!(loaded(&store), "r2");
            assert_eq!(store.before(&user()).unwrap().refresh_token.expose(), "r1");
            let text = std::fs::read_to_string(store.dir().join("user_001.json")).unwrap();
            assert!(text.ends_with('}'), "cut to its length");
        }
    }
    std::fs::remove_dir_all(store.dir()).unwrap();
}

#[test]
fn a_token_that_must_not_be_taken_over_is_swept() {
    let store = scratch("not");
    store.save(&user(), &token("r1")).unwrap();
    let left = store.dir().join(".user_001.json.tmp");
    let cut = later("r2", "account", 7200).replace('}', "");
    for text in [later("r2", "other", 7200), later("r2", "account", 60), cut] {
        put(&left, &text).unwrap();
        store.sweep().unwrap();
        assert!(loaded(&store) == "r1" && !left.exists(), "{text}");
    }
    put(&store.dir().join("user_001.withdrawn"), "{}").unwrap();
    put(&left, later("r2", "account", 7200)).unwrap();
    store.sweep().unwrap();
    assert!(loaded(&store) == "r1" && !left.exists());
    std::fs::remove_dir_all(store.dir()).unwrap();
}

#[test]
fn the_only_token_that_lives_is_written_again_then_kept_aside_before_it_is_given_up() {
    let store = scratch("last");
    store.save(&user(), &token("r1")).unwrap();
    let (path, aside) = (store.dir().join("user_001.json"), store.dir().join("aside"));
    let place = store.reserve(&user()).unwrap();
    std::fs::rename(&path, &aside).unwrap();
    std::fs::create_dir(&path).unwrap();
    let failure = store.save_at_last(&user(), place, &token("r2"), Duration::ZERO).unwrap_err();
    assert!(failure.what.contains("unreadable/user_001.json."), "{failure}");
    let kept = files::names(&store.dir().join("unreadable")).unwrap();
    let kept = std::fs::read_to_string(store.dir().join("unreadable").join(&kept[0])).unwrap();
    assert_eq!(refresh_token(&kept), "r2");
    // And what stands whole beside the place takes it when the disk is well again.
    std::fs::remove_dir(&path).unwrap();
    std::fs::rename(&aside, &path).unwrap();
    drop(store.lock(&user()).unwrap());
    assert_eq!(loaded(&store), "r2");
    std::fs::remove_dir_all(store.dir()).unwrap();
}
