//! Sockets, and how QUIC behaves on them.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use brisk_core::limits::MAX_PENDING_HANDSHAKES;
use quinn::{
    Endpoint, EndpointConfig, IdleTimeout, MtuDiscoveryConfig, ServerConfig, TokioRuntime, TransportConfig, VarInt,
    congestion::CubicConfig,
};
use socket2::{Domain, Protocol, Socket, Type};

use crate::{config::QuicConfig, reset::ResetKey};

/// What one stream may have under way, in bytes: enough for 10 Gbit/s over 3 ms.
pub(crate) const STREAM_WINDOW: u32 = 4 << 20;

/// What a sender holds unacknowledged.
pub(crate) const SEND_WINDOW: u64 = 16 << 20;

/// What a new connection may have under way before it has learnt more of the path, in bytes. QUIC counts the probes of the
/// path's MTU too, which are several kilobytes long here, and a farewell that does not fit beside them is never sent: the
/// default, ten short datagrams, is less than two probes and a farewell.
const INITIAL_WINDOW: u64 = 64 << 10;

/// What unknown callers may occupy in memory before their handshake, one and all together, in bytes.
const INCOMING_BYTES: u64 = 64 << 10;
const ALL_INCOMING_BYTES: u64 = 4 << 20;

/// Callers that wait for their handshake to be begun; the system drops the rest, and they try again.
const MAX_INCOMING: usize = 4 * MAX_PENDING_HANDSHAKES;

/// A configuration is out of range.
pub(crate) fn transport_config(config: &QuicConfig) -> Result<Arc<TransportConfig>, String> {
    let idle = IdleTimeout::try_from(config.idle_timeout).map_err(|_| "the idle timeout is too long".to_owned())?;
    let mut mtu = MtuDiscoveryConfig::default();
    mtu.upper_bound(config.max_datagram_bytes);
    let mut transport = TransportConfig::default();
    transport
        .max_idle_timeout(Some(idle))
        .keep_alive_interval(Some(config.keep_alive))
        .mtu_discovery_config(Some(mtu))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .send_window(SEND_WINDOW)
        .datagram_receive_buffer_size(None)
        // The one stream that carries the handshake, and a control link's batches after it. A data link is given more once
        // the peer has been taken (see `link::data`).
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .receive_window(VarInt::from_u32(STREAM_WINDOW))
        // Streams of one priority go one after the other, in order: what is there as a whole can be used while the next is on
        // its way, and to go from one to the next with every datagram costs both sides time.
        .send_fairness(false);
    // A lost first datagram is sent again after a guess at the path's length; the default's guess is a slow path.
    transport.initial_rtt(Duration::from_millis(100));
    let mut congestion = CubicConfig::default();
    congestion.initial_window(INITIAL_WINDOW);
    transport.congestion_controller_factory(Arc::new(congestion));
    Ok(Arc::new(transport))
}

/// How a listener behaves, beyond its connections.
pub(crate) fn server_config(
    tls: Arc<dyn quinn::crypto::ServerConfig>,
    transport: Arc<TransportConfig>,
) -> ServerConfig {
    let mut config = ServerConfig::with_crypto(tls);
    config.transport_config(transport);
    config.migration(false);
    config.max_incoming(MAX_INCOMING);
    config.incoming_buffer_size(INCOMING_BYTES);
    config.incoming_buffer_size_total(ALL_INCOMING_BYTES);
    config
}

/// Binds a socket and starts QUIC on it. Must be called within the runtime. `resets` is for a socket that others call.
pub(crate) fn bind(
    address: SocketAddr,
    server: Option<ServerConfig>,
    resets: Option<ResetKey>,
    config: &QuicConfig,
) -> io::Result<Endpoint> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        // One socket, one family: an address says what it means on every system.
        socket.set_only_v6(true)?;
    }
    // The system's own buffers hold a fraction of a millisecond at full speed. It may refuse larger ones; then a burst
    // costs some packets, which are sent again.
    let _ = socket.set_recv_buffer_size(config.socket_buffer_bytes);
    let _ = socket.set_send_buffer_size(config.socket_buffer_bytes);
    socket.bind(&address.into())?;
    let mut endpoint = EndpointConfig::default();
    endpoint
        .max_udp_payload_size(config.max_datagram_bytes)
        .map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e.to_string()))?;
    if let Some(key) = resets {
        key.install(&mut endpoint);
    }
    Endpoint::new(endpoint, server, socket.into(), Arc::new(TokioRuntime))
}

/// Where a socket is bound from which `remote` is called: on loopback only, if that is where the call goes.
pub(crate) fn local_for(remote: IpAddr) -> SocketAddr {
    let ip: IpAddr = match (remote, remote.is_loopback()) {
        (IpAddr::V4(_), true) => Ipv4Addr::LOCALHOST.into(),
        (IpAddr::V4(_), false) => Ipv4Addr::UNSPECIFIED.into(),
        (IpAddr::V6(_), true) => Ipv6Addr::LOCALHOST.into(),
        (IpAddr::V6(_), false) => Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(ip, 0)
}
