//! What clients are told of what is left to do.

use brisk_core::{
    id::ClientId,
    key::Key,
    message::{Answer, Query, Remaining, SubmittedTask, TaskFilter, Told},
};

use super::bench::*;

fn remaining(bench: &Bench, client: ClientId, asked: &[u128]) -> Remaining {
    let keys = asked.iter().map(|number| key(*number)).collect();
    let Answer::Told(told) = bench.machine.tell(client, &Query::Remaining(keys)) else { panic!("no answer") };
    let Told::Remaining(remaining) = *told else { panic!("another answer") };
    remaining
}

fn count(bench: &Bench, client: ClientId, asked: &[u128]) -> u64 {
    remaining(bench, client, asked).functions.iter().map(|(_, count)| count).sum()
}

#[test]
fn what_is_left_below_a_task_is_what_is_neither_there_nor_failed() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let tasks = vec![task(0, &[]), task(1, &[]), task(2, &[0, 1]), task(3, &[2, 0]), task(4, &[])];
    let mut actions = bench.submit(c, tasks, &[3, 4]);
    assert_eq!(count(&bench, c, &[3]), 3, "each once");
    assert_eq!(count(&bench, c, &[2, 3]), 2, "what was asked for does not count");
    assert_eq!(
        (count(&bench, c, &[4]), count(&bench, c, &[77])),
        (0, 0),
        "nothing is below it, and nothing is known of it"
    );
    let mut left = Vec::new();
    for _ in 0..5 {
        actions = bench.finish(w, run(&actions).1, 8);
        left.push(count(&bench, c, &[3]));
    }
    assert!(left.is_sorted_by(|more, less| more >= less) && left[0] < 3 && left[4] == 0, "{left:?}");
}

#[test]
fn a_failed_input_is_not_waited_for() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let actions = bench.submit(c, vec![task(0, &[]), task(1, &[0]), task(2, &[1])], &[2]);
    assert_eq!(count(&bench, c, &[2]), 2);
    bench.fail(w, run(&actions).1);
    assert_eq!(count(&bench, c, &[2]), 0);
}

#[test]
fn so_many_are_counted_and_no_more() {
    let mut bench = Bench::new();
    let c = bench.client();
    let most = Remaining::MAX_COUNTED as u128;
    let link = |number: u128| task(number, &number.checked_sub(1).into_iter().collect::<Vec<_>>());
    for first in (0..=most).step_by(1_000) {
        let numbers: Vec<u128> = (first..first + 1_000).take_while(|number| *number <= most).collect();
        bench.submit(c, numbers.iter().map(|number| link(*number)).collect(), &numbers[numbers.len() - 1..]);
    }
    let all = remaining(&bench, c, &[most]);
    assert!(all.complete);
    assert_eq!(all.functions.iter().map(|(_, count)| u128::from(*count)).sum::<u128>(), most);
    bench.submit(c, vec![link(most + 1)], &[most + 1]);
    let some = remaining(&bench, c, &[most + 1]);
    assert!(!some.complete);
    assert_eq!(some.functions.iter().map(|(_, count)| u128::from(*count)).sum::<u128>(), most);
    let keys: Vec<Key> = vec![key(0); TaskFilter::MAX_KEYS + 1];
    assert!(matches!(bench.machine.tell(c, &Query::Remaining(keys)), Answer::Refused(_)));
}

#[test]
fn functions_are_told_from_the_end_down() {
    let mut bench = Bench::new();
    let c = bench.client();
    let call =
        |of: u128, number: u128, inputs: &[u128]| SubmittedTask { function: function(of).id, ..task(number, inputs) };
    bench.submit(c, vec![call(1, 0, &[]), call(1, 1, &[]), call(2, 2, &[0, 1]), call(3, 3, &[2])], &[3]);
    assert_eq!(remaining(&bench, c, &[3]).functions, [("f2".into(), 1), ("f1".into(), 2)]);
}
