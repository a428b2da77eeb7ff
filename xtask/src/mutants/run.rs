//! Runs tests with a mutant, within limits.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::build::Binary;
use crate::process::output;

/// A mutant that runs so many times as long as the code does is one that does not end. Measured in time of the processor,
/// so that it is the same on a busy machine.
const TIMES: u32 = 10;
const LEAST: Duration = Duration::from_secs(3);

/// So many tests are run before the others: those that come by the fewest mutants, and so are most likely about this one.
const FIRST: usize = 6;

/// Where nothing is computed, and still nothing comes to an end.
const ASLEEP: Duration = Duration::from_secs(120);

/// A mutant may well fill a queue for ever. In kilobytes, of address space.
const MEMORY: u64 = 4_000_000;

/// Seeds that the simulator runs, and the first of them.
const SEEDS: u64 = 300;
const FROM: u64 = 1_000;

/// Tests that are run together, and what they come by.
pub(super) struct Suite {
    pub(super) binary: Binary,
    /// For each mutant, the tests that come by it, those first that come by few. A program that has no tests has no names.
    reached: BTreeMap<u32, Vec<String>>,
    limit: Duration,
}

/// What came of a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A test of this suite failed.
    Caught(String),
    /// A test of this suite did not end.
    Endless(String),
    /// All tests passed.
    Missed,
    /// No test comes by it.
    Unreached,
}

impl Suite {
    /// Runs all tests without a mutant, to see what they come by and how long they take.
    ///
    /// # Errors
    /// If one fails: then nothing can be learned from one that fails with a mutant.
    pub(super) fn new(binary: Binary, notes: &Path) -> Result<Self> {
        if notes.exists() {
            fs::remove_file(notes)?;
        }
        let mut suite = Suite { binary, reached: BTreeMap::new(), limit: Duration::from_secs(600) };
        // Each test has a thread of its own, unless there is only one for all.
        let noted = suite.run(&[], 2, ("MUTANTS_REACHED", notes.display().to_string()), suite.limit)?;
        let plain = output(&mut suite.command(&[], 1, ("MUTANT", "0".into()), suite.limit, TIMED));
        let (true, Ok(plain)) = (noted.success(), plain) else {
            bail!("`{}` of {} fails without any mutant", suite.binary.name, suite.binary.package);
        };
        let took = seconds(&plain).context("the shell did not say how long the tests took")?;
        suite.limit = LEAST.max(Duration::from_secs_f64(took) * TIMES);
        suite.note(&fs::read_to_string(notes).unwrap_or_default())?;
        Ok(suite)
    }

    /// Takes down who comes by what, from lines of a thread's name and a mutant's number.
    fn note(&mut self, notes: &str) -> Result<()> {
        let mut reach: BTreeMap<&str, usize> = BTreeMap::new();
        let mut reached: BTreeMap<u32, BTreeSet<&str>> = BTreeMap::new();
        for line in notes.lines() {
            let (thread, number) = line.split_once('\t').with_context(|| format!("`{line}` is no note"))?;
            *reach.entry(thread).or_default() += 1;
            reached.entry(number.parse()?).or_default().insert(thread);
        }
        for (number, threads) in reached {
            let mut tests: Vec<&str> = threads.into_iter().filter(|_| self.binary.is_test).collect();
            tests.sort_by_key(|test| reach[test]);
            self.reached.insert(number, tests.into_iter().map(str::to_owned).collect());
        }
        Ok(())
    }

    /// How many mutants it comes by.
    pub(super) fn reach(&self) -> usize {
        self.reached.len()
    }

    /// What the tests that come by it make of a mutant; nothing if none does.
    fn try_mutant(&self, number: u32) -> Result<Option<Outcome>> {
        let Some(tests) = self.reached.get(&number) else { return Ok(None) };
        let (first, rest) = tests.split_at(if tests.len() > FIRST { FIRST } else { 0 });
        let parts = [(first, LEAST), (rest, self.limit)];
        // A few tests may not take as long as all of them.
        for (tests, limit) in parts.into_iter().skip(usize::from(first.is_empty())) {
            let status = self.run(tests, 1, ("MUTANT", number.to_string()), limit)?;
            if !status.success() {
                let by = self.name();
                return Ok(Some(if was_ended(status) { Outcome::Endless(by) } else { Outcome::Caught(by) }));
            }
        }
        Ok(Some(Outcome::Missed))
    }

    pub(super) fn name(&self) -> String {
        let what = if self.binary.is_test { "" } else { " (seeds)" };
        format!("{}/{}{what}", self.binary.package, self.binary.name)
    }

    fn run(&self, tests: &[String], threads: usize, variable: (&str, String), limit: Duration) -> Result<ExitStatus> {
        let mut command = self.command(tests, threads, variable, limit, QUIET);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        wait(&mut command, ASLEEP.max(limit * 4)).with_context(|| self.binary.path.display().to_string())
    }

