//! Dumps: what is written is read, and what is wrong with a file is said.

use std::path::Path;

use brisk_core::{state::TaskState, time::Moment};
use brisk_scheduler::{
    dump::{self, Dump, DumpError},
    machine::{FunctionIndex, Record, Scheduler, What},
};

use crate::world::{self, World, key};

impl World {
    /// What is written down and read again is the same machine: it looks the same, is written down the same, is sound, and goes
    /// on in the place of the other.
    pub(crate) fn reload(&mut self) {
        let written = plainly(&self.machine);
        let read = Dump::read(&written).unwrap().machine;
        let without_bodies = |machine: &Scheduler| machine.describe().replace(", absent", "");
        let (before, after) = (without_bodies(&self.machine), without_bodies(&read));
        assert!(before == after, "{}", world::difference(&before, &after));
        assert!(plainly(&read) == written, "the dump of what was read from a dump is another");
        read.check_invariants().unwrap();
        self.machine = read;
    }
}

fn plainly(machine: &Scheduler) -> Vec<u8> {
    let mut written = Vec::new();
    dump::write(machine, [], ("test", Moment::ORIGIN), &mut written).unwrap();
    written
}

/// Two workers, one of which runs a task that others wait for.
fn busy() -> World {
    let mut world = World::new();
    let client = world.join_client(0);
    world.join_worker(0, 1, 0);
    world.submit(client, &[0, 1, 2, 3], &[3], 1);
    world
}

/// With a record.
fn dumped(world: &World) -> String {
    let what = What::Recompute { key: key(0, 1), function: FunctionIndex(0) };
    let record = Record { at: Moment::from_nanos(5), what };
    let mut written = Vec::new();
    dump::write(&world.machine, [&record], ("ada", Moment::from_nanos(7)), &mut written).unwrap();
    String::from_utf8(written).unwrap()
}

#[test]
fn it_says_whose_it_is_and_has_a_line_for_each_task() {
    let world = busy();
    let text = dumped(&world);
    assert!(text.starts_with(r#"{"brisk_dump":1,"version":""#), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    let tasks = lines.iter().filter(|line| line.starts_with(r#"{"task":{"at":"#)).count();
    assert_eq!(tasks, world.machine.task_count());
    let first = format!(r#""key":"{:032x}""#, key(0, 1).as_u128());
    assert!(lines.iter().any(|line| line.contains(&first)), "keys are as people see them");
    let dump = Dump::read(text.as_bytes()).unwrap();
    assert_eq!((dump.header.scheduler.as_str(), dump.header.at, dump.records.len()), ("ada", Moment::from_nanos(7), 1));
    assert_eq!(dump.machine.snapshot(), world.machine.snapshot());
    assert!(dump.machine.snapshot().count(TaskState::Processing) > 0);
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    let text = dumped(&busy());
    let error = |text: &str| Dump::read(text.as_bytes()).unwrap_err();
    for nothing in ["", "\n", "{}\n", "brisk\0r\n", "[1]\n"] {
        assert!(matches!(error(nothing), DumpError::NoDump), "{nothing:?}");
    }
    let later = error(&text.replacen("\"brisk_dump\":1", "\"brisk_dump\":2", 1));
    assert!(matches!(later, DumpError::OtherFormat { format: 2, .. }), "{later}");
    // Wherever it is cut, it is known to be cut.
    for (cut, _) in text.match_indices('\n') {
        for cut in [cut, cut + 1].into_iter().filter(|cut| *cut < text.len()) {
            let error = error(&text[..cut]);
            assert!(matches!(error, DumpError::Cut(_) | DumpError::NoDump), "{cut}: {error}");
        }
    }
    // Whatever digit is changed, it is known to be damaged.
    for (place, digit) in text.match_indices(|c: char| c.is_ascii_digit()).step_by(7).skip(3) {
        let mut changed = text.clone();
        changed.replace_range(place..=place, if digit == "1" { "2" } else { "1" });
        let outcome = Dump::read(changed.as_bytes());
        assert!(outcome.is_err(), "{place}: {}", &text[place.saturating_sub(30)..place + 5]);
    }
    let missing = Dump::open(Path::new("/nowhere/at/all")).unwrap_err();
    assert!(missing.to_string().starts_with("can't read /nowhere/at/all: "), "{missing}");
}
