//! The network and the provider: proxy, names, TLS, whether the application is known, the clock.

use std::collections::BTreeSet;
use std::path::Path;

use crate::command::doctor::finding::{self, Finding, Level, MDNS_CURE};
use crate::command::doctor::report::Report;
use crate::core::address::host_of;
use crate::core::error::{ErrorClass, Result, Secret};
use crate::core::exchange::{Reply, Request};
use crate::gateway::Gateway;
use crate::io::clock;
use crate::io::net::dns;
use crate::io::net::proxy::Exceptions;
use crate::portal::pages::text::PLAIN_HTTP;
use crate::portal::redirect::Redirect;
use crate::provider::{Provider, fitbit, google};

/// What other time services leave while they run.
const TIME_SERVICES: [&str; 4] =
    ["/run/chrony/chronyd.pid", "/run/ntpd.pid", "/run/ntpd.sock", "/run/openntpd.sock"];

pub fn proxy(gateway: &Gateway) -> Vec<Finding> {
    let settings = &gateway.config.settings;
    let mut found = finding::no_proxy(&Exceptions::of(&|name| settings.get(name)));
    for provider in providers_of(gateway) {
        let url = provider.identity_request().url;
        if let Some(proxy) = gateway.http.proxy_of(&url) {
            let text = format!("{} is asked through {}", host_of(&url), proxy.label());
            found.push(Finding::ok("proxy", text));
        }
    }
    found
}

/// Looks up every host that a run asks; a proxy looks them up by itself.
pub fn name_look_up(gateway: &Gateway, store_address: Option<&str>, report: &mut Report) {
    let mut hosts: BTreeSet<String> = BTreeSet::new();
    let providers = providers_of(gateway);
    let addresses = providers.iter().flat_map(|provider| {
        [provider.identity_request().url, provider.refresh_request(&Secret::default()).url]
    });
    for url in addresses.chain(store_address.map(str::to_owned)) {
        let proxy = gateway.http.proxy_of(&url);
        hosts.insert(proxy.map_or_else(|| host_of(&url), |named| named.proxy.host().to_owned()));
    }
    let is_name = |host: &String| host.parse::<std::net::IpAddr>().is_err();
    for host in hosts.into_iter().filter(is_name) {
        report.add(name(&host, dns::look_up(&host)));
    }
}

fn name(host: &str, found: std::result::Result<Vec<std::net::IpAddr>, String>) -> Finding {
    let check = "names";
    match found {
        Ok(_) if finding::needs_mdns(host) => {
            let text = format!("{host} is found here, and is not by the static program");
            Finding::warn(check, text, MDNS_CURE)
        }
        Ok(found) => {
            let first = found.first().map_or(String::new(), ToString::to_string);
            Finding::ok(check, format!("{host} is {first}"))
        }
        Err(why) if finding::needs_mdns(host) => {
            Finding::fail(check, format!("{host} cannot be looked up: {why}"), MDNS_CURE)
        }
        Err(why) => Finding::fail(
            check,
            format!("{host} cannot be looked up: {why}"),
            "check the network and its name server (/etc/resolv.conf)",
        ),
    }
}

fn providers_of(gateway: &Gateway) -> Vec<&dyn Provider> {
    let config = &gateway.config;
    let google = config.google.as_ref().map(|google| google as &dyn Provider);
    let fitbit = config.fitbit.as_ref().map(|fitbit| fitbit as &dyn Provider);
    google.into_iter().chain(fitbit).collect()
}

