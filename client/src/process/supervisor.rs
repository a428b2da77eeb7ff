//! A supervisor: starts worker processes, starts them again when they die, and says why each ended.
//!
//! It has none of the user's code, so a crash of user code takes a worker down and never its supervisor. `brisk worker` is
//! one, told by the scheduler which programs to run; a local cluster of processes has one, which runs its own program.

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    path::Path,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use brisk_core::{
    address::Address,
    comm::{CloseReason, Comm, Connector},
    hello::{Role, Welcome},
    id::EnvironmentId,
    message::{Batch, Exit, Messages, ProgramSpec, SchedulerToSupervisor, SupervisorToScheduler},
};
use brisk_transport_quic::{Credentials, QuicTransport};
use parking_lot::Mutex;
use tokio::{runtime, sync::watch};

use super::{
    config::{Entry, WorkerConfig},
    image::Image,
};

use crate::{error::ClientError, quic};

mod link;
mod slot;

use slot::Slot;

/// What every worker process of a supervisor is started with.
#[derive(Clone, Debug)]
pub struct SupervisorConfig {
    /// Where the scheduler is.
    pub scheduler: Address,
    /// The cluster's credentials. Workers are given their own part.
    pub credentials: Credentials,
    /// How many worker processes each program gets.
    pub workers: u32,
    /// How many tasks each runs at once.
    pub threads: u32,
    /// How many bytes of values each may hold; 0 for no limit.
    pub memory_limit: u64,
    /// How fast their threads are, in per cent of those of other hosts: a first guess, until calls have been measured.
    pub speed_percent: u32,
    /// How many bytes of each argument the report of a failed task shows; 0 to show none.
    pub shown_bytes: usize,
    /// What each declares for tasks to take.
    pub resources: Vec<(String, f64)>,
    /// The address at which they listen for other workers and clients.
    pub listen: IpAddr,
    /// This host's name.
    pub host: String,
    /// What the workers are called, before a number.
    pub name: String,
    /// For so long supervisor and workers try to reach a scheduler again that they have lost.
    pub reconnect: Duration,
}

/// What is kept to be said while there is no connection.
const MAX_UNSAID: usize = 1_024;

/// A program that a supervisor runs.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) image: Image,
    pub(crate) entry: Entry,
}

/// A program of which worker processes are kept running.
struct Running {
    program: Program,
    slots: Vec<Arc<Slot>>,
    /// The number in the next worker's name. None is given twice: whoever had it may not have left yet.
    next: u32,
}

/// A running supervisor. When it is dropped its workers end.
pub struct Supervisor {
    config: SupervisorConfig,
    worker_credentials: Credentials,
    runtime: runtime::Handle,
    programs: Mutex<HashMap<EnvironmentId, Running>>,
    connector: Arc<dyn Connector>,
    link: Mutex<Option<(Arc<dyn Comm>, Welcome)>>,
    /// How often the scheduler was called.
    calls: AtomicU64,
    /// Programs that run here and that the scheduler, since it was started again, has not asked for.
    unasked: Mutex<BTreeSet<EnvironmentId>>,
    /// What is to be said once there is room.
    outbox: Mutex<Vec<SupervisorToScheduler>>,
    ended: watch::Sender<Option<CloseReason>>,
}

/// A worker process that runs now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerProcess {
    /// The name that it joined with.
    pub name: String,
    /// The process id.
    pub pid: u32,
}

impl Supervisor {
    /// Connects to the scheduler.
    ///
    /// # Errors
    /// If the scheduler can't be reached, or refuses.
    pub async fn connect(
        config: SupervisorConfig,
        transport: &QuicTransport,
        runtime: runtime::Handle,
    ) -> Result<Arc<Supervisor>, ClientError> {
        let supervisor = Arc::new(Supervisor {
            worker_credentials: for_workers(&config.credentials)?,
            runtime,
            programs: Mutex::default(),
            connector: transport.connector(Role::Supervisor).map_err(quic::error)?,
            link: Mutex::default(),
            calls: AtomicU64::new(0),
            unasked: Mutex::default(),
            outbox: Mutex::default(),
            ended: watch::Sender::new(None),
            config,
        });
        supervisor.call().await?;
        Ok(supervisor)
    }

