//! Something that is no file, or that cannot be read, in the place of each file of a participant:
//! no command waits for it, the other participants go on, and once it is mended nothing is lost.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::check::{Wrong, check_objects_of, check_token, days_ago, objects};
use crate::gateway::{Gateway, Tree, USER, WHO};
use crate::judge::{left, marker};
use crate::scenario::{expect, make_lookback_due};
use crate::stage::{Outcome, World};

/// What is no file is waited for by nobody.
const PATIENCE: Duration = Duration::from_secs(60);

const OTHER: &str = "user_002";
const OTHER_WHO: &str = "p2";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bad {
    Pipe,
    Folder,
    Device,
    Dangling,
    /// The bytes cannot be read.
    Sector,
}

const BADS: [Bad; 5] = [Bad::Pipe, Bad::Folder, Bad::Device, Bad::Dangling, Bad::Sector];

const COMMANDS: [&[&str]; 8] = [
    &["sync"],
    &["upload"],
    &["verify", "--repair"],
    &["login", USER],
    &["withdraw", USER, "--yes"],
    &["withdraw", USER, "--yes", "--delete-objects"],
    &["status"],
    &["doctor"],
];

/// A command, and what it finds where.
type Case = (&'static [&'static str], Bad, PathBuf);

pub fn run(program: &Path, every: u64, workers: usize) -> Outcome {
    let every = usize::try_from(every).expect("a number");
    let (next, sum) = (AtomicUsize::new(0), Mutex::new(Outcome::default()));
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let place = Place::new(program);
                let cases = cases(&place.before.root);
                while let Some(case) = cases.get(next.fetch_add(every, Ordering::Relaxed)) {
                    let wrong = place.meets(case).join("; ");
                    let (command, bad, path) = case;
                    let wrong =
                        format!("{command:?} with a {bad:?} at {}: {wrong}", path.display());
                    let is_wrong = !wrong.ends_with(": ");
                    let wrong = is_wrong.then_some(wrong).into_iter().collect();
                    let one = Outcome { instants: 1, accidents: 1, wrong, ..Outcome::default() };
                    sum.lock().unwrap_or_else(PoisonError::into_inner).add(one);
                }
            });
        }
    });
    sum.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn cases(tree: &Tree) -> Vec<Case> {
    let files = tree.iter().filter(|(_, bytes)| bytes.is_some()).map(|(name, _)| name);
    let names: Vec<&PathBuf> =
        files.filter(|name| !name.to_string_lossy().contains(OTHER)).collect();
    let mut cases = Vec::new();
    for name in names {
        for bad in BADS {
            cases.extend(COMMANDS.iter().map(|command| (*command, bad, name.clone())));
        }
    }
    cases
}

/// Two participants of whom there is news.
struct Place {
    gateway: Gateway,
    before: World,
}

impl Place {
    fn new(program: &Path) -> Place {
        let mut gateway = Gateway::with(program, 2);
        for user in [USER, OTHER, USER] {
            // The second time it leaves a `.prev`.
            expect(gateway.run(&["login", user], None));
        }
        expect(gateway.run(&["sync"], None));
        let (yesterday, _) = days_ago(&gateway, 1, 0);
        for who in [WHO, OTHER_WHO] {
            gateway.sim.revise_day(who, None, yesterday).expect("a participant");
        }
        gateway.sim.expire_access_tokens();
        make_lookback_due(&gateway);
        gateway.patience = PATIENCE;
        let before = World::of(&gateway);
        Place { gateway, before }
    }

    fn meets(&self, (command, bad, name): &Case) -> Wrong {
        let gateway = &self.gateway;
        gateway.restore(&self.before.root, &self.before.bucket);
        gateway.sim.set_consents(&self.before.consents);
        let path = gateway.root.join(name);
        let inode = put(*bad, &path);
        let ran = gateway.run(command, Some(&[("BAD_INODE", inode)]));
        let mut wrong = Wrong::new();
        if !matches!(ran.code, Some(0..=3)) || ran.said.contains("panicked") {
            wrong.push(format!("ended with {:?}: {}", ran.code, ran.complaints()));
        }
        let is_own = name.to_string_lossy().contains(USER);
        if command[0] == "sync" && is_own {
            self.has_all(OTHER_WHO, OTHER, &mut wrong);
        }
        let withdraws = command[0] == "withdraw";
        if withdraws && ran.code == Some(0) {
            wrong.extend(left(&gateway.tree()).into_iter().map(|name| format!("left {name}")));
        }
        self.mend(*bad, name);
        let again = gateway.run(&["sync"], None);
        if again.code != Some(0) {
            wrong.push(format!("mended, sync ended with {:?}: {}", again.code, again.complaints()));
        }
        if withdraws && marker(gateway).is_some() {
            wrong.extend(left(&gateway.tree()).into_iter().map(|name| format!("there is {name}")));
        } else {
            self.has_all(WHO, USER, &mut wrong);
            check_token(gateway, &[WHO], &mut wrong);
        }
        self.has_all(OTHER_WHO, OTHER, &mut wrong);
        wrong
    }

    fn has_all(&self, who: &str, user: &str, wrong: &mut Wrong) {
        let days = [days_ago(&self.gateway, 1, 0)];
        check_objects_of(&self.gateway, (who, user), &objects(&self.gateway), &days, wrong);
    }

    /// Takes it away and puts the file back, unless there is one again.
    fn mend(&self, bad: Bad, name: &Path) {
        let path = self.gateway.root.join(name);
        let Ok(found) = std::fs::symlink_metadata(&path) else { return };
        if bad == Bad::Sector || found.is_file() {
            return;
        }
        let gone = if found.is_dir() {
            std::fs::remove_dir_all(&path)
        } else {
            std::fs::remove_file(&path)
        };
        gone.expect("removed");
        let bytes = self.before.root[name].as_deref().unwrap_or_default();
        std::fs::write(&path, bytes).expect("a file");
        let private = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o600);
        std::fs::set_permissions(&path, private).expect("a mode");
    }
}

/// The inode whose bytes cannot be read, or none.
fn put(bad: Bad, path: &Path) -> i64 {
    if bad == Bad::Sector {
        let inode = std::fs::metadata(path).expect("a file").ino();
        return i64::try_from(inode).expect("a number");
    }
    std::fs::remove_file(path).expect("removed");
    let made = |program: &str, words: &[&str]| {
        let done = Command::new(program).arg(path).args(words).status();
        assert!(done.expect("coreutils").success(), "{program} {}", path.display());
    };
    match bad {
        Bad::Pipe => made("mkfifo", &[]),
        Bad::Folder => made("mkdir", &[]),
        // As /dev/zero: it never ends.
        Bad::Device => made("mknod", &["c", "1", "5"]),
        Bad::Dangling => std::os::unix::fs::symlink("nowhere", path).expect("a link"),
        Bad::Sector => {}
    }
    0
}
