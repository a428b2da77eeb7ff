//! What a session knows of a key that its program wants. There may be millions, so what only some have is kept apart.

use brisk_core::{
    future::{Handle, Status, WeakHandle},
    id::{RequestId, WantId, WorkerId},
    key::Key,
};
use smallvec::SmallVec;

/// A key that this program wants.
pub(super) struct Wanted {
    pub(super) handle: WeakHandle,
    pub(super) want: WantId,
    /// The submission that first named the key, which fails it when it is refused.
    pub(super) submission: RequestId,
    rare: Option<Box<Rare>>,
    /// Whether another client made the call: nothing is known of it here.
    adopted: bool,
    /// The scheduler has not taken the submission, or has ended the want.
    pub(super) refused: bool,
    /// This program has scattered the value: no call makes it, and what it is called is known here only.
    pub(super) scattered: bool,
}

const _: () = assert!(size_of::<(Key, Wanted)>() <= 64, "there may be millions");

/// What only some have: those under chosen names, and those whose values did not come with the news of them.
#[derive(Default)]
struct Rare {
    /// Tells two calls under one chosen name apart; `None` if it is the key.
    fingerprint: Option<Key>,
    /// The length of a value that exists and did not come with the news of it; else 0.
    nbytes: u64,
    /// Who holds the value, as far as is known.
    holders: SmallVec<[WorkerId; 1]>,
    /// Holders that were asked in vain since the last news.
    tried: SmallVec<[WorkerId; 1]>,
}

impl Wanted {
    /// A new want, of which nothing is known yet. `fingerprint`: that of the call, unless another client made it.
    pub(super) fn new(handle: &Handle, fingerprint: Option<Key>, submission: RequestId) -> Self {
        let other = fingerprint.filter(|fingerprint| *fingerprint != handle.key());
        Wanted {
            handle: handle.downgrade(),
            want: handle.want(),
            submission,
            rare: other.map(|fingerprint| Box::new(Rare { fingerprint: Some(fingerprint), ..Rare::default() })),
            adopted: fingerprint.is_none(),
            refused: false,
            scattered: false,
        }
    }

    /// What tells the call apart from another one under the same `key`, which is this one's. `None` if another client made it.
    pub(super) fn fingerprint(&self, key: Key) -> Option<Key> {
        if self.adopted {
            return None;
        }
        Some(self.rare.as_ref().and_then(|rare| rare.fingerprint).unwrap_or(key))
    }

    /// The handle, unless the want has ended. `spare` receives a handle to be dropped after the lock.
    pub(super) fn live(&self, spare: &mut Vec<Handle>) -> Option<Handle> {
        if self.refused {
            return None;
        }
        let handle = self.handle.upgrade()?;
        if handle.status() == Status::Cancelled {
            spare.push(handle);
            return None;
        }
        Some(handle)
    }

    /// The length of a value that exists and did not come with the news of it; else 0.
    pub(super) fn nbytes(&self) -> u64 {
        self.rare.as_ref().map_or(0, |rare| rare.nbytes)
    }

    /// Who is to be asked for the value next, as far as is known.
    pub(super) fn holder(&self) -> Option<WorkerId> {
        self.rare.as_ref()?.holders.first().copied()
    }

    /// News: so long a value exists, and these hold it.
    pub(super) fn is_held_by(&mut self, holders: SmallVec<[WorkerId; 1]>, nbytes: u64) {
        let rare = self.rare.get_or_insert_default();
        (rare.holders, rare.nbytes) = (holders, nbytes);
        rare.tried.clear();
    }

    /// Nobody is known to hold it any more.
    pub(super) fn forget_holders(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.holders.clear();
            rare.tried.clear();
        }
    }

    /// A holder was asked in vain.
    pub(super) fn was_not_with(&mut self, worker: WorkerId) {
        let rare = self.rare.get_or_insert_default();
        rare.holders.retain(|holder| *holder != worker);
        rare.tried.push(worker);
    }

    /// Takes the holders that were asked in vain since the last news.
    pub(super) fn take_tried(&mut self) -> SmallVec<[WorkerId; 1]> {
        self.rare.as_mut().map(|rare| std::mem::take(&mut rare.tried)).unwrap_or_default()
    }
}
