//! A user's panic hook is called for the panics of tasks, once each. In a process of its own: there is one hook a process.

mod common;

use std::sync::atomic::{AtomicU32, Ordering};

use brisk_core::task::TaskItem;
use brisk_transport_inproc::InprocNetwork;
use common::{inline, on, tasks::Panics};

static CALLED: AtomicU32 = AtomicU32::new(0);

#[test]
fn a_users_hook_sees_each_panic_of_a_task_once() {
    std::panic::set_hook(Box::new(|_| {
        CALLED.fetch_add(1, Ordering::SeqCst);
    }));
    on(InprocNetwork::new(), |cluster| async move {
        let mut joined = cluster.worker("w", 1).await;
        for why in ["one", "two"] {
            let node = cluster.call(Panics::DEF, vec![inline(why.to_owned())]);
            let failure = joined.failure(cluster.assign(&joined, &node, true, &[])).await;
            assert_eq!(failure.message, why);
            assert!(failure.place.is_some_and(|place| place.contains("tasks.rs:")));
        }
    });
    assert_eq!(CALLED.load(Ordering::SeqCst), 2);
}
