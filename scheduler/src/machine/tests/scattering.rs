//! Values that clients have put into workers' stores themselves.

use brisk_core::{
    error::ErrorKind,
    id::{ClientId, Incarnation, RequestId, WantId, WorkerId},
    limits::CHUNK_TASKS,
    message::{
        Answer, ClientToScheduler, KeyNews, ScatteredValue, SchedulerToClient, SchedulerToWorker, WorkerToScheduler,
    },
};

use super::bench::*;
use crate::machine::{Action, Config};

fn value(number: u128, holders: &[WorkerId], replicas: u32) -> ScatteredValue {
    let (key, want) = want(number);
    ScatteredValue { key, want, is_new: true, nbytes: 8, holders: holders.iter().copied().collect(), replicas }
}

fn scatter(bench: &mut Bench, c: ClientId, number: u128, holders: &[WorkerId]) -> Vec<Action> {
    bench.say(c, ClientToScheduler::Scattered(vec![value(number, holders, 1)]))
}

fn is_there(actions: &[Action], number: u128) -> bool {
    news(actions).into_iter().any(|(_, n, news)| n == number && matches!(news, KeyNews::Memory { .. }))
}

#[test]
fn a_scattered_value_is_there_at_once_is_used_and_is_freed_with_its_last_handle() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let actions = scatter(&mut bench, c, 1, &[w]);
    assert!(is_there(&actions, 1), "{actions:?}");
    let actions = bench.submit(c, vec![task(2, &[1])], &[2]);
    let (_, assignment) = assignments(&actions).next().unwrap();
    assert_eq!(assignment.dependencies[0].holders[..], [w]);
    let second = run(&actions).1;
    // The handle is dropped while the task needs it: it stays until then.
    assert_eq!(bench.release(c, 1), []);
    let actions = bench.finish(w, second, 8);
    assert!(actions.contains(&to_worker(w, SchedulerToWorker::Free(vec![key(1)]))), "{actions:?}");
    bench.release(c, 2);
    assert_eq!(bench.machine.task_count(), 0);
}

#[test]
fn when_its_last_holder_dies_it_fails_by_name_and_so_does_what_needs_it() {
    let mut bench = Bench::new();
    let (a, c) = (bench.worker(1), bench.client());
    scatter(&mut bench, c, 1, &[a]);
    bench.submit(c, vec![task(9, &[])], &[9]);
    bench.submit(c, vec![task(2, &[1]), task(3, &[2])], &[3]);
    let actions = bench.kill(a);
    let lost = error(&actions, 1);
    assert_eq!((lost.kind(), lost.key()), (ErrorKind::DataLost, Some(key(1))));
    let text = lost.to_string();
    assert!(text.starts_with("scattered-00000001: this scattered value is lost"), "{text}");
    assert!(text.contains(&format!("worker test://{a} was the last to hold it: killed by signal 9")), "{text}");
    assert!(!text.contains("at "), "it has no place in the source: {text}");
    let poisoned = error(&actions, 3);
    assert_eq!((poisoned.kind(), poisoned.key()), (ErrorKind::DataLost, Some(key(1))));
    // Who comes later hears the same at once, and nothing runs.
    let actions = bench.submit(c, vec![task(4, &[1])], &[4]);
    assert_eq!(error(&actions, 4).key(), Some(key(1)));
    assert_eq!(runs(&actions), []);
}

#[test]
fn who_scatters_it_again_elsewhere_takes_it_from_nobody() {
    let mut bench = Bench::new();
    let (a, b, c, other) = (bench.worker(1), bench.worker(1), bench.client(), bench.client());
    scatter(&mut bench, c, 1, &[a]);
    scatter(&mut bench, other, 1, &[b]);
    let values: Vec<_> = bench.machine.snapshot().workers.iter().map(|worker| worker.values).collect();
    assert_eq!(values, [1, 1]);
}

#[test]
fn many_values_are_freed_in_messages_of_bounded_length() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let count = 100_001;
    bench.say(c, ClientToScheduler::Scattered((0..count).map(|number| value(number, &[w], 1)).collect()));
    let actions = bench.say(c, ClientToScheduler::Goodbye);
    let lengths: Vec<_> = actions
        .iter()
        .filter_map(|action| match action {
            Action::ToWorker { message: SchedulerToWorker::Free(keys), .. } => Some(keys.len()),
            _ => None,
        })
        .collect();
    assert_eq!(lengths.iter().sum::<usize>(), count as usize);
    assert!(lengths.iter().all(|&length| length <= 50_000), "{lengths:?}");
}

