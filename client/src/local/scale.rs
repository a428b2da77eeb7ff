//! More workers and fewer, while the cluster works.

use std::{
    cmp::Reverse,
    collections::BTreeSet,
    ops::RangeInclusive,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use brisk_core::error::{ErrorKind, TaskError};
use brisk_scheduler::machine::WorkerSnapshot;
use parking_lot::Mutex;
use tokio::task::AbortHandle;

use super::{
    Inner, LocalCluster, MAX_WORKERS,
    adapt::{Adaptive, INTERVAL},
};
use crate::error::ClientError;

/// Workers that were started have so long to join.
const JOINING: Duration = Duration::from_secs(60);

/// Whether they have is looked at this often.
const PAUSE: Duration = Duration::from_millis(20);

/// What changes the number of workers.
#[derive(Default)]
pub(super) struct Scaling {
    /// Held while workers are started and let go: one change at a time.
    changing: tokio::sync::Mutex<()>,
    /// Who follows the work, if anybody does.
    adapting: Mutex<Option<AbortHandle>>,
}

impl LocalCluster {
    /// Has so many workers, and ends [`adapt`](LocalCluster::adapt). New ones are started at once and join in a moment:
    /// [`Client::wait_for_workers`](crate::Client::wait_for_workers) waits for them. If there are too many, those that hold the
    /// fewest bytes are retired, but those last on which tasks wait for others: they finish what they run, and what only they hold is copied to others first; this
    /// returns when they have gone.
    ///
    /// ```
    /// # use brisk_client::Client;
    /// # #[brisk_client::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let cluster = Client::local().workers(1).start().await?;
    /// cluster.scale(3).await?;
    /// cluster.client().await?.wait_for_workers(3).await?;
    /// cluster.scale(1).await?;
    /// assert_eq!(cluster.snapshot().workers.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If there are to be too many, the system refuses them, or a worker that should go stays, since nobody else could take
    /// what it holds.
    pub async fn scale(&self, workers: u32) -> Result<(), ClientError> {
        check(workers)?;
        self.stop_adapting();
        self.0.set(workers).await
    }

    /// Follows the work from now on: has as many workers as the scheduler says that the present work wants, but from
    /// `workers.start()` to `workers.end()`. It is asked each second; more are started at once, and some are retired when it
    /// was asked for fewer three times in a row. Ends with [`scale`](LocalCluster::scale), or the cluster.
    ///
    /// # Errors
    /// If the range is empty or too large.
    pub fn adapt(&self, workers: RangeInclusive<u32>) -> Result<(), ClientError> {
        check(*workers.end())?;
        if workers.is_empty() || *workers.end() == 0 {
            let text = format!("from {} to {} workers: there is no such number", workers.start(), workers.end());
            return Err(ClientError::Configuration(text));
        }
        let following = self.0.io.handle().spawn(follow(Arc::downgrade(&self.0), Adaptive::new(workers)));
        let former = self.0.scaling.adapting.lock().replace(following.abort_handle());
        former.iter().for_each(AbortHandle::abort);
        Ok(())
    }

    /// Ends all workers, at once and with what they hold, and starts others under the same names. Returns when they have
    /// joined. What clients still want is computed again, but for scattered values and the results of calls that start
    /// [once](crate::Delayed::once) only: these are lost. [`Client::restart`](crate::Client::restart) drops a client's own
    /// tasks first.
    ///
    /// A function that is running can't be ended by force in this process: its thread is left behind until it returns. A
    /// worker process is killed if it does not end within five seconds.
    ///
    /// # Errors
    /// If the system refuses new workers, or they have not joined after a minute.
    pub async fn restart(&self) -> Result<(), ClientError> {
        self.0.restart().await
    }

    fn stop_adapting(&self) {
        let former = self.0.scaling.adapting.lock().take();
        former.iter().for_each(AbortHandle::abort);
    }
}

fn check(workers: u32) -> Result<(), ClientError> {
    if workers > MAX_WORKERS {
        return Err(ClientError::Configuration(format!("{workers} workers: there may be {MAX_WORKERS} at most")));
    }
    Ok(())
}

/// Looks at the work, each second, until the cluster has gone.
async fn follow(cluster: Weak<Inner>, mut adaptive: Adaptive) {
    let mut looks = tokio::time::interval(INTERVAL);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let Some(cluster) = cluster.upgrade() else { return };
        let Some(workers) = cluster.look(&mut adaptive) else { continue };
        if let Err(error) = cluster.set(workers).await {
            // Those that could not go may be able to later.
            tracing::warn!(%error, workers, "the cluster was not brought to the size that its work wants");
        }
    }
}

