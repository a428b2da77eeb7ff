//! Clients that go: with a word, and everything they alone wanted goes with them; or without one, and it stays for a while.
//!
//! A connection that is lost says nothing of the program behind it. A client that lives comes back: as another peer, with
//! the same keys, finds its work going on, and keeps its leases. Dask's scheduler drops a client's futures when its connection breaks, so
//! that a broken connection costs all work that was under way.

use brisk_core::id::ClientId;

use super::{Scheduler, record::What, slab::ClientIndex, timers::Timer};

impl Scheduler {
    /// A client's connection was lost. What it wants is kept until it had time to come back.
    pub(super) fn client_lost(&mut self, id: ClientId) {
        let Some(c) = self.clients.find(id) else {
            self.counters.unknown_peers += 1;
            return;
        };
        self.end_session(c);
        if planted!(self, LeaseCutShort) {
            self.end_leases(c);
        }
        let leaves_nothing = self.clients[c].wants.is_empty() && !self.clients[c].claims.has_leases();
        if leaves_nothing || self.config.client_grace.is_zero() {
            return self.forget_client(c);
        }
        let until = self.now + self.config.client_grace;
        self.clients.hide(id);
        self.clients[c].departed = Some(until);
        self.timers.insert(until, Timer::Departed(c));
    }

    /// A client has said goodbye, or was sent away: with it goes everything that it alone wanted, but for what was
    /// detached or published.
    pub(super) fn client_left(&mut self, id: ClientId) {
        let Some(c) = self.clients.find(id) else {
            self.counters.unknown_peers += 1;
            return;
        };
        self.end_session(c);
        self.forget_client(c);
    }

    /// A client has not come back in time; or it has, and wants what it wants as another.
    pub(super) fn end_departure(&mut self, c: ClientIndex) {
        self.clients[c].departed = None;
        self.forget_client(c);
    }

    /// Nobody hears the answers any more, and no more chunks will come.
    fn end_session(&mut self, c: ClientIndex) {
        self.forget_replication_requests(c);
        self.forget_rebalance_requests(c);
        self.forget_retirement_requests(c);
        self.withdraw_all(c);
        let client = &mut self.clients[c];
        client.awaited_workers.clear();
        client.knows = Default::default();
        for (_, open) in std::mem::take(&mut client.open) {
            self.unhold(&open.held);
        }
        let id = self.clients[c].id;
        self.record(What::ClientLeft { client: id });
    }

    fn forget_client(&mut self, c: ClientIndex) {
        while let Some(&t) = self.clients[c].wants.last() {
            self.remove_want(c, t);
        }
        self.end_leases(c);
        for class in self.classes.slab.indices().collect::<Vec<_>>() {
            self.classes.slab[class].noticed.remove(&c);
        }
        if planted!(self, PublicationForgotten) {
            for (_, publication) in std::mem::take(&mut self.publications) {
                self.unhold(&publication.tasks);
            }
        }
        let client = self.clients.remove_at(c);
        self.close_account(client.account);
        self.classes.leave(client.environment);
        if let Some(program) = client.program {
            self.program_unwanted(program.environment);
        }
    }
}
