//! Bags: elements of one type in partitions, without an order that anybody needs.
//!
//! ```
//! use brisk_client::{Client, task};
//! use brisk_collections::bag;
//!
//! #[task]
//! fn square(x: i64) -> i64 {
//!     x * x
//! }
//!
//! #[task]
//! fn is_even(x: &i64) -> bool {
//!     x % 2 == 0
//! }
//!
//! #[brisk_client::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let client = Client::from_env().await?;
//!     let squares = bag::range(0..1_000, 4)?.map(square).filter(is_even);
//!     assert_eq!(client.submit(squares.count()).await?, 500);
//!     Ok(())
//! }
//! ```
//!
//! **Steps** take task functions: a `#[task]` function by its name, one in place (`task_fn!(|x: i64| x * x)`), or a closure that makes
//! calls of them: `|x| add(x, k)`. The closure runs once, here, with a placeholder for the elements; what it captures travels
//! along. All steps between two places where data must move are one task a partition, in which blocks of elements go
//! through one function after the other.
//!
//! **Errors** of an element name the partition, the element, and where it stands in its file. What is wrong with a step itself
//! (a type of which workers know nothing, an `async fn`) fails each partition with the reason.

use std::{fmt, sync::Arc};

use brisk_client::{
    Call, Delayed, Elem, Persist, Value,
    graph::{Datum, Handle, Item, Node, Slot},
};

use crate::foundation::{Collection, CollectionError, FanIn, refused};

mod calls;
mod engine;
mod feed;
mod files;
mod folds;
mod json;
mod lines;
mod merge;
mod numbers;
mod order;
mod output;
mod plan;
mod read;
mod record;
mod sinks;
mod sources;
mod trace;
mod write;

pub use numbers::Number;
pub use read::{ReadText, read_text};
#[doc(hidden)]
pub use record::private;
#[cfg(feature = "csv")]
pub use record::read_csv;
pub use record::{Record, read_json};
pub use sources::{from_delayed, from_sequence, range};

use engine::PARTITION;
use plan::{FeedPlan, Recipe, Sink, Step, TypeRef, What};
use trace::{Manner, StepOptions};

/// What is done about an element whose call returns `Err`: see [`Bag::on_error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnError {
    /// The partition fails, and says which element it was.
    #[default]
    Fail,
    /// The element is left out, and counted: see [`Bag::skipped`].
    Skip,
}

/// Elements in partitions, each a `Vec` that one task makes. See [the module](self) and [`Collection`].
pub struct Bag<T> {
    made: Made<T>,
    fan_in: FanIn,
}

enum Made<T> {
    /// Calls, or results that are kept on a cluster.
    Parts(Arc<[Delayed<Vec<T>>]>),
    /// Steps over what others make.
    Planned(Arc<Plan>),
}

/// Steps that are not in a task yet.
#[derive(Clone)]
struct Plan {
    feed: FeedPlan,
    /// For each partition what it is made of.
    sources: Arc<[Vec<Item>]>,
    steps: Vec<Step>,
    /// What is the same for all elements.
    bound: Vec<Item>,
    names: Vec<&'static str>,
    options: StepOptions,
    /// What is wrong with a step.
    problem: Option<String>,
}

impl<T> Clone for Bag<T> {
    fn clone(&self) -> Self {
        let made = match &self.made {
            Made::Parts(parts) => Made::Parts(parts.clone()),
            Made::Planned(plan) => Made::Planned(plan.clone()),
        };
        Bag { made, fan_in: self.fan_in }
    }
}

impl<T: Value> fmt::Debug for Bag<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Bag {} of {} partitions>", self.name(), self.partitions())
    }
}

impl<T: Value> Bag<T> {
    fn of_parts(parts: Vec<Delayed<Vec<T>>>, fan_in: FanIn) -> Self {
        Bag { made: Made::Parts(parts.into()), fan_in }
    }

    fn of_sources(feed: FeedPlan, sources: Vec<Vec<Item>>, name: &'static str) -> Self {
        let (steps, bound, options) = (Vec::new(), Vec::new(), StepOptions::default());
        let plan = Plan { feed, sources: sources.into(), steps, bound, names: vec![name], options, problem: None };
        Bag { made: Made::Planned(Arc::new(plan)), fan_in: FanIn::default() }
    }

