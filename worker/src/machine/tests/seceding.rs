//! Runs that give their thread up while they wait for others.

use super::*;

fn seceded(n: u64) -> Action {
    Action::ToScheduler(WorkerToScheduler::Seceded { key: key(n.into()), run: RunId(n) })
}

fn rejoined(n: u64) -> Action {
    Action::ToScheduler(WorkerToScheduler::Rejoined { key: key(n.into()), run: RunId(n) })
}

#[test]
fn a_thread_that_was_given_up_is_anothers_and_is_taken_again_at_once() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    bench.run(2, &[]);
    bench.run(3, &[]);
    let [told, execute] = started(3);
    assert_eq!(bench.event(Event::Seceded { run: RunId(1) }), [seceded(1), told, execute], "the newest of equals");
    assert_eq!((bench.worker.running(), bench.worker.seceded()), (2, 1));
    assert_eq!(bench.event(Event::Seceded { run: RunId(1) }), [], "it holds none");
    assert_eq!(bench.event(Event::Rejoined { run: RunId(1) }), [rejoined(1)]);
    assert_eq!(bench.event(Event::Rejoined { run: RunId(1) }), [], "it holds one");
    assert_eq!(bench.worker.counters().stale_runs, 2);
    assert_eq!(bench.done(3, 8), finished(3, 8), "there is one run too many, so nothing starts");
    let [keep, told] = finished(1, 8);
    let [start, execute] = started(2);
    assert_eq!(bench.done(1, 8), [keep, told, start, execute]);
}

#[test]
fn a_run_may_end_without_its_thread() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    bench.event(Event::Seceded { run: RunId(1) });
    bench.run(2, &[]);
    assert_eq!(bench.done(1, 8), finished(1, 8));
    assert_eq!((bench.worker.running(), bench.worker.seceded()), (1, 0));
}

#[test]
fn of_a_run_that_nobody_waits_for_nothing_is_told() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    bench.event(Event::Seceded { run: RunId(1) });
    bench.cancel(1);
    bench.run(2, &[]);
    assert_eq!(bench.event(Event::Rejoined { run: RunId(1) }), []);
    bench.run(3, &[]);
    assert_eq!(bench.done(2, 8), finished(2, 8), "its body has the thread");
    assert_eq!(bench.done(1, 8), started(3));
}

#[test]
fn one_that_goes_on_asynchronously_while_it_waits_for_others_waits_for_them_still() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    bench.event(Event::Seceded { run: RunId(1) });
    assert_eq!(bench.event(Event::Detached { run: RunId(1) }), []);
    assert_eq!((bench.worker.running(), bench.worker.seceded()), (1, 1));
}
