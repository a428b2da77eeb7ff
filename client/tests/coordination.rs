//! What programs share by name, on every kind of cluster.

mod support;

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use brisk_client::{Client, ErrorKind, TaskFuture, task};
use support::all_is_forgotten;

brisk_client::test_worker!();

#[task]
fn inc(x: i64) -> i64 {
    x + 1
}

#[task]
async fn later(x: i64) -> i64 {
    tokio::time::sleep(Duration::from_millis(50)).await;
    x
}

/// Takes the lock `x`, says so, and keeps it for ever.
#[task]
async fn takes_the_lock() {
    let client = brisk_client::current().await.expect("this is a task");
    let held = client.lock("x").acquire().await.expect("it is free");
    client.variable::<u64>("fence").set(held.fence().number).await.expect("it is ours");
    std::future::pending::<()>().await;
}

/// Whether something does not end in a moment. It may end right after; where it must not, a test says so by what follows.
async fn still_waits(something: impl Future) -> bool {
    tokio::time::timeout(Duration::from_millis(20), something).await.is_err()
}

on_every_cluster! {
    async fn a_lock_is_held_by_one(cluster: LocalCluster) {
        let (one, two) = (cluster.client().await.unwrap(), cluster.client().await.unwrap());
        let held = one.lock("x").acquire().await.unwrap();
        let lock = two.lock("x");
        assert!(lock.try_acquire().await.unwrap().is_none());
        let mut waiting = Box::pin(lock.acquire());
        assert!(still_waits(&mut waiting).await);
        let first = held.fence();
        assert!(held.is_held());
        held.release().await.unwrap();
        let second = waiting.await.unwrap();
        assert!(second.fence() > first);
        drop(second);
        let third = one.lock("x").acquire().await.unwrap();
        assert_eq!((third.name(), third.count(), third.is_held()), ("x", 1, true));
    }

    async fn two_clients_contend_and_never_hold_together(cluster: LocalCluster) {
        let (inside, latest) = (AtomicU32::new(0), AtomicU64::new(0));
        let contend = async |client: Client| {
            for round in 0..50 {
                let held = client.semaphore("pair", 2).acquire_many(2).await.unwrap();
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                let fence = held.fence().number;
                assert!(latest.swap(fence, Ordering::SeqCst) < fence, "fences grow");
                tokio::task::yield_now().await;
                inside.fetch_sub(1, Ordering::SeqCst);
                if round % 2 == 0 {
                    held.release().await.unwrap();
                }
            }
        };
        let (one, two) = (cluster.client().await.unwrap(), cluster.client().await.unwrap());
        tokio::join!(contend(one), contend(two));
    }

    async fn who_stops_to_wait_is_not_served(cluster: LocalCluster) {
        let (one, two) = (cluster.client().await.unwrap(), cluster.client().await.unwrap());
        let of_two = |client: &Client| client.semaphore("x", 2);
        let held = of_two(&one).acquire().await.unwrap();
        let both = of_two(&two);
        let mut waiting = Box::pin(both.acquire_many(2));
        assert!(still_waits(&mut waiting).await);
        two.flush().await;
        // One is free, and it is another's turn.
        assert!(of_two(&one).try_acquire().await.unwrap().is_none());
        drop(waiting);
        two.flush().await;
        assert!(of_two(&one).try_acquire().await.unwrap().is_some());
        drop(held);
        assert_eq!(of_two(&one).acquire_many(2).await.unwrap().count(), 2);
        one.flush().await;
        let error = two.lock("x").acquire().await.map(|lease| lease.name().to_owned());
        assert!(error.is_ok(), "what nobody holds may have another number of permits: {error:?}");
    }

    async fn a_closed_clients_leases_end_and_it_is_told(cluster: LocalCluster) {
        let (one, two) = (cluster.client().await.unwrap(), cluster.client().await.unwrap());
        let held = one.lock("x").acquire().await.unwrap();
        one.close().await;
        assert_eq!(held.lost().await.kind(), ErrorKind::LeaseLost);
        assert!(!held.is_held());
        let next = two.lock("x").acquire().await.unwrap();
        assert!(next.fence() > held.fence());
        assert_eq!(held.release().await.unwrap_err().kind(), ErrorKind::LeaseLost);
        assert!(next.is_held());
    }

    async fn settings_that_differ_are_refused(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let held = client.semaphore("x", 3).acquire().await.unwrap();
        let error = client.lock("x").acquire().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Inconsistent);
        assert!(error.to_string().contains("`x` is in use as a semaphore of 3 permits"), "{error}");
        let error = client.semaphore("x", 3).acquire_many(4).await.unwrap_err();
        assert!(error.to_string().contains("from 1 to 3 permits of `x`"), "{error}");
        assert_eq!(client.lock("").acquire().await.unwrap_err().kind(), ErrorKind::Refused);
        drop(held);
    }

    async fn an_event_wakes_who_waits(cluster: LocalCluster) {
        let (one, two) = (cluster.client().await.unwrap(), cluster.client().await.unwrap());
        let (set, waits) = (one.event("go"), two.event("go"));
        assert!(!waits.is_set().await.unwrap());
        let mut waiting = Box::pin(waits.wait());
        assert!(still_waits(&mut waiting).await);
        set.set().await.unwrap();
        waiting.await.unwrap();
        one.close().await;
        waits.wait().await.unwrap();
        waits.clear().await.unwrap();
        assert!(still_waits(waits.wait()).await);
        assert_eq!(two.event("").clear().await.unwrap_err().kind(), ErrorKind::Refused);
    }

    async fn a_variable_is_waited_for_and_its_type_is_checked(cluster: LocalCluster) {
        let (one, two) = (cluster.client().await.unwrap(), cluster.client().await.unwrap());
        let waits = two.variable::<String>("word");
        assert_eq!(waits.try_get().await.unwrap(), None);
        let mut waiting = Box::pin(waits.get());
        assert!(still_waits(&mut waiting).await);
        one.variable::<String>("word").set("first".to_owned()).await.unwrap();
        assert_eq!(waiting.await.unwrap(), "first");
        let error = one.variable::<i64>("word").set(1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Inconsistent);
        assert!(error.to_string().contains("holds alloc::string::String, and was asked to hold i64"), "{error}");
        assert!(waits.delete().await.unwrap());
        one.variable::<i64>("word").set(1).await.unwrap();
        let long = two.variable::<String>("long").set("x".repeat(100_000)).await.unwrap_err();
        assert!(long.to_string().contains("put in the future"), "{long}");
    }

    async fn a_variables_future_outlives_who_has_set_it(cluster: LocalCluster) {
        let (one, two) = (cluster.client().await.unwrap(), cluster.client().await.unwrap());
        one.variable("model").set(one.submit(later(3))).await.unwrap();
        one.close().await;
        let variable = two.variable::<TaskFuture<i64>>("model");
        let model = variable.get().await.unwrap();
        assert!(variable.delete().await.unwrap());
        assert_eq!(two.submit(inc(&model)).await.unwrap(), 4);
        drop(model);
        all_is_forgotten(&cluster).await;
    }

    async fn a_queue_hands_futures_on(cluster: LocalCluster) {
        let (one, two) = (cluster.client().await.unwrap(), cluster.client().await.unwrap());
        let producer = async {
            let queue = one.queue::<TaskFuture<i64>>("work").limit(3);
            for x in 0..20 {
                // The queue holds its value wanted: the producer drops its own future.
                queue.put(one.submit(inc(x))).await.unwrap();
            }
        };
        let consumer = async {
            let queue = two.queue::<TaskFuture<i64>>("work");
            let mut sum = 0;
            for _ in 0..20 {
                sum += queue.get().await.unwrap().await.unwrap();
            }
            sum
        };
        assert_eq!(tokio::join!(producer, consumer).1, (1..=20).sum::<i64>());
        assert!(one.queue::<TaskFuture<i64>>("work").is_empty().await.unwrap());
        all_is_forgotten(&cluster).await;
    }

    async fn who_puts_into_a_full_queue_waits(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let queue = client.queue::<i64>("numbers").limit(2);
        queue.put(1).await.unwrap();
        queue.put(2).await.unwrap();
        assert!(!queue.try_put(3).await.unwrap());
        let mut waiting = Box::pin(queue.put(3));
        assert!(still_waits(&mut waiting).await);
        // One that stops to wait puts nothing in.
        assert!(still_waits(queue.put(9)).await);
        assert_eq!(queue.len().await.unwrap(), 2);
        assert_eq!(queue.get().await.unwrap(), 1);
        waiting.await.unwrap();
        assert_eq!(queue.get_many(10).await.unwrap(), [2, 3]);
        assert_eq!(queue.try_get().await.unwrap(), None);
        let error = client.queue::<TaskFuture<i64>>("numbers").limit(2).try_put(client.submit(inc(1))).await;
        assert!(error.unwrap(), "an empty queue may be used otherwise");
        let error = queue.get().await.unwrap_err();
        assert!(error.to_string().contains("for items of type a future of i64, and was asked for as one of i64"), "{error}");
        assert_eq!(queue.clear().await.unwrap(), 1);
        all_is_forgotten(&cluster).await;
    }

    async fn a_getter_that_stops_to_wait_loses_no_item(cluster: LocalCluster) {
        let (one, two) = (cluster.client().await.unwrap(), cluster.client().await.unwrap());
        let (put, take) = (one.queue::<u32>("numbers"), two.queue::<u32>("numbers"));
        let mut waiting = Vec::new();
        for _ in 0..20 {
            let mut get = Box::pin(take.get());
            // Asked, and not answered.
            assert!(look_at(&mut get).is_none());
            waiting.push(get);
        }
        for x in 0..40 {
            put.put(x).await.unwrap();
        }
        // Half of them stop to wait, with what is theirs on its way or here.
        let mut got = Vec::new();
        for (i, get) in waiting.into_iter().enumerate() {
            if i % 2 == 0 { drop(get) } else { got.push(get.await.unwrap()) }
        }
        while got.len() < 40 {
            got.extend(take.get_many(7).await.unwrap());
        }
        got.sort_unstable();
        assert_eq!(got, (0..40).collect::<Vec<_>>());
    }

    async fn a_killed_holders_lease_goes_to_the_next(cluster: LocalCluster) {
        let client = cluster.client().await.unwrap();
        let holder = client.submit(takes_the_lock().workers(["worker-0"]).once());
        let first = client.variable::<u64>("fence").get().await.unwrap();
        let lock = client.lock("x");
        let mut waiting = Box::pin(lock.acquire());
        assert!(still_waits(&mut waiting).await);
        end_holder(&cluster, holder);
        assert!(waiting.await.unwrap().fence().number > first);
    }
}

