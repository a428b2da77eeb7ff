//! Ends: once, for both, after everything else.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::super::{
    executor::{DEADLINE, block_on, block_on_for},
    harness::Harness,
    inbox::{Received, RecordingInbox},
    pair::{Pair, client_hello, data_hello},
    samples::{number_of, numbered, numbered_with, reply, value_batch},
};
use crate::{
    comm::{CloseReason, Comm, TrySendError},
    hello::Role,
    limits::WINDOW_BATCHES,
    payload::Payload,
};

/// Whatever was taken before a close is delivered to a peer that lives, on both kinds of link.
pub fn what_was_sent_before_a_close_arrives(harness: &dyn Harness) {
    const BATCHES: u64 = WINDOW_BATCHES as u64 / 2;
    let payload = Payload::from_bytes(vec![1; 10_000]);
    for pair in [Pair::control(harness), Pair::data(harness)] {
        for number in 0..BATCHES {
            let there = pair.caller.try_send(value_batch(number, payload.clone()));
            let back = pair.callee.try_send(value_batch(number, payload.clone()));
            assert!(there.is_ok() && back.is_ok(), "half a window finds room");
        }
        pair.caller.close(CloseReason::Local);
        let ends = [
            (&pair.callee_inbox, pair.callee_inbox.wait_for_end(Pair::CALLEE)),
            (&pair.caller_inbox, pair.caller_inbox.wait_for_end(Pair::CALLER)),
        ];
        for (inbox, reason) in ends {
            let received = inbox.received();
            let numbers: Vec<u64> = received.iter().filter_map(number).collect();
            assert_eq!(numbers.len() as u64, BATCHES, "all arrive, and then: {reason}");
            assert!(matches!(received.last(), Some(Received::Closed(..))), "the end comes last");
        }
    }
}

/// A batch that was taken arrives, even if it was sent while another thread closed: it is taken or it is not.
pub fn a_batch_that_races_a_close_arrives_or_is_given_back(harness: &dyn Harness) {
    const SENDERS: u64 = 3;
    for pair in [Pair::control(harness), Pair::data(harness), Pair::control(harness), Pair::data(harness)] {
        let (taken, started) = (AtomicU64::new(0), Barrier::new(SENDERS as usize + 1));
        thread::scope(|scope| {
            for _ in 0..SENDERS {
                scope.spawn(|| {
                    started.wait();
                    loop {
                        match pair.caller.try_send(value_batch(0, Payload::from_bytes(vec![0; 10]))) {
                            Ok(()) => {
                                taken.fetch_add(1, Ordering::Relaxed);
                            }
                            Err(TrySendError::Full(_)) => block_on(pair.caller.ready()),
                            Err(TrySendError::Closed(_)) => return,
                            Err(error) => panic!("{error}"),
                        }
                    }
                });
            }
            started.wait();
            pair.callee_inbox.wait_for_batches(100);
            pair.caller.close(CloseReason::Local);
        });
        pair.callee_inbox.wait_for_end(Pair::CALLEE);
        assert_eq!(pair.callee_inbox.batches().len() as u64, taken.into_inner());
    }
}

/// The side that closes hears its own reason, the other one hears it in words; each once, whatever else is done to the
/// connection.
pub fn a_close_is_heard_once_on_both_sides(harness: &dyn Harness) {
    let reason = CloseReason::Protocol("it sent what nobody may send".to_owned());
    for (pair, theirs) in [(Pair::control(harness), false), (Pair::data(harness), true)] {
        let (closer, other) = if theirs { (&pair.callee, &pair.caller) } else { (&pair.caller, &pair.callee) };
        closer.close(reason.clone());
        closer.close(CloseReason::Stalled);
        assert!(matches!(closer.try_send(numbered(1)), Err(TrySendError::Closed(_))), "closed means closed");
        let heard = [pair.caller_inbox.wait_for_end(Pair::CALLER), pair.callee_inbox.wait_for_end(Pair::CALLEE)];
        let (own, told) = if theirs { (&heard[1], &heard[0]) } else { (&heard[0], &heard[1]) };
        assert_eq!(*own, reason);
        assert_eq!(*told, CloseReason::Peer(reason.for_peer()));
        assert!(matches!(other.try_send(reply(1)), Err(TrySendError::Closed(_))));
        other.close(CloseReason::Local);
        block_on(other.ready());
        drop((pair.caller, pair.callee));
        assert_eq!(pair.caller_inbox.received().len(), 1, "nothing but the end, once");
        assert_eq!(pair.callee_inbox.received().len(), 1, "nothing but the end, once");
    }
}

