//! Workers that are let go.

use std::{collections::VecDeque, time::Duration};

use brisk_core::{
    error::ErrorKind,
    id::{ClientId, RequestId, WorkerId},
    message::{
        Answer, ClientToScheduler, KeyNews, ScatteredValue, SchedulerToClient, SchedulerToWorker, WorkerToScheduler,
    },
};

use super::{
    bench::*,
    copies::{answers, asked},
};
use crate::machine::{Action, Config, Event, What};

impl Bench {
    fn retire(&mut self, client: ClientId, workers: &[WorkerId]) -> Vec<Action> {
        let workers = workers.iter().map(|worker| format!("test://{worker}").into()).collect();
        self.say(client, ClientToScheduler::RetireWorkers { request: RequestId(5), workers })
    }
}

fn is_dismissed(actions: &[Action], worker: WorkerId) -> bool {
    let told = |action: &Action| matches!(action, Action::ToWorker { worker: w, message: SchedulerToWorker::Retired(_) } if *w == worker);
    let closed = |action: &Action| matches!(action, Action::CloseWorker { worker: w, .. } if *w == worker);
    let (told, closed) = (actions.iter().position(told), actions.iter().position(closed));
    assert!(told < closed || told.is_none(), "it is told before the link is closed: {actions:?}");
    closed.is_some()
}

/// What clients are told in words.
fn notices(actions: &[Action]) -> Vec<&str> {
    let words = actions.iter().filter_map(|action| match action {
        Action::ToClient { message: SchedulerToClient::Notice { message, .. }, .. } => Some(&**message),
        _ => None,
    });
    words.collect()
}

fn gone(workers: &[WorkerId]) -> Answer {
    Answer::Workers(workers.iter().map(|worker| format!("test://{worker}").into()).collect())
}

#[test]
fn an_idle_worker_without_values_goes_at_once() {
    let mut bench = Bench::new();
    let (c, w) = (bench.client(), bench.worker(1));
    let actions = bench.retire(c, &[w]);
    assert!(is_dismissed(&actions, w));
    assert_eq!((answers(&actions), notices(&actions)), (vec![(c, 5, &gone(&[w]))], vec![]));
    // It is not there any more.
    assert!(matches!(answers(&bench.retire(c, &[w]))[..], [(_, 5, Answer::Refused(_))]));
}

#[test]
fn what_it_alone_holds_is_copied_first_and_nothing_is_computed_again() {
    let mut bench = Bench::new();
    let c = bench.client();
    let w = bench.worker(1);
    bench.make(c, 1, 8);
    bench.make(c, 2, 8);
    let other = bench.worker(1);
    bench.added(other, 2, 8);
    bench.records.clear();
    let actions = bench.retire(c, &[w]);
    assert_eq!(asked(&actions), [(other, 1)], "2 is safe");
    assert!(!is_dismissed(&actions, w));
    let actions = bench.added(other, 1, 8);
    assert!(is_dismissed(&actions, w) && news(&actions).is_empty(), "{actions:?}");
    assert_eq!(answers(&actions), [(c, 5, &gone(&[w]))]);
    let bad = |what: &What| matches!(what, What::Suspected { .. } | What::Recompute { .. });
    assert!(!bench.whats().iter().any(bad));
}

#[test]
fn what_runs_ends_there_and_its_value_is_saved() {
    let mut bench = Bench::new();
    let c = bench.client();
    let w = bench.worker(1);
    let first = run(&bench.submit(c, vec![task(1, &[])], &[1])).1;
    bench.start(w, first);
    bench.finish(w, first, 8);
    let second = run(&bench.submit(c, vec![task(2, &[])], &[2])).1;
    bench.start(w, second);
    let other = bench.worker(1);
    assert_eq!(asked(&bench.retire(c, &[w])), [(other, 1)]);
    bench.added(other, 1, 8);
    // New work goes elsewhere, or waits.
    assert!(runs(&bench.submit(c, vec![task(4, &[])], &[4])).iter().all(|(to, _)| *to == other));
    let actions = bench.finish(w, second, 8);
    assert_eq!(asked(&actions), [(other, 2)]);
    assert!(!is_dismissed(&actions, w));
    assert!(is_dismissed(&bench.added(other, 2, 8), w));
}