    fn command(
        &self,
        tests: &[String],
        threads: usize,
        variable: (&str, String),
        limit: Duration,
        script: &str,
    ) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh", &limit.as_secs().to_string(), &MEMORY.to_string()]).arg(&self.binary.path);
        if self.binary.is_test {
            command.args(["--test-threads", &threads.to_string()]);
            if !tests.is_empty() {
                command.arg("--exact").args(tests);
            }
        } else {
            command.args(["--from", &FROM.to_string(), "--seeds", &SEEDS.to_string()]);
        }
        command.env_remove("MUTANT").env_remove("MUTANTS_REACHED").env(variable.0, variable.1);
        command.envs([("RUST_BACKTRACE", "0"), ("PROPTEST_CASES", "24"), ("PROPTEST_RNG_SEED", "7")]);
        // What fails need not be made small, nor be kept for those who come after.
        command.envs([("PROPTEST_MAX_SHRINK_ITERS", "0"), ("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "true")]);
        command.current_dir(&self.binary.folder).stdin(Stdio::null());
        command
    }
}

/// Runs a program with limits: seconds of the processor, and kilobytes.
const QUIET: &str = "ulimit -c 0; ulimit -t $1; ulimit -v $2; shift 2; exec \"$@\"";

/// Likewise, and says how long it took.
const TIMED: &str =
    "ulimit -c 0; ulimit -t $1; ulimit -v $2; shift 2; \"$@\" > /dev/null 2>&1; code=$?; times; exit $code";

/// The time of the processor, in seconds, that a shell's `times` tells of its children: `0m1.5s 0m0.25s` in the last line.
fn seconds(times: &str) -> Option<f64> {
    let one = |word: &str| {
        let (minutes, seconds) = word.strip_suffix('s')?.split_once('m')?;
        Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
    };
    times.lines().last()?.split_whitespace().map(one).sum()
}

/// What the suites make of a mutant: the first that does not pass decides.
pub(super) fn try_mutant<'a>(suites: impl Iterator<Item = &'a Suite>, number: u32) -> Result<Outcome> {
    let mut outcome = Outcome::Unreached;
    for suite in suites {
        match suite.try_mutant(number)? {
            None => {}
            Some(Outcome::Missed) => outcome = Outcome::Missed,
            Some(other) => return Ok(other),
        }
    }
    Ok(outcome)
}

/// Waits for a program to end, and ends it after a while.
fn wait(command: &mut Command, limit: Duration) -> Result<ExitStatus> {
    let mut child = command.spawn().context("it could not be started")?;
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if start.elapsed() > limit {
            child.kill()?;
            return Ok(child.wait()?);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Whether a program was ended for going on too long. One that ends itself, for want of memory say, was not.
#[cfg(unix)]
fn was_ended(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    const SIGKILL: i32 = 9;
    const SIGXCPU: i32 = 24;
    matches!(status.signal(), Some(SIGKILL | SIGXCPU))
}

#[cfg(not(unix))]
fn was_ended(_: ExitStatus) -> bool {
    false
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn what_computes_for_ever_is_ended() {
        let mut command = Command::new("sh");
        command.args(["-c", QUIET, "sh", "1", "1000000", "sh", "-c", "while :; do :; done"]);
        assert!(was_ended(wait(&mut command, Duration::from_secs(60)).unwrap()));
    }

    #[test]
    fn the_shell_says_how_long_it_took() {
        assert_eq!(seconds("0m9.0s 0m9.0s\n1m1.500s 0m0.250s\n"), Some(61.75));
        assert_eq!((seconds(""), seconds("sh: no")), (None, None));
    }

    #[test]
    fn tests_that_come_by_little_are_run_first() {
        let binary = |is_test| Binary {
            package: "p".into(),
            name: "n".into(),
            path: "/bin/true".into(),
            folder: ".".into(),
            is_test,
        };
        let suite = |is_test, notes: &str| {
            let mut suite = Suite { binary: binary(is_test), reached: BTreeMap::new(), limit: LEAST };
            suite.note(notes).unwrap();
            suite.reached
        };
        let notes = "a\t1\na\t2\nb\t2\na\t3\n";
        assert_eq!(suite(true, notes)[&2], ["b", "a"]);
        assert_eq!(suite(false, notes)[&2], [""; 0], "a program has no tests");
    }

    #[test]
    fn what_waits_for_ever_is_ended() {
        let mut command = Command::new("sh");
        command.args(["-c", "exec sleep 1000"]);
        assert!(was_ended(wait(&mut command, Duration::from_millis(50)).unwrap()));
    }

    #[test]
    fn what_fails_was_not_ended() {
        let mut command = Command::new("sh");
        command.args(["-c", "exit 101"]);
        let status = wait(&mut command, Duration::from_secs(60)).unwrap();
        assert!(!status.success() && !was_ended(status));
    }
}
