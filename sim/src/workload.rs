//! What is computed in a simulation: every task that any client may ever submit, and what each of them does.
//!
//! A task names earlier ones only, so that the graph has no cycle by construction. Graphs of several shapes stand side by
//! side, and some of their first tasks depend on tasks of earlier graphs, so that clients share keys.

use std::{sync::Arc, time::Duration};

use brisk_core::{
    function::{FunctionId, FunctionInfo},
    key::Key,
    message::SubmittedTask,
    options::{Quantity, TaskOptions},
    payload::Payload,
};

use crate::random::{Random, mix};

mod shapes;

pub use shapes::Shape;

/// A task's place in its [`Workload`].
pub type TaskIndex = usize;

/// One task: a deterministic function of its inputs, apart from how often it fails.
#[derive(Clone, Debug)]
pub struct Task {
    /// Its key.
    pub key: Key,
    /// The tasks it needs, each an earlier one.
    pub dependencies: Vec<TaskIndex>,
    /// Which of the functions it calls.
    pub function: u32,
    /// How long it runs.
    pub duration: Duration,
    /// The length of its value, as everybody is told, in bytes.
    pub nbytes: u64,
    /// What it does when it runs.
    pub behaviour: Behaviour,
    /// How often it is run again after an error of its own.
    pub retries: u32,
    /// The pause before the first of those runs.
    pub retry_delay: Option<Duration>,
    /// How long a run of it may take.
    pub timeout: Option<Duration>,
    /// How many copies of its value are to be kept.
    pub replicas: u32,
    /// Its priority among the tasks of one client.
    pub priority: i32,
    /// Workers that may run it; empty for any.
    pub workers: Vec<Arc<str>>,
    /// What it takes of the resource that workers declare.
    pub resource: u64,
    /// The build that it is a call of.
    pub build: Build,
    /// Whether it may be started once only.
    pub once: bool,
    /// Whether its value is an actor: it stays where it was made, and is called there.
    pub pinned: bool,
    /// Whether its key was chosen by a user, so that it says nothing of the value.
    pub named: bool,
    /// Whether each run of it returns something else.
    pub impure: bool,
    /// Whether it is no call, but a value that clients announce, which workers have brought along.
    pub scattered: bool,
}

/// One of the programs that share a cluster. Its tasks run on its own workers only.
pub type Build = u8;

/// How many builds there may be.
pub const BUILDS: Build = 2;

/// What a task does when it runs, by the number of the attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// It returns its value.
    Returns,
    /// It gives its thread back, and returns its value later.
    Detaches,
    /// It gives its thread up for a part of its time, as if it waited for others.
    Secedes,
    /// It returns an error in its first attempts, so many of them.
    Fails {
        /// How many attempts.
        attempts: u32,
    },
    /// It asks to be placed again in its first attempts, so many of them.
    Reschedules {
        /// How many attempts.
        attempts: u32,
    },
    /// It ends its worker in its first attempts, so many of them.
    Kills {
        /// How many attempts.
        attempts: u32,
    },
    /// It returns a value that can't leave the worker.
    Unsendable,
}

/// Every task of a simulation.
#[derive(Clone, Debug, Default)]
pub struct Workload {
    tasks: Vec<Task>,
}

/// How many functions there are. Each has its own pace, since the scheduler learns durations by function.
pub const FUNCTIONS: u32 = 5;

/// The name of the resource that some tasks take.
pub const RESOURCE: &str = "gpu";

/// A worker of this name may run everything: a simulation ends with one.
pub const HEALER: &str = "healer";

