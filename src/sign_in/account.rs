//! Whose an account is: one account belongs to one participant, the days of one are never mixed
//! with those of another, and an account that is let go is told so at its provider.

use jiff::Timestamp;

use crate::consent::token::Token;
use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::core::user::UserId;
use crate::gateway::Gateway;
use crate::ledger::folder::Ledger;
use crate::provider::{Identity, Provider};
use crate::withdrawal::remove;
use crate::withdrawal::revoke::{ask_revocation, read_revocation};

/// Whose account was this participant's before a sign-in.
#[derive(Debug)]
pub enum Before {
    Nobody,
    Token(Box<Token>),
    /// The token is gone or unreadable; the ledger knows whose the days are.
    Days(Days),
}

/// What the ledger tells of the accounts behind a participant's days.
#[derive(Debug)]
pub struct Days {
    /// The account of the newest day.
    account: String,
    /// Where the days of accounts end that are not the one that signs in.
    others_until: Option<Timestamp>,
}

impl Before {
    pub fn of(gateway: &Gateway, user: &UserId, identity: &Identity) -> Result<Self> {
        match gateway.tokens.load(user) {
            Ok(Some(token)) => return Ok(Self::Token(Box::new(token))),
            // Kept aside, and healed by this sign-in.
            Err(failure) if matches!(failure.class, ErrorClass::Auth | ErrorClass::Damaged) => {}
            Err(failure) => return Err(failure),
            Ok(None) => {}
        }
        Ok(days_of(gateway, user, identity)?.map_or(Self::Nobody, Self::Days))
    }

    pub fn token(&self) -> Option<&Token> {
        match self {
            Self::Token(token) => Some(token),
            Self::Nobody | Self::Days(_) => None,
        }
    }

    /// Whether it was another account, as far as anybody knows.
    pub fn is_other(&self, identity: &Identity, provider: &dyn Provider) -> bool {
        match self {
            Self::Nobody => false,
            // An account that is not known cannot be compared with one of another provider.
            Self::Token(token) => {
                let known = !token.account.is_empty() || token.provider != provider.name();
                known && !identity.has(&token.account)
            }
            Self::Days(days) => !identity.has(&days.account),
        }
    }

    /// Whether days of another account stand under this id.
    pub fn others_stay(&self, gateway: &Gateway, user: &UserId, identity: &Identity) -> bool {
        match self {
            Self::Nobody => false,
            Self::Days(days) => days.others_until.is_some(),
            Self::Token(_) => days_of(gateway, user, identity)
                .is_ok_and(|days| days.is_some_and(|days| days.others_until.is_some())),
        }
    }

    pub fn refusal(&self, user: &UserId, provider: &dyn Provider) -> Failure {
        let moves = self.token().is_some_and(|token| token.provider != provider.name());
        let command = if moves { "migrate --replace" } else { "login --replace" };
        let whose = match self {
            Self::Days(_) => format!("{user} has days of a different account"),
            Self::Nobody | Self::Token(_) => format!("{user} is connected to a different account"),
        };
        let what = format!(
            "{whose}, this one is not known to be the same person's; to take it all the same: \
             fitsync {command} {user}"
        );
        Failure::new(ErrorClass::Account, what)
    }

    /// What the new token takes over: the study window, and from when on its account counts.
    /// `named`: this sign-in was given a window.
    pub fn hand_on(
        &self,
        gateway: &Gateway,
        user: &UserId,
        token: &mut Token,
        other: bool,
        named: bool,
    ) {
        if self.token().is_none() {
            let bounds = gateway.tokens.bounds(user);
            if bounds.doubtful && !named && matches!(self, Self::Days(_)) {
                log::warn!(
                    "user={user} the token of before is lost, and with it the study window if \
                     there was one: to give it again, run fitsync login {user} --collect-from \
                     DATE --collect-until DATE"
                );
            }
            token.take_bounds(bounds);
        }
        match self {
            Self::Nobody => {}
            Self::Token(before) => token.follow(before, !other),
            Self::Days(_) if other => token.account_since = token.obtained_at,
            Self::Days(days) => {
                token.account_since = days.others_until;
                token.moved_at = token.obtained_at.filter(|_| days.account != token.account);
            }
        }
    }
}

