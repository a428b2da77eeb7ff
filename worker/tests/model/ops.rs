//! What happens to a worker.

use super::*;

/// Something that happens. It picks among what there is by index, so that a shorter list of ops still makes sense.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// A task is assigned; it may need keys below its own, each held by some peers, this worker or nobody.
    Assign {
        key: u8,
        needs: Vec<(u8, u8)>,
        priority: i8,
        /// How long it may take, in milliseconds.
        limit: Option<u16>,
    },
    /// A message of the scheduler comes once more.
    Again(Index),
    /// A message comes from another life of the scheduler.
    Foreign(Index),
    Cancel(Index),
    Free(u8),
    /// The scheduler wants a copy that no task needs, held by some peers.
    Acquire(u8, u8),
    Holders(u8, u8),
    Steal(Vec<Index>),
    Gone(u8),
    Introduce(u8),
    /// A run ends: with a value of this length, or an error.
    Done(Index, Option<u8>),
    /// A run ends with a value of any length.
    DoneWith(Index, u64),
    /// A run ends that ended before, or never was.
    DoneAgain(u8),
    Detach(Index),
    /// A run gives its thread up, or takes it again.
    Secede(Index, bool),
    /// A peer answers some keys of a request.
    Answer(Index, Vec<(Index, Answer)>),
    /// A peer answers what nobody asked, or was answered.
    AnswerAgain(u8, u8),
    PeerLost(u8),
    /// A client puts values here, with their lengths.
    Put(Vec<(u8, u8)>),
    /// Time passes, in milliseconds.
    Wait(u16),
    Retire,
    Dismiss,
    /// The scheduler says something that makes no sense, or comes at the wrong time.
    Nonsense(SchedulerToWorker),
}

#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Stored(u8),
    Missing,
    Busy,
    Failed,
}

pub(crate) fn op() -> impl Strategy<Value = Op> {
    let index = any::<Index>;
    let answer = prop_oneof![
        4 => any::<u8>().prop_map(Answer::Stored),
        2 => Just(Answer::Missing),
        1 => Just(Answer::Busy),
        1 => Just(Answer::Failed),
    ];
    let answers = proptest::collection::vec((index(), answer), 1..4);
    let limit = proptest::option::weighted(0.3, 0..20_000u16);
    prop_oneof![
        10 => (0..KEYS, proptest::collection::vec((0..KEYS, any::<u8>()), 0..4), -1..2i8, limit)
            .prop_map(|(key, needs, priority, limit)| Op::Assign { key, needs, priority, limit }),
        1 => index().prop_map(Op::Again),
        1 => index().prop_map(Op::Foreign),
        3 => index().prop_map(Op::Cancel),
        3 => (0..KEYS).prop_map(Op::Free),
        3 => (0..KEYS, any::<u8>()).prop_map(|(key, holders)| Op::Acquire(key, holders)),
        2 => (0..KEYS, any::<u8>()).prop_map(|(key, holders)| Op::Holders(key, holders)),
        2 => proptest::collection::vec(index(), 0..3).prop_map(Op::Steal),
        1 => (0..PEERS).prop_map(Op::Gone),
        1 => (0..PEERS).prop_map(Op::Introduce),
        8 => (index(), proptest::option::weighted(0.8, any::<u8>())).prop_map(|(run, end)| Op::Done(run, end)),
        1 => any::<u8>().prop_map(Op::DoneAgain),
        1 => index().prop_map(Op::Detach),
        4 => (index(), any::<bool>()).prop_map(|(run, away)| Op::Secede(run, away)),
        8 => (index(), answers).prop_map(|(request, answers)| Op::Answer(request, answers)),
        1 => (any::<u8>(), 0..KEYS).prop_map(|(request, key)| Op::AnswerAgain(request, key)),
        1 => (0..PEERS).prop_map(Op::PeerLost),
        2 => proptest::collection::vec((0..KEYS, any::<u8>()), 1..4).prop_map(Op::Put),
        2 => (0..40_000u16).prop_map(Op::Wait),
        1 => prop_oneof![9 => Just(Op::Wait(1)), 1 => Just(Op::Retire), 1 => Just(Op::Dismiss)],
    ]
}
