//! Submissions, wants, and the ends of both.

use brisk_core::{
    error::ErrorKind,
    function::FunctionInfo,
    id::{EnvironmentId, RequestId, WantId},
    limits::{CHUNK_TASKS, MAX_DEPENDENCIES},
    message::{
        Assignment, ClientToScheduler, KeyNews, Priority, SchedulerToClient, SchedulerToWorker, SubmittedTask,
        WorkerToScheduler,
    },
    payload::Payload,
    state::TaskState,
    task::TaskName,
};
use smallvec::smallvec;

use super::bench::*;
use crate::machine::{Action, Config};

#[test]
fn the_life_of_one_task() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let actions = bench.submit(c, vec![task(1, &[])], &[1]);
    let (_, (_, id)) = run(&actions);
    let assignment = Assignment {
        task: TaskName::of_call("inc".into(), key(1)),
        run: id,
        attempt: 1,
        priority: Priority { user: 0, generation: Priority::STEP, order: 0 },
        spec: Payload::from_bytes(vec![1]),
        dependencies: vec![],
        resources: vec![],
        wanted: true,
        reproducible: true,
        timeout: None,
    };
    assert_eq!(actions, [to_worker(w, SchedulerToWorker::Run(Box::new(assignment)))]);
    bench.start(w, (1, id));
    let value = Some(Payload::from_bytes(vec![42]));
    let took = std::time::Duration::from_micros(3);
    let actions =
        bench.report(w, WorkerToScheduler::Finished { key: key(1), run: id, nbytes: 8, took, value: value.clone() });
    let news = KeyNews::Memory { nbytes: 8, holders: smallvec![w], value };
    assert_eq!(
        actions,
        [
            to_client(c, SchedulerToClient::Worker { worker: w, address: format!("test://{w}").parse().unwrap() }),
            to_client(c, SchedulerToClient::News { key: key(1), want: WantId(1), news }),
        ]
    );
    assert_eq!(bench.release(c, 1), [to_worker(w, SchedulerToWorker::Free(vec![key(1)]))]);
    assert_eq!(bench.machine.snapshot().total(), 0);
    assert_eq!(bench.release(c, 1), []);
    assert_eq!(bench.machine.counters().stale_wants, 1);
}

#[test]
fn an_unknown_dependency_refuses_the_chunk_and_leaves_nothing() {
    let mut bench = Bench::new();
    let c = bench.client();
    bench.submit(c, vec![task(1, &[])], &[1]);
    let before = bench.machine.snapshot();
    let actions = bench.submit(c, vec![task(2, &[1]), task(3, &[2, 9])], &[3]);
    let [Action::ToClient { message: SchedulerToClient::Refused { submission, error }, .. }] = &actions[..] else {
        panic!("{actions:?}");
    };
    assert_eq!((*submission, error.kind()), (RequestId(2), ErrorKind::Refused));
    assert!(error.to_string().contains("inc-00000003 (at src/main.rs:0) depends on 00000009"), "{error}");
    let mut after = bench.machine.snapshot();
    assert_eq!(std::mem::take(&mut after.counters).refused_submissions, 1);
    assert_eq!(after, crate::machine::Snapshot { counters: Default::default(), ..before });
}

#[test]
fn a_task_that_depends_on_itself_or_twice_on_another_is_refused() {
    let mut bench = Bench::new();
    let c = bench.client();
    for (tasks, words) in [(vec![task(1, &[1])], "itself"), (vec![task(1, &[]), task(2, &[1, 1])], "twice")] {
        let actions = bench.submit(c, tasks, &[]);
        assert!(format!("{actions:?}").contains(words), "{actions:?}");
        assert_eq!(bench.machine.task_count(), 0);
    }
}

