//! Named stories, told step by step on the simulator: what must come of each is known. docs/faults.md says which row of
//! the catalogue of faults each one is.

mod found;
mod network;
mod peers;
mod scheduler;
mod stage;
mod submissions;
mod work;
