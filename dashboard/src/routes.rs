//! What is asked for, and who answers.

use brisk_scheduler::server::Observer;
use hyper::{
    Method, Request, StatusCode,
    header::{HeaderValue, SET_COOKIE},
};

use crate::{
    answer::{self, Answer},
    assets,
    connections::Line,
    guard::{Guard, Refused},
    pages,
    viewers::Viewers,
};

/// Everything that answers are made of.
pub(crate) struct Site {
    pub(crate) observer: Observer,
    pub(crate) guard: Guard,
    pub(crate) viewers: Viewers,
}

impl Site {
    /// Answers a request. What it has for a body is not read.
    pub(crate) fn answer<B>(&self, request: &Request<B>, line: &Line) -> Answer {
        let answered = self.guard.admit(request).and_then(|()| match request.uri().path().strip_prefix("/api/") {
            Some(path) => self.api(path, request, line),
            None => Ok(asset(request.uri().path())),
        });
        answered.unwrap_or_else(|refused| answer::refusal(&refused))
    }

    fn api<B>(&self, path: &str, request: &Request<B>, line: &Line) -> Result<Answer, Refused> {
        let headers = request.headers();
        self.guard.same_origin(headers)?;
        if path == "session" {
            let cookie = self.guard.sign_in(headers)?;
            let mut answer = answer::empty(StatusCode::NO_CONTENT);
            let cookie = HeaderValue::from_str(&cookie).map_err(|_| Refused {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                why: "the cookie can't be set, which is a bug",
            })?;
            answer.headers_mut().insert(SET_COOKIE, cookie);
            return Ok(answer);
        }
        self.guard.signed_in(headers)?;
        if path == "events" {
            if request.method() == Method::HEAD {
                return Ok(answer::empty(StatusCode::OK));
            }
            line.follow();
            return Ok(answer::events(self.viewers.join(line.clone())));
        }
        Ok(pages::page(&self.observer, path, request.uri().query().unwrap_or_default()))
    }
}

fn asset(path: &str) -> Answer {
    match assets::find(path) {
        Some(asset) => answer::file(asset.content_type, asset.bytes),
        None => answer::failure(StatusCode::NOT_FOUND, "there is no such page"),
    }
}
