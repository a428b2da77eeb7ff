//! Lineage: computing again what was lost, and forgetting what is too old.

use brisk_core::{
    error::ErrorKind,
    id::{ClientId, RequestId, WorkerId},
    message::{Answer, ClientToScheduler, KeyNews, SchedulerToClient, SchedulerToWorker, WorkerToScheduler},
    state::TaskState,
};

use super::bench::*;
use crate::machine::{Action, Config, Event};

/// `x = client.submit(step(&x))`: each step is submitted, run by whoever is asked, and takes the place of the one before.
/// Copies that are asked for are made at once.
struct Loop {
    bench: Bench,
    client: ClientId,
    next: u128,
    most: usize,
}

impl Loop {
    fn new(max_lineage: u32, workers: u32) -> (Self, Vec<WorkerId>) {
        let mut bench = Bench::with(Config { max_lineage, records: false, ..Config::default() });
        let workers = (0..workers).map(|_| bench.worker(1)).collect();
        let client = bench.client();
        (Loop { bench, client, next: 0, most: 0 }, workers)
    }

    /// Without the check of all invariants that the bench does: it would look at a thousand tasks a million times.
    fn event(&mut self, event: Event) -> Vec<Action> {
        self.bench.machine.handle(self.bench.now, event);
        let mut all = Vec::new();
        let mut actions: Vec<_> = std::iter::from_fn(|| self.bench.machine.poll_action()).collect();
        while !actions.is_empty() {
            let copies: Vec<_> = actions.iter().filter_map(copy).collect();
            all.append(&mut actions);
            for (worker, values) in copies {
                let message = WorkerToScheduler::Added(values);
                self.bench.machine.handle(self.bench.now, Event::FromWorker { worker, epoch: EPOCH, message });
                actions.extend(std::iter::from_fn(|| self.bench.machine.poll_action()));
            }
        }
        self.most = self.most.max(self.bench.machine.task_count());
        all
    }

    fn say(&mut self, message: ClientToScheduler) -> Vec<Action> {
        self.event(Event::FromClient { client: self.client, epoch: EPOCH, message })
    }

    fn step(&mut self) {
        let number = self.next;
        self.next += 1;
        let tasks = vec![if number == 0 { task(0, &[]) } else { task(number, &[number - 1]) }];
        let (submission, wants) = (RequestId(number as u64 + 1), vec![want(number)]);
        let actions = self.say(ClientToScheduler::Submit { submission, chunk: 0, last: true, tasks, wants });
        if number > 0 {
            self.say(ClientToScheduler::Release(vec![want(number - 1)]));
        }
        let (worker, (_, run)) = runs(&actions)[0];
        let message = WorkerToScheduler::Finished {
            key: key(number),
            run,
            nbytes: 8,
            took: std::time::Duration::from_micros(1),
            value: None,
        };
        self.event(Event::FromWorker { worker, epoch: EPOCH, message });
    }

    fn steps(&mut self, count: u128) {
        (0..count).for_each(|_| self.step());
        self.bench.machine.check_invariants().unwrap();
    }

    /// Runs whatever is assigned until nothing is; returns what the client is told of the latest step.
    fn settle(&mut self, mut actions: Vec<Action>) -> Option<KeyNews> {
        let mut last = None;
        loop {
            let found = news(&actions).into_iter().filter(|(_, number, _)| *number == self.next - 1);
            last = found.map(|(_, _, news)| news.clone()).last().or(last);
            let next = runs(&actions);
            if next.is_empty() {
                return last;
            }
            actions = Vec::new();
            for (w, run) in next {
                actions.extend(self.bench.finish(w, run, 8));
            }
        }
    }
}

fn copy(action: &Action) -> Option<(WorkerId, Vec<(brisk_core::key::Key, u64)>)> {
    match action {
        Action::ToWorker { worker, message: SchedulerToWorker::Acquire(values) } => {
            Some((*worker, values.iter().map(|value| (value.key, value.nbytes)).collect()))
        }
        _ => None,
    }
}

