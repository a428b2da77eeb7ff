//! What this session adds to plots.
//!
//! Points wait a moment for each other and go together. What was sent is kept, up to a limit, and said again to a scheduler
//! that comes after the one that was told. A scheduler that is lost or slow holds up nobody: what waits is bounded too, and
//! the oldest points are left out.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Weak},
    time::Duration,
};

use brisk_core::{
    id::Incarnation,
    message::{ClientToScheduler, PlotGrid, PlotPoints, PlotSpec, PlotUpdate},
};
use parking_lot::Mutex;

use super::Session;

/// How long points wait for each other.
const HOLD: Duration = Duration::from_millis(50);

/// Points of a plot that are kept: as many as the scheduler keeps.
const POINTS: usize = 20_000;

/// Plots of a session. The points of more are not sent.
const PLOTS: usize = 64;

/// Messages that may wait for a connection before plots hold theirs back.
const WAITING: usize = 1_024;

/// The plots of a session, by name.
#[derive(Default)]
pub(super) struct Plots(Mutex<BTreeMap<Arc<str>, Arc<Feeder>>>);

/// A plot, as this program feeds it.
pub(crate) struct Feeder {
    session: Weak<Session>,
    name: Arc<str>,
    feed: Mutex<Feed>,
}

struct Feed {
    spec: PlotSpec,
    background: Option<PlotGrid>,
    series: Vec<Arc<str>>,
    /// Series by number, and place.
    points: VecDeque<(usize, [f64; 3])>,
    /// How many of the first points were sent.
    sent: usize,
    /// Points that were left out before they were sent, of which the scheduler was not told.
    left_out: u64,
    /// Whom what was sent was sent to.
    told: Option<Incarnation>,
    /// Whether what the plot is, or what is behind it, is to be said.
    is_new: bool,
    /// Whether a task will look after what waits.
    watched: bool,
    /// Whether somebody is sending. Others leave it to that one.
    sending: bool,
}

impl Session {
    /// The plot of this name, from now on with these words and what is behind it. The same one each time it is asked for.
    pub(crate) fn plot(&self, name: Arc<str>, spec: PlotSpec, background: Option<PlotGrid>) -> Arc<Feeder> {
        let feeder = {
            let mut plots = self.plots.0.lock();
            let is_one_too_many = plots.len() >= PLOTS && !plots.contains_key(&name);
            let make = || Arc::new(Feeder::new(self.this.clone(), name.clone(), spec.clone()));
            if is_one_too_many {
                tracing::warn!(plot = %name, "a program has {PLOTS} plots at most: this one is not drawn");
                let mut feeder = Feeder::new(Weak::new(), name.clone(), spec.clone());
                feeder.feed.get_mut().is_new = false;
                Arc::new(feeder)
            } else {
                plots.entry(name.clone()).or_insert_with(make).clone()
            }
        };
        {
            let mut feed = feeder.feed.lock();
            feed.spec = spec;
            feed.background = background.or(feed.background.take());
            feed.is_new = true;
        }
        feeder.send_soon();
        feeder
    }

    /// There is a scheduler again, which may know nothing of them.
    pub(super) fn plots_again(&self) {
        let plots: Vec<_> = self.plots.0.lock().values().cloned().collect();
        plots.iter().for_each(|plot| plot.send_soon());
    }

    /// Who would be told now, unless there is nobody or too much waits for them already.
    fn plots_go_to(&self) -> Option<Incarnation> {
        {
            let table = self.table.lock();
            if table.away || table.closed.is_some() || table.outbox.len() > WAITING {
                return None;
            }
        }
        Some(self.link()?.welcome.incarnation)
    }

    fn is_closed(&self) -> bool {
        self.table.lock().closed.is_some()
    }
}

impl Feeder {
    fn new(session: Weak<Session>, name: Arc<str>, spec: PlotSpec) -> Self {
        let feed = Feed {
            spec,
            background: None,
            series: Vec::new(),
            points: VecDeque::new(),
            sent: 0,
            left_out: 0,
            told: None,
            is_new: true,
            watched: false,
            sending: false,
        };
        Feeder { session, name, feed: Mutex::new(feed) }
    }

    /// Adds points to a series.
    pub(crate) fn add(self: &Arc<Self>, series: &Arc<str>, points: impl IntoIterator<Item = [f64; 3]>) {
        let mut points = points.into_iter();
        loop {
            // In slices: an endless source is heard of too, and its code does not run under the lock.
            let slice: Vec<_> = points.by_ref().take(PlotUpdate::MAX_POINTS).collect();
            if slice.is_empty() {
                return;
            }
            let is_much = self.feed.lock().add(series, &slice);
            if is_much { self.send() } else { self.send_soon() }
        }
    }

    /// Sends what waits, in a moment.
    fn send_soon(self: &Arc<Self>) {
        let Some(session) = self.session.upgrade() else { return };
        if std::mem::replace(&mut self.feed.lock().watched, true) {
            return;
        }
        let this = Arc::downgrade(self);
        session.runtime().spawn(async move {
            loop {
                tokio::time::sleep(HOLD).await;
                let Some(this) = this.upgrade() else { return };
                this.send();
                let is_over = this.session.upgrade().is_none_or(|session| session.is_closed());
                let mut feed = this.feed.lock();
                if feed.is_all_said() || is_over {
                    feed.watched = false;
                    return;
                }
            }
        });
    }

