//! What the page is told: everything at first, then what has changed. The texts are those of `web/src/feed.ts`.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use brisk_scheduler::{
    machine::{FunctionIndex, Overview},
    server::{NewRuns, Observer},
};
use bytes::Bytes;
use serde::Serialize;

mod lanes;
mod rows;
mod runs;

use crate::pages::PlotRow;
use lanes::Lanes;
use rows::{Cluster, ErrorRow, FunctionRow, Totals, WorkerRow};
use runs::{Columns, Shown};

pub(crate) use rows::{States, seconds, worker_row};

/// Runs that a page is told of when it begins.
pub(crate) const HISTORY: usize = 100_000;

/// Runs that are told each time, the longest: of short ones there may be more than anybody could see.
const RUNS: usize = 1_000;

/// After so long without a look nobody was there who could be told too much.
const PAUSE: Duration = Duration::from_secs(1);

/// Functions that are shown.
const FUNCTIONS: usize = 500;

/// With more workers than this their rows are told less often.
const MANY_WORKERS: usize = 200;

/// How many looks go by, then.
const SELDOM: u64 = 10;

/// How many workers are wanted is asked no more often than this for each so many tasks, since all of them are looked at.
const WANTED_EVERY: Duration = Duration::from_secs(1);
const WANTED_TASKS: u64 = 50_000;

/// What is known of a scheduler, as it was told.
pub(crate) struct Feed {
    observer: Observer,
    cluster: Cluster,
    totals: Totals,
    workers: BTreeMap<u64, WorkerRow>,
    functions: BTreeMap<FunctionIndex, FunctionRow>,
    errors: BTreeMap<u64, ErrorRow>,
    /// Up to which failure the errors are known.
    errors_seen: u64,
    plots: BTreeMap<Arc<str>, PlotRow>,
    /// Up to which change the plots are known.
    plots_seen: u64,
    history: VecDeque<Shown>,
    lanes: Lanes,
    /// The number of the next run to be read.
    next_run: u64,
    /// Runs that nobody was told of.
    lost: u64,
    looks: u64,
    looked: Option<Instant>,
    wanted_asked: Option<Instant>,
    spoken: Instant,
}

/// An event, but for what has not changed.
#[derive(Serialize)]
struct Event<'a> {
    version: u32,
    time: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a Cluster>,
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<&'a Totals>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workers: Option<Vec<&'a WorkerRow>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    functions: Option<Vec<&'a FunctionRow>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runs: Option<Columns<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<&'a ErrorRow>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plots: Option<Vec<&'a PlotRow>>,
    /// Plots that are there no more.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    plots_gone: &'a [Arc<str>],
}

/// What has changed between two looks.
#[derive(Default)]
struct Changed {
    totals: bool,
    workers: Vec<u64>,
    gone: Vec<WorkerRow>,
    functions: Vec<FunctionIndex>,
    errors: Vec<u64>,
    plots: Vec<Arc<str>>,
    plots_gone: Vec<Arc<str>>,
    runs: usize,
    lost: bool,
}

impl Feed {
    pub(crate) fn new(observer: Observer) -> Self {
        let age = Duration::from_nanos(observer.now().as_nanos());
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Feed {
            cluster: Cluster::new(observer.name().clone(), now.saturating_sub(age)),
            observer,
            totals: Totals::default(),
            workers: BTreeMap::new(),
            functions: BTreeMap::new(),
            errors: BTreeMap::new(),
            errors_seen: 0,
            plots: BTreeMap::new(),
            plots_seen: 0,
            history: VecDeque::new(),
            lanes: Lanes::default(),
            next_run: 0,
            lost: 0,
            looks: 0,
            looked: None,
            wanted_asked: None,
            spoken: Instant::now(),
        }
    }

