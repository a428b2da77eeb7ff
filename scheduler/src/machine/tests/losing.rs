//! Workers and values that are lost.

use std::sync::Arc;

use brisk_core::{
    error::ErrorKind,
    message::{
        ClientToScheduler, Exit, KeyNews, SchedulerToClient, SchedulerToSupervisor, SchedulerToWorker,
        SupervisorToScheduler, WorkerToScheduler,
    },
    state::TaskState,
};
use smallvec::smallvec;

use super::bench::*;
use crate::machine::{Action, What};

#[test]
fn records_prove_what_a_killed_worker_ran_and_held_and_what_was_computed_again() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let first = run(&bench.submit(c, vec![task(1, &[]), task(2, &[1]), task(3, &[2])], &[3])).1;
    let second = run(&bench.finish(w, first, 8)).1;
    let third = run(&bench.finish(w, second, 8)).1;
    bench.start(w, third);
    bench.records.clear();
    let actions = bench.kill(w);
    assert_eq!(runs(&actions), []);
    let whats = bench.whats();
    assert!(whats.contains(&What::WorkerLeft { worker: w, intended: false }));
    let suspected =
        |what: &What| matches!(what, What::Suspected { key: k, worker, .. } if *k == key(3) && *worker == w);
    assert!(whats.iter().any(suspected), "it was running 3");
    assert!(whats.contains(&What::ReplicaLost { key: key(2), worker: w, holders: 0 }), "it alone held 2");
    let recomputed = |what: &&What| matches!(what, What::Recompute { .. });
    assert_eq!(whats.iter().filter(recomputed).count(), 1, "1 was consumed, and 2 alone is lost");
    // Everything is computed again, 1 included, by the next worker.
    let (next, actions) = bench.worker_with(1, "", &[]);
    let mut now = run(&actions).1;
    for number in 1..=3 {
        assert_eq!(now.0, number);
        let actions = bench.finish(next, now, 8);
        if number < 3 {
            now = run(&actions).1;
        }
    }
    assert_eq!(bench.machine.snapshot().count(TaskState::Memory), 1);
}

#[test]
fn a_wanted_value_that_is_lost_is_pending_again_and_one_with_a_replica_is_not() {
    let mut bench = Bench::new();
    let (a, b, c) = (bench.worker(1), bench.worker(1), bench.client());
    let actions = bench.submit(c, vec![task(1, &[]), task(2, &[])], &[1, 2]);
    for (w, run) in runs(&actions) {
        bench.finish(w, run, 8);
    }
    bench.report(b, WorkerToScheduler::Added(vec![(key(1), 8)]));
    let actions = bench.kill(a);
    assert!(news(&actions).is_empty(), "b has 1 too: {actions:?}");
    assert!(actions.contains(&to_client(c, SchedulerToClient::WorkerGone(a))));
    let actions = bench.kill(b);
    let mut told: Vec<_> = news(&actions).into_iter().map(|(_, number, news)| (number, news.clone())).collect();
    told.sort_unstable_by_key(|(number, _)| *number);
    assert_eq!(told, [(1, KeyNews::Pending), (2, KeyNews::Pending)]);
}

#[test]
fn only_what_ran_is_blamed_and_the_fourth_death_is_one_too_many() {
    let mut bench = Bench::new();
    let c = bench.client();
    let mut started = None;
    for death in 1..=4 {
        let (w, actions) = bench.worker_with(1, "", &[]);
        let actions = if death == 1 { bench.submit(c, vec![task(1, &[]), task(2, &[])], &[1, 2]) } else { actions };
        let run = run(&actions).1;
        assert_eq!(run.0, 1);
        bench.start(w, run);
        started = Some(bench.kill(w));
    }
    let actions = started.unwrap();
    let [(_, 1, KeyNews::Erred(error))] = news(&actions)[..] else { panic!("{actions:?}") };
    assert_eq!(error.kind(), ErrorKind::WorkerDied);
    let text = error.to_string();
    assert!(text.contains("4 workers died while they ran it") && text.contains("killed by signal 9"), "{text}");
    assert!(text.contains("test://w2 in attempt 1 ("), "{text}");
    let blamed =
        bench.whats().into_iter().filter(|what| matches!(what, What::Suspected { key: k, .. } if *k == key(2)));
    assert_eq!(blamed.count(), 0);
}

