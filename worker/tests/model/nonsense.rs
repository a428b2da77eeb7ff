//! A scheduler that says anything at any time, and lengths that can't be.

use std::time::Duration;

use super::*;

/// What such a scheduler says, and what happens meanwhile.
pub(crate) fn op() -> impl Strategy<Value = Op> {
    let index = any::<Index>;
    prop_oneof![
        6 => message().prop_map(Op::Nonsense),
        3 => super::op(),
        1 => (index(), length()).prop_map(|(run, nbytes)| Op::DoneWith(run, nbytes)),
    ]
}

fn message() -> impl Strategy<Value = SchedulerToWorker> {
    let run = || (0..20u64).prop_map(RunId);
    let runs = proptest::collection::vec((a_key(), run()), 0..4);
    let copies = || proptest::collection::vec(dependency(), 0..5);
    prop_oneof![
        12 => (a_key(), run(), copies(), option_of(0..100u64))
            .prop_map(|(key, run, needs, limit)| SchedulerToWorker::Run(assignment(key, run, needs, limit))),
        3 => (a_key(), run()).prop_map(|(key, run)| SchedulerToWorker::Cancel { key, run }),
        2 => (a_key(), run()).prop_map(|(key, run)| SchedulerToWorker::Abandon { key, run }),
        3 => proptest::collection::vec(a_key(), 0..4).prop_map(SchedulerToWorker::Free),
        3 => (a_key(), any::<u8>())
            .prop_map(|(key, bits)| SchedulerToWorker::Holders { key, holders: workers(bits).collect() }),
        2 => runs.prop_map(|runs| SchedulerToWorker::Steal { request: RequestId(1), runs }),
        3 => copies().prop_map(SchedulerToWorker::Acquire),
        2 => a_worker().prop_map(|worker| {
            SchedulerToWorker::Worker { worker, address: "inproc://x".parse().unwrap(), host: "here".into() }
        }),
        1 => a_worker().prop_map(SchedulerToWorker::WorkerGone),
    ]
}

fn option_of<T: std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    proptest::option::weighted(0.3, value)
}

fn a_key() -> impl Strategy<Value = Key> {
    (0..KEYS).prop_map(key)
}

/// Peers, known or not, and this worker itself.
fn a_worker() -> impl Strategy<Value = WorkerId> {
    prop_oneof![4 => (0..PEERS + 2).prop_map(peer), 1 => Just(ME)]
}

/// Needs itself, or the same thing twice, or something that is too long for any machine.
fn dependency() -> impl Strategy<Value = DependencyInfo> {
    (a_key(), length(), any::<u8>()).prop_map(|(key, nbytes, bits)| DependencyInfo {
        key,
        nbytes,
        holders: workers(bits).collect(),
    })
}

fn length() -> impl Strategy<Value = u64> {
    prop_oneof![3 => 0..500u64, 1 => u64::MAX - 2..=u64::MAX, 1 => any::<u64>()]
}

fn assignment(key: Key, run: RunId, dependencies: Vec<DependencyInfo>, limit: Option<u64>) -> Box<Assignment> {
    Box::new(Assignment {
        task: TaskName::of_call("t".into(), key),
        run,
        attempt: 1,
        priority: Priority { generation: run.0 % 3, ..Priority::default() },
        spec: Payload::from_bytes(vec![1]),
        dependencies,
        resources: Vec::new(),
        wanted: false,
        reproducible: run.0.is_multiple_of(2),
        timeout: limit.map(|ms| if ms == 99 { Duration::MAX } else { Duration::from_millis(ms * 100) }),
    })
}
