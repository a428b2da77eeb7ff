//! Loss: of workers, with what they ran and held, and of single replicas.
//!
//! Recomputing is what submitting is: a value that is needed and held by nobody waits for its dependencies like a new
//! task, and needs those of them that are gone too. Shared ancestors are thereby computed once.

use std::{collections::VecDeque, sync::Arc};

use brisk_core::{
    hello::WorkerInfo,
    id::{EnvironmentId, RunId, WorkerId},
    message::{Exit, KeyNews, SchedulerToClient, SchedulerToSupervisor, SchedulerToWorker},
};
use serde::{Deserialize, Serialize};

use super::{
    Action, Scheduler,
    class::summed,
    links::Sending,
    live_bytes::Live,
    peers::Worker,
    pool::NOWHERE,
    quarantine::{is_place, one_place},
    record::What,
    slab::{IndexSet, TaskIndex, WorkerIndex},
    speed::Speed,
    stealing::Promised,
    task::State,
    unrepeatable::Unrepeatable,
};

/// How a worker's session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By its own word, after all that it had to say.
    Goodbye,
    /// As somebody meant it to, so nothing is blamed on anybody; but reports may have been lost with it.
    Intended,
    /// As nobody meant it to.
    Lost,
}

impl End {
    fn of(intended: bool) -> Self {
        if intended { End::Intended } else { End::Lost }
    }
}

/// Workers whose connections ended before anybody said why, until a supervisor does.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Obituaries(VecDeque<Loss>);

/// One of them, with the runs that were blamed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Loss {
    name: Arc<str>,
    environment: EnvironmentId,
    blamed: Vec<(brisk_core::key::Key, RunId)>,
}

/// How many are remembered.
const OBITUARIES: usize = 64;

impl Scheduler {
    pub(super) fn worker_joined(
        &mut self,
        id: WorkerId,
        name: Arc<str>,
        environment: EnvironmentId,
        mut info: WorkerInfo,
    ) {
        if self.workers.find(id).is_some() {
            self.counters.unknown_peers += 1;
            return;
        }
        let first = if planted!(self, BuildIgnored) { Some(EnvironmentId::IN_PROCESS) } else { None };
        let environment = self.classes.enter(first.unwrap_or(environment));
        info.resources.retain(|resource| !is_place(resource));
        info.resources.push(one_place());
        let host = self.links.host(&info.host);
        let speed = Speed::told(info.speed_percent);
        let worker = Worker {
            id,
            name,
            environment,
            processing: Vec::new(),
            async_tasks: 0,
            away: 0,
            awaiting: 0,
            frontier: Default::default(),
            to_feed: false,
            started: 0,
            occupancy_ns: 0,
            fed_ns: 0,
            replicas: Vec::new(),
            bytes: 0,
            live: Live::of(info.memory_limit),
            reported_bytes: 0,
            available: summed(&info.resources),
            info,
            host,
            sending: Sending::default(),
            speed,
            paused: false,
            retiring: false,
            stalled: false,
            last_progress: self.now,
            question: None,
            promised: Promised::default(),
            passed_over: 0,
            leaving: false,
            parked: Default::default(),
            place: NOWHERE,
            listed: [None; 2],
            knows: IndexSet::default(),
            known_by: IndexSet::default(),
            frees: Vec::new(),
            offered: Default::default(),
            offers_until: None,
        };
        let w = self.workers.insert(id, worker);
        self.links.join(host, w);
        self.record(What::WorkerJoined { worker: id });
        let pool = &mut self.classes.environments[environment].pool;
        pool.join(w, &mut self.workers, self.budget);
        self.classes.environments[environment].obstacles.clear();
        self.reconsider_classes(environment);
        self.note_room(w);
        self.note_spare(w);
        if planted!(self, NoDispatchOnJoin) {
            self.work.room = false;
        }
        self.more_room_for_copies();
        for c in self.clients.slab.indices().collect::<Vec<_>>() {
            if self.clients[c].environment == environment {
                self.answer_waiting(c);
            }
        }
    }

