//! Live bytes: what adds to memory waits while memory is short and something that runs will free some.
//!
//! *Live* are the bytes of all values on a build's workers, and those of the results to be expected of what runs there, by
//! the measured results of its functions. When one more result would take them beyond a part of what the workers may hold,
//! tasks that *grow* memory are set aside: those whose result is longer than their share of the inputs that go with them.
//! So reducers run before new leaves, whoever submitted which first, and leaves start at the pace at which reducers make
//! room. Who has nothing set aside pays two look-ups a task.
//!
//! Nothing waits for nothing: where it is the turn of a task that grows memory, one of the first that do not goes instead; and
//! if there is none, the task waits only while some run *frees*: its inputs go with it, and are longer than its result. If
//! none does, the task goes as it always would, since waiting would not help. And if none has ended for
//! twice as long as the longest of them takes, it may be waiting for the very tasks that wait for it: then they go, until
//! one has ended. What a running task has submitted itself is never set aside, for the same reason.
//!
//! Dask withholds what looks like the first tasks of a collection, by the names of keys and by numbers of tasks, whether
//! memory is short or not (its worker saturation, distributed#7273); here it is by the structure of the graph and by bytes,
//! so a graph that fits into memory loses nothing.

use std::collections::BTreeSet;

use brisk_core::time::Moment;
use serde::{Deserialize, Serialize};

use super::{
    Scheduler,
    accounts::AccountId,
    class::Kind,
    config::Config,
    heads::Heads,
    nested::is_nested,
    peers::Worker,
    placement::Place,
    pool::FEW,
    slab::{ClassIndex, EnvironmentIndex, TaskIndex, WorkerIndex},
    task::{State, Task},
    timers::Timer,
};

/// Inputs of a task that are looked at for what goes with it.
const INPUTS_LOOKED_AT: usize = 64;

/// Tasks that are looked at for one that does not grow memory, when it is the turn of one that does.
const LOOKED_AT: usize = 32;

/// What a run presumably does to memory, in one byte: how long its result will be, within an eighth, and whether more goes
/// with it than comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Effect(u8);

/// What runs and values take of some workers' memory: of one worker's, or of a whole build's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Live {
    /// What they may hold together, of those that have a limit.
    pub(super) limit: u128,
    /// How many have none.
    pub(super) unlimited: u32,
    /// The length of the values that they hold.
    pub(super) held: u128,
    /// What the results of their runs will presumably be.
    pub(super) expected: u128,
    /// How many of their runs free memory.
    pub(super) freeing: u32,
}

/// Since when, and how long still, a build's tasks are set aside.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Withheld {
    /// Whether any of those that could have gone in the last round were.
    pub(super) any: bool,
    /// When they are looked at again if nothing happens. Set if and only if there are any.
    pub(super) until: Option<Moment>,
    /// When a run that frees memory last ended.
    freed_at: Moment,
    /// The longest estimate of such runs, since there were none.
    longest_ns: u64,
    /// Whether none has ended for too long.
    pub(super) impatient: bool,
}

/// What is done instead of giving a task that takes too much memory to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instead {
    /// Another one was given.
    Another,
    /// It waits.
    Wait,
    /// It goes all the same: nothing makes room.
    Nothing,
}

impl Effect {
    const FREES: u8 = 0x80;
    /// Four steps for each power of two, from 256 bytes to three quarters of a tebibyte; what is shorter counts as nothing.
    const STEPS: u32 = 4;
    const LEAST: u32 = 8;

    fn new(bytes: u64, frees: bool) -> Self {
        let code = match bytes.checked_ilog2() {
            Some(power) if power >= Self::LEAST => {
                let step = (bytes >> (power - 2)) as u32 & (Self::STEPS - 1);
                ((power - Self::LEAST) * Self::STEPS + step + 1).min(0x7f) as u8
            }
            _ => 0,
        };
        Effect(code | if frees { Self::FREES } else { 0 })
    }