    /// Calls a function with each element: what it returns are the new elements.
    ///
    /// ```
    /// # use brisk_client::{Client, task, task_fn};
    /// # use brisk_collections::{Collection, bag};
    /// # #[task] fn add(x: i64, y: i64) -> i64 { x + y }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let k = 10;
    /// let bag = bag::range(0..3, 2)?.map(|x| add(x, k)).map(task_fn!(|x: i64| x * 2));
    /// assert_eq!(bag.compute(&client).await?, [20, 22, 24]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn map<C: Call>(&self, function: impl FnOnce(Elem<T>) -> C) -> Bag<C::Output> {
        self.step(What::Map, function(Elem::placeholder(0)).delayed().node(), TypeRef::of::<C::Output>())
    }

    /// Keeps the elements for which the function returns true.
    pub fn filter<C: Call<Output = bool>>(&self, function: impl FnOnce(Elem<T>) -> C) -> Bag<T> {
        self.step(What::Filter, function(Elem::placeholder(0)).delayed().node(), TypeRef::of::<T>())
    }

    /// Calls a function with each element that returns a new one, or `None`.
    pub fn filter_map<U: Value, C: Call<Output = Option<U>>>(&self, function: impl FnOnce(Elem<T>) -> C) -> Bag<U> {
        self.step(What::FilterMap, function(Elem::placeholder(0)).delayed().node(), TypeRef::of::<U>())
    }

    /// Calls a function with each element that returns any number of new ones.
    pub fn flat_map<U: Value, C: Call<Output = Vec<U>>>(&self, function: impl FnOnce(Elem<T>) -> C) -> Bag<U> {
        self.step(What::FlatMap, function(Elem::placeholder(0)).delayed().node(), TypeRef::of::<U>())
    }

    /// Calls a function with each partition, as a `Vec` or a slice; what it returns is the new partition.
    pub fn map_partitions<U: Value, C: Call<Output = Vec<U>>>(
        &self,
        function: impl FnOnce(Elem<Vec<T>>) -> C,
    ) -> Bag<U> {
        self.step(What::Partition, function(Elem::placeholder(0)).delayed().node(), TypeRef::of::<U>())
    }

    /// What the last step does about elements whose call returns `Err`; it fails unless told otherwise. A panic fails it
    /// in any case.
    ///
    /// ```
    /// # use brisk_client::{Client, task};
    /// # use brisk_collections::{bag::{self, OnError}, Collection};
    /// # #[task] fn parse(text: &str) -> Result<i64, std::num::ParseIntError> { text.parse() }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let words = bag::from_sequence(["1", "two", "3"].map(String::from), 2)?;
    /// let numbers = words.map(parse).on_error(OnError::Skip);
    /// let (numbers, skipped) = client.compute((numbers.collect(), numbers.skipped()));
    /// assert_eq!((numbers.await?, skipped.await?), (vec![1, 3], 1));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn on_error(&self, what: OnError) -> Bag<T> {
        let mut plan = self.plan();
        match plan.steps.last_mut() {
            Some(step) if step.what != What::Partition && step.calls.0.len() == 1 => {
                step.skips = what == OnError::Skip;
            }
            _ => {
                let text =
                    "`on_error` is about the step before it, which calls one function with each element: there is none";
                plan.problem.get_or_insert_with(|| text.to_owned());
            }
        }
        Bag { made: Made::Planned(Arc::new(plan)), fan_in: self.fan_in }
    }

    /// How many partial results one task of a reduction puts together: see [`FanIn`].
    #[must_use]
    pub fn fan_in(&self, fan_in: FanIn) -> Bag<T> {
        Bag { fan_in, ..self.clone() }
    }

    /// The same elements in another number of partitions: neighbours are put together, or partitions are cut into pieces of
    /// equal lengths.
    ///
    /// # Errors
    /// If `count` is zero.
    pub fn repartition(&self, count: usize) -> Result<Bag<T>, CollectionError> {
        if count == 0 {
            return Err(CollectionError::Zero { what: "the number of partitions" });
        }
        let parts = self.to_delayed();
        let have = parts.len();
        let cut = |index: usize, of: usize, len: usize| index * len / of;
        let made: Vec<Delayed<Vec<T>>> = if count <= have {
            (0..count).map(|index| joined(&parts[cut(index, count, have)..cut(index + 1, count, have)])).collect()
        } else if have == 0 {
            (0..count).map(|_| joined(&[])).collect()
        } else {
            let pieces = |part: usize| cut(part + 1, have, count) - cut(part, have, count);
            let each = parts.iter().enumerate().map(|(part, whole)| (whole, pieces(part)));
            each.flat_map(|(whole, of)| (0..of).map(move |index| piece(whole, index, of))).collect()
        };
        Ok(Bag::of_parts(made, self.fan_in))
    }

    /// How many elements there are.
    pub fn count(&self) -> Delayed<u64> {
        let parts = self.sunk("count", Sink::Count, Vec::new());
        self.fan_in.reduce(parts, |parts| numbers::total(parts).label("count-tree"))
    }

    /// How many elements the steps leave out by [`on_error`](Bag::on_error). This is a computation of its own, unless the bag
    /// was persisted: then what was left out is forgotten.
    pub fn skipped(&self) -> Delayed<u64> {
        let parts = self.sunk("skipped", Sink::Skipped, Vec::new());
        self.fan_in.reduce(parts, |parts| numbers::total(parts).label("skipped-tree"))
    }

    /// The first `count` elements, partition by partition: as many are computed as that takes, one after the other.
    pub fn take(&self, count: usize) -> Delayed<Vec<T>> {
        let mut before: Option<Delayed<Vec<T>>> = None;
        for index in 0..self.partitions() {
            let mut plan = self.plan();
            let after = before.take().map(|before| {
                plan.bound.push(before.item());
                plan.bound.len() - 1
            });
            before = Some(plan.partition(index, "take", Sink::Take { count, after }));
        }
        before.unwrap_or_else(|| joined(&[]))
    }

    /// The bag with another step.
    fn step<U: Value>(&self, what: What, call: &Arc<Node>, makes: TypeRef) -> Bag<U> {
        let mut plan = self.plan();
        plan.names.push(what.name());
        let manner = if what == What::Partition { Manner::Single } else { Manner::Block };
        match trace::trace(call, manner, &mut plan.bound) {
            Ok(traced) => {
                plan.options = plan.options.and(traced.options);
                plan.problem = plan.problem.or_else(|| makes.problem());
                plan.steps.push(Step { what, calls: traced.calls, makes, skips: false });
            }
            Err(problem) => plan.problem = plan.problem.or(Some(problem)),
        }
        Bag { made: Made::Planned(Arc::new(plan)), fan_in: self.fan_in }
    }

    /// The steps so far; none if the partitions are calls.
    fn plan(&self) -> Plan {
        match &self.made {
            Made::Planned(plan) => (**plan).clone(),
            Made::Parts(parts) => Plan {
                feed: FeedPlan::Parts(TypeRef::of::<T>()),
                sources: parts.iter().map(|part| vec![part.item()]).collect(),
                steps: Vec::new(),
                bound: Vec::new(),
                names: Vec::new(),
                options: StepOptions::default(),
                problem: TypeRef::of::<T>().problem(),
            },
        }
    }

    /// For each partition a task that runs all steps and puts the elements into `sink`, which may need the values `more`: their
    /// places are counted from that of the first, which is given.
    fn sunk<R: Value>(&self, name: &'static str, sink: Sink, more: Vec<Item>) -> Vec<Delayed<R>> {
        let mut plan = self.plan();
        plan.bound.extend(more);
        plan.partitions(name, &sink)
    }
}

