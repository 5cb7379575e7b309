//! From a code to a stored token: exchange, identity, the checks of the account, durable file.
//!
//! Used by `login` and by the portal; says nothing itself.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::command::context::Context;
use crate::command::login::say;
use crate::command::withdraw::read_revocation;
use crate::core::day;
use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::core::exchange::{Reply, Request};
use crate::core::token::{Grant, Token};
use crate::core::user::UserId;
use crate::io::session::Guard;
use crate::io::withdrawals;
use crate::portal::sign_ins::{self, Hint};
use crate::portal::text::{ago, period};
use crate::provider::metric::Metric;
use crate::provider::{
    Identity, PairedDevice, Provider, granted, newest, no_token_answer, paired_devices,
};

/// What a sign-in is for.
#[derive(Debug, Clone)]
pub struct Asked {
    pub user: UserId,
    /// A different account may take the place of the one before.
    pub replace: bool,
    pub collect_from: Option<Date>,
    pub collect_until: Option<Date>,
}

/// What a sign-in led to, for the person who watches it.
#[derive(Debug, Clone)]
pub struct Connected {
    pub user: UserId,
    /// The last four characters of the account.
    pub account_end: String,
    pub device: Option<PairedDevice>,
    pub granted: Vec<&'static str>,
    pub missing: Vec<&'static str>,
    /// What this provider is not asked for, so that no box can be ticked.
    pub not_offered: Vec<&'static str>,
    pub settings_granted: bool,
    pub refresh_expires_at: Option<jiff::Timestamp>,
    /// The first and the last day that may ever be read.
    pub window: (Option<Date>, Option<Date>),
    /// No account was connected before.
    pub is_first: bool,
    pub now: jiff::Timestamp,
}

/// Exchanges the code and stores the token. Nothing is stored on any failure.
pub fn connect(
    context: &Context,
    provider: &dyn Provider,
    asked: &Asked,
    code: &Secret,
    verifier: &Secret,
    scopes: &[String],
) -> Result<Connected> {
    let guard = Guard::new(1);
    let send = |request: &Request| -> Result<Reply> {
        let classify = |reply: &Reply| provider.classify(reply);
        let reply = guard.send(asked.user.as_str(), &context.http, request, classify)?;
        if reply.ok() { Ok(reply) } else { Err(provider.classify(&reply).at(request.label())) }
    };
    let reply = send(&provider.code_request(code, verifier)).map_err(code_refused)?;
    let mut grant = provider.read_grant(&reply)?;
    // OAuth leaves `scope` out when it is what was asked for (RFC 6749, section 5.1).
    grant.scopes.get_or_insert_with(|| scopes.to_vec());
    if grant.refresh_token.is_none() {
        let what = "the provider sent no refresh token: remove this application in the account's \
                    list of connected apps, then sign in again";
        return Err(Failure::new(ErrorClass::Config, what));
    }
    let bearer = |request: Request| request.bearer(&grant.access_token);
    let identity = match &grant.account {
        Some(account) => Identity { account: account.clone(), legacy_user_id: None },
        None => {
            let reply = send(&bearer(provider.identity_request())).map_err(not_readable)?;
            provider.read_identity(&reply)?
        }
    };
    let has = |scope: String| grant.scopes.iter().flatten().any(|granted| *granted == scope);
    let settings_granted = has(provider.settings_scope());
    // The device and the zone are for the technician and for later; the sign-in stands without.
    let ask = |request: Request| send(&bearer(request));
    let wants_zone = provider.tells_wall_clocks() || context.config.collect_from_consent;
    let zone = (wants_zone && has(provider.zone_scope()))
        .then(|| ask(provider.zone_request()).and_then(|reply| provider.read_zone(&reply)).ok())
        .flatten()
        .flatten();
    let zone = zone.and_then(|name| day::zone(&name).ok());
    let clock = zone.clone().unwrap_or(TimeZone::UTC);
    let device = settings_granted
        .then(|| paired_devices(provider, &clock, |request| ask(request.clone())))
        .and_then(|devices| newest(&devices.unwrap_or_default()).cloned());
    let (token, is_first) = store(context, provider, asked, &grant, &identity, zone.as_ref())?;
    let metrics = context.config.metrics.iter().copied();
    let (offered, not_offered): (Vec<&'static Metric>, Vec<&'static Metric>) =
        metrics.partition(|metric| provider.scope_of(metric).is_some());
    let (granted, missing): (Vec<&'static Metric>, Vec<&'static Metric>) =
        offered.into_iter().partition(|metric| granted(&token, metric));
    let names = |metrics: Vec<&'static Metric>| metrics.iter().map(|metric| metric.name).collect();
    Ok(Connected {
        user: asked.user.clone(),
        account_end: token.account_end(),
        device,
        granted: names(granted),
        missing: names(missing),
        not_offered: names(not_offered),
        settings_granted,
        refresh_expires_at: token.refresh_expires_at,
        window: (token.collect_from, token.collect_until),
        is_first,
        now: context.clock.now(),
    })
}

