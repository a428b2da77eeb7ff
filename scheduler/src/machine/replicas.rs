//! How many copies of a value there are to be, and where.
//!
//! One copy is enough unless more were *declared*: by an option of the task, or by a client for as long as it wants the
//! value. A worker that retires does not count, so its values want a copy elsewhere; that is all that draining it takes. A
//! value whose copies change is looked at before the event ends; what is missing is asked for there and then.
//!
//! Copies spread like a tree: at most twice as many are under way as there are, and each that came is a source for the
//! next, as in Dask's `replicate`. They go to hosts that have none first, then to the emptiest workers. Copies that
//! transfers have left are dropped by [`surplus`](super::surplus), which respects what is declared: the two ask the same
//! function what is due, so neither undoes the other's work.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use brisk_core::{
    error::{ErrorKind, Failure, TaskError},
    id::{RequestId, WantId},
    key::Key,
    message::{Answer, SchedulerToClient},
};
use serde::{Deserialize, Serialize};

use super::{
    Scheduler,
    lineage::PLACES,
    slab::{ClientIndex, TaskIndex, WorkerIndex},
    task::State,
    timers::Timer,
};

/// Values that are looked at in one event. The rest follow at once, after whatever else has arrived.
const PER_EVENT: usize = 256;

/// All that was declared.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Replicas {
    /// By value; none without a declaration.
    declared: BTreeMap<TaskIndex, Vec<Declaration>>,
    /// Requests of clients that are not answered, by client and number, with the values that are not settled yet.
    #[serde(with = "super::dump::pairs")]
    requests: BTreeMap<(ClientIndex, RequestId), Open>,
    /// When what is left of the agenda is looked at, if anything is.
    pub(super) rest_at: Option<brisk_core::time::Moment>,
}

/// So many copies, on these workers.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Declaration {
    /// Who declared it; none for an option of the task.
    by: Option<ClientIndex>,
    /// How many; 0 for one on every worker.
    count: u32,
    /// Addresses, names or hosts; empty for any.
    workers: Arc<[Arc<str>]>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Open {
    keys: BTreeSet<TaskIndex>,
    /// Why some can't be had.
    failures: Vec<String>,
    /// How many copies each value is to have before its lineage is cut, if it is to be cut.
    cut: Option<u32>,
}

/// What is due for a value.
enum Due {
    Nothing,
    /// A copy on this worker.
    Copy(WorkerIndex),
    /// A copy on some worker, once one is sent less.
    Later,
    /// A copy that no worker can take.
    Nowhere,
}

impl Replicas {
    /// Whether no client waits for copies, and no value for its turn.
    pub(super) fn is_idle(&self) -> bool {
        self.requests.is_empty() && self.rest_at.is_none()
    }
}

impl Scheduler {
    /// A client wants copies kept; and, if it asks for a checkpoint, the lineage cut behind each value that has them.
    pub(super) fn replicate(
        &mut self,
        c: ClientIndex,
        request: RequestId,
        keys: Vec<(Key, WantId)>,
        (count, workers): (u32, Vec<Arc<str>>),
        cut: bool,
    ) {
        let workers: Arc<[Arc<str>]> = workers.into();
        let mut open = Open { cut: cut.then_some(count), ..Open::default() };
        for (key, want) in keys {
            let Some(t) = self.wanted(c, key, want) else {
                open.failures.push(format!("{key} is not wanted by this client any more"));
                continue;
            };
            self.declare(t, Declaration { by: Some(c), count, workers: workers.clone() });
            if matches!(self.tasks[t].state, State::Erred { .. }) {
                open.failures.push(format!("{}: it failed", self.name(t)));
            } else {
                open.keys.insert(t);
            }
        }
        if !workers.is_empty() && !self.pool_of(c).iter().any(|&w| self.is_named(w, &workers)) {
            open.failures.push(format!("no worker has the name, address or host {}", workers.join(" or ")));
        }
        self.replicas.requests.insert((c, request), open);
        self.answer_replicated();
    }

    fn declare(&mut self, t: TaskIndex, declaration: Declaration) {
        let declared = self.replicas.declared.entry(t).or_default();
        match declared.iter_mut().find(|other| other.by == declaration.by) {
            Some(former) => *former = declaration,
            None => declared.push(declaration),
        }
        self.copies.short.note(t);
    }

