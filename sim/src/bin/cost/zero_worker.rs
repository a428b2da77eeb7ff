//! What a task costs the scheduler when workers cost nothing, by the clock.

#![allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::time::Instant;

use brisk_sim::cost::{
    graphs::Shape,
    zero_worker::{Setting, ZeroWorkers},
};

const SHAPES: [(&str, Shape); 3] =
    [("independent", Shape::Independent), ("pairs", Shape::Pairs), ("chains", Shape::Chains)];

/// How often each is measured; the fastest counts, since what disturbs a measurement only makes it slower.
const TIMES: usize = 3;

/// Prints a table for so many tasks, or for the usual numbers.
pub(crate) fn run(arguments: &[&str]) -> Result<(), String> {
    let counts: Vec<u32> = match arguments {
        [] => vec![10_000, 100_000, 1_000_000],
        numbers => {
            let parsed = numbers.iter().map(|text| text.parse().ok().filter(|count| *count > 0));
            parsed.collect::<Option<_>>().ok_or("zero-worker takes numbers of tasks")?
        }
    };
    println!("| graph | tasks | workers | machine alone, µs a task | with the codec, µs a task |");
    println!("|---|--:|--:|--:|--:|");
    for (name, shape) in SHAPES {
        for &tasks in &counts {
            for workers in [10, 1_000] {
                let tasks = tasks.next_multiple_of(shape.piece());
                let [alone, encoded] = [false, true].map(|encoded| {
                    let setting = Setting { workers, encoded, records: false };
                    let took = (0..TIMES).map(|_| micros(shape, tasks, setting));
                    took.fold(f64::INFINITY, f64::min)
                });
                println!("| {name} | {tasks} | {workers} | {alone:.2} | {encoded:.2} |");
            }
        }
    }
    Ok(())
}

/// What a task takes from its submission to its release, in microseconds.
fn micros(shape: Shape, tasks: u32, setting: Setting) -> f64 {
    let mut zero = ZeroWorkers::new(setting);
    let submission = zero.submission(shape, 0..tasks);
    let start = Instant::now();
    zero.say(submission);
    let done = zero.work(usize::MAX);
    zero.release(shape, 0..tasks);
    let took = start.elapsed();
    assert!(done >= tasks as usize && zero.task_count() == 0, "all tasks have run and are gone");
    took.as_secs_f64() * 1e6 / f64::from(tasks)
}
