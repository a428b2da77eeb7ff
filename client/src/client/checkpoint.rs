//! Values that cut their lineage: kept in several places, or in a file for another run.

use std::{
    future::{Future, IntoFuture},
    io::Write,
    path::{Path, PathBuf},
    pin::Pin,
};

use brisk_core::{
    error::{Failure, TaskError},
    future::{Handle, TaskFuture},
    message::ClientToScheduler,
    value::Value,
};

use super::{Backend, Client, copies::done};
use crate::{error::ClientError, whole_file::WholeFile};

mod file;

/// In how many places values are kept that are in no file.
const COPIES: u32 = 2;

impl Client {
    /// Keeps these values and forgets what they were computed from, once they exist: for a loop whose every step depends on the
    /// one before, and for what took long. They are kept on two workers, or on as many as
    /// [`copies`](Checkpoint::copies) says, while they are wanted or something depends on them; if there are fewer workers, on
    /// those. With [`to_file`](Checkpoint::to_file) they are in a file too, from which any run of the program can
    /// [`restore`](Client::restore) them. To be awaited; when it is done the values are safe.
    ///
    /// Without it the scheduler does the same by itself to what lies a thousand tasks deep.
    ///
    /// ```
    /// # use brisk_client::{Client, TaskFuture, task};
    /// # #[task] fn step(x: f64) -> f64 { x * 0.5 }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let path = std::env::temp_dir().join(format!("brisk-checkpoint-doc-{}", std::process::id()));
    /// let client = Client::local().workers(2).await?;
    /// let mut x = client.submit(step(1_024.0));
    /// for n in 1..10 {
    ///     x = client.submit(step(&x));
    ///     if n % 5 == 0 {
    ///         client.checkpoint([&x]).to_file(&path).await?;
    ///     }
    /// }
    /// assert_eq!(x.await?, 1.0);
    /// // Another day:
    /// let x: Vec<TaskFuture<f64>> = client.restore(&path).await?;
    /// assert_eq!(client.submit(step(&x[0])).await?, 8.0);
    /// # std::fs::remove_file(path)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The error of a value that fails, or is wanted no more; nothing is forgotten behind that one. If the file can't be
    /// written: then nothing is forgotten, and what was at its path stays. A value of which all copies are lost after all fails with
    /// [`ErrorKind::LineageCut`](crate::ErrorKind::LineageCut).
    pub fn checkpoint<'a, T: Value>(&self, futures: impl IntoIterator<Item = &'a TaskFuture<T>>) -> Checkpoint {
        let handles = futures.into_iter().map(|future| future.handle().clone()).collect();
        Checkpoint { client: self.clone(), handles, type_name: std::any::type_name::<T>(), copies: None, path: None }
    }

    /// Puts the values of a checkpoint's file on workers, in the order in which they were given to
    /// [`checkpoint`](Client::checkpoint). As what is [scattered](Client::scatter), they can't be computed again: the file is
    /// where they can be had from.
    ///
    /// # Errors
    /// If the file can't be read, is none, is damaged, or is of values of another type; or as [`scatter`](Client::scatter).
    pub async fn restore<T: Value>(&self, path: impl AsRef<Path>) -> Result<Vec<TaskFuture<T>>, ClientError> {
        let mut file = file::Reader::open::<T>(path.as_ref())?;
        let mut futures = Vec::new();
        while let Some(value) = file.next::<T>()? {
            futures.push(self.scatter_shared(value).await?);
        }
        Ok(futures)
    }
}

/// Values that are about to be kept; see [`Client::checkpoint`].
#[derive(Debug)]
#[must_use = "nothing is kept before this is awaited"]
pub struct Checkpoint {
    client: Client,
    handles: Vec<Handle>,
    type_name: &'static str,
    copies: Option<u32>,
    path: Option<PathBuf>,
}

impl Checkpoint {
    /// On how many workers they are kept. At least one is; two unless set, or one if they are in a file.
    pub fn copies(mut self, count: u32) -> Self {
        self.copies = Some(count.max(1));
        self
    }

    /// Writes them into a file first, all of them or none: it takes the place of what was at this path when it is whole and on
    /// the disk. They come here for that, one after the other, and are written in the caller's thread.
    pub fn to_file(mut self, path: impl AsRef<Path>) -> Self {
        self.path = Some(path.as_ref().to_owned());
        self
    }

    async fn run(self) -> Result<(), ClientError> {
        if let Some(path) = &self.path {
            self.write(path).await?;
        }
        let Backend::Session(session) = &self.client.0 else {
            // Here nothing is ever lost. But they were asked for, so they have to be there.
            for handle in &self.handles {
                handle.bring().await?;
            }
            return Ok(());
        };
        let keys = self.handles.iter().map(|handle| (handle.key(), handle.want())).collect();
        let count = self.copies.unwrap_or(if self.path.is_some() { 1 } else { COPIES });
        let answer = session.request(|request| ClientToScheduler::Checkpoint { request, keys, count }).await?;
        Ok(done("keep a checkpoint", &answer)?)
    }

    async fn write(&self, path: &Path) -> Result<(), ClientError> {
        let failed = ClientError::file("the checkpoint can't be written", path);
        let mut file = WholeFile::create(path).map_err(&failed)?;
        file.write_all(&file::beginning(self.type_name, self.handles.len())).map_err(&failed)?;
        for handle in &self.handles {
            let value = handle.bring().await?;
            let bytes = value.encode().map_err(|error| TaskError::from(Failure::from(error)))?;
            file::write_value(&mut file, handle.key(), &bytes).map_err(&failed)?;
        }
        file.finish().map_err(failed)
    }
}

impl IntoFuture for Checkpoint {
    type Output = Result<(), ClientError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