/// Ends who holds the lock: its process, if it has one of its own, with a signal; else its task.
fn end_holder(cluster: &brisk_client::LocalCluster, holder: TaskFuture<()>) {
    #[cfg(feature = "quic")]
    if cluster.processes().iter().any(|process| process.name == "worker-0") {
        return support::signal(cluster, "worker-0", "-9");
    }
    let _ = cluster;
    drop(holder);
}

/// What a future has come to, if it has.
fn look_at<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    match std::pin::Pin::new(future).poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

#[test]
fn without_a_cluster_nothing_is_shared() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let client = Client::sync();
        let error = client.lock("x").acquire().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.to_string().contains("no cluster to share"), "{error}");
        assert!(client.queue::<i64>("x").put(1).await.is_err());
    });
}

on_every_cluster! {
    async fn several_locks_are_taken_together_in_whatever_order_they_are_named(cluster: LocalCluster) {
        let (one, two) = (cluster.client().await.unwrap(), cluster.client().await.unwrap());
        let inside = AtomicU32::new(0);
        let dine = async |client: &Client, names: [&'static str; 3]| {
            for _ in 0..20 {
                let held = client.multi_lock(names).acquire().await.unwrap();
                assert_eq!(held.len(), 2);
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                tokio::task::yield_now().await;
                inside.fetch_sub(1, Ordering::SeqCst);
            }
        };
        tokio::join!(dine(&one, ["left", "right", "left"]), dine(&two, ["right", "left", "right"]));

        // All or none: what was free is given back, and who waits in vain holds nothing.
        let right = one.lock("right").acquire().await.unwrap();
        let both = two.multi_lock(["left", "right"]);
        assert!(both.try_acquire().await.unwrap().is_none());
        assert!(still_waits(both.acquire()).await);
        let left = one.lock("left").acquire().await.unwrap();
        drop((left, right));
        let held = both.acquire().await.unwrap();
        assert_eq!(held.iter().map(|lease| lease.name()).collect::<Vec<_>>(), ["left", "right"]);
    }
}
