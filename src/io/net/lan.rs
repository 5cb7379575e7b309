//! What this machine is called and where it stands on its network: for the address that a phone is
//! to open. Sends nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// This machine's name; empty where it has none.
pub fn machine_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The address that other machines of the network know this one by: that of the default route, or
/// else the first private one; `None` without a network.
pub fn address() -> Option<IpAddr> {
    default_route().or_else(|| {
        let table = std::fs::read_to_string("/proc/self/net/fib_trie").unwrap_or_default();
        local_addresses(&table).into_iter().find(Ipv4Addr::is_private).map(IpAddr::V4)
    })
}

/// Connecting a UDP socket only chooses a route; the address belongs to documentation.
fn default_route() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

/// The lines of `/proc/net/fib_trie` before `/32 host LOCAL` are this machine's own addresses.
fn local_addresses(table: &str) -> Vec<Ipv4Addr> {
    let mut last = None;
    let mut found = Vec::new();
    for line in table.lines() {
        if let Some((_, address)) = line.split_once("|-- ") {
            last = address.trim().parse().ok();
        } else if line.contains("/32 host LOCAL") {
            found.extend(last.filter(|address| !found.contains(address)));
        }
    }
    found
}

/// The IPv6 networks that this machine is in: on them, whole addresses are told apart.
#[derive(Debug, Clone, Default)]
pub struct OwnNetworks(Vec<(u128, u32)>);

/// A prefix that is shorter is no network of one place.
const PREFIX_BITS_MIN: u32 = 32;

impl OwnNetworks {
    /// As they are now.
    pub fn read() -> Self {
        Self::of(&std::fs::read_to_string("/proc/self/net/if_inet6").unwrap_or_default())
    }

    /// Lines of `/proc/self/net/if_inet6`: address, interface, length of the prefix, …, all in hex.
    fn of(table: &str) -> Self {
        let networks = table.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            let address = u128::from_str_radix(words.next()?, 16).ok()?;
            let bits = u32::from_str_radix(words.nth(1)?, 16).ok()?;
            (PREFIX_BITS_MIN..=128).contains(&bits).then(|| (address & mask(bits), bits))
        });
        Self(networks.collect())
    }

    /// Whether an address is on one of them, or can only be on a local network.
    pub fn holds(&self, address: IpAddr) -> bool {
        let IpAddr::V6(v6) = address.to_canonical() else { return true };
        let local = v6.is_loopback() || v6.is_unicast_link_local() || v6.is_unique_local();
        local || self.0.iter().any(|&(network, bits)| v6.to_bits() & mask(bits) == network)
    }
}

const fn mask(bits: u32) -> u128 {
    match u128::MAX.checked_shl(128 - bits) {
        Some(mask) => mask,
        None => 0,
    }
}

/// This machine's own addresses, as far as others on its networks can use them.
pub fn own_addresses() -> Vec<IpAddr> {
    let table = std::fs::read_to_string("/proc/self/net/fib_trie").unwrap_or_default();
    let v4 = local_addresses(&table).into_iter().map(IpAddr::V4);
    let table = std::fs::read_to_string("/proc/self/net/if_inet6").unwrap_or_default();
    let mut all: Vec<IpAddr> = v4.chain(lasting_addresses(&table)).collect();
    all.extend(default_route());
    all.retain(|address| match address {
        IpAddr::V4(v4) => !v4.is_loopback(),
        // An address with a zone can stand in no certificate.
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local(),
    });
    all.sort();
    all.dedup();
    all
}

/// Addresses of `/proc/self/net/if_inet6` without those that change every day (RFC 8981).
fn lasting_addresses(table: &str) -> Vec<IpAddr> {
    const IFA_F_TEMPORARY: u32 = 1;
    let addresses = table.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = u128::from_str_radix(words.next()?, 16).ok()?;
        let flags = u32::from_str_radix(words.nth(3)?, 16).ok()?;
        (flags & IFA_F_TEMPORARY == 0).then(|| IpAddr::V6(Ipv6Addr::from_bits(address)))
    });
    addresses.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_addresses_are_read_from_the_routing_table() {
        let table = "Local:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n\
                     \u{20}    |-- 127.0.0.1\n           /32 host LOCAL\n\
                     \u{20}    |-- 192.168.1.20\n           /32 host LOCAL\n\
                     \u{20}    |-- 192.168.1.255\n           /32 link BROADCAST\n";
        let found = local_addresses(table);
        assert_eq!(found, [Ipv4Addr::LOCALHOST, Ipv4Addr::new(192, 168, 1, 20)]);
        assert!(local_addresses("nonsense").is_empty());
    }

    #[test]
    fn own_networks_are_those_of_the_addresses_and_all_that_are_local() {
        let table = "20010db800010002021122fffe334455 02 40 00 80 eth0\n\
                     fe80000000000000021122fffe334455 02 40 20 80 eth0\n\
                     00000000000000000000000000000001 01 80 10 80 lo\nnonsense\n";
        let own = OwnNetworks::of(table);
        assert_eq!(lasting_addresses(table).len(), 3);
        assert!(lasting_addresses(&table.replace("00 80", "00 01")).len() == 2, "temporary");
        let holds = |text: &str| own.holds(text.parse().unwrap());
        for near in ["2001:db8:1:2::9", "fe80::9", "fd00::9", "::1", "10.0.0.1", "8.8.8.8"] {
            assert!(holds(near), "{near}");
        }
        for far in ["2001:db8:1:3::9", "2a00::1", "::2"] {
            assert!(!holds(far), "{far}");
        }
        assert!(!OwnNetworks::default().holds("2001:db8:1:2::9".parse().unwrap()));
    }
}
