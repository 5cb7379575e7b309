//! `fitsync sync`: every participant, several at a time, then the upload backlog.

use std::io::{IsTerminal as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::civil::Date;

use crate::command::arguments::SyncArguments;
use crate::command::upload::Uploads;
use crate::command::withdraw;
use crate::core::day;
use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::user::UserId;
use crate::gateway::Gateway;
use crate::io::clock::{CLOCK_CURE, clock_is_off};
use crate::io::files::{self, Lock};
use crate::ledger::retention;
use crate::provider::metric::{METRICS, Metric};
use crate::settings::{find_metric, parse_date};
use crate::sync::dry_run;
use crate::sync::fetch::{self, Wanted};
use crate::sync::notices::tell_added_metrics;
use crate::sync::report::{ParticipantReport, RunReport};
use crate::sync::session::Guards;

pub fn run(gateway: &Gateway, arguments: &SyncArguments) -> Result<u8> {
    let users = named_users(&arguments.user)?;
    let today = gateway.clock.now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let wanted = Wanted {
        metrics: metrics(gateway, &arguments.metric)?,
        named: dates(arguments.from.as_deref(), arguments.to.as_deref(), today)?,
        insistent: !users.is_empty(),
    };
    let chosen = gateway.chosen(&users)?;
    if arguments.dry_run {
        return dry_run::run(gateway, &wanted, &chosen, arguments.json);
    }
    let _lock = run_lock(gateway)?;
    let uploads = Uploads::open(gateway, chosen.len(), arguments.no_upload, wanted.insistent)?;
    sweep(gateway);
    if chosen.is_empty() && gateway.known()?.is_empty() {
        log::warn!("nobody is signed in yet; run: fitsync login USER");
    }
    let unfinished = withdraw::finish(gateway);
    tell_added_metrics(gateway, &chosen);
    make_room(gateway);
    let mut reports = work(gateway, &wanted, &uploads, &chosen);
    if gateway.clock.known_wrong() {
        let off = clock_is_off(gateway.clock.skew_s());
        log::warn!("{off}; no day is sealed until it is right; {CLOCK_CURE}");
    }
    uploads.backlog(&chosen, &mut reports);
    make_room(gateway);
    let waiting = uploads.waiting(&chosen);
    reports.iter().for_each(ParticipantReport::log);
    reports.extend(unfinished);
    let report = RunReport::new(reports, waiting);
    report.log();
    if arguments.json {
        print_json(&report);
    }
    Ok(report.exit)
}

/// Removes what a killed run left behind, and makes durable what it named. A disk that cannot be
/// written any more is told by the work itself.
fn sweep(gateway: &Gateway) {
    let dir = &gateway.config.data_dir;
    if let Ok(Some(what)) = files::readable_by_others(dir) {
        log::warn!("{what}");
    }
    let folders = ["ledger", "users"].map(|name| files::settle(&dir.join(name)));
    let done = folders.into_iter().chain([
        gateway.tokens.sweep(),
        files::settle(dir),
        files::sweep(&dir.join("quarantine")),
    ]);
    done.filter_map(Result::err).for_each(|failure| log::warn!("{failure}"));
}

/// Removes uploaded files that are old enough, or whose space is needed, and says so.
pub fn make_room(gateway: &Gateway) {
    let config = &gateway.config;
    let users = gateway.known().unwrap_or_default();
    match retention::make_room(&config.data_dir, &users, config.keep_days, &gateway.clock) {
        Ok(room) if room.low => {
            log::warn!("the disk is nearly full: removed {} uploaded files", room.removed);
        }
        Ok(room) => log::debug!("removed {} files that were uploaded long ago", room.removed),
        Err(failure) => log::warn!("{failure}"),
    }
}

/// One sync at a time; also taken by whatever else changes the ledger.
pub fn run_lock(gateway: &Gateway) -> Result<Lock> {
    let dir = &gateway.config.data_dir;
    files::make_folder(dir)?;
    files::lock(&dir.join("run.lock"), Duration::ZERO)?.ok_or_else(|| {
        let what = "another fitsync run is at work; it goes on, this one ends";
        Failure::new(ErrorClass::Locked, what)
    })
}

pub fn print_json(report: &impl miniserde::Serialize) {
    let mut out = std::io::stdout().lock();
    // Who reads the pipe may be gone; the work is done all the same.
    let _ = writeln!(out, "{}", miniserde::json::to_string(report));
}

pub fn named_users(texts: &[String]) -> Result<Vec<UserId>> {
    let user = |text: &String| text.parse().map_err(|why| Failure::new(ErrorClass::Usage, why));
    let mut users = Vec::new();
    for named in texts.iter().map(user) {
        let named = named?;
        if !users.contains(&named) {
            users.push(named);
        }
    }
    Ok(users)
}

fn metrics(gateway: &Gateway, names: &[String]) -> Result<Vec<&'static Metric>> {
    if names.is_empty() {
        return Ok(gateway.config.metrics.clone());
    }
    let named: Vec<_> = names.iter().map(|name| find_metric(name)).collect::<Result<_>>()?;
    let is_named = |metric: &&Metric| named.iter().any(|one| one.name == metric.name);
    Ok(METRICS.iter().filter(is_named).collect())
}

fn dates(from: Option<&str>, to: Option<&str>, today: Date) -> Result<Option<(Date, Date)>> {
    let usage = |what: &str| Err(Failure::new(ErrorClass::Usage, what));
    let Some(from) = from else {
        return if to.is_none() { Ok(None) } else { usage("--to needs --from") };
    };
    let from = parse_date("--from", from)?;
    let to = to.map_or(Ok(Date::MAX), |to| parse_date("--to", to))?;
    if from > to {
        return usage("--from is after --to");
    }
    // The day may have begun already east of here.
    if from > day::next(today) {
        return usage("--from is after today");
    }
    if from < jiff::civil::date(2007, 1, 1) {
        return usage("--from is before the first Fitbit (2007)");
    }
    Ok(Some((from, to)))
}

/// Works on all participants, so many at a time. A panic is one participant's failure.
fn work(
    gateway: &Gateway,
    wanted: &Wanted,
    uploads: &Uploads,
    users: &[UserId],
) -> Vec<ParticipantReport> {
    let guards = Guards::new(users.len());
    let next = AtomicUsize::new(0);
    let done = AtomicUsize::new(0);
    let reports = Mutex::new(Vec::with_capacity(users.len()));
    std::thread::scope(|scope| {
        for _ in 0..gateway.config.threads.min(users.len()) {
            scope.spawn(|| {
                while let Some(user) = users.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut report = ParticipantReport::new(user);
                    let work = AssertUnwindSafe(|| {
                        fetch::participant(gateway, &guards, uploads, wanted, user, &mut report);
                        uploads.participant(user, &mut report);
                    });
                    if catch_unwind(work).is_err() {
                        let failure =
                            Failure::new(ErrorClass::Bug, "stopped by a defect; see above");
                        report.fail(&failure, None, None);
                    }
                    reports.lock().unwrap_or_else(PoisonError::into_inner).push(report);
                    progress("participants", done.fetch_add(1, Ordering::Relaxed) + 1, users.len());
                }
            });
        }
    });
    let mut reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    reports.sort_by(|one, other| one.user_id.cmp(&other.user_id));
    reports
}

/// The progress line of a terminal.
pub fn progress(what: &str, done: usize, all: usize) {
    let mut out = std::io::stderr().lock();
    if out.is_terminal() {
        let end = if done == all { "\n" } else { "" };
        let _ = write!(out, "\r{done}/{all} {what}{end}");
    }
}
