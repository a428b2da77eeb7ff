//! Workflows in WfFormat, the JSON of the WfCommons project: graphs of real programs, with run times and files.
//!
//! Versions 1.5 and 1.6. What a graph takes from them: tasks and their parents; run times and core counts; and as lengths
//! of values the files that a task writes and others read. What nobody writes lies at every host from the start, and what
//! nobody reads stays where it was written. See Coleman et al.: WfCommons: A Framework for Enabling Scientific Workflow
//! Research and Development, 2022.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;

use super::{
    graph::{Graph, Task},
    json::At,
};

/// The versions that are read here.
const VERSIONS: [&str; 2] = ["1.5", "1.6"];

/// The function of tasks that take a part out of what another one has written.
const PART: &str = "part";

/// Reads a workflow.
///
/// # Errors
/// If the text is not JSON, not WfFormat, of another version, or contradicts itself; in words that say where.
pub fn read(text: &str) -> Result<Graph, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("this is not JSON: {error}"))?;
    let root = At::root(&value);
    let version = root.field("schemaVersion")?;
    if !VERSIONS.contains(&version.text()?) {
        let known = VERSIONS.join(" and ");
        return Err(version.wrong(&format!("the versions that can be read are {known}, not `{}`", version.text()?)));
    }
    let workflow = root.field("workflow")?;
    let specification = workflow.field("specification")?;
    let sizes = match specification.optional("files")? {
        Some(files) => read_sizes(&files)?,
        None => BTreeMap::new(),
    };
    let costs = read_costs(&workflow)?;
    let mut files = Files { sizes, writers: BTreeMap::new() };
    let steps = read_steps(&specification.field("tasks")?, &costs, &mut files)?;
    let graph = into_graph(root.field("name")?.text()?, &steps, &files)?;
    Ok(graph)
}

/// What `execution` says of a task.
struct Cost {
    work_ns: u64,
    cores: u32,
    program: Option<Arc<str>>,
}

/// One task, as `specification` has it.
struct Step<'a> {
    id: &'a str,
    function: Arc<str>,
    work_ns: u64,
    cores: u32,
    parents: Vec<usize>,
    reads: Vec<&'a str>,
    writes: Vec<&'a str>,
}

/// All files.
struct Files<'a> {
    sizes: BTreeMap<&'a str, u64>,
    /// The task that writes each, if one does.
    writers: BTreeMap<&'a str, usize>,
}

fn read_sizes<'a>(files: &At<'a>) -> Result<BTreeMap<&'a str, u64>, String> {
    let mut sizes = BTreeMap::new();
    for file in files.items()? {
        let id = file.field("id")?;
        if sizes.insert(id.text()?, file.field("sizeInBytes")?.count()?).is_some() {
            return Err(id.wrong(&format!("another file is called `{}` too", id.text()?)));
        }
    }
    Ok(sizes)
}

fn read_costs<'a>(workflow: &At<'a>) -> Result<BTreeMap<&'a str, Cost>, String> {
    let mut costs = BTreeMap::new();
    // The format allows descriptions of workflows that never ran.
    let Some(execution) = workflow.optional("execution")? else {
        return Err(workflow.wrong("it has no `execution`, so nothing says how long its tasks run"));
    };
    for task in execution.field("tasks")?.items()? {
        let id = task.field("id")?;
        let seconds = task.field("runtimeInSeconds")?;
        if seconds.amount()? > 1e9 {
            return Err(seconds.wrong("a task that runs for more than 30 years can't be meant"));
        }
        let cores = match task.optional("coreCount")? {
            // The schema allows fractions; a task that takes a part of a thread keeps others off it all the same.
            Some(cores) => cores.amount()?.ceil().clamp(1.0, f64::from(u32::MAX)) as u32,
            None => 1,
        };
        let program = match task.optional("command")? {
            Some(command) => command.optional("program")?.map(|program| program.text()).transpose()?,
            None => None,
        };
        let cost = Cost { work_ns: (seconds.amount()? * 1e9) as u64, cores, program: program.map(Arc::from) };
        if costs.insert(id.text()?, cost).is_some() {
            return Err(id.wrong(&format!("the task `{}` has run twice", id.text()?)));
        }
    }
    Ok(costs)
}

fn read_steps<'a>(
    tasks: &At<'a>,
    costs: &BTreeMap<&str, Cost>,
    files: &mut Files<'a>,
) -> Result<Vec<Step<'a>>, String> {
    let mut places = BTreeMap::new();
    for (at, task) in tasks.items()?.enumerate() {
        let id = task.field("id")?;
        if places.insert(id.text()?, at).is_some() {
            return Err(id.wrong(&format!("another task is called `{}` too", id.text()?)));
        }
    }
    let mut steps = Vec::with_capacity(places.len());
    for (at, task) in tasks.items()?.enumerate() {
        let id = task.field("id")?;
        let cost =
            costs.get(id.text()?).ok_or_else(|| id.wrong("`workflow.execution.tasks` has no task of this id"))?;
        let mut parents = Vec::new();
        for parent in task.field("parents")?.items()? {
            let name = parent.text()?;
            parents.push(*places.get(name).ok_or_else(|| parent.wrong(&format!("there is no task `{name}`")))?);
        }
        let function = match &cost.program {
            Some(program) => program.clone(),
            None => task.field("name")?.text()?.into(),
        };
        let (reads, writes) = (files_of(&task, "inputFiles", files)?, files_of(&task, "outputFiles", files)?);
        for &file in &writes {
            if let Some(other) = files.writers.insert(file, at).filter(|other| *other != at) {
                return Err(task.wrong(&format!("it writes `{file}`, and so does task number {other}")));
            }
        }
        let (work_ns, cores) = (cost.work_ns, cost.cores);
        steps.push(Step { id: id.text()?, function, work_ns, cores, parents, reads, writes });
    }
    check_children(tasks, &places, &steps)?;
    Ok(steps)
}

