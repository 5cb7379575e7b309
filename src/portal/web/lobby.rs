//! Connections that have not said anything whole yet: each is a socket and nothing else, no thread
//! and no TLS. Who has sent a whole request (or the first flight of TLS) is called in, offenders
//! last; who only holds a socket waits here, and goes first where many come. Pure bookkeeping over
//! any kind of connection `C`.

use std::time::{Duration, Instant};

use crate::limits::{PORTAL_READY_MS, PORTAL_REQUEST_TIMEOUT_MS};
use crate::portal::web::places::{Offences, Peer};

/// What was heard of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    Nothing,
    /// Something that is not whole yet.
    Some,
    /// Enough to begin with.
    Whole,
}

#[derive(Debug)]
pub struct Guest<C> {
    id: u64,
    pub peer: Peer,
    pub heard: Heard,
    since: Instant,
    pub connection: C,
}

impl<C> Guest<C> {
    fn has_waited_enough(&self, now: Instant) -> bool {
        let wait_ms = match self.heard {
            Heard::Whole => PORTAL_READY_MS,
            Heard::Nothing | Heard::Some => PORTAL_REQUEST_TIMEOUT_MS,
        };
        now >= self.since + Duration::from_millis(wait_ms)
    }
}

#[derive(Debug)]
pub struct Lobby<C> {
    guests: Vec<Guest<C>>,
    next_id: u64,
    guests_max: usize,
}

impl<C> Lobby<C> {
    pub fn new(guests_max: usize) -> Self {
        Self { guests: Vec::new(), next_id: 0, guests_max }
    }

    pub fn guests(&mut self) -> &mut [Guest<C>] {
        &mut self.guests
    }

    pub fn has(&self, heard: Heard) -> bool {
        self.guests.iter().any(|guest| guest.heard == heard)
    }

    /// Whether one more would push out somebody who has spoken: then nobody is accepted, and who
    /// comes waits outside, in the order of coming.
    pub fn is_full(&self) -> bool {
        self.guests.len() >= self.guests_max
            && self.guests.iter().all(|guest| guest.heard == Heard::Whole)
    }

    /// Lets somebody in; gives back a connection that must be closed for it.
    pub fn enter(
        &mut self,
        peer: Peer,
        connection: C,
        offences: &Offences,
        now: Instant,
    ) -> Option<C> {
        let is_peer = |guest: &Guest<C>| guest.peer.address == peer.address;
        let of_peer = self.guests.iter().filter(|guest| is_peer(guest)).count();
        let closed = if of_peer >= peer.connections_max {
            match self.take_victim(is_peer, offences, now) {
                None => return Some(connection),
                closed => closed,
            }
        } else if self.guests.len() >= self.guests_max {
            match self.take_victim(|_| true, offences, now) {
                None => return Some(connection),
                closed => closed,
            }
        } else {
            None
        };
        let id = self.next_id;
        self.next_id += 1;
        let heard = Heard::Nothing;
        self.guests.push(Guest { id, peer, heard, since: now, connection });
        closed
    }

    /// The worst offender's, then the oldest; one that has spoken never.
    fn take_victim(
        &mut self,
        which: impl Fn(&Guest<C>) -> bool,
        offences: &Offences,
        now: Instant,
    ) -> Option<C> {
        let guests = self.guests.iter().enumerate();
        let guests = guests.filter(|(_, guest)| guest.heard != Heard::Whole && which(guest));
        let (at, _) = guests.min_by_key(|(_, guest)| {
            let (address, network) = offences.rank(guest.peer, now);
            (u32::MAX - address, u32::MAX - network, guest.id)
        })?;
        Some(self.guests.remove(at).connection)
    }

    /// Takes a connection away, where the process has run out of files.
    pub fn make_room(&mut self, offences: &Offences, now: Instant) -> Option<C> {
        self.take_victim(|_| true, offences, now)
    }

