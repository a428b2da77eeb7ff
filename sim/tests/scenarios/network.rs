//! Connections that are cut, in one direction or both, that flap, and that are slow.

use std::time::Duration;

use brisk_sim::{
    client::State,
    network::{Conditions, Node},
    workload::{Task, Workload},
};

use crate::stage::{Stage, chain, long_value, slow};

#[test]
fn workers_that_can_not_reach_each_other_find_another_way() {
    let mut workload = Workload::new();
    let inputs: Vec<_> = (0..4).map(|_| workload.add(long_value(vec![]))).collect();
    let sums: Vec<_> = (0..4).map(|_| workload.add(slow(inputs.clone()))).collect();
    let mut stage = Stage::new(workload);
    // Whatever is sent between workers breaks the link, half of the time.
    stage.cluster.settings.trouble.breaks = 500;
    stage.worker(1);
    stage.worker(1);
    stage.submit(&sums, true);
    stage.rest();
    for sum in sums {
        // It may be lost too often; then that is what the client is told.
        assert!(stage.state(sum).is_settled());
    }
    assert_eq!(stage.cluster.judge.history.departures, 0, "nobody was taken for dead");
    stage.end();
}

#[test]
fn workers_that_never_reach_each_other_compute_what_they_need_themselves() {
    let mut workload = Workload::new();
    let inputs: Vec<_> = (0..4).map(|_| workload.add(long_value(vec![]))).collect();
    let sums: Vec<_> = (0..4).map(|_| workload.add(slow(inputs.clone()))).collect();
    let mut stage = Stage::new(workload);
    // Whatever is sent between workers breaks the link.
    stage.cluster.settings.trouble.breaks = 1_000;
    stage.worker(1);
    stage.worker(1);
    stage.submit(&sums, true);
    stage.rest();
    for sum in sums {
        stage.is_right(sum);
    }
    let history = &stage.cluster.judge.history;
    for input in inputs {
        let losses = history.of(input).losses;
        assert!((1..50).contains(&losses), "the other worker tried to fetch it, and not for ever: {losses} times");
    }
    assert_eq!(history.departures, 0, "nobody was taken for dead");
    stage.end();
}

#[test]
fn a_worker_that_is_not_heard_is_dead_and_what_it_did_is_done_again() {
    let (workload, last) = chain(5);
    let mut stage = Stage::new(workload);
    let mute = stage.worker(1);
    stage.submit(&[last], true);
    stage.until_running(2);
    stage.cluster.cut_towards(Node::Worker(mute), Node::Scheduler);
    stage.worker(1);
    stage.rest();
    stage.is_right(last);
    assert!(stage.cluster.worker(mute).is_none());
    stage.end();
}

#[test]
fn a_worker_that_hears_nothing_leaves_and_its_work_is_done_elsewhere() {
    let (workload, last) = chain(5);
    let mut stage = Stage::new(workload);
    let deaf = stage.worker(1);
    stage.submit(&[last], true);
    stage.until_running(2);
    stage.cluster.cut_towards(Node::Worker(deaf), Node::Worker(deaf));
    stage.worker(1);
    stage.rest();
    stage.is_right(last);
    assert!(stage.cluster.worker(deaf).is_none());
    stage.end();
}

#[test]
fn a_link_that_is_silent_for_a_moment_costs_nothing() {
    let (workload, last) = chain(5);
    let all: Vec<_> = (0..=last).collect();
    let mut stage = Stage::new(workload);
    stage.worker(1);
    stage.submit(&[last], true);
    stage.until_running(2);
    for _ in 0..20 {
        stage.cluster.clog(false, Duration::from_secs(2));
    }
    stage.rest();
    stage.is_right(last);
    stage.ran(&all, 1);
    assert_eq!(stage.cluster.judge.history.departures, 0);
    stage.end();
}

#[test]
fn a_worker_whose_link_flaps_makes_progress_or_is_replaced() {
    let mut workload = Workload::new();
    let links = (0..40).fold(Vec::new(), |before, _| vec![workload.add(slow(before))]);
    let last = links[0];
    let mut stage = Stage::new(workload);
    stage.all_return();
    stage.worker(1);
    stage.submit(&[last], true);
    let begun = |stage: &Stage| (0..=last).filter(|task| stage.executions(*task) > 0).count();
    let mut cuts = 0;
    for _ in 0..10 {
        stage.wait(Duration::from_millis(50));
        let worker = stage.cluster.workers().next().map(|(id, _)| id);
        if let Some(worker) = worker {
            stage.cluster.cut(Node::Worker(worker));
            cuts += 1;
        }
    }
    assert!(cuts > 1 && stage.state(last) == State::Pending, "{cuts} cuts");
    let under_way = begun(&stage);
    assert!(under_way > 1, "there is progress between cuts");
    stage.rest();
    assert!(stage.cluster.judge.history.departures > 1, "it was given up more than once");
    stage.is_right(last);
    assert_eq!(stage.cluster.workers().count(), 1);
    stage.end();
}

#[test]
fn half_of_the_workers_are_cut_off_and_come_back_and_each_value_is_there_once() {
    let mut workload = Workload::new();
    let tasks: Vec<_> = (0..40).map(|_| workload.add(slow(vec![]))).collect();
    let sum = workload.add(slow(tasks.clone()));
    let mut stage = Stage::new(workload);
    stage.all_return();
    let workers = [stage.worker(2), stage.worker(2), stage.worker(2)];
    stage.submit(&[sum], true);
    stage.wait(Duration::from_millis(100));
    stage.cluster.cut(Node::Worker(workers[1]));
    stage.cluster.cut(Node::Worker(workers[2]));
    assert_eq!(stage.state(sum), State::Pending);
    stage.rest();
    stage.is_right(sum);
    assert_eq!(stage.cluster.judge.history.departures, 2);
    assert_eq!(stage.cluster.workers().count(), 3);
    stage.end();
}

#[test]
fn a_slow_network_is_slow_and_right() {
    let mut workload = Workload::new();
    let inputs: Vec<_> = (0..10).map(|_| workload.add(long_value(vec![]))).collect();
    let sum = workload.add(slow(inputs));
    let mut stage = Stage::new(workload);
    let slow = Duration::from_millis(400)..=Duration::from_millis(600);
    stage.cluster.set_conditions(Conditions { latency: slow, ..Conditions::calm() });
    stage.worker(1);
    stage.worker(1);
    stage.submit(&[sum], true);
    stage.rest();
    stage.is_right(sum);
    assert_eq!(stage.cluster.judge.history.departures, 0, "nobody was taken for dead");
    stage.end();
}

#[test]
fn links_that_stop_one_by_one_and_go_on_in_another_order_lose_nothing() {
    let mut workload = Workload::new();
    let rows: Vec<_> = (0..8).map(|_| workload.add(long_value(vec![]))).collect();
    let sums: Vec<_> = (0..8).map(|_| workload.add(Task { nbytes: 1 << 16, ..slow(rows.clone()) })).collect();
    let all = workload.add(slow(sums));
    let mut stage = Stage::new(workload);
    for _ in 0..8 {
        stage.worker(1);
    }
    stage.submit(&[all], true);
    for step in 0..5 {
        stage.wait(Duration::from_millis(5));
        stage.cluster.clog(false, Duration::from_secs(5 - step));
        stage.cluster.clog(true, Duration::from_secs(1 + step));
    }
    stage.rest();
    stage.is_right(all);
    stage.end();
}
