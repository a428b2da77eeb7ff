//! Tasks that are assigned to the worker that is making their inputs.

use std::{collections::VecDeque, time::Duration};

use brisk_core::{
    id::{ClientId, RequestId, RunId, WorkerId},
    limits::CHUNK_TASKS,
    message::{ClientToScheduler, SchedulerToWorker, SubmittedTask, WorkerToScheduler},
    options::Quantity,
    state::TaskState,
};

use super::bench::*;
use crate::machine::{Action, Config};

const MICRO: Duration = Duration::from_micros(1);

/// The task that shows how long calls take.
const FIRST: u128 = 1_000_000;

/// A scheduler that sends ahead, which knows that calls take a microsecond.
fn measured(workers: &[u32]) -> (Bench, Vec<WorkerId>, ClientId) {
    let mut bench = Bench::with(Config::default());
    let first = bench.worker(workers[0]);
    let c = bench.client();
    bench.learn(c, MICRO);
    let actions = bench.submit(c, vec![task(FIRST, &[])], &[FIRST]);
    bench.finish_in(first, run(&actions).1, 8, MICRO);
    bench.release(c, FIRST);
    let all = [first].into_iter().chain(workers[1..].iter().map(|&threads| bench.worker(threads))).collect();
    (bench, all, c)
}

/// Which tasks were assigned, and to whom.
fn sent(actions: &[Action]) -> Vec<(WorkerId, u128)> {
    runs(actions).into_iter().map(|(worker, (number, _))| (worker, number)).collect()
}

/// The run of a task among some actions.
fn run_of(actions: &[Action], number: u128) -> (u128, RunId) {
    runs(actions).into_iter().map(|(_, run)| run).find(|run| run.0 == number).unwrap()
}

/// A submission too long for one message. What was assigned by its end.
fn submit_in_chunks(bench: &mut Bench, c: ClientId, tasks: &[SubmittedTask], wanted: &[u128]) -> Vec<Action> {
    let submission = RequestId(1 << 40);
    let chunks = tasks.chunks(CHUNK_TASKS);
    let count = chunks.len();
    let mut actions = Vec::new();
    for (i, chunk) in chunks.enumerate() {
        let last = i + 1 == count;
        let wants = wanted.iter().filter(|_| last).map(|&number| want(number)).collect();
        let tasks = chunk.to_vec();
        actions.extend(bench.say(c, ClientToScheduler::Submit { submission, chunk: i as u32, last, tasks, wants }));
    }
    actions
}

fn cancel((number, run): (u128, RunId)) -> SchedulerToWorker {
    SchedulerToWorker::Cancel { key: key(number), run }
}

#[test]
fn a_chain_goes_to_one_worker_at_once_and_says_who_makes_what() {
    let (mut bench, w, c) = measured(&[1, 1]);
    let actions = bench.submit(c, vec![task(1, &[]), task(2, &[1]), task(3, &[2])], &[3]);
    assert_eq!(sent(&actions), [(w[0], 1), (w[0], 2), (w[0], 3)]);
    let (_, third) = assignments(&actions).nth(2).unwrap();
    assert!(third.dependencies[0].holders.is_empty() && third.dependencies[0].key == key(2));
    for number in 1..=3 {
        let actions = bench.finish_in(w[0], run_of(&actions, number), 8, MICRO);
        assert_eq!(sent(&actions), []);
    }
    assert_eq!(bench.machine.snapshot().count(TaskState::Memory), 1);
}

#[test]
fn a_long_chain_costs_few_batches() {
    const LINKS: u128 = 10_000;
    let (mut bench, w, c) = measured(&[1]);
    let links: Vec<_> = (1..=LINKS).map(|i| task(i, if i == 1 { vec![] } else { vec![i - 1] }.as_slice())).collect();
    let mut waiting: VecDeque<_> = runs(&submit_in_chunks(&mut bench, c, &links, &[LINKS])).into();
    let (mut batches, mut ended) = (0, 0);
    while !waiting.is_empty() {
        batches += 1;
        // A worker that answers once a batch: all that it was sent has run by then, in order.
        for (worker, run) in std::mem::take(&mut waiting) {
            assert_eq!((worker, run.0), (w[0], ended + 1), "in the order of the chain");
            ended += 1;
            let actions = bench.finish_in(worker, run, 8, 2 * MICRO);
            waiting.extend(runs(&actions));
        }
    }
    assert_eq!(ended, LINKS);
    assert!(batches < 50, "{batches} batches");
}

