//! What runs when the accident happens, and the loop over all instants.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use fitsync_sim::jiff::civil::Date;
use fitsync_sim::{Host, Rotation};

use crate::Arguments;
use crate::check::{self, Wrong, days_ago, entries};
use crate::disk::{Disk, State, operations};
use crate::gateway::{Gateway, Ran, Shim, Tree, USER, WHO};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accident {
    Kill,
    Cut,
    Fail,
}

/// ENOSPC, EROFS, EIO.
const ERRORS: [i32; 3] = [28, 30, 5];

pub struct Scenario {
    pub name: &'static str,
    /// What happened before, undisturbed.
    prepare: fn(&Gateway),
    /// The run that meets the accident.
    command: &'static [&'static str],
    /// The provider changes the refresh token at each use, so every accident needs a new world.
    rotates: bool,
    /// Days in the bucket at the end, besides the look-back: from and to, in days ago.
    backfill: bool,
}

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "sign-in",
        prepare: |_| {},
        command: &["login", USER],
        rotates: false,
        backfill: false,
    },
    Scenario {
        name: "first sync",
        prepare: sign_in,
        command: &["sync"],
        rotates: false,
        backfill: false,
    },
    Scenario {
        name: "backfill",
        prepare: synced,
        command: &["sync", "--from"],
        rotates: false,
        backfill: true,
    },
    Scenario {
        name: "upload",
        prepare: |gateway| {
            sign_in(gateway);
            expect(gateway.run(&["sync", "--no-upload"], None));
        },
        command: &["upload"],
        rotates: false,
        backfill: false,
    },
    Scenario {
        name: "refresh",
        prepare: |gateway| {
            gateway.sim.set_rotation(Rotation::RotateWithGrace);
            synced(gateway);
            revised(gateway);
        },
        command: &["sync"],
        rotates: true,
        backfill: false,
    },
];

fn expect(ran: Ran) {
    assert_eq!(ran.code, Some(0), "{}", ran.said);
}

fn sign_in(gateway: &Gateway) {
    expect(gateway.run(&["login", USER], None));
}

fn synced(gateway: &Gateway) {
    sign_in(gateway);
    expect(gateway.run(&["sync"], None));
}

/// Yesterday reads otherwise now, and the access token is over.
fn revised(gateway: &Gateway) {
    let (yesterday, _) = days_ago(gateway, 1, 0);
    gateway.sim.revise_day(WHO, None, yesterday).expect("p1");
    gateway.sim.expire_access_tokens();
    make_lookback_due(gateway);
}

/// The days of the look-back may all have changed.
pub fn make_lookback_due(gateway: &Gateway) {
    let head = gateway.data().join("ledger").join(USER).join("head.json");
    // It was never read.
    let Ok(text) = std::fs::read_to_string(&head) else { return };
    let Some(at) = text.find("\"lookback_read_at\":\"").map(|at| at + 20) else { return };
    let old = format!("{}2020{}", &text[..at], &text[at + 4..]);
    std::fs::write(head, old).expect("the head");
}

#[derive(Debug, Default)]
pub struct Outcome {
    pub instants: u64,
    pub accidents: u64,
    pub wrong: Vec<String>,
}

impl Outcome {
    pub fn add(&mut self, other: Outcome) {
        self.instants += other.instants;
        self.accidents += other.accidents;
        self.wrong.extend(other.wrong);
    }
}

/// Every instant of one scenario, shared out to some workers.
pub fn run(scenario: &Scenario, accident: Accident, arguments: &Arguments) -> Outcome {
    let (program, every) = (arguments.program.as_path(), arguments.every);
    let next = AtomicU64::new(1);
    // A broken disk ends a run early, so how long it is must be known before.
    let total = match accident {
        Accident::Fail => Stage::new(scenario, program).length(),
        _ => u64::MAX,
    };
    let ended = AtomicBool::new(false);
    let sum = Mutex::new(Outcome::default());
    std::thread::scope(|scope| {
        for _ in 0..arguments.workers {
            scope.spawn(|| {
                let mut stage = Stage::new(scenario, program);
                stage.sampled = every > 1;
                while !ended.load(Ordering::Relaxed) {
                    let instant = next.fetch_add(every, Ordering::Relaxed);
                    if instant > total {
                        break;
                    }
                    let (outcome, last) = stage.instant(accident, instant);
                    ended.fetch_or(last, Ordering::Relaxed);
                    sum.lock().unwrap_or_else(PoisonError::into_inner).add(outcome);
                }
            });
        }
    });
    sum.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// A gateway at the moment before the run.
struct Stage<'a> {
    scenario: &'a Scenario,
    program: &'a Path,
    gateway: Gateway,
    root: Tree,
    bucket: Tree,
    arguments: Vec<String>,
    /// Not every instant is looked at.
    sampled: bool,
}

