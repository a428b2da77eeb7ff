//! The worker's machine under anything that can happen to it: first everything at once, copies and stale messages
//! included, then only what an honest world does, under which all that was assigned must end.

mod model;

use model::{Model, Op};
use proptest::prelude::*;

fn ops() -> impl Strategy<Value = Vec<Op>> {
    proptest::collection::vec(model::op(), 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    /// Whatever happens, in whatever order: the invariants hold, each run ends once, nothing is kept that the scheduler
    /// does not know of, and when the world is honest again all work ends and nothing is left.
    #[test]
    fn nothing_goes_wrong_and_everything_ends(threads in 1u32..4, limit in prop_oneof![Just(0u64), 50u64..400], ops in ops()) {
        let mut model = Model::new(threads, limit);
        for op in ops {
            model.apply(op);
        }
        model.converge();
        model.clear();
    }

    /// A machine that is written down and read again between two events goes on as the other would have.
    #[test]
    fn what_is_read_from_a_dump_is_the_same_machine(
        threads in 1u32..4,
        limit in prop_oneof![Just(0u64), 50u64..400],
        ops in ops(),
    ) {
        let run = |reloads: bool| {
            let mut model = Model::new(threads, limit);
            for (place, op) in ops.clone().into_iter().enumerate() {
                model.apply(op);
                if reloads && place % 8 == 7 {
                    model.reload();
                }
            }
            model.converge();
            model.clear();
            // What was read has no bodies of calls.
            model.trace.iter().map(|action| format!("{action:?}").replace(", absent", "")).collect::<Vec<_>>()
        };
        prop_assert_eq!(run(true), run(false));
    }

    /// What was dealt with once is not dealt with again: a copy of any message right behind it changes nothing that can be
    /// seen, but for the counters and the answer to a question.
    #[test]
    fn messages_that_come_twice_act_once(threads in 1u32..4, ops in ops()) {
        let mut model = Model::new(threads, 0);
        model.twice = true;
        for op in ops {
            model.apply(op);
        }
        model.converge();
    }

    /// A scheduler that makes no sense can make a worker do useless things, but none that it may not do: what it holds adds
    /// up, each run runs once, nobody is asked who was not introduced, and it ends when it is told to.
    #[test]
    fn nonsense_breaks_nothing(
        threads in 1u32..4,
        limit in prop_oneof![Just(0u64), 50u64..400, Just(u64::MAX)],
        ops in proptest::collection::vec(model::nonsense::op(), 0..120),
    ) {
        let mut model = Model::new(threads, limit);
        ops.into_iter().for_each(|op| model.apply(op));
        model.end();
    }

    /// The same events give the same actions.
    #[test]
    fn the_machine_is_a_function(threads in 1u32..4, limit in prop_oneof![Just(0u64), 50u64..400], ops in ops()) {
        let run = || {
            let mut model = Model::new(threads, limit);
            ops.iter().for_each(|op| model.apply(op.clone()));
            model.trace
        };
        prop_assert_eq!(run(), run());
    }
}
