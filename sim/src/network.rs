//! The virtual network: connections between nodes, that keep what `brisk_core::comm` promises and nothing more.
//!
//! On a link with the scheduler messages arrive in order, each once or not at all, none after the end. On a data link each
//! message takes its own time. A connection that is closed in order delivers what was sent before; one that is cut, or
//! whose node dies, loses what is still on its way, and the other end hears of it some time later.

use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc, time::Duration};

use brisk_core::{
    id::{ClientId, SupervisorId, WorkerId},
    message::{
        ClientToScheduler, DataMessage, SchedulerToClient, SchedulerToSupervisor, SchedulerToWorker,
        SupervisorToScheduler, WorkerToScheduler,
    },
    time::Moment,
};

use crate::random::Random;

/// Somebody on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    /// The scheduler. There is one.
    Scheduler,
    /// A worker, in one incarnation.
    Worker(WorkerId),
    /// A client, in one incarnation.
    Client(ClientId),
    /// The supervisor of all workers, in one session.
    Supervisor(SupervisorId),
}

/// A connection. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(u64);

/// What travels.
#[derive(Clone, Debug)]
pub enum Packet {
    /// From a client to the scheduler.
    FromClient(ClientToScheduler),
    /// From the scheduler to a client.
    ToClient(SchedulerToClient),
    /// From a worker to the scheduler.
    FromWorker(WorkerToScheduler),
    /// From the scheduler to a worker.
    ToWorker(SchedulerToWorker),
    /// From a supervisor to the scheduler.
    FromSupervisor(SupervisorToScheduler),
    /// From the scheduler to a supervisor.
    ToSupervisor(SchedulerToSupervisor),
    /// On a data link, either way.
    Data(DataMessage),
    /// The end of the connection.
    Closed(Close),
    /// Several messages of one link with the scheduler, in order: they arrive together or not at all.
    Batch(Vec<Packet>),
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// In words.
    pub reason: Arc<str>,
    /// Whether it was to end.
    pub intended: bool,
}

/// Something that arrives.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// By which connection.
    pub link: LinkId,
    /// From whom.
    pub from: Node,
    /// At whose end.
    pub to: Node,
    /// What.
    pub packet: Packet,
}

/// What is to become of something that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Its receiver gets it.
    Delivered,
    /// It comes after the end of the connection: no transport hands it out.
    Late,
    /// It got lost.
    Lost,
}

/// How the network is.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// How long a message takes.
    pub latency: RangeInclusive<Duration>,
    /// How long it takes to notice that a node died or a connection was cut.
    pub detection: RangeInclusive<Duration>,
}

impl Conditions {
    /// A fast network.
    pub fn calm() -> Self {
        Conditions {
            latency: Duration::from_micros(50)..=Duration::from_micros(150),
            detection: Duration::from_millis(1)..=Duration::from_millis(2),
        }
    }
}

/// All connections.
#[derive(Debug)]
pub struct Network {
    /// How it is now.
    pub conditions: Conditions,
    random: Random,
    /// All and only the connections of which one end is open.
    links: BTreeMap<LinkId, Link>,
    last: u64,
}

#[derive(Debug)]
struct Link {
    ends: [Node; 2],
    ordered: bool,
    /// Whether this end has closed, or heard of the end.
    ended: [bool; 2],
    /// When the last message to this end arrives.
    last: [Moment; 2],
    /// What would arrive at this end later than this is lost.
    cut: [Option<Moment>; 2],
    /// Nothing arrives before this.
    clogged: Moment,
}

impl Network {
    /// A network without connections.
    pub fn new(conditions: Conditions, random: Random) -> Self {
        Network { conditions, random, links: BTreeMap::new(), last: 0 }
    }

    /// Makes a connection; `ordered` for links with the scheduler.
    pub fn open(&mut self, a: Node, b: Node, ordered: bool) -> LinkId {
        self.last += 1;
        let link = Link {
            ends: [a, b],
            ordered,
            ended: [false; 2],
            last: [Moment::ORIGIN; 2],
            cut: [None; 2],
            clogged: Moment::ORIGIN,
        };
        self.links.insert(LinkId(self.last), link);
        LinkId(self.last)
    }

