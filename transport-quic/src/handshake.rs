//! The first words, on the first stream that the caller opens.
//!
//! ```text
//! caller                                     listener
//! protocol           u32, little endian
//! version's length   u8
//! version            UTF-8
//! Hello's length     u32, little endian
//! Hello              postcard
//!                                            kind of the answer    u8: 0 Welcome, 1 Refusal
//!                                            its length            u32, little endian
//!                                            Welcome or Refusal    postcard
//! ```
//!
//! Protocol and version come first and never change their place: a listener of another version can read them, and say
//! which side is older, even when the Hello after them means nothing to it. Every length has a limit that is checked
//! before memory is taken.

use brisk_core::{
    encode,
    hello::{Hello, PROTOCOL_VERSION, Purpose, Refusal, Role, Welcome},
    id::EnvironmentId,
    value::Value,
};
use quinn::{ReadExactError, RecvStream, SendStream, WriteError};

/// The longest Hello or answer. A Hello holds some names and a list of resources.
const MAX_BYTES: usize = 16 << 10;

const WELCOME: u8 = 0;
const REFUSAL: u8 = 1;

/// What a caller said.
pub(crate) enum Greeting {
    /// A Hello of this protocol.
    Hello(Hello),
    /// It speaks another protocol, or is not what its certificate says.
    Refused(Refusal),
}

/// A handshake failed.
#[derive(Debug)]
pub(crate) enum HandshakeError {
    /// The connection ended.
    Lost,
    /// The peer, or this side's own user, broke a rule.
    Broken(String),
}

/// Says Hello.
pub(crate) async fn say_hello(send: &mut SendStream, hello: &Hello) -> Result<(), HandshakeError> {
    let version = hello.version.as_bytes();
    let length = u8::try_from(version.len())
        .map_err(|_| HandshakeError::Broken("the name of this version is too long".to_owned()))?;
    let body = encoded(hello)?;
    let mut words = Vec::with_capacity(9 + version.len() + body.len());
    words.extend_from_slice(&hello.protocol.to_le_bytes());
    words.push(length);
    words.extend_from_slice(version);
    words.extend_from_slice(&(body.len() as u32).to_le_bytes());
    words.extend_from_slice(&body);
    Ok(send.write_all(&words).await?)
}

/// Hears a caller out, and checks what every listener checks.
pub(crate) async fn hear_hello(
    recv: &mut RecvStream,
    listener: Role,
    certified: Option<Role>,
) -> Result<Greeting, HandshakeError> {
    let protocol = u32::from_le_bytes(exactly(recv).await?);
    let [length] = exactly(recv).await?;
    let mut version = vec![0; usize::from(length)];
    recv.read_exact(&mut version).await?;
    if protocol != PROTOCOL_VERSION {
        let stranger = Hello {
            protocol,
            version: String::from_utf8_lossy(&version).into(),
            ..Hello::new(Purpose::Client { program: None }, "", EnvironmentId::IN_PROCESS)
        };
        return match stranger.check(listener, None) {
            Err(refusal) => Ok(Greeting::Refused(refusal)),
            Ok(()) => Err(HandshakeError::Broken("two protocols at once".to_owned())),
        };
    }
    let hello: Hello = body(recv).await?;
    if hello.protocol != protocol {
        return Err(HandshakeError::Broken("the Hello contradicts what came before it".to_owned()));
    }
    let Some(certified) = certified else {
        return Err(HandshakeError::Broken("the certificate names no role".to_owned()));
    };
    Ok(match hello.check(listener, Some(certified)) {
        Ok(()) => Greeting::Hello(hello),
        Err(refusal) => Greeting::Refused(refusal),
    })
}

/// Answers a caller.
pub(crate) async fn answer(send: &mut SendStream, answer: &Result<Welcome, Refusal>) -> Result<(), HandshakeError> {
    let (kind, body) = match answer {
        Ok(welcome) => (WELCOME, encoded(welcome)?),
        Err(refusal) => (REFUSAL, encoded(refusal)?),
    };
    let mut words = Vec::with_capacity(5 + body.len());
    words.push(kind);
    words.extend_from_slice(&(body.len() as u32).to_le_bytes());
    words.extend_from_slice(&body);
    Ok(send.write_all(&words).await?)
}

/// Hears a listener's answer.
pub(crate) async fn hear_answer(recv: &mut RecvStream) -> Result<Result<Welcome, Refusal>, HandshakeError> {
    match exactly(recv).await? {
        [WELCOME] => Ok(Ok(body(recv).await?)),
        [REFUSAL] => Ok(Err(body(recv).await?)),
        [other] => Err(HandshakeError::Broken(format!("{other} is no kind of answer"))),
    }
}

async fn body<T: Value>(recv: &mut RecvStream) -> Result<T, HandshakeError> {
    let length = u32::from_le_bytes(exactly(recv).await?) as usize;
    if length > MAX_BYTES {
        return Err(too_long(length));
    }
    let mut bytes = vec![0; length];
    recv.read_exact(&mut bytes).await?;
    encode::decode(&bytes).map_err(|e| HandshakeError::Broken(e.to_string()))
}

fn encoded<T: Value>(value: &T) -> Result<bytes::Bytes, HandshakeError> {
    let bytes = encode::encode(value).map_err(|e| HandshakeError::Broken(e.to_string()))?;
    if bytes.len() > MAX_BYTES { Err(too_long(bytes.len())) } else { Ok(bytes) }
}

fn too_long(bytes: usize) -> HandshakeError {
    HandshakeError::Broken(format!("the first words are {bytes} bytes long; {MAX_BYTES} are allowed"))
}

async fn exactly<const N: usize>(recv: &mut RecvStream) -> Result<[u8; N], HandshakeError> {
    let mut bytes = [0; N];
    recv.read_exact(&mut bytes).await?;
    Ok(bytes)
}

impl From<ReadExactError> for HandshakeError {
    fn from(error: ReadExactError) -> Self {
        match error {
            ReadExactError::FinishedEarly(_) => HandshakeError::Broken("the first words are cut short".to_owned()),
            ReadExactError::ReadError(_) => HandshakeError::Lost,
        }
    }
}

impl From<WriteError> for HandshakeError {
    fn from(_: WriteError) -> Self {
        HandshakeError::Lost
    }
}
