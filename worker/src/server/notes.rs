//! What runs say of themselves: gathered here, and sent to the scheduler a few times a second.
//!
//! A run's notes lie in its [context](super::TaskContext), so that whoever says nothing pays nothing, and a task that reports
//! its progress in a tight loop only replaces what it said before. The worker knows which contexts have something to say. What
//! a run says last goes before the report of its end, and so before whoever awaits it goes on.
//!
//! The calls of an actor are no runs, and there may be many of them: all share one set of notes, which is the actor's, for as
//! long as it lives here. What they say goes out a few times a second like everything else, and not with each answer.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use brisk_core::{
    error::{ErrorKind, TaskError},
    key::Key,
    message::{Extent, LogLine, RunNotes, TaskProgress, WorkerToScheduler},
};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::Notify;

use super::{
    context::TaskContext,
    driver::{News, Shared},
};

/// How often notes are sent.
const INTERVAL: Duration = Duration::from_millis(250);

/// Bytes of log lines that may wait to be sent, of all runs. More are left out, and counted.
const MAX_WAITING_BYTES: usize = 4 << 20;

/// Bytes after which a message of notes is closed. One run's notes stay below what a frame may hold, whatever they are.
const MESSAGE_BYTES: usize = 256 << 10;

/// Which of a worker's runs have something to say.
#[derive(Default)]
pub(super) struct Notebook {
    talkers: Mutex<Talkers>,
    /// Held from taking notes until they are in the queue: what is taken must not be overtaken by the run's end.
    taking: Mutex<()>,
    waiting_bytes: AtomicUsize,
    due: Notify,
    /// What the actors that were called here have to say.
    actors: Mutex<FxHashMap<Key, Arc<Mutex<Notes>>>>,
    /// Whether there ever was one.
    has_actors: AtomicBool,
}

#[derive(Default)]
struct Talkers {
    contexts: Vec<TaskContext>,
    /// The session is over: nobody will be listened to any more.
    over: bool,
}

/// What one run has to say.
#[derive(Default)]
pub(super) struct Notes {
    /// Whether it stands among the talkers.
    listed: bool,
    /// Whether it has ever said something.
    talks: bool,
    progress: Option<(Extent, Arc<str>, Instant)>,
    log: Vec<(Instant, Arc<str>)>,
    left_out: u64,
    /// All facts, and whether they were sent.
    metadata: BTreeMap<Arc<str>, (Arc<str>, bool)>,
}

impl TaskContext {
    /// Says how far the task is: `context.progress(0.5, "")`, or `context.progress((3, 10), "reading")` for three of ten. The
    /// last word counts. It is seen a quarter of a second later at most, in `Client::processing()`.
    ///
    /// It costs next to nothing, and may be said as often as one likes. A message longer than 200 bytes is cut.
    ///
    /// ```no_run
    /// # use brisk_worker::server::TaskContext;
    /// # fn read(file: &str) {}
    /// fn read_all(files: &[String]) {
    ///     let context = TaskContext::current();
    ///     for (number, file) in files.iter().enumerate() {
    ///         if let Some(context) = &context {
    ///             context.progress((number as u64, files.len() as u64), file.as_str());
    ///         }
    ///         read(file);
    ///     }
    /// }
    /// ```
    pub fn progress(&self, how_far: impl Into<Extent>, message: impl AsRef<str>) {
        let message = RunNotes::cut(message.as_ref(), RunNotes::MAX_MESSAGE_BYTES);
        let said = (how_far.into(), message, Instant::now());
        self.note(|notes, _| notes.progress = Some(said));
    }

