//! A small simulated world, a gateway in it whose data folder is reached through a link, and the
//! binary that runs there.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use fitsync_sim::jiff::civil::date;
use fitsync_sim::jiff::{Span, Timestamp, tz::TimeZone};
use fitsync_sim::{Metric, Options, Participant, Sim};
use serde_json::Value;

/// Of a hundred minutes that a band would tell of: samples are small.
const ROWS_PERCENT: u8 = 1;

const OF_MINUTES: [Metric; 6] = [
    Metric::Steps,
    Metric::Calories,
    Metric::Azm,
    Metric::HeartRate,
    Metric::Distance,
    Metric::Floors,
];

/// Six people whose bands all synced at that time. The data of a day is always the same.
pub fn people(synced: Timestamp) -> Sim {
    let mut participants = Participant::numbered(6);
    for one in &mut participants {
        one.devices.iter_mut().for_each(|device| device.last_sync = synced);
        one.off_percent = 0;
        one.missing_nights_percent = 0;
    }
    let all_but_sleep =
        ["activity_and_fitness", "health_metrics_and_measurements", "profile", "settings"];
    participants[4].grants = Some(all_but_sleep.map(str::to_owned).to_vec());
    let sim = Sim::start(Options { participants, empty_pages_percent: 0, ..Options::default() });
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let last = today.tomorrow().expect("a day"); // it may have begun already
    let first = date(2026, 10, 20);
    for day in first.series(Span::new().days(1)).take_while(|day| *day <= last) {
        for who in sim.names() {
            for metric in OF_MINUTES {
                sim.shrink_day(&who, Some(metric), day, ROWS_PERCENT).expect("somebody");
            }
        }
    }
    sim
}

pub struct Gateway {
    pub dir: PathBuf,
    settings: BTreeMap<String, String>,
}

/// What a command answered.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        let json = serde_json::from_str(&self.stdout);
        json.unwrap_or_else(|_| panic!("not JSON: {}\n{}", self.stdout, self.stderr))
    }
}

impl Gateway {
    /// Without participants, in a folder of its own, which goes with it.
    pub fn new(sim: &Sim) -> Gateway {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("fitsync-formats-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&dir);
        for folder in ["disk/data", "tokens"] {
            fs::create_dir_all(dir.join(folder)).expect("a folder");
            fs::set_permissions(dir.join(folder), fs::Permissions::from_mode(0o700)).expect("mode");
        }
        symlink("disk/data", dir.join("data")).expect("a link");
        let mut gateway = Gateway { dir, settings: BTreeMap::new() };
        let environment = sim.environment().into_iter().chain(sim.fitbit_environment());
        environment.for_each(|(name, value)| gateway.set(name, &value));
        for (name, folder) in [("FITSYNC_DATA_DIR", "data"), ("TOKEN_STORE_DIR", "tokens")] {
            let path = gateway.dir.join(folder).to_string_lossy().into_owned();
            gateway.set(name, &path);
        }
        gateway.set("FITSYNC_PROVIDER", "google-health");
        gateway.set("FITSYNC_LISTEN", "127.0.0.1:0");
        gateway.set("FITSYNC_LOOKBACK_DAYS", "2");
        gateway
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.insert(name.to_owned(), value.to_owned());
    }

    pub fn unset(&mut self, name: &str) {
        self.settings.remove(name);
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fitsync"));
        command.args(words).env_clear().envs(&self.settings);
        command.env("HOME", &self.dir).current_dir(&self.dir).stdin(Stdio::null());
        command
    }

    pub fn run(&self, words: &[&str]) -> Ran {
        let output = self.command(words).output().expect("the binary runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// A command that asks on its standard input, and answers to it.
    fn asks(&self, words: &[&str]) -> Child {
        let said = File::create(self.dir.join("said")).expect("a file");
        let mut command = self.command(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(said);
        command.spawn().expect("the binary runs")
    }

    #[track_caller]
    fn ends_well(&self, child: &mut Child) {
        let status = child.wait().expect("an end");
        let said = fs::read_to_string(self.dir.join("said")).unwrap_or_default();
        assert!(status.success(), "{said}");
    }

    /// A sign-in by `login` or `migrate`, as a person does it.
    #[track_caller]
    pub fn sign_in(&self, sim: &Sim, words: &[&str], who: &str) {
        let mut child = self.asks(words);
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout"));
        let mut stdin = child.stdin.take().expect("stdin");
        let mut url = String::new();
        stdout.read_line(&mut url).expect("an address");
        let address = sim.consent(url.trim_end(), who).expect("a consent");
        stdin.write_all(format!("{address}\n").as_bytes()).expect("an open stdin");
        self.ends_well(&mut child);
    }

    #[track_caller]
    pub fn set_password(&self, password: &str) {
        let mut child = self.asks(&["serve", "--set-password"]);
        let mut stdin = child.stdin.take().expect("stdin");
        stdin.write_all(format!("{password}\n").as_bytes()).expect("an open stdin");
        self.ends_well(&mut child);
    }

    /// `status --json` of a participant.
    #[track_caller]
    pub fn status(&self, user: &str) -> Value {
        let json = self.run(&["status", "--json", "--user", user]).exits(0).json();
        json["participants"][0].clone()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Files by their path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// All files below a folder, by their path in it; locks, which hold nothing, are left out.
pub fn files(folder: &Path) -> Files {
    let (mut found, mut folders) = (Files::new(), vec![folder.to_owned()]);
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(&below).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).expect("below").to_string_lossy().into_owned();
            if !name.ends_with(".lock") {
                found.insert(name, fs::read(&path).expect("a file"));
            }
        }
    }
    found
}

/// Writes a file that belongs to its owner alone, and the folders above it.
pub fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, bytes).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("mode");
}
