//! QUIC by quinn alone, as it comes and tuned as this transport tunes it: each end on a thread of its own.

use std::{
    net::Ipv4Addr,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use quinn::{ClientConfig, Connection, Endpoint, EndpointConfig, MtuDiscoveryConfig, ServerConfig, TransportConfig};
use rustls::{RootCertStore, pki_types::PrivatePkcs8KeyDer};

use crate::{gigabytes_a_second, limit, per};

const ROUNDS: usize = 5;
const TRIPS: usize = 2_000;
const BYTES: usize = 256 << 20;

/// The longest datagram of which ten make one batch for the system.
const TUNED_DATAGRAM: u16 = 6_500;

pub(crate) fn measure() -> Result<()> {
    for (name, datagram) in [("as it comes", None), ("tuned", Some(TUNED_DATAGRAM))] {
        let (trips, bulk) = one(datagram).with_context(|| format!("raw quinn, {name}"))?;
        limit(&format!("raw quinn {name}, 64 bytes there and back"), "µs", trips);
        limit(&format!("raw quinn {name}, bulk"), "GB/s", bulk);
    }
    Ok(())
}

/// Round trips in microseconds, and bulk in GB/s.
fn one(datagram: Option<u16>) -> Result<(Vec<f64>, Vec<f64>)> {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    let certificate = certified.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let mut server = ServerConfig::with_single_cert(vec![certificate.clone()], key.into())?;
    server.transport_config(transport(datagram)?);
    let (tell, told) = mpsc::channel();
    let serving = thread::spawn(move || -> Result<()> {
        on_one_thread(async {
            let endpoint = bind(Some(server), datagram)?;
            tell.send(endpoint.local_addr()?)?;
            let connection = endpoint.accept().await.context("nobody called")?.await?;
            serve(&connection).await
        })
    });
    let address = told.recv().context("the server did not start")?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate)?;
    let mut client = ClientConfig::with_root_certificates(Arc::new(roots))?;
    client.transport_config(transport(datagram)?);
    let measured = on_one_thread(async {
        let endpoint = bind(None, datagram)?;
        let connection = endpoint.connect_with(client, address, "localhost")?.await?;
        let bulk = bulk(&connection).await?;
        let trips = trips(&connection).await?;
        connection.close(0u32.into(), b"done");
        endpoint.wait_idle().await;
        Ok((trips, bulk))
    });
    serving.join().map_err(|_| anyhow!("the server panicked"))??;
    measured
}

fn on_one_thread<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

fn transport(datagram: Option<u16>) -> Result<Arc<TransportConfig>> {
    let mut transport = TransportConfig::default();
    transport.max_idle_timeout(Some(Duration::from_secs(10).try_into()?));
    if let Some(datagram) = datagram {
        let mut discovery = MtuDiscoveryConfig::default();
        discovery.upper_bound(datagram);
        transport.mtu_discovery_config(Some(discovery));
    }
    Ok(Arc::new(transport))
}

fn bind(server: Option<ServerConfig>, datagram: Option<u16>) -> Result<Endpoint> {
    let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut config = EndpointConfig::default();
    if let Some(datagram) = datagram {
        config.max_udp_payload_size(datagram)?;
    }
    Ok(Endpoint::new(config, server, socket, Arc::new(quinn::TokioRuntime))?)
}

/// Sends what is asked for on each stream: so many bytes, told in the question's first eight.
async fn serve(connection: &Connection) -> Result<()> {
    let piece = bytes::Bytes::from(vec![1; 1 << 20]);
    while let Ok((mut send, mut recv)) = connection.accept_bi().await {
        let question = recv.read_to_end(64).await?;
        let asked = question.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let mut left = usize::try_from(asked)?;
        while left > 0 {
            let next = piece.slice(..left.min(piece.len()));
            left -= next.len();
            send.write_chunk(next).await?;
        }
        send.finish()?;
        send.stopped().await?;
    }
    Ok(())
}

async fn ask(connection: &Connection, bytes: usize) -> Result<usize> {
    let (mut send, mut recv) = connection.open_bi().await?;
    let mut question = [0; 64];
    question[..8].copy_from_slice(&(bytes as u64).to_le_bytes());
    send.write_all(&question).await?;
    send.finish()?;
    let mut received = 0;
    while let Some(chunk) = recv.read_chunk(usize::MAX, true).await? {
        received += chunk.bytes.len();
    }
    anyhow::ensure!(received == bytes, "{received} bytes of {bytes} came");
    Ok(received)
}

async fn trips(connection: &Connection) -> Result<Vec<f64>> {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..TRIPS {
            ask(connection, 64).await?;
        }
        rounds.push(per(start.elapsed(), TRIPS));
    }
    Ok(rounds)
}

async fn bulk(connection: &Connection) -> Result<Vec<f64>> {
    let mut rounds = Vec::new();
    // The first is for the path to be learnt.
    for round in 0..=ROUNDS {
        let start = Instant::now();
        ask(connection, BYTES).await?;
        if round > 0 {
            rounds.push(gigabytes_a_second(BYTES, start.elapsed()));
        }
    }
    Ok(rounds)
}