/// How likely tasks are to be out of the ordinary, in a thousand each.
#[derive(Clone, Debug)]
pub struct Oddities {
    /// That a task fails at first.
    pub fails: u32,
    /// That a task fails for ever.
    pub fails_always: u32,
    /// That a task ends its worker at first.
    pub kills: u32,
    /// That a task ends its worker for ever.
    pub kills_always: u32,
    /// That a value can't leave its worker.
    pub unsendable: u32,
    /// That a task goes on without a thread.
    pub detaches: u32,
    /// That a task gives its thread up for a part of its time.
    pub secedes: u32,
    /// That a task asks to be placed again at first.
    pub reschedules: u32,
    /// That a task names the workers that may run it.
    pub restricted: u32,
    /// That a task takes of a resource.
    pub resource: u32,
    /// That a task has a time limit, and that a failed one pauses before it is run again.
    pub limited: u32,
    /// That copies of a value are to be kept.
    pub replicated: u32,
    /// That a task may be started once only.
    pub once: u32,
    /// That a graph ends in actors.
    pub pinned: u32,
    /// That a task's key was chosen by a user.
    pub named: u32,
    /// That each run of a task returns something else.
    pub impure: u32,
    /// That what needs nothing is no call, but a value that clients announce.
    pub scattered: u32,
    /// That a graph is of the second build.
    pub other_build: u32,
    /// The longest that a task runs.
    pub longest: Duration,
    /// The length of the longest value, in bytes.
    pub largest: u64,
}

impl Oddities {
    /// Every task returns its value.
    pub const NONE: Oddities = Oddities {
        fails: 0,
        fails_always: 0,
        kills: 0,
        kills_always: 0,
        unsendable: 0,
        detaches: 0,
        secedes: 0,
        reschedules: 0,
        restricted: 0,
        resource: 0,
        limited: 0,
        replicated: 0,
        once: 0,
        pinned: 0,
        named: 0,
        impure: 0,
        scattered: 0,
        other_build: 0,
        longest: Duration::from_millis(1),
        largest: 100,
    };
}

impl Workload {
    /// No tasks.
    pub fn new() -> Self {
        Workload::default()
    }

    /// Adds a graph of this shape with about so many tasks.
    pub fn grow(&mut self, shape: Shape, tasks: usize, oddities: &Oddities, random: &mut Random) {
        let first = self.tasks.len();
        let build = Build::from(random.chance(oddities.other_build));
        for (i, dependencies) in shapes::edges(shape, tasks, random).into_iter().enumerate() {
            let mut dependencies: Vec<_> = dependencies.into_iter().map(|d| first + d).collect();
            if dependencies.is_empty() && first > 0 && i % 4 == 0 {
                let shared = random.index(first);
                // What one build computes is nothing to another, and an actor is needed by nobody.
                let is_fit = self.tasks[shared].build == build && !self.tasks[shared].pinned;
                dependencies.extend(is_fit.then_some(shared));
            }
            self.add(Task { build, ..draw(dependencies, oddities, random) });
        }
        // Nothing is drawn, and all stays as it is, where there are no actors.
        if oddities.pinned > 0 && random.chance(oddities.pinned) {
            self.add_actors(first, build, random);
        }
    }

    /// Adds a few actors, which may need a task of the same graph.
    fn add_actors(&mut self, first: TaskIndex, build: Build, random: &mut Random) {
        let tasks = self.tasks.len() - first;
        for _ in 0..random.within(1..=3) {
            let input = (tasks > 0 && random.chance(500)).then(|| first + random.index(tasks));
            let duration = random.long_tailed(Duration::from_micros(5), Duration::from_millis(5));
            let task = Task::plain(input.into_iter().collect());
            self.add(Task { build, duration, once: true, pinned: true, ..task });
        }
    }

    /// Whether a task's value is an actor.
    pub fn is_actor(&self, index: TaskIndex) -> bool {
        self.tasks[index].pinned
    }

    /// Adds a task. Its key is made from its place.
    ///
    /// # Panics
    /// If it depends on a task that is not there.
    pub fn add(&mut self, mut task: Task) -> TaskIndex {
        let index = self.tasks.len();
        assert!(task.dependencies.iter().all(|d| *d < index), "a task depends on earlier ones only");
        task.key = key_of(index);
        self.tasks.push(task);
        index
    }

    /// All tasks, dependencies first.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// The task in a place.
    ///
    /// # Panics
    /// If there is none.
    pub fn task(&self, index: TaskIndex) -> &Task {
        &self.tasks[index]
    }

    /// The values that clients announce, of one build.
    pub fn scattered(&self, build: Build) -> Vec<TaskIndex> {
        let is_one = |task: &&TaskIndex| self.tasks[**task].scattered && self.tasks[**task].build == build;
        (0..self.tasks.len()).collect::<Vec<_>>().iter().filter(is_one).copied().collect()
    }