    /// A client wants a value no more: what it declared is void.
    pub(super) fn undeclare(&mut self, t: TaskIndex, c: ClientIndex) {
        if self.replicas.declared.is_empty() {
            return;
        }
        if let Some(declared) = self.replicas.declared.get_mut(&t) {
            declared.retain(|declaration| declaration.by != Some(c));
            if declared.is_empty() {
                self.replicas.declared.remove(&t);
            }
            self.copies.surplus.note(t);
            self.settle_requests(t, Some(c), Some("it is not wanted any more"));
        }
    }

    /// A client is gone, and nobody reads the answers.
    pub(super) fn forget_replication_requests(&mut self, c: ClientIndex) {
        self.replicas.requests.retain(|(client, _), _| *client != c);
    }

    /// A value exists, or exists again.
    pub(super) fn value_came(&mut self, t: TaskIndex, w: WorkerIndex) {
        let task = &self.tasks[t];
        let kept = if task.marks.checkpoint() { PLACES } else { 0 };
        let count = task.options().map_or(0, |options| options.replicas).max(kept);
        if count > 1 {
            self.declare(t, Declaration { by: None, count, workers: Arc::new([]) });
        }
        self.copies_changed(t, Some(w), 1);
    }

    /// A value has a holder more, `came`, or one less: it has so many now.
    pub(super) fn copies_changed(&mut self, t: TaskIndex, came: Option<WorkerIndex>, holders: usize) {
        // Mostly nobody asks for copies.
        if !self.copies.is_any_pending() && self.replicas.declared.is_empty() && self.retirements.is_empty() {
            if holders > 1 {
                self.copies.surplus.note(t);
            }
            return;
        }
        if let Some(w) = came {
            self.copy_came(t, w);
        }
        if self.replicas.declared.contains_key(&t) {
            self.copies.short.note(t);
        }
        self.note_sole_copies(t);
        // One that was on its way from elsewhere may have left there by now.
        if self.tasks[t].holders().len() > 1 {
            self.copies.surplus.note(t);
        }
    }

    /// A task has failed. What was declared counts again if it is tried again.
    pub(super) fn value_failed(&mut self, t: TaskIndex) {
        self.give_up_copies_of(t);
        self.settle_requests(t, None, Some("it failed"));
    }

    /// A value is not needed any more: nothing is due for it.
    pub(super) fn value_unneeded(&mut self, t: TaskIndex) {
        self.give_up_copies_of(t);
        if !self.replicas.declared.is_empty() {
            self.replicas.declared.remove(&t);
            self.settle_requests(t, None, Some("its value is not there"));
        }
    }

    /// A worker came, or takes copies again: whatever was declared may be due there.
    pub(super) fn more_room_for_copies(&mut self) {
        self.copies.forgive();
        for &t in self.replicas.declared.keys() {
            self.copies.short.note(t);
        }
    }

    /// Looks at values that may have too few copies, a bounded number of them, and asks for what is due.
    pub(super) fn make_copies(&mut self) {
        if let Some(at) = self.replicas.rest_at.take() {
            self.timers.remove(at, Timer::Copies);
        }
        for _ in 0..PER_EVENT {
            let Some(t) = self.copies.short.next() else { break };
            if matches!(self.tasks.get(t), Some(task) if matches!(task.state, State::Memory { .. })) {
                self.make_copies_of(t);
            }
        }
        self.flush_asking();
        self.answer_replicated();
        if !self.copies.short.is_empty() {
            self.replicas.rest_at = Some(self.now);
            self.timers.insert(self.now, Timer::Copies);
        }
    }

    fn make_copies_of(&mut self, t: TaskIndex) {
        loop {
            match self.due(t) {
                Due::Copy(w) => self.ask_for_copy(t, w, None),
                Due::Later => return self.copies.blocked.note(t),
                Due::Nothing => {
                    if self.copies.targets(t).next().is_none() {
                        if let Some(count) = self.settle_requests(t, None, None) {
                            self.make_checkpoint(t, count);
                        }
                        self.copies_settled(t);
                    }
                    return;
                }
                Due::Nowhere => {
                    if self.copies.targets(t).next().is_none() {
                        self.settle_requests(t, None, Some("no other worker can take a copy: all are full or paused"));
                        self.strand(t);
                        self.copies_settled(t);
                    }
                    return;
                }
            }
        }
    }

