//! Whose word is kept, and for how long.

use brisk_core::{
    id::RunId,
    message::{Answer, Query, RunNotes, Told},
};

use super::*;

/// The facts of task 1, as a client is told them.
fn facts(client: &FakeComm, request: u64) -> Vec<String> {
    let (request, query) = (RequestId(request), Query::Metadata(Key::from_u128(1)));
    client.client_says(ClientToScheduler::Ask { request, query });
    client.wait(|sent, _| {
        client_messages(sent).into_iter().find_map(|message| match message {
            SchedulerToClient::Answered { request: of, answer: Answer::Told(told) } if of == request => match *told {
                Told::Metadata(facts) => Some(facts.iter().map(|(name, fact)| format!("{name}: {fact}")).collect()),
                _ => None,
            },
            _ => None,
        })
    })
}

fn notes(run: RunId, name: &str) -> RunNotes {
    let metadata = vec![(name.into(), "yes".into())];
    RunNotes { metadata, ..RunNotes::new(Key::from_u128(1), run) }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_current_run_is_listened_to_and_its_word_goes_with_the_task() {
    let site = Site::new(Config::default());
    let (client, worker, other) = (site.client(plain()).await, site.worker(plain()).await, site.worker(plain()).await);
    client.client_says(submit(1, 1..2, &call()));
    let run_at = |comm: &FakeComm| {
        comm.messages_to_worker().into_iter().find_map(|message| match message {
            SchedulerToWorker::Run(assignment) => Some(assignment.run),
            _ => None,
        })
    };
    let (worker, other, run) = match (run_at(&worker), run_at(&other)) {
        (Some(run), None) => (worker, other, run),
        (None, Some(run)) => (other, worker, run),
        both => panic!("it is assigned once: {both:?}"),
    };
    let mut too_long = notes(run, "too long");
    too_long.metadata[0].1 = "x".repeat(2_000).into();
    other.worker_says(WorkerToScheduler::Notes(vec![notes(run, "of another worker")]));
    let said = vec![notes(RunId(run.0 + 1), "of another run"), too_long, notes(run, "its own")];
    worker.worker_says(WorkerToScheduler::Notes(said));
    assert_eq!(facts(&client, 7), ["its own: yes"]);

    let key = Key::from_u128(1);
    let took = Duration::from_millis(1);
    worker.worker_says(WorkerToScheduler::Finished { key, run, nbytes: 8, took, value: None });
    worker.worker_says(WorkerToScheduler::Notes(vec![notes(run, "too late")]));
    assert_eq!(facts(&client, 8), ["its own: yes"], "its value is known, and so are its facts");

    client.client_says(ClientToScheduler::Release(vec![(key, WantId(1))]));
    assert!(facts(&client, 9).is_empty(), "the task is forgotten");
}
