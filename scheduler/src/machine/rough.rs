//! Spans of time in four bytes: exact up to a sixteenth of a second, and beyond to a few billionths of themselves.
//!
//! What a run presumably takes is an estimate anyway, and each of a million tasks may have one. What is added to a sum is
//! what is taken from it again, since both are rounded alike.

use serde::{Deserialize, Serialize};

/// A number of nanoseconds, rounded down: [`BITS`] binary digits, and by how many places they are moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
pub(super) struct Rough(u32);

const BITS: u32 = 26;

impl Rough {
    pub(super) fn new(ns: u64) -> Self {
        let places = (u64::BITS - ns.leading_zeros()).saturating_sub(BITS);
        Rough(places << BITS | (ns >> places) as u32)
    }

    pub(super) fn ns(self) -> u64 {
        u64::from(self.0 & ((1 << BITS) - 1)) << (self.0 >> BITS)
    }
}

impl From<u64> for Rough {
    fn from(ns: u64) -> Self {
        Rough::new(ns)
    }
}

impl From<Rough> for u64 {
    fn from(rough: Rough) -> Self {
        rough.ns()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_is_exact_and_what_is_long_nearly() {
        let exact = (0..=26).map(|places| (1u64 << places) - 1).chain([0, 1, 12_345_678, 1 << 26, 1 << 40, 1 << 63]);
        for ns in exact {
            assert_eq!(Rough::new(ns).ns(), ns);
        }
        for ns in [(1 << 26) + 1, 999_999_999, 878_000_000_123, (1 << 58) - 1, u64::MAX - 1, u64::MAX] {
            let rough = Rough::new(ns).ns();
            assert!(rough <= ns && ns - rough <= ns >> 25, "{ns} became {rough}");
            assert_eq!(Rough::new(rough).ns(), rough, "once rounded it stays");
        }
    }
}
