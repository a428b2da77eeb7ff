//! Spans that follow a task from where it is submitted to where it runs.
//!
//! A task runs in a [`tracing`](https://docs.rs/tracing) span `task`, of the target `brisk::task`, with its key, function, attempt and
//! worker; what it says is said in that span, and so shows which task said it. If the call was submitted within a span, the
//! task's span is below that one: as its child, if both are in one process, and otherwise by name (`within`) and ids (`parent`). That span
//! is of level INFO; of tasks that were submitted in none it is DEBUG. Calls of actors and those of [`Client::run`](crate::Client::run)
//! have such spans too. Nothing of all this costs anything where no subscriber takes
//! an interest.
//!
//! Worker processes need a subscriber of their own, which `setup` installs in both:
//!
//! ```
//! use brisk_client::{Client, task};
//! use tracing::Instrument;
//!
//! #[task]
//! fn load(file: String) -> usize {
//!     // import:task{key=load-5f3a91c2 function="load" attempt=1 worker="worker-0" …}: loading a.csv
//!     tracing::info!("loading {file}");
//!     file.len()
//! }
//!
//! fn log() {
//!     tracing_subscriber::fmt().init();
//! }
//!
//! #[brisk_client::main(setup = log)]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let client = Client::local().await?;
//!     let import = async { client.submit(load("a.csv")).await };
//!     assert_eq!(import.instrument(tracing::info_span!("import")).await?, 5);
//!     Ok(())
//! }
//! ```
//!
//! Ids are those of [W3C trace contexts](https://www.w3.org/TR/trace-context/). A program whose spans go to a tracing system says by a
//! [`Propagator`] how that system knows them; with `tracing-opentelemetry`, for instance, `current` reads `span.context()`, and
//! `adopt` calls `span.set_parent(…)` with a remote span context of the ids.

pub use brisk_core::trace::TraceContext;
pub use brisk_worker::server::{Propagator, current_trace as current, set_propagator};
