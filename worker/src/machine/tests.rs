//! One event, the exact actions, and nothing else; the invariants after each.

use std::time::Duration;

use brisk_core::{
    error::{ErrorKind, Failure},
    id::{Epoch, Incarnation, RequestId, RunId, WorkerId},
    key::Key,
    message::{Assignment, DependencyInfo, Priority, SchedulerToWorker, WorkerToScheduler},
    payload::Payload,
    task::TaskName,
    time::Moment,
};
use smallvec::SmallVec;

use super::{Action, Config, Event, FetchResult, LeaveReason, Worker};

const ME: WorkerId = WorkerId(Incarnation(1));
const EPOCH: Epoch = Epoch(7);
const MS: u64 = 1_000_000;

fn key(n: u128) -> Key {
    Key::from_u128(n << 96)
}

fn peer(n: u64) -> WorkerId {
    WorkerId(Incarnation(100 + n))
}

/// A worker under test: one verb an event, answering the actions.
struct Bench {
    worker: Worker,
    now: u64,
}

impl Bench {
    fn new(threads: u32, memory_limit: u64) -> Self {
        let mut bench = Bench { worker: Worker::new(Config::new(threads, memory_limit), ME, EPOCH), now: 0 };
        for n in 1..=3 {
            let address = format!("inproc://w{n}").parse().unwrap();
            assert_eq!(bench.says(SchedulerToWorker::Worker { worker: peer(n), address }), []);
        }
        bench
    }

    fn event(&mut self, event: Event) -> Vec<Action> {
        self.worker.handle(Moment::from_nanos(self.now), event);
        let actions = std::iter::from_fn(|| self.worker.poll_action()).collect();
        self.worker.check_invariants().unwrap();
        actions
    }

    fn says(&mut self, message: SchedulerToWorker) -> Vec<Action> {
        self.event(Event::FromScheduler { epoch: EPOCH, message })
    }

    /// Assigns task `n` as run `n`, with these inputs: a key, and who holds it.
    fn run(&mut self, n: u64, needs: &[(u128, &[u64])]) -> Vec<Action> {
        self.says(assignment(n, n, 0, needs))
    }

    fn done(&mut self, run: u64, nbytes: u64) -> Vec<Action> {
        self.event(Event::Done { run: RunId(run), outcome: Ok(nbytes), took: Duration::ZERO })
    }

    fn answer(&mut self, request: u64, outcomes: &[(u128, FetchResult)]) -> Vec<Action> {
        let outcomes = outcomes.iter().map(|(n, result)| (key(*n), result.clone())).collect();
        self.event(Event::FetchDone { request: RequestId(request), outcomes })
    }

    fn tick_at(&mut self, ms: u64) -> Vec<Action> {
        self.now = ms * MS;
        let actions = self.event(Event::Tick);
        actions.into_iter().filter(|a| !matches!(a, Action::ToScheduler(WorkerToScheduler::Health { .. }))).collect()
    }

    /// Makes value `n` be here, by running it.
    fn with_value(&mut self, n: u64, nbytes: u64) {
        self.run(n, &[]);
        self.done(n, nbytes);
    }
}

fn assignment(n: u64, run: u64, user: i32, needs: &[(u128, &[u64])]) -> SchedulerToWorker {
    let dependencies = needs.iter().map(|(n, holders)| DependencyInfo {
        key: key(*n),
        nbytes: 10,
        holders: holders.iter().map(|n| peer(*n)).collect(),
    });
    SchedulerToWorker::Run(Box::new(Assignment {
        task: TaskName::of_call("t".into(), key(u128::from(n))),
        run: RunId(run),
        attempt: 1,
        priority: Priority { user, ..Priority::default() },
        spec: spec(),
        dependencies: dependencies.collect(),
        resources: Vec::new(),
        wanted: false,
        reproducible: true,
        timeout: None,
    }))
}

fn spec() -> Payload {
    Payload::from_bytes(vec![1])
}

fn started(n: u64) -> [Action; 2] {
    started_as(n, n)
}

