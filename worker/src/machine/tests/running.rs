//! Tasks: assigned, started, ended, stolen.

use brisk_core::{
    id::{Epoch, RequestId, RunId},
    message::{SchedulerToWorker, WorkerToScheduler},
};

use super::*;

#[test]
fn a_task_without_inputs_starts_at_once_and_its_end_is_told() {
    let mut bench = Bench::new(1, 0);
    assert_eq!(bench.run(1, &[]), started(1));
    assert_eq!(bench.done(1, 8), finished(1, 8));
    assert_eq!((bench.worker.bytes(), bench.worker.values()), (8, 1));
    assert_eq!(bench.says(SchedulerToWorker::Free(vec![key(1)])), [drop_value(1)]);
    assert_eq!((bench.worker.bytes(), bench.worker.running()), (0, 0));
}

#[test]
fn the_most_urgent_runs_first_and_of_equals_the_newest() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    for (n, user) in [(2, 0), (3, 0), (4, -1)] {
        assert_eq!(bench.says(assignment(n, n, user, &[])), []);
    }
    let ran: Vec<_> =
        [(1, 4), (4, 3), (3, 2)].iter().map(|(ends, starts)| bench.done(*ends, 1)[2..] == started(*starts)).collect();
    assert_eq!(ran, [true; 3]);
}

#[test]
fn a_newer_run_of_a_task_takes_the_place_of_the_older_one() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    assert_eq!(bench.says(assignment(1, 2, 0, &[])), [Action::Abort { run: RunId(1) }]);
    assert_eq!(bench.done(1, 8), started_as(1, 2));
}

#[test]
fn copies_of_assignments_do_nothing() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    assert_eq!(bench.run(1, &[]), []);
    bench.done(1, 8);
    let again = bench.run(1, &[]);
    assert!(again.len() == 1 && again.iter().all(returned(1)), "{again:?}");
    assert_eq!(bench.worker.counters().stale_assignments, 2);
}

#[test]
fn only_what_has_not_started_is_stolen() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    bench.run(2, &[]);
    bench.run(3, &[(10, &[1])]);
    let runs = (1..=4).map(|n| (key(u128::from(n)), RunId(n))).collect();
    let given = (2..=3).map(|n| (key(u128::from(n)), RunId(n))).collect();
    let stolen = Action::ToScheduler(WorkerToScheduler::Stolen { request: RequestId(5), runs: given });
    assert_eq!(bench.says(SchedulerToWorker::Steal { request: RequestId(5), runs }), [stolen]);
    assert_eq!(bench.done(1, 8), finished(1, 8));
}

#[test]
fn asynchronous_tasks_hold_no_thread() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    bench.run(2, &[]);
    assert_eq!(bench.event(Event::Detached { run: RunId(1) }), started(2));
    assert_eq!(bench.worker.running(), 2);
    assert_eq!(bench.done(1, 8), finished(1, 8));
}

#[test]
fn asynchronous_tasks_are_bounded_by_themselves() {
    let mut bench = Bench::new(4, 0);
    bench.worker.config.async_limit = 2;
    for n in 1..=2 {
        assert_eq!(bench.run(n, &[]), started(n));
        bench.event(Event::Detached { run: RunId(n) });
    }
    assert_eq!(bench.run(3, &[]), [], "one might go on asynchronously, too");
    assert_eq!(bench.done(1, 8)[2..], started(3));
}

#[test]
fn an_input_that_is_named_twice_is_needed_once() {
    let mut bench = Bench::new(1, 0);
    assert_eq!(bench.run(1, &[(10, &[1]), (11, &[2]), (10, &[1])]).len(), 2);
    let needs: Vec<_> = bench.worker.tasks.iter().flat_map(|(_, task)| task.needs.clone()).collect();
    assert_eq!(needs, [key(10), key(11)]);
}

#[test]
fn a_worker_is_idle_when_it_has_neither_task_nor_run_nor_request() {
    let mut bench = Bench::new(1, 0);
    let idle = |bench: &Bench| bench.worker.is_idle();
    assert!(idle(&bench));
    bench.run(1, &[(10, &[])]);
    assert!(!idle(&bench), "a task, of which nothing runs or is on its way");
    bench.cancel(1);
    assert!(idle(&bench));
    bench.run(2, &[(10, &[1])]);
    bench.cancel(2);
    assert!(!idle(&bench), "a request that nobody waits for");
    bench.answer(1, &[(10, stored(1))]);
    assert!(idle(&bench));
    bench.run(3, &[]);
    bench.cancel(3);
    assert!(!idle(&bench), "a run that nobody waits for");
    bench.done(3, 8);
    assert!(idle(&bench));
    assert_eq!(bench.worker.id(), ME);
}

#[test]
fn messages_of_another_life_of_the_scheduler_do_nothing() {
    let mut bench = Bench::new(1, 0);
    let message = assignment(1, 1, 0, &[]);
    assert_eq!(bench.event(Event::FromScheduler { epoch: Epoch(6), message }), []);
    assert_eq!(bench.worker.counters().stale_messages, 1);
}

#[test]
fn what_a_task_takes_of_resources_is_the_schedulers_affair() {
    let mut bench = Bench::new(2, 0);
    let with_resource = |n: u64| {
        let mut message = assignment(n, n, 0, &[]);
        if let SchedulerToWorker::Run(assignment) = &mut message {
            assignment.resources = vec![("gpu".into(), brisk_core::options::Quantity::from_f64(1.0))];
        }
        message
    };
    // It has admitted both, or they would not be here: nothing waits behind a task for what it lacks.
    assert_eq!(bench.says(with_resource(1)), started(1));
    assert_eq!(bench.says(with_resource(2)), started(2));
}
