//! What need not be said any more: that a run has started whose end is said in the same batch.
//!
//! Of calls that take microseconds the start and the end wait to be sent together. The scheduler deals with each message for
//! itself, and an end says all that a start does; so the start goes, and with it half of the reports of such calls.

use brisk_core::{id::RunId, message::WorkerToScheduler};

/// How far back a start is looked for: about as many messages as a worker's threads say between the two.
const NEAR: usize = 8;

/// Puts reports behind others that were not sent yet. Leaves none, but their list's memory.
pub(super) fn join(first: &mut Vec<WorkerToScheduler>, second: &mut Vec<WorkerToScheduler>) {
    first.reserve(second.len());
    second.drain(..).for_each(|message| add(first, message));
}

/// Puts one report behind others that were not sent yet.
pub(super) fn add(reports: &mut Vec<WorkerToScheduler>, message: WorkerToScheduler) {
    if let WorkerToScheduler::Finished { run, .. } = &message {
        forget_start(reports, *run);
    }
    reports.push(message);
}

fn forget_start(reports: &mut Vec<WorkerToScheduler>, of: RunId) {
    use WorkerToScheduler::{Finished, Started};
    // What says anything else may be about the run that began before it.
    let mut near =
        reports.iter().rev().take(NEAR).take_while(|report| matches!(report, Started { .. } | Finished { .. }));
    if let Some(back) = near.position(|report| matches!(report, Started { run, .. } if *run == of)) {
        reports.remove(reports.len() - 1 - back);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use brisk_core::key::Key;

    use super::*;

    const KEY: Key = Key::from_u128(1);

    fn started(run: u64) -> WorkerToScheduler {
        WorkerToScheduler::Started { key: KEY, run: RunId(run) }
    }

    fn finished(run: u64) -> WorkerToScheduler {
        WorkerToScheduler::Finished { key: KEY, run: RunId(run), nbytes: 8, took: Duration::ZERO, value: None }
    }

    fn seceded(run: u64) -> WorkerToScheduler {
        WorkerToScheduler::Seceded { key: KEY, run: RunId(run) }
    }

    #[test]
    fn a_start_goes_when_its_end_is_said_with_it() {
        let mut reports = vec![finished(1), started(2), started(3)];
        join(&mut reports, &mut vec![finished(2), started(4), finished(4), seceded(3)]);
        assert_eq!(reports, [finished(1), started(3), finished(2), finished(4), seceded(3)]);
        join(&mut reports, &mut vec![finished(3)]);
        assert_eq!(reports[1], started(3), "it gave its thread up in between");
        // An end that was sent before takes nothing along, and one far behind is not worth looking for.
        let mut reports: Vec<_> = (10..30).map(started).collect();
        join(&mut reports, &mut vec![finished(3), finished(29), finished(10)]);
        assert_eq!(reports.len(), 22);
        assert!(!reports.contains(&started(29)) && reports.contains(&started(10)));
    }
}
