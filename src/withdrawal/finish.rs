//! The steps of a withdrawal, by `withdraw` and by every later run until all are done.

use crate::consent::withdrawal::Withdrawal;
use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::json::AsText;
use crate::core::user::UserId;
use crate::gateway::Gateway;
use crate::io::removal::{Removed, remove_durably};
use crate::withdrawal::objects::delete_objects;
use crate::withdrawal::remains::{Copies, Remains};
use crate::withdrawal::remove;
use crate::withdrawal::revoke::{find_token, revoke, revoke_former};

/// Finishes earlier withdrawals; called by runs that hold the run lock. What is still undone is
/// told like any other failure. Fails where nobody can tell who withdrew.
///
/// Whatever a marker says, what lies here of somebody who withdrew is removed: a power cut or a
/// restored copy may have brought it back.
pub fn finish(gateway: &Gateway) -> Result<Vec<(UserId, Vec<Failure>)>> {
    let mut unfinished = Vec::new();
    let copies = Copies::list(gateway);
    for user in gateway.tokens.ids()? {
        let problems = match remove::load(&gateway.tokens, &user) {
            Ok(None) => continue,
            Ok(Some(mut withdrawal)) => finish_one(gateway, &user, &mut withdrawal, &copies),
            Err(failure) => vec![failure],
        };
        if !problems.is_empty() {
            unfinished.push((user, problems));
        }
    }
    Ok(unfinished)
}

fn finish_one(
    gateway: &Gateway,
    user: &UserId,
    withdrawal: &mut Withdrawal,
    copies: &Result<Copies>,
) -> Vec<Failure> {
    let lies_here = match copies {
        Ok(copies) => Remains::of(gateway, user, copies).any(removes_tokens(withdrawal)),
        Err(failure) => Err(failure.clone()),
    };
    match lies_here {
        Ok(true) if withdrawal.local_removed_at.take().is_some() => {
            log::warn!("user={user} withdrew, and files lie here all the same: removing them");
        }
        Ok(true) => {}
        nothing if !withdrawal.is_due(gateway.clock.now()) => {
            return nothing.err().into_iter().collect();
        }
        _ => {}
    }
    let problems = carry_out(gateway, user, withdrawal);
    if problems.is_empty() && !withdrawal.is_pending() {
        log::info!("user={user} the withdrawal is complete");
    }
    problems
}

/// One part of a withdrawal.
type Part = fn(&Gateway, &UserId, &mut Withdrawal) -> Result<()>;

/// Every step, each noted durably; one that fails does not stop the next, and none is called done
/// by another.
pub fn carry_out(gateway: &Gateway, user: &UserId, withdrawal: &mut Withdrawal) -> Vec<Failure> {
    let steps: [Part; 7] = [
        find_token,
        revoke,
        revoke_former,
        remove_tokens,
        remove_csv,
        delete_objects,
        remove_ledger,
    ];
    (withdrawal.files_left, withdrawal.files_left_count) = (None, None);
    let mut problems = Vec::new();
    let mut noted = None;
    for step in steps {
        problems.extend(step(gateway, user, withdrawal).err());
        if noted.as_ref() != Some(withdrawal) {
            problems.extend(remove::save(&gateway.tokens, user, withdrawal).err());
            noted = Some(withdrawal.clone());
        }
    }
    if problems.is_empty() && withdrawal.is_due(gateway.clock.now()) {
        let owed = withdrawal.owes().unwrap_or_default();
        problems.push(Failure::new(ErrorClass::Disk, owed));
    }
    problems
}

/// A token that nobody could read is not deleted by that.
const fn removes_tokens(withdrawal: &Withdrawal) -> bool {
    withdrawal.token_problem.is_none()
}

fn remains(gateway: &Gateway, user: &UserId) -> Result<Remains> {
    Ok(Remains::of(gateway, user, &Copies::list(gateway)?))
}

fn remove_tokens(gateway: &Gateway, user: &UserId, withdrawal: &mut Withdrawal) -> Result<()> {
    if !removes_tokens(withdrawal) {
        return Ok(());
    }
    // Also where a token that could not be read was waited for meanwhile.
    if withdrawal.local_removed_at.is_some() && !remains(gateway, user)?.any(true)? {
        return Ok(());
    }
    withdrawal.local_removed_at = None;
    let _lock = gateway.tokens.lock(user)?;
    let removed = remove_durably(remains(gateway, user)?.tokens);
    withdrawal.token_files += removed.files;
    note_left(withdrawal, removed)
}

fn remove_csv(gateway: &Gateway, user: &UserId, withdrawal: &mut Withdrawal) -> Result<()> {
    if withdrawal.local_removed_at.is_some() {
        return Ok(());
    }
    let removed = remove_durably(remains(gateway, user)?.csv);
    withdrawal.csv_files += removed.files;
    note_left(withdrawal, removed)
}

/// The ledger goes last: it knows the objects.
fn remove_ledger(gateway: &Gateway, user: &UserId, withdrawal: &mut Withdrawal) -> Result<()> {
    let needed = withdrawal.deletes_objects() && !withdrawal.only_retained_are_left();
    if withdrawal.local_removed_at.is_some() || needed {
        return Ok(());
    }
    let removed = remove_durably(remains(gateway, user)?.ledger);
    withdrawal.ledger_files += removed.files;
    note_left(withdrawal, removed)?;
    Copies::make_durable(gateway)?;
    if withdrawal.files_left_count.is_none()
        && !remains(gateway, user)?.any(removes_tokens(withdrawal))?
    {
        withdrawal.local_removed_at = Some(AsText(gateway.clock.now()));
    }
    Ok(())
}

fn note_left(withdrawal: &mut Withdrawal, removed: Removed) -> Result<()> {
    for failure in &removed.left {
        withdrawal.leave_file(failure.to_string());
    }
    removed.all().map(drop)
}
