//! Publications: values that are kept under a name, whoever comes and goes.
//!
//! A publication holds its tasks as an open submission does: they are made if they do not exist, and stay until it ends.
//! One that fails stays failed, and whoever asks for it is told. As Dask's `publish_dataset`; like there, nothing survives
//! the scheduler itself.

use std::{collections::BTreeMap, sync::Arc};

use brisk_core::{
    error::{ErrorKind, TaskError},
    id::RequestId,
    key::Key,
    limits::{MAX_ERROR_BYTES, MAX_NAME_BYTES},
    message::{Answer, SchedulerToClient},
};
use serde::{Deserialize, Serialize};

use super::{
    Scheduler,
    slab::{ClientIndex, TaskIndex},
};

/// All publications, by name.
pub(super) type Publications = BTreeMap<Arc<str>, Publication>;

/// What is kept under one name.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Publication {
    /// Held, each as often as it is named.
    pub(super) tasks: Vec<TaskIndex>,
    /// What they make up, in words that only clients read.
    shape: Arc<str>,
}

impl Scheduler {
    pub(super) fn publish(
        &mut self,
        c: ClientIndex,
        request: RequestId,
        (name, shape): (Arc<str>, Arc<str>),
        keys: &[Key],
        replace: bool,
    ) {
        let answer = match self.published(&name, &shape, keys, replace) {
            Ok(tasks) => {
                // First, so that what stands in both is not dropped in between.
                tasks.iter().for_each(|&t| self.hold(t, false));
                if let Some(former) = self.publications.insert(name, Publication { tasks, shape }) {
                    self.unhold(&former.tasks);
                }
                Answer::Done
            }
            Err(why) => refused(why),
        };
        self.tell_client(c, SchedulerToClient::Answered { request, answer });
    }

    /// The tasks of a publication that may be made.
    fn published(&self, name: &Arc<str>, shape: &str, keys: &[Key], replace: bool) -> Result<Vec<TaskIndex>, String> {
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            return Err(format!("a name must have from 1 to {MAX_NAME_BYTES} bytes, and this has {}", name.len()));
        }
        if shape.len() > MAX_ERROR_BYTES {
            return Err(format!("the description of `{name}` is longer than the {MAX_ERROR_BYTES} bytes allowed"));
        }
        let former = self.publications.get(name).map(|former| former.tasks.len());
        if former.is_some() && !replace {
            return Err(format!("the name `{name}` is taken: unpublish it first, or ask for it to be replaced"));
        }
        let (most, most_keys) = (self.config.max_publications as usize, self.config.max_published_keys as usize);
        if former.is_none() && self.publications.len() >= most {
            return Err(format!("there are {most} published names, and no more are allowed: unpublish some first"));
        }
        let others: usize = self.publications.values().map(|publication| publication.tasks.len()).sum();
        if others - former.unwrap_or(0) + keys.len() > most_keys {
            return Err(format!("no more than {most_keys} values may be published together: unpublish some first"));
        }
        let found = keys.iter().map(|key| {
            let unknown =
                || format!("`{name}` can't be published: there is no task {key}; keep a future of it until then");
            self.tasks.find(*key).ok_or_else(unknown)
        });
        found.collect()
    }

    pub(super) fn unpublish(&mut self, c: ClientIndex, request: RequestId, name: &str) {
        let answer = match self.publications.remove(name) {
            Some(publication) => {
                self.unhold(&publication.tasks);
                Answer::Done
            }
            None => refused(self.no_publication(name)),
        };
        self.tell_client(c, SchedulerToClient::Answered { request, answer });
    }

    /// What was published under a name. The client then wants what it needs of it.
    pub(super) fn dataset(&mut self, c: ClientIndex, request: RequestId, name: &str) {
        let answer = match self.publications.get(name) {
            Some(Publication { tasks, shape }) => {
                Answer::Dataset { keys: tasks.iter().map(|&t| self.tasks[t].key).collect(), shape: shape.clone() }
            }
            None => refused(self.no_publication(name)),
        };
        self.tell_client(c, SchedulerToClient::Answered { request, answer });
    }

    pub(super) fn datasets(&mut self, c: ClientIndex, request: RequestId) {
        let answer = Answer::Names(self.publications.keys().cloned().collect());
        self.tell_client(c, SchedulerToClient::Answered { request, answer });
    }

    fn no_publication(&self, name: &str) -> String {
        /// Names told.
        const TOLD: usize = 5;
        let names: Vec<_> = self.publications.keys().take(TOLD).map(|name| format!("`{name}`")).collect();
        let more = if self.publications.len() > TOLD { ", …" } else { "" };
        let there = if names.is_empty() { "nothing".to_owned() } else { format!("{}{more}", names.join(", ")) };
        format!("nothing is published under the name `{name}`; published now: {there}")
    }
}

fn refused(why: String) -> Answer {
    Answer::Refused(TaskError::new(ErrorKind::Refused, why))
}
