//! Batches with a number that comes back out of them.

use crate::{
    function::FunctionId,
    id::{Epoch, Incarnation, RequestId},
    key::Key,
    message::{Batch, ClientToScheduler, DataMessage, FetchOutcome, Messages, SchedulerToClient, SubmittedTask},
    payload::Payload,
};

/// The shortest batch that carries a number, from a client.
pub fn numbered(number: u64) -> Batch {
    batch(Messages::ClientToScheduler(vec![ClientToScheduler::Sync(RequestId(number))]))
}

/// The shortest batch that carries a number, to a client.
pub fn reply(number: u64) -> Batch {
    batch(Messages::SchedulerToClient(vec![SchedulerToClient::Synced(RequestId(number))]))
}

/// A batch that carries a number and a payload, from a client.
pub fn numbered_with(number: u64, payload: Payload) -> Batch {
    let task = SubmittedTask {
        key: Key::from_u128(number.into()),
        function: FunctionId::from_u128(1),
        spec: payload,
        dependencies: Default::default(),
        options: None,
    };
    let submission = RequestId(number);
    let submit = ClientToScheduler::Submit { submission, chunk: 0, last: true, tasks: vec![task], wants: vec![] };
    batch(Messages::ClientToScheduler(vec![submit]))
}

/// A batch that carries a number and a value, for a data link.
pub fn value_batch(number: u64, payload: Payload) -> Batch {
    let values = vec![(Key::from_u128(number.into()), FetchOutcome::Value(payload))];
    batch(Messages::Data(vec![DataMessage::Values { request: RequestId(number), values }]))
}

/// The number in a batch.
///
/// # Panics
/// If the batch is not of this module.
pub fn number_of(batch: &Batch) -> u64 {
    let number = match &batch.messages {
        Messages::ClientToScheduler(messages) => match messages.as_slice() {
            [ClientToScheduler::Sync(number)] => Some(number.0),
            [ClientToScheduler::Submit { submission, .. }] => Some(submission.0),
            _ => None,
        },
        Messages::SchedulerToClient(messages) => match messages.as_slice() {
            [SchedulerToClient::Synced(number)] => Some(number.0),
            _ => None,
        },
        Messages::Data(messages) => match messages.as_slice() {
            [DataMessage::Values { request, .. }] => Some(request.0),
            _ => None,
        },
        _ => None,
    };
    number.unwrap_or_else(|| panic!("no number in {batch:?}"))
}

fn batch(messages: Messages) -> Batch {
    Batch { epoch: Epoch(7), incarnation: Incarnation(3), messages }
}
