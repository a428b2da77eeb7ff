//! [`Delayed`]: a call that has not been made.

use std::{fmt, marker::PhantomData, sync::Arc, time::Duration};

use super::{
    Item, Node, Slot,
    picture::{self, Picture},
    run,
};
use crate::{
    error::{ErrorKind, TaskError},
    future::{Handle, Settled},
    options::Quantity,
    task::TaskDef,
    value::{Datum, Value},
};

/// A call that has not been made: what a `#[task]` function returns. Nothing has run and nothing was sent. Submit it to a
/// client, pass it to other tasks, or [`run`](Delayed::run) it here.
///
/// Cloning it copies a pointer; both are the same call.
#[must_use = "a call does nothing until it is submitted to a client or run"]
pub struct Delayed<T> {
    node: Arc<Node>,
    /// The result on a cluster, if a client was asked to keep it there.
    persisted: Option<Handle>,
    result: PhantomData<fn() -> T>,
}

impl<T> Clone for Delayed<T> {
    fn clone(&self) -> Self {
        Delayed { node: self.node.clone(), persisted: self.persisted.clone(), result: PhantomData }
    }
}

impl<T> fmt::Debug for Delayed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Delayed {} {}>", self.node.def.identity.name, short_type_name::<T>())
    }
}

impl<T: Value> Delayed<T> {
    /// A call of `def`. The macro sees to it that the arguments fit.
    #[doc(hidden)]
    pub fn call(def: &'static TaskDef, slots: impl IntoIterator<Item = Slot>) -> Self {
        Delayed::of_node(Node::new(def, slots))
    }

    pub(super) fn of_node(node: Node) -> Self {
        Delayed { node: Arc::new(node), persisted: None, result: PhantomData }
    }

    /// The same call, whose result a client keeps on its cluster. For clients.
    #[doc(hidden)]
    pub fn with_persisted(self, handle: Handle) -> Self {
        Delayed { persisted: Some(handle), ..self }
    }

    /// The call.
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// The call's result as somebody's argument.
    pub fn item(&self) -> Item {
        match &self.persisted {
            // So that it stays wanted until whoever takes it was submitted.
            Some(handle) => Item::Future(handle.clone()),
            None => Item::Call(self.node.clone()),
        }
    }

    /// Waits until the result is in the workers' memory, where `Client::persist` keeps it. It stays there.
    ///
    /// # Errors
    /// If the call fails, or was not persisted.
    pub async fn wait(&self) -> Result<(), TaskError> {
        let Some(handle) = &self.persisted else {
            let what = "nothing was started for this call: persist it first, with `let x = client.persist(x)`";
            return Err(TaskError::new(ErrorKind::Refused, what));
        };
        Settled::new(handle.clone()).await;
        handle.error().map_or(Ok(()), Err)
    }

    /// Runs the whole graph here and now, in this thread, and gives the result: the synchronous executor, for tests and
    /// debuggers. Shared parts run once. A panic in a task is a panic here.
    ///
    /// # Errors
    /// If a task returns `Err`, or if the graph contains a future that has no value yet.
    pub fn run(&self) -> Result<T, TaskError>
    where
        T: Clone,
    {
        Ok(Arc::unwrap_or_clone(self.run_shared()?))
    }

    /// As [`run`](Delayed::run), without a copy.
    ///
    /// # Errors
    /// As [`run`](Delayed::run).
    pub fn run_shared(&self) -> Result<Arc<T>, TaskError> {
        self.run_datum()?.shared().map_err(|e| crate::error::Failure::from(e).into())
    }

    /// The graph below this call in the language of Graphviz, inputs first: `dot -Tsvg` draws it. Of more than 500 calls those of
    /// one function that stand side by side are one box.
    ///
    /// ```
    /// # use brisk_core::graph::Delayed;
    /// fn show(total: &Delayed<i64>) -> std::io::Result<()> {
    ///     std::fs::write("total.dot", total.to_dot())?;
    ///     std::fs::write("total.svg", total.to_svg())
    /// }
    /// ```
    pub fn to_dot(&self) -> String {
        picture::dot(&Picture::of([&self.node]))
    }

    /// The same as a picture that stands by itself, for browsers and documents.
    pub fn to_svg(&self) -> String {
        picture::svg(&Picture::of([&self.node]))
    }

    fn run_datum(&self) -> Result<Datum, TaskError> {
        run::run(&self.node)
    }