impl Plan {
    fn partitions<R: Value>(&self, name: &'static str, sink: &Sink) -> Vec<Delayed<R>> {
        (0..self.sources.len().max(1)).map(|index| self.partition(index, name, sink.clone())).collect()
    }

    /// The task of one partition.
    fn partition<R: Value>(&self, index: usize, name: &'static str, sink: Sink) -> Delayed<R> {
        if let Some(problem) = &self.problem {
            return refused(problem);
        }
        let impure = self.options.impure || matches!(sink, Sink::File { .. });
        let recipe = Recipe { feed: self.feed.clone(), steps: self.steps.clone(), sink };
        let inline = |datum| Slot::One(Item::Inline(datum));
        let source = self.sources.get(index).cloned().unwrap_or_default();
        let slots =
            [inline(Datum::new(recipe)), inline(Datum::new(index)), Slot::List(source), Slot::List(self.bound.clone())];
        let def = PARTITION.named(&self.name(name));
        let mut task = Delayed::call(def, slots);
        if self.options.retries > 0 {
            task = task.retries(self.options.retries);
        }
        if self.options.priority != 0 {
            task = task.priority(self.options.priority);
        }
        if impure { task.impure() } else { task }
    }

    /// The names of the steps, of which a long chain's middle is left out.
    fn name(&self, last: &str) -> String {
        const SHOWN: usize = 6;
        let mut names: Vec<&str> = self.names.clone();
        if !last.is_empty() {
            names.push(last);
        }
        if names.len() > SHOWN {
            names.splice(2..names.len() - 3, ["…"]);
        }
        if names.is_empty() { "partition".to_owned() } else { names.join("-") }
    }
}

