//! What was submitted and may have to be submitted again, to a scheduler that knows nothing.
//!
//! A call is kept for as long as the scheduler keeps its task: while its key is wanted here, or a kept call depends on it.
//! That alone has no bound: in `x = client.submit(step(&x))` every step depends on the one before. So when there are many,
//! what lies behind values that are known to be finished is dropped, and those values can be had again only from the
//! workers that hold them.

use std::collections::VecDeque;

use brisk_core::{key::Key, key_map::KeyMap, message::SubmittedTask};
use rustc_hash::FxHashSet;

/// Up to so many calls are kept whatever they are.
const CALLS: usize = 100_000;

#[derive(Debug)]
pub(super) struct Lineage {
    calls: KeyMap<Kept>,
    /// With more calls than this, it is time to look for what can be dropped.
    bound: usize,
    /// The least that `bound` may be.
    least: usize,
}

#[derive(Debug)]
struct Kept {
    task: SubmittedTask,
    /// Whether the key is wanted here.
    wanted: bool,
    /// How many kept calls depend on it.
    dependents: u32,
    /// Whether the scheduler said that its value exists.
    finished: bool,
}

/// Why a key can't be asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// This key is needed for it, and its call is not known.
    Missing(Key),
    /// This key is needed for it, and its call may be started once only.
    Once(Key),
    /// The same, of an actor.
    Actor(Key),
}

impl Default for Lineage {
    fn default() -> Self {
        Lineage::with_bound(CALLS)
    }
}

impl Lineage {
    fn with_bound(bound: usize) -> Self {
        Lineage { calls: KeyMap::default(), bound, least: bound }
    }

    /// Keeps the calls of a submission, dependencies first, and what is wanted of it.
    pub(super) fn keep(&mut self, tasks: &[SubmittedTask], wants: impl IntoIterator<Item = Key>) {
        for task in tasks {
            if let Some(known) = self.calls.get_mut(&task.key) {
                // Asked for again after it was cancelled or refused.
                known.finished = false;
                continue;
            }
            for dependency in &task.dependencies {
                if let Some(call) = self.calls.get_mut(dependency) {
                    call.dependents += 1;
                }
            }
            let kept = Kept { task: task.clone(), wanted: false, dependents: 0, finished: false };
            self.calls.insert(task.key, kept);
        }
        for key in wants {
            if let Some(call) = self.calls.get_mut(&key) {
                call.wanted = true;
            }
        }
        if self.calls.len() > self.bound {
            self.trim();
        }
    }

    /// Whether a key's value exists, by the scheduler's word.
    pub(super) fn set_finished(&mut self, key: Key, finished: bool) {
        if let Some(call) = self.calls.get_mut(&key) {
            call.finished = finished;
        }
    }

    /// A key is wanted no more: drops what was kept for it alone.
    pub(super) fn release(&mut self, key: Key) {
        let Some(call) = self.calls.get_mut(&key) else { return };
        call.wanted = false;
        let mut stack = vec![key];
        while let Some(key) = stack.pop() {
            let unneeded = self.calls.get(&key).is_some_and(|call| !call.wanted && call.dependents == 0);
            if !unneeded {
                continue;
            }
            let Some(dropped) = self.calls.remove(&key) else { continue };
            for dependency in dropped.task.dependencies {
                if let Some(call) = self.calls.get_mut(&dependency) {
                    call.dependents = call.dependents.saturating_sub(1);
                    stack.push(dependency);
                }
            }
        }
    }

    /// The calls that `key` needs, itself included, dependencies first; without those in `sent`, to which they are added.
    ///
    /// # Errors
    /// If one of them can't be sent again. Nothing is added to `sent` then.
    pub(super) fn closure(&self, key: Key, sent: &mut FxHashSet<Key>) -> Result<Vec<SubmittedTask>, Broken> {
        let mut found = Vec::new();
        let mut seen: FxHashSet<Key> = FxHashSet::default();
        let mut stack = vec![(key, false)];
        while let Some((key, children_done)) = stack.pop() {
            if sent.contains(&key) {
                continue;
            }
            let call = self.calls.get(&key).ok_or(Broken::Missing(key))?;
            if children_done {
                found.push(call.task.clone());
                continue;
            }
            if !seen.insert(key) {
                continue;
            }
            if let Some(options) = call.task.options.as_ref().filter(|options| options.once) {
                return Err(if options.pinned { Broken::Actor(key) } else { Broken::Once(key) });
            }
            stack.push((key, true));
            stack.extend(call.task.dependencies.iter().rev().map(|dependency| (*dependency, false)));
        }
        sent.extend(seen);
        Ok(found)
    }

