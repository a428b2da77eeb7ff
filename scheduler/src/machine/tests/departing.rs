//! Clients that go, with a word and without, and come back.

use std::time::Duration;

use brisk_core::{
    id::RequestId,
    message::{ClientToScheduler, KeyNews, SchedulerToSupervisor, SchedulerToWorker},
    state::TaskState,
};

use super::bench::*;
use crate::machine::Event;

const GRACE: Duration = Duration::from_secs(5);

fn lose(bench: &mut Bench, client: brisk_core::id::ClientId) -> Actions {
    bench.event(Event::ClientLeft { client, reason: "the connection was lost".into() })
}

#[test]
fn a_client_that_comes_back_finds_its_work_going_on() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let running = run(&bench.submit(c, vec![task(1, &[]), task(2, &[1])], &[2])).1;
    assert_eq!(lose(&mut bench, c), []);
    assert_eq!(bench.machine.snapshot().clients, [], "it is connected no more");
    let second = run(&bench.finish(w, running, 8)).1;
    bench.wait(GRACE / 2);
    let again = bench.client();
    let resubmitted = bench.submit(again, vec![task(1, &[]), task(2, &[1])], &[2]);
    assert_eq!(runs(&resubmitted), [], "it runs already");
    assert_eq!(bench.wait(GRACE), [], "the former self goes, and takes nothing along");
    let actions = bench.finish(w, second, 8);
    assert!(matches!(news(&actions)[..], [(to, 2, KeyNews::Memory { .. })] if to == again), "{actions:?}");
}

#[test]
fn after_the_grace_nothing_is_left_and_nothing_was_said_to_whoever_is_not_there() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let actions = bench.submit(c, vec![task(1, &[]), task(2, &[])], &[1, 2]);
    let first = run(&actions).1;
    bench.say(c, ClientToScheduler::WaitForWorkers { request: RequestId(50), count: 9 });
    lose(&mut bench, c);
    let actions = bench.finish(w, first, 8);
    assert!(news(&actions).is_empty(), "{actions:?}");
    let second = run(&actions).1;
    let actions = bench.wait(GRACE);
    let cancel = SchedulerToWorker::Cancel { key: key(2), run: second.1 };
    assert!(
        actions.contains(&to_worker(w, cancel))
            && actions.contains(&to_worker(w, SchedulerToWorker::Free(vec![key(1)])))
    );
    assert_eq!((bench.machine.task_count(), bench.machine.next_deadline()), (0, None));
}

#[test]
fn a_goodbye_leaves_nothing_at_once_and_half_a_submission_goes_with_its_client() {
    let mut bench = Bench::new();
    let c = bench.client();
    let half = |submission| ClientToScheduler::Submit {
        submission: RequestId(submission),
        chunk: 0,
        last: false,
        tasks: vec![task(1, &[]), task(2, &[1])],
        wants: vec![],
    };
    bench.say(c, half(1));
    assert_eq!(bench.machine.task_count(), 2);
    lose(&mut bench, c);
    assert_eq!((bench.machine.task_count(), bench.machine.next_deadline()), (0, None), "nothing of it was wanted");
    let c = bench.client();
    bench.say(c, half(1));
    bench.submit(c, vec![task(3, &[])], &[3]);
    bench.say(c, ClientToScheduler::Goodbye);
    assert_eq!(bench.machine.task_count(), 0);
}

#[test]
fn a_program_keeps_its_workers_while_detached_work_runs_and_no_longer() {
    let mut bench = Bench::new();
    let (supervisor, _) = bench.supervisor();
    let w = bench.worker(1);
    let c = brisk_core::id::ClientId(brisk_core::id::Incarnation(900));
    let program = brisk_core::message::ProgramSpec { environment: HERE, path: "/bin/x".into() };
    bench.event(Event::ClientJoined { client: c, name: "c".into(), environment: HERE, program: Some(program) });
    bench.say(c, ClientToScheduler::Functions((0..10).map(function).collect()));
    let running = run(&bench.submit(c, vec![task(1, &[])], &[1])).1;
    bench.say(c, ClientToScheduler::Detach(vec![key(1)]));
    bench.say(c, ClientToScheduler::Goodbye);
    let stop = to_supervisor(supervisor, SchedulerToSupervisor::Stop(HERE));
    for _ in 0..5 {
        assert!(!bench.wait(Duration::from_secs(10)).contains(&stop));
    }
    bench.finish(w, running, 8);
    assert_eq!(bench.machine.task_count(), 0, "its result is not kept");
    assert!(bench.wait(Duration::from_secs(10)).contains(&stop));
}

