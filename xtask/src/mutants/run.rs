//! Runs tests with a mutant, within limits.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use super::build::Binary;
use crate::process::output;

/// A mutant that runs so many times as long as the code does is one that does not end. Measured in time of the processor,
/// so that it is the same on a busy machine.
const TIMES: u32 = 10;
const LEAST: Duration = Duration::from_secs(2);

/// A test that takes longer, in seconds of the processor, is tried when all that take less have passed: a few tests of large
/// graphs take longer than all the others together.
const SLOW: f64 = 0.03;

/// So many tests are tried before the others.
const FEW: usize = 16;

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
    /// Whether these are the tests that take their time.
    pub(super) is_slow: bool,
    /// For each mutant, the tests that come by it, the most particular first. A program that has no tests has no names.
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
    /// The tests of a program: those that are quick, and those that are not.
    ///
    /// Each is run without a mutant, to see what it comes by and how long it takes.
    ///
    /// # Errors
    /// If one fails: then nothing can be learned from one that fails with a mutant.
    pub(super) fn of(binary: &Binary, notes: &Path) -> Result<Vec<Self>> {
        if notes.exists() {
            fs::remove_file(notes)?;
        }
        let long = Duration::from_secs(600);
        let fails = || format!("`{}` of {} fails without any mutant", binary.name, binary.package);
        // Each test has a thread of its own, unless there is only one for all.
        let noted = ("MUTANTS_REACHED", notes.display().to_string());
        ensure!(run(binary, &[], 2, noted, long)?.success(), fails());
        let notes = Notes::read(&fs::read_to_string(notes).unwrap_or_default())?;
        let (mut quick, mut slow) = (BTreeSet::new(), BTreeSet::new());
        let time = |tests: &[String]| -> Result<f64> {
            let told =
                output(&mut command(binary, tests, 1, ("MUTANT", "0".into()), long, TIMED)).with_context(fails)?;
            seconds(&told).context("the shell did not say how long a test took")
        };
        for test in &notes.threads {
            let names = if binary.is_test { std::slice::from_ref(test) } else { &[] };
            let tests = if time(names)? > SLOW { &mut slow } else { &mut quick };
            tests.insert(test.as_str());
        }
        let mut suites = Vec::new();
        for (is_slow, tests) in [(false, quick), (true, slow)] {
            let reached = notes.of(&tests, binary.is_test);
            let names: Vec<String> = tests.into_iter().filter(|_| binary.is_test).map(str::to_owned).collect();
            // All together: to start a program takes longer than many a test.
            let limit = LEAST.max(Duration::from_secs_f64(time(&names)?) * TIMES);
            suites.push(Suite { binary: binary.clone(), is_slow, reached, limit });
        }
        Ok(suites)
    }

    /// How many mutants it comes by.
    pub(super) fn reach(&self) -> usize {
        self.reached.len()
    }

    /// What the tests that come by it make of a mutant; nothing if none does.
    fn try_mutant(&self, number: u32) -> Result<Option<Outcome>> {
        let Some(tests) = self.reached.get(&number) else { return Ok(None) };
        // Most are caught by one of the first few.
        let (few, rest) = tests.split_at(tests.len().min(FEW));
        for tests in [few, rest].into_iter().filter(|tests| !tests.is_empty() || !self.binary.is_test) {
            let status = run(&self.binary, tests, 1, ("MUTANT", number.to_string()), self.limit)?;
            if was_ended(status) {
                return Ok(Some(Outcome::Endless(self.name())));
            }
            if !status.success() {
                return Ok(Some(Outcome::Caught(self.name())));
            }
            if !self.binary.is_test {
                break;
            }
        }
        Ok(Some(Outcome::Missed))
    }

    pub(super) fn name(&self) -> String {
        let what = match (self.binary.is_test, self.is_slow) {
            (false, _) => " (seeds)",
            (true, true) => " (slow)",
            (true, false) => "",
        };
        format!("{}/{}{what}", self.binary.package, self.binary.name)
    }
}

/// Which threads came by which mutants.
struct Notes {
    threads: BTreeSet<String>,
    reached: BTreeMap<u32, BTreeSet<String>>,
}

impl Notes {
    /// Of lines with a thread's name and a mutant's number.
    fn read(text: &str) -> Result<Self> {
        let mut notes = Notes { threads: BTreeSet::new(), reached: BTreeMap::new() };
        for line in text.lines() {
            let (thread, number) = line.split_once('\t').with_context(|| format!("`{line}` is no note"))?;
            notes.threads.insert(thread.to_owned());
            notes.reached.entry(number.parse()?).or_default().insert(thread.to_owned());
        }
        Ok(notes)
    }

    /// Those of these threads that came by each mutant, those first that came by the fewest in all; without names if they
    /// are not tests.
    fn of(&self, threads: &BTreeSet<&str>, have_names: bool) -> BTreeMap<u32, Vec<String>> {
        let mut reach: BTreeMap<&str, usize> = BTreeMap::new();
        self.reached.values().flatten().for_each(|thread| *reach.entry(thread).or_default() += 1);
        let some = self.reached.iter().filter_map(|(number, all)| {
            let mut theirs: Vec<_> = all.iter().filter(|thread| threads.contains(thread.as_str())).collect();
            theirs.first()?;
            theirs.sort_by_key(|thread| reach[thread.as_str()]);
            Some((*number, theirs.into_iter().filter(|_| have_names).cloned().collect()))
        });
        some.collect()
    }
}

/// Runs these tests of a program, or all if none is named.
fn run(
    binary: &Binary,
    tests: &[String],
    threads: usize,
    variable: (&str, String),
    limit: Duration,
) -> Result<ExitStatus> {
    let mut command = command(binary, tests, threads, variable, limit, QUIET);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    wait(&mut command, ASLEEP.max(limit * 4)).with_context(|| binary.path.display().to_string())
}

fn command(
    binary: &Binary,
    tests: &[String],
    threads: usize,
    variable: (&str, String),
    limit: Duration,
    script: &str,
) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", &limit.as_secs().to_string(), &MEMORY.to_string()]).arg(&binary.path);
    if binary.is_test {
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
    command.current_dir(&binary.folder).stdin(Stdio::null());
    command
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
    fn notes_tell_who_came_by_what() {
        let notes = Notes::read("a\t1\na\t2\nb\t2\nc\t3\n").unwrap();
        let some = BTreeSet::from(["a", "b"]);
        let named = [(1, vec!["a".to_owned()]), (2, vec!["b".to_owned(), "a".to_owned()])];
        assert_eq!(notes.of(&some, true), BTreeMap::from(named));
        assert_eq!(notes.of(&some, false), BTreeMap::from([(1, vec![]), (2, vec![])]));
        assert!(Notes::read("nothing").is_err());
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