/// When both sides close at a time, each hears one end.
pub fn both_sides_may_close_at_once(harness: &dyn Harness) {
    for round in 0..10 {
        let pair = if round % 2 == 0 { Pair::control(harness) } else { Pair::data(harness) };
        thread::scope(|scope| {
            for comm in [&pair.caller, &pair.callee] {
                scope.spawn(move || {
                    let sent = comm.try_send(value_batch(round, Payload::from_bytes(vec![0; 10])));
                    assert!(matches!(sent, Ok(()) | Err(TrySendError::Closed(_))));
                    comm.close(CloseReason::Local);
                });
            }
        });
        for reason in [pair.caller_inbox.wait_for_end(Pair::CALLER), pair.callee_inbox.wait_for_end(Pair::CALLEE)] {
            assert!(matches!(reason, CloseReason::Local | CloseReason::Peer(_)), "{reason:?}");
        }
    }
}

/// Whoever waits for room is woken by the end of the connection, from whichever side it comes.
pub fn a_close_ends_every_wait_for_room(harness: &dyn Harness) {
    for from_here in [true, false] {
        let pair = Pair::with(harness, &client_hello(), RecordingInbox::new(), RecordingInbox::holding());
        let payload = Payload::from_bytes(vec![0; 1 << 20]);
        let mut number = 0;
        let full = |comm: &dyn Comm| block_on_for(Duration::from_millis(100), comm.ready()).is_none();
        loop {
            match pair.caller.try_send(numbered_with(number, payload.clone())) {
                Ok(()) => number += 1,
                Err(TrySendError::Full(_)) if full(&*pair.caller) => break,
                Err(TrySendError::Full(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        thread::scope(|scope| {
            let waits: Vec<_> = (0..3).map(|_| scope.spawn(|| block_on_for(DEADLINE, pair.caller.ready()))).collect();
            if from_here {
                pair.caller.close(CloseReason::Local);
            } else {
                pair.callee.close(CloseReason::Local);
            }
            for wait in waits {
                assert!(matches!(wait.join(), Ok(Some(()))), "the wait for room ends");
            }
        });
        pair.caller_inbox.wait_for_end(Pair::CALLER);
        pair.callee_inbox.wait_for_end(Pair::CALLEE);
    }
}

/// To drop the last handle of an end is to close it. What was sent before arrives.
pub fn a_dropped_end_closes_the_connection(harness: &dyn Harness) {
    for hello in [client_hello(), data_hello(Role::Client)] {
        let pair = Pair::with(harness, &hello, RecordingInbox::new(), RecordingInbox::new());
        for number in 0..10 {
            assert!(pair.caller.try_send(value_batch(number, Payload::from_bytes(vec![0; 10]))).is_ok());
        }
        drop(pair.caller);
        let reason = pair.callee_inbox.wait_for_end(Pair::CALLEE);
        assert!(matches!(&reason, CloseReason::Peer(why) if why.contains("dropped")), "{reason:?}");
        assert_eq!(pair.callee_inbox.batches().len(), 10);
        assert_eq!(pair.caller_inbox.wait_for_end(Pair::CALLER), CloseReason::Local);
    }
}

/// A peer that says nothing more, not even that it goes, is noticed in time. Others are not disturbed.
pub fn a_peer_that_vanishes_is_noticed(harness: &dyn Harness) {
    let Some((connector, vanish)) = harness.mortal() else { return };
    let listener = harness.listen(Role::Scheduler);
    let mortal =
        Pair::over(&*connector, listener.clone(), &client_hello(), RecordingInbox::new(), RecordingInbox::new());
    let other = harness.connector(Role::Client);
    let living = Pair::over(&*other, listener, &client_hello(), RecordingInbox::new(), RecordingInbox::new());
    assert!(mortal.caller.try_send(numbered(1)).is_ok());
    mortal.callee_inbox.wait_for_batches(1);
    vanish();
    let since = Instant::now();
    let reason = mortal.callee_inbox.wait_for_end(Pair::CALLEE);
    assert!(matches!(reason, CloseReason::Lost(_)), "{reason:?}");
    assert!(since.elapsed() <= harness.silence(), "noticed after {:?}", since.elapsed());
    assert!(living.caller.try_send(numbered(2)).is_ok());
    assert_eq!(living.callee_inbox.wait_for_batches(1).len(), 1);
    assert_eq!(living.callee_inbox.end(Pair::CALLEE), None);
}

fn number(received: &Received) -> Option<u64> {
    match received {
        Received::Batch(_, batch) => Some(number_of(batch)),
        Received::Closed(..) => None,
    }
}
