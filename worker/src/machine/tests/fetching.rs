//! Values: asked of peers, and had from them or not.

use std::time::Duration;

use brisk_core::{
    error::{ErrorKind, Failure},
    id::RunId,
    message::{SchedulerToWorker, WorkerToScheduler},
};
use smallvec::SmallVec;

use super::*;

#[test]
fn inputs_are_fetched_in_one_batch_a_peer_and_reported() {
    let mut bench = Bench::new(2, 0);
    assert_eq!(bench.run(1, &[(10, &[1])]), [fetch(1, 1, &[10])]);
    // The peer is being asked: what else it has waits, and goes together.
    assert_eq!(bench.run(2, &[(11, &[1])]), []);
    assert_eq!(bench.run(3, &[(12, &[1]), (11, &[1])]), []);
    let mut expected = vec![Action::Keep { key: key(10) }];
    expected.extend(started(1));
    // The newer of two equals comes first: its inputs are asked for first.
    expected.extend([fetch(2, 1, &[11, 12]), added(10, 10)]);
    assert_eq!(bench.answer(1, &[(10, stored(10))]), expected);
}

#[test]
fn a_key_is_asked_of_the_next_holder_and_then_of_the_scheduler_once() {
    let mut bench = Bench::new(1, 0);
    assert_eq!(bench.run(1, &[(10, &[1, 2])]), [fetch(1, 1, &[10])]);
    assert_eq!(bench.answer(1, &[(10, FetchResult::Missing)]), [fetch(2, 2, &[10])]);
    assert_eq!(bench.event(Event::PeerLost { worker: peer(2) }), [missing(10, &[1, 2])]);
    assert_eq!(bench.tick_at(999), []);
    assert_eq!(bench.tick_at(1_000), [missing(10, &[1, 2])]);
    assert_eq!(bench.tick_at(2_999), []);
    let holders = SmallVec::from_slice(&[peer(3)]);
    // It was told of holders in vain before: it takes a breath.
    assert_eq!(bench.says(SchedulerToWorker::Holders { key: key(10), holders }), []);
    assert_eq!(bench.tick_at(3_150), [fetch(3, 3, &[10])]);
}

#[test]
fn holders_named_in_answer_are_asked_at_once_the_first_time() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1])]);
    assert_eq!(bench.answer(1, &[(10, FetchResult::Missing)]), [missing(10, &[1])]);
    let holders = SmallVec::from_slice(&[peer(2)]);
    assert_eq!(bench.says(SchedulerToWorker::Holders { key: key(10), holders }), [fetch(2, 2, &[10])]);
}

#[test]
fn a_busy_peer_is_asked_again_later_or_another_at_once() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1])]);
    // It is asked for others, too, in case the scheduler knows of newer ones.
    assert_eq!(bench.answer(1, &[(10, FetchResult::Busy)]), [missing(10, &[])]);
    assert_eq!(bench.tick_at(149), []);
    assert_eq!(bench.tick_at(225), [fetch(2, 1, &[10])]);

    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1, 2])]);
    assert_eq!(bench.answer(1, &[(10, FetchResult::Busy)]), [fetch(2, 2, &[10])]);
}

#[test]
fn a_peer_that_makes_no_progress_is_given_up() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1]), (11, &[1])]);
    bench.now = 5_000 * MS;
    assert_eq!(bench.answer(1, &[(10, stored(10))]), [Action::Keep { key: key(10) }, added(10, 10)]);
    // An answer is progress: the time begins again.
    assert_eq!(bench.tick_at(15_000), []);
    assert_eq!(bench.tick_at(15_001), [Action::Disconnect { worker: peer(1) }, missing(11, &[1])]);
    assert_eq!(bench.worker.counters().fetch_timeouts, 1);
    assert_eq!(bench.answer(1, &[(11, stored(10))]), []);
}

