//! Recordings: a life is written down, and lived again.

use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use brisk_core::{
    error::{ErrorKind, Failure},
    function::{FunctionId, FunctionInfo},
    hello::WorkerInfo,
    id::{ClientId, EnvironmentId, Epoch, Incarnation, RequestId, WantId, WorkerId},
    key::Key,
    message::{ClientToScheduler, SchedulerToWorker, SubmittedTask, WorkerToScheduler},
    payload::Payload,
    time::Moment,
};
use brisk_scheduler::{
    machine::{Action, Config, Event, Scheduler},
    recording::{Checks, Header, Recording, RecordingError, ReplayError, Story, TaskQuery, Writer, verify},
};

const EPOCH: Epoch = Epoch(7);
const CLIENT: ClientId = ClientId(Incarnation(1));

/// A file that goes with its test.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str) -> Self {
        TempFile(std::env::temp_dir().join(format!("brisk-recording-{}-{name}", std::process::id())))
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A machine whose life is written down.
struct Life {
    machine: Scheduler,
    writer: Writer,
    bytes: Vec<u8>,
    now: Moment,
}

impl Life {
    fn begin() -> Self {
        let header = Header::new("test", EPOCH, Config::default());
        let (writer, bytes) = Writer::new(&header).unwrap();
        Life { machine: Scheduler::new(header.config, EPOCH), writer, bytes, now: Moment::ORIGIN }
    }

    fn event(&mut self, event: Event) -> Vec<Action> {
        self.now = self.now + Duration::from_millis(1);
        self.writer.event(&mut self.bytes, self.now, &event).unwrap();
        self.machine.handle(self.now, event);
        let actions: Vec<_> = std::iter::from_fn(|| self.machine.poll_action()).collect();
        actions.iter().for_each(|action| self.writer.action(action));
        actions
    }

    fn say(&mut self, message: ClientToScheduler) -> Vec<Action> {
        self.event(Event::FromClient { client: CLIENT, epoch: EPOCH, message })
    }

    fn worker(&mut self, number: u64) {
        let worker = WorkerId(Incarnation(number));
        let info = WorkerInfo {
            address: format!("test://{worker}").parse().unwrap(),
            host: "host".into(),
            threads: 1,
            memory_limit: 0,
            speed_percent: 100,
            resources: vec![],
        };
        self.event(Event::WorkerJoined { worker, name: "box-0".into(), environment: EnvironmentId(5), info });
    }

    /// A client submits `inc`, and `boom` that needs it; a worker makes the first and fails at the second.
    fn eventful() -> Self {
        let mut life = Life::begin();
        life.event(Event::ClientJoined {
            client: CLIENT,
            name: "notebook".into(),
            environment: EnvironmentId(5),
            program: None,
        });
        let functions = ["inc", "boom"].iter().zip(1..).map(|(name, id)| FunctionInfo {
            id: FunctionId::from_u128(id),
            name: (*name).into(),
            module: "test".into(),
            place: "src/main.rs:1".into(),
            is_async: false,
        });
        life.say(ClientToScheduler::Functions(functions.collect()));
        life.worker(2);
        let task = |number: u128, dependencies: &[u128]| SubmittedTask {
            key: key(number),
            function: FunctionId::from_u128(number),
            spec: Payload::from_bytes(vec![1, 2, 3]),
            dependencies: dependencies.iter().map(|number| key(*number)).collect(),
            options: None,
        };
        let actions = life.say(ClientToScheduler::Submit {
            submission: RequestId(1),
            chunk: 0,
            last: true,
            tasks: vec![task(1, &[]), task(2, &[1])],
            wants: vec![(key(2), WantId(1))],
        });
        let mut answers: VecDeque<_> = actions.iter().filter_map(answer).collect();
        for _ in 0..16 {
            let Some((worker, message)) = answers.pop_front() else { break };
            let actions = life.event(Event::FromWorker { worker, epoch: EPOCH, message });
            answers.extend(actions.iter().filter_map(answer));
        }
        life.event(Event::WorkerLeft { worker: WorkerId(Incarnation(2)), cause: "signal 9".into(), intended: false });
        life
    }

    fn ended(mut self) -> Vec<u8> {
        self.writer.end(&mut self.bytes).unwrap();
        self.bytes
    }
}

fn key(number: u128) -> Key {
    Key::from_u128(number << 96 | 0xabcd)
}

/// What the worker says to an assignment.
fn answer(action: &Action) -> Option<(WorkerId, WorkerToScheduler)> {
    let Action::ToWorker { worker, message: SchedulerToWorker::Run(assignment) } = action else { return None };
    let (key, run, took) = (assignment.task.key, assignment.run, Duration::from_micros(5));
    let message = match &*assignment.task.name {
        "inc" => WorkerToScheduler::Finished { key, run, nbytes: 8, took, value: None },
        _ => {
            let failure = Box::new(Failure::new(ErrorKind::Panicked, "nothing but noise"));
            WorkerToScheduler::Failed { key, run, failure, took }
        }
    };
    Some((*worker, message))
}

