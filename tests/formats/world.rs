//! A gateway of an earlier version goes on under the program of today: what waits is sent, what
//! was sent is not sent again, no consent is asked for anew, nothing is put aside.

use std::collections::{BTreeMap, BTreeSet};

use fitsync_sim::jiff::{SignedDuration, Timestamp};
use fitsync_sim::{Metric, Sim};
use serde_json::Value;

use crate::gateway::{Files, Gateway, files, people, write};
use crate::{Version, versions};

/// Who is on the gateway, and whose account it is.
const USERS: [(&str, &str); 4] =
    [("user_001", "p1"), ("user_002", "p2"), ("user_003", "p3"), ("user_004", "p4")];
const CONNECTED: [&str; 2] = ["user_001", "user_003"];

/// What the ledger of a sample says of a file.
struct Sample {
    user: String,
    bytes: Vec<u8>,
    waits: bool,
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}

/// The months of all ledgers: user, month, what is in it.
fn months(ledger: Files) -> Vec<(String, String, Value)> {
    let all = ledger.into_iter();
    let months = all.filter(|(name, _)| !name.ends_with("/head.json"));
    let month = |(name, bytes): (String, Vec<u8>)| {
        let (user, file) = name.split_once('/').expect("a folder");
        let month = file.strip_suffix(".json").expect("a month");
        (user.to_owned(), month.to_owned(), json(&bytes))
    };
    months.map(month).collect()
}

/// Every day's metrics in a month: date, metric, entry.
fn entries(month: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    let days = month["days"].as_object().expect("days").iter();
    days.flat_map(|(date, day)| {
        let metrics = day["metrics"].as_object().expect("metrics").iter();
        metrics.map(move |(metric, entry)| (date, metric, entry))
    })
}

/// The files that the sample's ledgers name, by their key in the bucket.
fn sample_files(version: &Version) -> BTreeMap<String, Sample> {
    let all = version.below("world/data");
    let mut found = BTreeMap::new();
    for (user, name, month) in months(version.below("world/data/ledger")) {
        let mut note = |metric: &str, stamp: &str, file: &Value| {
            let stamp = stamp.replace('-', "");
            let key = format!("users/{user}/{metric}/{user}_{metric}_{stamp}.csv");
            if let Some(bytes) = all.get(&key).cloned() {
                let waits = file["sha256"] != file["uploaded_sha256"];
                found.insert(key, Sample { user: user.clone(), bytes, waits });
            }
        };
        note("completeness", &name, &month["completeness"]);
        entries(&month).for_each(|(date, metric, entry)| note(metric, date, &entry["file"]));
    }
    found
}

/// The sample's gateway in a folder of this test. The people of this simulated world never signed
/// in there, so each consents once more, elsewhere, and the two secrets take the place of the
/// sample's in its files; nothing else is changed.
fn moved_in(version: &Version, sim: &Sim) -> Gateway {
    let mut elsewhere = Gateway::new(sim);
    elsewhere.unset("S3_BUCKET_RAW");
    let gateway = Gateway::new(sim);
    let mut tokens = version.below("world/tokens");
    for (user, who) in USERS {
        let old = json(&tokens[&format!("{user}.json")]);
        let provider = old["provider"].as_str().expect("a provider");
        elsewhere.set("FITSYNC_PROVIDER", provider);
        elsewhere.set("FITSYNC_METRICS", if user == "user_003" { "all" } else { FIVE });
        elsewhere.sign_in(sim, &["login", user], who);
        let new = std::fs::read(elsewhere.dir.join(format!("tokens/{user}.json")));
        let new = json(&new.expect("a token"));
        let theirs = tokens.iter_mut().filter(|(name, _)| name.starts_with(&format!("{user}.")));
        for (_, bytes) in theirs {
            let secret = |token: &Value, name| token[name].as_str().expect("a secret").to_owned();
            let mut text = String::from_utf8(bytes.clone()).expect("text");
            for name in ["access_token", "refresh_token"] {
                text = text.replace(&secret(&old, name), &secret(&new, name));
            }
            *bytes = text.into_bytes();
        }
    }
    tokens.iter().for_each(|(name, bytes)| write(&gateway.dir.join("tokens").join(name), bytes));
    let data = version.below("world/data");
    data.iter().for_each(|(name, bytes)| write(&gateway.dir.join("data").join(name), bytes));
    gateway
}

