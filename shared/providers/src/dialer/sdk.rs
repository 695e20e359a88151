//! The dialer as the AWS SDKs see it: their HTTP client, so that they bring neither one nor a TLS stack of their own.

use super::{Dialer, connect};
use crate::{Broken, Failure, Fault};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use futures::stream::BoxStream;
use http::{HeaderValue, Request, Response, Uri, header, uri::PathAndQuery};
use http_body_util::{BodyExt, Full};
use reqwest::Body;
use std::time::{Duration, Instant};

/// How long headers are waited for where the SDK says nothing: whoever called it has a limit of their own.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

impl HttpClient for Dialer {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Dial { dialer: self.clone(), settings: settings.clone() })
    }
}

/// A dialer with the timeouts of one SDK client.
#[derive(Clone, Debug)]
struct Dial {
    dialer: Dialer,
    settings: HttpConnectorSettings,
}

impl HttpConnector for Dial {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let dial = self.clone();
        HttpConnectorFuture::new(async move { dial.send(request).await })
    }
}

impl Dial {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let (origin, request) = outgoing(request).await.map_err(ConnectorError::user)?;
        let line = self.dialer.shared_line(&origin).map_err(connector_error)?;
        let connect = self.settings.connect_timeout().unwrap_or_else(connect::limit);
        let headers_by = Instant::now() + self.settings.read_timeout().unwrap_or(LONGEST_WAIT);
        let sent = line.send(request, connect, headers_by).await;
        incoming(sent.map_err(connector_error)?).map_err(|error| ConnectorError::other(error, None))
    }
}

/// Where a request goes to, and what is sent there.
async fn outgoing(request: HttpRequest) -> Result<(Uri, Request<Full<Bytes>>), BoxError> {
    let (mut parts, body) = request.try_into_http1x()?.into_parts();
    let mut origin = std::mem::take(&mut parts.uri).into_parts();
    parts.uri = origin.path_and_query.replace(PathAndQuery::from_static("/")).unwrap_or_else(root).into();
    parts.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let body = Full::new(body.collect().await?.to_bytes());
    Ok((Uri::from_parts(origin)?, Request::from_parts(parts, body)))
}

fn root() -> PathAndQuery {
    PathAndQuery::from_static("/")
}

fn incoming(response: Response<BoxStream<'static, Result<Bytes, Broken>>>) -> Result<HttpResponse, BoxError> {
    let mut response = response.map(|body| SdkBody::from_body_1_x(Body::wrap_stream(body)));
    drop_unreadable_headers(&mut response);
    Ok(HttpResponse::try_from(response)?)
}

/// The SDK refuses a whole answer for one header that is not UTF-8; nobody needs such a header.
fn drop_unreadable_headers<B>(response: &mut Response<B>) {
    let readable = |value: &HeaderValue| std::str::from_utf8(value.as_bytes()).is_ok();
    if !response.headers().values().all(readable) {
        let kept = response.headers().iter().filter(|(_, value)| readable(value));
        *response.headers_mut() = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    }
}

/// Our own failure stays the source: whoever called the SDK finds it again there.
fn connector_error(failure: Failure) -> ConnectorError {
    let error = match failure.fault {
        Fault::TimedOut => ConnectorError::timeout(failure.into()),
        Fault::Connect | Fault::Reset | Fault::Tls => ConnectorError::io(failure.into()),
        _ => ConnectorError::other(failure.into(), None),
    };
    if failure.dispatched { error } else { error.never_connected() }
}