#[test]
fn what_has_not_started_is_asked_back_at_once_and_goes_elsewhere() {
    let mut bench = Bench::new();
    let (c, w) = (bench.client(), bench.worker(1));
    bench.learn(c, Duration::from_millis(1));
    let sent = runs(&bench.submit(c, vec![task(1, &[]), task(2, &[])], &[1, 2]));
    let [(_, first), (_, second)] = sent[..] else { panic!("{sent:?}") };
    bench.start(w, first);
    let actions = bench.retire(c, &[w]);
    let question = actions.iter().find_map(|action| match action {
        Action::ToWorker { worker, message: SchedulerToWorker::Steal { request, runs } } if *worker == w => {
            Some((*request, runs.clone()))
        }
        _ => None,
    });
    let (request, asked_for) = question.expect("it is asked for what it has not started");
    assert_eq!(asked_for, [(key(2), second.1)]);
    let actions = bench.report(w, WorkerToScheduler::Stolen { request, runs: asked_for });
    assert_eq!(runs(&actions), [], "who is to go is given nothing");
    let (other, actions) = bench.worker_with(1, "", &[]);
    let (to, (number, _)) = run(&actions);
    assert_eq!((to, number), (other, 2));
}

#[test]
fn who_has_to_go_in_any_case_goes_though_a_client_had_only_asked() {
    let mut bench = Bench::new();
    let (c, w) = (bench.client(), bench.worker(1));
    bench.make(c, 1, 8);
    let other = bench.worker(1);
    assert_eq!(asked(&bench.retire(c, &[w])), [(other, 1)]);
    bench.report(w, WorkerToScheduler::Retiring("its process ends".into()));
    // Nobody can take what it holds.
    let actions = bench.lacks(other, 1);
    assert!(is_dismissed(&actions, w), "{actions:?}");
    assert_eq!(answers(&actions), [(c, 5, &gone(&[w]))]);
}

#[test]
fn of_many_values_some_are_on_their_way_at_once() {
    let mut bench = Bench::new();
    let (c, w) = (bench.client(), bench.worker(1));
    for number in 1..=100 {
        bench.make(c, number, 8);
    }
    let other = bench.worker(1);
    let mut on_their_way: VecDeque<_> = asked(&bench.retire(c, &[w])).into();
    assert_eq!(on_their_way.len(), 64);
    let (mut came, mut last) = (0, Vec::new());
    while let Some((to, number)) = on_their_way.pop_front() {
        assert!(to == other && !is_dismissed(&last, w));
        last = bench.added(to, number, 8);
        on_their_way.extend(asked(&last));
        came += 1;
        assert!(on_their_way.len() <= 64);
    }
    assert!(came == 100 && is_dismissed(&last, w), "{came}");
}

#[test]
fn a_client_that_goes_is_not_answered_nor_is_who_comes_after_it() {
    let mut bench = Bench::new();
    let (a, w) = (bench.client(), bench.worker(1));
    let other = bench.client();
    let first = run(&bench.submit(other, vec![task(1, &[])], &[1])).1;
    bench.start(w, first);
    assert!(!is_dismissed(&bench.retire(a, &[w]), w));
    bench.say(a, ClientToScheduler::Goodbye);
    bench.client();
    let safe = bench.worker(1);
    let saved = bench.finish(w, first, 8);
    assert_eq!(asked(&saved), [(safe, 1)]);
    let actions = bench.added(safe, 1, 8);
    assert!(is_dismissed(&actions, w), "what it asked for is done all the same");
    assert_eq!(answers(&actions), []);
}

#[test]
fn what_runs_too_long_is_given_back_without_blame() {
    let mut bench = Bench::new();
    let (c, w) = (bench.client(), bench.worker(1));
    let first = run(&bench.submit(c, vec![task(1, &[])], &[1])).1;
    bench.start(w, first);
    let other = bench.worker(1);
    assert!(!is_dismissed(&bench.retire(c, &[w]), w));
    bench.now = bench.now + (Config::default().retire_patience - Duration::from_secs(1));
    assert_eq!(bench.event(Event::Tick), []);
    let actions = bench.wait(Duration::from_secs(1));
    assert!(is_dismissed(&actions, w));
    assert_eq!(run(&actions).0, other);
    assert!(!bench.whats().iter().any(|what| matches!(what, What::Suspected { .. })));
}

