//! Properties of the machine, under any sequence of events that peers can bring about, and some that they should not.

mod dumps;
mod world;

use std::time::Duration;

use brisk_core::{
    id::{ClientId, WorkerId},
    message::{ClientToScheduler, WorkerToScheduler},
};
use brisk_scheduler::machine::{Event, Scheduler};
use proptest::prelude::*;
use smallvec::SmallVec;
use world::{EPOCH, KEYS, Status, World, cancel, graph, is_fenced, key};

/// One step. Numbers pick among what there is, so that a shortened list of steps still means something.
#[derive(Clone, Debug)]
enum Op {
    JoinClient { environment: u8 },
    LeaveClient(u8),
    JoinWorker { environment: u8, threads: u8, gpus: u8 },
    LeaveWorker { worker: u8, intended: bool },
    Submit { client: u8, targets: Vec<u8>, bare: bool, chunks: u8 },
    Resubmit { client: u8, targets: Vec<u8>, chunks: u8 },
    SubmitFrom { client: u8, worker: u8, pick: u8, late: bool, targets: Vec<u8>, chunks: u8 },
    Publish { client: u8, pick: u8, name: u8, replace: bool },
    Unpublish { client: u8, name: u8 },
    AskForWhatIsPublished { client: u8, name: u8 },
    Unfinished { client: u8, targets: Vec<u8> },
    Conflict { client: u8, number: u8 },
    Release { client: u8, pick: u8 },
    Cancel { client: u8, pick: u8, force: bool },
    Retry { client: u8, pick: u8 },
    Detach { client: u8, pick: u8 },
    Scatter { client: u8, number: u8, worker: u8, replicas: u8 },
    Receive { worker: u8, number: u8 },
    UseScattered { client: u8, number: u8 },
    ClientMissing { client: u8, pick: u8, holder: u8 },
    Start { worker: u8, pick: u8 },
    Holds { worker: u8, pick: u8, what: u8 },
    Finish { worker: u8, pick: u8, nbytes: u16 },
    FinishGhost { worker: u8, pick: u8 },
    Fail { worker: u8, pick: u8 },
    Return { worker: u8, pick: u8 },
    Fetch { worker: u8, pick: u8 },
    OfferAnything { worker: u8, number: u8 },
    OfferFromBefore { worker: u8, numbers: Vec<u8>, nbytes: u16 },
    Drop { worker: u8, pick: u8 },
    WorkerMissing { worker: u8, pick: u8, holder: u8 },
    Pause { worker: u8, paused: bool },
    AnswerSteal { worker: u8 },
    Copy { worker: u8, pick: u8, well: bool },
    Replicate { client: u8, pick: u8, count: u8, worker: Option<u8> },
    Checkpoint { client: u8, pick: u8, count: u8 },
    Rebalance { client: u8 },
    RetireWorkers { client: u8, workers: Vec<u8> },
    RetireWorker { worker: u8, itself: bool },
    Wait { seconds: u16 },
    WaitMillis(u8),
    Repeat,
    Replay(u16),
    OtherEpoch(u16),
    Reload,
}

