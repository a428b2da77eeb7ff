//! Distributed futures for Rust: plain functions, run as tasks in this process or over many hosts.
//!
//! Mark a function `#[task]`, connect, submit calls of it, await the results:
//!
//! ```
//! use brisk_client::{Client, task};
//!
//! #[task]
//! fn inc(x: i64) -> i64 {
//!     x + 1
//! }
//!
//! #[task]
//! fn add(x: i64, y: i64) -> i64 {
//!     x + y
//! }
//!
//! #[brisk_client::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // In this process by default; on a cluster when BRISK_SCHEDULER names one.
//!     let client = Client::from_env().await?;
//!     let x = client.submit(inc(1));
//!     let y = client.submit(inc(2));
//!     let sum = client.submit(add(&x, &y));
//!     assert_eq!(sum.result().await?, 5);
//!     Ok(())
//! }
//! ```
//!
//! - A task function, called, describes the call: it returns a [`Delayed`]. [`Client::submit`] starts it and returns a
//!   [`TaskFuture`], which can be awaited, and passed to other tasks.
//! - Many at once: [`Client::map`], [`Client::map_stream`], [`Client::gather`], [`Client::gather_each`],
//!   [`Client::gather_nested`], [`Client::compute`], [`wait`], [`wait_first`], [`AsCompleted`], [`progress`].
//! - Futures and calls in arguments: one by one, or in lists, options, maps and tuples, which see under [`Arg`]; deeper in by
//!   [`pack()`]. [`TaskFuture::split`] takes the tuple apart that a task returns.
//! - Data that stays on the cluster: [`Client::scatter`], [`Client::persist`], [`Client::replicate`], [`Client::rebalance`],
//!   [`Client::publish`], [`Client::dataset`], [`Client::checkpoint`], [`Client::restore`].
//! - Among programs: [`Client::queue`], [`Client::variable`], [`Client::lock`], [`Client::multi_lock`], [`Client::semaphore`],
//!   [`Client::event`].
//! - What is not to go on: [`TaskFuture::cancel`], [`Client::cancel`], [`Client::abandon`], [`Delayed::timeout`]; what is to go on
//!   without its future: [`TaskFuture::detach`]; what is to be tried again: [`Client::retry`], [`Delayed::retries`].
//! - Who works: [`Client::wait_for_workers`], [`Client::retire_workers`], [`Client::scale`], [`Client::adapt`],
//!   [`Client::restart`], [`Client::shutdown`], [`Client::run`].
//! - Where it runs: [`Client::from_env`], [`Client::local`], [`Client::connect`], [`Client::sync`]; [`LocalCluster`] for several
//!   clients of one program.
//! - Without async: [`blocking`].
//! - Inside a task: [`current`] is a client, to submit others; [`TaskContext`] tells which run this is, and whether anybody still waits for it;
//!   and it takes the task's word on how far it is. [`secede`] gives the thread up, [`Reschedule`] hands the task back.
//! - Looking on: [`Client::scheduler_info`], [`Client::tasks`], [`Client::processing`], [`Client::who_has`], [`Client::has_what`],
//!   [`Client::nbytes`], [`Client::story`], [`Client::metadata`], [`Client::task_stream`], [`Client::performance_report`], [`Client::dashboard_url`],
//!   [`Client::plot`]; [`Delayed::to_svg`] draws a graph that has not run.
//! - In traces: [`trace`] joins the spans of tasks with those that they were submitted in.
//! - State that is changed by calls: [`macro@actor`], [`Client::actor`].
//! - Large data in partitions: the crate `brisk-collections`, and for other such crates [`graph`].
//! - What goes wrong is a [`TaskError`], which names the task that failed, where, and why. [`Client::recreate_error_locally`] brings
//!   that call and its inputs here, for a debugger or a test ([`Case::save`], [`replay_case`]); [`Client::dump_cluster_state`]
//!   writes down what scheduler and workers know.
//!
//! # Faster programs
//!
//! What tasks take and return is allocated by one thread and freed by another, which allocators of systems are slow at. With these lines
//! in a program that works for more than a moment, and `mimalloc` among its dependencies, a task costs a tenth to two fifths
//! less; the first second costs more, and more memory is kept (docs/benchmarks.md has both). They are for programs: a library leaves that choice
//! to them.
//!
//! ```
//! #[global_allocator]
//! static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
//! # fn main() {}
//! ```
//!
//! `lto = "fat"` and `codegen-units = 1` under `[profile.release]` gain 5 to 10 % more, and make builds slower. A task of many large
//! inputs takes them as `Vec<Arc<T>>`: a list that it borrows, `&[T]`, is made of copies.

#![cfg_attr(
    not(any(feature = "inproc", feature = "quic")),
    allow(dead_code, unused_imports, reason = "without any way to a cluster there is `Client::sync` only")
)]

pub use brisk_core::{
    address::{Address, AddressError},
    comm::{CloseReason, ConnectError},
    error::{ErrorKind, Failure, Report, Reschedule, TaskError},
    future::{Settled, Status, TaskFuture, Wait},
    graph::{Arg, Call, Delayed, Elem, Pack, pack},
    id::Fence,
    json::Json,
    key::Key,
    message::{
        Extent, FunctionStatus, RunList, RunStatus, SchedulerInfo, StoryLine, TaskList, TaskProgress, TaskStatus,
        WorkerStatus,
    },
    registry::{DuplicateTask, Registry, RegistryBuilder},
    shareable::Shareable,
    state::TaskState,
    task::TaskName,
    value::Value,
};
pub use brisk_macros::{actor, main, task, task_fn, test};
pub use brisk_scheduler::machine::{Record, Snapshot, What};
pub use brisk_worker::server::{CancellationToken, Seceded, TaskContext, secede};

mod actor;
mod as_completed;
pub mod blocking;
mod case;
mod client;
mod closing;
mod connect;
mod entry;
mod error;
mod gather;
pub mod graph;
mod inside;
mod local;
mod map_stream;
mod process;
mod progress;
#[cfg(feature = "quic")]
mod quic;
mod runtime;
mod session;
mod sync;
pub mod trace;
mod wait;
mod whole_file;

pub use actor::{ActorFuture, ActorHandle, NewActor};
pub use as_completed::AsCompleted;
pub use case::{Case, CaseError, SavedCase, replay_case};
pub use client::{
    Calls, Checkpoint, Client, Dataset, Event, Gathering, HeatMap, Keyed, Lease, Lock, MultiLock, Persist, Plot,
    PlotBuilder, Publish, Queue, Rebalance, Recreate, Replicate, RunOnWorkers, Scatter, Semaphore, TaskStream, Tasks,
    Variable, WaitForWorkers,
};
pub use entry::init;
pub use error::ClientError;
pub use gather::Gather;
pub use inside::current;
pub use local::{LocalBuilder, LocalCluster};
pub use map_stream::{Items, MapStream};
#[cfg(feature = "quic")]
pub use process::{Image, supervisor};
pub use progress::{Progress, progress};
pub use wait::{Waited, wait, wait_first};

#[doc(hidden)]
pub mod private;

#[doc(hidden)]
pub use private as __private;

/// The tour's programs, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../docs/tour.md")]
pub struct Tour;