const FIVE: &str = "steps,calories,azm,hrv,wrist_temp";

/// The bands synced once more, a day after the sample was made, so that its days can be sealed;
/// never later, or a test of after years would read those years.
fn synced_after(version: &Version) -> Timestamp {
    let head = json(&version.files["world/data/ledger/user_001/head.json"]);
    let synced: Timestamp =
        head["device_synced_at"].as_str().expect("a time").parse().expect("one");
    let now = Timestamp::now() - SignedDuration::from_mins(1);
    now.min(synced + SignedDuration::from_hours(24))
}

/// One sample's gateway, and what it was before.
struct Upgrade {
    sim: Sim,
    gateway: Gateway,
    before: BTreeMap<String, Sample>,
    token_of_the_retired: Vec<u8>,
}

impl Upgrade {
    fn of(version: &Version) -> Upgrade {
        let sim = people(synced_after(version));
        let gateway = moved_in(version, &sim);
        sim.set_fitbit_retired(true);
        let before = sample_files(version);
        for (key, sample) in before.iter().filter(|(_, sample)| !sample.waits) {
            write(&sim.s3_dir().join(sim.bucket()).join(key), &sample.bytes);
        }
        let token_of_the_retired = std::fs::read(gateway.dir.join("tokens/user_002.json"));
        let token_of_the_retired = token_of_the_retired.expect("a token");
        sim.clear_requests();
        Upgrade { sim, gateway, before, token_of_the_retired }
    }

    fn state(&self, user: &str) -> Value {
        self.gateway.status(user)["state"].clone()
    }

    fn check_states(&self) {
        let states = USERS.map(|(user, _)| self.state(user));
        assert_eq!(states, ["connected", "retired", "connected", "withdrawn"]);
        let retired = std::fs::read(self.gateway.dir.join("tokens/user_002.json"));
        let member = |bytes: &[u8], name: &str| json(bytes)[name].clone();
        for name in ["refresh_token", "provider", "user_id", "state", "state_since"] {
            let now = member(retired.as_ref().expect("a token"), name);
            assert_eq!(now, member(&self.token_of_the_retired, name), "{name}");
        }
    }

    fn check_nothing_put_aside(&self) {
        for folder in ["data/quarantine", "tokens/unreadable"] {
            let found = files(&self.gateway.dir.join(folder));
            assert_eq!(found.keys().collect::<Vec<_>>(), Vec::<&String>::new(), "{folder}");
        }
        assert!(self.gateway.dir.join("data").is_symlink(), "the link is still one");
    }

    /// The waiting files are in the bucket as they were; user_004 withdrew, and has none.
    fn check_sent(&self) {
        let objects: BTreeMap<_, _> = self.sim.s3_objects().into_iter().collect();
        for (key, sample) in &self.before {
            let found = objects.get(key);
            assert_eq!(found.is_some(), sample.user != "user_004", "{key}");
            // A completeness file is made anew with the days.
            if sample.waits && !key.contains("/completeness/") {
                assert!(found.is_none_or(|bytes| *bytes == sample.bytes), "{key} is not as it was");
            }
        }
    }

    fn check_nothing_waits(&self) {
        let waiting = USERS.map(|(user, _)| self.gateway.status(user)["waiting"].clone());
        assert_eq!(waiting, [0, 0, 0, 0]);
    }

    /// Only what is new is put where something was sent.
    fn check_not_sent_again(&self) {
        let objects: BTreeMap<_, _> = self.sim.s3_objects().into_iter().collect();
        for (key, sample) in self.before.iter().filter(|(_, sample)| !sample.waits) {
            let same = objects.get(key) == Some(&sample.bytes);
            assert!(self.sim.puts(key) == 0 || !same, "{key} was sent again");
        }
    }

    fn check_withdrawn(&self) {
        let left = files(&self.gateway.dir);
        let left: Vec<_> = left.keys().filter(|name| name.contains("user_004")).collect();
        assert_eq!(left, ["tokens/user_004.withdrawn"]);
        assert!(!self.sim.is_granted("p4"));
        self.gateway.run(&["login", "user_004"]).exits(2);
    }

