//! Schedules and what they cost: `--makespan`, `--workflow`, `--scale`.

use std::process::ExitCode;

use crate::scale;

use brisk_sim::quality::{
    graph::Graph,
    hosts::{Host, Hosts},
    makespan,
    spread::{self, Options},
    variation::Variation,
    wfformat, workflow,
};

/// The help for these.
pub(crate) const HELP: &str = "\
cargo xtask sim --makespan [FILE.json…]                families of graphs, and workflows, beside bounds and HEFT
cargo xtask sim --spread [--graphs N] [--orders] [--only TEXT] [FILE.json…]
                                                       the same of many graphs that differ by chance: means and extremes
cargo xtask sim --workflow FILE.json [--workers N] [--threads T] [--bandwidth BYTES]
                                                       one workflow in WfFormat, in virtual time
cargo xtask sim --scale                                what a task costs the scheduler: up to a million, on 10,000 workers";

/// What these arguments ask for; `None` if they ask for something else.
pub(crate) fn run(arguments: &[String]) -> Option<ExitCode> {
    let result = match arguments.first()?.as_str() {
        "--makespan" => tables(&arguments[1..]),
        "--spread" => spread_of(&arguments[1..]),
        "--workflow" => one_workflow(&arguments[1..]),
        "--scale" => scale::table().map(|()| String::new()),
        scale::LINE => scale::line(&arguments[1..]).map(|()| String::new()),
        _ => return None,
    };
    Some(match result {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            eprintln!("{wrong}");
            ExitCode::from(1)
        }
    })
}

fn tables(files: &[String]) -> Result<String, String> {
    let workflows = files.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>()?;
    makespan::tables(&workflows).map_err(|stuck| stuck.to_string())
}

fn spread_of(arguments: &[String]) -> Result<String, String> {
    let mut options = Options { variation: Variation::Times, graphs: 8, only: String::new() };
    let mut workflows = Vec::new();
    let mut given = arguments.iter();
    while let Some(argument) = given.next() {
        let mut value = || given.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--graphs" => {
                let number = value()?.parse().ok().filter(|number| (1..=1_000_000).contains(number));
                options.graphs = number.ok_or("--graphs needs a whole number from 1 to 1000000")?;
            }
            "--orders" => options.variation = Variation::Orders,
            "--only" => options.only = value()?.clone(),
            option if option.starts_with('-') => return Err(format!("`{option}` means nothing beside --spread")),
            path => workflows.push(read(path)?),
        }
    }
    spread::tables(&workflows, &options).map_err(|stuck| stuck.to_string())
}

fn one_workflow(arguments: &[String]) -> Result<String, String> {
    let (mut file, mut workers, mut threads, mut bandwidth) = (None, 8, 4, 1_000_000_000);
    let mut given = arguments.iter();
    while let Some(argument) = given.next() {
        let mut number = |least: u64, most: u64| {
            let value = given.next().ok_or_else(|| format!("{argument} needs a number"))?;
            let number = value.parse().ok().filter(|number| (least..=most).contains(number));
            number.ok_or_else(|| format!("{argument} needs a whole number from {least} to {most}, not `{value}`"))
        };
        match argument.as_str() {
            "--workers" => workers = number(1, 100_000)?,
            "--threads" => threads = number(1, 100_000)?,
            "--bandwidth" => bandwidth = number(1, u64::MAX)?,
            option if option.starts_with('-') => return Err(format!("`{option}` means nothing beside --workflow")),
            path if file.is_none() => file = Some(path),
            path => return Err(format!("one workflow at a time: `{path}` is a second")),
        }
    }
    let graph = read(file.ok_or("--workflow needs a file")?)?;
    let host = Host { threads: threads as u32, speed: 100 };
    let mut hosts = Hosts::of(&format!("{workers} × {threads}"), vec![host; workers as usize]);
    hosts.bandwidth = bandwidth;
    workflow::report(&graph, &hosts).map_err(|stuck| stuck.to_string())
}

fn read(file: &str) -> Result<Graph, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{file} can't be read: {error}"))?;
    wfformat::read(&text).map_err(|wrong| format!("{file}: {wrong}"))
}
