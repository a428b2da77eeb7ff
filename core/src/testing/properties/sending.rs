//! Batches: order, limits, back-pressure.

use std::{
    sync::{Arc, OnceLock, Weak},
    thread,
    time::Duration,
};

use super::super::{
    executor::{DEADLINE, block_on, block_on_for},
    harness::Harness,
    inbox::RecordingInbox,
    pair::{Pair, accept, client_hello, connect},
    samples::{number_of, numbered, numbered_with, reply, value_batch},
};
use crate::{
    comm::{CloseReason, Comm, Inbox, PeerId, Permit, TrySendError},
    hello::Role,
    limits::{MAX_CONTROL_PAYLOAD_BYTES, MAX_MESSAGES_BYTES, WINDOW_BATCHES},
    message::{Batch, ClientToScheduler, Messages},
    payload::Payload,
    value::Datum,
};

/// Sends a batch, however long it takes to find room.
fn send(comm: &dyn Comm, batch: Batch) {
    let mut batch = batch;
    loop {
        match comm.try_send(batch) {
            Ok(()) => return,
            Err(TrySendError::Full(back)) => batch = back,
            Err(error) => panic!("{error}"),
        }
        block_on(comm.ready());
    }
}

/// Batches of one thread arrive in its order, each once, both ways at a time.
pub fn batches_of_each_sender_arrive_in_order(harness: &dyn Harness) {
    const SENDERS: u64 = 4;
    const BATCHES: u64 = 2_000;
    let pair = Pair::control(harness);
    thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (caller, callee) = (&*pair.caller, &*pair.callee);
            scope.spawn(move || (0..BATCHES).for_each(|n| send(caller, numbered(sender * BATCHES + n))));
            scope.spawn(move || (0..BATCHES).for_each(|n| send(callee, reply(sender * BATCHES + n))));
        }
    });
    for inbox in [&pair.callee_inbox, &pair.caller_inbox] {
        let mut next: Vec<u64> = (0..SENDERS).map(|sender| sender * BATCHES).collect();
        let received = inbox.wait_for_batches((SENDERS * BATCHES) as usize);
        assert_eq!(received.len() as u64, SENDERS * BATCHES, "each once");
        for batch in &received {
            let number = number_of(batch);
            let next = &mut next[(number / BATCHES) as usize];
            assert_eq!(number, *next, "in order");
            *next += 1;
        }
    }
}

/// Payloads of every length come out as they went in, on both kinds of link.
pub fn batches_arrive_whole(harness: &dyn Harness) {
    let lengths = [0, 1, 27, 28, 1_000, 1_199, 8_191, 8_192, 65_535, 65_536, 65_537, 1 << 20, (3 << 20) + 1];
    let payload = |number: u64, length: usize| -> Payload {
        Payload::from_bytes((0..length).map(|at| (at as u64 ^ number) as u8).collect::<Vec<u8>>())
    };
    let control = Pair::control(harness);
    let data = Pair::data(harness);
    for (number, &length) in (0u64..).zip(&lengths) {
        send(&*control.caller, numbered_with(number, payload(number, length)));
        send(&*data.callee, value_batch(number, payload(number, length)));
    }
    let mut received = data.caller_inbox.wait_for_batches(lengths.len());
    // On a data link they may overtake each other.
    received.sort_by_key(number_of);
    for (number, &length) in (0u64..).zip(&lengths) {
        assert!(received[number as usize] == value_batch(number, payload(number, length)), "{length} bytes of data");
    }
    let received = control.callee_inbox.wait_for_batches(lengths.len());
    for (number, &length) in (0u64..).zip(&lengths) {
        assert!(received[number as usize] == numbered_with(number, payload(number, length)), "{length} bytes");
    }
}

