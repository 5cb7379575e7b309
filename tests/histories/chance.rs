//! Random numbers that follow from a seed (SplitMix64).

pub struct Chance {
    state: u64,
    never: bool,
}

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance { state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15), never: false }
    }

    /// Nothing happens by chance any more.
    pub fn never() -> Chance {
        Chance { never: true, ..Chance::new(0) }
    }

    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// True so many times in a thousand.
    pub fn happens(&mut self, in_a_thousand: u64) -> bool {
        self.below(1000) < in_a_thousand && !self.never
    }
}
