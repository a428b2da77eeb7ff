//! [`Observer`]: the scheduler as those see it who show it to people.

use std::{fmt, sync::Arc};

use brisk_core::{
    id::{Epoch, WorkerId},
    key::Key,
    message::StoryLine,
    time::Moment,
};
use rustc_hash::FxHashMap;

use super::{
    PlotContent, PlotStatus, Server, Shared, WorkerLine,
    telemetry::{EndedRun, ErrorGroup, FunctionRuns, Longest, RunTotals, WorkerRuns},
};
use crate::machine::{GraphSample, Overview, Scheduler, TaskDetail, WorkerDetail};

/// Runs that are looked through at once, while those who add some wait.
const SLICE: usize = 4_096;

/// A view of a running scheduler. It changes nothing there, and does not keep the scheduler running.
///
/// What looks at the machine waits for whoever is driving it, so none of this may be called from within an inbox.
#[derive(Clone)]
pub struct Observer(Arc<Shared>);

/// Runs that have ended since a reader last looked.
#[derive(Clone, Debug, Default)]
pub struct NewRuns {
    /// The longest of those that are still known, in the order of their ends.
    pub runs: Vec<EndedRun>,
    /// How many more there were: shorter ones, and some that are not kept any more.
    pub lost: u64,
    /// Where to go on.
    pub next: u64,
}

impl Server {
    /// A view for those who show the scheduler to people.
    pub fn observer(&self) -> Observer {
        Observer(self.0.clone())
    }
}

impl Observer {
    /// The scheduler's name.
    pub fn name(&self) -> &Arc<str> {
        &self.0.config.name
    }

    /// The scheduler's life.
    pub fn epoch(&self) -> Epoch {
        self.0.epoch
    }

    /// The scheduler's clock.
    pub fn now(&self) -> Moment {
        self.0.now()
    }

    /// Waits until the scheduler has ended. Cancel safe.
    pub async fn ended(&self) {
        self.0.until_end().await;
    }

    /// The cluster at a glance: no more than `functions` functions, and the workers if they are wanted. Looks at no task.
    pub fn overview(&self, functions: usize, workers: bool) -> Overview {
        self.0.look(|machine| machine.overview(functions, workers))
    }

    /// How many workers the present work wants, of all builds together. Looks at every task: ask now and then.
    pub fn wanted_workers(&self) -> u64 {
        self.0.look(Scheduler::targets).iter().map(|target| u64::from(target.workers)).sum()
    }

    /// What came of all runs.
    pub fn run_totals(&self) -> RunTotals {
        self.0.telemetry.lock().totals
    }

    /// What came of each function's runs, by index. Those at the end may be missing: none has ended.
    pub fn function_runs(&self) -> Vec<FunctionRuns> {
        self.0.telemetry.lock().functions.clone()
    }

    /// What came of each live worker's runs.
    pub fn worker_runs(&self) -> FxHashMap<WorkerId, WorkerRuns> {
        self.0.telemetry.lock().workers.clone()
    }

    /// The runs from number `from` on, the longest `most` of them; the others are counted, and so are those that are not kept any
    /// more.
    pub fn runs_since(&self, from: u64, most: usize) -> NewRuns {
        let (mut next, mut lost) = (from, 0);
        let mut longest = Longest::new(most);
        let end = self.0.telemetry.lock().runs.next();
        // In slices, so that the scheduler never waits for long; up to the end as it was, so that this has one.
        while next < end {
            let (missed, behind) = self.0.telemetry.lock().runs.read(next, SLICE, &mut longest);
            lost += missed;
            next = behind;
        }
        let (runs, left_out) = longest.end();
        NewRuns { runs, lost: lost + left_out, next }
    }

    /// What has failed, if anything did since `revision`, with the revision that this is.
    pub fn errors_since(&self, revision: u64) -> Option<(u64, Vec<ErrorGroup>)> {
        let telemetry = self.0.telemetry.lock();
        (telemetry.errors.revision != revision).then(|| (telemetry.errors.revision, telemetry.errors.groups()))
    }

    /// The plots that programs feed, if anything of them has changed since `revision`, with the revision that this is.
    pub fn plots_since(&self, revision: u64) -> Option<(u64, Vec<PlotStatus>)> {
        let plots = self.0.plots.lock();
        (plots.revision != revision).then(|| (plots.revision, plots.list()))
    }

    /// A plot with its points.
    pub fn plot(&self, name: &str) -> Option<PlotContent> {
        self.0.plots.lock().content(name)
    }

    /// A task with at most `most` neighbours on either side, and what is remembered of its story.
    pub fn task(&self, key: Key, most: usize) -> Option<(TaskDetail, Vec<StoryLine>)> {
        self.0.look_beside(|core| {
            let mut detail = core.machine().task_detail(key, most)?;
            core.add_what_is_beside(&self.0, std::slice::from_mut(&mut detail.status));
            Some((detail, core.story(&self.0, key)))
        })
    }

    /// What a worker runs and holds, and the newest lines that tasks have said there; of each at most `most`.
    pub fn worker(&self, worker: WorkerId, most: usize) -> Option<(WorkerDetail, Vec<WorkerLine>)> {
        self.0.look_beside(|core| {
            let mut detail = core.machine().worker_detail(worker, most)?;
            core.add_what_is_beside(&self.0, &mut detail.running);
            Some((detail, core.notes().log_of_worker(core.machine(), worker, most)))
        })
    }

    /// The first `most` tasks and the edges between them, with the tasks' names if those are wanted.
    pub fn graph(&self, most: usize, names: bool) -> GraphSample {
        self.0.look(|machine| machine.graph_sample(most, names))
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer").field("name", self.name()).field("epoch", &self.0.epoch).finish_non_exhaustive()
    }
}
