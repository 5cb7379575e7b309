//! A simulated world, a gateway in it, and the program that runs there, perhaps under the shim.
#![allow(dead_code, reason = "two kinds of tests use it, each a part")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use fitsync_sim::jiff::Timestamp;
use fitsync_sim::{FitbitOptions, Options, Participant, Sim};

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
    /// After so long a run hangs.
    pub patience: Duration,
}

/// What the shim does to a run: the names of `shim.c` without their beginning.
pub type Shim<'a> = &'a [(&'static str, i64)];

/// A run that has not ended by then hangs. Some wait for a service that hangs.
const PATIENCE: Duration = Duration::from_secs(600);

/// Bytes of one line of what a run said that are shown.
const COMPLAINT_MAX: usize = 300;

#[derive(Debug)]
pub struct Ran {
    /// `None`: killed, or it hung.
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
            fitbit: FitbitOptions { quota_per_hour: u32::MAX, ..FitbitOptions::default() },
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
        let program = program.to_owned();
        Gateway { sim, root, zone, dir, program, settings, patience: PATIENCE }
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
                .envs(shim.iter().map(|(name, at)| (format!("POWER_{name}"), at.to_string())));
        }
        (command, log)
    }

    /// Runs a command to its end; one that signs in with a participant who agrees.
    pub fn run(&self, arguments: &[&str], shim: Option<Shim>) -> Ran {
        let (mut command, log) = self.command(arguments, shim);
        let stderr = self.dir.join("stderr");
        let said = std::fs::File::create(&stderr).expect("a file");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
        let code = match arguments {
            ["login" | "migrate", user, ..] => {
                // `--replace` is for another account than the one that is there.
                let number = if arguments.contains(&"--replace") { "2" } else { user };
                self.signed_in(command, number.trim_start_matches("user_"))
            }
            _ => self.ended(&mut command.spawn().expect("the program runs")),
        };
        let said = std::fs::read(&stderr).map(|said| String::from_utf8_lossy(&said).into_owned());
        Ran { code, said: said.unwrap_or_default(), log }
    }

    /// Starts a command that is not waited for.
    pub fn start(&self, arguments: &[&str]) -> std::process::Child {
        let (mut command, _) = self.command(arguments, None);
        command.stderr(Stdio::piped()).spawn().expect("the program runs")
    }

    /// `user_001` is `p1`, and so on.
    fn signed_in(&self, mut command: Command, number: &str) -> Option<i32> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program runs");
        let mut url = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout"));
        let _ = stdout.read_line(&mut url);
        let mut stdin = child.stdin.take().expect("stdin");
        if url.starts_with("http") {
            let who = format!("p{}", number.trim_start_matches('0'));
            let landed = self.sim.consent(url.trim(), &who).expect("consent");
            // It may be dead already.
            let _ = writeln!(stdin, "{landed}");
        }
        let code = self.ended(&mut child);
        drop((stdin, stdout));
        code
    }

    /// The exit code; `None` where a signal ended it, also ours because it hung.
    fn ended(&self, child: &mut Child) -> Option<i32> {
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait().expect("an end") {
                return status.code();
            }
            if begun.elapsed() > self.patience {
                let _ = child.kill();
            }
            std::thread::sleep(Duration::from_millis(2));
        }
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

impl Ran {
    /// What it warned of, without times.
    pub fn complaints(&self) -> String {
        let told = self.said.lines().filter(|line| !line.contains("[INFO]"));
        let told = told.map(|line| line.split_once(" [").map_or(line, |(_, rest)| rest));
        told.map(|line| line.get(..COMPLAINT_MAX).unwrap_or(line)).collect::<Vec<_>>().join(" | ")
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
            let kind = entry.file_type().expect("a kind");
            if kind.is_dir() {
                tree.insert(name, None);
                folders.push(path);
            } else {
                // A pipe would be waited for.
                let bytes = kind.is_file().then(|| std::fs::read(&path).ok()).flatten();
                tree.insert(name, Some(bytes.unwrap_or_default()));
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
        let gone = if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
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
