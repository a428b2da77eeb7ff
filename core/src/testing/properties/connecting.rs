//! Calls, and who is taken.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use super::super::{
    executor::{block_on, block_on_for},
    harness::Harness,
    inbox::RecordingInbox,
    pair::{Pair, accept, client_hello, connect},
    samples::{number_of, numbered, reply},
};
use crate::{
    address::Address,
    comm::{Comm, ConnectError, Connector, Listener, PeerId},
    hello::{Hello, PROTOCOL_VERSION, Refusal, Role, Welcome},
    id::{Epoch, Incarnation},
};

fn unheard() -> Arc<RecordingInbox> {
    Arc::new(RecordingInbox::new())
}

fn call(connector: &dyn Connector, address: &Address, hello: Hello) -> Result<(Arc<dyn Comm>, Welcome), ConnectError> {
    block_on(connector.connect(address, hello, PeerId(1), unheard()))
}

fn error(made: Result<(Arc<dyn Comm>, Welcome), ConnectError>) -> ConnectError {
    match made {
        Ok((comm, _)) => panic!("connected to {}", comm.remote()),
        Err(error) => error,
    }
}

/// A caller of another version is told which side is older, and the listener goes on.
pub fn another_protocol_is_refused_in_words(harness: &dyn Harness) {
    let listener = harness.listen(Role::Scheduler);
    let connector = harness.connector(Role::Client);
    for (protocol, older) in [(PROTOCOL_VERSION + 1, "listener is older"), (PROTOCOL_VERSION - 1, "caller is older")] {
        let hello = Hello { protocol, version: "9.9.9".into(), ..client_hello() };
        let error = error(call(&*connector, &listener.address(), hello));
        assert!(matches!(&error, ConnectError::Refused { refusal: Refusal::Protocol { .. }, .. }), "{error:?}");
        assert!(!error.is_retryable());
        let text = error.to_string();
        assert!(text.contains(older) && text.contains("9.9.9") && text.contains("scheduler"), "{text}");
    }
    assert_works(&*connector, listener);
}

/// Who says that it is a client and has the certificate of a worker is sent away.
pub fn a_role_that_is_not_certified_is_refused(harness: &dyn Harness) {
    if !harness.certifies() {
        return;
    }
    let listener = harness.listen(Role::Scheduler);
    let error = error(call(&*harness.connector(Role::Worker), &listener.address(), client_hello()));
    let text = error.to_string();
    assert!(matches!(error, ConnectError::Refused { refusal: Refusal::Role { .. }, .. }), "{text}");
    assert!(text.contains("for a worker") && text.contains("says it is a client"), "{text}");
    assert_works(&*harness.connector(Role::Client), listener);
}

/// What a listener's owner says in refusing comes to the caller as it was said.
pub fn a_refusal_is_heard_by_the_caller(harness: &dyn Harness) {
    let listener = harness.listen(Role::Scheduler);
    let connector = harness.connector(Role::Client);
    let refusals = [
        Refusal::Unavailable("the scheduler is about to end".into()),
        Refusal::Purpose { listener: Role::Scheduler },
        Refusal::AnotherEpoch { wanted: Epoch(1), here: Epoch(2) },
    ];
    for refusal in refusals {
        thread::scope(|scope| {
            let calling = scope.spawn(|| error(call(&*connector, &listener.address(), client_hello())));
            let incoming = block_on(listener.accept()).unwrap_or_else(|| panic!("the listener is closed"));
            assert_eq!(*incoming.hello(), client_hello());
            block_on(incoming.refuse(refusal.clone()));
            match calling.join() {
                Ok(ConnectError::Refused { refusal: heard, .. }) => assert_eq!(heard, refusal),
                other => panic!("{other:?}"),
            }
        });
    }
    assert_works(&*connector, listener);
}

/// Where nobody listens the caller is told so, soon.
pub fn nobody_is_unreachable_at_once(harness: &dyn Harness) {
    let since = Instant::now();
    let error = error(call(&*harness.connector(Role::Client), &harness.nowhere(), client_hello()));
    assert!(matches!(error, ConnectError::Unreachable { role: Role::Scheduler, .. }), "{error:?}");
    assert!(error.is_retryable());
    assert!(since.elapsed() < Duration::from_secs(1), "took {:?}", since.elapsed());
}

/// An address with another scheme is not called at all.
pub fn an_address_of_another_transport_is_foreign(harness: &dyn Harness) {
    let connector = harness.connector(Role::Client);
    let address: Address = match "pigeon://loft".parse() {
        Ok(address) => address,
        Err(error) => panic!("{error}"),
    };
    let error = error(call(&*connector, &address, client_hello()));
    assert!(matches!(error, ConnectError::Foreign { .. }), "{error:?}");
    assert!(!error.is_retryable());
    assert!(error.to_string().contains(connector.scheme()), "{error}");
}

/// A caller that is not answered waits alone. When it is let down, it hears of it.
pub fn an_unanswered_caller_holds_up_no_other(harness: &dyn Harness) {
    let listener = harness.listen(Role::Scheduler);
    let connector = harness.connector(Role::Client);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| error(call(&*connector, &listener.address(), client_hello())));
        let unanswered = block_on(listener.accept());
        assert!(unanswered.is_some());
        assert_works(&*connector, listener.clone());
        drop(unanswered);
        assert!(matches!(waiting.join(), Ok(ConnectError::Unreachable { .. })), "let down is unreachable");
    });
}