#[test]
fn the_recipient_that_dies_or_can_not_is_replaced() {
    let mut bench = Bench::new();
    let c = bench.client();
    let w = bench.worker(1);
    bench.make(c, 1, 8);
    let others = [(); 3].map(|()| bench.worker(1));
    let [(first, 1)] = asked(&bench.retire(c, &[w]))[..] else { panic!() };
    let [(second, 1)] = asked(&bench.kill(first))[..] else { panic!() };
    let [(third, 1)] = asked(&bench.lacks(second, 1))[..] else { panic!() };
    assert!(others.contains(&third) && third != second);
    // Nobody is left: it works on, and is given work again.
    let actions = bench.lacks(third, 1);
    let [(_, 5, Answer::Refused(error))] = answers(&actions)[..] else { panic!("{actions:?}") };
    let text = error.to_string();
    assert!(text.contains("test://w2") && text.contains("inc-00000001") && text.contains("8 bytes"), "{text}");
    assert!(!is_dismissed(&actions, w));
    assert!(bench.machine.snapshot().workers.iter().any(|worker| worker.worker == w));
}

#[test]
fn it_stays_if_nobody_has_room_and_takes_work_again() {
    let mut bench = Bench::new();
    let c = bench.client();
    let w = bench.worker(1);
    bench.make(c, 1, 80);
    bench.worker_on("small", 1, 100);
    let paused = bench.worker(1);
    bench.report(paused, WorkerToScheduler::Paused(true));
    let actions = bench.retire(c, &[w]);
    assert!(matches!(answers(&actions)[..], [(_, 5, Answer::Refused(_))]), "{actions:?}");
    let tasks = (2..=3).map(|number| task(number, &[])).collect();
    let given: Vec<_> = runs(&bench.submit(c, tasks, &[2, 3])).into_iter().map(|(w, _)| w).collect();
    assert!(given.contains(&w), "{given:?}");
}

#[test]
fn of_all_workers_the_last_stays_if_it_holds_something_needed() {
    let mut bench = Bench::new();
    let c = bench.client();
    let ws = [(); 3].map(|()| bench.worker(1));
    for (number, nbytes) in [(1, 10), (2, 500), (3, 10)] {
        let only = vec![format!("test://{}", ws[number as usize - 1]).into()];
        let (w, run) = run(&bench.submit(c, vec![with(task(number, &[]), |o| o.workers = only)], &[number]));
        bench.finish(w, run, nbytes);
    }
    let actions = bench.retire(c, &ws);
    let mut moved = asked(&actions);
    moved.sort_unstable();
    assert_eq!(moved, [(ws[1], 1), (ws[1], 3)], "the one with the most stays");
    bench.added(ws[1], 1, 10);
    let actions = bench.added(ws[1], 3, 10);
    assert_eq!(answers(&actions), [(c, 5, &gone(&[ws[0], ws[2]]))]);
    let [said] = notices(&actions)[..] else { panic!("it is said who stays: {actions:?}") };
    assert!(said.contains(&format!("test://{}", ws[1])) && said.contains("works on"), "{said}");
    // Once nobody needs anything, it goes too.
    for number in 1..=3 {
        bench.release(c, number);
    }
    assert_eq!(answers(&bench.retire(c, &ws[1..2])), [(c, 5, &gone(&[ws[1]]))]);
}

#[test]
fn a_worker_whose_process_ends_saves_what_others_can_take_and_goes_in_any_case() {
    let mut bench = Bench::new();
    let c = bench.client();
    let w = bench.worker(1);
    bench.make(c, 1, 8);
    bench.make(c, 2, 80);
    let small = bench.worker_on("small", 1, 100);
    bench.records.clear();
    let actions = bench.report(w, WorkerToScheduler::Retiring("its process ends".into()));
    assert_eq!(asked(&actions), [(small, 1)]);
    let actions = bench.added(small, 1, 8);
    assert!(is_dismissed(&actions, w));
    assert_eq!(news(&actions), [(c, 2, &KeyNews::Pending)], "what nobody could take is computed again");
    assert!(!bench.whats().iter().any(|what| matches!(what, What::Suspected { .. })));
}

#[test]
fn an_operator_may_retire_a_worker_and_one_that_dies_meanwhile_is_gone_too() {
    let mut bench = Bench::new();
    let c = bench.client();
    let w = bench.worker(1);
    bench.make(c, 1, 8);
    let other = bench.worker(1);
    let actions = bench.event(Event::RetireWorker { worker: w, reason: "scaled down".into() });
    assert_eq!(asked(&actions), [(other, 1)]);
    // A client asks for the same; then the worker is killed.
    assert_eq!(bench.retire(c, &[w]), []);
    let actions = bench.kill(w);
    assert_eq!(answers(&actions), [(c, 5, &gone(&[w]))]);
    let asked_for_nobody = bench.event(Event::RetireWorker { worker: w, reason: "scaled down".into() });
    assert_eq!(asked_for_nobody, []);
    assert_eq!(bench.machine.counters().unknown_peers, 1);
}