    /// A run reads what was owed; it fails for nobody but who is on the retired API.
    fn sync(&self, words: &[&str]) {
        let ran = self.gateway.run(&[&["sync", "--json"], words].concat());
        assert!(matches!(ran.code, Some(0 | 3)), "{:?}: {}", ran.code, ran.stderr);
        for one in ran.json()["participants"].as_array().expect("participants") {
            let failures = one["failures"].as_array().expect("failures").iter();
            let classes: BTreeSet<_> = failures.filter_map(|one| one["class"].as_str()).collect();
            let expected = BTreeSet::from(["retired"]);
            assert!(classes.is_empty() || (one["user_id"] == "user_002" && classes == expected));
        }
    }

    /// What was granted still is.
    fn check_granted(&self, user: &str, metrics: &[Metric]) {
        let status = self.gateway.status(user);
        for metric in metrics {
            assert_eq!(status["metrics"][metric.name()]["granted"], true, "{}", metric.name());
        }
    }

    /// No day of the sample is owed any more, where the participant can be read.
    fn check_read(&self, version: &Version) {
        let mut owed = 0;
        let now = months(files(&self.gateway.dir.join("data/ledger")));
        for (user, name, month) in months(version.below("world/data/ledger")) {
            if !CONNECTED.contains(&user.as_str()) {
                continue;
            }
            let same = now.iter().find(|(one, other, _)| (one, other) == (&user, &name));
            let (_, _, found) = same.unwrap_or_else(|| panic!("{user} {name} is gone"));
            for (date, metric, before) in entries(&month) {
                let entry = &found["days"][date]["metrics"][metric];
                assert!(entry["read_at"].is_string(), "{user} {date} {metric}");
                assert_ne!(entry["state"], "wanted", "{user} {date} {metric}");
                owed += usize::from(before["state"] == "wanted");
            }
        }
        assert!(owed > 0, "the sample owes some");
    }

    /// All metrics that user_003 was told of are known, and every day of the study window; those
    /// that came later were never asked.
    fn check_all_metrics(&mut self, version: &Version) {
        let before = months(version.below("world/data/ledger"));
        let of_user = before.iter().filter(|(user, _, _)| user == "user_003");
        let known: BTreeSet<String> = of_user
            .flat_map(|(_, _, month)| entries(month).map(|(_, metric, _)| metric.clone()))
            .collect();
        self.gateway.set("FITSYNC_METRICS", "all");
        self.sync(&["--user", "user_003"]);
        self.check_granted("user_003", &Metric::ALL);
        let status = self.gateway.status("user_003");
        let window = (&status["collect_from"], &status["collect_until"]);
        assert_eq!(window, (&Value::from("2026-10-31"), &Value::from("2026-11-02")));
        let objects = self.sim.s3_objects().into_iter();
        let files = objects.filter(|(key, _)| key.starts_with("users/user_003/completeness/"));
        let told: String =
            files.map(|(_, bytes)| String::from_utf8(bytes).expect("text")).collect();
        for metric in Metric::ALL {
            for date in ["2026-10-31", "2026-11-01", "2026-11-02"] {
                let row = format!("user_003,{},{date},", metric.name());
                let row = told.lines().find_map(|line| line.strip_prefix(&row));
                let state = row.and_then(|rest| rest.split(',').next());
                let read = matches!(state, Some("sealed" | "provisional"));
                assert_eq!(read, known.contains(metric.name()), "{metric:?} {date} {state:?}");
                assert!(read || state == Some("never_asked"), "{metric:?} {date} {state:?}");
            }
        }
    }
}

#[test]
fn a_gateway_of_every_version_goes_on_and_loses_nothing() {
    for version in versions() {
        let mut upgrade = Upgrade::of(version);
        let waiting = |user: &str| upgrade.before.values().any(|one| one.user == user && one.waits);
        assert!(USERS.iter().all(|(user, _)| waiting(user)), "everybody has waiting files");
        upgrade.check_states();
        upgrade.gateway.run(&["upload", "--json"]).exits(0);
        upgrade.check_sent();
        upgrade.check_nothing_waits();
        upgrade.check_not_sent_again();
        upgrade.sync(&[]);
        upgrade.check_nothing_waits();
        upgrade.check_not_sent_again();
        upgrade.check_read(version);
        CONNECTED.iter().for_each(|user| upgrade.check_granted(user, &Metric::FIVE));
        upgrade.check_withdrawn();
        upgrade.check_all_metrics(version);
        upgrade.check_states();
        upgrade.check_nothing_put_aside();
    }
}
