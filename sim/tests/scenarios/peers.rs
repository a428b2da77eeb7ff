//! Workers and clients that die, stop, freeze, leave, and come back.

use std::time::Duration;

use brisk_core::error::ErrorKind;
use brisk_sim::{
    client::State,
    cluster::{Cluster, WorkerSpec},
    network::Node,
    workload::{Behaviour, Task, Workload},
};

use crate::stage::{Stage, chain, long_value, runner, slow};

/// So long a process may stand still without anybody's taking it for dead.
const SHORT: Duration = Duration::from_secs(3);

#[test]
fn a_worker_that_dies_in_a_task_is_replaced_and_the_task_is_blamed_once() {
    let mut workload = Workload::new();
    let task = workload.add(slow(vec![]));
    let mut stage = Stage::new(workload);
    let first = stage.worker(1);
    stage.submit(&[task], true);
    stage.until_running(task);
    stage.worker(1);
    stage.kill(first);
    stage.rest();
    stage.is_right(task);
    stage.ran(&[task], 2);
    assert_eq!(stage.cluster.judge.history.of(task).deaths, 1);
    stage.end();
}

#[test]
fn what_was_only_queued_on_a_dead_worker_moves_without_blame() {
    let mut workload = Workload::new();
    let kills = Behaviour::Kills { attempts: 1 };
    let measured = workload.add(Task::plain(vec![]));
    let killer = workload.add(Task { behaviour: kills, duration: Duration::from_millis(5), ..Task::plain(vec![]) });
    let queued: Vec<_> = (0..50).map(|_| workload.add(Task::plain(vec![]))).collect();
    let mut settings = brisk_sim::cluster::Settings::calm();
    // Whoever is blamed once fails.
    settings.scheduler.allowed_failures = 0;
    let mut stage = Stage::with(workload, settings);
    stage.worker(1);
    stage.submit(&[measured], true);
    stage.rest();
    let all: Vec<_> = [killer].into_iter().chain(queued.iter().copied()).collect();
    stage.submit(&all, true);
    stage.until_running(killer);
    stage.rest_or_no_worker();
    stage.worker(1);
    stage.rest();
    stage.fails_with(killer, ErrorKind::WorkerDied);
    stage.are_right(&queued);
    stage.end();
}

#[test]
fn an_input_whose_sender_dies_midway_is_fetched_from_another_or_made_again() {
    let mut workload = Workload::new();
    let inputs: Vec<_> = (0..2).map(|_| workload.add(long_value(vec![]))).collect();
    let sum = workload.add(slow(inputs.clone()));
    let mut stage = Stage::new(workload);
    let workers = [stage.worker(1), stage.worker(1)];
    stage.submit(&inputs, false);
    stage.rest();
    let holder = |stage: &Stage, w| stage.cluster.worker(w).is_some_and(|node| node.machine.values() > 0);
    assert!(workers.iter().all(|w| holder(&stage, *w)), "each made one of them");
    stage.submit(&[sum], true);
    // The sum was assigned to one; the other is asked for its half, and dies.
    stage.until("it was assigned", |cluster| cluster.workers().any(|(_, machine)| machine.assigned() > 0));
    let (asker, _) = stage.cluster.workers().find(|(_, machine)| machine.assigned() > 0).expect("it was");
    let sender = workers.into_iter().find(|w| *w != asker).expect("there are two");
    stage.kill(sender);
    stage.rest();
    stage.is_right(sum);
    stage.end();
}

#[test]
fn a_client_that_fetches_from_a_dying_holder_gets_the_value_in_the_end() {
    let (workload, last) = chain(3);
    let mut stage = Stage::new(workload);
    let first = stage.worker(1);
    stage.submit(&[last], false);
    stage.rest();
    stage.worker(1);
    stage.act(|client, workload| client.gather_all(workload));
    stage.kill(first);
    stage.rest();
    stage.is_right(last);
    stage.end();
}

#[test]
fn a_report_that_dies_with_its_worker_is_made_again_and_settles_once() {
    let mut workload = Workload::new();
    let task = workload.add(slow(vec![]));
    let mut stage = Stage::new(workload);
    let first = stage.worker(1);
    stage.submit(&[task], true);
    stage.until_running(task);
    stage.until("it ended there", |cluster| cluster.worker(first).is_some_and(|node| node.machine.values() == 1));
    assert_eq!(stage.state(task), State::Pending);
    // What was sent this very moment is lost.
    stage.kill(first);
    stage.worker(1);
    stage.rest();
    stage.is_right(task);
    stage.ran(&[task], 2);
    stage.end();
}

