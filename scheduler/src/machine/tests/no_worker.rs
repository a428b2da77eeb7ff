//! Tasks that no worker may run, and the programs that supervisors start for them.

use std::time::Duration;

use brisk_core::{
    error::ErrorKind,
    id::{ClientId, Incarnation, SupervisorId},
    message::{KeyNews, ProgramSpec, SchedulerToClient, SchedulerToSupervisor, SupervisorToScheduler},
    options::Quantity,
};

use super::bench::*;
use crate::machine::{Action, Event};

fn notice(actions: &[Action]) -> (ClientId, String) {
    let [Action::ToClient { client, message: SchedulerToClient::Notice { tasks, message } }] = actions else {
        panic!("{actions:?}");
    };
    (*client, format!("{tasks:?}: {message}"))
}

const NOTICE: Duration = Duration::from_secs(5);

#[test]
fn clients_hear_once_what_is_missing_and_the_task_fails_in_the_end() {
    let mut bench = Bench::new();
    let (a, b) = (bench.client(), bench.client());
    bench.submit(a, vec![task(1, &[]), task(2, &[1])], &[2]);
    assert_eq!(bench.machine.next_deadline(), Some(bench.now + NOTICE));
    let actions = bench.wait(NOTICE);
    let (client, text) = notice(&actions);
    assert_eq!(client, a);
    assert!(text.starts_with("[inc-00000001]: no worker is connected") && text.contains("`brisk worker`"), "{text}");
    // Another client hears it too, the first not again.
    bench.submit(b, vec![task(1, &[])], &[1]);
    assert_eq!(notice(&bench.wait(NOTICE)).0, b);
    let actions = bench.wait(Duration::from_secs(300));
    let told = news(&actions);
    assert_eq!(told.len(), 2);
    let KeyNews::Erred(error) = told[0].2 else { panic!("{told:?}") };
    assert_eq!(error.kind(), ErrorKind::NoWorker);
    assert!(error.to_string().contains("no worker could run it for 300 s"), "{error}");
    assert_eq!(bench.machine.next_deadline(), None);
}

#[test]
fn who_asks_later_for_what_the_workers_that_are_there_lack_hears_it_too() {
    let mut bench = Bench::new();
    let (a, b) = (bench.client(), bench.client());
    bench.worker(1);
    let gpu = || with(task(1, &[]), |options| options.resources = vec![("gpu".into(), Quantity::from_f64(1.0))]);
    bench.submit(a, vec![gpu()], &[1]);
    assert_eq!(notice(&bench.wait(NOTICE)).0, a);
    bench.submit(b, vec![gpu()], &[1]);
    assert_eq!(notice(&bench.wait(NOTICE)).0, b);
}

#[test]
fn each_reason_has_its_words() {
    let words = |change: &dyn Fn(&mut brisk_core::options::TaskOptions)| {
        let mut bench = Bench::new();
        let c = bench.client();
        bench.worker_with(1, "alice", &[("gpu", 1.0)]);
        bench.submit(c, vec![with(task(1, &[]), change)], &[1]);
        notice(&bench.wait(NOTICE)).1
    };
    let text = words(&|options| options.workers = vec!["bob".into()]);
    assert!(text.contains("none of the 1 workers has the name, address or host bob"), "{text}");
    let text = words(&|options| options.resources = vec![("gpu".into(), Quantity::from_f64(2.0))]);
    assert!(text.contains("none of the 1 workers declares 2 gpu"), "{text}");
    let mut bench = Bench::new();
    bench.worker(1);
    let c = bench.client_of(brisk_core::id::EnvironmentId(77));
    bench.submit(c, vec![task(1, &[])], &[1]);
    let text = notice(&bench.wait(NOTICE)).1;
    assert!(text.contains("none of the 1 connected workers runs this program"), "{text}");
}

