//! Reads batches beside each other, each from a stream of its own.

use std::{sync::Arc, time::Duration};

use brisk_core::{
    comm::Permit,
    wire::{self, HEADER_BYTES, Header, LinkKind},
};
use bytes::Bytes;
use quinn::{Connection, ReadExactError, RecvStream};
use tokio::{sync::OwnedSemaphorePermit, task::JoinSet, time::timeout};

use super::{joined, room::Room};
use crate::{
    buffers::{Buffers, grow},
    link::{Broken, Receiver},
};

/// Pieces that are read at once; a piece is about a datagram.
const READ_PIECES: usize = 32;

/// Of the messages before the payloads no more memory is taken at once.
const FIRST_BYTES: usize = 1 << 20;

/// Delivers what arrives, until the peer has said how many batches there were and all of them are delivered.
pub(in crate::link) async fn read(
    connection: Connection,
    lifeline: RecvStream,
    receiver: Arc<Receiver>,
    buffers: Arc<Buffers>,
    patience: Duration,
) -> Result<(), Broken> {
    let room = Room::new();
    let mut readers = JoinSet::new();
    let mut last_word = std::pin::pin!(last_word(lifeline));
    let (mut accepted, mut total) = (0u64, None);
    while total.is_none_or(|total| accepted < total) {
        let next = async {
            let place = room.place().await;
            (place, connection.accept_uni().await)
        };
        tokio::select! {
            (place, stream) = next => {
                accepted += 1;
                let stream = stream.map_err(|_| Broken::Lost)?;
                let reading = Reading { stream, buffers: buffers.clone(), patience };
                readers.spawn(read_one(reading, place, room.clone(), receiver.clone()));
            }
            Some(read) = readers.join_next(), if !readers.is_empty() => joined(read)?,
            count = &mut last_word, if total.is_none() => total = Some(count?),
        }
    }
    if total.is_some_and(|total| accepted > total) {
        return Err(Broken::Protocol("it has sent more batches than it says".to_owned()));
    }
    while let Some(read) = readers.join_next().await {
        joined(read)?;
    }
    Ok(())
}

/// How many batches the peer has sent in all, when it has sent the last one.
async fn last_word(mut lifeline: RecvStream) -> Result<u64, Broken> {
    let mut count = [0; 8];
    lifeline.read_exact(&mut count).await.map_err(cut_short)?;
    match lifeline.read(&mut [0]).await? {
        None => Ok(u64::from_le_bytes(count)),
        Some(_) => Err(Broken::Protocol("it says more than its last word".to_owned())),
    }
}

/// Reads one batch and delivers it.
async fn read_one(
    mut reading: Reading,
    place: OwnedSemaphorePermit,
    room: Room,
    receiver: Arc<Receiver>,
) -> Result<(), Broken> {
    let mut header = [0; HEADER_BYTES];
    within(reading.patience, reading.stream.read_exact(&mut header)).await?.map_err(cut_short)?;
    let header = Header::from_bytes(&header, LinkKind::Data)?;
    let length = (HEADER_BYTES + header.messages_bytes) as u64 + header.payload_bytes;
    let charge = room.charge(length).await;
    let messages = reading.messages(header.messages_bytes).await?;
    let payloads = reading.payloads(header.payload_bytes).await?;
    let batch = wire::decode(header, &messages, payloads)?;
    receiver.deliver(batch, Permit::new(move || drop((place, charge))));
    Ok(())
}

/// A stream that carries one batch.
struct Reading {
    stream: RecvStream,
    buffers: Arc<Buffers>,
    patience: Duration,
}

impl Reading {
    /// Takes the next `length` bytes, and no more.
    async fn messages(&mut self, length: usize) -> Result<Vec<u8>, Broken> {
        let mut taken = Vec::with_capacity(length.min(FIRST_BYTES));
        while taken.len() < length {
            let arrived = within(self.patience, self.stream.read_chunk(length - taken.len(), true)).await??;
            let piece = arrived.ok_or_else(truncated)?.bytes;
            grow(&mut taken, piece.len(), length);
            taken.extend_from_slice(&piece);
        }
        Ok(taken)
    }

    /// Takes the rest of the stream, which must be `length` bytes. Many pieces at a time: payloads may be long.
    async fn payloads(&mut self, length: u64) -> Result<Bytes, Broken> {
        let length = usize::try_from(length)
            .map_err(|_| Broken::Protocol("the batch is longer than this machine's memory".to_owned()))?;
        let mut taken = self.buffers.take(length);
        let mut pieces: [Bytes; READ_PIECES] = std::array::from_fn(|_| Bytes::new());
        while let Some(count) = within(self.patience, self.stream.read_chunks(&mut pieces)).await?? {
            for piece in &mut pieces[..count] {
                let piece = std::mem::take(piece);
                if piece.len() > length - taken.len() {
                    return Err(Broken::Protocol("bytes follow a batch on its stream".to_owned()));
                }
                taken.extend(&piece, length);
            }
        }
        if taken.len() == length { Ok(self.buffers.share(taken)) } else { Err(truncated()) }
    }
}

/// A batch that was begun must go on.
async fn within<T>(patience: Duration, arriving: impl Future<Output = T>) -> Result<T, Broken> {
    timeout(patience, arriving).await.map_err(|_| Broken::Protocol("it began a batch and did not go on".to_owned()))
}

fn cut_short(error: ReadExactError) -> Broken {
    match error {
        ReadExactError::FinishedEarly(_) => truncated(),
        ReadExactError::ReadError(error) => error.into(),
    }
}

fn truncated() -> Broken {
    Broken::Protocol("a batch is cut short".to_owned())
}
