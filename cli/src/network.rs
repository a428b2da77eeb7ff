//! Addresses and hosts as operators write them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};

use anyhow::{Context, ensure};

/// The port that a scheduler listens at unless told otherwise.
pub(crate) const DEFAULT_PORT: u16 = 8786;

/// The address to listen at: the loopback address unless a host is given.
pub(crate) fn bind_address(host: Option<&str>, port: u16) -> anyhow::Result<SocketAddr> {
    let Some(host) = host else { return Ok(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)) };
    let address = (host, port)
        .to_socket_addrs()
        .with_context(|| format!("the host `{host}` has no address"))?
        .next()
        .with_context(|| format!("the host `{host}` has no address"))?;
    if address.ip().is_unspecified() {
        eprintln!("brisk: listening at every address of this host ({host}), as asked");
    }
    Ok(address)
}

/// The address at which workers of this host are reached by others: the one given, or the one by which this host reaches
/// the scheduler.
pub(crate) fn listen_address(host: Option<&str>, scheduler: &str) -> anyhow::Result<IpAddr> {
    if host.is_some() {
        let address = bind_address(host, 0)?.ip();
        ensure!(!address.is_unspecified(), "workers need an address that others can call: name one of this host's");
        return Ok(address);
    }
    let target = scheduler.to_socket_addrs().with_context(|| format!("`{scheduler}` has no address"))?.next();
    let target = target.with_context(|| format!("`{scheduler}` has no address"))?;
    // Connecting a UDP socket sends nothing: it asks the routing table which of our addresses faces the scheduler.
    let unspecified: SocketAddr = if target.is_ipv4() { ([0; 4], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = std::net::UdpSocket::bind(unspecified).context("no socket")?;
    socket.connect(target).with_context(|| format!("there is no way from this host to {target}"))?;
    Ok(socket.local_addr()?.ip())
}

/// This host's name, for people and for restrictions of tasks to hosts.
pub(crate) fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
}

/// Bytes as people write them: `4GiB`, `500MB`, `1e9`, `0` for no limit.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, f64); 9] = [
        ("KiB", 1024.0),
        ("MiB", 1_048_576.0),
        ("GiB", 1_073_741_824.0),
        ("TiB", 1_099_511_627_776.0),
        ("kB", 1e3),
        ("MB", 1e6),
        ("GB", 1e9),
        ("TB", 1e12),
        ("B", 1.0),
    ];
    let unit = UNITS.into_iter().find(|(unit, _)| text.ends_with(unit));
    let (number, scale) = unit.map_or((text, 1.0), |(unit, scale)| (text.trim_end_matches(unit), scale));
    match number.trim().parse::<f64>() {
        Ok(number) if number >= 0.0 && number.is_finite() => Ok((number * scale) as u64),
        _ => Err(format!("`{text}` is no number of bytes: write 4GiB, 500MB or 0 for no limit")),
    }
}

/// A resource as operators write it: `gpu=2`.
pub(crate) fn resource(text: &str) -> Result<(String, f64), String> {
    let explain = || format!("`{text}` is no resource: write its name and amount, as in gpu=2");
    let (name, amount) = text.split_once('=').ok_or_else(explain)?;
    match amount.parse::<f64>() {
        Ok(amount) if amount >= 0.0 && amount.is_finite() && !name.is_empty() => Ok((name.to_owned(), amount)),
        _ => Err(explain()),
    }
}

/// A speed as operators write it, `0.5` for half as fast as others; in per cent.
pub(crate) fn speed(text: &str) -> Result<u32, String> {
    match text.parse::<f64>() {
        Ok(speed) if (0.25..=4.0).contains(&speed) => Ok((speed * 100.0).round() as u32),
        _ => Err(format!(
            "`{text}` is no speed: write a number from 0.25 to 4, as in 0.5 for half as fast as other hosts"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_as_people_write_them() {
        assert_eq!(bytes("4GiB"), Ok(4 << 30));
        assert_eq!(bytes("500 MB"), Ok(500_000_000));
        assert_eq!(bytes("0"), Ok(0));
        assert!(bytes("-1").is_err());
        assert!(bytes("lots").is_err());
    }

    #[test]
    fn resources_as_operators_write_them() {
        assert_eq!(resource("gpu=2"), Ok(("gpu".to_owned(), 2.0)));
        assert!(resource("gpu").is_err());
        assert!(resource("=1").is_err());
        assert!(resource("gpu=many").is_err());
        assert!(resource("gpu=-1").is_err() && resource("gpu=NaN").is_err() && resource("gpu=inf").is_err());
    }

    #[test]
    fn speeds_as_operators_write_them() {
        assert_eq!(["1", "0.5", "0.25", "4"].map(speed), [Ok(100), Ok(50), Ok(25), Ok(400)]);
        assert!(["0", "-1", "5", "NaN", "inf", "fast", ""].iter().all(|text| speed(text).is_err()));
    }

    #[test]
    fn without_a_host_only_this_host_is_served() {
        assert!(bind_address(None, 1).unwrap().ip().is_loopback());
        assert_eq!(listen_address(None, "127.0.0.1:8786").unwrap(), IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
}