#[test]
fn who_waits_hears_why_no_worker_was_started() {
    let mut bench = Bench::new();
    let c = bench.client();
    for (number, why) in [(1, "not there"), (2, "no memory"), (3, "no room"), (4, "no rights")] {
        let supervisor = SupervisorId(Incarnation(50 + number));
        let host = format!("box{number}").into();
        bench.event(Event::SupervisorJoined { supervisor, host, workers: 1 });
        bench.advise(supervisor, SupervisorToScheduler::CannotStart { environment: HERE, reason: why.into() });
    }
    bench.submit(c, vec![task(1, &[])], &[1]);
    let text = notice(&bench.wait(NOTICE)).1;
    let told = "no worker is connected (box1: not there; box2: no memory; box3: no room): start some";
    assert!(text.contains(told), "{text}");
}

#[test]
fn a_worker_in_time_takes_them_in_the_order_of_their_priorities() {
    let mut bench = Bench::new();
    let c = bench.client();
    let high = with(task(3, &[]), |options| options.priority = 5);
    bench.submit(c, vec![task(1, &[]), task(2, &[]), high], &[1, 2, 3]);
    let (_, actions) = bench.worker_with(2, "", &[]);
    let numbers: Vec<_> = runs(&actions).into_iter().map(|(_, (number, _))| number).collect();
    assert_eq!(numbers, [3, 1]);
    assert_eq!(bench.machine.next_deadline(), None);
}

#[test]
fn supervisors_start_programs_that_have_clients_and_stop_them_after_a_grace() {
    let mut bench = Bench::new();
    let (s, _) = bench.supervisor();
    let spec = ProgramSpec { environment: HERE, path: "/bin/x".into() };
    let client = |number| ClientId(Incarnation(number));
    let join = |number| Event::ClientJoined {
        client: client(number),
        name: "c".into(),
        environment: HERE,
        program: Some(ProgramSpec { environment: HERE, path: "/bin/x".into() }),
    };
    let leave = |number| Event::ClientLeft { client: client(number), reason: "bye".into() };
    let start = SchedulerToSupervisor::Start(spec);
    assert_eq!(bench.event(join(100)), [to_supervisor(s, start.clone())]);
    let (late, actions) = bench.supervisor();
    assert_eq!(actions, [to_supervisor(late, start)]);
    let actions = bench.advise(s, SupervisorToScheduler::CannotStart { environment: HERE, reason: "not there".into() });
    assert!(notice(&actions).1.contains("on box: not there"), "{actions:?}");
    bench.event(leave(100));
    assert_eq!(bench.wait(Duration::from_secs(9)), []);
    assert_eq!(bench.event(join(101)), [], "back in time");
    assert_eq!(bench.wait(Duration::from_secs(9)), []);
    bench.event(leave(101));
    let stop = SchedulerToSupervisor::Stop(HERE);
    let actions = bench.wait(Duration::from_secs(10));
    assert_eq!(actions, [to_supervisor(s, stop.clone()), to_supervisor(late, stop)]);
}

#[test]
fn three_of_the_tasks_that_nobody_may_run_are_named() {
    let mut bench = Bench::new();
    let c = bench.client();
    bench.submit(c, (1..=5).map(|number| task(number, &[])).collect(), &[1, 2, 3, 4, 5]);
    let text = notice(&bench.wait(NOTICE)).1;
    assert!(text.starts_with("[inc-00000001, inc-00000002, inc-00000003]: "), "{text}");
}

#[test]
fn who_asks_for_what_can_run_is_told_nothing() {
    let mut bench = Bench::new();
    let (a, b) = (bench.client(), bench.client());
    bench.worker(1);
    let gpu = with(task(1, &[]), |options| options.resources = vec![("gpu".into(), Quantity(1))]);
    bench.submit(a, vec![gpu], &[1]);
    assert_eq!(notice(&bench.wait(NOTICE)).0, a);
    bench.submit(b, vec![task(2, &[])], &[2]);
    assert_eq!(bench.wait(NOTICE), []);
}
