//! What a client that cancels a task ends besides, and what it leaves.

use brisk_core::{
    id::{ClientId, RequestId},
    message::{ClientToScheduler, KeyNews, SubmittedTask},
    state::TaskState,
};

use super::bench::*;

/// A client cancels a task. Who hears of which task that it is cancelled.
fn cancel(bench: &mut Bench, client: ClientId, number: u128) -> Vec<(ClientId, u128)> {
    let actions = bench.say(client, ClientToScheduler::Cancel { keys: vec![want(number)], force: false });
    let cancelled = news(&actions).into_iter().filter(|(_, _, news)| matches!(news, KeyNews::Cancelled(_)));
    cancelled.map(|(client, number, _)| (client, number)).collect()
}

/// A task, and one that depends on it.
fn pair() -> Vec<SubmittedTask> {
    vec![task(1, &[]), task(2, &[1])]
}

#[test]
fn what_depends_on_it_and_is_its_clients_alone_ends_with_it() {
    let mut bench = Bench::new();
    let (_, c) = (bench.worker(1), bench.client());
    bench.submit(c, pair(), &[1, 2]);
    assert_eq!(cancel(&mut bench, c, 1), [(c, 1), (c, 2)]);
    assert_eq!(bench.machine.task_count(), 0);
}

#[test]
fn what_another_client_wants_stays_and_whoever_wants_it_keeps_it() {
    let mut bench = Bench::new();
    let (_, c, other) = (bench.worker(1), bench.client(), bench.client());
    bench.submit(c, pair(), &[1, 2]);
    bench.submit(other, pair(), &[2]);
    assert_eq!(cancel(&mut bench, c, 1), [(c, 1)]);
    assert_eq!(bench.machine.task_count(), 2);
}

#[test]
fn what_was_made_of_it_before_stays() {
    let mut bench = Bench::new();
    let (x, y, c) = (bench.worker_on("x", 1, 0), bench.worker_on("y", 1, 0), bench.client());
    let there = with(task(2, &[1]), |options| options.workers = vec!["y".into()]);
    let first = run(&bench.submit(c, vec![task(1, &[]), there], &[1, 2])).1;
    let second = run(&bench.finish(x, first, 8)).1;
    bench.finish(y, second, 8);
    // What it was made of is lost, and made again since somebody wants it.
    bench.kill(x);
    assert_eq!(cancel(&mut bench, c, 1), [(c, 1)]);
    assert_eq!(bench.machine.snapshot().count(TaskState::Memory), 1);
}

#[test]
fn what_an_open_submission_names_stays_and_what_depends_on_that() {
    for named in [1, 2] {
        let mut bench = Bench::new();
        let (_, c, other) = (bench.worker(1), bench.client(), bench.client());
        bench.submit(c, pair(), &[1, 2]);
        let (submission, tasks, wants) = (RequestId(77), pair()[..named].to_vec(), vec![]);
        bench.say(other, ClientToScheduler::Submit { submission, chunk: 0, last: false, tasks, wants });
        assert_eq!(cancel(&mut bench, c, 1), [(c, 1)]);
        assert_eq!(bench.machine.task_count(), 2);
    }
}