#[test]
fn an_intended_end_blames_nobody() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let run = run(&bench.submit(c, vec![task(1, &[])], &[1])).1;
    bench.start(w, run);
    let actions = bench.report(w, WorkerToScheduler::Goodbye("enough".into()));
    assert_eq!(actions, [Action::CloseWorker { worker: w, reason: "".into() }]);
    assert!(!bench.whats().iter().any(|what| matches!(what, What::Suspected { .. })));
    assert_eq!(bench.machine.snapshot().count(TaskState::NoWorker), 1);
}

fn exit(name: &str) -> Exit {
    Exit {
        name: name.into(),
        environment: HERE,
        cause: "out of memory".into(),
        output: "thread panicked\n".into(),
        intended: false,
    }
}

#[test]
fn a_supervisors_words_are_used_whether_they_come_before_or_after_the_end() {
    for before in [true, false] {
        let config = crate::machine::Config { allowed_failures: 1, ..Default::default() };
        let mut bench = Bench::with(config);
        let (s, _) = bench.supervisor();
        let c = bench.client();
        for name in ["first", "second"] {
            let (w, actions) = bench.worker_with(1, name, &[]);
            let actions = if name == "first" { bench.submit(c, vec![task(1, &[])], &[1]) } else { actions };
            let run = run(&actions).1;
            bench.start(w, run);
            if before || name == "second" {
                let actions = bench.advise(s, SupervisorToScheduler::Exited(exit(name)));
                let reason: Arc<str> = "out of memory; it last wrote: thread panicked".into();
                assert!(actions.contains(&Action::CloseWorker { worker: w, reason }), "{actions:?}");
                if name == "second" {
                    let text = format!("{actions:?}");
                    let told = (text.matches("out of memory; it last").count(), text.matches("the same again").count());
                    assert_eq!(told, (2, 1), "both deaths and the closing: {text}");
                }
            } else {
                let actions = bench.kill(w);
                assert!(actions.contains(&to_supervisor(s, SchedulerToSupervisor::End(w.0))), "{actions:?}");
                assert_eq!(bench.advise(s, SupervisorToScheduler::Exited(exit(name))), []);
            }
        }
    }
}

#[test]
fn who_misses_an_input_is_told_of_other_holders_or_its_run_is_taken_back() {
    let mut bench = Bench::new();
    let (a, c) = (bench.worker(1), bench.client());
    let first = run(&bench.submit(c, vec![task(1, &[])], &[1])).1;
    bench.finish(a, first, 8);
    bench.submit(c, vec![task(9, &[])], &[9]);
    let (b, third) = (bench.worker(1), bench.worker(1));
    bench.report(third, WorkerToScheduler::Added(vec![(key(1), 8)]));
    bench.submit(c, vec![task(8, &[])], &[8]);
    let actions = bench.submit(c, vec![task(2, &[1])], &[2]);
    let (w, second) = run(&actions);
    assert_ne!(w, a);
    let holder = if w == third { third } else { a };
    let missing = |holders| WorkerToScheduler::Missing { key: key(1), holders };
    let actions = bench.report(w, missing(smallvec![holder]));
    assert!(actions.contains(&to_worker(holder, SchedulerToWorker::Free(vec![key(1)]))), "{actions:?}");
    let told = |action: &Action| matches!(action, Action::ToWorker { message: SchedulerToWorker::Holders { .. }, .. });
    assert!(actions.iter().any(told), "{actions:?}");
    let actions = bench.report(w, missing(smallvec![a, b, third]));
    assert!(actions.contains(&to_worker(w, SchedulerToWorker::Cancel { key: key(2), run: second.1 })), "{actions:?}");
    assert_eq!(news(&actions), [(c, 1, &KeyNews::Pending)]);
    assert_eq!(run(&actions).1.0, 1, "it is computed again");
    // Said again, it is about a run that is no more.
    assert_eq!(bench.report(w, missing(smallvec![a])), []);
}

