//! Runs examples as a newcomer does: in process, and against `brisk local` over QUIC.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// No example takes this long; one that does has hung.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs an example in process, and over QUIC with two workers. Both outputs.
pub(crate) fn on_both_transports(name: &str, arguments: &[&str]) -> [String; 2] {
    let example = example(name);
    let mut alone = Command::new(&example);
    alone.args(arguments);
    let mut local = Command::new(env!("CARGO_BIN_EXE_brisk"));
    local.args(["local", "--workers", "2", "--threads", "1", "--"]).arg(&example).args(arguments);
    [alone, local].map(|command| {
        let output = run(command);
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{name} failed: {}\n{stdout}\n{stderr}", output.status);
        stdout
    })
}

/// Where Cargo puts examples: beside the binaries.
pub(crate) fn example(name: &str) -> PathBuf {
    let binaries = Path::new(env!("CARGO_BIN_EXE_brisk")).parent().expect("a binary lies in a directory");
    let path = binaries.join("examples").join(name);
    assert!(path.exists(), "{} is not built: run the tests of the whole workspace", path.display());
    path
}

/// Runs a program to its end, and not for ever.
pub(crate) fn run(mut command: Command) -> Output {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_remove("BRISK_SCHEDULER").env_remove("BRISK_CREDENTIALS");
    let child = command.spawn().expect("a built program starts");
    let pid = child.id().to_string();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(child.wait_with_output().expect("our own child")));
    match told.recv_timeout(LIMIT) {
        Ok(output) => output,
        Err(_) => {
            // Ended so that its last words can be shown.
            let killed = Command::new("kill").args(["-9", &pid]).status();
            let words = told.recv().map(|output| text(&output.stderr));
            panic!("{command:?} has not ended after {LIMIT:?} ({killed:?}):\n{}", words.unwrap_or_default());
        }
    }
}

/// What a program said.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
