//! Reductions by functions of the user's.

use brisk_client::{
    Call, Delayed, Elem, Value,
    graph::{Datum, Item, Slot},
};

use super::{
    Bag, Plan,
    merge::{MERGE, ONLY},
    merged,
    plan::{Merge, Sink, TypeRef},
    trace::{Calls, Manner, StepOptions, trace},
};
use crate::foundation::{FanIn, refused};

impl<T: Value> Bag<T> {
    /// One value of all elements: within each partition `fold` adds one element after the other to `start`, and `combine`
    /// puts what the partitions came to together, neighbours first. `start` counts once for each partition, so it should
    /// add nothing: 0 for a sum, an empty map.
    ///
    /// ```
    /// # use brisk_client::{Client, task, task_fn};
    /// # use brisk_collections::bag;
    /// # #[task] fn add(x: u64, y: u64) -> u64 { x + y }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let words = bag::from_sequence(["a", "bcd", "ef"].map(String::from), 2)?;
    /// let letters = words.fold(0, task_fn!(|sum: u64, word: &str| -> u64 { sum + word.len() as u64 }), add);
    /// assert_eq!(client.submit(letters).await?, 6);
    /// # Ok(())
    /// # }
    /// ```
    pub fn fold<A: Value, C: Call<Output = A>, D: Call<Output = A>>(
        &self,
        start: A,
        fold: impl FnOnce(Elem<A>, Elem<T>) -> C,
        combine: impl FnOnce(Elem<A>, Elem<A>) -> D,
    ) -> Delayed<A> {
        self.folded("fold", start, fold, combine)
    }

    /// The same under a name.
    pub(super) fn folded<A: Value, C: Call<Output = A>, D: Call<Output = A>>(
        &self,
        name: &'static str,
        start: A,
        fold: impl FnOnce(Elem<A>, Elem<T>) -> C,
        combine: impl FnOnce(Elem<A>, Elem<A>) -> D,
    ) -> Delayed<A> {
        let mut plan = self.plan();
        let fold = plan.traced(fold(Elem::placeholder(0), Elem::placeholder(1)), Manner::Fold);
        plan.bound.push(Item::Inline(Datum::new(start)));
        let sink = Sink::Fold { fold, start: plan.bound.len() - 1 };
        let combine = Combine::new(combine(Elem::placeholder(0), Elem::placeholder(1)));
        combine.tree(self.fan_in, name, plan.partitions(name, &sink), Merge::Fold)
    }

    /// One element of all: `function` makes one of two, until one is left. It must not matter which two come first. The
    /// call fails if there are no elements.
    pub fn reduce<C: Call<Output = T>>(&self, function: impl FnOnce(Elem<T>, Elem<T>) -> C) -> Delayed<T> {
        let call = function(Elem::placeholder(0), Elem::placeholder(1)).delayed();
        let mut plan = self.plan();
        let calls = plan.traced(call.clone(), Manner::Fold);
        let parts: Vec<Delayed<Vec<T>>> = plan.partitions("reduce", &Sink::Reduce(calls));
        let found = self.fan_in.reduce(parts, |parts| {
            let mut bound = Vec::new();
            match trace(call.node(), Manner::Fold, &mut bound) {
                Ok(traced) => merged("reduce-tree", &parts, bound, Sink::Reduce(traced.calls)),
                Err(problem) => refused(problem),
            }
        });
        only("result", &found)
    }