#[test]
fn a_worker_that_is_told_to_end_hands_over_what_it_alone_holds_and_nobody_is_blamed() {
    let (workload, last) = chain(10);
    let all: Vec<_> = (0..=last).collect();
    let mut stage = Stage::new(workload);
    let first = stage.worker(1);
    stage.submit(&[last], false);
    stage.rest();
    stage.worker(1);
    stage.cluster.retire(first).unwrap();
    stage.rest();
    assert!(stage.cluster.worker(first).is_none(), "it has gone");
    stage.act(|client, workload| client.gather_all(workload));
    stage.rest();
    stage.is_right(last);
    stage.ran(&all, 1);
    stage.end();
}

#[test]
fn the_only_worker_that_is_told_to_end_goes_in_the_end_and_its_values_are_made_again() {
    let (workload, last) = chain(3);
    let mut stage = Stage::new(workload);
    let first = stage.worker(1);
    stage.submit(&[last], false);
    stage.rest();
    stage.cluster.retire(first).unwrap();
    stage.until("it has gone", |cluster| cluster.worker(first).is_none());
    stage.worker(1);
    stage.act(|client, workload| client.gather_all(workload));
    stage.rest();
    stage.is_right(last);
    stage.end();
}

#[test]
fn a_frozen_worker_that_was_given_up_comes_back_as_another_and_its_late_result_counts_for_nothing() {
    let mut workload = Workload::new();
    let task = workload.add(slow(vec![]));
    let mut stage = Stage::new(workload);
    stage.all_return();
    let zombie = stage.worker(1);
    stage.submit(&[task], true);
    stage.until_running(task);
    stage.cluster.pause(Node::Worker(zombie), Duration::from_secs(30));
    stage.cluster.cut(Node::Worker(zombie));
    stage.worker(1);
    stage.until("it is done elsewhere", |cluster| {
        cluster.clients().all(|client| client.handle(task).unwrap().state.is_settled())
    });
    stage.is_right(task);
    stage.rest();
    stage.is_right(task);
    stage.ran(&[task], 2);
    assert_eq!(stage.cluster.workers().count(), 2, "the frozen one is back");
    assert!(stage.cluster.worker(zombie).is_none(), "under another name");
    stage.end();
}

#[test]
fn a_worker_that_stands_still_for_a_moment_is_not_given_up() {
    let mut workload = Workload::new();
    let task = workload.add(slow(vec![]));
    let mut stage = Stage::new(workload);
    let worker = stage.worker(1);
    stage.submit(&[task], true);
    stage.until_running(task);
    stage.worker(1);
    stage.cluster.pause(Node::Worker(worker), SHORT);
    stage.rest();
    stage.is_right(task);
    stage.ran(&[task], 1);
    assert_eq!(stage.cluster.judge.history.departures, 0);
    stage.end();
}

#[test]
fn a_frozen_holder_is_given_up_by_who_fetches_from_it() {
    let mut workload = Workload::new();
    let inputs: Vec<_> = (0..2).map(|_| workload.add(long_value(vec![]))).collect();
    let sum = workload.add(slow(inputs.clone()));
    let mut stage = Stage::new(workload);
    let workers = [stage.worker(1), stage.worker(1)];
    stage.submit(&inputs, false);
    stage.rest();
    stage.submit(&[sum], true);
    stage.until("it was assigned", |cluster| cluster.workers().any(|(_, machine)| machine.assigned() > 0));
    let (asker, _) = stage.cluster.workers().find(|(_, machine)| machine.assigned() > 0).expect("it was");
    let frozen = workers.into_iter().find(|w| *w != asker).expect("there are two");
    stage.cluster.pause(Node::Worker(frozen), Duration::from_secs(3_600));
    let client = stage.client;
    stage.until("the sum is there", |cluster| cluster.client(client).unwrap().handle(sum).unwrap().state.is_settled());
    stage.is_right(sum);
    assert!(stage.cluster.now() < brisk_core::time::Moment::ORIGIN + Duration::from_secs(120), "long before it thaws");
    stage.rest();
    stage.end();
}

#[test]
fn what_a_dead_client_alone_wanted_stops_and_what_it_shared_goes_on() {
    let mut workload = Workload::new();
    let long = Duration::from_secs(600);
    let (shared, alone) = (workload.add(slow(vec![])), workload.add(Task { duration: long, ..Task::plain(vec![]) }));
    let mut stage = Stage::new(workload);
    stage.cluster.settings.trouble.aborts = 1_000;
    stage.worker(2);
    let other = stage.cluster.join_client().unwrap();
    stage.submit_as(other, &[shared, alone], true);
    stage.submit(&[shared], true);
    stage.until_running(shared);
    stage.until_running(alone);
    stage.cluster.kill(Node::Client(other), "it was killed", false);
    stage.until("it is stopped", |cluster| runner(cluster, alone).is_none());
    assert!(stage.cluster.now() < brisk_core::time::Moment::ORIGIN + long, "it was not waited for");
    stage.rest();
    stage.is_right(shared);
    assert_eq!(stage.cluster.snapshot().total(), 1, "the other's own task is forgotten");
    stage.end();
}

