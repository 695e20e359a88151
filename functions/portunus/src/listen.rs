//! The listener: connections in, with limits on how slowly they may speak or listen, and a graceful end.

use crate::{planes::Planes, workers::Workers};
use axum::{body::Body, extract::Request};
use gateway::http::ClientIp;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::TokioIo,
    server::graceful::{GracefulShutdown, Watcher},
};
use std::{future::Future, io, net::SocketAddr, time::Duration};
use tokio::net::{TcpListener, TcpStream};

/// How long the next head is waited for.
mod patience;
/// How long a reader may take nothing.
mod stall;

use patience::Patience;
use stall::Stall;

/// Headers must be there within this [I2].
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// A reader that takes nothing for this long is cut [U8].
const READER_WITHIN: Duration = Duration::from_secs(60);
/// What is left to finish after SIGTERM.
const DRAIN_WITHIN: Duration = Duration::from_secs(30);
/// Request headers together; hyper refuses more with 431, as it does more than a hundred of them.
const HEADER_BLOCK: usize = 36 << 10;

/// Serves `app` until `stop` is done, then finishes what has begun. Connections go to the workers in turn.
pub async fn serve(listener: TcpListener, app: Planes, workers: &Workers, stop: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => hand_over(stream, peer, &app, workers, graceful.watcher()),
                // Out of file descriptors, or the peer was gone already: the next accept may do.
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(DRAIN_WITHIN, graceful.shutdown()).await;
}

/// A connection is a task of its own, of the worker whose turn it is; it ends with its last call.
fn hand_over(stream: TcpStream, peer: SocketAddr, app: &Planes, workers: &Workers, watcher: Watcher) {
    let (Some(worker), Ok(stream), app) = (workers.next(), stream.into_std(), app.clone()) else { return };
    worker.spawn(async move {
        // From here on the worker's own event queue watches the socket.
        if let Ok(stream) = TcpStream::from_std(stream) {
            connection(stream, peer, app, watcher).await;
        }
    });
}

async fn connection(stream: TcpStream, peer: SocketAddr, app: Planes, watcher: Watcher) {
    let _ = stream.set_nodelay(true);
    let ip = peer.ip().to_string();
    let service = service_fn(move |request: hyper::Request<Incoming>| answer(app.clone(), request, ip.clone()));
    let connection = http1::Builder::new()
        .timer(Patience::default())
        .header_read_timeout(HEADERS_WITHIN)
        .max_buf_size(HEADER_BLOCK)
        .serve_connection(TokioIo::new(Stall::new(stream, READER_WITHIN)), service);
    let _ = watcher.watch(connection).await;
}

async fn answer(
    app: Planes,
    request: hyper::Request<Incoming>,
    ip: String,
) -> Result<axum::response::Response, std::convert::Infallible> {
    let mut request: Request = request.map(Body::new);
    match Planes::is_admin(request.uri().path()) {
        true => drop(request.extensions_mut().insert(admin::http::ClientIp(ip))),
        false => drop(request.extensions_mut().insert(ClientIp(ip))),
    }
    app.answer(request).await
}

/// Opens the address.
pub async fn bind(address: &str) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}