#[test]
fn a_long_call_has_one_heir_and_the_rest_of_a_fan_goes_where_there_is_room() {
    let mut bench = Bench::with(Config::default());
    let (w, c) = (bench.worker(1), bench.client());
    // Nothing is known of how long calls take.
    let fan = [task(1, &[])].into_iter().chain((2..=9).map(|i| task(i, &[1]))).collect();
    let actions = bench.submit(c, fan, &(2..=9).collect::<Vec<_>>());
    assert_eq!(sent(&actions), [(w, 1), (w, 2)]);
    let others = [bench.worker(1), bench.worker(1)];
    let actions = bench.finish(w, run_of(&actions, 1), 8);
    assert_eq!(sent(&actions), [(others[0], 3), (others[1], 4)]);
}

#[test]
fn a_fan_of_short_calls_is_sent_ahead_within_the_budget() {
    let (mut bench, w, c) = measured(&[1, 1]);
    let fan: Vec<_> = [task(1, &[])].into_iter().chain((2..=2_000).map(|i| task(i, &[1]))).collect();
    let actions = submit_in_chunks(&mut bench, c, &fan, &(2..=2_000).collect::<Vec<_>>());
    assert_eq!(sent(&actions).len(), 1 + 256);
    let actions = bench.finish_in(w[0], run_of(&actions, 1), 8, MICRO);
    assert!(sent(&actions).iter().filter(|(worker, _)| *worker == w[1]).count() >= 256, "the other has its share");
}

#[test]
fn an_idle_thread_is_not_kept_from_others_by_what_waits_there() {
    let (mut bench, w, c) = measured(&[2]);
    let actions = bench.submit(c, vec![task(1, &[]), task(2, &[1]), task(3, &[2])], &[3]);
    assert_eq!(sent(&actions).len(), 3);
    assert_eq!(sent(&bench.submit(c, vec![task(4, &[])], &[4])), [(w[0], 4)]);
}

#[test]
fn inputs_on_two_workers_are_waited_for_until_one_is_there() {
    let (mut bench, w, c) = measured(&[1, 1]);
    let actions = bench.submit(c, vec![task(1, &[]), task(2, &[]), task(3, &[1, 2])], &[3]);
    assert_eq!(sent(&actions), [(w[0], 1), (w[1], 2)]);
    let actions = bench.finish_in(w[0], run_of(&actions, 1), 8, MICRO);
    assert_eq!(sent(&actions), [(w[1], 3)], "to where the other is being made");
    let (_, third) = assignments(&actions).next().unwrap();
    let holders: Vec<_> = third.dependencies.iter().map(|input| input.holders.to_vec()).collect();
    assert_eq!(holders, [vec![w[0]], vec![]]);
}

#[test]
fn what_takes_resources_or_is_to_start_once_is_not_sent_ahead() {
    let mut bench = Bench::with(Config::default());
    let (_, _) = bench.worker_with(1, "", &[("gpu", 1.0)]);
    let c = bench.client();
    let gpu = with(task(2, &[1]), |options| options.resources = vec![("gpu".into(), Quantity(1))]);
    let once = with(task(3, &[1]), |options| options.once = true);
    let actions = bench.submit(c, vec![task(1, &[]), gpu, once], &[2, 3]);
    assert_eq!(sent(&actions).len(), 1);
}

#[test]
fn the_death_of_the_worker_takes_all_of_it_back_and_blames_what_ran() {
    let (mut bench, w, c) = measured(&[1]);
    let actions = bench.submit(c, vec![task(1, &[]), task(2, &[1]), task(3, &[2])], &[3]);
    assert_eq!(sent(&actions).len(), 3);
    bench.start(w[0], run_of(&actions, 1));
    bench.kill(w[0]);
    assert_eq!(bench.machine.snapshot().count(TaskState::Waiting), 2);
    let (other, actions) = bench.worker_with(1, "", &[]);
    assert_eq!(sent(&actions)[0], (other, 1));
}

