//! Random numbers that depend on a seed and on nothing else.

/// A generator of the kind xorshift64*.
pub(super) struct Rng(u64);

impl Rng {
    /// The numbers of a seed.
    pub(super) fn new(seed: u64) -> Self {
        // The state must not be 0; seeds next to each other shall not give numbers that are.
        Self((seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32
    }

    /// A number below `end`, which is not 0.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        // Lossless: the remainder is below `end`.
        (self.next() % u64::from(end)) as u32
    }

    /// One of these, which are not none.
    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        // Lossless: the lists are short.
        from[self.below(from.len() as u32) as usize]
    }

    /// True once in `times`.
    pub(super) fn once_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::Rng;

    #[test]
    fn a_seed_gives_the_same_numbers_each_time() {
        let numbers = |seed| {
            let mut rng = Rng::new(seed);
            [(); 8].map(|()| rng.below(1000))
        };
        assert_eq!(numbers(1), numbers(1));
        assert_ne!(numbers(1), numbers(2));
        assert_ne!(numbers(0), [0; 8]);
    }
}