    /// What is due for a value that exists.
    fn due(&self, t: TaskIndex) -> Due {
        if self.copies.targets(t).count() >= 2 * self.tasks[t].holders().len() {
            return Due::Nothing;
        }
        let any = Declaration { by: None, count: 1, workers: Arc::new([]) };
        let mut due = Due::Nothing;
        for declaration in self.replicas.declared.get(&t).into_iter().flatten().chain([&any]) {
            if self.lacking(t, declaration, true) == 0 {
                continue;
            }
            match self.place_for_copy(t, &declaration.workers) {
                copy @ Due::Copy(_) => return copy,
                Due::Later => due = Due::Later,
                _ if matches!(due, Due::Nothing) => due = Due::Nowhere,
                _ => {}
            }
        }
        due
    }

    /// How many copies a declaration still asks for; with those that are under way, or without. It asks for no more than
    /// there are workers that stay.
    fn lacking(&self, t: TaskIndex, declaration: &Declaration, under_way: bool) -> u32 {
        let counts = |w: WorkerIndex| !self.workers[w].retiring && self.is_named(w, &declaration.workers);
        let there = self.tasks[t].holders().iter().filter(|holder| counts(holder.worker)).count();
        let coming = if under_way { self.copies.targets(t).filter(|&w| counts(w)).count() } else { 0 };
        let have = (there + coming) as u32;
        if have >= 1 && declaration.count == 1 {
            return 0;
        }
        let workers = self.pool_of_task(t).iter().filter(|&&w| counts(w)).count() as u32;
        // Of a value that only a retiring worker holds one copy is lacking even if nobody else is there.
        let workers = workers.max(u32::from(declaration.workers.is_empty()));
        let asked = if declaration.count == 0 { workers } else { declaration.count.min(workers) };
        asked.saturating_sub(have)
    }

    /// Whether a declaration would lack something if this holder dropped the value.
    pub(super) fn is_declared_at(&self, t: TaskIndex, w: WorkerIndex) -> bool {
        let mut declared = self.replicas.declared.get(&t).into_iter().flatten();
        declared.any(|declaration| {
            let counts = |w: WorkerIndex| !self.workers[w].retiring && self.is_named(w, &declaration.workers);
            let there = self.tasks[t].holders().iter().filter(|holder| counts(holder.worker)).count() as u32;
            counts(w) && (declaration.count == 0 || there <= declaration.count)
        })
    }

    /// The worker for one more copy: on a host that has none, if there is one; then the emptiest; then the first.
    fn place_for_copy(&self, t: TaskIndex, names: &[Arc<str>]) -> Due {
        if self.tasks[t].is_pinned() {
            return Due::Nowhere;
        }
        let nbytes = self.tasks[t].nbytes();
        let has = |w: WorkerIndex| self.tasks[t].is_held_by(w) || self.copies.is_pending(t, w);
        let able = self.pool_of_task(t).iter().copied().filter(|&w| {
            self.takes_copies(w)
                && !has(w)
                && !self.copies.is_unable(t, w)
                && self.is_named(w, names)
                && self.has_room_for(w, nbytes)
        });
        let mut best = None;
        let mut due = Due::Nowhere;
        for w in able {
            if !self.copies.has_window(w) {
                due = Due::Later;
                continue;
            }
            let rank = (self.is_on_a_host_of(t, w), self.fullness(w), self.expected_bytes(w));
            if best.is_none_or(|(other, _)| rank < other) {
                best = Some((rank, w));
            }
        }
        best.map_or(due, |(_, w)| Due::Copy(w))
    }

    /// Whether a value has a copy on a worker's host that stays, or will have one.
    fn is_on_a_host_of(&self, t: TaskIndex, w: WorkerIndex) -> bool {
        let holders = self.tasks[t].holders().iter().map(|holder| holder.worker);
        let mut others = holders.filter(|&holder| !self.workers[holder].retiring).chain(self.copies.targets(t));
        others.any(|other| self.workers[other].info.host == self.workers[w].info.host)
    }

