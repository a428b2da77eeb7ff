//! The page that shows a running scheduler: what runs where, what waits, what failed, and why.
//!
//! A [`Dashboard`] is a small HTTP server on a thread of its own. It reads what the scheduler keeps for readers
//! ([`Observer`]) and changes nothing there; when nobody looks at the page, nothing is read either. Ten times a second at
//! most it makes one text of what has changed, which all viewers share. A viewer that is too slow to take it skips some, and
//! gets a fresh beginning once it can.
//!
//! # Who may look
//! Whoever has the link: it carries a random token of 256 bits, behind a `#`, so that it is in no request and no log. The
//! page hands it over once and gets a cookie. Beyond that: only the host's own addresses are listened at unless somebody asks
//! for others; a request must name the very host and port (which a name that was bent to this host does not); pages of other
//! origins get nothing; and nothing can be changed by any request.
//!
//! It speaks plain HTTP. Where others can listen on the network, put it behind something that speaks TLS, or forward the port.

mod answer;
mod assets;
mod bind;
mod connections;
mod feed;
mod guard;
mod pages;
mod routes;
mod token;
mod viewers;

use std::{fmt, net::SocketAddr, sync::Arc, thread};

use brisk_scheduler::server::Observer;
use tokio::sync::watch;

pub use bind::{Bind, BindError, DEFAULT_PORT, ParseBindError};

use guard::Guard;
use routes::Site;
use token::Token;
use viewers::Viewers;

/// A page about a scheduler, for as long as this lives or the scheduler does.
pub struct Dashboard {
    address: SocketAddr,
    link: Arc<str>,
    /// Says that it is over.
    end: watch::Sender<bool>,
    /// Closed when the thread has ended.
    ended: watch::Receiver<()>,
}

impl Dashboard {
    /// Serves the page of a scheduler, on a thread of its own.
    ///
    /// # Errors
    /// If there is no such address or it is taken, no thread, or no entropy for the token.
    pub fn start(observer: Observer, bind: &Bind) -> Result<Dashboard, BindError> {
        let token = Token::random().map_err(BindError::Entropy)?;
        let listener = bind.listen()?;
        let address = listener.local_addr().map_err(BindError::Start)?;
        let guard = Guard::new(address, &token);
        let link = format!("http://{}/#{}", guard.host(), token.text()).into();
        let (end, ending) = watch::channel(false);
        let (running, ended) = watch::channel(());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(BindError::Start)?;
        let serve = move || {
            let site = Site { viewers: Viewers::new(observer.clone()), guard, observer };
            runtime.block_on(connections::serve(listener, Arc::new(site), ending));
            drop(running);
        };
        thread::Builder::new().name("brisk-dashboard".to_owned()).spawn(serve).map_err(BindError::Start)?;
        tracing::info!(%address, "the dashboard is served");
        Ok(Dashboard { address, link, end, ended })
    }

    /// The link to open in a browser. Whoever has it may look, so it is to be told to nobody else.
    pub fn link(&self) -> &Arc<str> {
        &self.link
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it, and waits until its thread has ended, which takes a second at most.
    pub async fn shutdown(mut self) {
        self.end.send_replace(true);
        // An error is what is waited for: the other end is gone.
        while self.ended.changed().await.is_ok() {}
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.end.send_replace(true);
    }
}

/// Without the token.
impl fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dashboard").field("address", &self.address).finish_non_exhaustive()
    }
}
