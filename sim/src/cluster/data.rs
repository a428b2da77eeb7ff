//! Data links: who needs a value asks the worker that has it.

use brisk_core::{
    error::{ErrorKind, Failure as TaskFailure},
    id::{RequestId, WorkerId},
    key::Key,
    message::{DataMessage, FetchOutcome},
};
use brisk_worker::machine::{Event, FetchResult};

use super::{Cluster, Happening};
use crate::{
    failure::Failure,
    network::{Close, Delivery, LinkId, Node, Packet},
    oracle,
    properties::storage::Stored,
    workload::Behaviour,
};

impl Cluster {
    /// A worker asks another for values.
    pub(super) fn worker_fetches(&mut self, id: WorkerId, request: RequestId, from: WorkerId, keys: &[(Key, u64)]) {
        if let Some(node) = self.workers.get_mut(&id) {
            node.requests.insert(request, from);
        }
        let keys = keys.iter().map(|(key, _)| *key).collect();
        self.ask(Node::Worker(id), from, DataMessage::Fetch { request, keys });
    }

    /// Sends a question over the data link to a worker, which is made if there is none.
    pub(super) fn ask(&mut self, asker: Node, holder: WorkerId, question: DataMessage) {
        let link = self.data_link(asker, holder);
        if self.workers.contains_key(&holder) {
            self.send_data(link, asker, question);
        } else {
            // Nobody answers there any more, or another worker does.
            let close = Close { reason: "nobody answers".into(), intended: false };
            let notice = self.network.die(self.calendar.now(), link, Node::Worker(holder), close);
            self.post(notice);
        }
    }

    /// The data link to a worker, which is made if there is none.
    pub(super) fn data_link(&mut self, asker: Node, holder: WorkerId) -> LinkId {
        let known = self.data_links.get(&(asker, holder)).copied();
        let link = known.unwrap_or_else(|| self.network.open(asker, Node::Worker(holder), false));
        self.data_links.insert((asker, holder), link);
        link
    }

    /// The asker needs the link no more. It hears nothing of its end.
    pub(super) fn disconnect(&mut self, asker: Node, holder: WorkerId) {
        if let Some(link) = self.data_links.remove(&(asker, holder)) {
            let close = Close { reason: "of no use any more".into(), intended: true };
            let notice = self.network.close(self.calendar.now(), link, asker, close);
            self.post(notice);
        }
    }

    /// Something has come on a data link.
    pub(super) fn data_arrives(
        &mut self,
        link: LinkId,
        from: Node,
        to: Node,
        message: DataMessage,
    ) -> Result<(), Failure> {
        match (message, from, to) {
            (DataMessage::Fetch { request, keys }, _, Node::Worker(holder)) => {
                self.serve(link, holder, request, &keys);
                Ok(())
            }
            (DataMessage::Values { request, values }, Node::Worker(_), Node::Worker(asker)) => {
                self.worker_fetched(asker, request, values)
            }
            (DataMessage::Values { values, .. }, Node::Worker(holder), Node::Client(client)) => {
                self.client_fetched(client, holder, values)
            }
            (DataMessage::Put { request, values }, Node::Client(_), Node::Worker(worker)) => {
                self.worker_is_given(link, worker, request, values)
            }
            (DataMessage::Stored { keys, .. }, Node::Worker(worker), Node::Client(client)) => {
                self.client_has_put(client, worker, &keys)
            }
            (DataMessage::Call { request, number, actor, .. }, Node::Client(_), Node::Worker(worker)) => {
                self.worker_is_called(link, worker, (request, number), actor)
            }
            (DataMessage::Called { request, outcome }, Node::Worker(_), Node::Client(_)) => {
                self.judge.calls.answered(request, &outcome)
            }
            (message, from, to) => Err(Failure::safety("network", format!("{from:?} sends {to:?} {message:?}"))),
        }
    }

