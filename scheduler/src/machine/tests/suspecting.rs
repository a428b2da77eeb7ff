//! Tasks under which workers die.

use std::collections::{BTreeMap, BTreeSet};

use brisk_core::{
    error::{ErrorKind, TaskError},
    id::{RunId, WorkerId},
    message::{ClientToScheduler, KeyNews, SchedulerToWorker},
};

use super::bench::*;
use crate::machine::{Action, What};

/// A run, and whether it has started.
type Given = ((u128, RunId), bool);

/// Workers that start as much as they have threads for, and are started again when they die.
struct Crew {
    bench: Bench,
    threads: usize,
    /// What each was given, in order, and whether it has started.
    given: BTreeMap<WorkerId, Vec<Given>>,
    errors: BTreeMap<u128, TaskError>,
    finished: BTreeSet<u128>,
}

impl Crew {
    fn new(bench: Bench, workers: usize, threads: usize) -> Self {
        let mut crew =
            Crew { bench, threads, given: BTreeMap::new(), errors: BTreeMap::new(), finished: BTreeSet::new() };
        for _ in 0..workers {
            crew.join();
        }
        crew
    }

    fn join(&mut self) {
        let (w, actions) = self.bench.worker_with(self.threads as u32, "", &[]);
        self.given.insert(w, Vec::new());
        self.obey(&actions);
    }

    fn obey(&mut self, actions: &[Action]) {
        for (w, run) in runs(actions) {
            self.given.get_mut(&w).unwrap().push((run, false));
        }
        for action in actions {
            if let Action::ToWorker { worker, message: SchedulerToWorker::Cancel { run, .. } } = action {
                self.given.get_mut(worker).unwrap().retain(|((_, r), _)| r != run);
            }
        }
        for (_, number, news) in news(actions) {
            match news {
                KeyNews::Erred(error) => drop(self.errors.insert(number, error.clone())),
                KeyNews::Memory { .. } => drop(self.finished.insert(number)),
                _ => {}
            }
        }
    }

    /// Every worker starts what its threads can take, and says so unless it is to be silent about it.
    fn start(&mut self, silent: impl Fn(u128) -> bool) {
        for (w, given) in self.given.clone() {
            for (i, (run, started)) in given.into_iter().enumerate().take(self.threads) {
                if !started && !silent(run.0) {
                    self.bench.start(w, run);
                    self.given.get_mut(&w).unwrap()[i].1 = true;
                }
            }
        }
    }

    /// One worker that runs a killer dies, and another comes for it; or else one run ends. Whether anything happened.
    fn step(&mut self, killers: &[u128]) -> bool {
        let runs_one = |given: &&Vec<((u128, RunId), bool)>| {
            given.iter().take(self.threads).any(|((number, _), _)| killers.contains(number))
        };
        if let Some(w) = self.given.iter().find(|(_, given)| runs_one(given)).map(|(w, _)| *w) {
            self.given.remove(&w);
            let actions = self.bench.kill(w);
            self.obey(&actions);
            self.join();
            return true;
        }
        let Some((&w, given)) = self.given.iter_mut().find(|(_, given)| !given.is_empty()) else { return false };
        let (run, _) = given.remove(0);
        let actions = self.bench.finish(w, run, 8);
        self.obey(&actions);
        true
    }

    /// How often each task was blamed.
    fn blamed(&self) -> BTreeMap<u128, u32> {
        let mut blamed = BTreeMap::new();
        for what in self.bench.whats() {
            if let What::Suspected { key, deaths, .. } = what {
                blamed.insert(key.as_u128() >> 96, deaths);
            }
        }
        blamed
    }
}

#[test]
fn one_killer_among_two_hundred_fails_alone_and_its_neighbours_are_blamed_once_at_most() {
    for silent in [false, true] {
        let mut bench = Bench::new();
        let c = bench.client();
        let mut crew = Crew::new(bench, 4, 4);
        let numbers: Vec<u128> = (0..201).collect();
        let actions = crew.bench.submit(c, numbers.iter().map(|&n| task(n, &[])).collect(), &numbers);
        crew.obey(&actions);
        const KILLER: u128 = 77;
        for _ in 0..2_000 {
            crew.start(|number| silent && number == KILLER);
            if !crew.step(&[KILLER]) {
                break;
            }
        }
        let [(&KILLER, error)] = crew.errors.iter().collect::<Vec<_>>()[..] else { panic!("{:?}", crew.errors) };
        assert_eq!(error.kind(), ErrorKind::WorkerDied);
        let deaths = if silent { 5 } else { 4 };
        assert_eq!(error.report().attempt, deaths, "{error}");
        assert_eq!(crew.finished.len(), 200, "all others finish");
        let mut blamed = crew.blamed();
        assert_eq!(blamed.remove(&KILLER), (!silent).then_some(4));
        assert!(blamed.values().all(|&deaths| deaths == 1), "{blamed:?}");
        assert!(blamed.len() <= 3 * deaths as usize);
        let text = error.to_string();
        let told = text.matches("killed by signal 9").count() + text.matches("(the same again").count();
        assert_eq!(told, deaths as usize, "{text}");
        assert!(text.contains("in attempt 2") && text.contains("; beside inc-"), "{text}");
        assert_eq!(silent, text.contains("it had not said that it had started it"), "{text}");
    }
}

