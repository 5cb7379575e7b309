//! The operator's own port: the gateway's certificate and the one-time links, kept beside the
//! tokens.

use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::core::error::{ErrorClass, Failure, Result, Secret};
use crate::core::hash::sha256_hex;
use crate::gateway::Gateway;
use crate::io::clock::not_before;
use crate::io::files::{self, Lock};
use crate::io::net::lan;
use crate::io::random;
use crate::io::terminal::{print_address, say};
use crate::limits::{
    CERTIFICATE_BYTES_MAX, OPERATOR_LINK_S, OPERATOR_LINKS_BYTES_MAX, OPERATOR_LINKS_MAX,
    OPERATOR_LOCK_WAIT_S,
};
use crate::portal::certificate::{self, Certificate};
use crate::portal::code::LinkKey;
use crate::portal::entry::LINK_PATH;
use crate::portal::web::hosts::{bracketed, name_of};
use crate::portal::web::listener::Listener;
use crate::sign_in::password;

fn path(gateway: &Gateway, name: &str) -> PathBuf {
    gateway.config.token_dir.join(name)
}

fn read(gateway: &Gateway, name: &str, bytes_max: u64) -> Option<String> {
    let bytes = files::read(&path(gateway, name), bytes_max).unwrap_or_else(|failure| {
        log::warn!("{failure}");
        None
    })?;
    String::from_utf8(bytes).ok()
}

/// Held while certificate or links are changed.
fn lock(gateway: &Gateway) -> Result<Lock> {
    gateway.tokens.make()?;
    let held =
        files::lock(&path(gateway, "operator.lock"), Duration::from_secs(OPERATOR_LOCK_WAIT_S))?;
    let what = "operator.lock is held by another program; try again";
    held.ok_or_else(|| Failure::new(ErrorClass::Locked, what))
}

/// By what names and addresses others call this machine.
fn names(gateway: &Gateway) -> Vec<String> {
    let machine = lan::machine_name().to_ascii_lowercase();
    let first = machine.split('.').next().unwrap_or_default().to_owned();
    let host =
        |listen: &str| listen.rsplit_once(':').map_or(String::new(), |(host, _)| name_of(host));
    let config = &gateway.config;
    let mut names = vec![machine, first.clone(), "localhost".to_owned()];
    if !first.is_empty() {
        names.push(format!("{first}.local"));
    }
    names.extend([host(&config.listen), host(&config.operator_listen)]);
    names.extend(["127.0.0.1".to_owned(), "::1".to_owned()]);
    names.extend(lan::own_addresses().iter().map(ToString::to_string));
    let mut known = Vec::new();
    for name in names {
        if !name.is_empty() && name != "0.0.0.0" && name != "::" && !known.contains(&name) {
            known.push(name);
        }
    }
    known
}

/// The certificate with its key, made where there is none yet or the one that is there ends soon
/// or names other addresses.
fn certificate(gateway: &Gateway) -> Result<(Certificate, Secret)> {
    let (names, not_before) = (names(gateway), not_before(&gateway.clock));
    let _lock = lock(gateway)?;
    let key = read(gateway, "operator.key", CERTIFICATE_BYTES_MAX).map(Secret::new);
    let key = match key.filter(certificate::is_key) {
        Some(key) => key,
        None => {
            let key = certificate::new_key()?;
            files::write_durably(&path(gateway, "operator.key"), key.expose().as_bytes())?;
            key
        }
    };
    let kept = read(gateway, "operator.pem", CERTIFICATE_BYTES_MAX);
    let kept = kept.and_then(|text| Certificate::parse(&text));
    let kept = kept.filter(|one| one.is_good(&names, not_before) && one.tls(&key).is_ok());
    if let Some(kept) = kept {
        return Ok((kept, key));
    }
    let text = certificate::make(&key, &names, not_before)?;
    files::write_durably(&path(gateway, "operator.pem"), text.as_bytes())?;
    let what = "the operator's certificate cannot be read back";
    let made = Certificate::parse(&text).ok_or_else(|| Failure::new(ErrorClass::Bug, what))?;
    Ok((made, key))
}

/// The operator's own port while `serve` runs.
#[derive(Debug, Default)]
pub struct OwnPort {
    open: Option<(u16, Certificate)>,
    /// What was warned of, so that it is said once.
    warned: Option<String>,
}

impl OwnPort {
    /// Opens the port once there is a password, and again when the certificate was renewed.
    /// Without it participants are served all the same.
    pub fn tend(&mut self, gateway: &Gateway, listener: &mut Listener) -> Option<u16> {
        if let Err(failure) = self.try_tend(gateway, listener) {
            let text = format!("the operator's pages have no port of their own: {failure}");
            if self.warned.as_ref() != Some(&text) {
                log::warn!("{text}");
            }
            self.warned = Some(text);
        }
        self.open.as_ref().map(|(port, _)| *port)
    }