fn code_refused(failure: Failure) -> Failure {
    if failure.class != ErrorClass::Auth {
        return no_token_answer(failure);
    }
    let what = "the code was refused: it is too old, or was used before; start the sign-in again";
    Failure::new(ErrorClass::Code, what)
}

/// The account behind the code may not be read at all. Google's cure for a consent that was given
/// with a legacy Fitbit account (https://developers.google.com/health/troubleshooting).
fn not_readable(failure: Failure) -> Failure {
    if failure.class != ErrorClass::NotGranted {
        return failure;
    }
    let what = format!(
        "the account may not be read: tick all boxes at the consent, and if they were, sign out \
         and in again in the app on the phone with this Google account; then start the sign-in \
         again ({})",
        failure.what
    );
    Failure::new(ErrorClass::Account, what)
}

/// Checks that the account may be this participant's, and writes the token under its lock; also
/// whether it is the participant's first.
fn store(
    context: &Context,
    provider: &dyn Provider,
    asked: &Asked,
    grant: &Grant,
    identity: &Identity,
    zone: Option<&TimeZone>,
) -> Result<(Token, bool)> {
    let (tokens, user) = (&context.tokens, &asked.user);
    let now = context.clock.now();
    tokens.make()?;
    let _sign_ins = tokens.lock_sign_ins()?;
    refuse_taken_account(context, user, identity)?;
    let _lock = tokens.lock(user)?;
    let account = |failure| Failure { class: ErrorClass::Account, ..failure };
    context.refuse_withdrawn(user).map_err(account)?;
    let before = tokens.load(user).unwrap_or_default();
    let other = before.as_ref().is_some_and(|token| {
        // An account that is not known cannot be compared with one of another provider.
        let known = !token.account.is_empty() || token.provider != provider.name();
        known
            && token.account != identity.account
            && Some(&token.account) != identity.legacy_user_id.as_ref()
    });
    if other && !asked.replace {
        let moves = before.as_ref().is_some_and(|token| token.provider != provider.name());
        let command = if moves { "migrate --replace" } else { "login --replace" };
        let what = format!(
            "{user} is connected to a different account, this one is not known to be the same \
             person's; to take it all the same: fitsync {command} {user}"
        );
        return Err(Failure::new(ErrorClass::Account, what));
    }
    let mut token = Token::new(provider.name(), &identity.account, grant, now);
    token.legacy_user_id.clone_from(&identity.legacy_user_id);
    if let Some(before) = &before {
        token.follow(before, !other);
        if before.provider != token.provider {
            withdrawals::keep_former(tokens, user, before)?;
        }
    }
    token.asked_scopes = provider.scopes(&context.config.metrics);
    let consented_at = before.as_ref().and_then(|before| before.obtained_at).unwrap_or(now);
    let consent = zone.filter(|_| context.config.collect_from_consent);
    let consent = consent.map(|zone| consented_at.to_zoned(zone.clone()).date());
    token.collect_from = asked.collect_from.or(token.collect_from).or(consent);
    token.collect_until = asked.collect_until.or(token.collect_until);
    token.window_unreadable &= asked.collect_from.or(asked.collect_until).is_none();
    tokens.save(user, &token)?;
    if let Some(before) = before.as_ref().filter(|before| before.provider != token.provider) {
        let_go_of_former(context, user, before);
    }
    Ok((token, before.is_none()))
}

/// The grant at the provider of before is revoked if that provider still answers; if not, its
/// token stays aside.
fn let_go_of_former(context: &Context, user: &UserId, before: &Token) {
    let revoked = context.provider(&before.provider).and_then(|provider| {
        let request = provider.revoke_request(&before.refresh_token);
        // Once only: the participant waits, and this provider may be gone for good.
        let reply = context.http.send(&request)?;
        // An API that is switched off has not confirmed anything.
        if reply.status == 410 {
            return Err(provider.classify(&reply));
        }
        read_revocation(provider, &request, &reply)
    });
    match revoked {
        Ok(_) => withdrawals::forget_former(&context.tokens, user).unwrap_or_else(|failure| {
            log::warn!("user={user} {failure}");
        }),
        Err(failure) => {
            log::info!("user={user} the former grant is kept aside, it was not revoked: {failure}");
        }
    }
}

