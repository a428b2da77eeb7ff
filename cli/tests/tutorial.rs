//! The chapters of the tutorial, run in process and over QUIC: what docs/tutorial.md shows of each is what it says.

use programs::on_both_transports;

mod programs;

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
