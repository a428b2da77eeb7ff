//! What runs say of themselves, kept for those who ask. Beside the machine, which is only asked whose word counts: it is no
//! event and not recorded.
//!
//! Bounded: of a task's log the newest lines are kept, and of all tasks those that have talked last. What a task has said is
//! forgotten with the task.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use brisk_core::{
    id::{RunId, WorkerId},
    key::Key,
    message::{RunNotes, StoryLine, TaskProgress, TaskStatus},
    task::TaskName,
    time::Moment,
};
use rustc_hash::FxHashMap;

use crate::machine::Scheduler;

/// Lines of each task's log.
const LINES: usize = 100;

/// Bytes of all that is kept. Beyond, those that have been silent for longest are forgotten.
const MAX_BYTES: usize = 32 << 20;

/// What is counted for a task beside its texts.
const OVERHEAD: usize = 256;

/// And for a line.
const LINE_OVERHEAD: usize = 40;

/// Tasks whose logs are looked at for a worker's.
const TALKERS: usize = 1_000;

#[derive(Default)]
pub(super) struct Notes {
    tasks: FxHashMap<Key, Talker>,
    /// The tasks in the order in which they talked last.
    order: BTreeMap<u64, Key>,
    /// How often anybody has talked.
    clock: u64,
    bytes: usize,
}

/// What a task has said.
struct Talker {
    /// Who has spoken last, and where.
    run: RunId,
    worker: WorkerId,
    thread: Option<u32>,
    progress: Option<(TaskProgress, Moment)>,
    log: VecDeque<Line>,
    left_out: u64,
    metadata: BTreeMap<Arc<str>, Arc<str>>,
    /// Its place in the order.
    at: u64,
    bytes: usize,
}

/// A line of a task's log.
struct Line {
    at: Moment,
    run: RunId,
    worker: WorkerId,
    text: Arc<str>,
}

/// A line that a task has said on a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerLine {
    /// When it did, by the scheduler's clock.
    pub at: Moment,
    /// The task.
    pub task: TaskName,
    /// The line.
    pub text: Arc<str>,
}

impl Notes {
    /// Takes what a worker's runs say, as far as they are current.
    pub(super) fn take(&mut self, machine: &Scheduler, now: Moment, worker: WorkerId, all: Vec<RunNotes>) {
        for notes in all {
            if !notes.is_within_limits() || !is_listened_to(machine, notes.key, worker, notes.run) {
                tracing::debug!(%worker, key = %notes.key, run = %notes.run, "notes were dropped: too late, or too long");
                continue;
            }
            self.keep(now, worker, notes);
        }
        while self.bytes > MAX_BYTES
            && let Some((_, key)) = self.order.first_key_value()
        {
            self.forget(*key);
        }
    }

    /// A task is forgotten.
    pub(super) fn forget(&mut self, key: Key) {
        if self.tasks.is_empty() {
            return;
        }
        if let Some(talker) = self.tasks.remove(&key) {
            self.order.remove(&talker.at);
            self.bytes -= talker.bytes;
        }
    }

    /// Adds to tasks what their current runs have said.
    pub(super) fn add_to(&self, machine: &Scheduler, now: Moment, tasks: &mut [TaskStatus]) {
        for status in tasks {
            let Some(talker) = self.tasks.get(&status.task.key) else { continue };
            if is_listened_to(machine, status.task.key, talker.worker, talker.run) {
                status.thread = talker.thread;
                status.progress =
                    talker.progress.clone().map(|(progress, at)| TaskProgress { ago: now.since(at), ..progress });
            }
        }
    }

    /// The facts that a task's last talkative run has noted.
    pub(super) fn metadata(&self, key: Key) -> Vec<(Arc<str>, Arc<str>)> {
        let facts = self.tasks.get(&key).map(|talker| &talker.metadata);
        facts.into_iter().flatten().map(|(name, fact)| (name.clone(), fact.clone())).collect()
    }

