//! How batches become frames: a fixed header, the messages in postcard, and the payloads beside them, as they lie.
//!
//! ```text
//! length of the messages   u32, little endian
//! length of the payloads   u64, little endian
//! epoch                    u64, little endian
//! incarnation              u64, little endian
//! messages                 postcard
//! payloads                 one after the other; each message says how long its payload is
//! ```
//!
//! Every length is checked against a limit before memory is taken for it.

use bytes::{Buf, Bytes};
use thiserror::Error;

use crate::{
    error::EncodeError,
    id::{Epoch, Incarnation},
    limits::{MAX_CONTROL_PAYLOAD_BYTES, MAX_DATA_PAYLOAD_BYTES, MAX_MESSAGES_BYTES},
    message::{Batch, Messages},
    payload::Payload,
};

/// The length of a frame's header, in bytes.
pub const HEADER_BYTES: usize = 28;

/// A batch as bytes: header and messages in one piece, then the payloads, from where they lie.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Header and messages.
    pub head: Bytes,
    /// The payloads, in order.
    pub payloads: Vec<Bytes>,
}

impl Frame {
    /// The whole length in bytes.
    pub fn len(&self) -> usize {
        self.head.len() + self.payloads.iter().map(Bytes::len).sum::<usize>()
    }

    /// Whether there is nothing in it; there never is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The length of the messages, in bytes.
    pub messages_bytes: usize,
    /// The length of all payloads, in bytes.
    pub payload_bytes: u64,
    /// The batch's epoch.
    pub epoch: Epoch,
    /// The batch's incarnation.
    pub incarnation: Incarnation,
}

/// Which limit applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// A link with the scheduler: in order, and short.
    Control,
    /// A data link: payloads may be long.
    Data,
}

impl LinkKind {
    /// The most payload bytes that a frame may have.
    pub fn max_payload_bytes(self) -> u64 {
        match self {
            LinkKind::Control => MAX_CONTROL_PAYLOAD_BYTES as u64,
            LinkKind::Data => MAX_DATA_PAYLOAD_BYTES,
        }
    }
}

/// A batch can't become a frame, or a frame a batch.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WireError {
    /// A payload refuses to be encoded.
    #[error(transparent)]
    Payload(#[from] EncodeError),
    /// Longer than is allowed.
    #[error("{what} of {bytes} bytes are more than the {limit} allowed")]
    TooLong {
        /// What is too long.
        what: &'static str,
        /// How long it is.
        bytes: u64,
        /// How long it may be.
        limit: u64,
    },
    /// The bytes are no batch.
    #[error("malformed frame: {0}")]
    Malformed(String),
}

/// Encodes a batch.
///
/// # Errors
/// If it is beyond the limits of `link`, or a payload refuses.
pub fn encode(batch: &Batch, link: LinkKind) -> Result<Frame, WireError> {
    let mut payloads = Vec::new();
    let mut payload_bytes = 0u64;
    batch.messages.for_each_payload(|payload| {
        let bytes = payload.encode()?;
        payload_bytes += bytes.len() as u64;
        if payload.len() != bytes.len() as u64 {
            // The message would announce another length than its body has.
            return Err(WireError::Malformed(format!("{payload:?} was not sealed")));
        }
        payloads.push(bytes);
        Ok(())
    })?;
    within("payloads", payload_bytes, link.max_payload_bytes())?;
    let mut head = Vec::with_capacity(HEADER_BYTES + 64 * batch.messages.len().min(1_024));
    head.resize(HEADER_BYTES, 0);
    let head = postcard::to_extend(&batch.messages, head).map_err(|e| WireError::Malformed(e.to_string()))?;
    let header = Header {
        messages_bytes: head.len() - HEADER_BYTES,
        payload_bytes,
        epoch: batch.epoch,
        incarnation: batch.incarnation,
    };
    within("messages", header.messages_bytes as u64, MAX_MESSAGES_BYTES as u64)?;
    let mut head = head;
    head[..HEADER_BYTES].copy_from_slice(&header.to_bytes());
    Ok(Frame { head: head.into(), payloads })
}

impl Header {
    /// The header's bytes.
    pub fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&(self.messages_bytes as u32).to_le_bytes());
        bytes[4..12].copy_from_slice(&self.payload_bytes.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.epoch.0.to_le_bytes());
        bytes[20..].copy_from_slice(&self.incarnation.0.to_le_bytes());
        bytes
    }

    /// Reads a header and checks its lengths, before anybody takes memory for them.
    ///
    /// # Errors
    /// If a length is beyond the limits of `link`.
    pub fn from_bytes(bytes: &[u8; HEADER_BYTES], link: LinkKind) -> Result<Self, WireError> {
        let mut rest = &bytes[..];
        let header = Header {
            messages_bytes: rest.get_u32_le() as usize,
            payload_bytes: rest.get_u64_le(),
            epoch: Epoch(rest.get_u64_le()),
            incarnation: Incarnation(rest.get_u64_le()),
        };
        within("messages", header.messages_bytes as u64, MAX_MESSAGES_BYTES as u64)?;
        within("payloads", header.payload_bytes, link.max_payload_bytes())?;
        Ok(header)
    }
}

/// Puts a batch together from its header, its messages and its payloads. `payloads` is shared, not copied.
///
/// # Errors
/// If the messages do not decode, or announce other lengths than the payloads have.
pub fn decode(header: Header, messages: &[u8], mut payloads: Bytes) -> Result<Batch, WireError> {
    if payloads.len() as u64 != header.payload_bytes {
        return Err(WireError::Malformed("the payloads are cut short".to_owned()));
    }
    let (mut messages, rest): (Messages, _) =
        postcard::take_from_bytes(messages).map_err(|e| WireError::Malformed(e.to_string()))?;
    if !rest.is_empty() {
        return Err(WireError::Malformed(format!("{} bytes are left over", rest.len())));
    }
    messages.for_each_payload_mut(|payload: &mut Payload| {
        let len = usize::try_from(payload.len()).unwrap_or(usize::MAX);
        if len > payloads.len() {
            return Err(WireError::Malformed("a message announces more payload than there is".to_owned()));
        }
        payload.attach(payloads.split_to(len));
        Ok(())
    })?;
    if !payloads.is_empty() {
        return Err(WireError::Malformed(format!("{} bytes of payload belong to no message", payloads.len())));
    }
    Ok(Batch { epoch: header.epoch, incarnation: header.incarnation, messages })
}

fn within(what: &'static str, bytes: u64, limit: u64) -> Result<(), WireError> {
    if bytes <= limit { Ok(()) } else { Err(WireError::TooLong { what, bytes, limit }) }
}

#[cfg(test)]
mod tests;
