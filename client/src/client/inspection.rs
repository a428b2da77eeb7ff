//! What the scheduler knows: workers, tasks, who holds what, and what happened.

use std::{
    collections::BTreeMap,
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
};

use brisk_core::{
    error::TaskError,
    future::TaskFuture,
    key::Key,
    message::{Answer, ClientToScheduler, Query, SchedulerInfo, StoryLine, TaskFilter, TaskList, Told},
    state::TaskState,
    value::Value,
};

use super::{Client, not_asked, unexpected};
use crate::actor::ActorHandle;

/// How many tasks are told of, unless it is set.
const LIMIT: u32 = 100;

impl Client {
    /// The cluster as the scheduler sees it now: its workers, with their threads and memory, and how many tasks there are, by
    /// state and by function, of all clients.
    ///
    /// ```
    /// # use brisk_client::{Client, TaskState, task};
    /// # #[task] fn inc(x: i64) -> i64 { x + 1 }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::local().workers(2).await?;
    /// let x = client.submit(inc(1));
    /// x.wait().await?;
    /// let info = client.scheduler_info().await?;
    /// assert_eq!((info.workers.len(), info.count(TaskState::Memory)), (2, 1));
    /// assert_eq!(&*info.functions[0].name, "inc");
    /// println!("{info}"); // workers: 2; tasks: 1, of them Memory 1; values: 8 bytes …
    /// # assert!(info.to_string().starts_with("workers: 2; tasks: 1, of them Memory 1; values: 8 bytes\nworker-0 at "));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the connection ends first, or the client has no cluster.
    pub async fn scheduler_info(&self) -> Result<SchedulerInfo, TaskError> {
        match self.ask(Query::Info).await? {
            Told::Info(info) => Ok(info),
            other => Err(strange(other)),
        }
    }

    /// The tasks that the scheduler knows, of all clients. To be narrowed down, and awaited: the scheduler chooses, and no more
    /// is sent than was asked for.
    ///
    /// ```
    /// # use brisk_client::{Client, TaskState, task};
    /// # #[task] fn half(x: i64) -> Result<i64, String> { if x % 2 == 0 { Ok(x / 2) } else { Err(format!("{x} is odd")) } }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let halves = client.map(0..100, half);
    /// brisk_client::wait(&halves).await;
    /// let odd = client.tasks().state(TaskState::Erred).function("half").limit(10).await?;
    /// assert_eq!((odd.tasks.len(), odd.more), (10, 40));
    /// println!("{odd}"); // half-5f3a91c2: erred: 1 is odd …
    /// # assert!(odd.to_string().ends_with("and 40 more"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn tasks(&self) -> Tasks {
        Tasks { client: self.clone(), filter: TaskFilter { limit: LIMIT, ..TaskFilter::default() } }
    }

    /// What workers hold at this worker: its name, address or host. To be awaited.
    pub fn has_what(&self, worker: impl Into<Arc<str>>) -> Tasks {
        self.tasks().state(TaskState::Memory).worker(worker)
    }

    /// What was assigned to workers and has not ended, and for how long; in which thread, if it goes on for some seconds; and
    /// how far it is, if it [says so](crate::TaskContext::progress). To be awaited.
    ///
    /// ```
    /// # use brisk_client::{Client, TaskContext, task};
    /// #[task]
    /// async fn steps(count: u64) {
    ///     let context = TaskContext::current().expect("this is a task");
    ///     for step in 0..count {
    ///         context.progress((step, count), "stepping");
    ///         // One step of the work.
    /// #       tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    ///     }
    /// }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let future = client.submit(steps(1_000));
    /// # while client.processing().await?.tasks.iter().all(|status| status.progress.is_none()) {
    /// #     tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    /// # }
    /// println!("{}", client.processing().await?); // steps-5f3a91c2: processing on worker-0, …: 70 of 1000, stepping (0.2s ago)
    /// # assert!(client.processing().await?.to_string().contains(" of 1000, stepping ("));
    /// # Ok(())
    /// # }
    /// ```
    pub fn processing(&self) -> Tasks {
        self.tasks().state(TaskState::Processing)
    }

    /// The names of the workers that hold each of these values, of many a few; none of one that is not there.
    ///
    /// ```
    /// # use brisk_client::{Client, task};
    /// # #[task] fn inc(x: i64) -> i64 { x + 1 }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let x = client.submit(inc(1));
    /// x.wait().await?;
    /// let holders = client.who_has([&x]).await?;
    /// assert_eq!(*holders[0][0], *"worker-0");
    /// assert_eq!(client.has_what("worker-0").await?.tasks[0].task.key, x.key());
    /// assert_eq!(client.nbytes().await?, 8);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`scheduler_info`](Client::scheduler_info).
    pub async fn who_has<'a, T: Value>(
        &self,
        futures: impl IntoIterator<Item = &'a TaskFuture<T>>,
    ) -> Result<Vec<Vec<Arc<str>>>, TaskError> {
        let keys: Vec<Key> = futures.into_iter().map(TaskFuture::key).collect();
        let mut holders = Vec::with_capacity(keys.len());
        for some in keys.chunks(TaskFilter::MAX_KEYS) {
            let list = self.list(some.to_vec()).await?;
            holders.extend(some.iter().map(|key| {
                let found = list.tasks.iter().find(|status| status.task.key == *key);
                let found = found.filter(|status| status.state == TaskState::Memory);
                found.map(|status| status.workers.clone()).unwrap_or_default()
            }));
        }
        Ok(holders)
    }

    /// The length of all values on the cluster, each counted once, in bytes. By function in
    /// [`scheduler_info`](Client::scheduler_info).
    ///
    /// # Errors
    /// As there.
    pub async fn nbytes(&self) -> Result<u64, TaskError> {
        Ok(self.scheduler_info().await?.nbytes)
    }

    /// The facts that the last run of a task has [noted](crate::TaskContext::metadata), by name: while it runs, a quarter of a
    /// second late at most, and afterwards, for as long as the task is known. (Beyond 32 MB of what all tasks have said, the
    /// scheduler forgets those that have been silent for longest.) Of an actor, those of its constructor and of its calls. The
    /// task is given by its future, its [`Key`], or the handle of the actor that it has made; of one that is not known there is
    /// nothing.
    ///
    /// ```
    /// # use brisk_client::{Client, TaskContext, TaskError, task};
    /// #[task]
    /// fn read(path: String) -> Result<u64, TaskError> {
    ///     let rows = 7; // Many more, from a file.
    ///     TaskContext::current().expect("this is a task").metadata("rows", rows)?;
    ///     Ok(rows)
    /// }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let future = client.submit(read("accounts.json".to_owned()));
    /// future.wait().await?;
    /// assert_eq!(&*client.metadata(&future).await?["rows"], "7");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`scheduler_info`](Client::scheduler_info).
    pub async fn metadata(&self, of: &impl Keyed) -> Result<BTreeMap<Arc<str>, Arc<str>>, TaskError> {
        match self.ask(Query::Metadata(of.key())).await? {
            Told::Metadata(facts) => Ok(facts.into_iter().collect()),
            other => Err(strange(other)),
        }
    }

    /// What happened to a task, the oldest first: how it went from state to state, who ran and held it, who died, and what it has
    /// [said](crate::TaskContext::log); of an actor also what its calls have. The scheduler keeps the last events of all tasks,
    /// 65,536 unless it is configured otherwise, so the beginning of a story may be missing. The task is given by its future, its
    /// [`Key`] (as [`tasks`](Client::tasks) tells it), or the handle of the actor that it has made; of one that never was there
    /// is no story.
    ///
    /// ```
    /// # use brisk_client::{Client, task};
    /// # #[task] fn inc(x: i64) -> i64 { x + 1 }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// let future = client.submit(inc(1));
    /// future.wait().await?;
    /// for line in client.story(&future).await? {
    ///     println!("{line}"); // 1.204ms ago: …
    /// }
    /// # assert!(!client.story(&future.key()).await?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`scheduler_info`](Client::scheduler_info).
    pub async fn story(&self, of: &impl Keyed) -> Result<Vec<StoryLine>, TaskError> {
        match self.ask(Query::Story(of.key())).await? {
            Told::Story(lines) => Ok(lines),
            other => Err(strange(other)),
        }
    }

    pub(super) async fn ask(&self, query: Query) -> Result<Told, TaskError> {
        let Some(session) = self.session() else { return Err(not_asked("look")) };
        match session.request(|request| ClientToScheduler::Ask { request, query }).await? {
            Answer::Told(told) => Ok(*told),
            other => Err(unexpected("say what it knows", &other)),
        }
    }

    async fn list(&self, keys: Vec<Key>) -> Result<TaskList, TaskError> {
        let limit = TaskFilter::MAX_TOLD as u32;
        listed(self.ask(Query::Tasks(TaskFilter { keys, limit, ..TaskFilter::default() })).await?)
    }
}

