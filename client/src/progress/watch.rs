//! Counting: how many futures of each function have ended, and how fast.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use brisk_core::{
    future::{Handle, Status, WeakHandle},
    message::Remaining,
};

use super::below::Below;

/// Functions that are told apart; all others are one more.
const MAX_GROUPS: usize = 12;

/// What those are called.
const OTHERS: &str = "others";

/// The rate is that of so long.
const WINDOW: Duration = Duration::from_secs(10);

/// All futures, by function.
pub(super) struct Watch {
    /// In the order in which they were first named.
    pub(super) groups: Vec<Group>,
    /// What had not ended when it was last looked at, each with its group.
    pending: Vec<(WeakHandle, usize)>,
    below: Below,
    began: Instant,
}

/// The futures of one function, and what others stand on of it.
pub(super) struct Group {
    pub(super) name: Arc<str>,
    own: Count,
    /// How many calls others stand on were left at most, and are left now.
    most_below: u64,
    left_below: u64,
    /// When how many had ended, a little longer than [`WINDOW`] back.
    seen: VecDeque<(Instant, u64)>,
    /// When the last ended.
    over: Option<Instant>,
}

/// How many there are, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) total: u64,
    pub(super) ended: u64,
    pub(super) erred: u64,
    pub(super) cancelled: u64,
}

impl Watch {
    pub(super) fn new(handles: &[WeakHandle]) -> Self {
        let began = Instant::now();
        let (groups, pending) = (Vec::new(), Vec::with_capacity(handles.len()));
        let mut watch = Watch { groups, pending, below: Below::new(began), began };
        let mut places = BTreeMap::<Arc<str>, usize>::new();
        for handle in handles {
            // One that nobody wants any more has no name left; it counts as ended.
            let name = handle.upgrade().map_or_else(|| OTHERS.into(), |handle| handle.name().name.clone());
            let place = match places.get(&name) {
                Some(place) => *place,
                None => {
                    let place = watch.place_for(&name, began);
                    // So many names are not remembered: they are all in one place.
                    if places.len() < MAX_GROUPS {
                        places.insert(name, place);
                    }
                    place
                }
            };
            watch.groups[place].own.total += 1;
            watch.pending.push((handle.clone(), place));
        }
        watch.look();
        watch.groups.iter_mut().for_each(Group::begin);
        watch
    }

    fn place_for(&mut self, name: &Arc<str>, now: Instant) -> usize {
        let is_others = |group: &Group| &*group.name == OTHERS;
        let is_full = self.groups.iter().filter(|group| !is_others(group)).count() >= MAX_GROUPS;
        let name = if is_full { OTHERS.into() } else { name.clone() };
        if let Some(place) = self.groups.iter().position(|group| group.name == name) {
            return place;
        }
        let seen = VecDeque::from([(now, 0)]);
        self.groups.push(Group { name, own: Count::default(), most_below: 0, left_below: 0, seen, over: None });
        self.groups.len() - 1
    }

    /// Looks again at what had not ended before. Whether nothing is pending any more.
    pub(super) fn look(&mut self) -> bool {
        let groups = &mut self.groups;
        let mut pending: Vec<Handle> = Vec::new();
        self.pending.retain(|(weak, place)| {
            let count = &mut groups[*place].own;
            let handle = weak.upgrade();
            match handle.as_ref().map(|handle| handle.status()) {
                Some(Status::Pending) => {
                    pending.extend(handle);
                    return true;
                }
                Some(Status::Finished) | None => {}
                Some(Status::Erred) => count.erred += 1,
                Some(Status::Cancelled) => count.cancelled += 1,
            }
            count.ended += 1;
            false
        });
        if let Some(remaining) = self.below.look(pending.iter()) {
            self.note_below(&remaining);
        }
        if self.pending.is_empty() && self.groups.iter().all(|group| group.own.erred + group.own.cancelled == 0) {
            // Whatever they stood on is there.
            self.groups.iter_mut().for_each(|group| group.left_below = 0);
        }
        let now = Instant::now();
        self.groups.iter_mut().for_each(|group| group.note(now));
        self.pending.is_empty()
    }