fn started_as(n: u64, run: u64) -> [Action; 2] {
    let (key, run) = (key(u128::from(n)), RunId(run));
    let task = TaskName::of_call("t".into(), key);
    [
        Action::ToScheduler(WorkerToScheduler::Started { key, run }),
        Action::Execute { run, key, spec: spec(), task, attempt: 1, wanted: false },
    ]
}

fn finished(n: u64, nbytes: u64) -> [Action; 2] {
    let (key, run) = (key(u128::from(n)), RunId(n));
    [
        Action::Keep { key },
        Action::ToScheduler(WorkerToScheduler::Finished { key, run, nbytes, took: Duration::ZERO, value: None }),
    ]
}

fn fetch(request: u64, from: u64, keys: &[u128]) -> Action {
    Action::Fetch {
        request: RequestId(request),
        from: peer(from),
        address: format!("inproc://w{from}").parse().unwrap(),
        keys: keys.iter().map(|n| (key(*n), 10)).collect(),
    }
}

fn added(n: u128, nbytes: u64) -> Action {
    Action::ToScheduler(WorkerToScheduler::Added(vec![(key(n), nbytes)]))
}

fn missing(n: u128, holders: &[u64]) -> Action {
    let holders: SmallVec<[WorkerId; 1]> = holders.iter().map(|n| peer(*n)).collect();
    Action::ToScheduler(WorkerToScheduler::Missing { key: key(n), holders })
}

fn returned(n: u64) -> impl Fn(&Action) -> bool {
    move |action| {
        matches!(action, Action::ToScheduler(WorkerToScheduler::Returned { key: k, run, .. })
            if *k == key(u128::from(n)) && *run == RunId(n))
    }
}

fn drop_value(n: u128) -> Action {
    Action::DropValue { key: key(n) }
}

fn stored(nbytes: u64) -> FetchResult {
    FetchResult::Stored { nbytes }
}

#[test]
fn a_task_without_inputs_starts_at_once_and_its_end_is_told() {
    let mut bench = Bench::new(1, 0);
    assert_eq!(bench.run(1, &[]), started(1));
    assert_eq!(bench.done(1, 8), finished(1, 8));
    assert_eq!((bench.worker.bytes(), bench.worker.values()), (8, 1));
    assert_eq!(bench.says(SchedulerToWorker::Free(vec![key(1)])), [drop_value(1)]);
    assert_eq!((bench.worker.bytes(), bench.worker.running()), (0, 0));
}

#[test]
fn the_most_urgent_runs_first_and_of_equals_the_newest() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    for (n, user) in [(2, 0), (3, 0), (4, -1)] {
        assert_eq!(bench.says(assignment(n, n, user, &[])), []);
    }
    let ran: Vec<_> =
        [(1, 4), (4, 3), (3, 2)].iter().map(|(ends, starts)| bench.done(*ends, 1)[2..] == started(*starts)).collect();
    assert_eq!(ran, [true; 3]);
}

#[test]
fn inputs_are_fetched_in_one_batch_a_peer_and_reported() {
    let mut bench = Bench::new(2, 0);
    assert_eq!(bench.run(1, &[(10, &[1])]), [fetch(1, 1, &[10])]);
    // The peer is being asked: what else it has waits, and goes together.
    assert_eq!(bench.run(2, &[(11, &[1])]), []);
    assert_eq!(bench.run(3, &[(12, &[1]), (11, &[1])]), []);
    let mut expected = vec![Action::Keep { key: key(10) }];
    expected.extend(started(1));
    // The newer of two equals comes first: its inputs are asked for first.
    expected.extend([fetch(2, 1, &[11, 12]), added(10, 10)]);
    assert_eq!(bench.answer(1, &[(10, stored(10))]), expected);
}