    /// Looks at the scheduler. An event for those who were told everything before, if anything has changed, or nothing was said
    /// for as long as `silence`.
    pub(crate) fn look(&mut self, silence: Duration) -> Option<Bytes> {
        let changed = self.refresh();
        if changed.is_nothing() && self.spoken.elapsed() < silence {
            return None;
        }
        self.spoken = Instant::now();
        let workers = changed.workers.iter().filter_map(|id| self.workers.get(id)).chain(&changed.gone).collect();
        let functions = changed.functions.iter().filter_map(|index| self.functions.get(index)).collect();
        let errors = changed.errors.iter().filter_map(|id| self.errors.get(id)).collect();
        let plots = changed.plots.iter().filter_map(|name| self.plots.get(name)).collect();
        let runs = (changed.runs > 0 || changed.lost).then(|| self.newest(changed.runs));
        Some(written(
            "delta",
            &Event {
                version: 1,
                time: self.time(),
                cluster: None,
                totals: changed.totals.then_some(&self.totals),
                workers: some(workers),
                functions: some(functions),
                runs,
                errors: some(errors),
                plots: some(plots),
                plots_gone: &changed.plots_gone,
            },
        ))
    }

    /// Everything, as of the last look, with the newest `runs` runs.
    pub(crate) fn snapshot(&self, runs: usize) -> Bytes {
        let event = Event {
            version: 1,
            time: self.time(),
            cluster: Some(&self.cluster),
            totals: Some(&self.totals),
            workers: Some(self.workers.values().collect()),
            functions: Some(self.functions.values().collect()),
            runs: Some(self.newest(runs)),
            errors: Some(self.errors.values().collect()),
            plots: Some(self.plots.values().collect()),
            plots_gone: &[],
        };
        written("snapshot", &event)
    }

    fn time(&self) -> f64 {
        seconds(self.observer.now())
    }

    fn newest(&self, runs: usize) -> Columns<'_> {
        Columns { runs: &self.history, skipped: self.history.len().saturating_sub(runs), lost: self.lost }
    }

    fn refresh(&mut self) -> Changed {
        let mut changed = Changed::default();
        let with_workers = self.workers.len() <= MANY_WORKERS || self.looks.is_multiple_of(SELDOM);
        self.looks += 1;
        let overview = self.observer.overview(FUNCTIONS, with_workers);
        self.refresh_totals(&overview, &mut changed);
        self.refresh_functions(&overview, &mut changed);
        // Before the runs, so that their lanes are known.
        self.refresh_workers(overview, &mut changed);
        self.refresh_runs(&mut changed);
        self.refresh_errors(&mut changed);
        self.refresh_plots(&mut changed);
        changed
    }

    fn refresh_totals(&mut self, overview: &Overview, changed: &mut Changed) {
        let mut totals = Totals::new(&overview.tasks, self.observer.run_totals(), overview.clients);
        let pause = WANTED_EVERY * u32::try_from(1 + overview.tasks.total() / WANTED_TASKS).unwrap_or(u32::MAX);
        let due = self.wanted_asked.is_none_or(|asked| asked.elapsed() >= pause);
        totals.wanted_workers = if due { self.observer.wanted_workers() } else { self.totals.wanted_workers };
        if due {
            self.wanted_asked = Some(Instant::now());
        }
        changed.totals = totals != self.totals;
        self.totals = totals;
    }

    fn refresh_functions(&mut self, overview: &Overview, changed: &mut Changed) {
        let runs = self.observer.function_runs();
        for function in &overview.functions {
            let row = FunctionRow::new(function, runs.get(function.index.0 as usize).copied().unwrap_or_default());
            self.lanes.knows(function);
            if put(&mut self.functions, function.index, row) {
                changed.functions.push(function.index);
            }
        }
    }

    fn refresh_workers(&mut self, overview: Overview, changed: &mut Changed) {
        let Some(workers) = overview.workers else { return };
        let runs = self.observer.worker_runs();
        let mut former = std::mem::take(&mut self.workers);
        for worker in &workers {
            let row = worker_row(worker, runs.get(&worker.status.worker).copied().unwrap_or_default());
            if former.remove(&row.id).as_ref() != Some(&row) {
                changed.workers.push(row.id);
            }
            self.lanes.has(row.id, row.threads);
            self.workers.insert(row.id, row);
        }
        for (id, row) in former {
            self.lanes.has_not(id);
            changed.gone.push(row.gone());
        }
    }

    fn refresh_runs(&mut self, changed: &mut Changed) {
        // What happened while nobody looked may all be shown: it comes once.
        let is_late = self.looked.is_none_or(|looked| looked.elapsed() > PAUSE);
        self.looked = Some(Instant::now());
        let new = self.observer.runs_since(self.next_run, if is_late { HISTORY } else { RUNS });
        self.take_runs(&new, changed);
    }

    fn take_runs(&mut self, new: &NewRuns, changed: &mut Changed) {
        self.next_run = new.next;
        self.lost += new.lost;
        changed.lost = new.lost > 0;
        changed.runs = new.runs.len();
        self.history.extend(self.lanes.place(&new.runs));
        let surplus = self.history.len().saturating_sub(HISTORY);
        self.history.drain(..surplus);
    }

    fn refresh_errors(&mut self, changed: &mut Changed) {
        let Some((seen, groups)) = self.observer.errors_since(self.errors_seen) else { return };
        self.errors_seen = seen;
        let mut former = std::mem::take(&mut self.errors);
        for group in groups {
            let row = ErrorRow::new(&group);
            if former.remove(&row.id).as_ref() != Some(&row) {
                changed.errors.push(row.id);
            }
            self.errors.insert(row.id, row);
        }
    }

    fn refresh_plots(&mut self, changed: &mut Changed) {
        let Some((seen, plots)) = self.observer.plots_since(self.plots_seen) else { return };
        self.plots_seen = seen;
        let mut former = std::mem::take(&mut self.plots);
        for status in plots {
            let row = PlotRow::from(status);
            if former.remove(&row.name).as_ref() != Some(&row) {
                changed.plots.push(row.name.clone());
            }
            self.plots.insert(row.name.clone(), row);
        }
        changed.plots_gone.extend(former.into_keys());
    }

    /// Lets the next look find something.
    #[cfg(test)]
    pub(crate) fn forget_totals(&mut self) {
        self.totals.finished = u64::MAX;
    }
}

