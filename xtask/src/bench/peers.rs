//! The same workloads on other systems, by turns with ours, in one run.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{Options, median, ours};
use crate::process;

/// A system that ours is measured against.
struct Peer {
    name: &'static str,
    script: &'static str,
    packages: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
    /// Whether it listens on other interfaces than loopback unless there are none.
    isolated: bool,
    /// Its modes, and which of our transports each is compared with.
    modes: &'static [(&'static str, &'static str)],
    lacks: &'static [&'static str],
}

const PEERS: &[Peer] = &[
    Peer {
        name: "dask",
        script: "dask_bench.py",
        packages: &["dask==2026.8.0", "distributed==2026.8.0", "numpy"],
        environment: &[("DASK_DISTRIBUTED__SCHEDULER__WORKER_SATURATION", "inf")],
        isolated: false,
        modes: &[("procs", "quic"), ("threads", "inproc")],
        lacks: &[],
    },
    Peer {
        name: "ray",
        script: "ray_bench.py",
        packages: &["ray==2.60.0", "numpy"],
        environment: &[],
        isolated: true,
        modes: &[("one", "quic")],
        lacks: &["noop-map"],
    },
    Peer {
        name: "threads",
        script: "concurrent_futures_bench.py",
        packages: &[],
        environment: &[],
        isolated: false,
        modes: &[("threads", "inproc")],
        lacks: &[
            "noop-map",
            "chain",
            "tree-reduce",
            "wide-shuffle",
            "wide-shuffle-direct",
            "transfer-bytes",
            "transfer-array",
            "scatter-gather",
            "graph-submit",
            "failure",
        ],
    },
];

/// A workload under the name that peers have for it, and what is asked of ours for it. The sizes are such that the slowest
/// takes a minute.
struct Pair {
    peers: &'static str,
    ours: &'static [&'static str],
    n: usize,
    size: Option<usize>,
}

const fn pair(peers: &'static str, ours: &'static [&'static str], n: usize) -> Pair {
    Pair { peers, ours, n, size: None }
}

const PAIRS: &[Pair] = &[
    pair("noop-many", &["noop-many"], 10_000),
    pair("noop-map", &["noop-map"], 10_000),
    pair("map-inc-gather", &["map-inc-gather"], 10_000),
    pair("latency", &["latency"], 1_000),
    pair("as-completed", &["as-completed"], 1_000),
    pair("chain", &["chain"], 1_000),
    pair("tree-reduce", &["tree-reduce"], 1 << 14),
    pair("wide-shuffle", &["wide-shuffle"], 64),
    pair("wide-shuffle-direct", &["wide-shuffle-direct"], 64),
    pair("transfer-bytes", &["transfer-bytes"], 1),
    pair("transfer-array", &["transfer-array"], 1),
    Pair {
        size: Some(64 << 10),
        ..pair("transfer-bytes", &["transfer-bytes-small", "transfer-bytes-one-consumer"], 1_000)
    },
    Pair {
        size: Some(64 << 10),
        ..pair("transfer-array", &["transfer-array-small", "transfer-array-one-consumer"], 1_000)
    },
    Pair { size: Some(64 << 20), ..pair("scatter-gather", &["scatter-gather-bytes", "scatter-gather-array"], 1) },
    pair("graph-submit", &["graph-submit"], 100_000),
    pair("startup", &["startup"], 1),
    pair("failure", &["failure-undisturbed", "failure-killed"], 200),
];

/// What is measured: a workload at a size.
type What = (String, u64);

/// Seconds of all measurements, by what was measured and who did it.
#[derive(Default)]
struct Results(BTreeMap<What, BTreeMap<(String, String), Vec<f64>>>);

/// Measures ours and the named peers, by turns, and prints medians and ratios.
pub(super) fn run(options: &Options) -> Result<()> {
    let (only, json, rounds) = (options.only.as_deref(), options.json, options.rounds());
    let peers = options.peers.iter().map(|name| find(name)).collect::<Result<Vec<_>>>()?;
    let place = options.peers_venv.as_deref();
    let installed = peers.iter().map(|peer| install(peer, place)).collect::<Result<Vec<_>>>()?;
    let pairs: Vec<&Pair> = PAIRS.iter().filter(|pair| only.is_none_or(|only| pair.peers == only)).collect();
    ensure!(!pairs.is_empty(), "no peer has the workload `{}`", only.unwrap_or_default());
    let mut results = Results::default();
    for (at, pair) in pairs.iter().enumerate() {
        for round in 1..=rounds {
            // To standard error: some take a minute, and what is printed is for the table, or for programs.
            let begins = |who: &str| {
                eprintln!("{} ({} of {}), round {round} of {rounds}: {who}", pair.peers, at + 1, pairs.len());
            };
            for workload in pair.ours {
                begins("brisk");
                let arguments = ["--reps", "1", "--json", "--only", workload, "--n", &pair.n.to_string()];
                results.add(&ours(options.allocator, &arguments)?, json)?;
            }
            for (peer, python) in peers.iter().zip(&installed) {
                for (mode, _) in peer.modes.iter().filter(|_| !peer.lacks.contains(&pair.peers)) {
                    begins(&format!("{} in {mode}", peer.name));
                    results.add(&measure(peer, python, mode, pair)?, json)?;
                }
            }
        }
    }
    if !json {
        results.print(&peers);
    }
    Ok(())
}

/// The Python that has Dask. Makes its virtual environment below `place`, if it is not there.
pub(super) fn dask(place: Option<&Path>) -> Result<PathBuf> {
    install(find("dask")?, place)
}

fn find(name: &str) -> Result<&'static Peer> {
    let known = || PEERS.iter().map(|peer| peer.name).collect::<Vec<_>>().join(", ");
    PEERS
        .iter()
        .find(|peer| peer.name == name)
        .with_context(|| format!("there is no peer `{name}`; there are {}", known()))
}