#[test]
fn a_key_is_asked_of_the_next_holder_and_then_of_the_scheduler_once() {
    let mut bench = Bench::new(1, 0);
    assert_eq!(bench.run(1, &[(10, &[1, 2])]), [fetch(1, 1, &[10])]);
    assert_eq!(bench.answer(1, &[(10, FetchResult::Missing)]), [fetch(2, 2, &[10])]);
    assert_eq!(bench.event(Event::PeerLost { worker: peer(2) }), [missing(10, &[1, 2])]);
    assert_eq!(bench.tick_at(999), []);
    assert_eq!(bench.tick_at(1_000), [missing(10, &[1, 2])]);
    assert_eq!(bench.tick_at(2_999), []);
    let holders = SmallVec::from_slice(&[peer(3)]);
    // It was told of holders in vain before: it takes a breath.
    assert_eq!(bench.says(SchedulerToWorker::Holders { key: key(10), holders }), []);
    assert_eq!(bench.tick_at(3_150), [fetch(3, 3, &[10])]);
}

#[test]
fn holders_named_in_answer_are_asked_at_once_the_first_time() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1])]);
    assert_eq!(bench.answer(1, &[(10, FetchResult::Missing)]), [missing(10, &[1])]);
    let holders = SmallVec::from_slice(&[peer(2)]);
    assert_eq!(bench.says(SchedulerToWorker::Holders { key: key(10), holders }), [fetch(2, 2, &[10])]);
}

#[test]
fn a_busy_peer_is_asked_again_later_or_another_at_once() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1])]);
    assert_eq!(bench.answer(1, &[(10, FetchResult::Busy)]), []);
    assert_eq!(bench.tick_at(149), []);
    assert_eq!(bench.tick_at(150), [fetch(2, 1, &[10])]);

    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1, 2])]);
    assert_eq!(bench.answer(1, &[(10, FetchResult::Busy)]), [fetch(2, 2, &[10])]);
}

#[test]
fn a_peer_that_makes_no_progress_is_given_up() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1]), (11, &[1])]);
    bench.now = 20_000 * MS;
    assert_eq!(bench.answer(1, &[(10, stored(10))]), [Action::Keep { key: key(10) }, added(10, 10)]);
    // An answer is progress: the time begins again.
    assert_eq!(bench.tick_at(49_999), []);
    assert_eq!(bench.tick_at(50_000), [Action::Disconnect { worker: peer(1) }, missing(11, &[1])]);
    assert_eq!(bench.worker.counters().fetch_timeouts, 1);
    assert_eq!(bench.answer(1, &[(11, stored(10))]), []);
}

#[test]
fn a_task_sent_ahead_starts_without_a_message_when_its_input_is_made_here() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    assert_eq!(bench.run(2, &[(1, &[])]), []);
    let mut expected = finished(1, 8).to_vec();
    expected.extend(started(2));
    assert_eq!(bench.done(1, 8), expected);
}

#[test]
fn a_task_sent_ahead_asks_when_nobody_makes_its_input_any_more() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    bench.run(2, &[(1, &[])]);
    let abort = Action::Abort { run: RunId(1) };
    assert_eq!(bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(1) }), [abort]);
    assert_eq!(bench.tick_at(1_000), [missing(1, &[])]);
    // It is assigned here again after all.
    bench.done(1, 8);
    assert_eq!(bench.says(assignment(1, 3, 0, &[])), started_as(1, 3));
    assert_eq!(bench.tick_at(60_000), []);
}

#[test]
fn a_cancelled_run_ends_privately_and_keeps_its_slot_until_then() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    bench.run(2, &[]);
    assert_eq!(bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(1) }), [Action::Abort { run: RunId(1) }]);
    assert_eq!(bench.worker.running(), 1);
    assert_eq!(bench.done(1, 8), started(2), "nothing is kept or told");
    assert_eq!(bench.worker.bytes(), 0);
}

#[test]
fn a_run_cancelled_after_its_end_loses_its_value() {
    let mut bench = Bench::new(1, 0);
    bench.with_value(1, 8);
    assert_eq!(bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(1) }), [drop_value(1)]);
}

#[test]
fn cancelling_one_run_does_not_touch_the_next_of_the_same_task() {
    let mut bench = Bench::new(2, 0);
    bench.run(1, &[]);
    bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(1) });
    assert_eq!(bench.says(assignment(1, 2, 0, &[])), started_as(1, 2));
    assert_eq!(bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(1) }), []);
    assert_eq!(bench.done(1, 8), []);
    assert_eq!(bench.done(2, 8)[0], Action::Keep { key: key(1) });
}

