//! Which door somebody stands at, and what of the operator's pages is behind it. Pure.
//!
//! A door decides about the connection alone: whether a password may be typed there. Who stands
//! there is decided by the password, and never by where a connection comes from.

use crate::portal::access::cookie;
use crate::portal::web::hosts::is_loopback_name;
use crate::portal::web::visit::Ask;

/// Doors by what may be asked there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// TLS, with the gateway's own certificate or the study's.
    Tls,
    /// A browser on the gateway itself, or what cannot be told from one: plain.
    Loopback,
    /// Plain, by way of the network.
    Elsewhere,
}

pub fn door(ask: &Ask) -> Door {
    if ask.secure {
        return Door::Tls;
    }
    let here = ask.local && !ask.forwarded && ask.peer.is_loopback();
    if here && is_loopback_name(&ask.host) { Door::Loopback } else { Door::Elsewhere }
}

/// Cookies of the operator. Under TLS their names say so to the browser, which then takes them from
/// nobody else (RFC 6265bis, section 4.1.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cookie {
    /// Who is signed in.
    Session,
    /// Ties a form to a browser that is not signed in.
    Visitor,
    /// A browser that was signed in before.
    Device,
}

impl Cookie {
    pub const fn name(self, secure: bool) -> &'static str {
        match (self, secure) {
            (Self::Session, true) => "__Host-fitsync_operator",
            (Self::Session, false) => "fitsync_operator",
            (Self::Visitor, true) => "__Host-fitsync_visitor",
            (Self::Visitor, false) => "fitsync_visitor",
            (Self::Device, true) => "__Host-fitsync_device",
            (Self::Device, false) => "fitsync_device",
        }
    }

    pub fn of(self, ask: &Ask) -> Option<&str> {
        cookie(&ask.cookie, self.name(ask.secure))
    }
}
