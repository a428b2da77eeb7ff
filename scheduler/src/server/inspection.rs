//! Clients' questions: answered beside the machine, which is only looked at. They are no events and not recorded.
//!
//! What happened and when is in the records, of which the last are kept; the machine itself remembers no times.

use std::collections::BTreeMap;

use brisk_core::{
    id::{ClientId, RequestId},
    key::Key,
    message::{Answer, Query, RunList, SchedulerToClient, StoryLine, TaskStatus, Told},
    state::TaskState,
};

use super::{Shared, drive::Core, runs};
use crate::machine::{Scheduler, What};

/// Lines of a story that are told, the newest.
const LINES: usize = 1_000;

impl Core {
    /// Answers a question of a client's.
    pub(super) fn ask(&mut self, shared: &Shared, client: ClientId, request: RequestId, query: &Query) {
        // What was handled before in this same round belongs to the story.
        self.keep_records(shared);
        let mut answer = match query {
            Query::Dump(place) => self.dump(shared, client, *place),
            query => self.machine().tell(client, query),
        };
        if let Answer::Told(told) = &mut answer {
            match (&mut **told, query) {
                (Told::Tasks(list), _) => self.add_what_is_beside(shared, &mut list.tasks),
                (Told::Story(lines), Query::Story(key)) => *lines = self.story(shared, *key),
                (Told::Metadata(facts), Query::Metadata(key)) => *facts = self.notes().metadata(*key),
                (Told::Runs(list), Query::Runs { within, since, limit }) => {
                    let limit = (*limit).min(RunList::MAX_TOLD) as usize;
                    *list = runs::runs(shared, self.machine(), (*within, *since), limit);
                }
                _ => {}
            }
        }
        self.send(shared, client.0, |outbox| outbox.push_client(SchedulerToClient::Answered { request, answer }));
    }

    /// Adds to tasks what the machine does not know: for how long they run, and what they say.
    pub(super) fn add_what_is_beside(&self, shared: &Shared, tasks: &mut [TaskStatus]) {
        add_ages(shared, tasks);
        self.notes().add_to(self.machine(), shared.now(), tasks);
    }

    /// What happened to a task, and what it has said, in one order.
    pub(super) fn story(&self, shared: &Shared, key: Key) -> Vec<StoryLine> {
        let mut lines = story(shared, self.machine(), key);
        lines.extend(self.notes().log(key, shared.now()));
        // What is of one moment stays in the order of what happened before what was said.
        lines.sort_by_key(|line| std::cmp::Reverse(line.ago));
        lines
    }
}

/// Says of each task that is being processed for how long, as far as the records go back.
fn add_ages(shared: &Shared, tasks: &mut [TaskStatus]) {
    let running = tasks.iter_mut().filter(|status| status.state == TaskState::Processing);
    let mut running: BTreeMap<Key, &mut TaskStatus> = running.map(|status| (status.task.key, status)).collect();
    let now = shared.now();
    for record in shared.records.lock().iter().rev() {
        if running.is_empty() {
            return;
        }
        // The newest record of its beginning counts: that it has started, or that it was assigned.
        if let What::Started { key, .. } | What::Transition { key, to: TaskState::Processing, .. } = record.what
            && let Some(status) = running.remove(&key)
        {
            status.age = Some(now.since(record.at));
        }
    }
}

fn story(shared: &Shared, machine: &Scheduler, key: Key) -> Vec<StoryLine> {
    let now = shared.now();
    let records = shared.records.lock();
    let mut lines: Vec<StoryLine> =
        records.iter().rev().filter_map(|record| machine.story_line(record, key, now)).take(LINES).collect();
    lines.reverse();
    lines
}
