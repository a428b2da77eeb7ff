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
    let (messages, link) = match packet {
        Packet::FromClient(message) => (Messages::ClientToScheduler(vec![message]), LinkKind::Control),
        Packet::ToClient(message) => (Messages::SchedulerToClient(vec![message]), LinkKind::Control),
        Packet::FromWorker(message) => (Messages::WorkerToScheduler(vec![message]), LinkKind::Control),
        Packet::ToWorker(message) => (Messages::SchedulerToWorker(vec![message]), LinkKind::Control),
        Packet::Data(message) => (Messages::Data(vec![message]), LinkKind::Data),
        Packet::Closed(close) => return Ok(Packet::Closed(close)),
    };
    let batch = Batch { epoch: FIRST_EPOCH, incarnation: Incarnation(1), messages };
    let decoded = round_trip(&batch, link).map_err(|error| broken(&batch, &error.to_string()))?;
    if decoded != batch {
        return Err(broken(&batch, &format!("it came out as {decoded:?}")));
    }
    let first = match decoded.messages {
        Messages::ClientToScheduler(messages) => messages.into_iter().next().map(Packet::FromClient),
        Messages::SchedulerToClient(messages) => messages.into_iter().next().map(Packet::ToClient),
        Messages::WorkerToScheduler(messages) => messages.into_iter().next().map(Packet::FromWorker),
        Messages::SchedulerToWorker(messages) => messages.into_iter().next().map(Packet::ToWorker),
        Messages::Data(messages) => messages.into_iter().next().map(Packet::Data),
        Messages::SupervisorToScheduler(_) | Messages::SchedulerToSupervisor(_) => None,
    };
    first.ok_or_else(|| broken(&batch, "nothing came out"))
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
