//! Who is let in, and who is called: certificates of this cluster, of the right role, and nothing else.

mod common;

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use brisk_core::{
    address::Address,
    comm::{ConnectError, ListenError, PeerId},
    hello::{Hello, Role},
    testing::{DEADLINE, RecordingInbox, block_on, client_hello, data_hello},
};
use brisk_transport_quic::{ClusterAuthority, Credentials, QuicConfig, QuicTransport};
use serde_json::Value;

use common::{loopback, raw, runtime, transport};

fn call(transport: &QuicTransport, role: Role, address: &Address, hello: Hello) -> ConnectError {
    let connector = transport.connector(role).unwrap();
    let inbox = Arc::new(RecordingInbox::new());
    match block_on(connector.connect(address, hello, PeerId(1), inbox)) {
        Ok(_) => panic!("it was let in"),
        Err(error) => error,
    }
}

/// Waits until the listener's side has something to say about a caller.
fn wait_for_rejection(transport: &QuicTransport) -> String {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(rejection) = transport.rejections().pop() {
            return rejection.reason;
        }
        assert!(Instant::now() < deadline, "nobody was sent away");
        thread::park_timeout(Duration::from_millis(1));
    }
}

fn json(credentials: &Credentials) -> Value {
    serde_json::to_value(credentials).unwrap()
}

#[test]
fn another_cluster_is_refused_on_both_sides_within_a_second() {
    let runtime = runtime();
    let ours = transport(&Credentials::generate().unwrap(), &runtime);
    let theirs = transport(&Credentials::generate().unwrap(), &runtime);
    let listener = ours.listen(loopback(), Role::Scheduler).unwrap();
    let since = Instant::now();
    let error = call(&theirs, Role::Client, &listener.address(), client_hello());
    assert!(matches!(error, ConnectError::Insecure { .. }), "{error:?}");
    assert!(error.to_string().contains("is not of this cluster: give both the same credentials"), "{error}");
    let reason = wait_for_rejection(&ours);
    assert!(reason.contains("another cluster") && reason.contains("the same credentials"), "{reason}");
    assert!(since.elapsed() < Duration::from_secs(1), "took {:?}", since.elapsed());
}

#[test]
fn to_know_the_authority_is_not_enough() {
    // It trusts us, and says our name; its own certificate is of another authority.
    let runtime = runtime();
    let (good, foreign) = (Credentials::generate().unwrap(), Credentials::generate().unwrap());
    let mut forged = json(&good);
    forged["identities"] = json(&foreign)["identities"].clone();
    let forged = Credentials::from_text(forged.to_string().as_bytes()).unwrap();
    let (ours, theirs) = (transport(&good, &runtime), transport(&forged, &runtime));
    let listener = ours.listen(loopback(), Role::Scheduler).unwrap();
    let error = call(&theirs, Role::Client, &listener.address(), client_hello());
    assert!(matches!(error, ConnectError::Insecure { .. }), "{error:?}");
    assert!(error.to_string().contains("does not take this side's certificate"), "{error}");
    assert!(wait_for_rejection(&ours).contains("is not of this cluster"));
    // And nobody takes it for our scheduler.
    let false_scheduler = theirs.listen(loopback(), Role::Scheduler).unwrap();
    let error = call(&ours, Role::Client, &false_scheduler.address(), client_hello());
    assert!(error.to_string().contains("is not of this cluster"), "{error}");
}

#[test]
fn a_worker_is_not_taken_for_a_scheduler_nor_a_scheduler_for_a_worker() {
    let runtime = runtime();
    let transport = transport(&Credentials::generate().unwrap(), &runtime);
    for (role, hello) in [(Role::Worker, client_hello()), (Role::Scheduler, data_hello(Role::Client))] {
        let listener = transport.listen(loopback(), role).unwrap();
        let error = call(&transport, Role::Client, &listener.address(), hello);
        assert!(matches!(error, ConnectError::Insecure { .. }), "{error:?}");
        assert!(error.to_string().contains(&format!("a {role} answers there")), "{error}");
        assert!(wait_for_rejection(&transport).contains("was called: is the address right?"));
    }
}

