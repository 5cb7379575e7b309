//! The loop over all instants of a command: an accident at each, and the judge after it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use fitsync_sim::Consents;

use crate::Arguments;
use crate::check::{Objects, objects};
use crate::disk::{Disk, Log, State, read_log};
use crate::gateway::{Gateway, Ran, Tree};
use crate::judge::{After, Judge};
use crate::scenario::{Promise, Scenario, backfill};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accident {
    Kill,
    Torn,
    Cut,
    Fail,
    Once,
    Read,
    Signal,
    Clock,
}

const ACCIDENTS: [(&str, Accident); 8] = [
    ("kill", Accident::Kill),
    ("torn", Accident::Torn),
    ("cut", Accident::Cut),
    ("fail", Accident::Fail),
    ("once", Accident::Once),
    ("read", Accident::Read),
    ("signal", Accident::Signal),
    ("clock", Accident::Clock),
];

const EIO: i64 = 5;
const ENOSPC: i64 = 28;
const EROFS: i64 = 30;
const HUP: i64 = 1;
const INT: i64 = 2;
const TERM: i64 = 15;
const MONTH_S: i64 = 40 * 86_400;
/// The year 2100.
const FAR_S: i64 = 74 * 365 * 86_400;
/// Older than any file that is kept for some days.
const AGED: Duration = Duration::from_secs(100 * 86_400);

