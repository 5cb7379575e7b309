//! `fitsync migrate`: the way over from the retired Fitbit Web API to Google, one participant
//! after the other. Study id, files and prefix stay; the account must be the same person's.

use std::io::Write as _;
use std::time::Duration;

use miniserde::Serialize;

use crate::command::arguments::MigrateArguments;
use crate::consent::files::TokenStore;
use crate::core::error::{ErrorClass, Failure, Result, worst_exit};
use crate::core::table::utc;
use crate::core::user::UserId;
use crate::gateway::Gateway;
use crate::io::stop;
use crate::io::terminal::{lines_of_stdin, print_json, say};
use crate::ledger::folder::Ledger;
use crate::provider::{fitbit, google};
use crate::sign_in::connect::Asked;
use crate::sign_in::terminal::{check_timeout, sign_in};
use crate::sync::run::{named_users, run_lock};

/// A participant who is still on the retired API.
#[derive(Debug, Serialize)]
struct Left {
    user_id: String,
    state: String,
    newest: Option<String>,
}

/// One of whom it cannot be told was passed over, whatever else they need.
const UNREADABLE_EXIT: u8 = 1;

#[derive(Debug, Serialize)]
struct LeftReport {
    version: u32,
    participants: Vec<Left>,
}

pub fn run(gateway: &Gateway, arguments: &MigrateArguments) -> Result<u8> {
    check_timeout(arguments.timeout)?;
    let named = named_users(&arguments.user)?;
    let (left, unreadable) = left(gateway, &named)?;
    let not_told = if unreadable > 0 { UNREADABLE_EXIT } else { 0 };
    if arguments.json {
        let participants = left.into_iter().map(|(_, left)| left).collect();
        print_json(&LeftReport { version: 1, participants });
        return Ok(not_told);
    }
    tell(&left, unreadable, arguments.list);
    if arguments.list || left.is_empty() {
        return Ok(not_told);
    }
    let google = gateway
        .provider(google::NAME)
        .map_err(|failure| Failure { class: ErrorClass::Usage, ..failure })?;
    let _lock = run_lock(gateway)?;
    let life = Duration::from_secs(60 * u64::from(arguments.timeout));
    let lines = lines_of_stdin();
    let mut exits = vec![not_told];
    for (number, (user, _)) in left.iter().enumerate() {
        if stop::asked() {
            break;
        }
        say(&format!("\n{user} ({} of {})", number + 1, left.len()));
        let asked = Asked {
            user: user.clone(),
            replace: arguments.replace,
            collect_from: None,
            collect_until: None,
        };
        match sign_in(gateway, google, asked, life, &lines) {
            Ok(code) => exits.push(code),
            Err(failure) if failure.class == ErrorClass::Usage => return Err(failure),
            Err(failure) => {
                say(&format!("{failure}"));
                exits.push(failure.class.exit_code());
            }
        }
    }
    Ok(worst_exit(exits))
}

/// Those of the retired API, of the named ones or of all known, listed or not.
/// Also how many there are of whom nobody can tell.
fn left(gateway: &Gateway, named: &[UserId]) -> Result<(Vec<(UserId, Left)>, usize)> {
    let tokens = TokenStore::look(&gateway.config.token_dir)?;
    let (mut found, mut unreadable) = (Vec::new(), 0);
    let users = match named {
        [] => gateway.known()?.into_iter().filter(|user| !tokens.is_withdrawn(user)).collect(),
        named => gateway.chosen(named)?,
    };
    for user in users {
        let token = match tokens.load(&user) {
            Ok(Some(token)) => token,
            Ok(None) => continue,
            Err(failure) => {
                say(&format!("{user} may be on the retired Fitbit Web API: {failure}"));
                unreadable += 1;
                continue;
            }
        };
        if token.provider != fitbit::NAME {
            if named.contains(&user) {
                say(&format!("{user} is on {} already.", token.provider));
            }
            continue;
        }
        let newest = match Ledger::look(&gateway.config.data_dir, &user) {
            Ok(ledger) => ledger.head.newest.values().max().map(|at| utc(**at)),
            Err(failure) => {
                say(&format!("What was read of {user} cannot be told: {failure}"));
                None
            }
        };
        let left = Left { user_id: user.to_string(), state: token.state.name().to_owned(), newest };
        found.push((user, left));
    }
    Ok((found, unreadable))
}

/// On stdout where the list is the result; else there are addresses alone.
fn tell(left: &[(UserId, Left)], unreadable: usize, is_result: bool) {
    let mut lines = Vec::new();
    match (left, unreadable) {
        ([], 0) => lines.push("Nobody is on the retired Fitbit Web API.".to_owned()),
        ([], _) => {
            lines.push("Nobody else is known to be on the retired Fitbit Web API.".to_owned());
        }
        _ => {}
    }
    for (user, left) in left {
        let newest = left.newest.as_deref().unwrap_or("none");
        let state = left.state.replace('_', " ");
        lines.push(format!("{user}  {state}, newest data {newest}; fitsync migrate {user}"));
    }
    let text = lines.join("\n");
    if is_result {
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    } else {
        say(&text);
    }
}
