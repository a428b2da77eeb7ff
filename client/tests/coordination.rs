//! What programs share by name, on every kind of cluster.

mod support;

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use brisk_client::ErrorKind;

brisk_client::test_worker!();

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
        let contend = async |client: brisk_client::Client| {
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
        let of_two = |client: &brisk_client::Client| client.semaphore("x", 2);
        let held = of_two(&one).acquire().await.unwrap();
        let both = of_two(&two);
        let mut waiting = Box::pin(both.acquire_many(2));
        assert!(still_waits(&mut waiting).await);
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
}