    /// Waits until the scheduler has ended the connection or is lost for too long, or [`shutdown`](Supervisor::shutdown) was called.
    pub async fn ended(&self) -> CloseReason {
        let mut ended = self.ended.subscribe();
        match ended.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or(CloseReason::Local),
            Err(_) => CloseReason::Local,
        }
    }

    /// The worker processes that run now.
    pub fn processes(&self) -> Vec<WorkerProcess> {
        let programs = self.programs.lock();
        let slots = programs.values().flat_map(|running| &running.slots);
        let mut processes: Vec<_> = slots.filter_map(|slot| slot.process()).collect();
        processes.sort_by(|a, b| a.name.cmp(&b.name));
        processes
    }

    /// Ends all worker processes, and the connection. Returns when they have ended.
    pub async fn shutdown(&self) {
        self.say(SupervisorToScheduler::Goodbye);
        self.ended.send_replace(Some(CloseReason::Local));
        self.end_workers().await;
        if let Some((comm, _)) = self.link.lock().take() {
            comm.close(CloseReason::Local);
        }
    }

    async fn end_workers(&self) {
        let programs = std::mem::take(&mut *self.programs.lock());
        let slots: Vec<_> = programs.into_values().flat_map(|running| running.slots).collect();
        slots.iter().for_each(|slot| slot.stop());
        for slot in slots {
            slot.stopped().await;
        }
    }

    /// Keeps worker processes of a program running. Does nothing if they are.
    pub(crate) fn run(self: &Arc<Self>, program: Program) {
        let environment = program.image.id;
        {
            let mut programs = self.programs.lock();
            if programs.contains_key(&environment) {
                return;
            }
            programs.insert(environment, Running { program, slots: Vec::new(), next: 0 });
        }
        self.add(environment, self.config.workers);
    }

    /// Keeps so many more worker processes of a program running.
    pub(crate) fn add(self: &Arc<Self>, environment: EnvironmentId, count: u32) {
        let mut programs = self.programs.lock();
        let Some(running) = programs.get_mut(&environment) else { return };
        running.slots.retain(|slot| !slot.is_stopped());
        for _ in 0..count {
            let config = self.worker_config(&running.program, running.next);
            running.next += 1;
            running.slots.push(Slot::start(self, running.program.clone(), config));
        }
    }

    /// The names of the workers of a program that are kept running: those that were retired are not.
    pub(crate) fn kept(&self, environment: EnvironmentId) -> Vec<String> {
        let programs = self.programs.lock();
        let slots = programs.get(&environment).map_or(&[][..], |running| &running.slots);
        slots.iter().filter(|slot| slot.is_kept()).map(|slot| slot.name().to_owned()).collect()
    }

    /// Ends the worker processes of a program, and starts others in their places.
    pub(crate) fn restart(&self, environment: EnvironmentId) {
        let programs = self.programs.lock();
        let slots = programs.get(&environment).map_or(&[][..], |running| &running.slots);
        slots.iter().filter(|slot| slot.is_kept()).for_each(|slot| slot.restart());
    }

    /// These workers of a program were retired: their processes are about to end.
    pub(crate) fn let_go(&self, environment: EnvironmentId, names: &[String]) {
        let programs = self.programs.lock();
        let slots = programs.get(&environment).map_or(&[][..], |running| &running.slots);
        let gone = |slot: &&Arc<Slot>| names.iter().any(|name| name == slot.name());
        slots.iter().filter(gone).for_each(|slot| slot.let_go());
    }

    fn worker_config(&self, program: &Program, number: u32) -> WorkerConfig {
        let config = &self.config;
        WorkerConfig {
            scheduler: config.scheduler.clone(),
            credentials: self.worker_credentials.clone(),
            environment: program.image.id,
            name: format!("{}-{number}", config.name),
            host: config.host.clone(),
            listen: config.listen,
            threads: config.threads,
            memory_limit: config.memory_limit,
            speed_percent: config.speed_percent,
            shown_bytes: config.shown_bytes,
            resources: config.resources.clone(),
            reconnect: config.reconnect,
        }
    }

    /// The scheduler wants workers of a program.
    fn start_program(self: &Arc<Self>, spec: ProgramSpec) {
        self.unasked.lock().remove(&spec.environment);
        if self.programs.lock().contains_key(&spec.environment) {
            return;
        }
        let this = self.clone();
        // Hashing reads the whole file.
        self.runtime.spawn_blocking(move || match verify(&spec) {
            Ok(image) => this.run(Program { image, entry: Entry::Main }),
            Err(reason) => {
                tracing::warn!(path = %spec.path, reason, "a program can't be started");
                this.say(SupervisorToScheduler::CannotStart { environment: spec.environment, reason: reason.into() });
            }
        });
    }

    fn stop_program(&self, environment: EnvironmentId) {
        let running = self.programs.lock().remove(&environment);
        running.iter().flat_map(|running| &running.slots).for_each(|slot| slot.stop());
    }

    fn exited(&self, exit: Exit) {
        self.say(SupervisorToScheduler::Exited(exit));
    }

    fn say(&self, message: SupervisorToScheduler) {
        {
            let mut outbox = self.outbox.lock();
            // While there is no scheduler nobody hears of it; the latest is the most useful.
            if outbox.len() >= MAX_UNSAID {
                outbox.remove(0);
            }
            outbox.push(message);
        }
        self.pump();
    }

    /// Says what is to be said. The little that a supervisor says fits any window: if it does not, the connection is dead.
    fn pump(&self) {
        let link = self.link.lock();
        let Some((comm, welcome)) = &*link else { return };
        let messages = std::mem::take(&mut *self.outbox.lock());
        if messages.is_empty() {
            return;
        }
        let batch = Batch {
            epoch: welcome.epoch,
            incarnation: welcome.incarnation,
            messages: Messages::SupervisorToScheduler(messages),
        };
        if let Err(error) = comm.try_send(batch) {
            tracing::debug!(%error, "the scheduler was not told how a worker ended");
        }
    }

    fn hear(self: &Arc<Self>, message: SchedulerToSupervisor) {
        match message {
            SchedulerToSupervisor::Start(spec) => self.start_program(spec),
            SchedulerToSupervisor::Stop(environment) => self.stop_program(environment),
            // A worker that was dismissed ends by itself.
            other => tracing::debug!(?other, "nothing to do"),
        }
    }
}

/// What a worker process is given: a worker's part, and a client's, with which its tasks submit others.
fn for_workers(credentials: &Credentials) -> Result<Credentials, ClientError> {
    credentials.for_role(Role::Worker).map_err(quic::error)?;
    Ok(credentials.only_for(&[Role::Worker, Role::Client]))
}

/// A program, whose file has the hash that it should have.
fn verify(spec: &ProgramSpec) -> Result<Image, String> {
    let path = Path::new(&*spec.path);
    let image = Image::of_file(path)
        .map_err(|error| format!("{}: {error}. The program must lie at the same path on every host", path.display()))?;
    if image.id == spec.environment {
        Ok(image)
    } else {
        Err(format!(
            "{} is another build here ({}) than the client's ({}): copy the client's, or start the client again if it \
             was rebuilt",
            path.display(),
            image.id,
            spec.environment
        ))
    }
}
