//! The proxies of the settings, and which addresses they are asked for. ureq by itself looks at the
//! environment alone, asks one proxy for every scheme, and does not know ranges of addresses.

use std::net::IpAddr;

use ureq::{Proxy, ProxyProtocol};

use crate::core::address::Address;
use crate::core::error::{ErrorClass, Failure, Result};

/// For `https://`, the first that is set; small letters count like capitals, as with curl.
const HTTPS: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
/// For `http://`: a store on the LAN.
const HTTP: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// Gives a setting by its name.
pub type Lookup<'f, 'a> = &'f dyn Fn(&str) -> Option<&'a str>;

/// A proxy, and the setting that names it.
#[derive(Debug, Clone)]
pub struct NamedProxy {
    pub name: &'static str,
    pub proxy: Proxy,
}

impl NamedProxy {
    /// `host:port of HTTPS_PROXY`
    pub fn label(&self) -> String {
        format!("{}:{} of {}", self.proxy.host(), self.proxy.port(), self.name)
    }
}

/// The proxies of the settings.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    https: Option<NamedProxy>,
    http: Option<NamedProxy>,
    exceptions: Exceptions,
}

impl Proxies {
    /// One that is named and cannot be used is an error: a network that needs one lets nothing else
    /// through.
    pub fn of(setting: Lookup<'_, '_>) -> Result<Self> {
        Ok(Self {
            https: first_of(HTTPS, setting)?,
            http: first_of(HTTP, setting)?,
            exceptions: Exceptions::of(setting),
        })
    }

    /// The proxy that is asked for this address; none for this machine.
    pub fn of_url(&self, url: &str) -> Option<&NamedProxy> {
        let address = Address::parse(url).ok()?;
        let proxy = if address.secure() { &self.https } else { &self.http };
        let proxy = proxy.as_ref()?;
        (!address.is_loopback() && !self.exceptions.hold(&address)).then_some(proxy)
    }
}

fn first_of(names: [&'static str; 4], setting: Lookup<'_, '_>) -> Result<Option<NamedProxy>> {
    let Some((name, value)) = names.iter().find_map(|name| Some((*name, setting(name)?))) else {
        return Ok(None);
    };
    let usage = |what: String| Err(Failure::new(ErrorClass::Usage, what));
    // The value may hold a password.
    match Proxy::new(value) {
        Ok(proxy) if matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https) => {
            Ok(Some(NamedProxy { name, proxy }))
        }
        Ok(_) => usage(format!(
            "{name} names a SOCKS proxy, and only HTTP proxies are asked: http://HOST:PORT"
        )),
        Err(_) => usage(format!("{name} is not an address such as http://proxy.example:3128")),
    }
}

/// Hosts that are asked without a proxy: `NO_PROXY`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exceptions {
    entries: Vec<Exception>,
    /// What is none of the forms that are understood.
    pub unusable: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Exception {
    Everything,
    /// A name and all names below it, or an address; with the port if one is given.
    Host(String, Option<u16>),
    /// Addresses that begin with so many bits of this one.
    Range(IpAddr, u8),
}

impl Exceptions {
    pub fn of(setting: Lookup<'_, '_>) -> Self {
        let text = setting("NO_PROXY").or_else(|| setting("no_proxy")).unwrap_or_default();
        let mut found = Self::default();
        for entry in text.split([',', ' ', '\t']).filter(|entry| !entry.is_empty()) {
            match exception(entry) {
                Some(exception) => found.entries.push(exception),
                None => found.unusable.push(entry.to_owned()),
            }
        }
        found
    }

    fn hold(&self, address: &Address) -> bool {
        let (host, ip, port) = (address.host(), address.ip(), address.port());
        self.entries.iter().any(|entry| match entry {
            Exception::Everything => true,
            Exception::Host(name, only) => {
                let below = || host.strip_suffix(name.as_str()).is_some_and(|r| r.ends_with('.'));
                only.is_none_or(|only| only == port) && (host == *name || below())
            }
            Exception::Range(network, bits) => ip.is_some_and(|ip| begins(ip, *network, *bits)),
        })
    }
}

/// `*`, `a.example`, `.a.example`, `*.a.example`, `10.0.0.0/8`, each host also with `:port`.
fn exception(entry: &str) -> Option<Exception> {
    if entry == "*" {
        return Some(Exception::Everything);
    }
    if let Some((network, bits)) = entry.split_once('/')
        && let Ok(network) = network.parse::<IpAddr>()
    {
        let bits = bits.parse().ok().filter(|bits| *bits <= bits_of(network).1)?;
        return Some(Exception::Range(network, bits));
    }
    if let Ok(ip) = entry.parse::<IpAddr>() {
        return Some(Exception::Host(ip.to_canonical().to_string(), None));
    }
    let bare = entry.trim_start_matches("*.").trim_start_matches('.');
    let has_port = |rest: &str| rest.contains(':');
    let port_given = match bare.strip_prefix('[') {
        Some(v6) => v6.split_once(']').is_some_and(|(_, rest)| has_port(rest)),
        None => has_port(bare),
    };
    let address = Address::of_authority(bare).ok()?;
    Some(Exception::Host(address.host(), port_given.then(|| address.port())))
}

