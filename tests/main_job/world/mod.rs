//! A simulated world, a gateway in it (folders and settings), and the binary that runs there.

mod browser;
mod bucket;
mod sign_in;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use fitsync::command::arguments::SyncArguments;
use fitsync::command::sync;
use fitsync::core::error::ErrorClass;
use fitsync::gateway::Gateway;
use fitsync::io::clock::Clock;
use fitsync::settings::Config;
use fitsync::settings::source::Settings;
use fitsync_sim::jiff::{SignedDuration, Timestamp};
use fitsync_sim::{Options, Participant, Seen, Sim};
use serde_json::Value;

pub use browser::{Answer, Browser, between, encoded, free_port};
pub use bucket::DayRow;
pub use sign_in::Login;

/// The study id of the participant [`WHO`].
pub const USER: &str = "user_001";
pub const WHO: &str = "p1";

pub struct World {
    pub sim: Sim,
    pub dir: PathBuf,
    settings: BTreeMap<String, String>,
}

/// Every file below a folder: when it was written, and what is in it.
pub type Snapshot = BTreeMap<PathBuf, (SystemTime, Vec<u8>)>;

/// What a command answered.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no {text:?} in: {}", self.stderr);
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        let json = serde_json::from_str(&self.stdout);
        json.unwrap_or_else(|_| panic!("not JSON: {}\n{}", self.stdout, self.stderr))
    }

    /// The failures of all participants, as `class metric`.
    #[track_caller]
    pub fn failures(&self) -> Vec<String> {
        let json = self.json();
        let people = json["participants"].as_array().expect("participants").clone();
        let failures = people.iter().flat_map(|one| one["failures"].as_array().expect("failures"));
        let short = |failure: &Value| {
            let metric = failure["metric"].as_str().unwrap_or("-");
            format!("{} {metric}", failure["class"].as_str().expect("class"))
        };
        failures.map(short).collect()
    }
}

/// Options of a world that answers the same requests with the same number of pages.
pub fn plain(participants: Vec<Participant>) -> Options {
    Options { participants, empty_pages_percent: 0, ..Options::default() }
}

pub fn one() -> Vec<Participant> {
    Participant::numbered(1)
}

/// A participant who lives in a zone.
pub fn living_in(zone: &str) -> Participant {
    Participant { zones: vec![(Timestamp::MIN, zone.to_owned())], ..Participant::new(WHO) }
}

/// A participant in whose zone it is about noon, so that no test runs across midnight.
pub fn at_noon() -> Participant {
    let hour = Timestamp::now().as_second().div_euclid(3600).rem_euclid(24);
    // `Etc/GMT-3` is three hours ahead of UTC.
    living_in(&format!("Etc/GMT{:+}", hour - 12).replace("GMT+0", "GMT"))
}

impl World {
    pub fn new(options: Options) -> World {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("fitsync-main-job-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).expect("folder");
        let sim = Sim::start(options);
        let settings = sim.environment().into_iter();
        let settings = settings.map(|(name, value)| (name.to_owned(), value)).collect();
        let mut world = World { sim, dir, settings };
        world.set("FITSYNC_LISTEN", "127.0.0.1:0");
        world.set("TOKEN_STORE_DIR", &world.path("tokens"));
        world.set("FITSYNC_DATA_DIR", &world.path("data"));
        world
    }

    /// One participant, connected.
    pub fn connected(options: Options) -> World {
        let world = World::new(options);
        world.connect(USER, WHO);
        world
    }

    pub fn path(&self, name: &str) -> String {
        self.dir.join(name).to_string_lossy().into_owned()
    }

    pub fn data(&self) -> PathBuf {
        PathBuf::from(&self.settings["FITSYNC_DATA_DIR"])
    }

    pub fn token_file(&self, user: &str) -> PathBuf {
        self.dir.join("tokens").join(format!("{user}.json"))
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.insert(name.to_owned(), value.to_owned());
    }

    /// New sign-ins go to the retired Fitbit Web API.
    pub fn use_fitbit(&mut self) {
        for (name, value) in self.sim.fitbit_environment() {
            self.set(name, &value);
        }
        self.set("FITSYNC_PROVIDER", "fitbit");
    }

    /// What it was.
    pub fn unset(&mut self, name: &str) -> Option<String> {
        self.settings.remove(name)
    }

    /// A data folder as on the first day, for a case of its own.
    pub fn fresh_data(&mut self, name: &str) {
        let path = self.path(&format!("data-{name}"));
        self.set("FITSYNC_DATA_DIR", &path);
    }

    /// The binary in a clean environment, in the world's own folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fitsync"));
        command.args(arguments).env_clear().envs(&self.settings);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", &self.dir).current_dir(&self.dir).stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        ran(&mut self.command(arguments))
    }

    /// `sync --json` with further arguments.
    pub fn sync(&self, arguments: &[&str]) -> Ran {
        self.run(&[&["sync", "--json"], arguments].concat())
    }

    /// The same command inside this process, at another time of both worlds. Times go forward
    /// only: the store does not follow back.
    pub fn sync_at(&self, clock: &Clock, at: Timestamp, arguments: &SyncArguments) -> u8 {
        clock.set(at);
        self.sim.set_clock_offset_s(at.as_second() - Timestamp::now().as_second());
        let pairs = self.settings.iter();
        let pairs: Vec<_> = pairs.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let config = Config::new(Settings::of(&pairs)).expect("settings");
        let gateway = Gateway::new(config, clock.clone()).expect("gateway");
        loop {
            match sync::run(&gateway, arguments) {
                // Another test has just started a program, which holds all of this process's files
                // for a moment.
                Err(failure) if failure.class == ErrorClass::Locked => std::thread::yield_now(),
                code => return code.expect("a run"),
            }
        }
    }

    /// Everything that the gateway keeps.
    pub fn snapshot(&self) -> Snapshot {
        let mut files = Snapshot::new();
        collect(&self.dir, &mut files);
        files
    }

    /// The requests to a service whose label begins so; `""` is all of them.
    pub fn asked(&self, label: &str) -> Vec<Seen> {
        let seen = self.sim.requests().into_iter();
        seen.filter(|seen| seen.label.starts_with(label)).collect()
    }

    /// `status --json` of a participant.
    #[track_caller]
    pub fn status(&self, user: &str) -> Value {
        let json = self.run(&["status", "--json", "--user", user]).exits(0).json();
        json["participants"][0].clone()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

pub fn ran(command: &mut Command) -> Ran {
    let output = command.output().expect("the binary runs");
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn collect(folder: &Path, files: &mut Snapshot) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
            continue;
        }
        let modified = entry.metadata().and_then(|about| about.modified()).expect("a time");
        files.insert(path.clone(), (modified, std::fs::read(&path).unwrap_or_default()));
    }
}

pub fn hours(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count)
}

/// The whole minute before now.
pub fn just_now() -> Timestamp {
    let minute = Timestamp::now().as_second().div_euclid(60) - 1;
    Timestamp::from_second(minute * 60).expect("a time")
}
