//! Runs that are asked back for workers that could start them earlier.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use brisk_core::{
    id::{ClientId, RequestId, RunId, WorkerId},
    key::Key,
    message::{SchedulerToWorker, SubmittedTask, Transfer, WorkerToScheduler},
    options::Quantity,
    state::TaskState,
};

use super::bench::*;
use crate::machine::{Action, Event};

pub(super) const MILLI: Duration = Duration::from_millis(1);

/// The task that shows how long calls take.
const FIRST: u128 = 1_000_000;

/// A question: to whom, its number, and the runs that it names.
pub(super) type Asked = (WorkerId, RequestId, Vec<(Key, RunId)>);

/// A scheduler which knows that calls take so long, and its only worker.
pub(super) fn measured(took: Duration) -> (Bench, WorkerId, ClientId) {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    bench.learn(c, took);
    let first = run(&bench.submit(c, vec![task(FIRST, &[])], &[FIRST])).1;
    bench.finish_in(w, first, 8, took);
    bench.release(c, FIRST);
    (bench, w, c)
}

/// Calls of 50 µs: a hundred of them make up the work that a worker may have ahead.
pub(super) const SHORT: Duration = Duration::from_micros(50);

/// So many calls of 50 µs on one worker, the first of which has started.
pub(super) fn behind(count: u128) -> (Bench, WorkerId, ClientId, Vec<(u128, RunId)>) {
    let (mut bench, w, c) = measured(SHORT);
    let sent = submit(&mut bench, c, (1..=count).map(|i| task(i, &[])).collect());
    assert!(sent.len() > 90 && sent.iter().all(|(worker, _)| *worker == w), "{}", sent.len());
    let sent: Vec<_> = sent.into_iter().map(|(_, run)| run).collect();
    bench.start(w, sent[0]);
    (bench, w, c, sent)
}

pub(super) fn submit(bench: &mut Bench, c: ClientId, tasks: Vec<SubmittedTask>) -> Vec<(WorkerId, (u128, RunId))> {
    let wanted: Vec<_> = tasks.iter().map(|task| task.key.as_u128() >> 96).collect();
    runs(&bench.submit(c, tasks, &wanted))
}

pub(super) fn asked(actions: &[Action]) -> Vec<Asked> {
    let asked = actions.iter().filter_map(|action| match action {
        Action::ToWorker { worker, message: SchedulerToWorker::Steal { request, runs } } => {
            Some((*worker, *request, runs.clone()))
        }
        _ => None,
    });
    asked.collect()
}

pub(super) fn one_question(actions: &[Action]) -> Asked {
    let all = asked(actions);
    assert_eq!(all.len(), 1, "{actions:?}");
    all.into_iter().next().unwrap()
}

impl Bench {
    pub(super) fn give_up(&mut self, (worker, request, runs): &Asked) -> Vec<Action> {
        self.report(*worker, WorkerToScheduler::Stolen { request: *request, runs: runs.clone() })
    }

    /// What is asked within a second, while nothing else happens.
    pub(super) fn asked_within_a_second(&mut self) -> Vec<Asked> {
        (0..200).flat_map(|_| asked(&self.wait(5 * MILLI))).collect()
    }

    fn assigned(&self, worker: WorkerId) -> u32 {
        self.machine.snapshot().workers.iter().find(|w| w.worker == worker).unwrap().assigned
    }
}

#[test]
fn a_new_worker_is_given_the_least_urgent_of_what_others_have_not_started() {
    let (mut bench, w, _, sent) = behind(95);
    let (other, actions) = bench.worker_with(1, "", &[]);
    let question = one_question(&[actions, bench.wait(5 * MILLI)].concat());
    let named: Vec<_> = question.2.iter().map(|(_, run)| *run).collect();
    let last: Vec<_> = sent[95 - named.len()..].iter().map(|(_, run)| *run).collect();
    assert_eq!((question.0, &named), (w, &last), "the least urgent, in order");
    // Half of them, but for what the question costs.
    assert!((35..=48).contains(&named.len()), "{}", named.len());
    let given = runs(&bench.give_up(&question));
    assert!(given.iter().all(|(worker, _)| *worker == other) && given.len() == named.len());
    assert!(!named.contains(&sent[0].1), "what runs stays");
}

