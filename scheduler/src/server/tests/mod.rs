//! The shell, over a transport that does what the test says.

mod fake;
mod notes;

use std::{sync::Arc, time::Duration};

use brisk_core::{
    comm::{CloseReason, PeerId},
    error::ErrorKind,
    function::{FunctionId, FunctionInfo},
    hello::{Hello, Purpose, Refusal, Role},
    id::{EnvironmentId, Epoch, Incarnation, RequestId, WantId},
    key::Key,
    message::{
        ClientToScheduler, KeyNews, Messages, SchedulerToClient, SchedulerToWorker, SubmittedTask, WorkerToScheduler,
    },
    payload::Payload,
    value::Datum,
};
use fake::*;
use smallvec::SmallVec;

use super::{Config, Server, Shared};
use crate::machine::What;

const EPOCH: Epoch = Epoch(3);

struct Site {
    server: Arc<Server>,
    listener: Arc<FakeListener>,
}

impl Site {
    fn new(config: Config) -> Self {
        let server = Server::start(config, EPOCH, tokio::runtime::Handle::current());
        let listener = FakeListener::new();
        server.serve(listener.clone());
        Site { server, listener }
    }

    /// Calls, and waits until the scheduler can answer.
    async fn call(&self, hello: Hello, comm: Arc<FakeComm>) -> Arc<FakeComm> {
        let comm = self.listener.call(hello, comm).await.unwrap();
        let peer = PeerId(comm.welcome().incarnation.0);
        let attached = async {
            while !self.server.0.core.lock().is_attached(peer) {
                self.server.0.drive();
                tokio::task::yield_now().await;
            }
            self.server.0.drive();
        };
        tokio::time::timeout(Duration::from_secs(20), attached).await.expect("the peer is attached");
        comm
    }

    async fn client(&self, comm: Arc<FakeComm>) -> Arc<FakeComm> {
        let comm = self.call(client_hello(), comm).await;
        comm.client_says(ClientToScheduler::Functions(vec![function()]));
        comm
    }

    async fn worker(&self, comm: Arc<FakeComm>) -> Arc<FakeComm> {
        self.call(worker_hello(), comm).await
    }
}

fn plain() -> Arc<FakeComm> {
    FakeComm::with(|_| {})
}

fn function() -> FunctionInfo {
    FunctionInfo {
        id: FunctionId::from_u128(1),
        name: "inc".into(),
        module: "test".into(),
        place: "src/main.rs:1".into(),
        is_async: false,
    }
}

fn submit(submission: u64, keys: std::ops::Range<u128>, spec: &Payload) -> ClientToScheduler {
    let tasks = keys.clone().map(|number| SubmittedTask {
        key: Key::from_u128(number),
        function: function().id,
        spec: spec.clone(),
        dependencies: SmallVec::new(),
        options: None,
    });
    let (tasks, wants) = (tasks.collect(), keys.map(|number| (Key::from_u128(number), WantId(1))).collect());
    ClientToScheduler::Submit { submission: RequestId(submission), chunk: 0, last: true, tasks, wants }
}

fn call() -> Payload {
    Payload::from_bytes(vec![1])
}

fn finished(comm: &FakeComm) -> usize {
    let is_memory = |m: &&SchedulerToClient| matches!(m, SchedulerToClient::News { news: KeyNews::Memory { .. }, .. });
    comm.to_client().iter().filter(is_memory).count()
}

