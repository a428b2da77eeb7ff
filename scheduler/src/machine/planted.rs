//! Bugs that can be planted, to see that the tests find them. There is nothing of this in a build without the feature
//! `planted`.
//!
//! Each is one line at the place where somebody could forget just that. A machine has at most one.

/// A way to break the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Planted {
    /// A message for another life of the scheduler is taken for one to this life.
    EpochFence,
    /// What a worker that is gone says is taken for what the first of those that are there says.
    IncarnationFence,
    /// A report of an earlier run counts for the current one.
    RunFence,
    /// A message about an earlier want counts for the current one.
    WantFence,
    /// A run that ends gives none of its resources back.
    LeakedSlot,
    /// A run that ends stays in the sum of its worker's work.
    LeakedOccupancy,
    /// A value that nobody needs is forgotten here, and kept by its worker.
    ForgottenFree,
    /// A run that nobody needs is forgotten here, and goes on at its worker.
    ForgottenCancel,
    /// What a worker gave up is not assigned again.
    DroppedStealAnswer,
    /// A client that wants what is in memory already is not told.
    LostWant,
    /// A task counts a dependent that begins to wait twice.
    WaiterCountedTwice,
    /// A new worker is given nothing of what waits for one.
    NoDispatchOnJoin,
    /// All tasks of a worker that dies are blamed, whether they ran or not.
    QueuedBlamed,
    /// Suspects are not kept apart.
    NoQuarantine,
    /// A value stays in memory when its only holder dies.
    DeadHolderKept,
    /// The dependents of a failed task go on waiting.
    FailureKept,
    /// A task fails with one death less than is allowed.
    OneDeathTooFew,
    /// A run keeps the number of the one before it.
    RunNumberReused,
    /// What a worker offered and nobody asked for stays there.
    OffersKept,
    /// What is fetched too often is dropped, the last copy included.
    LastCopyDropped,
    /// A publication ends with whatever client leaves.
    PublicationForgotten,
    /// A worker of another build is taken for one of the first.
    BuildIgnored,
    /// A task that is to be started once only runs again when its worker dies.
    OnceForgotten,
    /// An input that a submission finds released is not computed again.
    ReleasedNotNeeded,
    /// A scattered value that is lost is to be computed, like any other.
    ScatteredComputed,
    /// When the clock jumps ahead, the first thing that it makes due is forgotten.
    JumpForgets,
    /// An end that a supervisor says was intended is taken for a death.
    IntendedExitBlamed,
    /// A worker that speaks of a scattered value is not asked whether it still has it.
    HolderNotAsked,
    /// A client's leases end when its connection is lost, though it may come back.
    LeaseCutShort,
    /// Who asks for permits that are free gets them, though others wait.
    LineOvertaken,
    /// A grant has the number of the one before it.
    FenceReused,
    /// What was granted stays so, though whoever asked waits no more.
    GrantNotWithdrawn,
    /// A question that comes twice is answered twice.
    QuestionRepeated,
    /// What a getter was handed that has gone is dropped.
    ItemsLostWithGetter,
    /// What a getter was handed that has gone comes after all others.
    ItemsOutOfOrder,
    /// What a variable has told is held by nobody till it is confirmed.
    ToldNotHeld,
    /// An event that is set wakes one of those who wait for it.
    OneWakes,
}

impl Planted {
    /// All of them.
    pub const ALL: &[Planted] = &[
        Planted::EpochFence,
        Planted::IncarnationFence,
        Planted::RunFence,
        Planted::WantFence,
        Planted::LeakedSlot,
        Planted::LeakedOccupancy,
        Planted::ForgottenFree,
        Planted::ForgottenCancel,
        Planted::DroppedStealAnswer,
        Planted::LostWant,
        Planted::WaiterCountedTwice,
        Planted::NoDispatchOnJoin,
        Planted::QueuedBlamed,
        Planted::NoQuarantine,
        Planted::DeadHolderKept,
        Planted::FailureKept,
        Planted::OneDeathTooFew,
        Planted::RunNumberReused,
        Planted::OffersKept,
        Planted::LastCopyDropped,
        Planted::PublicationForgotten,
        Planted::BuildIgnored,
        Planted::OnceForgotten,
        Planted::ReleasedNotNeeded,
        Planted::ScatteredComputed,
        Planted::JumpForgets,
        Planted::IntendedExitBlamed,
        Planted::HolderNotAsked,
        Planted::LeaseCutShort,
        Planted::LineOvertaken,
        Planted::FenceReused,
        Planted::GrantNotWithdrawn,
        Planted::QuestionRepeated,
        Planted::ItemsLostWithGetter,
        Planted::ItemsOutOfOrder,
        Planted::ToldNotHeld,
        Planted::OneWakes,
    ];
}

impl super::Scheduler {
    /// The same scheduler, broken.
    #[must_use]
    pub fn with_planted(mut self, bug: Planted) -> Self {
        self.planted = Some(bug);
        self
    }
}
