//! The steps of a withdrawal, by `withdraw` and by every later run until all are done.

use crate::consent::withdrawal::Withdrawal;
use crate::core::error::{Failure, Result};
use crate::core::json::AsText;
use crate::core::user::UserId;
use crate::gateway::Gateway;
use crate::withdrawal::objects::delete_objects;
use crate::withdrawal::remove;
use crate::withdrawal::revoke::{find_token, revoke, revoke_former};

/// Finishes earlier withdrawals; called by runs that hold the run lock. What is still undone is
/// told like any other failure.
pub fn finish(gateway: &Gateway) -> Vec<(UserId, Vec<Failure>)> {
    let mut unfinished = Vec::new();
    for user in gateway.tokens.ids().unwrap_or_default() {
        let problems = match remove::load(&gateway.tokens, &user) {
            Ok(Some(mut withdrawal)) if withdrawal.is_pending() => {
                carry_out(gateway, &user, &mut withdrawal)
            }
            Ok(_) => continue,
            Err(failure) => vec![failure],
        };
        if problems.is_empty() {
            log::info!("user={user} the withdrawal is complete");
        }
        if !problems.is_empty() {
            unfinished.push((user, problems));
        }
    }
    unfinished
}

/// One part of a withdrawal.
pub type Part = fn(&Gateway, &UserId, &mut Withdrawal) -> Result<()>;

/// Every step, each noted durably; one that fails does not stop the next.
pub fn carry_out(gateway: &Gateway, user: &UserId, withdrawal: &mut Withdrawal) -> Vec<Failure> {
    let steps: [Part; 6] =
        [find_token, revoke, revoke_former, remove_local, delete_objects, remove_ledger];
    let mut problems = Vec::new();
    for step in steps {
        let done = step(gateway, user, withdrawal);
        let noted = remove::save(&gateway.tokens, user, withdrawal);
        problems.extend([done, noted].into_iter().filter_map(Result::err));
    }
    problems
}

pub fn remove_local(gateway: &Gateway, user: &UserId, withdrawal: &mut Withdrawal) -> Result<()> {
    let _lock = gateway.tokens.lock(user)?;
    // A token that nobody could read is not deleted by that.
    if withdrawal.token_problem.is_none() {
        withdrawal.token_files += remove::remove_tokens(&gateway.tokens, user)?;
    }
    withdrawal.csv_files += remove::remove_csv(&gateway.config.data_dir, user)?;
    Ok(())
}

/// The ledger goes last: it knows the objects.
pub fn remove_ledger(gateway: &Gateway, user: &UserId, withdrawal: &mut Withdrawal) -> Result<()> {
    if withdrawal.deletes_objects() {
        return Ok(());
    }
    withdrawal.ledger_files += remove::remove_ledger(&gateway.config.data_dir, user)?;
    withdrawal.local_removed_at = Some(AsText(gateway.clock.now()));
    Ok(())
}
