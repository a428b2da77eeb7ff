//! To copy memory.

use std::{hint::black_box, time::Instant};

use crate::{gigabytes_a_second, limit};

const BYTES: usize = 256 << 20;

pub(crate) fn measure() {
    let from = vec![1u8; BYTES];
    let mut to = vec![2u8; BYTES];
    let again = |to: &mut Vec<u8>| {
        let start = Instant::now();
        to.copy_from_slice(black_box(&from));
        black_box(&to);
        gigabytes_a_second(BYTES, start.elapsed())
    };
    limit("copy of 256 MiB into memory in use", "GB/s", (0..5).map(|_| again(&mut to)).collect());
    drop(to);
    let fresh = || {
        let start = Instant::now();
        black_box(black_box(&from).clone());
        gigabytes_a_second(BYTES, start.elapsed())
    };
    limit("copy of 256 MiB into fresh memory", "GB/s", (0..5).map(|_| fresh()).collect());
}
