//! Tasks that fail, and those that need them.

use brisk_core::{
    error::ErrorKind,
    id::RequestId,
    message::{ClientToScheduler, WorkerToScheduler},
};

use super::bench::*;

#[test]
fn a_failure_reaches_dependents_at_once_and_names_its_task() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let first = run(&bench.submit(c, vec![task(1, &[]), task(2, &[1]), task(3, &[2])], &[1, 3])).1;
    let actions = bench.fail(w, first);
    assert_eq!(
        error(&actions, 1).to_string(),
        format!("inc-00000001: no good\n  at src/main.rs:0   on worker test://{w}")
    );
    let text = error(&actions, 3).to_string();
    assert!(text.ends_with("needed by inc-00000002, for inc-00000003"), "{text}");
    // Who comes later hears the same, and nothing runs.
    let late = bench.client();
    let actions = bench.submit(late, vec![task(4, &[2])], &[4]);
    assert_eq!(actions.len(), 1);
    assert_eq!(error(&actions, 4).key(), Some(key(1)));
}

#[test]
fn of_a_long_way_from_the_failure_the_nearest_tasks_are_named() {
    for (length, named, cut) in [(9, 8, false), (10, 9, false), (11, 9, true), (30, 9, true)] {
        let mut bench = Bench::new();
        let (w, c) = (bench.worker(1), bench.client());
        let chain = (1..=length).map(|n| task(n, if n == 1 { vec![] } else { vec![n - 1] }.as_slice())).collect();
        let first = run(&bench.submit(c, chain, &[length])).1;
        let error = error(&bench.fail(w, first), length);
        let names: Vec<_> = error.report().needed_by.iter().map(ToString::to_string).collect();
        // The last is the one that was asked for.
        assert_eq!(names.len(), named + usize::from(cut), "{length}: {names:?}");
        assert_eq!(names.iter().position(|name| name.starts_with('…')), cut.then_some(8), "{length}: {names:?}");
    }
}

#[test]
fn retries_are_for_the_tasks_own_failures() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let task = with(task(1, &[]), |options| options.retries = 2);
    let mut next = run(&bench.submit(c, vec![task], &[1])).1;
    for _ in 0..2 {
        next = run(&bench.fail(w, next)).1;
    }
    assert_eq!(error(&bench.fail(w, next), 1).report().attempt, 3);
}

#[test]
fn a_retry_by_hand_tries_the_culprit_too() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let first = run(&bench.submit(c, vec![task(1, &[]), task(2, &[1])], &[2])).1;
    bench.fail(w, first);
    let again = run(&bench.say(c, ClientToScheduler::Retry(vec![want(2)]))).1;
    assert_eq!(again.0, 1);
    assert_eq!(run(&bench.finish(w, again, 8)).1.0, 2);
}

#[test]
fn a_retry_reaches_failures_behind_values_that_were_dropped() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let mut next = run(&bench.submit(c, vec![task(1, &[]), task(2, &[1]), task(3, &[2])], &[3])).1;
    for number in 1..3 {
        assert_eq!(next.0, number);
        next = run(&bench.finish(w, next, 8)).1;
    }
    bench.finish(w, next, 8);
    // 4 fails, and with it 5: the value of 2 is dropped again.
    next = run(&bench.submit(c, vec![task(4, &[]), task(5, &[2, 4])], &[5])).1;
    while next.0 != 4 {
        next = run(&bench.finish(w, next, 8)).1;
    }
    bench.fail(w, next);
    // 1 fails when it is computed again for 6. So 2 could not be had for 5.
    next = run(&bench.submit(c, vec![task(6, &[1])], &[6])).1;
    bench.fail(w, next);
    let mut order = Vec::new();
    let mut actions = bench.say(c, ClientToScheduler::Retry(vec![want(5)]));
    while let Some(&(_, run)) = runs(&actions).first() {
        order.push(run.0);
        actions = bench.finish(w, run, 8);
    }
    assert_eq!(order, [1, 2, 4, 5]);
}

#[test]
fn a_hundred_thousand_tasks_deep() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    const DEEP: u128 = 100_000;
    let chain = (0..DEEP).map(|i| if i == 0 { task(0, &[]) } else { task(i, &[i - 1]) }).collect::<Vec<_>>();
    let mut first = None;
    for (i, tasks) in chain.chunks(1_000).enumerate() {
        let last = i == 99;
        let wants = if last { vec![want(DEEP - 1)] } else { vec![] };
        let (submission, chunk, tasks) = (RequestId(1), i as u32, tasks.to_vec());
        let actions = bench.say(c, ClientToScheduler::Submit { submission, chunk, last, tasks, wants });
        first = first.or_else(|| runs(&actions).first().copied());
    }
    let actions = bench.fail(w, first.unwrap().1);
    let path = error(&actions, DEEP - 1).report().needed_by.clone();
    assert_eq!(path.len(), 10, "eight names, a mark that there are more, and the one asked for");
    assert_eq!((path[0].key, path[8].name.as_ref(), path[9].key), (key(1), "…", key(DEEP - 1)));
    bench.release(c, DEEP - 1);
    assert_eq!(bench.machine.task_count(), 0);
}

#[test]
fn a_hundred_thousand_tasks_wide() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let first = run(&bench.submit(c, vec![task(0, &[])], &[0])).1;
    for i in 0..100u128 {
        let numbers = i * 1_000 + 1..i * 1_000 + 1_001;
        bench.submit(c, numbers.clone().map(|n| task(n, &[0])).collect(), &numbers.collect::<Vec<_>>());
    }
    let actions = bench.fail(w, first);
    assert_eq!(news(&actions).len(), 100_001);
    bench.say(c, ClientToScheduler::Release((0..100_001).map(want).collect()));
    assert_eq!(bench.machine.task_count(), 0);
}

#[test]
fn runs_that_are_handed_back_for_ever_fail() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let mut next = run(&bench.submit(c, vec![task(1, &[])], &[1])).1;
    for _ in 0..16 {
        let message = WorkerToScheduler::Returned { key: key(1), run: next.1, reason: "moody".into() };
        next = run(&bench.report(w, message)).1;
    }
    let actions = bench.report(w, WorkerToScheduler::Returned { key: key(1), run: next.1, reason: "moody".into() });
    let error = error(&actions, 1);
    assert_eq!(error.kind(), ErrorKind::DataLost);
    assert!(error.to_string().contains("moody"), "{error}");
}