#[test]
fn a_failure_of_the_input_reaches_what_waits_for_it_there() {
    let (mut bench, w, c) = measured(&[1]);
    let actions = bench.submit(c, vec![task(1, &[]), task(2, &[1]), task(3, &[2])], &[3]);
    let after = bench.fail(w[0], run_of(&actions, 1));
    for number in [2, 3] {
        assert!(after.contains(&to_worker(w[0], cancel(run_of(&actions, number)))), "{after:?}");
    }
    assert_eq!(news(&after).len(), 1);
}

#[test]
fn a_retry_or_a_return_of_the_input_takes_back_what_waits_for_it() {
    for returned in [false, true] {
        let (mut bench, w, c) = measured(&[1]);
        let first = with(task(1, &[]), |options| options.retries = 1);
        let actions = bench.submit(c, vec![first, task(2, &[1]), task(3, &[2])], &[3]);
        let (key, run) = (key(1), run_of(&actions, 1).1);
        let after = match returned {
            true => bench.report(w[0], WorkerToScheduler::Returned { key, run, reason: "test".into() }),
            false => bench.fail(w[0], run_of(&actions, 1)),
        };
        for number in [2, 3] {
            assert!(after.contains(&to_worker(w[0], cancel(run_of(&actions, number)))), "{after:?}");
        }
        assert_eq!(sent(&after), [(w[0], 1), (w[0], 2), (w[0], 3)], "and sends all of it again");
    }
}

#[test]
fn a_value_that_turns_up_elsewhere_is_told_to_those_who_wait_for_it() {
    let (mut bench, w, c) = measured(&[1, 1]);
    let actions = bench.submit(c, vec![task(1, &[]), task(2, &[1])], &[2]);
    let after = bench.report(w[1], WorkerToScheduler::Added(vec![(key(1), 8)]));
    assert!(after.contains(&to_worker(w[0], cancel(run_of(&actions, 1)))));
    let holders = SchedulerToWorker::Holders { key: key(1), holders: [w[1]].into_iter().collect() };
    assert!(after.contains(&to_worker(w[0], holders)), "{after:?}");
    assert_eq!(bench.machine.snapshot().count(TaskState::Processing), 1);
}

#[test]
fn a_start_says_that_the_inputs_are_there_before_their_report() {
    let (mut bench, w, c) = measured(&[1]);
    let first = with(task(1, &[]), |options| options.retries = 1);
    let actions = bench.submit(c, vec![first, task(2, &[1])], &[2]);
    bench.start(w[0], run_of(&actions, 2));
    // Whatever becomes of the input, who has started has it.
    let after = bench.fail(w[0], run_of(&actions, 1));
    assert_eq!(sent(&after), [(w[0], 1)]);
    assert_eq!(news(&bench.finish(w[0], run_of(&actions, 2), 8)).len(), 1);
}

#[test]
fn a_cancelled_dependent_leaves_its_worker_and_its_input_with_it() {
    let (mut bench, w, c) = measured(&[1]);
    let actions = bench.submit(c, vec![task(1, &[]), task(2, &[1])], &[2]);
    let after = bench.release(c, 2);
    for number in [1, 2] {
        assert!(after.contains(&to_worker(w[0], cancel(run_of(&actions, number)))), "{after:?}");
    }
    assert_eq!(bench.machine.snapshot().workers[0].assigned, 0);
}

#[test]
fn tasks_that_come_later_follow_what_is_running() {
    let (mut bench, w, c) = measured(&[1, 1]);
    let actions = bench.submit(c, vec![task(1, &[])], &[1]);
    assert_eq!(sent(&actions), [(w[0], 1)]);
    assert_eq!(sent(&bench.submit(c, vec![task(2, &[1])], &[2])), [(w[0], 2)]);
}

#[test]
fn a_pause_takes_back_what_waits_if_it_could_go_elsewhere() {
    let (mut bench, w, c) = measured(&[1, 1]);
    let actions = bench.submit(c, vec![task(1, &[]), task(2, &[1])], &[2]);
    bench.start(w[0], run_of(&actions, 1));
    let after = bench.report(w[0], WorkerToScheduler::Paused(true));
    assert!(after.contains(&to_worker(w[0], cancel(run_of(&actions, 2)))), "{after:?}");
    assert_eq!(sent(&bench.finish_in(w[0], run_of(&actions, 1), 8, MICRO)), [(w[1], 2)]);
}

