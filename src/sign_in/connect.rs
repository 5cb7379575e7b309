//! From a code to a stored token: exchange, identity, the checks of the account, durable file.
//!
//! Used by `login` and by the portal; says nothing itself.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::consent::token::{Grant, Token};
use crate::core::day;
use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::core::exchange::{Reply, Request};
use crate::core::user::UserId;
use crate::gateway::Gateway;
use crate::io::files::Lock;
use crate::io::net::circuit::Circuit;
use crate::io::terminal::say;
use crate::ledger::folder::Ledger;
use crate::ledger::told::Told;
use crate::portal::pages::text::{ago, period};
use crate::portal::sign_ins::{self, Hint};
use crate::provider::granted::granted;
use crate::provider::metric::Metric;
use crate::provider::{Identity, PairedDevice, Provider, last_sync, paired_devices};
use crate::sign_in::account::{self, Before};
use crate::withdrawal::remove;

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
#[derive(Debug)]
pub struct Connection {
    pub user: UserId,
    /// The last four characters of the account.
    pub account_end: String,
    /// `Ok(None)`: there is none, or it was not shared.
    pub device: Result<Option<PairedDevice>>,
    pub granted: Vec<&'static str>,
    pub missing: Vec<&'static str>,
    /// What this provider is not asked for, so that no box can be ticked.
    pub not_offered: Vec<&'static str>,
    pub settings_granted: bool,
    pub refresh_expires_at: Option<jiff::Timestamp>,
    /// The first and the last day that may ever be read.
    pub window: (Option<Date>, Option<Date>),
    /// No account was connected before, so that it may be taken back: nothing is read of it while
    /// this is held.
    pub undecided: Option<Lock>,
    /// Days of another account stand under this id.
    pub others_stay: bool,
    pub now: jiff::Timestamp,
}

/// Exchanges the code and stores the token. Nothing is stored on any failure.
pub fn connect(
    gateway: &Gateway,
    provider: &dyn Provider,
    asked: &Asked,
    code: &Secret,
    verifier: &Secret,
    scopes: &[String],
) -> Result<Connection> {
    let circuit = Circuit::new(1);
    let send_to = |request: &Request, classify: &dyn Fn(&Reply) -> Failure| -> Result<Reply> {
        let reply = circuit.send(asked.user.as_str(), &gateway.http, request, classify)?;
        if reply.ok() { Ok(reply) } else { Err(classify(&reply).at(request.label())) }
    };
    let send = |request: &Request| send_to(request, &|reply| provider.classify(reply));
    let request = provider.code_request(code, verifier);
    let reply = send_to(&request, &|reply| provider.classify_token(reply)).map_err(code_refused)?;
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
    let zone = has(provider.zone_scope())
        .then(|| ask(provider.zone_request()).and_then(|reply| provider.read_zone(&reply)).ok());
    let zone = zone.flatten().and_then(|told| told.name);
    let clock = zone.as_deref().and_then(|name| day::zone(name).ok());
    let clock = clock.unwrap_or(TimeZone::UTC);
    let devices = match settings_granted {
        true => paired_devices(provider, &clock, |request| ask(request.clone())),
        false => Ok(Vec::new()),
    };
    let stored = store(gateway, provider, asked, &grant, &identity, zone)?;
    let token = stored.token;
    let metrics = gateway.config.metrics.iter().copied();
    let (offered, not_offered): (Vec<&'static Metric>, Vec<&'static Metric>) =
        metrics.partition(|metric| provider.scope_of(metric).is_some());
    let (granted, missing): (Vec<&'static Metric>, Vec<&'static Metric>) =
        offered.into_iter().partition(|metric| granted(&token, metric));
    let names = |metrics: Vec<&'static Metric>| metrics.iter().map(|metric| metric.name).collect();
    Ok(Connection {
        user: asked.user.clone(),
        account_end: token.account_end(),
        device: devices.map(|devices| last_sync(&devices, gateway.clock.now()).0.cloned()),
        granted: names(granted),
        missing: names(missing),
        not_offered: names(not_offered),
        settings_granted,
        refresh_expires_at: token.refresh_expires_at,
        window: (token.collect_from, token.collect_until),
        undecided: stored.undecided,
        others_stay: stored.others_stay,
        now: gateway.clock.now(),
    })
}

fn code_refused(failure: Failure) -> Failure {
    if failure.class != ErrorClass::Auth {
        return failure;
    }
    let what = "the code was refused: it is too old, or was used before; start the sign-in again";
    Failure::new(ErrorClass::Code, what)
}