    fn note_below(&mut self, remaining: &Remaining) {
        let now = Instant::now();
        self.groups.iter_mut().for_each(|group| group.left_below = 0);
        for (name, left) in &remaining.functions {
            let place = self.place_for(name, now);
            self.groups[place].left_below += left;
        }
        for group in &mut self.groups {
            group.most_below = group.most_below.max(group.left_below);
        }
    }

    /// For how long this has been watched.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// How long a function took, once all of its futures have ended.
    pub(super) fn took(&self, group: &Group) -> Option<Duration> {
        group.over.map(|over| over - self.began)
    }

    /// All functions together.
    pub(super) fn count(&self) -> Count {
        self.groups.iter().map(Group::count).fold(Count::default(), |sum, count| Count {
            total: sum.total + count.total,
            ended: sum.ended + count.ended,
            erred: sum.erred + count.erred,
            cancelled: sum.cancelled + count.cancelled,
        })
    }

    /// How many end in a second, of all functions together.
    pub(super) fn rate(&self) -> f64 {
        self.groups.iter().map(Group::rate).sum()
    }
}

impl Group {
    /// What has ended by now did so before anybody watched, at nobody knows what rate.
    fn begin(&mut self) {
        self.seen.drain(..self.seen.len().saturating_sub(1));
    }

    /// Whether any of the futures are of this function.
    pub(super) fn is_own(&self) -> bool {
        self.own.total > 0
    }

    /// How many there are, with those that others stand on: what was left of these when the scheduler first told.
    pub(super) fn count(&self) -> Count {
        let Count { total, ended, .. } = self.own;
        Count { total: total + self.most_below, ended: ended + self.most_below - self.left_below, ..self.own }
    }

    fn note(&mut self, now: Instant) {
        let count = self.count();
        self.over = if count.ended == count.total { self.over.or(Some(now)) } else { None };
        self.seen.push_back((now, count.ended));
        while self.seen.get(1).is_some_and(|(at, _)| now - *at > WINDOW) {
            self.seen.pop_front();
        }
    }

    /// How many end in a second, of late; 0 once all have.
    pub(super) fn rate(&self) -> f64 {
        let (Some((first, before)), Some((last, ended))) = (self.seen.front(), self.seen.back()) else { return 0.0 };
        let seconds = (*last - *first).as_secs_f64();
        if seconds <= 0.0 || self.over.is_some() { 0.0 } else { ended.saturating_sub(*before) as f64 / seconds }
    }
}

