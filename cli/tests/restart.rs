//! The scheduler dies, comes back, stays away, or is only slow; with real processes.

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use common::{BRISK, Directory, Running, are_gone, eventually, example};

mod common;

/// A scheduler, a supervisor of two workers, and a program that has said how far it is.
struct Site {
    directory: Directory,
    credentials: String,
    address: String,
    scheduler: Running,
    supervisor: Running,
    program: Running,
}

impl Site {
    /// The program has values on the workers, and waits for tasks there.
    fn start(name: &str, reconnect: &str) -> Self {
        Self::with_program(name, reconnect, "persistent", "waiting")
    }

    fn with_program(name: &str, reconnect: &str, program: &str, ready: &str) -> Self {
        let directory = Directory::new(name);
        let credentials = directory.file("cluster.brisk");
        assert!(Command::new(BRISK).args(["credentials", "create", &credentials]).status().unwrap().success());
        let mut scheduler = scheduler(&credentials, "0");
        let address = scheduler.line("scheduler at ");
        let arguments = ["worker", &address, "--credentials", &credentials, "--workers", "2", "--threads", "1"];
        let mut supervisor = Running::start(Command::new(BRISK).args(arguments).args(["--reconnect", reconnect]));
        supervisor.line("supervisor of 2 workers");
        let mut command = Command::new(example(program));
        command.arg(directory.file("")).env("BRISK_SCHEDULER", &address).env("BRISK_CREDENTIALS", &credentials);
        command.stderr(fs::File::create(directory.file("notices")).unwrap());
        let mut program = Running::start(command.env("BRISK_RECONNECT", reconnect));
        program.line(ready);
        Site { directory, credentials, address, scheduler, supervisor, program }
    }

    fn scheduler_is_killed_and_started_again(&mut self) {
        self.scheduler.signal("-KILL");
        self.scheduler.ends();
        self.scheduler_again();
    }

    fn scheduler_again(&mut self) {
        let port = self.address.rsplit(':').next().unwrap().to_owned();
        self.scheduler = scheduler(&self.credentials, &port);
        assert_eq!(self.scheduler.line("scheduler at "), self.address);
    }

    fn let_go(&self) {
        fs::write(self.directory.file("go"), "").unwrap();
    }

    /// How often each task ran: those that make values, and those that wait.
    fn runs(&self) -> (Vec<usize>, Vec<usize>) {
        let count = |kind: &str, n: usize| self.noted(&format!("{kind}-{n}"));
        ((0..20).map(|n| count("made", n)).collect(), (0..4).map(|n| count("gated", n)).collect())
    }

    /// How often a task wrote down that it ran.
    fn noted(&self, what: &str) -> usize {
        fs::read(self.directory.file(what)).map_or(0, |noted| noted.len())
    }

    fn ends_well(&mut self) {
        self.program_ends_well();
        self.workers_end();
    }

    fn program_ends_well(&mut self) {
        self.program.line("all right");
        self.program.ends();
    }

    fn workers_end(&mut self) {
        self.supervisor.signal("-TERM");
        self.supervisor.ends();
    }
}

fn scheduler(credentials: &str, port: &str) -> Running {
    Running::start(Command::new(BRISK).args(["scheduler", "--credentials", credentials, "--port", port]))
}

#[test]
fn a_scheduler_that_is_killed_and_started_again_costs_only_what_was_running() {
    let mut site = Site::start("restart", "60");
    let workers = site.supervisor.children();
    site.scheduler_is_killed_and_started_again();
    let notices = site.directory.file("notices");
    eventually("the program is back", || {
        fs::read_to_string(&notices).unwrap().contains("24 results are asked for again")
    });
    let told = fs::read_to_string(&notices).unwrap();
    assert!(told.contains("was started again"), "the new scheduler says so, nobody waits for the silence: {told}");
    // What runs is abandoned, and begins anew under the next scheduler once it leaves its thread.
    site.let_go();
    site.ends_well();
    let (made, gated) = site.runs();
    assert_eq!(made, [1; 20], "finished values are not made again");
    let again = gated.iter().filter(|count| **count == 2).count();
    assert!(gated.iter().all(|count| (1..=2).contains(count)) && again <= 2, "{gated:?}");
    assert_eq!(workers.len(), 2);
    are_gone(&workers);
}