/// A peer's Python. Makes its virtual environment, if it is not there.
fn install(peer: &Peer, place: Option<&Path>) -> Result<PathBuf> {
    let place = match place {
        Some(place) => place.to_path_buf(),
        None => process::target_directory()?.join("peers"),
    };
    let directory = place.join(peer.name);
    let (python, done) = (directory.join("bin/python"), directory.join("installed"));
    let wanted = peer.packages.join("\n");
    // Other versions than these are not what is compared with.
    if fs::read_to_string(&done).is_ok_and(|installed| installed.trim_end() == wanted) {
        return Ok(python);
    }
    let make = || {
        fs::create_dir_all(&directory)?;
        process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&directory))?;
        if !peer.packages.is_empty() {
            process::run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(peer.packages))?;
        }
        anyhow::Ok(fs::write(done, &wanted)?)
    };
    make().with_context(|| {
        let packages = peer.packages.join(" ");
        format!(
            "{} could not be installed into {}: this takes python3 with its venv module, and pip that reaches PyPI for \
             `{packages}`. Another place is given by --peers-venv DIRECTORY or BRISK_PEERS",
            peer.name,
            directory.display()
        )
    })?;
    Ok(python)
}

/// One round of a workload on a peer. What it printed.
fn measure(peer: &Peer, python: &PathBuf, mode: &str, pair: &Pair) -> Result<String> {
    let scripts = process::root().join("xtask/peers");
    let mut command = if peer.isolated {
        let mut command = Command::new("sh");
        command.arg(scripts.join("loopback.sh")).arg(python);
        command
    } else {
        Command::new(python)
    };
    command.arg(scripts.join(peer.script)).arg(pair.peers).args(["--mode", mode, "--reps", "1"]);
    if !matches!(pair.peers, "startup") {
        command.args(["--n", &pair.n.to_string()]);
    }
    if let Some(size) = pair.size {
        command.args(["--size", &size.to_string()]);
    }
    process::output(command.envs(peer.environment.iter().copied()))
}

impl Results {
    fn add(&mut self, lines: &str, json: bool) -> Result<()> {
        let mut any = false;
        for line in lines.lines().filter(|line| line.starts_with('{')) {
            if json {
                println!("{line}");
            }
            let row: Value = serde_json::from_str(line).with_context(|| format!("a result is no JSON: {line}"))?;
            let text =
                |field: &str| row[field].as_str().map(str::to_owned).with_context(|| format!("no {field}: {line}"));
            let mut workload = text("workload")?;
            if row["direct"] == Value::Bool(false) {
                // Through the scheduler, which ours never does.
                workload.push_str(" by the scheduler");
            }
            let what = (workload, row["n"].as_u64().with_context(|| format!("no n: {line}"))?);
            let seconds = row["seconds"].as_f64().with_context(|| format!("no seconds: {line}"))?;
            self.0.entry(what).or_default().entry((text("system")?, text("mode")?)).or_default().push(seconds);
            any = true;
        }
        if any { Ok(()) } else { bail!("no result was printed, but:\n{lines}") }
    }

    fn print(&self, peers: &[&Peer]) {
        println!("\nseconds, medians; and how many times as long as ours the other took\n");
        println!("| workload | n | system | mode | seconds | Brisk there | ratio |\n|---|---|---|---|---|---|---|");
        for ((workload, n), by_system) in &self.0 {
            let ours = |transport: &str| {
                by_system.get(&("brisk".to_owned(), transport.to_owned())).map(|seconds| median(seconds))
            };
            for ((system, mode), seconds) in by_system.iter().filter(|((system, _), _)| system != "brisk") {
                let theirs = median(seconds);
                let modes = peers.iter().flat_map(|peer| peer.modes);
                let transport = modes.into_iter().find(|(other, _)| other == mode).map_or("quic", |(_, ours)| ours);
                let Some(ours) = ours(transport) else { continue };
                println!(
                    "| {workload} | {n} | {system} | {mode} | {theirs:.6} | {transport} {ours:.6} | {:.1} |",
                    theirs / ours
                );
            }
        }
    }
}
