//! Chance, for jitter.

use std::hash::{BuildHasher, Hasher};

/// A source of numbers that are evenly spread.
pub trait Random: Send {
    /// A number of at least 0 and below 1.
    fn unit(&mut self) -> f64;

    /// A number between `low` and `high`.
    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }
}

/// SplitMix64: enough for jitter, and the same numbers for the same seed.
#[derive(Debug, Clone)]
pub struct Seeded(u64);

impl Seeded {
    /// The sequence of this seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }
}

impl Default for Seeded {
    /// Another sequence each time: from the seed that std draws for its hash maps.
    fn default() -> Self {
        Self(std::hash::RandomState::new().build_hasher().finish())
    }
}

impl Random for Seeded {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        #[expect(clippy::cast_precision_loss, reason = "the upper 53 bits fit")]
        let unit = (mixed >> 11) as f64 / (1_u64 << 53) as f64;
        unit
    }
}
