//! Accidents at every file operation of the real program, and what is left after them.
//!
//! ```text
//! power MODE[:EVERY]... [--program PATH] [--workers N] [--only COMMAND] [--at N] [--expect-defect]
//!
//! kill   SIGKILL at every file operation and at every packet sent or received
//! torn   SIGKILL when half of a write is done
//! cut    at each operation, every state that the disk may hold after a power cut
//! fail   from each of them on the disk is full, read-only, or its fsync fails
//! once   each of them alone fails: EIO, or no space
//! read   each call that only reads alone fails: EIO
//! signal HUP, INT and TERM before each operation
//! clock  from each operation on the clock is off: a month, or until 2100
//! paths  something that is no file, or cannot be read, in the place of each file
//! room   a disk of 2 MB that fills up in every phase (needs root)
//! faults every fault of the simulator, at every kind of request
//! seen   whether the kernel sees the same file operations as the shim (needs strace)
//! ```
//!
//! Every EVERYth instant is taken, without it all are, or with `--at` one alone. After each
//! accident the program runs once more, undisturbed and without a new sign-in, and `judge.rs` says
//! what must hold.
//! `--expect-defect` turns the result round: for programs that were broken on purpose.

mod check;
mod disk;
mod faults;
mod gateway;
mod judge;
mod paths;
mod room;
mod scenario;
mod seen;
mod shim;
mod stage;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use scenario::SCENARIOS;
use stage::{Accident, Outcome};

/// What is told of one mode and command.
const TOLD_MAX: usize = 4;
const TOLD_CHARS_MAX: usize = 700;

#[derive(Debug)]
pub struct Arguments {
    modes: Vec<(String, u64)>,
    program: PathBuf,
    workers: usize,
    only: Option<String>,
    at: Option<u64>,
    expect_defect: bool,
}

fn arguments() -> Arguments {
    let mut words = std::env::args().skip(1);
    let mut arguments = Arguments {
        modes: Vec::new(),
        program: env!("CARGO_BIN_EXE_fitsync").into(),
        workers: 2,
        only: None,
        at: None,
        expect_defect: false,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().expect("a value");
        match word.as_str() {
            "--program" => arguments.program = value().into(),
            "--workers" => arguments.workers = value().parse().expect("a number"),
            "--only" => arguments.only = Some(value()),
            "--at" => arguments.at = Some(value().parse().expect("a number")),
            "--expect-defect" => arguments.expect_defect = true,
            _ => {
                let (mode, every) = word.split_once(':').unwrap_or((&word, "1"));
                arguments.modes.push((mode.to_owned(), every.parse().expect("a number")));
            }
        }
    }
    arguments
}

fn main() -> ExitCode {
    let arguments = arguments();
    let mut table = BTreeMap::new();
    let mut sum = Outcome::default();
    for (mode, every) in &arguments.modes {
        let program = arguments.program.as_path();
        let all = match mode.as_str() {
            "paths" => paths::run(program, *every, arguments.workers),
            "seen" => seen::run(program),
            "faults" => faults::run(program),
            "room" => room::run(program),
            _ => {
                let Some(accident) = Accident::named(mode) else {
                    eprintln!("there is no mode {mode}; see tests/power/main.rs");
                    return ExitCode::from(2);
                };
                scenarios(&arguments, accident, *every, &mut table)
            }
        };
        println!("{:<20}{all}", format!("{mode}:"));
        if Accident::named(mode).is_none() {
            tell(&all);
        }
        sum.add(all);
    }
    print_table(&table);
    println!("all: {sum}");
    let caught = !sum.wrong.is_empty();
    if caught == arguments.expect_defect { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What each command met, by its place in the table of commands.
type Table = BTreeMap<(usize, &'static str), Vec<(&'static str, Outcome)>>;

fn scenarios(arguments: &Arguments, accident: Accident, every: u64, table: &mut Table) -> Outcome {
    let mut sum = Outcome::default();
    for (place, scenario) in SCENARIOS.iter().enumerate() {
        if arguments.only.as_ref().is_some_and(|only| only != scenario.name) {
            continue;
        }
        let begun = Instant::now();
        let outcome = stage::run(scenario, accident, every, arguments);
        let seconds = begun.elapsed().as_secs();
        println!("{:<7}{:<12} {outcome} {seconds:>5} s", accident.name(), scenario.name);
        tell(&outcome);
        let row = table.entry((place, scenario.name)).or_default();
        row.push((accident.name(), outcome.clone()));
        sum.add(outcome);
        // One defect is enough of a broken program.
        if arguments.expect_defect && !sum.wrong.is_empty() {
            break;
        }
    }
    sum
}

/// Some of what is wrong.
fn tell(outcome: &Outcome) {
    for wrong in outcome.wrong.iter().take(TOLD_MAX) {
        println!("  {}", wrong.chars().take(TOLD_CHARS_MAX).collect::<String>());
    }
}

fn print_table(table: &Table) {
    if table.is_empty() {
        return;
    }
    println!("\naccidents by command (of them exceptions; wrong):");
    for ((_, name), row) in table {
        let cell = |(mode, one): &(&str, Outcome)| {
            let mut cell = format!("{mode} {}", one.accidents);
            if one.exceptions > 0 {
                cell.push_str(&format!(" ({})", one.exceptions));
            }
            if !one.wrong.is_empty() {
                cell.push_str(&format!(" WRONG {}", one.wrong.len()));
            }
            cell
        };
        println!("{name:<12} {}", row.iter().map(cell).collect::<Vec<_>>().join("  "));
    }
}