#[test]
fn a_worker_that_is_no_longer_paused_is_given_work_again() {
    let (mut bench, w, c) = measured(SHORT);
    let other = bench.worker(1);
    bench.report(other, WorkerToScheduler::Paused(true));
    let sent = submit(&mut bench, c, (1..=95).map(|i| task(i, &[])).collect());
    assert!(sent.iter().all(|(worker, _)| *worker == w));
    bench.start(w, sent[0].1);
    assert_eq!(asked(&bench.wait(10 * MILLI)), []);
    let actions = bench.report(other, WorkerToScheduler::Paused(false));
    let question = one_question(&actions);
    assert!(question.0 == w && question.2.len() > 30, "{question:?}");
    assert!(runs(&bench.give_up(&question)).iter().all(|(worker, _)| *worker == other));
}

#[test]
fn a_worker_that_works_on_after_all_is_given_work_again() {
    let (mut bench, w, c, _) = behind(95);
    let other = bench.worker(1);
    let (there, value) = submit(&mut bench, c, vec![task(200, &[])])[0];
    assert_eq!(there, other);
    bench.finish_in(other, value, 8, SHORT);
    bench.event(Event::RetireWorker { worker: other, reason: "scaled down".into() });
    assert_eq!(asked(&bench.wait(10 * MILLI)), [], "it is to go");
    // Nobody can take its value any more.
    let actions = bench.report(w, WorkerToScheduler::Paused(true));
    let question = one_question(&[actions, bench.wait(5 * MILLI)].concat());
    assert_eq!(question.0, w);
    assert!(runs(&bench.give_up(&question)).iter().all(|(worker, _)| *worker == other));
}

#[test]
fn a_worker_that_was_stalled_and_is_not_any_more_is_given_work_again() {
    let (mut bench, w, c) = measured(SHORT);
    let other = bench.worker(1);
    let long = |number| SubmittedTask { function: function(1).id, ..task(number, &[]) };
    // Both have a long call, and one of them short ones behind it.
    let sent = submit(&mut bench, c, vec![long(1), long(2)]);
    sent.iter().for_each(|(worker, run)| bench.start(*worker, *run));
    let (_, first) = sent[0];
    bench.finish_in(sent[0].0, first, 8, SHORT);
    let sent = submit(&mut bench, c, (3..=150).map(|i| task(i, &[])).collect());
    let (quick, slow) = (sent[0].0, if sent[0].0 == w { other } else { w });
    bench.start(quick, sent[0].1);
    let of_slow: Vec<_> = sent.iter().filter(|(worker, _)| *worker == slow).collect();
    // Nothing ends anywhere: both are stalled, and neither is asked for the other's sake.
    assert_eq!(bench.asked_within_a_second().len(), 0, "{}", of_slow.len());
    // One is done with all it has. It is idle, and asks for what the other has.
    for (_, run) in sent.iter().filter(|(worker, _)| *worker == quick) {
        bench.finish_in(quick, *run, 8, SHORT);
    }
    let asked = bench.asked_within_a_second();
    assert_eq!(asked.is_empty(), of_slow.is_empty());
    assert!(asked.iter().all(|(worker, ..)| *worker == slow));
}

#[test]
fn a_worker_that_runs_dry_is_given_work_of_others() {
    let (mut bench, w, c, _) = behind(95);
    let other = bench.worker(1);
    let (_, short) = submit(&mut bench, c, vec![task(200, &[])])[0];
    assert_eq!(asked(&bench.wait(5 * MILLI)), [], "no thread is free");
    assert_eq!(asked(&bench.finish_in(other, short, 8, SHORT)), [], "not with each end of a task");
    assert_eq!(one_question(&bench.wait(5 * MILLI)).0, w);
}

#[test]
fn several_thieves_do_not_ask_for_the_same_and_nobody_is_promised_more_than_a_share() {
    let (mut bench, w, _, _) = behind(95);
    let thieves = [bench.worker(1), bench.worker(1)];
    let question = one_question(&bench.wait(5 * MILLI));
    assert_eq!(asked(&bench.wait(5 * MILLI)), [], "one question is open");
    let third = bench.worker(1);
    assert_eq!(asked(&bench.wait(5 * MILLI)), [], "one question is open");
    let given = runs(&bench.give_up(&question));
    let of = |thief| given.iter().filter(|(worker, _)| *worker == thief).count();
    assert!(of(thieves[0]).abs_diff(of(thieves[1])) <= 1 && of(third) == 0, "{given:?}");
    assert!((20..=35).contains(&of(thieves[0])), "{}", of(thieves[0]));
    // Both have threads that are taken; the third has not.
    assert!(asked(&bench.wait(MILLI)).iter().all(|(worker, ..)| *worker == w));
}

