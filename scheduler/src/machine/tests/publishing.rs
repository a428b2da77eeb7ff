//! Values under names, whoever comes and goes.

use std::sync::Arc;

use brisk_core::{
    id::{ClientId, RequestId},
    limits::{MAX_ERROR_BYTES, MAX_NAME_BYTES},
    message::{Answer, ClientToScheduler, KeyNews, SchedulerToClient, SchedulerToWorker},
    state::TaskState,
};

use super::bench::*;
use crate::machine::{Action, Config};

const ASKED: RequestId = RequestId(70);

fn publish(name: &str, numbers: &[u128], replace: bool) -> ClientToScheduler {
    let keys = numbers.iter().map(|&number| key(number)).collect();
    ClientToScheduler::Publish { request: ASKED, name: name.into(), keys, shape: "a list".into(), replace }
}

fn unpublish(name: &str) -> ClientToScheduler {
    ClientToScheduler::Unpublish { request: ASKED, name: name.into() }
}

fn dataset(name: &str) -> ClientToScheduler {
    ClientToScheduler::Dataset { request: ASKED, name: name.into() }
}

fn answer(actions: &[Action], to: ClientId) -> &Answer {
    let answers: Vec<_> = actions
        .iter()
        .filter_map(|action| match action {
            Action::ToClient { client, message: SchedulerToClient::Answered { request: ASKED, answer } }
                if *client == to =>
            {
                Some(answer)
            }
            _ => None,
        })
        .collect();
    assert_eq!(answers.len(), 1, "{actions:?}");
    answers[0]
}

fn refusal(actions: &[Action], to: ClientId) -> String {
    let Answer::Refused(error) = answer(actions, to) else { panic!("{actions:?}") };
    error.to_string()
}

#[test]
fn what_is_published_outlives_its_client_and_is_found_by_the_next() {
    let mut bench = Bench::new();
    let (w, a) = (bench.worker(1), bench.client());
    let running = run(&bench.submit(a, vec![task(1, &[])], &[1])).1;
    // It need not be there yet: the submission came before.
    assert_eq!(answer(&bench.say(a, publish("flights", &[1], false)), a), &Answer::Done);
    bench.say(a, ClientToScheduler::Goodbye);
    bench.finish(w, running, 8);
    let b = bench.client();
    assert_eq!(answer(&bench.say(b, ClientToScheduler::Datasets(ASKED)), b), &Answer::Names(vec!["flights".into()]));
    let found = Answer::Dataset { keys: vec![key(1)], shape: "a list".into() };
    assert_eq!(answer(&bench.say(b, dataset("flights")), b), &found);
    let actions = bench.submit(b, vec![], &[1]);
    assert!(matches!(news(&actions)[..], [(_, 1, KeyNews::Memory { nbytes: 8, .. })]), "{actions:?}");
    assert_eq!(answer(&bench.say(b, unpublish("flights")), b), &Answer::Done);
    assert_eq!(bench.machine.task_count(), 1, "it is wanted");
    assert!(bench.release(b, 1).contains(&to_worker(w, SchedulerToWorker::Free(vec![key(1)]))));
    assert_eq!(bench.machine.task_count(), 0);
}

#[test]
fn a_lost_published_value_is_made_again_and_one_that_fails_stays_failed() {
    let mut bench = Bench::new();
    let (w, a) = (bench.worker(1), bench.client());
    let first = run(&bench.submit(a, vec![task(1, &[]), task(2, &[])], &[1, 2])).1;
    bench.say(a, publish("both", &[1, 2], false));
    let second = run(&bench.finish(w, first, 8)).1;
    bench.fail(w, second);
    bench.say(a, ClientToScheduler::Goodbye);
    assert_eq!(bench.machine.snapshot().count(TaskState::Erred), 1);
    bench.kill(w);
    let (_, actions) = bench.worker_with(1, "", &[]);
    assert_eq!(run(&actions).1.0, 1);
    let b = bench.client();
    let actions = bench.submit(b, vec![], &[2]);
    assert!(matches!(news(&actions)[..], [(_, 2, KeyNews::Erred(_))]), "{actions:?}");
}

#[test]
fn what_nobody_who_is_there_has_begun_is_made_again_as_often_as_it_is_lost() {
    let mut bench = Bench::new();
    let (mut w, a) = (bench.worker(1), bench.client());
    let first = run(&bench.submit(a, vec![task(1, &[])], &[1])).1;
    bench.say(a, publish("it", &[1], false));
    bench.finish(w, first, 8);
    bench.say(a, ClientToScheduler::Goodbye);
    for _ in 0..3 {
        bench.kill(w);
        let (new, actions) = bench.worker_with(1, "", &[]);
        bench.finish(new, run(&actions).1, 8);
        assert_eq!(bench.machine.accounts.iter().count(), 0, "nobody pays for what is there");
        w = new;
    }
}

