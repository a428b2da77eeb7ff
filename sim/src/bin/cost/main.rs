//! What scheduling costs by itself: `cargo xtask bench instructions` counts with it, `cargo xtask bench zero-worker` times
//! with it.

mod cases;
mod zero_worker;

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["cases"] => {
            cases::list();
            Ok(())
        }
        ["case", name] => cases::run(name),
        ["zero-worker", rest @ ..] => zero_worker::run(rest),
        _ => Err("usage: cost cases | case NAME | zero-worker [TASKS]".to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
