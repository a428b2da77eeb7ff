//! What a program's tasks did: the task stream, and a page about it.

use std::{
    fs,
    future::{Future, IntoFuture},
    io::Write,
    path::{Path, PathBuf},
    pin::Pin,
    time::Duration,
};

use brisk_core::{
    error::TaskError,
    message::{Query, RunList, Told},
};

use super::{Client, inspection::strange};
use crate::error::ClientError;

mod page;

/// Runs that are told of, unless it is set.
const LIMIT: u32 = 1_000;

impl Client {
    /// The runs of tasks on all workers, of all clients: which there were lately, where, and how long they took. To be narrowed
    /// down, and awaited.
    ///
    /// ```
    /// # use brisk_client::{Client, task};
    /// # #[task] fn inc(x: i64) -> i64 { x + 1 }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// client.gather(&client.map(0..10, inc)).await?;
    /// let stream = client.task_stream().limit(5).await?;
    /// assert_eq!((stream.runs.len(), stream.more), (5, 5));
    /// assert_eq!(&*stream.runs[0].function, "inc");
    /// # Ok(())
    /// # }
    /// ```
    pub fn task_stream(&self) -> TaskStream {
        TaskStream { client: self.clone(), within: Duration::MAX, limit: LIMIT }
    }

    /// Does some work, and writes a page about what ran on the cluster meanwhile: one file of HTML, which stands by itself.
    /// It shows each worker's tasks over time, what each function took, and how busy the workers were.
    ///
    /// Gives what the work came to, and where the page is or why there is none: that is no reason to lose the work.
    ///
    /// ```
    /// # use brisk_client::{Client, task};
    /// # #[task] fn inc(x: i64) -> i64 { x + 1 }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = Client::local().await?;
    /// # let path = std::env::temp_dir().join(format!("brisk-report-{}.html", std::process::id()));
    /// let work = async { client.gather(&client.map(0..10, inc)).await };
    /// let (values, report) = client.performance_report(&path, work).await;
    /// assert_eq!(values?.len(), 10);
    /// println!("see {}", report?.display());
    /// # std::fs::remove_file(path)?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn performance_report<F: Future>(
        &self,
        path: impl AsRef<Path>,
        work: F,
    ) -> (F::Output, Result<PathBuf, ClientError>) {
        // Before the work: that it can't be written is better known now than in an hour.
        let begun = match fs::File::create(path.as_ref()) {
            Ok(file) => self.task_stream().limit(0).await.map(|stream| (file, stream.now)).map_err(ClientError::from),
            Err(error) => Err(unwritten(path.as_ref())(error)),
        };
        let output = work.await;
        let report = match begun {
            Ok((file, since)) => self.write_report(file, path.as_ref(), since).await,
            Err(error) => Err(error),
        };
        (output, report)
    }

    /// Of all that ran from a moment on, by the scheduler's clock.
    async fn write_report(&self, mut file: fs::File, path: &Path, since: Duration) -> Result<PathBuf, ClientError> {
        let stream = self.runs(Duration::MAX, since, RunList::MAX_TOLD).await?;
        let info = self.scheduler_info().await?;
        let took = stream.now.saturating_sub(since);
        file.write_all(page::page(&info, &stream, took).as_bytes()).map_err(unwritten(path))?;
        Ok(path.to_owned())
    }

    async fn runs(&self, within: Duration, since: Duration, limit: u32) -> Result<RunList, TaskError> {
        match self.ask(Query::Runs { within, since, limit }).await? {
            Told::Runs(list) => Ok(list),
            other => Err(strange(other)),
        }
    }
}

fn unwritten(path: &Path) -> impl Fn(std::io::Error) -> ClientError {
    ClientError::file("the report can't be written", path)
}

/// Which runs are asked for; see [`Client::task_stream`].
#[derive(Clone, Debug)]
#[must_use = "nothing is asked before this is awaited"]
pub struct TaskStream {
    client: Client,
    within: Duration,
    limit: u32,
}

impl TaskStream {
    /// Only runs that had not ended longer ago than this.
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// How many are told of, the newest; 1,000 unless set, and never more than 20,000. How many more there are is told too.
    pub fn limit(mut self, count: u32) -> Self {
        self.limit = count;
        self
    }
}

impl IntoFuture for TaskStream {
    type Output = Result<RunList, TaskError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let TaskStream { client, within, limit } = self;
            client.runs(within, Duration::ZERO, limit).await
        })
    }
}