#[test]
fn what_arrives_for_a_cancelled_task_is_dropped_untold() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1])]);
    assert_eq!(bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(1) }), []);
    assert_eq!(bench.answer(1, &[(10, stored(10))]), []);
    assert!(bench.worker.is_idle());
    assert_eq!(bench.worker.values(), 0);
}

#[test]
fn what_is_on_its_way_for_a_cancelled_task_serves_the_next() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1])]);
    bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(1) });
    assert_eq!(bench.run(2, &[(10, &[2])]), [], "it is not asked for twice");
    let mut expected = vec![Action::Keep { key: key(10) }];
    expected.extend(started(2));
    expected.push(added(10, 10));
    assert_eq!(bench.answer(1, &[(10, stored(10))]), expected);
}

#[test]
fn an_input_that_cannot_leave_its_process_fails_those_who_need_it() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1, 2])]);
    bench.run(2, &[(1, &[])]);
    let failure = Box::new(Failure::new(ErrorKind::Encode, "no"));
    let (key, run, took) = (key(1), RunId(1), Duration::ZERO);
    let told = Action::ToScheduler(WorkerToScheduler::Failed { key, run, failure: failure.clone(), took });
    assert_eq!(bench.answer(1, &[(10, FetchResult::Failed(failure))]), [told]);
}

#[test]
fn a_worker_that_is_gone_is_not_asked() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1, 2])]);
    let gone = bench.says(SchedulerToWorker::WorkerGone(peer(1)));
    assert_eq!(gone, [Action::Disconnect { worker: peer(1) }, fetch(2, 2, &[10])]);
    bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(1) });
    assert_eq!(bench.run(2, &[(11, &[1])]), [missing(11, &[1])]);
}

#[test]
fn a_task_with_a_hundred_thousand_inputs_is_taken_and_cancelled_in_one_go() {
    let mut bench = Bench::new(1, 0);
    let needs: Vec<(u128, &[u64])> = (0..100_000).map(|n| (1_000 + n, &[1u64][..])).collect();
    let actions = bench.run(1, &needs);
    assert_eq!(actions.len(), 1);
    assert_eq!(bench.says(SchedulerToWorker::Cancel { key: key(1), run: RunId(1) }), []);
    assert_eq!(bench.event(Event::PeerLost { worker: peer(1) }), []);
    assert!(bench.worker.is_idle());
}

fn holders(n: u128, of: &[u64]) -> SchedulerToWorker {
    SchedulerToWorker::Holders { key: key(n), holders: of.iter().map(|n| peer(*n)).collect() }
}

#[test]
fn a_peer_that_stays_busy_is_left_alone_for_longer_each_time_and_as_before_once_it_answers() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1])]);
    let mut rests = Vec::new();
    for request in 1..=8 {
        bench.answer(request, &[(10, FetchResult::Busy)]);
        let until = bench.worker.peers[&peer(1)].resting.unwrap().as_nanos();
        rests.push((until - bench.now) / MS);
        assert_eq!(bench.tick_at(until.div_ceil(MS)), [fetch(request + 1, 1, &[10])]);
    }
    for (times, rest) in rests.iter().enumerate() {
        let base = 150 << times.min(4);
        assert!((base..base + base / 2).contains(rest), "{rests:?}");
    }
    assert!(rests[4..].windows(2).any(|pair| pair[0] != pair[1]), "not always for equally long: {rests:?}");
    bench.answer(9, &[(10, stored(10))]);
    bench.run(2, &[(11, &[1])]);
    bench.answer(10, &[(11, FetchResult::Busy)]);
    let until = bench.worker.peers[&peer(1)].resting.unwrap().as_nanos();
    assert!((until - bench.now) / MS < 225);
}

