//! Brisk's transport inside one process: a batch is handed to the other side's inbox on the sender's own thread, and the
//! values in it move by pointer.
//!
//! There is no runtime, no thread and no global state here: an [`InprocNetwork`] is a value, two clusters in one process
//! have one each, and every future works under any executor. For that reason nothing here keeps time either: a call that
//! its listener never answers waits until the listener, or the call, is dropped.
//!
//! [`InprocNetwork::encoding`] makes a network that puts every batch through the codec of the wire, limits included, so
//! that a test inside one process finds what would break between two.

mod backlog;
mod link;
mod network;

pub use network::InprocNetwork;