    fn try_tend(&mut self, gateway: &Gateway, listener: &mut Listener) -> Result<()> {
        if password::read(gateway)?.is_none() {
            return Ok(());
        }
        let (certificate, key) = match &self.open {
            Some((_, open)) if open.is_good(&[], not_before(&gateway.clock)) => return Ok(()),
            _ => certificate(gateway)?,
        };
        self.open = None;
        let tls = certificate.tls(&key)?;
        let port = listener.open_operator(&gateway.config.operator_listen, tls)?;
        note_port(gateway, port)?;
        log::info!("the operator's pages are at {}", address(gateway, port));
        log::info!("SHA-256 fingerprint of their certificate: {}", certificate.fingerprint());
        self.open = Some((port, certificate));
        Ok(())
    }
}

/// The address of the operator's pages for another machine of the network.
fn address(gateway: &Gateway, port: u16) -> String {
    let listen = &gateway.config.operator_listen;
    let named = listen.rsplit_once(':').map_or(String::new(), |(host, _)| name_of(host));
    let every = named.is_empty() || named == "0.0.0.0" || named == "::";
    let host = match lan::address() {
        Some(address) if every => address.to_string(),
        None if every => "localhost".to_owned(),
        _ => named,
    };
    format!("https://{}:{port}", bracketed(&host))
}

/// `operator.links`: what is known of the one-time links, never the links themselves.
#[derive(Debug, Default, miniserde::Serialize, miniserde::Deserialize)]
struct Links {
    version: u32,
    /// The port of the operator's pages while they were last open.
    port: Option<u16>,
    links: Vec<Link>,
}

#[derive(Debug, miniserde::Serialize, miniserde::Deserialize)]
struct Link {
    sha256: String,
    ends_at: String,
}

impl Link {
    fn is_alive(&self, now: Timestamp) -> bool {
        self.ends_at.parse::<Timestamp>().is_ok_and(|ends_at| now < ends_at)
    }
}

const LINKS: &str = "operator.links";

fn links(gateway: &Gateway) -> Links {
    let text = read(gateway, LINKS, OPERATOR_LINKS_BYTES_MAX).unwrap_or_default();
    miniserde::json::from_str(&text).unwrap_or_default()
}

/// Reads, changes and writes the links; the lock is held.
fn change<T>(gateway: &Gateway, change: impl FnOnce(&mut Links) -> T) -> Result<T> {
    let _lock = lock(gateway)?;
    let now = gateway.clock.now();
    let mut all = links(gateway);
    all.version = 1;
    all.links.retain(|link| link.is_alive(now));
    let result = change(&mut all);
    let text = miniserde::json::to_string(&all);
    files::write_durably(&path(gateway, LINKS), text.as_bytes())?;
    Ok(result)
}

fn note_port(gateway: &Gateway, port: u16) -> Result<()> {
    if links(gateway).port == Some(port) {
        return Ok(());
    }
    change(gateway, |all| all.port = Some(port))
}

/// Uses up a one-time link; `false` where it was used or has ended.
pub fn use_link(gateway: &Gateway, key: &LinkKey) -> bool {
    let sha256 = sha256_hex(key.as_str().as_bytes());
    let now = gateway.clock.now();
    // Strangers' guesses write nothing.
    let is_it = |link: &Link| link.sha256 == sha256 && link.is_alive(now);
    if !links(gateway).links.iter().any(is_it) {
        return false;
    }
    let used = change(gateway, |all| {
        let before = all.links.len();
        all.links.retain(|link| link.sha256 != sha256);
        all.links.len() < before
    });
    used.unwrap_or_else(|failure| {
        log::warn!("{failure}");
        false
    })
}

/// `serve --sign-in`: prints a link by which the operator signs in once, without the password.
pub fn print_link(gateway: &Gateway) -> Result<u8> {
    if password::read(gateway)?.is_none() {
        let what = "there are no operator's pages yet: set a password with fitsync serve \
                    --set-password";
        return Err(Failure::new(ErrorClass::Usage, what));
    }
    let (certificate, _) = certificate(gateway)?;
    let key = LinkKey::new(random::bytes()?);
    let ends_at = gateway.clock.now().saturating_add(SignedDuration::from_secs(OPERATOR_LINK_S));
    let ends_at = ends_at.unwrap_or(Timestamp::MAX).to_string();
    let sha256 = sha256_hex(key.as_str().as_bytes());
    let noted = change(gateway, |all| {
        if all.links.len() >= OPERATOR_LINKS_MAX {
            all.links.remove(0);
        }
        all.links.push(Link { sha256, ends_at });
        all.port
    })?;
    let named =
        gateway.config.operator_listen.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    let Some(port) = named.filter(|port| *port != 0).or(noted) else {
        let what = "fitsync serve does not run: start it, then make a link";
        return Err(Failure::new(ErrorClass::Usage, what));
    };
    let minutes = OPERATOR_LINK_S / 60;
    say(&format!(
        "Open this address while fitsync serve runs; it signs in once, for {minutes} minutes:"
    ));
    print_address(&format!("{}{LINK_PATH}{}", address(gateway, port), key.as_str()));
    say(&format!("SHA-256 fingerprint of its certificate: {}", certificate.fingerprint()));
    Ok(0)
}
