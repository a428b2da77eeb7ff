//! A scheduler that is lost, and the one that takes its place.
//!
//! Nothing is kept of what was under way: this table says what the program wants, and the lineage how it is made. The next
//! scheduler is told all of it, whether it is a new life or the same one seen anew, to which the keys are known.

use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use brisk_core::{
    backoff::Backoff,
    comm::{CloseReason, Comm},
    error::{ErrorKind, TaskError},
    future::{Handle, Status},
    hello::{Hello, Welcome},
    id::{RequestId, WantId},
    key::Key,
    limits::CHUNK_TASKS,
    message::{ClientToScheduler, SubmittedTask},
};
use rustc_hash::FxHashSet;
use tokio::time::Instant;

use super::{Link, SCHEDULER, Session, Table, lineage::Broken, news::notice, request::Request};

/// How a lost scheduler is called again.
pub(crate) struct Reconnect {
    /// For so long.
    pub(crate) patience: Duration,
    /// With these words.
    pub(crate) hello: Hello,
}

/// Functions in one message, so that it stays far below what a frame may have.
const FUNCTIONS: usize = 1_024;

impl Session {
    /// The scheduler is lost. Whether it is called again; if so everything pending stays pending.
    pub(super) fn begin_to_reconnect(&self, reason: &CloseReason) -> bool {
        let Some(reconnect) = self.reconnect.as_ref().filter(|reconnect| !reconnect.patience.is_zero()) else {
            return false;
        };
        {
            let mut table = self.table.lock();
            if table.closed.is_some() {
                return false;
            }
            if table.away {
                // The connection that is just being made: who makes it will see.
                table.lost_again = true;
                return true;
            }
            table.away = true;
            table.outbox.clear();
        }
        self.fetcher.forget_all();
        let (where_to, patience) = (self.scheduler(), reconnect.patience.as_secs_f64());
        notice(&[], &format!("the scheduler at {where_to} is lost ({reason}): calling it again for {patience} s"));
        let (this, patience, reason) = (self.this.clone(), reconnect.patience, reason.clone());
        self.runtime.spawn(async move { call_again(this, patience, reason).await });
        true
    }

    /// One call. `None` once it is over, whatever the outcome; else why there is no connection.
    async fn call(this: &Weak<Session>) -> Option<String> {
        let (connector, hello, address, inbox) = {
            let session = this.upgrade()?;
            if session.table.lock().closed.is_some() {
                return None;
            }
            let hello = session.reconnect.as_ref()?.hello.clone();
            (session.fetcher.connector(), hello, session.base.get()?.address.clone(), session.inbox())
        };
        match connector.connect(&address, hello, SCHEDULER, inbox).await {
            Ok((comm, welcome)) => {
                let Some(session) = this.upgrade() else {
                    comm.close(CloseReason::Local);
                    return None;
                };
                session.reopen(comm, welcome).await
            }
            Err(error) if error.is_retryable() => Some(error.to_string()),
            Err(error) => {
                this.upgrade()?.give_up(&error.to_string());
                None
            }
        }
    }

    /// There is a scheduler again: tells it everything. `None`, or why it is lost again.
    async fn reopen(&self, comm: Arc<dyn Comm>, welcome: Welcome) -> Option<String> {
        // Whoever is sending goes on with the former link, and must not send what is meant for this one.
        while self.sending.swap(true, Ordering::Acquire) {
            tokio::task::yield_now().await;
        }
        let told = {
            let mut table = self.table.lock();
            if table.closed.is_some() {
                comm.close(CloseReason::Local);
                self.sending.store(false, Ordering::Release);
                return None;
            }
            let lost = std::mem::take(&mut table.lost_again);
            let same = self.link.read().as_ref().is_some_and(|former| former.welcome.epoch == welcome.epoch);
            if !lost {
                *self.link.write() = Some(Arc::new(Link { comm, welcome }));
                // Whoever waits for room waits for the former link.
                self.full.store(false, Ordering::SeqCst);
                table.away = false;
            }
            (!lost).then(|| table.say_all_again(same))
        };
        self.sending.store(false, Ordering::Release);
        let Some(told) = told else { return Some("the new connection was lost at once".to_owned()) };
        // Each has to be found anew, or made. A value that is here stays.
        told.asked.iter().for_each(Handle::set_pending);
        for (handle, error) in &told.failed {
            handle.set_error(error.clone());
        }
        told.unclear.into_iter().for_each(Request::fail);
        let asked = told.asked.len();
        notice(&[], &format!("the scheduler at {} is back: {asked} results are asked for again", self.scheduler()));
        self.pump();
        self.plots_again();
        None
    }

