//! Runs that nobody wants any more, before, while and after the executor has them.

use brisk_core::{id::RunId, message::SchedulerToWorker};

use super::*;

#[test]
fn a_cancelled_run_ends_privately_and_keeps_its_slot_until_then() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    bench.run(2, &[]);
    assert_eq!(bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(1) }), [Action::Abort { run: RunId(1) }]);
    assert_eq!(bench.worker.running(), 1);
    assert_eq!(bench.done(1, 8), started(2), "nothing is kept or told");
    assert_eq!(bench.worker.bytes(), 0);
}

#[test]
fn a_run_cancelled_after_its_end_loses_its_value() {
    let mut bench = Bench::new(1, 0);
    bench.with_value(1, 8);
    assert_eq!(bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(1) }), [drop_value(1)]);
}

#[test]
fn cancelling_one_run_does_not_touch_the_next_of_the_same_task() {
    let mut bench = Bench::new(2, 0);
    bench.run(1, &[]);
    bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(1) });
    assert_eq!(bench.says(assignment(1, 2, 0, &[])), started_as(1, 2));
    assert_eq!(bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(1) }), []);
    assert_eq!(bench.done(1, 8), []);
    assert_eq!(bench.done(2, 8)[0], Action::Keep { key: key(1) });
}

#[test]
fn a_task_may_be_cancelled_and_assigned_again_while_it_runs_any_number_of_times() {
    let mut bench = Bench::new(8, 0);
    bench.run(1, &[]);
    for run in 2..=6 {
        assert_eq!(
            bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(run - 1) }),
            [Action::Abort { run: RunId(run - 1) }]
        );
        assert_eq!(bench.says(assignment(1, run, 0, &[])), started_as(1, run));
    }
    assert_eq!(bench.worker.running(), 6);
    // They end in any order, well or badly.
    for run in [3, 1, 5] {
        assert_eq!(bench.done(run, 8), []);
    }
    for run in [4, 2] {
        assert_eq!(bench.failed(run), []);
    }
    let end = bench.done(6, 8);
    assert!(matches!(end[1], Action::ToScheduler(WorkerToScheduler::Finished { run: RunId(6), .. })), "{end:?}");
    assert_eq!((bench.worker.running(), bench.worker.values()), (0, 1));
}

#[test]
fn a_task_may_be_cancelled_and_assigned_again_while_its_input_is_on_its_way_any_number_of_times() {
    let mut bench = Bench::new(1, 0);
    assert_eq!(bench.run(1, &[(10, &[1])]), [fetch(1, 1, &[10])]);
    for run in 2..=6 {
        assert_eq!(bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(run - 1) }), []);
        assert_eq!(bench.says(assignment(1, run, 0, &[(10, &[1])])), [], "it is on its way once");
    }
    let arrived = bench.answer(1, &[(10, stored(10))]);
    assert_eq!(arrived[1..3], started_as(1, 6));
}

#[test]
fn what_a_cancelled_run_would_make_is_fetched_when_another_task_needs_it() {
    for ends_well in [true, false] {
        let mut bench = Bench::new(2, 0);
        bench.run(1, &[]);
        bench.cancel(1);
        // The scheduler counts on the copy elsewhere, not on a run that it has forgotten.
        assert_eq!(bench.run(2, &[(1, &[2])]), [fetch(1, 2, &[1])]);
        assert_eq!(if ends_well { bench.done(1, 8) } else { bench.failed(1) }, []);
        assert_eq!(bench.answer(1, &[(1, stored(8))])[1..3], started(2));
    }
}

#[test]
fn a_value_on_its_way_for_nobody_is_made_here_all_the_same() {
    for arrives_first in [true, false] {
        let mut bench = Bench::new(1, 0);
        bench.run(1, &[(10, &[1])]);
        bench.cancel(1);
        assert_eq!(bench.run(10, &[]), started(10));
        if arrives_first {
            assert_eq!(bench.answer(1, &[(10, stored(10))]), [], "nobody waits for a copy");
        }
        assert_eq!(bench.done(10, 8), finished(10, 8));
        if !arrives_first {
            assert_eq!(bench.answer(1, &[(10, stored(10))]), []);
        }
        assert_eq!((bench.worker.values(), bench.worker.bytes()), (1, 8));
    }
}

