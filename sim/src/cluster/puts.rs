//! Values that clients put into workers' stores.

use brisk_core::{
    id::{ClientId, RequestId, WorkerId},
    key::Key,
    message::DataMessage,
    payload::Payload,
};
use brisk_worker::machine::Event;

use super::Cluster;
use crate::{
    failure::Failure,
    network::{LinkId, Node},
    oracle,
    properties::storage::Stored,
    workload::TaskIndex,
};

impl Cluster {
    /// A client sends values to the worker that was named for them.
    pub(super) fn put(&mut self, client: ClientId, worker: WorkerId, tasks: &[TaskIndex]) {
        self.requests += 1;
        let value = |task: &TaskIndex| {
            let (key, nbytes) = (self.workload.task(*task).key, self.workload.task(*task).nbytes);
            (key, nbytes, oracle::encode(self.judge.oracle.value(*task)))
        };
        let values = tasks.iter().map(value).collect();
        self.ask(Node::Client(client), worker, DataMessage::Put { request: RequestId(self.requests), values });
    }

    /// A worker is given values, and says which it holds then.
    pub(super) fn worker_is_given(
        &mut self,
        link: LinkId,
        id: WorkerId,
        request: RequestId,
        values: Vec<(Key, u64, Payload)>,
    ) -> Result<(), Failure> {
        let (mut lengths, mut incoming) = (Vec::with_capacity(values.len()), Vec::with_capacity(values.len()));
        for (key, nbytes, payload) in values {
            let Some(value) = oracle::decode(&payload) else {
                return Err(Failure::safety("values", format!("{key} is put on {id} as {payload:?}")));
            };
            lengths.push((key, nbytes));
            incoming.push((key, Stored { value, nbytes }));
        }
        self.tell_worker(id, Event::Put { values: lengths }, &incoming)?;
        let Some(node) = self.workers.get(&id) else { return Ok(()) };
        let keys = incoming.iter().map(|(key, _)| *key).filter(|key| node.store.contains_key(key)).collect();
        self.send_data(link, Node::Worker(id), DataMessage::Stored { request, keys });
        Ok(())
    }

    /// A worker tells a client which of its values it holds.
    pub(super) fn client_has_put(&mut self, id: ClientId, worker: WorkerId, keys: &[Key]) -> Result<(), Failure> {
        let tasks: Vec<_> = keys.iter().filter_map(|key| self.workload.find(*key)).collect();
        if let Some(client) = self.clients.get_mut(&id) {
            client.stored(&self.workload, worker, &tasks);
        }
        self.pump_client(id)
    }
}
