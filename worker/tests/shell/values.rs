//! Values: fetched from peers, served to clients, refused to strangers.

use std::sync::Arc;

use brisk_core::{
    comm::{CloseReason, ConnectError, Inbox, PeerId, Permit},
    error::ErrorKind,
    hello::{Hello, Purpose, Refusal},
    id::{EnvironmentId, Incarnation, WorkerId},
    key::Key,
    message::{Batch, FetchOutcome, SchedulerToWorker, WorkerToScheduler},
    task::TaskItem,
};
use brisk_transport_inproc::InprocNetwork;

use crate::common::{
    Cluster, Joined, inline, on, on_both, on_one_thread, result_of,
    tasks::{Add, Blob, Secret, shared},
};

#[test]
fn a_value_is_fetched_from_a_peer_and_reported() {
    on_both(|cluster| async move {
        let (mut giver, mut taker) = (cluster.worker("giver", 1).await, cluster.worker("taker", 1).await);
        cluster.introduce(&giver, &taker);
        let x = cluster.call(Add::DEF, vec![inline(1i64), inline(1i64)]);
        let made = cluster.assign(&giver, &x, false, &[]);
        giver.finishes(made).await;
        let y = cluster.call(Add::DEF, vec![result_of(&x), inline(1i64)]);
        let run = cluster.assign(&taker, &y, true, &[&giver]);
        let added = taker.hears().await;
        assert!(
            matches!(&added, WorkerToScheduler::Added(keys) if keys.len() == 1 && keys[0].0 == made.0),
            "{added:?}"
        );
        assert_eq!(taker.result::<i64>(run).await, 3);
        assert_eq!(taker.worker.snapshot().values, 2);
    });
}

