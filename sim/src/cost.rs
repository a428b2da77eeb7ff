//! What scheduling costs by itself: the scheduler's machine beside workers that cost nothing.

pub mod graphs;
pub mod zero_worker;