    /// How long the result will be.
    pub(super) fn bytes(self) -> u64 {
        match u32::from(self.0 & !Self::FREES) {
            0 => 0,
            code => u64::from(Self::STEPS + (code - 1) % Self::STEPS) << ((code - 1) / Self::STEPS + Self::LEAST - 2),
        }
    }

    /// Whether more goes with the run than comes.
    pub(super) fn frees(self) -> bool {
        self.0 & Self::FREES != 0
    }
}

impl Live {
    /// The share of one worker that has no values and no runs.
    pub(super) fn of(memory_limit: u64) -> Self {
        Live { limit: memory_limit.into(), unlimited: u32::from(memory_limit == 0), ..Live::default() }
    }

    pub(super) fn add(&mut self, other: &Live) {
        self.limit += other.limit;
        self.unlimited += other.unlimited;
        self.held += other.held;
        self.expected += other.expected;
        self.freeing += other.freeing;
    }

    pub(super) fn remove(&mut self, other: &Live) {
        self.limit -= other.limit;
        self.unlimited -= other.unlimited;
        self.held -= other.held;
        self.expected -= other.expected;
        self.freeing -= other.freeing;
    }

    /// Whether all of them have a limit, so that there may be too much.
    pub(super) fn is_limited(&self) -> bool {
        self.unlimited == 0
    }

    /// Whether so many bytes more would be too many.
    fn is_short_of(&self, bytes: u64, config: &Config) -> bool {
        (self.held + self.expected + u128::from(bytes)) * 100 > self.limit * u128::from(config.live_percent)
    }

    fn begin(&mut self, effect: Effect) {
        self.expected += u128::from(effect.bytes());
        self.freeing += u32::from(effect.frees());
    }

    fn end(&mut self, effect: Effect) {
        self.expected -= u128::from(effect.bytes());
        self.freeing -= u32::from(effect.frees());
    }
}

impl Scheduler {
    /// Whether a ready task would take more memory than there should be taken.
    pub(super) fn takes_too_much(&self, t: TaskIndex) -> bool {
        let Task { class, function, ref priority, .. } = self.tasks[t];
        let pool = &self.classes.environments[self.classes.slab[class].environment].pool;
        if !pool.live.is_limited() || pool.withheld.impatient || is_nested(priority) {
            return false;
        }
        let live = self.eligible_live(class);
        // Mostly it would not even if nothing went with it.
        live.is_short_of(self.functions.measured_bytes(function).unwrap_or(1), &self.config) && {
            let growth = self.growth(t);
            growth > 0 && live.is_short_of(growth, &self.config)
        }
    }

    /// Whether a task that takes too much must wait: some run will make room.
    fn must_wait(&self, t: TaskIndex) -> bool {
        self.eligible_live(self.tasks[t].class).freeing > 0
    }

    /// What a run that begins does to memory. Nothing that is known, where workers have no limit.
    pub(super) fn effect_of(&self, t: TaskIndex, w: WorkerIndex) -> Effect {
        if self.workers[w].live.unlimited > 0 {
            return Effect::default();
        }
        let result = self.functions.measured_bytes(self.tasks[t].function).unwrap_or(0);
        let goes = self.goes_with(t);
        Effect::new(result, goes > 0 && goes >= result)
    }

    /// A run has been given to a worker.
    pub(super) fn begin_effect(&mut self, w: WorkerIndex, effect: Effect, estimate_ns: u64) {
        if effect == Effect::default() {
            return;
        }
        let worker = &mut self.workers[w];
        worker.live.begin(effect);
        let pool = &mut self.classes.environments[worker.environment].pool;
        if effect.frees() {
            let longest = if pool.live.freeing == 0 { 0 } else { pool.withheld.longest_ns };
            pool.withheld.longest_ns = longest.max(estimate_ns);
        }
        pool.live.begin(effect);
    }

