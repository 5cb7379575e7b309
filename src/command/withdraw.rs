//! `fitsync withdraw USER`: lets go of a participant, here and at the provider, and refuses the id
//! afterwards. What cannot be done now is finished by later runs (`finish`).

use std::io::{BufRead as _, Write as _};

use crate::command::arguments::WithdrawArguments;
use crate::consent::withdrawal::Withdrawal;
use crate::core::error::{ErrorClass, Failure, Result, worst_exit};
use crate::core::user::UserId;
use crate::gateway::Gateway;
use crate::io::terminal::say;
use crate::s3::erase::Count;
use crate::sync::run::run_lock;
use crate::withdrawal::finish::carry_out;
use crate::withdrawal::objects::{NO_BUCKET, count_objects, place_of_objects, uploaded};
use crate::withdrawal::remove;
use crate::withdrawal::revoke::take_in;

pub fn run(gateway: &Gateway, arguments: &WithdrawArguments) -> Result<u8> {
    let usage = |what: String| Failure::new(ErrorClass::Usage, what);
    let user: UserId = arguments.user.parse().map_err(usage)?;
    if !gateway.known()?.contains(&user) {
        return Err(usage(format!("{user} is not known here; nothing was changed")));
    }
    if arguments.delete_objects && gateway.config.bucket.is_none() {
        return Err(usage(format!("{NO_BUCKET}; nothing was changed")));
    }
    if arguments.delete_objects {
        // Settings that no store can be made of are told before anything is done.
        gateway.store()?;
    }
    if !arguments.yes {
        let objects = arguments.delete_objects.then(|| objects_in_words(gateway, &user));
        confirm(&user, &objects.unwrap_or_default())?;
    }
    let _lock = run_lock(gateway)?;
    let mut withdrawal = begin(gateway, &user, arguments.delete_objects)?;
    let problems = carry_out(gateway, &user, &mut withdrawal);
    let _ = std::io::stdout().write_all(withdrawal.receipt().as_bytes());
    problems.iter().for_each(|problem| log::error!("user={user} {problem}"));
    Ok(worst_exit(problems.iter().map(|problem| problem.class.exit_code())))
}

/// What would be deleted, as far as the store tells it.
fn objects_in_words(gateway: &Gateway, user: &UserId) -> String {
    match count_objects(gateway, user) {
        Ok((Count { objects, versions: Some(versions) }, place)) if versions != objects => format!(
            ", and deletes {objects} objects in S3, {versions} versions and delete markers in all \
             ({place})"
        ),
        Ok((Count { objects, .. }, place)) => {
            format!(", and deletes {objects} objects in S3 ({place})")
        }
        Err(failure) => format!(
            ", and deletes what is stored in S3; how much that is the store does not say \
             ({failure})"
        ),
    }
}

fn confirm(user: &UserId, objects: &str) -> Result<()> {
    say(&format!(
        "This revokes the consent of {user}, removes the token and all local files{objects}. It \
         cannot be undone. Type {user} and press Enter:"
    ));
    let mut line = String::new();
    let stdin = std::io::stdin().lock();
    let mut stdin = std::io::Read::take(stdin, 1024);
    stdin.read_line(&mut line).map_err(|error| {
        Failure::new(ErrorClass::Usage, format!("cannot read the answer: {error}"))
    })?;
    if line.trim() == user.as_str() {
        return Ok(());
    }
    let what = format!("that is not {user}; nothing was changed (scripts use --yes)");
    Err(Failure::new(ErrorClass::Usage, what))
}

/// Writes the marker: from here on the id is refused, whatever happens to this process.
fn begin(gateway: &Gateway, user: &UserId, delete_objects: bool) -> Result<Withdrawal> {
    gateway.tokens.make()?;
    let _lock = gateway.tokens.lock(user)?;
    let known = remove::load(&gateway.tokens, user)?;
    let mut withdrawal =
        known.unwrap_or_else(|| Withdrawal::new(user.as_str(), gateway.clock.now()));
    // What is wrong with it is told by the step that looks for it again.
    let _ = take_in(gateway, user, &mut withdrawal);
    if let Some(token) = remove::former_token(&gateway.tokens, user) {
        withdrawal.former_provider = Some(token.provider.clone());
        withdrawal.former_refresh_token = Some(token.refresh_token.expose().to_owned());
    }
    // While the ledger is here to tell it.
    if let Ok(sent) = uploaded(gateway, user)
        && !sent.is_empty()
    {
        withdrawal.objects_sent = Some(sent.len() as u64);
    }
    if delete_objects {
        withdrawal.ask_for_objects();
        let place = place_of_objects(gateway, user)?;
        if withdrawal.none_found_in.take() == Some(place) {
            // Asked for a second time: that none is there is believed.
            withdrawal.objects_sent = None;
        }
    }
    withdrawal.local_removed_at = None;
    remove::save(&gateway.tokens, user, &withdrawal)?;
    Ok(withdrawal)
}
