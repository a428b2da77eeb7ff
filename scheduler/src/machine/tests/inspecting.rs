//! What is told of tasks and workers to who asks.

use std::time::Duration;

use brisk_core::{
    error::ErrorKind,
    function::{FunctionId, FunctionInfo},
    id::{ClientId, EnvironmentId, RunId, WorkerId},
    message::{Answer, CallSpec, ClientToScheduler, Query, SubmittedTask, TaskFilter, TaskList, Told},
    state::TaskState,
};

use super::bench::*;

/// Worker a holds a value of eight bytes, 1; b runs 2, a call of function 1; 3 has failed; 4 waits for 2 and 1.
fn world() -> (Bench, ClientId, [WorkerId; 2], RunId) {
    let mut bench = Bench::new();
    let (a, b, c) = (bench.worker_on("a", 1, 0), bench.worker_on("b", 1, 0), bench.client());
    let on = |host: &str, task| with(task, |options| options.workers = vec![host.into()]);
    let first = run(&bench.submit(c, vec![on("a", task(1, &[]))], &[1])).1;
    bench.finish(a, first, 8);
    let failing = run(&bench.submit(c, vec![on("a", task(3, &[]))], &[3])).1;
    bench.fail(a, failing);
    let second = on("b", SubmittedTask { function: function(1).id, ..task(2, &[]) });
    let (worker, second) = run(&bench.submit(c, vec![second, task(4, &[1, 2])], &[4]));
    assert_eq!(worker, b);
    bench.start(b, second);
    (bench, c, [a, b], second.1)
}

fn told(bench: &Bench, client: ClientId, query: &Query) -> Result<Told, String> {
    match bench.machine.tell(client, query) {
        Answer::Told(told) => Ok(*told),
        Answer::Refused(error) => {
            assert_eq!(error.kind(), ErrorKind::Refused);
            Err(error.to_string())
        }
        other => panic!("{other:?}"),
    }
}

fn list(bench: &Bench, client: ClientId, change: impl FnOnce(&mut TaskFilter)) -> TaskList {
    let mut filter = TaskFilter { limit: 100, ..TaskFilter::default() };
    change(&mut filter);
    let Ok(Told::Tasks(list)) = told(bench, client, &Query::Tasks(filter)) else { panic!("no list") };
    list
}

#[test]
fn tasks_are_listed_by_key_state_function_and_worker_up_to_a_number() {
    let (bench, c, _, _) = world();
    let numbers = |change: &dyn Fn(&mut TaskFilter)| {
        let mut numbers: Vec<_> =
            list(&bench, c, change).tasks.iter().map(|status| status.task.key.as_u128() >> 96).collect();
        numbers.sort_unstable();
        numbers
    };
    assert_eq!(numbers(&|_| {}), [1, 2, 3, 4]);
    assert_eq!(numbers(&|filter| filter.keys = vec![key(3), key(77)]), [3]);
    assert_eq!(numbers(&|filter| filter.state = Some(TaskState::Waiting)), [4]);
    assert_eq!(numbers(&|filter| filter.function = Some("f1".into())), [2]);
    assert_eq!(numbers(&|filter| filter.worker = Some("a".into())), [1]);
    assert_eq!(numbers(&|filter| filter.worker = Some("b".into())), [2]);
    let both = |filter: &mut TaskFilter| {
        (filter.worker, filter.state) = (Some("a".into()), Some(TaskState::Processing));
    };
    assert_eq!(numbers(&both), [0; 0]);
    assert_eq!(
        numbers(&|filter| (filter.function, filter.state) = (Some("f1".into()), Some(TaskState::Erred))),
        [0; 0]
    );
    assert_eq!(numbers(&|filter| (filter.function, filter.worker) = (Some("f1".into()), Some("a".into()))), [0; 0]);
    let two = list(&bench, c, |filter| filter.limit = 2);
    assert_eq!((two.tasks.len(), two.more), (2, 2));
    let keys =
        |count: u128| Query::Tasks(TaskFilter { keys: (100..100 + count).map(key).collect(), ..TaskFilter::default() });
    let most = TaskFilter::MAX_KEYS as u128;
    assert_eq!(told(&bench, c, &keys(most)), Ok(Told::Tasks(TaskList::default())));
    assert!(told(&bench, c, &keys(most + 1)).unwrap_err().contains("no more than"));
}

#[test]
fn of_a_task_it_is_told_where_it_is_how_long_and_why_it_failed() {
    let (bench, c, [_, b], run) = world();
    let status = |number| list(&bench, c, |filter| filter.keys = vec![key(number)]).tasks.remove(0);
    let (there, running, failed, waiting) = (status(1), status(2), status(3), status(4));
    assert_eq!((there.nbytes, &*there.workers, &there.error), (Some(8), &["a".into()][..], &None));
    assert_eq!((running.nbytes, &*running.workers, &running.error), (None, &["b".into()][..], &None));
    assert!(failed.error.is_some_and(|error| error.contains("no good")) && failed.workers.is_empty());
    assert_eq!((waiting.nbytes, waiting.workers.len()), (None, 0));
    assert_eq!(bench.machine.current_run(key(2)), Some((b, run)));
    assert_eq!((bench.machine.current_run(key(1)), bench.machine.worker_name(b)), (None, Some("b".into())));
    assert!(bench.machine.task_error(key(3)).is_some() && bench.machine.task_error(key(1)).is_none());
    let detail = bench.machine.task_detail(key(4), 8).unwrap();
    let inputs: Vec<_> = detail.inputs.iter().map(|(name, state)| (name.key, *state)).collect();
    assert_eq!(inputs, [(key(1), TaskState::Memory), (key(2), TaskState::Processing)]);
}

