//! Arguments → one command → exit code.

#![forbid(unsafe_code)]

use std::io::Write as _;
use std::process::ExitCode;

use argh::FromArgs as _;
use fitsync::command::arguments::{Arguments, Command, env_file_first, split_equals};
use fitsync::command::{
    doctor, login, migrate, serve, status, sync, upload, verify, version, withdraw,
};
use fitsync::core::error::{ErrorClass, Failure, Result};
use fitsync::gateway::Gateway;
use fitsync::io::clock::Clock;
use fitsync::io::stop;
use fitsync::io::terminal::{print_json, say};
use fitsync::settings::source::Settings;
use fitsync::settings::{Config, run_as};
use fitsync::sync::report::EarlyEnd;

/// Gives back what it does not use, whatever the C library; see Cargo.toml.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    run_as::close_memory();
    let arguments = match parse() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    if arguments.version {
        print_text(&version::text());
        return ExitCode::SUCCESS;
    }
    let Some(command) = arguments.command else { return usage("which command?") };
    // Before the first thread: root becomes another account here, and that changes one thread.
    let config = Settings::read(arguments.env_file.as_deref()).and_then(Config::new);
    let config = config.and_then(run_as::become_account);
    let json = command.json();
    ExitCode::from(stop::run(move || {
        run(command, config).unwrap_or_else(|failure| told(&failure, json))
    }))
}

fn run(command: Command, config: Result<Config>) -> Result<u8> {
    if let Command::Doctor(arguments) = command {
        return Ok(doctor::run(config, &arguments));
    }
    let config = config?;
    fitsync::io::log::start(config.log_level);
    config.warnings.iter().for_each(|warning| log::warn!("{warning}"));
    let folders = config.working_directory_folders();
    if !folders.is_empty() {
        log::info!("using {} in the working directory", folders.join(" and "));
    }
    let gateway = Gateway::new(config, Clock::default())?;
    match command {
        Command::Login(arguments) => login::run(&gateway, &arguments),
        Command::Serve(arguments) => serve::run(&gateway, &arguments),
        Command::Sync(arguments) => sync::run(&gateway, &arguments),
        Command::Upload(arguments) => upload::run(&gateway, &arguments),
        Command::Status(arguments) => status::run(&gateway, &arguments),
        Command::Verify(arguments) => verify::run(&gateway, &arguments),
        Command::Migrate(arguments) => migrate::run(&gateway, &arguments),
        Command::Withdraw(arguments) => withdraw::run(&gateway, &arguments),
        // Above, before the settings had to be right.
        Command::Doctor(_) => Ok(0),
    }
}

/// The arguments, or the exit code after help or a wrong word.
fn parse() -> std::result::Result<Arguments, ExitCode> {
    let mut words = Vec::new();
    for word in std::env::args_os().skip(1) {
        let Ok(word) = word.into_string() else {
            return Err(usage("an argument is not UTF-8 text"));
        };
        words.push(word);
    }
    let words = env_file_first(split_equals(words.into_iter()));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Arguments::from_args(&["fitsync"], &words).map_err(|exit| {
        if exit.status.is_ok() {
            print_text(&exit.output);
            return ExitCode::SUCCESS;
        }
        usage(&exit.output.split_whitespace().collect::<Vec<_>>().join(" "))
    })
}

/// Whoever reads the pipe may be gone.
fn print_text(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn usage(what: &str) -> ExitCode {
    say(&format!("fitsync: {what} (see fitsync --help)"));
    ExitCode::from(ErrorClass::Usage.exit_code())
}

/// Why nothing was done; a program that reads the result gets a document all the same.
fn told(failure: &Failure, json: bool) -> u8 {
    say(&format!("fitsync: {failure}"));
    if json {
        print_json(&EarlyEnd::new(failure));
    }
    failure.class.exit_code()
}