    /// Sends from one end to the other, if this end is open: what arrives, and when.
    pub fn send(&mut self, now: Moment, id: LinkId, from: Node, packet: Packet) -> Option<(Moment, Delivery)> {
        let latency = self.random.span(&self.conditions.latency);
        let link = self.links.get_mut(&id)?;
        let end = link.end_of(from);
        if link.ended[end] {
            return None;
        }
        let other = 1 - end;
        let mut at = (now + latency).max(link.clogged);
        if link.ordered || matches!(packet, Packet::Closed(_)) {
            at = at.max(link.last[other]);
        }
        link.last[other] = link.last[other].max(at);
        Some((at, Delivery { link: id, from, to: link.ends[other], packet }))
    }

    /// Closes in order. The other end hears of it after all that was sent before.
    pub fn close(&mut self, now: Moment, id: LinkId, by: Node, close: Close) -> Option<(Moment, Delivery)> {
        let notice = self.send(now, id, by, Packet::Closed(close))?;
        self.end(id, by);
        Some(notice)
    }

    /// One end is gone without a word: some of what it sent still arrives, and the other end notices later.
    pub fn die(&mut self, now: Moment, id: LinkId, dead: Node, close: Close) -> Option<(Moment, Delivery)> {
        let survives = self.random.span(&(Duration::ZERO..=*self.conditions.latency.end()));
        let detection = self.random.span(&self.conditions.detection);
        let link = self.links.get_mut(&id)?;
        let end = link.end_of(dead);
        if link.ended[end] {
            return None;
        }
        let cut = now + survives;
        (0..2).for_each(|end| link.cut_at(end, cut));
        let delivery = Delivery { link: id, from: dead, to: link.ends[1 - end], packet: Packet::Closed(close) };
        self.end(id, dead);
        Some((cut + detection, delivery))
    }

    /// The connection is cut though both ends live: in both directions, or so that one end hears nothing any more. Each
    /// notices some time later: who hears nothing by itself, and the other since it is not answered.
    pub fn cut(&mut self, now: Moment, id: LinkId, deaf: Option<Node>, close: &Close) -> Vec<(Moment, Delivery)> {
        let delays = [(); 2].map(|()| self.random.span(&self.conditions.detection));
        let Some(link) = self.links.get_mut(&id) else { return Vec::new() };
        for end in 0..2 {
            if deaf.is_none_or(|deaf| link.ends[end] == deaf) {
                link.cut_at(end, now);
            }
        }
        let ends = (0..2).filter(|end| !link.ended[*end]);
        let notice = |end: usize| {
            let packet = Packet::Closed(close.clone());
            (now + delays[end], Delivery { link: id, from: link.ends[1 - end], to: link.ends[end], packet })
        };
        ends.map(notice).collect()
    }

    /// Nothing arrives for a while; nothing is lost.
    pub fn clog(&mut self, id: LinkId, until: Moment) {
        if let Some(link) = self.links.get_mut(&id) {
            link.clogged = link.clogged.max(until);
        }
    }

    /// Decides about something that arrives now. The end of a connection ends it at this end.
    pub fn arrive(&mut self, now: Moment, delivery: &Delivery) -> Arrival {
        let is_end = matches!(delivery.packet, Packet::Closed(_));
        let Some(link) = self.links.get(&delivery.link) else { return Arrival::Late };
        if link.ended[link.end_of(delivery.to)] {
            return Arrival::Late;
        }
        if is_end {
            self.end(delivery.link, delivery.to);
            return Arrival::Delivered;
        }
        match link.cut[link.end_of(delivery.to)] {
            Some(cut) if now > cut => Arrival::Lost,
            _ => Arrival::Delivered,
        }
    }

