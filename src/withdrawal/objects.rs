//! Deletes what the bucket holds of a participant who withdrew.

use std::io::{IsTerminal as _, Write as _};

use crate::consent::withdrawal::Withdrawal;
use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::json::AsText;
use crate::core::user::{COMPLETENESS, UserId, file_path};
use crate::gateway::Gateway;
use crate::io::terminal::say;
use crate::ledger::folder::Ledger;
use crate::s3::erase::{Erased, erase};

pub const NO_BUCKET: &str = "S3_BUCKET_RAW is not set, so there is no bucket to delete from: set \
                             it to the one that holds the objects";

pub fn delete_objects(gateway: &Gateway, user: &UserId, withdrawal: &mut Withdrawal) -> Result<()> {
    if !withdrawal.deletes_objects() {
        return Ok(());
    }
    let mut erased = Erased::default();
    let done = erase_all(gateway, user, &mut erased);
    withdrawal.objects_deleted += erased.objects;
    withdrawal.versions_deleted += erased.versions;
    withdrawal.objects_left.clear();
    withdrawal.objects_left_count = 0;
    for (item, failure) in &erased.left {
        withdrawal.leave(format!("{item}: {failure}"));
    }
    if let Some(why) = &erased.versions_unseen {
        log::info!("user={user} versions cannot be listed: {why}");
        let what = "older versions, if the bucket keeps any: the store lists none";
        withdrawal.leave(what.to_owned());
    }
    let done = done.and_then(|()| match (&erased.unlisted, erased.left.len()) {
        (Some(why), 0) => {
            let what =
                format!("only what the ledger knew was deleted, the store lists nothing ({why})");
            withdrawal.leave(what);
            Ok(())
        }
        (_, 0) => Ok(()),
        (_, count) => {
            Err(Failure::new(ErrorClass::Config, format!("{count} objects cannot be deleted")))
        }
    });
    match &done {
        Ok(()) => {
            withdrawal.objects_deleted_at = Some(AsText(gateway.clock.now()));
            withdrawal.objects_problem = None;
        }
        Err(failure) => withdrawal.objects_problem = Some(failure.to_string()),
    }
    done
}

pub fn erase_all(gateway: &Gateway, user: &UserId, erased: &mut Erased) -> Result<()> {
    let Some(store) = gateway.store()? else {
        return Err(Failure::new(ErrorClass::Config, NO_BUCKET));
    };
    let known = uploaded(gateway, user)?;
    let terminal = std::io::stderr().is_terminal();
    let progress = |count: u64| {
        if terminal {
            let _ = write!(std::io::stderr().lock(), "\r{count} objects deleted ");
        }
    };
    let done = erase(&store, &format!("users/{user}"), &known, &progress, erased);
    if terminal && erased.objects > 0 {
        say("");
    }
    done
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