fn replayed(path: &Path) -> Result<(u64, String), ReplayError> {
    let mut story = Story::new(TaskQuery::new("boom-00000002"));
    let summary = verify(path, Checks::Every, |event, step| story.tell(event, step))?;
    Ok((summary.events, story.to_string()))
}

#[test]
fn a_recorded_life_is_lived_again_action_by_action() {
    let file = TempFile::new("again");
    let life = Life::eventful();
    let state = life.machine.describe();
    fs::write(&file.0, life.ended()).unwrap();
    let mut recording = Recording::open(&file.0).unwrap();
    let mut replay = brisk_scheduler::recording::Replay::new(recording.header());
    let mut events = 0;
    while let Some(entry) = recording.next_entry().unwrap() {
        replay.step(entry).unwrap();
        events += 1;
    }
    replay.finish(&recording, events).unwrap();
    assert!(!recording.is_cut());
    // The bytes of calls are not recorded, and the machine never looks at them.
    assert_eq!(replay.machine().describe().replace(", absent", ""), state);
    let summary = verify(&file.0, Checks::Enough, |_, _| {}).unwrap();
    assert_eq!((summary.events, summary.snapshot.workers.len(), summary.is_cut), (events, 0, false));
}

#[test]
fn a_tasks_story_says_who_did_what() {
    let file = TempFile::new("story");
    fs::write(&file.0, Life::eventful().ended()).unwrap();
    let (_, story) = replayed(&file.0).unwrap();
    for part in [
        "client notebook (c1) submits it in submission q1, with 1 inputs, and wants its value",
        "released → waiting",
        "worker box-0 (w2) is to run boom-00000002: run r2, attempt 1",
        "failed in run r2 after 5µs: nothing but noise",
        "processing → erred",
        "client notebook (c1) is told: it failed",
    ] {
        assert!(story.contains(part), "{part:?} is not in\n{story}");
    }
    assert!(!story.contains("run r1,"), "the other task's run is in\n{story}");
}

#[test]
fn what_was_cut_off_is_the_last_moment_only() {
    let file = TempFile::new("cut");
    let bytes = Life::eventful().bytes;
    let whole = {
        fs::write(&file.0, &bytes).unwrap();
        replayed(&file.0).unwrap().0
    };
    fs::write(&file.0, &bytes[..bytes.len() - 3]).unwrap();
    let summary = verify(&file.0, Checks::Every, |_, _| {}).unwrap();
    assert!(summary.is_cut);
    assert_eq!(summary.events, whole - 1);
}

#[test]
fn another_order_of_events_is_not_the_recorded_life() {
    // A worker that joins a moment earlier gets the tasks at once: the same events, other actions.
    let file = TempFile::new("diverged");
    let mut life = Life::begin();
    life.worker(2);
    let honest = life.bytes.clone();
    life.writer.action(&Action::CloseWorker { worker: WorkerId(Incarnation(2)), reason: "never said".into() });
    life.event(Event::Tick);
    fs::write(&file.0, &life.bytes).unwrap();
    let error = replayed(&file.0).unwrap_err();
    assert!(matches!(error, ReplayError::Diverged { number: 2 }), "{error}");
    fs::write(&file.0, honest).unwrap();
    replayed(&file.0).unwrap();
}

#[test]
fn a_file_that_is_no_recording_is_refused_by_name() {
    let file = TempFile::new("strange");
    let missing = verify(Path::new("/nowhere/at.all"), Checks::None, |_, _| {}).unwrap_err().to_string();
    assert!(missing.contains("/nowhere/at.all"), "{missing}");
    fs::write(&file.0, "hello").unwrap();
    let error = Recording::open(&file.0).unwrap_err();
    assert!(matches!(error, RecordingError::NotARecording { .. }), "{error}");

    let header = Header { version: "0.0.0".into(), ..Header::new("old", EPOCH, Config::default()) };
    fs::write(&file.0, Writer::new(&header).unwrap().1).unwrap();
    let error = Recording::open(&file.0).unwrap_err();
    assert!(matches!(error, RecordingError::OtherVersion { .. }) && error.to_string().contains("0.0.0"), "{error}");
}

#[test]
fn any_changed_byte_is_noticed() {
    let file = TempFile::new("damaged");
    let bytes = Life::eventful().ended();
    // Every byte of the file would take a while; these are all kinds: mark, lengths, bodies, checksums.
    for at in (0..bytes.len()).step_by(7) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x55;
        fs::write(&file.0, changed).unwrap();
        match verify(&file.0, Checks::None, |_, _| {}) {
            // A length that reaches beyond the end is a cut.
            Ok(summary) => assert!(summary.is_cut, "byte {at}"),
            Err(ReplayError::Recording(_)) => {}
            Err(other) => panic!("byte {at}: {other}"),
        }
    }
}