#[test]
fn suspects_without_room_hold_up_nobody_and_get_their_turn() {
    let mut bench = Bench::new();
    let c = bench.client();
    let w = bench.worker(4);
    let actions = bench.submit(c, (0..4).map(|n| task(n, &[])).collect(), &[0, 1, 2, 3]);
    runs(&actions).into_iter().for_each(|(_, run)| bench.start(w, run));
    bench.kill(w);
    // Four suspects, one worker: one at a time, and others beside it.
    let (w, actions) = bench.worker_with(4, "", &[]);
    let first = run(&actions).1;
    let actions = bench.submit(c, (4..7).map(|n| task(n, &[])).collect(), &[4, 5, 6]);
    assert_eq!(runs(&actions).len(), 3);
    let mut order = vec![first.0];
    let mut next = first;
    while let Some(&(_, run)) = runs(&bench.finish(w, next, 8)).first() {
        order.push(run.0);
        next = run;
    }
    assert_eq!(order, [0, 1, 2, 3]);
    for (_, run) in runs(&actions) {
        bench.finish(w, run, 8);
    }
    assert_eq!(bench.machine.snapshot().workers[0].values, 7);
}

#[test]
fn what_had_not_started_and_had_no_thread_is_not_blamed() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    // Short tasks are sent ahead by the hundred.
    bench.learn(c, std::time::Duration::from_micros(1));
    let numbers: Vec<u128> = (0..51).collect();
    let actions = bench.submit(c, numbers.iter().map(|&n| task(n, &[])).collect(), &numbers);
    assert_eq!(runs(&actions).len(), 51);
    bench.start(w, run(&actions[..1]).1);
    bench.kill(w);
    let blamed: Vec<_> = bench.whats().into_iter().filter(|what| matches!(what, What::Suspected { .. })).collect();
    assert!(matches!(blamed[..], [What::Suspected { deaths: 1, .. }]), "{blamed:?}");
    // Fifty go together, the suspect with them.
    let (_, actions) = bench.worker_with(1, "", &[]);
    assert_eq!(runs(&actions).len(), 52 - usize::from(runs(&actions).iter().all(|(_, run)| run.0 != 100)));
}

#[test]
fn a_task_that_is_tried_again_by_hand_is_suspected_no_more() {
    let mut bench = Bench::with(crate::machine::Config { allowed_failures: 0, ..Default::default() });
    let c = bench.client();
    let w = bench.worker(1);
    let first = run(&bench.submit(c, vec![task(1, &[])], &[1])).1;
    bench.start(w, first);
    assert!(matches!(news(&bench.kill(w))[..], [(_, 1, KeyNews::Erred(_))]));
    let w = bench.worker(1);
    let again = run(&bench.say(c, ClientToScheduler::Retry(vec![want(1)]))).1;
    assert!(matches!(news(&bench.finish(w, again, 8))[..], [(_, 1, KeyNews::Memory { .. })]));
    bench.release(c, 1);
    assert_eq!(bench.machine.task_count(), 0);
}

#[test]
fn nobody_can_declare_or_ask_for_quarantine() {
    let mut bench = Bench::new();
    let c = bench.client();
    let (place, _) = crate::machine::quarantine::one_place();
    let (w, _) = bench.worker_with(2, "", &[(&place, 9.0)]);
    let greedy = |number| {
        with(task(number, &[]), |options| {
            options.resources = vec![(place.clone(), brisk_core::options::Quantity(1))];
        })
    };
    let actions = bench.submit(c, vec![greedy(1), greedy(2)], &[1, 2]);
    assert_eq!(runs(&actions).len(), 2);
    assert!(assignments(&actions).all(|(worker, a)| worker == w && a.resources.is_empty()));
}

#[test]
fn who_is_tried_again_by_hand_is_kept_apart_no_longer() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(2), bench.client());
    let both = runs(&bench.submit(c, vec![task(1, &[]), task(2, &[])], &[1, 2]));
    both.iter().for_each(|(_, run)| bench.start(w, *run));
    bench.kill(w);
    let (w, actions) = bench.worker_with(2, "", &[]);
    // One after the other, since each may be what the worker died of; and both fail by themselves.
    let first = run(&actions).1;
    let second = run(&bench.fail(w, first)).1;
    bench.fail(w, second);
    let again = runs(&bench.say(c, ClientToScheduler::Retry(vec![want(1), want(2)])));
    assert_eq!(again.len(), 2, "{again:?}");
}
