//! What a `#[task]` costs to compile.

/// Measures it.
pub(crate) fn run() -> anyhow::Result<()> {
    anyhow::bail!("the cost of compiling a task is not measured yet")
}