#[test]
fn functions_and_workers_are_told_with_what_they_have() {
    let (bench, c, [_, b], _) = world();
    let Ok(Told::Info(info)) = told(&bench, c, &Query::Info) else { panic!("no answer") };
    let inc = info.functions.iter().find(|function| &*function.name == "inc").unwrap();
    assert_eq!((inc.nbytes, info.nbytes, info.functions.len()), (8, 8, 2));
    assert_eq!(inc.tasks, [(TaskState::Waiting, 1), (TaskState::Memory, 1), (TaskState::Erred, 1)]);
    assert_eq!(info.tasks.iter().map(|(_, count)| count).sum::<u64>(), 4);
    let overview = bench.machine.overview(10, true);
    assert_eq!(
        (overview.tasks.total(), overview.workers.map(|workers| workers.len()), overview.clients),
        (4, Some(2), 1)
    );
    let detail = bench.machine.worker_detail(b, 8).unwrap();
    assert_eq!((detail.running.len(), detail.holds.len()), (1, 0));
    let sample = bench.machine.graph_sample(3, true);
    assert_eq!((sample.tasks.len(), sample.more), (3, 1));
    assert_eq!(bench.machine.graph_sample(1, true).more, 3);
    assert!(sample.tasks.iter().all(|task| task.name.is_some()));
    assert!(bench.machine.graph_sample(4, false).tasks.iter().any(|task| task.inputs.len() == 2));
}

#[test]
fn a_call_is_told_to_who_can_make_it() {
    let (mut bench, c, _, _) = world();
    let Ok(Told::Call(CallSpec { task, inputs, .. })) = told(&bench, c, &Query::Call(key(4))) else {
        panic!("no call")
    };
    assert_eq!((task.key, inputs.iter().map(|name| name.key).collect::<Vec<_>>()), (key(4), vec![key(1), key(2)]));
    let stranger = bench.client_of(EnvironmentId(77));
    assert!(told(&bench, stranger, &Query::Call(key(4))).unwrap_err().contains("another build"));
    assert!(told(&bench, c, &Query::Call(key(9))).unwrap_err().contains("there is no task"));
}

#[test]
fn who_keeps_no_records_has_no_story_to_tell() {
    let (bench, c, _, _) = world();
    assert_eq!(told(&bench, c, &Query::Story(key(1))), Ok(Told::Story(vec![])));
    assert_eq!(told(&bench, c, &Query::Metadata(key(1))), Ok(Told::Metadata(vec![])));
    assert!(told(&bench, c, &Query::Dump(None)).unwrap_err().contains("keeps no dumps"));
    let runs = Query::Runs { within: Duration::ZERO, since: Duration::ZERO, limit: 8 };
    assert!(matches!(told(&bench, c, &runs), Ok(Told::Runs(runs)) if runs == Default::default()));
}

/// Words of two thirds of a kilobyte and more for each task: a megabyte is through after some hundreds.
#[test]
fn tasks_are_told_until_their_words_take_a_megabyte() {
    const LONGEST: usize = 512;
    let mut bench = Bench::new();
    bench.worker_with(1_000, &"w".repeat(LONGEST), &[]);
    let c = bench.client();
    let info = FunctionInfo { name: "f".repeat(LONGEST).into(), ..function(8) };
    let info = FunctionInfo { id: FunctionId::from_u128(80), ..info };
    bench.say(c, ClientToScheduler::Functions(vec![info.clone()]));
    let named = |number: u128, length: usize, task: SubmittedTask| {
        let name = format!("{number:0length$}");
        with(task, |options| (options.name, options.fingerprint) = (Some(name.into()), Some(key(number))))
    };
    // All but one say 1536 bytes, and the last of those that fill the megabyte to the byte says 1024.
    let full = (1 << 20) / (3 * LONGEST) as u128;
    let tasks = (1..=700u128).map(|number| match number == full + 1 {
        true => named(number, LONGEST - "inc".len(), task(number, &[])),
        false => named(number, LONGEST, SubmittedTask { function: info.id, ..task(number, &[]) }),
    });
    let sent = bench.submit(c, tasks.collect(), &(1..=700).collect::<Vec<_>>());
    assert_eq!(runs(&sent).len(), 700);
    let told = list(&bench, c, |filter| filter.limit = 1_000);
    assert_eq!(
        (told.tasks.len(), told.more),
        (full as usize + 2, 700 - full as u64 - 2),
        "the one that exceeds it too"
    );
}