#[test]
fn a_second_holder_saves_it() {
    let mut bench = Bench::new();
    let (a, b, c) = (bench.worker(1), bench.worker(1), bench.client());
    scatter(&mut bench, c, 1, &[a, b, a]);
    assert_eq!(news(&bench.kill(a)), []);
    assert_eq!(error(&bench.kill(b), 1).kind(), ErrorKind::DataLost);
}

#[test]
fn scattered_to_nobody_who_is_there_it_fails_at_once_and_may_be_scattered_anew() {
    let mut bench = Bench::new();
    let (a, c) = (bench.worker(1), bench.client());
    let nobody = WorkerId(Incarnation(99));
    let actions = scatter(&mut bench, c, 1, &[nobody]);
    let lost = error(&actions, 1);
    assert_eq!(lost.kind(), ErrorKind::DataLost);
    assert!(lost.to_string().contains("none of the 1 workers"), "{lost}");
    assert_eq!(error(&bench.submit(c, vec![task(2, &[1])], &[2]), 2).key(), Some(key(1)));
    // Again, under a new want; and what failed for it can be tried again.
    let again = ScatteredValue { want: WantId(2), ..value(1, &[a], 1) };
    assert!(is_there(&bench.say(c, ClientToScheduler::Scattered(vec![again])), 1));
    let second = run(&bench.say(c, ClientToScheduler::Retry(vec![want(2)]))).1;
    assert!(is_there(&bench.finish(a, second, 8), 2));
}

#[test]
fn what_was_lost_stays_lost_for_its_first_reason_until_somebody_holds_it() {
    let mut bench = Bench::new();
    let (a, c) = (bench.worker(1), bench.client());
    bench.worker(1);
    scatter(&mut bench, c, 1, &[a]);
    let first = error(&bench.kill(a), 1).to_string();
    let again = ScatteredValue { want: WantId(2), ..value(1, &[WorkerId(Incarnation(99))], 1) };
    let actions = bench.say(c, ClientToScheduler::Scattered(vec![again]));
    assert_eq!(error(&actions, 1).to_string(), first);
}

#[test]
fn one_more_holder_does_not_begin_a_want_again_that_has_ended_meanwhile() {
    let mut bench = Bench::new();
    let (a, b, c, d) = (bench.worker(1), bench.worker(1), bench.client(), bench.client());
    let more = ScatteredValue { is_new: false, ..value(1, &[b], 1) };
    scatter(&mut bench, c, 1, &[a]);
    assert!(!is_there(&bench.say(c, ClientToScheduler::Scattered(vec![more.clone()])), 1), "it was told before");
    let held = |bench: &Bench| bench.machine.snapshot().workers.iter().map(|w| w.values).collect::<Vec<_>>();
    assert_eq!(held(&bench), [1, 1]);
    scatter(&mut bench, d, 1, &[a]);
    let actions = bench.say(d, ClientToScheduler::Cancel { keys: vec![want(1)], force: true });
    assert!(news(&actions).iter().any(|(who, ..)| *who == c), "{actions:?}");
    // On its way while the other client cancelled.
    let actions = bench.say(c, ClientToScheduler::Scattered(vec![more]));
    assert_eq!(news(&actions), [], "nobody wants it, and whoever did was told");
    assert!(actions.contains(&to_worker(b, SchedulerToWorker::Free(vec![key(1)]))), "{actions:?}");
    assert_eq!((held(&bench), bench.machine.task_count()), (vec![0, 0], 0));
}

#[test]
fn two_clients_that_scatter_one_value_share_it() {
    let mut bench = Bench::new();
    let (a, b, c) = (bench.worker(1), bench.worker(1), bench.client());
    let d = bench.client();
    scatter(&mut bench, c, 1, &[a]);
    assert!(is_there(&scatter(&mut bench, d, 1, &[b]), 1));
    assert_eq!(bench.release(c, 1), []);
    assert_eq!(bench.machine.snapshot().workers[0].values, 1);
    let actions = bench.release(d, 1);
    for w in [a, b] {
        assert!(actions.contains(&to_worker(w, SchedulerToWorker::Free(vec![key(1)]))), "{actions:?}");
    }
}

#[test]
fn dropped_when_nobody_needed_it_it_is_not_computed_but_missed_by_name() {
    let mut bench = Bench::new();
    let (a, c) = (bench.worker(1), bench.client());
    scatter(&mut bench, c, 1, &[a]);
    let second = run(&bench.submit(c, vec![task(2, &[1])], &[2])).1;
    bench.finish(a, second, 8);
    bench.release(c, 1);
    // The result is lost: to compute it again the scattered value would be needed.
    let actions = bench.kill(a);
    let lost = error(&actions, 2);
    assert_eq!((lost.kind(), lost.key()), (ErrorKind::DataLost, Some(key(1))));
    assert!(lost.to_string().contains("it was not kept while nobody needed it"), "{lost}");
}

