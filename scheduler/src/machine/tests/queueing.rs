//! What waits, and who is served first.

use std::{collections::VecDeque, time::Duration};

use brisk_core::{
    error::ErrorKind,
    id::{ClientId, RunId, WorkerId},
    message::{ClientToScheduler, KeyNews, SubmittedTask},
    options::Quantity,
    state::TaskState,
};

use super::bench::*;
use crate::machine::class::Kind;

const SECOND: Duration = Duration::from_secs(1);

fn gpus(number: u128, millionths: u64) -> SubmittedTask {
    with(task(number, &[]), |options| options.resources = vec![("gpu".into(), Quantity(millionths))])
}

fn roots(numbers: std::ops::Range<u128>) -> Vec<SubmittedTask> {
    numbers.map(|number| task(number, &[])).collect()
}

/// Lets a worker with one thread run so many tasks, each for as long as `took` says of its number. Which ran.
fn run_on(
    bench: &mut Bench,
    (worker, mut next): (WorkerId, (u128, RunId)),
    count: usize,
    took: impl Fn(u128) -> Duration,
) -> Vec<u128> {
    let mut order = vec![next.0];
    while order.len() < count {
        next = run(&bench.finish_in(worker, next, 8, took(next.0))).1;
        order.push(next.0);
    }
    order
}

#[test]
fn ten_thousand_classes_that_can_not_run_are_not_looked_at_again() {
    for workers in [1, 40] {
        let mut bench = Bench::new();
        let w = bench.worker_with(2, "", &[("gpu", 1.0)]).0;
        for _ in 1..workers {
            bench.worker_with(2, "", &[("gpu", 0.0)]);
        }
        let c = bench.client();
        let taken = run(&bench.submit(c, vec![gpus(0, 1_000_000)], &[0]));
        assert_eq!(taken.0, w);
        let many: Vec<_> = (1..=10_000).collect();
        for some in many.chunks(1_000) {
            bench.submit(c, some.iter().map(|&n| gpus(n, 1_000_000 - n as u64)).collect(), some);
        }
        let heads = |bench: &Bench| {
            let build = bench.machine.classes.environments.iter().next().unwrap().1;
            build.lanes[Kind::Thread as usize].heads.values().map(|heads| heads.iter().count()).sum::<usize>()
        };
        assert_eq!((bench.machine.snapshot().count(TaskState::Queued), heads(&bench)), (10_000, 0));
        let plain: Vec<_> = (20_000..20_200).collect();
        let mut next = runs(&bench.submit(c, roots(20_000..20_200), &plain));
        for _ in 0..100 {
            let (worker, run) = next.pop().unwrap();
            next.extend(runs(&bench.finish(worker, run, 8)));
            assert!(heads(&bench) <= 1, "all but the plain class stay parked");
        }
        // What it waits for wakes the first of those that fit, and only that.
        let woken = runs(&bench.finish(w, taken.1, 8));
        assert!(woken.iter().any(|(worker, (number, _))| *worker == w && *number == 1), "{woken:?}");
        assert!(heads(&bench) <= 2);
        bench.machine.check_invariants().unwrap();
    }
}

#[test]
fn classes_with_many_workers_and_classes_with_few_are_woken_in_order() {
    let mut bench = Bench::new();
    let c = bench.client();
    let workers: Vec<_> = (0..40).map(|i| bench.worker_with(1, &format!("w{i}"), &[("gpu", 1.0)]).0).collect();
    let first = runs(&bench.submit(c, (0..40).map(|n| gpus(n, 1_000_000)).collect(), &(0..40).collect::<Vec<_>>()));
    assert_eq!(first.len(), 40);
    // An open worker beside them, without a gpu: what follows can't run, and is parked.
    bench.worker(1);
    let only =
        |number, name: &str| with(gpus(number, 500_000), |options| options.workers = vec![name.into(), "w39".into()]);
    bench.submit(c, vec![only(50, "w3"), gpus(51, 700_000), only(52, "w4")], &[50, 51, 52]);
    assert_eq!(bench.machine.snapshot().count(TaskState::Queued), 3);
    let mut end = |w: usize| {
        let (worker, ended) = *first.iter().find(|(worker, _)| *worker == workers[w]).unwrap();
        let sent = runs(&bench.finish(worker, ended, 8));
        sent.into_iter().map(|(worker, (number, _))| (worker, number)).collect::<Vec<_>>()
    };
    assert_eq!(end(4), [(workers[4], 51)], "submitted before the one that is for it alone");
    assert_eq!(end(39), [(workers[39], 50)]);
    assert_eq!(end(3), []);
    assert_eq!(end(0), [], "nothing for it is left");
    assert_eq!(bench.machine.snapshot().count(TaskState::Queued), 1);
}

