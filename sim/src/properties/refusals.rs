//! A submission is refused only if it names a key that nobody has kept known: every key that some client wants, that is
//! published, or that the same submission has brought, is known (I10, I25).

use std::collections::{BTreeMap, BTreeSet};

use brisk_core::{
    id::{ClientId, RequestId, WantId},
    key::Key,
    message::ClientToScheduler,
};

use crate::failure::Failure;

/// Which keys must be known, by what clients have said and were told.
#[derive(Debug, Default)]
pub struct Refusals {
    wants: BTreeMap<Key, BTreeMap<ClientId, WantId>>,
    /// What each submission has brought whose last chunk has not come.
    open: BTreeMap<(ClientId, RequestId), BTreeSet<Key>>,
    refused: BTreeSet<(ClientId, RequestId)>,
    /// The chunk that the scheduler deals with now.
    chunk: Option<Chunk>,
    count: u64,
}

#[derive(Debug)]
struct Chunk {
    submission: (ClientId, RequestId),
    last: bool,
    brought: Vec<Key>,
    dependencies: Vec<Key>,
    wants: Vec<(Key, WantId)>,
}

impl Refusals {
    /// Whether anything was refused so far.
    pub fn any(&self) -> bool {
        self.count > 0
    }

    /// There is another scheduler.
    pub fn forget_all(&mut self) {
        *self = Refusals { count: self.count, ..Refusals::default() };
    }

    /// The event before is over: what it submitted and was not refused counts.
    pub fn next_event(&mut self) {
        let Some(chunk) = self.chunk.take() else { return };
        if chunk.last {
            self.open.remove(&chunk.submission);
        } else {
            self.open.entry(chunk.submission).or_default().extend(chunk.brought);
        }
        for (key, want) in chunk.wants {
            self.want(chunk.submission.0, key, want);
        }
    }

    /// A client says something.
    pub fn heard(&mut self, client: ClientId, message: &ClientToScheduler) {
        match message {
            ClientToScheduler::Submit { submission, last, tasks, wants, .. } => {
                let submission = (client, *submission);
                if self.refused.contains(&submission) {
                    return;
                }
                self.chunk = Some(Chunk {
                    submission,
                    last: *last,
                    brought: tasks.iter().map(|task| task.key).collect(),
                    dependencies: tasks.iter().flat_map(|task| task.dependencies.iter().copied()).collect(),
                    wants: wants.clone(),
                });
            }
            ClientToScheduler::Scattered(values) => {
                for value in values {
                    self.want(client, value.key, value.want);
                }
            }
            ClientToScheduler::Release(keys) | ClientToScheduler::Cancel { keys, .. } => {
                keys.iter().for_each(|(key, want)| self.end(client, *key, Some(*want)));
            }
            ClientToScheduler::Goodbye => self.client_left(client),
            _ => {}
        }
    }

    /// A client is told that a key was cancelled, by whomever.
    pub fn cancelled(&mut self, client: ClientId, key: Key) {
        self.end(client, key, None);
    }

    /// A client is gone.
    pub fn client_left(&mut self, client: ClientId) {
        self.wants.retain(|_, wants| {
            wants.remove(&client);
            !wants.is_empty()
        });
        self.open.retain(|(of, _), _| *of != client);
    }

    /// The scheduler refuses a submission. `published`: what is kept by name.
    ///
    /// # Errors
    /// If it knows, or must know, everything that the submission names.
    pub fn refused(
        &mut self,
        client: ClientId,
        submission: RequestId,
        published: &BTreeSet<Key>,
    ) -> Result<(), Failure> {
        let submission = (client, submission);
        let chunk = self.chunk.take().filter(|chunk| chunk.submission == submission);
        let brought = self.open.remove(&submission).unwrap_or_default();
        self.refused.insert(submission);
        self.count += 1;
        let broken = |found: String| Err(Failure::safety("refusals", found));
        let Some(chunk) = chunk else {
            return broken(format!("{submission:?} is refused, which was not submitted just now"));
        };
        let is_wanted = |key: &Key| self.wants.get(key).is_some_and(|wants| !wants.is_empty());
        let is_kept = |key: &Key| {
            is_wanted(key) || published.contains(key) || chunk.brought.contains(key) || brought.contains(key)
        };
        let mut named = chunk.dependencies.iter().chain(chunk.wants.iter().map(|(key, _)| key));
        if named.all(is_kept) {
            return broken(format!("{submission:?} is refused, though all that it names is wanted or published"));
        }
        Ok(())
    }

    fn want(&mut self, client: ClientId, key: Key, want: WantId) {
        let known = self.wants.entry(key).or_default().entry(client).or_insert(want);
        *known = (*known).max(want);
    }

    fn end(&mut self, client: ClientId, key: Key, want: Option<WantId>) {
        if let Some(wants) = self.wants.get_mut(&key)
            && want.is_none_or(|want| wants.get(&client) == Some(&want))
        {
            wants.remove(&client);
        }
    }
}
