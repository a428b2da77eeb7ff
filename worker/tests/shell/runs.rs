//! Tasks: how they run, fail, and are cancelled.

use std::sync::{Arc, atomic::Ordering};

use brisk_core::{
    error::{ErrorKind, Failure},
    graph::Item,
    message::{SchedulerToWorker, WorkerToScheduler},
    registry::Registry,
    task::TaskItem,
};
use brisk_transport_inproc::InprocNetwork;

use crate::common::{
    inline, on, on_both, result_of,
    tasks::{
        self, Add, Blocks, DROPPED, Fails, Grenade, Later, Lie, Opens, Panics, PanicsLater, PanicsOddly, Secret, Total,
        WAITING, Waits,
    },
};

#[test]
fn a_task_runs_and_its_result_comes_along() {
    on_both(|cluster| async move {
        let mut joined = cluster.worker("w", 2).await;
        let node = cluster.call(Add::DEF, vec![inline(2i64), inline(3i64)]);
        let (key, run) = cluster.assign(&joined, &node, true, &[]);
        assert_eq!(joined.hears_all().await, WorkerToScheduler::Started { key, run });
        assert_eq!(joined.result::<i64>((key, run)).await, 5);
        let snapshot = joined.worker.snapshot();
        assert_eq!((snapshot.bytes, snapshot.values, snapshot.running), (8, 1, 0));
        joined.say(SchedulerToWorker::Free(vec![key]));
        assert_eq!(joined.worker.snapshot().values, 0);
    });
}