/// What the shim is told.
type Plan = Vec<(&'static str, i64)>;

impl Accident {
    pub fn named(name: &str) -> Option<Accident> {
        ACCIDENTS.iter().find(|(known, _)| *known == name).map(|(_, accident)| *accident)
    }

    pub fn name(self) -> &'static str {
        ACCIDENTS.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }

    /// The accidents at one instant.
    fn plans(self, instant: i64) -> Vec<Plan> {
        let fails = |how, errno| vec![(how, instant), ("FAIL_ERRNO", errno)];
        let signal = |which| vec![("SIGNAL_AT", instant), ("SIGNAL", which)];
        let clock = |by_s| vec![("CLOCK_AT", instant), ("CLOCK_BY", by_s)];
        match self {
            Accident::Kill | Accident::Cut => vec![vec![("KILL_AT", instant)]],
            Accident::Torn => vec![vec![("KILL_AT", instant), ("HALF", 1)]],
            Accident::Fail => [ENOSPC, EROFS, EIO].map(|errno| fails("FAIL_FROM", errno)).into(),
            Accident::Once => [EIO, ENOSPC].map(|errno| fails("FAIL_AT", errno)).into(),
            Accident::Read => vec![vec![("READ_AT", instant)]],
            Accident::Signal => [HUP, INT, TERM].map(signal).into(),
            Accident::Clock => [MONTH_S, -MONTH_S, FAR_S].map(clock).into(),
        }
    }

    /// The exit codes that tell the truth about such a run.
    fn codes(self, plan: &Plan, promise: Promise) -> &'static [i32] {
        let owes = matches!(promise, Promise::Withdrawn { .. });
        match self {
            Accident::Kill | Accident::Torn | Accident::Cut => &[0],
            Accident::Fail => &[0, 1, 3, 75],
            Accident::Once | Accident::Read => &[0, 1],
            Accident::Signal if plan.contains(&("SIGNAL", INT)) => &[0, 130],
            Accident::Signal if owes => &[0, 1, 75],
            Accident::Signal => &[0, 75],
            Accident::Clock => &[0, 1, 75],
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub instants: u64,
    pub accidents: u64,
    /// Of them, those in which something may be lost by design.
    pub exceptions: u64,
    pub wrong: Vec<String>,
}

impl Outcome {
    pub fn add(&mut self, other: Outcome) {
        self.instants += other.instants;
        self.accidents += other.accidents;
        self.exceptions += other.exceptions;
        self.wrong.extend(other.wrong);
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Outcome { instants, accidents, exceptions, wrong } = self;
        let wrong = wrong.len();
        write!(
            out,
            "{instants:>5} instants {accidents:>5} accidents {exceptions:>3} exceptions \
             {wrong:>4} wrong"
        )
    }
}

/// Every instant of one scenario, shared out to some workers.
pub fn run(scenario: &Scenario, accident: Accident, every: u64, arguments: &Arguments) -> Outcome {
    let next = AtomicU64::new(arguments.at.unwrap_or(1));
    let ended = AtomicBool::new(false);
    let sum = Mutex::new(Outcome::default());
    std::thread::scope(|scope| {
        for _ in 0..arguments.workers {
            scope.spawn(|| {
                let stage = Stage::new(scenario, &arguments.program);
                while !ended.load(Ordering::Relaxed) {
                    let instant = next.fetch_add(every, Ordering::Relaxed);
                    if arguments.at.is_some_and(|at| at != instant) {
                        break;
                    }
                    let outcome = stage.instant(accident, instant, every > 1);
                    // One instant after the end belongs to it: what a cut leaves of a whole run.
                    ended.fetch_or(instant > stage.last(accident), Ordering::Relaxed);
                    let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
                    sum.add(outcome);
                    let enough = arguments.expect_defect && !sum.wrong.is_empty();
                    ended.fetch_or(enough, Ordering::Relaxed);
                }
            });
        }
    });
    sum.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// A gateway at the moment before the run.
pub struct Stage<'a> {
    scenario: &'a Scenario,
    pub gateway: Gateway,
    pub before: World,
    objects: Objects,
    pub arguments: Vec<String>,
    /// The run without an accident.
    whole: Log,
}

/// All that a run can change.
pub struct World {
    pub root: Tree,
    pub bucket: Tree,
    pub consents: Consents,
}

impl World {
    pub fn of(gateway: &Gateway) -> World {
        let consents = gateway.sim.consents();
        World { root: gateway.tree(), bucket: gateway.bucket(), consents }
    }
}

impl<'a> Stage<'a> {
    pub fn new(scenario: &'a Scenario, program: &Path) -> Stage<'a> {
        let mut gateway = Gateway::with(program, 2);
        (scenario.prepare)(&mut gateway);
        let mut arguments: Vec<String> =
            scenario.command.iter().map(|word| (*word).to_owned()).collect();
        if scenario.backfill {
            let (from, to) = backfill(&gateway);
            arguments.extend([from.to_string(), "--to".to_owned(), to.to_string()]);
        }
        let (before, objects) = (World::of(&gateway), objects(&gateway));
        let whole = Log { operations: Vec::new(), reads: 0, refused: None };
        let mut stage = Stage { scenario, gateway, before, objects, arguments, whole };
        stage.restore(&stage.before.root, &stage.before);
        let ran = stage.fire(&[("READ_AT", 0)]);
        // `verify` says that there was something to repair.
        let differs = i32::from(scenario.promise == Promise::Repaired);
        assert_eq!(ran.code, Some(differs), "{}: {}", scenario.name, ran.said);
        stage.whole = read_log(&ran.log);
        stage
    }

    /// The gateway with these files, in a world.
    pub fn restore(&self, root: &Tree, world: &World) {
        self.gateway.restore(root, &world.bucket);
        self.gateway.sim.set_consents(&world.consents);
        if !self.scenario.aged {
            return;
        }
        for name in root.keys().filter(|name| name.extension().is_some_and(|end| end == "csv")) {
            let file = std::fs::File::options().write(true).open(self.gateway.root.join(name));
            let aged = file.and_then(|file| file.set_modified(SystemTime::now() - AGED));
            aged.expect("an old file");
        }
    }

    pub fn fire(&self, plan: &[(&'static str, i64)]) -> Ran {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        self.gateway.run(&arguments, Some(plan))
    }

    /// The last instant of the run.
    fn last(&self, accident: Accident) -> u64 {
        match accident {
            Accident::Read => self.whole.reads,
            _ => self.whole.operations.last().map_or(0, |last| last.number),
        }
    }

    /// Every accident of one instant.
    fn instant(&self, accident: Accident, instant: u64, sampled: bool) -> Outcome {
        let mut outcome = Outcome { instants: 1, ..Outcome::default() };
        let mut done = self.whole.operations.iter();
        if accident == Accident::Torn
            && !done.any(|one| one.number == instant && one.kind == "write")
        {
            return Outcome::default();
        }
        for plan in accident.plans(i64::try_from(instant).expect("a number")) {
            self.restore(&self.before.root, &self.before);
            let ran = self.fire(&plan);
            let log = read_log(&ran.log);
            let fails = matches!(accident, Accident::Once | Accident::Read);
            if fails && log.refused.is_none() {
                continue;
            }
            let mut disk = Disk::new(&self.before.root);
            log.operations.iter().for_each(|one| disk.follow(&self.gateway.root, one));
            let left = World::of(&self.gateway);
            let met = Met { accident, instant, sampled, plan, ran, log, disk, left };
            self.judge(&met, &mut outcome);
        }
        outcome
    }

    /// What an accident left, in each state that the disk may be in.
    fn judge(&self, met: &Met, outcome: &mut Outcome) {
        let (ran, promise) = (&met.ran, self.scenario.promise);
        let at = met.log.refused.as_deref().unwrap_or(Path::new("")).display();
        let place = format!("{} {:?} {at}", self.scenario.name, met.plan);
        let differs = promise == Promise::Repaired && ran.code == Some(1);
        let codes = met.accident.codes(&met.plan, promise);
        let well = met.is_kill() || differs || ran.code.is_some_and(|code| codes.contains(&code));
        if !well || ran.said.contains("panicked") {
            let (code, said) = (ran.code, ran.complaints());
            outcome.wrong.push(format!("{place}: ended with {code:?}: {said}"));
        }
        let states = met.states().unwrap_or_else(|| {
            outcome.wrong.push(format!("{place}: the model of the disk is wrong"));
            Vec::new()
        });
        for state in states {
            self.restore(&state.tree, &met.left);
            outcome.accidents += 1;
            let after = After {
                gateway: &self.gateway,
                scenario: self.scenario,
                accident: met.accident,
                before: &self.objects,
                disk: &met.disk,
                ended_well: ran.code == Some(0) || differs,
                bucket: &met.left.bucket,
            };
            let Judge { wrong, excepted } = after.judge();
            outcome.exceptions += u64::from(excepted);
            if !wrong.is_empty() {
                outcome.wrong.push(format!("{place}, {}: {}", state.why, wrong.join("; ")));
            }
        }
    }
}

/// A run and its accident.
struct Met {
    accident: Accident,
    instant: u64,
    /// Not every instant is looked at.
    sampled: bool,
    plan: Plan,
    ran: Ran,
    log: Log,
    disk: Disk,
    left: World,
}

impl Met {
    fn is_kill(&self) -> bool {
        matches!(self.accident, Accident::Kill | Accident::Torn | Accident::Cut)
    }

    /// What the disk may hold; nothing where the model of the disk is wrong, for without a loss it
    /// must hold what it does.
    fn states(&self) -> Option<Vec<State>> {
        let mut states = self.disk.states(self.instant);
        // Space that was reserved and not yet written is no part of the model.
        let known = |tree: &Tree| -> Tree {
            let whole = tree.iter().filter(|(name, _)| !name.to_string_lossy().ends_with(".tmp"));
            whole.map(|(name, bytes)| (name.clone(), bytes.clone())).collect()
        };
        if known(&states[0].tree) != known(&self.left.root) {
            return None;
        }
        states[0].tree = self.left.root.clone();
        let changes = ["create", "mkdir", "write", "truncate", "rename", "unlink", "fsync"];
        let last = self.log.operations.last().map_or("", |operation| operation.kind.as_str());
        let ended = self.ran.code.is_some();
        match self.accident {
            // Where nothing was written since the instant before, its states were seen there. What
            // holds without a loss is seen by kills.
            Accident::Cut if self.sampled || ended || changes.contains(&last) => {
                states.remove(0);
            }
            Accident::Cut => states.clear(),
            // Who says that all is done has made it durable.
            Accident::Once if self.ran.code == Some(0) => {
                let lost = self.disk.all_lost();
                states.truncate(1);
                if known(&lost.tree) != known(&states[0].tree) {
                    states.push(lost);
                }
            }
            _ => states.truncate(1),
        }
        Some(states)
    }
}
