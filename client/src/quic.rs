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
    QuicTransport::new(credentials, io.handle(), QuicConfig::default()).map(Arc::new).map_err(error)
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
