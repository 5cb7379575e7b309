//! Passwords that wait to be checked: each check takes about a second of a small machine, and one
//! is done at a time. Pure.
//!
//! Two lanes: browsers that were signed in before come first, and strangers cannot enter there.
//! The others wait by how much they guessed: fewest failed checks first, of the address, then of
//! its network. Who finds no place is asked to come again; that counts for nothing.

use crate::limits::{PASSWORD_QUEUE_KNOWN_MAX, PASSWORD_QUEUE_MAX, PASSWORD_QUEUE_OF_SHARED_MAX};

/// Where somebody stands; less is earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// No browser that was signed in before.
    pub stranger: bool,
    pub wrong_of_address: u32,
    pub wrong_of_network: u32,
}

/// Whose places in the queue are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sender {
    pub address: u128,
    /// Behind a proxy: several people.
    pub shared: bool,
}

#[derive(Debug)]
pub struct Queue<T> {
    rows: Vec<Row<T>>,
    next_number: u64,
}

#[derive(Debug)]
struct Row<T> {
    rank: Rank,
    number: u64,
    sender: Sender,
    work: T,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), next_number: 0 }
    }
}

impl<T> Queue<T> {
    /// Gives back what has to come again: this one, or one that stands behind it.
    pub fn push(&mut self, rank: Rank, sender: Sender, work: T) -> Option<T> {
        let of_sender = self.rows.iter().filter(|row| row.rank.stranger && row.sender == sender);
        let of_sender_max = if sender.shared { PASSWORD_QUEUE_OF_SHARED_MAX } else { 1 };
        if rank.stranger && of_sender.count() >= of_sender_max {
            return Some(work);
        }
        let lane_max = if rank.stranger { PASSWORD_QUEUE_MAX } else { PASSWORD_QUEUE_KNOWN_MAX };
        let lane = self.rows.iter().filter(|row| row.rank.stranger == rank.stranger);
        let back = if lane.count() < lane_max {
            None
        } else {
            let lane = self.rows.iter().enumerate();
            let last = lane
                .filter(|(_, row)| row.rank.stranger == rank.stranger)
                .max_by_key(|(_, row)| (row.rank, row.number));
            match last.filter(|(_, row)| row.rank > rank).map(|(at, _)| at) {
                Some(at) => Some(self.rows.swap_remove(at).work),
                None => return Some(work),
            }
        };
        let number = self.next_number;
        self.next_number += 1;
        self.rows.push(Row { rank, number, sender, work });
        back
    }

    /// The next to be checked.
    pub fn pop(&mut self) -> Option<T> {
        let rows = self.rows.iter().enumerate();
        let (at, _) = rows.min_by_key(|(_, row)| (row.rank, row.number))?;
        Some(self.rows.swap_remove(at).work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stranger(wrong_of_address: u32, wrong_of_network: u32) -> Rank {
        Rank { stranger: true, wrong_of_address, wrong_of_network }
    }

    fn from(address: u128) -> Sender {
        Sender { address, shared: false }
    }

    const KNOWN: Rank = Rank { stranger: false, wrong_of_address: 9, wrong_of_network: 9 };

    #[test]
    fn a_known_browser_comes_first_then_who_guessed_least_then_who_came_first() {
        let mut queue = Queue::default();
        for (address, rank) in
            [stranger(3, 0), stranger(0, 7), stranger(0, 0), KNOWN, stranger(0, 0)]
                .into_iter()
                .enumerate()
        {
            assert_eq!(queue.push(rank, from(address as u128), address), None);
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [3, 2, 4, 1, 0]);
    }

    #[test]
    fn a_full_queue_sends_away_who_guessed_most_and_keeps_a_lane_for_known_browsers() {
        let mut queue = Queue::default();
        for address in 0..PASSWORD_QUEUE_MAX {
            assert_eq!(queue.push(stranger(1, 0), from(address as u128), address), None);
        }
        assert_eq!(queue.push(stranger(1, 0), from(100), 100), Some(100), "no better than they");
        let last = PASSWORD_QUEUE_MAX - 1;
        assert_eq!(queue.push(stranger(0, 9), from(101), 101), Some(last), "never a wrong one");
        assert_eq!(queue.push(KNOWN, from(102), 102), None);
        assert_eq!((queue.pop(), queue.pop()), (Some(102), Some(101)));
    }

    #[test]
    fn one_address_has_one_place_and_a_proxy_a_few() {
        let mut queue = Queue::default();
        assert_eq!(queue.push(stranger(0, 0), from(1), 1), None);
        assert_eq!(queue.push(stranger(0, 0), from(1), 2), Some(2));
        let proxy = Sender { address: 9, shared: true };
        let taken =
            (0..PASSWORD_QUEUE_MAX).filter(|&n| queue.push(stranger(0, 0), proxy, n).is_none());
        assert_eq!(taken.count(), PASSWORD_QUEUE_OF_SHARED_MAX);
    }
}
