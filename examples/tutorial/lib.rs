//! The chapters of docs/tutorial.md are this package's examples: `cargo run --example 01_futures`.
