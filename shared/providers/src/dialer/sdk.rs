//! The dialer as the AWS SDKs see it: their HTTP client, so that they bring neither one nor a TLS stack of their own.

use super::Dialer;
use crate::{Failure, Fault};
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
use http::HeaderValue;
use reqwest::{Body, Request};
use std::time::Instant;

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
        let request = outgoing(request).map_err(ConnectorError::user)?;
        let headers_by = self.settings.read_timeout().map(|wait| Instant::now() + wait);
        let sent = self.dialer.send(request, self.settings.connect_timeout(), headers_by).await;
        incoming(sent.map_err(connector_error)?).map_err(|error| ConnectorError::other(error, None))
    }
}

fn outgoing(request: HttpRequest) -> Result<Request, BoxError> {
    let request = request.try_into_http1x()?;
    Ok(Request::try_from(request.map(Body::wrap))?)
}

fn incoming(mut response: http::Response<Body>) -> Result<HttpResponse, BoxError> {
    drop_unreadable_headers(&mut response);
    Ok(HttpResponse::try_from(response.map(SdkBody::from_body_1_x))?)
}

/// The SDK refuses a whole answer for one header that is not UTF-8; nobody needs such a header.
fn drop_unreadable_headers(response: &mut http::Response<Body>) {
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
