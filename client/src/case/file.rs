//! Cases in files.

use std::{
    fmt, fs,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use brisk_core::{
    error::TaskError,
    graph::Invocation,
    key::Key,
    registry::Registry,
    task::{TaskDef, TaskName},
    value::Datum,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Case, CaseError};

/// What every file begins with. The last byte is the format's version.
const MARK: [u8; 8] = *b"brisk\0c\x01";

/// A longer file is not read.
const MAX_BYTES: u64 = 8 << 30;

/// Names a case that this program is to make instead of running, for a debugger.
const VARIABLE: &str = "BRISK_CASE";

#[derive(Serialize, Deserialize)]
struct Content {
    task: TaskName,
    module: String,
    name: String,
    signature: String,
    call: Bytes,
    inputs: Vec<(Key, Bytes)>,
    error: Option<TaskError>,
}

/// A case in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedCase {
    path: PathBuf,
}

impl SavedCase {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The command that makes the call in a debugger, which stops where it panics. It starts this very program, whose
    /// [`main`](crate::main) or [`init`](crate::init) makes the call in place of everything else.
    pub fn debugger_command(&self) -> String {
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("PROGRAM"));
        let rest = arguments().join(" ");
        format!(
            "{VARIABLE}={} rust-gdb -ex 'break rust_panic' -ex run --args {} {rest}",
            quoted(&self.path),
            quoted(&program)
        )
        .trim_end()
        .to_owned()
    }
}

/// The [command](SavedCase::debugger_command) that makes the call in a debugger.
impl fmt::Display for SavedCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.debugger_command())
    }
}

/// What this program must be given to come by [`init`](crate::init).
fn arguments() -> Vec<&'static str> {
    match brisk_core::inventory::iter::<crate::process::TestHook>.into_iter().next() {
        Some(hook) => vec!["--exact", hook.test, "--nocapture", "--test-threads=1"],
        None => Vec::new(),
    }
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

/// Reads a case that [`Case::save`] has written.
///
/// # Errors
/// If the file can't be read or is no case, or this program does not have the function, or another one by its name.
pub fn replay_case(path: impl AsRef<Path>) -> Result<Case, CaseError> {
    let path = path.as_ref();
    let content = read(path)?;
    let registry = Registry::linked().map_err(|error| no_case(path, error))?;
    let def = find(&registry, &content)?;
    let call = Invocation::decode_as(&content.call, def).map_err(|error| no_case(path, error))?;
    let inputs = content.inputs.into_iter().map(|(key, bytes)| (key, Datum::from_bytes(bytes))).collect();
    Ok(Case::new(content.task, call, inputs, content.error))
}

/// The function of a case. One that has only moved in the source since is the same.
fn find(registry: &Registry, content: &Content) -> Result<&'static TaskDef, CaseError> {
    let Content { task, name, signature, .. } = content;
    let named = registry.tasks_named(&content.module, name);
    match named.iter().find(|def| def.identity.signature == *signature) {
        Some(def) => Ok(def),
        None => Err(match named.first() {
            Some(other) => CaseError::OtherBuild {
                task: task.clone(),
                name: name.clone(),
                was: signature.clone(),
                is: other.identity.signature.to_owned(),
            },
            None => CaseError::UnknownFunction { task: task.clone(), why: registry.explain_unknown(name) },
        }),
    }
}

pub(super) fn save(case: &Case, path: &Path) -> Result<SavedCase, CaseError> {
    let encode = |error: &dyn fmt::Display| CaseError::Encode { task: case.task.clone(), why: error.to_string() };
    let identity = &case.call.def.registered().identity;
    let inputs = case.inputs.iter().map(|(key, value)| Ok((*key, value.encode().map_err(|e| encode(&e))?)));
    let content = Content {
        task: case.task.clone(),
        module: identity.module.to_owned(),
        name: identity.name.to_owned(),
        signature: identity.signature.to_owned(),
        call: case.call.encode().map_err(|e| encode(&e))?,
        inputs: inputs.collect::<Result<_, CaseError>>()?,
        error: case.error.clone(),
    };
    let io = |error| CaseError::Io { path: path.display().to_string(), error };
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(io)?;
    file.write_all(&MARK).map_err(io)?;
    let bytes = postcard::to_stdvec(&content).map_err(|e| encode(&e))?;
    file.write_all(&bytes).map_err(io)?;
    let path = fs::canonicalize(path).map_err(io)?;
    Ok(SavedCase { path })
}

