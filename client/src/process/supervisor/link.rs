//! A supervisor's connection with the scheduler, and how it is made again: worker processes live through the scheduler's
//! death and join again by themselves, so whoever watches them must too.

use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use brisk_core::{
    backoff::Backoff,
    comm::{CloseReason, ConnectError, Inbox, PeerId, Permit},
    hello::{Hello, Purpose},
    id::{EnvironmentId, Epoch},
    message::{Batch, Messages, SchedulerToSupervisor},
};
use tokio::time::{Instant, sleep};

use super::Supervisor;

impl Supervisor {
    /// Calls the scheduler.
    pub(super) async fn call(self: &Arc<Self>) -> Result<Epoch, ConnectError> {
        let purpose = Purpose::Supervisor { host: self.config.host.as_str().into(), workers: self.config.workers };
        let hello = Hello::new(purpose, self.config.name.as_str(), EnvironmentId::IN_PROCESS);
        // Each call is another peer: the end of an earlier connection says nothing of this one.
        let peer = PeerId(self.calls.fetch_add(1, Ordering::SeqCst) + 1);
        let inbox = Arc::new(SupervisorInbox(Arc::downgrade(self)));
        let link = self.connector.connect(&self.config.scheduler, hello, peer, inbox).await?;
        let epoch = link.1.epoch;
        *self.link.lock() = Some(link);
        self.pump();
        Ok(epoch)
    }

    /// The connection has ended.
    fn lost(self: &Arc<Self>, reason: CloseReason) {
        let former = self.link.lock().take().map(|(_, welcome)| welcome.epoch);
        if self.ended.borrow().is_some() || !reason.may_pass() {
            self.ended.send_replace(Some(reason));
            return;
        }
        tracing::warn!(%reason, "the scheduler is lost: trying to reach it again");
        let this = Arc::downgrade(self);
        self.runtime.spawn(async move { call_again(this, former, reason).await });
    }

    /// Another life of the scheduler does not know yet which programs run here. Those that it does not ask for in time,
    /// since no client has come back to it, end.
    async fn end_unasked_programs(this: Weak<Self>, patience: Duration) {
        let asked = {
            let Some(supervisor) = this.upgrade() else { return };
            let running: Vec<_> = supervisor.programs.lock().keys().copied().collect();
            supervisor.unasked.lock().extend(running);
            supervisor.ended.subscribe()
        };
        let mut ended = asked;
        tokio::select! {
            () = sleep(patience) => {}
            _ = ended.wait_for(Option::is_some) => return,
        }
        let Some(supervisor) = this.upgrade() else { return };
        let unasked = std::mem::take(&mut *supervisor.unasked.lock());
        for environment in unasked {
            tracing::info!(%environment, "nobody came back to a program: its workers end");
            supervisor.stop_program(environment);
        }
    }
}

async fn call_again(this: Weak<Supervisor>, former: Option<Epoch>, reason: CloseReason) {
    let Some((mut ended, patience)) = this.upgrade().map(|s| (s.ended.subscribe(), s.config.reconnect)) else { return };
    let until = Instant::now() + patience;
    let mut backoff = Backoff::for_scheduler();
    loop {
        let delay = backoff.delay(crate::connect::random());
        let late = Instant::now() + delay >= until;
        if !late {
            // Not held meanwhile: a supervisor that is dropped is over.
            tokio::select! {
                () = sleep(delay) => {}
                _ = ended.wait_for(Option::is_some) => return,
            }
        }
        let Some(supervisor) = this.upgrade() else { return };
        if late {
            supervisor.ended.send_replace(Some(reason));
            return;
        }
        let attempt = tokio::select! {
            attempt = supervisor.call() => attempt,
            _ = ended.wait_for(Option::is_some) => return,
        };
        match attempt {
            Ok(epoch) => {
                tracing::info!("the scheduler is reached again");
                if former != Some(epoch) {
                    Supervisor::end_unasked_programs(this.clone(), patience).await;
                }
                return;
            }
            Err(error) if error.is_retryable() => tracing::debug!(%error, "not yet"),
            Err(error) => {
                supervisor.ended.send_replace(Some(CloseReason::Lost(error.to_string())));
                return;
            }
        }
    }
}

struct SupervisorInbox(Weak<Supervisor>);

impl Inbox for SupervisorInbox {
    fn deliver(&self, _: PeerId, batch: Batch, permit: Permit) {
        if let (Some(supervisor), Messages::SchedulerToSupervisor(messages)) = (self.0.upgrade(), batch.messages) {
            messages.into_iter().for_each(|message: SchedulerToSupervisor| supervisor.hear(message));
        }
        drop(permit);
    }

    fn closed(&self, peer: PeerId, reason: CloseReason) {
        if let Some(supervisor) = self.0.upgrade()
            && supervisor.calls.load(Ordering::SeqCst) == peer.0
        {
            supervisor.lost(reason);
        }
    }
}
