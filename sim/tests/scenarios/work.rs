//! Work that is lost, raced, dropped, or that kills.

use std::time::Duration;

use brisk_core::error::ErrorKind;
use brisk_sim::{
    client::State,
    network::Node,
    workload::{Behaviour, Task, Workload},
};

use crate::stage::{Stage, chain, slow};

#[test]
fn a_chain_whose_only_copy_dies_is_computed_again_from_its_beginning() {
    let (workload, last) = chain(20);
    let mut stage = Stage::new(workload);
    let first = stage.worker(2);
    stage.submit(&[last], false);
    stage.rest();
    assert!(matches!(stage.state(last), State::Finished { .. }));
    let second = stage.worker(2);
    stage.kill(first);
    stage.rest();
    stage.cluster.with_client(stage.client, |client, workload| client.gather_all(workload)).unwrap();
    stage.rest();
    stage.is_right(last);
    assert!((0..20).all(|task| stage.executions(task) == 2));
    assert!(stage.cluster.worker(second).is_some());
    stage.end();
}

#[test]
fn when_all_workers_die_the_work_waits_for_the_next() {
    let mut workload = Workload::new();
    let inputs: Vec<_> = (0..8).map(|_| workload.add(slow(vec![]))).collect();
    let sum = workload.add(slow(inputs));
    let mut stage = Stage::new(workload);
    let workers = [stage.worker(2), stage.worker(2)];
    stage.submit(&[sum], true);
    stage.until_running(0);
    workers.into_iter().for_each(|worker| stage.kill(worker));
    stage.until("both are missed", |cluster| cluster.snapshot().workers.is_empty());
    assert_eq!(stage.state(sum), State::Pending);
    stage.worker(1);
    stage.rest();
    stage.is_right(sum);
    stage.end();
}

#[test]
fn without_workers_a_task_fails_in_the_end_and_can_be_tried_again() {
    let (workload, last) = chain(2);
    let mut stage = Stage::new(workload);
    stage.submit(&[last], true);
    stage.rest();
    stage.fails_with(last, ErrorKind::NoWorker);
    stage.worker(1);
    stage.cluster.with_client(stage.client, |client, workload| assert!(client.retry(workload, last))).unwrap();
    stage.rest();
    stage.is_right(last);
    stage.end();
}

#[test]
fn a_key_that_is_dropped_in_flight_and_wanted_again_is_right() {
    for wait in 0..60u64 {
        let mut workload = Workload::new();
        let input = workload.add(slow(vec![]));
        let task = workload.add(slow(vec![input]));
        let mut stage = Stage::new(workload);
        stage.worker(1);
        stage.submit(&[task], true);
        let at = stage.cluster.now() + Duration::from_micros(wait * 733);
        while stage.cluster.next().is_some_and(|next| next <= at) {
            stage.cluster.step().unwrap();
        }
        stage.cluster.with_client(stage.client, |client, workload| client.release(workload, task)).unwrap();
        stage.submit(&[task], true);
        stage.rest();
        stage.is_right(task);
        assert!(stage.executions(task) <= 2);
        stage.end();
    }
}

#[test]
fn a_cancel_that_races_the_end_leaves_one_of_the_two() {
    let (mut cancelled, mut here) = (0, 0);
    for wait in 0..100u64 {
        let mut workload = Workload::new();
        let task = workload.add(Task { duration: Duration::from_millis(1), ..Task::plain(vec![]) });
        let mut stage = Stage::new(workload);
        let worker = stage.worker(1);
        stage.submit(&[task], true);
        let at = stage.cluster.now() + Duration::from_micros(wait * 20);
        while stage.cluster.next().is_some_and(|next| next <= at) {
            stage.cluster.step().unwrap();
        }
        stage.cluster.with_client(stage.client, |client, workload| client.cancel(workload, task)).unwrap();
        stage.rest();
        match stage.state(task) {
            State::Cancelled => {
                cancelled += 1;
                assert_eq!(stage.cluster.worker(worker).unwrap().machine.values(), 0);
            }
            State::Here(value) => {
                here += 1;
                assert_eq!(value, stage.oracle.value(task));
            }
            state => panic!("{state:?}"),
        }
        stage.end();
    }
    assert!(cancelled > 0 && here > 0, "{cancelled} were cancelled, {here} came");
}

#[test]
fn a_task_that_kills_its_workers_fails_and_its_neighbours_do_not() {
    let mut workload = Workload::new();
    let poison = workload.add(Task { behaviour: Behaviour::Kills { attempts: u32::MAX }, ..Task::plain(vec![]) });
    let needs_it = workload.add(Task::plain(vec![poison]));
    let good: Vec<_> = (0..20).map(|_| workload.add(Task::plain(vec![]))).collect();
    let mut stage = Stage::new(workload);
    let wanted: Vec<_> = good.iter().copied().chain([needs_it]).collect();
    stage.submit(&wanted, true);
    for _ in 0..4 {
        // With one thread nobody else can be suspected.
        stage.worker(1);
        stage.rest_or_no_worker();
    }
    stage.worker(1);
    stage.rest();
    stage.fails_with(needs_it, ErrorKind::WorkerDied);
    // One death may have come before the word that it had started, and then counts for nothing by itself.
    assert!((3..=4).contains(&stage.executions(poison)), "{}", stage.executions(poison));
    good.iter().for_each(|task| stage.is_right(*task));
    stage.end();
}

#[test]
fn a_worker_cut_off_from_the_scheduler_is_dead_to_it_whatever_it_finishes() {
    let mut workload = Workload::new();
    let task = workload.add(slow(vec![]));
    let mut stage = Stage::new(workload);
    let zombie = stage.worker(1);
    stage.submit(&[task], true);
    stage.until_running(task);
    stage.worker(1);
    stage.cluster.cut(Node::Worker(zombie));
    stage.rest();
    stage.is_right(task);
    assert_eq!(stage.executions(task), 2);
    assert!(stage.cluster.worker(zombie).is_none(), "it comes back as another, or not at all");
    stage.end();
}

#[test]
fn a_task_fails_as_often_as_its_retries_allow() {
    let mut workload = Workload::new();
    let fails = Behaviour::Fails { attempts: 2 };
    let enough = workload.add(Task { behaviour: fails, retries: 2, ..Task::plain(vec![]) });
    let too_few = workload.add(Task { behaviour: fails, retries: 1, ..Task::plain(vec![]) });
    let mut stage = Stage::new(workload);
    stage.worker(2);
    stage.submit(&[enough, too_few], true);
    stage.rest();
    stage.is_right(enough);
    stage.fails_with(too_few, ErrorKind::Failed);
    assert_eq!((stage.executions(enough), stage.executions(too_few)), (3, 2));
    stage.end();
}
