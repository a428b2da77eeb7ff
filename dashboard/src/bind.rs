//! Where the page is served.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    str::FromStr,
};

use thiserror::Error;

/// The port that is tried first, unless another is asked for.
pub const DEFAULT_PORT: u16 = 8787;

/// How many ports are tried from the first on, before the system chooses one.
const TRIED: u16 = 32;

/// Where to listen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bind {
    /// At the loopback address: at [`DEFAULT_PORT`], or at the next free port if that is taken.
    #[default]
    Loopback,
    /// Exactly there; port 0 for any.
    At(SocketAddr),
}

/// Text that names no place to listen at.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{0}` is no address to serve the dashboard at: write HOST:PORT in numbers, as in 127.0.0.1:8787, or a port, or `off`"
)]
pub struct ParseBindError(String);

/// Why the page can't be served.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindError {
    /// The address can't be had.
    #[error("the dashboard can't be served at {address}: {source}; choose another address, or `off`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// There is no entropy for a token.
    #[error("the dashboard has no token, since the system gives no random bytes: {0}")]
    Entropy(io::Error),
    /// The system refuses what the server needs.
    #[error("the dashboard can't be started: {0}")]
    Start(io::Error),
}

impl Bind {
    /// What people write: an address with a port, a port at the loopback address, `on`, or `off` for none.
    ///
    /// ```
    /// # use brisk_dashboard::Bind;
    /// assert_eq!(Bind::parse("on"), Ok(Some(Bind::Loopback)));
    /// assert_eq!(Bind::parse("off"), Ok(None));
    /// assert_eq!(Bind::parse("9000"), Ok(Some(Bind::At("127.0.0.1:9000".parse().unwrap()))));
    /// assert!(Bind::parse("example.org").is_err());
    /// ```
    ///
    /// # Errors
    /// If it is none of these.
    pub fn parse(text: &str) -> Result<Option<Bind>, ParseBindError> {
        match text.trim() {
            "off" => Ok(None),
            text => text.parse().map(Some),
        }
    }

    pub(crate) fn listen(&self) -> Result<TcpListener, BindError> {
        let listener = match *self {
            Bind::At(address) => listen_at(address)?,
            Bind::Loopback => listen_near(DEFAULT_PORT)?,
        };
        listener.set_nonblocking(true).map_err(BindError::Start)?;
        Ok(listener)
    }
}

impl FromStr for Bind {
    type Err = ParseBindError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "on" {
            return Ok(Bind::Loopback);
        }
        if let Ok(port) = text.parse() {
            return Ok(Bind::At(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)));
        }
        text.parse().map(Bind::At).map_err(|_| ParseBindError(text.to_owned()))
    }
}

fn listen_at(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).map_err(|source| BindError::Listen { address, source })
}

/// At the first free port from `first` on; if all of them are taken, at any.
fn listen_near(first: u16) -> Result<TcpListener, BindError> {
    for port in first..first + TRIED {
        match listen_at(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)) {
            Err(BindError::Listen { source, .. }) if source.kind() == io::ErrorKind::AddrInUse => {}
            other => return other,
        }
    }
    listen_at(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_gives_way_to_the_next_and_an_address_that_was_asked_for_does_not() {
        let taken = listen_near(DEFAULT_PORT).unwrap().local_addr().unwrap().port();
        let first = listen_near(taken).unwrap();
        let second = listen_near(first.local_addr().unwrap().port()).unwrap();
        assert_ne!(first.local_addr().unwrap(), second.local_addr().unwrap());
        let error = Bind::At(first.local_addr().unwrap()).listen().unwrap_err().to_string();
        assert!(
            error.contains(&first.local_addr().unwrap().to_string()) && error.contains("choose another"),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_address_is_told() {
        let error = Bind::parse("nowhere:1").unwrap_err().to_string();
        assert!(error.contains("`nowhere:1`") && error.contains("127.0.0.1:8787"), "{error}");
    }
}