/// How many names there are to publish under.
const NAMES: u8 = 3;

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let targets = || prop::collection::vec(0..KEYS as u8, 1..5);
    let one = prop_oneof![
        2 => (0..2u8).prop_map(|environment| Op::JoinClient { environment }),
        1 => any::<u8>().prop_map(Op::LeaveClient),
        3 => (0..2u8, 1..4u8, 0..3u8).prop_map(|(environment, threads, gpus)| Op::JoinWorker { environment, threads, gpus }),
        2 => (any::<u8>(), any::<bool>()).prop_map(|(worker, intended)| Op::LeaveWorker { worker, intended }),
        8 => (any::<u8>(), targets(), prop::bool::weighted(0.2), 1..4u8)
            .prop_map(|(client, targets, bare, chunks)| Op::Submit { client, targets, bare, chunks }),
        3 => (any::<u8>(), targets(), 1..4u8)
            .prop_map(|(client, targets, chunks)| Op::Resubmit { client, targets, chunks }),
        4 => (any::<u8>(), any::<u8>(), any::<u8>(), prop::bool::weighted(0.2), targets(), 1..4u8).prop_map(
            |(client, worker, pick, late, targets, chunks)| Op::SubmitFrom { client, worker, pick, late, targets, chunks }
        ),
        2 => (any::<u8>(), any::<u8>(), 0..NAMES, any::<bool>())
            .prop_map(|(client, pick, name, replace)| Op::Publish { client, pick, name, replace }),
        1 => (any::<u8>(), 0..NAMES).prop_map(|(client, name)| Op::Unpublish { client, name }),
        1 => (any::<u8>(), 0..NAMES).prop_map(|(client, name)| Op::AskForWhatIsPublished { client, name }),
        1 => (any::<u8>(), targets()).prop_map(|(client, targets)| Op::Unfinished { client, targets }),
        1 => (any::<u8>(), 0..KEYS as u8).prop_map(|(client, number)| Op::Conflict { client, number }),
        4 => (any::<u8>(), any::<u8>()).prop_map(|(client, pick)| Op::Release { client, pick }),
        2 => (any::<u8>(), any::<u8>(), any::<bool>()).prop_map(|(client, pick, force)| Op::Cancel { client, pick, force }),
        2 => (any::<u8>(), any::<u8>()).prop_map(|(client, pick)| Op::Retry { client, pick }),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(client, pick)| Op::Detach { client, pick }),
        2 => (any::<u8>(), 0..6u8, any::<u8>(), 0..3u8)
            .prop_map(|(client, number, worker, replicas)| Op::Scatter { client, number, worker, replicas }),
        1 => (any::<u8>(), 0..6u8).prop_map(|(worker, number)| Op::Receive { worker, number }),
        2 => (any::<u8>(), 0..6u8).prop_map(|(client, number)| Op::UseScattered { client, number }),
        2 => (any::<u8>(), any::<u8>(), any::<u8>())
            .prop_map(|(client, pick, holder)| Op::ClientMissing { client, pick, holder }),
        6 => (any::<u8>(), any::<u8>()).prop_map(|(worker, pick)| Op::Start { worker, pick }),
        4 => (any::<u8>(), any::<u8>(), 0..3u8).prop_map(|(worker, pick, what)| Op::Holds { worker, pick, what }),
        14 => (any::<u8>(), any::<u8>(), any::<u16>())
            .prop_map(|(worker, pick, nbytes)| Op::Finish { worker, pick, nbytes }),
        2 => (any::<u8>(), any::<u8>()).prop_map(|(worker, pick)| Op::FinishGhost { worker, pick }),
        3 => (any::<u8>(), any::<u8>()).prop_map(|(worker, pick)| Op::Fail { worker, pick }),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(worker, pick)| Op::Return { worker, pick }),
        4 => (any::<u8>(), any::<u8>()).prop_map(|(worker, pick)| Op::Fetch { worker, pick }),
        1 => (any::<u8>(), 0..KEYS as u8).prop_map(|(worker, number)| Op::OfferAnything { worker, number }),
        3 => (any::<u8>(), targets(), 1..4u16)
            .prop_map(|(worker, numbers, nbytes)| Op::OfferFromBefore { worker, numbers, nbytes }),
        2 => (any::<u8>(), any::<u8>()).prop_map(|(worker, pick)| Op::Drop { worker, pick }),
        3 => (any::<u8>(), any::<u8>(), any::<u8>())
            .prop_map(|(worker, pick, holder)| Op::WorkerMissing { worker, pick, holder }),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(worker, paused)| Op::Pause { worker, paused }),
        3 => any::<u8>().prop_map(|worker| Op::AnswerSteal { worker }),
        4 => (any::<u8>(), any::<u8>(), prop::bool::weighted(0.8))
            .prop_map(|(worker, pick, well)| Op::Copy { worker, pick, well }),
        2 => (any::<u8>(), any::<u8>(), 0..4u8, prop::option::weighted(0.3, any::<u8>()))
            .prop_map(|(client, pick, count, worker)| Op::Replicate { client, pick, count, worker }),
        2 => (any::<u8>(), any::<u8>(), 0..3u8)
            .prop_map(|(client, pick, count)| Op::Checkpoint { client, pick, count }),
        1 => any::<u8>().prop_map(|client| Op::Rebalance { client }),
        1 => (any::<u8>(), prop::collection::vec(any::<u8>(), 0..4))
            .prop_map(|(client, workers)| Op::RetireWorkers { client, workers }),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(worker, itself)| Op::RetireWorker { worker, itself }),
        3 => (1..30u8).prop_map(Op::WaitMillis),
        1 => (1..400u16).prop_map(|seconds| Op::Wait { seconds }),
        2 => Just(Op::Repeat),
        2 => any::<u16>().prop_map(Op::Replay),
        1 => any::<u16>().prop_map(Op::OtherEpoch),
        1 => Just(Op::Reload),
    ];
    prop::collection::vec(one, 1..120)
}

