//! What is counted, case by case. Each prepares what it needs, does its work inside [`measured`], and says how many tasks
//! (or whatever it is about) that was for. Whoever counts turns counting on and off at the calls of that function, by its
//! name.

mod client;
mod codec;
mod scheduler;
mod worker;

/// A case: its name, and what to run.
type Case = (&'static str, fn() -> u32);

const CASES: &[Case] = &[
    ("client: plan and seal a call", client::plan_and_seal),
    ("codec: encode a submitted task", codec::encode_submission),
    ("codec: decode a submitted task", codec::decode_submission),
    ("codec: encode an assignment", codec::encode_assignments),
    ("codec: decode an assignment", codec::decode_assignments),
    ("codec: encode a report", codec::encode_reports),
    ("codec: decode a report", codec::decode_reports),
    ("scheduler: a life, 1,000 tasks live", scheduler::life_among_1k),
    ("scheduler: a life, 100,000 tasks live", scheduler::life_among_100k),
    ("scheduler: a life, 1,000,000 tasks live", scheduler::life_among_1m),
    ("scheduler: a life, 1,000 workers", scheduler::life_with_1k_workers),
    ("scheduler: a life, with records", scheduler::life_with_records),
    ("scheduler: a life in chains", scheduler::life_in_chains),
    ("scheduler: a life in pairs", scheduler::life_in_pairs),
    ("scheduler: a worker leaves 1,000", scheduler::leaving_1k),
    ("scheduler: a worker leaves 10,000", scheduler::leaving_10k),
    ("worker: a life", worker::life),
];

/// Prints the names of all cases.
pub(crate) fn list() {
    CASES.iter().for_each(|(name, _)| println!("{name}"));
}

/// Runs a case, and prints how many tasks it was for.
pub(crate) fn run(name: &str) -> Result<(), String> {
    let (_, case) =
        CASES.iter().find(|(known, _)| *known == name).ok_or_else(|| format!("there is no case `{name}`"))?;
    println!("{}", case());
    // What the case has left is not taken apart first: that would take longer than the case.
    std::process::exit(0);
}

/// What is counted. Never part of its caller, and never called from inside itself.
#[inline(never)]
fn measured<T>(work: impl FnOnce() -> T) -> T {
    std::hint::black_box(work())
}