#[test]
fn clients_share_by_time_whatever_the_number_and_length_of_their_tasks() {
    let mut bench = Bench::new();
    let (w, a) = (bench.worker(1), bench.client());
    let b = bench.client();
    let first = run(&bench.submit(a, roots(0..1_000), &(0..1_000).collect::<Vec<_>>())).1;
    let of_b: Vec<_> = (1_000..2_000).map(|n| SubmittedTask { function: function(1).id, ..task(n, &[]) }).collect();
    assert_eq!(runs(&bench.submit(b, of_b, &(1_000..2_000).collect::<Vec<_>>())), []);
    // Those of the first client take three times as long.
    let took = |number| if number < 1_000 { 3 * SECOND } else { SECOND };
    let order = run_on(&mut bench, (w, first), 100, took);
    let of_a = order.iter().filter(|&&number| number < 1_000).count();
    assert!((24..=27).contains(&of_a), "{of_a} of 100: half of the time");
    let mut sorted = order.clone();
    sorted.sort_by_key(|&number| (number >= 1_000, number));
    assert_eq!(order.iter().filter(|&&n| n < 1_000).collect::<Vec<_>>(), sorted[..of_a].iter().collect::<Vec<_>>());
}

#[test]
fn clients_share_by_what_their_tasks_took_and_not_by_what_they_were_estimated_at() {
    let mut bench = Bench::new();
    let (w, a) = (bench.worker(1), bench.client());
    let b = bench.client();
    // All are calls of one function, and so are estimated alike.
    let first = run(&bench.submit(a, roots(0..200), &(0..200).collect::<Vec<_>>())).1;
    bench.submit(b, roots(1_000..1_200), &(1_000..1_200).collect::<Vec<_>>());
    // One thread runs what it was given in order; some may be given ahead.
    let (mut given, mut of_a, mut ended) = (VecDeque::from([first]), 0, 0);
    while ended < 100 {
        let next = given.pop_front().expect("it has work");
        let is_of_a = next.0 < 1_000;
        of_a += usize::from(is_of_a);
        ended += 1;
        let actions = bench.finish_in(w, next, 8, if is_of_a { 3 * SECOND } else { SECOND });
        given.extend(runs(&actions).into_iter().map(|(_, run)| run));
    }
    assert!((23..=28).contains(&of_a), "{of_a} of 100: half of the time");
}

#[test]
fn what_one_client_calls_urgent_is_nothing_to_another() {
    let mut bench = Bench::new();
    let (w, a) = (bench.worker(1), bench.client());
    let b = bench.client();
    let first = run(&bench.submit(a, roots(0..10), &(0..10).collect::<Vec<_>>())).1;
    let urgent = (10..20).map(|n| with(task(n, &[]), |options| options.priority = 9)).collect();
    bench.submit(b, urgent, &(10..20).collect::<Vec<_>>());
    let order = run_on(&mut bench, (w, first), 12, |_| SECOND);
    let of_a = order.iter().filter(|&&number| number < 10).count();
    assert!((5..=7).contains(&of_a), "{order:?}");
}

#[test]
fn who_was_idle_comes_back_without_credit() {
    let mut bench = Bench::new();
    let (w, a) = (bench.worker(1), bench.client());
    let b = bench.client();
    let first = run(&bench.submit(a, roots(0..200), &(0..200).collect::<Vec<_>>())).1;
    let mut next = first;
    for _ in 0..50 {
        next = run(&bench.finish(w, next, 8)).1;
    }
    // Fifty seconds later the other has work too: it gets its half from now on, and not all of the next fifty.
    bench.submit(b, roots(1_000..1_100), &(1_000..1_100).collect::<Vec<_>>());
    let order = run_on(&mut bench, (w, next), 40, |_| SECOND);
    let of_b = order.iter().filter(|&&number| number >= 1_000).count();
    assert!((19..=21).contains(&of_b), "{order:?}");
}

