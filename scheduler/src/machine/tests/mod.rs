//! Unit tests: a state, an event, the exact actions.

mod bench;
mod copies;
mod counting;
mod departing;
mod dispatching;
mod failing;
mod full;
mod lineage;
mod live_bytes;
mod losing;
mod no_worker;
mod offering;
mod ordering;
mod pausing;
mod placing;
mod publishing;
mod queueing;
mod retiring;
mod scattering;
mod sent_ahead;
mod speeds;
mod starting_once;
mod stealing;
mod submitting;
mod suspecting;
mod targets;
