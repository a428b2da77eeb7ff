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
    /// Hears of the end last: see [`Drop`].
    pub(super) receiver: Arc<Receiver>,
}

/// The tasks that read and write. Both end well when the last batch has gone through them.
pub(super) struct Tasks {
    pub(super) reader: Task,
    pub(super) writer: Task,
}

type Task = JoinHandle<Result<(), Broken>>;

/// Waits for the end, and leaves the reason with the receiver, which tells its inbox when the reader has let go of it.
pub(super) async fn see_to_the_end(link: Link, mut tasks: Tasks) {
    let reason = link.settle(&mut tasks).await;
    link.receiver.end(reason);
}

impl Link {
    async fn settle(&self, tasks: &mut Tasks) -> CloseReason {
        let broken = tokio::select! {
            // What was read before the connection was lost is delivered before that is noticed.
            biased;
            read = &mut tasks.reader => match done(read) {
                Ok(()) => return self.after_their_last_word(tasks).await,
                Err(broken) => broken,
            },
            written = &mut tasks.writer => match done(written) {
                Ok(()) => return self.last_words(async { done((&mut tasks.reader).await).is_ok() }).await,
                Err(broken) => match self.broken(broken) {
                    Some(reason) => return reason,
                    None => return self.lost(None).await,
                },
            },
            _ = self.connection.closed() => Broken::Lost,
            () = self.outbox.until_shut() => {
                let our_last_word = async {
                    done((&mut tasks.writer).await).is_ok() && done((&mut tasks.reader).await).is_ok()
                };
                return self.last_words(our_last_word).await;
            }
        };
        match self.broken(broken) {
            Some(reason) => reason,
            None => self.lost(Some(&mut tasks.writer)).await,
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
            self.lost(None).await
        };
        match timeout(self.patience, farewell).await {
            Ok(reason) => reason,
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

    /// The reader or the writer could not go on.
    fn broken(&self, broken: Broken) -> Option<CloseReason> {
        broken.close(&self.connection);
        match broken {
            Broken::Lost => None,
            Broken::Protocol(what) => Some(CloseReason::Protocol(what)),
            Broken::Stalled => Some(CloseReason::Stalled),
            Broken::Ended => Some(close::runtime_ended()),
        }
    }

    /// The connection is gone. If the writer has closed it, it says why.
    async fn lost(&self, writer: Option<&mut Task>) -> CloseReason {
        let error = self.connection.closed().await;
        if let Some((reason, _)) = self.outbox.closing() {
            // This side wanted it closed, and so it is.
            return reason.clone();
        }
        if let (ConnectionError::LocallyClosed, Some(writer)) = (&error, writer) {
            // It looks at the connection only when it has something to write, or nothing more.
            self.outbox.shut();
            if let Ok(Err(broken)) = timeout(self.patience, writer).await.map(done)
                && let Some(reason) = self.broken(broken)
            {
                return reason;
            }
        }
        close::close_reason(&error)
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.reader.abort();
        self.writer.abort();
    }
}

/// Whatever ends the task, and be it before its first step: nothing more is taken to be sent, and those who wait for room are woken,
/// before the inbox hears of the end.
impl Drop for Link {
    fn drop(&mut self) {
        self.outbox.shut();
    }
}

/// A task's own panic is a defect here, or of an inbox; it costs this connection and no other.
fn done(ended: Result<Result<(), Broken>, JoinError>) -> Result<(), Broken> {
    match ended {
        Ok(ended) => ended,
        Err(error) if error.is_panic() => Err(Broken::Protocol("a batch could not be handled here".to_owned())),
        Err(_) => Err(Broken::Ended),
    }
}