#[test]
fn a_newer_run_of_a_task_takes_the_place_of_the_older_one() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    assert_eq!(bench.says(assignment(1, 2, 0, &[])), [Action::Abort { run: RunId(1) }]);
    assert_eq!(bench.done(1, 8), started_as(1, 2));
}

#[test]
fn copies_of_assignments_do_nothing() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    assert_eq!(bench.run(1, &[]), []);
    bench.done(1, 8);
    let again = bench.run(1, &[]);
    assert!(again.len() == 1 && again.iter().all(returned(1)), "{again:?}");
}

#[test]
fn a_value_that_a_task_needs_is_freed_when_the_task_ends() {
    let mut bench = Bench::new(1, 0);
    bench.with_value(1, 8);
    bench.run(2, &[(1, &[])]);
    assert_eq!(bench.says(SchedulerToWorker::Free(vec![key(1)])), []);
    let mut expected = finished(2, 8).to_vec();
    expected.push(drop_value(1));
    assert_eq!(bench.done(2, 8), expected);
}

#[test]
fn a_freed_value_that_is_needed_anew_stays_and_is_told() {
    let mut bench = Bench::new(1, 0);
    bench.with_value(1, 8);
    bench.run(2, &[(1, &[])]);
    bench.says(SchedulerToWorker::Free(vec![key(1)]));
    assert_eq!(bench.run(3, &[(1, &[2])]), [added(1, 8)]);
    bench.done(2, 8);
    assert!(!bench.done(3, 8).contains(&drop_value(1)));
}

#[test]
fn what_arrives_for_a_cancelled_task_is_dropped_untold() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1])]);
    assert_eq!(bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(1) }), []);
    assert_eq!(bench.answer(1, &[(10, stored(10))]), []);
    assert!(bench.worker.is_idle());
    assert_eq!(bench.worker.values(), 0);
}

#[test]
fn what_is_on_its_way_for_a_cancelled_task_serves_the_next() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1])]);
    bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(1) });
    assert_eq!(bench.run(2, &[(10, &[2])]), [], "it is not asked for twice");
    let mut expected = vec![Action::Keep { key: key(10) }];
    expected.extend(started(2));
    expected.push(added(10, 10));
    assert_eq!(bench.answer(1, &[(10, stored(10))]), expected);
}

#[test]
fn an_input_that_cannot_leave_its_process_fails_those_who_need_it() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1, 2])]);
    bench.run(2, &[(1, &[])]);
    let failure = Box::new(Failure::new(ErrorKind::Encode, "no"));
    let (key, run, took) = (key(1), RunId(1), Duration::ZERO);
    let told = Action::ToScheduler(WorkerToScheduler::Failed { key, run, failure: failure.clone(), took });
    assert_eq!(bench.answer(1, &[(10, FetchResult::Failed(failure))]), [told]);
}

#[test]
fn only_what_has_not_started_is_stolen() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    bench.run(2, &[]);
    bench.run(3, &[(10, &[1])]);
    let runs = (1..=4).map(|n| (key(u128::from(n)), RunId(n))).collect();
    let given = (2..=3).map(|n| (key(u128::from(n)), RunId(n))).collect();
    let stolen = Action::ToScheduler(WorkerToScheduler::Stolen { request: RequestId(5), runs: given });
    assert_eq!(bench.says(SchedulerToWorker::Steal { request: RequestId(5), runs }), [stolen]);
    assert_eq!(bench.done(1, 8), finished(1, 8));
}

#[test]
fn above_its_memory_a_worker_starts_and_fetches_one_at_a_time() {
    let mut bench = Bench::new(4, 100);
    bench.run(1, &[]);
    assert_eq!(bench.done(1, 80)[2], Action::ToScheduler(WorkerToScheduler::Paused(true)));
    assert_eq!(bench.run(2, &[]), started(2), "nothing else could ever make room");
    assert_eq!(bench.run(3, &[]), []);
    assert_eq!(bench.run(4, &[(10, &[1])]), []);
    assert_eq!(bench.done(2, 0)[2..], started(3));
    assert_eq!(bench.done(3, 0)[2..], [fetch(1, 1, &[10])]);
    let freed = bench.says(SchedulerToWorker::Free(vec![key(1)]));
    assert_eq!(freed, [drop_value(1), Action::ToScheduler(WorkerToScheduler::Paused(false))]);
}

