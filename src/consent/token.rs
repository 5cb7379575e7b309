//! A participant's token file: the seed's names plus ours; fields we do not know are kept.

use std::str::FromStr;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use miniserde::json::{Number, Object, Value};

use crate::consent::window::{self, Bounds, Window, date_of, is_no_date, string_of};
use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::core::user::UserId;
use crate::limits::{TOKEN_LIFE_S, TOKEN_REFRESH_BEFORE_S};

/// The version this program writes; a newer file is left untouched.
pub const VERSION: i64 = 1;

/// Whether this participant's grant works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountState {
    Connected,
    /// The grant was withdrawn, has expired, or the account has no Google Health profile.
    SignInAgain,
    /// The provider is switched off.
    Retired,
}

impl AccountState {
    const ALL: [Self; 3] = [Self::Connected, Self::SignInAgain, Self::Retired];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::SignInAgain => "sign_in_again",
            Self::Retired => "retired",
        }
    }
}

impl FromStr for AccountState {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        Self::ALL.into_iter().find(|state| state.name() == text).ok_or(())
    }
}

/// The provider of a token that names none: the seed wrote plain replies of the Fitbit Web API.
pub const SEED_PROVIDER: &str = "fitbit";

#[derive(Debug, Clone)]
pub struct Token {
    pub access_token: Secret,
    pub refresh_token: Secret,
    pub scopes: Vec<String>,
    pub provider: String,
    /// The account at the provider: the Google Health id, or the Fitbit id.
    pub account: String,
    pub legacy_user_id: Option<String>,
    pub obtained_at: Option<Timestamp>,
    /// Unknown: refresh before use.
    pub expires_at: Option<Timestamp>,
    /// The life of the access token when it was sent, as the seed's file has it.
    expires_in_s: Option<i64>,
    pub refresh_expires_at: Option<Timestamp>,
    pub state: AccountState,
    pub state_since: Option<Timestamp>,
    pub collect_from: Option<Date>,
    pub collect_until: Option<Date>,
    /// A bound of the study window that stands in the file and is no date: nothing may be asked.
    pub window_unreadable: bool,
    pub time_zone: Option<String>,
    /// Set when a different account took the participant's place: its days start here.
    pub account_since: Option<Timestamp>,
    /// When the same person came over from the retired API: days from before are not read again.
    pub moved_at: Option<Timestamp>,
    /// The scopes that the sign-in asked for: what is missing was not offered, or declined.
    pub asked_scopes: Vec<String>,
    /// The metrics that a sign-in named, on its page or in the terminal; version 1 kept none.
    pub told_metrics: Option<Vec<String>>,
    /// Of the study's own text, as it was shown before the sign-in.
    pub told_text_sha256: Option<String>,
    /// Everything in the file, known or not.
    fields: Fields,
}

/// The raw object; its `Debug` shows names only, the values hold tokens.
#[derive(Clone, Default)]
struct Fields(Object);

impl std::fmt::Debug for Fields {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_set().entries(self.0.keys()).finish()
    }
}

/// What a provider answers to a code or a refresh token.
#[derive(Debug, Clone, Default)]
pub struct Grant {
    pub access_token: Secret,
    /// Google sends none on a refresh: the old one stays valid.
    pub refresh_token: Option<Secret>,
    pub expires_in_s: Option<i64>,
    pub refresh_expires_in_s: Option<i64>,
    pub scopes: Option<Vec<String>>,
    /// The Fitbit API names the account in its reply.
    pub account: Option<String>,
}

impl Token {
    /// A participant's first token, from a sign-in.
    pub fn new(provider: &str, account: &str, grant: &Grant, now: Timestamp) -> Self {
        let mut token = Self {
            access_token: Secret::default(),
            refresh_token: Secret::default(),
            scopes: Vec::new(),
            provider: provider.to_owned(),
            account: account.to_owned(),
            legacy_user_id: None,
            obtained_at: Some(now),
            expires_at: None,
            expires_in_s: None,
            refresh_expires_at: None,
            state: AccountState::Connected,
            state_since: Some(now),
            collect_from: None,
            collect_until: None,
            window_unreadable: false,
            time_zone: None,
            account_since: None,
            moved_at: None,
            asked_scopes: Vec::new(),
            told_metrics: None,
            told_text_sha256: None,
            fields: Fields::default(),
        };
        token.renew(grant, now);
        token
    }

    /// Takes in the reply to a refresh.
    pub fn renew(&mut self, grant: &Grant, now: Timestamp) {
        let after = |seconds: i64| now.checked_add(SignedDuration::from_secs(seconds)).ok();
        self.access_token = grant.access_token.clone();
        if let Some(refresh_token) = &grant.refresh_token {
            self.refresh_token = refresh_token.clone();
        }
        if let Some(scopes) = &grant.scopes {
            self.scopes.clone_from(scopes);
        }
        self.expires_in_s = grant.expires_in_s;
        self.expires_at = after(grant.expires_in_s.unwrap_or(TOKEN_LIFE_S));
        if let Some(seconds) = grant.refresh_expires_in_s {
            self.refresh_expires_at = after(seconds);
        }
        self.set_state(AccountState::Connected, now);
    }

