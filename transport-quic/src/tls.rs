//! What both sides of a connection demand of each other: TLS 1.3, a certificate of this cluster's authority on both sides,
//! and one role in each.

use std::{any::Any, sync::Arc};

use brisk_core::hello::Role;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::{Resumption, verify_server_name},
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName},
    server::{NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier},
};

use crate::credentials::{Credentials, CredentialsError, ROLES};

/// The form of the first words, of frames and of streams, which must agree before a Hello can be read. The messages'
/// version is in the Hello, where a mismatch can be told in full.
pub(crate) const ALPN: &[u8] = b"brisk/1";

/// The name in the certificate of a role. The cluster's own name is there too, if that role is called by others.
pub(crate) fn role_name(role: Role, cluster: &str) -> String {
    format!("{role}.{cluster}")
}

/// How a listener of `role` presents itself, and whom it lets in.
pub(crate) fn server_config(credentials: &Credentials, role: Role) -> Result<QuicServerConfig, CredentialsError> {
    let (certificate, key) = credentials.certified_key(role)?;
    let provider = provider();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(credentials)?, provider.clone())
        .build()
        .map_err(|e| CredentialsError::Crypto(e.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(crypto)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate], key)
        .map_err(crypto)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    // Every connection proves itself anew: no tickets, no early data.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    QuicServerConfig::try_from(config).map_err(|e| CredentialsError::Crypto(e.to_string()))
}

/// How a caller presents itself as `role`, and whom it trusts.
pub(crate) fn client_config(credentials: &Credentials, role: Role) -> Result<QuicClientConfig, CredentialsError> {
    let (certificate, key) = credentials.certified_key(role)?;
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(crypto)?
        .with_root_certificates(roots(credentials)?)
        .with_client_auth_cert(vec![certificate], key)
        .map_err(crypto)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    QuicClientConfig::try_from(config).map_err(|e| CredentialsError::Crypto(e.to_string()))
}

/// The role in the certificate that a peer has proven to hold. `None` if it names none, or several.
pub(crate) fn certified_role(identity: Option<Box<dyn Any>>, cluster: &str) -> Option<Role> {
    let chain = identity?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    let certificate = ParsedCertificate::try_from(chain.first()?).ok()?;
    let mut roles = ROLES.into_iter().filter(|&role| {
        ServerName::try_from(role_name(role, cluster)).is_ok_and(|name| verify_server_name(&certificate, &name).is_ok())
    });
    let role = roles.next()?;
    roles.next().is_none().then_some(role)
}

/// *ring*, and of its suites the one first that is fastest where the processor knows AES. Never the process's default,
/// which belongs to the program.
fn provider() -> Arc<CryptoProvider> {
    let mut provider = ring::default_provider();
    provider.cipher_suites = vec![
        ring::cipher_suite::TLS13_AES_128_GCM_SHA256,
        ring::cipher_suite::TLS13_AES_256_GCM_SHA384,
        ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    ];
    Arc::new(provider)
}

/// The cluster's authority and nothing else: the system's are never asked.
fn roots(credentials: &Credentials) -> Result<Arc<RootCertStore>, CredentialsError> {
    let mut roots = RootCertStore::empty();
    roots.add(credentials.authority()?).map_err(crypto)?;
    Ok(Arc::new(roots))
}

fn crypto(error: rustls::Error) -> CredentialsError {
    CredentialsError::Crypto(error.to_string())
}
