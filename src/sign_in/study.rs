//! What the sign-in pages need to know of the study: a new attempt at the provider, and what a
//! participant is told before approving.

use crate::consent::oauth::{Pkce, new_state};
use crate::core::address::{Address, host_of};
use crate::core::day::{back, zone};
use crate::core::error::{ErrorClass, Failure, Result};
use crate::core::user::UserId;
use crate::gateway::Gateway;
use crate::io::net::lan;
use crate::io::random;
use crate::portal::code::LinkKey;
use crate::portal::desk::DeskRules;
use crate::portal::pages::page::Outcome;
use crate::portal::pages::text;
use crate::portal::redirect::{Lands, Redirect};
use crate::portal::sign_ins::{Attempt, Facts};
use crate::portal::step::Office;
use crate::portal::web::hosts::{Hosts, bracketed, is_loopback_name, name_of};
use crate::portal::web::listener::Listener;
use crate::portal::web::places::is_private;
use crate::portal::web::stream::Tls;
use crate::provider::{Provider, google};
use crate::sign_in::{operator, password};

/// The study, as the sign-in pages see it.
pub struct StudyOffice<'a> {
    pub gateway: &'a Gateway,
    pub provider: &'a dyn Provider,
    pub scopes: Vec<String>,
    /// The study window that `login` was given.
    pub collect: (Option<jiff::civil::Date>, Option<jiff::civil::Date>),
    /// The address of the pages for other machines of the network.
    pub base: Option<String>,
}

impl std::fmt::Debug for StudyOffice<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "StudyOffice {}", self.provider.name())
    }
}

impl<'a> StudyOffice<'a> {
    /// Refused where no consent could be exchanged: it would be used up. Fitbit has clients without
    /// a secret, Google has not.
    pub fn new(gateway: &'a Gateway, provider: &'a dyn Provider) -> Result<Self> {
        if provider.name() == google::NAME && provider.app().client_secret.is_empty() {
            let what = "GOOGLE_CLIENT_SECRET is not set: write it into the settings, or into \
                        /etc/fitsync/credentials/GOOGLE_CLIENT_SECRET";
            return Err(Failure::new(ErrorClass::Usage, what));
        }
        let scopes = provider.scopes(&gateway.config.metrics);
        Ok(Self { gateway, provider, scopes, collect: (None, None), base: None })
    }
}

impl Office for StudyOffice<'_> {
    fn attempt(&self, user: &UserId) -> Result<Attempt> {
        self.gateway.refuse_withdrawn(user)?;
        self.gateway.tokens.check_room(user)?;
        let pkce = Pkce::new(random::bytes()?);
        let state = new_state(random::bytes()?);
        let address = self.provider.authorize_url(&self.scopes, &state, &pkce.challenge);
        Ok(Attempt { state, verifier: pkce.verifier, address })
    }

    fn facts(&self, user: &UserId) -> Result<Facts> {
        let config = &self.gateway.config;
        let metrics = config.metrics.iter();
        let mut metrics: Vec<(String, String)> =
            metrics.map(|m| (m.name.to_owned(), first_words(m.meaning).to_owned())).collect();
        metrics.push((text::SETTINGS.to_owned(), text::SETTINGS_MEANING.to_owned()));
        let before = self.gateway.tokens.window(user);
        let zone = zone(config.time_zone.as_deref().unwrap_or("UTC"))?;
        let today = self.gateway.clock.now().to_zoned(zone).date();
        let usual =
            if config.collect_from_consent { today } else { back(today, config.lookback_days) };
        Ok(Facts {
            metrics,
            from: self.collect.0.or(before.0).or(Some(usual)),
            until: self.collect.1.or(before.1),
            study: config.study_name.clone(),
            returns_to: shown(&self.provider.app().redirect_uri),
            connections: self.provider.connections_page().to_owned(),
        })
    }

    fn is_synced(&self, user: &UserId) -> bool {
        self.gateway.is_synced(user)
    }

    fn password(&self) -> Option<String> {
        password::read(self.gateway).unwrap_or_else(|failure| {
            log::warn!("{failure}");
            None
        })
    }

    fn base(&self) -> Option<String> {
        self.base.clone()
    }

    fn use_link(&self, key: &LinkKey) -> bool {
        operator::use_link(self.gateway, key)
    }
}

/// What a metric is, without what an analyst must know of it.
fn first_words(meaning: &str) -> &str {
    meaning.split([',', ':', '.']).next().unwrap_or_default()
}

