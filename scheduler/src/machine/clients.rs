//! Clients: joining and leaving, and what they ask for besides submissions.

use std::{collections::BTreeSet, sync::Arc};

use brisk_core::{
    id::{ClientId, EnvironmentId, RequestId, WantId, WorkerId},
    key::Key,
    message::{ClientToScheduler, KeyNews, ProgramSpec, SchedulerToClient},
};

use super::{
    Action, Scheduler,
    peers::{Client, Seen},
    record::What,
    slab::{ClientIndex, IndexSet, TaskIndex},
    submit::Place,
    task::State,
};

impl Scheduler {
    pub(super) fn client_joined(
        &mut self,
        id: ClientId,
        name: Arc<str>,
        environment: EnvironmentId,
        program: Option<ProgramSpec>,
    ) {
        if self.clients.find(id).is_some() {
            self.counters.unknown_peers += 1;
            return;
        }
        let environment = self.classes.enter(environment);
        let client = Client {
            id,
            name,
            environment,
            program: program.clone(),
            account: self.accounts.open(environment, true),
            wants: Vec::new(),
            open: Default::default(),
            seen: Seen::default(),
            awaited_workers: Default::default(),
            knows: IndexSet::default(),
            claims: Default::default(),
            departed: None,
        };
        self.clients.insert(id, client);
        self.record(What::ClientJoined { client: id });
        if let Some(program) = program {
            self.program_wanted(program);
        }
    }

    /// Sends a client away.
    pub(super) fn expel_client(&mut self, c: ClientIndex, reason: &str) {
        let client = self.clients[c].id;
        self.client_left(client);
        self.act(Action::CloseClient { client, reason: reason.into() });
    }

    pub(super) fn hear_client(&mut self, c: ClientIndex, message: ClientToScheduler) {
        match message {
            ClientToScheduler::Functions(functions) => self.introduce(c, functions),
            ClientToScheduler::Submit { submission, chunk, last, tasks, wants } => {
                self.submit(c, Place { submission, chunk, last }, tasks, &wants);
            }
            ClientToScheduler::Resubmit(submission) => self.resubmit(c, submission),
            ClientToScheduler::SubmitFrom { submission, parent, run } => self.submit_from(c, submission, parent, run),
            ClientToScheduler::Release(keys) => self.release(c, &keys),
            ClientToScheduler::Cancel { keys, force } => self.cancel(c, &keys, force),
            ClientToScheduler::Abandon(keys) => self.abandon(c, &keys),
            ClientToScheduler::Retry(keys) => self.retry(c, &keys),
            ClientToScheduler::Scattered(values) => self.scattered(c, values),
            ClientToScheduler::Detach(keys) => self.detach(&keys),
            ClientToScheduler::Missing { key, want, holders } => self.client_misses(c, key, want, &holders),
            ClientToScheduler::Replicate { request, keys, count, workers } => {
                self.replicate(c, request, keys, (count, workers), false);
            }
            ClientToScheduler::Checkpoint { request, keys, count } => {
                self.replicate(c, request, keys, (count.max(1), Vec::new()), true);
            }
            ClientToScheduler::Rebalance { request, keys } => self.rebalance(c, request, keys),
            ClientToScheduler::RetireWorkers { request, workers } => self.retire_workers(c, request, &workers),
            ClientToScheduler::Places { request, nbytes, workers } => self.places(c, request, &nbytes, &workers),
            ClientToScheduler::WaitForWorkers { request, count } => self.wait_for_workers(c, request, count),
            ClientToScheduler::Sync(request) => self.tell_client(c, SchedulerToClient::Synced(request)),
            ClientToScheduler::Goodbye => self.expel_client(c, ""),
            ClientToScheduler::Publish { request, name, keys, shape, replace } => {
                self.publish(c, request, (name, shape), &keys, replace);
            }
            ClientToScheduler::Unpublish { request, name } => self.unpublish(c, request, &name),
            ClientToScheduler::Dataset { request, name } => self.dataset(c, request, &name),
            ClientToScheduler::Datasets(request) => self.datasets(c, request),
            ClientToScheduler::Coordinate { request, operation } => self.coordinate(c, request, *operation),
            ClientToScheduler::Confirm(request) => self.confirm(c, request),
            ClientToScheduler::Withdraw(request) => self.withdraw(c, request),
            ClientToScheduler::FindWorkers { request, workers } => self.find_workers(c, request, &workers),
            ClientToScheduler::Ask { request, query } => {
                let answer = self.tell(self.clients[c].id, &query);
                self.tell_client(c, SchedulerToClient::Answered { request, answer });
            }
            // A newer client than this scheduler: the handshake's protocol version makes this impossible.
            _ => self.expel_client(c, "it sent a message that this scheduler does not know"),
        }
    }