#[test]
fn a_client_that_goes_leaves_no_account_but_for_what_goes_on() {
    let mut bench = Bench::new();
    let (w, a) = (bench.worker(1), bench.client());
    let b = bench.client();
    let sent = run(&bench.submit(a, vec![task(1, &[]), task(2, &[1]), task(3, &[])], &[2, 3])).1;
    bench.submit(b, vec![task(1, &[]), task(2, &[1])], &[2]);
    bench.say(a, ClientToScheduler::Goodbye);
    assert_eq!(bench.machine.accounts.iter().count(), 2, "the first pays for what the second shares");
    let second = run(&bench.finish(w, sent, 8)).1;
    bench.finish(w, second, 8);
    assert_eq!(bench.machine.accounts.iter().count(), 1);
    // What is lost is computed again for who still wants it.
    let other = bench.worker(1);
    assert_eq!(run(&bench.kill(w)).0, other);
    let paying: Vec<_> = bench.machine.accounts.iter().map(|(_, account)| account.tasks).collect();
    assert_eq!(paying, [2]);
    bench.say(b, ClientToScheduler::Goodbye);
    assert_eq!(bench.machine.accounts.iter().count(), 0);
    assert_eq!(bench.machine.task_count(), 0);
}

#[test]
fn detached_work_goes_on_at_its_clients_expense() {
    let mut bench = Bench::new();
    let (w, a) = (bench.worker(1), bench.client());
    let sent = run(&bench.submit(a, vec![task(1, &[]), task(2, &[1])], &[2])).1;
    bench.say(a, ClientToScheduler::Detach(vec![key(2)]));
    bench.say(a, ClientToScheduler::Goodbye);
    let second = run(&bench.finish(w, sent, 8)).1;
    assert_eq!(bench.machine.accounts.iter().count(), 1);
    // Lost under way, it begins again, and nobody is there to pay but the account itself.
    let other = bench.worker(1);
    let again = run(&bench.kill(w));
    assert_eq!((again.0, again.1.0), (other, 1));
    assert_ne!(second.1, again.1.1);
    let second = run(&bench.finish(other, again.1, 8)).1;
    bench.finish(other, second, 8);
    assert_eq!((bench.machine.accounts.iter().count(), bench.machine.task_count()), (0, 0));
}

impl Bench {
    fn worker_holding(&mut self, limit: u64) -> WorkerId {
        self.worker_on("host", 1, limit)
    }

    /// Two values of so many bytes, by tasks 1 and 2.
    fn two_values(&mut self, c: ClientId, nbytes: u64) {
        let mut left = runs(&self.submit(c, roots(1..3), &[1, 2]));
        while let Some((worker, ended)) = left.pop() {
            left.extend(runs(&self.finish(worker, ended, nbytes)));
        }
    }
}

