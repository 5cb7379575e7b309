//! Which redirect addresses Google accepts: `https://` on a public name, or the browser's own
//! machine (https://developers.google.com/identity/protocols/oauth2/web-server#uri-validation).
//! Pure.

use crate::core::address::Address;
use crate::portal::pages::sign_in::Way;
use crate::portal::web::hosts::{is_loopback_name, name_of};
use crate::portal::web::visit::Ask;

/// What is to be said of a redirect address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Good,
    /// Google does not take it when it is registered; another provider of this name might.
    Doubtful(&'static str),
    /// No provider can send a browser there, or none should.
    Wrong(&'static str),
}

/// Endings that home and clinic networks give, and those that are set aside: no public name ends
/// so. The list of all public endings is too long to be carried along.
const LOCAL_ENDINGS: [&str; 18] = [
    ".local",
    ".lan",
    ".home",
    ".home.arpa",
    ".internal",
    ".localdomain",
    ".fritz.box",
    ".corp",
    ".mail",
    ".intranet",
    ".intra",
    ".private",
    ".priv",
    ".domain",
    ".test",
    ".example",
    ".invalid",
    ".localhost",
];

/// The one judge of redirect addresses: for `login`, `serve` and `doctor`.
pub fn judge(text: &str) -> Verdict {
    let address = match Address::parse(text) {
        Ok(address) => address,
        Err(unfit) => return Verdict::Wrong(unfit.why()),
    };
    if address.has_fragment() {
        return Verdict::Wrong("it has a part behind #");
    }
    // A path that climbs is gone once it is read, and Google compares the text.
    let lower = text.to_ascii_lowercase();
    if ["/..", "/%2e%2e", "/.%2e", "/%2e.", "%2f.."].iter().any(|up| lower.contains(up)) {
        return Verdict::Doubtful("it has a path with ..");
    }
    if text.contains('*') {
        return Verdict::Doubtful("it has a *");
    }
    if address.is_loopback() {
        return Verdict::Good;
    }
    let host = address.host();
    if address.ip().is_some() {
        return Verdict::Doubtful("Google refuses addresses made of numbers");
    }
    if !host.contains('.') || LOCAL_ENDINGS.iter().any(|ending| host.ends_with(ending)) {
        return Verdict::Doubtful("Google refuses names that only a local network knows");
    }
    match address.secure() {
        true => Verdict::Good,
        false => Verdict::Wrong("a public name needs https://"),
    }
}

/// Where the provider sends browsers back to.
#[derive(Debug, Clone)]
pub struct Redirect {
    pub lands: Lands,
    pub(super) path: String,
    /// Scheme, host and port, as the settings have them.
    pub origin: String,
    /// `https://`
    pub secure: bool,
}

/// What stands at the redirect address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lands {
    /// The browser's own machine, at this port.
    Loopback(u16),
    /// A public name that leads to this gateway.
    Here,
    /// `docs/bounce.html` on a host of the study, at this address.
    Bounce(String),
}

impl Redirect {
    pub fn new(redirect_uri: &str) -> Self {
        // One that cannot be read was refused before anybody signs in.
        let Ok(address) = Address::parse(redirect_uri) else {
            let lands = Lands::Bounce(redirect_uri.to_owned());
            let (path, origin) = (String::new(), String::new());
            return Self { lands, path, origin, secure: false };
        };
        let (path, secure) = (address.path().to_owned(), address.secure());
        let lands = if address.is_loopback() {
            Lands::Loopback(address.port())
        } else if path == DEFAULT_CALLBACK {
            Lands::Here
        } else {
            Lands::Bounce(redirect_uri.to_owned())
        };
        let scheme = if secure { "https" } else { "http" };
        let origin = format!("{scheme}://{}", address.authority());
        Self { lands, path, origin, secure }
    }

    /// The port of a redirect address on the browser's own machine.
    pub const fn loopback_port(&self) -> Option<u16> {
        match self.lands {
            Lands::Loopback(port) => Some(port),
            Lands::Here | Lands::Bounce(_) => None,
        }
    }

