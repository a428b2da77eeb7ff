//! Scheduler, supervisor and program as separate commands, as on several hosts; and how they end.

use std::{
    fs,
    io::BufReader,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use common::{BRISK, Directory, Running, are_gone, eventually, example};

mod common;

/// A directory of flights of which one file is a pipe that nobody writes to: the example runs until it is ended.
fn endless_flights(directory: &Directory) -> Vec<String> {
    assert!(Command::new("mkfifo").arg(directory.file("2013-01.csv")).status().unwrap().success());
    vec![example("flights").to_str().unwrap().to_owned(), "--data".to_owned(), directory.file("")]
}

#[test]
fn a_program_runs_on_the_workers_of_a_supervisor() {
    let directory = Directory::new("hosts");
    let credentials = directory.file("cluster.brisk");
    assert!(Command::new(BRISK).args(["credentials", "create", &credentials]).status().unwrap().success());
    let mut scheduler =
        Running::start(Command::new(BRISK).args(["scheduler", "--credentials", &credentials, "--port", "0"]));
    let address = scheduler.line("scheduler at ");
    let arguments =
        ["worker", &address, "--credentials", &credentials, "--workers", "2", "--threads", "1", "--speed", "0.5"];
    let mut supervisor = Running::start(Command::new(BRISK).args(arguments));
    supervisor.line("supervisor of 2 workers");

    let program = |name: &str| {
        let mut command = Command::new(example(name));
        command.env("BRISK_SCHEDULER", &address).env("BRISK_CREDENTIALS", &credentials).output().unwrap()
    };
    // Two programs of different builds, one after the other, on workers of their own.
    for (name, expected) in [("futures", "inc(1) + dec(2) = 3"), ("delayed", "one key: true")] {
        let output = program(name);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && text.contains(expected),
            "{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    let workers = supervisor.children();
    assert!(workers.len() >= 2, "the workers stay for a while, for the next program");
    supervisor.signal("-TERM");
    supervisor.ends();
    are_gone(&workers);
    scheduler.signal("-TERM");
    scheduler.ends();
}

#[test]
fn without_a_supervisor_the_program_is_told_why_it_waits() {
    let directory = Directory::new("alone");
    let credentials = directory.file("cluster.brisk");
    assert!(Command::new(BRISK).args(["credentials", "create", &credentials]).status().unwrap().success());
    let arguments = ["scheduler", "--credentials", &credentials, "--port", "0", "--no-worker-timeout", "6"];
    let mut scheduler = Running::start(Command::new(BRISK).args(arguments));
    let address = scheduler.line("scheduler at ");
    let mut command = Command::new(example("delayed"));
    let output = command.env("BRISK_SCHEDULER", &address).env("BRISK_CREDENTIALS", &credentials).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{text}");
    assert!(text.lines().any(|line| line.starts_with("brisk: ") && line.contains("worker")), "the notice: {text}");
    assert!(text.contains("Error:") && text.contains("worker"), "the error, after its time: {text}");
}

#[test]
fn a_program_that_was_rebuilt_since_it_was_started_is_told_so() {
    let directory = Directory::new("rebuilt");
    let credentials = directory.file("cluster.brisk");
    assert!(Command::new(BRISK).args(["credentials", "create", &credentials]).status().unwrap().success());
    let arguments = ["scheduler", "--credentials", &credentials, "--port", "0", "--no-worker-timeout", "5"];
    let mut scheduler = Running::start(Command::new(BRISK).args(arguments));
    let address = scheduler.line("scheduler at ");

    let (program, rebuilt) = (directory.file("program"), directory.file("rebuilt"));
    fs::copy(example("delayed"), &program).unwrap();
    fs::copy(example("futures"), &rebuilt).unwrap();
    let mut command = Command::new(&program);
    command.env("BRISK_SCHEDULER", &address).env("BRISK_CREDENTIALS", &credentials);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    fs::rename(&rebuilt, &program).unwrap();
    // No sooner, or it would have opened the program as it was, and run that.
    let arguments = ["worker", &address, "--credentials", &credentials, "--workers", "1"];
    let mut supervisor = Running::start(Command::new(BRISK).args(arguments));
    supervisor.line("supervisor of 1 workers");
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("is another build here"), "{text}");
}

#[test]
fn credentials_of_another_cluster_are_refused_at_once() {
    let directory = Directory::new("strangers");
    let (ours, theirs) = (directory.file("ours.brisk"), directory.file("theirs.brisk"));
    for file in [&ours, &theirs] {
        assert!(Command::new(BRISK).args(["credentials", "create", file]).status().unwrap().success());
    }
    let mut scheduler = Running::start(Command::new(BRISK).args(["scheduler", "--credentials", &ours, "--port", "0"]));
    let address = scheduler.line("scheduler at ");
    let start = Instant::now();
    let mut command = Command::new(example("futures"));
    let output = command.env("BRISK_SCHEDULER", &address).env("BRISK_CREDENTIALS", &theirs).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && text.contains("credentials"), "{text}");
    assert!(start.elapsed() < Duration::from_secs(3), "a stranger is refused, not kept waiting");
    // A file that others may read is refused too, and so is none at all.
    assert!(Command::new("chmod").args(["644", &ours]).status().unwrap().success());
    let output = command.env("BRISK_CREDENTIALS", &ours).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("chmod 600"), "{output:?}");
    let output = command.env_remove("BRISK_CREDENTIALS").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("BRISK_CREDENTIALS"), "{output:?}");
}

