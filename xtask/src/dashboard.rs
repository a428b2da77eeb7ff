//! `cargo xtask dashboard`: the dashboard's front end, from its sources in `dashboard/web` to what is committed and embedded.
//!
//! Cargo needs none of this: the built files are in the repository. Node and its packages are needed to build them anew and
//! to check them; the packages are those of the lock file.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::process::{cargo, program, root, run, target_directory};

/// What to do beside building.
#[derive(Args)]
pub(crate) struct Options {
    /// Changes nothing: runs the unit tests, and fails if a fresh build differs from what is committed
    #[arg(long)]
    check: bool,
    /// Clicks through every page in a headless Chromium, over a server that makes its data up; pictures go to target/dashboard
    #[arg(long)]
    pages: bool,
    /// Looks at every page in a headless Chromium while a real job runs; pictures go to target/dashboard
    #[arg(long)]
    e2e: bool,
    /// Takes pictures of the dashboard that a program serves right now, by the link that it printed
    #[arg(long, value_name = "LINK")]
    shots: Option<String>,
    #[command(flatten)]
    pictures: Pictures,
}

/// Which pictures are taken of a page.
#[derive(Args)]
struct Pictures {
    /// Where they go; to target/dashboard/shots unless told otherwise
    #[arg(long, requires = "shots", value_name = "DIRECTORY")]
    out: Option<PathBuf>,
    /// Of this page only, as its address names it: status, graph, plots/NAME, task/KEY; may be given several times
    #[arg(long, requires = "shots")]
    page: Vec<String>,
    /// Of this size: WIDTHxHEIGHT
    #[arg(long, requires = "shots")]
    size: Option<String>,
    /// In dark colours too
    #[arg(long, requires = "shots")]
    dark: bool,
}

/// Builds it, or does what the options say in place of that.
pub(crate) fn run_command(options: &Options) -> Result<()> {
    install()?;
    if options.check {
        check()?;
    } else if !options.pages && !options.e2e && options.shots.is_none() {
        run(npm().args(["run", "build"]))?;
    }
    if options.pages {
        run(program("node").arg("e2e/mock.mjs").current_dir(web()))?;
    }
    if options.e2e {
        live()?;
    }
    if let Some(link) = &options.shots {
        take(link, &options.pictures)?;
    }
    Ok(())
}

fn web() -> PathBuf {
    root().join("dashboard/web")
}

/// npm, which is a script of another name on Windows.
fn npm() -> Command {
    let mut command = program(if cfg!(windows) { "npm.cmd" } else { "npm" });
    command.current_dir(web());
    command
}

/// Brings the packages of the lock file, unless they are here already. None of them may run anything while it is installed.
fn install() -> Result<()> {
    let lock = fs::read(web().join("package-lock.json")).context("dashboard/web has no package-lock.json")?;
    let stamp = web().join("node_modules/.installed-from");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    run(npm().args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])).context(
        "the dashboard's packages are brought by npm, which comes with Node.js 20.19 or later: is it installed?",
    )?;
    fs::write(&stamp, lock).with_context(|| format!("{} can't be written", stamp.display()))
}

/// Unit tests, types, and a fresh build beside the committed one.
fn check() -> Result<()> {
    run(npm().args(["test"]))?;
    let fresh = target_directory()?.join("dashboard/dist");
    run(npm().args(["run", "build", "--", "--emptyOutDir", "--outDir"]).arg(&fresh))?;
    let committed = web().join("dist");
    let differences = differences(&files(&committed)?, &files(&fresh)?);
    if !differences.is_empty() {
        bail!(
            "what is committed in dashboard/web/dist is not what its sources give: run `cargo xtask dashboard` and commit \
             that\n  {}",
            differences.join("\n  ")
        );
    }
    println!("dashboard/web/dist is what its sources give");
    Ok(())
}

/// A real job, watched in a browser: in a process of its own, and on worker processes over QUIC.
fn live() -> Result<()> {
    let packages = ["--package", "brisk-client", "--example", "dashboard", "--package", "brisk-cli", "--bin", "brisk"];
    run(cargo().arg("build").args(packages))?;
    let folder = target_directory()?.join("debug");
    let built = |name: &str| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let job = built("examples/dashboard");
    let look = || {
        let mut node = program("node");
        node.arg("e2e/live.mjs").current_dir(web());
        node
    };
    run(look().arg(&job))?;
    run(look().arg(built("brisk")).args(["local", "--workers", "2", "--"]).arg(&job))
}

/// Pictures of a page that is there already.
fn take(link: &str, pictures: &Pictures) -> Result<()> {
    let folder = match &pictures.out {
        Some(folder) => std::path::absolute(folder)?,
        None => target_directory()?.join("dashboard/shots"),
    };
    let mut node = program("node");
    node.arg("e2e/shots.mjs").current_dir(web()).arg(link).arg(folder).args(&pictures.page);
    if let Some(size) = &pictures.size {
        node.args(["--size", size]);
    }
    if pictures.dark {
        node.arg("--dark");
    }
    run(&mut node)
}

/// Every file below a folder, by its path from there.
fn files(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        let entries = fs::read_dir(&inner).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        for entry in entries.with_context(|| format!("{} can't be read", inner.display()))? {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = fs::read(&path).with_context(|| format!("{} can't be read", path.display()))?;
                found.insert(path.strip_prefix(folder)?.to_owned(), bytes);
            }
        }
    }
    Ok(found)
}

/// What is to be said of two folders' files.
fn differences(committed: &BTreeMap<PathBuf, Vec<u8>>, fresh: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<String> {
    let mut found = Vec::new();
    for (path, bytes) in fresh {
        match committed.get(path) {
            None => found.push(format!("{} is not committed", path.display())),
            Some(other) if other != bytes => {
                let at = bytes.iter().zip(other).take_while(|(a, b)| a == b).count();
                found.push(format!("{} differs from byte {at} on", path.display()));
            }
            Some(_) => {}
        }
    }
    let gone = committed.keys().filter(|path| !fresh.contains_key(*path));
    found.extend(gone.map(|path| format!("{} is no longer built", path.display())));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named() {
        let folder = |files: &[(&str, &str)]| {
            files
                .iter()
                .map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_owned()))
                .collect::<BTreeMap<_, _>>()
        };
        let committed = folder(&[("index.html", "<p>"), ("app.js", "let a = 1"), ("old.js", "")]);
        let fresh = folder(&[("index.html", "<p>"), ("app.js", "let b = 1"), ("new.js", "")]);
        let expected = ["app.js differs from byte 4 on", "new.js is not committed", "old.js is no longer built"];
        assert_eq!(differences(&committed, &fresh), expected);
        assert!(differences(&committed, &committed).is_empty());
    }

    /// What goes into every program that has a dashboard.
    #[test]
    fn what_is_embedded_is_small_and_asks_nobody_else() {
        let built = files(&web().join("dist")).unwrap();
        let bytes: usize = built.values().map(Vec::len).sum();
        assert!(bytes < 170_000, "{bytes} bytes");
        let page = String::from_utf8(built[Path::new("index.html")].clone()).unwrap();
        assert!(!page.contains("://") && !page.contains("style=") && !page.contains("onload"), "{page}");
        let inline = page.split("<script").skip(1).filter(|tag| !tag.contains("src=\"/assets/"));
        assert_eq!(inline.count(), 0, "{page}");
    }
}