    /// Takes over, from the token that this one replaces, what a sign-in does not decide.
    pub fn follow(&mut self, before: &Self, same_account: bool) {
        self.collect_from = before.collect_from;
        self.collect_until = before.collect_until;
        self.window_unreadable = before.window_unreadable;
        self.time_zone.clone_from(&before.time_zone);
        self.fields.clone_from(&before.fields);
        if same_account {
            self.account_since = before.account_since;
            let moves = before.provider != self.provider;
            self.moved_at = if moves { self.obtained_at } else { before.moved_at };
        } else {
            self.account_since = self.obtained_at;
        }
    }

    /// Takes over the study window of token files that cannot be read.
    pub fn take_bounds(&mut self, bounds: Bounds) {
        (self.collect_from, self.collect_until) = bounds.dates();
        for (name, bound) in [(window::FROM, bounds.from), (window::UNTIL, bounds.until)] {
            let bound = bound.map(|bound| (name.to_owned(), Value::String(bound)));
            self.fields.0.extend(bound);
        }
        self.name_bounds(None, None);
    }

    /// A bound that is named takes the place of the one before, or of one that cannot be read.
    pub fn name_bounds(&mut self, from: Option<Date>, until: Option<Date>) {
        self.collect_from = from.or(self.collect_from);
        self.collect_until = until.or(self.collect_until);
        let odd = |name, bound: Option<Date>| bound.is_none() && self.is_odd(name);
        self.window_unreadable =
            odd(window::FROM, self.collect_from) || odd(window::UNTIL, self.collect_until);
    }

    /// Whether a bound stands in the file and is no date.
    fn is_odd(&self, name: &str) -> bool {
        is_no_date(self.fields.0.get(name))
    }

    /// A study window that is not two dates is no window: nothing may be asked.
    pub fn check_window(&self, user: &UserId) -> Result<()> {
        if !self.window_unreadable {
            return Ok(());
        }
        let what = format!(
            "collect_from or collect_until in the token file is no date such as 2026-11-22: \
             correct it, or name it: fitsync login {user} --collect-from DATE --collect-until DATE"
        );
        Err(Failure::new(ErrorClass::Format, what))
    }

    pub fn set_state(&mut self, state: AccountState, now: Timestamp) {
        if self.state != state {
            self.state = state;
            self.state_since = Some(now);
        }
    }

    /// Whether the access token is good for so many seconds more.
    pub fn lives(&self, now: Timestamp, seconds: i64) -> bool {
        self.expires_at.is_some_and(|at| at.as_second() - now.as_second() >= seconds)
    }

    /// Whether the access token is good for the next minutes.
    pub fn fresh(&self, now: Timestamp) -> bool {
        self.lives(now, TOKEN_REFRESH_BEFORE_S)
    }

    /// A file that names no scopes says nothing: then the service's answer tells.
    pub fn granted(&self, scope: &str) -> bool {
        self.scopes.is_empty() || self.scopes.iter().any(|granted| granted == scope)
    }

    pub const fn window(&self) -> Window {
        Window {
            from: self.collect_from,
            until: self.collect_until,
            account_since: self.account_since,
            moved_at: self.moved_at,
        }
    }

    /// Whether it is of the same sign-in: what differs came by refreshing.
    pub fn same_consent(&self, other: &Self) -> bool {
        self.same_account(other) && self.obtained_at == other.obtained_at
    }

    pub fn same_account(&self, other: &Self) -> bool {
        (&self.provider, &self.account) == (&other.provider, &other.account)
    }

    /// Whether it is the newer one of the two, or as new, by the times that stand in them.
    pub fn is_as_new_as(&self, other: &Self) -> bool {
        self.obtained_at >= other.obtained_at && self.expires_at >= other.expires_at
    }

    /// The last four characters: enough for a technician to compare, too few to identify.
    pub fn account_end(&self) -> String {
        let chars: Vec<char> = self.account.chars().collect();
        chars.iter().skip(chars.len().saturating_sub(4)).collect()
    }