#[test]
fn only_who_may_run_it_and_has_what_it_takes_is_given_a_run() {
    let gpu =
        |number| with(task(number, &[]), |options| options.resources = vec![("gpu".into(), Quantity::from_f64(1.0))]);
    let bound = |number| with(task(number, &[]), |options| options.workers = vec!["a".into()]);
    for special in [&gpu as &dyn Fn(u128) -> SubmittedTask, &bound] {
        let (mut bench, _, c) = measured(SHORT);
        let (a, _) = bench.worker_with(1, "a", &[("gpu", 100.0)]);
        let sent = submit(&mut bench, c, (1..=60).map(special).collect());
        assert!(sent.len() == 60 && sent.iter().all(|(worker, _)| *worker == a));
        bench.start(a, sent[0].1);
        bench.worker(4);
        assert_eq!(bench.asked_within_a_second(), []);
        // One gpu is one place.
        let (_, actions) = bench.worker_with(4, "a", &[("gpu", 1.0)]);
        assert_eq!(one_question(&[actions, bench.wait(5 * MILLI)].concat()).0, a);
    }
}

#[test]
fn nothing_is_moved_if_its_inputs_take_longer_than_the_wait() {
    for (nbytes, moves) in [(1 << 10, true), (10 << 30, false)] {
        let (mut bench, w, c) = measured(SHORT);
        let value = submit(&mut bench, c, vec![task(500, &[])])[0].1;
        bench.finish_in(w, value, nbytes, SHORT);
        let sent = submit(&mut bench, c, (1..=95).map(|i| task(i, &[500])).collect());
        bench.start(w, sent[0].1);
        let other = bench.worker(1);
        let transfers = vec![Transfer { from: w, nbytes: 1 << 20, took: MILLI }; 100];
        bench.report(other, WorkerToScheduler::Transfers(transfers));
        let all: Vec<_> = (0..3).flat_map(|_| asked(&bench.wait(5 * MILLI))).collect();
        assert_eq!(!all.is_empty(), moves, "{nbytes} bytes");
    }
}

#[test]
fn an_answer_that_crosses_a_start_an_end_or_a_cancel_leaves_those_alone() {
    let (mut bench, w, c, _) = behind(95);
    let other = bench.worker(1);
    let (_, request, named) = one_question(&bench.wait(5 * MILLI));
    let number = |i: usize| (named[i].0.as_u128() >> 96, named[i].1);
    bench.start(w, number(0));
    bench.finish_in(w, number(1), 8, SHORT);
    bench.release(c, number(2).0);
    // The worker had given all but the first two up when it heard of the release.
    let given = runs(&bench.give_up(&(w, request, named[2..].to_vec())));
    assert_eq!(given.len(), named.len() - 3);
    assert!(given.iter().all(|(worker, _)| *worker == other));
    assert!(given.iter().all(|(_, run)| (0..3).all(|i| run.0 != number(i).0)));
    assert_eq!(bench.assigned(w) as usize, 95 - named.len() + 1);
    assert_eq!(bench.give_up(&(w, request, named[2..].to_vec())), [], "it comes twice");
}

#[test]
fn a_thief_that_dies_is_promised_nothing_and_what_it_was_to_get_goes_elsewhere() {
    let (mut bench, w, _, _) = behind(95);
    let other = bench.worker(1);
    let question = one_question(&bench.wait(5 * MILLI));
    bench.kill(other);
    let given = runs(&bench.give_up(&question));
    assert!(given.len() == question.2.len() && given.iter().all(|(worker, _)| *worker == w));
}

#[test]
fn a_victim_that_dies_takes_its_question_along() {
    let (mut bench, w, _, sent) = behind(95);
    let other = bench.worker(1);
    let question = one_question(&bench.wait(5 * MILLI));
    let again = runs(&bench.kill(w));
    assert!(again.len() > 60 && again.iter().all(|(worker, _)| *worker == other), "{}", again.len());
    assert_eq!(bench.give_up(&question), [], "from nobody");
    assert_eq!(bench.machine.snapshot().count(TaskState::Processing) as usize, sent.len().min(again.len()));
}