#[test]
fn chunks_hold_their_tasks_until_the_last_and_act_once() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let chunk =
        |chunk, last, tasks, wants| ClientToScheduler::Submit { submission: RequestId(77), chunk, last, tasks, wants };
    let (_, first) = run(&bench.say(c, chunk(0, false, vec![task(1, &[]), task(2, &[])], vec![])));
    assert_eq!(bench.say(c, chunk(0, false, vec![task(1, &[]), task(2, &[])], vec![])), []);
    let second = run(&bench.finish(w, first, 8)).1;
    // Work starts while later chunks arrive; what the last one does not need is dropped with it.
    let actions = bench.say(c, chunk(1, true, vec![task(3, &[1])], vec![want(3)]));
    assert!(actions.contains(&to_worker(w, SchedulerToWorker::Cancel { key: key(2), run: second.1 })), "{actions:?}");
    assert_eq!(run(&actions).1.0, 3);
    assert_eq!(bench.machine.task_count(), 2);
    assert_eq!(bench.say(c, chunk(1, true, vec![task(3, &[1])], vec![want(3)])), []);
    assert_eq!(bench.machine.counters().ignored_chunks, 2);
}

#[test]
fn a_missing_chunk_refuses_the_rest() {
    let mut bench = Bench::new();
    let c = bench.client();
    let chunk = |chunk, last, number| ClientToScheduler::Submit {
        submission: RequestId(1),
        chunk,
        last,
        tasks: vec![task(number, &[])],
        wants: vec![want(number)],
    };
    bench.say(c, chunk(0, false, 1));
    let actions = bench.say(c, chunk(2, false, 2));
    assert!(format!("{actions:?}").contains("chunk 1 of the submission is missing"), "{actions:?}");
    assert_eq!(bench.say(c, chunk(3, true, 3)), []);
    assert_eq!(bench.machine.task_count(), 1, "the first chunk's task is wanted and stays");
}

