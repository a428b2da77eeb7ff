//! Workers that come back with what they hold, to a scheduler that knows nothing.

use std::time::Duration;

use brisk_core::{
    id::{EnvironmentId, RequestId, WorkerId},
    message::{ClientToScheduler, KeyNews, SchedulerToWorker, SubmittedTask, WorkerToScheduler},
    state::TaskState,
};

use super::bench::*;
use crate::machine::{Action, Config, What};

const GATHER: Duration = Duration::from_secs(3);
const GRACE: Duration = Duration::from_secs(30);

/// A worker that has values from before.
fn survivor(bench: &mut Bench, values: &[(u128, u64)]) -> (WorkerId, Vec<Action>) {
    let w = bench.worker(1);
    let values = values.iter().map(|&(number, nbytes)| (key(number), nbytes)).collect();
    let actions = bench.report(w, WorkerToScheduler::Offered(values));
    (w, actions)
}

fn chain(length: u128) -> Vec<SubmittedTask> {
    (1..=length).map(|n| if n == 1 { task(1, &[]) } else { task(n, &[n - 1]) }).collect()
}

fn freed(actions: &[Action]) -> Vec<(WorkerId, u128)> {
    let mut freed = Vec::new();
    for action in actions {
        if let Action::ToWorker { worker, message: SchedulerToWorker::Free(keys) } = action {
            freed.extend(keys.iter().map(|key| (*worker, key.as_u128() >> 96)));
        }
    }
    freed
}

/// An older scheduler, which does not wait for others to come back.
fn old() -> Bench {
    let mut bench = Bench::new();
    bench.wait(Duration::ZERO);
    bench.wait(GRACE * 2);
    bench
}

#[test]
fn an_offered_value_is_there_at_once_and_its_lineage_is_only_known() {
    let mut bench = Bench::new();
    let (w, actions) = survivor(&mut bench, &[(3, 8)]);
    assert_eq!(actions, []);
    let c = bench.client();
    let actions = bench.submit(c, chain(3), &[3]);
    let [(_, 3, KeyNews::Memory { nbytes: 8, holders, value: None })] = news(&actions)[..] else {
        panic!("{actions:?}")
    };
    assert_eq!(holders[..], [w]);
    assert_eq!(runs(&actions), []);
    assert_eq!(runs(&bench.wait(GATHER)), []);
    let snapshot = bench.machine.snapshot();
    assert_eq!((snapshot.count(TaskState::Memory), snapshot.count(TaskState::Released)), (1, 2));
    assert_eq!(freed(&bench.release(c, 3)), [(w, 3)]);
    assert_eq!(bench.machine.task_count(), 0);
}

#[test]
fn what_is_not_on_offer_is_computed_from_the_nearest_that_is_after_the_pause() {
    let mut bench = Bench::new();
    let (w, _) = survivor(&mut bench, &[(2, 8)]);
    let c = bench.client();
    assert_eq!(runs(&bench.submit(c, chain(4), &[4])), [], "others may come back with more");
    let actions = bench.wait(GATHER);
    let (to, third) = run(&actions);
    assert_eq!((to, third.0), (w, 3));
    let (_, assignment) = assignments(&actions).next().unwrap();
    assert_eq!(assignment.dependencies[0].holders[..], [w]);
    assert_eq!(run(&bench.finish(w, third, 8)).1.0, 4);
}

#[test]
fn a_client_that_comes_back_first_does_not_make_the_first_worker_repeat_what_the_second_has() {
    let mut bench = Bench::new();
    let c = bench.client();
    bench.say(c, ClientToScheduler::Resubmit(RequestId(1)));
    bench.submit(c, chain(2), &[2]);
    let (_, actions) = bench.worker_with(1, "early", &[]);
    assert_eq!(runs(&actions), []);
    bench.wait(GATHER / 2);
    let (w, actions) = survivor(&mut bench, &[(2, 8)]);
    assert!(matches!(news(&actions)[..], [(_, 2, KeyNews::Memory { .. })]), "{actions:?}");
    assert_eq!(runs(&bench.wait(GATHER)), []);
    let ran =
        bench.whats().into_iter().filter(|what| matches!(what, What::Transition { to: TaskState::Processing, .. }));
    assert_eq!(ran.count(), 0);
    assert_eq!(freed(&bench.wait(GRACE)), [], "{w} keeps what is wanted");
}

