//! Kills, power cuts and broken disks at every file operation of the real program.
//!
//! ```text
//! power kill|cut|fail|room|faults|seen [--program PATH] [--workers N] [--every N]
//!       [--only SCENARIO] [--expect-defect]
//!
//! kill   SIGKILL at every file operation and at every packet sent or received
//! cut    at each of them, every state that the disk may hold after a power cut
//! fail   from each of them on the disk is full, read-only, or its fsync fails
//! room   a disk of 2 MB that fills up in every phase (needs root)
//! faults every fault of the simulator, at every kind of request
//! seen   whether the kernel sees the same file operations as the shim (needs strace)
//! ```
//!
//! After each accident the program runs once more, undisturbed, and `check.rs` says what must hold.
//! `--expect-defect` turns the result round: for programs that were broken on purpose.

mod check;
mod disk;
mod faults;
mod gateway;
mod room;
mod scenario;
mod seen;
mod shim;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use scenario::{Accident, Outcome, SCENARIOS};

#[derive(Debug)]
pub struct Arguments {
    mode: String,
    program: PathBuf,
    workers: usize,
    every: u64,
    only: Option<String>,
    expect_defect: bool,
}

fn arguments() -> Arguments {
    let mut words = std::env::args().skip(1);
    let mut arguments = Arguments {
        mode: String::new(),
        program: env!("CARGO_BIN_EXE_fitsync").into(),
        workers: 2,
        every: 1,
        only: None,
        expect_defect: false,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().expect("a value");
        match word.as_str() {
            "--program" => arguments.program = value().into(),
            "--workers" => arguments.workers = value().parse().expect("a number"),
            "--every" => arguments.every = value().parse().expect("a number"),
            "--only" => arguments.only = Some(value()),
            "--expect-defect" => arguments.expect_defect = true,
            _ => arguments.mode = word,
        }
    }
    arguments
}

fn main() -> ExitCode {
    let arguments = arguments();
    let accident = match arguments.mode.as_str() {
        "kill" => Accident::Kill,
        "cut" => Accident::Cut,
        "fail" => Accident::Fail,
        "seen" => return verdict(&arguments, "seen", &seen::run(&arguments.program)),
        "faults" => return verdict(&arguments, "faults", &faults::run(&arguments.program)),
        "room" => return verdict(&arguments, "room", &room::run(&arguments.program)),
        _ => {
            eprintln!("usage: power kill|cut|fail|room|faults|seen; see tests/power/main.rs");
            return ExitCode::from(2);
        }
    };
    let mut sum = Outcome::default();
    for scenario in SCENARIOS {
        if arguments.only.as_ref().is_some_and(|only| only != scenario.name) {
            continue;
        }
        let begun = Instant::now();
        let outcome = scenario::run(scenario, accident, &arguments);
        println!(
            "{} {:<12} {:>4} instants {:>5} accidents {:>3} wrong {:>4} s",
            arguments.mode,
            scenario.name,
            outcome.instants,
            outcome.accidents,
            outcome.wrong.len(),
            begun.elapsed().as_secs()
        );
        sum.add(outcome);
        // One defect is enough of a broken program.
        if arguments.expect_defect && !sum.wrong.is_empty() {
            break;
        }
    }
    verdict(&arguments, &arguments.mode, &sum)
}

fn verdict(arguments: &Arguments, mode: &str, sum: &Outcome) -> ExitCode {
    sum.wrong.iter().take(20).for_each(|wrong| println!("  {wrong}"));
    println!(
        "{mode}: {} instants, {} accidents, {} wrong",
        sum.instants,
        sum.accidents,
        sum.wrong.len()
    );
    let caught = !sum.wrong.is_empty();
    if caught == arguments.expect_defect { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
