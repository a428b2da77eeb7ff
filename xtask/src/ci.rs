//! `cargo xtask ci`: what continuous integration does, here.
//!
//! The steps stand in `.ci/run` and nowhere else.

use anyhow::Result;

use crate::process::{become_program, program, root};

/// Becomes `.ci/run`.
pub(crate) fn run() -> Result<()> {
    become_program(program("bash").arg(".ci/run").current_dir(root()))
}
