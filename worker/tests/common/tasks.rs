//! Task functions, written out as the macro would.

use std::sync::{
    Arc, LazyLock, Mutex,
    atomic::{AtomicU32, Ordering},
};

use brisk_core::{
    error::Failure,
    function::Identity,
    options::Defaults,
    registry::{Registry, TypeEntry},
    task::{Inputs, Ran, TaskDef, TaskItem},
    value::Datum,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::sync::Notify;

const fn identity(name: &'static str) -> Identity {
    Identity {
        package: "tests",
        version: "1",
        module: "tests",
        name,
        file: "tasks.rs",
        line: 1,
        column: 1,
        signature: name,
    }
}

macro_rules! tasks {
    ($($item:ident $name:literal $parameters:expr => $call:expr;)*) => {
        $(
            pub(crate) struct $item;

            impl TaskItem for $item {
                const DEF: &'static TaskDef = {
                    static DEF: TaskDef = TaskDef::new(identity($name), &$parameters, $call, Defaults::NONE);
                    &DEF
                };
            }
        )*

        /// All of them.
        pub(crate) fn registry() -> Registry {
            Registry::builder().linked()$(.task::<$item>())*.build().unwrap()
        }
    };
}

type Outcome = Result<Datum, Box<Failure>>;

tasks! {
    Add "add" ["x", "y"] => |inputs| Ran::Done(add(&inputs));
    Total "total" ["xs"] => |inputs| Ran::Done(total(&inputs));
    Blob "blob" ["length"] => |inputs| Ran::Done(blob(&inputs));
    Panics "panics" ["why"] => |inputs| Ran::Done(panics(&inputs));
    PanicsOddly "panics_oddly" [] => |_| std::panic::panic_any(Bomb);
    Fails "fails" [] => |_| Ran::Done(Err(Box::new(Failure::from_error(&Outer(std::io::Error::other("the disk is full"))))));
    Secret "secret" [] => |_| Ran::Done(Ok(Datum::new(Unencodable)));
    Lie "lie" [] => |_| Ran::Done(Ok(Datum::new(Liar(1, 2))));
    Grenade "grenade" [] => |_| Ran::Done(Ok(Datum::new(Explosive)));
    Waits "waits" [] => |_| Ran::Future(Box::pin(waits()));
    Opens "opens" [] => |_| { OPENED.notify_one(); Ran::Done(Ok(Datum::new(()))) };
    Later "later" ["x"] => |inputs| Ran::Future(Box::pin(async move {
        tokio::task::yield_now().await;
        Ok(Datum::new(*inputs.shared::<i64>(0)? + 1))
    }));
    PanicsLater "panics_later" [] => |_| Ran::Future(Box::pin(async {
        tokio::task::yield_now().await;
        panic!("later")
    }));
    Blocks "blocks" ["gate"] => |inputs| Ran::Done(blocks(&inputs));
}

fn add(inputs: &Inputs) -> Outcome {
    Ok(Datum::new(*inputs.shared::<i64>(0)? + *inputs.shared::<i64>(1)?))
}

fn total(inputs: &Inputs) -> Outcome {
    Ok(Datum::new(inputs.list::<i64>(0)?.iter().sum::<i64>()))
}

fn blob(inputs: &Inputs) -> Outcome {
    Ok(Datum::new(vec![7u8; *inputs.shared::<usize>(0)?]))
}

fn panics(inputs: &Inputs) -> Outcome {
    panic!("{}", inputs.shared::<String>(0)?)
}

/// Releases those that wait in [`Waits`].
pub(crate) static OPENED: Notify = Notify::const_new();

/// Tells that a [`Waits`] has begun to wait.
pub(crate) static WAITING: Notify = Notify::const_new();

/// How many futures of [`Waits`] were dropped before their end.
pub(crate) static DROPPED: AtomicU32 = AtomicU32::new(0);

struct Noticed;

impl Drop for Noticed {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, Ordering::SeqCst);
    }
}

async fn waits() -> Outcome {
    let noticed = Noticed;
    WAITING.notify_one();
    OPENED.notified().await;
    std::mem::forget(noticed);
    Ok(Datum::new("waited".to_owned()))
}

/// Gates by number, for [`Blocks`]: a task that has begun says so, and goes on when the other end is dropped.
pub(crate) static GATES: LazyLock<Mutex<Vec<Option<Gate>>>> = LazyLock::new(Mutex::default);

pub(crate) struct Gate {
    begun: tokio::sync::oneshot::Sender<()>,
    go_on: std::sync::mpsc::Receiver<()>,
}

/// The test's end of a gate.
pub(crate) struct GateKeeper {
    pub(crate) number: usize,
    pub(crate) begun: tokio::sync::oneshot::Receiver<()>,
    pub(crate) go_on: std::sync::mpsc::Sender<()>,
}

pub(crate) fn gate() -> GateKeeper {
    let (begun_send, begun) = tokio::sync::oneshot::channel();
    let (go_on, go_on_receive) = std::sync::mpsc::channel();
    let mut gates = GATES.lock().unwrap();
    gates.push(Some(Gate { begun: begun_send, go_on: go_on_receive }));
    GateKeeper { number: gates.len() - 1, begun, go_on }
}

fn blocks(inputs: &Inputs) -> Outcome {
    let number = *inputs.shared::<usize>(0)?;
    let gate = GATES.lock().unwrap()[number].take().expect("each gate is passed once");
    let _ = gate.begun.send(());
    let _ = gate.go_on.recv();
    Ok(Datum::new(0i64))
}

#[derive(Debug)]
struct Outer(std::io::Error);

impl std::fmt::Display for Outer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("it could not be saved")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// Refuses to be encoded. Not registered as a type, so that nobody tries before it must be.
pub(crate) struct Unencodable;

impl Serialize for Unencodable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it holds an open file"))
    }
}

impl<'de> Deserialize<'de> for Unencodable {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Unencodable)
    }
}

/// Writes more than it reads.
#[derive(Deserialize)]
pub(crate) struct Liar(u8, u8);

impl Serialize for Liar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.0, self.0, self.1).serialize(serializer)
    }
}

brisk_core::inventory::submit! { TypeEntry(brisk_core::type_def!(Liar)) }

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a payload that explodes");
    }
}

/// A value that panics when it is dropped.
#[derive(Serialize, Deserialize)]
struct Explosive;

impl Drop for Explosive {
    fn drop(&mut self) {
        panic!("a value that explodes");
    }
}

/// A shared value, to see whether it is copied.
pub(crate) fn shared(value: &Datum) -> Arc<Vec<u8>> {
    value.shared().unwrap()
}
