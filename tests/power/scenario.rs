//! The commands that change something, each in a world where it has something to do.

use fitsync_sim::jiff::civil::Date;
use fitsync_sim::{Host, Rotation};

use crate::check::{days_ago, is_data};
use crate::gateway::{Gateway, Ran, USER, WHO};

/// What must be true in the end, whatever happened meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// Who signed in is connected once the token is durable.
    Connected,
    /// The bucket has what was measured, and the consent stands.
    Whole,
    /// What was sent before stands, whichever of the two accounts holds the id.
    Moved,
    /// The bucket has again what it had lost.
    Repaired,
    /// Nothing is left of the participant: here, at the provider, and perhaps in the bucket.
    Withdrawn { objects: bool },
}

/// What a refresh does to the refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotates {
    Not,
    /// The one before still serves for two minutes.
    Grace,
    /// It is dead at once.
    AtOnce,
}

pub struct Scenario {
    pub name: &'static str,
    /// What happened before, undisturbed.
    pub prepare: fn(&mut Gateway),
    /// The run that meets the accident.
    pub command: &'static [&'static str],
    pub promise: Promise,
    pub rotates: Rotates,
    /// The command asks for two days of another month.
    pub backfill: bool,
    /// The files of days are from long ago.
    pub aged: bool,
    /// Something cannot be read from the start, and is put aside.
    pub damaged: bool,
}

const PLAIN: Scenario = Scenario {
    name: "",
    prepare: |_| {},
    command: &["sync"],
    promise: Promise::Whole,
    rotates: Rotates::Not,
    backfill: false,
    aged: false,
    damaged: false,
};

const WITHDRAW: &[&str] = &["withdraw", USER, "--yes"];
const WITHDRAW_OBJECTS: &[&str] = &["withdraw", USER, "--yes", "--delete-objects"];

pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "sign-in", command: &["login", USER], promise: Promise::Connected, ..PLAIN },
    Scenario { name: "first sync", prepare: sign_in, ..PLAIN },
    Scenario {
        name: "backfill",
        prepare: synced,
        command: &["sync", "--from"],
        backfill: true,
        ..PLAIN
    },
    Scenario {
        name: "upload",
        prepare: |gateway| {
            sign_in(gateway);
            expect(gateway.run(&["sync", "--no-upload"], None));
        },
        command: &["upload"],
        ..PLAIN
    },
    Scenario {
        name: "refresh",
        prepare: |gateway| {
            gateway.sim.set_rotation(Rotation::RotateWithGrace);
            synced(gateway);
            revised(gateway);
        },
        rotates: Rotates::Grace,
        ..PLAIN
    },
    Scenario {
        name: "no grace",
        prepare: |gateway| {
            gateway.sim.set_rotation(Rotation::Rotate);
            synced(gateway);
            revised(gateway);
        },
        rotates: Rotates::AtOnce,
        ..PLAIN
    },
    Scenario {
        name: "retired API",
        prepare: |gateway| {
            on_fitbit(gateway);
            gateway.sim.set_fitbit_grace(false);
            revised(gateway);
        },
        promise: Promise::Moved,
        rotates: Rotates::AtOnce,
        ..PLAIN
    },
    Scenario { name: "again", prepare: synced, command: &["login", USER], ..PLAIN },
    Scenario {
        name: "replace",
        prepare: synced,
        command: &["login", USER, "--replace"],
        promise: Promise::Moved,
        ..PLAIN
    },
    Scenario {
        name: "migrate",
        prepare: |gateway| {
            on_fitbit(gateway);
            gateway.settings.remove("FITSYNC_PROVIDER");
        },
        command: &["migrate", USER],
        promise: Promise::Moved,
        ..PLAIN
    },
    Scenario {
        name: "withdraw",
        prepare: synced,
        command: WITHDRAW,
        promise: Promise::Withdrawn { objects: false },
        ..PLAIN
    },
    Scenario {
        name: "objects",
        prepare: synced,
        command: WITHDRAW_OBJECTS,
        promise: Promise::Withdrawn { objects: true },
        ..PLAIN
    },
    Scenario {
        name: "finish",
        prepare: |gateway| {
            synced(gateway);
            // The provider and the store are away, so the next run has both to do.
            gateway.sim.set_down(true);
            gateway.run(WITHDRAW_OBJECTS, None);
            gateway.sim.set_down(false);
        },
        promise: Promise::Withdrawn { objects: true },
        ..PLAIN
    },
    Scenario {
        name: "repair",
        prepare: bucket_lost_some,
        command: &["verify", "--repair"],
        promise: Promise::Repaired,
        ..PLAIN
    },
    Scenario {
        name: "lost month",
        prepare: |gateway| {
            synced(gateway);
            for month in months(gateway) {
                std::fs::remove_file(month).expect("a month");
            }
            make_lookback_due(gateway);
        },
        ..PLAIN
    },
    Scenario {
        name: "bad month",
        prepare: |gateway| {
            synced(gateway);
            for month in months(gateway) {
                std::fs::write(month, [0; 512]).expect("a month");
            }
            make_lookback_due(gateway);
        },
        damaged: true,
        ..PLAIN
    },
    Scenario {
        name: "keep days",
        prepare: |gateway| {
            synced(gateway);
            let (from, to) = backfill(gateway);
            let (from, to) = (from.to_string(), to.to_string());
            expect(gateway.run(&["sync", "--from", &from, "--to", &to], None));
            gateway.settings.insert("FITSYNC_KEEP_DAYS".into(), "30".into());
        },
        aged: true,
        ..PLAIN
    },
];