    /// Which part of its limit a worker holds, in thousandths; 0 without a limit.
    pub(super) fn fullness(&self, w: WorkerIndex) -> u64 {
        let (bytes, limit) = (u128::from(self.expected_bytes(w)), u128::from(self.workers[w].info.memory_limit));
        (bytes * 1_000).checked_div(limit).map_or(0, |part| u64::try_from(part).unwrap_or(u64::MAX))
    }

    pub(super) fn is_named(&self, w: WorkerIndex, names: &[Arc<str>]) -> bool {
        names.is_empty() || names.iter().any(|name| self.workers[w].answers_to(name))
    }

    /// The workers of a task's build, in the order of their ids, which is about that of their joining.
    pub(super) fn pool_of_task(&self, t: TaskIndex) -> &[WorkerIndex] {
        let environment = self.classes.slab[self.tasks[t].class].environment;
        &self.classes.environments[environment].pool.workers
    }

    /// The workers of a client's build, in the order of their ids, which is about that of their joining.
    pub(super) fn pool_of(&self, c: ClientIndex) -> &[WorkerIndex] {
        &self.classes.environments[self.clients[c].environment].pool.workers
    }

    /// Requests for copies of this value, all or one client's, wait for it no longer; `failure` says why in vain. How many copies
    /// those asked for that want its lineage cut, if there are any.
    fn settle_requests(&mut self, t: TaskIndex, of: Option<ClientIndex>, failure: Option<&str>) -> Option<u32> {
        if self.replicas.requests.is_empty() {
            return None;
        }
        let name = failure.map(|why| format!("{}: {why}", self.name(t)));
        let mut cut = None;
        for ((c, _), open) in &mut self.replicas.requests {
            if of.is_none_or(|of| of == *c) && open.keys.remove(&t) {
                open.failures.extend(name.clone());
                cut = cut.max(open.cut);
            }
        }
        cut
    }

    /// Keeps so many copies of a value, whoever wants it, or more if that was declared.
    pub(super) fn keep_copies(&mut self, t: TaskIndex, count: u32) {
        let declared = self.replicas.declared.get(&t).into_iter().flatten();
        let before = declared.filter(|declaration| declaration.by.is_none()).map(|declaration| declaration.count);
        // None is one on every worker.
        let count = before.max().map_or(count, |before| if before == 0 { 0 } else { before.max(count) });
        self.declare(t, Declaration { by: None, count, workers: Arc::new([]) });
    }

    /// Answers the requests that wait for nothing any more.
    pub(super) fn answer_replicated(&mut self) {
        while let Some((&at, _)) = self.replicas.requests.iter().find(|(_, open)| open.keys.is_empty()) {
            let Some(open) = self.replicas.requests.remove(&at) else { return };
            let (c, request) = at;
            let answer = if open.failures.is_empty() { Answer::Done } else { Answer::Refused(refusal(&open.failures)) };
            self.tell_client(c, SchedulerToClient::Answered { request, answer });
        }
    }

    /// What invariants ask: each declaration with the client that made it, and each request's client.
    pub(super) fn declared(&self) -> impl Iterator<Item = (TaskIndex, Option<ClientIndex>)> {
        self.replicas.declared.iter().flat_map(|(t, all)| all.iter().map(|declaration| (*t, declaration.by)))
    }

    pub(super) fn replicating(&self) -> impl Iterator<Item = (ClientIndex, &BTreeSet<TaskIndex>)> {
        self.replicas.requests.iter().map(|((c, _), open)| (*c, &open.keys))
    }
}

fn refusal(failures: &[String]) -> TaskError {
    /// Values named.
    const NAMED: usize = 3;
    let more = failures.len().saturating_sub(NAMED);
    let mut message = format!("not all copies could be made: {}", failures[..failures.len() - more].join("; "));
    if more > 0 {
        message.push_str(&format!("; and {more} more"));
    }
    TaskError::from(Failure::new(ErrorKind::Refused, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_copies_that_could_not_be_made_a_few_are_named() {
        let said = |count: usize| refusal(&(0..count).map(|n| format!("f{n}")).collect::<Vec<_>>()).to_string();
        assert!(
            said(3).contains("not all copies could be made: f0; f1; f2") && !said(3).contains("more"),
            "{}",
            said(3)
        );
        assert!(said(5).contains("not all copies could be made: f0; f1; f2; and 2 more"), "{}", said(5));
    }
}
