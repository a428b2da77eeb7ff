//! Results that are kept on the cluster, for many graphs to use.

use std::{collections::BTreeMap, sync::Arc, vec};

use brisk_core::{
    future::{Handle, TaskFuture},
    graph::{Delayed, Node},
    value::Value,
};

use super::Client;

impl Client {
    /// Starts calls and keeps their results in the workers' memory, for as long as what is returned, or a clone of it, is
    /// alive. Returns the same at once: a graph that is built of it uses the result and does not compute it again.
    /// [`wait`](Delayed::wait) waits until it is there.
    ///
    /// Futures keep their results anyway, and are returned as they are.
    ///
    /// ```
    /// # use brisk_client::{Client, task};
    /// # #[task] fn table(rows: usize) -> Vec<f64> { vec![0.5; rows] }
    /// # #[task] fn row(table: &[f64], i: usize) -> f64 { table[i] }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let table = client.persist(table(1_000));
    /// table.wait().await?;
    /// assert_eq!(client.submit(row(&table, 7)).await?, 0.5);
    /// drop(table); // and the workers forget it
    /// # Ok(())
    /// # }
    /// ```
    pub fn persist<P: Persist>(&self, calls: P) -> P {
        let mut nodes = Vec::new();
        calls.nodes(&mut nodes);
        calls.persisted(&mut self.submit_nodes(&nodes).into_vec().into_iter())
    }
}

/// What [`Client::persist`] keeps on the cluster: calls, futures, and vectors, options, maps and tuples of them; and
/// collections.
pub trait Persist: Sized {
    /// Adds its calls, in order.
    fn nodes(&self, nodes: &mut Vec<Arc<Node>>);

    /// The same with the handles of its calls, which are taken from `handles` in that order.
    fn persisted(self, handles: &mut vec::IntoIter<Handle>) -> Self;
}

impl<T: Value> Persist for Delayed<T> {
    fn nodes(&self, nodes: &mut Vec<Arc<Node>>) {
        nodes.push(self.node().clone());
    }

    fn persisted(self, handles: &mut vec::IntoIter<Handle>) -> Self {
        self.with_persisted(handles.next().expect("a handle for each call"))
    }
}

impl<T: Value> Persist for TaskFuture<T> {
    fn nodes(&self, _: &mut Vec<Arc<Node>>) {}

    fn persisted(self, _: &mut vec::IntoIter<Handle>) -> Self {
        self
    }
}

impl<P: Persist> Persist for Vec<P> {
    fn nodes(&self, nodes: &mut Vec<Arc<Node>>) {
        self.iter().for_each(|calls| calls.nodes(nodes));
    }

    fn persisted(self, handles: &mut vec::IntoIter<Handle>) -> Self {
        self.into_iter().map(|calls| calls.persisted(handles)).collect()
    }
}

impl<P: Persist> Persist for Option<P> {
    fn nodes(&self, nodes: &mut Vec<Arc<Node>>) {
        self.iter().for_each(|calls| calls.nodes(nodes));
    }

    fn persisted(self, handles: &mut vec::IntoIter<Handle>) -> Self {
        self.map(|calls| calls.persisted(handles))
    }
}

impl<K: Ord, P: Persist> Persist for BTreeMap<K, P> {
    fn nodes(&self, nodes: &mut Vec<Arc<Node>>) {
        self.values().for_each(|calls| calls.nodes(nodes));
    }

    fn persisted(self, handles: &mut vec::IntoIter<Handle>) -> Self {
        self.into_iter().map(|(key, calls)| (key, calls.persisted(handles))).collect()
    }
}

macro_rules! tuples {
    ($(($($calls:ident)+))*) => {$(
        impl<$($calls: Persist),+> Persist for ($($calls,)+) {
            fn nodes(&self, nodes: &mut Vec<Arc<Node>>) {
                #[allow(non_snake_case)]
                let ($($calls,)+) = self;
                $($calls.nodes(nodes);)+
            }

            fn persisted(self, handles: &mut vec::IntoIter<Handle>) -> Self {
                #[allow(non_snake_case)]
                let ($($calls,)+) = self;
                ($($calls.persisted(handles),)+)
            }
        }
    )*};
}

tuples! { (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H) }