#[test]
fn a_graph_that_is_sent_again_in_pieces_begins_with_its_last_piece() {
    let mut bench = old();
    let (w, _) = survivor(&mut bench, &[(4, 8)]);
    let c = bench.client();
    let submission = RequestId(1);
    bench.say(c, ClientToScheduler::Resubmit(submission));
    let mut tasks = chain(6);
    let late = tasks.split_off(3);
    let early = ClientToScheduler::Submit { submission, chunk: 0, last: false, tasks, wants: vec![] };
    assert_eq!(runs(&bench.say(c, early)), [], "1 to 3 may be lineage of what is still there");
    let wants = vec![want(6)];
    let actions = bench.say(c, ClientToScheduler::Submit { submission, chunk: 1, last: true, tasks: late, wants });
    let (to, fifth) = run(&actions);
    assert_eq!((to, fifth.0), (w, 5));
    // Somebody else, to whom it is new, does not wait.
    let (other, submission) = (bench.client(), RequestId(9));
    let first =
        ClientToScheduler::Submit { submission, chunk: 0, last: false, tasks: vec![task(8, &[])], wants: vec![] };
    assert_eq!(bench.say(other, first).len(), 0, "the one thread is taken");
    assert_eq!(bench.machine.snapshot().count(TaskState::Queued), 1);
}

#[test]
fn what_nobody_asks_for_is_freed_and_what_a_worker_takes_along_is_forgotten() {
    let mut bench = Bench::new();
    let (w, _) = survivor(&mut bench, &[(1, 8), (2, 8)]);
    let (gone, _) = survivor(&mut bench, &[(1, 8), (3, 8)]);
    bench.kill(gone);
    assert_eq!(freed(&bench.wait(GRACE)), [(w, 1), (w, 2)]);
    let c = bench.client();
    assert_eq!(run(&bench.submit(c, vec![task(1, &[])], &[1])).1.0, 1, "too late");
}

#[test]
fn an_offer_ends_a_run_and_is_a_further_copy_of_what_is_there() {
    let mut bench = old();
    let (a, c) = (bench.worker(1), bench.client());
    let running = run(&bench.submit(c, vec![task(1, &[])], &[1])).1;
    bench.start(a, running);
    let (b, actions) = survivor(&mut bench, &[(1, 8)]);
    assert!(actions.contains(&to_worker(a, SchedulerToWorker::Cancel { key: key(1), run: running.1 })), "{actions:?}");
    assert!(matches!(news(&actions)[..], [(_, 1, KeyNews::Memory { .. })]));
    survivor(&mut bench, &[(1, 8)]);
    bench.kill(b);
    assert_eq!(bench.machine.snapshot().count(TaskState::Memory), 1);
}

#[test]
fn a_value_of_another_build_or_under_a_chosen_key_is_not_taken_over() {
    let mut bench = old();
    let (a, _) = survivor(&mut bench, &[(1, 8), (2, 8)]);
    let (b, _) = survivor(&mut bench, &[(1, 9)]);
    let (c, stranger) = (bench.client(), bench.client_of(EnvironmentId(6)));
    let actions = bench.submit(c, vec![task(1, &[])], &[1]);
    let [(_, 1, KeyNews::Memory { nbytes: 8, holders, .. })] = news(&actions)[..] else { panic!("{actions:?}") };
    // A copy may take other memory than what it is a copy of.
    let mut holders = holders.to_vec();
    holders.sort_unstable();
    assert_eq!((holders, freed(&actions)), (vec![a, b], vec![]));
    let actions = bench.submit(stranger, vec![task(2, &[])], &[2]);
    assert_eq!((freed(&actions), news(&actions).len()), (vec![(a, 2)], 0));
    let chosen = with(task(4, &[]), |options| options.name = Some("mine".into()));
    bench.submit(c, vec![chosen], &[4]);
    let (d, actions) = survivor(&mut bench, &[(4, 8)]);
    assert_eq!((freed(&actions), news(&actions).len()), (vec![(d, 4)], 0));
    let (e, actions) = survivor(&mut bench, &[(2, 8)]);
    assert_eq!((freed(&actions), news(&actions).len()), (vec![(e, 2)], 0), "that is a task of another build");
}