#[test]
fn declared_copies_are_made_and_one_on_every_worker_means_just_that() {
    for (replicas, copies) in [(1, 0), (2, 1), (0, 3)] {
        let mut bench = Bench::new();
        let c = bench.client();
        let workers: Vec<_> = (0..4).map(|_| bench.worker(1)).collect();
        let mut actions = bench.say(c, ClientToScheduler::Scattered(vec![value(1, &workers[..1], replicas)]));
        let mut made = 0;
        while let Some(w) = actions.iter().find_map(|action| match action {
            Action::ToWorker { worker, message: SchedulerToWorker::Acquire(_) } => Some(*worker),
            _ => None,
        }) {
            made += 1;
            let mut next = bench.report(w, WorkerToScheduler::Added(vec![(key(1), 8)]));
            let asked = |action: &Action| !matches!(action, Action::ToWorker { worker, message: SchedulerToWorker::Acquire(_) } if *worker == w);
            next.extend(actions.into_iter().filter(asked));
            actions = next;
        }
        assert_eq!(made, copies);
    }
}

#[test]
fn a_client_that_cannot_fetch_it_anywhere_hears_that_it_is_lost() {
    let mut bench = Bench::new();
    let (a, c) = (bench.worker(1), bench.client());
    scatter(&mut bench, c, 1, &[a]);
    let missing = ClientToScheduler::Missing { key: key(1), want: want(1).1, holders: [a].into_iter().collect() };
    let lost = error(&bench.say(c, missing), 1);
    assert_eq!(lost.kind(), ErrorKind::DataLost);
    assert!(lost.to_string().contains("a client could not fetch it"), "{lost}");
}

#[test]
fn a_full_scheduler_refuses_it_and_frees_what_was_stored() {
    let mut bench = Bench::with(Config { max_tasks: 0, ..Config::default() });
    let (a, c) = (bench.worker(1), bench.client());
    let actions = scatter(&mut bench, c, 1, &[a]);
    assert_eq!(error(&actions, 1).kind(), ErrorKind::Refused);
    assert!(actions.contains(&to_worker(a, SchedulerToWorker::Free(vec![key(1)]))), "{actions:?}");
}

fn receive(bench: &mut Bench, w: WorkerId, number: u128) -> Vec<Action> {
    bench.report(w, WorkerToScheduler::Received(vec![(key(number), 8)]))
}

#[test]
fn whether_the_worker_or_the_client_says_it_first_it_is_there_once() {
    let mut bench = Bench::new();
    let (a, b, c) = (bench.worker(1), bench.worker(1), bench.client());
    assert_eq!(receive(&mut bench, a, 1), []);
    assert!(is_there(&scatter(&mut bench, c, 1, &[a]), 1));
    assert!(is_there(&scatter(&mut bench, c, 2, &[b]), 2));
    assert_eq!(receive(&mut bench, b, 2), []);
    assert_eq!(bench.wait(Config::default().offer_grace), [], "nothing is freed that was claimed");
    for (w, number) in [(a, 1), (b, 2)] {
        assert_eq!(bench.release(c, number), [to_worker(w, SchedulerToWorker::Free(vec![key(number)]))]);
    }
    assert_eq!(bench.machine.task_count(), 0);
}

#[test]
fn what_nobody_claims_is_freed_after_a_while() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    receive(&mut bench, w, 1);
    // It holds nobody up, as values from before a restart do.
    assert_eq!(run(&bench.submit(c, vec![task(9, &[])], &[9])).0, w);
    let actions = bench.wait(Config::default().offer_grace);
    assert!(actions.contains(&to_worker(w, SchedulerToWorker::Free(vec![key(1)]))), "{actions:?}");
}

fn places(bench: &mut Bench, c: ClientId, nbytes: &[u64], workers: &[&str]) -> Answer {
    let (request, workers) = (RequestId(1), workers.iter().map(|&name| name.into()).collect());
    let actions = bench.say(c, ClientToScheduler::Places { request, nbytes: nbytes.to_vec(), workers });
    match actions.last() {
        Some(Action::ToClient { message: SchedulerToClient::Answered { answer, .. }, .. }) => answer.clone(),
        _ => panic!("{actions:?}"),
    }
}