fn endless(steps: u128) {
    for workers in [1, 3] {
        let (mut turn, _) = Loop::new(1_000, workers);
        turn.steps(steps);
        assert!(turn.most <= 1_010, "{} tasks with {workers} workers", turn.most);
        let snapshot = turn.bench.machine.snapshot();
        let values: u64 = snapshot.workers.iter().map(|worker| worker.values).sum();
        assert!(values <= 4, "{values} values are kept");
        let last = want(turn.next - 1);
        turn.say(ClientToScheduler::Release(vec![last]));
        assert_eq!(turn.bench.machine.task_count(), 0);
    }
}

#[test]
fn a_loop_of_fifty_thousand_steps_does_not_grow() {
    endless(50_000);
}

#[test]
fn the_loss_of_one_of_two_copies_of_a_checkpoint_is_survived_and_computed_from() {
    let (mut turn, workers) = Loop::new(100, 2);
    turn.steps(150);
    assert_eq!(turn.bench.machine.snapshot().count(TaskState::Memory), 2, "the checkpoint and the latest");
    // The worker that holds the latest value dies, and with it one copy of the checkpoint.
    let snapshot = turn.bench.machine.snapshot();
    let values: Vec<_> = snapshot.workers.iter().map(|worker| worker.values).collect();
    let dying = workers[usize::from(values[1] > values[0])];
    let actions = turn.bench.kill(dying);
    let news = turn.settle(actions);
    assert!(matches!(news, Some(KeyNews::Memory { .. })), "{news:?}");
    // A worker that joins gets the second copy again.
    let (_, actions) = turn.bench.worker_with(1, "", &[]);
    assert!(actions.iter().any(|action| copy(action).is_some()), "{actions:?}");
}

#[test]
fn the_loss_of_every_copy_fails_as_lineage_cut_and_says_what_to_do() {
    for alone in [true, false] {
        let (mut turn, workers) = Loop::new(100, if alone { 1 } else { 2 });
        turn.steps(150);
        let mut actions = Vec::new();
        for w in workers {
            actions = turn.bench.kill(w);
        }
        let Some(KeyNews::Erred(error)) = turn.settle(actions) else { panic!("it did not fail") };
        assert_eq!((error.kind(), error.key()), (ErrorKind::LineageCut, Some(key(100))));
        let text = error.to_string();
        assert!(text.contains("more than 100 tasks deep") && text.contains("bound on lineage"), "{text}");
        assert!(text.contains("was the last to hold it: killed by signal 9"), "{text}");
        assert!(text.contains("needed by inc-00000065"), "{text}");
        let last = want(turn.next - 1);
        turn.say(ClientToScheduler::Release(vec![last]));
        assert_eq!(turn.bench.machine.task_count(), 0);
    }
}

#[test]
fn a_copy_that_can_not_be_made_does_not_keep_the_lineage_for_ever() {
    let (mut turn, workers) = Loop::new(10, 2);
    turn.steps(10);
    // Asked by hand: the copy of the checkpoint is refused.
    let (submission, tasks, wants) = (RequestId(1_000), vec![task(10, &[9])], vec![want(10)]);
    let submit = ClientToScheduler::Submit { submission, chunk: 0, last: true, tasks, wants };
    let actions = turn.bench.say(turn.client, submit);
    let (w, run) = run(&actions);
    let actions = turn.bench.finish(w, run, 8);
    let asked = actions.iter().find_map(copy).unwrap();
    assert_ne!(asked.0, w);
    assert_eq!(turn.bench.machine.task_count(), 11, "until it is held twice nothing is forgotten");
    let message = WorkerToScheduler::Missing { key: key(10), holders: Default::default() };
    turn.bench.report(asked.0, message);
    turn.bench.release(turn.client, 9);
    assert_eq!(turn.bench.machine.task_count(), 1);
    assert_eq!(workers.len(), 2);
}

#[test]
fn a_call_whose_lineage_was_cut_is_the_same_call_when_it_is_submitted_again() {
    let (mut turn, _) = Loop::new(10, 1);
    turn.steps(11);
    let c = turn.client;
    assert_eq!(turn.bench.machine.task_count(), 1);
    let other = turn.bench.client();
    let chain = (0..11u128).map(|i| if i == 0 { task(0, &[]) } else { task(i, &[i - 1]) });
    let actions = turn.bench.submit(other, chain.collect(), &[10]);
    assert!(matches!(news(&actions)[..], [(_, 10, KeyNews::Memory { .. })]), "{actions:?}");
    assert_eq!((runs(&actions).len(), turn.bench.machine.task_count()), (0, 1));
    turn.bench.release(c, 10);
    turn.bench.release(other, 10);
    assert_eq!(turn.bench.machine.task_count(), 0);
}