fn published(name: u8) -> std::sync::Arc<str> {
    format!("name {name}").into()
}

fn address(worker: WorkerId) -> String {
    format!("test://w{}", worker.0.0)
}

fn pick<T: Copy>(from: impl IntoIterator<Item = T>, number: u8) -> Option<T> {
    let all: Vec<T> = from.into_iter().collect();
    (!all.is_empty()).then(|| all[usize::from(number) % all.len()])
}

impl World {
    fn client(&self, number: u8) -> Option<ClientId> {
        pick(self.clients.keys().copied(), number)
    }

    fn worker(&self, number: u8) -> Option<WorkerId> {
        pick(self.workers.keys().copied(), number)
    }

    fn apply(&mut self, op: &Op) {
        // What can't be picked is not there: the step does nothing.
        let _ =
            self.peers_op(op).or_else(|| self.client_op(op)).or_else(|| self.worker_op(op)).or_else(|| self.odd_op(op));
    }

    fn peers_op(&mut self, op: &Op) -> Option<()> {
        match *op {
            Op::JoinClient { environment } => drop(self.join_client(environment.into())),
            Op::LeaveClient(number) => self.leave_client(self.client(number)?),
            Op::JoinWorker { environment, threads, gpus } => {
                self.join_worker(environment.into(), threads.into(), gpus.into());
            }
            Op::LeaveWorker { worker, intended } => self.leave_worker(self.worker(worker)?, intended),
            Op::Wait { seconds } => {
                self.now = self.now + Duration::from_secs(seconds.into());
                self.event(Event::Tick);
            }
            Op::WaitMillis(millis) => {
                self.now = self.now + Duration::from_millis(millis.into());
                self.event(Event::Tick);
            }
            _ => return None,
        }
        Some(())
    }