    /// A worker's connection has ended.
    pub(super) fn worker_left(&mut self, id: WorkerId, cause: Arc<str>, intended: bool) {
        let Some(w) = self.workers.find(id) else {
            self.counters.unknown_peers += 1;
            return;
        };
        let loss = self.lose_worker(w, &cause, End::of(intended));
        if !intended {
            self.obituaries.note(loss);
            self.tell_supervisors(&SchedulerToSupervisor::End(id.0));
        }
    }

    /// A worker is gone, and with it what it ran and held.
    pub(super) fn lose_worker(&mut self, w: WorkerIndex, cause: &Arc<str>, end: End) -> Loss {
        let intended = end != End::Lost;
        let (id, environment) = (self.workers[w].id, self.workers[w].environment);
        self.record(What::WorkerLeft { worker: id, intended });
        self.workers[w].leaving = true;
        self.forget_retirement(w);
        self.forget_thefts(w);
        self.forget_copies_at(w);
        self.paused_workers -= usize::from(self.workers[w].paused);
        let pool = &mut self.classes.environments[environment].pool;
        pool.part(w, &mut self.workers);
        self.reconsider_classes(environment);
        let blamed = if intended { Vec::new() } else { self.victims(w) };
        let loss = Loss {
            name: self.workers[w].name.clone(),
            environment: self.classes.environments[environment].id,
            blamed: blamed.iter().map(|victim| (self.tasks[victim.task].key, victim.run)).collect(),
        };
        self.blame(w, &blamed, cause);
        for t in self.workers[w].processing.clone() {
            if self.tasks[t].run().is_some_and(|run| run.worker == w) {
                self.run_gone(t, w, cause, end);
            }
        }
        for victim in blamed {
            if self.tasks[victim.task].state.is_unfinished() {
                self.quarantine(victim.task);
            }
        }
        for t in self.workers[w].replicas.clone() {
            self.drop_replica(t, w, cause);
        }
        drop(self.withdraw_offers(w));
        self.links.part(self.workers[w].host, w);
        if let Some((_, worker)) = self.workers.remove(id) {
            self.tell_worker_gone(w, &worker);
        }
        self.classes.leave(environment);
        loss
    }

    /// Tells whoever was told of a worker that it is gone.
    fn tell_worker_gone(&mut self, w: WorkerIndex, worker: &Worker) {
        let id = worker.id;
        for c in self.clients.slab.indices().collect::<Vec<_>>() {
            if self.clients[c].knows.remove(w) {
                self.tell_client(c, SchedulerToClient::WorkerGone(id));
            }
        }
        for other in worker.known_by.iter::<WorkerIndex>() {
            self.workers[other].knows.remove(w);
            self.tell_worker(other, SchedulerToWorker::WorkerGone(id));
        }
        for other in worker.knows.iter::<WorkerIndex>() {
            self.workers[other].known_by.remove(w);
        }
    }

    /// A worker holds a value no more, for this reason.
    pub(super) fn drop_replica(&mut self, t: TaskIndex, w: WorkerIndex, how: &str) {
        if self.tasks[t].is_held_by(w) {
            self.remove_replica(t, w);
            if self.tasks[t].holders().is_empty() && !planted!(self, DeadHolderKept) {
                self.lost(t, w, how);
            }
        }
    }

    /// The last replica of a value is gone, which this worker had.
    fn lost(&mut self, t: TaskIndex, w: WorkerIndex, how: &str) {
        if self.tasks[t].marks.unrepeatable().is_none() {
            // A checkpoint whose lineage was not cut yet is none any more: it is made again only if somebody needs it.
            self.tasks[t].marks.set_checkpoint(false);
        }
        if !self.tasks[t].is_needed() {
            // Not left in memory without a holder: another loss of this same event may need it again.
            self.enter_released(t);
            return self.work.unneeded.push(t);
        }
        let computed = planted!(self, ScatteredComputed);
        if let Some(why) = self.tasks[t].marks.unrepeatable().filter(|why| !computed || *why != Unrepeatable::Scattered)
        {
            let error = self.lost_with(t, why, w, how);
            return self.enter_erred(t, error, None);
        }
        let (key, function) = (self.tasks[t].key, self.tasks[t].function);
        self.record(What::Recompute { key, function });
        self.enter_waiting(t);
        for i in 0..self.tasks[t].dependents.len() {
            let dependent = self.tasks[t].dependents[i].task;
            match &mut self.tasks[dependent].state {
                State::Waiting { missing } => *missing += 1,
                // A run that has started has its inputs.
                State::Processing(run) if run.started() => {}
                State::Queued | State::NoWorker { .. } | State::Processing(_) => {
                    self.take_back(dependent, "an input of it was lost before it was said to have started");
                }
                State::Released | State::Memory { .. } | State::Erred { .. } => {}
            }
        }
        for i in 0..self.tasks[t].wants.len() {
            let want = self.tasks[t].wants[i];
            self.tell_news(want.client, t, want.id, KeyNews::Pending);
        }
    }