#[test]
fn values_go_to_the_emptiest_workers_in_turn() {
    let mut bench = Bench::new();
    let c = bench.client();
    let a = bench.worker_on("here", 1, 0);
    let b = bench.worker_on("there", 1, 0);
    scatter(&mut bench, c, 1, &[a]);
    assert_eq!(places(&mut bench, c, &[0, 0, 8, 4, 4, 4], &[]), Answer::Places(vec![b, b, b, a, b, a]));
    assert_eq!(places(&mut bench, c, &[8, 8], &["here"]), Answer::Places(vec![a, a]));
    let Answer::Refused(error) = places(&mut bench, c, &[8], &["nowhere"]) else { panic!() };
    assert!(error.to_string().contains("nowhere"), "{error}");
    assert_eq!(places(&mut bench, c, &[8, 0, 0, 0, 0], &[]), Answer::Places(vec![b, a, a, b, a]), "of equals in turn");
}

#[test]
fn what_a_worker_holds_counts_once() {
    let mut bench = Bench::new();
    let c = bench.client();
    let w = bench.worker_on("a", 1, 1_000);
    bench.make(c, 1, 400);
    assert_eq!(places(&mut bench, c, &[100, 100], &[]), Answer::Places(vec![w, w]));
}

#[test]
fn a_client_is_told_which_workers_there_are_and_which_have_a_name() {
    let mut bench = Bench::new();
    let c = bench.client();
    let (a, b) = (bench.worker_on("here", 1, 0), bench.worker_on("there", 1, 0));
    let mut found = |names: &[&str]| {
        let (request, workers) = (RequestId(1), names.iter().map(|&name| name.into()).collect());
        let actions = bench.say(c, ClientToScheduler::FindWorkers { request, workers });
        match actions.last() {
            Some(Action::ToClient { message: SchedulerToClient::Answered { answer, .. }, .. }) => answer.clone(),
            _ => panic!("{actions:?}"),
        }
    };
    assert_eq!(found(&[]), Answer::Found(vec![(a, "here".into()), (b, "there".into())]));
    assert_eq!(found(&["there"]), Answer::Found(vec![(b, "there".into())]));
    let Answer::Refused(error) = found(&["nowhere"]) else { panic!() };
    assert!(error.to_string().contains("nowhere"), "{error}");
    bench.kill(a);
    bench.kill(b);
    let actions = bench.say(c, ClientToScheduler::FindWorkers { request: RequestId(2), workers: vec![] });
    let nobody = SchedulerToClient::Answered { request: RequestId(2), answer: Answer::Found(vec![]) };
    assert_eq!(actions, [to_client(c, nobody)]);
}

#[test]
fn a_worker_is_introduced_before_it_is_named_and_once() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let ask = || ClientToScheduler::Places { request: RequestId(1), nbytes: vec![1], workers: vec![] };
    let introduced = |action: &Action| matches!(action, Action::ToClient { message: SchedulerToClient::Worker { worker, .. }, .. } if *worker == w);
    assert!(introduced(&bench.say(c, ask())[0]));
    assert!(!bench.say(c, ask()).iter().any(introduced));
}

#[test]
fn where_no_worker_has_room_that_is_said_with_the_length() {
    let mut bench = Bench::new();
    let c = bench.client();
    let small = bench.worker_on("small", 1, 100);
    let large = bench.worker_on("large", 1, 1_000);
    assert_eq!(places(&mut bench, c, &[200, 200], &[]), Answer::Places(vec![large, large]));
    let Answer::Refused(error) = places(&mut bench, c, &[2_000], &[]) else { panic!() };
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    let text = error.to_string();
    assert!(text.starts_with("no worker has room for a value of 2000 bytes now"), "{text}");
    for w in [small, large] {
        bench.report(w, WorkerToScheduler::Paused(true));
    }
    assert!(matches!(places(&mut bench, c, &[1], &[]), Answer::Refused(_)), "paused workers get nothing new");
}

#[test]
fn a_holder_confirms_or_its_copy_does_not_count() {
    let mut bench = Bench::new();
    let (a, b, c) = (bench.worker(1), bench.worker(1), bench.client());
    let actions = scatter(&mut bench, c, 1, &[a, b]);
    for w in [a, b] {
        assert!(actions.contains(&to_worker(w, SchedulerToWorker::Confirm(vec![key(1)]))), "{actions:?}");
    }
    // One was told to free it before, and had not heard of the other.
    assert_eq!(bench.report(a, WorkerToScheduler::Dropped(vec![key(1)])), []);
    let actions = bench.report(b, WorkerToScheduler::Dropped(vec![key(1)]));
    let text = error(&actions, 1).to_string();
    assert!(
        text.contains(&format!("worker test://{b} was the last to hold it: it does not have it any more")),
        "{text}"
    );
}