    fn client_op(&mut self, op: &Op) -> Option<()> {
        match op {
            Op::Submit { client, targets, bare, chunks } => {
                let (client, (numbers, wanted)) = (self.client(*client)?, graph(targets, *bare));
                self.submit(client, &numbers, &wanted, usize::from(*chunks));
            }
            Op::Resubmit { client, targets, chunks } => {
                let (client, (numbers, wanted)) = (self.client(*client)?, graph(targets, false));
                self.resubmit(client, &numbers, &wanted, usize::from(*chunks));
            }
            Op::SubmitFrom { client, worker, pick: number, late, targets, chunks } => {
                let (client, worker) = (self.client(*client)?, self.worker(*worker)?);
                let runs = self.workers[&worker].runs.iter().map(|assignment| (assignment.task.key, assignment.run));
                let (parent, mut run) = pick(runs, *number)?;
                run.0 -= u64::from(*late);
                self.submit_from(client, (parent, run), &graph(targets, false).0, usize::from(*chunks));
            }
            Op::Publish { client, pick: number, name, replace } => {
                let client = self.client(*client)?;
                let key = pick(self.clients[&client].wants.keys().copied(), *number)?;
                let request = self.clients.get_mut(&client)?.request();
                let (name, shape, keys) = (published(*name), "one".into(), vec![key, key]);
                self.say(client, ClientToScheduler::Publish { request, name, keys, shape, replace: *replace });
            }
            Op::Unpublish { client, name } => {
                let client = self.client(*client)?;
                let request = self.clients.get_mut(&client)?.request();
                self.say(client, ClientToScheduler::Unpublish { request, name: published(*name) });
            }
            Op::AskForWhatIsPublished { client, name } => {
                let client = self.client(*client)?;
                let requests = [(); 2].map(|()| self.clients.get_mut(&client).map(|state| state.request()));
                let [Some(one), Some(all)] = requests else { return None };
                self.say(client, ClientToScheduler::Dataset { request: one, name: published(*name) });
                self.say(client, ClientToScheduler::Datasets(all));
            }
            Op::Unfinished { client, targets } => {
                let client = self.client(*client)?;
                let (numbers, _) = graph(targets, false);
                let environment = self.clients[&client].environment;
                let tasks = numbers.iter().map(|&number| world::task(environment, number)).collect();
                let submission = brisk_core::id::RequestId(1 << 40 | u64::from(targets[0]));
                let wants = Vec::new();
                self.say(client, ClientToScheduler::Submit { submission, chunk: 0, last: false, tasks, wants });
            }
            Op::Conflict { client, number } => {
                let client = self.client(*client)?;
                let environment = self.clients[&client].environment;
                let mut task = world::task(environment, (*number).into());
                task.function = world::function((u64::from(*number) + 1) % 3).id;
                task.dependencies = SmallVec::new();
                let submission = brisk_core::id::RequestId(1 << 41 | self.history.len() as u64);
                let (tasks, wants) = (vec![task], Vec::new());
                self.say(client, ClientToScheduler::Submit { submission, chunk: 0, last: true, tasks, wants });
            }
            Op::Release { client, pick: number } => {
                let client = self.client(*client)?;
                let wants = &mut self.clients.get_mut(&client)?.wants;
                let key = pick(wants.keys().copied(), *number)?;
                let (want, _) = wants.remove(&key)?;
                self.say(client, ClientToScheduler::Release(vec![(key, want)]));
            }
            Op::Cancel { client, pick: number, force } => {
                let client = self.client(*client)?;
                let wants = &self.clients[&client].wants;
                let (key, want) = pick(wants.iter().map(|(key, (want, _))| (*key, *want)), *number)?;
                self.say(client, cancel(vec![(key, want)], *force, *number));
            }
            Op::Retry { client, pick: number } => {
                let client = self.client(*client)?;
                let wants = &mut self.clients.get_mut(&client)?.wants;
                let erred = wants.iter().filter(|(_, (_, status))| *status == Status::Erred);
                let key = pick(erred.map(|(key, _)| *key), *number)?;
                let (want, status) = wants.get_mut(&key)?;
                *status = Status::Pending;
                let message = ClientToScheduler::Retry(vec![(key, *want)]);
                self.say(client, message);
            }
            Op::Detach { client, pick: number } => {
                let client = self.client(*client)?;
                let key = pick(self.clients[&client].wants.keys().copied(), *number)?;
                self.say(client, ClientToScheduler::Detach(vec![key]));
            }
            Op::Scatter { client, number, worker, replicas } => {
                let (client, worker) = (self.client(*client)?, self.worker(*worker)?);
                // Clients put values into workers of their own program.
                if self.clients[&client].environment == self.workers[&worker].environment {
                    self.scatter(client, (*number).into(), worker, (*replicas).into());
                }
            }
            Op::Receive { worker, number } => {
                let worker = self.worker(*worker)?;
                self.receive(worker, u64::from(*number));
            }
            Op::UseScattered { client, number } => {
                let client = self.client(*client)?;
                let state = self.clients.get_mut(&client)?;
                let number = u64::from(*number);
                let scattered = key(state.environment, world::SCATTERED + number);
                state.wants.get(&scattered)?;
                let mut task = world::task(state.environment, 0);
                task.key = key(state.environment, world::SCATTERED + 100 + number);
                task.dependencies = [scattered].into_iter().collect();
                let wants = vec![state.want(task.key)];
                let submission = brisk_core::id::RequestId(1 << 42 | self.history.len() as u64);
                self.say(
                    client,
                    ClientToScheduler::Submit { submission, chunk: 0, last: true, tasks: vec![task], wants },
                );
            }
            Op::ClientMissing { client, pick: number, holder } => {
                let client = self.client(*client)?;
                let wants = &self.clients[&client].wants;
                let (key, want) = pick(wants.iter().map(|(key, (want, _))| (*key, *want)), *number)?;
                let holders = self.worker(*holder).into_iter().collect();
                self.say(client, ClientToScheduler::Missing { key, want, holders });
            }
            Op::Replicate { client, pick: number, count, worker } => {
                let client = self.client(*client)?;
                let workers = worker.and_then(|worker| self.worker(worker)).map(|worker| address(worker).into());
                let state = self.clients.get_mut(&client)?;
                let wants = state.wants.iter().map(|(key, (want, _))| (*key, *want));
                let keys = vec![pick(wants, *number)?];
                let (request, count) = (state.request(), (*count).into());
                let workers = workers.into_iter().collect();
                self.say(client, ClientToScheduler::Replicate { request, keys, count, workers });
            }
            Op::Checkpoint { client, pick: number, count } => {
                let client = self.client(*client)?;
                let state = self.clients.get_mut(&client)?;
                let wants = state.wants.iter().map(|(key, (want, _))| (*key, *want));
                let keys = vec![pick(wants, *number)?];
                let (request, count) = (state.request(), (*count).into());
                self.say(client, ClientToScheduler::Checkpoint { request, keys, count });
            }
            Op::Rebalance { client } => {
                let client = self.client(*client)?;
                let request = self.clients.get_mut(&client)?.request();
                self.say(client, ClientToScheduler::Rebalance { request, keys: Vec::new() });
            }
            Op::RetireWorkers { client, workers } => {
                let client = self.client(*client)?;
                let workers = workers.iter().filter_map(|&worker| Some(address(self.worker(worker)?).into())).collect();
                let request = self.clients.get_mut(&client)?.request();
                self.say(client, ClientToScheduler::RetireWorkers { request, workers });
            }
            _ => return None,
        }
        Some(())
    }