    fn give_up(&self, why: &str) {
        let text = format!(
            "the scheduler at {} was lost, and could not be reached again: {why}. Its work is lost to this client; connect \
             again",
            self.scheduler()
        );
        self.settle_all(&TaskError::new(ErrorKind::SchedulerLost, text));
        self.fetcher.close();
    }
}

async fn call_again(this: Weak<Session>, patience: Duration, reason: CloseReason) {
    let until = Instant::now() + patience;
    let mut backoff = Backoff::for_scheduler();
    let mut why = reason.to_string();
    loop {
        let delay = backoff.delay(crate::connect::random());
        if Instant::now() + delay >= until {
            if let Some(session) = this.upgrade() {
                session.give_up(&why);
            }
            return;
        }
        tokio::time::sleep(delay).await;
        // A call to nobody takes long to be given up.
        match tokio::time::timeout_at(until, Session::call(&this)).await {
            Ok(None) => return,
            Ok(Some(reason)) => why = reason,
            Err(_) => {}
        }
    }
}

/// The handles that the next scheduler was told of. To be dropped outside the lock.
#[derive(Default)]
struct Told {
    asked: Vec<Handle>,
    /// Nothing can be asked for them any more.
    failed: Vec<(Handle, TaskError)>,
    /// Those that had failed before.
    spare: Vec<Handle>,
    /// Questions that can't be asked again.
    unclear: Vec<Request>,
}

impl Table {
    /// Puts everything that is wanted into the outbox, for a scheduler that knows nothing; unless it is the `same` life of the
    /// one that was lost.
    fn say_all_again(&mut self, same: bool) -> Told {
        self.outbox.clear();
        let functions: Vec<_> = self.introduced.values().cloned().collect();
        for functions in functions.chunks(FUNCTIONS) {
            self.say(ClientToScheduler::Functions(functions.to_vec()));
        }
        let mut keys: Vec<(WantId, Key)> = self.wanted.iter().map(|(key, wanted)| (wanted.want, *key)).collect();
        keys.sort_unstable();
        let (mut told, mut sent) = (Told::default(), FxHashSet::default());
        let (mut tasks, mut wants) = (Vec::new(), Vec::new());
        for (want, key) in keys {
            let submission = RequestId(self.next_request + 1);
            let Some(wanted) = self.wanted.get_mut(&key) else { continue };
            let Some(handle) = wanted.handle.upgrade() else { continue };
            wanted.forget_holders();
            if wanted.refused || matches!(handle.status(), Status::Erred | Status::Cancelled) {
                // Unknown there from now on: nothing to try again, or to depend on.
                wanted.refused = true;
                told.spare.push(handle);
                continue;
            }
            let lineage = self.lineage.as_ref();
            match lineage.map_or(Err(Broken::Missing(key)), |lineage| lineage.closure(key, &mut sent)) {
                Ok(calls) => {
                    wanted.submission = submission;
                    tasks.extend(calls);
                    wants.push((key, want));
                    told.asked.push(handle);
                }
                Err(broken) => {
                    wanted.refused = true;
                    let error = self.unrepeatable(broken, &handle, &mut told.spare);
                    told.failed.push((handle, error));
                }
            }
            if tasks.len() >= CHUNK_TASKS {
                self.submit_again(std::mem::take(&mut tasks), std::mem::take(&mut wants));
            }
        }
        self.submit_again(tasks, wants);
        let unclear = self.requests.extract_if(|_, request| same && !request.may_be_repeated());
        told.unclear = unclear.map(|(_, request)| request).collect();
        self.ask_again();
        self.keep_leases();
        told
    }

    /// Asks what was not answered, in the order of the first asking: whoever waits keeps its turn, and the scheduler takes a number
    /// that comes long after higher ones for one that it has heard before.
    fn ask_again(&mut self) {
        let mut questions: Vec<_> = self.requests.iter().map(|(id, request)| (*id, request.question.clone())).collect();
        questions.sort_unstable_by_key(|(id, _)| *id);
        questions.into_iter().for_each(|(_, question)| self.say(question));
    }