/// The bits of an address, and how many they are.
fn bits_of(ip: IpAddr) -> (u128, u8) {
    match ip {
        IpAddr::V4(ip) => (u128::from(ip.to_bits()), 32),
        IpAddr::V6(ip) => (ip.to_bits(), 128),
    }
}

fn begins(ip: IpAddr, network: IpAddr, bits: u8) -> bool {
    let ((ip, length), (network, other)) = (bits_of(ip), bits_of(network));
    let shift = u32::from(length.saturating_sub(bits));
    length == other && ip.checked_shr(shift) == network.checked_shr(shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(pairs: &[(&str, &'static str)]) -> Result<Proxies> {
        let pairs = pairs.to_vec();
        let find = |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|one| one.1);
        Proxies::of(&find)
    }

    #[test]
    fn each_scheme_has_its_proxy_and_all_proxy_comes_last() {
        let found = proxies(&[
            ("ALL_PROXY", "http://all.example:1"),
            ("HTTPS_PROXY", "http://me:p%40ss@tls.example:3128"),
            ("HTTP_PROXY", "http://plain.example:3"),
        ]);
        let found = found.unwrap();
        let label = |url: &str| found.of_url(url).map(NamedProxy::label);
        let tls = Some("tls.example:3128 of HTTPS_PROXY".to_owned());
        assert_eq!(label("https://health.googleapis.com/v4"), tls);
        let plain = Some("plain.example:3 of HTTP_PROXY".to_owned());
        assert_eq!(label("http://10.0.0.5:9000/x"), plain);
        for url in ["https://localhost:9/x", "http://127.0.0.1:9/x", "https://[::1]/", "no url"] {
            assert_eq!(label(url), None, "{url}");
        }
        let only = proxies(&[("HTTP_PROXY", "http://plain.example:3")]).unwrap();
        assert!(only.of_url("https://health.googleapis.com/").is_none());
        let all = proxies(&[("all_proxy", "all.example:1")]).unwrap();
        for url in ["https://a.example/", "http://a.example/"] {
            let label = all.of_url(url).map(NamedProxy::label);
            assert_eq!(label.as_deref(), Some("all.example:1 of all_proxy"), "{url}");
        }
        assert!(proxies(&[]).unwrap().of_url("https://a.example/").is_none());
    }

    #[test]
    fn an_unusable_proxy_is_told_by_name_and_without_its_password() {
        for (name, value, word) in [
            ("HTTPS_PROXY", "http://me:secret@", "http://proxy.example:3128"),
            ("ALL_PROXY", "socks5://me:secret@10.0.0.1:1080", "SOCKS"),
            ("HTTPS_PROXY", "socks4a://secret:1080", "SOCKS"),
            ("https_proxy", "ftp://secret", "http://proxy.example:3128"),
        ] {
            let failure = proxies(&[(name, value)]).unwrap_err();
            assert_eq!(failure.class, ErrorClass::Usage);
            assert!(failure.what.contains(name) && failure.what.contains(word), "{failure}");
            assert!(!failure.what.contains("secret"), "{failure}");
        }
    }

    #[test]
    fn exceptions_are_read_as_people_write_them() {
        for (entry, direct, proxied) in [
            ("a.example", "https://a.example/x", "https://ba.example/"),
            ("a.example", "https://s3.a.example/x", "https://a.example.evil/"),
            (".b", "https://x.b/", "https://x.bb/"),
            ("*.b", "https://x.b/", "https://b.c/"),
            ("x, a.example ,y", "https://a.example/", "https://z/"),
            ("a.example:8443", "https://a.example:8443/", "https://a.example/"),
            ("10.0.0.0/8", "https://10.9.8.7/", "https://11.0.0.1/"),
            ("10.1.2.3", "https://10.1.2.3/", "https://10.1.2.30/"),
            ("0.0.0.0/0", "https://10.1.2.3/", "https://[fd00::1]/"),
            ("fd00::/8", "https://[fd12::1]/", "https://[fe80::1]/"),
            ("[fd00::1]:9000", "https://[fd00::1]:9000/", "https://[fd00::1]/"),
            ("fd00::1", "https://[fd00::1]:1/", "https://[fd00::2]/"),
            ("A.Example", "https://a.example/", "https://b.example/"),
        ] {
            let found = proxies(&[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", entry)]).unwrap();
            assert!(found.of_url(direct).is_none(), "{entry}: {direct}");
            assert!(found.of_url(proxied).is_some(), "{entry}: {proxied}");
            assert_eq!(found.exceptions.unusable, Vec::<String>::new());
        }
        let all = proxies(&[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", "*")]).unwrap();
        assert!(all.of_url("https://a.example/").is_none());
        let odd = Exceptions::of(&|_| Some("http://b,10.0.0.0/40,a.example,x@y"));
        assert_eq!(odd.unusable, ["http://b", "10.0.0.0/40", "x@y"]);
    }
}