    /// The next who is called in.
    pub fn call(&mut self, offences: &Offences, now: Instant) -> Option<Guest<C>> {
        let guests = self.guests.iter().enumerate();
        let whole = guests.filter(|(_, guest)| guest.heard == Heard::Whole);
        let (at, _) = whole.min_by_key(|(_, guest)| (offences.rank(guest.peer, now), guest.id))?;
        Some(self.guests.remove(at))
    }

    /// Back to where it was: there was no place.
    pub fn send_back(&mut self, guest: Guest<C>) {
        self.guests.push(guest);
    }

    /// Who has waited long enough, and who has gone, for which `keep` is false.
    pub fn sweep(&mut self, keep: impl Fn(&C) -> bool, offences: &mut Offences, now: Instant) {
        self.guests.retain(|guest| {
            let late = guest.has_waited_enough(now);
            if late && guest.heard == Heard::Some {
                offences.note(guest.peer, now);
            }
            !late && keep(&guest.connection)
        });
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn v4(last: u8) -> Peer {
        Peer::new(IpAddr::from([10, 0, 0, last]), true)
    }

    fn speak(lobby: &mut Lobby<u8>, connection: u8) {
        let guest = lobby.guests().iter_mut().find(|guest| guest.connection == connection);
        guest.unwrap().heard = Heard::Whole;
    }

    #[test]
    fn who_has_spoken_is_called_in_and_offenders_last() {
        let (mut lobby, mut offences, now) = (Lobby::new(9), Offences::default(), Instant::now());
        for number in 1..=4 {
            assert_eq!(lobby.enter(v4(number), number, &offences, now), None);
        }
        offences.note(v4(2), now);
        for number in [4, 2, 3] {
            speak(&mut lobby, number);
        }
        let order = std::iter::from_fn(|| lobby.call(&offences, now)).map(|guest| guest.connection);
        assert_eq!(order.collect::<Vec<_>>(), [3, 4, 2], "1 has not said anything");
    }

    #[test]
    fn a_flood_pushes_out_the_silent_and_never_who_has_spoken() {
        let (mut lobby, offences, now) = (Lobby::new(3), Offences::default(), Instant::now());
        for number in 1..=3 {
            lobby.enter(v4(number), number, &offences, now);
        }
        speak(&mut lobby, 1);
        for number in 4..200 {
            let closed = lobby.enter(v4(number), number, &offences, now);
            assert_eq!(closed, Some(number - 2), "the oldest of the silent");
            assert!(!lobby.is_full());
        }
        speak(&mut lobby, 198);
        speak(&mut lobby, 199);
        assert!(lobby.is_full());
        assert_eq!(lobby.call(&offences, now).unwrap().connection, 1);
    }

    #[test]
    fn one_peer_pushes_out_itself_alone() {
        let (mut lobby, offences, now) = (Lobby::new(64), Offences::default(), Instant::now());
        lobby.enter(v4(9), 0, &offences, now);
        for number in 1..=4 {
            assert_eq!(lobby.enter(v4(1), number, &offences, now), None);
        }
        assert_eq!(lobby.enter(v4(1), 5, &offences, now), Some(1));
    }

    #[test]
    fn who_says_nothing_whole_leaves_after_a_while_and_who_waits_for_a_place_stays_longer() {
        let (mut lobby, mut offences, now) = (Lobby::new(9), Offences::default(), Instant::now());
        for number in 1..=4 {
            lobby.enter(v4(number), number, &offences, now);
        }
        speak(&mut lobby, 1);
        lobby.guests()[1].heard = Heard::Some;
        let late = now + Duration::from_millis(PORTAL_REQUEST_TIMEOUT_MS);
        lobby.sweep(|&connection| connection != 4, &mut offences, now);
        assert_eq!(lobby.guests().len(), 3, "4 has gone");
        lobby.sweep(|_| true, &mut offences, late);
        assert_eq!(lobby.guests().iter().map(|guest| guest.connection).collect::<Vec<_>>(), [1]);
        let ranks = [2, 3].map(|number| offences.rank(v4(number), late).0);
        assert_eq!(ranks, [1, 0], "silence is no offence: browsers hold spare connections");
    }
}
