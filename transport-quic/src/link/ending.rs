//! Sees a connection to its end, and settles why it ended.

use std::{sync::Arc, time::Duration};

use brisk_core::comm::CloseReason;
use quinn::{Connection, ConnectionError};
use tokio::{
    task::{JoinError, JoinHandle},
    time::timeout,
};

use super::{Broken, Receiver, outbox::Outbox};
use crate::close;

/// What it takes to end a connection.
pub(super) struct Link {
    pub(super) connection: Connection,
    pub(super) outbox: Arc<Outbox>,
    /// How long the last words may take.
    pub(super) patience: Duration,
}

/// The tasks that read and write. Both end well when the last batch has gone through them.
pub(super) struct Tasks {
    pub(super) reader: JoinHandle<Result<(), Broken>>,
    pub(super) writer: JoinHandle<Result<(), Broken>>,
}

/// Waits for the end, and leaves the reason with the receiver, which tells its inbox when the reader has let go of it.
pub(super) async fn see_to_the_end(link: Link, mut tasks: Tasks, receiver: Arc<Receiver>) {
    let guard = ShutOnDrop(&link.outbox);
    let reason = link.settle(&mut tasks).await;
    drop(guard);
    receiver.end(reason);
}

impl Link {
    async fn settle(&self, tasks: &mut Tasks) -> CloseReason {
        tokio::select! {
            // What was read before the connection was lost is delivered before that is noticed.
            biased;
            read = &mut tasks.reader => match done(read) {
                Ok(()) => self.after_their_last_word(tasks).await,
                Err(broken) => self.broken(broken).await,
            },
            written = &mut tasks.writer => match done(written) {
                Ok(()) => self.last_words(async { done((&mut tasks.reader).await).is_ok() }).await,
                Err(broken) => self.broken(broken).await,
            },
            error = self.connection.closed() => self.lost(&error),
            () = self.outbox.until_shut() => {
                let our_last_word = async {
                    done((&mut tasks.writer).await).is_ok() && done((&mut tasks.reader).await).is_ok()
                };
                self.last_words(our_last_word).await
            }
        }
    }

    /// The peer has said its last word, and everything of it is delivered. Whatever waits here is written. Then whoever
    /// closed first closes for good: the peer, and it says why; or this side, if the peer's last word answers its own.
    async fn after_their_last_word(&self, tasks: &mut Tasks) -> CloseReason {
        if self.outbox.closing().is_some() {
            return self.last_words(async { done((&mut tasks.writer).await).is_ok() }).await;
        }
        self.outbox.shut();
        let farewell = async {
            let _ = (&mut tasks.writer).await;
            self.connection.closed().await
        };
        match timeout(self.patience, farewell).await {
            Ok(error) => self.lost(&error),
            Err(_) => {
                close::close(&self.connection, close::CLOSED, "no farewell was heard");
                CloseReason::Peer("it did not say why".to_owned())
            }
        }
    }

    /// This side has closed. Gives both sides the time to hear each other out, and then closes for good.
    async fn last_words(&self, heard: impl Future<Output = bool>) -> CloseReason {
        let (reason, told) = match self.outbox.closing() {
            Some((reason, told)) => (reason.clone(), told.as_str()),
            None => (CloseReason::Local, "as agreed"),
        };
        tokio::select! {
            _ = timeout(self.patience, heard) => {}
            _ = self.connection.closed() => {}
        }
        close::close(&self.connection, close::CLOSED, told);
        reason
    }

    async fn broken(&self, broken: Broken) -> CloseReason {
        match broken {
            Broken::Lost => self.lost(&self.connection.closed().await),
            Broken::Protocol(what) => {
                close::close(&self.connection, close::PROTOCOL, &what);
                CloseReason::Protocol(what)
            }
            Broken::Stalled => {
                close::close(&self.connection, close::CLOSED, "you take nothing of what waits for you");
                CloseReason::Stalled
            }
        }
    }

    fn lost(&self, error: &ConnectionError) -> CloseReason {
        match self.outbox.closing() {
            // This side wanted it closed, and so it is.
            Some((reason, _)) => reason.clone(),
            None => close::close_reason(error),
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.reader.abort();
        self.writer.abort();
    }
}

/// Wakes those who wait for room, whatever ends this task.
struct ShutOnDrop<'a>(&'a Outbox);

impl Drop for ShutOnDrop<'_> {
    fn drop(&mut self) {
        self.0.shut();
    }
}

/// A task's own panic is a defect here, or of an inbox; it costs this connection and no other.
fn done(ended: Result<Result<(), Broken>, JoinError>) -> Result<(), Broken> {
    match ended {
        Ok(ended) => ended,
        Err(error) if error.is_panic() => Err(Broken::Protocol("a batch could not be handled here".to_owned())),
        Err(_) => Err(Broken::Lost),
    }
}
