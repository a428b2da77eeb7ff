//! Deaths of workers: who is suspected, what is said, and what is forgiven.

use std::sync::Arc;

use brisk_core::{
    error::ErrorKind,
    id::{ClientId, EnvironmentId, RunId, SupervisorId, WorkerId},
    message::{
        ClientToScheduler, Exit, KeyNews, SchedulerToWorker, SubmittedTask, SupervisorToScheduler, WorkerToScheduler,
    },
};
use smallvec::smallvec;

use super::bench::*;
use crate::machine::{Action, Config, Event};

/// Some deaths are allowed, and no more.
fn allowing(allowed_failures: u32) -> Bench {
    Bench::with(Config { allowed_failures, send_ahead: false, ..Config::default() })
}

impl Bench {
    /// A worker that starts the one task it is given at once; the client's if it submits one.
    fn starter(&mut self, name: &str, submitting: Option<(ClientId, SubmittedTask)>) -> (WorkerId, (u128, RunId)) {
        let (w, mut actions) = self.worker_with(1, name, &[]);
        if let Some((c, task)) = submitting {
            let number = task.key.as_u128() >> 96;
            actions = self.submit(c, vec![task], &[number]);
        }
        let (worker, run) = run(&actions);
        assert_eq!(worker, w);
        self.start(w, run);
        (w, run)
    }

    fn die_of(&mut self, worker: WorkerId, cause: &str) -> Vec<Action> {
        self.event(Event::WorkerLeft { worker, cause: cause.into(), intended: false })
    }

    fn exited(&mut self, s: SupervisorId, name: &str, change: impl FnOnce(&mut Exit)) -> Vec<Action> {
        let (cause, output) = ("out of memory".into(), "".into());
        let mut exit = Exit { name: name.into(), environment: HERE, cause, output, intended: false };
        change(&mut exit);
        self.advise(s, SupervisorToScheduler::Exited(exit))
    }

    /// How many of the tasks that are to run again are suspected. Of those a worker that has room for all takes one.
    fn suspects(&mut self, of: usize) -> usize {
        let (_, actions) = self.worker_with(16, "", &[]);
        of + 1 - runs(&actions).len()
    }
}

fn call(number: u128) -> SubmittedTask {
    SubmittedTask { function: function(9).id, ..task(number, &[]) }
}

#[test]
fn what_may_have_begun_unheard_is_suspected_as_far_as_there_were_threads() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(2), bench.client());
    bench.learn(c, std::time::Duration::from_micros(1));
    let given = runs(&bench.submit(c, (1..=6).map(|number| task(number, &[])).collect(), &[1, 2, 3, 4, 5, 6]));
    assert_eq!(given.len(), 6);
    bench.start(w, given[0].1);
    bench.kill(w);
    assert_eq!(bench.suspects(6), 2, "one had started, and there was a thread for one more");
}

#[test]
fn calls_that_take_no_thread_are_suspected_once_they_have_started_and_leave_the_threads_to_others() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let given = runs(&bench.submit(c, vec![call(1), call(2), task(3, &[])], &[1, 2, 3]));
    assert_eq!(given.len(), 3);
    bench.start(w, given.iter().find(|(_, run)| run.0 == 1).unwrap().1);
    bench.kill(w);
    assert_eq!(bench.suspects(3), 2, "the first, and the one that had the thread");
}

#[test]
fn each_death_is_told_with_its_cause_and_some_of_those_beside() {
    let mut bench = allowing(1);
    let (w, c) = (bench.worker(7), bench.client());
    let numbers: Vec<_> = (1..=7).collect();
    for (_, run) in runs(&bench.submit(c, numbers.iter().map(|&n| task(n, &[])).collect(), &numbers)) {
        bench.start(w, run);
    }
    bench.die_of(w, "killed by signal 9");
    let (second, run) = bench.starter("", None);
    assert_eq!(run.0, 1);
    let text = error(&bench.die_of(second, "out of memory"), 1).to_string();
    assert!(text.contains("2 workers died while they ran it, and 1 are allowed"), "{text}");
    let (first, rest) = text.split_once("(killed by signal 9; beside ").expect(&text);
    assert!(first.ends_with("in attempt 1 "), "{text}");
    let (beside, rest) = rest.split_once(')').expect(&text);
    assert!(beside.matches("inc-").count() == 4 && beside.ends_with(" and 2 more"), "{text}");
    assert!(rest.contains("in attempt 2 (out of memory). It needs more memory than its worker has"), "{text}");
    // The next in turn dies of the same twice.
    let (third, run) = bench.starter("", None);
    assert_eq!(run.0, 2);
    let text = error(&bench.die_of(third, "killed by signal 9"), 2).to_string();
    assert!(text.contains("in attempt 2 (the same again). It probably ends its process"), "{text}");
}

#[test]
fn an_end_that_turns_out_to_be_intended_is_forgiven() {
    let meant = |exit: &mut Exit| exit.intended = true;
    let forgiven = |tell: &dyn Fn(&mut Bench, SupervisorId)| {
        let mut bench = allowing(1);
        let ((s, _), c) = (bench.supervisor(), bench.client());
        let bound = with(task(1, &[]), |options| options.workers = vec!["first".into(), "second".into()]);
        let (first, _) = bench.starter("first", Some((c, bound)));
        bench.kill(first);
        tell(&mut bench, s);
        let (second, _) = bench.starter("second", None);
        news(&bench.kill(second)).is_empty()
    };
    assert!(forgiven(&|bench, s| drop(bench.exited(s, "first", meant))));
    assert!(!forgiven(&|bench, s| drop(bench.exited(s, "first", |_| {}))));
    assert!(!forgiven(&|bench, s| drop(bench.exited(s, "another", meant))), "it is another worker's end");
    let elsewhere = |exit: &mut Exit| (exit.intended, exit.environment) = (true, EnvironmentId(77));
    assert!(!forgiven(&|bench, s| drop(bench.exited(s, "first", elsewhere))), "it is another program's worker");
    // Supervisors may be late: sixty-three others have ended since.
    let others = |bench: &mut Bench| {
        for number in 0..63 {
            let (w, _) = bench.worker_with(1, &format!("w{number}"), &[]);
            bench.kill(w);
        }
    };
    assert!(forgiven(&|bench, s| {
        others(bench);
        bench.exited(s, "first", meant);
    }));
}

