//! Tasks whose inputs are longer than what some workers may hold.
//!
//! A worker needs all inputs of a task at once. A task that some workers of its class could not hold moves to the class of
//! those that can, so that it waits for them without stopping the others; one that no worker could hold fails, with words
//! about what is too long: given to a worker it would be the end of that, and of the next.

use brisk_core::error::{ErrorKind, Failure};

use super::{
    Scheduler,
    class::Demand,
    slab::{ClassIndex, TaskIndex, WorkerIndex},
    task::State,
};

impl Scheduler {
    /// Not all workers of a ready task's class could hold its inputs: moves it to the class of those that can, or fails it.
    pub(super) fn refit(&mut self, t: TaskIndex) {
        let total = self.input_bytes(t);
        let class = self.tasks[t].class;
        let limits = self.classes.eligible(class).iter().map(|&w| self.limit(w));
        match limits.filter(|&limit| limit >= total).min() {
            Some(memory) => self.move_to_class(t, memory),
            None => {
                let failure = self.too_large(t, class, total);
                let error = self.error_of(t, failure, None);
                self.enter_erred(t, error, None);
            }
        }
    }

    /// No worker of a ready task's class is left that could hold so much: it is asked anew who could hold its inputs, among
    /// all that may run it otherwise.
    pub(super) fn widen(&mut self, t: TaskIndex) {
        let class = self.tasks[t].class;
        if self.classes.slab[class].demand.memory > 0 && self.classes.eligible(class).is_empty() {
            self.move_to_class(t, 0);
        }
    }

    fn move_to_class(&mut self, t: TaskIndex, memory: u64) {
        let queued = matches!(self.tasks[t].state, State::Queued);
        if queued {
            self.dequeue(t);
        }
        let before = self.tasks[t].class;
        let class = &self.classes.slab[before];
        let (environment, demand) = (class.environment, Demand { memory, ..class.demand.clone() });
        self.tasks[t].class = self.classes.join_demand(environment, demand, &self.workers);
        self.classes.part(before);
        if queued {
            self.enqueue(t);
        }
    }

    pub(super) fn input_bytes(&self, t: TaskIndex) -> u64 {
        let lengths = self.tasks[t].dependencies.iter().map(|edge| self.tasks[edge.task].nbytes());
        lengths.fold(0, u64::saturating_add)
    }

    pub(super) fn limit(&self, w: WorkerIndex) -> u64 {
        match self.workers[w].info.memory_limit {
            0 => u64::MAX,
            limit => limit,
        }
    }

    fn too_large(&self, t: TaskIndex, class: ClassIndex, total: u64) -> Failure {
        /// Inputs named.
        const NAMED: usize = 3;
        let mut inputs: Vec<_> = self.tasks[t].dependencies.iter().map(|edge| edge.task).collect();
        inputs.sort_by_key(|&input| std::cmp::Reverse(self.tasks[input].nbytes()));
        let named = inputs.iter().take(NAMED);
        let named: Vec<_> =
            named.map(|&input| format!("{} with {}", self.name(input), size(self.tasks[input].nbytes()))).collect();
        let eligible = self.classes.eligible(class);
        let biggest = eligible.iter().copied().max_by_key(|&w| self.limit(w));
        let biggest = biggest.map_or_else(String::new, |w| {
            format!(", but {}, which has the most memory, may hold {}", self.workers[w].label(), size(self.limit(w)))
        });
        let message = format!(
            "its {} inputs are {} together{biggest}. The longest are {}. Combine them in smaller steps, or start a worker \
             with more memory",
            inputs.len(),
            size(total),
            named.join(", "),
        );
        Failure::new(ErrorKind::TooLarge, message)
    }
}

/// A number of bytes as people read it.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let unit = (bytes.max(1).ilog2() / 10).min(4);
    match unit {
        0 => format!("{bytes} {}", UNITS[0]),
        unit => format!("{:.1} {}", bytes as f64 / f64::from(1u32 << 10).powi(unit as i32), UNITS[unit as usize]),
    }
}