    fn change(mut self, change: impl FnOnce(&mut Node)) -> Self {
        // It is another call now.
        self.persisted = None;
        match Arc::get_mut(&mut self.node) {
            Some(node) if node.key().is_none() => change(node),
            _ => {
                // Shared: whoever else has it keeps the call as it was.
                let mut node = self.node.unkeyed();
                change(&mut node);
                self.node = Arc::new(node);
            }
        }
        self
    }

    /// Runs the task again, up to `count` times, when it fails by an error of its own.
    pub fn retries(self, count: u32) -> Self {
        self.change(|node| node.options_mut().retries = count)
    }

    /// Waits for `delay` before the first of the [`retries`](Delayed::retries), and twice as long before each further one.
    /// They start at once unless set.
    pub fn retry_delay(self, delay: Duration) -> Self {
        self.change(|node| node.options_mut().retry_delay = Some(delay))
    }

    /// Fails a run whose own code takes longer than `limit`; what it waited for its turn and for its inputs does not
    /// count. The future fails at once, with [`ErrorKind::TimedOut`](crate::error::ErrorKind::TimedOut), or the next of
    /// the [`retries`](Delayed::retries) begins. A function can't be stopped by force: it goes on, and what it returns
    /// is dropped; but another thread takes the place of its own at once.
    pub fn timeout(self, limit: Duration) -> Self {
        self.change(|node| node.options_mut().timeout = Some(limit))
    }

    /// Starts the task once at most, for functions that must not run again, such as those that send a message: if its value
    /// is lost, or the worker that runs it, the future fails and says so.
    pub fn once(self) -> Self {
        self.change(|node| node.options_mut().once = true)
    }

    /// Makes an actor of the result: it stays where it was made, is made anew by each call, and never twice by one.
    #[doc(hidden)]
    pub fn pinned(self) -> Self {
        self.change(|node| {
            node.set_impure();
            let options = node.options_mut();
            options.once = true;
            options.pinned = true;
        })
    }

    /// Keeps `count` copies of the result, on as many workers, for as long as it is needed. One unless set.
    pub fn replicas(self, count: u32) -> Self {
        self.change(|node| node.options_mut().replicas = count)
    }

    /// Higher runs first, among the tasks of this client. 0 unless set.
    pub fn priority(self, priority: i32) -> Self {
        self.change(|node| node.options_mut().priority = priority)
    }

    /// Shows the call under another name of its function: as `total-5f3a…`, where the function is called `add`. It is counted and
    /// measured with the others of that name; unlike a [`key`](Delayed::key), any number of calls may have it.
    pub fn label(self, name: &str) -> Self {
        self.change(|node| node.def = node.def.named(name))
    }

    /// Names the task. Two different tasks under one name are an error: the second is refused.
    pub fn key(self, name: impl Into<Arc<str>>) -> Self {
        let name = name.into();
        self.change(|node| node.options_mut().name = Some(name))
    }

    /// Runs the task even if the same call was made before: for functions with side effects, or whose result differs.
    pub fn impure(self) -> Self {
        self.change(|node| node.set_impure())
    }

    /// Runs the task on one of these workers, given by name, address or host.
    pub fn workers<W: Into<Arc<str>>>(self, workers: impl IntoIterator<Item = W>) -> Self {
        let workers = workers.into_iter().map(Into::into).collect();
        self.change(|node| node.options_mut().workers = workers)
    }

    /// Makes [`workers`](Delayed::workers) a preference: while none of them is there, others may run the task.
    pub fn allow_other_workers(self) -> Self {
        self.change(|node| node.options_mut().allow_other_workers = true)
    }

    /// Takes `amount` of a resource that workers declare, for as long as the task runs. An amount that is negative or no number
    /// is an error of the future.
    pub fn resource(self, name: impl Into<Arc<str>>, amount: f64) -> Self {
        let resource = (name.into(), Quantity::from_f64(amount));
        self.change(|node| node.options_mut().resources.push(resource))
    }
}

/// A type without the paths of its names: `i64`, `Vec<String>`.
pub fn short_type_name<T>() -> String {
    let full = std::any::type_name::<T>();
    let mut short = String::with_capacity(full.len());
    for piece in full.split_inclusive(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')) {
        short.push_str(piece.rsplit_once("::").map_or(piece, |(_, last)| last));
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_names_lose_their_paths() {
        assert_eq!(short_type_name::<i64>(), "i64");
        assert_eq!(short_type_name::<Vec<Option<String>>>(), "Vec<Option<String>>");
        assert_eq!(short_type_name::<(Vec<u8>, String)>(), "(Vec<u8>, String)");
    }
}
