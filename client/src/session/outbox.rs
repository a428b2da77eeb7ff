//! What a client has said and the scheduler was not told yet, in order.
//!
//! Calls that a program submits one by one go into one message while they wait: the scheduler takes them as it takes the
//! calls of one `map`. Those are calls without options and without others below them, which are never refused by
//! themselves: only a scheduler that is full refuses them, and then all that came with them.

use std::collections::VecDeque;

use brisk_core::{
    id::{RequestId, WantId},
    key::Key,
    limits::{CHUNK_BYTES, CHUNK_TASKS, MAX_MESSAGES_BYTES},
    message::{Batch, ClientToScheduler, Messages, SubmittedTask},
};

use super::cork::FULL;

/// A call's bytes up to which it goes into one message with others: so many of them stay a small part of a chunk.
const SMALL: u64 = 4 << 10;

const _: () = assert!(SMALL as usize * FULL < CHUNK_BYTES / 2);

/// Keys that are released, in one batch: while the connection is full a program may drop a million futures, and a frame has a limit.
const RELEASES: usize = 16 * CHUNK_TASKS;

/// A key and its want take so many bytes at most.
const RELEASE_BYTES: usize = 19 + 10;

const _: () = assert!((RELEASES + CHUNK_TASKS) * RELEASE_BYTES < MAX_MESSAGES_BYTES / 2);

/// Messages that wait to be sent.
#[derive(Default)]
pub(super) struct Outbox {
    messages: VecDeque<ClientToScheduler>,
    /// What they count: each call is one, and each message of another kind.
    count: usize,
    /// The submission of single calls that the last message is, if it is one: more of them may join it.
    open: Option<RequestId>,
    /// How many calls the last such submission has, or had: the next one is likely to have as many.
    lately: usize,
    /// How many messages the next batch has at most, after one that was too long for a frame. 0 if there is no such limit.
    most: usize,
}

impl Outbox {
    /// What waits, counted in calls and messages without calls.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// How many messages wait.
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(super) fn clear(&mut self) {
        *self = Outbox::default();
    }

    /// Puts a message behind all others.
    pub(super) fn push(&mut self, message: ClientToScheduler) {
        self.open = None;
        self.count += count(&message);
        self.messages.push_back(message);
    }

    /// The submission that one more call may join, if there is one.
    pub(super) fn open_submission(&self) -> Option<RequestId> {
        self.open
    }

    /// Puts one call and its want behind all others: into the submission that is open, or into this one. Whether calls that
    /// follow may join it is to be seen from them alone.
    pub(super) fn push_call(&mut self, submission: RequestId, task: SubmittedTask, want: (Key, WantId)) {
        if self.open.is_some()
            && let Some(ClientToScheduler::Submit { tasks, wants, .. }) = self.messages.back_mut()
        {
            tasks.push(task);
            wants.push(want);
            self.count += 1;
            self.lately = tasks.len();
            if tasks.len() >= FULL {
                self.open = None;
            }
            return;
        }
        let (mut tasks, mut wants) = (Vec::with_capacity(self.lately), Vec::with_capacity(self.lately));
        tasks.push(task);
        wants.push(want);
        self.lately = 1;
        self.push(ClientToScheduler::Submit { submission, chunk: 0, last: true, tasks, wants });
        self.open = Some(submission);
    }

    /// Says that a key is wanted no more. Whether there is enough to be sent.
    pub(super) fn push_release(&mut self, key: Key, want: WantId) -> bool {
        if let Some(ClientToScheduler::Release(keys)) = self.messages.back_mut()
            && keys.len() < CHUNK_TASKS
        {
            keys.push((key, want));
            return keys.len() == CHUNK_TASKS;
        }
        self.push(ClientToScheduler::Release(vec![(key, want)]));
        self.count >= FULL
    }