impl Count {
    /// How long the rest takes at this rate, in seconds, if any end at all.
    pub(super) fn seconds_left(&self, rate: f64) -> Option<f64> {
        (rate > 0.0 && self.ended < self.total).then(|| (self.total - self.ended) as f64 / rate)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use brisk_core::{
        error::{ErrorKind, TaskError},
        future::{Asked, Owner},
        graph::Node,
        id::WantId,
        key::Key,
        message::{self, Query},
        task::TaskName,
        value::Datum,
    };

    use super::*;

    /// A client that does nothing, and whose scheduler answers from a list, of task 1.
    #[derive(Default)]
    struct Told(Mutex<VecDeque<Vec<(&'static str, u64)>>>);

    impl Owner for Told {
        fn released(&self, _: Key, _: WantId) {}
        fn fetch(&self, _: &Handle) {}
        fn cancel(&self, _: &Handle) {}
        fn retry(&self, _: &Handle) {}
        fn detach(&self, _: &Handle) {}
        fn submit(&self, _: &[Arc<Node>]) -> Vec<Handle> {
            Vec::new()
        }
        fn ask(&self, query: Query) -> Option<Asked> {
            let functions = self.0.lock().unwrap().pop_front()?;
            assert_eq!(query, Query::Remaining(vec![Key::from_u128(1)]));
            let functions = functions.into_iter().map(|(name, left)| (name.into(), left)).collect();
            let told = message::Told::Remaining(Remaining { functions, complete: true });
            Some(Box::pin(std::future::ready(Some(told))))
        }
    }

    fn handle(function: &str, number: u128) -> Handle {
        Handle::new(TaskName::of_call(function.into(), Key::from_u128(number)), WantId(1), Arc::new(Told::default()))
    }

    fn watch(handles: &[Handle]) -> Watch {
        Watch::new(&handles.iter().map(Handle::downgrade).collect::<Vec<_>>())
    }

    #[test]
    fn each_function_counts_what_became_of_its_own() {
        let mut handles: Vec<Handle> = (0..6).map(|i| handle(if i < 4 { "load" } else { "sum" }, i)).collect();
        let mut watch = watch(&handles);
        assert!(!watch.look());
        handles[0].set_value(Datum::new(1i64));
        handles[1].set_error(TaskError::new(ErrorKind::Failed, "no"));
        handles[2].set_cancelled(TaskError::new(ErrorKind::Cancelled, "no"));
        assert!(!watch.look() && !watch.look(), "what has ended is counted once");
        let counts: Vec<_> = watch.groups.iter().map(|group| (&*group.name, group.count())).collect();
        let load = Count { total: 4, ended: 3, erred: 1, cancelled: 1 };
        assert_eq!(counts, [("load", load), ("sum", Count { total: 2, ..Count::default() })]);
        assert!(watch.took(&watch.groups[0]).is_none() && watch.groups[0].rate() > 0.0);
        // Those that nobody wants any more will not end otherwise.
        handles.clear();
        assert!(watch.look());
        assert_eq!(watch.count(), Count { total: 6, ended: 6, erred: 1, cancelled: 1 });
        assert!(watch.groups.iter().all(|group| watch.took(group).is_some() && group.rate() == 0.0));
    }

    #[test]
    fn what_had_ended_before_says_nothing_of_the_rate() {
        let handles: Vec<Handle> = (0..20).map(|i| handle("slow", i)).collect();
        handles[0].set_value(Datum::new(1i64));
        let mut watch = watch(&handles);
        assert!(!watch.look());
        assert_eq!((watch.count().ended, watch.rate()), (1, 0.0));
        handles[1].set_value(Datum::new(2i64));
        assert!(!watch.look() && watch.rate() > 0.0);
    }

    #[test]
    fn what_a_future_stands_on_is_counted_from_when_the_scheduler_told() {
        let answers = [vec![("sum", 4), ("load", 8)], vec![("sum", 3)]];
        let owner = Arc::new(Told(Mutex::new(answers.into_iter().collect())));
        let name = TaskName::of_call("sum".into(), Key::from_u128(1));
        let sum = Handle::new(name, WantId(1), owner);
        let mut watch = watch(std::slice::from_ref(&sum));
        let mut next_counts = || {
            // The look before has asked; this one has the answer. Then it is time for the next question.
            assert!(!watch.look());
            watch.below = Below::new(Instant::now());
            assert!(!watch.look());
            let counts = watch.groups.iter().map(|group| (group.name.to_string(), group.count()));
            counts.map(|(name, count)| (name, count.ended, count.total)).collect::<Vec<_>>()
        };
        assert_eq!(next_counts(), [("sum".to_owned(), 0, 5), ("load".to_owned(), 0, 8)]);
        assert_eq!(next_counts(), [("sum".to_owned(), 1, 5), ("load".to_owned(), 8, 8)]);
        sum.set_value(Datum::new(1i64));
        assert!(watch.look());
        assert_eq!(watch.count(), Count { total: 13, ended: 13, ..Count::default() });
    }

    #[test]
    fn of_many_functions_the_first_have_lines_of_their_own() {
        let handles: Vec<Handle> = (0..100).map(|i| handle(&format!("f{}", i % 50), i)).collect();
        let watch = watch(&handles);
        let counts: Vec<_> = watch.groups.iter().map(|group| (&*group.name, group.count().total)).collect();
        assert_eq!(counts.len(), MAX_GROUPS + 1);
        assert_eq!((counts[0], counts[MAX_GROUPS]), (("f0", 2), (OTHERS, 100 - 2 * MAX_GROUPS as u64)));
    }
}
