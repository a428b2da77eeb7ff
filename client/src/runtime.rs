//! The threads behind a client: a small runtime for connections and timers, apart from whatever the program runs itself.

use std::{io, time::Duration};

use tokio::runtime::{Builder, Handle, Runtime};

/// A runtime that may be dropped anywhere, inside another runtime too: it never blocks on its way out.
#[derive(Debug)]
pub(crate) struct Io(Option<Runtime>);

impl Io {
    /// Starts `threads` threads for connections and timers.
    pub(crate) fn start(threads: usize) -> io::Result<Self> {
        Self::named("brisk-io", threads)
    }

    /// Starts `threads` threads for asynchronous tasks, which may block them as they like.
    pub(crate) fn for_tasks(threads: u32) -> io::Result<Self> {
        Self::named("brisk-async", threads as usize)
    }

    fn named(name: &str, threads: usize) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(threads).thread_name(name).enable_all().build()?;
        Ok(Io(Some(runtime)))
    }

    /// Sleeps with this runtime's timers: the caller's executor may have none.
    pub(crate) async fn pause(&self, time: Duration) {
        let sleep = {
            let handle = self.handle();
            let _context = handle.enter();
            tokio::time::sleep(time)
        };
        sleep.await;
    }

    pub(crate) fn handle(&self) -> Handle {
        self.0.as_ref().expect("the runtime is there until it is dropped").handle().clone()
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