    /// A task's log, as lines of its story.
    pub(super) fn log(&self, key: Key, now: Moment) -> Vec<StoryLine> {
        let Some(talker) = self.tasks.get(&key) else { return Vec::new() };
        let mut lines: Vec<StoryLine> = Vec::with_capacity(talker.log.len() + 1);
        if let (left_out @ 1.., Some(first)) = (talker.left_out, talker.log.front()) {
            let what = format!("{left_out} earlier or too quick lines of its log are not kept").into();
            lines.push(StoryLine { ago: now.since(first.at), what });
        }
        let said = talker.log.iter().map(|Line { at, run, text, .. }| {
            let what = match *run {
                RunNotes::CALL => format!("a call says: {text}"),
                run => format!("run {run} says: {text}"),
            };
            StoryLine { ago: now.since(*at), what: what.into() }
        });
        lines.extend(said);
        lines
    }

    /// The newest `most` lines that tasks have said on a worker, the oldest first; of the tasks that have talked last, however many
    /// there are.
    pub(super) fn log_of_worker(&self, machine: &Scheduler, worker: WorkerId, most: usize) -> Vec<WorkerLine> {
        let last = self.order.values().rev().take(TALKERS).filter_map(|key| Some((*key, self.tasks.get(key)?)));
        let lines = last.flat_map(|(key, talker)| talker.log.iter().map(move |line| (key, line)));
        let mut lines: Vec<_> = lines.filter(|(_, line)| line.worker == worker).collect();
        lines.sort_by_key(|(_, line)| line.at);
        lines.drain(..lines.len().saturating_sub(most));
        let told = lines.into_iter().filter_map(|(key, line)| {
            Some(WorkerLine { at: line.at, task: machine.task_detail(key, 0)?.status.task, text: line.text.clone() })
        });
        told.collect()
    }

    fn keep(&mut self, now: Moment, worker: WorkerId, notes: RunNotes) {
        self.clock += 1;
        let talker = self.tasks.entry(notes.key).or_insert_with(|| Talker::new(notes.run, worker));
        self.order.remove(&std::mem::replace(&mut talker.at, self.clock));
        self.order.insert(self.clock, notes.key);
        self.bytes -= talker.bytes;
        talker.hear(now, worker, notes);
        talker.bytes = talker.count();
        self.bytes += talker.bytes;
    }
}

impl Talker {
    fn new(run: RunId, worker: WorkerId) -> Self {
        Talker {
            run,
            worker,
            thread: None,
            progress: None,
            log: VecDeque::new(),
            left_out: 0,
            metadata: BTreeMap::new(),
            at: 0,
            bytes: 0,
        }
    }

    fn hear(&mut self, now: Moment, worker: WorkerId, notes: RunNotes) {
        let before = |ago: Duration| Moment::ORIGIN + Duration::from_nanos(now.as_nanos()).saturating_sub(ago);
        // What an actor's constructor has noted stays true of the actor.
        if self.run != notes.run && notes.run != RunNotes::CALL {
            self.progress = None;
            self.metadata.clear();
        }
        (self.run, self.worker) = (notes.run, worker);
        self.thread = notes.thread;
        if let Some(progress) = notes.progress {
            let at = before(progress.ago);
            self.progress = Some((progress, at));
        }
        self.left_out += notes.left_out;
        for line in notes.log {
            // Two messages take two different times on their way, and lines stay in the order in which they were said.
            let at = before(line.ago).max(self.log.back().map_or(Moment::ORIGIN, |last| last.at));
            self.log.push_back(Line { at, run: notes.run, worker, text: line.text });
        }
        let surplus = self.log.len().saturating_sub(LINES);
        self.left_out += surplus as u64;
        self.log.drain(..surplus);
        // An actor has its constructor's facts and those of its calls.
        let most = if notes.run == RunNotes::CALL { 2 * RunNotes::MAX_FACTS } else { RunNotes::MAX_FACTS };
        for (name, fact) in notes.metadata {
            if self.metadata.len() < most || self.metadata.contains_key(&name) {
                self.metadata.insert(name, fact);
            }
        }
    }

    fn count(&self) -> usize {
        let log: usize = self.log.iter().map(|line| LINE_OVERHEAD + line.text.len()).sum();
        let facts: usize = self.metadata.iter().map(|(name, fact)| 32 + name.len() + fact.len()).sum();
        OVERHEAD + log + facts + self.progress.as_ref().map_or(0, |(progress, _)| progress.message.len())
    }
}