    fn submit_again(&mut self, tasks: Vec<SubmittedTask>, wants: Vec<(Key, WantId)>) {
        if !wants.is_empty() {
            let submission = self.next_request();
            self.say(ClientToScheduler::Resubmit(submission));
            self.queue_all(submission, tasks, wants);
        }
    }

    /// Why a future can't be asked for again, told as the failure of what is missing. Handles that are met on the way go
    /// into `spare`.
    fn unrepeatable(&self, broken: Broken, asked: &Handle, spare: &mut Vec<Handle>) -> TaskError {
        let (Broken::Missing(key) | Broken::Once(key) | Broken::Actor(key)) = broken;
        let wanted = self.wanted.get(&key);
        let (kind, message) = match broken {
            Broken::Missing(_) if wanted.is_some_and(|wanted| wanted.scattered) => (
                ErrorKind::DataLost,
                "this scattered value was lost with the scheduler, and nothing can compute it: scatter it again, and submit \
                 again what needs it"
                    .to_owned(),
            ),
            Broken::Missing(_) => (
                ErrorKind::DataLost,
                format!(
                    "the scheduler was lost, and this client can't ask for {key} again: it has no call that makes it, which \
                     was another client's, or a scattered value"
                ),
            ),
            Broken::Once(_) => (
                ErrorKind::SchedulerLost,
                format!("the scheduler was lost, and whether {key} was started is unknown: it may be started once only"),
            ),
            Broken::Actor(_) => (
                ErrorKind::ActorLost,
                "the scheduler was lost, and this actor ended with it, and its state too: no other scheduler knows of it. Start \
                 a new one"
                    .to_owned(),
            ),
        };
        let known = wanted.and_then(|wanted| wanted.handle.upgrade());
        let culprit = known.as_ref().unwrap_or(asked).name().clone();
        let needed_by = if culprit.key == asked.key() { Vec::new() } else { vec![asked.name().clone()] };
        spare.extend(known);
        TaskError::new(kind, message).with(|report| (report.task, report.needed_by) = (Some(culprit), needed_by))
    }
}

#[cfg(test)]
mod tests {
    use brisk_core::{
        graph::KeySource,
        id::{EnvironmentId, Epoch, Fence},
        message::{Answer, Operation},
    };

    use super::*;
    use crate::session::request::Reply;

    fn ask(table: &mut Table, operation: Operation) -> RequestId {
        let id = table.next_request();
        let (request, _) = Request::new(ClientToScheduler::Coordinate { request: id, operation: Box::new(operation) });
        table.requests.insert(id, request);
        id
    }

    fn wait_for(name: &str) -> Operation {
        Operation::WaitForEvent { name: name.into() }
    }

    /// A scheduler that hears a number after more than a few higher ones takes the question for one that it has answered: it would
    /// never be answered.
    #[test]
    fn questions_are_asked_again_in_their_order_however_many_and_before_leases_are_kept() {
        let mut table = Table::new(KeySource::new(EnvironmentId::IN_PROCESS, 1), true);
        let first: Vec<_> = (0..100).map(|n| ask(&mut table, wait_for(&n.to_string()))).collect();
        for number in 0..100 {
            let acquire = Operation::Acquire { name: format!("lock {number}").into(), limit: 1, count: 1, wait: true };
            let id = ask(&mut table, acquire);
            let request = table.requests.remove(&id).expect("it was asked just now");
            let fence = Fence { epoch: Epoch(1), number };
            table.note_grant(id, &request.question, &Reply::Answer(Answer::Granted(fence)));
        }
        let last: Vec<_> = (100..200).map(|n| ask(&mut table, wait_for(&n.to_string()))).collect();
        let told = table.say_all_again(true);
        assert!(told.unclear.is_empty());
        let (said, _) = table.outbox.take_batch();
        let asked = said.iter().filter_map(|message| match message {
            ClientToScheduler::Coordinate { request, operation } => {
                Some((*request, matches!(**operation, Operation::Keep { .. })))
            }
            _ => None,
        });
        let asked: Vec<_> = asked.collect();
        assert!(asked.is_sorted(), "{asked:?}");
        let questions: Vec<_> = asked.iter().filter(|(_, keeps)| !keeps).map(|(request, _)| *request).collect();
        assert_eq!((questions, asked.len()), ([first, last].concat(), 300));
    }
}
