//! The addresses of host names, remembered for a short while.
//!
//! ureq looks a name up for every request, in a thread of its own, also when a connection is open
//! already; and the C library of the static build remembers nothing. A thousand uploads were a
//! thousand questions to the name server. A failed exchange forgets everything: the next try asks.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::limits::{NAME_LOOK_UP_S_MAX, NAME_REMEMBERED_S, NAMES_REMEMBERED_MAX};

/// Cheap to clone; all clones share what is remembered.
#[derive(Debug, Default)]
pub struct HostAddresses<R = DefaultResolver> {
    resolver: Arc<R>,
    known: Arc<Mutex<Vec<Known>>>,
}

#[derive(Debug)]
struct Known {
    scheme_and_authority: String,
    addresses: ResolvedSocketAddrs,
    since: Instant,
}

impl<R> Clone for HostAddresses<R> {
    fn clone(&self) -> Self {
        Self { resolver: Arc::clone(&self.resolver), known: Arc::clone(&self.known) }
    }
}

impl<R> HostAddresses<R> {
    pub fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recall(&self, name: &str) -> Option<ResolvedSocketAddrs> {
        let age_max = Duration::from_secs(NAME_REMEMBERED_S);
        let mut known = self.lock();
        known.retain(|known| known.since.elapsed() < age_max);
        let found = known.iter().find(|known| known.scheme_and_authority == name);
        found.map(|known| known.addresses.clone())
    }

    fn remember(&self, name: String, addresses: &ResolvedSocketAddrs) {
        let mut known = self.lock();
        known.retain(|known| known.scheme_and_authority != name);
        if known.len() >= NAMES_REMEMBERED_MAX {
            known.remove(0);
        }
        let (addresses, since) = (addresses.clone(), Instant::now());
        known.push(Known { scheme_and_authority: name, addresses, since });
    }
}

impl<R: Resolver> Resolver for HostAddresses<R> {
    fn resolve(
        &self,
        uri: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return self.resolver.resolve(uri, config, timeout);
        };
        if let Ok(address) = authority.as_str().parse::<SocketAddr>() {
            let mut addresses = self.empty();
            addresses.push(address);
            return Ok(addresses);
        }
        let name = format!("{scheme}://{authority}");
        if let Some(addresses) = self.recall(&name) {
            return Ok(addresses);
        }
        // Nobody waits for another's question: where names cannot be looked up, each waits long.
        let addresses = self.resolver.resolve(uri, config, timeout)?;
        self.remember(name, &addresses);
        Ok(addresses)
    }
}

/// The addresses of a host. The system's own waits can be long: the thread that still waits is
/// left behind.
pub fn look_up(host: &str) -> std::result::Result<Vec<IpAddr>, String> {
    let (sender, receiver) = mpsc::channel();
    let host = host.to_owned();
    std::thread::spawn(move || {
        let found = (host.as_str(), 443).to_socket_addrs();
        let found = found.map(|found| found.map(|address| address.ip()).collect::<Vec<_>>());
        let _ = sender.send(found.map_err(|error| error.to_string()));
    });
    match receiver.recv_timeout(Duration::from_secs(NAME_LOOK_UP_S_MAX)) {
        Ok(Ok(found)) if found.is_empty() => Err("it has no address".to_owned()),
        Ok(other) => other,
        Err(_) => Err(format!("no answer within {NAME_LOOK_UP_S_MAX} s")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Knows every name, and counts how often it was asked.
    #[derive(Debug, Default)]
    struct Counting(AtomicUsize);

    impl Resolver for Counting {
        fn resolve(
            &self,
            _: &Uri,
            _: &ureq::config::Config,
            _: NextTimeout,
        ) -> Result<ResolvedSocketAddrs, ureq::Error> {
            let count = self.0.fetch_add(1, Ordering::Relaxed) as u16 + 1;
            let mut addresses = self.empty();
            addresses.push(SocketAddr::from(([10, 0, 0, 1], count)));
            Ok(addresses)
        }
    }

    fn ask(addresses: &HostAddresses<Counting>, address: &str) -> SocketAddr {
        let config = ureq::config::Config::default();
        let timeout = NextTimeout { reason: ureq::Timeout::Global, ..NextTimeout::default() };
        addresses.resolve(&address.parse().unwrap(), &config, timeout).unwrap()[0]
    }

    #[test]
    fn a_name_is_asked_once_until_something_fails() {
        let addresses = HostAddresses::<Counting>::default();
        let first = ask(&addresses, "https://store.example/a");
        assert_eq!(ask(&addresses.clone(), "https://store.example/b"), first);
        assert_ne!(ask(&addresses, "https://store.example:8443/b"), first);
        assert_ne!(ask(&addresses, "http://store.example/b"), first);
        addresses.forget();
        assert_ne!(ask(&addresses, "https://store.example/a"), first);
        assert_eq!(addresses.resolver.0.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn an_address_is_not_asked_for() {
        let addresses = HostAddresses::<Counting>::default();
        for address in ["127.0.0.1:9000", "[::1]:9000"] {
            assert_eq!(ask(&addresses, &format!("http://{address}/b")), address.parse().unwrap());
        }
        assert_eq!(addresses.resolver.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn only_so_many_names_are_kept() {
        let addresses = HostAddresses::<Counting>::default();
        for number in 0..3 * NAMES_REMEMBERED_MAX {
            ask(&addresses, &format!("https://b{number}.example/"));
        }
        assert_eq!(addresses.lock().len(), NAMES_REMEMBERED_MAX);
    }
}
