//! How far makespans are spread over graphs that differ by chance: as tables.

use std::fmt::Write;

use super::{
    graph::Graph,
    hosts::Hosts,
    machines::Stuck,
    makespan::{Row, Setting, compare, settings},
    variation::Variation,
};

/// Which graphs.
#[derive(Clone, Debug)]
pub struct Options {
    /// What differs from graph to graph.
    pub variation: Variation,
    /// How many there are of each.
    pub graphs: u64,
    /// Only lines in whose hosts, data and name, as in `3 × (1, 4, 16), dear data: chains`, this occurs.
    pub only: String,
}

/// The tables of [`makespan`](super::makespan), each line over many graphs: as Markdown.
///
/// # Errors
/// If the machines do not finish.
pub fn tables(workflows: &[Graph], options: &Options) -> Result<String, Stuck> {
    let mut text = String::new();
    for Setting { hosts, data, graphs } in settings(workflows) {
        let mut has_head = false;
        for graph in &graphs {
            if !format!("{}, {data} data: {}", hosts.name, graph.name).contains(&options.only) {
                continue;
            }
            if !std::mem::replace(&mut has_head, true) {
                let _ = writeln!(text, "\nWorkers {}, {data} data\n\n{HEAD}", hosts.name);
            }
            line(&mut text, graph, &hosts, options, is_held_to_bound(graph, data))?;
        }
    }
    Ok(text)
}

const HEAD: &str = "\
| graph | graphs | Brisk / bound | least – most | Brisk / HEFT | least – most | HEFT / bound | in turn / bound | least – most \
| target met | as good as in turn | moved, MB |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|";

fn line(text: &mut String, graph: &Graph, hosts: &Hosts, options: &Options, to_bound: bool) -> Result<(), Stuck> {
    let rows = (0..options.graphs).map(|seed| compare(&options.variation.of(graph, seed), hosts));
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let bound = |row: &Row| row.bound_ns.max(1) as f64;
    let brisk = Spread::of(&rows, |row| row.brisk.makespan_ns as f64 / bound(row));
    let beside_heft = Spread::of(&rows, |row| row.brisk.makespan_ns as f64 / row.heft.makespan_ns.max(1) as f64);
    let heft = Spread::of(&rows, |row| row.heft.makespan_ns as f64 / bound(row));
    let in_turn = Spread::of(&rows, |row| row.round_robin.makespan_ns as f64 / bound(row));
    let moved = Spread::of(&rows, |row| row.brisk.moved_bytes as f64 / 1e6);
    let target = |row: &Row| match to_bound {
        true => row.brisk.makespan_ns as f64 <= 1.2 * row.bound_ns as f64,
        false => row.brisk.makespan_ns as f64 <= 1.1 * row.heft.makespan_ns as f64,
    };
    let _ = writeln!(
        text,
        "| {} | {} | {:.3} | {:.2} – {:.2} | {:.3} | {:.2} – {:.2} | {:.3} | {:.3} | {:.2} – {:.2} | {:.0} % | {:.0} % | {:.0} |",
        graph.name,
        rows.len(),
        brisk.mean,
        brisk.least,
        brisk.most,
        beside_heft.mean,
        beside_heft.least,
        beside_heft.most,
        heft.mean,
        in_turn.mean,
        in_turn.least,
        in_turn.most,
        percent(&rows, target),
        percent(&rows, |row| row.brisk.makespan_ns <= row.round_robin.makespan_ns),
        moved.mean,
    );
    Ok(())
}

/// Whether the target for a graph is 1.2 times the bound; else it is 1.1 times HEFT.
fn is_held_to_bound(graph: &Graph, data: &str) -> bool {
    let families = ["shuffle", "stencil", "Cholesky", "fan out, fan in", "random layers"];
    data == "cheap" && !families.contains(&&*graph.name)
}

struct Spread {
    least: f64,
    mean: f64,
    most: f64,
}

impl Spread {
    fn of(rows: &[Row], value: impl Fn(&Row) -> f64) -> Spread {
        let values = || rows.iter().map(&value);
        Spread {
            least: values().fold(f64::INFINITY, f64::min),
            mean: values().sum::<f64>() / rows.len().max(1) as f64,
            most: values().fold(0.0, f64::max),
        }
    }
}

fn percent(rows: &[Row], holds: impl Fn(&Row) -> bool) -> f64 {
    100.0 * rows.iter().filter(|row| holds(row)).count() as f64 / rows.len().max(1) as f64
}