impl Changed {
    fn is_nothing(&self) -> bool {
        !self.totals
            && !self.lost
            && self.runs == 0
            && self.workers.is_empty()
            && self.gone.is_empty()
            && self.functions.is_empty()
            && self.errors.is_empty()
            && self.plots.is_empty()
            && self.plots_gone.is_empty()
    }
}

/// Puts a row in its place. Whether it is another than the one before.
fn put<K: Ord, Row: PartialEq>(rows: &mut BTreeMap<K, Row>, key: K, row: Row) -> bool {
    match rows.get_mut(&key) {
        Some(former) if *former == row => false,
        Some(former) => {
            *former = row;
            true
        }
        None => {
            rows.insert(key, row);
            true
        }
    }
}

fn some<T>(rows: Vec<T>) -> Option<Vec<T>> {
    (!rows.is_empty()).then_some(rows)
}

/// An event as it goes over the wire. JSON has no line ends but escaped ones, so one line holds it.
fn written(kind: &str, event: &Event<'_>) -> Bytes {
    let mut text = format!("event: {kind}\ndata: ").into_bytes();
    if let Err(error) = serde_json::to_writer(&mut text, event) {
        // Nothing in it can fail to be written; if it did, a page that begins anew shows as much as there is.
        tracing::error!(%error, "an event of the dashboard could not be written, which is a bug");
        return Bytes::new();
    }
    text.extend_from_slice(b"\n\n");
    text.into()
}

#[cfg(test)]
mod tests {
    use brisk_core::{
        id::{Epoch, Incarnation, WorkerId},
        key::Key,
        time::Moment,
    };
    use brisk_scheduler::server::{Config, EndedRun, Server};

    use super::*;

    #[test]
    fn what_is_kept_and_what_is_told_have_bounds_however_much_runs() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let server = Server::start(Config::default(), Epoch(1), runtime.handle().clone());
        let mut feed = Feed::new(server.observer());
        let run = |number: u64| EndedRun {
            key: Key::from_u128(number.into()),
            function: FunctionIndex(0),
            worker: WorkerId(Incarnation(number % 7)),
            ended: Moment::from_nanos(1_000 * number),
            took_ns: 900,
            nbytes: 8,
            ok: true,
        };
        for look in 0..30 {
            let runs = (look * 20_000..(look + 1) * 20_000).map(run).collect();
            feed.take_runs(&NewRuns { runs, lost: 1, next: (look + 1) * 20_000 }, &mut Changed::default());
        }
        assert_eq!(feed.history.len(), HISTORY);
        assert!(feed.history.capacity() <= 4 * HISTORY, "{}", feed.history.capacity());
        assert_eq!(feed.lost, 30);
        assert!(feed.snapshot(HISTORY).len() < 16 << 20);
    }
}
