//! What people who come from other systems count on, on every kind of cluster: docs/behaviours.md says which test shows what.

mod support;

use std::{
    collections::HashSet,
    time::{SystemTime, UNIX_EPOCH},
};

use brisk_client::{AsCompleted, ErrorKind, Status, TaskContext, actor, task, wait};
use support::all_is_forgotten;

brisk_client::test_worker!();

/// A text that no other call makes: who gets the same one has the result of the same run.
fn stamp() -> String {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_nanos();
    format!("{:?} of {} at {time}", std::thread::current().id(), std::process::id())
}

#[task]
fn stamped(_x: i64) -> String {
    stamp()
}

#[task(impure)]
fn stamped_anew(_x: i64) -> String {
    stamp()
}

#[task]
fn fails_with_stamp(_x: i64) -> Result<i64, String> {
    Err(stamp())
}

#[task]
fn add(x: i64, y: i64) -> i64 {
    x + y
}

#[task]
async fn for_ever(x: i64) -> i64 {
    std::future::pending::<()>().await;
    x
}

/// Works until it is cancelled, without a pause.
#[task(impure)]
fn until_cancelled(x: i64) -> i64 {
    let context = TaskContext::current().expect("this is a task");
    while !context.is_cancelled() {
        std::hint::spin_loop();
    }
    x
}

struct Place;

#[actor]
impl Place {
    fn new() -> Self {
        Place
    }

    fn worker(&self) -> String {
        std::process::id().to_string()
    }
}

#[task]
fn letters(text: &str) -> usize {
    text.len()
}

