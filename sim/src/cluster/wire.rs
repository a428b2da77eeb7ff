//! Messages that go through the codec on their way, as between processes: what comes out must be what went in (I52).

use brisk_core::{
    id::Incarnation,
    message::{Batch, Messages},
    wire::{self, HEADER_BYTES, Header, LinkKind},
};
use bytes::BytesMut;

use super::FIRST_EPOCH;
use crate::{failure::Failure, network::Packet};

/// The packet as it comes out at the other end.
///
/// # Errors
/// If it is another one.
pub(super) fn through(packet: Packet) -> Result<Packet, Failure> {
    if let Packet::Closed(_) = packet {
        return Ok(packet);
    }
    let link = if matches!(packet, Packet::Data(_)) { LinkKind::Data } else { LinkKind::Control };
    let mut packets = match packet {
        Packet::Batch(packets) => packets.into_iter(),
        packet => vec![packet].into_iter(),
    };
    let Some(messages) = gathered(&mut packets) else {
        return Err(Failure::safety("codec", "a batch of nothing, or of messages of several links".to_owned()));
    };
    let batch = Batch { epoch: FIRST_EPOCH, incarnation: Incarnation(1), messages };
    let decoded = round_trip(&batch, link).map_err(|error| broken(&batch, &error.to_string()))?;
    if decoded != batch {
        return Err(broken(&batch, &format!("it came out as {decoded:?}")));
    }
    Ok(Packet::Batch(match decoded.messages {
        Messages::ClientToScheduler(messages) => messages.into_iter().map(Packet::FromClient).collect(),
        Messages::SchedulerToClient(messages) => messages.into_iter().map(Packet::ToClient).collect(),
        Messages::WorkerToScheduler(messages) => messages.into_iter().map(Packet::FromWorker).collect(),
        Messages::SchedulerToWorker(messages) => messages.into_iter().map(Packet::ToWorker).collect(),
        Messages::Data(messages) => messages.into_iter().map(Packet::Data).collect(),
        Messages::SupervisorToScheduler(messages) => messages.into_iter().map(Packet::FromSupervisor).collect(),
        Messages::SchedulerToSupervisor(messages) => messages.into_iter().map(Packet::ToSupervisor).collect(),
    }))
}

/// The messages of one link. `None` if there are none, or they are of several.
fn gathered(packets: &mut impl Iterator<Item = Packet>) -> Option<Messages> {
    let mut messages = match packets.next()? {
        Packet::FromClient(message) => Messages::ClientToScheduler(vec![message]),
        Packet::ToClient(message) => Messages::SchedulerToClient(vec![message]),
        Packet::FromWorker(message) => Messages::WorkerToScheduler(vec![message]),
        Packet::ToWorker(message) => Messages::SchedulerToWorker(vec![message]),
        Packet::FromSupervisor(message) => Messages::SupervisorToScheduler(vec![message]),
        Packet::ToSupervisor(message) => Messages::SchedulerToSupervisor(vec![message]),
        Packet::Data(message) => Messages::Data(vec![message]),
        Packet::Closed(_) | Packet::Batch(_) => return None,
    };
    for packet in packets {
        match (&mut messages, packet) {
            (Messages::ClientToScheduler(all), Packet::FromClient(message)) => all.push(message),
            (Messages::SchedulerToClient(all), Packet::ToClient(message)) => all.push(message),
            (Messages::WorkerToScheduler(all), Packet::FromWorker(message)) => all.push(message),
            (Messages::SchedulerToWorker(all), Packet::ToWorker(message)) => all.push(message),
            (Messages::SupervisorToScheduler(all), Packet::FromSupervisor(message)) => all.push(message),
            (Messages::SchedulerToSupervisor(all), Packet::ToSupervisor(message)) => all.push(message),
            _ => return None,
        }
    }
    Some(messages)
}

fn round_trip(batch: &Batch, link: LinkKind) -> Result<Batch, wire::WireError> {
    let frame = wire::encode(batch, link)?;
    let mut head = [0; HEADER_BYTES];
    head.copy_from_slice(&frame.head[..HEADER_BYTES]);
    let mut payloads = BytesMut::new();
    frame.payloads.iter().for_each(|payload| payloads.extend_from_slice(payload));
    wire::decode(Header::from_bytes(&head, link)?, &frame.head[HEADER_BYTES..], payloads.freeze())
}

fn broken(batch: &Batch, how: &str) -> Failure {
    Failure::safety("codec", format!("{:?} did not survive its journey: {how}", batch.messages))
}
