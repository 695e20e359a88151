//! The way to one origin for the calls that must be fast: keep-alive connections, each driven by the call that uses it.
//!
//! Measured against the client that everything else rides, an exchange takes a third of the instructions: no URL is
//! parsed per call, no layer asks about redirects, and no task beside the call has to be woken. And only here can the
//! read buffer be bounded, so that a stream that nobody reads holds little [U8]. What may be dialled is the dialer's to
//! say: a line's connector judges every address as the other client's does.

use super::{
    POOL_IDLE, connect_fault,
    connection::{Connection, Unsent},
    guard::Forbidden,
    resolver::Checked,
};
use crate::{Broken, Failure, Fault};
use bytes::Bytes;
use futures::stream::BoxStream;
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::Url;
use std::{
    collections::VecDeque,
    error::Error as StdError,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tower::{Service, ServiceExt};

type Connector = HttpsConnector<HttpConnector<Checked>>;

/// A connector whose every address `resolver` has judged; it speaks TLS to `https` origins as the other client does.
pub(super) fn connector(resolver: Checked, https_only: bool) -> Result<Connector, rustls::Error> {
    let mut tcp = HttpConnector::new_with_resolver(resolver);
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    let tls = HttpsConnectorBuilder::new().with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())?;
    let schemes = if https_only { tls.https_only() } else { tls.https_or_http() };
    Ok(schemes.enable_http1().wrap_connector(tcp))
}

/// Exchanges with one origin. Clones share connections.
#[derive(Clone)]
pub struct Line(Arc<Origin>);

struct Origin {
    connector: Connector,
    /// Scheme, host and port.
    uri: Uri,
    host: HeaderValue,
    /// Connections that wait for their next call, the longest unused first.
    idle: Mutex<VecDeque<Idle>>,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

impl Line {
    /// The line to the origin of a URL that may be dialled.
    pub(super) fn new(connector: Connector, url: &Url) -> Option<Line> {
        let uri: Uri = url.origin().ascii_serialization().parse().ok()?;
        let host = HeaderValue::try_from(uri.authority()?.as_str()).ok()?;
        Some(Line(Arc::new(Origin { connector, uri, host, idle: Mutex::default() })))
    }

    /// Sends one request, whose URI is a path, once, and waits for the headers of its answer until `headers_by`; a
    /// connection is made within `connect`. The body comes as it is read, and dropping it ends the exchange.
    ///
    /// # Errors
    /// The address may not be dialled, or no acceptable headers came in time.
    pub async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
        connect: Duration,
        headers_by: Instant,
    ) -> Result<Response<BoxStream<'static, Result<Bytes, Broken>>>, Failure> {
        request.headers_mut().insert(header::HOST, self.0.host.clone());
        let exchanged = tokio::time::timeout_at(headers_by.into(), self.exchange(request, connect)).await;
        let (connection, response) = exchanged.map_err(|_| Failure::after(Fault::TimedOut))??;
        super::accept(response.headers())?;
        Ok(response.map(|body| connection.body(body, self.clone())))
    }

    /// Over a connection that is there, if its peer has not closed it meanwhile; else over a new one.
    async fn exchange(
        &self,
        mut request: Request<Full<Bytes>>,
        connect: Duration,
    ) -> Result<(Connection, Response<hyper::body::Incoming>), Failure> {
        while let Some(mut connection) = self.reusable() {
            match connection.send(request).await {
                Ok(response) => return Ok((connection, response)),
                Err(Unsent { request: Some(unsent), .. }) => request = unsent,
                Err(Unsent { error, .. }) => return Err(failure_of(&error)),
            }
        }
        // Boxed, as most calls find a connection.
        let mut connection = Box::pin(self.connect(connect)).await?;
        let sent = connection.send(request).await;
        sent.map(|response| (connection, response)).map_err(|unsent| failure_of(&unsent.error))
    }

    async fn connect(&self, within: Duration) -> Result<Connection, Failure> {
        let mut connector = self.0.connector.clone();
        let connecting = async { connector.ready().await?.call(self.0.uri.clone()).await };
        let connected = tokio::time::timeout(within, connecting).await;
        let stream = connected.map_err(|_| Failure::before(Fault::TimedOut))?.map_err(|error| unconnected(&*error))?;
        Connection::over(stream).await.map_err(|_| Failure::before(Fault::Connect))
    }

    /// The connection that was used last, of those that belong to this runtime.
    fn reusable(&self) -> Option<Connection> {
        let mut idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let at = idle.iter().rposition(|idle| idle.connection.is_at_home())?;
        let found = idle.remove(at).filter(|idle| idle.since.elapsed() < POOL_IDLE)?;
        Some(found.connection)
    }

    /// Keeps a connection for the next call, and closes those that were not needed for long.
    pub(super) fn keep(&self, connection: Connection) {
        let now = Instant::now();
        let mut idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while idle.front().is_some_and(|oldest| now.duration_since(oldest.since) >= POOL_IDLE) {
            idle.pop_front();
        }
        idle.push_back(Idle { connection, since: now });
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}

fn unconnected(error: &(dyn StdError + 'static)) -> Failure {
    match super::causes(error).any(|cause| cause.is::<Forbidden>()) {
        true => Failure::before(Fault::Refused),
        false => Failure::before(connect_fault(error)),
    }
}

fn failure_of(error: &hyper::Error) -> Failure {
    Failure::after(match () {
        () if error.is_parse_too_large() => Fault::HeadersTooLarge,
        () if error.is_parse() => Fault::Invalid,
        () => Fault::Reset,
    })
}