#[test]
fn what_waits_for_a_key_that_a_user_chose_is_not_sent_ahead() {
    let (mut bench, workers, c) = measured(&[1]);
    let named = with(task(1, &[]), |options| {
        options.name = Some("total".into());
        options.fingerprint = Some(key(9));
    });
    let actions = bench.submit(c, vec![named, task(2, &[1]), task(3, &[]), task(4, &[3])], &[2, 4]);
    let mut assigned: Vec<u128> = sent(&actions).into_iter().map(|(_, number)| number).collect();
    assigned.sort_unstable();
    assert_eq!(assigned, [1, 3, 4], "an older value of the name may still lie there");
    let actions = bench.finish_in(workers[0], run_of(&actions, 1), 8, MICRO);
    assert_eq!(sent(&actions), [(workers[0], 2)]);
}

#[test]
fn what_stood_behind_a_dependent_that_is_let_go_is_sent_ahead() {
    let (mut bench, w, c) = measured(&[1]);
    let long = |number, inputs: &[u128]| SubmittedTask { function: function(1).id, ..task(number, inputs) };
    let actions = bench.submit(c, vec![long(1, &[])], &[1]);
    bench.finish_in(w[0], run_of(&actions, 1), 8, Duration::from_secs(1));
    // A long call is not bound before its short input is there, and the short one behind it waits with it.
    let actions = bench.submit(c, vec![task(2, &[]), long(3, &[2]), task(4, &[2])], &[3, 4]);
    assert_eq!(sent(&actions), [(w[0], 2)]);
    assert_eq!(sent(&bench.release(c, 3)), [(w[0], 4)]);
}

#[test]
fn what_follows_an_input_that_turns_out_too_long_for_its_worker_goes_elsewhere() {
    for (nbytes, stays) in [(150, true), (151, false)] {
        let mut bench = Bench::with(Config::default());
        let (small, c) = (bench.worker_on("a", 1, 150), bench.client());
        let actions = bench.submit(c, vec![task(1, &[]), task(2, &[1])], &[2]);
        assert_eq!(sent(&actions), [(small, 1), (small, 2)]);
        let large = bench.worker_on("b", 1, 1_000);
        let after = bench.finish(small, run_of(&actions, 1), nbytes);
        if stays {
            assert_eq!(sent(&after), []);
        } else {
            assert!(after.contains(&to_worker(small, cancel(run_of(&actions, 2)))), "{after:?}");
            assert_eq!(sent(&after), [(large, 2)]);
        }
    }
}

#[test]
fn what_needs_a_long_value_follows_only_where_that_is() {
    const LONG: u64 = 10 << 30;
    let (mut bench, w, c) = measured(&[1, 1]);
    let actions = bench.submit(c, vec![task(1, &[]), task(2, &[]), task(3, &[1, 2])], &[3]);
    assert_eq!(sent(&actions), [(w[0], 1), (w[1], 2)]);
    assert_eq!(sent(&bench.finish_in(w[0], run_of(&actions, 1), LONG, MICRO)), [], "it is on another worker");
    let (mut bench, w, c) = measured(&[1, 1]);
    let actions = bench.submit(c, vec![task(1, &[])], &[1]);
    bench.finish_in(w[0], run_of(&actions, 1), LONG, MICRO);
    let actions = bench.submit(c, vec![task(2, &[]), task(3, &[1, 2])], &[3]);
    assert_eq!(sent(&actions), [(w[0], 2), (w[0], 3)]);
}

#[test]
fn what_could_follow_goes_before_less_urgent_roots_of_its_client_and_not_before_those_of_others() {
    for (same_client, priority, next) in [(true, 0, 4), (true, 5, 5), (false, 0, 5)] {
        let mut bench = Bench::with(Config { prefetch_tasks: 1, ..Config::default() });
        let (w, a) = (bench.worker(2), bench.client());
        bench.learn(a, MICRO);
        // Two run, one is ahead, and there is no room for what could follow the first.
        let actions = bench.submit(a, vec![task(1, &[]), task(2, &[]), task(3, &[]), task(4, &[1])], &[2, 3, 4]);
        assert_eq!(sent(&actions), [(w, 1), (w, 2), (w, 3)]);
        let c = if same_client { a } else { bench.client() };
        let root = with(task(5, &[]), |options| options.priority = priority);
        assert_eq!(sent(&bench.submit(c, vec![root], &[5])), []);
        assert_eq!(sent(&bench.finish_in(w, run_of(&actions, 2), 8, MICRO)), [(w, next)]);
    }
}
