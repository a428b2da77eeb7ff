//! Calls that workers make beside their tasks: asked of each worker itself, over the link by which its values come.

use std::sync::Arc;

use brisk_core::{
    error::{ErrorKind, Failure, TaskError},
    graph::{Item, Node},
    id::WorkerId,
    message::{Answer, ClientToScheduler, FetchOutcome},
    payload::Payload,
    task::TaskName,
    value::Datum,
};
use brisk_worker::server::carried;
use tokio::sync::oneshot;

use super::{
    Session,
    fetch::{Aside, RunThere},
};

/// What came of a call on each worker, by the worker's name.
pub(crate) type Outcomes = Vec<(Arc<str>, Result<Datum, TaskError>)>;

impl Session {
    /// Has workers make a call, all at once: those with these names, addresses or hosts, or all.
    ///
    /// # Errors
    /// If there is no such worker, or the call can't be sent.
    pub(crate) async fn run_on(&self, node: &Arc<Node>, workers: Vec<Arc<str>>) -> Result<Outcomes, TaskError> {
        let info = node.def.info();
        if !node.items().all(|item| matches!(item, Item::Inline(_))) {
            let text = format!(
                "the arguments of `{}` are to be values: it is made on each worker by itself, where the results of tasks \
                 may not be",
                info.name
            );
            return Err(TaskError::new(ErrorKind::Refused, text));
        }
        let key = self.table.lock().keys.unique();
        let task = TaskName::of_call(info.name.clone(), key);
        let by_reference = self.is_by_reference();
        let call = match carried(by_reference) {
            Some(traced) => Payload::from_traced_call(node, traced()),
            None => Payload::from_call(node),
        };
        let call = if by_reference { call } else { super::submit::sealed(node, &call)? };
        let found = self.find_workers(workers).await?;
        let mut outcomes = Vec::with_capacity(found.len());
        for (name, outcome) in self.ask_each(found, &Aside::Call { task: task.clone(), call }) {
            let outcome = of_worker(&name, outcome.await).map_err(|error| {
                error.with(|report| {
                    (report.task, report.worker) = (Some(task.clone()), Some(name.clone()));
                    report.place = Some(info.place.clone());
                })
            });
            outcomes.push((name, outcome));
        }
        outcomes.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(outcomes)
    }

    /// Workers with these names, addresses or hosts, or all.
    pub(crate) async fn find_workers(&self, workers: Vec<Arc<str>>) -> Result<Vec<(WorkerId, Arc<str>)>, TaskError> {
        match self.request(|request| ClientToScheduler::FindWorkers { request, workers }).await? {
            Answer::Found(found) => Ok(found),
            answer => {
                let text = format!("asked for workers, the scheduler answered {answer:?}");
                Err(TaskError::new(ErrorKind::Refused, text))
            }
        }
    }

    /// What these workers' machines know, as text; all are asked at once.
    pub(crate) async fn tables_of(
        &self,
        workers: &[(WorkerId, Arc<str>)],
    ) -> Vec<(Arc<str>, Result<Vec<u8>, TaskError>)> {
        let mut tables = Vec::with_capacity(workers.len());
        for (name, outcome) in self.ask_each(workers.to_vec(), &Aside::Tables) {
            let text = of_worker(&name, outcome.await);
            let text = text.and_then(|text| text.into_value().map_err(|error| TaskError::from(Failure::from(error))));
            tables.push((name, text));
        }
        tables
    }

    /// Asks each for the same. All are asked before any is waited for.
    fn ask_each(
        &self,
        workers: Vec<(WorkerId, Arc<str>)>,
        what: &Aside,
    ) -> Vec<(Arc<str>, oneshot::Receiver<FetchOutcome>)> {
        let ask = |(worker, name): (WorkerId, Arc<str>)| {
            let (reply, outcome) = oneshot::channel();
            self.run_there(worker, RunThere { what: what.clone(), reply });
            (name, outcome)
        };
        workers.into_iter().map(ask).collect()
    }
}

fn of_worker(name: &str, answer: Result<FetchOutcome, oneshot::error::RecvError>) -> Result<Datum, TaskError> {
    match answer {
        Ok(FetchOutcome::Value(value)) => Ok(value.into_value()),
        Ok(FetchOutcome::Failed(failure)) => Err(TaskError::from(failure)),
        Ok(FetchOutcome::Busy) => {
            let text =
                format!("worker {name} makes as many calls beside its tasks as it may: try again when some have ended");
            Err(TaskError::new(ErrorKind::Refused, text))
        }
        Ok(other) => Err(TaskError::new(ErrorKind::Refused, format!("worker {name} answered {other:?} to a call"))),
        Err(_) => {
            let text = format!("worker {name} has gone, or was lost, before it answered");
            Err(TaskError::new(ErrorKind::WorkerDied, text))
        }
    }
}
