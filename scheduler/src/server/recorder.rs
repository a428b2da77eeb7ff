//! Writing the recording: encoded by whoever drives the machine, written by a thread of its own.
//!
//! The disk never holds up the scheduler. What is not yet written is bounded: if the disk is too slow for that, or full, the
//! recording ends, with a word in the log, and the scheduler goes on.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
};

use brisk_core::{id::Epoch, time::Moment};
use parking_lot::{Condvar, Mutex};

use crate::{
    machine::{self, Action, Event},
    recording::{Header, Writer},
};

/// Bytes that may wait for the disk.
const MAX_WAITING: usize = 256 << 20;

/// A file that a scheduler's events are to be recorded in.
#[derive(Debug)]
pub struct RecordingFile {
    path: PathBuf,
    file: File,
}

impl RecordingFile {
    /// Makes a new file, which only its owner may read: a recording tells names, addresses and the texts of errors.
    ///
    /// # Errors
    /// If there is such a file already, or it can't be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        Ok(RecordingFile { path: path.to_owned(), file })
    }
}

/// What the one who drives has of a recording. Its drop waits until everything is written.
pub(super) struct Recorder {
    writer: Writer,
    /// Frames of this round.
    round: Vec<u8>,
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

/// What waits for the disk.
#[derive(Default)]
struct Queue {
    state: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// Nothing more will come.
    ended: bool,
    /// Nothing more is taken: the file can't be written.
    failed: bool,
}

impl Recorder {
    /// Begins a recording.
    pub(super) fn start(into: RecordingFile, name: &str, epoch: Epoch, config: &machine::Config) -> io::Result<Self> {
        let (writer, begin) = Writer::new(&Header::new(name, epoch, config.clone()))?;
        let queue = Arc::new(Queue::default());
        queue.state.lock().bytes = begin;
        let (mut file, path, theirs) = (into.file, into.path, queue.clone());
        let write = move || {
            if let Err(error) = theirs.write_all(&mut file) {
                tracing::error!(path = %path.display(), %error, "the recording has ended: its file can't be written");
            }
        };
        #[expect(clippy::disallowed_methods, reason = "the machine has no threads: this one writes what it did")]
        let thread = std::thread::Builder::new().name("brisk-recording".to_owned()).spawn(write)?;
        Ok(Recorder { writer, round: Vec::new(), queue, thread: Some(thread) })
    }

    /// An event is about to be handled. Whether the recording goes on.
    pub(super) fn event(&mut self, now: Moment, event: &Event) -> bool {
        match self.writer.event(&mut self.round, now, event) {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, "the recording has ended: an event can't be recorded");
                false
            }
        }
    }

    /// An action came of the latest event.
    pub(super) fn action(&mut self, action: &Action) {
        self.writer.action(action);
    }

    /// Hands what this round has recorded to the thread that writes. Whether the recording goes on.
    pub(super) fn flush(&mut self) -> bool {
        let mut waiting = self.queue.state.lock();
        if waiting.failed {
            return false;
        }
        if waiting.bytes.len() + self.round.len() > MAX_WAITING {
            tracing::error!("the recording has ended: its file is written too slowly");
            // Not waited for: it is the slow one.
            self.thread = None;
            return false;
        }
        waiting.bytes.append(&mut self.round);
        drop(waiting);
        self.queue.changed.notify_one();
        true
    }

    /// The scheduler was shut down in order, or failed: the event that made it fail is the last of the recording.
    pub(super) fn end(&mut self, in_order: bool) {
        if in_order && let Err(error) = self.writer.end(&mut self.round) {
            tracing::error!(%error, "the recording's end can't be recorded");
        }
        self.flush();
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.queue.state.lock().ended = true;
        self.queue.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of that thread has been printed.
            let _ = thread.join();
        }
    }
}

impl Queue {
    /// Writes what comes, until nothing more will.
    fn write_all(&self, file: &mut File) -> io::Result<()> {
        let mut bytes = Vec::new();
        loop {
            let mut waiting = self.state.lock();
            while waiting.bytes.is_empty() && !waiting.ended {
                self.changed.wait(&mut waiting);
            }
            if waiting.bytes.is_empty() {
                return Ok(());
            }
            std::mem::swap(&mut bytes, &mut waiting.bytes);
            drop(waiting);
            if let Err(error) = file.write_all(&bytes) {
                let mut waiting = self.state.lock();
                waiting.failed = true;
                waiting.bytes = Vec::new();
                return Err(error);
            }
            bytes.clear();
        }
    }
}
