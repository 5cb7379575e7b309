//! What this machine is called and where it stands on its network: for the address that a phone is
//! to open. Sends nothing.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

/// This machine's name; empty where it has none.
pub fn machine_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The address that other machines of the network know this one by: that of the default route, or
/// else the first private one; `None` without a network.
pub fn address() -> Option<IpAddr> {
    default_route().or_else(|| {
        let table = std::fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
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
}