#[test]
fn two_tasks_of_one_key_are_named_both() {
    let mut bench = Bench::new();
    let c = bench.client();
    let named = |fingerprint: u128, function_number: u128| {
        let mut task = with(task(1, &[]), |options| {
            options.name = Some("total".into());
            options.fingerprint = Some(key(fingerprint));
        });
        task.function = function(function_number).id;
        task
    };
    bench.submit(c, vec![named(7, 0)], &[1]);
    assert_eq!(bench.submit(c, vec![named(7, 0)], &[]), [], "the same call joins");
    let actions = bench.submit(c, vec![named(8, 4)], &[]);
    let [Action::ToClient { message: SchedulerToClient::Refused { error, .. }, .. }] = &actions[..] else {
        panic!("{actions:?}");
    };
    assert_eq!(error.kind(), ErrorKind::KeyConflict);
    let text = error.to_string();
    for words in ["total", "`inc` at src/main.rs:0", "`f4` at src/main.rs:4"] {
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn two_clients_share_a_task_and_release_it_apart() {
    let mut bench = Bench::new();
    let (w, a, b) = (bench.worker(1), bench.client(), bench.client());
    let (_, run) = run(&bench.submit(a, vec![task(1, &[])], &[1]));
    assert_eq!(bench.submit(b, vec![task(1, &[])], &[1]), []);
    let actions = bench.finish(w, run, 8);
    let told: Vec<_> = news(&actions).into_iter().map(|(client, ..)| client).collect();
    assert_eq!(told, [a, b]);
    assert_eq!(bench.release(a, 1), []);
    assert_eq!(bench.release(b, 1), [to_worker(w, SchedulerToWorker::Free(vec![key(1)]))]);
}

#[test]
fn a_release_of_an_older_want_does_nothing() {
    let mut bench = Bench::new();
    let (_, c) = (bench.worker(1), bench.client());
    bench.submit(c, vec![task(1, &[])], &[1]);
    let wants = vec![(key(1), WantId(2))];
    let submission = RequestId(9);
    bench.say(c, ClientToScheduler::Submit { submission, chunk: 0, last: true, tasks: vec![], wants });
    assert_eq!(bench.release(c, 1), []);
    assert_eq!(bench.machine.task_count(), 1);
}

#[test]
fn intermediate_values_are_freed_as_soon_as_they_are_consumed() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let first = run(&bench.submit(c, vec![task(1, &[]), task(2, &[1])], &[2])).1;
    let second = run(&bench.finish(w, first, 8)).1;
    let actions = bench.finish(w, second, 8);
    assert!(actions.contains(&to_worker(w, SchedulerToWorker::Free(vec![key(1)]))), "{actions:?}");
    let snapshot = bench.machine.snapshot();
    assert_eq!((snapshot.count(TaskState::Released), snapshot.count(TaskState::Memory)), (1, 1), "lineage stays");
}

#[test]
fn cancelling_takes_dependents_along_but_not_what_others_want() {
    let mut bench = Bench::new();
    let (w, a, b) = (bench.worker(1), bench.client(), bench.client());
    let (_, first) = run(&bench.submit(a, vec![task(1, &[]), task(2, &[1])], &[1, 2]));
    bench.submit(b, vec![task(1, &[])], &[1]);
    let cancel = |force| ClientToScheduler::Cancel { keys: vec![want(1)], force };
    let actions = bench.say(a, cancel(false));
    assert_eq!(news(&actions).len(), 1, "b's want keeps 1, so 2 can still be had: {actions:?}");
    assert_eq!(bench.machine.task_count(), 2);
    let actions = bench.say(b, cancel(true));
    let told: Vec<_> = news(&actions).into_iter().map(|(client, number, _)| (client, number)).collect();
    assert_eq!(told, [(b, 1), (a, 2)]);
    assert!(actions.contains(&to_worker(w, SchedulerToWorker::Cancel { key: key(1), run: first.1 })), "{actions:?}");
    assert_eq!(bench.machine.task_count(), 0);
    // The run ended all the same: its value goes, and nothing else happens.
    let cancel = SchedulerToWorker::Cancel { key: key(1), run: first.1 };
    assert_eq!(bench.finish(w, first, 8), [to_worker(w, cancel)]);
    assert_eq!(bench.machine.counters().stale_runs, 1);
}

#[test]
fn a_client_that_goes_takes_all_with_it_but_what_is_detached() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(2), bench.client());
    let actions = bench.submit(c, vec![task(1, &[]), task(2, &[])], &[1, 2]);
    let runs = runs(&actions);
    bench.say(c, ClientToScheduler::Detach(vec![key(2)]));
    let actions = bench.say(c, ClientToScheduler::Goodbye);
    let cancel = SchedulerToWorker::Cancel { key: key(1), run: runs[0].1.1 };
    assert_eq!(actions, [Action::CloseClient { client: c, reason: "".into() }, to_worker(w, cancel)]);
    assert_eq!(bench.machine.task_count(), 1);
    assert_eq!(bench.finish(w, runs[1].1, 8), [to_worker(w, SchedulerToWorker::Free(vec![key(2)]))]);
    assert_eq!(bench.machine.task_count(), 0);
}

#[test]
fn a_worker_is_told_whether_somebody_wants_a_value_and_never_of_an_actor() {
    let mut bench = Bench::new();
    let (_, c) = (bench.worker(3), bench.client());
    let actor = with(task(3, &[]), |options| (options.once, options.pinned) = (true, true));
    let actions = bench.submit(c, vec![task(1, &[]), task(2, &[]), actor, task(4, &[1])], &[2, 3, 4]);
    let wanted: Vec<_> = assignments(&actions).map(|(_, a)| (a.task.key == key(2), a.wanted)).collect();
    assert_eq!(wanted, [(false, false), (true, true), (false, false)]);
}

#[test]
fn what_an_open_submission_names_begins_before_its_last_chunk_comes() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let (submission, tasks, wants) = (RequestId(77), vec![task(1, &[])], vec![]);
    let actions = bench.say(c, ClientToScheduler::Submit { submission, chunk: 0, last: false, tasks, wants });
    let (worker, (number, _)) = run(&actions);
    assert_eq!((worker, number), (w, 1));
}