fn read(path: &Path) -> Result<Content, CaseError> {
    let io = |error| CaseError::Io { path: path.display().to_string(), error };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.len() > MAX_BYTES {
        return Err(no_case(path, format!("it is longer than {MAX_BYTES} bytes")));
    }
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(io)?;
    let content = bytes.strip_prefix(&MARK).ok_or_else(|| no_case(path, "it does not begin as one"))?;
    postcard::from_bytes(content).map_err(|error| no_case(path, error))
}

fn no_case(path: &Path, why: impl ToString) -> CaseError {
    CaseError::NoCase { path: path.display().to_string(), why: why.to_string() }
}

/// Makes the call of the case that the environment names, if it names one, in place of the program; then the process ends.
pub(crate) fn run_if_told() {
    let Some(path) = std::env::var_os(VARIABLE) else { return };
    let case = match replay_case(&path) {
        Ok(case) => case,
        Err(error) => {
            eprintln!("brisk: {error}");
            std::process::exit(2);
        }
    };
    eprintln!("brisk: {case:?}");
    match case.run() {
        Ok(()) => {
            eprintln!("brisk: {} went well here", case.task());
            std::process::exit(0);
        }
        Err(error) => {
            eprintln!("brisk: {error:?}");
            std::process::exit(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(name: &str, signature: &str) -> Content {
        let task = TaskName::of_call(name.into(), Key::from_u128(1));
        let (module, name, signature) = ("nowhere::at_all".to_owned(), name.to_owned(), signature.to_owned());
        Content { task, module, name, signature, call: Bytes::new(), inputs: Vec::new(), error: None }
    }

    #[test]
    fn a_file_that_is_no_case_is_told() {
        let path = std::env::temp_dir().join(format!("brisk-no-case-{}", std::process::id()));
        for (bytes, words) in [(&b"something else"[..], "does not begin as one"), (&MARK[..], "is no saved case")] {
            fs::write(&path, bytes).unwrap();
            let error = replay_case(&path).unwrap_err();
            assert!(matches!(error, CaseError::NoCase { .. }) && error.to_string().contains(words), "{error}");
        }
        fs::remove_file(&path).unwrap();
        assert!(matches!(replay_case(&path).unwrap_err(), CaseError::Io { .. }));
    }

    #[test]
    fn functions_that_are_not_here_or_have_changed_are_told() {
        use brisk_core::{function::Identity, options::Defaults, task::TaskItem};
        struct Half;
        impl TaskItem for Half {
            const DEF: &'static TaskDef = {
                static DEF: TaskDef = TaskDef::new(
                    Identity {
                        package: "p",
                        version: "1",
                        module: "nowhere::at_all",
                        name: "half",
                        file: "f.rs",
                        line: 1,
                        column: 1,
                        signature: "(i64) -> i64",
                    },
                    &["x"],
                    |_| unreachable!("nobody calls it"),
                    Defaults::NONE,
                );
                &DEF
            };
        }
        let registry = Registry::builder().task::<Half>().build().unwrap();
        assert!(std::ptr::eq(find(&registry, &content("half", "(i64) -> i64")).unwrap(), Half::DEF));
        let other = find(&registry, &content("half", "(f64) -> f64")).unwrap_err();
        assert!(matches!(other, CaseError::OtherBuild { .. }), "{other}");
        assert!(other.to_string().contains("was `half(f64) -> f64`, and is `half(i64) -> i64` now"), "{other}");
        let unknown = find(&registry, &content("halve", "(i64) -> i64")).unwrap_err();
        assert!(matches!(unknown, CaseError::UnknownFunction { .. }), "{unknown}");
        assert!(unknown.to_string().contains("nearest: `half`"), "{unknown}");
    }
}
