//! Graphs whose costs are known: how long each task runs, and how long its value is.

use std::sync::Arc;

/// A graph, in the order in which a client submits it: depth first from what nothing depends on, parents before
/// children.
#[derive(Clone, Debug)]
pub struct Graph {
    /// What tables call it.
    pub name: String,
    /// The names of the functions that tasks call.
    pub functions: Vec<Arc<str>>,
    /// The tasks; parents have lower indices.
    pub tasks: Vec<Task>,
}

/// One task.
#[derive(Clone, Debug)]
pub struct Task {
    /// What errors call it.
    pub name: Arc<str>,
    /// The function it calls, by index. Schedulers know how long calls of a function take on average, not each.
    pub function: u32,
    /// How long it runs on a host of ordinary speed, in nanoseconds.
    pub work_ns: u64,
    /// How many threads of its host it takes.
    pub cores: u32,
    /// The length of its value, in bytes.
    pub nbytes: u64,
    /// The tasks whose values it needs, by index, each once.
    pub parents: Vec<u32>,
}

/// Tasks depend on one another in a circle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circle {
    /// A task of the circle.
    pub task: Arc<str>,
}

impl Graph {
    /// Puts tasks, given in any order, into that of a client.
    ///
    /// # Errors
    /// If they depend on one another in a circle.
    ///
    /// # Panics
    /// If a parent's index is that of no task.
    pub fn new(name: &str, functions: Vec<Arc<str>>, tasks: Vec<Task>) -> Result<Graph, Circle> {
        let order = depth_first(&tasks)?;
        let mut place = vec![0u32; tasks.len()];
        for (at, &task) in order.iter().enumerate() {
            place[task as usize] = at as u32;
        }
        let mut given: Vec<Option<Task>> = tasks.into_iter().map(Some).collect();
        let moved = order.iter().filter_map(|&task| given[task as usize].take());
        let tasks = moved.map(|mut task| {
            task.parents.iter_mut().for_each(|parent| *parent = place[*parent as usize]);
            task
        });
        Ok(Graph { name: name.to_owned(), functions, tasks: tasks.collect() })
    }

    /// For each task those that need its value.
    pub fn children(&self) -> Vec<Vec<u32>> {
        let mut children = vec![Vec::new(); self.tasks.len()];
        for (task, parents) in self.tasks.iter().map(|task| &task.parents).enumerate() {
            for &parent in parents {
                children[parent as usize].push(task as u32);
            }
        }
        children
    }

    /// The tasks whose values nobody needs but the client.
    pub fn sinks(&self) -> Vec<u32> {
        let children = self.children();
        (0..self.tasks.len() as u32).filter(|&task| children[task as usize].is_empty()).collect()
    }

    /// How many dependencies there are.
    pub fn edges(&self) -> usize {
        self.tasks.iter().map(|task| task.parents.len()).sum()
    }

    /// Whether some task takes more than one thread.
    pub fn has_wide_tasks(&self) -> bool {
        self.tasks.iter().any(|task| task.cores > 1)
    }
}

/// A graph in the making.
#[derive(Debug)]
pub struct Builder {
    name: String,
    functions: Vec<Arc<str>>,
    tasks: Vec<Task>,
}

impl Builder {
    /// No task yet.
    pub fn new(name: &str) -> Self {
        Builder { name: name.to_owned(), functions: Vec::new(), tasks: Vec::new() }
    }

    /// Adds a task of one thread; returns its index, for its children.
    pub fn task(&mut self, function: &str, work_ns: u64, nbytes: u64, parents: &[u32]) -> u32 {
        let known = self.functions.iter().position(|name| **name == *function);
        let function_index = known.unwrap_or_else(|| {
            self.functions.push(function.into());
            self.functions.len() - 1
        });
        let index = self.tasks.len() as u32;
        let mut parents = parents.to_vec();
        parents.sort_unstable();
        parents.dedup();
        let name = format!("{function}-{index}").into();
        self.tasks.push(Task { name, function: function_index as u32, work_ns, cores: 1, nbytes, parents });
        index
    }

    /// The graph.
    ///
    /// # Panics
    /// If a task was given a parent that did not exist yet: only so could there be a circle.
    pub fn finish(self) -> Graph {
        Graph::new(&self.name, self.functions, self.tasks).expect("parents are made before their children")
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    Open,
    Done,
}

/// The order in which `brisk_core::graph` lists the calls below those that nothing depends on.
fn depth_first(tasks: &[Task]) -> Result<Vec<u32>, Circle> {
    let mut is_parent = vec![false; tasks.len()];
    for &parent in tasks.iter().flat_map(|task| &task.parents) {
        is_parent[parent as usize] = true;
    }
    let mut marks = vec![Mark::New; tasks.len()];
    let mut order = Vec::with_capacity(tasks.len());
    let mut stack = Vec::new();
    for sink in (0..tasks.len()).filter(|&task| !is_parent[task]) {
        stack.push((sink as u32, false));
        while let Some((task, parents_done)) = stack.pop() {
            let mark = &mut marks[task as usize];
            if parents_done {
                *mark = Mark::Done;
                order.push(task);
                continue;
            }
            if *mark != Mark::New {
                continue;
            }
            *mark = Mark::Open;
            stack.push((task, true));
            for &parent in tasks[task as usize].parents.iter().rev() {
                if marks[parent as usize] == Mark::Open {
                    return Err(Circle { task: tasks[parent as usize].name.clone() });
                }
                stack.push((parent, false));
            }
        }
    }
    match marks.iter().position(|mark| *mark != Mark::Done) {
        // Nothing below leads to it from any end: it can only be part of a circle, or behind one.
        Some(left) => Err(Circle { task: tasks[left].name.clone() }),
        None => Ok(order),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(name: &str, parents: &[u32]) -> Task {
        Task { name: name.into(), function: 0, work_ns: 1, cores: 1, nbytes: 1, parents: parents.to_vec() }
    }

    #[test]
    fn tasks_come_depth_first_and_parents_first() {
        // Two chains, given breadth first and backwards.
        let tasks = vec![task("a2", &[2]), task("b2", &[3]), task("a1", &[]), task("b1", &[])];
        let graph = Graph::new("two chains", vec!["f".into()], tasks).unwrap();
        let names: Vec<_> = graph.tasks.iter().map(|task| &*task.name).collect();
        assert_eq!(names, ["a1", "a2", "b1", "b2"]);
        assert_eq!(graph.tasks[3].parents, [2]);
        assert_eq!((graph.sinks(), graph.edges()), (vec![1, 3], 2));
    }

    #[test]
    fn circles_are_refused_with_and_without_an_end() {
        let behind = vec![task("a", &[1]), task("b", &[0]), task("end", &[1])];
        assert!(Graph::new("circle", vec![], behind).is_err());
        let closed = vec![task("a", &[1]), task("b", &[0])];
        assert_eq!(Graph::new("circle", vec![], closed).unwrap_err(), Circle { task: "a".into() });
        assert!(Graph::new("itself", vec![], vec![task("a", &[0])]).is_err());
    }
}