#[test]
fn a_task_moves_a_few_times_and_never_back() {
    let (mut bench, _, _, _) = behind(95);
    let mut taken: BTreeMap<Key, Vec<WorkerId>> = BTreeMap::new();
    // Less than it takes to be stalled.
    for _ in 0..9 {
        bench.worker(1);
        let (_, mut actions) = bench.worker_with(1, "", &[]);
        actions.extend(bench.wait(2 * MILLI));
        for (victim, request, named) in asked(&actions) {
            named.iter().for_each(|(key, _)| taken.entry(*key).or_default().push(victim));
            for (thief, run) in runs(&bench.give_up(&(victim, request, named))) {
                assert!(!taken[&key(run.0)].contains(&thief), "{} goes back", run.0);
            }
        }
    }
    assert!(taken.values().any(|from| from.len() > 1), "some move twice");
    assert!(taken.values().all(|from| from.len() <= 3));
}

#[test]
fn two_equal_workers_come_to_rest() {
    let (mut bench, w, _, sent) = behind(95);
    let other = bench.worker(1);
    let question = one_question(&bench.wait(5 * MILLI));
    let given = runs(&bench.give_up(&question));
    // The first is done with all that it has kept, so it is idle; but all that the other has was its own.
    let named: BTreeSet<_> = given.iter().map(|(_, run)| run.0).collect();
    for run in sent.iter().filter(|run| !named.contains(&run.0)) {
        bench.finish_in(w, *run, 8, SHORT);
    }
    assert_eq!(bench.assigned(w), 0);
    for _ in 0..3 {
        assert_eq!(asked(&bench.wait(5 * MILLI)), []);
    }
    assert_eq!(bench.assigned(other) as usize, given.len());
}

#[test]
fn async_calls_that_wait_for_a_thread_are_shared() {
    let (mut bench, w, c) = measured(SHORT);
    let call = |number| SubmittedTask { function: function(9).id, ..task(number, &[]) };
    let sent = submit(&mut bench, c, (1..=100).map(call).collect());
    sent[..10].iter().for_each(|(_, run)| bench.start(w, *run));
    let other = bench.worker(1);
    let all = bench.asked_within_a_second();
    let question = all.first().expect("half of them have not started, and a thread is free");
    assert!((45..=50).contains(&question.2.len()), "{}", question.2.len());
    let started: Vec<_> = sent[..10].iter().map(|(_, run)| run.1).collect();
    assert!(question.2.iter().all(|(_, run)| !started.contains(run)));
    let given = runs(&bench.give_up(all.last().unwrap()));
    assert!(!given.is_empty() && given.iter().all(|(worker, _)| *worker == other));
}

#[test]
fn who_was_given_work_only_just_now_is_not_taken_for_stalled_though_it_did_nothing_before() {
    let mut bench = Bench::new();
    let (a, b, c) = (bench.worker_on("a", 1, 0), bench.worker_on("b", 1, 0), bench.client());
    bench.learn(c, Duration::from_micros(100));
    let on = |host: &str, number| with(task(number, &[]), |options| options.workers = vec![host.into()]);
    let ahead = |bench: &mut Bench, host: &str, from: u128| {
        let numbers: Vec<_> = (from..from + 3).collect();
        runs(&bench.submit(c, numbers.iter().map(|&number| on(host, number)).collect(), &numbers)).len()
    };
    bench.wait(Duration::from_secs(10));
    assert_eq!(ahead(&mut bench, "a", 1), 3);
    bench.wait(crate::machine::Config::default().steal_after - Duration::from_millis(1));
    assert_eq!(ahead(&mut bench, "b", 11), 3);
    // That one is given more is no progress.
    assert_eq!(run(&bench.submit(c, vec![on("a", 4)], &[4])).0, a);
    bench.wait(Duration::from_millis(1));
    assert_eq!(runs(&bench.submit(c, vec![on("a", 5)], &[5])), [], "{a} has ended nothing for a while");
    assert_eq!(run(&bench.submit(c, vec![on("b", 15)], &[15])).0, b);
}