/// An address as a browser's bar shows it: without scheme and query.
fn shown(address: &str) -> String {
    let read = Address::parse(address);
    read.map_or_else(|_| address.to_owned(), |read| format!("{}{}", read.authority(), read.path()))
}

/// Opens the sign-in pages as the settings say.
pub fn open_pages(gateway: &Gateway, provider: &dyn Provider) -> Result<Listener> {
    let config = &gateway.config;
    let tls = config.tls.as_ref().map(|(cert, key)| Tls::load(cert, key)).transpose()?;
    let redirect = Redirect::new(&provider.app().redirect_uri);
    let listener = Listener::open(&config.listen, tls, &form_targets(provider, &redirect))?;
    if let Some(port) = redirect.loopback_port()
        && !redirect.finds(listener.port(), listener.secure())
    {
        let tls = if listener.secure() { "with" } else { "without" };
        log::warn!(
            "the pages are at port {} {tls} TLS, the redirect address leads to port {port} of the \
             browser's machine, {}: the browser will not find them, so paste its address",
            listener.port(),
            if redirect.secure { "https://" } else { "http://" }
        );
    }
    Ok(listener)
}

/// Where the button of a sign-in page leads: to the provider, or first to the study's own page.
fn form_targets(provider: &dyn Provider, redirect: &Redirect) -> Vec<String> {
    let origin = |address: &str| {
        let (scheme, rest) = address.split_once("://")?;
        Some(format!("{scheme}://{}", rest.split(['/', '?']).next()?))
    };
    let first = match &redirect.lands {
        Lands::Bounce(_) => Some(redirect.origin.clone()),
        Lands::Loopback(_) | Lands::Here => None,
    };
    let provider = provider.authorize_url(&[], "", "");
    origin(&provider).into_iter().chain(first).collect()
}

/// How the desk answers behind pages at this port.
pub fn desk_rules(
    gateway: &Gateway,
    provider: &dyn Provider,
    port: u16,
    stranger: Outcome,
) -> DeskRules {
    let redirect_uri = &provider.app().redirect_uri;
    DeskRules {
        hosts: Hosts::new(&lan::machine_name(), &[&host_of(redirect_uri), listen_host(gateway)]),
        redirect: Redirect::new(redirect_uri),
        port,
        secure: gateway.config.tls.is_some(),
        local_sign_in: gateway.config.local_sign_in,
        stranger,
    }
}

/// The host that FITSYNC_LISTEN names; empty for every interface.
fn listen_host(gateway: &Gateway) -> &str {
    let listen = &gateway.config.listen;
    listen.rsplit_once(':').map_or("", |(host, _)| host)
}

/// The address of the pages for another machine of the network; `None` without a network. Pages
/// that only this machine sees are named as the provider's answer names them, so that a browser's
/// cookie comes along.
pub fn pages_address(
    gateway: &Gateway,
    provider: &dyn Provider,
    listener: &Listener,
) -> Option<String> {
    let named = name_of(listen_host(gateway));
    let redirect = Redirect::new(&provider.app().redirect_uri);
    let finds = redirect.finds(listener.port(), listener.secure());
    if is_loopback_name(&named) && redirect.loopback_port().is_some() && finds {
        return Some(redirect.origin);
    }
    let every = named.is_empty() || named == "0.0.0.0" || named == "::";
    let host = if every {
        let address = lan::address()?;
        if !is_private(address) {
            log::warn!(
                "this machine's address {address} is public, and others there are turned away; to \
                 serve them set FITSYNC_LISTEN={address}:{}",
                listener.port()
            );
        }
        address.to_string()
    } else {
        named
    };
    let scheme = if listener.secure() { "https" } else { "http" };
    Some(format!("{scheme}://{}:{}", bracketed(&host), listener.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_participant_is_told_of_every_metric_in_a_few_words() {
        assert_eq!(first_words("Steps per minute."), "Steps per minute");
        for metric in crate::provider::metric::table::METRICS {
            let words = first_words(metric.meaning);
            assert!((5..60).contains(&words.len()), "{}: {words}", metric.name);
        }
    }

    #[test]
    fn an_address_is_shown_as_a_browser_shows_it() {
        assert_eq!(shown("http://localhost:8000/auth/callback"), "localhost:8000/auth/callback");
        assert_eq!(shown("https://a.example/b.html?x#y"), "a.example/b.html");
    }
}
