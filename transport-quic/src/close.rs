//! How connections end, in numbers for the wire and in words for people.

use brisk_core::{
    address::Address,
    comm::{CloseReason, ConnectError},
    hello::Role,
};
use quinn::{Connection, ConnectionError, VarInt};

/// The connection was closed, or was never taken up, for a reason that is given in words.
pub(crate) const CLOSED: VarInt = VarInt::from_u32(0);
/// The caller was refused. The whole answer went over the stream before.
pub(crate) const REFUSED: VarInt = VarInt::from_u32(1);
/// The peer broke the protocol.
pub(crate) const PROTOCOL: VarInt = VarInt::from_u32(2);
/// The peer's certificate is good, but not for this.
pub(crate) const ROLE: VarInt = VarInt::from_u32(3);

/// The words must fit into one packet of the shortest kind.
const MAX_WORDS_BYTES: usize = 900;

/// QUIC's number for what went wrong on a side itself; quinn has it for a socket's task that was ended with its runtime.
const INTERNAL_ERROR: u64 = 0x1;
/// TLS numbers its alerts, and QUIC carries them above this.
const CRYPTO: u64 = 0x100;
/// QUIC's number for a listener that takes no more callers.
const CONNECTION_REFUSED: u64 = 0x2;

/// Closes a connection with words that the peer will show to people. One that has ended keeps the reason it has: QUIC would
/// overwrite it.
pub(crate) fn close(connection: &Connection, code: VarInt, words: &str) {
    if connection.close_reason().is_some() {
        return;
    }
    let mut end = words.len().min(MAX_WORDS_BYTES);
    while !words.is_char_boundary(end) {
        end -= 1;
    }
    connection.close(code, &words.as_bytes()[..end]);
}

/// Why an established connection ended.
pub(crate) fn close_reason(error: &ConnectionError) -> CloseReason {
    match error {
        ConnectionError::ApplicationClosed(close) => CloseReason::Peer(words(&close.reason)),
        ConnectionError::LocallyClosed => CloseReason::Local,
        ConnectionError::TimedOut => CloseReason::Lost("nothing was heard of the peer for too long".to_owned()),
        ConnectionError::Reset => CloseReason::Lost(
            "the peer does not know this connection any more: it ended it, or was started again".to_owned(),
        ),
        ConnectionError::TransportError(error) => match (u64::from(error.code), alert(error.code.into())) {
            (_, Some(alert)) => CloseReason::Protocol(untrusted(alert, false).unwrap_or_else(|| error.to_string())),
            (INTERNAL_ERROR, None) => CloseReason::Lost(format!("this side can't go on: {error}")),
            _ => CloseReason::Protocol(error.to_string()),
        },
        ConnectionError::ConnectionClosed(close) => {
            let said = alert(close.error_code.into()).and_then(|alert| untrusted(alert, true));
            CloseReason::Lost(said.unwrap_or_else(|| close.to_string()))
        }
        other => CloseReason::Lost(other.to_string()),
    }
}

/// Why everything ended whose runtime has.
pub(crate) fn runtime_ended() -> CloseReason {
    CloseReason::Lost("the transport's runtime has ended".to_owned())
}

/// Why a connection was not made.
pub(crate) fn connect_error(error: &ConnectionError, address: &Address, role: Role) -> ConnectError {
    let unreachable = |reason: String| ConnectError::Unreachable { role, address: address.clone(), reason };
    let insecure = |reason: String| ConnectError::Insecure { address: address.clone(), reason };
    match error {
        ConnectionError::TransportError(error) => match alert(error.code.into()) {
            Some(alert) => insecure(untrusted(alert, false).unwrap_or_else(|| error.to_string())),
            None => unreachable(error.to_string()),
        },
        ConnectionError::ConnectionClosed(close) => match (u64::from(close.error_code), alert(close.error_code.into()))
        {
            (_, Some(alert)) => insecure(untrusted(alert, true).unwrap_or_else(|| close.to_string())),
            (CONNECTION_REFUSED, None) => unreachable("it takes no more callers at present".to_owned()),
            _ => unreachable(close.to_string()),
        },
        ConnectionError::ApplicationClosed(close) if close.error_code == CLOSED => {
            unreachable(format!("it hung up: {}", words(&close.reason)))
        }
        ConnectionError::ApplicationClosed(close) => insecure(words(&close.reason)),
        ConnectionError::VersionMismatch => insecure("it speaks another version of QUIC".to_owned()),
        ConnectionError::TimedOut => unreachable("no answer".to_owned()),
        ConnectionError::LocallyClosed => unreachable("this process is shutting its connections down".to_owned()),
        other => unreachable(other.to_string()),
    }
}

/// What a peer said, made fit to be shown: it is text from outside.
fn words(reason: &[u8]) -> String {
    if reason.is_empty() {
        return "without a reason".to_owned();
    }
    String::from_utf8_lossy(reason).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The TLS alert in an error's number, if it is one.
fn alert(code: u64) -> Option<u8> {
    (CRYPTO..CRYPTO + 256).contains(&code).then_some((code & 0xff) as u8)
}

/// What an alert means between two peers of Brisk, and what to do. `theirs` if the peer sent it.
fn untrusted(alert: u8, theirs: bool) -> Option<String> {
    Some(match (alert, theirs) {
        (120, _) => "the peer speaks no `brisk/1`: build both with the same version of Brisk".to_owned(),
        (44 | 45, _) => "a certificate has expired, or is not valid yet: make new credentials with `brisk credentials \
                         create`, or set the hosts' clocks"
            .to_owned(),
        // Bad, unsupported, unknown, of an unknown authority, undecryptable; a name or a signature that is wrong.
        (42 | 43 | 46 | 48 | 49 | 51, false) => {
            "the peer's certificate is not of this cluster: give both the same credentials".to_owned()
        }
        (42 | 43 | 46 | 48 | 49 | 51, true) => {
            "the peer does not take this side's certificate, which is of another cluster or for another role: give both \
             the same credentials"
                .to_owned()
        }
        (116, _) => "the peer asks for a certificate, and none was shown".to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_from_outside_are_one_line() {
        assert_eq!(words(b"a\nb\x1b[2J\xff"), "a b [2J\u{fffd}");
        assert_eq!(words(b""), "without a reason");
    }

    #[test]
    fn alerts_are_told_from_other_numbers() {
        assert_eq!(alert(0x130), Some(48));
        assert_eq!(alert(0x2), None);
        assert_eq!(alert(0x200), None);
    }
}