#[test]
fn what_is_detached_is_computed_though_its_value_was_dropped() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let first = run(&bench.submit(c, vec![task(1, &[]), task(2, &[1])], &[2])).1;
    let second = run(&bench.finish(w, first, 8)).1;
    bench.finish(w, second, 8);
    assert_eq!(bench.machine.snapshot().count(TaskState::Released), 1);
    let again = run(&bench.say(c, ClientToScheduler::Detach(vec![key(1)]))).1;
    assert_eq!(again.0, 1);
    assert!(again.1 > first.1);
}

#[test]
fn who_wants_a_value_tried_again_that_is_there_is_told_where() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let sent = run(&bench.submit(c, vec![task(1, &[])], &[1])).1;
    bench.finish(w, sent, 8);
    let actions = bench.say(c, ClientToScheduler::Retry(vec![want(1)]));
    assert!(matches!(news(&actions)[..], [(_, 1, KeyNews::Memory { .. })]), "{actions:?}");
}

#[test]
fn a_want_that_comes_twice_is_one() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let sent = run(&bench.submit(c, vec![task(1, &[])], &[1])).1;
    assert_eq!(news(&bench.finish(w, sent, 8)).len(), 1);
    assert_eq!(bench.submit(c, vec![], &[1]), []);
    assert_eq!(bench.machine.counters().stale_wants, 1);
}

#[test]
fn requests_are_answered_once_they_can_be() {
    let mut bench = Bench::new();
    let c = bench.client();
    let request = RequestId(5);
    assert_eq!(
        bench.say(c, ClientToScheduler::WaitForWorkers { request, count: 0 }),
        [to_client(c, SchedulerToClient::Workers { request, count: 0 })]
    );
    assert_eq!(bench.say(c, ClientToScheduler::WaitForWorkers { request, count: 1 }), []);
    let (_, actions) = bench.worker_with(1, "", &[]);
    assert_eq!(actions, [to_client(c, SchedulerToClient::Workers { request, count: 1 })]);
    assert_eq!(bench.say(c, ClientToScheduler::Sync(request)), [to_client(c, SchedulerToClient::Synced(request))]);
}

#[test]
fn an_earlier_run_on_the_same_worker_says_nothing_of_the_current_one() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let first = run(&bench.submit(c, vec![task(1, &[])], &[1])).1;
    bench.release(c, 1);
    let second = run(&bench.submit(c, vec![task(1, &[])], &[1])).1;
    assert!(second.1 > first.1, "runs grow, also across forgetting");
    let before = bench.machine.describe();
    assert_eq!(bench.finish(w, first, 8), [], "its value is not freed: the second run's would go with it");
    assert_eq!(bench.fail(w, first), []);
    assert_eq!(bench.report(w, WorkerToScheduler::Started { key: key(1), run: first.1 }), []);
    assert_eq!(bench.machine.describe(), before);
    assert_eq!(bench.machine.counters().stale_runs, 3);
    assert_eq!(news(&bench.finish(w, second, 8)).len(), 1);
}

#[test]
fn two_workers_of_one_name_are_two_workers() {
    let mut bench = Bench::new();
    let (a, _) = bench.worker_with(1, "twin", &[]);
    let (b, _) = bench.worker_with(1, "twin", &[]);
    let c = bench.client();
    let given = runs(&bench.submit(c, vec![task(1, &[]), task(2, &[])], &[1, 2]));
    let of = |worker| given.iter().find(|(w, _)| *w == worker).unwrap().1;
    let (first, second) = (of(a), of(b));
    bench.finish(a, first, 8);
    bench.finish(b, second, 8);
    bench.kill(a);
    let snapshot = bench.machine.snapshot();
    assert_eq!(snapshot.workers.len(), 1);
    let news = runs(&bench.submit(c, vec![task(3, &[first.0, second.0])], &[3]));
    assert_eq!(news.len(), 0, "what only the dead one held is made first: {news:?}");
}

