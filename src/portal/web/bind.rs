//! The sockets of an address of the settings.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};

use crate::core::error::{ErrorClass, Failure, Result};
use crate::limits::PORTAL_SOCKETS_MAX;
use crate::portal::web::places;

/// Whether `listen` names a public address: then its peers may be public too.
pub fn names_public(listen: &str) -> bool {
    let addresses = listen.to_socket_addrs().map(Iterator::collect::<Vec<_>>).unwrap_or_default();
    let public =
        |address: &SocketAddr| !address.ip().is_unspecified() && !places::is_private(address.ip());
    addresses.iter().any(public)
}

/// `:8000` is every interface, IPv4 and IPv6; else `host:port`.
pub fn bind(listen: &str) -> Result<Vec<TcpListener>> {
    if let Some(port) = listen.strip_prefix(':') {
        let no_port = |_| Failure::new(ErrorClass::Usage, format!("no valid port; {LISTEN_FORMS}"));
        return bind_all(port.parse().map_err(no_port)?);
    }
    let addresses: Vec<_> = listen
        .to_socket_addrs()
        .map_err(|error| cannot_listen(listen, &error))?
        .take(PORTAL_SOCKETS_MAX)
        .collect();
    addresses
        .iter()
        .map(|address| TcpListener::bind(address).map_err(|error| cannot_listen(listen, &error)))
        .collect()
}

/// One socket for both families where the system shares it, two where it does not, one where
/// there is no IPv6.
fn bind_all(port: u16) -> Result<Vec<TcpListener>> {
    let failed = |error: io::Error| cannot_listen(&format!(":{port}"), &error);
    let any6 = TcpListener::bind((std::net::Ipv6Addr::UNSPECIFIED, port));
    let any6 = match any6 {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(failed(error)),
        other => other.ok(),
    };
    let bound = any6.as_ref().and_then(|socket| socket.local_addr().ok());
    let port = bound.map_or(port, |address| address.port());
    match (any6, TcpListener::bind((std::net::Ipv4Addr::UNSPECIFIED, port))) {
        (Some(any6), Ok(any4)) => Ok(vec![any6, any4]),
        // In use by the socket just opened: it serves IPv4 too.
        (Some(any6), Err(_)) => Ok(vec![any6]),
        (None, Ok(any4)) => Ok(vec![any4]),
        (None, Err(error)) => Err(failed(error)),
    }
}

fn cannot_listen(listen: &str, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::AddrInUse {
        return Failure::new(ErrorClass::Locked, "another program listens on this port").at(listen);
    }
    Failure::new(ErrorClass::Usage, format!("cannot listen: {error}; {LISTEN_FORMS}")).at(listen)
}

const LISTEN_FORMS: &str = "FITSYNC_LISTEN is a port such as :8000 for every address of this \
                            machine, or one of its addresses with a port, such as 127.0.0.1:8000";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_listen_addresses_are_recognised() {
        assert!(names_public("8.8.8.8:80") && !names_public("192.168.1.2:80"));
        assert!(!names_public(":8000") && !names_public("0.0.0.0:8000"));
    }
}
