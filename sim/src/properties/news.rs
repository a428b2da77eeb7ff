//! A want settles once (I23): after a failure or a cancellation there is no more news of it, unless somebody tried again;
//! and a value that was not there is not lost.

use std::collections::BTreeMap;

use brisk_core::{
    id::{ClientId, WantId},
    message::KeyNews,
};

use crate::{failure::Failure, history::History, workload::TaskIndex};

/// What was said last of each want.
#[derive(Debug, Default)]
pub struct News(BTreeMap<(ClientId, WantId), Last>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Memory,
    Erred,
    Cancelled,
    Pending,
}

impl News {
    /// The scheduler tells a client of a want.
    ///
    /// # Errors
    /// If it can't say that after what it said before.
    pub fn told(
        &mut self,
        client: ClientId,
        task: TaskIndex,
        want: WantId,
        news: &KeyNews,
        history: &History,
    ) -> Result<(), Failure> {
        let next = match news {
            KeyNews::Memory { .. } => Last::Memory,
            KeyNews::Erred(_) => Last::Erred,
            KeyNews::Cancelled(_) => Last::Cancelled,
            KeyNews::Pending => Last::Pending,
            other => return Err(Failure::safety("news", format!("{client} is told {other:?}"))),
        };
        let last = self.0.insert((client, want), next);
        let may_follow = match (last, next) {
            (Some(Last::Cancelled), _) => false,
            // A failed task may be cancelled, or tried again.
            (Some(Last::Erred), Last::Cancelled) => true,
            // What was lost may be announced again, and lost again.
            (Some(Last::Erred), _) => history.retried || history.of(task).announcements > 1,
            (Some(Last::Memory), Last::Pending) => true,
            (_, Last::Pending) => false,
            _ => true,
        };
        if may_follow {
            return Ok(());
        }
        let before = last.map_or("nothing".to_owned(), |last| format!("{last:?}"));
        Err(Failure::safety("news", format!("{client} is told {next:?} of task {task} ({want}) after {before}")))
    }
}
