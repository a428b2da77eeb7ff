//! Measures this transport: what a batch costs on its way from `try_send` to the other side's inbox and back to a free
//! window.
//!
//! `cargo run --release -p brisk-transport-inproc --example handover`

use std::{sync::Arc, thread, time::Instant};

use brisk_core::{
    comm::{CloseReason, Comm, Inbox, PeerId, Permit},
    hello::{Role, Welcome},
    id::{Epoch, Incarnation},
    message::{Batch, Messages},
    testing::{block_on, client_hello},
};
use brisk_transport_inproc::InprocNetwork;

/// Handles each batch at once.
struct Sink;

impl Inbox for Sink {
    fn deliver(&self, _peer: PeerId, _batch: Batch, _permit: Permit) {}
    fn closed(&self, _peer: PeerId, _reason: CloseReason) {}
}

fn main() {
    let network = InprocNetwork::new();
    let listener = network.listen("measure", Role::Scheduler).unwrap();
    let (caller, callee) = thread::scope(|scope| {
        let calling = scope.spawn(|| {
            let connector = network.connector();
            block_on(connector.connect(&listener.address(), client_hello(), PeerId(1), Arc::new(Sink))).unwrap().0
        });
        let incoming = block_on(listener.accept()).unwrap();
        let callee = block_on(incoming.accept(Welcome::new(Epoch(1), Incarnation(1)), PeerId(2), Arc::new(Sink)));
        (calling.join().unwrap(), callee.unwrap())
    });
    println!("one sender: {:.0} ns a batch", nanos_each(&*caller));
    thread::scope(|scope| {
        let back = scope.spawn(|| nanos_each(&*callee));
        let there = nanos_each(&*caller);
        println!("one each way: {there:.0} and {:.0} ns a batch", back.join().unwrap());
    });
    thread::scope(|scope| {
        let other = scope.spawn(|| nanos_each(&*caller));
        let one = nanos_each(&*caller);
        println!("two on one way: {one:.0} and {:.0} ns a batch", other.join().unwrap());
    });
}

fn nanos_each(comm: &dyn Comm) -> f64 {
    let count = 5_000_000;
    let since = Instant::now();
    for _ in 0..count {
        let batch =
            Batch { epoch: Epoch(1), incarnation: Incarnation(1), messages: Messages::ClientToScheduler(Vec::new()) };
        assert!(comm.try_send(batch).is_ok());
    }
    since.elapsed().as_nanos() as f64 / f64::from(count)
}
