//! The one reader of addresses: `http://` and `https://` with a host, as browsers read them
//! (<https://url.spec.whatwg.org/>). What two readers could understand differently is refused
//! here, so that the host that is judged is the host that is asked.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

/// An address with a host and without a user name. `Debug` shows no query: it may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

/// Why a text is no address of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// Neither `http://` nor `https://`.
    Scheme,
    /// A blank, a control character, a backslash, or a letter outside ASCII.
    Letter,
    /// `name@host` or `name:password@host`.
    User,
    /// No host, a host or a port that is none.
    Host,
}

impl Unfit {
    pub const fn why(self) -> &'static str {
        match self {
            Self::Scheme => "it does not begin with http:// or https://",
            Self::Letter => "it holds a blank or a letter that no address has",
            Self::User => "it has a user name",
            Self::Host => "its host or port cannot be read",
        }
    }
}

impl Address {
    pub fn parse(text: &str) -> Result<Self, Unfit> {
        let (scheme, rest) = text.split_once("://").ok_or(Unfit::Scheme)?;
        if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
            return Err(Unfit::Scheme);
        }
        // Browsers strip some of them and take a backslash for a slash.
        if rest.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'\\') {
            return Err(Unfit::Letter);
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(Unfit::User);
        }
        // `https:///host` has the host `host` in a browser; an encoded host is none to ureq.
        if authority.is_empty() || authority.contains('%') {
            return Err(Unfit::Host);
        }
        let url = Url::parse(text).map_err(|_| Unfit::Host)?;
        if url.port() == Some(0) || url.host_str().is_none_or(str::is_empty) {
            return Err(Unfit::Host);
        }
        Ok(Self(url))
    }

    /// The address of a `Host` header, or of an authority: `host`, `host:port`, `[v6]:port`.
    pub fn of_authority(authority: &str) -> Result<Self, Unfit> {
        if authority.contains(['/', '?', '#']) {
            return Err(Unfit::Host);
        }
        Self::parse(&format!("http://{authority}"))
    }

    /// Normalised, without a slash at the end.
    pub fn text(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// `https://`
    pub fn secure(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// In lower case, an IPv6 address without brackets, a name without a dot at its end.
    pub fn host(&self) -> String {
        match self.0.host() {
            Some(Host::Ipv6(ip)) => ip.to_string(),
            Some(host) => host.to_string().trim_end_matches('.').to_owned(),
            None => String::new(),
        }
    }

    /// The host where it is a number; an IPv4 address in IPv6 form is one of IPv4.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host().parse().ok().map(|ip: IpAddr| ip.to_canonical())
    }

    /// The port, also where the scheme alone tells it.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or_default()
    }

    /// `host` or `host:port`, as a request's `Host` header has it.
    pub fn authority(&self) -> &str {
        self.0.authority()
    }

    pub fn path(&self) -> &str {
        self.0.path()
    }

    pub fn query(&self) -> Option<&str> {
        self.0.query()
    }

    pub fn has_fragment(&self) -> bool {
        self.0.fragment().is_some()
    }

    /// Whether it names the machine of whoever asks.
    pub fn is_loopback(&self) -> bool {
        self.host() == "localhost" || self.ip().is_some_and(|ip| ip.is_loopback())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}://{}{}", self.0.scheme(), self.authority(), self.path())
    }
}

/// Whether an address names this machine; one that cannot be read does not.
pub fn is_loopback_url(url: &str) -> bool {
    Address::parse(url).is_ok_and(|address| address.is_loopback())
}

/// The host of an address; empty where there is none.
pub fn host_of(url: &str) -> String {
    Address::parse(url).map(|address| address.host()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for url in [
            "http://localhost:8000/x",
            "http://LOCALHOST:9",
            "http://127.0.0.9",
            "http://[::1]:9/a?b",
            "http://[::ffff:127.0.0.1]:9",
            "http://localhost./",
            "https://127.1/",
        ] {
            assert!(is_loopback_url(url), "{url}");
        }
        for url in [
            "http://localhost.evil.example/",
            "http://10.0.0.1/",
            "https://a/127.0.0.1",
            "http://localhost:x@10.9.9.9/token",
            "http://localhost@10.9.9.9/token",
            "http://127.0.0.1.nip.io/",
            "http://%6cocalhost/",
            "localhost:8000",
        ] {
            assert!(!is_loopback_url(url), "{url}");
        }
    }

    #[test]
    fn what_two_readers_could_understand_differently_is_refused() {
        for (text, why) in [
            ("", Unfit::Scheme),
            ("ftp://a/", Unfit::Scheme),
            ("socks5://a:1", Unfit::Scheme),
            ("a.example", Unfit::Scheme),
            ("https://a b/", Unfit::Letter),
            ("https://a\t.example", Unfit::Letter),
            ("https://ä.example", Unfit::Letter),
            ("https://a.example\\@b.example/", Unfit::Letter),
            ("https://u:p@a.example/", Unfit::User),
            ("https://", Unfit::Host),
            ("https:///a.example", Unfit::Host),
            ("https://:443/", Unfit::Host),
            ("https://a:x/", Unfit::Host),
            ("https://a:0/", Unfit::Host),
            ("https://a:65536/", Unfit::Host),
            ("https://[::1/", Unfit::Host),
            ("https://%61.example/", Unfit::Host),
        ] {
            assert_eq!(Address::parse(text).unwrap_err(), why, "{text}");
        }
    }

    #[test]
    fn an_address_is_read_into_its_parts() {
        let address = Address::parse("HTTPS://Store.Example.:8443/a/b?c=d").unwrap();
        assert!(address.secure() && !address.has_fragment());
        assert_eq!((address.host().as_str(), address.port()), ("store.example", 8443));
        assert_eq!((address.path(), address.query()), ("/a/b", Some("c=d")));
        assert_eq!(format!("{address:?}"), "https://store.example.:8443/a/b");
        let plain = Address::parse("http://[fd00::1]").unwrap();
        assert_eq!((plain.host().as_str(), plain.port()), ("fd00::1", 80));
        assert_eq!((plain.authority(), plain.text()), ("[fd00::1]", "http://[fd00::1]"));
        assert_eq!(Address::of_authority("pi:8000").unwrap().port(), 8000);
        assert_eq!(Address::of_authority("pi/x").unwrap_err(), Unfit::Host);
    }
}
