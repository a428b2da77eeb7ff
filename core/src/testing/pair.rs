//! Two ends of one connection.

use std::{sync::Arc, thread};

use super::{executor::block_on, harness::Harness, inbox::RecordingInbox};
use crate::{
    comm::{Comm, ConnectError, Connector, Incoming, Listener, PeerId},
    hello::{Hello, Purpose, Role, Welcome, WorkerInfo},
    id::{EnvironmentId, Epoch, Incarnation},
};

/// A connection with both its ends, and an inbox for each.
pub struct Pair {
    /// The end that called.
    pub caller: Arc<dyn Comm>,
    /// What came there, under [`Pair::CALLER`].
    pub caller_inbox: Arc<RecordingInbox>,
    /// The end that was called.
    pub callee: Arc<dyn Comm>,
    /// What came there, under [`Pair::CALLEE`].
    pub callee_inbox: Arc<RecordingInbox>,
    /// Where it was called.
    pub listener: Arc<dyn Listener>,
}

impl Pair {
    /// The number under which the caller's inbox knows the connection.
    pub const CALLER: PeerId = PeerId(1);
    /// The number under which the callee's inbox knows the connection.
    pub const CALLEE: PeerId = PeerId(2);

    /// A control link: a client and a scheduler.
    pub fn control(harness: &dyn Harness) -> Self {
        Self::with(harness, &client_hello(), RecordingInbox::new(), RecordingInbox::new())
    }

    /// A data link: a client and a worker.
    pub fn data(harness: &dyn Harness) -> Self {
        Self::with(harness, &data_hello(Role::Client), RecordingInbox::new(), RecordingInbox::new())
    }

    /// A link for `hello`, with these inboxes for caller and callee.
    pub fn with(harness: &dyn Harness, hello: &Hello, caller: RecordingInbox, callee: RecordingInbox) -> Self {
        let listener = harness.listen(hello.callee());
        Self::over(&*harness.connector(hello.role()), listener, hello, caller, callee)
    }

    /// A link for `hello` from this connector to this listener.
    pub fn over(
        connector: &dyn Connector,
        listener: Arc<dyn Listener>,
        hello: &Hello,
        caller: RecordingInbox,
        callee: RecordingInbox,
    ) -> Self {
        let (caller_inbox, callee_inbox) = (Arc::new(caller), Arc::new(callee));
        let (caller, callee) = thread::scope(|scope| {
            let calling = scope.spawn(|| connect(connector, &*listener, hello, Self::CALLER, caller_inbox.clone()));
            let callee = accept(&*listener, Self::CALLEE, callee_inbox.clone());
            (calling.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), callee)
        });
        match caller {
            Ok((caller, welcome)) => {
                assert_eq!(welcome, sample_welcome());
                Pair { caller, caller_inbox, callee, callee_inbox, listener }
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Calls a listener.
///
/// # Errors
/// As the transport says.
pub fn connect(
    connector: &dyn Connector,
    listener: &dyn Listener,
    hello: &Hello,
    peer: PeerId,
    inbox: Arc<RecordingInbox>,
) -> Result<(Arc<dyn Comm>, Welcome), ConnectError> {
    block_on(connector.connect(&listener.address(), hello.clone(), peer, inbox))
}

/// Takes the next caller.
///
/// # Panics
/// If the listener is closed, or the caller is gone.
pub fn accept(listener: &dyn Listener, peer: PeerId, inbox: Arc<RecordingInbox>) -> Arc<dyn Comm> {
    let incoming: Box<dyn Incoming> = match block_on(listener.accept()) {
        Some(incoming) => incoming,
        None => panic!("the listener is closed"),
    };
    match block_on(incoming.accept(sample_welcome(), peer, inbox)) {
        Ok(comm) => comm,
        Err(reason) => panic!("the caller is gone: {reason}"),
    }
}

/// What a client says.
pub fn client_hello() -> Hello {
    Hello::new(Purpose::Client { program: None }, "test", EnvironmentId::IN_PROCESS)
}

/// What a worker says.
pub fn worker_hello(info: WorkerInfo) -> Hello {
    Hello::new(Purpose::Worker(info), "test", EnvironmentId::IN_PROCESS)
}

/// What `role` says to a worker whose values it wants.
pub fn data_hello(role: Role) -> Hello {
    let purpose = Purpose::Data { role, caller: Incarnation(1), callee: Incarnation(3) };
    Hello::new(purpose, "test", EnvironmentId::IN_PROCESS)
}

fn sample_welcome() -> Welcome {
    Welcome::new(Epoch(7), Incarnation(3))
}
