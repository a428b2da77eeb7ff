//! Bugs that seeds have found, told again by name.

use std::time::Duration;

use brisk_core::error::ErrorKind;
use brisk_sim::{
    client::State,
    cluster::{Settings, WorkerSpec},
    network::Node,
    workload::{Behaviour, Task, Workload},
};

use crate::stage::{Stage, long_value, slow};

/// The loss of a worker failed a task, which so needed its input no longer; took the input, which nobody needed now; and
/// took a value that was made of the same input. The value was assigned to be computed again, but not its input.
#[test]
fn an_input_that_is_lost_while_nobody_needs_it_is_computed_again_for_another_loss_of_the_same_event() {
    let mut workload = Workload::new();
    let input = workload.add(long_value(vec![]));
    let value = workload.add(long_value(vec![input]));
    let kills = Behaviour::Kills { attempts: u32::MAX };
    let poison =
        workload.add(Task { behaviour: kills, duration: Duration::from_millis(20), ..Task::plain(vec![input]) });
    let mut settings = Settings::calm();
    settings.scheduler.allowed_failures = 0;
    let mut stage = Stage::with(workload, settings);
    stage.worker(1);
    stage.submit(&[value, poison], false);
    stage.until_running(poison);
    stage.until("the value is there", |cluster| {
        cluster.clients().all(|client| client.handles().any(|(_, h)| matches!(h.state, State::Finished { .. })))
    });
    stage.worker(1);
    stage.rest();
    stage.cluster.with_client(stage.client, |client, workload| client.gather_all(workload)).unwrap();
    stage.rest();
    stage.is_right(value);
    stage.fails_with(poison, ErrorKind::WorkerDied);
    assert_eq!((stage.executions(input), stage.executions(value)), (2, 2));
    stage.end();
}

/// A client's handle had failed; another client tried the task again, with success; then the first one did.
#[test]
fn who_tries_again_what_another_has_tried_again_gets_the_value() {
    let mut workload = Workload::new();
    let task = workload.add(Task { behaviour: Behaviour::Fails { attempts: 1 }, ..long_value(vec![]) });
    let mut stage = Stage::new(workload);
    let (first, second) = (stage.client, stage.cluster.join_client().unwrap());
    stage.worker(1);
    for client in [first, second] {
        stage.submit_as(client, &[task], true);
    }
    stage.rest();
    for client in [second, first] {
        stage.cluster.with_client(client, |client, workload| assert!(client.retry(workload, task))).unwrap();
        stage.rest();
        assert_eq!(stage.state_as(client, task), State::Here(stage.oracle.value(task)));
    }
    assert_eq!(stage.executions(task), 2);
    stage.end();
}

/// Calls that were sent ahead are stuck behind a long one, on a worker that stands still for longer than the scheduler
/// waits for an answer. It is asked twice to give them up, and does at the first question.
#[test]
fn what_a_slow_worker_gives_up_is_taken_back_even_if_it_was_asked_again() {
    let mut workload = Workload::new();
    let measured = workload.add(Task::plain(vec![]));
    let long = workload.add(Task { duration: Duration::from_secs(20), ..Task::plain(vec![]) });
    let stuck: Vec<_> = (0..30).map(|_| workload.add(Task::plain(vec![]))).collect();
    let mut stage = Stage::new(workload);
    let slow = stage.worker(1);
    stage.submit(&[measured], true);
    stage.rest();
    let wanted: Vec<_> = [long].into_iter().chain(stuck.iter().copied()).collect();
    stage.submit(&wanted, true);
    stage.until_running(long);
    stage.worker(1);
    stage.cluster.pause(Node::Worker(slow), Duration::from_secs(5));
    let (client, last) = (stage.client, stuck[stuck.len() - 1]);
    stage.until("the last short one is done", |cluster| {
        cluster.client(client).unwrap().handle(last).unwrap().state.is_settled()
    });
    assert_eq!(stage.state(long), State::Pending);
    stage.rest();
    wanted.iter().for_each(|task| stage.is_right(*task));
    assert!(wanted.iter().all(|task| stage.executions(*task) == 1));
    stage.end();
}

/// A task brought all its inputs together on a worker, which thereby had too much, and said so; the scheduler took the
/// task away, though it was the one that a full worker starts all the same; and so on, round all workers.
#[test]
fn a_task_that_fills_its_worker_is_not_sent_round_all_of_them() {
    let mut workload = Workload::new();
    let inputs: Vec<_> = (0..9).map(|_| workload.add(Task { nbytes: 100, ..slow(vec![]) })).collect();
    let sum = workload.add(slow(inputs));
    let mut stage = Stage::new(workload);
    for _ in 0..3 {
        let mut spec = WorkerSpec::new("w", 1);
        spec.config.memory_limit = 1_000;
        stage.cluster.join_worker(&spec).unwrap();
    }
    stage.submit(&[sum], true);
    stage.rest();
    stage.is_right(sum);
    // It is moved once at most. Where it is then it stays, and the third worker is left alone.
    stage.ran(&[sum], 1);
    let pauses = stage.cluster.judge.history.pauses;
    assert!((1..=2).contains(&pauses), "it did fill its worker, and not all of them: {pauses}");
    stage.end();
}
