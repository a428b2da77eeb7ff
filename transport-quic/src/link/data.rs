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

use std::net::IpAddr;

use brisk_core::limits::WINDOW_BATCHES;
use quinn::{Connection, VarInt};
use tokio::task::JoinError;

use super::Broken;
use crate::endpoint::{SEND_WINDOW, STREAM_WINDOW};

mod read;
mod room;
mod write;

pub(super) use read::read;
pub(super) use write::write;

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

/// Allows the peer its streams. Until then it has the handshake's and no other.
///
/// What is sent to a peer on this host lies in that one's socket at once: no more is sent than a socket takes,
/// `socket_bytes`, since the rest would be thrown away, sent again, and be taken for the sign of a slow network.
pub(super) fn open(connection: &Connection, socket_bytes: usize) {
    connection.set_receive_window(VarInt::from_u32(CONNECTION_WINDOW));
    connection.set_max_concurrent_uni_streams(VarInt::from_u32(MAX_STREAMS));
    if is_here(connection.local_ip(), connection.remote_address().ip()) {
        connection.set_send_window(SEND_WINDOW.min(socket_bytes as u64));
    }
}

/// Whether a peer is on this host.
fn is_here(local: Option<IpAddr>, remote: IpAddr) -> bool {
    remote.is_loopback() || local == Some(remote)
}

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

fn joined(ended: Result<Result<(), Broken>, JoinError>) -> Result<(), Broken> {
    match ended {
        Ok(ended) => ended,
        Err(error) if error.is_panic() => Err(Broken::Protocol("a batch could not be handled here".to_owned())),
        Err(_) => Err(Broken::Ended),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_the_same_address_is_on_this_host() {
        let of = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(is_here(None, of("127.0.0.1")) && is_here(None, of("::1")));
        assert!(is_here(Some(of("10.0.0.1")), of("10.0.0.1")));
        assert!(!is_here(Some(of("10.0.0.1")), of("10.0.0.2")) && !is_here(None, of("10.0.0.1")));
    }
}