    /// Whether a browser on this machine that is sent back finds the pages: they must be at the
    /// same port, and both with TLS or both without.
    pub fn finds(&self, port: u16, secure: bool) -> bool {
        match self.lands {
            Lands::Loopback(loopback) => loopback == port && secure == self.secure,
            Lands::Here | Lands::Bounce(_) => true,
        }
    }

    /// Whether a browser that stands at this host is sent back to the same one, so that it brings
    /// its cookie along.
    pub(super) fn is_at(&self, host: &str) -> bool {
        let authority = self.origin.split_once("://").map_or("", |(_, rest)| rest);
        name_of(host) == name_of(authority)
    }

    /// How the address of a visitor's browser comes back here. `cookie`: it has to bring one along.
    pub(super) fn way(&self, ask: &Ask, port: u16, cookie: bool) -> Way {
        let way = match &self.lands {
            Lands::Loopback(_) if ask.local && self.finds(port, ask.secure) => {
                if cookie && !self.is_at(&ask.host) { Way::Paste } else { Way::ByItself }
            }
            Lands::Loopback(_) => Way::Paste,
            // A proxy may have put a host of its own in the place of the public one.
            Lands::Here if !cookie || self.is_at(&ask.host) || is_loopback_name(&ask.host) => {
                Way::ByItself
            }
            Lands::Here => Way::Paste,
            // The static page takes no name that only one network can read.
            Lands::Bounce(_) if !is_readable_elsewhere(&ask.host) => Way::Paste,
            Lands::Bounce(page) => {
                let scheme = if ask.secure { "https" } else { "http" };
                Way::Bounce { page: page.clone(), gateway: format!("{scheme}://{}", ask.host) }
            }
        };
        if ask.query_value("paste").is_some() { Way::Paste } else { way }
    }
}

/// Whether `docs/bounce.html` takes a gateway's host: an address, or a name that can be no public
/// one.
fn is_readable_elsewhere(host: &str) -> bool {
    is_loopback_name(host) || name_of(host).contains(['.', ':'])
}

/// Where browsers come back to unless the settings say otherwise.
pub const DEFAULT_CALLBACK: &str = "/auth/callback";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_google_accepts_is_good() {
        for address in [
            "http://localhost:8000/auth/callback",
            "http://127.0.0.1/cb",
            "http://[::1]:8000/cb",
            "https://study.example.org/bounce.html",
            "HTTPS://Study.Example.org:8443/auth/callback?a=b",
        ] {
            assert_eq!(judge(address), Verdict::Good, "{address}");
        }
    }

    #[test]
    fn what_google_refuses_is_doubtful() {
        for address in [
            "http://192.168.1.20:8000/auth/callback",
            "https://192.168.1.20/cb",
            "https://8.8.8.8/cb",
            "http://gateway.local:8000/cb",
            "https://gw.lan/cb",
            "https://gw.corp/cb",
            "https://study.example.org/b/../cb",
            "https://study.example.org/b/%2E%2E/cb",
            "https://study.example.org/*",
            "https://gateway/cb",
            "http://[fd00::1]:8000/cb",
        ] {
            assert!(matches!(judge(address), Verdict::Doubtful(_)), "{address}");
        }
    }

    #[test]
    fn what_cannot_be_an_address_to_come_back_to_is_wrong() {
        for address in [
            "",
            "not a url",
            "ftp://localhost/",
            "http://study.example.org/cb",
            "http://localhost:8000/cb#x",
            "http://localhost:8000/cb#",
            "urn:ietf:wg:oauth:2.0:oob",
            "http://a:b@localhost:8000/cb",
            "http://localhost:x/cb",
            "http://localhost:0/cb",
            "http://:8000/cb",
            "http:///cb",
            "http://[::1/cb",
            "http://local host/cb",
        ] {
            assert!(matches!(judge(address), Verdict::Wrong(_)), "{address}");
        }
    }
}