#[test]
fn a_holder_that_is_told_of_while_all_others_are_busy_is_asked() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1, 2])]);
    assert_eq!(bench.answer(1, &[(10, FetchResult::Busy)]), [fetch(2, 2, &[10])], "not all are busy yet");
    assert_eq!(bench.answer(2, &[(10, FetchResult::Busy)]), [missing(10, &[])]);
    assert_eq!(bench.says(holders(10, &[1, 3])), [fetch(3, 3, &[10])]);
    // All three are busy: it looks further again.
    assert_eq!(bench.answer(3, &[(10, FetchResult::Busy)]), [missing(10, &[])]);
    assert_eq!(bench.says(holders(10, &[])), []);
    let again = bench.tick_at(1_000);
    assert!(matches!(again[..], [Action::Fetch { .. }]), "{again:?}");
}

#[test]
fn the_scheduler_is_asked_once_for_more_holders_while_it_does_not_answer() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1])]);
    assert_eq!(bench.answer(1, &[(10, FetchResult::Busy)]), [missing(10, &[])]);
    assert_eq!(bench.tick_at(1_000), [fetch(2, 1, &[10])]);
    assert_eq!(bench.answer(2, &[(10, FetchResult::Busy)]), []);
    bench.tick_at(2_000);
    assert_eq!(bench.worker.counters().asked, 1);
    // One that was busy and then has it no more is told of like any other.
    assert_eq!(bench.answer(3, &[(10, FetchResult::Missing)]), [missing(10, &[1])]);
    assert_eq!(bench.worker.counters().asked, 2);
}

#[test]
fn another_task_that_needs_it_brings_news_of_its_holders() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1])]);
    bench.run(2, &[(10, &[2])]);
    assert_eq!(bench.answer(1, &[(10, FetchResult::Missing)]), [fetch(2, 2, &[10])]);
    assert_eq!(bench.answer(2, &[(10, FetchResult::Missing)]), [missing(10, &[2, 1])], "both are told of");
}

#[test]
fn a_task_that_names_holders_ends_the_waiting_for_the_schedulers_answer() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1])]);
    assert_eq!(bench.answer(1, &[(10, FetchResult::Missing)]), [missing(10, &[1])]);
    assert_eq!(bench.run(2, &[(10, &[])]), [missing(10, &[1])], "it names none: who was tried is remembered");
    assert_eq!(bench.run(3, &[(10, &[2])]), [fetch(2, 2, &[10])]);
}

#[test]
fn a_value_that_the_scheduler_knows_no_holder_of_is_asked_for_again_later() {
    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1])]);
    assert_eq!(bench.answer(1, &[(10, FetchResult::Missing)]), [missing(10, &[1])]);
    assert_eq!(bench.says(holders(10, &[])), []);
    assert_eq!(bench.tick_at(1_999), []);
    assert_eq!(bench.tick_at(2_000), [missing(10, &[])]);
    // Nor does it help to name a worker that was not introduced.
    assert_eq!(bench.says(holders(10, &[9])), []);
    assert_eq!(bench.tick_at(5_999), []);
    assert_eq!(bench.tick_at(6_000), [missing(10, &[9])]);
}

#[test]
fn of_the_holders_that_are_told_of_bit_by_bit_the_newest_are_kept() {
    let mut bench = Bench::new(1, 0);
    for n in 4..=40 {
        let address = format!("inproc://w{n}").parse().unwrap();
        bench.says(SchedulerToWorker::Worker { worker: peer(n), address, host: "there".into() });
    }
    bench.run(1, &[(10, &[1])]);
    for n in 2..=40 {
        bench.says(holders(10, &[n]));
    }
    let known = &bench.worker.entries[&key(10)].want.as_ref().unwrap().holders;
    assert_eq!(known[..], (25..=40).rev().map(peer).collect::<Vec<_>>()[..]);
}

