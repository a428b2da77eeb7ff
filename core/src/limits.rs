//! Every limit that both ends of a connection must agree on, with its reason.
//!
//! Decoders check them before they take memory; senders check them so that an honest program never meets the decoder's
//! refusal.

use std::time::Duration;

/// The messages of one batch, encoded, without the payloads beside them. Far above any batch an honest peer sends
/// (submissions are cut into chunks of [`CHUNK_TASKS`]), far below what would hurt.
pub const MAX_MESSAGES_BYTES: usize = 4 << 20;

/// All payloads of one control batch together. Task specifications ride there; large values never do.
pub const MAX_CONTROL_PAYLOAD_BYTES: usize = 64 << 20;

/// All payloads of one batch on a data link: one value may be this long. Received in pieces, each charged as it comes.
pub const MAX_DATA_PAYLOAD_BYTES: u64 = 64 << 30;

/// Inline arguments of one task, encoded, when it must leave the process. A longer one should be a task's result.
pub const MAX_SPEC_BYTES: usize = 16 << 20;

/// Tasks in one chunk of a submission. Small enough that the scheduler answers others between two chunks.
pub const CHUNK_TASKS: usize = 1_024;

/// Payload bytes after which a chunk is closed early.
pub const CHUNK_BYTES: usize = 4 << 20;

/// Dependencies of one task.
pub const MAX_DEPENDENCIES: usize = 100_000;

/// A name that a user or a peer chose: of a key, a worker, a function, a resource.
pub const MAX_NAME_BYTES: usize = 512;

/// Text of one error with its causes, arguments and backtrace, before it is cut.
pub const MAX_ERROR_BYTES: usize = 64 << 10;

/// A result at most this long travels with the report of its task, through the scheduler, unread, to the clients that
/// wait for it: one round trip less than to fetch it.
pub const INLINE_RESULT_BYTES: u64 = 4 << 10;

/// Calls of actors that one caller may have under way to one worker. Enough to keep it busy, whatever the distance; the rest
/// waits with the caller.
pub const ACTOR_CALLS: usize = 128;

/// Batches a receiver may hold unhandled, a connection, before its sender is stopped.
pub const WINDOW_BATCHES: usize = 256;

/// Bytes a receiver may hold unhandled, a connection, before its sender is stopped. One batch may exceed it alone.
pub const WINDOW_BYTES: usize = 32 << 20;

/// Time within which a peer must have said [`Hello`](crate::hello::Hello) and been answered.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Handshakes a listener keeps open at once; further peers wait.
pub const MAX_PENDING_HANDSHAKES: usize = 64;

/// An idle connection sends a sign of life this often.
pub const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// A connection that was silent for so long is dead. A killed process says nothing over UDP.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(8);
