//! Runs whose slots are given to others while their bodies go on.

use super::*;

fn abandon(bench: &mut Bench, n: u64) -> Vec<Action> {
    bench.says(SchedulerToWorker::Abandon { key: key(n.into()), run: RunId(n) })
}

fn given_up(n: u64) -> [Action; 2] {
    [Action::Abort { run: RunId(n) }, Action::Abandon { run: RunId(n) }]
}

#[test]
fn the_slot_of_an_abandoned_run_is_anothers_at_once() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    bench.run(2, &[]);
    let [abort, abandoned] = given_up(1);
    let [told, execute] = started(2);
    assert_eq!(abandon(&mut bench, 1), [abort, abandoned, told, execute]);
    assert_eq!(bench.worker.running(), 2, "its body goes on");
    bench.run(3, &[]);
    assert_eq!(bench.done(1, 8), [], "its end makes no room");
    let [keep, ended] = finished(2, 8);
    let [told, execute] = started(3);
    assert_eq!(bench.done(2, 8), [keep, ended, told, execute]);
    assert_eq!(bench.worker.running(), 1);
}

#[test]
fn what_has_not_started_or_has_ended_is_only_cancelled() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    bench.run(2, &[]);
    assert_eq!(abandon(&mut bench, 2), []);
    bench.done(1, 8);
    assert_eq!(abandon(&mut bench, 1), [drop_value(1)]);
    assert_eq!(abandon(&mut bench, 1), [], "it is not known any more");
}

#[test]
fn one_that_waits_for_others_gets_no_slot_again() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    bench.event(Event::Seceded { run: RunId(1) });
    assert_eq!(abandon(&mut bench, 1), [Action::Abort { run: RunId(1) }], "it holds none");
    bench.run(2, &[]);
    assert_eq!(bench.event(Event::Rejoined { run: RunId(1) }), [Action::Abandon { run: RunId(1) }]);
    bench.run(3, &[]);
    let [keep, ended] = finished(2, 8);
    let [told, execute] = started(3);
    assert_eq!(bench.done(2, 8), [keep, ended, told, execute]);
    assert_eq!(bench.event(Event::Seceded { run: RunId(1) }), [], "it has nothing to give up");
    assert_eq!(bench.event(Event::Rejoined { run: RunId(1) }), []);
    bench.done(1, 8);
    assert_eq!(bench.worker.running(), 1);
}

#[test]
fn beyond_the_limit_runs_keep_their_slots() {
    let mut bench = Bench::new(1, 0);
    let limit = u64::from(Config::new(1, 0).max_abandoned);
    for n in 1..=limit {
        bench.run(n, &[]);
        assert_eq!(abandon(&mut bench, n), given_up(n));
    }
    bench.run(limit + 1, &[]);
    bench.run(limit + 2, &[]);
    assert_eq!(abandon(&mut bench, limit + 1), [Action::Abort { run: RunId(limit + 1) }]);
    assert_eq!(bench.done(1, 8), [], "the slot is held by the last");
    assert_eq!(bench.done(limit + 1, 8), started(limit + 2));
}

#[test]
fn where_no_thread_can_take_the_place_the_slot_is_held_until_the_body_ends() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    bench.run(2, &[]);
    abandon(&mut bench, 1);
    assert_eq!(bench.event(Event::Kept { run: RunId(1) }), []);
    assert_eq!(bench.event(Event::Kept { run: RunId(1) }), [], "that is known");
    assert_eq!(bench.worker.counters().stale_runs, 1);
    bench.run(3, &[]);
    assert_eq!(bench.done(2, 8), finished(2, 8), "there is one run too many");
    assert_eq!(bench.done(1, 8), started(3));
}

#[test]
fn one_that_goes_on_asynchronously_leaves_its_thread() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    abandon(&mut bench, 1);
    assert_eq!(bench.event(Event::Detached { run: RunId(1) }), []);
    assert_eq!(bench.done(1, 8), []);
    assert_eq!(bench.worker.running(), 0);
}
