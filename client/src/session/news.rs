//! What the scheduler tells a client, and the end of its connection.

use brisk_core::{
    comm::CloseReason,
    error::{ErrorKind, TaskError},
    future::{Handle, Wakers},
    id::{RequestId, WantId},
    key::Key,
    message::{KeyNews, SchedulerToClient},
};

use super::{Session, Table, request::Reply};

/// News that are looked up under one lock.
const AT_ONCE: usize = 32;

impl Session {
    /// Handles what the scheduler said, in order.
    pub(super) fn hear(&self, messages: Vec<SchedulerToClient>) {
        let mut heard = Vec::with_capacity(messages.len().min(AT_ONCE));
        let mut messages = messages.into_iter();
        // Woken when all is settled.
        let mut wakers = Wakers::default();
        while let Some(next) = messages.as_slice().first() {
            if matches!(next, SchedulerToClient::News { .. }) {
                self.take_news(&mut messages, &mut heard);
                heard.drain(..).for_each(|(handle, news)| self.news(&handle, news, &mut wakers));
            } else if let Some(message) = messages.next() {
                self.hear_other(message);
            }
        }
    }

    fn hear_other(&self, message: SchedulerToClient) {
        match message {
            SchedulerToClient::Worker { worker, address } => self.fetcher.introduce(worker, address),
            SchedulerToClient::WorkerGone(worker) => self.worker_gone(worker),
            SchedulerToClient::Refused { submission, error } => self.fail_submission(submission, &error),
            SchedulerToClient::Workers { request, count } => self.answered(request, Reply::Count(count)),
            SchedulerToClient::Synced(request) => self.answered(request, Reply::Count(0)),
            SchedulerToClient::Answered { request, answer } => self.answered(request, Reply::Answer(answer)),
            SchedulerToClient::LeaseLost { fence, error } => self.lease_lost(fence, error),
            SchedulerToClient::Notice { tasks, message } => notice(&tasks, &message),
            other => tracing::warn!(?other, "the scheduler said something that this version does not know"),
        }
    }

    /// Looks up what the next messages are news of, as long as they are news: many under one lock, but not so many that the
    /// program's threads would wait for it.
    fn take_news(&self, messages: &mut std::vec::IntoIter<SchedulerToClient>, heard: &mut Vec<(Handle, KeyNews)>) {
        let is_news = |message: &SchedulerToClient| matches!(message, SchedulerToClient::News { .. });
        let count = messages.as_slice().iter().take(AT_ONCE).take_while(|message| is_news(message)).count();
        let mut table = self.table.lock();
        for message in messages.by_ref().take(count) {
            if let SchedulerToClient::News { key, want, mut news } = message
                && let Some(handle) = table.note(key, want, &mut news)
            {
                heard.push((handle, news));
            }
        }
    }

    fn news(&self, handle: &Handle, news: KeyNews, wakers: &mut Wakers) {
        match news {
            KeyNews::Memory { value: Some(value), .. } => handle.set_value_among(value.into_value(), wakers),
            KeyNews::Memory { .. } => handle.set_finished_among(wakers),
            KeyNews::Erred(error) => handle.set_error(self.named(error)),
            KeyNews::Cancelled(error) => handle.set_cancelled(error),
            KeyNews::Pending => handle.set_pending(),
            other => tracing::warn!(?other, "news that this version does not know"),
        }
    }

    /// The scheduler has no name for a scattered value. Its future has.
    fn named(&self, error: TaskError) -> TaskError {
        let scattered = error.key().and_then(|key| {
            let table = self.table.lock();
            let wanted = table.wanted.get(&key).filter(|wanted| wanted.scattered)?;
            wanted.handle.upgrade()
        });
        // Dropped without the lock: it may be the last handle by now.
        let Some(handle) = scattered else { return error };
        error.with(|report| report.task = Some(handle.name().clone()))
    }

    /// The scheduler no longer knows this want: there is nothing there to try again, or to depend on.
    pub(super) fn forgotten(&self, key: Key, want: WantId) {
        if let Some(wanted) = self.table.lock().wanted.get_mut(&key)
            && wanted.want == want
        {
            wanted.refused = true;
        }
    }

    /// The futures of a submission that the scheduler refused, or that could not be sent.
    pub(super) fn fail_submission(&self, submission: RequestId, error: &TaskError) {
        let failed: Vec<Handle> = {
            let mut table = self.table.lock();
            let of_submission = table.wanted.values_mut().filter(|wanted| wanted.submission == submission);
            of_submission
                .filter_map(|wanted| {
                    wanted.refused = true;
                    wanted.handle.upgrade()
                })
                .collect()
        };
        failed.iter().for_each(|handle| handle.set_error(error.clone()));
    }

    /// The connection with the scheduler is gone.
    pub(super) fn lost(&self, reason: &CloseReason) {
        if reason.may_pass() && self.begin_to_reconnect(reason) {
            return;
        }
        let error = match reason {
            CloseReason::Local => TaskError::new(ErrorKind::Closed, "the client was closed"),
            other => TaskError::new(
                ErrorKind::SchedulerLost,
                format!(
                    "the connection with the scheduler has ended: {other}. Its work is lost to this client; connect again"
                ),
            ),
        };
        self.settle_all(&error);
        self.fetcher.close();
    }

    /// Every pending future gets this error; values that are here stay.
    pub(super) fn settle_all(&self, error: &TaskError) {
        let requests = {
            let mut table = self.table.lock();
            table.closed.get_or_insert_with(|| error.clone());
            std::mem::take(&mut table.requests)
        };
        drop(requests);
        self.leases_lost(error);
        for handle in self.handles() {
            let named = error.clone().with(|report| report.task = Some(handle.name().clone()));
            handle.set_error(named);
        }
    }
}

impl Table {
    /// Notes what is to be known of news later, and whose they are: nobody's, if the want has ended.
    fn note(&mut self, key: Key, want: WantId, news: &mut KeyNews) -> Option<Handle> {
        let wanted = self.wanted.get_mut(&key).filter(|wanted| wanted.want == want)?;
        let handle = wanted.handle.upgrade()?;
        let exists = match news {
            KeyNews::Memory { value: Some(_), .. } => true,
            KeyNews::Memory { holders, nbytes, .. } => {
                wanted.is_held_by(std::mem::take(holders), *nbytes);
                true
            }
            KeyNews::Cancelled(_) => {
                wanted.refused = true;
                return Some(handle);
            }
            KeyNews::Pending => false,
            _ => return Some(handle),
        };
        // For the case that the scheduler is lost: which values exist.
        if let Some(lineage) = &mut self.lineage {
            lineage.set_finished(key, exists);
        }
        Some(handle)
    }
}

/// Shown through `tracing`, and on standard error where nobody listens to `tracing`: why nothing runs must not be a secret.
pub(super) fn notice(tasks: &[brisk_core::task::TaskName], message: &str) {
    let about = tasks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if tracing::enabled!(tracing::Level::WARN) {
        tracing::warn!(tasks = about, "{message}");
    } else if about.is_empty() {
        eprintln!("brisk: {message}");
    } else {
        eprintln!("brisk: {message} (waiting: {about})");
    }
}
