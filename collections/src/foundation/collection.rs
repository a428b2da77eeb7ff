//! [`Collection`]: what can be done with any of them.

use brisk_client::{
    Client, Delayed, Persist, TaskError, TaskFuture, Value,
    graph::{self, Node},
};
use std::{future::Future, sync::Arc};

/// Data in partitions, not yet computed: the calls that make them. Clones share the calls.
///
/// [`Client::persist`] computes all partitions, keeps them in the workers' memory and returns the same collection at once;
/// what is then built upon it starts from there. They are released when the last clone is dropped.
///
/// A graph holds only what is needed of a collection: where a result takes two partitions of a thousand, the others are not
/// computed.
pub trait Collection: Persist + Clone {
    /// One partition.
    type Part: Value;
    /// All of it in one piece.
    type Whole: Value;

    /// The calls that make the partitions, in order. Two lists of one collection are the same calls.
    fn to_delayed(&self) -> Vec<Delayed<Self::Part>>;

    /// A call that puts all partitions together in one place, which must have room for it.
    fn collect(&self) -> Delayed<Self::Whole>;

    /// How many partitions there are.
    fn partitions(&self) -> usize;

    /// What the last step that made it is called: `read_text`, `map-filter`.
    fn name(&self) -> String;

    /// Starts the computation of all partitions, each as a future of its own.
    fn submit(&self, client: &Client) -> Vec<TaskFuture<Self::Part>> {
        client.compute(self.to_delayed())
    }

    /// Starts the computation of all of it, in one piece.
    fn compute(&self, client: &Client) -> TaskFuture<Self::Whole> {
        client.submit(self.collect())
    }

    /// Waits until all partitions are in the workers' memory, where [`Client::persist`] keeps them. They stay there.
    ///
    /// # Errors
    /// If a partition fails, or the collection was not persisted.
    fn wait(&self) -> impl Future<Output = Result<(), TaskError>> + Send {
        let parts = self.to_delayed();
        async move {
            for part in &parts {
                part.wait().await?;
            }
            Ok(())
        }
    }

    /// The graph that makes the partitions, in the language of Graphviz: `dot -Tsvg` draws it.
    fn to_dot(&self) -> String {
        graph::to_dot(&nodes(&self.to_delayed()))
    }

    /// The same as a picture that stands by itself.
    fn to_svg(&self) -> String {
        graph::to_svg(&nodes(&self.to_delayed()))
    }
}

fn nodes<T: Value>(calls: &[Delayed<T>]) -> Vec<Arc<Node>> {
    calls.iter().map(|call| call.node().clone()).collect()
}
