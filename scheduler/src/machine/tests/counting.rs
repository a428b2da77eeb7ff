//! What is dropped, and what is told of a machine: counted, each kind by itself.

use brisk_core::{
    hello::WorkerInfo,
    id::{ClientId, Epoch, Incarnation, RequestId, SupervisorId, WorkerId},
    message::{ClientToScheduler, SchedulerToWorker, SupervisorToScheduler, WorkerToScheduler},
    state::TaskState,
};

use super::bench::*;
use crate::machine::{Action, Event, What};

const OTHER: Epoch = Epoch(9);

#[test]
fn what_is_meant_for_another_life_of_the_scheduler_does_nothing_and_is_counted() {
    let mut bench = Bench::new();
    let (w, c, s) = (bench.worker(1), bench.client(), bench.supervisor().0);
    let sent = run(&bench.submit(c, vec![task(1, &[])], &[1])).1;
    let before = bench.machine.describe();
    let message = ClientToScheduler::Release(vec![want(1)]);
    assert_eq!(bench.event(Event::FromClient { client: c, epoch: OTHER, message }), []);
    let message = WorkerToScheduler::Started { key: key(1), run: sent.1 };
    assert_eq!(bench.event(Event::FromWorker { worker: w, epoch: OTHER, message }), []);
    let message = SupervisorToScheduler::Goodbye;
    assert_eq!(bench.event(Event::FromSupervisor { supervisor: s, epoch: OTHER, message }), []);
    assert_eq!(bench.machine.describe(), before);
    assert_eq!((bench.machine.counters().stale_epochs, bench.machine.counters().unknown_peers), (3, 0));
    assert_eq!(bench.release(c, 1).len(), 1);
    assert_ne!(bench.machine.describe(), before, "what does happen is seen");
}

#[test]
fn what_comes_from_nobody_does_nothing_and_is_counted() {
    let mut bench = Bench::new();
    bench.worker(1);
    let nobody = Incarnation(99);
    let before = bench.machine.describe();
    assert_eq!(bench.say(ClientId(nobody), ClientToScheduler::Sync(RequestId(1))), []);
    assert_eq!(bench.machine.counters().unknown_peers, 1);
    assert_eq!(bench.report(WorkerId(nobody), WorkerToScheduler::Paused(true)), []);
    assert_eq!(bench.machine.counters().unknown_peers, 2);
    assert_eq!(bench.kill(WorkerId(nobody)), []);
    assert_eq!(bench.machine.counters().unknown_peers, 3);
    bench.advise(SupervisorId(nobody), SupervisorToScheduler::Goodbye);
    assert_eq!(bench.machine.counters().unknown_peers, 4);
    assert_eq!(bench.event(Event::SupervisorLeft { supervisor: SupervisorId(nobody), reason: "bye".into() }), []);
    assert_eq!(bench.machine.counters().unknown_peers, 5);
    assert_eq!(bench.event(Event::ClientLeft { client: ClientId(nobody), reason: "bye".into() }), []);
    assert_eq!(bench.machine.counters().unknown_peers, 6);
    assert_eq!(bench.machine.describe(), before);
}

#[test]
fn who_is_there_does_not_join_again() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let before = bench.machine.describe();
    let again = Event::ClientJoined { client: c, name: "d".into(), environment: HERE, program: None };
    assert_eq!(bench.event(again), []);
    assert_eq!(bench.machine.counters().unknown_peers, 1);
    let info = WorkerInfo {
        address: "test://again".parse().unwrap(),
        host: "host".into(),
        threads: 9,
        memory_limit: 0,
        speed_percent: 100,
        resources: Vec::new(),
    };
    bench.event(Event::WorkerJoined { worker: w, name: "again".into(), environment: HERE, info });
    assert_eq!(bench.machine.counters().unknown_peers, 2);
    assert_eq!(bench.machine.describe(), before);
}

#[test]
fn a_supervisor_that_leaves_or_says_goodbye_is_gone() {
    for says_goodbye in [false, true] {
        let mut bench = Bench::new();
        let s = bench.supervisor().0;
        assert_eq!(bench.machine.snapshot().supervisors.len(), 1);
        if says_goodbye {
            let closed = Action::CloseSupervisor { supervisor: s, reason: "".into() };
            assert_eq!(bench.advise(s, SupervisorToScheduler::Goodbye), [closed]);
        } else {
            assert_eq!(bench.event(Event::SupervisorLeft { supervisor: s, reason: "bye".into() }), []);
        }
        assert_eq!(bench.machine.snapshot().supervisors.len(), 0);
        assert_eq!(bench.machine.counters().unknown_peers, 0);
    }
}

