//! Wants: values that tasks of this worker need and that are not here.
//!
//! A want goes from holder to holder until one has the value. When all were tried in vain the scheduler is asked once who
//! else does, and again after a while. A value that no holder was named for is being made on this worker by a task that
//! was sent ahead of this one.

use brisk_core::{
    id::WorkerId,
    key::Key,
    message::{DependencyInfo, WorkerToScheduler},
};
use smallvec::{SmallVec, smallvec};

use super::{
    Config, Worker,
    state::{Rank, Want, WantState},
    timers::Timer,
};

/// So many holders of one value are kept in mind. More would not make it more likely to get it, and popular values are
/// held by hundreds.
pub(super) const MAX_HOLDERS: usize = 8;

impl Worker {
    /// A task needs a value: pins it if it is here. Else the task waits for it; returns whether it must.
    pub(super) fn need(&mut self, dependency: DependencyInfo, place: u32, rank: Rank) -> bool {
        let DependencyInfo { key, nbytes, holders } = dependency;
        if self.pin(key) {
            return false;
        }
        let holders = self.some_of(key, holders);
        let entry = self.entries.entry(key).or_default();
        let Some(want) = &mut entry.want else {
            entry.want = Some(Box::new(Want {
                waiters: smallvec![(place, rank.turn)],
                waiting: 1,
                acquired: false,
                rank,
                nbytes,
                holders,
                tried: SmallVec::new(),
                asked: 0,
                seeking: false,
                state: WantState::Loose,
            }));
            self.revise(key, |_| {});
            return true;
        };
        want.waiters.push((place, rank.turn));
        want.waiting += 1;
        let lost = matches!(want.state, WantState::Asked(_) | WantState::Resting(_));
        let news = !holders.is_empty() && lost;
        if !lost && !holders.is_empty() {
            self.learn(key, holders.clone());
        }
        let Some(want) = self.entries.get_mut(&key).and_then(|entry| entry.want.as_mut()) else { return true };
        if rank < want.rank || news {
            self.revise(key, |want| {
                want.rank = want.rank.min(rank);
                if news {
                    want.holders = holders;
                    want.tried.clear();
                }
            });
        }
        true
    }