#[test]
fn detached_work_that_fails_or_is_asked_for_again_is_like_any_other() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let first = run(&bench.submit(c, vec![task(1, &[]), task(2, &[1])], &[2])).1;
    bench.say(c, ClientToScheduler::Detach(vec![key(2), key(77)]));
    bench.release(c, 2);
    assert_eq!(bench.machine.task_count(), 2);
    let second = run(&bench.finish(w, first, 8)).1;
    let other = bench.client();
    bench.submit(other, vec![task(1, &[]), task(2, &[1])], &[2]);
    let actions = bench.fail(w, second);
    assert!(matches!(news(&actions)[..], [(to, 2, KeyNews::Erred(_))] if to == other), "{actions:?}");
    assert_eq!(bench.machine.snapshot().count(TaskState::Erred), 1);
    bench.release(other, 2);
    assert_eq!(bench.machine.task_count(), 0);
}

#[test]
fn what_has_ended_is_not_kept_by_detaching_it() {
    for failed in [false, true] {
        let mut bench = Bench::new();
        let (w, c) = (bench.worker(1), bench.client());
        let first = run(&bench.submit(c, vec![task(1, &[])], &[1])).1;
        if failed {
            bench.fail(w, first)
        } else {
            bench.finish(w, first, 8)
        };
        bench.say(c, ClientToScheduler::Detach(vec![key(1)]));
        bench.release(c, 1);
        assert_eq!(bench.machine.task_count(), 0);
    }
}

#[test]
fn detached_work_that_fails_and_that_nobody_wants_is_forgotten() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let first = run(&bench.submit(c, vec![task(1, &[])], &[1])).1;
    bench.say(c, ClientToScheduler::Detach(vec![key(1)]));
    bench.release(c, 1);
    bench.fail(w, first);
    assert_eq!(bench.machine.task_count(), 0);
}

#[test]
fn a_task_that_two_clients_want_is_cancelled_for_one() {
    let mut bench = Bench::new();
    let (w, a, b) = (bench.worker(1), bench.client(), bench.client());
    let running = run(&bench.submit(a, vec![task(1, &[])], &[1])).1;
    bench.submit(b, vec![task(1, &[])], &[1]);
    let actions = bench.say(a, ClientToScheduler::Cancel { keys: vec![want(1)], force: false });
    assert!(
        matches!(&actions[..], [action] if matches!(news(std::slice::from_ref(action))[..], [(to, 1, KeyNews::Cancelled(_))] if to == a))
    );
    let actions = bench.finish(w, running, 8);
    assert!(matches!(news(&actions)[..], [(to, 1, KeyNews::Memory { .. })] if to == b));
    let forced = bench.say(a, ClientToScheduler::Cancel { keys: vec![want(1)], force: true });
    assert_eq!(forced, [], "it wants it no more, so it can't");
}

#[test]
fn an_abandoned_task_leaves_its_thread_unless_another_client_wants_it() {
    let mut bench = Bench::new();
    let (w, a, b) = (bench.worker(1), bench.client(), bench.client());
    let running = run(&bench.submit(a, vec![task(1, &[])], &[1])).1;
    bench.submit(b, vec![task(1, &[])], &[1]);
    let actions = bench.say(a, ClientToScheduler::Abandon(vec![want(1)]));
    assert!(matches!(news(&actions)[..], [(to, 1, KeyNews::Cancelled(_))] if to == a), "{actions:?}");
    assert_eq!((actions.len(), bench.machine.task_count()), (1, 1), "the other client's goes on");
    let actions = bench.say(b, ClientToScheduler::Abandon(vec![want(1)]));
    let abandon = SchedulerToWorker::Abandon { key: key(1), run: running.1 };
    assert!(actions.contains(&to_worker(w, abandon)), "{actions:?}");
    // The next one is cancelled as usual.
    let running = run(&bench.submit(a, vec![task(3, &[])], &[3])).1;
    let actions = bench.say(a, ClientToScheduler::Cancel { keys: vec![want(3)], force: false });
    assert!(actions.contains(&to_worker(w, SchedulerToWorker::Cancel { key: key(3), run: running.1 })), "{actions:?}");
}

#[test]
fn detached_work_can_be_cancelled_by_who_wants_it() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let running = run(&bench.submit(c, vec![task(1, &[]), task(2, &[1])], &[1, 2])).1;
    bench.say(c, ClientToScheduler::Detach(vec![key(1), key(2)]));
    let actions = bench.say(c, ClientToScheduler::Cancel { keys: vec![want(1)], force: true });
    assert!(actions.contains(&to_worker(w, SchedulerToWorker::Cancel { key: key(1), run: running.1 })), "{actions:?}");
    assert_eq!((news(&actions).len(), bench.machine.task_count()), (2, 0), "what depends on it goes too");
}

#[test]
fn a_chain_that_failed_is_forgotten_in_whatever_order_it_is_released() {
    for order in [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]] {
        let mut bench = Bench::new();
        let (w, c) = (bench.worker(1), bench.client());
        let first = run(&bench.submit(c, vec![task(1, &[]), task(2, &[1]), task(3, &[2])], &[1, 2, 3])).1;
        assert_eq!(news(&bench.fail(w, first)).len(), 3);
        for number in order {
            assert_eq!(bench.release(c, number), [], "{order:?}");
        }
        assert_eq!(bench.machine.task_count(), 0, "{order:?}");
    }
}