/// What the scheduler knows by a key: a task, given by its future, by the key itself, or by the handle of the actor that it has
/// made. See [`Client::story`].
pub trait Keyed {
    /// The key.
    fn key(&self) -> Key;
}

impl Keyed for Key {
    fn key(&self) -> Key {
        *self
    }
}

impl<T: Value> Keyed for TaskFuture<T> {
    fn key(&self) -> Key {
        TaskFuture::key(self)
    }
}

impl<A: ActorHandle> Keyed for A {
    fn key(&self) -> Key {
        self.raw().key()
    }
}

/// Which tasks are asked for; see [`Client::tasks`].
#[derive(Clone, Debug)]
#[must_use = "nothing is asked before this is awaited"]
pub struct Tasks {
    client: Client,
    filter: TaskFilter,
}

impl Tasks {
    /// Only tasks in this state.
    pub fn state(mut self, state: TaskState) -> Self {
        self.filter.state = Some(state);
        self
    }

    /// Only calls of the function of this name.
    pub fn function(mut self, name: impl Into<Arc<str>>) -> Self {
        self.filter.function = Some(name.into());
        self
    }

    /// Only what is assigned to this worker, or held by it: its name, address or host.
    pub fn worker(mut self, worker: impl Into<Arc<str>>) -> Self {
        self.filter.worker = Some(worker.into());
        self
    }

    /// How many are told of; 100 unless set, and never more than 1,000. How many more there are is told too.
    pub fn limit(mut self, count: u32) -> Self {
        self.filter.limit = count;
        self
    }
}

impl IntoFuture for Tasks {
    type Output = Result<TaskList, TaskError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { listed(self.client.ask(Query::Tasks(self.filter)).await?) })
    }
}

fn listed(told: Told) -> Result<TaskList, TaskError> {
    match told {
        Told::Tasks(list) => Ok(list),
        other => Err(strange(other)),
    }
}

pub(super) fn strange(told: Told) -> TaskError {
    unexpected("say what it knows", &Answer::Told(Box::new(told)))
}