#[test]
fn each_transition_is_recorded_with_its_run() {
    let mut bench = Bench::new();
    let c = bench.client();
    bench.submit(c, vec![task(1, &[])], &[1]);
    let (w, actions) = bench.worker_with(1, "", &[]);
    let sent = run(&actions).1;
    bench.finish(w, sent, 8);
    bench.release(c, 1);
    let transitions = bench.whats().into_iter().filter_map(|what| match what {
        What::Transition { key: k, from, to, run, .. } if k == key(1) => Some((from, to, run)),
        _ => None,
    });
    let (all, its_run) = (transitions.collect::<Vec<_>>(), Some((w, sent.1)));
    use TaskState::{Forgotten, Memory, NoWorker, Processing, Queued, Released, Waiting};
    assert_eq!(
        all,
        [
            (Released, Waiting, None),
            (Waiting, NoWorker, None),
            (NoWorker, Queued, None),
            (Queued, Processing, its_run),
            (Processing, Memory, its_run),
            (Memory, Forgotten, None),
        ]
    );
}

#[test]
fn a_machine_tells_how_many_tasks_it_has_and_of_what() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let sent = run(&bench.submit(c, vec![task(1, &[]), task(2, &[1]), task(3, &[2])], &[3])).1;
    bench.finish(w, sent, 8);
    let snapshot = bench.machine.snapshot();
    assert_eq!((snapshot.total(), bench.machine.task_count()), (3, 3));
    let count = |state| snapshot.count(state);
    let counts = (count(TaskState::Memory), count(TaskState::Processing), count(TaskState::Waiting));
    assert_eq!(counts, (1, 1, 1));
    let function = bench.whats().into_iter().find_map(|what| match what {
        What::Transition { function, .. } => Some(function),
        _ => None,
    });
    assert_eq!(function.and_then(|index| bench.machine.function(index)).map(|f| &*f.name), Some("inc"));
}

/// A worker leaves out that a run has begun if it can say in the same breath that it has ended.
#[test]
fn a_run_that_has_ended_had_begun() {
    let recorded = |says_so: bool| {
        let mut bench = Bench::new();
        let (w, c) = (bench.worker(1), bench.client());
        let sent = run(&bench.submit(c, vec![task(1, &[])], &[1])).1;
        if says_so {
            bench.start(w, sent);
        }
        bench.finish(w, sent, 8);
        let started = bench.whats().iter().filter(|what| matches!(what, What::Started { .. })).count();
        assert_eq!(started, 1, "{says_so}");
        (bench.whats(), bench.machine.describe())
    };
    assert_eq!(recorded(true), recorded(false));
}

#[test]
fn what_only_says_how_somebody_is_changes_nothing_and_sends_nobody_away() {
    let mut bench = Bench::new();
    let (w, (supervisor, _)) = (bench.worker(1), bench.supervisor());
    assert_eq!(bench.report(w, WorkerToScheduler::Health { bytes: 8, values: 1 }), []);
    assert_eq!(bench.report(w, WorkerToScheduler::Notes(vec![])), []);
    assert_eq!(bench.advise(supervisor, SupervisorToScheduler::Done(RequestId(1))), []);
    assert_eq!(bench.machine.counters().unasked_answers, 1);
}

#[test]
fn who_misses_what_it_does_not_need_is_no_reason_to_doubt_the_holder() {
    let mut bench = Bench::new();
    let (holder, c) = (bench.worker(1), bench.client());
    bench.make(c, 1, 8);
    let other = bench.worker(1);
    let message = WorkerToScheduler::Missing { key: key(1), holders: [holder].into_iter().collect() };
    assert_eq!(bench.report(other, message), []);
    assert_eq!(bench.machine.counters().stale_runs, 1);
    assert_eq!(bench.machine.snapshot().workers[0].values, 1);
}

#[test]
fn a_copy_of_what_nobody_knows_is_counted() {
    let mut bench = Bench::new();
    let w = bench.worker(1);
    bench.added(w, 7, 8);
    assert_eq!(bench.machine.counters().strange_replicas, 1);
}

/// A scattered value of a chosen length is looked at no more: its task is there, with a value that no worker can make.
#[test]
fn a_copy_of_another_value_under_a_chosen_name_is_counted_and_freed() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let named = with(task(1, &[]), |options| {
        options.name = Some("total".into());
        options.fingerprint = Some(key(9));
    });
    let sent = run(&bench.submit(c, vec![named], &[1])).1;
    bench.finish(w, sent, 8);
    let other = bench.worker(1);
    let actions = bench.report(other, WorkerToScheduler::Added(vec![(key(1), 9)]));
    assert_eq!(actions, [to_worker(other, SchedulerToWorker::Free(vec![key(1)]))]);
    assert_eq!(bench.machine.counters().strange_replicas, 1);
}

#[test]
fn an_older_value_under_the_key_of_what_its_holder_runs_is_counted() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let named = with(task(1, &[]), |options| {
        options.name = Some("total".into());
        options.fingerprint = Some(key(9));
    });
    run(&bench.submit(c, vec![named], &[1]));
    bench.report(w, WorkerToScheduler::Added(vec![(key(1), 9)]));
    assert_eq!(bench.machine.counters().strange_replicas, 1);
}
