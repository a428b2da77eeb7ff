//! Brisk's transport between processes and hosts: QUIC, with TLS 1.3 and certificates on both sides, always.
//!
//! One [`QuicTransport`] a process holds its [`Credentials`] and makes listeners and connections. Everything runs on the
//! runtime it was given; the futures it hands out can be awaited anywhere.
//!
//! - A *control* link is one long-lived stream, in order.
//! - A *data* link puts every batch on a stream of its own, so that a long one does not hold up the next; it has a socket
//!   of its own too, so that bulk never holds up control.
//!
//! Addresses are `quic://host:port`. In reading order:

mod buffers;
mod close;
mod config;
mod connector;
mod credentials;
mod endpoint;
mod handshake;
mod link;
mod listener;
mod reset;
mod tls;
mod transport;

pub use config::QuicConfig;
pub use credentials::{ClusterAuthority, Credentials, CredentialsError};
pub use transport::{QuicError, QuicTransport, Rejection};

/// The scheme of this transport's addresses.
pub const SCHEME: &str = "quic";