    /// Somebody could not get a value from these holders: they are believed to have it no longer, and told to drop it.
    /// Whoever loses a value too often this way fails: it might go on for ever.
    pub(super) fn disbelieve(&mut self, t: TaskIndex, holders: &[WorkerId], why: &str) {
        let key = self.tasks[t].key;
        let suspects: Vec<_> = holders.iter().filter_map(|&id| self.workers.find(id)).collect();
        for w in suspects.into_iter().filter(|&w| self.tasks[t].is_held_by(w)).collect::<Vec<_>>() {
            if self.tasks[t].is_held_by(w) {
                self.free(w, key);
                if self.tasks[t].holders().len() == 1 && self.counts_as_lost_too_often(t) {
                    let error = self.lost_too_often(t, why);
                    return self.enter_erred(t, error, None);
                }
                self.drop_replica(t, w, why);
            }
        }
    }

    /// Counts a loss. Whether there were too many.
    pub(super) fn counts_as_lost_too_often(&mut self, t: TaskIndex) -> bool {
        let history = self.tasks[t].history();
        history.losses += 1;
        history.losses > self.config.allowed_losses
    }

    /// A supervisor says how a worker process ended, before or after its connection has.
    pub(super) fn worker_exited(&mut self, exit: Exit) {
        if let Some(loss) = self.obituaries.take(&exit) {
            let cause = words(&exit);
            for (key, run) in loss.blamed {
                let Some(t) = self.tasks.find(key) else { continue };
                let Some(history) = self.tasks[t].past_mut() else { continue };
                if let Some(at) = history.deaths.iter().position(|death| death.run == run) {
                    history.deaths[at].cause = cause.clone();
                    if exit.intended {
                        history.deaths.remove(at);
                    }
                }
            }
            return;
        }
        let same = |worker: &Worker| {
            worker.name == exit.name && self.classes.environments[worker.environment].id == exit.environment
        };
        let oldest = self.workers.in_order().find(|(_, worker)| same(worker)).map(|(w, _)| w);
        if oldest.is_none()
            && !exit.intended
            && let Some(environment) = self.classes.find(exit.environment)
        {
            let obstacle = format!("worker `{}` ended at once: {}", exit.name, words(&exit));
            self.note_obstacle(environment, exit.name.clone(), obstacle.into());
        }
        if let Some(w) = oldest {
            // The supervisor knows before the connection times out.
            let (worker, reason) = (self.workers[w].id, words(&exit));
            let end = End::of(exit.intended && !planted!(self, IntendedExitBlamed));
            self.lose_worker(w, &reason, end);
            self.act(Action::CloseWorker { worker, reason });
        }
    }
}

/// An exit in words, with the last of what the process wrote.
fn words(exit: &Exit) -> Arc<str> {
    /// Enough for a panic's message.
    const OUTPUT: usize = 400;
    let output = exit.output.trim_end();
    let from = output.ceil_char_boundary(output.len().saturating_sub(OUTPUT));
    if output.is_empty() {
        exit.cause.clone()
    } else {
        format!("{}; it last wrote: {}", exit.cause, &output[from..]).into()
    }
}

impl Obituaries {
    fn note(&mut self, loss: Loss) {
        self.0.push_back(loss);
        if self.0.len() > OBITUARIES {
            self.0.pop_front();
        }
    }

    fn take(&mut self, exit: &Exit) -> Option<Loss> {
        let same = |loss: &Loss| loss.name == exit.name && loss.environment == exit.environment;
        let at = self.0.iter().position(same)?;
        self.0.remove(at)
    }
}
