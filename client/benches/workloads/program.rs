//! Measures workloads as the command line asks for them.
//!
//! The workloads and the fields of their results are those that other systems are measured by: a JSON line a
//! measurement, with `system`, `mode`, `workload`, `n`, `seconds`, `per_task_us` and what else a workload tells. Two workers
//! of one thread each, everywhere.

use std::process::{Command, ExitCode};

use brisk_client::{Client, LocalBuilder, LocalCluster};

#[path = "../../../dashboard/tests/support/browser.rs"]
mod browser;
mod report;
mod tasks;
mod workloads;

use report::Report;
use workloads::{Often, On};

/// A cluster to measure on.
pub(crate) struct Bench {
    pub(crate) cluster: LocalCluster,
    pub(crate) client: Client,
    pub(crate) transport: Transport,
    pub(crate) report: Report,
}

/// What is to be measured.
struct Options {
    only: Option<String>,
    transports: Vec<Transport>,
    repetitions: usize,
    json: bool,
    /// Sizes in place of the usual ones.
    n: Vec<usize>,
}

/// How workers are reached.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Inproc,
    Quic,
}

impl Transport {
    fn name(self) -> &'static str {
        match self {
            Transport::Inproc => "inproc",
            Transport::Quic => "quic",
        }
    }

    /// The cluster that everything is measured on.
    pub(crate) fn builder(self) -> LocalBuilder {
        let builder = LocalBuilder::default().workers(2).threads(1);
        if self == Transport::Quic { builder.processes() } else { builder }
    }
}

/// The whole program.
pub(crate) async fn run() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!(
                "{error}\nusage: workloads [--only WORKLOAD] [--transport inproc|quic] [--reps R] [--n N]... [--json]"
            );
            return ExitCode::FAILURE;
        }
    };
    for transport in &options.transports {
        if let Err(error) = measure(&options, *transport).await {
            eprintln!("{}: {error:?}", transport.name());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

async fn measure(options: &Options, transport: Transport) -> anyhow::Result<()> {
    let cluster = transport.builder().start().await?;
    let client = cluster.client().await?;
    client.wait_for_workers(2).await?;
    let mut bench = Bench { cluster, client, transport, report: Report::new(transport.name(), options.json) };
    for workload in workloads::ALL {
        let fits = workload.on == On::Everything || transport == Transport::Quic;
        if !fits || options.only.as_deref().is_some_and(|only| !workload.is_called(only)) {
            continue;
        }
        if workload.often == Often::Once && options.only.as_deref() != Some(workload.name) {
            alone(options, transport, workload.name)?;
            continue;
        }
        let sizes = if options.n.is_empty() { workload.sizes } else { &options.n };
        for n in sizes {
            if workload.often == Often::Once {
                bench.report.begin();
                (workload.run)(&mut bench, *n).await?;
                bench.report.end();
                continue;
            }
            // Once for the caches.
            bench.report.mute();
            (workload.run)(&mut bench, *n).await?;
            bench.report.begin();
            for _ in 0..options.repetitions {
                (workload.run)(&mut bench, *n).await?;
            }
            bench.report.end();
        }
    }
    bench.client.close().await;
    bench.cluster.close().await;
    Ok(())
}

/// Runs one workload in a program of its own.
fn alone(options: &Options, transport: Transport, workload: &str) -> anyhow::Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--only", workload, "--transport", transport.name()]);
    command.args(options.json.then_some("--json"));
    for n in &options.n {
        command.args(["--n", &n.to_string()]);
    }
    let status = command.status()?;
    anyhow::ensure!(status.success(), "{workload} ended with {status}");
    Ok(())
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let transports = vec![Transport::Inproc, Transport::Quic];
        let mut options = Options { only: None, transports, repetitions: 5, json: false, n: Vec::new() };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} takes a value"));
            match argument.as_str() {
                "--only" => {
                    let only = value()?;
                    if !workloads::ALL.iter().any(|workload| workload.is_called(&only)) {
                        let names: Vec<_> = workloads::ALL.iter().map(|workload| workload.name).collect();
                        return Err(format!("there is no workload `{only}`; there are {}", names.join(", ")));
                    }
                    options.only = Some(only);
                }
                "--transport" => {
                    options.transports = match value()?.as_str() {
                        "inproc" => vec![Transport::Inproc],
                        "quic" => vec![Transport::Quic],
                        other => return Err(format!("there is no transport `{other}`")),
                    };
                }
                "--reps" => options.repetitions = value()?.parse().map_err(|_| "--reps takes a number".to_owned())?,
                "--n" => options.n.push(value()?.parse().map_err(|_| "--n takes a number".to_owned())?),
                "--json" => options.json = true,
                // What `cargo bench` adds by itself.
                "--bench" => {}
                other => return Err(format!("`{other}` is not known")),
            }
        }
        Ok(options)
    }
}
