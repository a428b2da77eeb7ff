//! What is asked for by itself, beside the events: a task, a worker, the graph, a plot.

use brisk_core::{
    error::TaskError,
    id::{Incarnation, WorkerId},
    key::Key,
    state::TaskState,
    task::TaskName,
};
use brisk_scheduler::server::Observer;
use hyper::StatusCode;
use serde_json::{Value, json};

use crate::{
    answer::{self, Answer},
    feed::{seconds, worker_row},
};

mod graph;
mod plot;

pub(crate) use plot::PlotRow;

/// Neighbours of a task that are told of on either side.
const NEIGHBOURS: usize = 200;

/// Tasks, values and lines of a worker's log that are told of.
const OF_WORKER: usize = 200;

/// Answers what is asked for by path, behind `/api/`.
pub(crate) fn page(observer: &Observer, path: &str, query: &str) -> Answer {
    let found = match path.split_once('/') {
        Some(("tasks", key)) => task(observer, key),
        Some(("workers", id)) => worker(observer, id),
        Some(("plots", name)) => plot::plot(observer, name),
        None if path == "graph" => graph::graph(observer, query),
        _ => Err("there is no such page"),
    };
    match found {
        Ok(value) => answer::json(StatusCode::OK, &value),
        Err(why) => answer::failure(StatusCode::NOT_FOUND, why),
    }
}

fn task(observer: &Observer, key: &str) -> Result<Value, &'static str> {
    let is_key = key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u128::from_str_radix(key, 16).ok().filter(|_| is_key);
    let key = Key::from_u128(number.ok_or("a task is asked for by its key, 32 hexadecimal digits")?);
    let unknown = "the scheduler does not know this task, or no longer: it forgets what nobody wants";
    let (detail, story) = observer.task(key, NEIGHBOURS).ok_or(unknown)?;
    let now = observer.now();
    let story = story.iter().map(|line| {
        let at = (now.as_nanos() / 1_000).saturating_sub(u64::try_from(line.ago.as_micros()).unwrap_or(u64::MAX));
        json!({ "time": at as f64 / 1e6, "event": line.what })
    });
    let status = &detail.status;
    let holders = if status.state == TaskState::Memory { status.workers.as_slice() } else { &[] };
    let mut page = json!({
        "key": hex(key),
        "name": status.task.to_string(),
        "function": status.function,
        "state": state(status.state),
        "attempt": status.attempt,
        "priority": detail.priority,
        "inputs": links(&detail.inputs),
        "dependents": links(&detail.dependents),
        "holders": holders,
        "story": story.collect::<Vec<_>>(),
        "recreate": recreate(detail.error.is_some()),
    });
    if let (TaskState::Processing, Some(worker)) = (status.state, status.workers.first()) {
        page["worker"] = json!(worker);
    }
    if let Some(nbytes) = status.nbytes {
        page["bytes"] = json!(nbytes);
    }
    if let Some(failed) = &detail.error {
        page["error"] = error(failed);
    }
    Ok(page)
}

/// A failure, with all that is known of it.
fn error(error: &TaskError) -> Value {
    let report = error.report();
    let causes = std::iter::successors(report.failure.cause.as_ref(), |cause| cause.next());
    let mut page = json!({
        "message": report.failure.message,
        "causes": causes.map(ToString::to_string).collect::<Vec<_>>(),
        "path": report.needed_by.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    let place = report.failure.place.as_deref().or(report.place.as_deref());
    let words =
        [("place", place), ("arguments", report.failure.arguments.as_deref()), ("worker", report.worker.as_deref())];
    for (name, word) in words {
        if let Some(word) = word {
            page[name] = json!(word);
        }
    }
    page
}

/// What to write to have the call here.
fn recreate(has_failed: bool) -> [&'static str; 2] {
    let case = match has_failed {
        true => "let case = client.recreate_error_locally(&future).await?;",
        false => "let case = client.recreate_task_locally(&future).await?;",
    };
    [case, "case.run()?;"]
}

fn worker(observer: &Observer, id: &str) -> Result<Value, &'static str> {
    let unknown = "there is no such worker, or no longer";
    let id = WorkerId(Incarnation(id.parse().map_err(|_| "a worker is asked for by its number")?));
    let (detail, log) = observer.worker(id, OF_WORKER).ok_or(unknown)?;
    let runs = observer.worker_runs().get(&id).copied().unwrap_or_default();
    let running = detail.running.iter().map(|status| {
        let mut running = json!({
            "key": hex(status.task.key),
            "name": status.task.to_string(),
            "function": status.function,
            "age": status.age.map(|age| age.as_secs_f64()),
        });
        if let Some(progress) = &status.progress {
            running["progress"] = json!(progress.to_string());
        }
        running
    });
    let holds = detail
        .holds
        .iter()
        .map(|(name, bytes)| json!({ "key": hex(name.key), "name": name.to_string(), "bytes": bytes }));
    let mut page = serde_json::to_value(worker_row(&detail.overview, runs)).map_err(|_| unknown)?;
    page["running_now"] = running.collect();
    page["holds"] = holds.collect();
    page["started"] = json!(seconds(runs.joined));
    let log = log.iter().map(|line| {
        json!({ "time": seconds(line.at), "key": hex(line.task.key), "name": line.task.to_string(), "text": line.text })
    });
    page["log"] = log.collect();
    Ok(page)
}

fn links(tasks: &[(TaskName, TaskState)]) -> Vec<Value> {
    let link = |(name, at): &(TaskName, TaskState)| json!({ "key": hex(name.key), "name": name.to_string(), "state": state(*at) });
    tasks.iter().map(link).collect()
}

fn hex(key: Key) -> String {
    format!("{:032x}", key.as_u128())
}

fn state(state: TaskState) -> &'static str {
    match state {
        TaskState::Released => "released",
        TaskState::Waiting => "waiting",
        TaskState::NoWorker => "no-worker",
        TaskState::Queued => "queued",
        TaskState::Processing => "processing",
        TaskState::Memory => "memory",
        TaskState::Erred => "erred",
        TaskState::Forgotten => "forgotten",
    }
}
