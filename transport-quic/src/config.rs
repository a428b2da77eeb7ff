//! What can be set.

use std::time::Duration;

use brisk_core::limits;

/// How a [`QuicTransport`](crate::QuicTransport) behaves. The defaults suit one host and real networks alike.
#[derive(Clone, Debug)]
pub struct QuicConfig {
    /// An idle connection sends a sign of life this often.
    pub keep_alive: Duration,
    /// A connection that was silent for so long is dead. The shorter of both sides' counts.
    pub idle_timeout: Duration,
    /// Time within which a peer must have said Hello and been answered.
    pub handshake_timeout: Duration,
    /// How long a closing connection may take to deliver what was sent before.
    pub close_timeout: Duration,
    /// A frame that was begun must go on within this time, or the peer is cut off.
    pub frame_timeout: Duration,
    /// A peer that takes nothing of what waits for it for so long is cut off.
    pub stall_timeout: Duration,
    /// The longest datagram to try, in bytes. What the path bears is probed; nothing longer than 1,200 is sent before.
    pub max_datagram_bytes: u16,
    /// The buffers to ask of the system for each socket, each way, in bytes. It may give less.
    pub socket_buffer_bytes: usize,
    /// Memory of long values that is kept for seconds, to receive others into, in bytes.
    pub spare_bytes: usize,
}

impl Default for QuicConfig {
    fn default() -> Self {
        QuicConfig {
            keep_alive: limits::KEEP_ALIVE,
            idle_timeout: limits::IDLE_TIMEOUT,
            handshake_timeout: limits::HANDSHAKE_TIMEOUT,
            close_timeout: Duration::from_secs(1),
            frame_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(60),
            max_datagram_bytes: 6_500,
            socket_buffer_bytes: 4 << 20,
            spare_bytes: 512 << 20,
        }
    }
}
