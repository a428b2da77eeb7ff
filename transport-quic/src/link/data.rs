//! The data link: each batch on a stream of its own, so that a long one does not hold up the next.
//!
//! The stream of the handshake stays open. When a side has written its last batch it says there how many there were, and
//! ends that stream: streams overtake each other, and the other side must know when it has them all.
//!
//! What a receiver lets in at a time, by length:
//!
//! - *short* batches, up to [`SHORT_BYTES`], are bounded by number alone;
//! - *medium* ones, up to [`MEDIUM_BYTES`], share [`WINDOW_BYTES`];
//! - *long* ones come one at a time.
//!
//! So a long batch never takes the room of a short one. Senders open no more long and medium streams at a time than QUIC's
//! window for the whole connection holds unread: else those that are not let in would fill it, and stop all others.

use std::{sync::Arc, time::Duration};

use brisk_core::{
    comm::Permit,
    limits::{WINDOW_BATCHES, WINDOW_BYTES},
    wire::{self, Frame, HEADER_BYTES, Header, LinkKind},
};
use bytes::Bytes;
use quinn::{Connection, ReadExactError, RecvStream, SendStream, VarInt};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::timeout,
};

use crate::endpoint::STREAM_WINDOW;

use super::{
    Broken, Queue, Receiver,
    frames::pieces,
    outbox::{Outbox, Outgoing},
};

/// See the module.
const SHORT_BYTES: usize = 64 << 10;
/// See the module.
const MEDIUM_BYTES: usize = 16 << 20;

/// Medium batches that are written at a time.
const MEDIUM_WRITERS: usize = 8;
/// Long batches that are written at a time.
const LONG_WRITERS: usize = 2;

/// Streams that a peer may have open at a time. Further batches wait at the sender.
const MAX_STREAMS: u32 = WINDOW_BATCHES as u32;

/// What all streams together may have under way, in bytes.
const CONNECTION_WINDOW: u32 = 64 << 20;

// All that an honest sender has open at a time, and none of it let in, leaves room for one more stream that is.
const _: () = assert!(
    (MEDIUM_WRITERS + LONG_WRITERS + 1) * STREAM_WINDOW as usize + MAX_STREAMS as usize * SHORT_BYTES
        <= CONNECTION_WINDOW as usize
);

/// Pieces that are read at once; a piece is about a datagram.
const READ_PIECES: usize = 32;

/// Memory is taken in steps of at least this, as bytes arrive, and never beyond twice what has arrived.
const GROWTH_BYTES: usize = 1 << 20;

/// How long a batch is, in words.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Length {
    Long,
    Medium,
    Short,
}

impl Length {
    fn of(bytes: u64) -> Self {
        match bytes {
            _ if bytes <= SHORT_BYTES as u64 => Length::Short,
            _ if bytes <= MEDIUM_BYTES as u64 => Length::Medium,
            _ => Length::Long,
        }
    }
}

/// Allows the peer its streams. Until then it has the handshake's and no other.
pub(super) fn open(connection: &Connection) {
    connection.set_receive_window(VarInt::from_u32(CONNECTION_WINDOW));
    connection.set_max_concurrent_uni_streams(VarInt::from_u32(MAX_STREAMS));
}

