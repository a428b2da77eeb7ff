//! Waits of tasks that can never end.

use brisk_core::{
    error::{ErrorKind, TaskError},
    future::Handle,
};
use brisk_worker::server::current_key;

/// Why the task that runs here is not to wait for `handle`, if that is its own: it would wait for its own end. The same pure
/// call is the same task, so a task that makes the call again that it is itself gets its own future.
pub(super) fn for_itself(handle: &Handle) -> Option<TaskError> {
    if current_key() != Some(handle.key()) {
        return None;
    }
    let text = "it waits for its own result: within it the very call was submitted that it is itself, and the same call is the \
                same task. Make the inner call with other arguments, or `.impure()`, or call the function itself, as \
                `name::call(…)`";
    Some(TaskError::new(ErrorKind::Deadlock, text).with(|report| report.task = Some(handle.name().clone())))
}