#[test]
fn many_values_come_from_two_peers() {
    on_both(|cluster| async move {
        let mut givers = [cluster.worker("a", 2).await, cluster.worker("b", 2).await];
        let mut taker = cluster.worker("taker", 2).await;
        let mut nodes = Vec::new();
        for (n, giver) in givers.iter_mut().enumerate() {
            cluster.introduce(giver, &taker);
            for i in 0..100i64 {
                let node = cluster.call(Add::DEF, vec![inline(i), inline(1_000 * n as i64)]);
                let run = cluster.assign(giver, &node, false, &[]);
                giver.finishes(run).await;
                nodes.push((n, node));
            }
        }
        for (n, node) in &nodes {
            let next = cluster.call(Add::DEF, vec![result_of(node), inline(1i64)]);
            cluster.assign(&taker, &next, true, &[&givers[*n]]);
        }
        let mut sum = 0;
        let mut ended = 0;
        while ended < nodes.len() {
            match taker.hears().await {
                WorkerToScheduler::Finished { value: Some(value), .. } => {
                    ended += 1;
                    sum += value.into_value().into_value::<i64>().unwrap();
                }
                WorkerToScheduler::Added(_) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(sum, 2 * (0..100).sum::<i64>() + 100_000 + 200);
    });
}

#[test]
fn in_process_a_value_is_never_copied() {
    on(InprocNetwork::new(), |cluster| async move {
        let mut giver = cluster.worker("giver", 1).await;
        let key = blob(&cluster, &mut giver, 1 << 20).await;
        let mut link = cluster.data_link(&giver).await;
        link.ask(1, vec![key]);
        let (first, _) = link.answers(1, 1).await;
        link.ask(2, vec![key]);
        let (second, _) = link.answers(2, 1).await;
        let value = |(_, outcome): &(Key, FetchOutcome)| match outcome {
            FetchOutcome::Value(payload) => shared(&payload.clone().into_value()),
            other => panic!("{other:?}"),
        };
        assert!(Arc::ptr_eq(&value(&first[0]), &value(&second[0])));
    });
}

#[test]
fn a_client_is_answered_for_every_key_in_pieces_if_they_are_long() {
    on_both(|cluster| async move {
        let mut giver = cluster.worker("giver", 1).await;
        let mut keys = Vec::new();
        for extra in 0..5 {
            keys.push(blob(&cluster, &mut giver, (768 << 10) + extra).await);
        }
        keys.push(Key::from_u128(1));
        let mut link = cluster.data_link(&giver).await;
        link.ask(7, keys.clone());
        let (answers, messages) = link.answers(7, 6).await;
        let found = answers.iter().filter(|(_, outcome)| matches!(outcome, FetchOutcome::Value(_))).count();
        let missing = answers.iter().filter(|(_, outcome)| *outcome == FetchOutcome::Missing).count();
        assert_eq!((found, missing), (5, 1));
        let expected = if cluster.network.scheme() == "inproc" { 1 } else { 3 };
        assert_eq!(messages, expected, "two megabytes are enough for one message");
    });
}

#[test]
fn a_value_whose_bytes_are_at_hand_is_answered_at_once_however_long_it_is() {
    on_one_thread(InprocNetwork::encoding(), |cluster| async move {
        let mut giver = cluster.worker("giver", 1).await;
        let key = blob(&cluster, &mut giver, 1 << 20).await;
        let mut link = cluster.data_link(&giver).await;
        // Once this is answered the link is open on both sides.
        link.ask(1, vec![Key::from_u128(1)]);
        link.answers(1, 1).await;
        link.ask(2, vec![key]);
        assert_eq!(link.unread(), 1, "the thread that asks has the answer");
        link.answers(2, 1).await;
    });
}

#[test]
fn a_value_that_cannot_be_encoded_is_the_consumers_error() {
    on(InprocNetwork::encoding(), |cluster| async move {
        let (mut giver, mut taker) = (cluster.worker("giver", 1).await, cluster.worker("taker", 1).await);
        cluster.introduce(&giver, &taker);
        let secret = cluster.call(Secret::DEF, vec![]);
        let made = cluster.assign(&giver, &secret, false, &[]);
        giver.finishes(made).await;
        let next = cluster.call(Add::DEF, vec![result_of(&secret), inline(1i64)]);
        let failure = taker.failure(cluster.assign(&taker, &next, true, &[&giver])).await;
        assert_eq!(failure.kind, ErrorKind::Encode);
        assert!(failure.message.contains("can't leave worker giver"), "{failure:?}");
        assert!(failure.message.contains("Unencodable can't be encoded"), "{failure:?}");
    });
}

#[test]
fn a_holder_that_is_gone_or_has_nothing_is_told_of() {
    on_both(|cluster| async move {
        let (giver, mut taker) = (cluster.worker("giver", 1).await, cluster.worker("taker", 1).await);
        cluster.introduce(&giver, &taker);
        let x = cluster.call(Add::DEF, vec![inline(1i64), inline(1i64)]);
        let key = x.key().unwrap();
        let y = cluster.call(Add::DEF, vec![result_of(&x), inline(1i64)]);
        cluster.assign(&taker, &y, true, &[&giver]);
        // It is there but has no such value.
        assert_eq!(taker.hears().await, missing(key, &giver));
        giver.worker.shutdown();
        giver.worker.ended().await;
        let z = cluster.call(Add::DEF, vec![result_of(&x), inline(2i64)]);
        taker.say(SchedulerToWorker::Cancel { key: y.key().unwrap(), run: last_run(&cluster) });
        cluster.assign(&taker, &z, true, &[&giver]);
        // It is not there any more.
        assert_eq!(taker.hears().await, missing(key, &giver));
    });
}

#[test]
fn who_asks_and_does_not_listen_is_stopped() {
    on_both(|cluster| async move {
        let joined = cluster.worker("w", 1).await;
        let mut link = cluster.data_link(&joined).await;
        let nothing = Key::from_u128(1);
        let asked = (0..10_000).take_while(|n| link.try_ask(*n, vec![nothing])).count() as u64;
        assert!(asked < 10_000, "answers that nobody takes must not pile up");
        // A data link keeps no order: each is answered once.
        let mut answered = std::collections::BTreeSet::new();
        while (answered.len() as u64) < asked {
            let more = link.answered().await;
            assert!(more.into_iter().all(|n| n < asked && answered.insert(n)));
        }
        // Once it listens it is served again.
        while !link.try_ask(asked, vec![nothing]) {
            tokio::task::yield_now().await;
        }
        link.answers(asked, 1).await;
    });
}

#[test]
fn strangers_and_those_who_mean_another_are_refused() {
    on_both(|cluster| async move {
        let joined = cluster.worker("w", 1).await;
        let address = cluster.address(&joined);
        let refusal = |hello: Hello| {
            let (connector, address) = (cluster.network.connector(), address.clone());
            async move {
                match connector.connect(&address, hello, PeerId(1), Arc::new(Deaf)).await {
                    Err(ConnectError::Refused { refusal, .. }) => refusal,
                    Err(other) => panic!("{other}"),
                    Ok(_) => panic!("it was taken"),
                }
            }
        };
        let other = Incarnation(77);
        let wrong = cluster.data_hello(WorkerId(other));
        let here = joined.worker.id().0;
        assert_eq!(refusal(wrong).await, Refusal::AnotherIncarnation { wanted: other, here });
        let client = Hello::new(Purpose::Client { program: None }, "test", EnvironmentId::IN_PROCESS);
        assert!(matches!(refusal(client).await, Refusal::Purpose { .. }));
    });
}

struct Deaf;

impl Inbox for Deaf {
    fn deliver(&self, _: PeerId, _: Batch, _: Permit) {}

    fn closed(&self, _: PeerId, _: CloseReason) {}
}

async fn blob(cluster: &Cluster, joined: &mut Joined, length: usize) -> Key {
    let node = cluster.call(Blob::DEF, vec![inline(length)]);
    let run = cluster.assign(joined, &node, false, &[]);
    joined.finishes(run).await;
    run.0
}

fn missing(key: Key, holder: &Joined) -> WorkerToScheduler {
    WorkerToScheduler::Missing { key, holders: [holder.worker.id()].into_iter().collect() }
}

fn last_run(cluster: &Cluster) -> brisk_core::id::RunId {
    cluster.last_run()
}
