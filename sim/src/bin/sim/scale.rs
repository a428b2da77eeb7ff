//! `--scale`: what a task costs the scheduler, by numbers of tasks and workers.
//!
//! Each line is measured by a process of its own, so that none finds the memory that another has left. Times are those of
//! the clock, times the share of a processor that the process had: others may run on the same machine.

#![allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::{
    process::Command,
    time::{Duration, Instant},
};

use brisk_sim::quality::scale::{Counts, Load, Phase, Shape, Watch, run};

/// The argument of a process that measures one line.
pub(crate) const LINE: &str = "--scale-line";

const SHAPES: [(&str, Shape); 3] =
    [("independent", Shape::Independent), ("pairs", Shape::Pairs), ("chains", Shape::Chains)];

/// All lines, as they are measured.
pub(crate) fn table() -> Result<(), String> {
    println!(
        "| graph | tasks | workers | µs a task | of which submission | bytes a live task | µs a joining worker \
         | µs a leaving worker | events a task | tasks in virtual time | whole run, s |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    let program = std::env::current_exe().map_err(|error| format!("this program has no path: {error}"))?;
    for (name, _) in SHAPES {
        for tasks in [10_000, 100_000, 1_000_000] {
            for workers in [10, 100, 1_000, 10_000] {
                let arguments = [LINE.to_owned(), name.to_owned(), tasks.to_string(), workers.to_string()];
                let status = Command::new(&program).args(arguments).status();
                let status = status.map_err(|error| format!("{} can't be started: {error}", program.display()))?;
                if !status.success() {
                    return Err(format!("{tasks} tasks ({name}) on {workers} workers: {status}"));
                }
            }
        }
    }
    Ok(())
}

/// One line: its graph, its tasks, its workers.
pub(crate) fn line(arguments: &[String]) -> Result<(), String> {
    let [name, tasks, workers] = arguments else {
        return Err(format!("{LINE} needs a graph and two numbers"));
    };
    let names = || SHAPES.map(|(name, _)| name).join(", ");
    let shape = SHAPES.iter().find(|(known, _)| known == name).map(|(_, shape)| *shape);
    let shape = shape.ok_or_else(|| format!("`{name}` is none of {}", names()))?;
    let number = |text: &String| text.parse().ok().filter(|number| *number > 0);
    let (tasks, workers) = number(tasks).zip(number(workers)).ok_or_else(|| format!("{LINE} needs two numbers"))?;
    let mut clock = Clock::default();
    let (start, before) = (Instant::now(), processor_nanos());
    let counts = run(Load { tasks, workers, shape }, &mut clock);
    let (took, processor) = (start.elapsed(), processor_nanos().zip(before).map(|(after, before)| after - before));
    clock.share = processor.map_or(1.0, |nanos| (nanos as f64 / took.as_nanos() as f64).min(1.0));
    print(name, tasks, workers, &clock, counts, took);
    Ok(())
}

fn print(name: &str, tasks: u32, workers: u32, clock: &Clock, counts: Counts, took: Duration) {
    let micros = |phases: &[Phase], count: u32| {
        let sum: Duration = phases.iter().map(|phase| clock.spent[*phase as usize]).sum();
        sum.as_secs_f64() * clock.share * 1e6 / f64::from(count)
    };
    println!(
        "| {name} | {tasks} | {workers} | {:.2} | {:.2} | {} | {:.1} | {:.1} | {:.2} | {:.2} s | {:.1} |",
        micros(&[Phase::Submit, Phase::Run, Phase::Release], tasks),
        micros(&[Phase::Submit], tasks),
        clock.bytes.saturating_sub(clock.bytes_before) / u64::from(tasks),
        micros(&[Phase::Join], workers),
        micros(&[Phase::Leave], workers),
        counts.events as f64 / f64::from(tasks),
        counts.ended_ns as f64 / 1e9,
        took.as_secs_f64() * clock.share,
    );
}

/// Sums up the time of each phase.
#[derive(Default)]
struct Clock {
    since: Option<Instant>,
    spent: [Duration; 5],
    /// The share of a processor that this process had.
    share: f64,
    bytes_before: u64,
    bytes: u64,
}

impl Watch for Clock {
    fn begins(&mut self) {
        self.since = Some(Instant::now());
    }

    fn ends(&mut self, phase: Phase) {
        self.spent[phase as usize] += self.since.take().map_or(Duration::ZERO, |since| since.elapsed());
    }

    fn remember(&mut self, tasks: u32) {
        let bytes = if tasks == 0 { &mut self.bytes_before } else { &mut self.bytes };
        *bytes = resident_bytes();
    }
}

/// The memory that this process has in RAM; 0 where the system does not say.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4_096
}

/// The time that this process has run on a processor; `None` where the system does not say.
fn processor_nanos() -> Option<u64> {
    std::fs::read_to_string("/proc/self/schedstat").ok()?.split(' ').next()?.parse().ok()
}