/// Writes what the outbox takes, until it takes no more, and says how many there were.
pub(super) async fn write(
    connection: Connection,
    mut lifeline: SendStream,
    mut queue: Queue,
    outbox: Arc<Outbox>,
    patience: Duration,
) -> Result<(), Broken> {
    let (medium, long) = (Arc::new(Semaphore::new(MEDIUM_WRITERS)), Arc::new(Semaphore::new(LONG_WRITERS)));
    let mut writers = JoinSet::new();
    let mut batches = Vec::with_capacity(1);
    let mut count = 0u64;
    while queue.next(&mut batches, 1).await {
        for Outgoing { frame, weight } in batches.drain(..) {
            count += 1;
            let length = Length::of(frame.len() as u64);
            let turns = match length {
                Length::Short => {
                    write_one(&connection, frame, length, patience).await?;
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
    lifeline.write_all(&count.to_le_bytes()).await?;
    let _ = lifeline.finish();
    Ok(())
}

async fn write_one(connection: &Connection, frame: Frame, length: Length, patience: Duration) -> Result<(), Broken> {
    let opened = timeout(patience, connection.open_uni()).await.map_err(|_| Broken::Stalled)?;
    let mut stream = opened.map_err(|_| Broken::Lost)?;
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

/// Delivers what arrives, until the peer has said how many batches there were and all of them are delivered.
pub(super) async fn read(
    connection: Connection,
    lifeline: RecvStream,
    receiver: Arc<Receiver>,
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
                readers.spawn(read_one(stream, place, room.clone(), receiver.clone(), patience));
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
    mut stream: RecvStream,
    place: OwnedSemaphorePermit,
    room: Room,
    receiver: Arc<Receiver>,
    patience: Duration,
) -> Result<(), Broken> {
    let mut header = [0; HEADER_BYTES];
    within(patience, stream.read_exact(&mut header)).await?.map_err(cut_short)?;
    let header = Header::from_bytes(&header, LinkKind::Data)?;
    let length = (HEADER_BYTES + header.messages_bytes) as u64 + header.payload_bytes;
    let charge = room.charge(length).await;
    let mut reading = Reading { stream, patience };
    let messages = reading.messages(header.messages_bytes).await?;
    let payloads = reading.payloads(header.payload_bytes).await?;
    let batch = wire::decode(header, &messages, payloads)?;
    receiver.deliver(batch, Permit::new(move || drop((place, charge))));
    Ok(())
}

/// What a receiver lets in.
#[derive(Clone)]
struct Room {
    places: Arc<Semaphore>,
    /// In KiB.
    medium: Arc<Semaphore>,
    long: Arc<Semaphore>,
}

impl Room {
    fn new() -> Self {
        Room {
            places: Arc::new(Semaphore::new(WINDOW_BATCHES)),
            medium: Arc::new(Semaphore::new(WINDOW_BYTES >> 10)),
            long: Arc::new(Semaphore::new(1)),
        }
    }

    async fn place(&self) -> OwnedSemaphorePermit {
        acquire(&self.places, 1).await
    }

    /// Waits until a batch of this length may come in. `None` if that costs nothing beyond its place.
    async fn charge(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        match Length::of(bytes) {
            Length::Short => None,
            Length::Medium => Some(acquire(&self.medium, bytes.div_ceil(1 << 10) as u32).await),
            Length::Long => Some(acquire(&self.long, 1).await),
        }
    }
}

/// A stream that carries one batch.
struct Reading {
    stream: RecvStream,
    patience: Duration,
}

impl Reading {
    /// Takes the next `length` bytes, and no more.
    async fn messages(&mut self, length: usize) -> Result<Vec<u8>, Broken> {
        let mut taken = Vec::with_capacity(length.min(GROWTH_BYTES));
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
        let mut taken = Vec::with_capacity(length.min(GROWTH_BYTES));
        let mut pieces: [Bytes; READ_PIECES] = std::array::from_fn(|_| Bytes::new());
        while let Some(count) = within(self.patience, self.stream.read_chunks(&mut pieces)).await?? {
            for piece in &mut pieces[..count] {
                let piece = std::mem::take(piece);
                if piece.len() > length - taken.len() {
                    return Err(Broken::Protocol("bytes follow a batch on its stream".to_owned()));
                }
                grow(&mut taken, piece.len(), length);
                taken.extend_from_slice(&piece);
            }
        }
        if taken.len() == length { Ok(taken.into()) } else { Err(truncated()) }
    }
}

/// Makes room for `more` bytes: twice what is there, but no more than there will be in the end.
fn grow(taken: &mut Vec<u8>, more: usize, length: usize) {
    if taken.capacity() - taken.len() < more {
        let target = (taken.len() * 2).max(taken.len() + GROWTH_BYTES).min(length).max(taken.len() + more);
        taken.reserve_exact(target - taken.len());
    }
}

async fn acquire(semaphore: &Arc<Semaphore>, count: u32) -> OwnedSemaphorePermit {
    match semaphore.clone().acquire_many_owned(count).await {
        Ok(permit) => permit,
        Err(_) => unreachable!("these semaphores are never closed"),
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

fn joined(ended: Result<Result<(), Broken>, tokio::task::JoinError>) -> Result<(), Broken> {
    match ended {
        Ok(ended) => ended,
        Err(error) if error.is_panic() => Err(Broken::Protocol("a batch could not be handled here".to_owned())),
        Err(_) => Err(Broken::Lost),
    }
}
