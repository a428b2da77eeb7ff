//! Philox4x32-10: a generator without a state, so that any element's number can be had by itself.

const ROUNDS: usize = 10;

/// Four words for a counter.
fn philox(key: u64, counter: [u32; 4]) -> [u32; 4] {
    let mut key = [key as u32, (key >> 32) as u32];
    let mut c = counter;
    for round in 0..ROUNDS {
        if round > 0 {
            key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
        }
        let (high0, low0) = product(0xD251_1F53, c[0]);
        let (high1, low1) = product(0xCD9E_8D57, c[2]);
        c = [high1 ^ c[1] ^ key[0], low1, high0 ^ c[3] ^ key[1], low0];
    }
    c
}

fn product(a: u32, b: u32) -> (u32, u32) {
    let product = u64::from(a) * u64::from(b);
    ((product >> 32) as u32, product as u32)
}

/// Which of the numbers that are drawn, so that no two kinds use one counter.
#[derive(Clone, Copy)]
enum Kind {
    Uniform = 0,
    Normal = 1,
}

fn words(seed: u64, kind: Kind, at: u64) -> [u64; 2] {
    let [a, b, c, d] = philox(seed, [at as u32, (at >> 32) as u32, kind as u32, 0]);
    [u64::from(a) << 32 | u64::from(b), u64::from(c) << 32 | u64::from(d)]
}

/// From 0 up to but not including 1, in steps of 2^-53.
fn unit(word: u64) -> f64 {
    (word >> 11) as f64 / (1u64 << 53) as f64
}

/// Gives the numbers at `count` places from `first` on, each from 0 up to but not including 1, to `take`.
pub(super) fn units(seed: u64, first: u64, count: usize, mut take: impl FnMut(f64)) {
    let mut at = first;
    let end = first + count as u64;
    while at < end {
        let pair = words(seed, Kind::Uniform, at / 2);
        if at.is_multiple_of(2) {
            take(unit(pair[0]));
            at += 1;
            if at == end {
                break;
            }
        }
        take(unit(pair[1]));
        at += 1;
    }
}

/// A number of the standard normal distribution.
pub(super) fn normal(seed: u64, at: u64) -> f64 {
    let [a, b] = words(seed, Kind::Normal, at);
    // Of zero there is no logarithm: this one is never 0, and may be 1.
    let radius = (-2.0 * (1.0 - unit(a)).ln()).sqrt();
    radius * (std::f64::consts::TAU * unit(b)).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers of Random123, the authors' own implementation.
    #[test]
    fn it_is_philox() {
        assert_eq!(philox(0, [0; 4]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox(u64::MAX, [u32::MAX; 4]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        assert_eq!(philox(0x299f_31d0_a409_3822, pi), [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]);
    }

    #[test]
    fn places_are_told_apart_wherever_a_run_begins() {
        let run = |first, count| {
            let mut all = Vec::new();
            units(5, first, count, |unit| all.push(unit));
            all
        };
        let all = run(0, 9);
        for first in 0..9 {
            for count in 0..9 - first {
                assert_eq!(run(first as u64, count), all[first..first + count]);
            }
        }
    }
}
