//! A dump is looked into; with the real command.

use std::process::{Command, Output};

use brisk_core::{
    function::{FunctionId, FunctionInfo},
    id::{ClientId, EnvironmentId, Epoch, Incarnation, RequestId, WantId, WorkerId},
    key::Key,
    message::{ClientToScheduler, SubmittedTask},
    payload::Payload,
    time::Moment,
};
use brisk_scheduler::{
    dump,
    machine::{Config, Event, Scheduler},
};
use brisk_worker::machine::Worker;
use common::{BRISK, Directory};

mod common;

const EPOCH: Epoch = Epoch(7);

/// A client wants a task for which there is no worker.
fn machine() -> Scheduler {
    let client = ClientId(Incarnation(1));
    let mut machine = Scheduler::new(Config::default(), EPOCH);
    let name = "notebook".into();
    let mut event = |event| machine.handle(Moment::from_nanos(1_000), event);
    event(Event::ClientJoined { client, name, environment: EnvironmentId(5), program: None });
    let function = FunctionInfo {
        id: FunctionId::from_u128(1),
        name: "inc".into(),
        module: "tests".into(),
        place: "inspect.rs:1".into(),
        is_async: false,
    };
    let task = SubmittedTask {
        key: Key::from_u128(0xab << 96),
        function: function.id,
        spec: Payload::from_bytes(vec![0; 12]),
        dependencies: Default::default(),
        options: None,
    };
    let wants = vec![(task.key, WantId(1))];
    let tasks = vec![task];
    for message in [
        ClientToScheduler::Functions(vec![function]),
        ClientToScheduler::Submit { submission: RequestId(1), chunk: 0, last: true, tasks, wants },
    ] {
        event(Event::FromClient { client, epoch: EPOCH, message });
    }
    machine
}

fn inspect(arguments: &[&str]) -> Output {
    Command::new(BRISK).arg("inspect").args(arguments).output().unwrap()
}

fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_dump_is_looked_into() {
    let directory = Directory::new("inspect");
    let file = directory.file("state");
    let records = std::iter::empty();
    let mut written = std::fs::File::create(&file).unwrap();
    dump::write(&machine(), records, ("ada", Moment::from_nanos(2_000_000)), &mut written).unwrap();
    let worker = Worker::new(brisk_worker::machine::Config::new(1, 0), WorkerId(Incarnation(9)), EPOCH);
    brisk_worker::dump::write_names(["bob", "eve"], &mut written).unwrap();
    brisk_worker::dump::write(&worker, "bob", &mut written).unwrap();
    brisk_worker::dump::write_absent("eve", "it was lost", &mut written).unwrap();

    let (overview, _) = said(&inspect(&[&file]));
    let workers = ["bob has 0 tasks", "its invariants hold", "eve could not be asked: it was lost"];
    let of_scheduler =
        ["scheduler `ada`", "1 tasks", "inc", "inspect.rs:1", "notebook", "wants 1", "the scheduler's invariants hold"];
    for told in of_scheduler.into_iter().chain(workers) {
        assert!(overview.contains(told), "{told}: {overview}");
    }
    let (list, _) = said(&inspect(&[&file, "--state", "noworker"]));
    assert!(list.starts_with("inc-000000ab: NoWorker") && list.lines().count() == 1, "{list}");
    assert_eq!(said(&inspect(&[&file, "--state", "erred"])).0.trim(), "");
    let (story, _) = said(&inspect(&[&file, "--story", "inc-000000ab"]));
    assert!(story.contains("12 bytes, attempt 0") && story.contains("wanted by    notebook"), "{story}");

    let unknown = inspect(&[&file, "--story", "dec-00000000"]);
    assert!(!unknown.status.success() && said(&unknown).1.contains("there is no task `dec-00000000`"));
    assert!(!inspect(&[&file, "--state", "happy"]).status.success());
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() - 5]).unwrap();
    let cut = inspect(&[&file]);
    assert!(!cut.status.success() && said(&cut).1.contains("the dump is cut off"), "{cut:?}");
    let (_, nothing) = said(&inspect(&[&directory.file("nothing")]));
    assert!(nothing.contains("can't read"), "{nothing}");
}
