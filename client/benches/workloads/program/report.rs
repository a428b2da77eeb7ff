//! Results: a line a measurement, and their medians.

use std::{fmt::Write, time::Duration};

/// Collects measurements of one workload at one size.
pub(crate) struct Report {
    mode: &'static str,
    json: bool,
    muted: bool,
    lines: Vec<Line>,
}

/// One measurement.
pub(crate) struct Line {
    workload: &'static str,
    n: usize,
    tasks: usize,
    time: Duration,
    more: Vec<(&'static str, f64)>,
}

impl Report {
    pub(crate) fn new(mode: &'static str, json: bool) -> Self {
        Report { mode, json, muted: false, lines: Vec::new() }
    }

    /// Until [`begin`](Report::begin) nothing counts.
    pub(crate) fn mute(&mut self) {
        self.muted = true;
    }

    pub(crate) fn begin(&mut self) {
        self.muted = false;
        self.lines.clear();
    }

    /// `n` is the workload's size, `tasks` what the time is divided by.
    pub(crate) fn line(
        &mut self,
        workload: &'static str,
        n: usize,
        tasks: usize,
        time: Duration,
        more: &[(&'static str, f64)],
    ) {
        if self.muted {
            return;
        }
        let line = Line { workload, n, tasks, time, more: more.to_vec() };
        if self.json {
            println!("{}", line.to_json(self.mode));
        }
        self.lines.push(line);
    }

    /// Prints the medians.
    pub(crate) fn end(&mut self) {
        if self.json || self.lines.is_empty() {
            return;
        }
        self.lines.sort_by_key(|line| line.time);
        let median = &self.lines[self.lines.len() / 2];
        let (least, most) = (self.lines[0].per_task_us(), self.lines[self.lines.len() - 1].per_task_us());
        let mut text = format!(
            "{:<7} {:<14} n={:<8} {:>10.3} µs a task  ({least:.3} to {most:.3})",
            self.mode,
            median.workload,
            median.n,
            median.per_task_us()
        );
        for (name, value) in &median.more {
            let _ = write!(text, "  {name}={}", short(*value));
        }
        println!("{text}");
    }
}

impl Line {
    fn per_task_us(&self) -> f64 {
        self.time.as_secs_f64() * 1e6 / self.tasks as f64
    }

    fn to_json(&self, mode: &str) -> String {
        let mut text = format!(
            r#"{{"system": "brisk", "mode": "{mode}", "workload": "{}", "n": {}, "seconds": {:.6}, "per_task_us": {:.3}"#,
            self.workload,
            self.n,
            self.time.as_secs_f64(),
            self.per_task_us()
        );
        for (name, value) in &self.more {
            let _ = write!(text, r#", "{name}": {}"#, short(*value));
        }
        text.push('}');
        text
    }
}

fn short(value: f64) -> String {
    if value == value.trunc() { format!("{value:.0}") } else { format!("{value:.6}") }
}
