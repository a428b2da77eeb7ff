//! Makespans in tables: Brisk beside what can't be beaten, and beside schedulers of textbooks.

use std::fmt::Write;

use brisk_scheduler::machine::Config;

use super::{
    bound::bound_ns,
    families::{self, Costs},
    graph::Graph,
    heft::Problem,
    hosts::Hosts,
    listed,
    machines::{self, Stuck},
    outcome::Outcome,
    placements::{AtRandom, Planned, RoundRobin, submission_order},
};

/// One graph on some hosts, by every scheduler.
#[derive(Clone, Debug)]
pub struct Row {
    /// What no schedule beats.
    pub bound_ns: u64,
    /// The real machines.
    pub brisk: Outcome,
    /// What HEFT promises, on a network where transfers do not disturb one another.
    pub heft_plan_ns: u64,
    /// What comes of it on the network that all others have.
    pub heft: Outcome,
    /// Threads in turn.
    pub round_robin: Outcome,
    /// Any thread.
    pub at_random: Outcome,
}

/// Runs one graph by every scheduler.
///
/// # Errors
/// If the machines do not finish.
pub fn compare(graph: &Graph, hosts: &Hosts) -> Result<Row, Stuck> {
    let mut config = Config::default();
    (config.bandwidth_bytes_per_second, config.latency) = (hosts.bandwidth, hosts.latency);
    let brisk = machines::run(graph, hosts, &config)?;
    let plan = Problem::of(graph, hosts).solve();
    let order = submission_order(graph);
    Ok(Row {
        bound_ns: bound_ns(graph, hosts),
        brisk,
        heft_plan_ns: plan.makespan,
        heft: listed::run(graph, hosts, &plan.order, &mut Planned(plan.hosts)),
        round_robin: listed::run(graph, hosts, &order, &mut RoundRobin::new(hosts)),
        at_random: listed::run(graph, hosts, &order, &mut AtRandom::new(hosts)),
    })
}

/// All families, and the workflows given, on equal and on unequal hosts, with cheap and with dear data: as Markdown.
///
/// # Errors
/// If the machines do not finish.
pub fn tables(workflows: &[Graph]) -> Result<String, Stuck> {
    let mut text = String::new();
    for Setting { hosts, data, graphs } in settings(workflows) {
        let _ = writeln!(text, "\nWorkers {}, {data} data\n\n{HEAD}", hosts.name);
        for graph in graphs {
            line(&mut text, &graph, &hosts, &compare(&graph, &hosts)?);
        }
    }
    Ok(text)
}

/// What one table is about.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Where graphs run.
    pub hosts: Hosts,
    /// Whether values are `cheap` to move or `dear`.
    pub data: &'static str,
    /// What runs: all families, then workflows.
    pub graphs: Vec<Graph>,
}

/// All tables.
pub fn settings(workflows: &[Graph]) -> impl Iterator<Item = Setting> {
    const WORK_NS: u64 = 100_000_000;
    let hosts = [Hosts::equal(8, 4), Hosts::mixed(3), Hosts::uneven(4), Hosts::uneven(4).told()];
    // A value of 1 KB moves in no time; one of 100 MB as long as a task runs.
    let data = [("cheap", 1_000), ("dear", 100_000_000)];
    let pairs = hosts.into_iter().flat_map(move |hosts| data.map(|data| (hosts.clone(), data)));
    pairs.map(|(hosts, (data, nbytes))| {
        let mut graphs = families::all(Costs { work_ns: WORK_NS, nbytes });
        // Workflows bring their own lengths: they are in every table with cheap data.
        graphs.extend(workflows.iter().filter(|_| data == "cheap").cloned());
        Setting { hosts, data, graphs }
    })
}

const HEAD: &str = "\
| graph | tasks | bound, s | Brisk, s | Brisk / bound | Brisk / HEFT | HEFT plan / bound | HEFT / bound | in turn / bound \
| random / bound | moved, MB | HEFT moved, MB | idle |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|";

fn line(text: &mut String, graph: &Graph, hosts: &Hosts, row: &Row) {
    let bound = row.bound_ns.max(1) as f64;
    let ratio = |ns: u64| ns as f64 / bound;
    let _ = writeln!(
        text,
        "| {} | {} | {:.3} | {:.3} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.0} | {:.0} | {:.0} % |",
        graph.name,
        graph.tasks.len(),
        bound / 1e9,
        row.brisk.makespan_ns as f64 / 1e9,
        ratio(row.brisk.makespan_ns),
        row.brisk.makespan_ns as f64 / row.heft.makespan_ns.max(1) as f64,
        ratio(row.heft_plan_ns),
        ratio(row.heft.makespan_ns),
        ratio(row.round_robin.makespan_ns),
        ratio(row.at_random.makespan_ns),
        row.brisk.moved_bytes as f64 / 1e6,
        row.heft.moved_bytes as f64 / 1e6,
        100.0 * row.brisk.idle_share(hosts),
    );
}