impl Inner {
    fn look(&self, adaptive: &mut Adaptive) -> Option<u32> {
        let environment = self.workers.environment();
        let snapshot = self.scheduler.snapshot();
        let wanted = snapshot.targets.iter().find(|target| target.environment == environment);
        // Of tasks that wait for others nothing can be seen to be done, and yet their workers can't go without them.
        let waiting = |worker: &&WorkerSnapshot| worker.environment == environment && worker.away > 0;
        let waiting = u32::try_from(snapshot.workers.iter().filter(waiting).count()).unwrap_or(u32::MAX);
        let present = u32::try_from(self.workers.kept().len()).unwrap_or(u32::MAX);
        adaptive.look(present, wanted.map_or(0, |target| target.workers).max(waiting))
    }

    /// Has so many workers.
    async fn set(self: &Arc<Self>, workers: u32) -> Result<(), ClientError> {
        let _changing = self.scaling.changing.lock().await;
        let kept = self.workers.kept();
        let workers = workers as usize;
        if workers >= kept.len() {
            return self.workers.add(u32::try_from(workers - kept.len()).unwrap_or(u32::MAX)).await;
        }
        let names = self.cheapest(kept, workers);
        let leaving = names.len();
        // The scheduler is asked as anybody would ask it: it says when they have gone, or why one stays.
        let client = LocalCluster(self.clone()).client().await?;
        let asked = retire(&client, &names).await;
        client.close().await;
        let there = self.scheduler.snapshot().workers;
        let gone: Vec<String> =
            names.into_iter().filter(|name| there.iter().all(|worker| *worker.name != **name)).collect();
        let stay = leaving - gone.len();
        self.workers.let_go(&gone);
        asked?;
        if stay > 0 {
            let text = format!(
                "{stay} of the {leaving} workers that were to leave have stayed: nobody else could take what they hold. Release \
                 some values, or keep more workers"
            );
            return Err(TaskError::new(ErrorKind::Refused, text).into());
        }
        Ok(())
    }

    async fn restart(&self) -> Result<(), ClientError> {
        let _changing = self.scaling.changing.lock().await;
        let names = self.workers.kept();
        let former: BTreeSet<_> = self.scheduler.snapshot().workers.iter().map(|worker| worker.worker).collect();
        self.workers.restart().await?;
        let have_joined = || {
            let there = self.scheduler.snapshot().workers;
            let is_new =
                |name: &&String| there.iter().any(|worker| *worker.name == ***name && !former.contains(&worker.worker));
            names.iter().filter(is_new).count()
        };
        let until = Instant::now() + JOINING;
        loop {
            let joined = have_joined();
            if joined == names.len() {
                return Ok(());
            }
            if Instant::now() >= until {
                let text =
                    format!("{joined} of {} workers have joined {JOINING:?} after they were started", names.len());
                return Err(TaskError::new(ErrorKind::TimedOut, text).into());
            }
            self.io.pause(PAUSE).await;
        }
    }

    /// Those to let go so that `left` are left: the ones without tasks that wait for others, which may be long in waiting; then
    /// with the fewest bytes to give away, then with the least to do, then the newest. Who has not joined yet has nothing.
    fn cheapest(&self, kept: Vec<String>, left: usize) -> Vec<String> {
        let snapshot = self.scheduler.snapshot();
        let cost = |name: &str| {
            let worker = snapshot.workers.iter().find(|worker| *worker.name == *name);
            worker.map_or((false, 0, 0), |worker| (worker.away > 0, worker.bytes, worker.assigned))
        };
        let mut by_cost: Vec<_> =
            kept.into_iter().enumerate().map(|(place, name)| (cost(&name), Reverse(place), name)).collect();
        by_cost.sort();
        let leaving = by_cost.len() - left;
        by_cost.into_iter().take(leaving).map(|(_, _, name)| name).collect()
    }
}

/// Retires workers; those that have not joined yet, when they have.
async fn retire(client: &crate::Client, names: &[String]) -> Result<(), TaskError> {
    let mut patience = JOINING;
    loop {
        let found = client.workers_called(names).await?;
        if found == names.len() {
            break;
        }
        if patience.is_zero() {
            let text =
                format!("of the workers {} only {found} have joined: they can't be let go yet", names.join(", "));
            return Err(TaskError::new(ErrorKind::TimedOut, text));
        }
        let pause = patience.min(PAUSE);
        client.sleep(pause).await;
        patience -= pause;
    }
    client.retire_workers(names.iter().map(String::as_str)).await.map(drop)
}