    /// A task that needed a value does so no more, whether the value is here or not.
    pub(super) fn need_no_more(&mut self, key: Key) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        let Some(want) = &mut entry.want else { return self.unpin(key) };
        want.waiting -= 1;
        if want.is_idle() {
            self.drop_want(key);
        } else if want.waiting == 0 {
            // Only the scheduler waits for it now, which is less urgent.
            self.revise(key, |want| {
                want.waiters.clear();
                want.rank = Rank::COPY;
            });
        } else if want.waiters.len() > 2 * want.waiting as usize + 16 {
            let tasks = &self.tasks;
            want.waiters.retain(|(place, turn)| tasks.get(*place).is_some_and(|task| task.rank.turn == *turn));
        }
    }

    /// Nobody waits for a value any more.
    pub(super) fn drop_want(&mut self, key: Key) {
        if let Some(mut want) = self.entries.get_mut(&key).and_then(|entry| entry.want.take()) {
            self.settle(key, &mut want, WantState::Loose);
            self.prune(key);
        }
    }

    /// The task that makes this value was assigned here: nobody needs to be asked for it.
    pub(super) fn expect(&mut self, key: Key) {
        let want = self.entries.get(&key).and_then(|entry| entry.want.as_ref());
        if want.is_some_and(|want| matches!(want.state, WantState::Asked(_) | WantState::Resting(_))) {
            self.revise(key, |_| {});
        }
    }

    /// The task that makes this value is not here any more. Those who were sent ahead of it wait a while for the
    /// scheduler, which knows of it, and then ask.
    pub(super) fn maker_gone(&mut self, key: Key) {
        let want = self.entries.get(&key).and_then(|entry| entry.want.as_ref());
        if want.is_some_and(|want| want.state == WantState::Expected) {
            self.revise(key, |_| {});
        }
    }

    /// The scheduler says who holds a value.
    pub(super) fn on_holders(&mut self, key: Key, holders: SmallVec<[WorkerId; 1]>) {
        let holders = self.some_of(key, holders);
        let Some(mut want) = self.entries.get_mut(&key).and_then(|entry| entry.want.take()) else {
            self.counters.stale_messages += 1;
            return;
        };
        want.seeking = false;
        let before = want.state;
        if matches!(before, WantState::Queued | WantState::Fetching) {
            self.put_back(key, want);
            return self.learn(key, holders);
        }
        self.settle(key, &mut want, WantState::Loose);
        want.tried.clear();
        want.holders = holders;
        let next = if !self.has_candidate(&want) {
            match before {
                WantState::Expected => before,
                // Nobody to ask yet. It is the scheduler's turn, for a little longer each time.
                _ => WantState::Asked(self.now + Config::backed_off(self.config.missing_delay, want.asked)),
            }
        } else if want.asked <= 1 {
            WantState::Queued
        } else {
            // The holders it was told of before did not have it: do not run in circles.
            WantState::Resting(self.now + Config::backed_off(self.config.busy_delay, want.asked - 2))
        };
        self.settle(key, &mut want, next);
        self.put_back(key, want);
    }

    /// A want has waited long enough.
    pub(super) fn on_want_due(&mut self, key: Key) {
        let Some(mut want) = self.entries.get_mut(&key).and_then(|entry| entry.want.take()) else { return };
        self.settle(key, &mut want, WantState::Loose);
        if self.has_candidate(&want) {
            self.settle(key, &mut want, WantState::Queued);
        } else {
            self.ask(key, &mut want);
        }
        self.put_back(key, want);
    }

    /// Puts a want back, unless nobody waits for it any more.
    fn put_back(&mut self, key: Key, mut want: Box<Want>) {
        if want.is_idle() {
            self.settle(key, &mut want, WantState::Loose);
            return self.prune(key);
        }
        self.entries.get_mut(&key).expect("it was there when its want was taken out").want = Some(want);
    }

    /// Changes a want, and finds anew what it should wait for. Does nothing if there is none.
    pub(super) fn revise(&mut self, key: Key, change: impl FnOnce(&mut Want)) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        let (made_here, on_its_way) = (entry.task.is_some(), entry.fetching.is_some());
        let Some(mut want) = entry.want.take() else { return };
        self.settle(key, &mut want, WantState::Loose);
        change(&mut want);
        if on_its_way {
            self.settle(key, &mut want, WantState::Fetching);
        } else if self.has_candidate(&want) {
            self.settle(key, &mut want, WantState::Queued);
        } else if made_here {
            self.settle(key, &mut want, WantState::Expected);
        } else if want.holders.is_empty() && want.asked == 0 && !want.acquired {
            // It was sent ahead, but what makes it is not here: the scheduler may be about to say more.
            self.settle(key, &mut want, WantState::Resting(self.now + self.config.missing_delay));
        } else {
            self.ask(key, &mut want);
        }
        self.put_back(key, want);
    }

    /// The one place where a want changes its state: takes it out of the queues and timers of the old one and puts it into
    /// those of the new one.
    pub(super) fn settle(&mut self, key: Key, want: &mut Want, next: WantState) {
        if let Some(until) = want.state.until() {
            self.timers.clear(until, Timer::Want(key));
        }
        if want.state == WantState::Queued {
            for holder in &want.holders {
                if let Some(peer) = self.peers.get_mut(holder) {
                    peer.queue.remove(&(want.rank, key));
                    self.refresh(*holder);
                }
            }
        }
        want.state = next;
        if let Some(until) = next.until() {
            self.timers.set(until, Timer::Want(key));
        }
        if next == WantState::Queued {
            for holder in want.holders.iter().filter(|holder| !want.tried.contains(holder)) {
                if let Some(peer) = self.peers.get_mut(holder) {
                    peer.queue.insert((want.rank, key));
                    self.refresh(*holder);
                }
            }
        }
    }

    /// Asks the scheduler who holds a value. To the scheduler's own request for a copy this is the answer.
    fn ask(&mut self, key: Key, want: &mut Want) {
        self.counters.asked += 1;
        self.tell(WorkerToScheduler::Missing { key, holders: want.holders.clone() });
        want.acquired = false;
        if want.waiting == 0 {
            return;
        }
        let delay = Config::backed_off(self.config.missing_delay, want.asked);
        want.asked += 1;
        self.settle(key, want, WantState::Asked(self.now + delay));
    }

    /// Whether there is a holder that could be asked: one that was not tried, and was introduced. An honest scheduler
    /// introduces a worker before it names it.
    fn has_candidate(&self, want: &Want) -> bool {
        want.holders.iter().any(|holder| !want.tried.contains(holder) && self.peers.contains_key(holder))
    }

    /// At most [`MAX_HOLDERS`] holders. Different workers and keys choose different ones, so that the first in the list is
    /// not asked by everybody.
    pub(super) fn some_of(&self, key: Key, mut holders: SmallVec<[WorkerId; 1]>) -> SmallVec<[WorkerId; 1]> {
        if holders.len() > MAX_HOLDERS {
            let spread = (key.as_u128() as u64) ^ self.id.0.0.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let start = (spread % holders.len() as u64) as usize;
            holders.rotate_left(start);
            holders.truncate(MAX_HOLDERS);
        }
        holders
    }
}