impl<'a> Stage<'a> {
    fn new(scenario: &'a Scenario, program: &'a Path) -> Stage<'a> {
        let gateway = Gateway::new(program);
        (scenario.prepare)(&gateway);
        let (root, bucket) = (gateway.tree(), gateway.bucket());
        let mut arguments: Vec<String> =
            scenario.command.iter().map(|word| (*word).to_owned()).collect();
        if scenario.backfill {
            let (from, to) = backfill(&gateway);
            arguments.extend([from.to_string(), "--to".to_owned(), to.to_string()]);
        }
        Stage { scenario, program, gateway, root, bucket, arguments, sampled: false }
    }

    fn renew(&mut self) {
        if self.scenario.rotates {
            *self = Stage { sampled: self.sampled, ..Stage::new(self.scenario, self.program) };
        } else {
            self.gateway.restore(&self.root, &self.bucket);
        }
    }

    fn fire(&self, shim: Shim) -> Ran {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        self.gateway.run(&arguments, Some(shim))
    }

    /// The number of operations of the undisturbed run.
    fn length(&mut self) -> u64 {
        let ran = self.fire(Shim::default());
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        operations(&ran.log).last().map_or(0, |last| last.number)
    }

    /// The accident at one instant; whether the run had ended before it.
    fn instant(&mut self, accident: Accident, instant: u64) -> (Outcome, bool) {
        let mut outcome = Outcome { instants: 1, ..Outcome::default() };
        if accident == Accident::Fail {
            self.fail(instant, &mut outcome);
            return (outcome, false);
        }
        let mut which = 0;
        loop {
            self.renew();
            let ran = self.fire(Shim { kill_at: instant, ..Shim::default() });
            let ended = ran.code.is_some();
            let (states, changed) = self.states(&ran, &mut outcome.wrong);
            // Where nothing was written since the instant before, its states were seen there.
            let seen = !(changed || ended || self.sampled);
            let count = if accident == Accident::Kill || seen { 1 } else { states.len() };
            let first = if accident == Accident::Cut { usize::from(!ended) } else { 0 };
            let bucket = self.gateway.bucket();
            which = which.max(first);
            while which < count {
                let state = &states[which];
                which += 1;
                outcome.accidents += 1;
                self.gateway.restore(&state.tree, &bucket);
                let wrong = self.recover(&bucket, ended);
                let place = format!("{} at {instant}, {}", self.scenario.name, state.why);
                outcome.wrong.extend(wrong.into_iter().map(|what| format!("{place}: {what}")));
                if self.scenario.rotates {
                    break;
                }
            }
            if which >= count {
                return (outcome, ended);
            }
        }
    }

    /// What the disk may hold, and whether the last operation changed anything. What it holds
    /// without a loss is what the model says, or the model is wrong.
    fn states(&self, ran: &Ran, wrong: &mut Wrong) -> (Vec<State>, bool) {
        let mut disk = Disk::new(&self.root);
        let done = operations(&ran.log);
        for operation in &done {
            disk.follow(&self.gateway.root, operation);
        }
        let states = disk.states();
        // Space that was reserved and not yet written is no part of the model.
        let known = |tree: &Tree| -> Tree {
            let whole = tree.iter().filter(|(name, _)| !name.to_string_lossy().ends_with(".tmp"));
            whole.map(|(name, bytes)| (name.clone(), bytes.clone())).collect()
        };
        if known(&states[0].tree) != known(&self.gateway.tree()) {
            wrong.push(format!("the model of the disk is wrong after {} operations", done.len()));
        }
        let changes = ["create", "mkdir", "write", "truncate", "rename", "unlink", "fsync"];
        let last = done.last().map_or("", |operation| operation.kind.as_str());
        (states, changes.contains(&last))
    }

    /// The run after the accident, and what must hold then.
    fn recover(&self, bucket: &Tree, ended: bool) -> Wrong {
        let gateway = &self.gateway;
        let mut wrong = Wrong::new();
        let known = entries(gateway);
        gateway.sim.clear_requests();
        let token = check::token(gateway).is_some();
        if self.scenario.name == "sign-in" && !token {
            if ended {
                wrong.push("the sign-in had ended well and its token is gone".to_owned());
            }
            let again = gateway.run(&["login", USER], None);
            if again.code != Some(0) {
                wrong.push(format!("login: {again:?}"));
            }
        }
        let ran = gateway.run(&["sync"], None);
        if ran.code != Some(0) {
            wrong.push(format!("sync ended with {:?}: {}", ran.code, ran.said));
        }
        let sent = self.sent();
        wrong.extend(check::check(gateway, &self.days()));
        wrong.extend(sent_again(&known, bucket, gateway, &sent));
        gateway.sim.clear_requests();
        let idle = gateway.run(&["sync"], None);
        let requests = gateway.sim.requests().len();
        if idle.code != Some(0) || requests != 1 {
            let code = idle.code;
            wrong.push(format!("the run after ended with {code:?} and made {requests} requests"));
        }
        if self.scenario.rotates {
            gateway.sim.expire_access_tokens();
            let renewed = gateway.run(&["sync"], None);
            if renewed.code != Some(0) {
                wrong.push(format!("the token is refused: {}", renewed.said));
            }
        }
        wrong
    }

    /// The keys that were sent to the bucket since the requests were cleared.
    fn sent(&self) -> Vec<String> {
        let puts = self.gateway.sim.requests().into_iter();
        let puts = puts.filter(|seen| seen.host == Host::S3 && seen.method == "PUT");
        puts.map(|seen| seen.path).collect()
    }

    fn days(&self) -> Vec<(Date, Date)> {
        let mut days = vec![days_ago(&self.gateway, 1, 0)];
        // A kill before the first write of the plan forgets the backfill: it was never accepted.
        let from = backfill(&self.gateway).0;
        let owed = entries(&self.gateway).keys().any(|(date, _)| *date == from);
        if self.scenario.backfill && owed {
            days.push(backfill(&self.gateway));
        }
        days
    }

    /// From this operation on the disk is full, read-only or broken; then it is well again.
    fn fail(&mut self, instant: u64, outcome: &mut Outcome) {
        for errno in ERRORS {
            self.renew();
            let ran = self.fire(Shim { fail_from: instant, errno, ..Shim::default() });
            outcome.accidents += 1;
            let bucket = self.gateway.bucket();
            let mut wrong = Wrong::new();
            if !matches!(ran.code, Some(0 | 1 | 3 | 75)) {
                wrong.push(format!("ended with {:?}: {}", ran.code, ran.said));
            }
            if self.scenario.name == "upload" && errno != 5 {
                wrong.extend(self.not_sent());
            }
            wrong.extend(self.recover(&bucket, false));
            let place = format!("{} error {errno} from {instant}", self.scenario.name);
            outcome.wrong.extend(wrong.into_iter().map(|what| format!("{place}: {what}")));
        }
    }

    /// Uploading goes on where nothing can be written any more.
    fn not_sent(&self) -> Wrong {
        let objects: BTreeMap<_, _> = self.gateway.sim.s3_objects().into_iter().collect();
        let days = days_ago(&self.gateway, 1, 0);
        let zone = Some(self.gateway.zone.as_str());
        let expected = self.gateway.sim.expected(WHO, USER, days, zone).expect("truth");
        let read = |key: &String| key.contains("/steps/") || key.contains("/hrv/");
        let missing = expected.into_iter().map(|file| file.key);
        let missing = missing.filter(|key| read(key) && !objects.contains_key(key));
        missing.map(|key| format!("{key} was not sent")).collect()
    }
}

/// Two days of another month.
fn backfill(gateway: &Gateway) -> (Date, Date) {
    days_ago(gateway, 45, 44)
}

/// Files that the ledger knew to be in the bucket, and that were sent all the same.
fn sent_again(
    known: &BTreeMap<(Date, String), fitsync::ledger::entry::Entry>,
    bucket: &Tree,
    gateway: &Gateway,
    sent: &[String],
) -> Wrong {
    let user = USER.parse().expect("an id");
    let mut wrong = Wrong::new();
    let now = gateway.bucket();
    for ((date, metric), entry) in known {
        let key = fitsync::core::user::file_path(&user, metric, *date);
        let uploaded =
            entry.file.sha256.is_some() && entry.file.sha256 == entry.file.uploaded_sha256;
        let path = Path::new(gateway.sim.bucket()).join(&key);
        let same = bucket.get(&path).is_some_and(|before| now.get(&path) == Some(before));
        if uploaded && same && sent.iter().any(|path| path.ends_with(&key)) {
            wrong.push(format!("{key} was sent again"));
        }
    }
    wrong
}
