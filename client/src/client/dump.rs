//! Everything that the scheduler knows, in a file.

use std::{io::Write, path::Path};

use brisk_core::message::{Query, Told};

use super::{Client, inspection::strange};
use crate::{error::ClientError, whole_file::WholeFile};

impl Client {
    /// Writes everything that the scheduler knows at one moment into a file: tasks with their states, calls, holders and whoever
    /// wants them, workers, clients, retries, queues and locks, and what happened lately. Returns the file's length in bytes.
    ///
    /// The file is text, with an object of JSON on each line, and `brisk inspect FILE` tells what is in it: an overview, lists of
    /// tasks, or everything about one. `brisk_scheduler::dump::Dump` makes a scheduler's machine of it, which can be asked and
    /// checked. Arguments and results are not in it, only their lengths; names, addresses, paths and the texts of errors are. Taking a
    /// dump holds the scheduler up, for about a second for each million tasks. Nothing of a length that grows is kept in memory.
    ///
    /// ```
    /// # use brisk_client::{Client, task};
    /// # #[task] fn inc(x: i64) -> i64 { x + 1 }
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let path = std::env::temp_dir().join(format!("brisk-dump-doc-{}.jsonl", std::process::id()));
    /// let client = Client::local().await?;
    /// let x = client.submit(inc(1));
    /// x.wait().await?;
    /// client.dump_cluster_state(&path).await?;
    /// assert!(std::fs::read_to_string(&path)?.contains(r#""name":"inc-"#));
    /// # std::fs::remove_file(path)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the file can't be written, which leaves what was there as it was; if the client has no cluster, or the connection
    /// ends first; if the scheduler can't keep its dump in a temporary file until all of it was fetched.
    pub async fn dump_cluster_state(&self, path: impl AsRef<Path>) -> Result<u64, ClientError> {
        let unwritten = || ClientError::io("the dump can't be written");
        let mut file = WholeFile::create(path.as_ref()).map_err(unwritten())?;
        let (mut place, mut length) = (None, 0);
        loop {
            let page = match self.ask(Query::Dump(place)).await? {
                Told::Dump(page) => page,
                other => return Err(strange(other).into()),
            };
            let bytes = page.bytes.encode().map_err(|error| unwritten()(std::io::Error::other(error)))?;
            file.write_all(&bytes).map_err(unwritten())?;
            length += bytes.len() as u64;
            match page.next {
                Some(next) => place = Some(next),
                None => break,
            }
        }
        file.finish().map_err(unwritten())?;
        Ok(length)
    }
}
