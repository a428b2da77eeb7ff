//! A connection: two directions, and an end for each side.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use async_trait::async_trait;
use brisk_core::{
    address::Address,
    comm::{CloseReason, Comm, Inbox, PeerId, Permit, TrySendError, Weight, Window},
    limits::MAX_MESSAGES_BYTES,
    message::Batch,
    wire::{self, Frame, HEADER_BYTES, Header, LinkKind, WireError},
};

/// One side's place for batches: its inbox, and the name by which that knows the connection.
pub(crate) struct Receiver {
    pub(crate) peer: PeerId,
    pub(crate) inbox: Arc<dyn Inbox>,
}

/// One side's end of a connection. Dropping it closes the connection.
pub(crate) struct End {
    link: Arc<Link>,
    /// Which of the directions leads away from here.
    outgoing: usize,
    remote: Address,
}

/// What both ends share.
struct Link {
    /// `directions[i]` leads away from side `i`. Apart, since the two are busy on different threads.
    directions: [Arc<Direction>; 2],
    /// Who closed the connection, and what for. Written once.
    closing: OnceLock<Closing>,
    /// With a codec every batch goes through it, under the limits of this kind of link.
    codec: Option<LinkKind>,
}

struct Closing {
    by: usize,
    reason: CloseReason,
    /// What the other side is told.
    told: CloseReason,
}

/// The way from one side to the other. Its own cache lines: several threads write to it at a time.
#[repr(align(128))]
struct Direction {
    receiver: Receiver,
    window: Window,
    /// The deliveries that are under way, and [`CLOSED`].
    flight: AtomicU32,
    /// Whether the receiver has been told of the end.
    told: AtomicBool,
}

impl AsRef<Window> for Direction {
    fn as_ref(&self) -> &Window {
        &self.window
    }
}

/// In [`Direction::flight`]: no delivery may begin any more. The last one out tells the receiver.
const CLOSED: u32 = 1 << 31;

/// What a message weighs that is handed over by pointer: about the memory of the message itself. What it points to is
/// held by the process with or without it, and to measure it may take as long as to encode it.
const MESSAGE_WEIGHT: usize = 128;

/// Makes a connection. `receivers[i]` and `addresses[i]` are side `i`'s.
pub(crate) fn connect(receivers: [Receiver; 2], addresses: [Address; 2], codec: Option<LinkKind>) -> [Arc<End>; 2] {
    let [first, second] = receivers;
    let link = Arc::new(Link {
        directions: [Arc::new(Direction::new(second)), Arc::new(Direction::new(first))],
        closing: OnceLock::new(),
        codec,
    });
    let [address_first, address_second] = addresses;
    [
        Arc::new(End { link: link.clone(), outgoing: 0, remote: address_second }),
        Arc::new(End { link, outgoing: 1, remote: address_first }),
    ]
}

impl End {
    /// Ends a connection that one side never took up: no inbox hears of it.
    pub(crate) fn abandon(&self) {
        for direction in &self.link.directions {
            direction.told.store(true, Ordering::SeqCst);
        }
        self.close(CloseReason::Local);
    }

    fn direction(&self) -> &Arc<Direction> {
        &self.link.directions[self.outgoing]
    }

    fn end(&self, reason: CloseReason, told: CloseReason) {
        let closing = Closing { by: self.outgoing, reason, told };
        if self.link.closing.set(closing).is_err() {
            return;
        }
        for direction in 0..2 {
            let under_way = self.link.directions[direction].flight.fetch_or(CLOSED, Ordering::SeqCst);
            if under_way == 0 {
                self.link.tell(direction);
            }
            self.link.directions[direction].window.wake();
        }
    }
}

#[async_trait]
impl Comm for End {
    fn try_send(&self, batch: Batch) -> Result<(), TrySendError> {
        let Some(flight) = Flight::begin(&self.link, self.outgoing) else {
            return Err(TrySendError::Closed(batch));
        };
        match self.link.codec {
            None => {
                let weight = Weight::of(batch.messages.len() * MESSAGE_WEIGHT);
                flight.deliver(batch, weight)
            }
            Some(kind) => match through_the_codec(&batch, kind) {
                Ok((copy, weight)) => flight.deliver(copy, weight).map_err(|e| with_batch(e, batch)),
                Err(error) => Err(TrySendError::Unsendable { batch, reason: error.to_string() }),
            },
        }
    }