/// A caller that stops waiting is gone, whether it was seen already or not.
pub fn a_caller_that_gives_up_leaves_nothing_behind(harness: &dyn Harness) {
    let listener = harness.listen(Role::Scheduler);
    let connector = harness.connector(Role::Client);
    let address = listener.address();
    // It gives up at once, before anybody has seen it.
    assert!(block_on_for(Duration::ZERO, connector.connect(&address, client_hello(), PeerId(1), unheard())).is_none());
    // It gives up when it has been seen.
    let incoming = thread::scope(|scope| {
        let (seen, give_up) = std::sync::mpsc::sync_channel::<()>(1);
        let (connector, address) = (&connector, &address);
        scope.spawn(move || {
            let mut calling = connector.connect(address, client_hello(), PeerId(1), unheard());
            let polled = block_on_for(Duration::ZERO, &mut calling);
            assert!(polled.is_none());
            assert!(give_up.recv().is_ok());
            drop(calling);
        });
        let incoming = block_on(listener.accept());
        assert!(seen.send(()).is_ok());
        incoming
    });
    // Whoever takes it finds it gone, now or soon.
    let inbox = unheard();
    if let Some(incoming) = incoming {
        let taken = block_on(incoming.accept(Welcome::new(Epoch(1), Incarnation(1)), PeerId(5), inbox.clone()));
        match taken {
            Ok(_comm) => {
                inbox.wait_for_end(PeerId(5));
            }
            Err(_) => assert_eq!(inbox.received(), [], "an end that was never taken is not told"),
        }
    }
    assert_works(&*connector, listener);
}

/// To stop waiting for a caller does not lose the caller that comes.
pub fn a_cancelled_accept_loses_nobody(harness: &dyn Harness) {
    let listener = harness.listen(Role::Scheduler);
    let connector = harness.connector(Role::Client);
    thread::scope(|scope| {
        for _ in 0..3 {
            assert!(block_on_for(Duration::ZERO, listener.accept()).is_none());
        }
        let calling = scope.spawn(|| call(&*connector, &listener.address(), client_hello()).is_ok());
        // Each wait is given up at once, until one finds the caller there.
        let deadline = Instant::now() + super::super::executor::DEADLINE;
        let incoming = loop {
            match block_on_for(Duration::from_millis(1), listener.accept()) {
                Some(incoming) => break incoming,
                None => assert!(Instant::now() < deadline, "the caller is lost"),
            }
        };
        let Some(incoming) = incoming else { panic!("the listener is closed") };
        let comm = block_on(incoming.accept(Welcome::new(Epoch(1), Incarnation(1)), PeerId(1), unheard()));
        assert!(comm.is_ok());
        assert!(matches!(calling.join(), Ok(true)));
    });
}

/// A closed listener takes nobody, and says so to those who wait for callers. The connections it made go on.
pub fn a_closed_listener_keeps_its_connections(harness: &dyn Harness) {
    let pair = Pair::control(harness);
    let listener = pair.listener.clone();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| block_on(listener.accept()).is_none());
        listener.close();
        assert!(matches!(waiting.join(), Ok(true)), "the wait for callers ends");
    });
    assert!(block_on(listener.accept()).is_none());
    let error = error(call(&*harness.connector(Role::Client), &listener.address(), client_hello()));
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error:?}");
    assert!(pair.caller.try_send(numbered(1)).is_ok() && pair.callee.try_send(reply(2)).is_ok());
    assert_eq!(number_of(&pair.callee_inbox.wait_for_batches(1)[0]), 1);
    assert_eq!(number_of(&pair.caller_inbox.wait_for_batches(1)[0]), 2);
}

/// A listener bears many peers at once, answers each, and hears of the end of each.
pub fn many_peers_at_once(harness: &dyn Harness) {
    const CALLERS: usize = 8;
    let count = harness.many_peers().next_multiple_of(CALLERS);
    let listener = harness.listen(Role::Scheduler);
    let connector = harness.connector(Role::Client);
    let (theirs, ours) = (unheard(), unheard());
    let (callers, callees) = thread::scope(|scope| {
        let calling: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let (connector, listener, ours) = (&*connector, &*listener, &ours);
                scope.spawn(move || {
                    let mut made = Vec::new();
                    for number in (caller..count).step_by(CALLERS) {
                        let peer = PeerId(number as u64);
                        match connect(connector, listener, &client_hello(), peer, ours.clone()) {
                            Ok((comm, _)) => made.push((number as u64, comm)),
                            Err(error) => panic!("caller {number}: {error}"),
                        }
                    }
                    made
                })
            })
            .collect();
        let callees: Vec<_> =
            (0..count).map(|number| accept(&*listener, PeerId(number as u64), theirs.clone())).collect();
        let callers: Vec<_> = calling
            .into_iter()
            .flat_map(|calling| calling.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect();
        (callers, callees)
    });
    for (number, comm) in &callers {
        assert!(comm.try_send(numbered(*number)).is_ok());
    }
    let mut numbers: Vec<u64> = theirs.wait_for_batches(count).iter().map(number_of).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..count as u64));
    for comm in &callees {
        assert!(comm.try_send(reply(0)).is_ok());
    }
    assert_eq!(ours.wait_for_batches(count).len(), count);
    drop(callers);
    theirs.wait_for_ends(count);
    ours.wait_for_ends(count);
}

/// A listener and a connector that still do what they are for.
fn assert_works(connector: &dyn Connector, listener: Arc<dyn Listener>) {
    let pair = Pair::over(connector, listener, &client_hello(), RecordingInbox::new(), RecordingInbox::new());
    assert!(pair.caller.try_send(numbered(77)).is_ok());
    assert_eq!(number_of(&pair.callee_inbox.wait_for_batches(1)[0]), 77);
}
