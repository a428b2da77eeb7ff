//! Tasks that are to be started once only.

use brisk_core::{
    error::ErrorKind,
    message::{ClientToScheduler, SchedulerToWorker, SubmittedTask, WorkerToScheduler},
};

use super::bench::*;
use crate::machine::Event;

fn once(number: u128, dependencies: &[u128]) -> SubmittedTask {
    with(task(number, dependencies), |options| {
        options.once = true;
        options.retries = 5;
    })
}

#[test]
fn when_its_worker_dies_it_fails_whether_it_was_said_to_have_started_or_not() {
    for said in [true, false] {
        let mut bench = Bench::new();
        let (w, c) = (bench.worker(1), bench.client());
        let other = bench.worker(1);
        let first = run(&bench.submit(c, vec![once(1, &[])], &[1])).1;
        if said {
            bench.start(w, first);
        }
        let actions = bench.kill(w);
        let error = error(&actions, 1);
        assert_eq!(error.kind(), ErrorKind::WorkerDied);
        let text = error.to_string();
        assert!(text.contains("the worker was lost (killed by signal 9)"), "{text}");
        assert!(text.contains(if said { "it had been started" } else { "it may have been started" }), "{text}");
        assert_eq!(runs(&actions), []);
        // By hand it is tried again: that is for its caller to say.
        assert_eq!(run(&bench.say(c, ClientToScheduler::Retry(vec![want(1)]))).0, other);
    }
}

#[test]
fn a_run_that_never_started_may_move() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let first = run(&bench.submit(c, vec![once(1, &[])], &[1])).1;
    let message = WorkerToScheduler::Returned { key: key(1), run: first.1, reason: "moody".into() };
    let second = run(&bench.report(w, message)).1;
    assert_ne!(first.1, second.1);
    // Its worker says goodbye: it would have said so.
    bench.report(w, WorkerToScheduler::Goodbye("enough".into()));
    let (w, actions) = bench.worker_with(1, "", &[]);
    let third = run(&actions).1;
    bench.start(w, third);
    let actions = bench.event(Event::WorkerLeft { worker: w, cause: "enough".into(), intended: true });
    assert_eq!(error(&actions, 1).kind(), ErrorKind::WorkerDied);
}

#[test]
fn an_intended_end_may_have_come_between_a_start_and_its_report() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    bench.submit(c, vec![once(1, &[])], &[1]);
    let actions = bench.event(Event::WorkerLeft { worker: w, cause: "it was ended".into(), intended: true });
    assert_eq!(error(&actions, 1).kind(), ErrorKind::WorkerDied);
}

#[test]
fn an_error_of_its_own_is_final_and_uses_no_retries() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let first = run(&bench.submit(c, vec![once(1, &[])], &[1])).1;
    let actions = bench.fail(w, first);
    assert_eq!((error(&actions, 1).kind(), runs(&actions).len()), (ErrorKind::Failed, 0));
}

#[test]
fn its_value_is_not_computed_again_when_it_is_lost_now_or_was_dropped_before() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let first = run(&bench.submit(c, vec![once(1, &[]), task(2, &[1])], &[1, 2])).1;
    let second = run(&bench.finish(w, first, 8)).1;
    bench.finish(w, second, 8);
    let actions = bench.kill(w);
    let lost = error(&actions, 1);
    assert_eq!(lost.kind(), ErrorKind::DataLost);
    assert!(lost.to_string().contains("started once only"), "{lost}");
    // 2 could be computed again, but for 1.
    assert_eq!(error(&actions, 2).key(), Some(key(1)));
    // Dropped since nobody needed it, and needed again.
    let w = bench.worker(1);
    let first = run(&bench.submit(c, vec![once(3, &[]), task(4, &[3])], &[4])).1;
    let second = run(&bench.finish(w, first, 8)).1;
    bench.finish(w, second, 8);
    let actions = bench.submit(c, vec![once(3, &[])], &[3]);
    assert_eq!((error(&actions, 3).kind(), runs(&actions).len()), (ErrorKind::DataLost, 0));
}

#[test]
fn a_pause_leaves_it_and_the_loss_of_an_input_under_its_run_fails_it() {
    let mut bench = Bench::new();
    let (a, c) = (bench.worker(1), bench.client());
    let first = run(&bench.submit(c, vec![task(1, &[])], &[1])).1;
    bench.finish(a, first, 8);
    bench.submit(c, vec![task(9, &[])], &[9]);
    let b = bench.worker(1);
    let actions = bench.submit(c, vec![once(2, &[1])], &[2]);
    assert_eq!(run(&actions).0, b);
    bench.worker(1);
    assert_eq!(runs(&bench.report(b, WorkerToScheduler::Paused(true))), [], "it may be starting just now");
    let actions = bench.kill(a);
    let text = error(&actions, 2).to_string();
    assert!(text.contains("an input of it was lost"), "{text}");
}

#[test]
fn an_older_copy_under_its_chosen_key_on_its_worker_is_no_reason_to_run_it_again() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let named = with(once(1, &[]), |options| {
        options.name = Some("total".into());
        options.fingerprint = Some(key(9));
    });
    bench.submit(c, vec![named], &[1]);
    // Of an earlier life of the key; the run may have been started just now.
    let actions = bench.report(w, WorkerToScheduler::Added(vec![(key(1), 8)]));
    assert_eq!(runs(&actions), []);
    let text = error(&actions, 1).to_string();
    assert!(text.contains("it may have been started") && text.contains("an older value"), "{text}");
}

#[test]
fn a_start_that_nobody_needed_any_more_was_a_start() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(2), bench.client());
    let both = runs(&bench.submit(c, vec![once(1, &[]), task(5, &[]), task(2, &[1, 5])], &[2]));
    let of = |number| both.iter().find(|(_, run)| run.0 == number).unwrap().1;
    bench.start(w, of(1));
    // What would have needed it fails for another reason. The task stays known behind it.
    let actions = bench.fail(w, of(5));
    let cancel = SchedulerToWorker::Cancel { key: key(1), run: of(1).1 };
    assert!(actions.contains(&to_worker(w, cancel)), "{actions:?}");
    let actions = bench.submit(c, vec![once(1, &[]), task(4, &[1])], &[4]);
    assert_eq!(runs(&actions), []);
    assert_eq!((error(&actions, 4).kind(), error(&actions, 4).key()), (ErrorKind::DataLost, Some(key(1))));
    // By hand it may.
    assert_eq!(run(&bench.say(c, ClientToScheduler::Retry(vec![want(4)]))).1.0, 1);
}

#[test]
fn what_is_let_go_and_may_start_again_or_has_not_started_is_made_when_it_is_needed_again() {
    for (threads, plain) in [(2, true), (1, false)] {
        let mut bench = Bench::new();
        let (w, c) = (bench.worker(threads), bench.client());
        let wanted = || if plain { task(1, &[]) } else { once(1, &[]) };
        // With one thread only the first of the two runs.
        let sent = runs(&bench.submit(c, vec![task(5, &[]), wanted(), task(2, &[1, 5])], &[2]));
        assert_eq!(sent.len(), threads as usize);
        bench.fail(w, sent[0].1);
        let actions = bench.submit(c, vec![wanted(), task(4, &[1])], &[4]);
        assert_eq!(run(&actions).1.0, 1);
    }
}