/// Redirect address, TLS, service and application of each provider that is set. Answers how many
/// seconds this machine's clock is behind theirs.
pub fn providers(gateway: &Gateway, report: &mut Report) -> Option<i64> {
    let mut behind_s = None;
    let sign_in = match gateway.sign_in_provider() {
        Ok(provider) => provider.name(),
        Err(failure) => {
            let text = format!("nobody can sign in: {}", failure.what);
            let cure = if providers_of(gateway).is_empty() {
                "make an OAuth client at Google, set GOOGLE_CLIENT_ID and its secret"
            } else {
                "correct what is named here"
            };
            report.add(Finding::fail("provider", text, cure));
            ""
        }
    };
    for provider in providers_of(gateway) {
        if provider.name() == google::NAME {
            report.add(finding::google_redirect(&provider.app().redirect_uri));
            report.add_all(pages_port(gateway, provider));
            report.add_all(plain_pages(gateway));
        }
        let only_way = provider.name() == sign_in;
        let request = provider.identity_request();
        let sent = gateway.clock.machine();
        let reply = gateway.http.send(&request);
        let skew_s = |reply| clock::skew_of(sent, gateway.clock.machine(), reply);
        behind_s = behind_s.or(reply.as_ref().ok().and_then(skew_s));
        report.add_all(tls(&request, &reply));
        let answer = answers(provider, reply, only_way);
        let goes_on = answer.level == Level::Ok;
        report.add(answer);
        if goes_on {
            report.add(application(gateway, provider));
            report.add_all(project(gateway, provider));
        }
    }
    behind_s
}

/// The browser on this machine ends at the redirect address's port: the pages should be there.
fn pages_port(gateway: &Gateway, provider: &dyn Provider) -> Option<Finding> {
    let redirect = Redirect::new(&provider.app().redirect_uri);
    let leads_to = redirect.loopback_port()?;
    let listen = &gateway.config.listen;
    let port: u16 = listen.rsplit_once(':')?.1.parse().ok().filter(|port| *port != 0)?;
    if port != leads_to {
        let text = format!("FITSYNC_LISTEN has port {port}, the redirect address port {leads_to}");
        return Some(Finding::warn(
            "redirect",
            text,
            "use one port for both, or paste each address",
        ));
    }
    (!redirect.finds(port, gateway.config.tls.is_some())).then(|| {
        let text = "of the sign-in pages and the redirect address, one has TLS and one has not";
        Finding::warn("redirect", text.to_owned(), "give both TLS or none, or paste each address")
    })
}

/// What the pages' own connection gives away.
fn plain_pages(gateway: &Gateway) -> Option<Finding> {
    gateway.config.tls.is_none().then(|| Finding::ok("pages", PLAIN_HTTP))
}

fn tls(request: &Request, reply: &Result<Reply>) -> Option<Finding> {
    let check = "tls";
    let host = host_of(&request.url);
    match reply {
        Ok(_) if request.url.starts_with("https://") => {
            Some(Finding::ok(check, format!("the certificate of {host} is valid")))
        }
        Err(failure) if failure.class == ErrorClass::Clock || failure.what.starts_with("TLS") => {
            let cure = "check the clock; where the network inspects TLS, its CA belongs into \
                        FITSYNC_CA_FILE";
            Some(Finding::fail(check, format!("{host}: {}", failure.what), cure))
        }
        _ => None,
    }
}

/// Whether the service itself answers: a request without a token must be refused by it.
fn answers(provider: &dyn Provider, reply: Result<Reply>, only_way: bool) -> Finding {
    let check = "provider";
    let name = provider.name();
    let reply = match reply {
        Ok(reply) => reply,
        Err(failure) => return Finding::failure(check, &failure),
    };
    match reply.status {
        410 if only_way => {
            let text = format!("{name} is retired (HTTP 410)");
            Finding::fail(check, text, "set GOOGLE_CLIENT_ID, then fitsync migrate")
        }
        410 => {
            let text = format!("{name} is retired (HTTP 410); its participants read nothing more");
            Finding::warn(check, text, "fitsync migrate")
        }
        500.. => Finding::failure(check, &provider.classify(&reply)),
        status if status < 400 || reply.is_page() => Finding::fail(
            check,
            format!(
                "the answer (HTTP {status}) is not that of {name}: a sign-in page or a proxy \
                     of this network is in between"
            ),
            "let this machine out past that page, or name the right HTTPS_PROXY",
        ),
        401 | 403 | 429 => Finding::ok(check, format!("{name} answers")),
        status => {
            let text = format!("{name} answers a request without a token by HTTP {status}");
            Finding::warn(check, text, "check the addresses of the settings, if you changed them")
        }
    }
}