/// Whether somebody may speak for a task: its current run, or the calls of the actor that it has made, where that lives.
fn is_listened_to(machine: &Scheduler, key: Key, worker: WorkerId, run: RunId) -> bool {
    match run {
        RunNotes::CALL => machine.is_actor_on(key, worker),
        run => machine.current_run(key) == Some((worker, run)),
    }
}

#[cfg(test)]
mod tests {
    use brisk_core::message::LogLine;

    use super::*;

    const HERE: WorkerId = WorkerId(brisk_core::id::Incarnation(1));

    #[test]
    fn of_too_many_who_talk_those_are_forgotten_who_did_so_first() {
        let (now, mut notes) = (Moment::ORIGIN, Notes::default());
        let facts: Vec<_> =
            (0..RunNotes::MAX_FACTS).map(|i| (i.to_string().into(), "x".repeat(1_000).into())).collect();
        let machine = Scheduler::new(crate::machine::Config::default(), brisk_core::id::Epoch(1));
        let key = |number: u64| Key::from_u128(number.into());
        for number in 0..2_000 {
            notes.keep(now, HERE, RunNotes { metadata: facts.clone(), ..RunNotes::new(key(number), RunId(number)) });
            // The first goes on talking.
            notes.keep(now, HERE, RunNotes::new(key(0), RunId(0)));
            notes.take(&machine, now, WorkerId::default(), Vec::new());
        }
        assert!(notes.bytes <= MAX_BYTES && notes.tasks.len() > 500, "{} bytes", notes.bytes);
        assert_eq!((notes.order.len(), notes.metadata(key(0)).len()), (notes.tasks.len(), facts.len()));
        assert_eq!((notes.metadata(key(1)).len(), notes.metadata(key(1_999)).len()), (0, facts.len()));
        (0..2_000).for_each(|number| notes.forget(key(number)));
        assert_eq!((notes.bytes, notes.order.len()), (0, 0));
    }

    #[test]
    fn lines_stay_in_their_order_however_long_their_messages_take() {
        let (mut now, mut notes, key) = (Moment::ORIGIN + Duration::from_secs(9), Notes::default(), Key::from_u128(1));
        for (text, ago) in [("first", 0), ("second", 1)] {
            let line = LogLine { ago: Duration::from_millis(ago), text: text.into() };
            notes.keep(now, HERE, RunNotes { log: vec![line], ..RunNotes::new(key, RunId(1)) });
        }
        now = now + Duration::from_secs(1);
        let log = notes.log(key, now);
        assert!(log.is_sorted_by_key(|line| std::cmp::Reverse(line.ago)), "{log:?}");
    }

    #[test]
    fn what_an_actors_calls_say_is_added_to_what_its_constructor_has() {
        let (now, mut notes, key) = (Moment::ORIGIN, Notes::default(), Key::from_u128(1));
        for (run, most) in [(RunId(1), 32), (RunNotes::CALL, 32), (RunNotes::CALL, 1)] {
            let metadata = (0..most).map(|number| (format!("{run} {number}").into(), "".into())).collect();
            notes.keep(now, HERE, RunNotes { metadata, ..RunNotes::new(key, run) });
        }
        assert_eq!(notes.metadata(key).len(), 64);
    }

    #[test]
    fn another_run_begins_with_no_facts_and_the_log_goes_on() {
        let (now, mut notes, key) = (Moment::ORIGIN + Duration::from_secs(9), Notes::default(), Key::from_u128(1));
        for run in [1, 2] {
            let line = LogLine { ago: Duration::from_secs(1), text: format!("line {run}").into() };
            let mut said = RunNotes::new(key, RunId(run));
            (said.log, said.left_out, said.metadata) = (vec![line], 2, vec![(format!("fact {run}").into(), "".into())]);
            notes.keep(now, HERE, said);
        }
        assert_eq!(notes.metadata(key), [("fact 2".into(), "".into())]);
        let log: Vec<_> = notes.log(key, now).iter().map(|line| (line.ago, line.what.to_string())).collect();
        let second = Duration::from_secs(1);
        let said =
            ["4 earlier or too quick lines of its log are not kept", "run r1 says: line 1", "run r2 says: line 2"];
        assert_eq!(log, said.map(|line| (second, line.to_owned())));
    }
}
