//! Tasks that are submitted from within tasks.

use std::time::Duration;

use brisk_core::{
    id::{ClientId, EnvironmentId, RequestId, RunId, WorkerId},
    message::{ClientToScheduler, SubmittedTask},
};

use super::bench::*;

/// A submission from within a run.
fn submit_from(
    bench: &mut Bench,
    client: ClientId,
    (parent, run): (u128, RunId),
    tasks: Vec<SubmittedTask>,
) -> Actions {
    let submission = RequestId(1_000_000 + (tasks[0].key.as_u128() >> 96) as u64);
    let mut actions = bench.say(client, ClientToScheduler::SubmitFrom { submission, parent: key(parent), run });
    let wants = tasks.iter().map(|task| want(task.key.as_u128() >> 96)).collect();
    actions.extend(bench.say(client, ClientToScheduler::Submit { submission, chunk: 0, last: true, tasks, wants }));
    actions
}

fn leaves(numbers: std::ops::Range<u128>) -> Vec<SubmittedTask> {
    numbers.map(|number| task(number, &[])).collect()
}

/// Ends one run after the other, and says in which order they went.
fn order(bench: &mut Bench, worker: WorkerId, first: (u128, RunId)) -> Vec<u128> {
    let (mut next, mut order) = (vec![first], Vec::new());
    while let Some(run) = next.pop() {
        order.push(run.0);
        next.extend(runs(&bench.finish(worker, run, 8)).into_iter().map(|(_, run)| run));
        assert!(next.len() <= 1, "one thread, and calls of a second");
    }
    order
}

#[test]
fn children_go_before_siblings_and_the_newest_first() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    bench.learn(c, Duration::from_secs(1));
    let parent = run(&bench.submit(c, leaves(0..3), &[0, 1, 2])).1;
    bench.submit(c, leaves(3..4), &[3]);
    assert_eq!(submit_from(&mut bench, c, parent, leaves(10..12)), []);
    assert_eq!(submit_from(&mut bench, c, parent, leaves(20..22)), []);
    let child = run(&bench.finish(w, parent, 8)).1;
    assert_eq!(child.0, 20, "what the parent asked for last it presumably waits for first");
    // A child's children go before its siblings.
    submit_from(&mut bench, c, child, leaves(30..32));
    assert_eq!(order(&mut bench, w, child), [20, 30, 31, 21, 10, 11, 1, 2, 3]);
}

#[test]
fn longer_ways_of_siblings_do_not_come_before_children() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    bench.learn(c, Duration::from_secs(1));
    let chain = vec![task(0, &[]), task(1, &[]), task(2, &[1]), task(3, &[2])];
    let sent = run(&bench.submit(c, chain, &[0, 3])).1;
    let parent = if sent.0 == 0 { sent } else { run(&bench.finish(w, sent, 8)).1 };
    submit_from(&mut bench, c, parent, leaves(10..12));
    let order = order(&mut bench, w, parent);
    let at = |number: u128| order.iter().position(|other| *other == number).unwrap();
    assert!(at(10) < at(3) && at(11) < at(3) && at(10) == at(parent.0) + 1, "{order:?}");
}

#[test]
fn user_priorities_are_within_the_parents() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    bench.learn(c, Duration::from_secs(1));
    let urgent = |number, priority| with(task(number, &[]), |options| options.priority = priority);
    let parent = run(&bench.submit(c, vec![urgent(0, 5), task(1, &[]), urgent(2, 4), urgent(3, 6)], &[0, 1, 2, 3])).1;
    let parent = if parent.0 == 0 { parent } else { run(&bench.finish(w, parent, 8)).1 };
    submit_from(&mut bench, c, parent, vec![task(10, &[]), urgent(11, 1), urgent(12, -2)]);
    assert_eq!(order(&mut bench, w, parent), [0, 11, 10, 2, 12, 1]);
}

#[test]
fn a_parent_that_does_not_run_any_more_is_ignored() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    bench.learn(c, Duration::from_secs(1));
    let parent = run(&bench.submit(c, leaves(0..3), &[0, 1, 2])).1;
    let unknown = (0, RunId(parent.1.0 + 100));
    submit_from(&mut bench, c, unknown, leaves(10..11));
    submit_from(&mut bench, c, (99, parent.1), leaves(20..21));
    assert_eq!(bench.machine.counters().late_parents, 2);
    assert_eq!(order(&mut bench, w, parent), [0, 1, 2, 10, 20]);
    submit_from(&mut bench, c, parent, leaves(30..31));
    assert_eq!(bench.machine.counters().late_parents, 3);
}

#[test]
fn another_builds_client_can_not_submit_from_a_task() {
    let mut bench = Bench::new();
    let (_, c) = (bench.worker(1), bench.client());
    let parent = run(&bench.submit(c, leaves(0..1), &[0])).1;
    let other = bench.client_of(EnvironmentId(6));
    submit_from(&mut bench, other, parent, leaves(10..11));
    assert_eq!(bench.machine.counters().late_parents, 1);
}

#[test]
fn the_parents_client_pays_whichever_session_submits() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    bench.learn(c, Duration::from_secs(1));
    let (session, rival) = (bench.client(), bench.client());
    let account = |bench: &Bench, client| bench.machine.clients[bench.machine.clients.find(client).unwrap()].account;
    let parent = run(&bench.submit(c, leaves(0..2), &[0, 1])).1;
    submit_from(&mut bench, session, parent, leaves(10..12));
    let t = bench.machine.tasks.find(key(10)).unwrap();
    assert_eq!(bench.machine.tasks[t].account, account(&bench, c));
    // The rival has its turn with the parent's client alone: the session has none of its own.
    bench.submit(rival, leaves(50..60), &(50..60).collect::<Vec<_>>());
    let mut run_now = parent;
    let mut order = Vec::new();
    for _ in 0..6 {
        order.push(run_now.0);
        run_now = run(&bench.finish(w, run_now, 8)).1;
    }
    assert_eq!(order.iter().filter(|number| **number >= 50).count(), 3, "each has every other turn: {order:?}");
    assert_eq!(bench.machine.accounts.given_ns(account(&bench, session)), 0);
}

#[test]
fn the_parents_client_may_leave_before_its_tasks_children() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let session = bench.client();
    let parent = run(&bench.submit(c, leaves(0..1), &[0])).1;
    bench.say(c, ClientToScheduler::Detach(vec![key(0)]));
    submit_from(&mut bench, session, parent, leaves(10..13));
    bench.say(c, ClientToScheduler::Goodbye);
    let child = run(&bench.finish(w, parent, 8)).1;
    assert_eq!(order(&mut bench, w, child), [10, 11, 12]);
    bench.say(session, ClientToScheduler::Goodbye);
    assert_eq!(bench.machine.task_count(), 0);
}

#[test]
fn children_do_not_wait_for_memory_since_their_parent_may_wait_for_them() {
    const GIB: u64 = 1 << 30;
    let mut bench = Bench::new();
    let (w, c) = (bench.worker_on("a", 2, GIB), bench.client());
    let small = |number, input| SubmittedTask { function: function(1).id, ..task(number, &[input]) };
    let first = run(&bench.submit(c, vec![task(1, &[]), small(2, 1)], &[2])).1;
    let second = run(&bench.finish(w, first, GIB * 4 / 10)).1;
    assert_eq!(bench.submit(c, leaves(3..4), &[3]), [], "it waits for the memory that 2 will free");
    assert_eq!(run(&submit_from(&mut bench, c, second, leaves(10..11))).1.0, 10);
}