    /// The place of the task with this key, if there is one.
    pub fn find(&self, key: Key) -> Option<TaskIndex> {
        let index = (key.as_u128() & u128::from(u32::MAX)) as TaskIndex;
        (index < self.tasks.len() && key_of(index) == key).then_some(index)
    }

    /// The task as a client submits it.
    pub fn submitted(&self, index: TaskIndex) -> SubmittedTask {
        let task = &self.tasks[index];
        SubmittedTask {
            key: task.key,
            function: function_id(task.function),
            spec: Payload::from_bytes((index as u64).to_le_bytes().to_vec()),
            dependencies: task.dependencies.iter().map(|d| self.tasks[*d].key).collect(),
            options: task.options().map(Box::new),
        }
    }

    /// Which task a specification calls, if it is one of ours.
    pub fn called_by(&self, spec: &Payload) -> Option<TaskIndex> {
        let bytes = spec.encode().ok()?;
        let index = u64::from_le_bytes(bytes.as_ref().try_into().ok()?) as TaskIndex;
        (index < self.tasks.len()).then_some(index)
    }

    /// `roots` and everything they need, but for what `is_known` and what only that needs; dependencies first.
    pub fn needed_for(&self, roots: &[TaskIndex], is_known: impl Fn(TaskIndex) -> bool) -> Vec<TaskIndex> {
        let mut needed = vec![false; self.tasks.len()];
        for root in roots {
            needed[*root] = !is_known(*root);
        }
        for index in (0..self.tasks.len()).rev().filter(|_| !roots.is_empty()) {
            if needed[index] {
                for dependency in &self.tasks[index].dependencies {
                    needed[*dependency] |= !is_known(*dependency);
                }
            }
        }
        (0..self.tasks.len()).filter(|index| needed[*index]).collect()
    }

    /// How many tasks stand before this one on the longest way to it.
    pub fn depth(&self, index: TaskIndex) -> u32 {
        let mut depths = vec![0; index + 1];
        for (at, task) in self.tasks[..=index].iter().enumerate() {
            depths[at] = task.dependencies.iter().map(|d| depths[*d] + 1).max().unwrap_or(0);
        }
        depths[index]
    }

    /// Whether `root` is `index` or something that it needs, however indirectly.
    pub fn is_ancestor(&self, root: TaskIndex, index: TaskIndex) -> bool {
        self.needed_for(&[index], |_| false).binary_search(&root).is_ok()
    }
}

impl Task {
    /// A task that returns a short value in no time.
    pub fn plain(dependencies: Vec<TaskIndex>) -> Self {
        Task {
            key: Key::from_u128(0),
            dependencies,
            function: 0,
            duration: Duration::from_micros(50),
            nbytes: 8,
            behaviour: Behaviour::Returns,
            retries: 0,
            retry_delay: None,
            timeout: None,
            replicas: 0,
            priority: 0,
            workers: Vec::new(),
            resource: 0,
            build: 0,
            once: false,
            pinned: false,
            named: false,
            impure: false,
            scattered: false,
        }
    }

    /// How often it may be run again after an error of its own: what is to be started once only never is.
    pub fn allowed_retries(&self) -> u32 {
        if self.once { 0 } else { self.retries }
    }

    fn options(&self) -> Option<TaskOptions> {
        let mut options = TaskOptions::default();
        options.retries = self.retries;
        options.retry_delay = self.retry_delay;
        options.timeout = self.timeout;
        options.replicas = self.replicas;
        options.priority = self.priority;
        options.workers = self.workers.clone();
        options.once = self.once;
        options.pinned = self.pinned;
        if self.named {
            options.name = Some(format!("named-{}", self.key).into());
            options.fingerprint = Some(self.key);
        }
        if self.resource > 0 {
            options.resources = vec![(RESOURCE.into(), Quantity(self.resource))];
        }
        (options != TaskOptions::default()).then_some(options)
    }
}