/// What must not leave stays with the sender, and what is sent after it arrives. Where values move by pointer there is
/// nothing that must not.
pub fn a_batch_beyond_the_limits_is_unsendable_and_the_connection_goes_on(harness: &dyn Harness) {
    let pair = Pair::control(harness);
    let too_many: Vec<ClientToScheduler> = (0..MAX_MESSAGES_BYTES as u64)
        .map(|number| ClientToScheduler::Sync(crate::id::RequestId(u64::MAX - number)))
        .take(MAX_MESSAGES_BYTES / 8)
        .collect();
    let mut beyond = numbered(0);
    beyond.messages = Messages::ClientToScheduler(too_many);
    let batches = [
        numbered_with(1, Payload::from_bytes(vec![0; MAX_CONTROL_PAYLOAD_BYTES + 1])),
        beyond,
        numbered_with(2, Payload::from_value(Datum::new(7i64))),
    ];
    let mut sent = 0;
    for batch in batches {
        let length = batch.messages.len();
        match pair.caller.try_send(batch) {
            Ok(()) if pair.caller.is_by_reference() => sent += 1,
            Err(TrySendError::Unsendable { batch, reason }) if !pair.caller.is_by_reference() => {
                assert_eq!(batch.messages.len(), length, "the batch comes back");
                assert!(!reason.is_empty());
            }
            other => panic!("{other:?}"),
        }
    }
    send(&*pair.caller, numbered(3));
    let received = pair.callee_inbox.wait_for_batches(sent + 1);
    assert_eq!(received.len(), sent + 1);
    assert_eq!(number_of(&received[sent]), 3);
}

/// A receiver that handles nothing stops its sender after a bounded number of batches, on both kinds of link. Once it
/// handles them, the sender goes on, and everything arrives.
pub fn held_permits_stop_the_sender_and_dropped_ones_let_it_go_on(harness: &dyn Harness) {
    /// Each counts towards every limit: of batches, and of bytes.
    const BATCH_BYTES: usize = 96 << 10;
    /// What the windows of both sides and everything between them hold, with a margin.
    const BOUND: u64 = 8 * WINDOW_BATCHES as u64;
    let payload = Payload::from_bytes(vec![7; BATCH_BYTES]);
    let sample: [fn(u64, Payload) -> Batch; 2] = [numbered_with, value_batch];
    for (hello, sample) in [client_hello(), super::super::pair::data_hello(Role::Client)].into_iter().zip(sample) {
        let pair = Pair::with(harness, &hello, RecordingInbox::new(), RecordingInbox::holding());
        let mut sent = 0;
        loop {
            match pair.caller.try_send(sample(sent, payload.clone())) {
                Ok(()) => sent += 1,
                // What is under way still makes room for a moment. That none comes for a while means that it has stopped;
                // if the moment was too short, the test has only asked for less.
                Err(TrySendError::Full(batch)) => {
                    assert_eq!(number_of(&batch), sent, "the batch comes back");
                    if block_on_for(Duration::from_millis(300), pair.caller.ready()).is_none() {
                        break;
                    }
                }
                Err(error) => panic!("{error}"),
            }
            assert!(sent < BOUND, "{sent} batches were taken, and not one was handled");
        }
        assert!(sent >= 64, "only {sent} batches were taken");
        // One permit alone makes room, sooner or later on its way back.
        let waiting = thread::scope(|scope| {
            let waiting = scope.spawn(|| block_on_for(DEADLINE, pair.caller.ready()));
            pair.callee_inbox.let_go();
            waiting.join()
        });
        assert!(matches!(waiting, Ok(Some(()))), "dropped permits end the wait for room");
        for number in sent..sent + 100 {
            send(&*pair.caller, sample(number, payload.clone()));
        }
        let received = pair.callee_inbox.wait_for_batches(sent as usize + 100);
        let mut numbers: Vec<u64> = received.iter().map(number_of).collect();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..sent + 100), "each arrives once");
    }
}

