//! The states of a participant's account that a run respects, and those that it finds out. None is
//! final: each is tried again by itself, and a success heals it.

use crate::consent::token::{AccountState, Token};
use crate::core::day::within;
use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::json::AsText;
use crate::core::user::UserId;
use crate::ledger::head::Head;
use crate::limits::{RETIRED_TRY_EVERY_S, SIGN_IN_TRY_EVERY_S};
use crate::provider::fitbit;
use crate::sync::fetch::{Fetch, RunOptions};

/// A participant who must sign in again is tried once a day all the same, a retired API once a
/// week; `--user` waits for neither.
pub(super) fn check_state(
    token: &Token,
    head: &Head,
    wanted: &RunOptions,
    user: &UserId,
    now: jiff::Timestamp,
) -> Result<()> {
    if token.window_unreadable {
        let what = format!(
            "collect_from or collect_until in the token file is no date such as 2026-11-22: \
             correct it, or name it: fitsync login {user} --collect-from DATE --collect-until DATE"
        );
        return Err(Failure::new(ErrorClass::Format, what));
    }
    if wanted.insistent {
        return Ok(());
    }
    let tried = within(head.sign_in_tried_at, SIGN_IN_TRY_EVERY_S, now);
    let retired = [head.sign_in_tried_at, token.state_since.map(AsText)];
    let retired = || retired.into_iter().any(|at| within(at, RETIRED_TRY_EVERY_S, now));
    match token.state {
        // Version 1 took any HTTP 410 for the end of an API, also Google's.
        AccountState::Retired if token.provider == fitbit::NAME && retired() => {
            let what = format!("this API is switched off; run: fitsync migrate {user}");
            Err(Failure::new(ErrorClass::Retired, what))
        }
        AccountState::SignInAgain if tried => {
            let what = format!("must sign in again; run: fitsync login {user}");
            Err(Failure::new(ErrorClass::Auth, what))
        }
        _ => Ok(()),
    }
}

impl Fetch<'_, '_> {
    /// Keeps what the run learned about the participant's grant.
    pub(super) fn settle_state(&mut self, done: &Result<()>) -> Result<()> {
        let state = match done {
            Ok(()) => AccountState::Connected,
            Err(failure) if failure.class == ErrorClass::Auth => AccountState::SignInAgain,
            Err(failure) if failure.class == ErrorClass::Retired => AccountState::Retired,
            Err(_) => return Ok(()),
        };
        if state != AccountState::Connected {
            self.ledger.head.sign_in_tried_at = Some(AsText(self.now));
            self.ledger.save()?;
        }
        self.session.note_state(state)
    }
}
