//! What a task may take of time and memory.

use std::time::Duration;

use brisk_core::{error::ErrorKind, message::FetchOutcome, task::TaskItem};
use brisk_transport_inproc::InprocNetwork;

use crate::common::{
    inline, on, on_both,
    tasks::{self, Add, Blob, Blocks},
};

#[test]
fn a_task_that_takes_too_long_fails_and_leaves_its_place_while_its_code_goes_on() {
    on_both(|cluster| async move {
        let mut joined = cluster.worker("w", 1).await;
        *cluster.limit.lock().unwrap() = Some(Duration::from_millis(500));
        let gate = tasks::gate();
        let node = cluster.call(Blocks::DEF, vec![inline(gate.number)]);
        let failure = joined.failure(cluster.assign(&joined, &node, true, &[])).await;
        assert_eq!(failure.kind, ErrorKind::TimedOut);
        assert_eq!(failure.message, "the task took longer than its limit of 500 ms");
        gate.begun.await.unwrap();
        assert_eq!(joined.worker.snapshot().running, 1, "its code goes on");
        // The next one runs in another thread meanwhile.
        *cluster.limit.lock().unwrap() = None;
        let next = cluster.call(Add::DEF, vec![inline(1i64), inline(2i64)]);
        let run = cluster.assign(&joined, &next, true, &[]);
        assert_eq!(joined.result::<i64>(run).await, 3);
        drop(gate.go_on);
        while joined.worker.snapshot().running > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(joined.worker.snapshot().values, 1, "what came too late is not kept");
    });
}

#[test]
fn a_result_longer_than_the_workers_memory_is_the_tasks_error() {
    on(InprocNetwork::encoding(), |cluster| async move {
        let mut joined = cluster.worker_with("w", 1, |config| config.memory_limit = 1 << 20).await;
        for wanted in [true, false] {
            let node = cluster.call(Blob::DEF, vec![inline((2usize << 20) + usize::from(wanted))]);
            let failure = joined.failure(cluster.assign(&joined, &node, wanted, &[])).await;
            assert_eq!(failure.kind, ErrorKind::TooLarge);
            assert!(failure.message.contains("memory limit of 1.048 MB"), "{failure:?}");
        }
        let node = cluster.call(Add::DEF, vec![inline(1i64), inline(2i64)]);
        assert_eq!(joined.result::<i64>(cluster.assign(&joined, &node, true, &[])).await, 3);
        assert_eq!(joined.worker.snapshot().values, 1);
    });
}

#[test]
fn a_full_worker_serves_what_it_has() {
    on(InprocNetwork::encoding(), |cluster| async move {
        let mut joined = cluster.worker_with("w", 1, |config| config.memory_limit = 1 << 20).await;
        let node = cluster.call(Blob::DEF, vec![inline(1_000_000usize)]);
        let run = cluster.assign(&joined, &node, false, &[]);
        joined.finishes(run).await;
        assert!(joined.worker.snapshot().paused);
        let mut link = cluster.data_link(&joined).await;
        link.ask(1, vec![run.0]);
        let (answers, _) = link.answers(1, 1).await;
        assert!(matches!(answers[0].1, FetchOutcome::Value(_)), "one answer at a time");
    });
}