    /// A data link has ended.
    pub(super) fn data_link_ended(&mut self, link: LinkId, from: Node, to: Node) -> Result<(), Failure> {
        if let Node::Worker(asked) = to
            && let Some(node) = self.workers.get_mut(&asked)
        {
            drop(node.calls.closed(link));
        }
        let Node::Worker(holder) = from else { return Ok(()) };
        if matches!(to, Node::Client(_)) {
            self.judge.calls.link_lost(link);
        }
        if self.data_links.get(&(to, holder)) != Some(&link) {
            // It was the one who is asked that heard of it, or the link was replaced.
            return Ok(());
        }
        self.data_links.remove(&(to, holder));
        match to {
            Node::Worker(asker) => self.tell_worker(asker, Event::PeerLost { worker: holder }, &[]),
            Node::Client(client) => self.client_lost_holder(client, holder),
            Node::Scheduler | Node::Supervisor(_) => Ok(()),
        }
    }

    /// A holder answers, in one message or two.
    fn serve(&mut self, link: LinkId, holder: WorkerId, request: RequestId, keys: &[Key]) {
        let Some(node) = self.workers.get(&holder) else { return };
        let mut values = Vec::with_capacity(keys.len());
        for key in keys {
            let unsendable =
                self.workload.find(*key).is_some_and(|t| self.workload.task(t).behaviour == Behaviour::Unsendable);
            let outcome = match node.store.get(key) {
                None => FetchOutcome::Missing,
                Some(_) if self.random.chance(self.settings.trouble.busy) => FetchOutcome::Busy,
                Some(_) if unsendable => {
                    let failure = TaskFailure::new(ErrorKind::Encode, format!("{key} can't leave its worker"));
                    FetchOutcome::Failed(Box::new(failure))
                }
                Some(stored) => FetchOutcome::Value(oracle::encode(stored.value)),
            };
            values.push((*key, outcome));
        }
        if values.len() > 1 && self.random.chance(300) {
            let later = values.split_off(self.random.index(values.len() - 1) + 1);
            self.send_data(link, Node::Worker(holder), DataMessage::Values { request, values: later });
        }
        self.send_data(link, Node::Worker(holder), DataMessage::Values { request, values });
    }

    fn worker_fetched(
        &mut self,
        asker: WorkerId,
        request: RequestId,
        values: Vec<(Key, FetchOutcome)>,
    ) -> Result<(), Failure> {
        let (mut outcomes, mut incoming) = (Vec::with_capacity(values.len()), Vec::new());
        for (key, outcome) in values {
            let result = match outcome {
                FetchOutcome::Value(payload) => {
                    let nbytes = self.workload.find(key).map_or(0, |task| self.workload.task(task).nbytes);
                    let Some(value) = oracle::decode(&payload) else {
                        return Err(Failure::safety("values", format!("{key} arrives at {asker} as {payload:?}")));
                    };
                    incoming.push((key, Stored { value, nbytes }));
                    FetchResult::Stored { nbytes }
                }
                FetchOutcome::Missing => FetchResult::Missing,
                FetchOutcome::Busy => FetchResult::Busy,
                FetchOutcome::Failed(failure) => FetchResult::Failed(failure),
                other => return Err(Failure::safety("network", format!("{key} is answered with {other:?}"))),
            };
            outcomes.push((key, result));
        }
        self.tell_worker(asker, Event::FetchDone { request, outcomes }, &incoming)
    }

    pub(super) fn send_data(&mut self, link: LinkId, from: Node, message: DataMessage) {
        let vanishes = self.random.chance(self.settings.trouble.vanishes);
        let breaks = self.random.chance(self.settings.trouble.breaks);
        let sent = self.network.send(self.calendar.now(), link, from, Packet::Data(message));
        let Some((at, delivery)) = sent else { return };
        if breaks {
            return self.cut_link(link);
        }
        if vanishes {
            return self.vanish(delivery);
        }
        self.calendar.enter(at, Happening::Arrives(delivery));
    }

    /// A message is lost. A worker notices by itself, since it does not wait for ever; a client relies on its transport,
    /// which ends a connection that is silent.
    fn vanish(&mut self, delivery: Delivery) {
        if [delivery.from, delivery.to].iter().any(|node| matches!(node, Node::Client(_))) {
            self.cut_link(delivery.link);
        }
    }
}
