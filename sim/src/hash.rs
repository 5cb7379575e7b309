//! Pure pseudo-random numbers: the same words give the same number on every machine.
//!
//! Every value of the simulated world is `mix` of a seed, a name and a number, so nothing is
//! stored and any date can be asked. Not for secrets.

/// One round of SplitMix64's finaliser.
fn scramble(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// The number that belongs to `seed`, a `name` and an `index`.
pub fn mix(seed: u64, name: &str, index: i64) -> u64 {
    let start = seed ^ 0x9e37_79b9_7f4a_7c15;
    let named = name
        .bytes()
        .fold(start, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    scramble(scramble(named).wrapping_add(scramble(index.cast_unsigned())))
}

/// A number from `0` to `below - 1`.
pub fn pick(number: u64, below: u64) -> i64 {
    i64::try_from((number >> 8) % below).unwrap_or(0)
}

/// True for about `percent` of all numbers.
pub fn chance(number: u64, percent: u8) -> bool {
    number % 100 < u64::from(percent)
}

/// Puts a list into an order that depends on `seed` alone.
pub fn shuffle<T>(seed: u64, list: &mut [T]) {
    for end in (1..list.len()).rev() {
        let index = i64::try_from(end).unwrap_or(0);
        let other = pick(mix(seed, "shuffle", index), end as u64 + 1);
        list.swap(end, usize::try_from(other).unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_give_the_same_number() {
        assert_eq!(mix(1, "steps", 7), mix(1, "steps", 7));
        assert_ne!(mix(1, "steps", 7), mix(1, "steps", 8));
        assert_ne!(mix(1, "steps", 7), mix(1, "azm", 7));
        assert_ne!(mix(1, "steps", 7), mix(2, "steps", 7));
    }

    #[test]
    fn chances_are_about_right() {
        let hits = (0..10_000).filter(|i| chance(mix(3, "x", *i), 25)).count();
        assert!((2_300..2_700).contains(&hits), "{hits}");
    }
}