/// `None` where the ledger holds no day.
fn days_of(gateway: &Gateway, user: &UserId, identity: &Identity) -> Result<Option<Days>> {
    let mut ledger = Ledger::look(&gateway.config.data_dir, user)?;
    let months = ledger.month_keys()?;
    ledger.open_months(months)?;
    let days = ledger.days();
    let others = days.values().filter(|day| !identity.has(&day.account));
    let others_until = others.map(|day| *day.end).max();
    let newest = days.values().next_back();
    Ok(newest.map(|day| Days { account: day.account.clone(), others_until }))
}

/// An account belongs to one participant: two ids with the same data would be a silent error.
pub fn refuse_taken(gateway: &Gateway, user: &UserId, identity: &Identity) -> Result<()> {
    for other in gateway.tokens.ids()? {
        if other == *user {
            continue;
        }
        let Ok(Some(token)) = gateway.tokens.load(&other) else { continue };
        let legacy = token.legacy_user_id.as_deref();
        if identity.has(&token.account) || legacy.is_some_and(|legacy| identity.has(legacy)) {
            let what = format!("this account is already connected as {other}; nothing was changed");
            return Err(Failure::new(ErrorClass::Account, what));
        }
    }
    Ok(())
}

/// An id that withdrew, while its participant was at the provider: the consent is given back. The
/// account is nobody else's (`refuse_taken`), whose grant would end with this one.
pub fn refuse_withdrawn(
    gateway: &Gateway,
    provider: &dyn Provider,
    user: &UserId,
    refresh_token: &Secret,
) -> Result<()> {
    let Err(failure) = gateway.refuse_withdrawn(user) else { return Ok(()) };
    let consent = match ask_revocation(gateway, provider, refresh_token) {
        Ok(_) => "the new consent was revoked".to_owned(),
        Err(why) => format!(
            "the new consent could not be revoked ({why}): its owner can do so at {}",
            provider.connections_page()
        ),
    };
    let what = format!("{}; {consent}", failure.what);
    Err(Failure { class: ErrorClass::Account, what, ..failure })
}

/// Lets go of an account that was connected a moment ago and is not the participant's.
pub fn take_back(gateway: &Gateway, provider: &dyn Provider, user: &UserId) -> Result<()> {
    let _lock = gateway.tokens.lock(user)?;
    let Some(token) = gateway.tokens.load(user)? else { return Ok(()) };
    if let Err(failure) = ask_revocation(gateway, provider, &token.refresh_token) {
        log::warn!(
            "user={user} the account could not be told ({failure}): its owner can remove the \
             study at {}",
            provider.connections_page()
        );
    }
    gateway.tokens.remove(user)
}

/// The grant at the provider of before is revoked if that provider still answers; if not, its
/// token stays aside.
pub fn let_go_of_former(gateway: &Gateway, user: &UserId, before: &Token) {
    let revoked = gateway.provider(&before.provider).and_then(|provider| {
        let request = provider.revoke_request(&before.refresh_token);
        // Once only: the participant waits, and this provider may be gone for good.
        let reply = gateway.http.send(&request)?;
        // An API that is switched off has not confirmed anything.
        if reply.status == 410 {
            return Err(provider.classify(&reply));
        }
        read_revocation(provider, &request, &reply)
    });
    match revoked {
        Ok(_) => remove::forget_former(&gateway.tokens, user).unwrap_or_else(|failure| {
            log::warn!("user={user} {failure}");
        }),
        Err(failure) => {
            log::info!("user={user} the former grant is kept aside, it was not revoked: {failure}");
        }
    }
}