/// One receiver with a full window stops its own sender, and nobody else's.
pub fn a_receiver_that_is_full_holds_up_no_other(harness: &dyn Harness) {
    let listener = harness.listen(Role::Scheduler);
    let connector = harness.connector(Role::Client);
    let inbox = Arc::new(RecordingInbox::holding());
    let busy = Arc::new(RecordingInbox::new());
    let link = |peer: PeerId, theirs: &Arc<RecordingInbox>| {
        let ours = Arc::new(RecordingInbox::new());
        thread::scope(|scope| {
            let calling = scope.spawn(|| connect(&*connector, &*listener, &client_hello(), peer, ours.clone()));
            let callee = accept(&*listener, peer, theirs.clone());
            match calling.join() {
                Ok(Ok((caller, _))) => (caller, callee),
                other => panic!("no connection: {}", other.is_ok()),
            }
        })
    };
    let (stopped, _stopped_callee) = link(PeerId(1), &inbox);
    let (moving, moving_callee) = link(PeerId(2), &busy);
    let payload = Payload::from_bytes(vec![1; 96 << 10]);
    let mut sent = 0;
    loop {
        match stopped.try_send(numbered_with(sent, payload.clone())) {
            Ok(()) => sent += 1,
            Err(TrySendError::Full(_)) if block_on_for(Duration::from_millis(100), stopped.ready()).is_none() => break,
            Err(TrySendError::Full(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    for number in 0..1_000 {
        send(&*moving, numbered(number));
        send(&*moving_callee, reply(number));
    }
    assert_eq!(busy.wait_for_batches(1_000).len(), 1_000);
    inbox.let_go();
    assert_eq!(inbox.wait_for_batches(sent as usize).len() as u64, sent);
}

/// A receiver may answer, and close, from within `deliver`: nothing is locked meanwhile.
pub fn an_inbox_may_send_and_close_while_it_is_delivered_to(harness: &dyn Harness) {
    let listener = harness.listen(Role::Scheduler);
    let connector = harness.connector(Role::Client);
    let answering = Arc::new(AnsweringInbox { comm: OnceLock::new(), seen: RecordingInbox::new() });
    let asking = Arc::new(RecordingInbox::new());
    let caller = thread::scope(|scope| {
        let calling = scope.spawn(|| connect(&*connector, &*listener, &client_hello(), PeerId(1), asking.clone()));
        let incoming = block_on(listener.accept()).unwrap_or_else(|| panic!("the listener is closed"));
        let welcome = crate::hello::Welcome::new(crate::id::Epoch(7), crate::id::Incarnation(3));
        let comm = block_on(incoming.accept(welcome, PeerId(2), answering.clone()));
        let comm = comm.unwrap_or_else(|reason| panic!("{reason}"));
        let _ = answering.comm.set(Arc::downgrade(&comm));
        // The end lives until the test is over.
        let caller = calling.join().unwrap_or_else(|_| panic!("the call failed"));
        (caller.unwrap_or_else(|error| panic!("{error}")).0, comm)
    });
    let (caller, _callee) = caller;
    for number in 0..100 {
        send(&*caller, numbered(number));
    }
    let answers = asking.wait_for_batches(100);
    assert!(answers.iter().map(number_of).eq(0..100));
    send(&*caller, numbered(LAST));
    assert_eq!(asking.wait_for_end(PeerId(1)), CloseReason::Peer("the peer takes nothing".to_owned()));
    assert_eq!(answering.seen.wait_for_end(PeerId(2)), CloseReason::Stalled);
    assert_eq!(answering.seen.batches().len(), 101, "the last batch came before the end");
}

/// The number on which an [`AnsweringInbox`] closes.
const LAST: u64 = u64::MAX;

/// Answers each batch from within `deliver`, and closes on the last.
struct AnsweringInbox {
    comm: OnceLock<Weak<dyn Comm>>,
    seen: RecordingInbox,
}

impl Inbox for AnsweringInbox {
    fn deliver(&self, peer: PeerId, batch: Batch, permit: Permit) {
        let number = number_of(&batch);
        if let Some(comm) = self.comm.get().and_then(Weak::upgrade) {
            if number == LAST {
                comm.close(CloseReason::Stalled);
            } else {
                assert!(comm.try_send(reply(number)).is_ok());
            }
        }
        self.seen.deliver(peer, batch, permit);
    }

    fn closed(&self, peer: PeerId, reason: CloseReason) {
        self.seen.closed(peer, reason);
    }
}

/// On a data link a long value does not hold up a short one that is sent after it.
pub fn a_long_value_does_not_hold_up_a_short_one(harness: &dyn Harness) {
    let pair = Pair::data(harness);
    let length = if harness.overtakes() { 192 << 20 } else { 1 << 20 };
    let long = Payload::from_bytes(vec![1; length]);
    assert!(pair.callee.try_send(value_batch(0, long.clone())).is_ok());
    for number in 1..=10 {
        // There is room for short ones at once, too.
        assert!(pair.callee.try_send(value_batch(number, Payload::from_bytes(vec![2; 100]))).is_ok());
    }
    let received = pair.caller_inbox.wait_for_batches(11);
    assert_eq!(received.len(), 11);
    let place = received.iter().position(|batch| number_of(batch) == 0);
    assert_eq!(place, Some(if harness.overtakes() { 10 } else { 0 }), "place of the long one");
    assert!(place.is_some_and(|place| received[place] == value_batch(0, long)));
}
