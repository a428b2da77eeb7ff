//! The repository is tidy: `cargo test` is the whole gate.

use std::process::Command;

#[test]
fn the_repository_is_tidy() {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).arg("tidy").output().expect("xtask starts");
    assert!(output.status.success(), "\n{}", String::from_utf8_lossy(&output.stderr));
}