#[test]
fn a_value_that_is_fetched_and_made_at_once_counts_once() {
    let mut bench = Bench::new(2, 0);
    bench.run(1, &[(10, &[1])]);
    assert_eq!(bench.run(10, &[]), started(10));
    let arrived = bench.answer(1, &[(10, stored(10))]);
    assert_eq!(arrived[1..3], started(1), "whichever comes first will do");
    assert_eq!(bench.done(10, 12), finished(10, 12));
    assert_eq!((bench.worker.values(), bench.worker.bytes()), (1, 12));
    // The task that uses it is not disturbed by its being freed.
    assert_eq!(bench.free(10), []);
    assert_eq!(bench.done(1, 0)[2..], [drop_value(10)]);
}

#[test]
fn a_cancelled_run_that_goes_on_asynchronously_says_nothing_and_gives_its_thread_back() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    bench.cancel(1);
    bench.run(2, &[]);
    assert_eq!(bench.event(Event::Detached { run: RunId(1) }), started(2));
    // What is told twice, or of a run that never was, does nothing.
    for run in [1, 9] {
        assert_eq!(bench.event(Event::Detached { run: RunId(run) }), []);
    }
    assert_eq!(bench.worker.counters().stale_runs, 2);
    assert_eq!(bench.done(1, 8), []);
    assert_eq!(bench.done(2, 8), finished(2, 8));
}

#[test]
fn the_error_of_a_cancelled_run_is_nobodys() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    bench.run(2, &[]);
    bench.cancel(1);
    assert_eq!(bench.failed(1), started(2));
    assert_eq!(bench.failed(1), [], "and it ends once");
    assert_eq!(bench.worker.counters().stale_runs, 2);
}

#[test]
fn a_run_that_no_thread_had_taken_when_it_was_cancelled_gives_its_slot_back() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    bench.run(2, &[]);
    assert_eq!(bench.cancel(1), [Action::Abort { run: RunId(1) }]);
    // The executor had it in its queue, and gives it back.
    let failure = Box::new(Failure::new(ErrorKind::Cancelled, "the run was cancelled"));
    let back = bench.event(Event::Done { run: RunId(1), outcome: Err(failure), took: Duration::ZERO });
    assert_eq!(back, started(2));
}

#[test]
fn the_inputs_of_a_cancelled_run_may_be_freed_and_go_when_it_ends() {
    let mut bench = Bench::new(2, 0);
    bench.with_value(1, 8);
    bench.run(2, &[(1, &[])]);
    bench.run(3, &[(1, &[])]);
    bench.cancel(2);
    assert_eq!(bench.free(1), []);
    assert_eq!(bench.done(3, 0)[2..], [], "the cancelled run still reads it");
    assert_eq!(bench.done(2, 0), [drop_value(1)]);
    assert_eq!((bench.worker.values(), bench.worker.bytes()), (1, 0));
}

#[test]
fn a_cancelled_task_that_had_not_started_leaves_nothing() {
    let mut bench = Bench::new(1, 0);
    bench.with_value(1, 8);
    bench.run(2, &[]);
    bench.run(3, &[(1, &[])]);
    bench.run(4, &[(1, &[]), (10, &[1])]);
    assert_eq!((bench.cancel(3), bench.cancel(4)), (vec![], vec![]));
    assert_eq!(bench.free(1), [drop_value(1)], "neither needs it any more");
    assert_eq!(bench.answer(1, &[(10, stored(10))]), []);
    assert_eq!(bench.done(2, 0), finished(2, 0), "and neither starts");
    assert_eq!(bench.worker.assigned(), 0);
    bench.run(50, &[]);
    assert_eq!(bench.worker.assigned(), 1);
}

#[test]
fn what_cannot_be_matched_is_counted_and_changes_nothing() {
    let mut bench = Bench::new(1, 0);
    bench.with_value(1, 8);
    assert_eq!(bench.cancel(7), [], "never heard of");
    assert_eq!(bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(9) }), [], "another run made it");
    assert_eq!(bench.worker.counters().stale_runs, 2);
    assert_eq!(bench.worker.values(), 1);
}
