//! Panics of tasks: caught, described, and told once, by the task's error.
//!
//! A process-wide hook notes message, place and backtrace of a panic in a thread that is running a task. It is put before
//! the hook that was there: if that is the standard library's own, a task's panic is not printed, since the task's error
//! tells it; a hook of the user's is called for every panic, as it would be without Brisk.

use std::{
    any::Any,
    backtrace::{Backtrace, BacktraceStatus},
    cell::{Cell, RefCell},
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    sync::Once,
};

use brisk_core::error::{ErrorKind, Failure};

thread_local! {
    /// Whether a task's code runs in this thread.
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    /// Whether a panic was noted that nobody has looked at. Apart from the note, which is dropped with the thread and takes
    /// longer to look at: this is asked several times a task.
    static ANY_NOTED: Cell<bool> = const { Cell::new(false) };
    /// The last panic of a task in this thread.
    static NOTED: RefCell<Option<Noted>> = const { RefCell::new(None) };
}

struct Noted {
    place: Option<String>,
    backtrace: Option<String>,
}

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync + 'static>;

/// Puts the hook in place, once in a process.
pub(super) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = panic::take_hook();
        // Taking the hook put the standard one back, so the second to be taken is that one for sure.
        let is_standard = is_same(&before, &panic::take_hook());
        panic::set_hook(Box::new(move |info| {
            let of_task = CATCHING.try_with(Cell::get).unwrap_or(false);
            if of_task {
                note(info);
            }
            if !(of_task && is_standard) {
                before(info);
            }
        }));
    });
}

/// Runs a task's code. A panic becomes a failure that says what and where; `doing` completes the sentence that is used
/// if the panic has no message, as in "the task panicked".
///
/// # Errors
/// The panic.
pub(super) fn catch<T>(doing: &str, code: impl FnOnce() -> T) -> Result<T, Box<Failure>> {
    let outer = CATCHING.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(code));
    CATCHING.set(outer);
    let noted = if ANY_NOTED.replace(false) { NOTED.take() } else { None };
    outcome.map_err(|payload| Box::new(describe(doing, payload, noted)))
}

/// Drops something whose `Drop` may be a user's, and may panic.
pub(super) fn drop_quietly<T>(thing: T) {
    if let Err(failure) = catch("while a value was dropped", || drop(thing)) {
        tracing::warn!(message = failure.message, place = failure.place, "a value panicked when it was dropped");
    }
}

fn describe(doing: &str, payload: Box<dyn Any + Send>, noted: Option<Noted>) -> Failure {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    let message = text.or_else(|| payload.downcast_ref::<String>().cloned());
    let message = message.unwrap_or_else(|| format!("a panic {doing}, with a payload that is no text"));
    // The payload is a user's value too. If it panics when dropped, what that panic carries is left alone.
    if let Err(second) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
    let noted = noted.unwrap_or(Noted { place: None, backtrace: None });
    let failure = Failure::new(ErrorKind::Panicked, message).with_backtrace(noted.backtrace);
    Failure { place: noted.place, ..failure }
}

fn note(info: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    let noted = Noted {
        place: info.location().map(|place| format!("{}:{}", place.file(), place.line())),
        backtrace: (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string()),
    };
    // A panic while the last one is being noted leaves that one.
    let _ = NOTED.try_with(|slot| {
        if let Ok(mut slot) = slot.try_borrow_mut() {
            *slot = Some(noted);
            ANY_NOTED.set(true);
        }
    });
}

/// Whether two hooks are the same function. The standard hook is a plain function: boxed, it has no memory of its own, and
/// two boxes of it differ in nothing. If a compiler told them apart after all, panics would be printed, no more.
#[allow(ambiguous_wide_pointer_comparisons, reason = "a function without memory is told by its table alone")]
fn is_same(a: &Hook, b: &Hook) -> bool {
    std::ptr::eq(&raw const **a, &raw const **b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_described_with_its_place() {
        install();
        let failure = catch("of the task", || -> () { panic!("no {}", "way") }).unwrap_err();
        assert_eq!((failure.kind, failure.message.as_str()), (ErrorKind::Panicked, "no way"));
        let place = failure.place.unwrap();
        assert!(place.contains("panics.rs:"), "{place}");
    }

    #[test]
    fn payloads_that_are_no_text_or_panic_themselves_are_described() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("in drop");
            }
        }
        install();
        let failure = catch("of the task", || -> () { panic::panic_any(Bomb) }).unwrap_err();
        assert_eq!(failure.message, "a panic of the task, with a payload that is no text");
        drop_quietly(Bomb);
    }

    #[test]
    fn a_panic_that_the_task_caught_itself_leaves_no_trace() {
        install();
        let value = catch("of the task", || panic::catch_unwind(|| panic!("inner")).is_err()).unwrap();
        assert!(value);
        assert!(NOTED.take().is_none());
    }
}
