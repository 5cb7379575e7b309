//! Makes a data folder in which files wait for upload: `waiting_files FOLDER PARTICIPANTS DAYS`.
//!
//! One small file per participant and day, in the ledger as read and not sent. For measuring
//! `fitsync upload` (`.ci/bench_s3`).

use std::path::Path;
use std::process::ExitCode;

use fitsync::core::day::{DaySpan, zone};
use fitsync::core::error::{ErrorClass, Failure, Result};
use fitsync::core::hash::sha256_hex;
use fitsync::core::user::{UserId, file_path};
use fitsync::io::files;
use fitsync::ledger::entry::{Reading, State};
use fitsync::ledger::folder::Ledger;
use jiff::ToSpan as _;
use jiff::civil::{Date, date};

/// As many as a night of five-minute values.
const ROWS: u32 = 96;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let made = match words.as_slice() {
        [folder, participants, days] => make(Path::new(folder), participants, days),
        _ => Err(usage("FOLDER PARTICIPANTS DAYS")),
    };
    match made {
        Ok(count) => {
            println!("{count}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn usage(what: &str) -> Failure {
    Failure::new(ErrorClass::Usage, what)
}

fn make(folder: &Path, participants: &str, days: &str) -> Result<u32> {
    let number = |text: &str| text.parse::<u32>().map_err(|_| usage("numbers, please"));
    let (participants, days) = (number(participants)?, number(days)?);
    for participant in 1..=participants {
        let user = format!("p{participant}").parse::<UserId>().map_err(|why| usage(&why))?;
        let mut ledger = Ledger::open(folder, &user)?;
        for index in 0..days {
            let day = date(2026, 1, 1).saturating_add(i64::from(index).days());
            add(&mut ledger, folder, &user, day)?;
        }
        ledger.save()?;
    }
    Ok(participants * days)
}

fn add(ledger: &mut Ledger, folder: &Path, user: &UserId, day: Date) -> Result<()> {
    let mut body = String::from("user_id,time_utc,time_local,steps\n");
    for row in 0..ROWS {
        let (hour, minute) = (row / 12, 5 * (row % 12));
        let time = format!("{day}T{hour:02}:{minute:02}:00");
        body += &format!("{user},{time}Z,{time},{}\n", (row * 7) % 120);
    }
    let path = folder.join(file_path(user, "steps", day));
    path.parent().map(files::make_folder).transpose()?;
    // Not durable: these files are made for one measurement.
    std::fs::write(&path, &body).map_err(|error| usage(&error.to_string()))?;
    ledger.note("steps", day, &DaySpan::natural(day, &zone("UTC")?, "UTC"), "a", State::Wanted);
    let reading = Reading {
        rows: u64::from(ROWS),
        sha256: sha256_hex(body.as_bytes()),
        bytes: body.len() as u64,
        at: "2026-11-22T13:05:00Z".parse().unwrap_or_default(),
        device_synced_at: None,
        seals: true,
        unfinished: false,
        clock_wrong: false,
        provider: "google-health",
        data_source: "all-sources",
    };
    let _ = ledger.entry_mut("steps", day)?.settle(&reading);
    Ok(())
}
