//! Bugs that can be planted, to see that the tests find them. There is nothing of this in a build without the feature
//! `planted`.
//!
//! Each is one line at the place where somebody could forget just that. A machine has at most one.

/// A way to break a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Planted {
    /// A value that nobody waits for any more when it comes is kept.
    StaleFetchKept,
    /// A run that was cancelled keeps its thread when it ends.
    LeakedThread,
    /// What a run needed stays pinned when it ends.
    LeakedPin,
    /// A value is freed though a run needs it.
    PinnedFreed,
    /// The scheduler is not told of a copy.
    CopyNotTold,
    /// Of those who wait for a value one is forgotten when it comes.
    WaiterForgotten,
    /// What was asked of a peer that is lost is not asked of another.
    LostNotRetried,
    /// A worker without memory goes on.
    PauseIgnored,
    /// A run that ends is not reported.
    EndNotTold,
    /// A value whose key a user chose is offered to the next scheduler.
    NamedOffered,
    /// Who is asked whether a value is here says nothing.
    ConfirmIgnored,
    /// Calls of actors are made as they come, and not in the order of their numbers.
    CallsOvertake,
}

impl Planted {
    /// All of them.
    pub const ALL: &[Planted] = &[
        Planted::StaleFetchKept,
        Planted::LeakedThread,
        Planted::LeakedPin,
        Planted::PinnedFreed,
        Planted::CopyNotTold,
        Planted::WaiterForgotten,
        Planted::LostNotRetried,
        Planted::PauseIgnored,
        Planted::EndNotTold,
        Planted::NamedOffered,
        Planted::ConfirmIgnored,
        Planted::CallsOvertake,
    ];
}

impl super::Worker {
    /// The same worker, broken.
    #[must_use]
    pub fn with_planted(mut self, bug: Planted) -> Self {
        self.planted = Some(bug);
        self
    }
}
