//! Peers that know QUIC and have good certificates, and keep to none of the rules.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use brisk_core::{
    address::Address,
    encode,
    hello::{Hello, Role},
};
use brisk_transport_quic::Credentials;
use quinn::{
    ClientConfig, Connection, ConnectionError, Endpoint, RecvStream, SendStream, ServerConfig,
    crypto::rustls::{QuicClientConfig, QuicServerConfig},
};
use rustls::{
    RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use serde_json::Value;

/// Calls with the certificate of `role`.
pub(crate) async fn connect(
    credentials: &Credentials,
    role: Role,
    alpn: &[u8],
    address: &Address,
) -> Result<Connection, ConnectionError> {
    let (certificate, key, roots) = parts(credentials, role);
    let mut tls = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![certificate], key)
        .unwrap();
    tls.alpn_protocols = vec![alpn.to_vec()];
    call(tls, credentials, address).await
}

/// Calls without any certificate, and gives the reason for which it is shut out.
pub(crate) async fn connect_without_certificate(credentials: &Credentials, address: &Address) -> String {
    let (_, _, roots) = parts(credentials, Role::Client);
    let mut tls = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"brisk/1".to_vec()];
    match call(tls, credentials, address).await {
        // In TLS 1.3 the caller is through before the listener has looked at its certificate.
        Ok(connection) => connection.closed().await.to_string(),
        Err(error) => error.to_string(),
    }
}

/// Calls as a client and says Hello; gives the stream on which it did.
pub(crate) async fn connect_and_greet(
    credentials: &Credentials,
    address: &Address,
    hello: &Hello,
) -> (Connection, SendStream, RecvStream) {
    let connection = connect(credentials, hello.role(), b"brisk/1", address).await.unwrap();
    let (mut send, recv) = connection.open_bi().await.unwrap();
    send.write_all(&words(hello)).await.unwrap();
    (connection, send, recv)
}

/// A Hello as it goes over the wire.
pub(crate) fn words(hello: &Hello) -> Vec<u8> {
    let mut words = hello.protocol.to_le_bytes().to_vec();
    words.push(hello.version.len() as u8);
    words.extend_from_slice(hello.version.as_bytes());
    let body = encode::encode(hello).unwrap();
    words.extend_from_slice(&(body.len() as u32).to_le_bytes());
    words.extend_from_slice(&body);
    words
}

/// Listens with the certificate of `role`, for as long as the runtime runs.
pub(crate) async fn listen(credentials: &Credentials, role: Role, alpn: &[u8]) -> Address {
    let (certificate, key, roots) = parts(credentials, role);
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate], key)
        .unwrap();
    tls.alpn_protocols = vec![alpn.to_vec()];
    let config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).unwrap()));
    let endpoint = Endpoint::server(config, loopback()).unwrap();
    let address = format!("quic://{}", endpoint.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        while let Some(incoming) = endpoint.accept().await {
            let _ = incoming.await;
        }
    });
    address
}

async fn call(
    tls: rustls::ClientConfig,
    credentials: &Credentials,
    address: &Address,
) -> Result<Connection, ConnectionError> {
    let endpoint = Endpoint::client(loopback()).unwrap();
    let config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    let remote: SocketAddr = address.place().parse().unwrap();
    endpoint.connect_with(config, remote, credentials.cluster()).unwrap().await
}

fn parts(credentials: &Credentials, role: Role) -> (CertificateDer<'static>, PrivateKeyDer<'static>, RootCertStore) {
    let json = serde_json::to_value(credentials).unwrap();
    let pem = |value: &Value| value.as_str().unwrap().as_bytes().to_vec();
    let identity = &json["identities"][format!("{role:?}")];
    let certificate = CertificateDer::from_pem_slice(&pem(&identity["certificate"])).unwrap();
    let key = PrivateKeyDer::from_pem_slice(&pem(&identity["key"])).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&pem(&json["authority"])).unwrap()).unwrap();
    (certificate, key, roots)
}

fn loopback() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}
