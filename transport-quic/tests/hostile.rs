//! Peers with good certificates and bad manners. What they do costs them their own connection, and nobody else anything.

mod common;

use std::{
    future::pending,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use brisk_core::{
    comm::{CloseReason, Listener, PeerId, TrySendError},
    hello::{Hello, Role},
    id::{Epoch, Incarnation},
    payload::Payload,
    testing::{
        DEADLINE, Pair, RecordingInbox, accept, block_on, client_hello, data_hello, number_of, numbered, value_batch,
    },
    wire::{self, HEADER_BYTES, Header, LinkKind},
};
use brisk_transport_quic::{Credentials, QuicConfig, QuicTransport};
use quinn::{Connection, RecvStream, SendStream};
use tokio::runtime::Runtime;

use common::{loopback, raw, runtime};

/// A listener with a well-behaved peer, and a runtime for the others.
struct Scene {
    credentials: Credentials,
    transport: QuicTransport,
    listener: Arc<dyn Listener>,
    hello: Hello,
    runtime: Runtime,
    good: Pair,
}

impl Scene {
    fn new(hello: Hello) -> Self {
        let runtime = runtime();
        let credentials = Credentials::generate().unwrap();
        let config = QuicConfig {
            handshake_timeout: Duration::from_millis(400),
            frame_timeout: Duration::from_millis(400),
            ..QuicConfig::default()
        };
        let transport = QuicTransport::new(credentials.clone(), runtime.handle().clone(), config).unwrap();
        let listener = transport.listen(loopback(), hello.callee()).unwrap();
        let connector = transport.connector(hello.role()).unwrap();
        let inboxes = (RecordingInbox::new(), RecordingInbox::new());
        let good = Pair::over(&*connector, listener.clone(), &hello, inboxes.0, inboxes.1);
        Scene { credentials, transport, listener, hello, runtime, good }
    }

    /// Lets a peer in and has it misbehave; gives what its inbox hears and what it is told itself.
    fn misbehave(&self, act: impl AsyncFnOnce(Connection, &mut SendStream, &mut RecvStream)) -> (CloseReason, String) {
        let inbox = Arc::new(RecordingInbox::new());
        let told = thread::scope(|scope| {
            let accepting = scope.spawn(|| accept(&*self.listener, PeerId(9), inbox.clone()));
            let told = self.runtime.block_on(async {
                let (connection, mut send, mut recv) =
                    raw::connect_and_greet(&self.credentials, &self.listener.address(), &self.hello).await;
                let closed = connection.clone();
                // It does not end by itself: it is shown the door.
                tokio::select! {
                    error = closed.closed() => error.to_string(),
                    () = async { act(connection, &mut send, &mut recv).await; pending().await } => String::new(),
                }
            });
            let _comm = accepting.join().unwrap();
            inbox.wait_for_end(PeerId(9));
            told
        });
        assert_eq!(inbox.batches(), [], "nothing of it was delivered");
        self.assert_the_others_go_on();
        (inbox.wait_for_end(PeerId(9)), told)
    }

    fn assert_the_others_go_on(&self) {
        let before = self.good.callee_inbox.take_batches().len() as u64;
        self.good.caller.try_send(value_batch(before, Payload::from_bytes(vec![1; 10]))).unwrap();
        assert_eq!(number_of(&self.good.callee_inbox.wait_for_batches(1)[0]), before);
    }
}

fn header(messages_bytes: usize, payload_bytes: u64) -> [u8; HEADER_BYTES] {
    Header { messages_bytes, payload_bytes, epoch: Epoch(1), incarnation: Incarnation(1) }.to_bytes()
}

fn assert_protocol(ended: (CloseReason, String), what: &str) {
    let (reason, told) = ended;
    assert!(matches!(&reason, CloseReason::Protocol(why) if why.contains(what)), "{reason:?}");
    assert!(told.contains(what), "it is told too: {told}");
}

#[test]
fn bad_frames_on_a_control_link() {
    let scene = Scene::new(client_hello());
    let whole: Vec<u8> = {
        let frame = wire::encode(&numbered(5), LinkKind::Control).unwrap();
        [&frame.head[..], &frame.payloads.concat()].concat()
    };
    let mut noise: Vec<u8> = whole.clone();
    noise[HEADER_BYTES..].fill(0xff);
    let mut surplus = whole.clone();
    surplus[0] += 1;
    surplus.push(0);
    let cases: [(&[u8], &str); 5] = [
        (&header(usize::from(u16::MAX) << 16, 0), "messages of"),
        (&header(1, LinkKind::Control.max_payload_bytes() + 1), "payloads of"),
        (&noise, "malformed"),
        (&surplus, "left over"),
        // The end of the stream in the middle of a frame.
        (&whole[..whole.len() - 1], "cut short"),
    ];
    for (bytes, what) in cases {
        let ended = scene.misbehave(async |_connection, send: &mut SendStream, recv: &mut RecvStream| {
            welcome(recv).await;
            send.write_all(bytes).await.unwrap();
            send.finish().unwrap();
        });
        assert_protocol(ended, what);
    }
}

#[test]
fn a_frame_that_is_begun_and_left() {
    let scene = Scene::new(client_hello());
    let ended = scene.misbehave(async |_connection, send: &mut SendStream, _recv| {
        send.write_all(&header(100, 0)[..10]).await.unwrap();
    });
    assert_protocol(ended, "did not go on");
}

#[test]
fn bad_streams_on_a_data_link() {
    let scene = Scene::new(data_hello(Role::Client));
    let frame = wire::encode(&value_batch(1, Payload::from_bytes(vec![1; 1_000])), LinkKind::Data).unwrap();
    let whole = [&frame.head[..], &frame.payloads.concat()].concat();
    let longer = [&whole[..], b"more"].concat();
    let cases: [(&[u8], &str); 5] = [
        (&header(10, u64::MAX), "payloads of"),
        (&whole[..20], "cut short"),
        (&whole[..HEADER_BYTES + 5], "cut short"),
        (&whole[..whole.len() - 1], "cut short"),
        (&longer, "follow a batch"),
    ];
    for (bytes, what) in cases {
        let ended = scene.misbehave(async |connection: Connection, _send, recv: &mut RecvStream| {
            welcome(recv).await;
            let mut stream = connection.open_uni().await.unwrap();
            stream.write_all(bytes).await.unwrap();
            stream.finish().unwrap();
        });
        assert_protocol(ended, what);
    }
    let ended = scene.misbehave(async |connection: Connection, _send, recv: &mut RecvStream| {
        welcome(recv).await;
        let mut stream = connection.open_uni().await.unwrap();
        stream.write_all(&whole[..30]).await.unwrap();
        stream.reset(7u32.into()).unwrap();
    });
    assert_protocol(ended, "broke a stream off");
}

#[test]
fn an_announced_length_takes_no_memory() {
    // Sixty gigabytes are announced and do not come. If memory were taken for them this process would not live.
    let scene = Scene::new(data_hello(Role::Client));
    let ended = scene.misbehave(async |connection: Connection, _send, recv: &mut RecvStream| {
        welcome(recv).await;
        let mut stream = connection.open_uni().await.unwrap();
        stream.write_all(&header(0, 60 << 30)).await.unwrap();
        stream.write_all(&[0; 5_000]).await.unwrap();
        pending::<()>().await;
        drop(stream);
    });
    assert_protocol(ended, "did not go on");
}

#[test]
fn a_last_word_that_is_wrong() {
    let scene = Scene::new(data_hello(Role::Client));
    let ended = scene.misbehave(async |_connection, send: &mut SendStream, recv: &mut RecvStream| {
        welcome(recv).await;
        send.write_all(b"too long for a count").await.unwrap();
        send.finish().unwrap();
    });
    assert_protocol(ended, "more than its last word");
}

#[test]
fn bad_first_words() {
    let scene = Scene::new(client_hello());
    let good = raw::words(&client_hello());
    let mut too_long = good[..10].to_vec();
    too_long.extend_from_slice(&u32::MAX.to_le_bytes());
    let mut noise = good.clone();
    noise[15..].fill(0xee);
    let cases: [(&[u8], bool, &str); 4] = [
        (&good[..7], true, "cut short"),
        (&too_long, false, "are allowed"),
        (&noise, false, ""),
        (&good[..7], false, "has not said Hello"),
    ];
    for (bytes, finish, what) in cases {
        let known = scene.transport.rejections().len();
        scene.runtime.block_on(async {
            let address = scene.listener.address();
            let connection = raw::connect(&scene.credentials, Role::Client, b"brisk/1", &address).await.unwrap();
            let (mut send, _recv) = connection.open_bi().await.unwrap();
            send.write_all(bytes).await.unwrap();
            if finish {
                send.finish().unwrap();
            }
            let closed = tokio::time::timeout(DEADLINE, connection.closed()).await;
            assert!(closed.is_ok(), "it is shown the door");
        });
        let deadline = Instant::now() + DEADLINE;
        while scene.transport.rejections().len() == known {
            assert!(Instant::now() < deadline, "nobody was told");
            thread::park_timeout(Duration::from_millis(1));
        }
        let reason = scene.transport.rejections().pop().unwrap().reason;
        assert!(reason.contains(what), "{reason}");
        scene.assert_the_others_go_on();
    }
}

#[test]
fn callers_that_say_nothing_hold_up_nobody() {
    let scene = Scene::new(client_hello());
    scene.runtime.block_on(async {
        let address = scene.listener.address();
        let mut silent = Vec::new();
        for _ in 0..40 {
            silent.push(raw::connect(&scene.credentials, Role::Client, b"brisk/1", &address).await.unwrap());
        }
        let transport = scene.transport.clone();
        let listener = scene.listener.clone();
        tokio::task::spawn_blocking(move || {
            let connector = transport.connector(Role::Client).unwrap();
            let since = Instant::now();
            let pair = Pair::over(&*connector, listener, &client_hello(), RecordingInbox::new(), RecordingInbox::new());
            assert!(since.elapsed() < Duration::from_millis(400), "before the silent ones were given up");
            pair.caller.try_send(numbered(1)).unwrap();
            pair.callee_inbox.wait_for_batches(1);
        })
        .await
        .unwrap();
        for connection in silent {
            assert!(tokio::time::timeout(DEADLINE, connection.closed()).await.is_ok());
        }
    });
}

#[test]
fn a_peer_that_takes_nothing_is_cut_off() {
    let runtime = runtime();
    let config = QuicConfig { stall_timeout: Duration::from_millis(500), ..QuicConfig::default() };
    let credentials = Credentials::generate().unwrap();
    let transport = QuicTransport::new(credentials, runtime.handle().clone(), config).unwrap();
    for hello in [client_hello(), data_hello(Role::Client)] {
        let listener = transport.listen(loopback(), hello.callee()).unwrap();
        let connector = transport.connector(Role::Client).unwrap();
        let inboxes = (RecordingInbox::new(), RecordingInbox::holding());
        let pair = Pair::over(&*connector, listener, &hello, inboxes.0, inboxes.1);
        let payload = Payload::from_bytes(vec![0; 1 << 20]);
        loop {
            match pair.caller.try_send(value_batch(0, payload.clone())) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => block_on(pair.caller.ready()),
                Err(TrySendError::Closed(_)) => break,
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(pair.caller_inbox.wait_for_end(Pair::CALLER), CloseReason::Stalled);
        let told = pair.callee_inbox.wait_for_end(Pair::CALLEE);
        assert!(matches!(told, CloseReason::Peer(_) | CloseReason::Lost(_)), "{told:?}");
    }
}

#[test]
fn a_transport_can_be_shut_down() {
    let scene = Scene::new(client_hello());
    let pair = &scene.good;
    pair.caller.close(CloseReason::Local);
    pair.caller_inbox.wait_for_end(Pair::CALLER);
    let inboxes = (RecordingInbox::new(), RecordingInbox::new());
    let connector = scene.transport.connector(Role::Client).unwrap();
    let open = Pair::over(&*connector, scene.listener.clone(), &client_hello(), inboxes.0, inboxes.1);
    let since = Instant::now();
    block_on(scene.transport.shutdown());
    assert!(since.elapsed() < Duration::from_secs(5), "took {:?}", since.elapsed());
    // What was left open has ended, and both sides know.
    open.caller_inbox.wait_for_end(Pair::CALLER);
    open.callee_inbox.wait_for_end(Pair::CALLEE);
    assert!(block_on(scene.listener.accept()).is_none());
}

#[test]
fn a_runtime_that_ends_takes_its_connections_along() {
    let scene = Scene::new(client_hello());
    let inboxes = (scene.good.caller_inbox.clone(), scene.good.callee_inbox.clone());
    scene.runtime.shutdown_background();
    for (inbox, peer) in [(&inboxes.0, Pair::CALLER), (&inboxes.1, Pair::CALLEE)] {
        let reason = inbox.wait_for_end(peer);
        assert!(matches!(reason, CloseReason::Lost(_)), "{reason:?}");
    }
    block_on(scene.good.caller.ready());
    assert!(scene.good.caller.try_send(numbered(1)).is_err());
}

/// Reads the answer to the Hello, so that what follows is no handshake any more.
async fn welcome(recv: &mut RecvStream) {
    let mut head = [0; 5];
    recv.read_exact(&mut head).await.unwrap();
    assert_eq!(head[0], 0, "welcome");
    let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
    recv.read_exact(&mut vec![0; length]).await.unwrap();
}