/// An actor that was made anew is another than the one that its worker brings back: calls that go to either would find half of
/// what was done.
#[test]
fn an_actor_of_another_session_is_not_taken_over() {
    let mut bench = old();
    let (a, c) = (bench.worker(1), bench.client());
    let actor = with(task(1, &[]), |options| (options.once, options.pinned) = (true, true));
    let actions = bench.submit(c, vec![actor], &[1]);
    let Some(Action::ToWorker { message: SchedulerToWorker::Run(assignment), .. }) =
        actions.iter().find(|action| matches!(action, Action::ToWorker { message: SchedulerToWorker::Run(_), .. }))
    else {
        panic!("{actions:?}")
    };
    assert!(!assignment.reproducible, "its worker need not offer it");
    let made = run(&actions).1;
    // One who does is told to drop it, before there is another and afterwards.
    let (b, actions) = survivor(&mut bench, &[(1, 8)]);
    assert_eq!((freed(&actions), news(&actions).len()), (vec![(b, 1)], 0));
    bench.start(a, made);
    bench.finish(a, made, 8);
    let (d, actions) = survivor(&mut bench, &[(1, 8)]);
    assert_eq!((freed(&actions), news(&actions).len()), (vec![(d, 1)], 0));
    assert_eq!(error(&bench.kill(a), 1).kind(), brisk_core::error::ErrorKind::ActorLost);
}

#[test]
fn a_worker_may_not_offer_without_bound() {
    let mut bench = Bench::with(Config { max_offers: 2, ..Config::default() });
    let (w, actions) = survivor(&mut bench, &[(1, 8), (2, 8), (3, 8), (4, 8)]);
    assert_eq!(freed(&actions), [(w, 3), (w, 4)]);
}

/// A class that waited for the one resource of its worker was not looked at again when the resource became free during
/// the pause.
#[test]
fn room_that_came_during_the_pause_is_used_after_it() {
    let mut bench = Bench::new();
    let (w, _) = bench.worker_with(4, "", &[("gpu", 1.0)]);
    let c = bench.client();
    let gpu = |number| {
        with(task(number, &[]), |options| {
            options.resources = vec![("gpu".into(), brisk_core::options::Quantity(1_000_000))]
        })
    };
    let first = run(&bench.submit(c, vec![gpu(1), gpu(2)], &[1, 2])).1;
    let back = bench.worker(1);
    bench.report(back, WorkerToScheduler::Offered(vec![(key(77), 8)]));
    assert_eq!(runs(&bench.finish(w, first, 8)), [], "those who survived are waited for");
    let gather = Config::default().gather_time;
    assert_eq!(run(&bench.wait(gather)).1.0, 2);
}

#[test]
fn a_named_value_offered_by_the_worker_that_is_to_make_it_is_freed_with_that_run() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let named = with(task(1, &[]), |options| {
        options.name = Some("total".into());
        options.fingerprint = Some(key(9));
    });
    let assigned = bench.submit(c, vec![named], &[1]);
    let first = run(&assigned).1;
    let actions = bench.report(w, WorkerToScheduler::Offered(vec![(key(1), 8)]));
    let cancel = SchedulerToWorker::Cancel { key: key(1), run: first.1 };
    let position = |message| {
        let action = to_worker(w, message);
        actions.iter().position(|other| *other == action)
    };
    let (cancelled, freed) = (position(cancel), position(SchedulerToWorker::Free(vec![key(1)])));
    assert!(cancelled.is_some() && cancelled < freed, "{actions:?}");
    // Others may come back too; then it is made anew.
    let again = run(&bench.wait(Config::default().gather_time)).1;
    assert_ne!(again.1, first.1);
}

#[test]
fn what_is_brought_of_a_task_that_is_only_known_waits_until_it_is_needed() {
    let mut bench = old();
    let (w, c) = (bench.worker(1), bench.client());
    let mut next = run(&bench.submit(c, chain(3), &[3])).1;
    for _ in 0..2 {
        next = run(&bench.finish(w, next, 8)).1;
    }
    bench.finish(w, next, 8);
    assert_eq!(bench.machine.snapshot().count(TaskState::Released), 2);
    let (_, actions) = survivor(&mut bench, &[(1, 8)]);
    assert_eq!(freed(&actions), []);
    let (_, (number, _)) = run(&bench.submit(c, vec![task(9, &[1])], &[9]));
    assert_eq!(number, 9, "what it needs is there");
}