fn error_of_first(comm: &FakeComm) -> brisk_core::error::TaskError {
    comm.wait(|sent, _| {
        client_messages(sent).into_iter().find_map(|message| match message {
            SchedulerToClient::News { news: KeyNews::Erred(error), .. } => Some(error),
            _ => None,
        })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_are_taken_by_purpose_and_epoch() {
    let site = Site::new(Config::default());
    let first = site.client(plain()).await.welcome();
    let second = site.worker(plain()).await.welcome();
    assert_eq!((first.epoch, second.epoch), (EPOCH, EPOCH));
    assert!(second.incarnation > first.incarnation);
    let data = Purpose::Data { role: Role::Client, caller: Incarnation(1), callee: Incarnation(2) };
    let hello = Hello::new(data, "x", EnvironmentId::IN_PROCESS);
    let refusal = site.listener.call(hello, plain()).await.err();
    assert_eq!(refusal, Some(Refusal::Purpose { listener: Role::Scheduler }));
    let hello = Hello { epoch: Some(Epoch(2)), ..client_hello() };
    let refusal = site.listener.call(hello, plain()).await.err();
    assert_eq!(refusal, Some(Refusal::AnotherEpoch { wanted: Epoch(2), here: EPOCH }));
    let hello = Hello { epoch: Some(EPOCH), ..client_hello() };
    assert!(site.listener.call(hello, plain()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_goes_to_the_worker_and_its_news_to_the_client() {
    let site = Site::new(Config::default());
    let (worker, client) = (site.worker(plain()).await, site.client(plain()).await);
    client.client_says(submit(1, 1..2, &call()));
    let run = worker.wait(|sent, _| match worker_messages(sent).pop()? {
        SchedulerToWorker::Run(run) => Some(run),
        _ => None,
    });
    let took = Duration::from_millis(1);
    worker.worker_says(WorkerToScheduler::Finished { key: run.task.key, run: run.run, nbytes: 8, took, value: None });
    client.wait(|sent, _| (client_messages(sent).len() == 2).then_some(()));
    let mut started = site.server.records().into_iter().filter_map(|record| match record.what {
        What::Transition { function, run: Some((worker, _)), .. } => Some((function, worker)),
        _ => None,
    });
    let (function, ran_on) = started.next_back().unwrap();
    assert_eq!((site.server.function_name(function).as_deref(), ran_on), (Some("inc"), worker_id(&worker)));
    let snapshot = site.server.snapshot();
    assert_eq!((snapshot.clients[0].client, snapshot.workers[0].values), (client_id(&client), 1));
    worker.lose();
    assert!(site.server.snapshot().workers.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_answers_within_the_sending_is_heard() {
    let site = Site::new(Config::default());
    let client = site.client(plain()).await;
    let worker = FakeComm::with(|comm| comm.answer = Some(at_once()));
    site.worker(worker).await;
    for i in 0..10 {
        client.client_says(submit(i + 1, u128::from(i) * 1_000..u128::from(i) * 1_000 + 1_000, &call()));
    }
    client.wait(|sent, _| (client_messages(sent).len() > 10_000).then_some(()));
    assert_eq!(finished(&client), 10_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_many_threads_deliver_at_once() {
    let site = Site::new(Config::default());
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(site.client(plain()).await);
    }
    let threads = clients.iter().cloned().map(|client| {
        tokio::task::spawn_blocking(move || {
            for i in 0..2_000 {
                client.client_says(ClientToScheduler::Sync(RequestId(i)));
            }
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        thread.await.unwrap();
    }
    for client in clients {
        // In order, and each once.
        let synced = client.wait(|sent, _| Some(client_messages(sent)).filter(|messages| messages.len() == 2_000));
        let expected: Vec<_> = (0..2_000).map(|i| SchedulerToClient::Synced(RequestId(i))).collect();
        assert_eq!(synced, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_finds_no_room_waits_in_order_and_goes_when_there_is_some() {
    let site = Site::new(Config::default());
    let client = site.client(plain()).await;
    client.set_room(Some(1));
    for i in 0..100 {
        client.client_says(ClientToScheduler::Sync(RequestId(i)));
    }
    let sent = client.wait(|sent, _| (!sent.is_empty()).then_some(sent.len()));
    assert_eq!(sent, 1);
    client.set_room(None);
    let synced = client.wait(|sent, _| Some(client_messages(sent)).filter(|messages| messages.len() == 100));
    assert_eq!(synced, (0..100).map(|i| SchedulerToClient::Synced(RequestId(i))).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_takes_nothing_is_sent_away() {
    let site = Site::new(Config { outbox_messages: 10, ..Config::default() });
    let (lazy, other) = (site.client(plain()).await, site.client(plain()).await);
    lazy.set_room(Some(0));
    for i in 0..20 {
        lazy.client_says(ClientToScheduler::Sync(RequestId(i)));
    }
    assert_eq!(lazy.closed(), CloseReason::Stalled);
    let snapshot = site.server.snapshot();
    assert_eq!(snapshot.clients.iter().map(|c| c.client).collect::<Vec<_>>(), [client_id(&other)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn deadlines_come_without_anybodys_doing() {
    let mut config = Config::default();
    config.machine.notice_after = Duration::from_millis(30);
    config.machine.no_worker_timeout = Duration::from_millis(60);
    let site = Site::new(config);
    let client = site.client(plain()).await;
    client.client_says(submit(1, 1..2, &call()));
    assert_eq!(error_of_first(&client).kind(), ErrorKind::NoWorker);
    assert!(matches!(client.to_client()[0], SchedulerToClient::Notice { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_another_session_is_dropped_and_one_of_another_link_ends_the_connection() {
    let site = Site::new(Config::default());
    let client = site.client(plain()).await;
    let sync = |i| Messages::ClientToScheduler(vec![ClientToScheduler::Sync(RequestId(i))]);
    client.say_as(Incarnation(99), sync(1));
    client.say(sync(2));
    assert_eq!(client.to_client(), [SchedulerToClient::Synced(RequestId(2))]);
    client.worker_says(WorkerToScheduler::Paused(true));
    assert!(matches!(client.closed(), CloseReason::Protocol(text) if text.contains("worker to scheduler")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_leaves_the_process_is_sealed_and_what_can_not_be_is_that_tasks_error() {
    struct Refuses;
    impl serde::Serialize for Refuses {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("never"))
        }
    }
    impl<'de> serde::Deserialize<'de> for Refuses {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            Err(serde::de::Error::custom("never"))
        }
    }
    let site = Site::new(Config::default());
    let worker = site.worker(FakeComm::with(|comm| comm.by_reference = false)).await;
    let client = site.client(plain()).await;
    client.client_says(submit(1, 1..2, &Payload::from_value(Datum::new(7_u64))));
    client.client_says(submit(2, 2..3, &Payload::from_value(Datum::new(Refuses))));
    let error = error_of_first(&client);
    assert_eq!((error.kind(), error.key()), (ErrorKind::Encode, Some(Key::from_u128(2))));
    let runs = worker.wait(|sent, _| Some(worker_messages(sent)).filter(|messages| !messages.is_empty()));
    let [SchedulerToWorker::Run(run)] = &runs[..] else { panic!("{runs:?}") };
    assert_eq!(run.spec, Payload::from_value(Datum::new(7_u64)).sealed().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_too_long_is_divided() {
    let site = Site::new(Config::default());
    let client = site.client(FakeComm::with(|comm| comm.longest = Some(1))).await;
    let syncs = (0..100).map(|i| ClientToScheduler::Sync(RequestId(i))).collect();
    client.say(Messages::ClientToScheduler(syncs));
    assert_eq!(client.to_client(), (0..100).map(|i| SchedulerToClient::Synced(RequestId(i))).collect::<Vec<_>>());
    // A run that can't be sent at all is that task's error.
    site.worker(FakeComm::with(|comm| comm.longest = Some(0))).await;
    client.client_says(submit(1, 1..2, &call()));
    assert_eq!(error_of_first(&client).kind(), ErrorKind::TooLarge);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bug_sends_everybody_away_with_its_words() {
    let site = Site::new(Config::default());
    let (worker, client) = (site.worker(plain()).await, site.client(plain()).await);
    let shared: &Shared = &site.server.0;
    shared.core.lock().end(shared, Some("two and two are five"));
    for peer in [&worker, &client] {
        assert!(matches!(peer.closed(), CloseReason::Protocol(text) if text.contains("two and two are five")));
    }
    assert!(*site.listener.is_closed.lock());
    client.client_says(ClientToScheduler::Sync(RequestId(1)));
    assert_eq!(client.to_client(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_dismisses_the_workers_and_nothing_keeps_the_server_alive() {
    let site = Site::new(Config::default());
    let weak = Arc::downgrade(&site.server.0);
    let (worker, client) = (site.worker(plain()).await, site.client(plain()).await);
    // A peer without room, for which a task waits.
    client.set_room(Some(0));
    client.client_says(ClientToScheduler::Sync(RequestId(1)));
    let Site { server, listener } = site;
    drop(server);
    worker.closed();
    client.closed();
    let told = worker.wait(|sent, _| Some(worker_messages(sent)));
    assert_eq!(told, [SchedulerToWorker::Dismiss("the scheduler has ended".into())]);
    assert!(*listener.is_closed.lock());
    let gone = async {
        while weak.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("nothing holds the server");
}