#[test]
fn a_client_that_can_not_fetch_is_told_of_others_or_waits_again() {
    let mut bench = Bench::new();
    let (a, c) = (bench.worker(1), bench.client());
    let first = run(&bench.submit(c, vec![task(1, &[])], &[1])).1;
    bench.finish(a, first, 8);
    let b = bench.worker(1);
    bench.report(b, WorkerToScheduler::Added(vec![(key(1), 8)]));
    let missing = |holder| ClientToScheduler::Missing { key: key(1), want: want(1).1, holders: smallvec![holder] };
    let actions = bench.say(c, missing(a));
    assert_eq!(news(&actions), [(c, 1, &KeyNews::Memory { nbytes: 8, holders: smallvec![b], value: None })]);
    let actions = bench.say(c, missing(b));
    assert_eq!(news(&actions), [(c, 1, &KeyNews::Pending)]);
}

#[test]
fn a_copy_of_a_pure_value_ends_its_recomputation() {
    let mut bench = Bench::new();
    let (a, c) = (bench.worker(1), bench.client());
    let first = run(&bench.submit(c, vec![task(1, &[])], &[1])).1;
    bench.finish(a, first, 8);
    let b = bench.worker(1);
    let again = run(&bench.kill(a)).1;
    let third = bench.worker(1);
    let actions = bench.report(third, WorkerToScheduler::Added(vec![(key(1), 8)]));
    assert!(actions.contains(&to_worker(b, SchedulerToWorker::Cancel { key: key(1), run: again.1 })), "{actions:?}");
    assert_eq!(news(&actions).len(), 1);
    // What came as bytes takes other memory than what was made: it is a copy all the same.
    bench.report(b, WorkerToScheduler::Added(vec![(key(1), 9)]));
    let actions = bench.kill(third);
    assert_eq!(news(&actions).len(), 0, "the copy is as good: {actions:?}");
    assert_eq!(bench.machine.snapshot().count(TaskState::Memory), 1);
}

#[test]
fn a_copy_of_another_length_under_a_chosen_name_is_no_copy() {
    let mut bench = Bench::new();
    let (a, b, c) = (bench.worker(1), bench.worker(1), bench.client());
    let named = with(task(1, &[]), |options| options.name = Some("mine".into()));
    let first = run(&bench.submit(c, vec![named], &[1])).1;
    bench.finish(a, first, 8);
    let free = to_worker(b, SchedulerToWorker::Free(vec![key(1)]));
    assert_eq!(bench.report(b, WorkerToScheduler::Added(vec![(key(1), 9)])), [free]);
}

#[test]
fn who_has_started_goes_on_though_an_input_of_it_is_lost() {
    let mut bench = Bench::new();
    let ((x, _), (y, _), c) = (bench.worker_with(1, "x", &[]), bench.worker_with(1, "y", &[]), bench.client());
    let on = |name: &str, task| with(task, |options| options.workers = vec![name.into()]);
    let first = run(&bench.submit(c, vec![on("x", task(1, &[])), on("y", task(2, &[1]))], &[2])).1;
    let (worker, second) = run(&bench.finish(x, first, 8));
    assert_eq!(worker, y);
    bench.start(y, second);
    let actions = bench.kill(x);
    let cancels =
        |action: &Action| matches!(action, Action::ToWorker { message: SchedulerToWorker::Cancel { .. }, .. });
    assert!(!actions.iter().any(cancels), "{actions:?}");
    assert!(matches!(news(&bench.finish(y, second, 8))[..], [(_, 2, KeyNews::Memory { .. })]));
}

#[test]
fn an_input_that_is_made_anew_changes_nothing_for_who_has_started_with_the_old_one() {
    let mut bench = Bench::new();
    let ((x, _), (y, _), c) = (bench.worker_with(1, "x", &[]), bench.worker_with(1, "y", &[]), bench.client());
    let on = |name: &str, task| with(task, |options| options.workers = vec![name.into()]);
    let first = run(&bench.submit(c, vec![task(1, &[]), on("y", task(2, &[1]))], &[1, 2]));
    assert_eq!(first.0, x);
    let second = run(&bench.finish(x, first.1, 8)).1;
    bench.start(y, second);
    bench.kill(x);
    let (z, actions) = bench.worker_with(1, "z", &[]);
    let again = run(&actions);
    assert_eq!((again.0, again.1.0), (z, 1));
    bench.finish(z, again.1, 8);
    assert!(matches!(news(&bench.finish(y, second, 8))[..], [(_, 2, KeyNews::Memory { .. })]));
}
