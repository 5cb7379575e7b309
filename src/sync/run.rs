//! The frame of a run: its lock, whom it works on, room on the disk, the participants side by side.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::user::UserId;
use crate::gateway::Gateway;
use crate::io::files::{self, Lock};
use crate::io::terminal::progress;
use crate::ledger::retention;
use crate::sync::fetch::{self, RunOptions};
use crate::sync::report::ParticipantReport;
use crate::sync::session::Circuits;
use crate::sync::uploads::Uploads;
use crate::withdrawal::finish::finish;

/// Removes what a killed run left behind, and makes durable what it named. A disk that cannot be
/// written any more is told by the work itself.
pub fn sweep(gateway: &Gateway) {
    let dir = &gateway.config.data_dir;
    if let Ok(Some(what)) = files::readable_by_others(dir) {
        log::warn!("{what}");
    }
    let folders = ["ledger", "users"].map(|name| files::make_durable(&dir.join(name)));
    let done = folders.into_iter().chain([
        gateway.tokens.sweep(),
        files::make_durable(dir),
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

/// Works on all participants, so many at a time. A panic is one participant's failure.
pub fn work(
    gateway: &Gateway,
    wanted: &RunOptions,
    uploads: &Uploads,
    users: &[UserId],
) -> Vec<ParticipantReport> {
    let circuits = Circuits::new(users.len());
    let next = AtomicUsize::new(0);
    let done = AtomicUsize::new(0);
    let reports = Mutex::new(Vec::with_capacity(users.len()));
    std::thread::scope(|scope| {
        for _ in 0..gateway.config.threads.min(users.len()) {
            scope.spawn(|| {
                while let Some(user) = users.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut report = ParticipantReport::new(user);
                    let work = AssertUnwindSafe(|| {
                        fetch::participant(gateway, &circuits, uploads, wanted, user, &mut report);
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

/// Finishes the withdrawals of earlier runs; what is still undone is told like any other failure.
pub fn unfinished_withdrawals(gateway: &Gateway) -> Result<Vec<ParticipantReport>> {
    let told = |(user, problems): (UserId, Vec<Failure>)| {
        let mut report = ParticipantReport::new(&user);
        for problem in problems {
            let what = format!("withdrawal: {}", problem.what);
            report.fail(&Failure { what, ..problem }, None, None);
        }
        report
    };
    Ok(finish(gateway)?.into_iter().map(told).collect())
}