    fn worker_op(&mut self, op: &Op) -> Option<()> {
        match *op {
            Op::Start { worker, pick: number } => {
                let worker = self.worker(worker)?;
                let state = self.workers.get_mut(&worker)?;
                let able = state.runnable().map(|i| &state.runs[i]);
                let idle = able.filter(|run| !state.started.contains(&run.run));
                let (key, run) = pick(idle.map(|run| (run.task.key, run.run)), number)?;
                state.started.insert(run);
                self.report(worker, WorkerToScheduler::Started { key, run });
            }
            Op::Holds { worker, pick: number, what } => {
                let worker = self.worker(worker)?;
                let state = self.workers.get_mut(&worker)?;
                let (key, run) = pick(state.runs.iter().map(|run| (run.task.key, run.run)), number)?;
                state.started.insert(run);
                self.holds(worker, key, run, what);
            }
            Op::Finish { worker, pick: number, nbytes } => {
                let worker = self.worker(worker)?;
                let index = pick(self.workers[&worker].runnable(), number)?;
                self.finish(worker, index, nbytes.into());
            }
            Op::FinishGhost { worker, pick: number } => {
                let worker = self.worker(worker)?;
                let (key, run) = pick(self.workers[&worker].ghosts.iter().copied(), number)?;
                let took = Duration::from_secs(1);
                self.report(worker, WorkerToScheduler::Finished { key, run, nbytes: 1, took, value: None });
            }
            Op::Fail { worker, pick: number } => {
                let worker = self.worker(worker)?;
                let index = pick(0..self.workers[&worker].runs.len(), number)?;
                self.fail(worker, index);
            }
            Op::Return { worker, pick: number } => {
                let worker = self.worker(worker)?;
                let index = pick(0..self.workers[&worker].runs.len(), number)?;
                let run = self.workers.get_mut(&worker)?.runs.remove(index);
                let message = WorkerToScheduler::Returned { key: run.task.key, run: run.run, reason: "test".into() };
                self.report(worker, message);
            }
            Op::Fetch { worker, pick: number } => {
                let worker = self.worker(worker)?;
                let needed = self.workers[&worker].runs.iter().flat_map(|run| &run.dependencies);
                let (key, nbytes) = pick(needed.map(|d| (d.key, d.nbytes)), number)?;
                let there = self.workers.values().any(|other| other.held.get(&key) == Some(&nbytes));
                if there && !self.workers[&worker].held.contains_key(&key) {
                    self.workers.get_mut(&worker)?.held.insert(key, nbytes);
                    self.report(worker, WorkerToScheduler::Added(vec![(key, nbytes)]));
                }
            }
            Op::OfferAnything { worker, number } => {
                let worker = self.worker(worker)?;
                let key = key(self.workers[&worker].environment, number.into());
                if !self.workers[&worker].held.contains_key(&key) {
                    self.workers.get_mut(&worker)?.held.insert(key, 3);
                    self.report(worker, WorkerToScheduler::Added(vec![(key, 3)]));
                }
            }
            Op::OfferFromBefore { worker, ref numbers, nbytes } => {
                let worker = self.worker(worker)?;
                let state = self.workers.get_mut(&worker)?;
                let mut values = Vec::new();
                for &number in numbers {
                    let key = key(state.environment, number.into());
                    values.push((key, *state.held.entry(key).or_insert(nbytes.into())));
                }
                self.report(worker, WorkerToScheduler::Offered(values));
            }
            Op::Drop { worker, pick: number } => {
                let worker = self.worker(worker)?;
                let held = &mut self.workers.get_mut(&worker)?.held;
                let key = pick(held.keys().copied(), number)?;
                held.remove(&key);
                self.report(worker, WorkerToScheduler::Dropped(vec![key]));
            }
            Op::WorkerMissing { worker, pick: number, holder } => {
                let worker = self.worker(worker)?;
                let needed = self.workers[&worker].runs.iter().flat_map(|run| &run.dependencies);
                let key = pick(needed.map(|d| d.key), number)?;
                self.workers.get_mut(&worker)?.held.remove(&key);
                let holders = self.worker(holder).into_iter().collect();
                self.report(worker, WorkerToScheduler::Missing { key, holders });
            }
            Op::AnswerSteal { worker } => {
                let worker = self.worker(worker)?;
                let state = self.workers.get_mut(&worker)?;
                let (request, mut runs) = state.steals.pop()?;
                runs.retain(|(_, run)| !state.started.contains(run) && state.runs.iter().any(|r| r.run == *run));
                state.runs.retain(|assignment| !runs.iter().any(|(_, run)| *run == assignment.run));
                self.report(worker, WorkerToScheduler::Stolen { request, runs });
            }
            Op::Copy { worker, pick: number, well } => {
                let worker = self.worker(worker)?;
                let index = pick(0..self.workers[&worker].copies.len(), number)?;
                self.copy(worker, index, well);
            }
            Op::RetireWorker { worker, itself } => {
                let worker = self.worker(worker)?;
                if itself {
                    self.report(worker, WorkerToScheduler::Retiring("its process ends".into()));
                } else {
                    self.event(Event::RetireWorker { worker, reason: "scaled down".into() });
                }
            }
            Op::Pause { worker, paused } => self.report(self.worker(worker)?, WorkerToScheduler::Paused(paused)),
            _ => return None,
        }
        Some(())
    }

