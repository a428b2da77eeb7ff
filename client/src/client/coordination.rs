//! What programs share by name, to keep out of each other's way and to hand things on.

use std::sync::Arc;

use brisk_core::{
    error::{ErrorKind, Failure, TaskError},
    message::{Answer, Operation, Shared},
    shareable::Shareable,
    task::TaskName,
};

use super::{Client, not_asked, unexpected};

mod event;
mod multi_lock;
mod queue;
mod semaphore;
mod variable;

pub use event::Event;
pub use multi_lock::MultiLock;
pub use queue::Queue;
pub use semaphore::{Lease, Lock, Semaphore};
pub use variable::Variable;

impl Client {
    /// A lock of this name: of all who ask for it, here or in other programs of this scheduler, one holds it at a time.
    ///
    /// ```
    /// # use brisk_client::Client;
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let lock = client.lock("the database");
    /// let held = lock.acquire().await?;
    /// assert!(lock.try_acquire().await?.is_none());
    /// // Dropped, it is given back; `release` waits until that is known.
    /// held.release().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn lock(&self, name: impl Into<Arc<str>>) -> Lock {
        Lock(self.semaphore(name, 1))
    }

    /// The locks of all these names, taken together or not at all.
    ///
    /// ```
    /// # use brisk_client::Client;
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let both = client.multi_lock(["left fork", "right fork"]).acquire().await?;
    /// assert!(client.lock("left fork").try_acquire().await?.is_none());
    /// drop(both);
    /// # Ok(())
    /// # }
    /// ```
    pub fn multi_lock<N: Into<Arc<str>>>(&self, names: impl IntoIterator<Item = N>) -> MultiLock {
        MultiLock::new(names.into_iter().map(|name| self.lock(name)).collect())
    }

    /// A semaphore of this name: at most so many permits of it are held at a time, here and in other programs of this
    /// scheduler. All who use it at one time must say the same number.
    ///
    /// ```
    /// # use brisk_client::Client;
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let licences = client.semaphore("licences", 4);
    /// let three = licences.acquire_many(3).await?;
    /// let one = licences.acquire().await?;
    /// assert!(one.fence() > three.fence());
    /// assert!(licences.try_acquire().await?.is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub fn semaphore(&self, name: impl Into<Arc<str>>, permits: u32) -> Semaphore {
        Semaphore::new(self.clone(), name.into(), permits)
    }

    /// An event of this name: a flag that one sets and others wait for.
    ///
    /// ```
    /// # use brisk_client::Client;
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let ready = client.event("ready");
    /// ready.set().await?;
    /// ready.wait().await?;
    /// assert!(ready.is_set().await?);
    /// # ready.clear().await?;
    /// # assert!(!ready.is_set().await?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn event(&self, name: impl Into<Arc<str>>) -> Event {
        Event::new(self.clone(), name.into())
    }

    /// A variable of this name, which holds a future or a small value that others wait for.
    ///
    /// ```
    /// # use brisk_client::{Client, TaskFuture, task};
    /// # #[task] fn inc(x: i64) -> i64 { x + 1 }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let best = client.variable::<f64>("best score");
    /// best.set(0.5).await?;
    /// assert_eq!(best.get().await?, 0.5);
    ///
    /// let model = client.variable::<TaskFuture<i64>>("model");
    /// model.set(client.submit(inc(1))).await?;
    /// assert_eq!(model.get().await?.await?, 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn variable<T: Shareable>(&self, name: impl Into<Arc<str>>) -> Variable<T> {
        Variable::new(self.clone(), name.into())
    }

    /// A queue of this name, of futures or of small values.
    ///
    /// ```
    /// # use brisk_client::{Client, TaskFuture, task};
    /// # #[task] fn inc(x: i64) -> i64 { x + 1 }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// // Whoever puts in a hundred and first waits.
    /// let queue = client.queue::<TaskFuture<i64>>("work").limit(100);
    /// queue.put(client.submit(inc(1))).await?;
    /// // Here, or in another program:
    /// let first = queue.get().await?;
    /// assert_eq!(first.await?, 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Without async:
    ///
    /// ```
    /// # use brisk_client::blocking::{Block, Client};
    /// # #[brisk_client::main]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::from_env()?;
    /// let names = client.queue::<String>("names");
    /// names.put("one".to_owned()).block()?;
    /// assert_eq!(names.get_many(10).block()?, ["one"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn queue<T: Shareable>(&self, name: impl Into<Arc<str>>) -> Queue<T> {
        Queue::new(self.clone(), name.into())
    }

    async fn coordinate(&self, operation: Operation) -> Result<Answer, TaskError> {
        let Some(session) = self.session() else { return Err(not_asked("share things")) };
        Ok(session.coordinate(operation).await?.1)
    }

    /// Takes what a queue or variable holds, and says that it is here.
    async fn receive<T: Shareable>(&self, name: &Arc<str>, operation: Operation) -> Result<Vec<T>, TaskError> {
        let Some(session) = self.session() else { return Err(not_asked("share things")) };
        let (request, answer) = session.coordinate(operation).await?;
        // No wait from here on: who stops to wait has either all of it, or nothing.
        let shared = match answer {
            Answer::Shared(shared) => shared,
            other => return Err(unexpected("take what is shared", &other)),
        };
        if shared.is_empty() {
            return Ok(Vec::new());
        }
        let keys = shared.iter().filter_map(|shared| match shared {
            Shared::Key(key) => Some(TaskName::of_call(name.clone(), *key)),
            _ => None,
        });
        let mut handles = session.adopt(keys.collect()).into_iter();
        let mut adopt = |_| handles.next().expect("there is a handle for each key");
        let items: Result<Vec<T>, _> = shared.into_iter().map(|shared| T::of_shared(shared, &mut adopt)).collect();
        session.confirm(request);
        items.map_err(|error| TaskError::new(ErrorKind::Decode, format!("what `{name}` held can't be used: {error}")))
    }
}

/// What is to be shared, as it travels.
fn travelling<T: Shareable>(value: &T) -> Result<Shared, TaskError> {
    value.to_shared().map_err(|error| Failure::from(error).into())
}