    /// For each key that `key` makes of the elements one value of those that have it, as [`fold`](Bag::fold) makes it. In one
    /// partition, in the order in which the keys first appear.
    ///
    /// The pairs' type must be known to the program: `brisk_client::register_types!((Key, Value))`. Pairs of two of
    /// `String`, `i64`, `u64`, `f64` and `bool` are.
    pub fn fold_by<K: Value, A: Value, B: Call<Output = K>, C: Call<Output = A>, D: Call<Output = A>>(
        &self,
        key: impl FnOnce(Elem<T>) -> B,
        start: A,
        fold: impl FnOnce(Elem<A>, Elem<T>) -> C,
        combine: impl FnOnce(Elem<A>, Elem<A>) -> D,
    ) -> Bag<(K, A)> {
        let (keys, pairs) = (TypeRef::of::<K>(), TypeRef::of::<(K, A)>());
        let mut plan = self.plan();
        plan.problem = plan.problem.or_else(|| keys.problem()).or_else(|| pairs.problem());
        let key = plan.traced(key(Elem::placeholder(0)), Manner::Block);
        let fold = plan.traced(fold(Elem::placeholder(0), Elem::placeholder(1)), Manner::Fold);
        plan.bound.push(Item::Inline(Datum::new(start)));
        let start = plan.bound.len() - 1;
        let sink = Sink::FoldBy { key, keys: keys.clone(), pairs: pairs.clone(), fold, start };
        let combine = Combine::new(combine(Elem::placeholder(0), Elem::placeholder(1)));
        let merge = |fold| Merge::Pairs { keys, pairs, fold };
        let all = combine.tree(self.fan_in, "fold_by", plan.partitions("fold_by", &sink), merge);
        Bag::of_parts(vec![all], self.fan_in)
    }
}

impl Plan {
    /// The calls that a closure was traced into; if they can't be made, that is the plan's problem.
    pub(super) fn traced<C: Call>(&mut self, call: C, manner: Manner) -> Calls {
        match trace(call.delayed().node(), manner, &mut self.bound) {
            Ok(traced) => {
                self.options = self.options.and(traced.options);
                traced.calls
            }
            Err(problem) => {
                self.problem.get_or_insert(problem);
                Calls(Vec::new())
            }
        }
    }
}

/// How two partial results become one.
struct Combine {
    calls: Calls,
    bound: Vec<Item>,
    options: StepOptions,
    problem: Option<String>,
}

impl Combine {
    fn new<C: Call>(call: C) -> Self {
        let mut bound = Vec::new();
        match trace(call.delayed().node(), Manner::Single, &mut bound) {
            Ok(traced) => Combine { calls: traced.calls, bound, options: traced.options, problem: None },
            Err(problem) => {
                Combine { calls: Calls(Vec::new()), bound, options: StepOptions::default(), problem: Some(problem) }
            }
        }
    }

    fn tree<R: Value>(
        self,
        fan_in: FanIn,
        name: &str,
        parts: Vec<Delayed<R>>,
        merge: impl FnOnce(Calls) -> Merge,
    ) -> Delayed<R> {
        if let Some(problem) = self.problem {
            return refused(problem);
        }
        let (bound, options) = (self.bound, self.options);
        merge_tree(fan_in, name, parts, merge(self.calls), bound, options)
    }
}

/// Puts partial results together in a tree.
pub(super) fn merge_tree<R: Value>(
    fan_in: FanIn,
    name: &str,
    parts: Vec<Delayed<R>>,
    merge: Merge,
    bound: Vec<Item>,
    options: StepOptions,
) -> Delayed<R> {
    let def = MERGE.named(&format!("{name}-tree"));
    let merge = Datum::new(merge);
    fan_in.reduce(parts, |parts| {
        let parts = parts.iter().map(Delayed::item).collect();
        let slots = [Slot::One(Item::Inline(merge.clone())), Slot::List(parts), Slot::List(bound.clone())];
        let task = Delayed::call(def, slots);
        let task = if options.retries > 0 { task.retries(options.retries) } else { task };
        if options.impure { task.impure() } else { task }
    })
}

/// The one element of a vector of at most one.
pub(super) fn only<T: Value>(what: &str, found: &Delayed<Vec<T>>) -> Delayed<T> {
    let inline = |datum| Slot::One(Item::Inline(datum));
    let slots = [inline(Datum::new(TypeRef::of::<T>())), inline(Datum::new(what.to_owned())), Slot::One(found.item())];
    Delayed::call(ONLY.named(what), slots)
}
