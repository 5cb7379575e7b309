//! The connections that are open right now: at most so many in all and so many per peer. When
//! there is no place, the one that has waited longest without a whole request loses its own: an
//! attacker that only holds connections open cannot keep a visitor out. Peers that did so again
//! and again come last: they take no place from anybody, and lose theirs first. Pure bookkeeping
//! over any kind of connection `C`; the guard closes what it is handed back.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::limits::{
    PORTAL_CONNECTIONS_PER_PEER_MAX, PORTAL_OFFENCE_MS, PORTAL_OFFENCES_MIN, PORTAL_OFFENDERS_MAX,
};

/// How far a connection is, in the order in which places are taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Its request is not complete, or it was answered and only has to hang up.
    Waiting,
    /// Its answer is being written; the client may be slow on purpose.
    Writing,
    /// Its page is being made: it keeps its place.
    Asked,
}

/// One peer: an IPv4 address, or an IPv6 /64 (one household or one attacker's machine).
pub fn peer_key(peer: IpAddr) -> u128 {
    match peer.to_canonical() {
        IpAddr::V4(address) => u128::from(address.to_bits()),
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

/// All open connections, oldest first.
#[derive(Debug)]
pub struct Places<C> {
    rows: Vec<Place<C>>,
    next_id: u64,
    places_max: usize,
    offenders: Offenders,
}

#[derive(Debug)]
struct Place<C> {
    id: u64,
    peer: u128,
    stage: Phase,
    connection: C,
}

/// What becomes of a new connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission<C> {
    /// It has a place; the connection that lost its place for it must be closed.
    Admitted { id: u64, closed: Option<C> },
    /// It must be closed: everybody is being served, or its peer has offended too often.
    Refused,
}

impl<C> Places<C> {
    pub fn new(places_max: usize) -> Self {
        Self { rows: Vec::new(), next_id: 0, places_max, offenders: Offenders::default() }
    }

    /// Finds a place for a new connection.
    pub fn admit(&mut self, peer: IpAddr, connection: C, now: Instant) -> Admission<C> {
        let peer = peer_key(peer);
        let of_peer = self.rows.iter().filter(|row| row.peer == peer).count();
        let peer_full = of_peer >= PORTAL_CONNECTIONS_PER_PEER_MAX;
        let mut closed = None;
        if peer_full || self.rows.len() >= self.places_max {
            if self.offenders.is_offender(peer, now) {
                return Admission::Refused;
            }
            closed = if peer_full {
                self.take_victim(|row| row.peer == peer, now)
            } else {
                self.make_room(now)
            };
            if closed.is_none() {
                return Admission::Refused;
            }
        }
        let id = self.next_id;
        self.next_id += 1;
        self.rows.push(Place { id, peer, stage: Phase::Waiting, connection });
        Admission::Admitted { id, closed }
    }

    /// Takes a place away, an offender's first; also when the process has run out of files.
    pub fn make_room(&mut self, now: Instant) -> Option<C> {
        let offends: Vec<u128> = self.offenders.all(now);
        self.take_victim(|row| row.stage == Phase::Waiting && offends.contains(&row.peer), now)
            .or_else(|| self.take_victim(|_| true, now))
    }

    /// The oldest of the least advanced connections among `which`; one being served never.
    fn take_victim(&mut self, which: impl Fn(&Place<C>) -> bool, now: Instant) -> Option<C> {
        let candidates = self.rows.iter().enumerate().filter(|(_, row)| which(row));
        let (at, _) = candidates
            .filter(|(_, row)| row.stage != Phase::Asked)
            .min_by_key(|(_, row)| (row.stage, row.id))?;
        let victim = self.rows.remove(at);
        self.offenders.note(victim.peer, now);
        Some(victim.connection)
    }

    /// A request was refused or never finished.
    pub fn offend(&mut self, peer: IpAddr, now: Instant) {
        self.offenders.note(peer_key(peer), now);
    }

    /// Notes how far a connection is; `false` when it has lost its place.
    pub fn advance(&mut self, id: u64, stage: Phase) -> bool {
        let row = self.rows.iter_mut().find(|row| row.id == id);
        row.map(|row| row.stage = stage).is_some()
    }

    /// A connection ended by itself.
    pub fn leave(&mut self, id: u64) {
        self.rows.retain(|row| row.id != id);
    }

    /// Whether somebody waits for a page or is being sent one.
    pub fn any_served(&self) -> bool {
        self.rows.iter().any(|row| row.stage != Phase::Waiting)
    }

    /// All that are open, to close them.
    pub fn take_all(&mut self) -> Vec<C> {
        self.rows.drain(..).map(|row| row.connection).collect()
    }
}

/// Peers that keep others waiting, for a while.
#[derive(Debug, Default)]
struct Offenders {
    rows: Vec<Offender>,
}

#[derive(Debug)]
struct Offender {
    peer: u128,
    count: u32,
    forgotten_at: Instant,
}

impl Offenders {
    fn note(&mut self, peer: u128, now: Instant) {
        self.rows.retain(|row| row.forgotten_at > now);
        let forgotten_at = now + Duration::from_millis(PORTAL_OFFENCE_MS);
        if let Some(row) = self.rows.iter_mut().find(|row| row.peer == peer) {
            row.count = row.count.saturating_add(1);
            row.forgotten_at = forgotten_at;
            return;
        }
        if self.rows.len() >= PORTAL_OFFENDERS_MAX {
            self.rows.remove(0);
        }
        self.rows.push(Offender { peer, count: 1, forgotten_at });
    }

    fn all(&self, now: Instant) -> Vec<u128> {
        let bad = |row: &&Offender| row.count >= PORTAL_OFFENCES_MIN && row.forgotten_at > now;
        self.rows.iter().filter(bad).map(|row| row.peer).collect()
    }

    fn is_offender(&self, peer: u128, now: Instant) -> bool {
        self.all(now).contains(&peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Places<u8> {
        fn admit_now(&mut self, peer: IpAddr, connection: u8) -> Admission<u8> {
            self.admit(peer, connection, Instant::now())
        }
    }

    fn v4(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn admitted(admission: Admission<u8>) -> (u64, Option<u8>) {
        match admission {
            Admission::Admitted { id, closed } => (id, closed),
            Admission::Refused => panic!("refused"),
        }
    }

    #[test]
    fn the_one_that_waited_longest_makes_room() {
        let mut places = Places::new(3);
        let first = admitted(places.admit_now(v4(1), 1)).0;
        admitted(places.admit_now(v4(2), 2));
        admitted(places.admit_now(v4(3), 3));
        assert!(places.advance(first, Phase::Asked));
        assert_eq!(admitted(places.admit_now(v4(4), 4)).1, Some(2));
        assert_eq!(admitted(places.admit_now(v4(5), 5)).1, Some(3));
    }

    #[test]
    fn a_slow_reader_makes_room_before_one_that_is_served() {
        let mut places = Places::new(2);
        let first = admitted(places.admit_now(v4(1), 1)).0;
        let second = admitted(places.admit_now(v4(2), 2)).0;
        places.advance(first, Phase::Asked);
        places.advance(second, Phase::Writing);
        let (third, closed) = admitted(places.admit_now(v4(3), 3));
        assert_eq!(closed, Some(2));
        assert!(!places.advance(second, Phase::Waiting), "it has lost its place");
        places.advance(third, Phase::Asked);
        assert_eq!(places.admit_now(v4(4), 4), Admission::Refused);
        places.leave(first);
        assert_eq!(admitted(places.admit_now(v4(4), 4)).1, None);
        assert_eq!(places.take_all(), [3, 4]);
    }

    #[test]
    fn one_peer_takes_places_from_itself_alone() {
        let mut places = Places::new(64);
        places.admit_now(v4(9), 0);
        for number in 1..=4 {
            assert_eq!(admitted(places.admit_now(v4(1), number)).1, None);
        }
        assert_eq!(admitted(places.admit_now(v4(1), 5)).1, Some(1));
    }

    #[test]
    fn an_offender_takes_no_place_and_loses_its_own_first() {
        let (mut places, now) = (Places::new(2), Instant::now());
        places.admit(v4(1), 1, now);
        for _ in 0..PORTAL_OFFENCES_MIN {
            places.offend(v4(9), now);
        }
        assert_eq!(admitted(places.admit(v4(9), 9, now)).1, None, "there was a free place");
        assert_eq!(places.admit(v4(9), 10, now), Admission::Refused);
        assert_eq!(admitted(places.admit(v4(3), 3, now)).1, Some(9), "not the older visitor");
        let later = now + Duration::from_millis(PORTAL_OFFENCE_MS);
        assert_eq!(admitted(places.admit(v4(9), 9, later)).1, Some(1), "all is forgotten");
    }

    #[test]
    fn only_so_many_offenders_are_remembered() {
        let (mut offenders, now) = (Offenders::default(), Instant::now());
        for peer in 0..2 * PORTAL_OFFENDERS_MAX as u128 {
            offenders.note(peer, now);
        }
        assert_eq!(offenders.rows.len(), PORTAL_OFFENDERS_MAX);
    }

    #[test]
    fn a_peer_is_an_ipv4_address_or_an_ipv6_network() {
        let key = |text: &str| peer_key(text.parse().unwrap());
        assert_eq!(key("::ffff:10.0.0.1"), key("10.0.0.1"));
        assert_eq!(key("fd00::1:2:3:4"), key("fd00::9:9:9:9"));
        assert_ne!(key("fd00:0:0:1::1"), key("fd00:0:0:2::1"));
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
