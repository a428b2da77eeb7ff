//! Everything that the scheduler and the workers know, in a file.

use std::{io::Write, path::Path};

use brisk_core::message::{Query, Told};
use brisk_worker::dump;

use super::{Backend, Client, inspection::strange};
use crate::{error::ClientError, whole_file::WholeFile};

/// Workers that are asked at once.
const AT_ONCE: usize = 8;

impl Client {
    /// Writes everything that the cluster knows into a file: of the scheduler tasks with their states, calls, holders and whoever
    /// wants them, workers, clients, retries, queues and locks, and what happened lately; of each worker its runs, values, what
    /// it fetches from whom, and its deadlines. Returns the file's length in bytes.
    ///
    /// The file is text, with an object of JSON on each line, and `brisk inspect FILE` tells what is in it: an overview, lists of
    /// tasks, or everything about one. `brisk_scheduler::dump::Dump` makes a scheduler's machine of it, and
    /// `brisk_worker::dump::Dumps` one of each worker; they can be looked at, and checked. Arguments and results are not in it, only
    /// their lengths; names, addresses, paths and the texts of errors are.
    ///
    /// Workers are those of this program's own build. Each part is of one moment, the workers' a little later than the scheduler's.
    /// A worker that is lost meanwhile, or knows so much that it would be 128 MiB of text, is in it with the reason why there is
    /// no more of it. Taking a dump holds the scheduler up, for about a second for each million tasks. Of the file no more than
    /// the parts of eight workers are in memory.
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
        let unwritten = ClientError::file("the dump can't be written", path.as_ref());
        let mut file = WholeFile::create(path.as_ref()).map_err(&unwritten)?;
        let (mut place, mut length) = (None, 0);
        loop {
            let page = match self.ask(Query::Dump(place)).await? {
                Told::Dump(page) => page,
                other => return Err(strange(other).into()),
            };
            let bytes = page.bytes.encode().map_err(|error| unwritten(std::io::Error::other(error)))?;
            file.write_all(&bytes).map_err(&unwritten)?;
            length += bytes.len() as u64;
            match page.next {
                Some(next) => place = Some(next),
                None => break,
            }
        }
        length += self.dump_workers(&mut file, &unwritten).await?;
        file.finish().map_err(&unwritten)?;
        Ok(length)
    }

    /// Adds what each worker knows. Returns how many bytes that took.
    async fn dump_workers(
        &self,
        file: &mut WholeFile,
        unwritten: &(impl Fn(std::io::Error) -> ClientError + Sync),
    ) -> Result<u64, ClientError> {
        // Without a cluster it does not come this far.
        let Backend::Session(session) = self.backend() else { return Ok(0) };
        let mut file = Counted { to: file, length: 0 };
        let workers = session.find_workers(Vec::new()).await?;
        dump::write_names(workers.iter().map(|(_, name)| name), &mut file).map_err(unwritten)?;
        for some in workers.chunks(AT_ONCE) {
            for (name, tables) in session.tables_of(some).await {
                let written = match tables {
                    Ok(text) => file.write_all(&text),
                    Err(error) => dump::write_absent(&name, &error.to_string(), &mut file),
                };
                written.map_err(unwritten)?;
            }
        }
        Ok(file.length)
    }
}

/// How much was written.
struct Counted<W> {
    to: W,
    length: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.to.write(bytes)?;
        self.length += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}
