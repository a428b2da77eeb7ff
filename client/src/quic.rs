//! The transport between processes, as this crate uses it.

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use brisk_transport_quic::{Credentials, QuicConfig, QuicTransport};

use crate::{connect::Keep, error::ClientError, runtime::Io};

/// A transport with the credentials in a file.
pub(crate) fn transport_from_file(io: &Io, path: &Path) -> Result<Arc<QuicTransport>, ClientError> {
    transport(io, Credentials::load(path).map_err(error)?)
}

/// A transport with these credentials.
pub(crate) fn transport(io: &Io, credentials: Credentials) -> Result<Arc<QuicTransport>, ClientError> {
    configured(io, credentials, QuicConfig::default())
}

/// A worker's transport. What it keeps to receive into is little beside what its values may take, which is `memory_limit`
/// bytes; 0 is no limit.
pub(crate) fn for_worker(
    io: &Io,
    credentials: Credentials,
    memory_limit: u64,
) -> Result<Arc<QuicTransport>, ClientError> {
    let mut config = QuicConfig::default();
    if memory_limit > 0 {
        config.spare_bytes = config.spare_bytes.min(usize::try_from(memory_limit / 16).unwrap_or(usize::MAX));
    }
    configured(io, credentials, config)
}

fn configured(io: &Io, credentials: Credentials, config: QuicConfig) -> Result<Arc<QuicTransport>, ClientError> {
    QuicTransport::new(credentials, io.handle(), config).map(Arc::new).map_err(error)
}

/// What a transport says as a client's error.
pub(crate) fn error(error: impl std::error::Error + Send + Sync + 'static) -> ClientError {
    ClientError::Transport(Box::new(error))
}

#[async_trait]
impl Keep for Arc<QuicTransport> {
    async fn close(&self) {
        self.shutdown().await;
    }
}