on_every_cluster! {
    async fn the_same_call_of_two_clients_runs_once_and_an_impure_one_each_time(cluster: LocalCluster) {
        let (one, two) = (cluster.client().await.unwrap(), cluster.client().await.unwrap());
        let (first, again) = (one.submit(stamped(1)), one.submit(stamped(1)));
        assert_eq!(first.key(), again.key());
        let theirs = two.submit(stamped(1));
        assert_eq!(theirs.key(), first.key());
        let text = first.result().await.unwrap();
        assert_eq!((again.await.unwrap(), theirs.await.unwrap()), (text.clone(), text));
        let anew: Vec<_> = (0..5).map(|_| one.submit(stamped_anew(1))).collect();
        let texts: HashSet<String> = one.gather(&anew).await.unwrap().into_iter().collect();
        assert_eq!(texts.len(), 5);
    }

    async fn what_is_in_memory_is_not_computed_again_and_what_was_released_is(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let first = client.submit(stamped(2));
        let text = first.result().await.unwrap();
        assert_eq!(client.submit(stamped(2)).await.unwrap(), text, "it is there");
        drop(first);
        all_is_forgotten(&cluster).await;
        assert_ne!(client.submit(stamped(2)).await.unwrap(), text, "nobody wanted it, so it was forgotten");
    }

    async fn a_failed_call_that_is_submitted_again_fails_at_once_without_a_run(cluster: LocalCluster) {
        let (client, other) = (cluster.client().await.unwrap(), cluster.client().await.unwrap());
        let failed = client.submit(fails_with_stamp(1));
        let why = failed.exception().await.unwrap().to_string();
        for again in [client.submit(fails_with_stamp(1)), other.submit(fails_with_stamp(1))] {
            assert_eq!(again.exception().await.unwrap().report().failure, failed.exception().await.unwrap().report().failure);
        }
        // Only to try again runs it.
        failed.retry();
        assert_ne!(failed.exception().await.unwrap().to_string(), why);
    }

    async fn calls_that_need_a_failed_or_cancelled_future_fail_with_its_error(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let failed = client.submit(fails_with_stamp(2));
        let why = failed.exception().await.unwrap();
        let error = client.submit(add(&failed, 1)).await.unwrap_err();
        assert_eq!((error.kind(), error.key()), (ErrorKind::Failed, why.key()), "{error}");
        let cancelled = client.submit(for_ever(1));
        cancelled.cancel();
        let error = client.submit(add(1, &cancelled)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        // Also if the value had come here before: it stays, and is no argument any more.
        let here = client.submit(add(20, 1));
        assert_eq!((&here).await.unwrap(), 21);
        here.cancel();
        let error = client.submit(add(1, &here)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
        assert!(error.to_string().contains("scatter the value"), "{error}");
        assert_eq!(here.await.unwrap(), 21);
        assert_eq!(client.submit(add(1, 1)).await.unwrap(), 2, "the client goes on");
    }

    async fn an_argument_that_is_too_large_to_travel_is_told_so(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let large = || "x".repeat(17 << 20);
        let by_pointer = std::thread::current().name().is_some_and(|name| name.ends_with("::threads"));
        match client.submit(letters(large())).await {
            Ok(count) => assert!(by_pointer && count == 17 << 20, "nothing of it travels"),
            Err(error) => {
                assert!(!by_pointer && error.kind() == ErrorKind::TooLarge, "{error}");
                assert!(error.to_string().contains("and pass its future"), "{error}");
            }
        }
        // As it says, or scattered, it is an argument all the same.
        let scattered = client.scatter(large()).await.unwrap();
        assert_eq!(client.submit(letters(&scattered)).await.unwrap(), 17 << 20);
    }

    async fn a_map_takes_the_shorter_of_two_lists_and_nothing_of_none(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let sums = client.map((0..10).zip(0..3), |(x, y)| add(x, y));
        assert_eq!(client.gather(&sums).await.unwrap(), [0, 2, 4]);
        assert!(client.map(0..0, |x| add(x, 1)).is_empty());
        assert!(client.gather::<i64>(&[]).await.unwrap().is_empty());
        wait::<i64>(&[]).await;
    }

    async fn only_what_the_result_needs_is_run(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let shared = add(1, 2);
        let unneeded = add(&shared, fails_with_stamp(3));
        assert_eq!(client.submit(add(&shared, 4)).await.unwrap(), 7);
        drop(unneeded);
    }

    async fn a_future_that_is_dropped_and_asked_for_again_at_once_comes(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        for x in 0..200 {
            drop(client.submit(add(x, 1)));
            let future = client.submit(add(x, 1));
            if x % 3 == 0 {
                client.flush().await;
            }
            assert_eq!(future.await.unwrap(), x + 1);
        }
        all_is_forgotten(&cluster).await;
    }

    async fn as_completed_gives_duplicates_errors_and_cancelled_ones(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let (good, bad, cancelled) = (client.submit(add(1, 1)), client.submit(fails_with_stamp(4)), client.submit(for_ever(2)));
        let mut done = AsCompleted::from_iter([good.clone(), good.clone(), bad, cancelled.clone()]);
        cancelled.cancel();
        let mut ends = Vec::new();
        while let Some(future) = done.next().await {
            ends.push(future.status());
            if ends.len() == 1 {
                // While it is read.
                done.push(good.clone());
            }
        }
        let count = |status| ends.iter().filter(|end| **end == status).count();
        assert_eq!((count(Status::Finished), count(Status::Erred), count(Status::Cancelled)), (3, 1, 1), "{ends:?}");
    }

    async fn a_failed_chain_is_forgotten_in_whatever_order_it_is_dropped(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let first = client.submit(fails_with_stamp(5));
            let second = client.submit(add(&first, 1));
            let third = client.submit(add(&second, 1));
            assert_eq!(third.exception().await.unwrap().kind(), ErrorKind::Failed);
            let mut futures = [Some(first), Some(second), Some(third)];
            for place in order {
                futures[place] = None;
                client.flush().await;
            }
            all_is_forgotten(&cluster).await;
        }
    }

    async fn a_detached_task_that_fails_leaves_nothing_behind(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.submit(fails_with_stamp(6)).detach();
        client.submit(stamped_anew(6)).detach();
        client.flush().await;
        all_is_forgotten(&cluster).await;
    }

    async fn a_running_task_that_is_cancelled_and_submitted_again_gives_one_result(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        for x in 0..20 {
            let call = until_cancelled(x).key(format!("spin-{x}"));
            let running = client.submit(&call);
            client.flush().await;
            running.cancel();
            let again = client.submit(&call);
            assert_eq!(again.status(), Status::Pending);
            again.cancel();
            assert_eq!(again.await.unwrap_err().kind(), ErrorKind::Cancelled);
            assert_eq!(running.await.unwrap_err().kind(), ErrorKind::Cancelled);
        }
        // Threads that heed their cancellation are free again: with two of them nothing else would end.
        assert_eq!(client.submit(add(1, 1)).await.unwrap(), 2);
        all_is_forgotten(&cluster).await;
    }

    async fn what_is_cancelled_before_the_scheduler_has_heard_of_it_never_runs_on(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let futures: Vec<_> = (0..100).map(|x| client.submit(for_ever(x))).collect();
        client.cancel(&futures);
        assert!(futures.iter().all(|future| future.status() == Status::Cancelled));
        client.flush().await;
        all_is_forgotten(&cluster).await;
    }

    async fn many_threads_share_a_client(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let threads: Vec<_> = (0..8i64)
            .map(|thread| {
                let client = brisk_client::blocking::Client::from(client.clone());
                std::thread::spawn(move || {
                    let sums = client.map(0..50, |x| add(x, thread));
                    let values = client.gather(&sums).unwrap();
                    assert!(values.into_iter().eq((0..50).map(|x| x + thread)));
                })
            })
            .collect();
        let joined = tokio::task::spawn_blocking(|| threads.into_iter().all(|thread| thread.join().is_ok())).await;
        assert!(joined.unwrap());
        all_is_forgotten(&cluster).await;
    }

    async fn what_one_client_leaves_another_keeps(cluster: LocalCluster) {
        let (stays, leaves) = (cluster.client().await.unwrap(), cluster.client().await.unwrap());
        let (mine, theirs) = (stays.submit(stamped(7)), leaves.submit(stamped(7)));
        let text = theirs.result().await.unwrap();
        let copy = leaves.clone();
        leaves.close().await;
        // To close it again is quiet.
        copy.close().await;
        assert_eq!(mine.result().await.unwrap(), text);
        assert_eq!(stays.submit(stamped(7)).await.unwrap(), text, "it is still there");
        assert!(matches!(theirs.status(), Status::Finished), "what was here stays");
    }
}

/// Actors are spread over the workers.
#[cfg(feature = "quic")]
#[test]
fn actors_live_on_different_workers() {
    async fn spread(cluster: brisk_client::LocalCluster) {
        let client = cluster.client().await.unwrap();
        client.wait_for_workers(2).await.unwrap();
        let actors: Vec<_> = (0..4).map(|_| client.actor(PlaceActor::new())).collect();
        let mut workers = Vec::new();
        for actor in &actors {
            workers.push(actor.worker().await.unwrap());
        }
        let distinct: HashSet<&String> = workers.iter().collect();
        assert_eq!(distinct.len(), 2, "{workers:?}");
    }
    support::run_on(support::Kind::Processes, spread);
}
