//! Letting workers go without losing anything.
//!
//! A worker that *retires* is given nothing more. What it has not started is asked back; what runs may finish, or is given
//! back after a while, and nothing is blamed on anybody. Values that only retiring workers hold are copied to others, those
//! included that its last runs make. Once it has neither runs nor such values it is dismissed.
//!
//! When no worker can take a value, somebody has to stay: of those that retire and need not go, the one with the most
//! bytes, so that the least has to be moved; it works on, and takes what the others hold. So of a whole cluster that is to
//! retire, the last worker stays if it holds something that is needed, as Dask's `retire_workers` aborts. A worker whose
//! own process ends can't stay: what nobody takes from it is lost with it, and computed again if it can be.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use brisk_core::{
    error::{ErrorKind, TaskError},
    id::{RequestId, WorkerId},
    message::{Answer, SchedulerToClient, SchedulerToSupervisor, SchedulerToWorker},
    time::Moment,
};
use serde::{Deserialize, Serialize};

use super::{
    Action, Scheduler,
    recovery::End,
    slab::{ClientIndex, TaskIndex, WorkerIndex},
    stealing::Theft,
    timers::Timer,
};

/// All retirements under way, and the requests for them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Retirements {
    by_worker: BTreeMap<WorkerIndex, Retirement>,
    #[serde(with = "super::dump::pairs")]
    requests: BTreeMap<(ClientIndex, RequestId), Request>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Retirement {
    /// Why, for people.
    reason: Arc<str>,
    /// Whether its process ends in any case.
    pub(super) must_go: bool,
    /// Whether it was asked for what it has not started.
    asked: bool,
    /// When what still runs is given back.
    pub(super) patience_ends: Moment,
    /// The last run that was handed out before: it is given none after.
    pub(super) last_run: u64,
    /// All and only the values it holds that no worker holds who stays, but for those that nobody can take.
    pub(super) sole: BTreeSet<TaskIndex>,
}

/// A client's request to retire some workers.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Request {
    open: BTreeSet<WorkerIndex>,
    gone: Vec<Arc<str>>,
    /// Why others stay.
    refused: Vec<String>,
}

impl Retirements {
    pub(super) fn is_empty(&self) -> bool {
        self.by_worker.is_empty()
    }

    pub(super) fn get(&self, w: WorkerIndex) -> Option<&Retirement> {
        self.by_worker.get(&w)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (WorkerIndex, &Retirement)> {
        self.by_worker.iter().map(|(w, retirement)| (*w, retirement))
    }

    pub(super) fn asked_by(&self) -> impl Iterator<Item = (ClientIndex, &BTreeSet<WorkerIndex>)> {
        self.requests.iter().map(|((c, _), request)| (*c, &request.open))
    }
}

impl Scheduler {
    /// A client wants workers of its build gone.
    pub(super) fn retire_workers(&mut self, c: ClientIndex, request: RequestId, names: &[Arc<str>]) {
        // Said twice: who was refused is not asked again in between.
        if self.retirements.requests.contains_key(&(c, request)) {
            return;
        }
        let meant: Vec<_> = self.pool_of(c).iter().copied().filter(|&w| self.is_named(w, names)).collect();
        if meant.is_empty() || names.is_empty() {
            let named = if names.is_empty() {
                "no worker was named".to_owned()
            } else {
                format!("no worker has the name, address or host {}", names.join(" or "))
            };
            let answer = Answer::Refused(TaskError::new(ErrorKind::Refused, format!("{named}, so none was retired")));
            return self.tell_client(c, SchedulerToClient::Answered { request, answer });
        }
        let who = &self.clients[c];
        let who = if who.name.is_empty() { who.id.to_string() } else { format!("`{}`", who.name) };
        let reason: Arc<str> = format!("it was retired by client {who}").into();
        self.retirements
            .requests
            .insert((c, request), Request { open: meant.iter().copied().collect(), ..Request::default() });
        for w in meant {
            self.retire(w, reason.clone(), false);
        }
    }

    /// An operator, or a worker itself, wants the worker gone.
    pub(super) fn retire_worker(&mut self, id: WorkerId, reason: Arc<str>, must_go: bool) {
        match self.workers.find(id) {
            Some(w) => self.retire(w, reason, must_go),
            None => self.counters.unknown_peers += 1,
        }
    }

    fn retire(&mut self, w: WorkerIndex, reason: Arc<str>, must_go: bool) {
        if let Some(retirement) = self.retirements.by_worker.get_mut(&w) {
            retirement.must_go |= must_go;
            return;
        }
        self.workers[w].retiring = true;
        self.load_changed(w);
        self.give_up_copies_to(w);
        let patience_ends = self.now + self.config.retire_patience;
        let retirement =
            Retirement { reason, must_go, asked: false, patience_ends, last_run: self.next_run, sole: BTreeSet::new() };
        self.retirements.by_worker.insert(w, retirement);
        self.timers.insert(patience_ends, Timer::Retire(w));
        for t in self.workers[w].replicas.clone() {
            // What is declared has one copy less that counts.
            self.copies.short.note(t);
            self.note_sole_copies(t);
        }
    }

    /// Finds anew whether a value is held by workers only that retire.
    pub(super) fn note_sole_copies(&mut self, t: TaskIndex) {
        if self.retirements.is_empty() {
            return;
        }
        let holders = self.tasks[t].holders();
        let stays = holders.iter().any(|holder| !self.workers[holder.worker].retiring);
        for (w, retirement) in &mut self.retirements.by_worker {
            if stays || !holders.iter().any(|holder| holder.worker == *w) {
                retirement.sole.remove(&t);
            } else if retirement.sole.insert(t) {
                self.copies.short.note(t);
            }
        }
    }

