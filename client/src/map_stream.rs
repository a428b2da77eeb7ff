//! Millions of calls, of which only so many are under way: [`MapStream`].

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use brisk_core::{
    future::{Settled, TaskFuture},
    graph::{Call, Node},
    value::Value,
};
use futures_core::Stream;

use crate::{as_completed::AsCompleted, client::Client};

/// Calls under way unless a stream says otherwise: enough to keep many threads busy, and few enough for any memory.
const LIMIT: usize = 1_000;

impl Client {
    /// Starts a call for every item, but only so many at a time: items are taken as earlier calls end and are read, so that
    /// there may be millions, or no end of them. A stream of futures that have ended, in the order in which they end.
    ///
    /// ```
    /// # use brisk_client::{Client, task};
    /// # #[task] fn square(x: u64) -> u64 { x * x }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let mut squares = client.map_stream(0.., square).limit(100);
    /// let mut found = 0;
    /// while let Some(future) = squares.next().await {
    ///     found = future.await?;
    ///     if found > 10_000 {
    ///         break;
    ///     }
    /// }
    /// assert!(found > 10_000);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Dropping the stream drops the futures of all calls that have not ended.
    pub fn map_stream<I, C, F>(&self, items: I, call: F) -> MapStream<Items<I::IntoIter>, F, C::Output>
    where
        I: IntoIterator,
        C: Call,
        F: FnMut(I::Item) -> C,
    {
        self.map_stream_of(Items(items.into_iter()), call)
    }

    /// As [`map_stream`](Client::map_stream), for items that come from another stream: the results of an earlier step, for one.
    ///
    /// ```
    /// # use brisk_client::{Client, task};
    /// # #[task] fn square(x: u64) -> u64 { x * x }
    /// # #[task] fn digits(x: u64) -> usize { x.to_string().len() }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let squares = client.map_stream(0..1_000, square).limit(10);
    /// let mut all = client.map_stream_of(squares, |square| digits(&square)).limit(10);
    /// let mut longest = 0;
    /// while let Some(length) = all.next().await {
    ///     longest = longest.max(length.await?);
    /// }
    /// assert_eq!(longest, 6);
    /// # Ok(())
    /// # }
    /// ```
    pub fn map_stream_of<S, C, F>(&self, items: S, call: F) -> MapStream<S, F, C::Output>
    where
        S: Stream + Unpin,
        C: Call,
        F: FnMut(S::Item) -> C,
    {
        let order = Order::Completion(AsCompleted::new());
        MapStream { client: self.clone(), items: Some(items), call, limit: LIMIT, order }
    }
}

/// A stream of futures of calls that have ended; see [`Client::map_stream`].
#[must_use = "nothing is submitted before the stream is read"]
pub struct MapStream<S, F, T> {
    client: Client,
    /// `None` once there are no more.
    items: Option<S>,
    call: F,
    limit: usize,
    order: Order<T>,
}

/// The calls under way, in the order in which they are given out.
enum Order<T> {
    Completion(AsCompleted<T>),
    Input(VecDeque<(TaskFuture<T>, Settled)>),
}

/// The items of an iterator, as a stream that is always ready.
#[derive(Debug)]
pub struct Items<I>(I);

impl<I> Unpin for Items<I> {}

impl<I: Iterator> Stream for Items<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.0.next())
    }
}

impl<S, F, C> MapStream<S, F, C::Output>
where
    S: Stream + Unpin,
    C: Call,
    F: FnMut(S::Item) -> C,
{
    /// How many calls may be under way, those included that have ended and were not read. 1,000 unless set; at least one is.
    pub fn limit(mut self, calls: usize) -> Self {
        self.limit = calls.max(1);
        self
    }

    /// Gives the futures out in the order of the items. One that takes long holds up those behind it.
    pub fn ordered(mut self) -> Self {
        self.order = Order::Input(VecDeque::new());
        self
    }

    /// Waits for the next call to end; `None` when there are no more. Cancel safe.
    pub async fn next(&mut self) -> Option<TaskFuture<C::Output>> {
        poll_fn(|context| self.poll_ended(context)).await
    }

    fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<Option<TaskFuture<C::Output>>> {
        self.submit_more(context);
        match self.order.poll_ended(context) {
            // Nothing is under way: it is the items that are waited for, if there are more.
            Poll::Ready(None) if self.items.is_some() => Poll::Pending,
            outcome => outcome,
        }
    }

    /// Takes items while there is room, and submits their calls together. One call that has ended makes no new message if
    /// there may be many: the room of some is waited for.
    fn submit_more(&mut self, context: &mut Context<'_>) {
        let room = self.limit.saturating_sub(self.order.len());
        if room < self.limit.div_ceil(4) && !self.order.is_empty() {
            return;
        }
        let mut calls: Vec<Arc<Node>> = Vec::new();
        while calls.len() < room
            && let Some(items) = &mut self.items
        {
            match Pin::new(items).poll_next(context) {
                Poll::Ready(Some(item)) => calls.push((self.call)(item).delayed().node().clone()),
                Poll::Ready(None) => self.items = None,
                Poll::Pending => break,
            }
        }
        if !calls.is_empty() {
            let futures = self.client.submit_nodes(&calls).into_iter().map(TaskFuture::from_handle);
            futures.for_each(|future| self.order.push(future));
        }
    }
}

impl<T: Value> Order<T> {
    fn push(&mut self, future: TaskFuture<T>) {
        match self {
            Order::Completion(done) => done.push(future),
            Order::Input(queue) => {
                let settled = future.settled();
                queue.push_back((future, settled));
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Order::Completion(done) => done.len(),
            Order::Input(queue) => queue.len(),
        }
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<Option<TaskFuture<T>>> {
        match self {
            Order::Completion(done) => Pin::new(done).poll_next(context),
            Order::Input(queue) => {
                let Some((_, settled)) = queue.front_mut() else { return Poll::Ready(None) };
                match Pin::new(settled).poll(context) {
                    Poll::Ready(_) => Poll::Ready(queue.pop_front().map(|(future, _)| future)),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }
}

impl<S, F, C> Stream for MapStream<S, F, C::Output>
where
    S: Stream + Unpin,
    C: Call,
    F: FnMut(S::Item) -> C + Unpin,
{
    type Item = TaskFuture<C::Output>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_ended(context)
    }
}

impl<S, F, T: Value> std::fmt::Debug for MapStream<S, F, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<MapStream {} of {} under way>", self.order.len(), self.limit)
    }
}
