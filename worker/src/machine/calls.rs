//! Calls of the actors that live on a worker: which comes next.
//!
//! Each actor's calls are made one after the other, in the order in which they came; those of one link in the order of their
//! numbers, also where one has overtaken another on the way. A link may have a limited number of unanswered ones, so all queues have
//! limits. How many actors are at work at once is limited too: others wait for their turn.

use std::collections::{BTreeMap, VecDeque};

use brisk_core::{key::Key, limits::ACTOR_CALLS};
use rustc_hash::FxHashMap;

/// Calls that wait, each with the link that it came by.
#[derive(Debug)]
pub struct Calls<Link, Call> {
    /// How many actors may be at work at once.
    most: usize,
    /// All and only the actors that are at work, or wait for their turn, with the calls that come next.
    queues: FxHashMap<Key, VecDeque<(Link, Call)>>,
    /// Those that wait for their turn.
    turns: VecDeque<Key>,
    at_work: usize,
    /// All and only the links by which calls have come.
    callers: FxHashMap<Link, Caller<Call>>,
    #[cfg(feature = "planted")]
    planted: Option<super::Planted>,
}

/// A link by which calls come.
#[derive(Debug)]
pub struct Caller<Call> {
    /// How many of its calls are not answered yet.
    unanswered: usize,
    /// The number of the call that comes next.
    next: u64,
    /// Calls that have overtaken it on the way.
    early: BTreeMap<u64, (Key, Call)>,
}

impl<Link: Copy + Eq + std::hash::Hash, Call> Calls<Link, Call> {
    /// No calls, for at most so many actors at work at once.
    pub fn new(most: usize) -> Self {
        Calls {
            most,
            queues: FxHashMap::default(),
            turns: VecDeque::new(),
            at_work: 0,
            callers: FxHashMap::default(),
            #[cfg(feature = "planted")]
            planted: None,
        }
    }

    /// The same, broken.
    #[cfg(feature = "planted")]
    #[must_use]
    pub fn with_planted(mut self, bug: super::Planted) -> Self {
        self.planted = Some(bug);
        self
    }

    /// Takes in call number `number` of a link. Returns the actors that somebody is to begin to work for, with
    /// [`next`](Calls::next).
    ///
    /// # Errors
    /// If it is one more than may be under way, or one that has come before.
    pub fn add(&mut self, link: Link, number: u64, actor: Key, call: Call) -> Result<Vec<Key>, &'static str> {
        let as_it_comes = planted!(self, CallsOvertake);
        let caller = self.callers.entry(link).or_insert_with(Caller::new);
        caller.add(if as_it_comes { caller.next } else { number }, actor, call)?;
        let mut begin = Vec::new();
        while let Some((actor, call)) = self.callers.get_mut(&link).and_then(Caller::next) {
            if self.queue(link, actor, call) {
                begin.push(actor);
            }
        }
        Ok(begin)
    }

    /// The next call for whoever works for `actor`: another one's, if this has none any more. `None` if there is no call, and
    /// nothing is to be done for it any more.
    pub fn next(&mut self, actor: &mut Key) -> Option<Call> {
        loop {
            if let Some((_, call)) = self.queues.get_mut(actor)?.pop_front() {
                return Some(call);
            }
            self.queues.remove(actor);
            match self.turns.pop_front() {
                Some(other) => *actor = other,
                None => {
                    self.at_work -= 1;
                    return None;
                }
            }
        }
    }

    /// A call that came by this link is about to be answered.
    pub fn answered(&mut self, link: Link) {
        // None if the link is closed.
        if let Some(caller) = self.callers.get_mut(&link) {
            caller.unanswered -= 1;
        }
    }

    /// A link is closed. What came by it in order is made all the same; what has overtaken a call that never came is given back, to
    /// be dropped.
    pub fn closed(&mut self, link: Link) -> Option<Caller<Call>> {
        self.callers.remove(&link)
    }

    /// Whether nobody calls, and nobody works for an actor.
    pub fn is_idle(&self) -> bool {
        self.queues.is_empty() && self.at_work == 0
    }

    /// Puts a call behind the others of its actor. Whether somebody is to begin to work for that.
    fn queue(&mut self, link: Link, actor: Key, call: Call) -> bool {
        if let Some(queue) = self.queues.get_mut(&actor) {
            queue.push_back((link, call));
            return false;
        }
        self.queues.insert(actor, VecDeque::from([(link, call)]));
        if self.at_work == self.most {
            self.turns.push_back(actor);
            return false;
        }
        self.at_work += 1;
        true
    }
}