    /// No worker can take a value. If only workers hold it that retire, one of those that may stay does; if none may, the
    /// value is left behind.
    pub(super) fn strand(&mut self, t: TaskIndex) {
        if self.tasks[t].holders().iter().any(|holder| !self.workers[holder.worker].retiring) {
            return;
        }
        let pool = self.pool_of_task(t);
        let may_stay = pool.iter().copied().filter(|w| self.retirements.get(*w).is_some_and(|r| !r.must_go));
        let Some(stays) = may_stay.max_by_key(|&w| (self.workers[w].bytes, std::cmp::Reverse(self.workers[w].id)))
        else {
            self.retirements.by_worker.values_mut().for_each(|retirement| _ = retirement.sole.remove(&t));
            return;
        };
        let (worker, name) = (self.workers[stays].label(), self.name(t));
        let why = if self.tasks[t].is_pinned() {
            format!("{worker} works on: the actor {name} lives there, and can't move. Let it go, and try again")
        } else {
            format!(
                "{worker} works on: {name} ({} bytes) is held by no worker that stays, and none can take it: they are full, \
                 paused or gone. Start another worker, or release some values, and try again",
                self.tasks[t].nbytes(),
            )
        };
        self.let_stay(stays, why);
    }

    /// A worker works on after all.
    fn let_stay(&mut self, w: WorkerIndex, why: String) {
        self.end_retirement(w);
        for request in self.retirements.requests.values_mut() {
            if request.open.remove(&w) {
                request.refused.push(why.clone());
            }
        }
        self.workers[w].retiring = false;
        self.load_changed(w);
        self.note_room(w);
        self.note_spare(w);
        for t in self.workers[w].replicas.clone() {
            self.note_sole_copies(t);
        }
        let waiting: Vec<_> = self.retirements.by_worker.values().flat_map(|r| r.sole.iter().copied()).collect();
        waiting.into_iter().for_each(|t| self.copies.short.note(t));
        self.more_room_for_copies();
        self.answer_retired();
    }

    /// A worker has waited long enough for its runs: they go elsewhere.
    pub(super) fn patience_has_ended(&mut self, w: WorkerIndex) {
        if self.retirements.get(w).is_none() {
            return;
        }
        for t in self.workers[w].processing.clone() {
            self.take_back(t, "its worker retires, and it took longer than the worker could wait");
        }
    }

    /// Takes retirements a step on: asks for what was not started, and dismisses who has nothing left. Whether somebody
    /// was dismissed.
    pub(super) fn advance_retirements(&mut self) -> bool {
        if self.retirements.is_empty() {
            return false;
        }
        let mut dismissed = false;
        for w in self.retirements.by_worker.keys().copied().collect::<Vec<_>>() {
            let Some(retirement) = self.retirements.by_worker.get_mut(&w) else { continue };
            let asked = std::mem::replace(&mut retirement.asked, true);
            if self.workers[w].processing.is_empty() && retirement.sole.is_empty() {
                let (worker, reason) = (self.workers[w].id, retirement.reason.clone());
                self.tell_worker(w, SchedulerToWorker::Retired(reason.clone()));
                self.lose_worker(w, &reason, End::Intended);
                self.act(Action::CloseWorker { worker, reason });
                self.tell_supervisors(&SchedulerToSupervisor::End(worker.0));
                dismissed = true;
            } else if !asked {
                self.ask_back(w);
            }
        }
        dismissed
    }

    /// Asks a worker for what it has not started. It alone knows what that is; each run that it gives up is fenced by its
    /// number, so a start that crosses the question is not undone.
    fn ask_back(&mut self, w: WorkerIndex) {
        let waiting = self.workers[w].processing.iter().filter_map(|&t| {
            let run = self.tasks[t].run().filter(|run| !run.started())?;
            let kind = self.classes.slab[self.tasks[t].class].demand.kind;
            Some((t, Theft { run: run.id, thief: None, kind, estimate_ns: run.estimate_ns() }))
        });
        let mut runs: Vec<_> = waiting.collect();
        runs.sort_unstable_by_key(|(_, theft)| theft.run);
        self.ask(w, runs);
    }

    /// A worker is gone, retired or otherwise.
    pub(super) fn forget_retirement(&mut self, w: WorkerIndex) {
        self.end_retirement(w);
        let name = self.workers[w].label();
        for request in self.retirements.requests.values_mut() {
            if request.open.remove(&w) {
                request.gone.push(name.clone());
            }
        }
        self.answer_retired();
    }

    /// A client is gone; what it asked for goes on.
    pub(super) fn forget_retirement_requests(&mut self, c: ClientIndex) {
        self.retirements.requests.retain(|(client, _), _| *client != c);
    }

    fn end_retirement(&mut self, w: WorkerIndex) {
        if let Some(retirement) = self.retirements.by_worker.remove(&w) {
            self.timers.remove(retirement.patience_ends, Timer::Retire(w));
        }
    }

    /// Answers the requests that wait for nobody any more.
    fn answer_retired(&mut self) {
        while let Some((&at, _)) = self.retirements.requests.iter().find(|(_, request)| request.open.is_empty()) {
            let Some(Request { gone, refused, .. }) = self.retirements.requests.remove(&at) else { return };
            let (c, request) = at;
            let why = refused.join("; ");
            let answer = if gone.is_empty() {
                Answer::Refused(TaskError::new(ErrorKind::Refused, why))
            } else {
                if !why.is_empty() {
                    self.tell_client(c, SchedulerToClient::Notice { tasks: Vec::new(), message: why.into() });
                }
                Answer::Workers(gone)
            };
            self.tell_client(c, SchedulerToClient::Answered { request, answer });
        }
    }
}
