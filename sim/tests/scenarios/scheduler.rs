//! The scheduler stands still, or dies and another takes its place.

use std::time::Duration;

use brisk_core::error::ErrorKind;
use brisk_scheduler::machine::Config;
use brisk_sim::{
    client::State,
    network::Node,
    workload::{Behaviour, Task, Workload},
};

use crate::stage::{Stage, chain, long_value, slow};

#[test]
fn a_scheduler_that_stands_still_gives_nobody_up_when_it_wakes() {
    let (workload, last) = chain(6);
    let all: Vec<_> = (0..=last).collect();
    let mut stage = Stage::new(workload);
    let workers = [stage.worker(1), stage.worker(1)];
    stage.submit(&[last], true);
    stage.until_running(2);
    stage.cluster.pause(Node::Scheduler, Duration::from_secs(20));
    stage.rest();
    stage.is_right(last);
    stage.ran(&all, 1);
    assert!(workers.iter().all(|worker| stage.cluster.worker(*worker).is_some()));
    stage.end();
}

#[test]
fn a_scheduler_that_dies_is_replaced_and_finished_values_are_not_made_again() {
    let mut workload = Workload::new();
    let done: Vec<_> = (0..6).map(|_| workload.add(long_value(vec![]))).collect();
    let sum = workload.add(Task { duration: Duration::from_secs(2), ..Task::plain(done.clone()) });
    let mut stage = Stage::new(workload);
    stage.all_return();
    stage.worker(2);
    stage.worker(2);
    stage.submit(&[sum], true);
    stage.until_running(sum);
    stage.cluster.restart_scheduler();
    stage.rest();
    stage.find_client();
    stage.is_right(sum);
    stage.ran(&done, 1);
    stage.ran(&[sum], 2);
    stage.end();
}

#[test]
fn what_was_settled_before_the_scheduler_died_stays_and_what_failed_is_not_asked_again() {
    let mut workload = Workload::new();
    let good = workload.add(Task::plain(vec![]));
    let fails = Behaviour::Fails { attempts: u32::MAX };
    let bad = workload.add(Task { behaviour: fails, ..Task::plain(vec![]) });
    let mut stage = Stage::new(workload);
    stage.all_return();
    stage.worker(1);
    stage.submit(&[good, bad], true);
    stage.rest();
    let before = [stage.state(good), stage.state(bad)];
    stage.cluster.restart_scheduler();
    stage.rest();
    stage.find_client();
    assert_eq!([stage.state(good), stage.state(bad)], before);
    stage.fails_with(bad, ErrorKind::Failed);
    assert_eq!(stage.executions(bad), 1);
    stage.end();
}

#[test]
fn a_scheduler_that_dies_over_and_over_under_many_tasks_loses_nothing() {
    let mut workload = Workload::new();
    let long = Duration::from_millis(60);
    let tasks: Vec<_> = (0..100).map(|_| workload.add(Task { duration: long, ..Task::plain(vec![]) })).collect();
    let sum = workload.add(slow(tasks.clone()));
    let mut stage = Stage::new(workload);
    stage.all_return();
    for _ in 0..3 {
        stage.worker(2);
    }
    stage.submit(&[sum], true);
    // Before it gives out anything a new scheduler waits for those who may come back.
    let gathers = Config::default().gather_time;
    let mut runs = 0;
    for pause in [Duration::ZERO, gathers, gathers / 2, gathers, gathers] {
        stage.wait(pause + Duration::from_millis(150));
        stage.find_client();
        assert_eq!(stage.state(sum), State::Pending);
        runs += u32::from(pause != gathers / 2);
        let begun = tasks.iter().filter(|task| stage.executions(**task) > 0).count();
        assert!(begun > 0 && begun < tasks.len(), "{begun} were begun by {runs} schedulers");
        stage.cluster.restart_scheduler();
    }
    stage.rest();
    stage.find_client();
    stage.is_right(sum);
    stage.end();
}

#[test]
fn words_for_a_scheduler_that_died_are_nothing_to_the_next() {
    let (workload, last) = chain(8);
    let mut stage = Stage::new(workload);
    stage.all_return();
    // What is still on its way when the connection has ended is handed out all the same.
    stage.cluster.settings.trouble.late = 1_000;
    stage.worker(2);
    stage.submit(&[last], true);
    stage.until_running(4);
    stage.cluster.restart_scheduler();
    stage.rest();
    stage.find_client();
    stage.is_right(last);
    stage.end();
}
