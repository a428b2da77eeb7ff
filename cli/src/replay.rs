//! `brisk replay`.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode, time::Duration};

use brisk_core::state::TaskState;
use brisk_scheduler::{
    machine::{Action, Event, Record, What},
    recording::{Checks, Step, Story, Summary, TaskQuery, UnknownTask, verify},
};
use clap::{Args, ValueEnum};

#[derive(Args)]
pub(crate) struct Options {
    /// A file that `brisk scheduler --record` has written.
    file: PathBuf,
    /// Tell the story of this task: `inc-5f3a91c2` as messages name it, its key's digits, or its chosen name.
    #[arg(long, value_name = "TASK")]
    story: Option<String>,
    /// Print every event, and what the scheduler made of it.
    #[arg(long)]
    actions: bool,
    /// How often the scheduler's invariants are checked.
    #[arg(long, value_enum, default_value_t = Check::Enough)]
    check: Check,
}

/// How often invariants are checked.
#[derive(Clone, Copy, ValueEnum)]
enum Check {
    /// Never.
    None,
    /// As often as is cheap; once something is found, the first event after which it is so is looked for.
    Enough,
    /// After every event, however large the state.
    Every,
}

pub(crate) fn run(options: Options) -> anyhow::Result<ExitCode> {
    let checks = match options.check {
        Check::None => Checks::None,
        Check::Enough => Checks::Enough,
        Check::Every => Checks::Every,
    };
    let mut story = options.story.as_deref().map(|text| Story::new(TaskQuery::new(text)));
    let mut endings = Endings::default();
    let outcome = verify(&options.file, checks, |event, step| {
        endings.note(step);
        if let Some(story) = &mut story {
            story.tell(event, step);
        }
        if options.actions {
            print_step(event, step);
        }
    });
    // What was told up to an error is what one wants to see.
    if let Some(story) = &story {
        print!("{story}");
    }
    let summary = outcome?;
    if let (Some(story), Some(text)) = (story, options.story)
        && story.is_empty()
    {
        return Err(UnknownTask(text).into());
    }
    print_summary(&summary, &endings);
    Ok(ExitCode::SUCCESS)
}

fn print_step(event: &Event, step: &Step) {
    println!("#{} at {:.6} s: {event:?}", step.number, seconds(step.at.as_nanos()));
    for action in step.actions.iter().filter(|action| !matches!(action, Action::Record(_))) {
        println!("    {action:?}");
    }
}

/// How many tasks came to which end.
#[derive(Default)]
struct Endings(BTreeMap<&'static str, u64>);

impl Endings {
    fn note(&mut self, step: &Step) {
        for action in &step.actions {
            let Action::Record(Record { what, .. }) = action else { continue };
            let what = match what {
                What::Transition { from: TaskState::Processing, to: TaskState::Memory, .. } => "runs finished",
                What::Transition { from: TaskState::Processing, to: TaskState::Erred, .. } => "runs failed for good",
                What::Transition { to: TaskState::Processing, .. } => "runs assigned",
                What::Recompute { .. } => "values lost and computed again",
                What::Suspected { .. } => "deaths of workers under a task",
                _ => continue,
            };
            *self.0.entry(what).or_default() += 1;
        }
    }
}

fn print_summary(summary: &Summary, endings: &Endings) {
    let Summary { header, events, actions, last, is_cut, snapshot, .. } = summary;
    println!("scheduler `{}`, epoch {}, version {}", header.name, header.epoch, header.version);
    println!("{events} events in {:.3} s led to {actions} actions, every one as recorded", seconds(last.as_nanos()));
    for (what, count) in &endings.0 {
        println!("  {count:>12} {what}");
    }
    if *is_cut {
        println!("the recording stops in the middle: the scheduler was killed, or is still running");
    }
    let states: Vec<_> =
        snapshot.tasks.iter().map(|(state, count)| format!("{count} {state:?}").to_lowercase()).collect();
    let tasks = if states.is_empty() { "no tasks".to_owned() } else { states.join(", ") };
    println!("at its end: {} workers, {} clients, {tasks}", snapshot.workers.len(), snapshot.clients.len());
}

fn seconds(nanos: u64) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64()
}
