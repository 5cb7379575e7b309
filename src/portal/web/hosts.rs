//! Whether a request meant this gateway. A page of another site can make its own name lead here
//! (DNS rebinding) and would then be of the same origin as ours; its name stands in `Host`. So
//! only names that are known to be ours are answered; a bare address cannot be rebound. Pure.

use std::net::IpAddr;

use crate::core::address::Address;

/// Endings that home and clinic routers give to the machines of their network.
const LOCAL_ENDINGS: [&str; 6] = ["local", "lan", "home", "home.arpa", "internal", "fritz.box"];

/// `host:port`, `host`, `[v6]:port` → the host alone, in lower case; empty for anything else.
pub fn name_of(host: &str) -> String {
    Address::of_authority(host).map(|address| address.host()).unwrap_or_default()
}

/// A host as it stands in an address.
pub fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// Whether the name can only mean the machine of whoever asks.
pub fn is_loopback_name(host: &str) -> bool {
    Address::of_authority(host).is_ok_and(|address| address.is_loopback())
}

/// The names by which these pages may be asked for.
#[derive(Debug, Clone, Default)]
pub struct Hosts {
    names: Vec<String>,
}

impl Hosts {
    /// `machine`: this machine's own name; `others`: hosts of the settings.
    pub fn new(machine: &str, others: &[&str]) -> Self {
        let first = machine.split('.').next().unwrap_or_default().to_ascii_lowercase();
        let mut names = vec!["localhost".to_owned()];
        if !first.is_empty() {
            names.push(machine.to_ascii_lowercase());
            names.extend(LOCAL_ENDINGS.iter().map(|ending| format!("{first}.{ending}")));
            names.push(first);
        }
        names.extend(others.iter().map(|host| name_of(host)).filter(|name| !name.is_empty()));
        Self { names }
    }

    pub fn allows(&self, host: &str) -> bool {
        let name = name_of(host);
        name.parse::<IpAddr>().is_ok() || self.names.contains(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_and_own_names_are_answered() {
        let hosts = Hosts::new("Clinic-Pi.example.org", &["study.example.com", "", "[fd00::1]:80"]);
        for host in [
            "192.168.1.20:8000",
            "[fd00::1]:8000",
            "localhost:8000",
            "clinic-pi",
            "CLINIC-PI.local:8000",
            "clinic-pi.example.org.",
            "study.example.com",
        ] {
            assert!(hosts.allows(host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "",
            "192.168.1.20.evil.example",
            "[::1].evil.example",
            "[::1",
            "localhost:8000.evil.example",
            "localhost:80@evil.example",
        ] {
            assert!(!hosts.allows(host), "{host}");
        }
        assert!(!Hosts::new("", &[]).allows(".local"));
    }

    #[test]
    fn loopback_names_are_told_from_names_that_look_like_them() {
        for host in ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "127.9.9.9", "[::1]:8000"] {
            assert!(is_loopback_name(host), "{host}");
        }
        for host in ["localhost.evil.example", "192.168.1.1", "127.0.0.1.nip.io", "", "[::2]"] {
            assert!(!is_loopback_name(host), "{host}");
        }
    }
}
