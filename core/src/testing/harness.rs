//! What the suite needs to know of a transport.

use std::{sync::Arc, time::Duration};

use crate::{
    address::Address,
    comm::{Connector, Listener},
    hello::Role,
};

/// Makes a process vanish: it says nothing more, and answers nothing.
pub type Vanish = Box<dyn FnOnce() + Send>;

/// A transport under test. Each property gets a harness of its own.
pub trait Harness: Sync {
    /// A new listener, at an address of its own.
    fn listen(&self, role: Role) -> Arc<dyn Listener>;

    /// Makes connections as `role`.
    fn connector(&self, role: Role) -> Arc<dyn Connector>;

    /// An address of this transport at which nobody listens.
    fn nowhere(&self) -> Address;

    /// Whether peers have certificates that name their roles.
    fn certifies(&self) -> bool;

    /// Whether short batches overtake long ones on a data link. In process there is nothing to overtake.
    fn overtakes(&self) -> bool;

    /// How many peers one listener should bear in a test of some seconds.
    fn many_peers(&self) -> usize;

    /// A connector of another process, as a client, and the means to make that process vanish. `None` where both ends
    /// live and die together.
    fn mortal(&self) -> Option<(Arc<dyn Connector>, Vanish)>;

    /// The time by which a peer that has vanished is noticed at the latest.
    fn silence(&self) -> Duration;
}