    /// Sends what waits, as far as it can be sent now.
    fn send(&self) {
        let Some(session) = self.session.upgrade() else { return };
        while let Some(link) = session.plots_go_to() {
            let update = {
                let mut feed = self.feed.lock();
                if feed.sending {
                    return;
                }
                let Some(update) = feed.next(&self.name, link) else { return };
                feed.sending = true;
                update
            };
            // Not under the lock: what is said may come back here.
            session.say(ClientToScheduler::Plot(Box::new(update)));
            self.feed.lock().sending = false;
        }
    }
}

impl Feed {
    /// Whether there is enough to be sent.
    fn add(&mut self, series: &Arc<str>, points: &[[f64; 3]]) -> bool {
        let number = match self.series.iter().position(|known| known == series) {
            Some(number) => number,
            None if self.series.len() < PlotUpdate::MAX_SERIES => {
                self.series.push(series.clone());
                self.series.len() - 1
            }
            None => {
                self.left_out += points.len() as u64;
                return false;
            }
        };
        self.points.extend(points.iter().map(|point| (number, *point)));
        let surplus = self.points.len().saturating_sub(POINTS);
        self.points.drain(..surplus);
        self.left_out += surplus.saturating_sub(self.sent) as u64;
        self.sent = self.sent.saturating_sub(surplus);
        self.points.len() - self.sent >= PlotUpdate::MAX_POINTS
    }

    fn is_all_said(&self) -> bool {
        !self.is_new && self.sent == self.points.len()
    }

    /// What to say next to this scheduler, if anything.
    fn next(&mut self, name: &Arc<str>, link: Incarnation) -> Option<PlotUpdate> {
        let is_another = self.told != Some(link);
        let fresh = is_another && self.told.is_some();
        if is_another {
            (self.told, self.sent, self.is_new) = (Some(link), 0, true);
        }
        if self.is_all_said() {
            return None;
        }
        let mut points: Vec<PlotPoints> = Vec::new();
        let mut places = vec![None; self.series.len()];
        let next: Vec<_> = self.points.range(self.sent..).take(PlotUpdate::MAX_POINTS).copied().collect();
        self.sent += next.len();
        for (number, [x, y, z]) in next {
            let place = *places[number].get_or_insert_with(|| {
                points.push(PlotPoints { series: self.series[number].clone(), ..PlotPoints::default() });
                points.len() - 1
            });
            points[place].x.push(x);
            points[place].y.push(y);
            points[place].z.push(z);
        }
        let background = self.background.clone().filter(|_| self.is_new);
        self.is_new = false;
        let left_out = std::mem::take(&mut self.left_out);
        Some(PlotUpdate { name: name.clone(), spec: self.spec.clone(), fresh, background, points, left_out })
    }
}

#[cfg(test)]
mod tests {
    use brisk_core::message::PlotKind;

    use super::*;

    fn feed() -> Feed {
        let words: Arc<str> = "".into();
        let spec = PlotSpec { kind: PlotKind::Scatter, title: words.clone(), x: words.clone(), y: words.clone() };
        Feeder::new(Weak::new(), words, spec).feed.into_inner()
    }

    fn said(feed: &mut Feed, link: u64) -> Vec<PlotUpdate> {
        std::iter::from_fn(|| feed.next(&"a".into(), Incarnation(link))).collect()
    }

    #[test]
    fn each_scheduler_is_told_all_of_it_once_and_within_the_limits() {
        let mut feed = feed();
        let points: Vec<_> = (0..10_000).map(|i| [f64::from(i), 0.0, 0.0]).collect();
        feed.add(&"one".into(), &points);
        feed.add(&"other".into(), &points[..10]);
        for (link, fresh) in [(1, false), (2, true)] {
            let said = said(&mut feed, link);
            assert!(said.len() >= 3 && said.iter().all(PlotUpdate::is_within_limits));
            assert_eq!(said.iter().map(|update| update.fresh).collect::<Vec<_>>()[..2], [fresh, false]);
            let xs = said.iter().flat_map(|update| &update.points).map(|points| points.x.len()).sum::<usize>();
            assert_eq!(xs, 10_010);
        }
        assert!(said(&mut feed, 2).is_empty());
    }

    #[test]
    fn what_waits_for_long_is_bounded_and_what_is_left_out_is_told() {
        let mut feed = feed();
        for _ in 0..10 {
            feed.add(&"".into(), &vec![[1.0; 3]; 4_096]);
        }
        let said = said(&mut feed, 1);
        let sent: usize = said.iter().flat_map(|update| &update.points).map(|points| points.x.len()).sum();
        let left_out: u64 = said.iter().map(|update| update.left_out).sum();
        assert_eq!((sent, left_out), (POINTS, 40_960 - POINTS as u64));
    }
}