#[test]
fn inputs_that_no_worker_could_hold_fail_the_task_with_their_sizes() {
    let mut bench = Bench::new();
    let c = bench.client();
    bench.worker_holding(1 << 30);
    bench.worker_holding(3 << 30);
    bench.two_values(c, 2 << 30);
    let actions = bench.submit(c, vec![task(3, &[1, 2]), task(4, &[3])], &[3, 4]);
    assert_eq!(runs(&actions), []);
    let told = news(&actions);
    let [(_, 3, KeyNews::Erred(error)), (_, 4, KeyNews::Erred(dependent))] = &told[..] else { panic!("{told:?}") };
    assert_eq!((error.kind(), dependent.kind()), (ErrorKind::TooLarge, ErrorKind::TooLarge));
    let text = error.to_string();
    for part in ["its 2 inputs are 4.0 GiB together", "may hold 3.0 GiB", "with 2.0 GiB", "more memory"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(bench.machine.classes.slab.iter().count(), 1);
}

#[test]
fn a_task_waits_for_the_worker_that_can_hold_its_inputs_and_stops_no_other() {
    let mut bench = Bench::new();
    let c = bench.client();
    let small = bench.worker_holding(1 << 30);
    let big = bench.worker_holding(8 << 30);
    bench.two_values(c, 2 << 30);
    let busy = runs(&bench.submit(c, roots(10..12), &[10, 11]));
    let on_big = *busy.iter().find(|(worker, _)| *worker == big).unwrap();
    let on_small = *busy.iter().find(|(worker, _)| *worker == small).unwrap();
    bench.submit(c, vec![task(3, &[1, 2]), task(4, &[])], &[3, 4]);
    let next = run(&bench.finish(small, on_small.1, 8));
    assert_eq!((next.0, next.1.0), (small, 4));
    let next = run(&bench.finish(big, on_big.1, 8));
    assert_eq!((next.0, next.1.0), (big, 3));
}

#[test]
fn the_end_of_the_only_worker_that_is_big_enough_fails_what_waits_for_it() {
    let mut bench = Bench::new();
    let c = bench.client();
    let small = bench.worker_holding(3 << 30);
    bench.two_values(c, 2 << 30);
    let big = bench.worker_holding(8 << 30);
    let busy = runs(&bench.submit(c, roots(10..12), &[10, 11]));
    assert_eq!(runs(&bench.submit(c, vec![task(3, &[1, 2])], &[3])), []);
    // The first look at it comes with room, which is the small one's.
    let ended = busy.iter().find(|(worker, _)| *worker == small).unwrap().1;
    assert_eq!(bench.finish(small, ended, 8).len(), 1);
    assert_eq!(bench.machine.snapshot().count(TaskState::Queued), 1);
    // What ran on it comes first.
    let again = run(&bench.kill(big));
    let actions = bench.finish(small, again.1, 8);
    let failed = news(&actions).into_iter().filter(|(_, _, news)| matches!(news, KeyNews::Erred(_)));
    assert_eq!(failed.map(|(_, number, _)| number).collect::<Vec<_>>(), [3]);
    // While there is no worker at all it waits, and is judged by those that come.
    bench.kill(small);
    bench.submit(c, vec![task(20, &[1, 2])], &[20]);
    bench.worker_holding(5 << 30);
    assert_eq!(bench.machine.snapshot().count(TaskState::Erred), 1);
}

#[test]
fn what_comes_to_a_class_that_can_not_run_counts_when_it_can() {
    let mut bench = Bench::new();
    let (w, _) = bench.worker_with(2, "", &[("gpu", 1.0)]);
    bench.worker(2);
    let c = bench.client();
    let (_, first) = run(&bench.submit(c, vec![gpus(1, 1_000_000)], &[1]));
    assert_eq!(runs(&bench.submit(c, vec![gpus(2, 700_000), gpus(3, 600_000)], &[2, 3])), []);
    let urgent = with(gpus(4, 600_000), |options| options.priority = 5);
    assert_eq!(runs(&bench.submit(c, vec![urgent], &[4])), []);
    assert_eq!(run(&bench.finish(w, first, 8)).1.0, 4, "before the others, of its own class and not");
}

#[test]
fn three_clients_take_turns() {
    let mut bench = Bench::new();
    let w = bench.worker(1);
    let clients = [(); 3].map(|()| bench.client());
    let mut given = Vec::new();
    for (i, c) in (0..).zip(clients) {
        given.extend(runs(&bench.submit(c, roots(i * 10..i * 10 + 3), &[i * 10, i * 10 + 1, i * 10 + 2])));
    }
    let mut turns: Vec<_> =
        run_on(&mut bench, (w, given[0].1), 9, |_| SECOND).iter().map(|number| number / 10).collect();
    turns.chunks_mut(3).for_each(<[_]>::sort_unstable);
    assert_eq!(turns, [0, 1, 2, 0, 1, 2, 0, 1, 2]);
}

#[test]
fn what_asks_for_nothing_of_a_resource_goes_where_there_is_none() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    assert_eq!(run(&bench.submit(c, vec![gpus(1, 0)], &[1])).0, w);
}

#[test]
fn what_is_made_again_is_paid_for_by_who_wants_it_and_not_by_who_had_submitted_it() {
    let mut bench = Bench::new();
    let (w, a, b) = (bench.worker(1), bench.client(), bench.client());
    let first = run(&bench.submit(a, vec![task(1, &[])], &[1])).1;
    bench.finish(w, first, 8);
    bench.submit(b, vec![task(1, &[])], &[1]);
    bench.release(a, 1);
    bench.kill(w);
    let paying: Vec<_> = bench.machine.accounts.iter().map(|(_, account)| account.tasks).collect();
    assert_eq!(paying, [0, 1]);
}

#[test]
fn among_the_workers_that_a_task_may_go_to_are_those_left_out_that_could_not_hold_its_inputs() {
    let mut bench = Bench::new();
    let c = bench.client();
    let large = bench.worker_on("here", 1, 10_000);
    let made = run(&bench.submit(c, vec![task(1, &[])], &[1])).1;
    bench.finish(large, made, 500);
    let small = bench.worker_on("here", 1, 100);
    let here = |task| with(task, |options| options.workers = vec!["here".into()]);
    // The one that could is busy, and the other is not.
    assert_eq!(run(&bench.submit(c, vec![with(task(2, &[1]), |_| {})], &[2])).0, large);
    let sent = runs(&bench.submit(c, vec![here(task(3, &[1]))], &[3]));
    assert!(sent.iter().all(|(worker, _)| *worker == large), "not {small}: {sent:?}");
}