#[test]
fn a_client_can_be_nobodys_scheduler() {
    let runtime = runtime();
    let authority = ClusterAuthority::new().unwrap();
    let client = authority.issue(Role::Client).unwrap();
    let honest = transport(&client, &runtime);
    assert!(matches!(honest.listen(loopback(), Role::Client), Err(ListenError::Refused { .. })));
    assert!(matches!(honest.listen(loopback(), Role::Scheduler), Err(ListenError::Refused { .. })));
    // One that breaks the rules, and listens with its client's certificate under the name of a scheduler.
    let mut forged = json(&client);
    forged["identities"]["Scheduler"] = forged["identities"]["Client"].clone();
    let forged = Credentials::from_text(forged.to_string().as_bytes()).unwrap();
    let dishonest = transport(&forged, &runtime);
    let listener = dishonest.listen(loopback(), Role::Scheduler).unwrap();
    let error = call(&honest, Role::Client, &listener.address(), client_hello());
    assert!(matches!(error, ConnectError::Insecure { .. }), "{error:?}");
}

#[test]
fn a_worker_can_be_nobodys_scheduler() {
    // A worker's certificate is good for listening, so only its role tells.
    let runtime = runtime();
    let good = Credentials::generate().unwrap();
    let mut forged = json(&good);
    forged["identities"]["Scheduler"] = forged["identities"]["Worker"].clone();
    let forged = Credentials::from_text(forged.to_string().as_bytes()).unwrap();
    let listener = transport(&forged, &runtime).listen(loopback(), Role::Scheduler).unwrap();
    let error = call(&transport(&good, &runtime), Role::Client, &listener.address(), client_hello());
    assert!(error.to_string().contains("a worker answers there, but a scheduler was called"), "{error}");
}

#[test]
fn expired_credentials_make_no_transport_and_no_connection() {
    let runtime = runtime();
    let authority = ClusterAuthority::with_lifetime(Duration::ZERO).unwrap();
    let expired = authority.issue_all().unwrap();
    let made = QuicTransport::new(expired.clone(), runtime.handle().clone(), QuicConfig::default());
    assert!(made.unwrap_err().to_string().contains("expired"));
    // One that pretends: the certificates themselves say when they end.
    let mut forged = json(&expired);
    forged["expires_at"] = u32::MAX.into();
    let forged = Credentials::from_text(forged.to_string().as_bytes()).unwrap();
    let config = QuicConfig { handshake_timeout: Duration::from_millis(300), ..QuicConfig::default() };
    let transport = QuicTransport::new(forged, runtime.handle().clone(), config).unwrap();
    let listener = transport.listen(loopback(), Role::Scheduler).unwrap();
    // They are good to the end of their last second.
    let deadline = Instant::now() + DEADLINE;
    loop {
        let error = call(&transport, Role::Client, &listener.address(), client_hello()).to_string();
        if error.contains("has expired") {
            break;
        }
        assert!(Instant::now() < deadline, "{error}");
    }
}

#[test]
fn another_form_of_the_protocol_is_told_by_name() {
    let runtime = runtime();
    let credentials = Credentials::generate().unwrap();
    let ours = transport(&credentials, &runtime);
    // It calls us.
    let listener = ours.listen(loopback(), Role::Scheduler).unwrap();
    let called = runtime.block_on(raw::connect(&credentials, Role::Client, b"brisk/2", &listener.address()));
    assert!(called.is_err());
    assert!(wait_for_rejection(&ours).contains("speaks no `brisk/1`"));
    // We call it.
    let address = runtime.block_on(raw::listen(&credentials, Role::Scheduler, b"brisk/2"));
    let error = call(&ours, Role::Client, &address, client_hello());
    assert!(matches!(error, ConnectError::Insecure { .. }), "{error:?}");
    assert!(error.to_string().contains("speaks no `brisk/1`"), "{error}");
}

#[test]
fn a_caller_without_a_certificate_is_not_let_in() {
    let runtime = runtime();
    let credentials = Credentials::generate().unwrap();
    let ours = transport(&credentials, &runtime);
    let listener = ours.listen(loopback(), Role::Scheduler).unwrap();
    let closed = runtime.block_on(raw::connect_without_certificate(&credentials, &listener.address()));
    assert!(closed.contains("certificate"), "{closed}");
    assert!(wait_for_rejection(&ours).contains("certificate"), "{:?}", ours.rejections());
}