    /// As many messages as make a sensible batch, and what they count.
    pub(super) fn take_batch(&mut self) -> (Vec<ClientToScheduler>, usize) {
        let (mut tasks, mut releases, mut bytes, mut taken) = (0, 0, 0u64, 0);
        let most = if self.most == 0 { usize::MAX } else { self.most };
        for message in self.messages.iter().take(most) {
            match message {
                ClientToScheduler::Submit { tasks: more, .. } => {
                    tasks += more.len();
                    bytes += more.iter().map(|task| task.spec.len()).sum::<u64>();
                }
                ClientToScheduler::Release(keys) => releases += keys.len(),
                _ => {}
            }
            let is_long = tasks > CHUNK_TASKS || releases > RELEASES || bytes > CHUNK_BYTES as u64;
            if taken > 0 && is_long {
                break;
            }
            taken += 1;
        }
        self.most = 0;
        if taken == self.messages.len() {
            self.open = None;
        }
        let batch: Vec<_> = self.messages.drain(..taken).collect();
        let counted = batch.iter().map(count).sum();
        self.count -= counted;
        (batch, counted)
    }

    /// Puts a batch that is too long for a frame before all others, to be sent in parts. Gives back what can't be divided.
    pub(super) fn divide(&mut self, batch: Batch) -> Option<ClientToScheduler> {
        let Messages::ClientToScheduler(mut messages) = batch.messages else { return None };
        self.most = (messages.len() / 2).max(1);
        if messages.len() < 2 {
            match messages.pop() {
                Some(ClientToScheduler::Scattered(mut values)) if values.len() > 1 => {
                    let rest = values.split_off(values.len() / 2);
                    messages.extend([values, rest].map(ClientToScheduler::Scattered));
                }
                single => {
                    self.most = 0;
                    return single;
                }
            }
        }
        self.put_back(messages);
        None
    }

    /// Puts a batch that was not sent before all others.
    pub(super) fn give_back(&mut self, batch: Batch) {
        if let Messages::ClientToScheduler(messages) = batch.messages {
            self.put_back(messages);
        }
    }

    fn put_back(&mut self, messages: Vec<ClientToScheduler>) {
        for message in messages.into_iter().rev() {
            self.count += count(&message);
            self.messages.push_front(message);
        }
    }
}

/// Whether a call may share its submission with others that have nothing to do with it.
pub(super) fn is_single(task: &SubmittedTask) -> bool {
    task.options.is_none() && task.dependencies.is_empty() && task.spec.len() <= SMALL
}