#[test]
fn a_name_is_taken_once_unless_it_is_to_be_replaced() {
    let mut bench = Bench::new();
    let a = bench.client();
    bench.submit(a, vec![task(1, &[]), task(2, &[])], &[1, 2]);
    bench.say(a, publish("x", &[1, 1], false));
    let text = refusal(&bench.say(a, publish("x", &[2], false)), a);
    assert!(text.contains("the name `x` is taken"), "{text}");
    assert_eq!(answer(&bench.say(a, publish("x", &[1, 2], true)), a), &Answer::Done);
    bench.say(a, ClientToScheduler::Goodbye);
    assert_eq!(bench.machine.task_count(), 2);
    let b = bench.client();
    bench.say(b, publish("x", &[2], true));
    assert_eq!(bench.machine.task_count(), 1);
    bench.say(b, unpublish("x"));
    assert_eq!(bench.machine.task_count(), 0);
}

#[test]
fn of_many_names_a_few_are_told() {
    let mut bench = Bench::new();
    let a = bench.client();
    bench.submit(a, vec![task(1, &[])], &[1]);
    for name in ["a", "b", "c", "d", "e"] {
        bench.say(a, publish(name, &[1], false));
    }
    let text = refusal(&bench.say(a, dataset("x")), a);
    assert!(text.ends_with("published now: `a`, `b`, `c`, `d`, `e`"), "{text}");
    bench.say(a, publish("f", &[1], false));
    let text = refusal(&bench.say(a, dataset("x")), a);
    assert!(text.ends_with("published now: `a`, `b`, `c`, `d`, `e`, …"), "{text}");
}

#[test]
fn what_can_not_be_published_is_refused_with_a_sentence() {
    let mut bench = Bench::with(Config { max_publications: 2, max_published_keys: 3, ..Config::default() });
    let a = bench.client();
    bench.submit(a, vec![task(1, &[])], &[1]);
    let long: Arc<str> = "n".repeat(600).into();
    for (message, told) in [
        (publish("x", &[1, 9], false), "there is no task"),
        (publish("", &[1], false), "from 1 to 512 bytes"),
        (publish(&long, &[1], false), "from 1 to 512 bytes"),
        (publish("x", &[1; 4], false), "no more than 3 values"),
        (unpublish("y"), "published now: nothing"),
        (dataset("y"), "nothing is published under the name `y`"),
    ] {
        let text = refusal(&bench.say(a, message), a);
        assert!(text.contains(told), "{text}");
    }
    bench.say(a, publish("x", &[1], false));
    bench.say(a, publish("y", &[1], false));
    // What is replaced makes room for what replaces it.
    assert_eq!(answer(&bench.say(a, publish("x", &[1, 1], true)), a), &Answer::Done);
    assert_eq!(answer(&bench.say(a, publish("x", &[1, 1], true)), a), &Answer::Done);
    let text = refusal(&bench.say(a, publish("z", &[1], false)), a);
    assert!(text.contains("no more are allowed"), "{text}");
    let text = refusal(&bench.say(a, dataset("z")), a);
    assert!(text.contains("published now: `x`, `y`"), "{text}");
}

#[test]
fn a_description_is_no_longer_than_an_error() {
    let mut bench = Bench::new();
    let a = bench.client();
    bench.submit(a, vec![task(1, &[])], &[1]);
    let described = |length: usize| ClientToScheduler::Publish {
        request: ASKED,
        name: "x".into(),
        keys: vec![key(1)],
        shape: "s".repeat(length).into(),
        replace: false,
    };
    let text = refusal(&bench.say(a, described(MAX_ERROR_BYTES + 1)), a);
    assert!(text.contains("the description of `x` is longer"), "{text}");
    assert_eq!(answer(&bench.say(a, described(MAX_ERROR_BYTES)), a), &Answer::Done);
}

#[test]
fn a_name_may_be_as_long_as_names_are() {
    let mut bench = Bench::new();
    let a = bench.client();
    bench.submit(a, vec![task(1, &[])], &[1]);
    let longest = "n".repeat(MAX_NAME_BYTES);
    assert_eq!(answer(&bench.say(a, publish(&longest, &[1], false)), a), &Answer::Done);
    let text = refusal(&bench.say(a, publish(&"n".repeat(MAX_NAME_BYTES + 1), &[1], false)), a);
    assert!(text.contains("and this has 513"), "{text}");
}