/// What a client is sent away for, if it is.
fn expelled(actions: &[Action]) -> Option<&str> {
    actions.iter().find_map(|action| match action {
        Action::CloseClient { reason, .. } => Some(&**reason),
        _ => None,
    })
}

#[test]
fn functions_are_taken_up_to_a_number_and_names_up_to_a_length() {
    let named = |number, length: usize| FunctionInfo { name: "n".repeat(length).into(), ..function(number) };
    let mut bench = Bench::with(Config { max_functions: 11, ..Config::default() });
    let c = bench.client();
    for (functions, told) in [
        (vec![named(10, 512)], None),
        (vec![function(3)], None),
        (vec![function(11)], Some("too many functions already")),
    ] {
        let actions = bench.say(c, ClientToScheduler::Functions(functions));
        assert_eq!(expelled(&actions).is_some(), told.is_some(), "{actions:?}");
        assert!(told.is_none_or(|told| expelled(&actions).unwrap().contains(told)), "{actions:?}");
    }
    let c = Bench::new().client();
    let mut bench = Bench::new();
    assert_eq!(bench.client(), c);
    let actions = bench.say(c, ClientToScheduler::Functions(vec![named(10, 513)]));
    assert!(expelled(&actions).unwrap().contains("a function's name is too long"), "{actions:?}");
}

#[test]
fn so_many_submissions_may_be_open_at_once_and_refused_ones_do_not_count_after_their_last_chunk() {
    let mut bench = Bench::with(Config { max_open_submissions: 2, ..Config::default() });
    let c = bench.client();
    let mut chunk = |number, chunk, last| {
        let tasks = vec![];
        bench.say(c, ClientToScheduler::Submit { submission: RequestId(number), chunk, last, tasks, wants: vec![] })
    };
    assert_eq!(chunk(1, 0, false), []);
    // Its first chunk is missing, and its last one comes late.
    assert_eq!(chunk(2, 1, false).len(), 1);
    assert_eq!(chunk(2, 2, true), []);
    assert_eq!(chunk(3, 0, false), []);
    assert!(expelled(&chunk(4, 0, false)).unwrap().contains("too many submissions open"));
}

#[test]
fn a_chunk_may_be_of_so_many_tasks_and_no_more() {
    for (count, refusals) in [(CHUNK_TASKS, 0), (CHUNK_TASKS + 1, 1)] {
        let mut bench = Bench::new();
        let c = bench.client();
        bench.submit(c, (0..count as u128).map(|number| task(number, &[])).collect(), &[1]);
        assert_eq!(bench.machine.counters().refused_submissions, refusals);
    }
}

#[test]
fn a_call_of_another_program_is_another_task() {
    let mut bench = Bench::new();
    let (a, b) = (bench.client(), bench.client_of(EnvironmentId(77)));
    bench.submit(a, vec![task(1, &[])], &[1]);
    bench.submit(b, vec![task(1, &[])], &[1]);
    assert_eq!(bench.machine.counters().refused_submissions, 1);
}

/// The number is looked at before any name is: so both sides of the bound are told apart by what is said.
#[test]
fn a_task_depends_on_so_many_others_at_most() {
    let mut bench = Bench::new();
    let c = bench.client();
    for (count, told) in [(MAX_DEPENDENCIES, "which is not known"), (MAX_DEPENDENCIES + 1, "combine them in a tree")] {
        let many = SubmittedTask { dependencies: std::iter::repeat_n(key(99), count).collect(), ..task(1, &[]) };
        let actions = bench.submit(c, vec![many], &[1]);
        let [Action::ToClient { message: SchedulerToClient::Refused { error, .. }, .. }] = &actions[..] else {
            panic!("{count}")
        };
        assert!(error.to_string().contains(told), "{count}: {error}");
    }
}
