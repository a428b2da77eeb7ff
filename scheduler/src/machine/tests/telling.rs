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

#[test]
fn a_task_is_described_with_its_neighbours_and_what_went_wrong() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let retried = with(task(1, &[]), |options| options.retries = 1);
    let users: Vec<_> = (2..=26).collect();
    let tasks = [retried].into_iter().chain(users.iter().map(|&number| task(number, &[1]))).collect();
    let first = run(&bench.submit(c, tasks, &users)).1;
    let text = |bench: &Bench, number| bench.machine.describe_task(key(number)).unwrap();
    assert!(!text(&bench, 1).contains("failures"), "{}", text(&bench, 1));
    let again = run(&bench.fail(w, first)).1;
    bench.start(w, again);
    bench.kill(w);
    let (first, second) = (text(&bench, 1), text(&bench, 2));
    assert!(first.contains(&format!("key          {:032x}", key(1).as_u128())), "{first}");
    assert!(first.contains("needed by    inc-00000002 (waiting)") && first.contains(" and 5 more"), "{first}");
    assert!(!first.contains("depends on") && !first.contains("wanted by"), "{first}");
    assert!(first.contains("failures     1") && !first.contains("losses"), "{first}");
    assert!(first.contains(&format!("death        of test://{w} during run")), "{first}");
    assert!(second.contains("depends on   inc-00000001 (") && second.contains("wanted by    c\n"), "{second}");
    assert!(!second.contains("needed by") && !second.contains(" more"), "{second}");
    assert!(!second.contains("death"), "{second}");
    assert_eq!(bench.machine.describe_task(key(77)), None);
    for number in 30..51 {
        let other = bench.client();
        bench.submit(other, vec![], &[2]);
        let twenty = text(&bench, 2).contains(" and ");
        assert_eq!(twenty, number >= 49, "twenty clients are named");
    }
}

#[test]
fn the_story_of_a_task_says_what_became_of_it_and_is_of_no_other() {
    let mut bench = Bench::new();
    let (w, c) = (bench.worker(1), bench.client());
    let first = run(&bench.submit(c, vec![task(1, &[])], &[1])).1;
    bench.start(w, first);
    bench.finish(w, first, 8);
    bench.now = bench.now + std::time::Duration::from_secs(3);
    bench.kill(w);
    let (other, actions) = bench.worker_with(1, "", &[]);
    bench.start(other, run(&actions).1);
    bench.kill(other);
    let lines = |number| {
        let lines = bench.records.iter().filter_map(|record| bench.machine.story_line(record, key(number), bench.now));
        lines.map(|line| (line.ago.as_secs(), line.what.to_string())).collect::<Vec<_>>()
    };
    let told = lines(1);
    for (ago, words) in [
        (3, format!("from Waiting to Processing, run {} on {w} (gone)", first.1)),
        (3, format!("run {} has started on {w} (gone)", first.1)),
        (3, format!("{w} (gone) holds the value; holders now: 1")),
        (0, format!("{w} (gone) holds the value no more; holders now: 0")),
        (0, "the last copy was lost: it is computed again".to_owned()),
        (0, format!("{other} (gone) died during run {}; deaths so far: 1", run(&actions).1.1)),
    ] {
        assert!(told.contains(&(ago, words.clone())), "{words}: {told:#?}");
    }
    assert_eq!(lines(2), []);
}