#[test]
fn a_client_that_drops_all_its_handles_leaves_nothing() {
    let (workload, last) = chain(10);
    let mut stage = Stage::new(workload);
    stage.worker(2);
    stage.submit(&[last], true);
    stage.until_running(4);
    stage.act(|client, workload| client.release_all(workload));
    stage.rest();
    assert_eq!(stage.cluster.snapshot().total(), 0);
    stage.end();
}

#[test]
fn a_client_that_was_given_up_comes_back_and_asks_again() {
    let (workload, last) = chain(5);
    let mut stage = Stage::new(workload);
    stage.all_return();
    stage.worker(1);
    stage.submit(&[last], true);
    stage.until_running(2);
    stage.cluster.pause(Node::Client(stage.client), Duration::from_secs(60));
    stage.cluster.cut(Node::Client(stage.client));
    stage.rest();
    let before = stage.client;
    stage.find_client();
    assert_ne!(stage.client, before, "it was given up");
    stage.is_right(last);
    stage.end();
}

#[test]
fn a_worker_that_dies_before_its_first_word_is_half_there_nowhere() {
    let (workload, last) = chain(3);
    let mut stage = Stage::new(workload);
    stage.submit(&[last], true);
    let stillborn = stage.worker(1);
    stage.kill(stillborn);
    stage.until("it is missed", |cluster| cluster.snapshot().workers.is_empty());
    stage.worker(1);
    stage.rest();
    stage.is_right(last);
    assert_eq!(stage.cluster.snapshot().workers.len(), 1);
    stage.end();
}

#[test]
fn a_worker_that_joins_while_another_drains_takes_what_that_one_holds() {
    let (workload, last) = chain(6);
    let all: Vec<_> = (0..=last).collect();
    let mut stage = Stage::new(workload);
    let first = stage.worker(1);
    stage.submit(&[last], false);
    stage.rest();
    stage.worker(1);
    stage.cluster.retire(first).unwrap();
    stage.cluster.step().unwrap();
    stage.worker(1);
    stage.rest();
    assert_eq!(stage.cluster.workers().count(), 2);
    stage.act(|client, workload| client.gather_all(workload));
    stage.rest();
    stage.is_right(last);
    stage.ran(&all, 1);
    stage.end();
}

#[test]
fn all_workers_are_full_and_a_tree_of_sums_is_still_finished() {
    let mut workload = Workload::new();
    let leaves: Vec<_> = (0..8).map(|_| workload.add(Task { nbytes: 100, ..slow(vec![]) })).collect();
    let pairs: Vec<_> = leaves.chunks(2).map(|two| workload.add(Task { nbytes: 100, ..slow(two.to_vec()) })).collect();
    let halves: Vec<_> = pairs.chunks(2).map(|two| workload.add(Task { nbytes: 100, ..slow(two.to_vec()) })).collect();
    let root = workload.add(slow(halves));
    let mut stage = Stage::new(workload);
    for name in ["a", "b"] {
        let mut spec = WorkerSpec::new(name, 1);
        spec.config.memory_limit = 350;
        stage.cluster.join_worker(&spec).unwrap();
    }
    stage.submit(&[root], true);
    let all_full = |cluster: &Cluster| cluster.snapshot().workers.iter().all(|worker| worker.paused);
    stage.until("all are full", all_full);
    assert!(all_full(&stage.cluster) && stage.state(root) == State::Pending, "{:?}", stage.state(root));
    stage.rest();
    stage.is_right(root);
    stage.end();
}

/// Each run of the task returns something else: what others get in the end is another value.
#[test]
fn a_value_that_is_here_stays_what_it_is_whatever_is_lost() {
    let mut workload = Workload::new();
    let task = workload.add(Task { impure: true, ..long_value(vec![]) });
    let mut stage = Stage::new(workload);
    let other = stage.cluster.join_client().unwrap();
    let first = stage.worker(1);
    stage.submit(&[task], true);
    stage.submit_as(other, &[task], false);
    stage.rest();
    let settled = stage.state(task);
    assert!(matches!(settled, State::Here(_)), "{settled:?}");
    stage.worker(1);
    stage.kill(first);
    stage.rest();
    stage.cluster.with_client(other, |client, workload| client.gather_all(workload)).unwrap();
    stage.rest();
    stage.ran(&[task], 2);
    let made_again = stage.state_as(other, task);
    assert!(matches!(made_again, State::Here(_)) && made_again != settled, "{made_again:?}, {settled:?}");
    assert_eq!(stage.state(task), settled);
    stage.end();
}