    /// What the transport or a hostile peer might do.
    fn odd_op(&mut self, op: &Op) -> Option<()> {
        match *op {
            Op::Repeat => self.repeat()?,
            Op::Reload => self.reload(),
            Op::Replay(number) => {
                let fenced = self.history.iter().filter(|event| is_fenced(event));
                let fenced: Vec<_> = fenced.cloned().collect();
                let event = fenced.get(usize::from(number) % fenced.len().max(1))?.clone();
                self.handle(event);
            }
            Op::OtherEpoch(number) => {
                let event = self.history.get(usize::from(number) % self.history.len().max(1))?.clone();
                let before = self.machine.describe();
                let stale = match event {
                    Event::FromClient { client, message, .. } => {
                        Event::FromClient { client, epoch: brisk_core::id::Epoch(6), message }
                    }
                    Event::FromWorker { worker, message, .. } => {
                        Event::FromWorker { worker, epoch: brisk_core::id::Epoch(6), message }
                    }
                    _ => return None,
                };
                self.handle(stale);
                assert_eq!(self.machine.describe(), before, "I27: a message of another epoch changed something");
            }
            _ => return None,
        }
        Some(())
    }

    /// I28: a message that comes twice acts once. Of those that say "do it again" (wait, detach, retry) and of ends of
    /// sessions this holds too; of time it does not need to.
    fn repeat(&mut self) -> Option<()> {
        let event = self.history.last().filter(|event| !self.is_new_when_repeated(event))?.clone();
        // What is due comes first, or the second time would be the time that it comes.
        if self.machine.next_deadline().is_some_and(|at| at <= self.now) {
            self.handle(Event::Tick);
        }
        let before = self.machine.describe();
        self.handle(event.clone());
        let after = self.machine.describe();
        assert!(before == after, "I28: twice is not once: {event:?}\n{}", world::difference(&before, &after));
        Some(())
    }