#[test]
fn what_a_worker_has_brought_along_is_there_whatever_name_the_worker_had_before() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    bench.report(w, WorkerToScheduler::Offered(vec![(key(1), 8)]));
    let gone = WorkerId(Incarnation(999));
    assert!(is_there(&scatter(&mut bench, c, 1, &[gone]), 1));
}

#[test]
fn a_worker_that_speaks_late_of_what_it_was_told_to_free_is_asked_again() {
    for late in [WorkerToScheduler::Received, WorkerToScheduler::Offered, WorkerToScheduler::Added] {
        let mut bench = Bench::new();
        let (a, b, c) = (bench.worker(1), bench.worker(1), bench.client());
        scatter(&mut bench, c, 1, &[a, b]);
        let actions = bench.wait(Config::default().surplus_after);
        let freed =
            [a, b].into_iter().find(|&w| actions.contains(&to_worker(w, SchedulerToWorker::Free(vec![key(1)]))));
        let freed = freed.unwrap_or_else(|| panic!("neither copy is dropped: {actions:?}"));
        // Said before the message to free it came.
        let actions = bench.report(freed, late(vec![(key(1), 8)]));
        assert_eq!(actions, [to_worker(freed, SchedulerToWorker::Confirm(vec![key(1)]))]);
        bench.report(freed, WorkerToScheduler::Dropped(vec![key(1)]));
        let held: Vec<_> = bench.machine.snapshot().workers.iter().map(|w| (w.worker == freed, w.values)).collect();
        assert!(held.iter().all(|&(is_freed, values)| values == u64::from(!is_freed)), "{held:?}");
    }
}

#[test]
fn what_was_lost_and_is_put_again_is_there_although_the_worker_says_it_first() {
    let mut bench = Bench::new();
    let (a, c) = (bench.worker(1), bench.client());
    scatter(&mut bench, c, 1, &[a]);
    assert_eq!(error(&bench.kill(a), 1).kind(), ErrorKind::DataLost);
    let b = bench.worker(1);
    assert_eq!(receive(&mut bench, b, 1), [], "it is kept until the client speaks of it");
    let again = ScatteredValue { want: WantId(2), ..value(1, &[b], 1) };
    let actions = bench.say(c, ClientToScheduler::Scattered(vec![again]));
    assert!(is_there(&actions, 1), "{actions:?}");
    assert!(actions.contains(&to_worker(b, SchedulerToWorker::Confirm(vec![key(1)]))), "{actions:?}");
    assert_eq!(bench.wait(Config::default().offer_grace), [], "nothing is freed that was claimed");
}

#[test]
fn what_was_lost_and_is_put_again_is_freed_after_a_while_if_nobody_speaks_of_it() {
    let mut bench = Bench::new();
    let (a, c) = (bench.worker(1), bench.client());
    scatter(&mut bench, c, 1, &[a]);
    bench.kill(a);
    let b = bench.worker(1);
    receive(&mut bench, b, 1);
    let actions = bench.wait(Config::default().offer_grace);
    assert_eq!(actions, [to_worker(b, SchedulerToWorker::Free(vec![key(1)]))]);
}

#[test]
fn so_many_places_are_given_at_once_and_no_more() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    assert_eq!(places(&mut bench, c, &[0; CHUNK_TASKS], &[]), Answer::Places(vec![w; CHUNK_TASKS]));
    let Answer::Refused(error) = places(&mut bench, c, &[0; CHUNK_TASKS + 1], &[]) else { panic!() };
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("1025 values at once are more than the 1024 allowed"), "{error}");
}

#[test]
fn who_names_nobody_is_told_that_and_who_names_none_that_there_is_no_room() {
    let mut bench = Bench::new();
    let c = bench.client();
    let Answer::Refused(error) = places(&mut bench, c, &[8], &[]) else { panic!() };
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    bench.worker_on("here", 1, 0);
    let Answer::Refused(error) = places(&mut bench, c, &[8], &["nowhere", "there"]) else { panic!() };
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(error.to_string(), "no worker has the name, address or host nowhere or there");
    let Answer::Refused(error) = places(&mut bench, c, &[], &["nowhere"]) else { panic!() };
    assert_eq!(error.kind(), ErrorKind::Refused, "also where there is nothing to place");
}

#[test]
fn one_named_worker_without_room_is_named() {
    let mut bench = Bench::new();
    let c = bench.client();
    bench.worker_on("small", 1, 100);
    bench.worker_on("large", 1, 10_000);
    let Answer::Refused(error) = places(&mut bench, c, &[2_000], &["small"]) else { panic!() };
    assert!(error.to_string().starts_with("no worker named small has room for a value of 2000 bytes"), "{error}");
}
