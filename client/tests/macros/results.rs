//! What a task returns, and what becomes of its errors.

use std::{error::Error, fmt, fs, io};

use brisk_client::{ErrorKind, TaskError, task};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Debug, PartialEq)]
enum Problem {
    Negative(i64),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the number is negative")
    }
}

impl Error for Problem {}

#[task]
fn root(x: i64) -> Result<i64, Problem> {
    if x < 0 { Err(Problem::Negative(x)) } else { Ok(x.isqrt()) }
}

#[task]
fn with_anyhow(x: i64) -> anyhow::Result<i64> {
    use anyhow::Context;
    anyhow::ensure!(x >= 0, "no root of {x}");
    let file = fs::read_to_string("/there/is/no/such/file").context("the table of roots")?;
    Ok(file.len() as i64)
}

#[task]
fn with_io() -> io::Result<()> {
    Err(io::Error::other("the disk is gone"))
}

#[task]
fn with_text(x: i64) -> Result<(), String> {
    Err(format!("no {x}"))
}

#[task]
fn with_static_text() -> Result<u8, &'static str> {
    Err("never")
}

#[task]
fn with_box() -> Result<u8, Box<dyn Error + Send + Sync>> {
    Ok(u8::try_from(300)?)
}

type Result<T, E = Problem> = std::result::Result<T, E>;

#[task]
fn with_alias(x: i64) -> Result<i64> {
    root::call(x)
}

mod bare {
    pub(super) type Result = std::result::Result<i64, super::Problem>;
}

#[task]
fn with_bare_alias(x: i64) -> bare::Result {
    root::call(x)
}

#[task]
fn unit() {}

#[test]
fn an_error_fails_the_task_and_comes_back() {
    for call in [root(-1), with_alias(-1), with_bare_alias(-1)] {
        let error: TaskError = call.run().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed);
        assert_eq!(error.downcast(), Some(Problem::Negative(-1)));
        assert!(error.to_string().starts_with("the number is negative"), "{error}");
    }
    assert_eq!(root(9).run().unwrap(), 3);
    assert_eq!(with_bare_alias(9).run().unwrap(), 3);
}

#[test]
fn errors_that_are_no_values_have_their_words_and_sources() {
    let error = with_anyhow(1).run().unwrap_err();
    assert!(error.to_string().starts_with("the table of roots"), "{error}");
    let source = Error::source(&error).expect("the chain is kept");
    assert!(source.to_string().contains("No such file"), "{source}");
    assert_eq!(error.downcast::<String>(), None);
    assert!(with_anyhow(-1).run().unwrap_err().to_string().starts_with("no root of -1"));
    assert!(with_io().run().unwrap_err().to_string().starts_with("the disk is gone"));
    assert!(with_static_text().run().unwrap_err().to_string().starts_with("never"));
    assert!(with_box().run().unwrap_err().to_string().contains("out of range"));
    assert_eq!(with_text(5).run().unwrap_err().downcast::<String>().as_deref(), Some("no 5"));
}

#[test]
fn nothing_is_a_result() {
    unit().run().unwrap();
}