    /// The connections of a node at whose end they are open.
    pub fn links_of(&self, node: Node) -> Vec<LinkId> {
        let open = |link: &Link| (0..2).any(|end| link.ends[end] == node && !link.ended[end]);
        self.links.iter().filter(|(_, link)| open(link)).map(|(id, _)| *id).collect()
    }

    /// Connections that are open at either end, in the order in which they were made; data links, or those with the
    /// scheduler.
    pub fn open_links(&self, data: bool) -> Vec<LinkId> {
        self.links.iter().filter(|(_, link)| link.ordered != data).map(|(id, _)| *id).collect()
    }

    fn end(&mut self, id: LinkId, node: Node) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let end = link.end_of(node);
        link.ended[end] = true;
        if link.ended == [true; 2] {
            self.links.remove(&id);
        }
    }
}

impl Link {
    /// What would arrive at an end later than this is lost. What an earlier cut has taken stays lost, or a gap would follow.
    fn cut_at(&mut self, end: usize, at: Moment) {
        self.cut[end] = Some(self.cut[end].map_or(at, |earlier| earlier.min(at)));
    }

    fn end_of(&self, node: Node) -> usize {
        usize::from(self.ends[0] != node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Node = Node::Scheduler;
    const B: Node = Node::Worker(WorkerId(brisk_core::id::Incarnation(1)));

    fn network() -> (Network, LinkId) {
        let conditions =
            Conditions { latency: Duration::from_micros(1)..=Duration::from_millis(5), ..Conditions::calm() };
        let mut network = Network::new(conditions, Random::new(1));
        let link = network.open(A, B, true);
        (network, link)
    }

    fn health(values: u64) -> Packet {
        Packet::FromWorker(WorkerToScheduler::Health { bytes: 0, values })
    }

    fn close() -> Close {
        Close { reason: "test".into(), intended: true }
    }

    #[test]
    fn an_ordered_link_keeps_the_order_up_to_its_end() {
        let (mut network, link) = network();
        let mut arrivals: Vec<_> =
            (0..50).filter_map(|i| network.send(Moment::from_nanos(i), link, B, health(i))).collect();
        arrivals.extend(network.close(Moment::from_nanos(50), link, B, close()));
        assert_eq!(arrivals.len(), 51);
        assert!(arrivals.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        assert!(network.send(Moment::ORIGIN, link, B, health(0)).is_none(), "nothing is sent after the end");
        for (at, delivery) in &arrivals {
            assert_eq!(network.arrive(*at, delivery), Arrival::Delivered);
        }
        assert_eq!(network.arrive(Moment::ORIGIN, &arrivals[0].1), Arrival::Late);
        assert!(network.open_links(false).is_empty());
    }

    #[test]
    fn what_a_cut_has_taken_does_not_come_when_a_node_dies_afterwards() {
        let (mut network, link) = network();
        let (at, sent) = network.send(Moment::ORIGIN, link, B, health(1)).unwrap();
        network.cut(Moment::ORIGIN, link, None, &close());
        network.die(at, link, B, close());
        assert_eq!(network.arrive(at, &sent), Arrival::Lost);
    }

    #[test]
    fn what_a_dead_node_sent_may_get_lost_and_its_end_is_noticed() {
        let (mut network, link) = network();
        let sent: Vec<_> = (0..200).filter_map(|i| network.send(Moment::ORIGIN, link, B, health(i))).collect();
        let (at, end) = network.die(Moment::ORIGIN, link, B, close()).unwrap();
        let fates: Vec<_> = sent.iter().map(|(at, delivery)| network.arrive(*at, delivery)).collect();
        let first_lost = fates.iter().position(|fate| *fate == Arrival::Lost).unwrap_or(fates.len());
        assert!(fates[first_lost..].iter().all(|fate| *fate == Arrival::Lost), "only the last ones are lost");
        assert!(sent[..first_lost].iter().all(|(sent_at, _)| *sent_at <= at));
        assert_eq!(network.arrive(at, &end), Arrival::Delivered);
    }
}
