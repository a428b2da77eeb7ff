//! Loopback, without cryptography.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};

use crate::{gigabytes_a_second, limit, micros};

const ROUNDS: usize = 5;
const TRIPS: usize = 2_000;
const BYTES: usize = 256 << 20;

/// A peer that has gone ends the measurement and does not hang it.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn measure() -> anyhow::Result<()> {
    let (mut here, there) = connected()?;
    let other = thread::spawn(move || echo(there));
    let mut trip = || -> std::io::Result<()> {
        here.write_all(&[0; 64])?;
        here.read_exact(&mut [0; 64])
    };
    trip().context("TCP")?;
    let rounds = (0..ROUNDS).map(|_| micros(TRIPS, || (0..TRIPS).for_each(|_| drop(trip())))).collect();
    limit("TCP, 64 bytes there and back", "µs", rounds);
    drop(here);
    other.join().map_err(|_| anyhow!("the other thread panicked"))?;
    udp()?;
    bulk()
}

fn connected() -> anyhow::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let here = TcpStream::connect(listener.local_addr()?)?;
    let (there, _) = listener.accept()?;
    for end in [&here, &there] {
        end.set_nodelay(true)?;
        end.set_read_timeout(Some(PATIENCE))?;
        end.set_write_timeout(Some(PATIENCE))?;
    }
    Ok((here, there))
}

fn echo(mut there: TcpStream) {
    let mut bytes = [0; 64];
    while there.read_exact(&mut bytes).is_ok() && there.write_all(&bytes).is_ok() {}
}

fn udp() -> anyhow::Result<()> {
    let (here, there) = (UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?, UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
    here.connect(there.local_addr()?)?;
    there.connect(here.local_addr()?)?;
    here.set_read_timeout(Some(PATIENCE))?;
    there.set_read_timeout(Some(Duration::from_secs(1)))?;
    let other = thread::spawn(move || {
        let mut bytes = [0; 64];
        while there.recv(&mut bytes).is_ok_and(|count| count > 0) && there.send(&bytes).is_ok() {}
    });
    let trip = || drop(here.send(&[0; 64]).and_then(|_| here.recv(&mut [0; 64])));
    let rounds = (0..ROUNDS).map(|_| micros(TRIPS, || (0..TRIPS).for_each(|_| trip()))).collect();
    limit("UDP, 64 bytes there and back", "µs", rounds);
    here.send(&[])?;
    other.join().map_err(|_| anyhow!("the other thread panicked"))
}

fn bulk() -> anyhow::Result<()> {
    let (mut here, mut there) = connected()?;
    let sender = thread::spawn(move || {
        let piece = vec![1; 1 << 20];
        for _ in 0..(ROUNDS + 1) * BYTES / piece.len() {
            here.write_all(&piece)?;
        }
        std::io::Result::Ok(())
    });
    let mut buffer = vec![0; 1 << 20];
    let mut rounds = Vec::new();
    for _ in 0..=ROUNDS {
        let start = Instant::now();
        for _ in 0..BYTES / buffer.len() {
            there.read_exact(&mut buffer)?;
        }
        rounds.push(gigabytes_a_second(BYTES, start.elapsed()));
    }
    sender.join().map_err(|_| anyhow!("the sender panicked"))??;
    // The first is for the caches.
    limit("TCP, bulk", "GB/s", rounds.split_off(1));
    Ok(())
}