#[test]
fn what_a_new_scheduler_can_not_be_told_fails_by_name_and_can_be_made_again() {
    let mut site = Site::with_program("soft-state", "60", "soft_state", "names: ");
    site.program.line("waiting");
    site.scheduler_is_killed_and_started_again();
    let mut told = |what: &str| site.program.line(&format!("{what}: "));

    // Whether it was started is not known any more, so it is not started.
    let error = told("once and running");
    assert!(error.starts_with("SchedulerLost gated-") && error.contains("may be started once only"), "{error}");
    let scattered = told("needs the scattered value");
    assert!(scattered.starts_with("DataLost Vec<u64>-") && scattered.contains("needed by gated-"), "{scattered}");
    let error = told("scattered");
    assert!(error.starts_with("DataLost Vec<u64>-") && error.contains("scatter it again"), "{error}");
    let error = told("once and finished");
    assert!(error.starts_with("SchedulerLost made-") && error.contains("may be started once only"), "{error}");
    assert_eq!(told("ordinary"), "a value");
    let error = told("actor");
    assert!(error.starts_with("ActorLost Counter-") && error.contains("Start a new one"), "{error}");
    let error = told("published");
    assert!(
        error.starts_with("Refused ") && error.contains("nothing is published under the name `numbers`"),
        "{error}"
    );

    site.program_ends_well();
    // Before the workers end: what is published is made again by those that are left, as long as there are any.
    let runs = ["ordinary", "once", "once-running"].map(|what| site.noted(what));
    assert_eq!(runs, [1; 3], "what was finished is not made again, and what starts once is not started again");
    site.workers_end();
}

#[test]
fn a_scheduler_that_is_killed_while_it_is_given_a_hundred_thousand_tasks_loses_none() {
    let mut site = Site::with_program("many", "60", "many", "submitting");
    site.scheduler_is_killed_and_started_again();
    site.ends_well();
    let told = fs::read_to_string(site.directory.file("notices")).unwrap();
    assert!(told.contains("is lost") && told.contains("is back"), "it was killed before all had ended: {told}");
}

#[test]
fn without_a_scheduler_everybody_gives_up_in_time() {
    let mut site = Site::start("given-up", "2");
    let mut workers = site.supervisor.children();
    workers.push(site.supervisor.child.id());
    site.scheduler.signal("-KILL");
    site.scheduler.ends();
    let start = Instant::now();
    assert_eq!(site.program.line("failed: "), "SchedulerLost");
    assert!(start.elapsed() < Duration::from_secs(15), "the silence, and the time for calling again: {start:?}");
    site.program.ends();
    site.supervisor.ends();
    workers.pop();
    are_gone(&workers);
}

#[test]
fn a_program_that_stands_still_for_long_comes_back_as_another_client() {
    let mut site = Site::start("frozen", "60");
    let before = site.runs();
    site.program.signal("-STOP");
    // Standing still is what is tested: longer than the silence that ends a connection, and the time for which a lost client's
    // wants are kept.
    std::thread::sleep(Duration::from_secs(16));
    site.let_go();
    site.program.signal("-CONT");
    site.ends_well();
    let told = fs::read_to_string(site.directory.file("notices")).unwrap();
    assert!(told.contains("is lost") && told.contains("24 results are asked for again"), "{told}");
    let (made, _) = site.runs();
    // What nobody wanted for so long was dropped, and is made again for who wants it again.
    assert!(made.iter().all(|count| (1..=2).contains(count)), "{before:?} {made:?}");
}

#[test]
fn a_scheduler_that_stands_still_for_a_while_costs_nothing() {
    let mut site = Site::start("slow", "60");
    site.scheduler.signal("-STOP");
    // Standing still is what is tested: longer than a sign of life may take, shorter than the silence that ends a connection.
    std::thread::sleep(Duration::from_secs(3));
    site.scheduler.signal("-CONT");
    site.let_go();
    site.ends_well();
    let (made, gated) = site.runs();
    assert_eq!((made, gated), (vec![1; 20], vec![1; 4]));
}
