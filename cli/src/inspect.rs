//! `brisk inspect`.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{anyhow, bail};
use brisk_core::{
    id::ClientId,
    message::{Answer, Query, TaskFilter, Told},
    state::TaskState,
};
use brisk_scheduler::{dump::Dump, machine::Scheduler, recording::TaskQuery};
use brisk_worker::dump::Dumps;
use clap::Args;

#[derive(Args)]
pub(crate) struct Options {
    /// A file that `Client::dump_cluster_state` has written.
    file: PathBuf,
    /// Tell everything about this task: `inc-5f3a91c2` as messages name it, its key's digits, or its chosen name.
    #[arg(long, value_name = "TASK")]
    story: Option<String>,
    /// List the tasks in this state: released, waiting, noworker, queued, processing, memory, erred.
    #[arg(long, value_parser = state)]
    state: Option<TaskState>,
    /// List the calls of this function.
    #[arg(long)]
    function: Option<Arc<str>>,
    /// List what is assigned to this worker, or held by it: its name, address or host.
    #[arg(long)]
    worker: Option<Arc<str>>,
    /// How many tasks are listed at most; never more than 1,000.
    #[arg(long, default_value_t = 100)]
    limit: u32,
}

/// Whom the machine answers here.
const NOBODY: ClientId = ClientId(brisk_core::id::Incarnation(0));

pub(crate) fn run(options: Options) -> anyhow::Result<ExitCode> {
    let dump = Dump::open(&options.file)?;
    if let Some(text) = &options.story {
        return tell_story(&dump, text);
    }
    let Options { state, function, worker, limit, .. } = &options;
    if state.is_some() || function.is_some() || worker.is_some() {
        let (function, worker) = (function.clone(), worker.clone());
        let filter = TaskFilter { state: *state, function, worker, limit: *limit, ..TaskFilter::default() };
        println!("{}", tasks(&dump.machine, filter)?);
        return Ok(ExitCode::SUCCESS);
    }
    print_overview(&dump)?;
    print_workers(&options.file)?;
    check("the scheduler", || dump.machine.check_invariants().map_err(|violation| violation.to_string()))?;
    println!("the scheduler's invariants hold");
    Ok(ExitCode::SUCCESS)
}

fn state(text: &str) -> Result<TaskState, String> {
    let all = TaskState::ALL.iter().find(|state| format!("{state:?}").eq_ignore_ascii_case(text));
    all.copied().ok_or_else(|| format!("there is no state `{text}`"))
}

fn tasks(machine: &Scheduler, filter: TaskFilter) -> anyhow::Result<brisk_core::message::TaskList> {
    match ask(machine, &Query::Tasks(filter))? {
        Told::Tasks(list) => Ok(list),
        other => bail!("the machine answers {other:?}"),
    }
}

fn ask(machine: &Scheduler, query: &Query) -> anyhow::Result<Told> {
    match machine.tell(NOBODY, query) {
        Answer::Told(told) => Ok(*told),
        Answer::Refused(why) => Err(anyhow!("{why}")),
        other => bail!("the machine answers {other:?}"),
    }
}

fn tell_story(dump: &Dump, text: &str) -> anyhow::Result<ExitCode> {
    let query = TaskQuery::new(text);
    let mut keys = dump.machine.keys().filter(|key| query.means(*key)).peekable();
    if keys.peek().is_none() {
        bail!(
            "there is no task `{text}` in this dump: name it as messages do (inc-5f3a91c2), by its key's digits, or by its name"
        );
    }
    for key in keys {
        print!("{}", dump.machine.describe_task(key).unwrap_or_default());
        for line in dump.records.iter().filter_map(|record| dump.machine.story_line(record, key, dump.header.at)) {
            println!("  {line}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print_overview(dump: &Dump) -> anyhow::Result<()> {
    let (header, snapshot) = (&dump.header, dump.machine.snapshot());
    println!(
        "scheduler `{}`, version {}, {:.3} s old",
        header.scheduler,
        header.version,
        header.at.as_nanos() as f64 / 1e9
    );
    let Told::Info(info) = ask(&dump.machine, &Query::Info)? else { bail!("the machine answers something else") };
    println!("{} tasks, {} bytes of values", snapshot.total(), info.nbytes);
    let count = |states: &[(TaskState, u64)]| {
        let states: Vec<_> = states.iter().map(|(state, count)| format!("{count} {state:?}").to_lowercase()).collect();
        states.join(", ")
    };
    for function in &info.functions {
        println!("  {:<24} {}, {} bytes   {}", function.name, count(&function.tasks), function.nbytes, function.place);
    }
    println!("{} workers", snapshot.workers.len());
    for worker in &info.workers {
        let flags = [(worker.paused, ", paused"), (worker.retiring, ", retiring")];
        let flags: String = flags.iter().filter(|(set, _)| *set).map(|(_, word)| *word).collect();
        println!(
            "  {:<24} {} threads, {} assigned, {} started, {} values, {} bytes{flags}   {}",
            worker.name, worker.threads, worker.assigned, worker.started, worker.values, worker.bytes, worker.address
        );
    }
    println!("{} clients", snapshot.clients.len());
    for client in &snapshot.clients {
        println!("  {:<24} wants {}", client.name, client.wants);
    }
    let mut hosts = BTreeMap::new();
    for supervisor in &snapshot.supervisors {
        *hosts.entry(supervisor.host.clone()).or_insert(0u32) += supervisor.workers;
    }
    for (host, workers) in hosts {
        println!("a supervisor on {host} starts {workers} workers of each program");
    }
    println!("{} records of what happened lately", dump.records.len());
    Ok(())
}

/// What each worker knows of itself.
fn print_workers(file: &Path) -> anyhow::Result<()> {
    for dump in Dumps::open(file)? {
        let brisk_worker::dump::Dump { worker, machine } = dump?;
        match machine {
            Ok(machine) => {
                check(&format!("worker {worker}"), || {
                    machine.check_invariants().map_err(|violation| violation.to_string())
                })?;
                println!(
                    "{worker} has {} tasks, {} runs and {} values of {} bytes; its invariants hold",
                    machine.assigned(),
                    machine.running(),
                    machine.values(),
                    machine.bytes()
                );
            }
            Err(why) => println!("{worker} could not be asked: {why}"),
        }
    }
    Ok(())
}

/// Whether a machine's invariants hold.
fn check(whose: &str, invariants: impl FnOnce() -> Result<(), String>) -> anyhow::Result<()> {
    // What is so wrong that it can't even be looked at is broken too.
    match catch_unwind(AssertUnwindSafe(invariants)) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(violation)) => bail!("an invariant of {whose} is broken, which is a bug in it: {violation}"),
        Err(_) => bail!("the state of {whose} does not hang together, which is a bug in it, or this is no dump of it"),
    }
}
