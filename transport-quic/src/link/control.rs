//! The control link: one stream each way, batch after batch.

use std::{sync::Arc, time::Duration};

use brisk_core::{
    comm::{Permit, Weight, Window},
    wire::LinkKind,
};
use bytes::Bytes;
use quinn::{Connection, RecvStream, SendStream};
use tokio::time::timeout;

use super::{
    Broken, Queue, Receiver,
    frames::{FrameBuffer, pieces},
    outbox::Outbox,
};

/// Batches that are written at once. What has come together while the last ones were written goes out as one.
const WRITE_BATCHES: usize = 64;

/// Pieces that are read at once; a piece is about a datagram.
const READ_PIECES: usize = 32;

/// Writes what the outbox takes, until it takes no more; then ends the stream.
pub(super) async fn write(
    connection: Connection,
    mut send: SendStream,
    queue: Queue,
    outbox: Arc<Outbox>,
    patience: Duration,
) -> Result<(), Broken> {
    let written = write_batches(&mut send, queue, &outbox, patience).await;
    match &written {
        // Fails if the peer has stopped the stream, and then it is over anyway.
        Ok(()) => drop(send.finish()),
        // Before the stream is dropped, since that would end it as if it were whole.
        Err(broken) => broken.close(&connection),
    }
    written
}

async fn write_batches(
    send: &mut SendStream,
    mut queue: Queue,
    outbox: &Outbox,
    patience: Duration,
) -> Result<(), Broken> {
    let mut batches = Vec::with_capacity(WRITE_BATCHES);
    while queue.next(&mut batches, WRITE_BATCHES).await {
        let weight = batches.iter().map(|batch| batch.weight).reduce(Weight::and);
        let mut pieces = pieces(batches.drain(..).map(|batch| batch.frame));
        let mut rest = &mut pieces[..];
        while !rest.is_empty() {
            let written = timeout(patience, send.write_chunks(rest)).await.map_err(|_| Broken::Stalled)??;
            rest = &mut rest[written.chunks..];
        }
        if let Some(weight) = weight {
            outbox.written(weight);
        }
    }
    Ok(())
}

/// Delivers what arrives, until the peer ends the stream. While the receiver holds too much unhandled nothing is read, and
/// QUIC's own window stops the sender.
pub(super) async fn read(mut recv: RecvStream, receiver: Arc<Receiver>, patience: Duration) -> Result<(), Broken> {
    let window = Arc::new(Window::new());
    let mut buffer = FrameBuffer::default();
    let mut pieces = vec![Bytes::new(); READ_PIECES];
    loop {
        while let Some((batch, bytes)) = buffer.next(LinkKind::Control)? {
            let weight = Weight::of(bytes);
            while !window.take(weight) {
                window.room(|| false).await;
            }
            receiver.deliver(batch, Permit::of(window.clone(), weight));
        }
        let arrived = if buffer.is_empty() {
            recv.read_chunks(&mut pieces).await?
        } else {
            // A frame that was begun must go on.
            let arriving = timeout(patience, recv.read_chunks(&mut pieces)).await;
            arriving.map_err(|_| Broken::Protocol("it began a frame and did not go on".to_owned()))??
        };
        match arrived {
            Some(count) => pieces[..count].iter_mut().for_each(|piece| buffer.extend(&std::mem::take(piece))),
            None if buffer.is_empty() => return Ok(()),
            None => return Err(Broken::Protocol("its last frame is cut short".to_owned())),
        }
    }
}
