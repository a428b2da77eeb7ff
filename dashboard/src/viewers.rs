//! Those who follow the events, and the one who tells them.
//!
//! What has changed is looked for ten times a second at most, and not at all while nobody follows. It is made into text once,
//! which all share. Each viewer has a short queue. One that does not empty it in time is left out, so that what it holds up is
//! its own affair; once it has emptied it, it gets a fresh beginning; and if it takes nothing for long, its connection is cut.

use std::time::{Duration, Instant};

use brisk_scheduler::server::Observer;
use bytes::Bytes;
use tokio::{
    sync::{Notify, mpsc},
    time::{MissedTickBehavior, interval},
};

use crate::{
    connections::Line,
    feed::{Feed, HISTORY},
};

/// How often viewers are told what has changed.
const TICK: Duration = Duration::from_millis(100);

/// Events that wait for a viewer at most: the slow ones get no more.
const QUEUE: usize = 8;

/// Runs in the fresh beginning of a viewer that was too slow: fewer than at first, since it will hardly be faster now.
const CATCHING_UP: usize = 10_000;

/// Who has taken nothing for so long is gone, presumably.
const PATIENCE: Duration = Duration::from_secs(30);

/// When nothing else is said for so long, that is: a page's clock and its curves go on where nothing happens, and it takes silence
/// for an end.
const SILENCE: Duration = Duration::from_secs(1);

/// All viewers.
pub(crate) struct Viewers {
    observer: Observer,
    /// Those who have come since the last look.
    new: std::sync::Mutex<Option<Vec<Viewer>>>,
    came: Notify,
}

struct Viewer {
    events: mpsc::Sender<Bytes>,
    line: Line,
    /// How much of the history its next beginning has, if that is due.
    begins_with: Option<usize>,
    /// When it first could not be told something, if it has taken nothing since.
    stuck: Option<Instant>,
}

impl Viewers {
    pub(crate) fn new(observer: Observer) -> Self {
        Viewers { observer, new: std::sync::Mutex::new(Some(Vec::new())), came: Notify::new() }
    }

    /// One more, whose events come out here. They end at once when all is over.
    pub(crate) fn join(&self, line: Line) -> mpsc::Receiver<Bytes> {
        let (events, receiver) = mpsc::channel(QUEUE);
        if let Some(new) = &mut *self.lock() {
            new.push(Viewer { events, line, begins_with: Some(HISTORY), stuck: None });
        }
        self.came.notify_one();
        receiver
    }

    /// Nobody is taken any more.
    pub(crate) fn close(&self) {
        *self.lock() = None;
    }

    /// Tells them, until it is dropped.
    pub(crate) async fn run(&self) {
        let mut feed = Feed::new(self.observer.clone());
        let mut viewers = Vec::new();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if viewers.is_empty() {
                // A permit that was left before this wait began ends it at once.
                self.came.notified().await;
            }
            ticks.tick().await;
            let before = Instant::now();
            viewers.append(self.lock().as_mut().unwrap_or(&mut Vec::new()));
            tell(&mut feed, &mut viewers, before);
            // However much there is to do, three quarters of a processor are left to others.
            tokio::time::sleep(before.elapsed() * 3).await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Vec<Viewer>>> {
        // The list is whole between any two statements, whoever panicked.
        self.new.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// One look, and a word to everybody.
fn tell(feed: &mut Feed, viewers: &mut Vec<Viewer>, now: Instant) {
    viewers.retain(|viewer| !viewer.events.is_closed());
    if viewers.is_empty() {
        return;
    }
    let delta = feed.look(SILENCE);
    let mut beginnings: Vec<(usize, Bytes)> = Vec::new();
    for viewer in &mut *viewers {
        if let Some(runs) = viewer.begins_with {
            if viewer.events.capacity() == QUEUE {
                let made = beginnings.iter().find(|(of, _)| *of == runs).map(|(_, text)| text.clone());
                let text = made.unwrap_or_else(|| {
                    let text = feed.snapshot(runs);
                    beginnings.push((runs, text.clone()));
                    text
                });
                viewer.begin(text);
            }
        } else if let Some(delta) = &delta {
            viewer.go_on(delta.clone(), now);
        }
    }
    viewers.retain(|viewer| {
        let gone = viewer.stuck.is_some_and(|since| now.duration_since(since) > PATIENCE);
        if gone {
            viewer.line.cut();
        }
        !gone
    });
}

impl Viewer {
    fn begin(&mut self, text: Bytes) {
        if self.events.try_send(text).is_ok() {
            (self.begins_with, self.stuck) = (None, None);
        }
    }

    fn go_on(&mut self, text: Bytes, now: Instant) {
        if self.events.try_send(text).is_err() {
            self.begins_with = Some(CATCHING_UP);
            self.stuck = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use brisk_core::id::Epoch;
    use brisk_scheduler::server::{Config, Server};

    use super::*;

    fn with_viewers(test: impl FnOnce(Feed, Vec<Viewer>, Vec<mpsc::Receiver<Bytes>>)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let server = Server::start(Config::default(), Epoch(1), runtime.handle().clone());
        let all = Viewers::new(server.observer());
        let receivers = (0..2).map(|_| all.join(Line::default())).collect();
        let viewers = all.lock().take().unwrap();
        test(Feed::new(server.observer()), viewers, receivers);
    }

    fn kind(event: &Bytes) -> &str {
        let line = std::str::from_utf8(event).unwrap().lines().next().unwrap();
        line.strip_prefix("event: ").unwrap()
    }

    #[test]
    fn a_slow_viewer_skips_and_begins_anew_while_the_other_misses_nothing() {
        with_viewers(|mut feed, mut viewers, mut receivers| {
            let now = Instant::now();
            let mut slow = receivers.pop().unwrap();
            let mut quick = receivers.pop().unwrap();
            let mut heard = Vec::new();
            for _ in 0..3 * QUEUE {
                // Something has changed each time.
                feed.forget_totals();
                tell(&mut feed, &mut viewers, now);
                heard.push(quick.try_recv().expect("whoever takes what comes gets all of it"));
            }
            assert_eq!(kind(&heard[0]), "snapshot");
            assert!(heard[1..].iter().all(|event| kind(event) == "delta"));
            let mut taken = 0;
            while slow.try_recv().is_ok() {
                taken += 1;
            }
            assert_eq!(taken, QUEUE, "no more waits for a slow one");
            feed.forget_totals();
            tell(&mut feed, &mut viewers, now);
            assert_eq!(kind(&slow.try_recv().unwrap()), "snapshot");
            feed.forget_totals();
            tell(&mut feed, &mut viewers, now);
            assert_eq!(kind(&slow.try_recv().unwrap()), "delta");
        });
    }

    #[test]
    fn who_takes_nothing_for_long_is_let_go() {
        with_viewers(|mut feed, mut viewers, _receivers| {
            let now = Instant::now();
            for _ in 0..=QUEUE {
                feed.forget_totals();
                tell(&mut feed, &mut viewers, now);
            }
            assert_eq!(viewers.len(), 2);
            tell(&mut feed, &mut viewers, now + PATIENCE + TICK);
            assert!(viewers.is_empty());
        });
    }

    #[test]
    fn who_has_left_is_forgotten() {
        with_viewers(|mut feed, mut viewers, receivers| {
            drop(receivers);
            tell(&mut feed, &mut viewers, Instant::now());
            assert!(viewers.is_empty());
        });
    }
}
