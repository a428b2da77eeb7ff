//! Workers that lose their scheduler and come back.

use std::{sync::Arc, time::Duration};

use brisk_core::{
    hello::Role,
    id::EnvironmentId,
    message::{SchedulerToWorker, WorkerToScheduler},
    task::TaskItem,
};
use brisk_worker::server::{Ended, Rejoin, Site, StartError, Stop, Worker, WorkerConfig};
use tokio::{runtime::Handle, sync::oneshot, task::JoinHandle};

use crate::common::{
    Cluster, inline, on_both,
    tasks::{self, Add, Blocks},
};

type Serving = (JoinHandle<Result<Ended, StartError>>, oneshot::Sender<()>);

/// A worker that serves until it is told to stop.
fn serve(cluster: &Cluster, threads: u32, deadline: Duration) -> Serving {
    let config = WorkerConfig {
        name: "w".into(),
        host: "here".into(),
        threads,
        memory_limit: 0,
        resources: Vec::new(),
        speed_percent: 50,
        shown_bytes: brisk_core::show::SHOWN_BYTES,
        environment: EnvironmentId::IN_PROCESS,
        registry: Arc::new(tasks::registry()),
        async_tasks: Handle::current(),
        provided: None,
    };
    let network = cluster.network.clone();
    let sessions = std::sync::atomic::AtomicU32::new(0);
    let site = Site {
        scheduler: cluster.scheduler(),
        connector: cluster.network.connector(),
        listen: Box::new(move || {
            let session = sessions.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            network.listen(&format!("w{session}"), Role::Worker)
        }),
        runtime: Handle::current(),
    };
    let mut rejoin = Rejoin::default();
    rejoin.deadline = deadline;
    let (stop, stopped) = oneshot::channel();
    let stopped = async move {
        drop(stopped.await);
        Stop::AtOnce
    };
    (tokio::spawn(Worker::serve(config, site, rejoin, stopped)), stop)
}

#[test]
fn finished_values_are_offered_and_work_in_hand_is_abandoned() {
    on_both(|cluster| async move {
        let (serving, stop) = serve(&cluster, 2, Duration::from_secs(60));
        let mut first = cluster.meet().await;
        let node = cluster.call(Add::DEF, vec![inline(1i64), inline(2i64)]);
        let (key, _) = cluster.give(&first, &node);
        assert!(matches!(first.hears().await, WorkerToScheduler::Started { .. }));
        let WorkerToScheduler::Finished { nbytes, .. } = first.hears().await else { panic!("not the end") };
        let gate = tasks::gate();
        let blocked = cluster.call(Blocks::DEF, vec![inline(gate.number)]);
        cluster.give(&first, &blocked);
        gate.begun.await.unwrap();
        first.close();

        let mut second = cluster.meet().await;
        assert_eq!(second.hears().await, WorkerToScheduler::Offered(vec![(key, nbytes)]));
        assert_eq!((second.info.threads, second.info.speed_percent), (2, 50));
        // One thread is stuck with what nobody waits for. The other works; what is too much for it waits.
        let gates = [tasks::gate(), tasks::gate()];
        let nodes = [0, 1].map(|i: usize| cluster.call(Blocks::DEF, vec![inline(gates[i].number)]));
        let [(k1, r1), (k2, r2)] = [0, 1].map(|i: usize| cluster.give(&second, &nodes[i]));
        assert_eq!(second.hears().await, WorkerToScheduler::Started { key: k1, run: r1 });
        drop(gate.go_on);
        assert_eq!(second.hears().await, WorkerToScheduler::Started { key: k2, run: r2 });
        drop(gates);
        drop(stop);
        let last = second.hears_the_end().await;
        assert!(last.iter().any(|message| matches!(message, WorkerToScheduler::Goodbye(_))), "{last:?}");
        assert_eq!(serving.await.unwrap().unwrap(), Ended::Shutdown);
    });
}

#[test]
fn a_worker_gives_up_at_its_deadline_and_does_not_come_back_when_it_was_sent_away() {
    on_both(|cluster| async move {
        let (serving, _stop) = serve(&cluster, 1, Duration::from_millis(300));
        let met = cluster.meet().await;
        cluster.close();
        met.close();
        assert!(matches!(serving.await.unwrap().unwrap(), Ended::SchedulerLost(_)));
    });
    on_both(|cluster| async move {
        let (serving, _stop) = serve(&cluster, 1, Duration::from_secs(60));
        let met = cluster.meet().await;
        met.say(SchedulerToWorker::Dismiss("enough".into()));
        assert_eq!(serving.await.unwrap().unwrap(), Ended::Dismissed("enough".into()));
    });
}