#[test]
fn a_shared_parent_is_computed_once_again_however_many_need_it() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(4), bench.client());
    // A ladder of diamonds: 2^20 ways from the last to the first.
    let mut tasks = vec![task(0, &[])];
    for i in 0..20u128 {
        tasks.extend([task(3 * i + 1, &[3 * i]), task(3 * i + 2, &[3 * i]), task(3 * i + 3, &[3 * i + 1, 3 * i + 2])]);
    }
    let finish_all = |bench: &mut Bench, mut actions: Vec<Action>| {
        let mut order = Vec::new();
        while !runs(&actions).is_empty() {
            for (w, run) in runs(&std::mem::take(&mut actions)) {
                order.push(run.0);
                actions.extend(bench.finish(w, run, 8));
            }
        }
        order
    };
    let actions = bench.submit(c, tasks, &[60]);
    assert_eq!(finish_all(&mut bench, actions).len(), 61);
    bench.kill(w);
    let (_, actions) = bench.worker_with(4, "", &[]);
    let mut again = finish_all(&mut bench, actions);
    again.sort_unstable();
    assert_eq!(again, (0..61).collect::<Vec<_>>(), "each once");
}

/// What was to be kept for its lineage's sake, and is lost before the copies were made that would have cut it, is needed by
/// nobody any more: all it was kept for is lost with it.
#[test]
fn a_checkpoint_that_is_lost_and_needed_by_nobody_is_not_made_again() {
    let mut bench = Bench::with(Config { max_lineage: 1, send_ahead: false, ..Config::default() });
    let (w, c) = (bench.worker(1), bench.client());
    let once = with(task(3, &[2]), |options| options.once = true);
    let first = run(&bench.submit(c, vec![task(1, &[]), task(2, &[1]), once], &[3])).1;
    bench.worker(1);
    let second = run(&bench.finish(w, first, 8)).1;
    let third = run(&bench.finish(w, second, 8)).1;
    bench.start(w, third);
    let actions = bench.kill(w);
    assert_eq!(error(&actions, 3).kind(), ErrorKind::WorkerDied);
    assert_eq!(runs(&actions), []);
}

#[test]
fn a_call_that_starts_once_only_is_known_again_when_its_lineage_is_cut() {
    let mut bench = Bench::with(Config { max_lineage: 2, send_ahead: false, ..Config::default() });
    let (w, c) = (bench.worker(1), bench.client());
    let once = || with(task(3, &[2]), |options| options.once = true);
    let graph = || vec![task(1, &[]), task(2, &[1]), once(), task(4, &[3])];
    let mut next = run(&bench.submit(c, graph(), &[4])).1;
    for _ in 0..3 {
        next = run(&bench.finish(w, next, 8)).1;
    }
    bench.finish(w, next, 8);
    let actions = bench.submit(c, graph(), &[3]);
    let [(_, 3, KeyNews::Memory { .. })] = news(&actions)[..] else { panic!("{actions:?}") };
}

fn checkpoint(turn: &mut Loop, count: u32) -> Vec<Action> {
    let (request, keys) = (RequestId(1 << 20), vec![want(turn.next - 1)]);
    turn.say(ClientToScheduler::Checkpoint { request, keys, count })
}

#[test]
fn a_checkpoint_that_is_asked_for_cuts_its_lineage_once_its_copies_exist() {
    let (mut turn, workers) = Loop::new(1_000, 3);
    turn.steps(50);
    assert_eq!(turn.bench.machine.task_count(), 50);
    let actions = checkpoint(&mut turn, 2);
    let answer = SchedulerToClient::Answered { request: RequestId(1 << 20), answer: Answer::Done };
    assert!(actions.contains(&to_client(turn.client, answer)), "{actions:?}");
    assert_eq!(actions.iter().filter_map(copy).count(), 1, "it had one copy, and has two");
    assert_eq!(turn.bench.machine.task_count(), 1);
    turn.steps(5);
    assert_eq!(turn.bench.machine.task_count(), 6);
    let values: Vec<_> = turn.bench.machine.snapshot().workers.iter().map(|worker| worker.values).collect();
    let holder = workers.iter().zip(values).find(|(_, values)| *values > 0).map(|(worker, _)| *worker);
    // The first loss is survived: what came after the checkpoint is computed from its other copy.
    let actions = turn.bench.kill(holder.unwrap());
    let news = turn.settle(actions);
    assert!(!matches!(news, Some(KeyNews::Erred(_))), "{news:?}");
}

