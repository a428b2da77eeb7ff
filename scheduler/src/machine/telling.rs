//! Everything about one task, in words: how it stands to others, and what was recorded of it.

use std::fmt::Write;

use brisk_core::{key::Key, message::StoryLine, time::Moment};

use super::{
    Scheduler,
    record::{Record, What},
    slab::TaskIndex,
    task::{Edge, Task},
};

/// How many neighbours of a task are named.
const NAMED: usize = 20;

impl Scheduler {
    /// The keys of all tasks.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.tasks.slab.iter().map(|(_, task)| task.key)
    }

    /// A task with its neighbours, whoever wants it, and what went wrong with it so far: some lines of text. `None` if there
    /// is no such task.
    pub fn describe_task(&self, key: Key) -> Option<String> {
        let t = self.tasks.find(key)?;
        let task = &self.tasks[t];
        let function = self.functions.info(task.function);
        let mut text = format!("{}\n", self.status_of_task(t, task));
        // A `String` takes everything.
        let _ = writeln!(text, "  key          {:032x}", task.key.as_u128());
        let _ = writeln!(text, "  function     {} ({})", function.name, function.place);
        let _ = writeln!(text, "  call         {} bytes, attempt {}", task.spec.len(), task.attempt);
        self.list_neighbours(&mut text, "depends on", &task.dependencies);
        self.list_neighbours(&mut text, "needed by", &task.dependents);
        let clients: Vec<&str> = task.wants.iter().map(|want| &*self.clients[want.client].name).collect();
        if !clients.is_empty() {
            let _ = writeln!(text, "  wanted by    {}", shortened(&clients));
        }
        describe_past(&mut text, task);
        Some(text)
    }

    fn list_neighbours(&self, text: &mut String, title: &str, edges: &[Edge]) {
        if edges.is_empty() {
            return;
        }
        let name = |t: TaskIndex| format!("{} ({:?})", self.name(t), self.tasks[t].state.name()).to_lowercase();
        let names: Vec<String> = edges.iter().take(NAMED).map(|edge| name(edge.task)).collect();
        let more = edges.len() - names.len();
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let _ = writeln!(text, "  {title:<12} {}{more}", names.join(", "));
    }

    /// What a record says of a task, if it says something.
    pub fn story_line(&self, record: &Record, wanted: Key, now: Moment) -> Option<StoryLine> {
        let name = |worker| self.worker_name(worker).unwrap_or_else(|| format!("{worker} (gone)").into());
        let (key, what) = match record.what {
            What::Transition { key, from, to, run, .. } => {
                let mut text = format!("from {from:?} to {to:?}");
                if let Some((worker, run)) = run {
                    let _ = write!(text, ", run {run} on {}", name(worker));
                }
                (key, text)
            }
            What::Started { key, worker, run, .. } => (key, format!("run {run} has started on {}", name(worker))),
            What::ReplicaAdded { key, worker, holders } => {
                (key, format!("{} holds the value; holders now: {holders}", name(worker)))
            }
            What::ReplicaLost { key, worker, holders } => {
                (key, format!("{} holds the value no more; holders now: {holders}", name(worker)))
            }
            What::Recompute { key, .. } => (key, "the last copy was lost: it is computed again".to_owned()),
            What::Suspected { key, worker, run, deaths, .. } => {
                (key, format!("{} died during run {run}; deaths so far: {deaths}", name(worker)))
            }
            _ => return None,
        };
        (key == wanted).then(|| StoryLine { ago: now.since(record.at), what: what.into() })
    }
}

fn describe_past(text: &mut String, task: &Task) {
    if let Some(why) = task.marks.unrepeatable() {
        let _ = writeln!(text, "  unrepeatable {why:?}");
    }
    let Some(past) = task.past() else { return };
    for death in &past.deaths {
        let _ = writeln!(text, "  death        of {} during run {}: {}", death.worker, death.run, death.cause);
    }
    let counts = [("failures", past.failures), ("losses", past.losses), ("reschedules", past.reschedules)];
    for (title, count) in counts.iter().filter(|(_, count)| *count > 0) {
        let _ = writeln!(text, "  {title:<12} {count}");
    }
}

fn shortened(names: &[&str]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}", names[..names.len().min(NAMED)].join(", "))
}