#[test]
fn this_host_comes_first_then_who_has_the_most_then_who_turned_nobody_away() {
    let mut bench = Bench::new(1, 0);
    assert_eq!(bench.run(1, &[(10, &[1, 3])]), [fetch(1, 3, &[10])], "it is on this host");
    bench.answer(1, &[(10, stored(1))]);

    let mut bench = Bench::new(1, 0);
    bench.worker.config.fetch_peers = 1;
    assert_eq!(bench.run(1, &[(9, &[3])]), [fetch(1, 3, &[9])]);
    bench.run(2, &[(10, &[1, 2]), (11, &[2])]);
    assert!(bench.answer(1, &[(9, stored(1))]).contains(&fetch(2, 2, &[10, 11])), "both come from there");

    let mut bench = Bench::new(1, 0);
    bench.run(1, &[(10, &[1])]);
    bench.answer(1, &[(10, FetchResult::Busy)]);
    bench.tick_at(1_000);
    bench.answer(2, &[(10, FetchResult::Missing)]);
    bench.now = 2_000 * MS;
    bench.worker.peers.get_mut(&peer(1)).unwrap().strikes = 1;
    assert_eq!(bench.run(2, &[(12, &[1, 2])]), [fetch(3, 2, &[12])]);
}

#[test]
fn a_peer_that_hangs_holds_up_no_other() {
    let mut bench = Bench::new(1, 0);
    assert_eq!(bench.run(1, &[(10, &[1])]), [fetch(1, 1, &[10])]);
    assert_eq!(bench.run(2, &[(11, &[2])]), [fetch(2, 2, &[11])]);
    assert!(bench.answer(2, &[(11, stored(1))]).starts_with(&[Action::Keep { key: key(11) }]));
    assert_eq!(bench.worker.running(), 1);
}

#[test]
fn what_comes_in_is_bounded_but_for_one_value_at_a_time() {
    let mut bench = Bench::new(1, 0);
    bench.worker.config.incoming_bytes = 25;
    // Ten each: there is room for a third one, and then none until something has come.
    let fetches = |actions: Vec<Action>| actions.iter().filter(|a| matches!(a, Action::Fetch { .. })).count();
    let asked = (1..=3).map(|n| fetches(bench.run(n, &[(u128::from(10 + n), &[n])]))).sum::<usize>();
    assert_eq!((asked, bench.worker.incoming_bytes), (3, 30));
    assert_eq!(fetches(bench.run(4, &[(20, &[1])])), 0);
    assert_eq!(fetches(bench.answer(2, &[(12, stored(10))])), 0, "it is of the busy peer");
    assert_eq!(fetches(bench.answer(1, &[(11, stored(10))])), 1);
}

#[test]
fn in_one_request_the_first_key_goes_at_any_length_and_the_others_if_they_fit() {
    let mut bench = Bench::new(1, 0);
    bench.worker.config.fetch_bytes = 20;
    bench.run(1, &[(9, &[1])]);
    bench.run(2, &[(11, &[1]), (12, &[1]), (13, &[1])]);
    assert_eq!(
        bench.answer(1, &[(9, stored(1))]).iter().find(|a| matches!(a, Action::Fetch { .. })),
        Some(&fetch(2, 1, &[11, 12]))
    );
    bench.worker.config.fetch_bytes = 5;
    assert!(bench.answer(2, &[(11, stored(1)), (12, stored(1))]).contains(&fetch(3, 1, &[13])));
}

#[test]
fn a_value_that_would_fill_the_memory_waits_until_nothing_else_can_make_room() {
    let mut bench = Bench::new(1, 100);
    bench.with_value(1, 65);
    bench.run(2, &[]);
    // Up to the mark there is room for fifteen, and one value may go beyond.
    assert_eq!(bench.run(3, &[(10, &[1])]), [fetch(1, 1, &[10])]);
    assert_eq!(bench.run(4, &[(11, &[2])]), [fetch(2, 2, &[11])]);
    assert_eq!(bench.run(5, &[(12, &[3])]), [], "what is on its way counts");
    assert!(!bench.worker.is_paused());
    bench.answer(1, &[(10, FetchResult::Missing)]);
    assert_eq!(bench.worker.requests.len(), 2, "there is room again");
}

