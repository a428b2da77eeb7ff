//! How sessions end: nothing hangs, and everything is tidied up.

use std::sync::Arc;

use brisk_core::{
    comm::ConnectError,
    hello::Role,
    id::EnvironmentId,
    message::{SchedulerToWorker, WorkerToScheduler},
    registry::Registry,
    task::TaskItem,
};
use brisk_transport_inproc::InprocNetwork;
use brisk_worker::server::{Ended, StartError, Worker, WorkerConfig};

use crate::common::{
    inline, on, on_both,
    tasks::{self, Add, Blocks},
};

#[test]
fn shutting_down_says_goodbye_and_ends_the_threads() {
    on_both(|cluster| async move {
        let mut joined = cluster.worker("w", 3).await;
        let node = cluster.call(Add::DEF, vec![inline(1i64), inline(1i64)]);
        let run = cluster.assign(&joined, &node, false, &[]);
        joined.finishes(run).await;
        joined.worker.shutdown();
        joined.worker.shutdown();
        let last = joined.hears_the_end().await;
        assert!(last.iter().any(|message| matches!(message, WorkerToScheduler::Goodbye(_))), "{last:?}");
        assert_eq!(joined.worker.ended().await, Ended::Shutdown);
        assert_eq!(joined.worker.snapshot().values, 0);
    });
}

#[test]
fn a_thread_that_is_stuck_in_a_task_is_left_behind() {
    on_both(|cluster| async move {
        let mut joined = cluster.worker("w", 1).await;
        let gate = tasks::gate();
        let node = cluster.call(Blocks::DEF, vec![inline(gate.number)]);
        cluster.assign(&joined, &node, false, &[]);
        gate.begun.await.unwrap();
        joined.worker.shutdown();
        joined.hears_the_end().await;
        assert_eq!(joined.worker.ended().await, Ended::Shutdown);
        drop(gate.go_on);
    });
}

#[test]
fn a_dropped_worker_leaves() {
    on_both(|cluster| async move {
        let joined = cluster.worker("w", 1).await;
        let (worker, mut rest) = joined.take_worker();
        drop(worker);
        let last = rest.hears_the_end().await;
        assert!(last.iter().any(|message| matches!(message, WorkerToScheduler::Goodbye(_))), "{last:?}");
    });
}

#[test]
fn a_dismissed_worker_ends_with_the_reason() {
    on_both(|cluster| async move {
        let joined = cluster.worker("w", 1).await;
        joined.say(SchedulerToWorker::Dismiss("it was silent for too long".into()));
        assert_eq!(joined.worker.ended().await, Ended::Dismissed("it was silent for too long".into()));
    });
}

#[test]
fn a_worker_that_retires_finishes_what_it_runs_and_ends_when_it_is_dismissed() {
    on_both(|cluster| async move {
        let mut joined = cluster.worker("w", 1).await;
        let gate = tasks::gate();
        let node = cluster.call(Blocks::DEF, vec![inline(gate.number)]);
        let run = cluster.assign(&joined, &node, true, &[]);
        gate.begun.await.unwrap();
        joined.worker.retire();
        assert!(matches!(joined.hears().await, WorkerToScheduler::Retiring(_)));
        drop(gate.go_on);
        assert_eq!(joined.result::<i64>(run).await, 0);
        joined.say(SchedulerToWorker::Retired("its process is to end".into()));
        assert_eq!(joined.worker.ended().await, Ended::Retired("its process is to end".into()));
    });
}

#[test]
fn a_lost_scheduler_ends_the_session() {
    on_both(|cluster| async move {
        let joined = cluster.worker("w", 2).await;
        joined.close();
        assert!(matches!(joined.worker.ended().await, Ended::SchedulerLost(_)));
    });
}

#[test]
fn a_worker_without_a_scheduler_or_threads_does_not_start() {
    on(InprocNetwork::new(), |cluster| async move {
        let config = |threads| WorkerConfig {
            name: "w".into(),
            host: "here".into(),
            threads,
            memory_limit: 0,
            resources: Vec::new(),
            speed_percent: 100,
            shown_bytes: brisk_core::show::SHOWN_BYTES,
            environment: EnvironmentId::IN_PROCESS,
            registry: Arc::new(Registry::default()),
            async_tasks: tokio::runtime::Handle::current(),
            provided: None,
        };
        let nobody: brisk_core::address::Address = "inproc://nobody".parse().unwrap();
        for threads in [0, 2] {
            let listener = cluster.network.listen(&format!("w{threads}"), Role::Worker).unwrap();
            let runtime = tokio::runtime::Handle::current();
            let connector = cluster.network.connector();
            let started = Worker::start(config(threads), nobody.clone(), connector, listener, runtime).await;
            match (threads, started.unwrap_err()) {
                (0, StartError::NoThreads) | (2, StartError::Connect(ConnectError::Unreachable { .. })) => {}
                (_, other) => panic!("{other}"),
            }
        }
    });
}