#[test]
fn a_chain_sent_ahead_runs_without_another_word() {
    on_both(|cluster| async move {
        let mut joined = cluster.worker("w", 2).await;
        let mut node = cluster.call(Add::DEF, vec![inline(0i64), inline(0i64)]);
        cluster.assign(&joined, &node, false, &[]);
        for n in 1..200i64 {
            node = cluster.call(Add::DEF, vec![result_of(&node), inline(n)]);
            cluster.assign(&joined, &node, n == 199, &[]);
        }
        for _ in 0..199 {
            let report = joined.hears().await;
            assert!(matches!(report, WorkerToScheduler::Finished { value: None, .. }), "{report:?}");
        }
        match joined.hears().await {
            WorkerToScheduler::Finished { value: Some(value), .. } => {
                assert_eq!(value.into_value().into_value::<i64>().unwrap(), (0..200).sum::<i64>());
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn lists_of_results_are_arguments() {
    on_both(|cluster| async move {
        let mut joined = cluster.worker("w", 4).await;
        let nodes: Vec<_> = (0..50i64).map(|n| cluster.call(Add::DEF, vec![inline(n), inline(1i64)])).collect();
        for node in &nodes {
            cluster.assign(&joined, node, false, &[]);
        }
        let items = nodes.iter().map(|node| Item::Call(node.clone())).collect();
        let total = cluster.call(Total::DEF, vec![brisk_core::graph::Slot::List(items)]);
        let last = cluster.assign(&joined, &total, true, &[]);
        for _ in &nodes {
            assert!(matches!(joined.hears().await, WorkerToScheduler::Finished { .. }));
        }
        assert_eq!(joined.result::<i64>(last).await, (1..=50).sum::<i64>());
    });
}

#[test]
fn a_panic_is_the_tasks_failure_and_nobody_elses() {
    on_both(|cluster| async move {
        let mut joined = cluster.worker("w", 1).await;
        let node = cluster.call(Panics::DEF, vec![inline("on purpose".to_owned())]);
        let failure = joined.failure(cluster.assign(&joined, &node, true, &[])).await;
        assert_eq!((failure.kind, failure.message.as_str()), (ErrorKind::Panicked, "on purpose"));
        assert!(failure.place.as_ref().is_some_and(|place| place.contains("tasks.rs:")), "{failure:?}");
        let odd = cluster.call(PanicsOddly::DEF, vec![]);
        let failure = joined.failure(cluster.assign(&joined, &odd, true, &[])).await;
        assert!(failure.message.contains("no text"), "{failure:?}");
        works(&cluster, &mut joined).await;
    });
}

#[test]
fn an_error_comes_with_its_causes() {
    on_both(|cluster| async move {
        let mut joined = cluster.worker("w", 1).await;
        let node = cluster.call(Fails::DEF, vec![]);
        let failure = joined.failure(cluster.assign(&joined, &node, true, &[])).await;
        assert_eq!((failure.kind, failure.message.as_str()), (ErrorKind::Failed, "it could not be saved"));
        assert_eq!(failure.cause.unwrap().to_string(), "the disk is full");
    });
}

#[test]
fn an_argument_of_the_wrong_type_is_told_by_name() {
    on_both(|cluster| async move {
        let mut joined = cluster.worker("w", 1).await;
        let node = cluster.call(Add::DEF, vec![inline(1i64), inline("".to_owned() + "\u{80}\u{80}")]);
        let failure = joined.failure(cluster.assign(&joined, &node, true, &[])).await;
        assert_eq!(failure.kind, ErrorKind::Decode);
        assert!(failure.message.starts_with("argument 2, `y`: "), "{failure:?}");
    });
}

#[test]
fn an_unknown_function_is_told_with_the_worker_and_the_nearest_names() {
    on(InprocNetwork::encoding(), |cluster| async move {
        let registry = Registry::builder().task::<Total>().task::<Waits>().build().unwrap();
        let mut joined = cluster.worker_knowing("bare", 1, Arc::new(registry)).await;
        let node = cluster.call(Add::DEF, vec![inline(1i64), inline(1i64)]);
        let failure = joined.failure(cluster.assign(&joined, &node, true, &[])).await;
        assert_eq!(failure.kind, ErrorKind::UnknownFunction);
        assert!(failure.message.contains("worker bare"), "{failure:?}");
        assert!(failure.message.contains("no task function `add`"), "{failure:?}");
    });
}

#[test]
fn asynchronous_tasks_run_and_panic_without_a_thread() {
    on_both(|cluster| async move {
        let mut joined = cluster.worker("w", 1).await;
        let node = cluster.call(Later::DEF, vec![inline(41i64)]);
        let run = cluster.assign(&joined, &node, true, &[]);
        assert_eq!(joined.result::<i64>(run).await, 42);
        let node = cluster.call(PanicsLater::DEF, vec![]);
        let failure = joined.failure(cluster.assign(&joined, &node, true, &[])).await;
        assert_eq!((failure.kind, failure.message.as_str()), (ErrorKind::Panicked, "later"));
        assert!(failure.place.as_ref().is_some_and(|place| place.contains("tasks.rs:")), "{failure:?}");
        works(&cluster, &mut joined).await;
    });
}

/// The only test with [`Waits`]: its gate and its count are for all.
#[test]
fn an_asynchronous_task_lets_others_run_and_is_dropped_when_cancelled() {
    on_both(|cluster| async move {
        let mut joined = cluster.worker("w", 1).await;
        let waits = cluster.call(Waits::DEF, vec![]);
        let waiting = cluster.assign(&joined, &waits, true, &[]);
        WAITING.notified().await;
        let opens = cluster.call(Opens::DEF, vec![]);
        let opening = cluster.assign(&joined, &opens, false, &[]);
        let mut ended = [false; 2];
        for _ in 0..2 {
            match joined.hears().await {
                WorkerToScheduler::Finished { run, .. } if run == waiting.1 => ended[0] = true,
                WorkerToScheduler::Finished { run, .. } if run == opening.1 => ended[1] = true,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(ended, [true; 2]);

        let before = DROPPED.load(Ordering::SeqCst);
        let (key, run) = cluster.assign(&joined, &waits, true, &[]);
        WAITING.notified().await;
        joined.say(SchedulerToWorker::Cancel { key, run });
        while joined.worker.snapshot().running > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(DROPPED.load(Ordering::SeqCst), before + 1);
        works(&cluster, &mut joined).await;
    });
}

#[test]
fn a_cancelled_task_ends_unheard_and_its_thread_is_free_again() {
    on_both(|cluster| async move {
        let mut joined = cluster.worker("w", 1).await;
        let gate = tasks::gate();
        let node = cluster.call(Blocks::DEF, vec![inline(gate.number)]);
        let (key, run) = cluster.assign(&joined, &node, true, &[]);
        gate.begun.await.unwrap();
        joined.say(SchedulerToWorker::Cancel { key, run });
        drop(gate.go_on);
        works(&cluster, &mut joined).await;
        assert_eq!(joined.worker.snapshot().values, 1, "what it returned is not kept");
    });
}

#[test]
fn a_result_that_cannot_leave_is_the_tasks_error_if_it_is_wanted() {
    on(InprocNetwork::encoding(), |cluster| async move {
        let mut joined = cluster.worker("w", 1).await;
        let node = cluster.call(Secret::DEF, vec![]);
        let failure = joined.failure(cluster.assign(&joined, &node, true, &[])).await;
        assert_eq!(failure.kind, ErrorKind::Encode);
        assert!(failure.message.contains("Unencodable can't be encoded"), "{failure:?}");
        works(&cluster, &mut joined).await;
    });
}

#[test]
#[cfg(debug_assertions)]
fn a_type_that_would_break_between_processes_breaks_in_one() {
    on(InprocNetwork::new(), |cluster| async move {
        let mut joined = cluster.worker("w", 1).await;
        for _ in 0..2 {
            let node = cluster.call(Lie::DEF, vec![]);
            let failure = joined.failure(cluster.assign(&joined, &node, true, &[])).await;
            assert_eq!(failure.kind, ErrorKind::Encode);
            let advice = failure.message.contains("Liar") && failure.message.contains("Json<");
            assert!(advice, "{failure:?}");
        }
    });
}

#[test]
fn a_scheduler_that_is_slow_to_listen_hears_everything_in_order() {
    on_both(|cluster| async move {
        let mut joined = cluster.worker("w", 1).await;
        // Each runs alone, so that each is told in a batch of its own, and there are more than the link's window holds.
        let mut runs = Vec::new();
        for n in 0..1_000i64 {
            let node = cluster.call(Add::DEF, vec![inline(n), inline(n)]);
            runs.push(cluster.assign(&joined, &node, true, &[]).1);
            while joined.worker.snapshot().values <= n as u64 {
                tokio::task::yield_now().await;
            }
        }
        for run in runs {
            match joined.hears().await {
                WorkerToScheduler::Finished { run: ended, .. } => assert_eq!(ended, run),
                other => panic!("{other:?}"),
            }
        }
    });
}

#[test]
fn a_value_that_panics_when_it_is_dropped_harms_nobody() {
    on_both(|cluster| async move {
        let mut joined = cluster.worker("w", 1).await;
        let node = cluster.call(Grenade::DEF, vec![]);
        let (key, run) = cluster.assign(&joined, &node, false, &[]);
        joined.finishes((key, run)).await;
        joined.say(SchedulerToWorker::Free(vec![key]));
        works(&cluster, &mut joined).await;
    });
}

#[test]
fn bytes_that_are_no_call_are_an_error() {
    on(InprocNetwork::encoding(), |cluster| async move {
        let mut joined = cluster.worker("w", 1).await;
        let node = cluster.call(Add::DEF, vec![inline(1i64), inline(2i64)]);
        let run = cluster.assign_bytes(&joined, &node, vec![1, 2, 3]);
        let failure: Failure = joined.failure(run).await;
        assert_eq!(failure.kind, ErrorKind::Decode);
    });
}

/// The worker still does what it should.
async fn works(cluster: &crate::common::Cluster, joined: &mut crate::common::Joined) {
    let node = cluster.call(Add::DEF, vec![inline(20i64), inline(22i64)]);
    let run = cluster.assign(joined, &node, true, &[]);
    assert_eq!(joined.result::<i64>(run).await, 42);
}