    pub fn parse(text: &str) -> Result<Self> {
        let broken = |what: &str| Failure::new(ErrorClass::Format, what.to_owned());
        let fields = match miniserde::json::from_str(text.trim_start_matches('\u{feff}')) {
            Ok(Value::Object(fields)) => fields,
            _ => return Err(broken("the token file is empty, cut or not JSON")),
        };
        if let Some(version) = fields.get("version").and_then(int_of).filter(|it| *it > VERSION) {
            let newer = Failure::newer(version);
            return Err(Failure { what: format!("the token file is {}", newer.what), ..newer });
        }
        let text = |name: &str| match fields.get(name) {
            Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
            _ => None,
        };
        let time = |name: &str| fields.get(name).and_then(time_of);
        let date = |name: &str| text(name).and_then(|text| date_of(&text));
        let odd = |name: &str| is_no_date(fields.get(name));
        let window_unreadable = odd(window::FROM) || odd(window::UNTIL);
        let refresh_token = text("refresh_token")
            .ok_or_else(|| broken("the token file holds no refresh_token; sign in again"))?;
        let account = text("health_user_id").or_else(|| text("user_id")).unwrap_or_default();
        Ok(Self {
            access_token: Secret::new(text("access_token").unwrap_or_default()),
            refresh_token: Secret::new(refresh_token),
            scopes: scopes_of(fields.get("scope")),
            provider: text("provider").unwrap_or_else(|| SEED_PROVIDER.to_owned()),
            account,
            legacy_user_id: text("legacy_user_id"),
            obtained_at: time("obtained_at"),
            expires_at: time("expires_at"),
            expires_in_s: fields.get("expires_in").and_then(int_of),
            refresh_expires_at: time("refresh_expires_at"),
            state: text("state")
                .and_then(|text| text.parse().ok())
                .unwrap_or(AccountState::Connected),
            state_since: time("state_since"),
            collect_from: date(window::FROM),
            collect_until: date(window::UNTIL),
            window_unreadable,
            time_zone: text("time_zone"),
            account_since: time("account_since"),
            moved_at: time("moved_at"),
            asked_scopes: scopes_of(fields.get("asked_scope")),
            told_metrics: fields.get("told_metrics").map(|told| scopes_of(Some(told))),
            told_text_sha256: text("told_text_sha256"),
            fields: Fields(fields),
        })
    }

    /// What a file that cannot be read as a token still shows of its grant (provider, account and
    /// refresh token), to have it revoked. For nothing else: the rest is not in it.
    pub fn salvage(text: &str) -> Option<Self> {
        if let Ok(token) = Self::parse(text) {
            return Some(token);
        }
        let named = |name: &str| string_of(text, name).filter(|value| !value.is_empty());
        let grant =
            Grant { refresh_token: Some(Secret::new(named("refresh_token")?)), ..Grant::default() };
        let account = named("health_user_id").or_else(|| named("user_id")).unwrap_or_default();
        // A token is not shown to a provider that may not be its own.
        Some(Self::new(&named("provider")?, &account, &grant, Timestamp::UNIX_EPOCH))
    }

    pub fn to_json(&self) -> String {
        let mut fields = self.fields.0.clone();
        let mut set = |name: &str, value: Option<String>| match value {
            Some(text) => drop(fields.insert(name.to_owned(), Value::String(text))),
            None => drop(fields.remove(name)),
        };
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let date = |date: Option<Date>| date.map(|date| date.to_string());
        set("access_token", Some(self.access_token.expose().to_owned()));
        set("refresh_token", Some(self.refresh_token.expose().to_owned()));
        set("scope", Some(self.scopes.join(" ")));
        set("token_type", Some("Bearer".to_owned()));
        set("provider", Some(self.provider.clone()));
        set("user_id", Some(self.account.clone()));
        let google = (self.provider != SEED_PROVIDER).then(|| self.account.clone());
        set("health_user_id", google);
        set("legacy_user_id", self.legacy_user_id.clone());
        set("obtained_at", time(self.obtained_at));
        set("expires_at", time(self.expires_at));
        set("refresh_expires_at", time(self.refresh_expires_at));
        set("state", Some(self.state.name().to_owned()));
        set("state_since", time(self.state_since));
        for (name, bound) in
            [(window::FROM, self.collect_from), (window::UNTIL, self.collect_until)]
        {
            if bound.is_some() || !self.is_odd(name) {
                set(name, date(bound));
            }
        }
        set("time_zone", self.time_zone.clone());
        set("account_since", time(self.account_since));
        set("moved_at", time(self.moved_at));
        set("asked_scope", Some(self.asked_scopes.join(" ")).filter(|text| !text.is_empty()));
        set("told_metrics", self.told_metrics.as_ref().map(|told| told.join(" ")));
        set("told_text_sha256", self.told_text_sha256.clone());
        match self.expires_in_s {
            Some(life_s) => {
                drop(fields.insert("expires_in".to_owned(), Value::Number(Number::I64(life_s))));
            }
            None => drop(fields.remove("expires_in")),
        }
        fields.insert("version".to_owned(), Value::Number(Number::I64(VERSION)));
        miniserde::json::to_string(&fields)
    }
}

pub fn int_of(value: &Value) -> Option<i64> {
    match value {
        Value::Number(Number::I64(value)) => Some(*value),
        Value::Number(Number::U64(value)) => i64::try_from(*value).ok(),
        #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970")]
        Value::Number(Number::F64(value)) if value.is_finite() => Some(*value as i64),
        _ => None,
    }
}

/// Ours are texts; scripts around the seed wrote seconds since 1970.
fn time_of(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => Timestamp::from_second(int_of(other)?).ok(),
    }
}

fn scopes_of(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
        Some(Value::Array(array)) => array.iter().flat_map(|one| scopes_of(Some(one))).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
