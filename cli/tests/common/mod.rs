//! Commands that run beside a test, and what is left of them.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

pub(crate) const BRISK: &str = env!("CARGO_BIN_EXE_brisk");

/// A directory of a test's own.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("brisk-test-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Directory(path)
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A command that runs beside the test, and ends with it.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) output: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("a built program starts");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        Running { child, output }
    }

    /// Reads output up to a line that begins so, and gives the rest of that line.
    pub(crate) fn line(&mut self, beginning: &str) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "it ended without saying `{beginning}`");
            if let Some(rest) = line.strip_prefix(beginning) {
                return rest.trim().to_owned();
            }
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    pub(crate) fn ends(&mut self) {
        eventually("the command ends", || self.child.try_wait().unwrap().is_some());
    }

    pub(crate) fn children(&self) -> Vec<u32> {
        children_of(self.child.id())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The processes whose parent is `parent`.
pub(crate) fn children_of(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.filter(|pid: &u32| stat(*pid).is_some_and(|(state, ppid)| ppid == parent && state != "Z")).collect()
}

/// A process's state and parent.
pub(crate) fn stat(pid: u32) -> Option<(String, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

/// Looks until it holds. Nobody tells of other processes' coming and going, so there is nothing to wait on but time.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    const LIMIT: Duration = Duration::from_secs(20);
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LIMIT, "after {LIMIT:?} it still does not hold that {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn are_gone(pids: &[u32]) {
    eventually("no process is left behind", || pids.iter().all(|pid| stat(*pid).is_none_or(|(state, _)| state == "Z")));
}

pub(crate) fn example(name: &str) -> PathBuf {
    let path = Path::new(BRISK).parent().unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is not built: run the tests of the whole workspace", path.display());
    path
}
