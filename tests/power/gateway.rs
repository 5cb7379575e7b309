//! A simulated world, a gateway in it, and the program that runs there, perhaps under the shim.
#![allow(dead_code, reason = "two kinds of tests use it, each a part")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use fitsync_sim::jiff::Timestamp;
use fitsync_sim::{Options, Participant, Sim};

/// The study id of the participant [`WHO`].
pub const USER: &str = "user_001";
pub const WHO: &str = "p1";

/// Every file and folder below a folder, by its path in it; folders have no bytes.
pub type Tree = BTreeMap<PathBuf, Option<Vec<u8>>>;

pub struct Gateway {
    pub sim: Sim,
    /// Holds the token folder and the data folder.
    pub root: PathBuf,
    pub zone: String,
    dir: PathBuf,
    program: PathBuf,
    pub settings: BTreeMap<String, String>,
}

/// What the shim does to a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shim {
    pub kill_at: u64,
    pub half: bool,
    pub fail_from: u64,
    pub errno: i32,
}

#[derive(Debug)]
pub struct Ran {
    /// `None`: killed.
    pub code: Option<i32>,
    pub said: String,
    pub log: PathBuf,
}

impl Gateway {
    /// One participant.
    pub fn new(program: &Path) -> Gateway {
        Gateway::with(program, 1)
    }

    /// So many participants, for whom it is about noon, so that no run crosses midnight.
    pub fn with(program: &Path, participants: usize) -> Gateway {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("fitsync-power-{}-{number}", std::process::id());
        let base = Path::new("/dev/shm");
        let base = if base.is_dir() { base.to_owned() } else { std::env::temp_dir() };
        let dir = base.join(name);
        let _ = std::fs::remove_dir_all(&dir);
        let root = dir.join("root");
        std::fs::create_dir_all(&root).expect("folder");
        let hour = Timestamp::now().as_second().div_euclid(3600).rem_euclid(24);
        let zone = format!("Etc/GMT{:+}", hour - 12).replace("GMT+0", "GMT");
        let living = |one: Participant| Participant {
            zones: vec![(Timestamp::MIN, zone.clone())],
            missing_nights_percent: 0,
            ..one
        };
        let participants = Participant::numbered(participants).into_iter().map(living).collect();
        let sim = Sim::start(Options {
            participants,
            empty_pages_percent: 0,
            quota_per_minute: u32::MAX,
            s3_dir: Some(dir.join("s3")),
            ..Options::default()
        });
        let settings = sim.environment().into_iter();
        let mut settings: BTreeMap<String, String> =
            settings.map(|(name, value)| (name.to_owned(), value)).collect();
        let path = |name: &str| root.join(name).to_string_lossy().into_owned();
        for (name, value) in [
            ("TOKEN_STORE_DIR", path("tokens")),
            ("FITSYNC_DATA_DIR", path("data")),
            ("FITSYNC_LISTEN", "127.0.0.1:0".to_owned()),
            ("FITSYNC_THREADS", "1".to_owned()),
            ("FITSYNC_METRICS", "steps,hrv".to_owned()),
            ("FITSYNC_LOOKBACK_DAYS", "1".to_owned()),
            // Within an experiment the running day is read again, as after three hours.
            ("FITSYNC_TODAY_MINUTES", "1440".to_owned()),
        ] {
            settings.insert(name.to_owned(), value);
        }
        Gateway { sim, root, zone, dir, program: program.to_owned(), settings }
    }

    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub fn tokens(&self) -> PathBuf {
        self.root.join("tokens")
    }

    fn command(&self, arguments: &[&str], shim: Option<Shim>) -> (Command, PathBuf) {
        let mut command = Command::new(&self.program);
        command.args(arguments).env_clear().envs(&self.settings).current_dir(&self.dir);
        let log = self.dir.join("operations");
        let _ = std::fs::remove_file(&log);
        if let Some(shim) = shim {
            command
                .env("LD_PRELOAD", crate::shim::path())
                .env("POWER_ROOT", &self.root)
                .env("POWER_LOG", &log)
                .env("POWER_KILL_AT", shim.kill_at.to_string())
                .env("POWER_FAIL_FROM", shim.fail_from.to_string())
                .env("POWER_FAIL_ERRNO", shim.errno.to_string());
            if shim.half {
                command.env("POWER_HALF", "1");
            }
        }
        (command, log)
    }

    /// Runs a command to its end; `login` with a participant who agrees.
    pub fn run(&self, arguments: &[&str], shim: Option<Shim>) -> Ran {
        let (mut command, log) = self.command(arguments, shim);
        if arguments.first() == Some(&"login") {
            let user = arguments.get(1).copied().unwrap_or_default();
            return self.login(command, user, log);
        }
        let output = command.output().expect("the program runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Ran { code: output.status.code(), said, log }
    }

    /// Starts a command that is not waited for.
    pub fn start(&self, arguments: &[&str]) -> std::process::Child {
        let (mut command, _) = self.command(arguments, None);
        command.stderr(Stdio::piped()).spawn().expect("the program runs")
    }

    /// `user_001` is `p1`, and so on.
    fn login(&self, mut command: Command, user: &str, log: PathBuf) -> Ran {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program runs");
        let mut url = String::new();
        let stdout = child.stdout.take().expect("stdout");
        BufReader::new(stdout).read_line(&mut url).expect("a line");
        let mut stdin = child.stdin.take().expect("stdin");
        if !url.trim().is_empty() {
            let who = format!("p{}", user.trim_start_matches("user_").trim_start_matches('0'));
            let landed = self.sim.consent(url.trim(), &who).expect("consent");
            // It may be dead already.
            let _ = writeln!(stdin, "{landed}");
        }
        let output = child.wait_with_output().expect("an end");
        drop(stdin);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Ran { code: output.status.code(), said, log }
    }

    /// The folders of the gateway.
    pub fn tree(&self) -> Tree {
        tree(&self.root)
    }

    pub fn bucket(&self) -> Tree {
        tree(self.sim.s3_dir())
    }

    /// Puts both back to what they were.
    pub fn restore(&self, root: &Tree, bucket: &Tree) {
        put(&self.root, root);
        put(self.sim.s3_dir(), bucket);
        self.sim.clear_requests();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

pub fn tree(folder: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = path.strip_prefix(folder).expect("below").to_owned();
            if path.is_dir() {
                tree.insert(name, None);
                folders.push(path);
            } else {
                tree.insert(name, std::fs::read(&path).ok());
            }
        }
    }
    tree
}

/// Makes a folder hold exactly this.
pub fn put(folder: &Path, tree: &Tree) {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let gone = if path.is_dir() {
            std::fs::remove_dir_all(&path)
        } else {
            std::fs::remove_file(&path)
        };
        gone.expect("removed");
    }
    for (name, bytes) in tree {
        let path = folder.join(name);
        match bytes {
            None => std::fs::DirBuilder::new().mode(0o700).create(&path).expect("folder"),
            Some(bytes) => {
                let mut options = std::fs::OpenOptions::new();
                let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
                file.expect("file").write_all(bytes).expect("written");
            }
        }
    }
}