/// Several partitions as one.
fn joined<T: Value>(parts: &[Delayed<Vec<T>>]) -> Delayed<Vec<T>> {
    match parts {
        [one] => one.clone(),
        several => of_values("join", several, Sink::Keep),
    }
}

fn piece<T: Value>(whole: &Delayed<Vec<T>>, index: usize, of: usize) -> Delayed<Vec<T>> {
    if of == 1 { whole.clone() } else { of_values("split", std::slice::from_ref(whole), Sink::Piece { index, of }) }
}

/// A task over several partitions that are computed by others.
fn of_values<T: Value, R: Value>(name: &'static str, parts: &[Delayed<Vec<T>>], sink: Sink) -> Delayed<R> {
    merged(name, parts, Vec::new(), sink)
}

/// The same with values for the sink.
fn merged<T: Value, R: Value>(
    name: &'static str,
    parts: &[Delayed<Vec<T>>],
    bound: Vec<Item>,
    sink: Sink,
) -> Delayed<R> {
    let plan = Plan {
        feed: FeedPlan::Parts(TypeRef::of::<T>()),
        sources: [parts.iter().map(Delayed::item).collect()].into(),
        steps: Vec::new(),
        bound,
        names: Vec::new(),
        options: StepOptions::default(),
        problem: TypeRef::of::<T>().problem(),
    };
    plan.partition(0, name, sink)
}

impl<T: Value> Collection for Bag<T> {
    type Part = Vec<T>;
    type Whole = Vec<T>;

    fn to_delayed(&self) -> Vec<Delayed<Vec<T>>> {
        match &self.made {
            Made::Parts(parts) => parts.to_vec(),
            Made::Planned(plan) if plan.sources.is_empty() => Vec::new(),
            Made::Planned(plan) => plan.partitions("", &Sink::Keep),
        }
    }

    fn collect(&self) -> Delayed<Vec<T>> {
        match &self.to_delayed()[..] {
            [one] => one.clone(),
            several => of_values("collect", several, Sink::Keep),
        }
    }

    fn partitions(&self) -> usize {
        match &self.made {
            Made::Parts(parts) => parts.len(),
            Made::Planned(plan) => plan.sources.len(),
        }
    }

    fn name(&self) -> String {
        match &self.made {
            Made::Parts(parts) => parts.first().map_or("empty", |part| part.node().def.identity.name).to_owned(),
            Made::Planned(plan) => plan.name(""),
        }
    }
}

impl<T: Value> Persist for Bag<T> {
    fn nodes(&self, nodes: &mut Vec<Arc<Node>>) {
        nodes.extend(self.to_delayed().iter().map(|part| part.node().clone()));
    }

    fn persisted(self, handles: &mut std::vec::IntoIter<Handle>) -> Self {
        let parts = self.to_delayed().into_iter().zip(handles).map(|(part, handle)| part.with_persisted(handle));
        Bag::of_parts(parts.collect(), self.fan_in)
    }
}
