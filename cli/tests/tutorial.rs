//! The chapters of the tutorial, run in process and over QUIC: what docs/tutorial.md shows of each is what it says.

use std::{
    fs::{self, File},
    io::Write,
    path::PathBuf,
    process::Command,
};

use flate2::{Compression, write::GzEncoder};
use programs::{example, on_both_transports, run, text};

mod programs;

/// A directory for one test's files, which goes with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("brisk-tutorial-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory for temporary files");
        Scratch(directory)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a path in UTF-8").to_owned()
    }

    fn file(&self, name: &str) -> File {
        File::create(self.path(name)).expect("a file in a directory of one's own")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What can't be removed stays where temporary files are.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn futures() {
    for stdout in on_both_transports("01_futures", &[]) {
        let lines: Vec<&str> = stdout.lines().collect();
        assert!(lines[1].starts_with("<Future slow_inc-") && lines[1].ends_with(" i64 pending>"), "{stdout}");
        assert!(stdout.contains(" i64 finished>: 2\n"), "{stdout}");
        assert!(
            stdout.contains("[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]\n"),
            "{stdout}"
        );
        assert!(stdout.contains("101 + 201 = 302\n"), "{stdout}");
        let bytes = |line: &str| -> u64 {
            let line = lines.iter().find(|found| found.starts_with(line)).unwrap_or_else(|| panic!("{stdout}"));
            line.split_whitespace().find_map(|word| word.parse().ok()).expect("a number of bytes")
        };
        let one = bytes("one table:");
        assert!((4_000_000..4_001_000).contains(&one), "{stdout}");
        // Eight bytes of slack: other numbers take other lengths.
        assert!(bytes("another in its place:").abs_diff(one) <= 8, "the first one is gone: {stdout}");
        assert_eq!(bytes("all handles dropped:"), 0, "{stdout}");
    }
}

#[test]
fn delayed_and_submit() {
    for stdout in on_both_transports("02_delayed_and_submit", &[]) {
        assert!(stdout.contains("<Delayed sum u64>\n"), "{stdout}");
        assert_eq!(stdout.matches("1457 steps").count(), 3, "in this thread, delayed and submitted: {stdout}");
        assert!(stdout.contains("at most 112 steps\n"), "{stdout}");
        assert!(stdout.contains("760 steps, at most 115\n"), "{stdout}");
    }
}

#[test]
fn accounts() {
    let scratch = Scratch::new("accounts");
    // Alice is in each file twice, with amounts that are known.
    for file in 0..3 {
        let mut lines = GzEncoder::new(scratch.file(&format!("accounts.{file}.json.gz")), Compression::fast());
        for (id, name) in ["Alice", "Bob", "Bob", "Alice", "Bob", "Dan"].into_iter().enumerate() {
            let transactions = format!(r#"[{{"transaction-id":1,"amount":{id}}},{{"transaction-id":2,"amount":-10}}]"#);
            writeln!(lines, r#"{{"id":{id},"name":"{name}","transactions":{transactions}}}"#).unwrap();
        }
        lines.finish().unwrap();
    }
    for stdout in on_both_transports("03_accounts", &[&scratch.path("*.json.gz")]) {
        assert!(stdout.starts_with("3 files\n"), "{stdout}");
        assert!(stdout.contains("\nAlice has 2 transactions\nBob has 2 transactions\nBob has 2"), "{stdout}");
        assert!(stdout.contains("\n18 accounts\n"), "{stdout}");
        assert!(stdout.contains("\n6 records, 12 transactions, in sum -51\n"), "{stdout}");
        assert!(stdout.ends_with("\nBob: 9\nAlice: 6\nDan: 3\n"), "{stdout}");
    }
}

#[test]
fn persist() {
    let scratch = Scratch::new("persist");
    let path = scratch.path("random.npy");
    let mut write = Command::new(example("write_random"));
    write.args([path.as_str(), "1200", "100"]);
    let output = run(write);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for stdout in on_both_transports("04_persist", &[&path]) {
        let array = "<Array f64 (1200, 100), 3 blocks of (500, 100), 960.0 kB>";
        assert!(stdout.contains(array), "{stdout}");
        let sums: Vec<&str> =
            stdout.lines().filter_map(|line| line.strip_prefix("the sum is ")?.split(':').next()).collect();
        assert!(sums.len() == 4 && sums.iter().all(|sum| *sum == sums[0]), "{stdout}");
        let sum: f64 = sums[0].parse().expect("a number");
        assert!((55_000.0..65_000.0).contains(&sum), "numbers between 0 and 1: {stdout}");
        let bytes = |what: &str| -> u64 {
            let line = stdout.lines().find_map(|line| line.strip_prefix(what)).unwrap_or_else(|| panic!("{stdout}"));
            line.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a number of bytes")
        };
        assert_eq!(bytes("before:"), 0, "{stdout}");
        assert!((960_000..965_000).contains(&bytes("persisted:")), "{stdout}");
        assert_eq!(bytes("released:"), 0, "{stdout}");
    }
}

#[test]
fn search() {
    for stdout in on_both_transports("05_search", &[]) {
        let heights: Vec<f64> = stdout
            .lines()
            .filter(|line| line.starts_with("after "))
            .map(|line| line.rsplit(' ').next().and_then(|height| height.parse().ok()).expect("a height"))
            .collect();
        assert!(heights.len() > 3 && heights.is_sorted_by(|a, b| a > b), "each is lower than the one before: {stdout}");
        assert_eq!(stdout.lines().filter(|line| line.len() == 64).count(), 20, "the drawing: {stdout}");
        assert_eq!(stdout.matches('*').count(), 1, "the best one is in it: {stdout}");
        assert!(*heights.last().expect("there is one") < 0.5, "{stdout}");
        assert!(stdout.lines().last().is_some_and(|line| line.starts_with("best of ")), "{stdout}");
    }
}

#[test]
fn debugging() {
    for stdout in on_both_transports("06_debugging", &[]) {
        let report: Vec<&str> = stdout.lines().skip(1).take(2).collect();
        assert!(report[0].starts_with("inverse-") && report[0].ends_with(": attempt to divide by zero"), "{stdout}");
        assert!(report[1].contains("06_debugging.rs:13") && report[1].contains("called with (0)"), "{stdout}");
        assert_eq!(report[1].matches("for add-").count(), 2, "the way from the culprit to the sum: {stdout}");
        assert!(stdout.contains(": Erred: attempt to divide by zero\n"), "{stdout}");
        assert!(
            stdout.contains("<Case inverse-") && stdout.contains("(0)>\nrun here it panics too: true\n"),
            "{stdout}"
        );
        assert!(stdout.contains("read again: <Case inverse-"), "{stdout}");
        assert!(stdout.ends_with("it panics here too: true\n"), "{stdout}");
    }
}