    /// Says a line for the task's log, which is part of its story: `Client::story(&future)`. The worker's own log has it too,
    /// under the target `brisk::task`.
    ///
    /// A line longer than 1,000 bytes is cut. More than 100 lines in a quarter of a second are left out, and their number is
    /// told; of a task's log the scheduler keeps the newest 100 lines.
    pub fn log(&self, line: impl AsRef<str>) {
        let line = line.as_ref();
        tracing::info!(target: "brisk::task", task = %self.name(), attempt = self.attempt(), "{line}");
        let text = if self.run() == RunNotes::CALL {
            // All calls of the actor have one log.
            RunNotes::cut(&format!("{}: {line}", self.name().name), RunNotes::MAX_LINE_BYTES)
        } else {
            RunNotes::cut(line, RunNotes::MAX_LINE_BYTES)
        };
        let now = Instant::now();
        self.note(|notes, book| notes.add_line(book, now, text));
    }

    /// Notes a fact of this run under a name, in place of what it noted under it before. Whoever has a future of the task can
    /// read it, while the task runs and afterwards, for as long as the task is known: `Client::metadata(&future)`. Another
    /// attempt begins without any.
    ///
    /// # Errors
    /// If it is too long to be kept, or one too many: a name may have 100 bytes, a fact 1,000, and a run 32 facts. Larger
    /// ones are results.
    pub fn metadata(&self, name: impl AsRef<str>, fact: impl ToString) -> Result<(), TaskError> {
        let (name, fact) = (name.as_ref(), fact.to_string());
        let too_much = |what: String| Err(TaskError::new(ErrorKind::TooLarge, what));
        if name.len() > RunNotes::MAX_FACT_NAME_BYTES || fact.len() > RunNotes::MAX_FACT_BYTES {
            let (most, longest) = (RunNotes::MAX_FACT_NAME_BYTES, RunNotes::MAX_FACT_BYTES);
            return too_much(format!(
                "a fact of a run may have {longest} bytes and its name {most}, and these have {} and {}: return what is \
                 longer as the task's result, or cut it",
                fact.len(),
                name.len()
            ));
        }
        let mut kept = true;
        self.note(|notes, _| {
            kept = notes.metadata.contains_key(name) || notes.metadata.len() < RunNotes::MAX_FACTS;
            if kept {
                notes.metadata.insert(name.into(), (fact.into(), false));
            }
        });
        if kept {
            return Ok(());
        }
        too_much(format!("a run may note {} facts, and has: {name:?} is one too many", RunNotes::MAX_FACTS))
    }

    fn note(&self, change: impl FnOnce(&mut Notes, &Notebook)) {
        let book = &self.site().notebook;
        let first = {
            let mut notes = self.notes().lock();
            change(&mut notes, book);
            notes.talks = true;
            !std::mem::replace(&mut notes.listed, true)
        };
        if first && book.add(self) {
            book.due.notify_one();
        }
    }

    /// What is new of it, if anything is.
    fn take_notes(&self) -> Option<RunNotes> {
        let taken = self.notes().lock().take()?;
        let now = Instant::now();
        let mut notes = RunNotes::new(self.key(), self.run());
        notes.thread = self.thread();
        notes.progress = taken.progress.map(|(extent, message, at)| TaskProgress { extent, message, ago: now - at });
        notes.log = taken.log.into_iter().map(|(at, text)| LogLine { ago: now - at, text }).collect();
        notes.left_out = taken.left_out;
        notes.metadata = taken.facts;
        let freed = notes.log.iter().map(|line| line.text.len()).sum();
        self.site().notebook.waiting_bytes.fetch_sub(freed, Ordering::Relaxed);
        Some(notes)
    }
}

impl Notebook {
    /// Whether the run will be listened to.
    fn add(&self, talker: &TaskContext) -> bool {
        let mut talkers = self.talkers.lock();
        if !talkers.over {
            talkers.contexts.push(talker.clone());
        }
        !talkers.over
    }

    /// The notes of an actor whose call is about to be made, and whether they are new.
    pub(super) fn of_actor(&self, actor: Key) -> (Arc<Mutex<Notes>>, bool) {
        self.has_actors.store(true, Ordering::Release);
        let mut actors = self.actors.lock();
        let new = !actors.contains_key(&actor);
        (actors.entry(actor).or_default().clone(), new)
    }

