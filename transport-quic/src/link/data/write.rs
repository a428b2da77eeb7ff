//! Writes batches, each on a stream of its own.

use std::{sync::Arc, time::Duration};

use brisk_core::wire::Frame;
use quinn::{Connection, SendStream};
use tokio::{sync::Semaphore, task::JoinSet, time::timeout};

use super::{LONG_WRITERS, Length, MEDIUM_WRITERS, joined};
use crate::link::{
    Broken, Queue,
    frames::pieces,
    outbox::{Outbox, Outgoing},
};

/// Writes what the outbox takes, until it takes no more, and says how many there were.
pub(in crate::link) async fn write(
    connection: Connection,
    mut lifeline: SendStream,
    mut queue: Queue,
    outbox: Arc<Outbox>,
    patience: Duration,
) -> Result<(), Broken> {
    let mut writers = JoinSet::new();
    let written = write_all(&connection, &mut queue, &outbox, patience, &mut writers).await;
    let count = match written {
        Ok(count) => count,
        Err(broken) => return Err(cause(broken, &mut writers).await),
    };
    lifeline.write_all(&count.to_le_bytes()).await?;
    let _ = lifeline.finish();
    Ok(())
}

/// Why it broke: who finds the connection lost may be heard before the writer that closed it, and knows not why it did.
async fn cause(first: Broken, writers: &mut JoinSet<Result<(), Broken>>) -> Broken {
    if !matches!(first, Broken::Lost) {
        return first;
    }
    // None has anything to wait for any more.
    while let Some(written) = writers.join_next().await {
        match joined(written) {
            Err(Broken::Lost) | Ok(()) => {}
            Err(broken) => return broken,
        }
    }
    first
}

/// Writes batches until there are no more, and counts them. Those that are still being written when one breaks are left to the
/// caller.
async fn write_all(
    connection: &Connection,
    queue: &mut Queue,
    outbox: &Arc<Outbox>,
    patience: Duration,
    writers: &mut JoinSet<Result<(), Broken>>,
) -> Result<u64, Broken> {
    let (medium, long) = (Arc::new(Semaphore::new(MEDIUM_WRITERS)), Arc::new(Semaphore::new(LONG_WRITERS)));
    let mut batches = Vec::with_capacity(1);
    let mut count = 0u64;
    while queue.next(&mut batches, 1).await {
        for Outgoing { frame, weight } in batches.drain(..) {
            count += 1;
            let length = Length::of(frame.len() as u64);
            let turns = match length {
                Length::Short => {
                    write_one(connection, frame, length, patience).await?;
                    outbox.written(weight);
                    continue;
                }
                Length::Medium => medium.clone(),
                Length::Long => long.clone(),
            };
            let (connection, outbox) = (connection.clone(), outbox.clone());
            writers.spawn(async move {
                // The semaphore is never closed.
                let _turn = turns.acquire().await;
                write_one(&connection, frame, length, patience).await?;
                outbox.written(weight);
                Ok(())
            });
        }
        while let Some(written) = writers.try_join_next() {
            joined(written)?;
        }
    }
    while let Some(written) = writers.join_next().await {
        joined(written)?;
    }
    Ok(count)
}

async fn write_one(connection: &Connection, frame: Frame, length: Length, patience: Duration) -> Result<(), Broken> {
    let mut stream = None;
    let written = write_stream(connection, &mut stream, frame, length, patience).await;
    if let Err(broken) = &written {
        // Before the stream is dropped, since that would end it as if it were whole.
        broken.close(connection);
    }
    written
}

async fn write_stream(
    connection: &Connection,
    stream: &mut Option<SendStream>,
    frame: Frame,
    length: Length,
    patience: Duration,
) -> Result<(), Broken> {
    let opened = timeout(patience, connection.open_uni()).await.map_err(|_| Broken::Stalled)?;
    let stream = stream.insert(opened.map_err(|_| Broken::Lost)?);
    // A closed stream has no priority, and its end shows at the first write.
    let _ = stream.set_priority(length as i32);
    let mut pieces = pieces(std::iter::once(frame));
    let mut rest = &mut pieces[..];
    while !rest.is_empty() {
        let written = timeout(patience, stream.write_chunks(rest)).await.map_err(|_| Broken::Stalled)??;
        rest = &mut rest[written.chunks..];
    }
    let _ = stream.finish();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_writer_that_closed_the_connection_says_why() {
        let mut writers = JoinSet::new();
        writers.spawn(async { Ok(()) });
        writers.spawn(async { Err(Broken::Lost) });
        writers.spawn(async { Err(Broken::Stalled) });
        assert!(matches!(cause(Broken::Lost, &mut writers).await, Broken::Stalled));
        assert!(matches!(cause(Broken::Lost, &mut JoinSet::new()).await, Broken::Lost));
        let first = cause(Broken::Protocol("first".to_owned()), &mut JoinSet::new()).await;
        assert!(matches!(first, Broken::Protocol(why) if why == "first"));
    }
}
