//! What is submitted: deep and wide, twice, in conflict, and taken back.

use std::time::Duration;

use brisk_core::error::ErrorKind;
use brisk_sim::{
    client::State,
    workload::{Task, Workload},
};

use crate::stage::{Stage, slow};

#[test]
fn a_deep_chain_and_a_wide_fan_are_computed() {
    let mut workload = Workload::new();
    let mut last = workload.add(Task::plain(vec![]));
    for _ in 0..2_000 {
        last = workload.add(Task::plain(vec![last]));
    }
    let fan: Vec<_> = (0..2_000).map(|_| workload.add(Task::plain(vec![last]))).collect();
    let sum = workload.add(Task::plain(fan));
    let mut stage = Stage::new(workload);
    stage.cluster.settings.checked_tasks = 1;
    stage.worker(4);
    stage.worker(4);
    stage.submit(&[sum], true);
    stage
        .until("it is there", |cluster| cluster.clients().all(|client| client.handle(sum).unwrap().state.is_settled()));
    stage.rest();
    stage.is_right(sum);
    stage.end();
}

#[test]
fn two_clients_want_one_task_and_it_runs_once() {
    let mut workload = Workload::new();
    let task = workload.add(slow(vec![]));
    let mut stage = Stage::new(workload);
    stage.worker(2);
    let other = stage.cluster.join_client().unwrap();
    stage.submit(&[task], true);
    stage.submit_as(other, &[task], true);
    stage.rest();
    stage.is_right(task);
    assert_eq!(stage.state_as(other, task), State::Here(stage.oracle.value(task)));
    stage.ran(&[task], 1);
    stage.act(|client, workload| client.release(workload, task));
    stage.rest();
    assert_eq!(stage.cluster.snapshot().total(), 1, "the other still wants it");
    stage.end();
}

#[test]
fn a_task_that_takes_longer_than_it_may_fails_in_time() {
    let mut workload = Workload::new();
    let long = Task { duration: Duration::from_secs(60), ..Task::plain(vec![]) };
    let late = workload.add(Task { timeout: Some(Duration::from_secs(1)), ..long });
    let needs_it = workload.add(Task::plain(vec![late]));
    let good = workload.add(Task { timeout: Some(Duration::from_secs(1)), ..slow(vec![]) });
    let mut stage = Stage::new(workload);
    stage.worker(2);
    stage.submit(&[needs_it, good], true);
    let client = stage.client;
    stage.until("it is told", |cluster| cluster.client(client).unwrap().handle(needs_it).unwrap().state.is_settled());
    stage.fails_with(needs_it, ErrorKind::TimedOut);
    assert!(stage.cluster.now() < brisk_core::time::Moment::ORIGIN + Duration::from_secs(10));
    stage.rest();
    stage.is_right(good);
    stage.end();
}

#[test]
fn a_cancelled_task_gives_its_slot_to_the_next() {
    let mut workload = Workload::new();
    let first = workload.add(Task { duration: Duration::from_secs(5), ..Task::plain(vec![]) });
    let second = workload.add(slow(vec![]));
    let mut stage = Stage::new(workload);
    stage.cluster.settings.trouble.aborts = 1_000;
    stage.worker(1);
    stage.submit(&[first, second], true);
    stage.until_running(first);
    stage.act(|client, workload| client.cancel(workload, first));
    stage.rest();
    assert_eq!(stage.state(first), State::Cancelled);
    stage.is_right(second);
    stage.end();
}
