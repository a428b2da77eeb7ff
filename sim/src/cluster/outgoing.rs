//! What goes out on links with the scheduler: each message by itself, or in batches, as the shells send them.
//!
//! A shell hands its transport everything that it has for a peer at a time, and while it is busy more gathers. So a batch is
//! what one event makes a node say to another, and now and then of several events.

use std::time::Duration;

use super::{Cluster, Happening};
use crate::network::{LinkId, Node, Packet};

/// In a thousand times: what was said waits a moment for more.
const GATHERS: u32 = 300;

/// How long, at most.
const MOMENT: Duration = Duration::from_micros(200);

/// The most messages of a batch.
const MESSAGES: usize = 64;

impl Cluster {
    /// Says something on a link. It is sent by the next [`flush`](Cluster::flush), if messages travel in batches.
    pub(super) fn send(&mut self, link: LinkId, from: Node, packet: Packet) {
        if self.settings.batches {
            self.outgoing.push((link, from, packet));
        } else {
            self.send_now(link, from, packet);
        }
    }

    /// An event has been dealt with: what was said is sent, now or in a moment.
    pub(super) fn flush_or_gather(&mut self) {
        if self.outgoing.is_empty() {
            return;
        }
        if self.random.chance(GATHERS) {
            let moment = self.random.span(&(Duration::ZERO..=MOMENT));
            return self.calendar.enter_after(moment, Happening::Flush);
        }
        self.flush();
    }

    /// Sends what was said, as one batch a link. To be called before any end of a link that comes in order.
    pub(super) fn flush(&mut self) {
        let mut said = std::mem::take(&mut self.outgoing);
        while let Some((link, from, _)) = said.first() {
            let (link, from) = (*link, *from);
            let of_this = |(other, sender, _): &(LinkId, Node, Packet)| (*other, *sender) == (link, from);
            let (mut batch, mut rest) = (Vec::new(), Vec::with_capacity(said.len()));
            for one in said {
                if of_this(&one) && batch.len() < MESSAGES { batch.push(one.2) } else { rest.push(one) }
            }
            said = rest;
            let packet = if batch.len() == 1 { batch.remove(0) } else { Packet::Batch(batch) };
            self.send_now(link, from, packet);
        }
    }

    /// A node is gone without a word: what it has said and not sent is gone too.
    pub(super) fn discard_outgoing(&mut self, node: Node) {
        self.outgoing.retain(|(_, from, _)| *from != node);
    }

    fn send_now(&mut self, link: LinkId, from: Node, packet: Packet) {
        let sent = self.network.send(self.calendar.now(), link, from, packet);
        self.post(sent);
    }
}
