//! Started as root while the token folder is another user's: the run becomes that user, with that
//! user's home. Needs root, as the build machines have it.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::world::{USER, WHO, World, one, plain, ran};

/// `nobody`, whose home does not exist.
const OTHER: u32 = 65_534;

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn give_away(path: &Path) {
    chown(path, Some(OTHER), Some(OTHER)).expect("root may");
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        give_away(&entry.path());
    }
}

/// The same command by a copy of the binary that everybody may start: a checkout may lie below
/// root's own folder.
fn for_everybody(world: &World, arguments: &[&str]) -> Command {
    let copy = world.dir.join("fitsync");
    if !copy.exists() {
        std::fs::copy(env!("CARGO_BIN_EXE_fitsync"), &copy).expect("a copy");
        // A test beside this one that is just being forked still holds the file open for writing.
        let busy = |error: std::io::Error| error.kind() == std::io::ErrorKind::ExecutableFileBusy;
        while Command::new(&copy).arg("--version").output().is_err_and(busy) {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
    let usual = world.command(arguments);
    let mut command = Command::new(copy);
    let pairs = usual.get_envs().filter_map(|(name, value)| Some((name, value?)));
    command.args(usual.get_args()).env_clear().envs(pairs).current_dir(&world.dir);
    command
}

#[test]
fn roots_home_is_not_looked_at_by_the_user_that_root_becomes() {
    if !is_root() {
        return;
    }
    let mut world = World::connected(plain(one()));
    give_away(&world.dir);
    let home = world.dir.join("home-of-root");
    std::fs::create_dir(&home).expect("a folder");
    std::fs::create_dir(home.join(".aws")).expect("a folder");
    std::fs::write(home.join(".aws/config"), "[default]\n").expect("a file");
    std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o700)).expect("a mode");
    let synced = ran(for_everybody(&world, &["sync", "--json"]).env("HOME", &home)).exits(0);
    assert_eq!(synced.json()["waiting"], 0, "{}", synced.stderr);
    assert!(world.check_bucket(USER, WHO) > 8);
    let owner = |path: &Path| std::fs::metadata(path).expect("a file").uid();
    assert_eq!(owner(&world.data().join("users")), OTHER);

    let key = home.join("portal.key");
    std::fs::write(&key, "secret").expect("a file");
    world.set("FITSYNC_TLS_CERT", &key.to_string_lossy());
    world.set("FITSYNC_TLS_KEY", &key.to_string_lossy());
    ran(&mut for_everybody(&world, &["serve"])).exits(2).says("chgrp fitsync");
    let text = ran(&mut for_everybody(&world, &["doctor"])).exits(2).stdout;
    assert!(text.contains("FAIL  settings      FITSYNC_TLS_CERT"), "{text}");
}

/// The command as a user whom the folder shuts out.
fn as_stranger(world: &World, arguments: &[&str]) -> Command {
    let mut command = for_everybody(world, arguments);
    command.uid(OTHER).gid(OTHER).current_dir("/");
    command
}

#[test]
fn a_third_user_is_told_to_use_sudo_and_nothing_is_done() {
    if !is_root() {
        return;
    }
    // As an installation has it: the tokens in a folder that only its user may enter.
    let mut world = World::new(plain(one()));
    let (state, settings) = (world.dir.join("state"), world.dir.join("fitsync.env"));
    std::fs::create_dir_all(state.join("tokens")).expect("folders");
    for folder in [&state, &state.join("tokens")] {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).expect("a mode");
    }
    for (name, folder) in [("TOKEN_STORE_DIR", "tokens"), ("FITSYNC_DATA_DIR", "data")] {
        world.set(name, &state.join(folder).to_string_lossy());
    }
    for words in [["status"].as_slice(), &["sync"], &["login", USER], &["withdraw", USER, "--yes"]]
    {
        ran(&mut as_stranger(&world, words)).exits(2).says("sudo fitsync");
    }
    let text = ran(&mut as_stranger(&world, &["doctor"])).exits(2).stdout;
    assert!(text.contains("sudo fitsync") && !text.contains("make it"), "{text}");

    std::fs::write(&settings, "GOOGLE_CLIENT_ID=abc\n").expect("a file");
    std::fs::set_permissions(&settings, std::fs::Permissions::from_mode(0o640)).expect("a mode");
    let words = ["--env-file", &settings.to_string_lossy(), "status"];
    ran(&mut as_stranger(&world, &words)).exits(2).says("sudo fitsync");
}

#[test]
fn the_first_sign_in_by_root_makes_the_token_folder_for_the_owner_of_the_data() {
    if !is_root() {
        return;
    }
    let world = World::new(plain(one()));
    std::fs::create_dir(world.data()).expect("a folder");
    let mut command = for_everybody(&world, &["login", USER]);
    give_away(&world.dir);
    let mut login = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a run");
    let mut address = String::new();
    let out = login.stdout.take().expect("stdout");
    BufReader::new(out).read_line(&mut address).expect("a line");
    login.kill().and_then(|()| login.wait()).expect("an end");
    assert!(address.starts_with("http"), "{address}");
    assert_eq!(std::fs::metadata(world.dir.join("tokens")).expect("a folder").uid(), OTHER);

    // Where that owner may not make it, nobody is asked to sign in.
    std::fs::remove_dir_all(world.dir.join("tokens")).expect("root may");
    chown(&world.dir, Some(0), Some(0)).expect("root may");
    let refused = ran(&mut for_everybody(&world, &["login", USER])).exits(1);
    refused.says("may write to the token folder");
}
