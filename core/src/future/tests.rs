use std::{
    future::Future,
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::Waker,
};

use super::*;
use crate::error::ErrorKind;

#[derive(Default)]
struct Spy {
    released: AtomicUsize,
    fetched: AtomicUsize,
}

impl Owner for Spy {
    fn released(&self, _: Key, _: WantId) {
        self.released.fetch_add(1, Ordering::SeqCst);
    }

    fn fetch(&self, handle: &Handle) {
        self.fetched.fetch_add(1, Ordering::SeqCst);
        handle.set_value(Datum::new(7i64));
    }

    fn cancel(&self, handle: &Handle) {
        handle.set_cancelled(TaskError::new(ErrorKind::Cancelled, "cancelled"));
    }

    fn retry(&self, handle: &Handle) {
        handle.set_pending();
    }

    fn detach(&self, _: &Handle) {}

    fn submit(&self, _: &[Arc<Node>]) -> Vec<Handle> {
        Vec::new()
    }
}

fn future() -> (Arc<Spy>, TaskFuture<i64>) {
    let spy = Arc::new(Spy::default());
    let name = TaskName::of_call("inc".into(), Key::from_u128(0x5f3a_91c2 << 96));
    (spy.clone(), TaskFuture::from_handle(Handle::new(name, WantId(1), spy)))
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn shows_itself_as_in_the_tour() {
    let (_, future) = future();
    assert_eq!(format!("{future:?}"), "<Future inc-5f3a91c2 i64 pending>");
    future.handle().set_finished();
    assert_eq!(format!("{future:?}"), "<Future inc-5f3a91c2 i64 finished>");
}

#[test]
fn the_last_handle_releases_once() {
    let (spy, future) = future();
    let clone = future.clone();
    drop(future);
    assert_eq!(spy.released.load(Ordering::SeqCst), 0);
    drop(clone);
    assert_eq!(spy.released.load(Ordering::SeqCst), 1);
}

#[test]
fn waiting_for_the_end_leaves_the_value_where_it_is() {
    let (spy, future) = future();
    let mut settled = pin!(future.settled());
    assert_eq!(poll(settled.as_mut()), Poll::Pending);
    future.handle().set_finished();
    assert_eq!(poll(settled), Poll::Ready(Status::Finished));
    assert_eq!(spy.fetched.load(Ordering::SeqCst), 0);
}

#[test]
fn waiting_for_the_value_brings_it_once() {
    let (spy, future) = future();
    let mut first = pin!(future.result());
    let mut second = pin!(future.result());
    assert!(poll(first.as_mut()).is_pending());
    assert!(poll(second.as_mut()).is_pending());
    future.handle().set_finished();
    assert_eq!(poll(first), Poll::Ready(Ok(7)));
    assert_eq!(poll(second), Poll::Ready(Ok(7)));
    assert_eq!(spy.fetched.load(Ordering::SeqCst), 1);
}

#[test]
fn a_settled_value_never_changes() {
    let (_, future) = future();
    future.handle().set_value(Datum::new(1i64));
    future.handle().set_value(Datum::new(2i64));
    future.handle().set_error(TaskError::new(ErrorKind::Failed, "late"));
    future.cancel();
    assert_eq!(poll(pin!(future.result())), Poll::Ready(Ok(1)));
}

#[test]
fn retry_makes_an_error_pending_again() {
    let (_, future) = future();
    future.handle().set_error(TaskError::new(ErrorKind::Failed, "no"));
    assert_eq!(future.status(), Status::Erred);
    future.retry();
    assert_eq!(future.status(), Status::Pending);
}

#[test]
fn a_wait_that_is_dropped_leaves_nothing_behind() {
    let (_, future) = future();
    {
        let mut wait = pin!(future.result());
        assert!(poll(wait.as_mut()).is_pending());
        assert_eq!(future.handle().cell().waiting.len(), 1);
    }
    assert_eq!(future.handle().cell().waiting.len(), 0);
}

#[test]
fn a_value_of_another_type_is_an_error_that_names_the_task() {
    let (_, future) = future();
    future.handle().set_value(Datum::new("text".to_owned()));
    let Poll::Ready(Err(error)) = poll(pin!(future.result())) else { panic!("settled") };
    assert!(error.to_string().starts_with("inc-5f3a91c2: the value is alloc::string::String"), "{error}");
}

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_wait_without_a_handle_ends_with_the_task_or_with_the_last_handle() {
    let (_, failing) = future();
    let mut ends = pin!(failing.handle().downgrade().settled());
    assert!(poll(ends.as_mut()).is_pending());
    failing.handle().set_error(TaskError::new(ErrorKind::Failed, "no"));
    let Poll::Ready(Some((Status::Erred, Some(error)))) = poll(ends.as_mut()) else { panic!("the task has failed") };
    assert!(error.to_string().contains("no"), "{error}");

    let (spy, future) = future();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut ends = pin!(future.handle().downgrade().settled());
    assert!(ends.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!((woken.0.load(Ordering::SeqCst), spy.released.load(Ordering::SeqCst)), (0, 0));
    drop(future);
    assert_eq!(woken.0.load(Ordering::SeqCst), 1, "nobody else would wake it");
    assert!(matches!(poll(ends.as_mut()), Poll::Ready(None)));
}

#[test]
fn a_wait_without_a_handle_leaves_nothing_behind() {
    let (spy, future) = future();
    let handle = future.handle().clone();
    drop(future);
    {
        let mut ends = pin!(handle.downgrade().settled());
        assert!(poll(ends.as_mut()).is_pending());
        assert_eq!(handle.cell().waiting.len(), 1);
    }
    assert_eq!(handle.cell().waiting.len(), 0);
    let mut ends = pin!(handle.downgrade().settled());
    assert!(poll(ends.as_mut()).is_pending());
    drop(handle);
    assert_eq!(spy.released.load(Ordering::SeqCst), 1, "it keeps nothing wanted");
    assert!(matches!(poll(ends.as_mut()), Poll::Ready(None)));
}
