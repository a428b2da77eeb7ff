//! Collections in partitions, for programs that use [`brisk_client`]: data larger than one worker's memory, or read by many
//! at once.
//!
//! A collection is *lazy*: a list of partitions and the calls that make them. Nothing is read or computed until it is submitted,
//! and then only what the result needs.
//!
//! ```
//! use brisk_client::{Client, task};
//! use brisk_collections::{Collection, array::Array, bag};
//!
//! #[task]
//! fn is_even(x: &i64) -> bool {
//!     x % 2 == 0
//! }
//!
//! #[brisk_client::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let client = Client::local().await?;
//!
//!     let even = bag::range(0..1_000, 4)?.filter(is_even);
//!     let (count, sum) = client.compute((even.count(), even.sum())); // two futures, at once
//!     assert_eq!((count.await?, sum.await?), (500, 249_500));
//!
//!     let x = Array::<f64>::random([400, 400], 42)?.chunks(100)?;
//!     let x = client.persist(x);                                     // the same type, made and kept by the workers
//!     x.wait().await?;
//!     let spread = client.submit((&x - &x.t()).abs().mean()).await?;
//!     assert!((spread - 1.0 / 3.0).abs() < 0.01);
//!     drop(x);                                                       // and released
//!     Ok(())
//! }
//! ```
//!
//! # Where to find what
//!
//! | for | see |
//! |---|---|
//! | elements of one type: lines, records, anything | [`Bag`] and the module [`bag`] |
//! | text, compressed or not; JSON lines; CSV | [`bag::read_text`], [`bag::ReadText`], [`bag::read_json`], `bag::read_csv`, [`record!`] |
//! | bad lines | [`Bag::on_error`], [`Bag::skipped`] |
//! | writing files, one a partition | [`Bag::to_text`], [`Bag::to_json`] |
//! | numbers in n dimensions | [`Array`](array::Array) and the module [`mod@array`] |
//! | `.npy` and HDF5 files | [`Array::open_npy`](array::Array::open_npy), `Array::open_hdf5` (feature `hdf5`) |
//! | how arrays are cut | [`Array::chunks`](array::Array::chunks), [`Chunks`](array::Chunks): by lengths, or by bytes |
//! | computing, keeping, pictures of the graph | [`Collection`], [`Client::persist`](brisk_client::Client::persist) |
//! | how wide trees of reductions are | [`FanIn`](foundation::FanIn) |
//! | what is wrong before anything runs | [`CollectionError`], [`ArrayError`](array::ArrayError); later it is the future's error |
//!
//! # What a step costs
//!
//! Steps over elements make no task of their own: of a bag, all steps between two places where data must move are one task a partition;
//! of an array, a chain of element-wise steps is one task a block, and goes into the reduction behind it. So steps may be as small as
//! they read best. What decides is how large a partition is: a task costs some ten microseconds, and a partition should take
//! milliseconds and fit into a thread's memory several times over.
//!
//! Workers are your own program: if its functions make and drop many small strings, an allocator such as `mimalloc` as its
//! `#[global_allocator]` serves them as well.
//!
//! # Features
//!
//! `csv`, `gzip` and `zstd` are there unless they are turned off. `hdf5` needs the system's library: `libhdf5-dev` on Debian and Ubuntu,
//! `hdf5` with Homebrew.
#![forbid(unsafe_code)]

pub mod array;
pub mod bag;
pub mod foundation;

pub use bag::Bag;
pub use foundation::{Collection, CollectionError};