/// Whether the provider knows the application: a made-up refresh token is refused for itself only
/// when client id and secret are right.
fn application(gateway: &Gateway, provider: &dyn Provider) -> Finding {
    let check = "credentials";
    let name = provider.name();
    if provider.app().client_secret.is_empty() {
        let prefix = if name == fitbit::NAME { "FITBIT" } else { "GOOGLE" };
        let text = format!("{prefix}_CLIENT_SECRET is not set");
        let cure = format!("write it into /etc/fitsync/credentials/{prefix}_CLIENT_SECRET");
        return Finding::fail(check, text, cure);
    }
    let probe = provider.refresh_request(&Secret::new("fitsync-doctor-probe"));
    let reply = match gateway.http.send(&probe) {
        Ok(reply) => reply,
        Err(failure) => return Finding::failure(check, &failure),
    };
    let refused = provider.classify_token(&reply).at(probe.label());
    match refused.class {
        _ if reply.ok() => Finding::warn(
            check,
            format!("{name} grants a token for nothing ({})", probe.label()),
            "check the addresses of the settings",
        ),
        ErrorClass::Auth => Finding::ok(check, format!("{name} knows the application")),
        _ => Finding::failure(check, &refused),
    }
}

/// Whether the application may use the API, seen with a participant's token that is still good;
/// none is renewed for this.
fn project(gateway: &Gateway, provider: &dyn Provider) -> Option<Finding> {
    let check = "provider";
    let now = gateway.clock.now();
    let token = gateway.known().ok()?.into_iter().find_map(|user| {
        let token = gateway.tokens.load(&user).ok()??;
        (token.provider == provider.name() && token.fresh(now)).then_some(token)
    })?;
    let request = provider.identity_request().bearer(&token.access_token);
    let failure = match gateway.http.send(&request) {
        Ok(reply) if reply.ok() => {
            return Some(Finding::ok(check, "the application may use the API"));
        }
        Ok(reply) => provider.classify(&reply).at(request.label()),
        Err(failure) => failure,
    };
    let finding = Finding::failure(check, &failure);
    Some(if failure.class == ErrorClass::Config { finding } else { finding.into_warning() })
}

/// What the services' `Date` headers say of this machine's clock, and whether anything keeps it.
pub fn clock(gateway: &Gateway, behind_s: Option<i64>) -> Vec<Finding> {
    // The store's replies correct a clock that is badly wrong as well.
    let learnt_s = Some(gateway.http.clock().skew_s()).filter(|skew_s| *skew_s != 0);
    let finding = match learnt_s.or(behind_s) {
        Some(skew_s) => finding::clock(skew_s),
        None => Finding::warn(
            "clock",
            format!("this machine says {}; no service told the time", now_text(gateway)),
            "compare it with a watch",
        ),
    };
    std::iter::once(finding).chain(time_sync()).collect()
}

fn now_text(gateway: &Gateway) -> String {
    gateway.clock.machine().strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A box without a clock chip needs time sync; only systemd's own way of keeping it is looked at.
fn time_sync() -> Option<Finding> {
    if !Path::new("/run/systemd/system").exists() {
        return None;
    }
    let kept =
        std::iter::once(&clock::TIME_SYNCED).chain(&TIME_SERVICES).any(|p| Path::new(p).exists());
    Some(if kept {
        Finding::ok("time_sync", "the clock is kept by time sync")
    } else {
        Finding::warn(
            "time_sync",
            "nothing has set this machine's clock since it was switched on",
            "sudo timedatectl set-ntp true, and let NTP (UDP port 123) out",
        )
    })
}