    /// A run is no longer a worker's.
    pub(super) fn end_effect(&mut self, w: WorkerIndex, effect: Effect) {
        if effect == Effect::default() {
            return;
        }
        let worker = &mut self.workers[w];
        worker.live.end(effect);
        // It was taken out of the sums with all that it has.
        if worker.leaving {
            return;
        }
        let pool = &mut self.classes.environments[worker.environment].pool;
        pool.live.end(effect);
        if effect.frees() {
            (pool.withheld.freed_at, pool.withheld.impatient) = (self.now, false);
        }
    }

    /// What a worker holds has changed.
    pub(super) fn set_bytes(&mut self, w: WorkerIndex, bytes: u64) {
        let worker = &mut self.workers[w];
        let before = std::mem::replace(&mut worker.bytes, bytes);
        worker.live.held = bytes.into();
        if !worker.leaving {
            let pool = &mut self.classes.environments[worker.environment].pool;
            pool.live.held = pool.live.held - u128::from(before) + u128::from(bytes);
            // There may be room for what was set aside.
            self.work.room |= bytes < before && pool.withheld.any;
        }
    }

    /// It is the turn of a task that takes too much memory: gives another one to a worker that would not, if there is one
    /// among the first. What is to be done with that task.
    pub(super) fn assign_instead(&mut self, t: TaskIndex, environment: EnvironmentIndex, kind: Kind) -> Instead {
        for (account, class) in self.next_heads(environment, kind) {
            let queue = &self.classes.slab[class].queue;
            let first = queue.first(account).map(|(_, t)| t);
            let others: Vec<_> = first.into_iter().chain(queue.with_inputs(account).take(LOOKED_AT)).collect();
            for other in others {
                if !self.takes_too_much(other)
                    && let Place::On(w) = self.place_in_turn(other)
                {
                    self.assign(other, w);
                    return Instead::Another;
                }
            }
        }
        if !self.must_wait(t) {
            return Instead::Nothing;
        }
        self.classes.environments[environment].pool.withheld.any = true;
        Instead::Wait
    }

    /// Some of the queues of a lane that are not empty, in the order in which they are served.
    fn next_heads(&self, environment: EnvironmentIndex, kind: Kind) -> Vec<(AccountId, ClassIndex)> {
        /// Queues looked at.
        const QUEUES: usize = 16;
        let lane = &self.classes.environments[environment].lanes[kind as usize];
        let heads = lane.accounts().flat_map(|account| {
            let classes = lane.heads.get(&account).into_iter().flat_map(Heads::iter);
            classes.map(move |(_, class)| (account, class))
        });
        heads.take(QUEUES).collect()
    }

    /// Nothing is set aside until it is found to be again. Returns the builds of what was.
    pub(super) fn forget_withheld(&mut self) -> BTreeSet<EnvironmentIndex> {
        if self.classes.withheld.is_empty() {
            return BTreeSet::new();
        }
        let builds = std::mem::take(&mut self.classes.withheld);
        for &environment in &builds {
            if let Some(build) = self.classes.environments.get_mut(environment) {
                build.pool.withheld.any = false;
            }
        }
        builds
    }

    /// All that could go has gone: what was set aside of a build is looked at again after a while, if anything was.
    pub(super) fn arm_withheld(&mut self, builds: impl Iterator<Item = EnvironmentIndex>) {
        for environment in builds {
            let Some(build) = self.classes.environments.get(environment) else { continue };
            // Mostly nothing is, nor was.
            if !build.pool.withheld.any && build.pool.withheld.until.is_none() {
                continue;
            }
            let patience = self.patience(environment);
            let withheld = &mut self.classes.environments[environment].pool.withheld;
            if withheld.any {
                self.classes.withheld.insert(environment);
            }
            match (withheld.any, withheld.until) {
                (true, None) => {
                    let at = self.now + patience;
                    withheld.until = Some(at);
                    self.timers.insert(at, Timer::Withheld(environment));
                }
                (false, Some(at)) => {
                    withheld.until = None;
                    self.timers.remove(at, Timer::Withheld(environment));
                }
                _ => {}
            }
        }
    }

