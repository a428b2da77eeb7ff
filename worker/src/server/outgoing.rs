//! How much goes out at a time.
//!
//! A long answer takes memory for its bytes, and a share of the line from all others. Who comes when all is taken hears
//! `Busy`, goes to another holder, or looks for newer ones: many who want one value get it from each other in the end. Short
//! answers cost less than to turn somebody away, and always go.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

/// Long answers at once (Dask: 10, or 20 within a host). What bounds memory are bytes, below; this leaves each answer a
/// share of the line, so that it ends soon and its receiver can serve others.
const MOST_ANSWERS: u64 = 20;

/// The same while the worker is short of memory: encoding takes some, and what nobody is sent may soon be freed.
const MOST_ANSWERS_PAUSED: u64 = 1;

/// What is being encoded, or waits to be sent.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    answers: AtomicU64,
    bytes: AtomicU64,
    paused: AtomicBool,
    most_bytes: u64,
}

/// A part of what may go out at once. Given back when it is dropped.
#[derive(Debug)]
pub(super) enum Reserved {
    Answer(Arc<Outgoing>),
    Bytes(Arc<Outgoing>, u64),
}

impl Outgoing {
    /// A worker with a memory limit uses no more than a quarter of it for what is on its way out; 0 stands for none.
    pub(super) fn new(memory_limit: u64) -> Arc<Self> {
        const USUAL: u64 = 256 << 20;
        let most_bytes = if memory_limit == 0 { USUAL } else { USUAL.min(memory_limit / 4) };
        Arc::new(Outgoing { most_bytes, ..Outgoing::default() })
    }

    /// Whether the worker is short of memory.
    pub(super) fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
    }

    /// Room for one long answer.
    pub(super) fn reserve_answer(self: &Arc<Self>) -> Option<Reserved> {
        let paused = self.paused.load(Ordering::Relaxed);
        let most = if paused { MOST_ANSWERS_PAUSED } else { MOST_ANSWERS };
        add(&self.answers, 1, most).then(|| Reserved::Answer(self.clone()))
    }

    /// Room for bytes. A single value always has it when nothing else is on its way.
    pub(super) fn reserve_bytes(self: &Arc<Self>, bytes: u64) -> Option<Reserved> {
        add(&self.bytes, bytes, self.most_bytes).then(|| Reserved::Bytes(self.clone(), bytes))
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        match self {
            Reserved::Answer(of) => of.answers.fetch_sub(1, Ordering::AcqRel),
            Reserved::Bytes(of, bytes) => of.bytes.fetch_sub(*bytes, Ordering::AcqRel),
        };
    }
}

/// Adds to a counter if it stays within its limit, or was at nothing.
fn add(counter: &AtomicU64, amount: u64, most: u64) -> bool {
    let fits = |now: u64| {
        let after = now.saturating_add(amount);
        (now == 0 || after <= most).then_some(after)
    };
    counter.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_bounded_but_one_value_always_goes() {
        let outgoing = Outgoing::new(400);
        let first = outgoing.reserve_bytes(1_000);
        assert!(first.is_some() && outgoing.reserve_bytes(0).is_none());
        drop(first);
        let two = [outgoing.reserve_bytes(60), outgoing.reserve_bytes(40)];
        assert!(two.iter().all(Option::is_some) && outgoing.reserve_bytes(1).is_none());
        drop(two);
        assert_eq!(outgoing.bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn few_answers_go_at_once_and_one_while_memory_is_short() {
        let outgoing = Outgoing::new(0);
        let mut answers: Vec<_> =
            (0..MOST_ANSWERS).map(|_| outgoing.reserve_answer().expect("there is room")).collect();
        assert!(outgoing.reserve_answer().is_none());
        outgoing.set_paused(true);
        answers.truncate(1);
        assert!(outgoing.reserve_answer().is_none());
        answers.clear();
        assert!(outgoing.reserve_answer().is_some_and(|_one| outgoing.reserve_answer().is_none()));
        outgoing.set_paused(false);
        answers.push(outgoing.reserve_answer().expect("all were given back"));
        assert!(outgoing.reserve_answer().is_some());
    }
}