/// Lets go of an account that was connected a moment ago and is not the participant's.
pub fn take_back(context: &Context, provider: &dyn Provider, user: &UserId) -> Result<()> {
    let _lock = context.tokens.lock(user)?;
    let Some(token) = context.tokens.load(user)? else { return Ok(()) };
    let request = provider.revoke_request(&token.refresh_token);
    let classify = |reply: &Reply| provider.classify(reply);
    let revoked = Guard::new(1).send(user.as_str(), &context.http, &request, classify);
    if !revoked.is_ok_and(|reply| reply.ok()) {
        log::warn!(
            "user={user} the account could not be told: its owner can remove the study in the \
             account's list of connected apps"
        );
    }
    context.tokens.remove(user)
}

/// An account belongs to one participant: two ids with the same data would be a silent error.
fn refuse_taken_account(context: &Context, user: &UserId, identity: &Identity) -> Result<()> {
    for other in context.tokens.ids()? {
        if other == *user {
            continue;
        }
        let Ok(Some(token)) = context.tokens.load(&other) else { continue };
        let same = token.account == identity.account
            || identity.legacy_user_id.as_ref().is_some_and(|legacy| {
                token.account == *legacy || token.legacy_user_id.as_ref() == Some(legacy)
            });
        if same {
            let what = format!("this account is already connected as {other}; nothing was changed");
            return Err(Failure::new(ErrorClass::Account, what));
        }
    }
    Ok(())
}

/// Why a sign-in led to nothing, for its page; the terminal and the log have the reason.
pub const fn hint_of(failure: &Failure) -> Hint {
    match failure.class {
        ErrorClass::Account => Hint::OtherAccount,
        ErrorClass::Code => Hint::CodeRefused,
        ErrorClass::Auth => Hint::NotLinked,
        ErrorClass::Network | ErrorClass::Server | ErrorClass::Quota => Hint::NotReachable,
        _ => Hint::Failed,
    }
}

impl Connected {
    /// What the sign-in's page shows.
    pub fn view(&self) -> sign_ins::Connected {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        sign_ins::Connected {
            account_end: self.account_end.clone(),
            device: self.device.as_ref().map(|device| device.name.clone()),
            synced_at: self.device.as_ref().and_then(|device| device.synced_at),
            settings_granted: self.settings_granted,
            granted: owned(&self.granted),
            missing: owned(&self.missing),
            expires_at: self.refresh_expires_at,
            is_first: self.is_first,
        }
    }

    /// What the technician compares and passes on.
    pub fn tell(&self) {
        say(&format!("Connected: {} (account …{}).", self.user, self.account_end));
        say(&self.device_line());
        say(&format!("Collected: {}.", listed(&self.granted)));
        if self.window != (None, None) {
            say(&period(self.window.0, self.window.1));
        }
        if !self.missing.is_empty() {
            say(&format!(
                "Not granted: {}. To change that, sign in again and tick all boxes.",
                listed(&self.missing)
            ));
        }
        if !self.not_offered.is_empty() {
            say(&format!("Not to be had from this provider: {}.", listed(&self.not_offered)));
        }
        say(&self.lasts_line());
    }

    /// The device to compare with the wrist.
    pub fn device_line(&self) -> String {
        match &self.device {
            Some(device) => {
                let synced = device.synced_at.map_or("never synced".to_owned(), |at| {
                    format!("synced {}", ago(self.now.as_second() - at.as_second()))
                });
                format!("Device: {}, {synced}. Is it the one on the wrist?", device.name)
            }
            None if self.settings_granted => {
                "No device is paired with this account yet.".to_owned()
            }
            None => "Device: not known, settings were not granted.".to_owned(),
        }
    }

    /// How long the consent lasts.
    pub fn lasts_line(&self) -> String {
        self.refresh_expires_at.map_or(
            "The consent lasts until it is withdrawn.".to_owned(),
            |at| {
                let days = (at.as_second() - self.now.as_second() + 43_200) / 86_400;
                let date = at.strftime("%Y-%m-%d");
                format!(
                    "The consent lasts {days} days, until {date}: the application is in Testing. \
                     Publish it to Production for a lasting one."
                )
            },
        )
    }
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