impl<Call> Caller<Call> {
    fn new() -> Self {
        Caller { unanswered: 0, next: 0, early: BTreeMap::new() }
    }

    fn add(&mut self, number: u64, actor: Key, call: Call) -> Result<(), &'static str> {
        let in_window = number >= self.next && number - self.next < ACTOR_CALLS as u64;
        if self.unanswered >= ACTOR_CALLS || !in_window || self.early.contains_key(&number) {
            return Err("more calls of actors at once than are taken, or one of them twice");
        }
        self.unanswered += 1;
        self.early.insert(number, (actor, call));
        Ok(())
    }

    /// The next call in order, if it is here.
    fn next(&mut self) -> Option<(Key, Call)> {
        let call = self.early.remove(&self.next)?;
        self.next += 1;
        Some(call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Key = Key::from_u128(1);
    const B: Key = Key::from_u128(2);

    fn all(calls: &mut Calls<u8, u32>, mut actor: Key) -> Vec<u32> {
        std::iter::from_fn(|| calls.next(&mut actor)).collect()
    }

    #[test]
    fn calls_of_a_link_are_made_in_the_order_of_their_numbers() {
        let mut calls = Calls::new(8);
        assert_eq!(calls.add(0, 2, A, 12), Ok(vec![]));
        assert_eq!(calls.add(0, 1, B, 11), Ok(vec![]));
        assert_eq!(calls.add(1, 0, A, 20), Ok(vec![A]), "another link's come when they come");
        assert_eq!(calls.add(0, 0, A, 10), Ok(vec![B]));
        assert!(!calls.is_idle());
        assert_eq!((all(&mut calls, A), all(&mut calls, B)), (vec![20, 10, 12], vec![11]));
        assert!(calls.is_idle());
    }

    #[test]
    fn no_call_is_taken_twice_and_no_more_than_may_be_under_way() {
        let mut calls = Calls::new(8);
        let most = ACTOR_CALLS as u64;
        assert!(calls.add(0, most, A, 0).is_err(), "it is too far ahead");
        for number in 0..most {
            assert!(calls.add(0, number, A, number as u32).is_ok());
            assert!(calls.add(0, number, A, 0).is_err());
        }
        assert!(calls.add(0, most, A, 0).is_err());
        calls.answered(0);
        assert_eq!(calls.add(0, most, A, most as u32), Ok(vec![]));
        assert_eq!(all(&mut calls, A), (0..=most as u32).collect::<Vec<_>>());
    }

    #[test]
    fn actors_beyond_the_limit_wait_for_their_turn() {
        let mut calls = Calls::new(1);
        assert_eq!(calls.add(0, 0, A, 1), Ok(vec![A]));
        assert_eq!(calls.add(0, 1, B, 2), Ok(vec![]));
        assert_eq!(all(&mut calls, A), [1, 2]);
        assert!(calls.is_idle());
        assert_eq!(calls.add(0, 2, B, 3), Ok(vec![B]));
    }

    #[test]
    fn what_came_in_order_is_made_though_its_link_is_closed() {
        let mut calls = Calls::new(8);
        assert_eq!(calls.add(0, 0, A, 1), Ok(vec![A]));
        assert_eq!(calls.add(0, 2, A, 3), Ok(vec![]));
        assert!(calls.closed(0).is_some_and(|caller| caller.early.len() == 1));
        assert_eq!(all(&mut calls, A), [1]);
        calls.answered(0);
        assert_eq!(calls.add(0, 0, A, 4), Ok(vec![A]), "the next of this name is another");
    }
}
