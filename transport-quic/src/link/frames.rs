//! Frames on streams: put together from what arrives, in pieces of any size, and written in pieces of a good size.

use brisk_core::{
    message::Batch,
    wire::{self, Frame, HEADER_BYTES, Header, LinkKind, WireError},
};
use bytes::{Bytes, BytesMut};

/// Pieces below this are written together with their neighbours. Above it a copy costs more than a piece of its own.
const SHORT_PIECE_BYTES: usize = 8 << 10;

/// Payloads below this are copied out of the buffer they arrived in: a short payload that somebody keeps would keep the
/// whole buffer.
const SHORT_PAYLOAD_BYTES: usize = 64 << 10;

/// The bytes of a control stream that are not whole batches yet. Holds at most one frame and what was read with its end:
/// the header is checked as soon as it is there, and memory is taken as bytes come.
#[derive(Default)]
pub(super) struct FrameBuffer {
    bytes: BytesMut,
    /// The header of the frame that the buffer begins with, once it is there.
    header: Option<Header>,
}

impl FrameBuffer {
    /// Adds what has arrived.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes out the next batch with the length of its frame, if all of it is there.
    pub(super) fn next(&mut self, kind: LinkKind) -> Result<Option<(Batch, usize)>, WireError> {
        let header = match self.header {
            Some(header) => header,
            None => {
                let Some(header) = self.bytes.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
                *self.header.insert(Header::from_bytes(header, kind)?)
            }
        };
        let payload_start = HEADER_BYTES + header.messages_bytes;
        // On a control link, the only one that comes through here, the limit is far below what a usize holds.
        let length = usize::try_from(header.payload_bytes).ok().and_then(|bytes| bytes.checked_add(payload_start));
        let Some(length) = length else {
            return Err(WireError::Malformed("the frame is longer than this machine's memory".to_owned()));
        };
        if self.bytes.len() < length {
            return Ok(None);
        }
        self.header = None;
        let frame = self.bytes.split_to(length);
        let payloads = match length - payload_start {
            0 => Bytes::new(),
            1..SHORT_PAYLOAD_BYTES => Bytes::copy_from_slice(&frame[payload_start..]),
            _ => {
                let frame = frame.freeze();
                let batch = wire::decode(header, &frame[HEADER_BYTES..payload_start], frame.slice(payload_start..))?;
                return Ok(Some((batch, length)));
            }
        };
        let batch = wire::decode(header, &frame[HEADER_BYTES..payload_start], payloads)?;
        Ok(Some((batch, length)))
    }

    /// Whether it ends between two frames.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// The pieces of several frames in order, short ones joined. Long payloads stay where they lie.
pub(super) fn pieces(frames: impl Iterator<Item = Frame>) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    let mut joined = BytesMut::new();
    for frame in frames {
        for piece in std::iter::once(frame.head).chain(frame.payloads) {
            if piece.len() < SHORT_PIECE_BYTES {
                joined.extend_from_slice(&piece);
                continue;
            }
            if !joined.is_empty() {
                pieces.push(joined.split().freeze());
            }
            pieces.push(piece);
        }
    }
    if !joined.is_empty() {
        pieces.push(joined.freeze());
    }
    pieces
}

#[cfg(test)]
mod tests {
    use brisk_core::{
        id::{Epoch, Incarnation, RequestId},
        key::Key,
        message::{DataMessage, FetchOutcome, Messages},
        payload::Payload,
    };

    use super::*;

    fn batch(number: u64, payload: usize) -> Batch {
        let value = Payload::from_bytes(vec![number as u8; payload]);
        let values = vec![(Key::from_u128(number.into()), FetchOutcome::Value(value))];
        let messages = Messages::Data(vec![DataMessage::Values { request: RequestId(number), values }]);
        Batch { epoch: Epoch(1), incarnation: Incarnation(number), messages }
    }

    #[test]
    fn batches_come_out_whole_however_they_are_cut() {
        let sent: Vec<Batch> = [0, 1, 100, 70_000, 0, 9_000].iter().zip(0..).map(|(&len, n)| batch(n, len)).collect();
        let frames = sent.iter().map(|batch| wire::encode(batch, LinkKind::Control).unwrap());
        let stream = pieces(frames).concat();
        for cut in [1, 7, 28, 1_000, stream.len()] {
            let mut buffer = FrameBuffer::default();
            let mut received = Vec::new();
            for piece in stream.chunks(cut) {
                buffer.extend(piece);
                while let Some((batch, _)) = buffer.next(LinkKind::Control).unwrap() {
                    received.push(batch);
                }
            }
            assert!(buffer.is_empty());
            assert_eq!(received, sent, "cut into {cut}");
        }
    }

    #[test]
    fn a_frame_that_is_too_long_is_refused_at_its_header() {
        let header = Header {
            messages_bytes: 0,
            payload_bytes: LinkKind::Control.max_payload_bytes() + 1,
            epoch: Epoch(0),
            incarnation: Incarnation(0),
        };
        let mut buffer = FrameBuffer::default();
        buffer.extend(&header.to_bytes());
        assert!(matches!(buffer.next(LinkKind::Control), Err(WireError::TooLong { what: "payloads", .. })));
    }

    #[test]
    fn long_payloads_are_not_copied_on_their_way_out() {
        let frame = wire::encode(&batch(1, 100_000), LinkKind::Control).unwrap();
        let place = frame.payloads[0].as_ptr();
        assert_eq!(pieces(std::iter::once(frame))[1].as_ptr(), place);
    }
}