    /// A value is let go. If it was an actor, nothing more is to be said of it.
    pub(super) fn forget(&self, key: Key) {
        if self.has_actors.load(Ordering::Acquire) {
            let notes = self.actors.lock().remove(&key);
            drop(notes);
        }
    }

    /// Nobody is listened to any more. Contexts point here, so none may stay.
    pub(super) fn close(&self) {
        let contexts = {
            let mut talkers = self.talkers.lock();
            talkers.over = true;
            std::mem::take(&mut talkers.contexts)
        };
        drop(contexts);
    }
}

/// What was taken of a run's notes.
struct Taken {
    progress: Option<(Extent, Arc<str>, Instant)>,
    log: Vec<(Instant, Arc<str>)>,
    left_out: u64,
    facts: Vec<(Arc<str>, Arc<str>)>,
}

impl Notes {
    fn add_line(&mut self, book: &Notebook, at: Instant, text: Arc<str>) {
        if self.log.len() >= RunNotes::MAX_LINES || book.waiting_bytes.load(Ordering::Relaxed) > MAX_WAITING_BYTES {
            // The last lines are those that matter: they say what came in the end.
            let oldest = (!self.log.is_empty()).then(|| self.log.remove(0));
            self.left_out += 1;
            let Some((_, oldest)) = oldest else { return };
            book.waiting_bytes.fetch_sub(oldest.len(), Ordering::Relaxed);
        }
        book.waiting_bytes.fetch_add(text.len(), Ordering::Relaxed);
        self.log.push((at, text));
    }

    fn take(&mut self) -> Option<Taken> {
        self.listed = false;
        let new = self.metadata.iter_mut().filter(|(_, (_, sent))| !sent);
        let facts: Vec<_> = new
            .map(|(name, (fact, sent))| {
                *sent = true;
                (name.clone(), fact.clone())
            })
            .collect();
        if self.progress.is_none() && self.log.is_empty() && facts.is_empty() {
            return None;
        }
        let (log, left_out) = (std::mem::take(&mut self.log), std::mem::take(&mut self.left_out));
        Some(Taken { progress: self.progress.take(), log, left_out, facts })
    }
}

impl Shared {
    /// Waits until there are notes, and until they may be sent.
    pub(super) async fn notes_are_due(&self) {
        self.site.notebook.due.notified().await;
        tokio::time::sleep(INTERVAL).await;
    }

    /// Sends what runs have to say.
    pub(super) fn send_notes(self: &Arc<Self>) {
        let talkers = std::mem::take(&mut self.site.notebook.talkers.lock().contexts);
        self.say(talkers.iter().filter_map(TaskContext::take_notes));
    }

    /// Sends what a run has said last. To be called before its end is told.
    pub(super) fn send_last_notes(self: &Arc<Self>, of: &TaskContext) {
        if of.notes().lock().talks {
            self.say(std::iter::once_with(|| of.take_notes()).flatten());
        }
    }

    /// Says which threads are at runs that go on for long.
    pub(super) fn tell_of_threads(self: &Arc<Self>) {
        self.say(self.executor.long_runs());
    }

    fn say(self: &Arc<Self>, all: impl IntoIterator<Item = RunNotes>) {
        if self.queue_notes(all) {
            self.drive();
        }
    }

    /// Whether there are any.
    fn queue_notes(&self, all: impl IntoIterator<Item = RunNotes>) -> bool {
        let _taking = self.site.notebook.taking.lock();
        let (mut message, mut bytes, mut any) = (Vec::new(), 0, false);
        for notes in all {
            bytes += notes.nbytes();
            message.push(notes);
            any = true;
            if bytes >= MESSAGE_BYTES {
                self.queue(News::Say(WorkerToScheduler::Notes(std::mem::take(&mut message))));
                bytes = 0;
            }
        }
        if !message.is_empty() {
            self.queue(News::Say(WorkerToScheduler::Notes(message)));
        }
        any
    }
}
