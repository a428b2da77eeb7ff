//! What this machine allows, beside what ours reach of it in the same run.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Options, ours};
use crate::process;

/// A limit, and the workload of ours that is read beside it.
struct Pair {
    limit: &'static str,
    workload: &'static str,
    transport: &'static str,
    n: usize,
    field: &'static str,
}

const fn pair(limit: &'static str, workload: &'static str, transport: &'static str, n: usize) -> Pair {
    Pair { limit, workload, transport, n, field: "per_task_us" }
}

const fn bulk(limit: &'static str) -> Pair {
    Pair { field: "GBps", ..pair(limit, "transfer-bytes", "quic", 1) }
}

const PAIRS: &[Pair] = &[
    pair("thread wake-up, there and back", "latency", "inproc", 1_000),
    pair("tokio: spawn and join a no-op", "noop-many", "inproc", 100_000),
    pair("rayon: spawn and join a no-op", "noop-many", "inproc", 100_000),
    pair("UDP, 64 bytes there and back", "latency", "quic", 1_000),
    pair("raw quinn tuned, 64 bytes there and back", "latency", "quic", 1_000),
    bulk("TCP, bulk"),
    bulk("raw quinn as it comes, bulk"),
    bulk("raw quinn tuned, bulk"),
    bulk("copy of 256 MiB into fresh memory"),
];

/// Measures limits and ours, by turns, as often as asked for, and prints the medians and how many times the limit ours are.
pub(super) fn run(options: &Options) -> Result<()> {
    let (rounds, json) = (options.rounds(), options.json);
    let mut limits: BTreeMap<String, (Vec<f64>, String)> = BTreeMap::new();
    let mut found: BTreeMap<(&str, &str), Vec<f64>> = BTreeMap::new();
    for round in 1..=rounds {
        let begins = |what: &str| eprintln!("limits, round {round} of {rounds}: {what}");
        begins("the machine");
        let mut command = process::cargo();
        command.args(["bench", "--quiet", "--package", "brisk-transport-quic", "--bench", "limits"]);
        for row in rows(&process::output(&mut command).context("the limits")?, json)? {
            let text =
                |field: &str| row[field].as_str().map(str::to_owned).with_context(|| format!("no {field}: {row}"));
            let of = limits.entry(text("limit")?).or_insert_with(|| (Vec::new(), String::new()));
            of.0.push(number(&row, "value")?);
            of.1 = text("unit")?;
        }
        let mut measured = Vec::new();
        for Pair { workload, transport, n, field, .. } in PAIRS {
            if measured.contains(&(workload, transport)) {
                continue;
            }
            measured.push((workload, transport));
            begins(&format!("{workload}, {transport}"));
            let n = n.to_string();
            let lines = ours(
                options.allocator,
                &["--reps", "1", "--json", "--only", workload, "--transport", transport, "--n", &n],
            )?;
            for row in rows(&lines, json)? {
                found.entry((workload, transport)).or_default().push(number(&row, field)?);
            }
        }
    }
    if !json {
        print(&limits, &found);
    }
    Ok(())
}

fn print(limits: &BTreeMap<String, (Vec<f64>, String)>, found: &BTreeMap<(&str, &str), Vec<f64>>) {
    println!("\nmedians; and how many times the limit ours is\n");
    println!("| limit of this machine | value | ours | value | ratio |\n|---|--:|---|--:|--:|");
    for (limit, (values, unit)) in limits {
        let value = super::median(values);
        let mut beside = PAIRS.iter().filter(|pair| pair.limit == limit).peekable();
        if beside.peek().is_none() {
            println!("| {limit} | {value:.2} {unit} | | | |");
        }
        for Pair { workload, transport, .. } in beside {
            let Some(ours) = found.get(&(*workload, *transport)).map(|values| super::median(values)) else { continue };
            let ratio = ours / value;
            println!("| {limit} | {value:.2} {unit} | {workload}, {transport} | {ours:.2} {unit} | {ratio:.2} |");
        }
    }
}

fn rows(lines: &str, json: bool) -> Result<Vec<Value>> {
    let lines = lines.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| {
            if json {
                println!("{line}");
            }
            serde_json::from_str(line).with_context(|| format!("a result is no JSON: {line}"))
        })
        .collect()
}

fn number(row: &Value, field: &str) -> Result<f64> {
    row[field].as_f64().with_context(|| format!("no {field}: {row}"))
}
