//! Answers, with the headers that all of them have.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::{
    Response, StatusCode,
    body::{Body, Frame, SizeHint},
    header::{self, HeaderName, HeaderValue},
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::guard::Refused;

/// What every answer says. Nothing is loaded from elsewhere, nothing is put into another page, nothing is guessed.
const HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// What follows the headers of an answer.
pub(crate) enum Content {
    /// All of it.
    Whole(Bytes),
    /// What comes, until whoever sends it stops.
    Stream(mpsc::Receiver<Bytes>),
}

pub(crate) type Answer = Response<Content>;

/// An answer without content.
pub(crate) fn empty(status: StatusCode) -> Answer {
    whole(status, "text/plain; charset=utf-8", "no-store", Bytes::new())
}

/// Something in JSON.
pub(crate) fn json(status: StatusCode, value: &Value) -> Answer {
    whole(status, "application/json", "no-store", value.to_string().into())
}

/// Why there is nothing, in JSON.
pub(crate) fn failure(status: StatusCode, why: &str) -> Answer {
    json(status, &json!({ "error": why }))
}

/// Why a request gets no answer.
pub(crate) fn refusal(refused: &Refused) -> Answer {
    let mut answer = failure(refused.status, refused.why);
    if refused.status == StatusCode::METHOD_NOT_ALLOWED {
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    answer
}

/// A file.
pub(crate) fn file(content_type: &'static str, bytes: &'static [u8]) -> Answer {
    whole(StatusCode::OK, content_type, "no-cache", Bytes::from_static(bytes))
}

/// Events, as they come.
pub(crate) fn events(events: mpsc::Receiver<Bytes>) -> Answer {
    with_headers(StatusCode::OK, "text/event-stream", "no-store", Content::Stream(events))
}

fn whole(status: StatusCode, content_type: &'static str, cache: &'static str, bytes: Bytes) -> Answer {
    with_headers(status, content_type, cache, Content::Whole(bytes))
}

fn with_headers(status: StatusCode, content_type: &'static str, cache: &'static str, content: Content) -> Answer {
    let mut answer = Response::new(content);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    answer
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Content::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Content::Stream(events) => events.poll_recv(context).map(|event| event.map(|event| Ok(Frame::data(event)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Content::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stream(_) => SizeHint::default(),
        }
    }
}
