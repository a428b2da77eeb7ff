//! Measures this transport on loopback, both ends in one process: round trips, small batches, long values.
//!
//! `cargo run --release -p brisk-transport-quic --example loopback`

use std::{
    net::Ipv4Addr,
    sync::{
        Arc, Condvar, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use brisk_core::{
    comm::{CloseReason, Comm, Inbox, PeerId, Permit, TrySendError},
    hello::{Hello, Role, Welcome},
    id::{Epoch, Incarnation},
    message::Batch,
    payload::Payload,
    testing::{block_on, client_hello, data_hello, numbered, reply, value_batch},
};
use brisk_transport_quic::{Credentials, QuicConfig, QuicTransport};

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let credentials = Credentials::generate().unwrap();
    for max_datagram_bytes in [1_452, 6_500, 9_000] {
        println!("datagrams of up to {max_datagram_bytes} bytes");
        let config = QuicConfig { max_datagram_bytes, ..QuicConfig::default() };
        let transport = QuicTransport::new(credentials.clone(), runtime.handle().clone(), config).unwrap();
        round_trips(&transport);
        small_batches(&transport);
        for (bytes, count) in [(256 << 20, 8), (16 << 20, 64), (1 << 20, 512), (64 << 10, 4_000), (100, 100_000)] {
            values(&transport, bytes, count);
        }
        connections(&transport);
        block_on(transport.shutdown());
    }
}

/// Counts, and lets others wait for a count.
#[derive(Default)]
struct Counter {
    count: AtomicU64,
    wanted: AtomicU64,
    reached: Mutex<bool>,
    changed: Condvar,
    /// Answers each batch, if there is one.
    answer: OnceLock<Arc<dyn Comm>>,
}

impl Counter {
    fn want(&self, count: u64) {
        *self.reached.lock().unwrap() = false;
        self.wanted.store(self.count.load(Ordering::SeqCst) + count, Ordering::SeqCst);
    }

    fn wait(&self) {
        let mut reached = self.reached.lock().unwrap();
        while !*reached {
            reached = self.changed.wait(reached).unwrap();
        }
    }
}

impl Inbox for Counter {
    fn deliver(&self, _peer: PeerId, _batch: Batch, permit: Permit) {
        drop(permit);
        if let Some(comm) = self.answer.get() {
            assert!(comm.try_send(reply(1)).is_ok());
        }
        if self.count.fetch_add(1, Ordering::SeqCst) + 1 == self.wanted.load(Ordering::SeqCst) {
            *self.reached.lock().unwrap() = true;
            self.changed.notify_all();
        }
    }

    fn closed(&self, _peer: PeerId, _reason: CloseReason) {}
}

type Ends = (Arc<dyn Comm>, Arc<Counter>, Arc<dyn Comm>, Arc<Counter>);

fn link(transport: &QuicTransport, hello: &Hello) -> Ends {
    let listener = transport.listen((Ipv4Addr::LOCALHOST, 0).into(), hello.callee()).unwrap();
    let connector = transport.connector(hello.role()).unwrap();
    let (ours, theirs) = (Arc::new(Counter::default()), Arc::new(Counter::default()));
    let address = listener.address();
    thread::scope(|scope| {
        let calling =
            scope.spawn(|| block_on(connector.connect(&address, hello.clone(), PeerId(0), ours.clone())).unwrap().0);
        let incoming = block_on(listener.accept()).unwrap();
        let welcome = Welcome::new(Epoch(1), Incarnation(1));
        let callee = block_on(incoming.accept(welcome, PeerId(0), theirs.clone())).unwrap();
        (calling.join().unwrap(), ours.clone(), callee, theirs.clone())
    })
}

fn send(comm: &dyn Comm, mut batch: Batch) {
    loop {
        match comm.try_send(batch) {
            Ok(()) => return,
            Err(TrySendError::Full(back)) => batch = back,
            Err(error) => panic!("{error}"),
        }
        block_on(comm.ready());
    }
}

fn round_trips(transport: &QuicTransport) {
    let (caller, ours, callee, theirs) = link(transport, &client_hello());
    assert!(theirs.answer.set(callee).is_ok());
    let mut taken: Vec<Duration> = (0..5_000)
        .map(|_| {
            ours.want(1);
            let since = Instant::now();
            send(&*caller, numbered(1));
            ours.wait();
            since.elapsed()
        })
        .collect();
    taken.sort();
    println!("  round trip: {:?} in half of all cases, {:?} in 99 %", taken[2_500], taken[4_950]);
    caller.close(CloseReason::Local);
}

fn small_batches(transport: &QuicTransport) {
    let (caller, _, _callee, theirs) = link(transport, &client_hello());
    let count = 500_000;
    theirs.want(count);
    let since = Instant::now();
    (0..count).for_each(|number| send(&*caller, numbered(number)));
    theirs.wait();
    println!("  small batches on a control link: {:.2} µs each", since.elapsed().as_secs_f64() * 1e6 / count as f64);
    caller.close(CloseReason::Local);
}

fn values(transport: &QuicTransport, bytes: usize, count: u64) {
    let (_caller, ours, callee, _) = link(transport, &data_hello(Role::Client));
    let payload = Payload::from_bytes(vec![1; bytes]);
    ours.want(count);
    let since = Instant::now();
    (0..count).for_each(|number| send(&*callee, value_batch(number, payload.clone())));
    ours.wait();
    let taken = since.elapsed().as_secs_f64();
    let (each, speed) = (taken * 1e6 / count as f64, bytes as f64 * count as f64 / taken / 1e9);
    println!("  values of {bytes} bytes on a data link: {each:.2} µs each, {speed:.2} GB/s");
}

fn connections(transport: &QuicTransport) {
    let count = 100;
    let since = Instant::now();
    for _ in 0..count {
        drop(link(transport, &client_hello()));
    }
    println!("  connections, listener included: {:?} each", since.elapsed() / count);
}