pub fn expect(ran: Ran) {
    assert_eq!(ran.code, Some(0), "{}", ran.said);
}

pub fn sign_in(gateway: &mut Gateway) {
    expect(gateway.run(&["login", USER], None));
}

pub fn synced(gateway: &mut Gateway) {
    sign_in(gateway);
    expect(gateway.run(&["sync"], None));
}

fn on_fitbit(gateway: &mut Gateway) {
    for (name, value) in gateway.sim.fitbit_environment() {
        gateway.settings.insert(name.to_owned(), value);
    }
    gateway.settings.insert("FITSYNC_PROVIDER".into(), "fitbit".into());
    synced(gateway);
}

/// Yesterday reads otherwise now, and the access token is over.
fn revised(gateway: &mut Gateway) {
    let (yesterday, _) = days_ago(gateway, 1, 0);
    gateway.sim.revise_day(WHO, None, yesterday).expect("p1");
    gateway.sim.expire_access_tokens();
    make_lookback_due(gateway);
}

/// The look-back was last read two days ago, so it is due.
pub fn make_lookback_due(gateway: &Gateway) {
    let (then, _) = days_ago(gateway, 2, 0);
    let ledgers = std::fs::read_dir(gateway.data().join("ledger")).into_iter().flatten().flatten();
    for head in ledgers.map(|ledger| ledger.path().join("head.json")) {
        // It was never read.
        let Ok(text) = std::fs::read_to_string(&head) else { continue };
        let Some(at) = text.find("\"lookback_read_at\":\"").map(|at| at + 20) else { continue };
        let old = format!("{}{then}{}", &text[..at], &text[at + 10..]);
        std::fs::write(head, old).expect("the head");
    }
}

fn months(gateway: &Gateway) -> Vec<std::path::PathBuf> {
    let folder = gateway.data().join("ledger").join(USER);
    let files = std::fs::read_dir(folder).expect("a ledger").flatten().map(|file| file.path());
    files.filter(|path| !path.ends_with("head.json")).collect()
}

/// Of yesterday one object is gone and another is not what was sent; the file of a third, which is
/// gone too, is not here any more either.
fn bucket_lost_some(gateway: &mut Gateway) {
    synced(gateway);
    let objects = gateway.sim.s3_objects().into_iter().map(|(key, _)| key);
    let days: Vec<String> = objects.filter(|key| is_data(key)).collect();
    let bucket = gateway.sim.s3_dir().join(gateway.sim.bucket());
    let steps: Vec<&String> = days.iter().filter(|key| key.contains("/steps/")).collect();
    let hrv = days.iter().find(|key| key.contains("/hrv/")).expect("a night");
    std::fs::remove_file(bucket.join(hrv)).expect("an object");
    std::fs::remove_file(bucket.join(steps[0])).expect("an object");
    std::fs::remove_file(gateway.data().join(steps[0])).expect("a file");
    std::fs::write(bucket.join(steps[1]), "another").expect("an object");
}

/// Two days of another month.
pub fn backfill(gateway: &Gateway) -> (Date, Date) {
    days_ago(gateway, 45, 44)
}

/// The keys that were sent to the bucket since the requests were cleared.
pub fn sent(gateway: &Gateway) -> Vec<String> {
    let puts = gateway.sim.requests().into_iter();
    let puts = puts.filter(|seen| seen.host == Host::S3 && seen.method == "PUT");
    puts.map(|seen| seen.path).collect()
}