    async fn ready(&self) {
        let direction = self.direction();
        direction.window.room(|| direction.flight.load(Ordering::SeqCst) & CLOSED != 0).await;
    }

    fn close(&self, reason: CloseReason) {
        let told = CloseReason::Peer(reason.for_peer());
        self.end(reason, told);
    }

    fn is_by_reference(&self) -> bool {
        self.link.codec.is_none()
    }

    fn remote(&self) -> Address {
        self.remote.clone()
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.end(CloseReason::Local, CloseReason::Peer("its end of the connection was dropped".to_owned()));
    }
}

impl Direction {
    fn new(receiver: Receiver) -> Self {
        Direction { receiver, window: Window::new(), flight: AtomicU32::new(0), told: AtomicBool::new(false) }
    }
}

impl Link {
    /// Tells the receiver of a direction of the end. Called when that direction is closed and nothing is under way there.
    fn tell(&self, direction: usize) {
        let Some(closing) = self.closing.get() else { return };
        // The receiver of a direction is the other side's.
        let reason = if closing.by == direction { &closing.told } else { &closing.reason };
        let direction = &self.directions[direction];
        if !direction.told.swap(true, Ordering::SeqCst) {
            direction.receiver.inbox.closed(direction.receiver.peer, reason.clone());
        }
    }
}

/// A delivery under way. While there is one, the receiver does not hear of the end; it never waits for another, so a
/// receiver may send back, or close, from within `deliver`.
struct Flight<'a> {
    link: &'a Link,
    direction: usize,
}

impl<'a> Flight<'a> {
    /// `None` if the connection is closed.
    fn begin(link: &'a Link, direction: usize) -> Option<Self> {
        let before = link.directions[direction].flight.fetch_add(1, Ordering::SeqCst);
        let flight = Flight { link, direction };
        (before & CLOSED == 0).then_some(flight)
    }

    fn deliver(&self, batch: Batch, weight: Weight) -> Result<(), TrySendError> {
        let direction = &self.link.directions[self.direction];
        if !direction.window.take(weight) {
            return Err(TrySendError::Full(batch));
        }
        let permit = Permit::of(direction.clone(), weight);
        direction.receiver.inbox.deliver(direction.receiver.peer, batch, permit);
        Ok(())
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        // A direction that is closed stays so, and whoever finds it so has done nothing: the last one out may be one who
        // only looked, and tells all the same.
        let before = self.link.directions[self.direction].flight.fetch_sub(1, Ordering::SeqCst);
        if before == CLOSED | 1 {
            self.link.tell(self.direction);
        }
    }
}

/// The batch as it would come out of the wire, and what it weighs there.
fn through_the_codec(batch: &Batch, kind: LinkKind) -> Result<(Batch, Weight), WireError> {
    let Frame { head, payloads } = wire::encode(batch, kind)?;
    let (header, messages) =
        head.split_first_chunk::<HEADER_BYTES>().ok_or_else(|| WireError::Malformed("no header".to_owned()))?;
    let header = Header::from_bytes(header, kind)?;
    debug_assert!(header.messages_bytes <= MAX_MESSAGES_BYTES);
    let payloads = payloads.concat();
    let weight = Weight::of(head.len() + payloads.len());
    Ok((wire::decode(header, messages, payloads.into())?, weight))
}

/// The sender gets its own batch back, not the copy.
fn with_batch(error: TrySendError, batch: Batch) -> TrySendError {
    match error {
        TrySendError::Full(_) => TrySendError::Full(batch),
        TrySendError::Closed(_) => TrySendError::Closed(batch),
        TrySendError::Unsendable { reason, .. } => TrySendError::Unsendable { batch, reason },
    }
}
