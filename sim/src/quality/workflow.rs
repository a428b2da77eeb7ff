//! One workflow on some hosts: what `--workflow` prints.

use std::fmt::Write;

use super::{
    bound::{even_share_ns, longest_path_ns},
    graph::Graph,
    hosts::Hosts,
    machines::Stuck,
    makespan::{Row, compare},
    outcome::Outcome,
    windows::windows_ns,
};

/// Runs a workflow by every scheduler, and says in words and numbers what came of it.
///
/// # Errors
/// If a task is too wide for every host, or the machines do not finish.
pub fn report(graph: &Graph, hosts: &Hosts) -> Result<String, Stuck> {
    let row = compare(graph, hosts)?;
    let mut text = String::new();
    let seconds = |ns: u64| ns as f64 / 1e9;
    let _ = writeln!(
        text,
        "{}: {} tasks of {} functions, {} dependencies, {:.1} MB of values that others need",
        graph.name,
        graph.tasks.len(),
        graph.functions.len(),
        graph.edges(),
        needed_bytes(graph) / 1e6,
    );
    let _ = writeln!(
        text,
        "{} workers, {} threads, {:.3} GB/s each way",
        hosts.hosts.len(),
        hosts.threads(),
        hosts.bandwidth as f64 / 1e9
    );
    let _ = writeln!(
        text,
        "bound {:.3} s: longest path {:.3} s, all work on all threads {:.3} s, both together {:.3} s\n",
        seconds(row.bound_ns),
        seconds(longest_path_ns(graph, hosts)),
        seconds(even_share_ns(graph, hosts)),
        seconds(windows_ns(graph, hosts)),
    );
    table(&mut text, hosts, &row);
    Ok(text)
}

fn table(text: &mut String, hosts: &Hosts, row: &Row) {
    let _ = writeln!(text, "| scheduler | makespan, s | / bound | moved, MB | transfers | idle |");
    let _ = writeln!(text, "|---|--:|--:|--:|--:|--:|");
    let schedulers: [(&str, &Outcome); 4] =
        [("Brisk", &row.brisk), ("HEFT", &row.heft), ("in turn", &row.round_robin), ("random", &row.at_random)];
    for (name, outcome) in schedulers {
        let _ = writeln!(
            text,
            "| {name} | {:.3} | {} | {:.1} | {} | {:.1} % |",
            outcome.makespan_ns as f64 / 1e9,
            ratio(outcome.makespan_ns, row.bound_ns),
            outcome.moved_bytes as f64 / 1e6,
            outcome.transfers,
            100.0 * outcome.idle_share(hosts),
        );
    }
}

/// Beside a bound of no time nothing can be said.
fn ratio(makespan_ns: u64, bound_ns: u64) -> String {
    if bound_ns == 0 { "–".to_owned() } else { format!("{:.3}", makespan_ns as f64 / bound_ns as f64) }
}

fn needed_bytes(graph: &Graph) -> f64 {
    let children = graph.children();
    let needed = graph.tasks.iter().zip(&children).filter(|(_, children)| !children.is_empty());
    needed.fold(0.0, |sum, (task, _)| sum + task.nbytes as f64)
}