#[test]
fn ctrl_c_leaves_no_process_behind() {
    let directory = Directory::new("interrupt");
    let mut local =
        Running::start(Command::new(BRISK).args(["local", "--workers", "2", "--"]).args(endless_flights(&directory)));
    // The program, and its two workers.
    eventually("program and workers run", || local.children().len() == 3);
    let processes = local.children();
    local.signal("-INT");
    local.ends();
    are_gone(&processes);
}

#[test]
fn workers_end_with_whoever_started_them_however_it_ends() {
    let directory = Directory::new("killed");
    let mut command = Command::new(BRISK);
    command.args(["local", "--workers", "2", "--"]).args(endless_flights(&directory));
    // The program gives its scheduler up soon.
    let mut local = Running::start(command.env("BRISK_RECONNECT", "1"));
    eventually("program and workers run", || local.children().len() == 3);
    let processes = local.children();
    local.signal("-KILL");
    local.ends();
    // The workers' input is closed; the program loses its scheduler, and its wait ends.
    are_gone(&processes);
}

#[test]
fn what_a_scheduler_recorded_is_replayed_and_tells_of_a_task() {
    let directory = Directory::new("replay");
    let (credentials, recording) = (directory.file("cluster.brisk"), directory.file("scheduler.log"));
    assert!(Command::new(BRISK).args(["credentials", "create", &credentials]).status().unwrap().success());
    let scheduler = |recording: &str| {
        let arguments = ["scheduler", "--credentials", &credentials, "--port", "0", "--record", recording];
        Command::new(BRISK).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    };
    let mut child = scheduler(&recording).unwrap();
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let mut running = Running { child, output };
    let address = running.line("scheduler at ");
    let arguments = ["worker", &address, "--credentials", &credentials, "--workers", "1"];
    let mut supervisor = Running::start(Command::new(BRISK).args(arguments));
    supervisor.line("supervisor of 1 worker");
    let mut program = Command::new(example("futures"));
    let output = program.env("BRISK_SCHEDULER", &address).env("BRISK_CREDENTIALS", &credentials).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let again = scheduler(&recording).unwrap().wait_with_output().unwrap();
    let refused = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(!again.status.success() && refused.contains("can't be begun"), "{refused}");

    supervisor.signal("-TERM");
    supervisor.ends();
    running.signal("-TERM");
    running.ends();
    let replay = |arguments: &[&str]| {
        let output = Command::new(BRISK).arg("replay").arg(&recording).args(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    };
    let (good, text) = replay(&["--actions"]);
    assert!(good && text.contains("every one as recorded") && text.contains("runs finished"), "{text}");
    // The story of the first task that was sent to a worker.
    let name = text.split_once("task: inc-").map(|(_, rest)| format!("inc-{}", &rest[..8])).expect(&text);
    let (good, story) = replay(&["--story", &name]);
    assert!(good && story.contains("is to run inc-") && story.contains("processing → memory"), "{story}");
    let (good, text) = replay(&["--story", "dec-00000000"]);
    assert!(!good && text.contains("tells of no task `dec-00000000`"), "{text}");
}
