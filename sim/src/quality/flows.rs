//! A network of hosts with one network card each.
//!
//! Transfers that share a card share it evenly, each way by itself; a transfer is as fast as the slower of its two ends
//! lets it be. That is less than max-min fairness would give to some, never more than a card has. Integers only, so that
//! every platform computes the same times.

use std::collections::{BTreeMap, BTreeSet};

use brisk_core::time::Moment;

/// A transfer. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowId(u64);

/// All transfers that are under way.
#[derive(Debug)]
pub struct Flows {
    bandwidth: u128,
    now: Moment,
    last: u64,
    flows: BTreeMap<FlowId, Flow>,
    /// All flows, by when they end if nothing changes.
    ends: BTreeSet<(Moment, FlowId)>,
    cards: Vec<Card>,
}

#[derive(Debug)]
struct Flow {
    from: usize,
    to: usize,
    /// What is left, in bytes times 10⁹.
    left: u128,
    /// How many share the narrower end.
    share: u128,
    /// Up to when `left` was counted down.
    since: Moment,
    end: Moment,
}

/// The flows of one host's card, each way.
#[derive(Debug, Default)]
struct Card {
    out: BTreeSet<FlowId>,
    into: BTreeSet<FlowId>,
}

impl Flows {
    /// A network on which nothing moves.
    pub fn new(hosts: usize, bandwidth: u64) -> Self {
        let cards = (0..hosts).map(|_| Card::default()).collect();
        let (flows, ends) = (BTreeMap::new(), BTreeSet::new());
        Flows { bandwidth: u128::from(bandwidth.max(1)), now: Moment::ORIGIN, last: 0, flows, ends, cards }
    }

    /// A transfer begins.
    pub fn start(&mut self, now: Moment, from: usize, to: usize, nbytes: u64) -> FlowId {
        self.now = self.now.max(now);
        self.last += 1;
        let id = FlowId(self.last);
        let left = u128::from(nbytes) * 1_000_000_000;
        self.flows.insert(id, Flow { from, to, left, share: 1, since: self.now, end: self.now });
        self.ends.insert((self.now, id));
        self.cards[from].out.insert(id);
        self.cards[to].into.insert(id);
        self.share_again(from, to);
        id
    }

    /// When the next transfer ends, if there is one.
    pub fn next(&self) -> Option<Moment> {
        self.ends.first().map(|(at, _)| *at)
    }

    /// The next transfer ends.
    pub fn take(&mut self) -> Option<FlowId> {
        let (at, id) = self.ends.pop_first()?;
        self.now = self.now.max(at);
        let Flow { from, to, .. } = self.flows.remove(&id)?;
        self.cards[from].out.remove(&id);
        self.cards[to].into.remove(&id);
        self.share_again(from, to);
        Some(id)
    }

    /// Flows came or went at these cards: all that use them are faster or slower from now on.
    fn share_again(&mut self, from: usize, to: usize) {
        let touched: Vec<_> = self.cards[from].out.iter().chain(&self.cards[to].into).copied().collect();
        for id in touched {
            let Some(flow) = self.flows.get_mut(&id) else { continue };
            let share = self.cards[flow.from].out.len().max(self.cards[flow.to].into.len()) as u128;
            let passed = self.now.since(flow.since).as_nanos();
            flow.left = flow.left.saturating_sub(self.bandwidth * passed / flow.share);
            (flow.share, flow.since) = (share, self.now);
            let wait = (flow.left * share).div_ceil(self.bandwidth);
            let end = Moment::from_nanos(self.now.as_nanos().saturating_add(u64::try_from(wait).unwrap_or(u64::MAX)));
            self.ends.remove(&(flow.end, id));
            flow.end = end;
            self.ends.insert((end, id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn at(seconds: u64) -> Moment {
        Moment::from_nanos(seconds * SECOND)
    }

    #[test]
    fn one_transfer_has_the_whole_card_and_two_have_half_each() {
        let mut flows = Flows::new(3, 100);
        let first = flows.start(at(0), 0, 1, 1_000);
        assert_eq!(flows.next(), Some(at(10)));
        // After 5 s the first has 500 bytes left and shares the sender's card from then on.
        let second = flows.start(at(5), 0, 2, 500);
        assert_eq!(flows.next(), Some(at(15)));
        assert_eq!((flows.take(), flows.take()), (Some(first), Some(second)));
        assert_eq!(flows.next(), None);
    }

    #[test]
    fn the_two_ways_of_a_card_do_not_disturb_each_other() {
        let mut flows = Flows::new(2, 100);
        flows.start(at(0), 0, 1, 1_000);
        flows.start(at(0), 1, 0, 1_000);
        assert_eq!(flows.next(), Some(at(10)));
        flows.take();
        assert_eq!(flows.next(), Some(at(10)));
    }

    #[test]
    fn who_is_left_gets_the_rest() {
        let mut flows = Flows::new(3, 100);
        flows.start(at(0), 0, 2, 300);
        let long = flows.start(at(0), 1, 2, 600);
        flows.take();
        // Both had half for 6 s; the long one has 300 bytes left, and all of the card.
        assert_eq!(flows.next(), Some(at(9)));
        assert_eq!(flows.take(), Some(long));
    }
}
