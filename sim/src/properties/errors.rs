//! Every error is of a task that was asked for, or of one that it needs, and something has happened that explains it
//! (I12, I17, I46).

use brisk_core::error::{ErrorKind, TaskError};
use brisk_scheduler::machine::Config;

use super::losses::Losses;
use crate::{
    failure::Failure,
    history::History,
    workload::{Behaviour, TaskIndex, Workload},
};

/// What is known of all that has happened.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// What was counted.
    pub history: &'a History,
    /// What was lost, and with whom.
    pub losses: &'a Losses,
    /// Whether any submission was refused.
    pub refused: bool,
}

/// Checks the error of a task.
///
/// # Errors
/// If it is made up.
pub fn check(
    workload: &Workload,
    config: &Config,
    known: &Known<'_>,
    task: TaskIndex,
    error: &TaskError,
) -> Result<(), Failure> {
    let broken = |found: String| Err(Failure::safety("errors", format!("task {task}: {found}: {error}")));
    if error.kind() == ErrorKind::Refused {
        // Whether it was right to refuse was looked at when the scheduler did.
        return if known.refused { Ok(()) } else { broken("the scheduler has refused nothing".to_owned()) };
    }
    let Some(root) = error.key().and_then(|key| workload.find(key)) else {
        return broken("the error is of no task".to_owned());
    };
    if !workload.is_ancestor(root, task) {
        return broken(format!("the error is of task {root}, which it does not need"));
    }
    check_path(workload, root, task, error)?;
    let Known { history, losses, .. } = *known;
    let facts = history.of(root);
    let explained = match error.kind() {
        ErrorKind::Failed => fails(workload, root, error) && facts.failures > workload.task(root).allowed_retries(),
        ErrorKind::Rescheduled => workload.task(root).once && fails(workload, root, error),
        ErrorKind::Encode => cannot_be_sent(workload, root),
        // It had too many deaths, or is to be started once only and was lost with this worker.
        ErrorKind::WorkerDied => {
            let with = |worker| workload.task(root).once && losses.was_lost_with(root, worker);
            let named = error.report().worker.iter().flat_map(|name| history.workers_called(name));
            facts.deaths > config.allowed_failures || named.into_iter().any(with)
        }
        // It was lost too often, or is not to be made again and was lost once; or it is to be started once, and that start was cancelled.
        ErrorKind::DataLost => {
            let task = workload.task(root);
            facts.losses > config.allowed_losses
                || ((task.once || task.scattered) && losses.was_lost(root))
                || (task.once && facts.cancels > 0)
        }
        ErrorKind::ActorLost => workload.task(root).pinned && losses.was_lost(root),
        ErrorKind::LineageCut => {
            (workload.depth(root) >= config.max_lineage || losses.is_checkpoint(root)) && losses.was_lost(root)
        }
        ErrorKind::Cancelled => facts.cancels > 0,
        ErrorKind::TimedOut => {
            let task = workload.task(root);
            // A task may take a quarter more than it should.
            task.timeout.is_some_and(|limit| limit <= task.duration * 5 / 4 || history.stood_still)
        }
        ErrorKind::TooLarge => {
            let inputs = workload.task(root).dependencies.iter().map(|input| workload.task(*input).nbytes);
            inputs.chain([workload.task(root).nbytes]).sum::<u64>() > history.least_memory
        }
        ErrorKind::NoWorker => history.longest_absence(workload, root) >= config.no_worker_timeout,
        _ => false,
    };
    if explained {
        return Ok(());
    }
    broken(format!("nothing explains this {:?} of task {root} ({facts:?})", error.kind()))
}

/// Whether a task fails in the attempt that the error names.
fn fails(workload: &Workload, root: TaskIndex, error: &TaskError) -> bool {
    match workload.task(root).behaviour {
        Behaviour::Fails { attempts } | Behaviour::Reschedules { attempts } => {
            (1..=attempts).contains(&error.report().attempt)
        }
        _ => false,
    }
}

/// Whether a task's own value, or one that it needs, can't leave its worker.
fn cannot_be_sent(workload: &Workload, root: TaskIndex) -> bool {
    let unsendable = |task: TaskIndex| workload.task(task).behaviour == Behaviour::Unsendable;
    unsendable(root) || workload.task(root).dependencies.iter().any(|d| unsendable(*d))
}

/// The way from the task that failed to the one that was asked for leads along dependencies, as far as it is told.
fn check_path(workload: &Workload, root: TaskIndex, task: TaskIndex, error: &TaskError) -> Result<(), Failure> {
    let path = &error.report().needed_by;
    let broken = |found: &str| Err(Failure::safety("errors", format!("task {task}: {found}: {path:?}")));
    let Some(last) = path.last() else {
        return if root == task { Ok(()) } else { broken("nobody is said to need the task that failed") };
    };
    if workload.find(last.key) != Some(task) {
        return broken("the last that needed the failed task is not the one asked for");
    }
    let mut before = root;
    // Long ways are cut, and say so.
    for name in path.iter().take_while(|name| &*name.name != "…") {
        match workload.find(name.key) {
            Some(next) if workload.task(next).dependencies.contains(&before) => before = next,
            _ => return broken("a step is no dependency"),
        }
    }
    Ok(())
}
