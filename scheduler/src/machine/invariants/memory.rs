//! Memory: what is counted as live, and what waits for it.

use super::{Check, ensure};
use crate::machine::{Scheduler, live_bytes, live_bytes::Live, slab::EnvironmentIndex, timers::Timer};

impl Scheduler {
    /// I16: what is live on a worker is what it holds and what its runs will add; on a build's workers, what is live on
    /// each.
    pub(super) fn i16_live_bytes_add_up(&self) -> Check {
        for (_, worker) in self.workers.slab.iter() {
            let mut expected = Live { held: worker.bytes.into(), ..Live::of(worker.info.memory_limit) };
            for run in worker.processing.iter().filter_map(|&t| self.tasks[t].run()) {
                expected.expected += u128::from(run.effect.bytes());
                expected.freeing += u32::from(run.effect.frees());
            }
            ensure!(worker.live == expected, "{}: {:?}, not {expected:?}", worker.id, worker.live);
        }
        for (environment, build) in self.classes.environments.iter() {
            let sum = live_bytes::sum(build.pool.workers.iter().map(|&w| &self.workers[w]));
            ensure!(build.pool.live == sum, "{environment:?}: {:?}, not {sum:?}", build.pool.live);
        }
        Ok(())
    }

    /// I60: what waits for memory waits while some run frees memory, and is looked at again in any case; and nothing is
    /// looked at again when nothing waits.
    pub(super) fn i60_what_waits_for_memory_has_an_end(&self) -> Check {
        let mut alarms = self.timers.iter().filter(|(_, timer)| matches!(timer, Timer::Withheld(_))).count();
        for (environment, build) in self.classes.environments.iter() {
            let withheld = &build.pool.withheld;
            let queued: u32 = build.lanes.iter().map(|lane| lane.queued).sum();
            ensure!(withheld.any == self.classes.withheld.contains(&environment), "{environment:?}: {withheld:?}");
            ensure!(withheld.any == withheld.until.is_some(), "{environment:?}: {withheld:?}");
            ensure!(!withheld.any || queued > 0, "nothing is queued, and {withheld:?}");
            ensure!(!withheld.any || build.pool.live.freeing > 0, "nothing frees memory, and {withheld:?}");
            let Some(at) = withheld.until else { continue };
            ensure!(self.timers.has(at, Timer::Withheld(environment)), "no alarm is set for {withheld:?}");
            alarms -= 1;
        }
        ensure!(alarms == 0, "{alarms} alarms are set for nothing");
        Ok(())
    }

    /// Whether tasks of a build may wait although a worker is open.
    pub(super) fn is_waiting_for_memory(&self, environment: EnvironmentIndex) -> bool {
        self.classes.environments[environment].pool.withheld.any
    }
}
