//! The connections that are being served: at most so many in all and so many per peer. Who has a
//! place keeps it while something comes of it: for a moment while its request is read, and until
//! the end while its page is made. So a flood of new addresses takes none from somebody who is
//! talking. Pure bookkeeping over any kind of connection `C`; the guard closes what it is handed
//! back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use crate::limits::{
    PORTAL_CONNECTIONS_PER_PEER_MAX, PORTAL_CONNECTIONS_PER_PROXY_MAX, PORTAL_READING_GRACE_MS,
    PORTAL_WRITING_GRACE_MS,
};
use crate::portal::tally::Tally;

/// How far a connection is, in the order in which places are taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It was answered and only has to hang up.
    Leaving,
    /// Its request is not complete.
    Reading,
    /// Its answer is being written; the client may be slow on purpose.
    Writing,
    /// Its page is being made: it keeps its place.
    Asked,
}

impl Phase {
    /// How long a place is safe in this phase; `None` for ever.
    const fn grace(self) -> Option<Duration> {
        match self {
            Self::Leaving => Some(Duration::ZERO),
            Self::Reading => Some(Duration::from_millis(PORTAL_READING_GRACE_MS)),
            Self::Writing => Some(Duration::from_millis(PORTAL_WRITING_GRACE_MS)),
            Self::Asked => None,
        }
    }
}

/// One peer: an IPv4 address, a whole IPv6 address of an own network, or else an IPv6 /64 (one
/// household or one attacker's machine).
pub fn peer_key(peer: IpAddr, near: bool) -> u128 {
    match peer.to_canonical() {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) if near => address.to_bits(),
        IpAddr::V6(_) => network_key(peer),
    }
}

/// The network of a peer: IPv4 /24, IPv6 /64.
pub fn network_key(peer: IpAddr) -> u128 {
    match peer.to_canonical() {
        IpAddr::V4(address) => u128::from(address.to_bits() >> 8 << 8),
        IpAddr::V6(address) => address.to_bits() >> 64 << 64,
    }
}

/// Whether the address can belong to the gateway's own network.
pub fn is_private(peer: IpAddr) -> bool {
    match peer.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// Those whose request never came, or was none: by address, and by network.
#[derive(Debug, Default)]
pub struct Offences {
    addresses: Tally<u128>,
    networks: Tally<u128>,
}

impl Offences {
    pub fn note(&mut self, peer: Peer, now: Instant) {
        self.addresses.note(peer.address, now);
        self.networks.note(peer.network, now);
    }

    /// Its request was whole.
    pub fn forgive(&mut self, peer: Peer) {
        self.addresses.forgive(&peer.address);
    }

    /// Who comes first: less is earlier.
    pub fn rank(&self, peer: Peer, now: Instant) -> (u32, u32) {
        (self.addresses.count(&peer.address, now), self.networks.count(&peer.network, now))
    }
}

/// Whose a connection is, for fairness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    pub address: u128,
    pub network: u128,
    /// How many connections it may have at once, here and in the lobby.
    pub connections_max: usize,
}

impl Peer {
    /// `near`: on one of this machine's own networks.
    pub fn new(address: IpAddr, near: bool) -> Self {
        // A proxy on this machine stands for many.
        let proxy = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
        let connections_max = match proxy.contains(&address.to_canonical()) {
            true => PORTAL_CONNECTIONS_PER_PROXY_MAX,
            false => PORTAL_CONNECTIONS_PER_PEER_MAX,
        };
        Self { address: peer_key(address, near), network: network_key(address), connections_max }
    }
}

/// All connections that have a place, oldest first.
#[derive(Debug)]
pub struct Places<C> {
    rows: Vec<Place<C>>,
    next_id: u64,
    places_max: usize,
    pub offences: Offences,
}

#[derive(Debug)]
struct Place<C> {
    id: u64,
    peer: Peer,
    phase: Phase,
    since: Instant,
    connection: C,
}

