//! The examples, run as a newcomer runs them: in process, and against `brisk local` over QUIC.

use std::{path::Path, process::Command};

use programs::{example, on_both_transports, run, text};

mod programs;

#[test]
fn futures() {
    for stdout in on_both_transports("futures", &[]) {
        let lines: Vec<&str> = stdout.lines().collect();
        assert!(lines[0].starts_with("<Future slowly-") && lines[0].ends_with(" i64 pending>"), "{stdout}");
        assert!(lines[1].starts_with("<Future slowly-") && lines[1].ends_with(" i64 finished>"), "{stdout}");
        assert!(stdout.contains("inc(1) + dec(2) = 3\n"), "{stdout}");
        assert!(stdout.contains("gathered 1000 values\n"), "{stdout}");
        assert!(stdout.contains("their total, and ten each: 510500\n"), "{stdout}");
    }
}

#[test]
fn queues() {
    for stdout in on_both_transports("queues", &[]) {
        assert_eq!(stdout, "the consumers took 100 squares\n100 squares, sum 328350\n");
    }
}

#[test]
fn delayed() {
    for stdout in on_both_transports("delayed", &[]) {
        assert!(stdout.contains("submitted as a graph:  3283.5\n"), "{stdout}");
        assert!(stdout.contains("submitted call by call: 3283.5\n"), "{stdout}");
        assert!(stdout.contains("one key: true\n"), "{stdout}");
    }
}

#[test]
fn actors() {
    let [alone, local] = on_both_transports("actors", &[]);
    assert!(alone.contains("refused: nobody can be 1000000 steps from home after 1000\n"), "{alone}");
    let rest = |stdout: &str| stdout.split_once('\n').map(|(_, rest)| rest.to_owned());
    assert_eq!(rest(&alone), rest(&local), "the same on both transports");
    assert!(alone.contains("200 walkers: 3"), "the root of a thousand, roughly: {alone}");
}

#[test]
fn stream_map() {
    for stdout in on_both_transports("stream_map", &[]) {
        assert!(stdout.contains("10024 primes in 105 stretches of 1000 numbers; the largest is 104999\n"), "{stdout}");
        assert!(stdout.contains("in one call: 10024 primes, the last Some(104999)\n"), "{stdout}");
    }
}

#[test]
fn debugging() {
    for stdout in on_both_transports("debugging", &[]) {
        let lines: Vec<&str> = stdout.lines().collect();
        assert!(lines[0].starts_with("ratio-") && lines[0].ends_with(": attempt to divide by zero"), "{stdout}");
        assert!(lines[1].contains("called with (25, 0)") && lines[1].contains("needed by sum-"), "{stdout}");
        assert!(lines[1].contains("debugging.rs:") && lines[1].contains("on worker "), "{stdout}");
        assert!(stdout.contains("\nfailed: ratio-"), "{stdout}");
        assert!(stdout.contains("run here it panics as well: true\n"), "{stdout}");
        assert!(stdout.contains("BRISK_CASE") && stdout.contains("read again: "), "{stdout}");
        assert!(stdout.contains("the others: 1 and 5\n"), "{stdout}");
    }
}

#[test]
fn recursion() {
    // It has a cluster of its own.
    let output = run(Command::new(example("recursion")));
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "10449 nodes, the greatest is 15004\n");
}

#[test]
fn rosenbrock() {
    for stdout in on_both_transports("rosenbrock", &[]) {
        let best = stdout.lines().last().expect("it prints its best");
        let score: f64 = best.rsplit(' ').next().and_then(|score| score.parse().ok()).expect("a score");
        assert!(score < 1.0, "the search has found no good point: {best}");
        assert!(stdout.contains("new best after"), "{stdout}");
        assert!(stdout.contains('*') && stdout.contains('o'), "the points are drawn: {stdout}");
    }
}

#[test]
fn flights() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../client/tests/data/flights");
    let [alone, local] = on_both_transports("flights", &["--data", data.to_str().expect("text")]);
    let table =
        |stdout: &str| stdout.lines().take_while(|line| !line.starts_with("files read")).map(String::from).collect();
    let (alone, local): (Vec<String>, Vec<String>) = (table(&alone), table(&local));
    assert!(alone.iter().any(|line| line.starts_with("UA")), "{alone:?}");
    assert_eq!(alone, local, "both transports print the same table");
}

#[test]
fn flights_counts_bad_rows_and_goes_on() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../client/tests/data/flights-bad-rows");
    for stdout in on_both_transports("flights", &["--data", data.to_str().expect("text")]) {
        assert!(stdout.contains("3 rows are no flights and were left out; the first: "), "{stdout}");
        assert!(stdout.contains("made-by-hand.csv, line 4: `soon` is no delay"), "{stdout}");
        let all = stdout.lines().find(|line| line.starts_with("all")).expect("a total");
        assert_eq!(all.split_whitespace().collect::<Vec<_>>(), ["all", "3", "1", "-1.50", "min"]);
    }
}

#[test]
fn flights_without_data_says_what_to_do() {
    let mut command = Command::new(example("flights"));
    command.args(["--data", "/nowhere"]);
    let output = run(command);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("cargo xtask data flights"), "{}", text(&output.stderr));
}

#[test]
fn a_local_cluster_prints_the_link_of_its_page() {
    for (at, is_served) in [("127.0.0.1:0", true), ("off", false)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_brisk"));
        command.args(["local", "--workers", "1", "--dashboard", at, "--", "sh", "-c", "exit 0"]);
        let output = run(command);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let said = text(&output.stderr);
        let token = said.split("dashboard: http://127.0.0.1:").nth(1).and_then(|rest| rest.split_once("/#"));
        let is_token = |rest: &str| rest.lines().next().is_some_and(|token| token.len() == 64);
        assert_eq!(token.is_some_and(|(_, rest)| is_token(rest)), is_served, "{said}");
    }
}

#[test]
fn a_command_that_fails_is_told_by_its_exit_code() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brisk"));
    command.args(["local", "--workers", "1", "--", "sh", "-c", "exit 7"]);
    assert_eq!(run(command).status.code(), Some(7));
    let mut command = Command::new(env!("CARGO_BIN_EXE_brisk"));
    command.args(["local", "--workers", "1", "--", "/nowhere/program"]);
    let output = run(command);
    assert!(text(&output.stderr).contains("`/nowhere/program` can't be started"), "{}", text(&output.stderr));
}

/// In a terminal or not: what runs unattended is watched as well.
#[test]
fn a_program_prints_the_link_of_its_page_unless_it_is_to_have_none() {
    let example = example("delayed");
    let shown = run(Command::new(&example));
    let told = text(&shown.stderr);
    assert!(shown.status.success(), "{told}");
    assert_eq!(told.matches("brisk: dashboard: http://127.0.0.1:").count(), 1, "{told}");
    assert!(!text(&shown.stdout).contains("dashboard"), "what a program prints is its own");

    let mut refused = Command::new(&example);
    refused.env("BRISK_DASHBOARD", "off");
    let refused = run(refused);
    let told = text(&refused.stderr);
    assert!(refused.status.success() && !told.contains("dashboard"), "{told}");
}
