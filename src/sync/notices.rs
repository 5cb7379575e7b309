//! What is to be said of a consent: metrics that were added to the settings since, and its end.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::consent::token::Token;
use crate::core::user::UserId;
use crate::gateway::Gateway;
use crate::ledger::folder::Ledger;
use crate::ledger::head::Head;
use crate::ledger::told::Told;
use crate::limits::{CONSENT_ENDS_SOON_S, NAMES_SHOWN_MAX};

/// What a sign-in named; only a token that says nothing needs the ledger for it.
fn told(gateway: &Gateway, user: &UserId, token: &Token) -> Told {
    let known = token.told_metrics.is_some().then(Head::default);
    let head = || Ledger::look(&gateway.config.data_dir, user).map(|ledger| ledger.head).ok();
    gateway.config.told(Some(token), &known.or_else(head).unwrap_or_default())
}

/// Says who has to consent again for which metric. What a participant declined is left alone, and
/// so is what the provider does not have.
pub fn tell_added_metrics(gateway: &Gateway, users: &[UserId]) {
    let mut added: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for user in users {
        let Ok(Some(token)) = gateway.tokens.load(user) else { continue };
        let Ok(provider) = gateway.provider(&token.provider) else { continue };
        let told = told(gateway, user, &token);
        for metric in &gateway.config.metrics {
            let offered = provider.scope_of(metric).is_none_or(|scope| {
                token.granted(&scope)
                    || token.asked_scopes.is_empty()
                    || token.asked_scopes.contains(&scope)
            });
            if !offered || !told.covers(metric.name) {
                added.entry(metric.name).or_default().push(user.as_str());
            }
        }
    }
    for (metric, users) in added {
        let shown = users.iter().take(NAMES_SHOWN_MAX).copied().collect::<Vec<_>>().join(", ");
        let more = users.len().saturating_sub(NAMES_SHOWN_MAX);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        log::warn!(
            "{metric}: has to be consented to again by {shown}{more}; run: fitsync login USER"
        );
    }
}

/// A consent that ends by itself (an application in Testing: after seven days).
pub fn warn_of_end(token: &Token, user: &UserId, now: Timestamp) {
    let soon = |at: &Timestamp| at.as_second() - now.as_second() < CONSENT_ENDS_SOON_S;
    if let Some(at) = token.refresh_expires_at.filter(soon) {
        let at = at.strftime("%Y-%m-%d %H:%M UTC");
        log::warn!("user={user} the consent ends {at}; before that run: fitsync login {user}");
    }
}