fn count(message: &ClientToScheduler) -> usize {
    match message {
        ClientToScheduler::Submit { tasks, .. } => tasks.len().max(1),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use brisk_core::{
        function::FunctionId,
        message::ScatteredValue,
        payload::Payload,
        wire::{self, LinkKind},
    };

    use super::*;

    fn call(number: u128) -> SubmittedTask {
        let (function, spec) = (FunctionId::from_u128(1), Payload::from_bytes(vec![0; 8]));
        let dependencies = [].into_iter().collect();
        SubmittedTask { key: Key::from_u128(number), function, spec, dependencies, options: None }
    }

    fn submit(outbox: &mut Outbox, number: u64) {
        let submission = outbox.open_submission().unwrap_or(RequestId(number));
        outbox.push_call(submission, call(number.into()), (Key::from_u128(number.into()), WantId(number)));
    }

    fn submissions(batch: &[ClientToScheduler]) -> Vec<(u64, usize)> {
        let of = |message: &ClientToScheduler| match message {
            ClientToScheduler::Submit { submission, tasks, wants, last: true, chunk: 0 } => {
                assert_eq!(tasks.len(), wants.len());
                Some((submission.0, tasks.len()))
            }
            _ => None,
        };
        batch.iter().filter_map(of).collect()
    }

    #[test]
    fn single_calls_share_a_message_until_something_else_is_said() {
        let mut outbox = Outbox::default();
        (1..=3).for_each(|number| submit(&mut outbox, number));
        outbox.push(ClientToScheduler::Sync(RequestId(4)));
        (5..=6).for_each(|number| submit(&mut outbox, number));
        assert_eq!(outbox.count(), 6);
        let (batch, counted) = outbox.take_batch();
        assert_eq!((batch.len(), counted, outbox.count()), (3, 6, 0));
        assert_eq!(submissions(&batch), [(1, 3), (5, 2)]);
    }

    fn batch_of(messages: Vec<ClientToScheduler>) -> Batch {
        let messages = Messages::ClientToScheduler(messages);
        Batch { epoch: brisk_core::id::Epoch(1), incarnation: brisk_core::id::Incarnation(1), messages }
    }

    /// A million futures are dropped while the connection takes nothing: whatever is sent then fits into frames, all of it and in order.
    #[test]
    fn what_waited_for_long_goes_in_batches_that_fit_into_frames() {
        let mut outbox = Outbox::default();
        let key = |number: u64| Key::from_u128(u128::MAX - u128::from(number));
        for number in 0..1_000_000 {
            outbox.push_release(key(number), WantId(u64::MAX - number));
        }
        outbox.push(ClientToScheduler::Sync(RequestId(1)));
        let (mut next, mut synced) = (0, false);
        while !outbox.is_empty() {
            let batch = batch_of(outbox.take_batch().0);
            let frame = wire::encode(&batch, LinkKind::Control).unwrap();
            assert!(frame.head.len() <= MAX_MESSAGES_BYTES);
            let Messages::ClientToScheduler(messages) = batch.messages else { unreachable!() };
            for message in messages {
                match message {
                    ClientToScheduler::Release(keys) => {
                        assert!(!synced && keys.iter().zip(next..).all(|((has, _), number)| *has == key(number)));
                        next += keys.len() as u64;
                    }
                    message => synced = matches!(message, ClientToScheduler::Sync(_)),
                }
            }
        }
        assert_eq!((next, synced), (1_000_000, true));
    }

    #[test]
    fn a_batch_that_is_too_long_is_divided_until_one_message_is_left() {
        let mut outbox = Outbox::default();
        (1..=5).for_each(|number| outbox.push(ClientToScheduler::Sync(RequestId(number))));
        let (first, _) = outbox.take_batch();
        assert_eq!(first.len(), 5);
        assert!(outbox.divide(batch_of(first)).is_none());
        let (half, _) = outbox.take_batch();
        assert_eq!((half.len(), outbox.len()), (2, 3));
        assert!(outbox.divide(batch_of(half)).is_none());
        let (one, _) = outbox.take_batch();
        assert!(matches!(one[..], [ClientToScheduler::Sync(RequestId(1))]));
        assert!(
            matches!(outbox.divide(batch_of(one)), Some(ClientToScheduler::Sync(RequestId(1)))),
            "it can't be sent"
        );
        assert_eq!((outbox.take_batch().0.len(), outbox.count()), (4, 0), "the others are tried together again");
    }

    #[test]
    fn a_list_of_values_that_is_too_long_is_divided_as_well() {
        let value = |number: u64| ScatteredValue {
            key: Key::from_u128(number.into()),
            want: WantId(number),
            is_new: true,
            nbytes: 8,
            holders: [brisk_core::id::WorkerId(brisk_core::id::Incarnation(1))].into_iter().collect(),
            replicas: 1,
        };
        let mut outbox = Outbox::default();
        outbox.push(ClientToScheduler::Scattered((1..=3).map(value).collect()));
        let mut sent = Vec::new();
        while !outbox.is_empty() {
            let (batch, _) = outbox.take_batch();
            // No more than one goes at a time.
            match &batch[..] {
                [ClientToScheduler::Scattered(values)] if values.len() == 1 => sent.push(values[0].want.0),
                _ => assert!(outbox.divide(batch_of(batch)).is_none()),
            }
        }
        assert_eq!((sent, outbox.count()), (vec![1, 2, 3], 0));
    }

    #[test]
    fn no_call_joins_a_message_that_has_been_taken_or_is_full() {
        let mut outbox = Outbox::default();
        submit(&mut outbox, 1);
        let (batch, _) = outbox.take_batch();
        submit(&mut outbox, 2);
        let messages = Messages::ClientToScheduler(batch);
        outbox.give_back(Batch {
            epoch: brisk_core::id::Epoch(1),
            incarnation: brisk_core::id::Incarnation(1),
            messages,
        });
        (3..FULL as u64 + 4).for_each(|number| submit(&mut outbox, number));
        assert_eq!(outbox.count(), FULL + 3);
        let (batch, _) = outbox.take_batch();
        assert_eq!(submissions(&batch), [(1, 1), (2, FULL), (FULL as u64 + 2, 2)]);
    }
}