/// The account behind the code may not be read at all. Google's cure for a consent that was given
/// with a legacy Fitbit account (https://developers.google.com/health/troubleshooting).
fn not_readable(failure: Failure) -> Failure {
    if !failure.class.is_refusal() {
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

/// What was written.
struct StoredToken {
    token: Token,
    undecided: Option<Lock>,
    others_stay: bool,
}

/// Checks that the account may be this participant's, and writes the token under its lock.
fn store(
    gateway: &Gateway,
    provider: &dyn Provider,
    asked: &Asked,
    grant: &Grant,
    identity: &Identity,
    zone: Option<String>,
) -> Result<StoredToken> {
    let (tokens, user) = (&gateway.tokens, &asked.user);
    let now = gateway.clock.now();
    tokens.make()?;
    let _sign_ins = tokens.lock_sign_ins()?;
    account::refuse_taken(gateway, user, identity)?;
    let _lock = tokens.lock(user)?;
    let mut token = Token::new(provider.name(), &identity.account, grant, now);
    account::refuse_withdrawn(gateway, provider, user, &token.refresh_token)?;
    let before = Before::of(gateway, user, identity)?;
    let other = before.is_other(identity, provider);
    if other && !asked.replace {
        return Err(before.refusal(user, provider));
    }
    token.legacy_user_id.clone_from(&identity.legacy_user_id);
    let named = asked.collect_from.or(asked.collect_until).is_some();
    before.hand_on(gateway, user, &mut token, other, named);
    let former = before.token().filter(|before| before.provider != token.provider);
    if let Some(former) = former {
        remove::keep_former(tokens, user, former)?;
    }
    token.asked_scopes = provider.scopes(&gateway.config.metrics);
    token.told_metrics = Some(told(gateway, user, before.token(), other)?);
    let consented_at = before.token().and_then(|before| before.obtained_at).unwrap_or(now);
    // Kept: a first sync that cannot ask for it must not guess.
    token.time_zone = zone.or(token.time_zone);
    let zone = token.time_zone.as_deref().and_then(|name| day::zone(name).ok());
    let consent = zone.filter(|_| gateway.config.collect_from_consent);
    let consent = consent.map(|zone| consented_at.to_zoned(zone).date());
    token.name_bounds(asked.collect_from, asked.collect_until);
    token.collect_from = token.collect_from.or(consent.filter(|_| !token.window_unreadable));
    let place = tokens.reserve(user)?;
    let undecided = match &before {
        Before::Nobody => Some(place.save_held(&token)?),
        Before::Token(_) | Before::Days(_) => place.save(&token).map(|()| None)?,
    };
    if let Some(former) = former {
        account::let_go_of_former(gateway, user, former);
    }
    let others_stay = other && before.others_stay(gateway, user, identity);
    Ok(StoredToken { token, undecided, others_stay })
}

/// What the participant has been told of by now: what this sign-in named, and what the same
/// person's sign-ins before it did.
fn told(
    gateway: &Gateway,
    user: &UserId,
    before: Option<&Token>,
    other: bool,
) -> Result<Vec<String>> {
    let named = gateway.config.metrics.iter().map(|metric| metric.name);
    if other {
        return Ok(Told::ALL.with(named));
    }
    let head = Ledger::look(&gateway.config.data_dir, user)?.head;
    Ok(Told::of(before, &head).with(named))
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

impl Connection {
    /// What the sign-in's page shows.
    pub fn view(&self) -> sign_ins::ConnectedAccount {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let device = self.device.as_ref().ok().and_then(Option::as_ref);
        sign_ins::ConnectedAccount {
            account_end: self.account_end.clone(),
            device: device.map(|device| device.name.clone()),
            synced_at: device.and_then(|device| device.synced_at),
            device_untold: self.device.is_err(),
            settings_granted: self.settings_granted,
            granted: owned(&self.granted),
            missing: owned(&self.missing),
            expires_at: self.refresh_expires_at,
            is_first: self.undecided.is_some(),
            stayed: false,
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
        if self.others_stay {
            say(&format!(
                "Days of the account before stay under {0}, here and in the bucket. To remove \
                 them: fitsync withdraw {0} --delete-objects, then sign in under a new id.",
                self.user
            ));
        }
        say(&self.lasts_line());
    }

    /// The device to compare with the wrist.
    pub fn device_line(&self) -> String {
        match &self.device {
            Ok(Some(device)) => {
                let synced = device.synced_at.map_or("never synced".to_owned(), |at| {
                    format!("synced {}", ago(self.now.as_second() - at.as_second()))
                });
                format!("Device: {}, {synced}. Is it the one on the wrist?", device.name)
            }
            Err(failure) => {
                format!("Device: not known, the provider could not tell ({failure}).")
            }
            Ok(None) if self.settings_granted => {
                "No device is paired with this account yet.".to_owned()
            }
            Ok(None) => "Device: not known, settings were not granted.".to_owned(),
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