    /// Drops what lies behind finished values. What is unfinished stays, with everything that it needs.
    fn trim(&mut self) {
        let mut needed: FxHashSet<Key> = FxHashSet::default();
        let mut queue: VecDeque<Key> = self.calls.iter().filter(|(_, call)| call.wanted).map(|(key, _)| *key).collect();
        while let Some(key) = queue.pop_front() {
            let Some(call) = self.calls.get_mut(&key) else { continue };
            if !needed.insert(key) {
                continue;
            }
            if call.finished {
                // Its value is the beginning now: whoever has it offers it.
                call.task.dependencies.clear();
            } else {
                queue.extend(call.task.dependencies.iter().copied());
            }
        }
        self.calls.retain(|key, _| needed.contains(key));
        self.calls.values_mut().for_each(|call| call.dependents = 0);
        let edges: Vec<Key> = self.calls.values().flat_map(|call| call.task.dependencies.iter().copied()).collect();
        for dependency in edges {
            if let Some(call) = self.calls.get_mut(&dependency) {
                call.dependents += 1;
            }
        }
        // Looking again is worth while only when there are many more.
        self.bound = self.least.max(2 * self.calls.len());
    }
}

#[cfg(test)]
mod tests {
    use brisk_core::{function::FunctionId, options::TaskOptions, payload::Payload};

    use super::*;

    fn key(n: u128) -> Key {
        Key::from_u128(n)
    }

    fn task(n: u128, dependencies: &[u128]) -> SubmittedTask {
        SubmittedTask {
            key: key(n),
            function: FunctionId::from_u128(1),
            spec: Payload::from_bytes(vec![1]),
            dependencies: dependencies.iter().map(|n| key(*n)).collect(),
            options: None,
        }
    }

    fn keys(found: Result<Vec<SubmittedTask>, Broken>) -> Vec<u128> {
        found.unwrap().into_iter().map(|task| task.key.as_u128()).collect()
    }

    #[test]
    fn a_call_is_kept_while_it_is_wanted_or_needed_by_one_that_is() {
        let mut lineage = Lineage::default();
        lineage.keep(&[task(1, &[]), task(2, &[1]), task(3, &[1, 2])], [key(3), key(1)]);
        let mut sent = FxHashSet::default();
        assert_eq!(keys(lineage.closure(key(1), &mut sent)), [1]);
        assert_eq!(keys(lineage.closure(key(3), &mut sent)), [2, 3], "1 was sent");
        lineage.release(key(3));
        assert_eq!(lineage.calls.len(), 1);
        assert_eq!(lineage.closure(key(3), &mut FxHashSet::default()), Err(Broken::Missing(key(3))));
        lineage.release(key(1));
        lineage.release(key(1));
        assert!(lineage.calls.is_empty());
    }

    #[test]
    fn a_loop_whose_steps_end_is_kept_in_bounded_memory_and_can_go_on_from_its_last_values() {
        let mut lineage = Lineage::with_bound(10);
        lineage.keep(&[task(0, &[])], [key(0)]);
        for n in 1..1_000 {
            lineage.set_finished(key(n - 1), true);
            lineage.keep(&[task(n, &[n - 1])], [key(n)]);
            lineage.release(key(n - 1));
            assert!(lineage.calls.len() <= 11, "{}", lineage.calls.len());
        }
        let found = keys(lineage.closure(key(999), &mut FxHashSet::default()));
        assert!(found.len() >= 2 && found.ends_with(&[998, 999]), "{found:?}");
        lineage.release(key(999));
        assert!(lineage.calls.is_empty());
    }

    #[test]
    fn what_is_not_finished_is_kept_however_much_it_is() {
        let mut lineage = Lineage::with_bound(10);
        for n in 0..100 {
            let dependencies: Vec<u128> = if n == 0 { vec![] } else { vec![n - 1] };
            lineage.keep(&[task(n, &dependencies)], [key(n)]);
            if n > 0 {
                lineage.release(key(n - 1));
            }
        }
        assert_eq!(lineage.closure(key(99), &mut FxHashSet::default()).unwrap().len(), 100);
    }

    #[test]
    fn a_call_that_may_be_started_once_only_is_not_sent_again() {
        let mut lineage = Lineage::default();
        let mut once = task(1, &[]);
        let mut options = TaskOptions::default();
        options.once = true;
        once.options = Some(Box::new(options));
        lineage.keep(&[once, task(2, &[1])], [key(2)]);
        let mut sent = FxHashSet::default();
        assert_eq!(lineage.closure(key(2), &mut sent), Err(Broken::Once(key(1))));
        assert!(sent.is_empty());
    }

    #[test]
    fn an_actor_is_told_from_other_calls_that_start_once() {
        let mut lineage = Lineage::default();
        let mut actor = task(1, &[]);
        let mut options = TaskOptions::default();
        (options.once, options.pinned) = (true, true);
        actor.options = Some(Box::new(options));
        lineage.keep(&[actor], [key(1)]);
        assert_eq!(lineage.closure(key(1), &mut FxHashSet::default()), Err(Broken::Actor(key(1))));
    }

    #[test]
    fn a_hundred_thousand_calls_deep() {
        let mut lineage = Lineage::default();
        let tasks: Vec<_> =
            (0..90_000).map(|n| task(n, if n == 0 { vec![] } else { vec![n - 1] }.as_slice())).collect();
        lineage.keep(&tasks, [key(89_999)]);
        assert_eq!(lineage.closure(key(89_999), &mut FxHashSet::default()).unwrap().len(), 90_000);
        lineage.release(key(89_999));
        assert!(lineage.calls.is_empty());
    }
}
