//! `cargo xtask ci`: what continuous integration does, here.
//!
//! The steps stand in `.ci/run` and nowhere else.

use std::process::Command;

use anyhow::Result;

use crate::process::{become_program, root};

/// Becomes `.ci/run`.
pub(crate) fn run() -> Result<()> {
    become_program(Command::new("bash").arg(".ci/run").current_dir(root()))
}