    /// Every want is fulfilled or has failed once there are workers for everything; and nothing remains of anything once
    /// all have gone.
    fn heal_and_empty(mut self) {
        for worker in self.workers.keys().copied().collect::<Vec<_>>() {
            self.report(worker, WorkerToScheduler::Paused(false));
        }
        // Two of each build: one has an odd number and is called so.
        for environment in [0, 0, 1, 1] {
            self.join_worker(environment, 2, 4);
        }
        self.say_goodbye_to_open_submissions();
        assert!(self.finish_everything(), "the work does not end");
        for (id, client) in &self.clients {
            assert!(client.requests.is_empty(), "{id} waits for {:?}\n{}", client.requests, self.machine.describe());
        }
        for client in self.clients.values() {
            for (key, (_, status)) in &client.wants {
                assert_ne!(*status, Status::Pending, "I47: {key} never settles\n{}", self.machine.describe());
            }
        }
        let last = self.join_client(0);
        for name in 0..NAMES {
            let request = self.clients.get_mut(&last).unwrap().request();
            self.say(last, ClientToScheduler::Unpublish { request, name: published(name) });
        }
        for client in self.clients.keys().copied().collect::<Vec<_>>() {
            let wants = std::mem::take(&mut self.clients.get_mut(&client).unwrap().wants);
            let keys = wants.into_iter().map(|(key, (want, _))| (key, want)).collect();
            self.say(client, ClientToScheduler::Release(keys));
            self.say(client, ClientToScheduler::Goodbye);
        }
        assert!(self.finish_everything());
        assert_eq!(self.machine.snapshot().total(), 0, "I50: tasks remain\n{}", self.machine.describe());
        for (id, worker) in &self.workers {
            assert!(worker.held.is_empty(), "I50: {id} still holds {:?}", worker.held);
        }
        for worker in self.workers.keys().copied().collect::<Vec<_>>() {
            self.leave_worker(worker, true);
        }
        self.now = self.now + Duration::from_secs(10);
        self.event(Event::Tick);
        assert_eq!(self.machine.next_deadline(), None, "a timer remains");
    }

    /// Clients with a submission that they never ended leave: it would keep its tasks.
    fn say_goodbye_to_open_submissions(&mut self) {
        for client in self.clients.keys().copied().collect::<Vec<_>>() {
            if self.machine.describe().contains("refused: false") {
                self.leave_client(client);
            }
        }
    }
}

proptest! {
    #[test]
    fn invariants_hold_and_everything_ends(ops in ops()) {
        let mut world = World::new();
        for op in &ops {
            world.apply(op);
        }
        world.heal_and_empty();
    }

    #[test]
    fn the_same_events_give_the_same_actions(ops in ops()) {
        let mut world = World::new();
        for op in ops.iter().filter(|op| !matches!(op, Op::Repeat | Op::Replay(_) | Op::OtherEpoch(_))) {
            world.apply(op);
        }
        let mut log = Vec::new();
        let mut machine = Scheduler::new(world::config(), EPOCH);
        let mut now = brisk_core::time::Moment::ORIGIN;
        let mut later = ops.iter().filter_map(|op| match op {
            Op::Wait { seconds } => Some(Duration::from_secs((*seconds).into())),
            Op::WaitMillis(millis) => Some(Duration::from_millis((*millis).into())),
            _ => None,
        });
        for event in &world.history {
            if matches!(event, Event::Tick) {
                now = now + later.next().unwrap_or_default();
            }
            now = now + Duration::from_micros(10);
            machine.handle(now, event.clone());
            log.extend(std::iter::from_fn(|| machine.poll_action()).map(|action| format!("{action:?}")));
        }
        // The machine that made the log may have been read from a dump, which has no bodies of payloads.
        let seen: Vec<_> = world.log.iter().map(|action| action.replace(", absent", "")).collect();
        prop_assert_eq!(log, seen);
    }
}
