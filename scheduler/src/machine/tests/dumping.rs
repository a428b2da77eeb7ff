//! What is written down of a machine in the middle of everything, and read again.

use std::time::Duration;

use brisk_core::{message::WorkerToScheduler, time::Moment};

use super::{
    bench::*,
    stealing::{behind, one_question},
};
use crate::{
    dump::{self, Dump},
    machine::{Config, Scheduler},
};

fn written(machine: &Scheduler) -> String {
    let mut text = Vec::new();
    dump::write(machine, [], ("test", Moment::ORIGIN), &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// The machine is the same after it was written down and read, and goes on as the other does.
fn is_read_as_it_was(bench: &mut Bench) {
    let text = written(&bench.machine);
    let read = Dump::read(text.as_bytes()).unwrap().machine;
    read.check_invariants().unwrap();
    assert_eq!(read.next_deadline(), bench.machine.next_deadline());
    for (line, again) in text.lines().zip(written(&read).lines()) {
        assert_eq!(line, again);
    }
    let before = std::mem::replace(&mut bench.machine, read);
    let now = bench.now;
    let goes_on = bench.wait(Duration::from_secs(1));
    bench.machine = before;
    bench.now = now;
    assert_eq!(bench.wait(Duration::from_secs(1)), goes_on);
}

#[test]
fn a_machine_that_watches_its_workers_and_has_asked_one() {
    let (mut bench, w, _, _) = behind(95);
    bench.worker(1);
    let asked = one_question(&bench.wait(Duration::from_millis(5)));
    assert_eq!(asked.0, w);
    is_read_as_it_was(&mut bench);
}

#[test]
fn a_machine_that_waits_for_full_workers() {
    let mut bench = Bench::with(Config { send_ahead: true, ..Config::default() });
    let (w, c) = (bench.worker_on("a", 1, 1_000), bench.client());
    bench.make(c, 1, 900);
    bench.report(w, WorkerToScheduler::Paused(true));
    bench.submit(c, vec![task(2, &[]), task(3, &[2])], &[3]);
    is_read_as_it_was(&mut bench);
}
