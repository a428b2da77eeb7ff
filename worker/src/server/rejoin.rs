//! A worker that outlives its scheduler: when the session is lost it joins again, and offers what it has made.
//!
//! Each session is a worker of its own, with an incarnation, a listener and a machine of its own. Only finished values go
//! from one to the next.

use std::{
    future::Future,
    hash::{BuildHasher, RandomState},
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use brisk_core::{
    address::Address,
    backoff::Backoff,
    comm::{Connector, ListenError, Listener},
};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep},
};

use super::{Ended, StartError, Worker, WorkerConfig, session};

/// How a worker that lost its scheduler tries to join it again.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rejoin {
    /// For so long, at the same address, from the loss on; and as long at first.
    pub deadline: Duration,
    /// A session that ends before this counts as a part of the same loss: two peers that can't live with each other must
    /// not go on for ever.
    pub settled_after: Duration,
}

impl Default for Rejoin {
    fn default() -> Self {
        Rejoin { deadline: Duration::from_secs(60), settled_after: Duration::from_secs(10) }
    }
}

/// How a worker is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// As [`Worker::shutdown`].
    AtOnce,
    /// As [`Worker::retire`], if it is in a session.
    InOrder,
}

/// Where a worker works, in all of its sessions.
pub struct Site {
    /// The scheduler.
    pub scheduler: Address,
    /// How it is reached, and other workers.
    pub connector: Arc<dyn Connector>,
    /// Makes a listener for those who ask for values; called once a session.
    pub listen: Box<dyn Fn() -> Result<Arc<dyn Listener>, ListenError> + Send + Sync>,
    /// Where connections and timers run. It must have timers.
    pub runtime: Handle,
}

impl Worker {
    /// Joins a scheduler and serves it, and joins again when it is lost, until the scheduler sends the worker away, `stop`
    /// is ready, or the scheduler stays away for too long. A task that runs when the scheduler is lost is abandoned:
    /// the next one will assign it anew; what was finished is offered to it.
    ///
    /// # Errors
    /// If the worker can't join at first within the deadline. Later that is an [`Ended::SchedulerLost`].
    pub async fn serve(
        config: WorkerConfig,
        site: Site,
        rejoin: Rejoin,
        stop: impl Future<Output = Stop> + Send,
    ) -> Result<Ended, StartError> {
        let mut stop = pin!(stop);
        let mut joining = Joining::new(&config, &site, rejoin);
        let mut worker = match joining.join(None, &mut stop).await {
            Ok(worker) => worker,
            Err(NotJoined::Stopped) => return Ok(Ended::Shutdown),
            Err(NotJoined::Failed(error)) => return Err(error),
        };
        loop {
            let ended = tokio::select! {
                ended = worker.0.over() => ended,
                how = &mut stop => {
                    match how {
                        Stop::AtOnce => worker.shutdown(),
                        Stop::InOrder => worker.retire(),
                    }
                    return Ok(worker.ended().await);
                }
            };
            let Ended::SchedulerLost(reason) = ended else { return Ok(worker.ended().await) };
            if !reason.may_pass() {
                return Ok(worker.ended().await);
            }
            tracing::warn!(worker = %config.name, %reason, "the scheduler is lost: trying to join again");
            joining.lost();
            worker = match joining.join(Some(&worker), &mut stop).await {
                Ok(next) => next,
                Err(NotJoined::Stopped) => return Ok(Ended::Shutdown),
                Err(NotJoined::Failed(error)) => {
                    tracing::error!(worker = %config.name, %error, "the worker can't join again");
                    return Ok(worker.ended().await);
                }
            };
        }
    }
}

/// A worker on its way into a session.
struct Joining<'a> {
    config: &'a WorkerConfig,
    site: &'a Site,
    rejoin: Rejoin,
    backoff: Backoff,
    until: Instant,
    /// When the last session began.
    joined: Instant,
}

enum NotJoined {
    Stopped,
    Failed(StartError),
}

impl<'a> Joining<'a> {
    fn new(config: &'a WorkerConfig, site: &'a Site, rejoin: Rejoin) -> Self {
        let now = Instant::now();
        let (until, backoff) = (now + rejoin.deadline, Backoff::for_scheduler());
        Joining { config, site, rejoin, backoff, until, joined: now }
    }

    /// The session is over, and not by anybody's will.
    fn lost(&mut self) {
        let now = Instant::now();
        if now - self.joined >= self.rejoin.settled_after {
            (self.until, self.backoff) = (now + self.rejoin.deadline, Backoff::for_scheduler());
        }
    }

    async fn join(
        &mut self,
        former: Option<&Worker>,
        stop: &mut Pin<&mut (impl Future<Output = Stop> + Send)>,
    ) -> Result<Worker, NotJoined> {
        let mut delay = match former {
            None => Duration::ZERO,
            Some(_) => self.delay(),
        };
        loop {
            let attempt = async {
                sleep(delay).await;
                start(self.config, self.site, former).await
            };
            let attempt = tokio::select! {
                attempt = attempt => attempt,
                _ = &mut *stop => return Err(NotJoined::Stopped),
            };
            match attempt {
                Ok(worker) => {
                    self.joined = Instant::now();
                    return Ok(worker);
                }
                Err(error) => {
                    delay = self.delay();
                    if !error.is_retryable() || Instant::now() + delay >= self.until {
                        return Err(NotJoined::Failed(error));
                    }
                    tracing::debug!(worker = %self.config.name, %error, "not yet");
                }
            }
        }
    }

    fn delay(&mut self) -> Duration {
        // `RandomState` is seeded from the system: the standard library's only entropy.
        self.backoff.delay(RandomState::new().hash_one(Instant::now()))
    }
}

async fn start(config: &WorkerConfig, site: &Site, former: Option<&Worker>) -> Result<Worker, StartError> {
    let listener = (site.listen)().map_err(StartError::Listen)?;
    let (scheduler, connector, runtime) = (site.scheduler.clone(), site.connector.clone(), site.runtime.clone());
    let former = former.map(|worker| &*worker.0);
    session::start(config.clone(), scheduler, connector, listener, runtime, former).await.map(Worker)
}

impl StartError {
    fn is_retryable(&self) -> bool {
        match self {
            StartError::Connect(error) => error.is_retryable(),
            // The last session's may be free in a moment.
            StartError::Threads(_) | StartError::Listen(_) => true,
            StartError::NoThreads => false,
        }
    }
}
