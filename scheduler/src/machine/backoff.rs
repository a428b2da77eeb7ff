//! The pause before a failed task is run again.
//!
//! It doubles with every failure up to a cap, so that what a task depends on outside of the cluster, a database for one,
//! has the longer to recover the longer it is away. Up to a quarter is added, which differs from task to task: a thousand
//! tasks that failed together do not come back together. (Exponential back-off with jitter, as in Temporal's retry
//! policy and AWS's architecture notes.)
//!
//! A task in its pause waits for its inputs like any other, and for one thing more: the pause's end.

use std::time::Duration;

use brisk_core::key::Key;

use super::{Scheduler, slab::TaskIndex, task::State, timers::Timer};

/// No pause is longer, whatever was asked for; so one that was asked for in error ends the same day.
const LONGEST: Duration = Duration::from_secs(3600);

/// The pause before the run that follows the `failures`th failure, counted from 1, if the first pause is `first`.
pub(super) fn pause(first: Duration, failures: u32, key: Key) -> Duration {
    let doubled = first.saturating_mul(1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    let pause = doubled.min(LONGEST);
    let share = mix(key.as_u128() as u64 ^ (key.as_u128() >> 64) as u64 ^ u64::from(failures)) % 1024;
    pause + pause / 4 * share as u32 / 1024
}

/// Spreads a number over all 64 bits (the finaliser of SplitMix64): keys that differ by one give pauses that have nothing
/// in common. The machine has no entropy, and needs none.
fn mix(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Scheduler {
    /// A run failed by its own doing, and is to be tried again: at once, or after the pause that was asked for.
    pub(super) fn run_again(&mut self, t: TaskIndex) {
        let task = &mut self.tasks[t];
        let first = task.options().and_then(|options| options.retry_delay).filter(|delay| !delay.is_zero());
        let (key, failures) = (task.key, task.history().failures);
        match first {
            Some(first) => self.run_after(t, pause(first, failures, key)),
            None => self.enter_waiting(t),
        }
    }

    /// A run is to be tried again after a pause.
    pub(super) fn run_after(&mut self, t: TaskIndex, pause: Duration) {
        self.enter_waiting(t);
        if let State::Waiting { missing } = &mut self.tasks[t].state {
            *missing += 1;
            self.set_alarm(t, pause);
        }
    }

    /// A task's pause is over.
    pub(super) fn resume(&mut self, t: TaskIndex) {
        let task = &mut self.tasks[t];
        task.history().alarm = None;
        let State::Waiting { missing } = &mut task.state else { return };
        *missing -= 1;
        if *missing == 0 {
            self.work.ready.push((task.priority, t));
        }
    }

    /// Has the task looked at after a while, unless it enters another state before.
    pub(super) fn set_alarm(&mut self, t: TaskIndex, after: Duration) {
        let at = self.now + after;
        self.tasks[t].history().alarm = Some(at);
        self.timers.insert(at, Timer::Alarm(t));
    }

    /// The task leaves the state in which it was to be looked at.
    pub(super) fn clear_alarm(&mut self, t: TaskIndex) {
        if let Some(at) = self.tasks[t].past_mut().and_then(|history| history.alarm.take()) {
            self.timers.remove(at, Timer::Alarm(t));
        }
    }

    /// What a task's alarm means follows from its state.
    pub(super) fn alarmed(&mut self, t: TaskIndex) {
        match self.tasks[t].state {
            State::Processing(_) => self.overdue(t),
            _ => self.resume(t),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(failures: u32, key: u128) -> Duration {
        pause(Duration::from_secs(1), failures, Key::from_u128(key))
    }

    #[test]
    fn pauses_double_up_to_a_cap_and_are_never_shorter_than_asked_for() {
        for (failures, least) in
            [(1, 1), (2, 2), (3, 4), (8, 128), (12, 2048), (13, 3600), (40, 3600), (u32::MAX, 3600)]
        {
            for key in 0..50 {
                let least = Duration::from_secs(least);
                let found = of(failures, key);
                assert!(least <= found && found <= least * 5 / 4, "{found:?} after {failures} failures");
            }
        }
        assert!(pause(Duration::MAX, 1, Key::from_u128(1)) <= LONGEST * 5 / 4);
    }

    #[test]
    fn a_thousand_tasks_spread_over_the_added_quarter() {
        let mut pauses: Vec<_> = (0..1_000).map(|key| of(1, key)).collect();
        pauses.sort_unstable();
        let fullest = pauses.windows(50).map(|some| some[49] - some[0]).min().unwrap();
        assert!(fullest > Duration::from_millis(3), "fifty come back within {fullest:?}");
        assert_eq!(of(1, 7), of(1, 7));
    }
}
