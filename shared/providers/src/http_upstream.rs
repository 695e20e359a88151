//! Providers spoken to over plain HTTP. URLs and headers are made once; a call copies them.

use crate::{
    Answer, Attempt, Dialer, Failure, Fault, ServiceAttempt, Upstream,
    auth::{Credential, Renewal},
    dialer::{USER_AGENT, line::Line},
    endpoint,
};
use bytes::Bytes;
use config::{BaseUrl, Provider, Quirks};
use domain::{Dialect, Operation, Service, Task, Wire};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use http_body_util::Full;
use reqwest::Url;
use std::sync::Arc;

/// The version of Anthropic's API that its wire is written down for. Source: `docs.anthropic.com/en/api/versioning`.
const ANTHROPIC_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// One such provider.
pub struct HttpUpstream {
    /// The way to it, or why there is none.
    line: Result<Line, Failure>,
    wires: Vec<Wire>,
    region: Option<String>,
    quirks: Quirks,
    endpoints: Vec<Endpoint>,
    services: Vec<Service>,
    offers: Vec<Offer>,
    credential: Credential,
}

/// One operation of one wire.
struct Endpoint {
    wire: Wire,
    operation: Operation,
    stream: bool,
    address: Address,
    /// Everything but the credential and what the attempt adds.
    headers: HeaderMap,
}

/// One service.
struct Offer {
    service: Service,
    address: Address,
    /// Everything but the credential, the content type and what the attempt adds.
    headers: HeaderMap,
}

/// Where an operation is, under the provider's origin.
enum Address {
    Fixed(Uri),
    /// With [`endpoint::MODEL`] where the model's name goes.
    OfModel {
        base: BaseUrl,
        path: &'static str,
    },
}

impl Address {
    fn target(&self, model: &str) -> Option<Uri> {
        match self {
            Address::Fixed(target) => Some(target.clone()),
            Address::OfModel { base, path } => {
                target(&endpoint::url(base, &path.replace(endpoint::MODEL, &endpoint::segment(model)?))?)
            }
        }
    }
}

/// Path and query of a URL: what a request says to its origin.
fn target(url: &Url) -> Option<Uri> {
    match url.query() {
        Some(query) => [url.path(), "?", query].concat().parse().ok(),
        None => url.path().parse().ok(),
    }
}

impl HttpUpstream {
    /// Makes the provider's endpoints.
    ///
    /// # Errors
    /// What is wrong with the configuration of the provider.
    pub fn build(
        provider: &Provider,
        dialer: &Dialer,
        renewal: Option<Arc<dyn Renewal>>,
    ) -> Result<Self, &'static str> {
        let headers = headers(provider)?;
        let mut endpoints = Vec::new();
        for wire in &provider.speaks {
            for (operation, stream) in
                [(Operation::Chat, false), (Operation::Chat, true), (Operation::CountTokens, false)]
            {
                endpoints.extend(endpoint(provider, *wire, operation, stream, &headers)?);
            }
        }
        let offers = provider.services.iter().map(|service| offer(provider, *service, &headers));
        let offers: Vec<Offer> = offers.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        let origin = provider.base_url.as_ref().and_then(|base| endpoint::url(base, ""));
        Ok(Self {
            line: origin.ok_or(Failure::before(Fault::Misconfigured)).and_then(|origin| dialer.line(&origin)),
            wires: provider.speaks.clone(),
            region: provider.region.clone(),
            quirks: provider.quirks.clone(),
            endpoints,
            services: offers.iter().map(|offer| offer.service).collect(),
            offers,
            credential: Credential::new(&provider.auth, &provider.name, renewal)?,
        })
    }

    fn endpoint(&self, wire: Wire, operation: Operation, stream: bool) -> Option<&Endpoint> {
        self.endpoints.iter().find(|one| one.wire == wire && one.operation == operation && one.stream == stream)
    }
}

#[async_trait::async_trait]
impl Upstream for HttpUpstream {
    fn wires(&self) -> &[Wire] {
        &self.wires
    }

    fn services(&self) -> &[Service] {
        &self.services
    }

    fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    fn serves(&self, wire: Wire, operation: Operation) -> bool {
        self.endpoint(wire, operation, false).is_some()
    }

    fn quirks(&self) -> &Quirks {
        &self.quirks
    }

