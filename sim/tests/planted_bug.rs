//! The tester is tested: small bugs are planted, and must be found within some seeds.

use std::collections::BTreeMap;

use brisk_core::{
    id::{RunId, WorkerId},
    key::Key,
    message::{KeyNews, SchedulerToClient, SchedulerToWorker, WorkerToScheduler},
};
use brisk_scheduler::machine::{Action, Event};
use brisk_sim::{faults::Options, simulation::Simulation, tamper::Tamper};
use brisk_worker::machine as worker;

/// Runs seeds until the bug is found. Which property found it.
fn found(seeds: u64, plant: impl Fn() -> Box<dyn Tamper>) -> &'static str {
    for seed in 0..seeds {
        if let Err(failed) = Simulation::new(Options::draw(seed)).with_tamper(plant()).run() {
            return failed.failure.property;
        }
    }
    panic!("the bug was not found by {seeds} seeds");
}

/// Counts down to the one time that something goes wrong.
#[derive(Debug)]
struct Once(u32);

impl Once {
    fn is_now(&mut self) -> bool {
        self.0 = self.0.saturating_sub(1);
        self.0 == 1
    }
}

fn message_to_worker(action: &Action) -> Option<&SchedulerToWorker> {
    match action {
        Action::ToWorker { message, .. } => Some(message),
        _ => None,
    }
}

#[test]
fn a_value_that_is_never_freed_is_found() {
    #[derive(Debug)]
    struct SwallowsFree(Once);
    impl Tamper for SwallowsFree {
        fn scheduler_action(&mut self, action: &mut Action) -> bool {
            !(matches!(message_to_worker(action), Some(SchedulerToWorker::Free(_))) && self.0.is_now())
        }
    }
    let property = found(20, || Box::new(SwallowsFree(Once(4))));
    assert!(matches!(property, "agreement" | "quiescence"), "{property}");
}

#[test]
fn a_run_that_is_never_cancelled_is_found() {
    #[derive(Debug)]
    struct SwallowsCancel;
    impl Tamper for SwallowsCancel {
        fn scheduler_action(&mut self, action: &mut Action) -> bool {
            !matches!(message_to_worker(action), Some(SchedulerToWorker::Cancel { .. }))
        }
    }
    found(100, || Box::new(SwallowsCancel));
}

#[test]
fn an_assignment_that_gets_lost_is_found() {
    #[derive(Debug)]
    struct SwallowsRun(Once);
    impl Tamper for SwallowsRun {
        fn scheduler_action(&mut self, action: &mut Action) -> bool {
            !(matches!(message_to_worker(action), Some(SchedulerToWorker::Run(_))) && self.0.is_now())
        }
    }
    found(20, || Box::new(SwallowsRun(Once(5))));
}

#[test]
fn a_stale_report_that_passes_for_a_current_one_is_found() {
    /// A report of a run that is over is taken for one of the run that goes on, on whatever worker.
    #[derive(Debug, Default)]
    struct Unfenced(BTreeMap<Key, (WorkerId, RunId)>);
    impl Tamper for Unfenced {
        fn scheduler_action(&mut self, action: &mut Action) -> bool {
            if let Action::ToWorker { worker, message: SchedulerToWorker::Run(assignment) } = action {
                self.0.insert(assignment.task.key, (*worker, assignment.run));
            }
            true
        }
        fn scheduler_event(&mut self, event: &mut Event) -> bool {
            if let Event::FromWorker { worker, message: WorkerToScheduler::Finished { key, run, .. }, .. } = event
                && let Some(current) = self.0.get(key)
            {
                (*worker, *run) = *current;
            }
            true
        }
    }
    assert_eq!(found(100, || Box::<Unfenced>::default()), "reports");
}

#[test]
fn a_wrong_value_is_found() {
    #[derive(Debug)]
    struct Wrong(Once);
    impl Tamper for Wrong {
        fn value(&mut self, value: u64) -> u64 {
            if self.0.is_now() { value ^ 1 } else { value }
        }
    }
    assert_eq!(found(10, || Box::new(Wrong(Once(5)))), "values");
}

#[test]
fn news_that_is_not_told_is_found() {
    #[derive(Debug)]
    struct Silent(Once);
    impl Tamper for Silent {
        fn scheduler_action(&mut self, action: &mut Action) -> bool {
            let is_news = |message: &SchedulerToClient| {
                matches!(message, SchedulerToClient::News { news: KeyNews::Memory { .. }, .. })
            };
            !(matches!(action, Action::ToClient { message, .. } if is_news(message)) && self.0.is_now())
        }
    }
    // Whoever waits for ever is found in the end, unless later news gives it away before.
    let by = found(20, || Box::new(Silent(Once(3))));
    assert!(["convergence", "news"].contains(&by), "{by}");
}

#[test]
fn a_failure_that_is_called_a_success_is_found() {
    #[derive(Debug)]
    struct Glossed;
    impl Tamper for Glossed {
        fn scheduler_event(&mut self, event: &mut Event) -> bool {
            if let Event::FromWorker { message, .. } = event
                && let WorkerToScheduler::Failed { key, run, took, .. } = message
            {
                let (key, run, took) = (*key, *run, *took);
                *message = WorkerToScheduler::Finished { key, run, nbytes: 8, took, value: None };
            }
            true
        }
    }
    assert_eq!(found(50, || Box::new(Glossed)), "reports");
}

#[test]
fn a_worker_that_forgets_a_value_is_found() {
    #[derive(Debug)]
    struct Forgets(Once);
    impl Tamper for Forgets {
        fn worker_action(&mut self, action: &mut worker::Action) -> bool {
            !(matches!(action, worker::Action::Keep { .. }) && self.0.is_now())
        }
    }
    assert_eq!(found(10, || Box::new(Forgets(Once(5)))), "storage");
}

#[test]
fn a_worker_that_is_not_told_of_an_end_is_found() {
    #[derive(Debug)]
    struct LosesDone(Once);
    impl Tamper for LosesDone {
        fn worker_event(&mut self, event: &mut worker::Event) -> bool {
            !(matches!(event, worker::Event::Done { .. }) && self.0.is_now())
        }
    }
    found(20, || Box::new(LosesDone(Once(5))));
}
