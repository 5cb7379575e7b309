//! The participants: who is synced and who is not, whose consent lacks something or ends.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::command::doctor::finding::{self, Finding};
use crate::consent::token::{AccountState, Token};
use crate::core::error::ErrorClass;
use crate::core::user::UserId;
use crate::gateway::Gateway;
use crate::provider::granted::granted;

const CHECK: &str = "participants";
const SCOPES: &str = "scopes";

/// Names by what is to be said of them.
#[derive(Default)]
struct People {
    connected: usize,
    not_listed: Vec<String>,
    never_signed_in: Vec<String>,
    withdrawn: Vec<String>,
    sign_in_again: Vec<String>,
    retired: Vec<String>,
    unreadable: Vec<(String, String)>,
    no_settings: Vec<String>,
    /// By metric.
    not_granted: BTreeMap<&'static str, Vec<String>>,
    ends: Vec<(String, Timestamp)>,
}

pub fn check(gateway: &Gateway) -> Vec<Finding> {
    let known = match gateway.known() {
        Ok(known) => known,
        Err(failure) => return vec![Finding::failure(CHECK, &failure)],
    };
    let mut people = People::default();
    for user in &known {
        people.add(gateway, user);
    }
    if known.is_empty() {
        let text = "nobody has signed in yet";
        return vec![Finding::warn(CHECK, text, "fitsync login user_001")];
    }
    people.findings(gateway.clock.now())
}

impl People {
    fn add(&mut self, gateway: &Gateway, user: &UserId) {
        let list = &gateway.config.user_ids;
        let listed = list.contains(user);
        let name = user.to_string();
        if gateway.tokens.is_withdrawn(user) {
            if listed {
                self.withdrawn.push(name);
            }
            return;
        }
        match gateway.tokens.load(user) {
            Ok(Some(token)) => {
                if !list.is_empty() && !listed {
                    self.not_listed.push(name.clone());
                }
                self.add_token(gateway, user, &token);
            }
            Ok(None) => self.never_signed_in.push(name),
            // Told with the modes of the files.
            Err(failure) if failure.class == ErrorClass::Usage => {}
            Err(failure) => self.unreadable.push((name, failure.what)),
        }
    }

    fn add_token(&mut self, gateway: &Gateway, user: &UserId, token: &Token) {
        let name = user.to_string();
        match token.state {
            AccountState::SignInAgain => return self.sign_in_again.push(name),
            AccountState::Retired => return self.retired.push(name),
            AccountState::Connected => self.connected += 1,
        }
        if let Err(failure) = token.check_window(user) {
            self.unreadable.push((name.clone(), failure.what));
        }
        let Ok(provider) = gateway.provider(&token.provider) else { return };
        if let Some(at) = token.refresh_expires_at {
            self.ends.push((name.clone(), at));
        }
        for metric in &gateway.config.metrics {
            if provider.scope_of(metric).is_some() && !granted(token, metric) {
                self.not_granted.entry(metric.name).or_default().push(name.clone());
            }
        }
        if !token.granted(&provider.settings_scope()) {
            self.no_settings.push(name);
        }
    }

    fn findings(&self, now: Timestamp) -> Vec<Finding> {
        let mut found = Vec::new();
        if self.connected > 0 {
            found.push(Finding::ok(CHECK, format!("{} connected", self.connected)));
        }
        let mut tell = |who: &[String], what: &str, cure: &str| {
            if !who.is_empty() {
                let who = finding::named(who.iter().map(String::as_str));
                found.push(Finding::warn(CHECK, format!("{who}: {what}"), cure));
            }
        };
        let listed = "add them to FITBIT_USER_IDS, or empty it to sync everyone";
        tell(&self.not_listed, "signed in, but not in FITBIT_USER_IDS, so not synced", listed);
        tell(&self.never_signed_in, "never signed in", "fitsync login each of them");
        tell(&self.withdrawn, "withdrew, but is still listed", "take them out of FITBIT_USER_IDS");
        tell(&self.sign_in_again, "must sign in again", "fitsync login each of them");
        tell(&self.retired, "are on the retired Fitbit Web API", "fitsync migrate");
        for (name, why) in &self.unreadable {
            let text = format!("{name}: {why}");
            found.push(Finding::fail(CHECK, text, format!("fitsync login {name}")));
        }
        let again = "fitsync login them again and leave every box ticked, if they agree";
        for (metric, who) in &self.not_granted {
            let who = finding::named(who.iter().map(String::as_str));
            found.push(Finding::warn(SCOPES, format!("{metric} is not granted by {who}"), again));
        }
        if !self.no_settings.is_empty() {
            let who = finding::named(self.no_settings.iter().map(String::as_str));
            let text = format!("{who}: band and time zone are not granted");
            found.push(Finding::warn(SCOPES, text, again));
        }
        found.extend(finding::grants(now, self.ends.clone()));
        found
    }
}
