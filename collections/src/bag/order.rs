//! Reductions by what elements are: their order, their equality.

use brisk_client::{
    Call, Delayed, Elem, Value,
    graph::{End, Item},
};

use super::{
    Bag,
    folds::{merge_tree, only},
    merged,
    plan::{Merge, Sink, TypeRef},
    trace::{Manner, StepOptions, trace},
};
use crate::foundation::refused;

impl<T: Value> Bag<T> {
    /// The least element. The type has an order (`Ord`), or is a floating-point number, of which NaN is the greatest. The call fails
    /// if there are no elements.
    pub fn min(&self) -> Delayed<T> {
        only("min", &self.first("min", 1, End::Least))
    }

    /// The greatest element, as [`min`](Bag::min) has it.
    pub fn max(&self) -> Delayed<T> {
        only("max", &self.first("max", 1, End::Greatest))
    }

    /// The `count` greatest elements, the greatest first.
    pub fn top_k(&self, count: usize) -> Delayed<Vec<T>> {
        self.first("top_k", count, End::Greatest)
    }

    /// The `count` elements of which `key` makes the greatest, the greatest first.
    ///
    /// ```
    /// # use brisk_client::{Client, task_fn};
    /// # use brisk_collections::bag;
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let words = bag::from_sequence(["no", "yes", "no", "no"].map(String::from), 2)?;
    /// let by_count = task_fn!(|(_, count): (String, u64)| -> u64 { count });
    /// let most = client.submit(words.frequencies().top_k_by(1, by_count)).await?;
    /// assert_eq!(most, [("no".to_owned(), 3)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn top_k_by<K: Value, C: Call<Output = K>>(
        &self,
        count: usize,
        key: impl FnOnce(Elem<T>) -> C,
    ) -> Delayed<Vec<T>> {
        let keys = TypeRef::of::<K>();
        let key = key(Elem::placeholder(0)).delayed();
        let mut plan = self.plan();
        plan.problem = plan.problem.or_else(|| keys.problem());
        let calls = plan.traced(key.clone(), Manner::Block);
        let sink = |calls| Sink::First { count, end: End::Greatest, by: Some((calls, keys.clone())) };
        let parts = plan.partitions("top_k", &sink(calls));
        self.fan_in.reduce(parts, |parts| {
            let mut bound: Vec<Item> = Vec::new();
            match trace(key.node(), Manner::Block, &mut bound) {
                Ok(traced) => merged("top_k-tree", &parts, bound, sink(traced.calls)),
                Err(problem) => refused(problem),
            }
        })
    }

    /// Each element once, in one partition, in the order in which they first appear. The type has `Eq` and `Hash`.
    pub fn distinct(&self) -> Bag<T> {
        let parts = self.sunk("distinct", Sink::Distinct, Vec::new());
        let all = self
            .fan_in
            .reduce(parts, |parts: Vec<Delayed<Vec<T>>>| merged("distinct-tree", &parts, Vec::new(), Sink::Distinct));
        Bag::of_parts(vec![all], self.fan_in)
    }

    /// Each element with how often it is there, in one partition, in the order in which they first appear. The type has `Eq` and
    /// `Hash`. To go on with the pairs, their type must be known: `brisk_client::register_types!((Word, u64))`; see
    /// [`fold_by`](Bag::fold_by).
    pub fn frequencies(&self) -> Bag<(T, u64)> {
        let parts: Vec<Delayed<Vec<(T, u64)>>> = self.sunk("frequencies", Sink::Frequencies, Vec::new());
        let merge = Merge::Counts(TypeRef::of::<T>());
        let all = merge_tree(self.fan_in, "frequencies", parts, merge, Vec::new(), StepOptions::default());
        Bag::of_parts(vec![all], self.fan_in)
    }

    fn first(&self, name: &'static str, count: usize, end: End) -> Delayed<Vec<T>> {
        let sink = || Sink::First { count, end, by: None };
        let parts = self.sunk(name, sink(), Vec::new());
        let tree = match name {
            "min" => "min-tree",
            "max" => "max-tree",
            _ => "top_k-tree",
        };
        self.fan_in.reduce(parts, |parts: Vec<Delayed<Vec<T>>>| merged(tree, &parts, Vec::new(), sink()))
    }
}
