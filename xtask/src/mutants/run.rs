//! Runs tests with a mutant, within limits.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::build::Binary;

/// A mutant that runs so many times as long as the code does is one that does not end. Measured in time of the processor,
/// so that it is the same on a busy machine.
const TIMES: u64 = 10;
const LEAST: Duration = Duration::from_secs(10);

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
    /// For each mutant, the tests that come by it. What is not a test's but a program's is under no name.
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
        let noted = suite.run(&[], 2, ("MUTANTS_REACHED", notes.display().to_string()))?;
        let start = Instant::now();
        let plain = suite.run(&[], 1, ("MUTANT", "0".into()))?;
        let took = start.elapsed();
        if !noted.success() || !plain.success() {
            bail!("`{}` of {} fails without any mutant", suite.binary.name, suite.binary.package);
        }
        suite.limit = LEAST.max(took * TIMES as u32);
        for line in fs::read_to_string(notes).unwrap_or_default().lines() {
            let (thread, number) = line.split_once('\t').with_context(|| format!("`{line}` is no note"))?;
            let tests = suite.reached.entry(number.parse()?).or_default();
            if suite.binary.is_test && !tests.iter().any(|test| test == thread) {
                tests.push(thread.to_owned());
            }
        }
        Ok(suite)
    }

    /// How many mutants it comes by.
    pub(super) fn reach(&self) -> usize {
        self.reached.len()
    }

    /// What the tests that come by it make of a mutant; nothing if none does.
    fn try_mutant(&self, number: u32) -> Result<Option<Outcome>> {
        let Some(tests) = self.reached.get(&number) else { return Ok(None) };
        let status = self.run(tests, 1, ("MUTANT", number.to_string()))?;
        Ok(Some(if status.success() {
            Outcome::Missed
        } else if was_ended(status) {
            Outcome::Endless(self.name())
        } else {
            Outcome::Caught(self.name())
        }))
    }

    pub(super) fn name(&self) -> String {
        let what = if self.binary.is_test { "" } else { " (seeds)" };
        format!("{}/{}{what}", self.binary.package, self.binary.name)
    }

    fn run(&self, tests: &[String], threads: usize, variable: (&str, String)) -> Result<ExitStatus> {
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -c 0; ulimit -t $1; ulimit -v $2; shift 2; exec \"$@\"", "sh"]);
        command.arg(self.limit.as_secs().max(1).to_string()).arg(MEMORY.to_string()).arg(&self.binary.path);
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
        command.current_dir(&self.binary.folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        wait(&mut command, ASLEEP.max(self.limit * 4)).with_context(|| self.binary.path.display().to_string())
    }
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
        let limit = "ulimit -t 1; exec \"$@\"";
        let mut command = Command::new("sh");
        command.args(["-c", limit, "sh", "sh", "-c", "while :; do :; done"]);
        assert!(was_ended(wait(&mut command, Duration::from_secs(60)).unwrap()));
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
