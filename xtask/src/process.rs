//! Other programs: how they are named, shown and started.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result, bail};

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// The cargo that runs this program, started in the repository's root.
pub(crate) fn cargo() -> Command {
    let mut command = program(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(root());
    command
}

/// A program that is not told that cargo runs this one: build scripts (ring's is one) look at what cargo says of the
/// running package, and would be run again, with all that depends on them, whenever that differs from the last time.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    for (variable, _) in env::vars_os() {
        if variable.to_str().is_some_and(tells_of_this_package) {
            command.env_remove(variable);
        }
    }
    command
}

fn tells_of_this_package(variable: &str) -> bool {
    variable.starts_with("CARGO_PKG_") || variable.starts_with("CARGO_MANIFEST_")
}

/// Where cargo puts what it builds.
pub(crate) fn target_directory() -> Result<PathBuf> {
    let text = output(cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&text).context("cargo metadata printed no JSON")?;
    let directory = metadata["target_directory"].as_str().context("cargo metadata names no target directory")?;
    Ok(directory.into())
}

/// Shows a command, runs it, and says how long it took.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    eprintln!("\n$ {shown}");
    let start = Instant::now();
    let status = command.status().with_context(|| format!("`{shown}` could not be started"))?;
    eprintln!("  {:.1} s: {shown}", start.elapsed().as_secs_f64());
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(())
}

/// What a command prints.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let output = command.output().with_context(|| format!("`{shown}` could not be started"))?;
    if !output.status.success() {
        bail!("`{shown}` failed: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim_end());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` printed no UTF-8"))
}

/// Becomes another program, so that its signals and its exit code are its own.
///
/// Returns only if that fails, or, where a process can't become another, ends with the other's exit code.
pub(crate) fn become_program(command: &mut Command) -> Result<()> {
    let shown = show(command);
    eprintln!("$ {shown}");
    replace(command).with_context(|| format!("`{shown}` could not be started"))
}

#[cfg(unix)]
fn replace(command: &mut Command) -> std::io::Result<()> {
    use std::os::unix::process::CommandExt as _;
    Err(command.exec())
}

/// Elsewhere the console sends Ctrl-C to both processes; the other one decides what it means.
#[cfg(not(unix))]
fn replace(command: &mut Command) -> std::io::Result<()> {
    let status = command.status()?;
    std::process::exit(status.code().unwrap_or(1))
}

/// A command as one would type it.
fn show(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let short = program.file_stem().unwrap_or(program.as_os_str());
    let words = std::iter::once(short).chain(command.get_args()).map(|word| {
        let word = word.to_string_lossy();
        if word.is_empty() || word.contains([' ', '\'', '"']) { format!("{word:?}") } else { word.into_owned() }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_as_typed() {
        let mut command = Command::new("/somewhere/bin/cargo");
        command.args(["test", "--doc", "a b"]);
        assert_eq!(show(&command), "cargo test --doc \"a b\"");
    }

    #[test]
    fn failures_say_what_was_run_and_what_it_said() {
        let error = output(cargo().arg("no-such-command")).unwrap_err().to_string();
        assert!(error.starts_with("`cargo no-such-command` failed: exit"), "{error}");
        assert!(error.contains("no such command"), "{error}");
    }

    /// Cargo sets these for the tests that it runs, too.
    #[test]
    fn programs_are_not_told_of_this_package() {
        assert!(
            env::vars_os().any(|(name, _)| name.to_str().is_some_and(tells_of_this_package)),
            "nothing to see here"
        );
        let removed: Vec<_> =
            cargo().get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name.to_owned()).collect();
        for name in ["CARGO_PKG_NAME", "CARGO_PKG_VERSION", "CARGO_MANIFEST_DIR"] {
            assert!(removed.iter().any(|removed| removed == name), "{name}");
        }
    }

    #[test]
    fn the_root_is_the_workspace() {
        assert!(root().join("xtask").join("Cargo.toml").is_file());
    }
}
