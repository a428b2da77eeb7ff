//! Clients' shells: what they say is sent, and what they are told is checked.

use brisk_core::{
    id::{ClientId, RequestId, WorkerId},
    key::Key,
    message::{Answer, DataMessage, FetchOutcome, KeyNews, SchedulerToClient},
};

use super::Cluster;
use crate::{
    client::State,
    failure::Failure,
    network::{Close, Node, Packet},
    properties::values,
    workload::TaskIndex,
};

impl Cluster {
    /// The scheduler says something to a client.
    pub(super) fn client_hears(&mut self, id: ClientId, message: SchedulerToClient) -> Result<(), Failure> {
        self.trace.note(self.calendar.now(), format_args!("{id} <- {message:?}"));
        // Nothing is drawn where nothing is ever late.
        let is_tardy = self.tardy.is_some_and(|often| often > 0 && self.random.chance(often));
        let Some(client) = self.clients.get_mut(&id) else { return Ok(()) };
        let mut task_told = None;
        match message {
            SchedulerToClient::News { key, want, news } => {
                let Some(task) = self.workload.find(key) else { return Ok(()) };
                let cancelled = matches!(news, KeyNews::Cancelled(_));
                if client.hear(&self.workload, task, want, news) {
                    task_told = Some(task);
                }
                if cancelled && !self.judge.was_cancelled(&self.workload, task) {
                    let found = format!("{id} is told that task {task} was cancelled, but nobody did that");
                    return Err(Failure::safety("errors", found));
                }
            }
            SchedulerToClient::Refused { submission, error } => {
                let tasks: Vec<_> = client.handles().filter(|(_, handle)| handle.submission == submission).collect();
                task_told = tasks.first().map(|(task, _)| *task);
                client.refused(submission, &error);
            }
            SchedulerToClient::Answered { request, answer: Answer::Dataset { keys, .. } }
                if client.answered(request) =>
            {
                let tasks: Vec<_> = keys.iter().filter_map(|key| self.workload.find(*key)).collect();
                client.want_published(&self.workload, &tasks);
                if self.healed {
                    client.gather_all(&self.workload);
                }
            }
            SchedulerToClient::Answered { request, answer: Answer::Places(places) } if client.answered(request) => {
                client.placed(request, &places);
            }
            SchedulerToClient::Answered { request, ref answer }
                if client.coordinated(&self.workload, request, answer, is_tardy) => {}
            SchedulerToClient::LeaseLost { fence, .. } => client.lease_lost(fence),
            SchedulerToClient::Workers { request, .. }
            | SchedulerToClient::Synced(request)
            | SchedulerToClient::Answered { request, .. }
                if !client.answered(request) =>
            {
                return Err(Failure::safety("news", format!("{id} is answered {request}, which it did not ask")));
            }
            _ => {}
        }
        if self.tardy.is_none() {
            client.let_go();
        }
        if let Some(task) = task_told {
            self.check_handle(id, task)?;
        }
        self.pump_client(id)
    }

    /// A holder answers a client.
    pub(super) fn client_fetched(
        &mut self,
        id: ClientId,
        holder: WorkerId,
        values: Vec<(Key, FetchOutcome)>,
    ) -> Result<(), Failure> {
        for (key, outcome) in values {
            let Some(task) = self.workload.find(key) else { continue };
            let Some(client) = self.clients.get_mut(&id) else { return Ok(()) };
            client.fetched(&self.workload, holder, task, outcome);
            self.asked.remove(&(id, holder, task));
            self.check_handle(id, task)?;
        }
        self.pump_client(id)
    }

    /// A client's link to a holder has ended: what it asked is not answered.
    pub(super) fn client_lost_holder(&mut self, id: ClientId, holder: WorkerId) -> Result<(), Failure> {
        let asked: Vec<_> = self.asked.iter().filter(|(c, w, _)| (*c, *w) == (id, holder)).copied().collect();
        for (_, _, task) in asked {
            self.asked.remove(&(id, holder, task));
            if let Some(client) = self.clients.get_mut(&id) {
                client.fetched(&self.workload, holder, task, FetchOutcome::Missing);
            }
        }
        self.pump_client(id)
    }

    /// Sends what a client has to say.
    pub(super) fn pump_client(&mut self, id: ClientId) -> Result<(), Failure> {
        let node = Node::Client(id);
        let Some(client) = self.clients.get_mut(&id) else { return Ok(()) };
        let (messages, asks) = (std::mem::take(&mut client.outbox), std::mem::take(&mut client.asks));
        let parcels = std::mem::take(&mut client.parcels);
        for message in messages {
            self.trace.note(self.calendar.now(), format_args!("{id} -> {message:?}"));
            if let Some(link) = self.links.get(&node).copied() {
                self.send(link, node, Packet::FromClient(message));
            }
        }
        self.flush_or_gather();
        for (holder, task) in asks {
            self.asked.insert((id, holder, task));
            self.requests += 1;
            let request = RequestId(self.requests);
            let keys = vec![self.workload.task(task).key];
            self.ask(node, holder, DataMessage::Fetch { request, keys });
        }
        for (worker, tasks) in parcels {
            self.put(id, worker, &tasks);
        }
        Ok(())
    }

    /// The scheduler has hung up on a client.
    pub(super) fn leave_client(&mut self, id: ClientId) {
        let node = Node::Client(id);
        self.flush();
        let close = Close { reason: "the scheduler hung up".into(), intended: true };
        for link in self.network.links_of(node) {
            let notice = self.network.close(self.calendar.now(), link, node, close.clone());
            self.post(notice);
        }
        self.forget(node);
    }

    /// What a handle has become must be right.
    fn check_handle(&self, id: ClientId, task: TaskIndex) -> Result<(), Failure> {
        let handle = self.clients.get(&id).and_then(|client| client.handle(task));
        match handle.map(|handle| &handle.state) {
            Some(State::Here(value)) => values::check(&self.judge.oracle, task, *value, format_args!("client {id}")),
            Some(State::Erred(error)) => self.judge.error(&self.workload, &self.settings.scheduler, task, error),
            _ => Ok(()),
        }
    }
}