    /// What was set aside may be gone, or have been given to a paused worker.
    pub(super) fn disarm_withheld(&mut self) {
        if self.classes.withheld.is_empty() {
            return;
        }
        let lanes = &self.classes.busy;
        let is_gone = |environment: &EnvironmentIndex| !lanes.iter().any(|(build, _)| build == environment);
        let gone: Vec<_> = self.classes.withheld.iter().copied().filter(is_gone).collect();
        for environment in &gone {
            self.classes.withheld.remove(environment);
            if let Some(build) = self.classes.environments.get_mut(*environment) {
                build.pool.withheld.any = false;
            }
        }
        self.arm_withheld(gone.into_iter());
    }

    /// Tasks have been set aside for a while. If no run has ended that frees memory, they wait no longer.
    pub(super) fn reconsider_withheld(&mut self, environment: EnvironmentIndex) {
        let patience = self.patience(environment);
        let withheld = &mut self.classes.environments[environment].pool.withheld;
        let at = withheld.freed_at + patience;
        if at <= self.now {
            (withheld.until, withheld.impatient) = (None, true);
            self.work.room = true;
        } else {
            withheld.until = Some(at);
            self.timers.insert(at, Timer::Withheld(environment));
        }
    }

    fn patience(&self, environment: EnvironmentIndex) -> std::time::Duration {
        let longest_ns = self.classes.environments[environment].pool.withheld.longest_ns;
        self.config.withhold_time.max(std::time::Duration::from_nanos(2 * longest_ns))
    }

    /// How many bytes more there will be once a task has ended, as far as anybody knows.
    fn growth(&self, t: TaskIndex) -> u64 {
        let goes = self.goes_with(t);
        match self.functions.measured_bytes(self.tasks[t].function) {
            Some(result) => result.saturating_sub(goes),
            // What takes nothing along adds something; what does presumably makes less of it.
            None => u64::from(goes == 0),
        }
    }

    /// A task's share of what goes when all who need its inputs have ended: of each input an equal part, with all copies;
    /// nothing of what somebody wants to keep.
    fn goes_with(&self, t: TaskIndex) -> u64 {
        let inputs = self.tasks[t].dependencies.iter().take(INPUTS_LOOKED_AT).map(|edge| &self.tasks[edge.task]);
        let shares = inputs.map(|input| {
            let bytes = match &input.state {
                State::Memory { nbytes, holders } => nbytes.saturating_mul(holders.len() as u64),
                State::Processing(run) => run.effect.bytes(),
                _ => 0,
            };
            let kept = !input.wants.is_empty() || input.holds > 0 || input.marks.detached() || input.marks.checkpoint();
            if kept { 0 } else { bytes / u64::from(input.waiters.max(1)) }
        });
        shares.fold(0, u64::saturating_add)
    }

    /// What is live on the workers that may run a class. Where they are many and not all of their build, all of it stands for
    /// them.
    fn eligible_live(&self, class: ClassIndex) -> Live {
        let eligible = self.classes.eligible(class);
        let pool = &self.classes.environments[self.classes.slab[class].environment].pool;
        match self.classes.slab[class].is_plain() || eligible.len() > FEW {
            true => pool.live,
            false => sum(eligible.iter().map(|&w| &self.workers[w])),
        }
    }
}

/// What is live on some workers together.
pub(super) fn sum<'a>(workers: impl Iterator<Item = &'a Worker>) -> Live {
    workers.fold(Live::default(), |mut sum, worker| {
        sum.add(&worker.live);
        sum
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_kept_within_an_eighth_of_a_power_of_two() {
        for bytes in (0..39).flat_map(|power| [1u64 << power, (1 << power) + (1 << power) / 3, (2 << power) - 1]) {
            let kept = Effect::new(bytes, bytes % 2 == 0);
            assert_eq!(kept.frees(), bytes % 2 == 0);
            assert!(
                kept.bytes() <= bytes && (bytes < 256 || kept.bytes() > bytes / 5 * 4),
                "{bytes}: {}",
                kept.bytes()
            );
        }
        let longest = Effect::new(u64::MAX, true);
        assert!(longest.frees() && longest.bytes() > 1 << 39);
    }
}