#[test]
fn what_is_computed_from_nothing_stays_what_it_is() {
    let (mut turn, workers) = Loop::new(1_000, 1);
    turn.steps(1);
    checkpoint(&mut turn, 1);
    let again = turn.bench.kill(workers[0]);
    assert!(news(&again).iter().all(|(_, _, news)| !matches!(news, KeyNews::Erred(_))), "{again:?}");
}

#[test]
fn a_checkpoint_of_what_is_not_finished_waits_and_one_that_is_lost_is_lost_by_name() {
    let mut bench = Bench::with(Config { send_ahead: false, ..Config::default() });
    let (client, w) = (bench.client(), bench.worker(1));
    let first = run(&bench.submit(client, vec![task(1, &[]), task(2, &[1])], &[2])).1;
    let (request, keys) = (RequestId(9), vec![want(2)]);
    let done = to_client(client, SchedulerToClient::Answered { request, answer: Answer::Done });
    let actions = bench.say(client, ClientToScheduler::Checkpoint { request, keys, count: 1 });
    assert!(!actions.contains(&done));
    let second = run(&bench.finish(w, first, 8)).1;
    let actions = bench.finish(w, second, 8);
    assert!(actions.contains(&done), "{actions:?}");
    assert_eq!(bench.machine.task_count(), 1);
    let lost = error(&bench.kill(w), 2);
    assert_eq!(lost.kind(), ErrorKind::LineageCut);
    assert!(lost.to_string().contains("at a checkpoint"), "{lost}");
}

#[test]
fn the_copies_of_a_checkpoint_stay_when_the_client_lets_go_that_asked_for_them() {
    for (option, kept) in [(1, 2), (3, 3)] {
        let mut bench = Bench::with(Config { send_ahead: false, ..Config::default() });
        let (client, w) = (bench.client(), bench.worker(1));
        let call = with(task(2, &[1]), |options| options.replicas = option);
        let first = run(&bench.submit(client, vec![task(1, &[]), call, task(3, &[2])], &[2, 3])).1;
        let second = run(&bench.finish(w, first, 8)).1;
        let third = run(&bench.finish(w, second, 8)).1;
        let others = [(); 3].map(|()| bench.worker(1));
        let (request, keys) = (RequestId(9), vec![want(2)]);
        bench.say(client, ClientToScheduler::Checkpoint { request, keys, count: 2 });
        for other in others {
            bench.report(other, WorkerToScheduler::Added(vec![(key(2), 8)]));
        }
        bench.finish(w, third, 8);
        bench.release(client, 2);
        bench.wait(std::time::Duration::from_secs(5));
        let values: u64 = bench.machine.snapshot().workers.iter().map(|worker| worker.values).sum();
        assert_eq!(values, kept + 1, "with 3, of which there is one");
    }
}

#[test]
fn a_value_of_several_copies_is_computed_again_when_all_are_lost_unless_its_lineage_was_to_be_cut() {
    let mut bench = Bench::with(Config { send_ahead: false, ..Config::default() });
    let (client, w) = (bench.client(), bench.worker(1));
    let copied = with(task(2, &[1]), |options| options.replicas = 2);
    let first = run(&bench.submit(client, vec![task(1, &[]), copied], &[2])).1;
    let second = run(&bench.finish(w, first, 8)).1;
    bench.finish(w, second, 8);
    let other = bench.worker(1);
    bench.report(other, WorkerToScheduler::Added(vec![(key(2), 8)]));
    bench.kill(w);
    bench.kill(other);
    let (_, actions) = bench.worker_with(1, "", &[]);
    assert_eq!(run(&actions).1.0, 1);
}