impl<C> Place<C> {
    fn is_safe(&self, now: Instant) -> bool {
        self.phase.grace().is_none_or(|grace| now < self.since + grace)
    }
}

/// A place, and the connection that lost its own for it and must be closed.
#[derive(Debug, PartialEq, Eq)]
pub struct Admitted<C> {
    pub id: u64,
    pub closed: Option<C>,
}

impl<C> Places<C> {
    pub fn new(places_max: usize) -> Self {
        Self { rows: Vec::new(), next_id: 0, places_max, offences: Offences::default() }
    }

    /// Finds a place; gives the connection back where there is none yet.
    pub fn admit(&mut self, peer: Peer, connection: C, now: Instant) -> Result<Admitted<C>, C> {
        let of_peer = self.rows.iter().filter(|row| row.peer.address == peer.address).count();
        let mut closed = None;
        if of_peer >= peer.connections_max {
            closed = self.take_victim(|row| row.peer.address == peer.address, now);
        } else if self.rows.len() >= self.places_max {
            closed = self.take_victim(|row| !row.is_safe(now), now);
        }
        let full = of_peer >= peer.connections_max || self.rows.len() >= self.places_max;
        if full && closed.is_none() {
            return Err(connection);
        }
        let id = self.next_id;
        self.next_id += 1;
        self.rows.push(Place { id, peer, phase: Phase::Reading, since: now, connection });
        Ok(Admitted { id, closed })
    }

    /// The least advanced connection among `which`, an offender's first, then the oldest; one whose
    /// page is being made never.
    fn take_victim(&mut self, which: impl Fn(&Place<C>) -> bool, now: Instant) -> Option<C> {
        let candidates = self.rows.iter().enumerate();
        let candidates = candidates.filter(|(_, row)| which(row) && row.phase != Phase::Asked);
        let (at, _) = candidates.min_by_key(|(_, row)| {
            let (address, network) = self.offences.rank(row.peer, now);
            (row.phase, u32::MAX - address, u32::MAX - network, row.id)
        })?;
        let victim = self.rows.remove(at);
        if victim.phase == Phase::Reading {
            self.offences.note(victim.peer, now);
        }
        Some(victim.connection)
    }

    /// Notes how far a connection is; `false` when it has lost its place.
    pub fn advance(&mut self, id: u64, phase: Phase, now: Instant) -> bool {
        let row = self.rows.iter_mut().find(|row| row.id == id);
        row.map(|row| (row.phase, row.since) = (phase, now)).is_some()
    }

    /// A connection ended by itself.
    pub fn leave(&mut self, id: u64) {
        self.rows.retain(|row| row.id != id);
    }

    /// Whether somebody waits for a page or is being sent one.
    pub fn any_served(&self) -> bool {
        self.rows.iter().any(|row| matches!(row.phase, Phase::Asked | Phase::Writing))
    }

