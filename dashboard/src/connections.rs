//! Connections: how many there may be, how long each may take, and how all of them end.

use std::{
    convert::Infallible,
    net::TcpListener as StdListener,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::timeout,
};

use crate::routes::Site;

/// Connections at once. Browsers open six for a page.
const MOST: usize = 64;

/// Bytes of a request's head; hyper takes no smaller limit.
const HEAD_BYTES: usize = 8 << 10;

/// A request's head must have come by then; so must the next one, on a connection that is kept.
const HEAD_WITHIN: Duration = Duration::from_secs(5);

/// A connection that does not follow the events lasts no longer: whoever takes answers slowly holds no place for ever.
const LASTS: Duration = Duration::from_secs(60);

/// What is under way at the end is given so long.
const FAREWELL: Duration = Duration::from_millis(500);

/// A pause after the system refused a connection, for want of descriptors most likely.
const AFTER_REFUSAL: Duration = Duration::from_millis(50);

/// What a connection and the events that it follows know of each other.
#[derive(Clone, Default)]
pub(crate) struct Line {
    /// Whether it follows the events.
    follows: Arc<AtomicBool>,
    /// Ends it: its other end takes nothing.
    cut: Arc<Notify>,
}

impl Line {
    pub(crate) fn follow(&self) {
        self.follows.store(true, Ordering::Relaxed);
    }

    pub(crate) fn cut(&self) {
        self.cut.notify_one();
    }
}

/// Serves until the scheduler ends or it is told to end.
pub(crate) async fn serve(listener: StdListener, site: Arc<Site>, mut end: watch::Receiver<bool>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the dashboard can't listen"),
    };
    let places = Arc::new(Semaphore::new(MOST));
    let (ending, ended) = watch::channel(false);
    let mut connections = JoinSet::new();
    let feed = tokio::spawn({
        let site = site.clone();
        async move { site.viewers.run().await }
    });
    let over = async {
        tokio::select! {
            () = site.observer.ended() => {}
            () = is_over(&mut end) => {}
        }
    };
    let mut over = std::pin::pin!(over);
    loop {
        tokio::select! {
            () = &mut over => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => match places.clone().try_acquire_owned() {
                    Ok(place) => {
                        connections.spawn(connection(stream, place, site.clone(), ended.clone()));
                    }
                    Err(_) => refuse(&stream),
                },
                Err(error) => {
                    tracing::warn!(%error, "the dashboard could not take a connection");
                    tokio::time::sleep(AFTER_REFUSAL).await;
                }
            },
        }
    }
    drop(listener);
    feed.abort();
    site.viewers.close();
    ending.send_replace(true);
    let all_gone = async { while connections.join_next().await.is_some() {} };
    if timeout(FAREWELL, all_gone).await.is_err() {
        connections.shutdown().await;
    }
}

/// Waits until it is said that all is over. Whoever could say so being gone says it too.
async fn is_over(end: &mut watch::Receiver<bool>) {
    let _ = end.wait_for(|end| *end).await;
}

/// There are too many. It is said if that needs no waiting.
fn refuse(stream: &TcpStream) {
    let words = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    // Whoever does not hear it sees the connection end.
    let _ = stream.try_write(words);
}

async fn connection(stream: TcpStream, place: OwnedSemaphorePermit, site: Arc<Site>, mut ended: watch::Receiver<bool>) {
    let line = Line::default();
    let known = line.clone();
    let service = service_fn(move |request| {
        let answer = site.answer(&request, &known);
        async move { Ok::<_, Infallible>(answer) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(HEAD_BYTES).half_close(false);
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    let too_long = async {
        tokio::time::sleep(LASTS).await;
        if line.follows.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    let served = tokio::select! {
        served = connection.as_mut() => Some(served),
        () = line.cut.notified() => None,
        () = too_long => {
            // What is being answered may end.
            connection.as_mut().graceful_shutdown();
            timeout(HEAD_WITHIN, connection).await.ok()
        }
        () = is_over(&mut ended) => {
            connection.as_mut().graceful_shutdown();
            Some(connection.await)
        }
    };
    if let Some(Err(error)) = served {
        tracing::debug!(%error, "a viewer's connection has ended");
    }
    drop(place);
}