#[test]
fn a_long_value_may_take_its_time() {
    let mut bench = Bench::new(1, 0);
    let mut message = assignment(1, 1, 0, &[(10, &[1])]);
    if let SchedulerToWorker::Run(assignment) = &mut message {
        assignment.dependencies[0].nbytes = 60_000_000;
    }
    bench.says(message);
    assert_eq!(bench.tick_at(69_999), []);
    assert_eq!(bench.tick_at(70_000)[0], Action::Disconnect { worker: peer(1) });
}

#[test]
fn lengths_that_cannot_be_do_not_spoil_the_sums() {
    let mut bench = Bench::new(1, 0);
    for (n, nbytes) in [(1, 5_000_000), (2, u64::MAX), (3, u64::MAX)] {
        let mut message = assignment(n, n, 0, &[(10 + u128::from(n), &[n])]);
        if let SchedulerToWorker::Run(assignment) = &mut message {
            assignment.dependencies[0].nbytes = nbytes;
        }
        bench.says(message);
    }
    assert_eq!(bench.worker.requests.len(), 2, "one goes beyond what there is room for");
    bench.answer(2, &[(12, stored(1))]);
    bench.answer(1, &[(11, stored(1))]);
    bench.answer(3, &[(13, stored(1))]);
    assert_eq!(bench.worker.incoming_bytes, 0);
}

#[test]
fn answers_that_nobody_waits_for_are_counted() {
    let mut bench = Bench::new(1, 0);
    bench.answer(7, &[(10, stored(1))]);
    assert_eq!(bench.worker.counters().stale_fetches, 1, "a request that never was");
    bench.run(1, &[(10, &[1])]);
    bench.answer(1, &[(11, stored(1))]);
    assert_eq!(bench.worker.counters().stale_fetches, 2, "a key that was not asked for");
}

#[test]
fn no_question_is_asked_that_would_be_taken_for_an_answer() {
    let mut bench = Bench::new(1, 0);
    let copy = DependencyInfo { key: key(10), nbytes: 10, holders: SmallVec::from_slice(&[peer(1)]) };
    bench.says(SchedulerToWorker::Acquire(vec![copy]));
    bench.run(1, &[(10, &[1])]);
    assert_eq!(bench.answer(1, &[(10, FetchResult::Busy)]), []);
}

#[test]
fn lost_links_and_news_of_strangers_are_counted() {
    let mut bench = Bench::new(1, 0);
    bench.event(Event::PeerLost { worker: peer(1) });
    bench.event(Event::PeerLost { worker: peer(9) });
    assert_eq!(bench.says(SchedulerToWorker::WorkerGone(peer(9))), []);
    let counters = bench.worker.counters();
    assert_eq!((counters.peers_lost, counters.stale_messages), (2, 1));
}

#[test]
fn of_many_holders_some_are_kept_in_mind() {
    for many in [8, 9, 30] {
        let mut bench = Bench::new(1, 0);
        let all: Vec<u64> = (1..=many).collect();
        bench.run(1, &[(10, &all)]);
        let want = bench.worker.entries[&key(10)].want.as_ref().unwrap();
        assert_eq!(want.holders.len(), 8, "of {many}");
    }
}

#[test]
fn who_waited_for_a_value_and_does_not_any_more_is_forgotten_in_time() {
    let mut bench = Bench::new(1, 0);
    (1..=3).for_each(|n| drop(bench.run(n, &[(10, &[1])])));
    let listed = |bench: &Bench| bench.worker.entries[&key(10)].want.as_ref().unwrap().waiters.len();
    let mut most = 0;
    for n in 4..=60 {
        bench.run(n, &[(10, &[1])]);
        bench.cancel(n);
        most = most.max(listed(&bench));
    }
    // Twice those that wait, and some more for which it is not worth the while to look.
    assert_eq!(most, 22);
    assert_eq!(bench.answer(1, &[(10, stored(1))])[1..3], started(3));
}

#[test]
fn holders_of_what_nobody_needs_are_counted_as_late() {
    let mut bench = Bench::new(1, 0);
    assert_eq!(bench.says(holders(10, &[1])), []);
    assert_eq!(bench.worker.counters().stale_messages, 1);
}
