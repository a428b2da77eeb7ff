//! How nodes and connections end, or hang: in order, and not.

use std::{
    collections::{VecDeque, btree_map::Entry},
    time::Duration,
};

use brisk_core::id::{ClientId, WorkerId};
use brisk_worker::machine as worker;

use super::{Cluster, Happening};
use crate::{
    failure::Failure,
    network::{Close, LinkId, Node},
};

impl Cluster {
    /// A node is gone without a word. `intended`: whoever watches it says so.
    pub fn kill(&mut self, node: Node, reason: &str, intended: bool) {
        self.trace.note(self.calendar.now(), format_args!("kill {node:?}: {reason}"));
        let supervised = match node {
            Node::Worker(id) => {
                self.workers.get(&id).map(|node| node.spec.clone()).filter(|spec| spec.process.is_some())
            }
            _ => None,
        };
        // Where there is a supervisor nobody else knows what was meant.
        let close = Close { reason: reason.into(), intended: intended && supervised.is_none() };
        if let Some(spec) = supervised {
            self.process_ended(&spec, reason, intended);
        }
        self.discard_outgoing(node);
        for link in self.network.links_of(node) {
            let notice = self.network.die(self.calendar.now(), link, node, close.clone());
            self.post(notice);
        }
        self.forget(node);
    }

    /// A client leaves: it says goodbye, and closes once that was sent.
    ///
    /// # Errors
    /// If a property does not hold.
    pub fn part(&mut self, client: ClientId) -> Result<(), Failure> {
        self.with_client(client, |client, _| client.say_goodbye())?;
        self.flush();
        let node = Node::Client(client);
        let close = Close { reason: "closed".into(), intended: true };
        for link in self.network.links_of(node) {
            let notice = self.network.close(self.calendar.now(), link, node, close.clone());
            self.post(notice);
        }
        self.forget(node);
        Ok(())
    }

    /// A worker is told to stop, by its own process.
    ///
    /// # Errors
    /// If a property does not hold.
    pub fn shut_down(&mut self, worker: WorkerId) -> Result<(), Failure> {
        self.tell_worker(worker, worker::Event::Shutdown { reason: "asked to".into() }, &[])
    }

    /// A worker's process is about to end: it asks the scheduler to be let go.
    ///
    /// # Errors
    /// If a property does not hold.
    pub fn retire(&mut self, worker: WorkerId) -> Result<(), Failure> {
        self.judge.history.retirements += 1;
        self.tell_worker(worker, worker::Event::Retire { reason: "asked to".into() }, &[])
    }

    /// A client wants these workers gone.
    ///
    /// # Errors
    /// If a property does not hold.
    pub fn retire_by_client(&mut self, client: ClientId, workers: &[WorkerId]) -> Result<(), Failure> {
        self.judge.history.retirements += 1;
        let named = workers.iter().filter_map(|id| Some(self.worker(*id)?.spec.name.clone()));
        let named: Vec<_> = named.collect();
        self.with_client(client, |client, _| client.retire_workers(named))
    }

    /// The link between a node and the scheduler is cut; both live on, and notice at different times.
    pub fn cut(&mut self, node: Node) {
        let close = Close { reason: "the connection was cut".into(), intended: false };
        let Some(link) = self.links.get(&node).copied() else { return };
        for notice in self.network.cut(self.calendar.now(), link, None, &close) {
            self.post(Some(notice));
        }
    }

    /// Nothing that is sent on the link between a node and the scheduler arrives at `deaf`, which is one of the two, any
    /// more. Both live on, and notice at different times.
    pub fn cut_towards(&mut self, node: Node, deaf: Node) {
        let close = Close { reason: "the connection was cut in one direction".into(), intended: false };
        let Some(link) = self.links.get(&node).copied() else { return };
        for notice in self.network.cut(self.calendar.now(), link, Some(deaf), &close) {
            self.post(Some(notice));
        }
    }

    /// Some data link breaks.
    pub fn break_data_link(&mut self) {
        let links = self.network.open_links(true);
        let Some(link) = self.random.pick(&links).copied() else { return };
        self.cut_link(link);
    }

    /// Some link is slow for a while.
    pub fn clog(&mut self, data: bool, span: Duration) {
        let links = self.network.open_links(data);
        let until = self.calendar.now() + span;
        self.judge.history.stood_still = true;
        if let Some(link) = self.random.pick(&links) {
            self.network.clog(*link, until);
        }
    }

    /// A node stands still for a while, as a stopped process does.
    pub fn pause(&mut self, node: Node, span: Duration) {
        self.judge.history.stood_still = true;
        if let Entry::Vacant(entry) = self.paused.entry(node) {
            entry.insert(VecDeque::new());
            self.calendar.enter_after(span, Happening::Resumes(node));
        }
    }

    /// A link is cut; both ends notice some time later.
    pub(super) fn cut_link(&mut self, link: LinkId) {
        let close = Close { reason: "the data link broke".into(), intended: false };
        for notice in self.network.cut(self.calendar.now(), link, None, &close) {
            self.post(Some(notice));
        }
    }

    /// A worker closes everything and is gone.
    pub(super) fn leave(&mut self, worker: WorkerId, reason: &str) {
        let node = Node::Worker(worker);
        let close = Close { reason: reason.into(), intended: false };
        self.flush();
        for link in self.network.links_of(node) {
            let notice = self.network.close(self.calendar.now(), link, node, close.clone());
            self.post(notice);
        }
        self.forget(node);
    }

    /// Takes a node off all tables.
    pub(super) fn forget(&mut self, node: Node) {
        match node {
            Node::Worker(worker) => {
                self.workers.remove(&worker);
            }
            Node::Client(client) => {
                self.clients.remove(&client);
                self.judge.calls.client_gone(client);
                self.asked.retain(|(asker, _, _)| *asker != client);
            }
            Node::Scheduler | Node::Supervisor(_) => {}
        }
        self.data_links.retain(|(from, _), _| *from != node);
        self.clocks.remove(&node);
        if let Some(waiting) = self.paused.get_mut(&node) {
            waiting.clear();
        }
    }
}
