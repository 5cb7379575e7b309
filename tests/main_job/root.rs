//! Started as root: what root reads is root's alone, and the state is touched by the account that
//! it belongs to. Needs root, as the build machines have it; elsewhere each test says so.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, lchown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::world::{USER, WHO, World, one, plain, ran};

/// `nobody`, whose home does not exist.
const OTHER: u32 = 65_534;

fn is_root() -> bool {
    let root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !root {
        eprintln!("skipped: this needs root");
    }
    root
}

fn owner(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("a file").uid()
}

fn give_away(path: &Path) {
    lchown(path, Some(OTHER), Some(OTHER)).expect("root may");
    if path.is_dir() && !path.is_symlink() {
        fs::read_dir(path).expect("a folder").flatten().for_each(|entry| give_away(&entry.path()));
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
}

/// A new folder in the world's own.
fn folder(world: &World, name: &str) -> PathBuf {
    let folder = world.dir.join(name);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn file(path: &Path, text: &str) -> PathBuf {
    fs::write(path, text).expect("a file");
    path.to_owned()
}

/// The state of an installation: a folder of the service's user, below one of root's.
fn installed() -> World {
    let mut world = World::connected(plain(one()));
    let state = folder(&world, "state");
    fs::rename(world.dir.join("tokens"), state.join("tokens")).expect("a move");
    fs::create_dir(state.join("data")).expect("a folder");
    for (name, folder) in [("TOKEN_STORE_DIR", "tokens"), ("FITSYNC_DATA_DIR", "data")] {
        world.set(name, &state.join(folder).to_string_lossy());
        mode(&state.join(folder), 0o700);
    }
    mode(&state, 0o700);
    give_away(&state);
    world
}

/// A login that waits for its browser.
fn waiting(world: &World) -> Child {
    let mut command = world.command(&["login", "user_002"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a run");
    let mut address = String::new();
    let out = child.stdout.take().expect("stdout");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut address).expect("a line");
    assert!(address.starts_with("http"), "{address}");
    child
}

fn end(mut child: Child) {
    child.kill().and_then(|()| child.wait()).expect("an end");
}

/// The ids of every thread as the kernel tells them: user ×4, group ×4, all groups.
fn ids(child: &Child) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{}/task", child.id())).expect("threads");
    let mut found: Vec<String> = threads
        .map(|thread| {
            let status = thread.expect("a thread").path().join("status");
            let status = fs::read_to_string(status).expect("a status");
            let wanted = ["Uid:", "Gid:", "Groups:", "CapPrm:"];
            let lines = wanted.iter().map(|name| {
                let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
                line.split_whitespace().collect::<Vec<_>>().join(" ")
            });
            lines.collect::<Vec<_>>().join(" | ")
        })
        .collect();
    assert!(found.len() > 1, "the command runs in a thread of its own");
    found.dedup();
    found
}

#[test]
fn root_becomes_the_owner_of_the_tokens_in_every_thread_and_keeps_nothing_of_root() {
    if !is_root() {
        return;
    }
    let world = installed();
    // As a folder looks that root has made and given to the user alone.
    chown(world.dir.join("state/tokens"), Some(OTHER), Some(0)).expect("root may");
    let child = waiting(&world);
    let nobody = "65534 65534 65534 65534 | 65534 65534 65534 65534 | 65534 | 0000000000000000";
    assert_eq!(ids(&child), [nobody]);
    let of = |name: &str| PathBuf::from(format!("/proc/{}/{name}", child.id()));
    // The kernel gives the files of a process that is not dumpable to root.
    assert_eq!(owner(&of("environ")), 0, "another process of this user may look in");
    let limits = fs::read_to_string(of("limits")).expect("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core")).expect("a limit");
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"]);
    end(child);
}

#[test]
fn no_secret_of_a_file_is_ever_in_an_environment() {
    if !is_root() {
        return;
    }
    let mut world = installed();
    let secret = world.unset("GOOGLE_CLIENT_SECRET").expect("a secret");
    let settings = file(&world.dir.join(".env"), &format!("GOOGLE_CLIENT_SECRET={secret}\n"));
    mode(&settings, 0o600);
    let child = waiting(&world);
    let environment = fs::read(format!("/proc/{}/environ", child.id())).expect("an environment");
    assert!(!String::from_utf8_lossy(&environment).contains(&secret));
    end(child);
}

#[test]
fn roots_home_is_not_looked_at_by_the_user_that_root_becomes() {
    if !is_root() {
        return;
    }
    let mut world = installed();
    let home = folder(&world, "home-of-root/.aws").parent().expect("a folder").to_owned();
    file(&home.join(".aws/config"), "[default]\n");
    mode(&home, 0o700);
    let synced = ran(world.command(&["sync", "--json"]).env("HOME", &home)).exits(0);
    assert_eq!(synced.json()["waiting"], 0, "{}", synced.stderr);
    assert!(world.check_bucket(USER, WHO) > 8);
    assert_eq!(owner(&world.data().join("users")), OTHER);

    let key = file(&home.join("portal.key"), "secret");
    world.set("FITSYNC_TLS_CERT", &key.to_string_lossy());
    world.set("FITSYNC_TLS_KEY", &key.to_string_lossy());
    world.run(&["serve"]).exits(2).says("chgrp fitsync");
    let text = world.run(&["doctor"]).exits(2).stdout;
    assert!(text.contains("FAIL  settings      FITSYNC_TLS_CERT"), "{text}");
}

#[test]
fn what_is_roots_alone_is_worked_on_by_root() {
    if !is_root() {
        return;
    }
    let world = World::connected(plain(one()));
    file(&world.dir.join(".env"), "FITSYNC_LOOKBACK_DAYS=3\n");
    world.sync(&[]).exits(0);
    assert_eq!((owner(&world.token_file(USER)), owner(&world.data().join("users"))), (0, 0));
}

#[test]
fn settings_that_somebody_else_could_have_written_end_the_run_unread() {
    if !is_root() {
        return;
    }
    let world = World::connected(plain(one()));
    let mark = world.dir.join("mark");
    let theirs = folder(&world, "theirs");
    let aws = file(
        &theirs.join("aws"),
        &format!("[default]\ncredential_process = touch {}\n", mark.display()),
    );
    let text = format!(
        "AWS_CONFIG_FILE={}\nGOOGLE_TOKEN_URL=http://127.0.0.1:9\nTOKEN_STORE_DIR={}\n",
        aws.display(),
        theirs.display()
    );
    let dot_env = file(&theirs.join(".env"), &text);
    give_away(&theirs);
    let sent = world.sim.requests().len();
    for words in [["doctor"].as_slice(), &["sync"], &["login", USER], &["status"], &["serve"]] {
        let refused = ran(world.command(words).current_dir(&theirs)).exits(2);
        let said = refused.stdout + &refused.stderr;
        for cure in ["theirs/.env", "chown", "--env-file"] {
            assert!(said.contains(cure), "{words:?}: no {cure} in {said}");
        }
    }
    assert!(!mark.exists(), "their program was run");
    assert_eq!(world.sim.requests().len(), sent, "something was sent");

    // Where there is no `.env`, their folder is a place like any other.
    fs::remove_file(&dot_env).expect("root may");
    ran(world.command(&["status"]).current_dir(&theirs)).exits(0);
}

#[test]
fn settings_credentials_and_certificates_of_others_are_refused_in_every_shape() {
    if !is_root() {
        return;
    }
    let mut world = World::new(plain(one()));
    let (settings, below) = (world.dir.join("fitsync.env"), folder(&world, "below"));
    file(&settings, "FITSYNC_THREADS=2\n");
    let status =
        |world: &World, path: &Path| world.run(&["--env-file", &path.to_string_lossy(), "status"]);
    status(&world, &settings).exits(0);
    mode(&settings, 0o664);
    status(&world, &settings).exits(2).says("chmod go-w");
    mode(&settings, 0o640);

    // A link of theirs to a file of root's; a link of root's to a file of theirs.
    let link = below.join("link");
    symlink(&settings, &link).expect("a link");
    status(&world, &link).exits(0);
    lchown(&link, Some(OTHER), None).expect("root may");
    status(&world, &link).exits(2).says("belongs to user 65534");
    lchown(&link, Some(0), None).expect("root may");
    chown(&settings, Some(OTHER), None).expect("root may");
    status(&world, &link).exits(2).says("fitsync.env");
    chown(&settings, Some(0), None).expect("root may");
    // A folder on the way.
    mode(&below, 0o777);
    status(&world, &link).exits(2).says("below, which may be written by others");
    mode(&below, 0o1777);
    status(&world, &link).exits(0);

    let secret = file(&below.join("GOOGLE_CLIENT_SECRET"), "theirs");
    give_away(&secret);
    world.set("CREDENTIALS_DIRECTORY", &below.to_string_lossy());
    world.run(&["status"]).exits(2).says("GOOGLE_CLIENT_SECRET belongs to user");
    world.unset("CREDENTIALS_DIRECTORY");
    for name in ["FITSYNC_CA_FILE", "AWS_CA_BUNDLE"] {
        world.set(name, &secret.to_string_lossy());
        world.run(&["status"]).exits(2).says(&format!("name another file with {name}"));
        world.unset(name);
    }
}

#[test]
fn a_profile_file_of_others_runs_no_program_as_root() {
    if !is_root() {
        return;
    }
    let mut world = World::connected(plain(one()));
    let mark = world.dir.join("mark");
    let text = format!("[default]\ncredential_process = touch {}\n", mark.display());
    let aws = file(&world.dir.join("aws"), &text);
    give_away(&aws);
    world.set("AWS_CONFIG_FILE", &aws.to_string_lossy());
    world.unset("AWS_ACCESS_KEY_ID");
    world.unset("AWS_SECRET_ACCESS_KEY");
    let failed = world.sync(&[]).exits(1);
    assert!(failed.stderr.contains("aws belongs to user 65534"), "{}", failed.stderr);
    assert!(!mark.exists(), "their program was run");
}

#[test]
fn a_link_in_the_services_own_folders_leads_root_nowhere() {
    if !is_root() {
        return;
    }
    for place in ["tokens", "data", "data/users", "data/ledger"] {
        let world = installed();
        world.sync(&[]).exits(0);
        // Root's folder, with what a withdrawal would remove.
        let roots = folder(&world, "roots");
        let state = world.dir.join("state");
        let (path, kept) = (state.join(place), state.join("kept"));
        fs::rename(&path, &kept).expect("a move");
        let copied = Command::new("cp").args(["-r", "--"]).arg(&kept).arg(&roots).status();
        assert!(copied.expect("cp").success());
        let target = roots.join("kept");
        symlink(&target, &path).expect("a link");
        lchown(&path, Some(OTHER), Some(OTHER)).expect("root may");
        let listed = |folder: &Path| {
            let found = Command::new("ls").arg("-lnR").arg(folder).output().expect("ls").stdout;
            String::from_utf8(found).expect("names")
        };
        let before = listed(&roots);
        for words in [["sync"].as_slice(), &["status"], &["withdraw", USER, "--yes"]] {
            let code = world.run(words).code;
            assert!(words == ["status"] || code != 0, "{place}: {words:?} ended with {code}");
        }
        assert_eq!(listed(&roots), before, "{place}");
    }
}

#[test]
fn the_account_can_be_named_and_must_own_the_tokens() {
    if !is_root() {
        return;
    }
    let mut world = installed();
    for name in ["nobody", "65534"] {
        world.set("FITSYNC_USER", name);
        let child = waiting(&world);
        assert!(ids(&child).concat().starts_with("65534 65534"));
        end(child);
    }
    world.set("FITSYNC_USER", "nobody-of-that-name");
    world.run(&["status"]).exits(2).says("/etc/passwd has no such account");
    world.set("FITSYNC_USER", "4294967295");
    world.run(&["status"]).exits(2).says("no such account");
    world.set("FITSYNC_USER", "12345");
    world.run(&["status"]).exits(2).says("set FITSYNC_USER to the account");
    world.set("FITSYNC_USER", "root");
    world.run(&["status"]).exits(2).says("belongs to user 65534");
}

#[test]
fn a_folder_of_others_without_anybody_named_is_not_written_to() {
    if !is_root() {
        return;
    }
    let mut world = World::new(plain(one()));
    let data = folder(&world, "data");
    give_away(&data);
    world.run(&["login", USER]).exits(2).says("FITSYNC_USER");
    assert!(!world.dir.join("tokens").exists());
    // The folders that happen to lie in the working directory name nobody either.
    let theirs = folder(&world, "theirs");
    folder(&world, "theirs/secrets/tokens");
    give_away(&theirs);
    world.unset("TOKEN_STORE_DIR");
    world.unset("FITSYNC_DATA_DIR");
    ran(world.command(&["status"]).current_dir(&theirs)).exits(2).says("FITSYNC_USER");

    // Named, that account makes the token folder, where it may.
    let tokens = world.path("tokens");
    world.set("TOKEN_STORE_DIR", &tokens);
    world.set("FITSYNC_DATA_DIR", &data.to_string_lossy());
    world.set("FITSYNC_USER", "nobody");
    world.run(&["login", USER]).exits(1).says("may write to the token folder");
    chown(&world.dir, Some(OTHER), Some(OTHER)).expect("root may");
    end(waiting(&world));
    assert_eq!(owner(Path::new(&tokens)), OTHER);
}

/// The same command as a user whom the state shuts out, by a copy of the binary that everybody may
/// start: a checkout may lie below root's own folder.
fn as_stranger(world: &World, arguments: &[&str]) -> Command {
    let copy = world.dir.join("fitsync");
    if !copy.exists() {
        fs::copy(env!("CARGO_BIN_EXE_fitsync"), &copy).expect("a copy");
        // A test beside this one that is just being forked still holds the file open for writing.
        let busy = |error: std::io::Error| error.kind() == std::io::ErrorKind::ExecutableFileBusy;
        while Command::new(&copy).arg("--version").output().is_err_and(busy) {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
    let usual = world.command(arguments);
    let mut command = Command::new(copy);
    let pairs = usual.get_envs().filter_map(|(name, value)| Some((name, value?)));
    command.args(usual.get_args()).env_clear().envs(pairs).current_dir("/");
    command.uid(OTHER).gid(OTHER);
    command
}

#[test]
fn a_third_user_is_told_to_use_sudo_and_nothing_is_done() {
    if !is_root() {
        return;
    }
    let world = installed();
    chown(world.dir.join("state"), Some(0), Some(0)).expect("root may");
    for words in [["status"].as_slice(), &["sync"], &["login", USER], &["withdraw", USER, "--yes"]]
    {
        ran(&mut as_stranger(&world, words)).exits(2).says("sudo fitsync");
    }
    let text = ran(&mut as_stranger(&world, &["doctor"])).exits(2).stdout;
    assert!(text.contains("sudo fitsync") && !text.contains("make it"), "{text}");

    let settings = file(&world.dir.join("fitsync.env"), "GOOGLE_CLIENT_ID=abc\n");
    mode(&settings, 0o640);
    let words = ["--env-file", &settings.to_string_lossy(), "status"];
    ran(&mut as_stranger(&world, &words)).exits(2).says("sudo fitsync");
}