#[test]
fn values_of_a_worker_that_stays_pull_nothing_and_many_values_are_moved_in_turns() {
    let mut bench = Bench::new();
    let c = bench.client();
    let w = bench.worker(1);
    let count = 300;
    for number in 1..=count {
        bench.make(c, number, 8);
    }
    let others = [bench.worker(1), bench.worker(1)];
    let mut open = VecDeque::from(asked(&bench.retire(c, &[w])));
    let (mut moved, mut most, mut last) = (0, 0, Vec::new());
    while !open.is_empty() || bench.machine.next_deadline() == Some(bench.now) {
        most = most.max(open.len());
        last = match open.pop_front() {
            Some((to, number)) => {
                moved += 1;
                bench.added(to, number, 8)
            }
            None => bench.event(Event::Tick),
        };
        open.extend(asked(&last));
    }
    assert_eq!(moved, count);
    assert!(most <= 128, "{most} at once");
    assert!(is_dismissed(&last, w));
    let values: Vec<_> = bench.machine.snapshot().workers.iter().map(|worker| worker.values).collect();
    assert!(values.iter().all(|&values| values >= 100), "{values:?} on {others:?}");
}

#[test]
fn a_scattered_value_is_saved_and_one_that_nobody_takes_keeps_its_worker() {
    let mut bench = Bench::new();
    let (c, w) = (bench.client(), bench.worker(1));
    let scattered = |number, replicas| {
        let (key, want) = want(number);
        ScatteredValue { key, want, is_new: true, nbytes: 8, holders: [w].into_iter().collect(), replicas }
    };
    bench.say(c, ClientToScheduler::Scattered(vec![scattered(1, 1)]));
    assert!(matches!(answers(&bench.retire(c, &[w]))[..], [(_, 5, Answer::Refused(_))]), "there is nobody else");
    // One on every worker, also those that come later.
    bench.say(c, ClientToScheduler::Scattered(vec![scattered(2, 0)]));
    let (other, actions) = bench.worker_with(1, "", &[]);
    assert_eq!(asked(&actions), [(other, 2)]);
    bench.added(other, 2, 8);
    assert_eq!(asked(&bench.retire(c, &[w])), [(other, 1)]);
    let actions = bench.added(other, 1, 8);
    assert!(is_dismissed(&actions, w) && news(&actions).is_empty(), "{actions:?}");
}

#[test]
fn a_request_that_comes_twice_asks_nobody_twice() {
    let mut bench = Bench::new();
    let (c, a, b) = (bench.client(), bench.worker(1), bench.worker(1));
    for (number, holder, replicas) in [(1, a, 1), (2, a, 0), (3, b, 1)] {
        let (key, want) = want(number);
        let value =
            ScatteredValue { key, want, is_new: true, nbytes: 8, holders: [holder].into_iter().collect(), replicas };
        bench.say(c, ClientToScheduler::Scattered(vec![value]));
    }
    bench.retire(c, &[a, b]);
    let before = bench.machine.describe();
    assert_eq!(bench.retire(c, &[a, b]), []);
    assert_eq!(bench.machine.describe(), before);
}

#[test]
fn an_actor_holds_its_worker_and_is_never_copied() {
    let mut bench = Bench::new();
    let (c, w) = (bench.client(), bench.worker(1));
    let actor = with(task(1, &[]), |options| {
        (options.once, options.pinned, options.replicas) = (true, true, 2);
    });
    let run = run(&bench.submit(c, vec![actor], &[1])).1;
    bench.start(w, run);
    assert!(!bench.machine.is_actor_on(key(1), w), "it is being made");
    bench.finish(w, run, 8);
    let other = bench.worker(1);
    assert!(bench.machine.is_actor_on(key(1), w) && !bench.machine.is_actor_on(key(1), other));
    let value = bench.submit(c, vec![task(2, &[])], &[2]);
    let (holder, run) = self::run(&value);
    bench.finish(holder, run, 8);
    assert!(!bench.machine.is_actor_on(key(2), holder), "it is a value");
    let actions = bench.retire(c, &[w]);
    assert!(asked(&actions).iter().all(|(_, key)| *key != 1), "{actions:?}");
    let [(_, 5, Answer::Refused(why))] = &answers(&actions)[..] else { panic!("{actions:?}") };
    assert!(why.to_string().contains("the actor"), "{why}");

    // Without its worker it is gone, whatever copies were asked for.
    assert_eq!(error(&bench.kill(w), 1).kind(), ErrorKind::ActorLost);
}
