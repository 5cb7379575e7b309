//! `fitsync verify` and `--repair`: the real binary against a real S3 server.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fitsync::aws::environment::Environment;
use fitsync::core::day::{DaySpan, zone};
use fitsync::core::hash::sha256_hex;
use fitsync::core::user::{COMPLETENESS, UserId, file_path};
use fitsync::io::clock::Clock;
use fitsync::io::files;
use fitsync::io::net::http::Http;
use fitsync::ledger::completeness;
use fitsync::ledger::entry::{Reading, State};
use fitsync::ledger::folder::Ledger;
use fitsync::ledger::head::Head;
use fitsync::ledger::month::MonthKey;
use fitsync::s3::store::{Store, StoreConfig};
use fitsync_sim::{Options, Sim};
use jiff::Timestamp;
use jiff::civil::{Date, date};

const METRICS: [&str; 2] = ["steps", "hrv"];

/// A world, and a data folder with three days of two metrics and a completeness file.
struct Gateway {
    sim: Sim,
    dir: PathBuf,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn user() -> UserId {
    "u1".parse().unwrap()
}

fn days() -> [Date; 3] {
    [date(2026, 10, 1), date(2026, 10, 2), date(2026, 11, 1)]
}

fn body(metric: &str, date: Date) -> Vec<u8> {
    format!("user_id,metric,date\nu1,{metric},{date}\n").into_bytes()
}

impl Gateway {
    fn new(name: &str) -> Self {
        let dir =
            std::env::temp_dir().join(format!("fitsync-verify-{}-{name}", std::process::id()));
        let one = Self { sim: Sim::start(Options::default()), dir };
        one.write_ledger();
        let output = one.run(&["upload"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert_eq!(one.sim.s3_objects().len(), 8);
        one
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn local(&self, metric: &str, date: Date) -> PathBuf {
        self.data().join(file_path(&user(), metric, date))
    }

    fn write_file(&self, path: &Path, bytes: &[u8]) {
        files::make_folder(path.parent().unwrap()).unwrap();
        files::write_durably(path, bytes).unwrap();
    }

    fn write_ledger(&self) {
        let mut ledger = Ledger::open(&self.data(), &user()).unwrap();
        for day in days() {
            for metric in METRICS {
                let span = DaySpan::natural(day, &zone("UTC").unwrap(), "UTC");
                ledger.note(metric, day, &span, "account", State::Wanted);
                let bytes = body(metric, day);
                self.write_file(&self.local(metric, day), &bytes);
                let reading = Reading {
                    rows: 1,
                    sha256: sha256_hex(&bytes),
                    bytes: bytes.len() as u64,
                    at: Timestamp::now(),
                    device_synced_at: None,
                    seals: true,
                    unfinished: false,
                    clock_wrong: false,
                    provider: "google-health",
                    data_source: "all-sources",
                };
                let _ = ledger.entry_mut(metric, day).unwrap().settle(&reading);
            }
        }
        for key in [MonthKey::of(days()[0]), MonthKey::of(days()[2])] {
            let month = ledger.month_mut(key).unwrap();
            let bytes = completeness::csv(&user(), month, &Head::default()).unwrap();
            month.completeness.written(&sha256_hex(&bytes), bytes.len() as u64);
            self.write_file(&self.local(COMPLETENESS, key.first_day()), &bytes);
        }
        ledger.save().unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_fitsync"))
            .args(arguments)
            .current_dir(&self.dir)
            .env_clear()
            .envs(self.sim.environment())
            .env("FITSYNC_DATA_DIR", self.data())
            .env("TOKEN_STORE_DIR", self.dir.join("tokens"))
            .env("FITBIT_USER_IDS", "u1")
            .output()
            .unwrap()
    }

    /// The store itself, to spoil things.
    fn store(&self) -> Store {
        let pairs = self.sim.environment();
        let environment = Environment::new(|name| {
            pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
        });
        let bucket = self.sim.bucket().to_owned();
        let http = Http::new(&[], &Clock::default(), 2).unwrap();
        Store::new(StoreConfig { bucket, environment, ..StoreConfig::default() }, &http).unwrap()
    }

    fn delete(&self, metric: &str, date: Date) {
        let store = self.store();
        store.delete(&store.key(&file_path(&user(), metric, date)).unwrap()).unwrap();
    }

    fn replace(&self, metric: &str, date: Date, body: &[u8]) {
        let store = self.store();
        store.put(&store.key(&file_path(&user(), metric, date)).unwrap(), body).unwrap();
    }

    fn state(&self, metric: &str, date: Date) -> (State, bool) {
        let mut ledger = Ledger::look(&self.data(), &user()).unwrap();
        ledger.open_months([MonthKey::of(date)]).unwrap();
        let entry = ledger.entry_mut(metric, date).unwrap();
        (entry.state, entry.file.waits())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_store_that_has_everything_is_confirmed() {
    let one = Gateway::new("same");
    one.sim.clear_requests();
    let output = one.run(&["verify"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "");
    assert!(text(&output.stderr).contains("compared=8 missing=0 different=0"));
    assert!(one.sim.requests().iter().all(|seen| seen.method == "HEAD"));
    assert_eq!(one.sim.requests().len(), 8);
}

#[test]
fn what_is_missing_or_different_is_listed() {
    let one = Gateway::new("listed");
    let [first, second, third] = days();
    one.delete("steps", first);
    one.replace("hrv", second, b"other bytes");
    let mut same_size = body("steps", third);
    same_size[0] = b'U';
    one.replace("steps", third, &same_size);
    let output = one.run(&["verify", "--user=u1"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stdout),
        "missing s3://sim-raw/users/u1/steps/u1_steps_20261001.csv\n\
         different s3://sim-raw/users/u1/hrv/u1_hrv_20261002.csv\n\
         different s3://sim-raw/users/u1/steps/u1_steps_20261101.csv\n"
    );
    let output = one.run(&["verify", "--json"]);
    let json = text(&output.stdout);
    for part in [
        "\"version\":1,\"exit\":1,\"compared\":5,\"by_size_alone\":0,\"missing\":1,\"different\":2",
        "\"missing_keys\":[\"users/u1/steps/u1_steps_20261001.csv\"]",
    ] {
        assert!(json.contains(part), "{json}");
    }
    assert_eq!(one.state("steps", first), (State::Sealed, false));
}

#[test]
fn a_repair_queues_again_and_has_the_day_read_where_the_file_is_gone() {
    let one = Gateway::new("repair");
    let [first, second, third] = days();
    one.delete("steps", first);
    one.delete("hrv", second);
    one.delete(COMPLETENESS, date(2026, 10, 1));
    one.replace("steps", third, b"other bytes");
    std::fs::remove_file(one.local("hrv", second)).unwrap();
    std::fs::remove_file(one.local(COMPLETENESS, date(2026, 10, 1))).unwrap();
    let output = one.run(&["verify", "--repair"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("repaired=4"), "{}", text(&output.stderr));
    assert_eq!(one.state("steps", first), (State::Sealed, true));
    assert_eq!(one.state("steps", third), (State::Sealed, true));
    assert_eq!(one.state("hrv", second), (State::Wanted, false));
    assert_eq!(one.run(&["upload"]).status.code(), Some(0));
    let objects = one.sim.s3_objects();
    for (metric, day) in [("steps", first), ("steps", third)] {
        let path = file_path(&user(), metric, day);
        let found = objects.iter().find(|(key, _)| *key == path).unwrap();
        assert_eq!(found.1, body(metric, day));
    }
    let path = file_path(&user(), COMPLETENESS, first);
    let completeness = objects.iter().find(|(key, _)| *key == path).unwrap();
    assert!(text(&completeness.1).contains("u1,hrv,2026-10-02,wanted"));
    let output = one.run(&["verify"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), String::new()));
}

#[test]
fn a_store_out_of_reach_or_without_the_bucket_is_no_list_of_losses() {
    let one = Gateway::new("down");
    one.sim.set_down(true);
    let output = one.run(&["verify"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(75), String::new()));
    one.sim.set_down(false);
    std::fs::remove_dir_all(one.sim.s3_dir().join(one.sim.bucket())).unwrap();
    let output = one.run(&["verify"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), String::new()));
    assert!(text(&output.stderr).contains("bucket sim-raw does not exist"));
    let output = one.run(&["verify", "--json"]);
    let json = text(&output.stdout);
    assert!(json.contains("\"exit\":1,\"compared\":0"), "{json}");
    assert!(json.contains("bucket sim-raw does not exist"), "{json}");
}