#[test]
fn a_supervisors_words_are_those_of_the_death_that_they_are_about() {
    let mut bench = allowing(2);
    let ((s, _), c) = (bench.supervisor(), bench.client());
    let (first, _) = bench.starter("first", Some((c, task(1, &[]))));
    bench.kill(first);
    let (second, _) = bench.starter("second", None);
    bench.kill(second);
    bench.exited(s, "second", |_| {});
    let (third, _) = bench.starter("third", None);
    let text = error(&bench.kill(third), 1).to_string();
    let causes =
        ["in attempt 1 (killed by signal 9)", "in attempt 2 (out of memory)", "in attempt 3 (killed by signal 9)"];
    assert!(causes.iter().all(|cause| text.contains(cause)), "{text}");
}

#[test]
fn an_end_of_a_worker_that_nobody_knows_of_ends_no_other_and_is_told_to_who_waits() {
    for (intended, told) in [(false, true), (true, false)] {
        let mut bench = Bench::new();
        let ((s, _), c) = (bench.supervisor(), bench.client());
        let (w, _) = bench.worker_with(1, "one", &[]);
        bench.exited(s, "two", |exit| exit.intended = intended);
        assert_eq!(bench.machine.snapshot().workers.len(), 1);
        bench.kill(w);
        bench.submit(c, vec![task(1, &[])], &[1]);
        let text = format!("{:?}", bench.wait(Config::default().notice_after));
        assert_eq!(text.contains("worker `two` ended at once: out of memory"), told, "{text}");
    }
}

#[test]
fn of_deaths_of_workers_that_never_spoke_of_the_run_one_may_be_chance() {
    let mut bench = allowing(1);
    let c = bench.client();
    let (first, _) = bench.starter("", Some((c, task(1, &[]))));
    bench.kill(first);
    let unheard = |bench: &mut Bench| {
        let (w, actions) = bench.worker_with(1, "", &[]);
        assert_eq!(run(&actions).0, w);
        bench.kill(w)
    };
    assert_eq!(news(&unheard(&mut bench)), []);
    assert_eq!(error(&unheard(&mut bench), 1).kind(), ErrorKind::WorkerDied);
}

#[test]
fn who_is_tried_again_by_hand_after_a_death_runs_beside_others() {
    let mut bench = allowing(0);
    let (w, c) = (bench.worker(2), bench.client());
    for (_, run) in runs(&bench.submit(c, vec![task(1, &[]), task(2, &[])], &[1, 2])) {
        bench.start(w, run);
    }
    assert_eq!(news(&bench.kill(w)).len(), 2, "both fail");
    bench.worker(2);
    assert_eq!(runs(&bench.say(c, ClientToScheduler::Retry(vec![want(1), want(2)]))).len(), 2);
}

#[test]
fn a_value_that_is_lost_too_often_is_given_up_and_one_with_another_holder_is_not_lost() {
    let mut bench = Bench::with(Config { allowed_losses: 2, send_ahead: false, ..Config::default() });
    let (w, c) = (bench.worker(1), bench.client());
    let missing = |holder| ClientToScheduler::Missing { key: key(1), want: want(1).1, holders: smallvec![holder] };
    let mut next = run(&bench.submit(c, vec![task(1, &[])], &[1])).1;
    for _ in 0..2 {
        bench.finish(w, next, 8);
        let actions = bench.say(c, missing(w));
        assert_eq!(news(&actions), [(c, 1, &KeyNews::Pending)]);
        next = run(&actions).1;
    }
    bench.finish(w, next, 8);
    let other = bench.worker(1);
    bench.report(other, WorkerToScheduler::Added(vec![(key(1), 8)]));
    assert!(matches!(news(&bench.say(c, missing(w)))[..], [(_, 1, KeyNews::Memory { .. })]));
    let actions = bench.say(c, missing(other));
    assert!(actions.contains(&to_worker(other, SchedulerToWorker::Free(vec![key(1)]))), "{actions:?}");
    let error = error(&actions, 1);
    assert_eq!(error.kind(), ErrorKind::DataLost);
    assert!(error.to_string().contains("given up after 2 losses"), "{error}");
}

#[test]
fn of_what_keeps_workers_from_starting_the_last_sixteen_are_remembered_and_three_are_told() {
    let told = |count: u32| {
        let mut bench = Bench::new();
        let ((s, _), c) = (bench.supervisor(), bench.client());
        (0..count).for_each(|number| drop(bench.exited(s, &format!("w{number:02}"), |_| {})));
        bench.submit(c, vec![task(1, &[])], &[1]);
        let text: Arc<str> = format!("{:?}", bench.wait(Config::default().notice_after)).into();
        (0..count).filter(|number| text.contains(&format!("w{number:02}"))).collect::<Vec<_>>()
    };
    assert_eq!(told(16), [0, 1, 2]);
    assert_eq!(told(17), [1, 2, 3]);
}