#[test]
fn pausing_has_a_gap_to_going_on() {
    let mut bench = Bench::new(1, 100);
    bench.with_value(1, 5);
    bench.with_value(2, 5);
    bench.with_value(3, 70);
    assert!(bench.worker.is_paused());
    bench.says(SchedulerToWorker::Free(vec![key(1)]));
    bench.says(SchedulerToWorker::Free(vec![key(2)]));
    assert!(bench.worker.is_paused(), "70 of 100");
    bench.says(SchedulerToWorker::Free(vec![key(3)]));
    assert!(!bench.worker.is_paused());
}

#[test]
fn asynchronous_tasks_hold_no_thread() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    bench.run(2, &[]);
    assert_eq!(bench.event(Event::Detached { run: RunId(1) }), started(2));
    assert_eq!(bench.worker.running(), 2);
    assert_eq!(bench.done(1, 8), finished(1, 8));
}

#[test]
fn a_retired_worker_gives_back_what_waits_and_finishes_what_runs() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[]);
    bench.run(2, &[]);
    let retired = bench.says(SchedulerToWorker::Retire);
    assert!(retired.len() == 1 && retired.iter().all(returned(2)), "{retired:?}");
    let refused = bench.run(3, &[]);
    assert!(refused.len() == 1 && refused.iter().all(returned(3)), "{refused:?}");
    let last = bench.done(1, 8);
    assert_eq!(last[..2], finished(1, 8));
    assert_eq!(last.last(), Some(&Action::Leave { reason: LeaveReason::Retired }));
    assert!(bench.worker.has_left());
    assert_eq!(bench.run(4, &[]), []);
}

#[test]
fn a_dismissed_worker_leaves_without_a_word() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1])]);
    let leave = Action::Leave { reason: LeaveReason::Dismissed("silent".into()) };
    assert_eq!(bench.says(SchedulerToWorker::Dismiss("silent".into())), [leave]);
    assert_eq!(bench.worker.next_deadline(), None);
}

#[test]
fn messages_of_another_life_of_the_scheduler_do_nothing() {
    let mut bench = Bench::new(1, 0);
    let message = assignment(1, 1, 0, &[]);
    assert_eq!(bench.event(Event::FromScheduler { epoch: Epoch(6), message }), []);
    assert_eq!(bench.worker.counters().stale_messages, 1);
}

#[test]
fn a_worker_that_is_gone_is_not_asked() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1, 2])]);
    let gone = bench.says(SchedulerToWorker::WorkerGone(peer(1)));
    assert_eq!(gone, [Action::Disconnect { worker: peer(1) }, fetch(2, 2, &[10])]);
    bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(1) });
    assert_eq!(bench.run(2, &[(11, &[1])]), [missing(11, &[1])]);
}

#[test]
fn what_is_held_is_reported_when_it_changes_and_not_too_often() {
    let mut bench = Bench::new(1, 0);
    bench.with_value(1, 8);
    let due = bench.worker.next_deadline().unwrap();
    assert_eq!(due, Moment::from_nanos(500 * MS));
    bench.now = 500 * MS;
    let health = Action::ToScheduler(WorkerToScheduler::Health { bytes: 8, values: 1 });
    assert_eq!(bench.event(Event::Tick), [health]);
    assert_eq!(bench.worker.next_deadline(), None);
}

#[test]
fn a_task_with_a_hundred_thousand_inputs_is_taken_and_cancelled_in_one_go() {
    let mut bench = Bench::new(1, 0);
    let needs: Vec<(u128, &[u64])> = (0..100_000).map(|n| (1_000 + n, &[1u64][..])).collect();
    let actions = bench.run(1, &needs);
    assert_eq!(actions.len(), 1);
    assert_eq!(bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(1) }), []);
    assert_eq!(bench.event(Event::PeerLost { worker: peer(1) }), []);
    assert!(bench.worker.is_idle());
}
