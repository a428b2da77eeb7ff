//! The scheduler dies, comes back, stays away, or is only slow; with real processes.

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use common::{BRISK, Directory, Running, are_gone, eventually, example};

mod common;

/// A scheduler, a supervisor of two workers, and a program that has values on the workers and waits for tasks there.
struct Site {
    directory: Directory,
    credentials: String,
    address: String,
    scheduler: Running,
    supervisor: Running,
    program: Running,
}

impl Site {
    fn start(name: &str, reconnect: &str) -> Self {
        let directory = Directory::new(name);
        let credentials = directory.file("cluster.brisk");
        assert!(Command::new(BRISK).args(["credentials", "create", &credentials]).status().unwrap().success());
        let mut scheduler = scheduler(&credentials, "0");
        let address = scheduler.line("scheduler at ");
        let arguments = ["worker", &address, "--credentials", &credentials, "--workers", "2", "--threads", "1"];
        let mut supervisor = Running::start(Command::new(BRISK).args(arguments).args(["--reconnect", reconnect]));
        supervisor.line("supervisor of 2 workers");
        let mut command = Command::new(example("persistent"));
        command.arg(directory.file("")).env("BRISK_SCHEDULER", &address).env("BRISK_CREDENTIALS", &credentials);
        command.stderr(fs::File::create(directory.file("notices")).unwrap());
        let mut program = Running::start(command.env("BRISK_RECONNECT", reconnect));
        program.line("waiting");
        Site { directory, credentials, address, scheduler, supervisor, program }
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
        let count = |name: String| fs::read(self.directory.file(&name)).map_or(0, |noted| noted.len());
        ((0..20).map(|n| count(format!("made-{n}"))).collect(), (0..4).map(|n| count(format!("gated-{n}"))).collect())
    }

    fn ends_well(&mut self) {
        self.program.line("all right");
        self.program.ends();
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
    site.scheduler.signal("-KILL");
    site.scheduler.ends();
    site.scheduler_again();
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
    // Longer than the silence that ends a connection, and the time for which a lost client's wants are kept.
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
