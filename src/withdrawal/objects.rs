//! Deletes what the bucket holds of a participant who withdrew.

use std::io::{IsTerminal as _, Write as _};

use crate::consent::withdrawal::Withdrawal;
use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::json::AsText;
use crate::core::table::utc;
use crate::core::user::{COMPLETENESS, UserId, file_path};
use crate::gateway::Gateway;
use crate::io::terminal::say;
use crate::ledger::folder::Ledger;
use crate::s3::erase::{Count, Erased, Erasure, count, erase, out_of_reach};
use crate::s3::store::Store;
use crate::withdrawal::remove;

pub const NO_BUCKET: &str = "S3_BUCKET_RAW is not set, so there is no bucket to delete from: set it \
                         to the one that holds the objects";

/// How many objects there are, and where.
pub fn count_objects(gateway: &Gateway, user: &UserId) -> Result<(Count, String)> {
    let store = store(gateway)?;
    let path = path(user);
    Ok((count(&store, &path)?, place(&store, &path)?))
}

/// Where the objects are that the settings of now name.
pub fn place_of_objects(gateway: &Gateway, user: &UserId) -> Result<String> {
    place(&store(gateway)?, &path(user))
}

/// Deletes them, and notes what stays. Not done is what the store has not shown to be gone.
pub fn delete_objects(gateway: &Gateway, user: &UserId, withdrawal: &mut Withdrawal) -> Result<()> {
    let now = gateway.clock.now();
    if !withdrawal.objects_are_due(now) {
        return Ok(());
    }
    let mut erased = Erased::default();
    let done = match erase_all(gateway, user, withdrawal, &mut erased) {
        Ok(()) => what_stays(withdrawal, &erased),
        Err(failure) => {
            // More may be left than what was seen.
            withdrawal.objects_retained = None;
            Err(failure)
        }
    };
    match &done {
        Ok(()) => {
            withdrawal.objects_deleted_at = Some(AsText(now));
            withdrawal.objects_problem = None;
            withdrawal.retention_told_at = None;
        }
        Err(failure) => {
            withdrawal.objects_deleted_at = None;
            withdrawal.objects_problem = Some(failure.to_string());
            withdrawal.retention_told_at =
                withdrawal.only_retained_are_left().then_some(AsText(now));
        }
    }
    done
}

fn path(user: &UserId) -> String {
    format!("users/{user}")
}

fn place(store: &Store, path: &str) -> Result<String> {
    Ok(format!("{}/", store.location(&store.key(path)?)))
}

/// Settings that name no store are no wrong use: the rest of the withdrawal is done.
fn store(gateway: &Gateway) -> Result<Store> {
    let none = || Failure::new(ErrorClass::Config, NO_BUCKET);
    let store = gateway.store().and_then(|store| store.ok_or_else(none));
    store.map_err(|failure| match failure.class {
        ErrorClass::Usage => Failure { class: ErrorClass::Config, ..failure },
        _ => failure,
    })
}

fn erase_all(
    gateway: &Gateway,
    user: &UserId,
    withdrawal: &mut Withdrawal,
    erased: &mut Erased,
) -> Result<()> {
    let (store, path) = (store(gateway)?, path(user));
    let place = place(&store, &path)?;
    withdrawal.objects_in = Some(place.clone());
    if withdrawal.objects_found.unwrap_or_default() == 0 {
        withdrawal.objects_found = match count(&store, &path) {
            Ok(count) => Some(count.objects),
            Err(failure) if out_of_reach(&failure) => return Err(failure),
            // Who may not list is told so by the erasure.
            Err(_) => None,
        };
        // Before the first of them is gone: a later run must not wonder where they are.
        remove::save(&gateway.tokens, user, withdrawal)?;
    }
    let terminal = std::io::stderr().is_terminal();
    let progress = |count: u64| {
        if terminal {
            let _ = write!(std::io::stderr().lock(), "\r{count} objects deleted ");
        }
    };
    let erasure = Erasure {
        path: &path,
        sent: &|| uploaded(gateway, user),
        names_done: withdrawal.names_deleted_at.is_some(),
        versions_kept: withdrawal.versions_kept,
        progress: &progress,
    };
    let done = erase(&store, &erasure, erased);
    if terminal && erased.objects > 0 {
        say("");
    }
    take_in(withdrawal, erased, gateway);
    done?;
    check_place(withdrawal, place)
}

/// What was done and learned, whatever came of it.
fn take_in(withdrawal: &mut Withdrawal, erased: &Erased, gateway: &Gateway) {
    withdrawal.objects_deleted += erased.objects;
    withdrawal.versions_deleted += erased.versions;
    withdrawal.versions_kept = erased.versions_kept.or(withdrawal.versions_kept);
    if erased.names_done {
        withdrawal.names_deleted_at = Some(AsText(gateway.clock.now()));
    }
    withdrawal.forget_objects_left();
    for (item, stays) in &erased.left {
        withdrawal.leave_object(format!("{item}: {stays}"), stays.until());
    }
}

/// A place that has nothing of what was sent may be the wrong one. Who asks for the same one again
/// knows better.
fn check_place(withdrawal: &mut Withdrawal, place: String) -> Result<()> {
    let sent = withdrawal.objects_sent.unwrap_or_default();
    let found = withdrawal.objects_found.unwrap_or_default() + withdrawal.objects_deleted;
    if sent == 0 || found > 0 {
        return Ok(());
    }
    let user = &withdrawal.user_id;
    let what = format!(
        "none of the {sent} objects that were sent is in {place}: check S3_BUCKET_RAW, \
         FITSYNC_S3_PREFIX and AWS_ENDPOINT_URL; if they are right, somebody else deleted the \
         objects: then fitsync withdraw {user} --delete-objects once more ends it"
    );
    withdrawal.none_found_in = Some(place);
    Err(Failure::new(ErrorClass::Config, what))
}

/// The failure of what stays in the store.
fn what_stays(withdrawal: &Withdrawal, erased: &Erased) -> Result<()> {
    let Some((item, stays)) = erased.left.first() else { return Ok(()) };
    let count = erased.left.len();
    let what = match withdrawal.retained_until.filter(|_| withdrawal.only_retained_are_left()) {
        Some(until) => {
            format!("{count} objects stay in S3 under retention, the last until {}", utc(*until))
        }
        None => format!("{count} objects cannot be deleted, the first is {item}: {stays}"),
    };
    Err(Failure::new(ErrorClass::Config, what))
}

/// What the ledger says was sent.
pub fn uploaded(gateway: &Gateway, user: &UserId) -> Result<Vec<String>> {
    let mut ledger = Ledger::look(&gateway.config.data_dir, user)?;
    let months = ledger.month_keys()?;
    ledger.open_months(months)?;
    let mut paths = Vec::new();
    for (key, month) in ledger.months() {
        let sent = month.entries().filter(|(_, _, entry)| entry.file.uploaded_sha256.is_some());
        paths.extend(sent.map(|(date, metric, _)| file_path(user, metric, date)));
        if month.completeness.uploaded_sha256.is_some() {
            paths.push(file_path(user, COMPLETENESS, key.first_day()));
        }
    }
    Ok(paths)
}