    /// All that are open, to close them.
    pub fn take_all(&mut self) -> Vec<C> {
        self.rows.drain(..).map(|row| row.connection).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(last: u8) -> Peer {
        Peer::new(IpAddr::from([10, 0, 0, last]), true)
    }

    const GRACE: Duration = Duration::from_millis(PORTAL_READING_GRACE_MS);

    fn closed(admitted: Result<Admitted<u8>, u8>) -> Option<u8> {
        admitted.unwrap().closed
    }

    #[test]
    fn who_was_given_a_place_keeps_it_for_a_moment_whoever_comes() {
        let (mut places, now) = (Places::new(2), Instant::now());
        places.admit(v4(1), 1, now).unwrap();
        places.admit(v4(2), 2, now).unwrap();
        for address in 3..200 {
            assert_eq!(places.admit(v4(address), address, now), Err(address));
        }
        let later = now + GRACE;
        assert_eq!(closed(places.admit(v4(3), 3, later)), Some(1), "nothing came of it");
        assert_eq!(closed(places.admit(v4(4), 4, later)), Some(2));
        assert_eq!(places.admit(v4(5), 5, later), Err(5));
    }

    #[test]
    fn who_hangs_up_makes_room_first_then_who_does_not_ask_then_who_does_not_read() {
        let (mut places, now) = (Places::new(4), Instant::now());
        let phases = [Phase::Asked, Phase::Writing, Phase::Reading, Phase::Leaving];
        for (number, phase) in (1..).zip(phases) {
            let id = places.admit(v4(number), number, now).unwrap().id;
            assert!(places.advance(id, phase, now));
        }
        let later = now + Duration::from_millis(PORTAL_WRITING_GRACE_MS);
        let victims = (5..8).map(|number| {
            let admitted = places.admit(v4(number), number, later).unwrap();
            places.advance(admitted.id, Phase::Asked, later);
            admitted.closed.unwrap()
        });
        assert_eq!(victims.collect::<Vec<_>>(), [4, 3, 2]);
        assert_eq!(places.admit(v4(8), 8, later + GRACE), Err(8), "pages are being made");
        assert_eq!(places.take_all(), [1, 5, 6, 7]);
    }

    #[test]
    fn one_peer_takes_places_from_itself_alone() {
        let (mut places, now) = (Places::new(64), Instant::now());
        places.admit(v4(9), 0, now).unwrap();
        for number in 1..=4 {
            assert_eq!(closed(places.admit(v4(1), number, now)), None);
        }
        assert_eq!(closed(places.admit(v4(1), 5, now)), Some(1));
        let proxy = Peer::new(IpAddr::from(Ipv4Addr::LOCALHOST), true);
        let taken = (10..60).filter(|&number| closed(places.admit(proxy, number, now)).is_none());
        assert_eq!(taken.count(), PORTAL_CONNECTIONS_PER_PROXY_MAX);
    }

    #[test]
    fn an_offender_loses_its_place_before_an_older_visitor() {
        let (mut places, now) = (Places::new(2), Instant::now());
        places.admit(v4(1), 1, now).unwrap();
        places.admit(v4(9), 9, now).unwrap();
        places.offences.note(v4(9), now);
        assert_eq!(closed(places.admit(v4(3), 3, now + GRACE)), Some(9));
        assert_eq!(places.offences.rank(v4(9), now), (2, 2), "it never asked");
        places.offences.forgive(v4(9));
        assert_eq!(places.offences.rank(v4(9), now), (0, 2));
    }

    #[test]
    fn a_peer_is_an_address_nearby_and_a_network_further_away() {
        let key = |text: &str, near| peer_key(text.parse().unwrap(), near);
        assert_eq!(key("::ffff:10.0.0.1", false), key("10.0.0.1", true));
        assert_eq!(key("2001:db8::1:2:3:4", false), key("2001:db8::9:9:9:9", false));
        assert_ne!(key("2001:db8::1:2:3:4", true), key("2001:db8::9:9:9:9", true));
        assert_ne!(key("2001:db8:0:1::1", false), key("2001:db8:0:2::1", false));
        let network = |text: &str| network_key(text.parse().unwrap());
        assert_eq!(network("10.0.0.1"), network("10.0.0.200"));
        assert_ne!(network("10.0.0.1"), network("10.0.1.1"));
    }

    #[test]
    fn public_peers_are_told_from_private_ones() {
        let private = |text: &str| is_private(text.parse().unwrap());
        for text in ["127.0.0.5", "10.1.2.3", "172.16.0.1", "192.168.1.9", "169.254.1.1", "::1"] {
            assert!(private(text), "{text}");
        }
        assert!(private("fe80::1") && private("fd12::1") && private("::ffff:192.168.0.1"));
        for text in ["8.8.8.8", "172.32.0.1", "100.64.0.1", "2001:db8::1", "::ffff:1.1.1.1", "::"] {
            assert!(!private(text), "{text}");
        }
    }
}