/// The functions, as clients introduce them.
pub fn functions() -> Vec<FunctionInfo> {
    let info = |f: u32| FunctionInfo {
        id: function_id(f),
        name: format!("f{f}").into(),
        module: "simulated".into(),
        place: format!("simulated.rs:{f}").into(),
        is_async: false,
    };
    (0..FUNCTIONS).map(info).collect()
}

fn function_id(function: u32) -> FunctionId {
    FunctionId::from_u128(u128::from(function) + 1)
}

/// Scattered in its high bits as real keys are, and readable in its low ones.
fn key_of(index: TaskIndex) -> Key {
    let index = index as u64;
    Key::from_u128(u128::from(mix(index + 1)) << 64 | u128::from(index))
}

fn draw(dependencies: Vec<TaskIndex>, oddities: &Oddities, random: &mut Random) -> Task {
    let few = |random: &mut Random| random.within(1..=2) as u32;
    if dependencies.is_empty() && random.chance(oddities.scattered) {
        let nbytes = random.within(8..=oddities.largest.max(8));
        return Task { scattered: true, nbytes, ..Task::plain(dependencies) };
    }
    let behaviour = match () {
        () if random.chance(oddities.fails) => Behaviour::Fails { attempts: few(random) },
        () if random.chance(oddities.fails_always) => Behaviour::Fails { attempts: u32::MAX },
        () if random.chance(oddities.kills) => Behaviour::Kills { attempts: few(random) },
        () if random.chance(oddities.kills_always) => Behaviour::Kills { attempts: u32::MAX },
        () if random.chance(oddities.unsendable) => Behaviour::Unsendable,
        () if random.chance(oddities.detaches) => Behaviour::Detaches,
        () if random.chance(oddities.secedes) => Behaviour::Secedes,
        () if random.chance(oddities.reschedules) => Behaviour::Reschedules { attempts: few(random) },
        () => Behaviour::Returns,
    };
    let restricted = random.chance(oddities.restricted);
    let named = |random: &mut Random| format!("worker-{}", random.below(4)).into();
    Task {
        function: random.below(u64::from(FUNCTIONS)) as u32,
        duration: random.long_tailed(Duration::from_micros(5), oddities.longest),
        nbytes: random.within(8..=oddities.largest.max(8)),
        behaviour,
        retries: if random.chance(500) { random.below(4) as u32 } else { 0 },
        retry_delay: random
            .chance(oddities.limited)
            .then(|| random.long_tailed(Duration::from_millis(1), Duration::from_secs(30))),
        timeout: random
            .chance(oddities.limited)
            .then(|| random.long_tailed(oddities.longest / 8, oddities.longest * 4)),
        replicas: if random.chance(oddities.replicated) { random.within(2..=4) as u32 } else { 0 },
        priority: if random.chance(100) { random.below(5) as i32 - 2 } else { 0 },
        workers: if restricted { vec![named(random), HEALER.into()] } else { Vec::new() },
        resource: if random.chance(oddities.resource) { random.within(1..=2) } else { 0 },
        once: random.chance(oddities.once),
        named: random.chance(oddities.named),
        impure: random.chance(oddities.impure),
        ..Task::plain(dependencies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_stops_at_what_is_known() {
        let mut workload = Workload::new();
        let a = workload.add(Task::plain(vec![]));
        let b = workload.add(Task::plain(vec![a]));
        let c = workload.add(Task::plain(vec![b]));
        let d = workload.add(Task::plain(vec![]));
        assert_eq!(workload.needed_for(&[c], |_| false), [a, b, c]);
        assert_eq!(workload.needed_for(&[c, d], |t| t == b), [c, d]);
        assert!(workload.is_ancestor(a, c) && workload.is_ancestor(c, c) && !workload.is_ancestor(d, c));
    }

    #[test]
    fn keys_and_calls_lead_back_to_their_tasks() {
        let mut workload = Workload::new();
        workload.grow(Shape::Random, 50, &Oddities::NONE, &mut Random::new(3));
        for (index, task) in workload.tasks().iter().enumerate() {
            assert_eq!(workload.find(task.key), Some(index));
            assert_eq!(workload.called_by(&workload.submitted(index).spec), Some(index));
        }
        assert_eq!(workload.find(Key::from_u128(1)), None);
    }
}