fn files_of<'a>(task: &At<'a>, field: &str, files: &Files<'a>) -> Result<Vec<&'a str>, String> {
    let Some(list) = task.optional(field)? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for file in list.items()? {
        let id = file.text()?;
        if !files.sizes.contains_key(id) {
            return Err(file.wrong(&format!("`workflow.specification.files` has no file `{id}`")));
        }
        found.push(id);
    }
    Ok(found)
}

/// Each dependency is written down twice, and the two must agree.
fn check_children(tasks: &At<'_>, places: &BTreeMap<&str, usize>, steps: &[Step<'_>]) -> Result<(), String> {
    let pairs = steps.iter().enumerate().flat_map(|(at, step)| step.parents.iter().map(move |&parent| (parent, at)));
    let pairs: BTreeSet<(usize, usize)> = pairs.collect();
    for (at, task) in tasks.items()?.enumerate() {
        let Some(children) = task.optional("children")? else { continue };
        for child in children.items()? {
            let name = child.text()?;
            let there = *places.get(name).ok_or_else(|| child.wrong(&format!("there is no task `{name}`")))?;
            if !pairs.contains(&(at, there)) {
                return Err(child.wrong(&format!("`{name}` does not have `{}` among its parents", steps[at].id)));
            }
        }
    }
    Ok(())
}

/// Tasks with one value each. A task whose files have different readers becomes the task itself and one more for each
/// set of readers, which takes their part out of what it returns and runs for no time; so it would be written for Brisk.
fn into_graph(name: &str, steps: &[Step<'_>], files: &Files<'_>) -> Result<Graph, String> {
    let readers = readers(steps, files);
    let mut functions = Functions::default();
    let mut tasks: Vec<Task> = Vec::with_capacity(steps.len());
    for step in steps {
        tasks.push(Task {
            name: step.id.into(),
            function: functions.index(&step.function),
            work_ns: step.work_ns,
            cores: step.cores,
            nbytes: 0,
            parents: step.parents.iter().map(|&parent| parent as u32).collect(),
        });
    }
    for (at, step) in steps.iter().enumerate() {
        let mut parts: BTreeMap<&BTreeSet<usize>, u64> = BTreeMap::new();
        for file in &step.writes {
            if let Some(set) = readers.get(file) {
                set.iter().for_each(|&reader| tasks[reader].parents.push(at as u32));
                let part = parts.entry(set).or_default();
                *part = part.saturating_add(files.sizes[file]);
            }
        }
        tasks[at].nbytes = parts.values().fold(0, |sum, part| sum.saturating_add(*part));
        if parts.len() < 2 {
            continue;
        }
        for (number, (set, &nbytes)) in parts.iter().enumerate() {
            let name = format!("part {} of {}", number + 1, step.id).into();
            let (function, part) = (functions.index(PART), tasks.len() as u32);
            tasks.push(Task { name, function, work_ns: 0, cores: 1, nbytes, parents: vec![at as u32] });
            for &reader in *set {
                tasks[reader].parents.push(part);
                tasks[reader].parents.retain(|parent| *parent != at as u32);
            }
        }
    }
    for task in &mut tasks {
        task.parents.sort_unstable();
        task.parents.dedup();
    }
    Graph::new(name, functions.names, tasks).map_err(|circle| {
        format!("workflow.specification.tasks: `{}` depends on itself, by way of others", circle.task)
    })
}

/// Who reads each file that some task writes: those, other than the writer, that name it. Reading makes a parent of the
/// writer, also where the list of parents forgets it.
fn readers<'a>(steps: &[Step<'a>], files: &Files<'a>) -> BTreeMap<&'a str, BTreeSet<usize>> {
    let mut readers: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (at, step) in steps.iter().enumerate() {
        for &file in &step.reads {
            if files.writers.get(file).is_some_and(|writer| *writer != at) {
                readers.entry(file).or_default().insert(at);
            }
        }
    }
    readers
}

#[derive(Default)]
struct Functions {
    names: Vec<Arc<str>>,
    by_name: BTreeMap<Arc<str>, u32>,
}

impl Functions {
    fn index(&mut self, name: &str) -> u32 {
        let next = self.names.len() as u32;
        *self.by_name.entry(name.into()).or_insert_with(|| {
            self.names.push(name.into());
            next
        })
    }
}

#[cfg(test)]
mod tests;