    /// Ends a client's wants of some tasks, and of all unfinished tasks that depend on them. What another client wants,
    /// and what an open submission names, stays and keeps what it depends on; with `force` others lose it too.
    fn cancel(&mut self, c: ClientIndex, keys: &[(Key, WantId)], force: bool) {
        let mut stack = Vec::new();
        for &(key, want) in keys {
            if let Some(t) = self.wanted(c, key, want) {
                self.cancel_wants(c, t, force);
                stack.push(t);
            }
        }
        // A task that was looked at and is still needed by others is not gone into again: it may be reached many ways.
        let mut seen = BTreeSet::new();
        while let Some(t) = stack.pop() {
            let task = &self.tasks[t];
            if !seen.insert(t) || !task.wants.is_empty() || task.holds > 0 {
                continue;
            }
            self.tasks[t].marks.set_detached(false);
            self.work.unneeded.push(t);
            for i in 0..self.tasks[t].dependents.len() {
                let dependent = self.tasks[t].dependents[i].task;
                let task = &self.tasks[dependent];
                let alone = task.wants.iter().all(|want| want.client == c);
                if task.state.is_unfinished() && (alone || force) && task.holds == 0 {
                    self.cancel_wants(c, dependent, force);
                    stack.push(dependent);
                }
            }
        }
    }

    /// As [`cancel`](Self::cancel); and workers give the threads of runs that end by it to others, even where the code goes on.
    fn abandon(&mut self, c: ClientIndex, keys: &[(Key, WantId)]) {
        self.cancel(c, keys, false);
        self.work.abandons = true;
        // Whatever ends now does so by this.
        self.settle();
        self.work.abandons = false;
    }

    /// Ends one client's want of a task, or everybody's.
    fn cancel_wants(&mut self, c: ClientIndex, t: TaskIndex, force: bool) {
        let error = self.cancelled(t, c);
        let wants = self.tasks[t].wants.clone();
        for want in &wants {
            if force || want.client == c {
                self.tell_news(want.client, t, want.id, KeyNews::Cancelled(error.clone()));
                self.remove_want(want.client, t);
            }
        }
    }

    /// Tries failed tasks again, and all failed ones that will be needed for it: also those that stand behind tasks whose
    /// values were dropped, for these are to be computed again too.
    fn retry(&mut self, c: ClientIndex, keys: &[(Key, WantId)]) {
        let mut stack = Vec::new();
        for &(key, want) in keys {
            let Some(t) = self.wanted(c, key, want) else { continue };
            match self.tasks[t].state {
                State::Erred { .. } => stack.push(t),
                // Somebody else tried it again before, or only this client could not use the value: it waits for news.
                State::Memory { .. } => self.tell_of_memory(t, c, want),
                _ => {}
            }
        }
        let mut seen = BTreeSet::new();
        while let Some(t) = stack.pop() {
            let failed = match self.tasks[t].state {
                State::Erred { .. } => true,
                State::Released => false,
                _ => continue,
            };
            if !seen.insert(t) {
                continue;
            }
            if failed {
                self.enter_released(t);
                self.acquit(t);
                self.work.needed.push(t);
            }
            stack.extend(self.tasks[t].dependencies.iter().map(|edge| edge.task));
        }
    }

    /// Keeps tasks wanted until they end.
    fn detach(&mut self, keys: &[Key]) {
        for &key in keys {
            let Some(t) = self.tasks.find(key) else { continue };
            match self.tasks[t].state {
                State::Memory { .. } | State::Erred { .. } => {}
                State::Released => {
                    self.tasks[t].marks.set_detached(true);
                    self.work.needed.push(t);
                }
                _ => self.tasks[t].marks.set_detached(true),
            }
        }
    }

    /// A client could not get a value from its holders. They are believed to have it no longer.
    fn client_misses(&mut self, c: ClientIndex, key: Key, want: WantId, holders: &[WorkerId]) {
        let Some(t) = self.wanted(c, key, want) else { return };
        if !matches!(self.tasks[t].state, State::Memory { .. }) {
            return;
        }
        self.disbelieve(t, holders, "a client could not fetch it");
        if matches!(self.tasks[t].state, State::Memory { .. }) {
            self.tell_of_memory(t, c, want);
        }
    }

    fn wait_for_workers(&mut self, c: ClientIndex, request: RequestId, count: u32) {
        /// How many such requests a client may have open.
        const REQUESTS: usize = 1_024;
        if self.clients[c].awaited_workers.len() >= REQUESTS {
            return self.expel_client(c, "it waits for workers too many times at once");
        }
        self.clients[c].awaited_workers.insert(request, count);
        self.answer_waiting(c);
    }

    /// Answers a client's requests for workers that are fulfilled.
    pub(super) fn answer_waiting(&mut self, c: ClientIndex) {
        let client = &self.clients[c];
        let there = self.classes.environments[client.environment].pool.workers.len() as u32;
        let fulfilled: Vec<_> =
            client.awaited_workers.iter().filter(|(_, count)| **count <= there).map(|(request, _)| *request).collect();
        for request in fulfilled {
            self.clients[c].awaited_workers.remove(&request);
            self.tell_client(c, SchedulerToClient::Workers { request, count: there });
        }
    }
}