    async fn send(&self, attempt: Attempt<'_>) -> Result<Answer, Failure> {
        let endpoint = self.endpoint(attempt.wire, attempt.operation, attempt.stream);
        let endpoint = endpoint.ok_or(Failure::before(Fault::Unserved))?;
        let (connect, headers_by) = (attempt.limits.connect, attempt.limits.headers_by());
        let target = endpoint.address.target(attempt.model.as_str()).ok_or(Failure::before(Fault::Unserved))?;
        let request = endpoint.request(target, attempt, self.credential.current().await);
        let line = self.line.as_ref().map_err(|failure| *failure)?;
        let (parts, body) = line.send(request, connect, headers_by).await?.into_parts();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    async fn send_service(&self, attempt: ServiceAttempt<'_>) -> Result<Answer, Failure> {
        let offer = self.offers.iter().find(|offer| offer.service == attempt.service);
        let offer = offer.ok_or(Failure::before(Fault::Unserved))?;
        let (connect, headers_by) = (attempt.limits.connect, attempt.limits.headers_by());
        let target = offer.address.target(attempt.model.as_str()).ok_or(Failure::before(Fault::Unserved))?;
        let request = offer.request(target, attempt, self.credential.current().await);
        let line = self.line.as_ref().map_err(|failure| *failure)?;
        let (parts, body) = line.send(request, connect, headers_by).await?.into_parts();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    async fn renew(&self) -> bool {
        self.credential.renew().await
    }
}

impl Endpoint {
    fn request(
        &self,
        target: Uri,
        attempt: Attempt<'_>,
        credential: Option<(HeaderName, HeaderValue)>,
    ) -> Request<Full<Bytes>> {
        post(target, self.headers.clone(), attempt.headers, credential, attempt.body)
    }
}

impl Offer {
    fn request(
        &self,
        target: Uri,
        attempt: ServiceAttempt<'_>,
        credential: Option<(HeaderName, HeaderValue)>,
    ) -> Request<Full<Bytes>> {
        let mut headers = self.headers.clone();
        headers.insert(header::CONTENT_TYPE, attempt.content_type);
        post(target, headers, attempt.headers, credential, attempt.body)
    }
}

/// A request with these headers, the attempt's own over them and the credential over all.
fn post(
    target: Uri,
    mut headers: HeaderMap,
    own: &[(HeaderName, HeaderValue)],
    credential: Option<(HeaderName, HeaderValue)>,
    body: Bytes,
) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = target;
    for (name, value) in own {
        headers.insert(name, value.clone());
    }
    headers.extend(credential);
    *request.headers_mut() = headers;
    request
}

fn accepted(stream: bool) -> &'static str {
    if stream { "text/event-stream" } else { "application/json" }
}

/// What every request of the provider carries.
fn headers(provider: &Provider) -> Result<HeaderMap, &'static str> {
    // Room for what each call adds, as its copy has no more than this.
    let mut headers = HeaderMap::with_capacity(12);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in &provider.headers {
        let name = HeaderName::try_from(name).map_err(|_| "headers has a key that is not the name of a header")?;
        let value = HeaderValue::try_from(value).map_err(|_| "headers has a value that cannot be sent")?;
        headers.append(name, value);
    }
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.entry(header::USER_AGENT).or_insert(HeaderValue::from_static(USER_AGENT));
    Ok(headers)
}

fn endpoint(
    provider: &Provider,
    wire: Wire,
    operation: Operation,
    stream: bool,
    headers: &HeaderMap,
) -> Result<Option<Endpoint>, &'static str> {
    let Some(path) = endpoint::path(wire, operation, stream) else { return Ok(None) };
    let address = address(provider, path)?;
    let mut headers = headers.clone();
    headers.insert(header::ACCEPT, HeaderValue::from_static(accepted(stream)));
    if wire == Wire::AnthropicMessages {
        headers.entry("anthropic-version").or_insert(ANTHROPIC_VERSION);
    }
    Ok(Some(Endpoint { wire, operation, stream, address, headers }))
}

fn offer(provider: &Provider, service: Service, headers: &HeaderMap) -> Result<Option<Offer>, &'static str> {
    let Some(path) = endpoint::service_path(service) else { return Ok(None) };
    let mut headers = headers.clone();
    let accepted = match service.task() {
        Task::Embed | Task::Moderate | Task::Rerank => "application/json",
        _ if service.dialect() == Dialect::Gemini => "application/json",
        _ => "*/*",
    };
    headers.insert(header::ACCEPT, HeaderValue::from_static(accepted));
    Ok(Some(Offer { service, address: address(provider, path)?, headers }))
}

fn address(provider: &Provider, path: &'static str) -> Result<Address, &'static str> {
    let base = provider.base_url.as_ref().ok_or("base_url is missing")?;
    let fixed = endpoint::url(base, path).as_ref().and_then(target).ok_or("base_url is not a URL")?;
    Ok(match path.contains(endpoint::MODEL) {
        true => Address::OfModel { base: base.clone(), path },
        false => Address::Fixed(fixed),
    })
}
