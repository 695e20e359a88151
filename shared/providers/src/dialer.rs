//! The only HTTP client of the project [E8]: one place where addresses are judged, at connect, after DNS [E4].
//!
//! It speaks HTTP/1.1, follows no redirect, reads no proxy settings, asks for uncompressed answers, and has no
//! switch that weakens TLS [U9]. Calls to providers go by a [`line`](Dialer::line) to their origin, and so do the AWS
//! SDKs (see [`sdk`]); what is rarer goes by the common client, under the same judgement.

use crate::{Broken, Failure, Fault};
use bytes::Bytes;
use config::{HostPort, egress::Egress};
use futures::{StreamExt, stream::BoxStream};
use guard::Reach;
use http::{HeaderMap, HeaderValue, Uri, header};
use line::Line;
use reqwest::{Body, Client, Request, Url, redirect};
use resolver::{Checked, Resolve, SystemResolver};
use std::{
    collections::HashMap,
    error::Error as StdError,
    fmt, io,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

/// How long one connection may take to be made.
pub mod connect;
/// One connection, driven by its user.
mod connection;
/// Which addresses may be dialled.
pub mod guard;
/// The way to one origin.
pub mod line;
/// Names to addresses, judged.
pub mod resolver;
/// The dialer as the AWS SDKs see it.
pub mod sdk;

/// Headers of one answer, names and values together [U5].
const MAX_HEADERS: usize = 64 * 1024;

/// How long a connection may stay unused. Shorter than the common server's 60 s, so that a reused one is alive.
const POOL_IDLE: Duration = Duration::from_secs(50);

/// How the project names itself to others.
pub(crate) const USER_AGENT: &str = concat!("portunus/", env!("CARGO_PKG_VERSION"));

/// Sends requests to addresses that its policy lets pass. Clones share connections.
#[derive(Clone)]
pub struct Dialer(Arc<Policy>);

struct Policy {
    reach: Reach,
    allow: Vec<HostPort>,
    /// Judges every address.
    guarded: Client,
    /// For the exact hosts and ports in `allow`, if there are any; judges nothing.
    open: Option<Client>,
    resolver: Arc<dyn Resolve>,
    /// The lines of those who name an origin with each request.
    lines: Mutex<HashMap<Uri, Line>>,
    /// The dialer for AWS endpoints that belongs to this one, once somebody needed it.
    aws_endpoints: OnceLock<Dialer>,
}

/// The dialer could not be made.
#[derive(Debug)]
pub struct Unbuilt(reqwest::Error);

impl fmt::Display for Unbuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the HTTP client could not be set up")
    }
}

impl StdError for Unbuilt {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

impl Dialer {
    /// For providers: https to public addresses, and what `egress.allow` names.
    ///
    /// # Errors
    /// TLS could not be set up.
    pub fn new(egress: &Egress) -> Result<Dialer, Unbuilt> {
        Self::with_resolver(egress, Arc::new(SystemResolver))
    }

    /// The same over another resolver, for tests. What it answers is judged all the same.
    ///
    /// # Errors
    /// TLS could not be set up.
    pub fn with_resolver(egress: &Egress, resolver: Arc<dyn Resolve>) -> Result<Dialer, Unbuilt> {
        Self::with_policy(Reach::Public, egress.allow.clone(), resolver)
    }

    /// For hosts that the AWS endpoint rules derive: private addresses pass too (interface endpoints) [E2]. One for
    /// all who ask, so that they share connections.
    ///
    /// # Errors
    /// TLS could not be set up.
    pub fn for_aws_endpoints(&self) -> Result<Dialer, Unbuilt> {
        if let Some(dialer) = self.0.aws_endpoints.get() {
            return Ok(dialer.clone());
        }
        let dialer = Self::with_policy(Reach::PrivateToo, Vec::new(), self.0.resolver.clone())?;
        Ok(self.0.aws_endpoints.get_or_init(|| dialer).clone())
    }

    /// For the AWS credential chain and our own stores: AWS endpoints, the metadata services, and `local`, the
    /// exact endpoints that the environment names. No provider is ever given this one [E2].
    ///
    /// # Errors
    /// TLS could not be set up.
    pub fn for_credentials(&self, local: impl IntoIterator<Item = HostPort>) -> Result<Dialer, Unbuilt> {
        let metadata = guard::METADATA.iter().map(|host| HostPort { host: (*host).to_owned(), port: 80 });
        Self::with_policy(Reach::PrivateToo, metadata.chain(local).collect(), self.0.resolver.clone())
    }

    fn with_policy(reach: Reach, allow: Vec<HostPort>, resolver: Arc<dyn Resolve>) -> Result<Dialer, Unbuilt> {
        let guarded = client(Checked::new(resolver.clone(), reach)).https_only(true).build().map_err(Unbuilt)?;
        let open = match allow.is_empty() {
            true => None,
            false => Some(client(Checked::new(resolver.clone(), Reach::Anywhere)).build().map_err(Unbuilt)?),
        };
        Ok(Dialer(Arc::new(Policy {
            reach,
            allow,
            guarded,
            open,
            resolver,
            lines: Mutex::default(),
            aws_endpoints: OnceLock::new(),
        })))
    }

    /// Sends one request, once, and waits for the headers of its answer.
    ///
    /// `connect` bounds the making of a connection (unset: what an enclosing call said, or 3 s), `headers_by` the wait.
    ///
    /// # Errors
    /// The address may not be dialled, or no acceptable headers came in time.
    pub async fn send(
        &self,
        mut request: Request,
        connect: Option<Duration>,
        headers_by: Option<Instant>,
    ) -> Result<http::Response<Body>, Failure> {
        let client = self.client_for(request.url())?;
        request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let sending = connect::within(connect, client.execute(request));
        let response = match headers_by {
            Some(by) => {
                tokio::time::timeout_at(by.into(), sending).await.map_err(|_| Failure::after(Fault::TimedOut))?
            }
            None => sending.await,
        };
        let response = response.map_err(|error| failure_of(&error))?;
        accept(response.headers())?;
        Ok(response.into())
    }

    /// The way to the origin of this URL, with connections of its own.
    ///
    /// # Errors
    /// The address may not be dialled, or TLS could not be set up.
    pub fn line(&self, url: &Url) -> Result<Line, Failure> {
        let reach = self.reach_for(url)?;
        let checked = Checked::new(self.0.resolver.clone(), reach);
        let connector = line::connector(checked, reach != Reach::Anywhere).map_err(|_| Failure::before(Fault::Tls))?;
        Line::new(connector, url).ok_or(Failure::before(Fault::Misconfigured))
    }

    /// The line to this origin, one for all who ask.
    fn shared_line(&self, origin: &Uri) -> Result<Line, Failure> {
        let mut lines = self.0.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get(origin) {
            return Ok(line.clone());
        }
        let url = Url::parse(&origin.to_string()).map_err(|_| Failure::before(Fault::Misconfigured))?;
        let line = self.line(&url)?;
        lines.insert(origin.clone(), line.clone());
        Ok(line)
    }

    fn client_for(&self, url: &Url) -> Result<&Client, Failure> {
        match self.reach_for(url)? {
            Reach::Anywhere => self.0.open.as_ref().ok_or(Failure::before(Fault::Refused)),
            Reach::PrivateToo | Reach::Public => Ok(&self.0.guarded),
        }
    }

    /// Whether exactly this host and port was allowed by name.
    pub(crate) fn names(&self, url: &Url) -> bool {
        self.reach_for(url).is_ok_and(|reach| reach == Reach::Anywhere)
    }

    /// How far this URL may lead: literal addresses are judged here, since they skip the resolver.
    fn reach_for(&self, url: &Url) -> Result<Reach, Failure> {
        let refused = Failure::before(Fault::Refused);
        let host = url.host_str().ok_or(refused)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = url.port_or_known_default().ok_or(refused)?;
        if self.0.allow.iter().any(|allowed| allowed.port == port && allowed.host == bare) {
            return Ok(Reach::Anywhere);
        }
        let literal_passes = bare.parse().map_or(true, |address| self.0.reach.passes(address));
        if url.scheme() == "https" && literal_passes { Ok(self.0.reach) } else { Err(refused) }
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dialer({:?})", self.0.reach)
    }
}

#[allow(clippy::disallowed_methods, reason = "the only HTTP client there is [E8]")]
fn client(resolver: Checked) -> reqwest::ClientBuilder {
    Client::builder()
        .redirect(redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .http1_only()
        .tcp_nodelay(true)
        .pool_idle_timeout(POOL_IDLE)
        .user_agent(USER_AGENT)
        .connector_layer(connect::PatienceLayer)
        .dns_resolver(Arc::new(resolver))
}

/// Refuses headers past the cap, and encodings nobody asked for [U5].
fn accept(headers: &HeaderMap) -> Result<(), Failure> {
    if size(headers) > MAX_HEADERS {
        return Err(Failure::after(Fault::HeadersTooLarge));
    }
    let encoded = headers.get_all(header::CONTENT_ENCODING).iter().any(|encoding| encoding != "identity");
    if encoded { Err(Failure::after(Fault::Invalid)) } else { Ok(()) }
}

fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

/// The bytes of a body, with its errors typed.
pub fn bytes_of<B>(body: B) -> BoxStream<'static, Result<Bytes, Broken>>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    http_body_util::BodyDataStream::new(body).map(|chunk| chunk.map_err(|error| broken_of(&*error.into()))).boxed()
}

/// An error and what caused it, outermost first.
pub(crate) fn causes<'e>(error: &'e (dyn StdError + 'static)) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'e (dyn StdError + 'static)| cause(*error))
}

/// An I/O error skips what it wraps when asked for its source.
fn cause<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e (dyn StdError + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn failure_of(error: &reqwest::Error) -> Failure {
    if causes(error).any(|cause| cause.is::<guard::Forbidden>()) {
        return Failure::before(Fault::Refused);
    }
    if error.is_connect() {
        return Failure::before(connect_fault(error));
    }
    if causes(error).any(|cause| cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse_too_large)) {
        return Failure::after(Fault::HeadersTooLarge);
    }
    if causes(error).any(|cause| cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse)) {
        return Failure::after(Fault::Invalid);
    }
    match error.is_builder() {
        true => Failure::before(Fault::Misconfigured),
        false => Failure::after(Fault::Reset),
    }
}

fn connect_fault(error: &(dyn StdError + 'static)) -> Fault {
    // rustls' errors arrive as invalid data.
    let tls = |error: &io::Error| error.kind() == io::ErrorKind::InvalidData;
    match () {
        () if causes(error).any(|cause| cause.is::<connect::TooSlow>()) => Fault::TimedOut,
        () if causes(error).any(|cause| cause.downcast_ref().is_some_and(tls)) => Fault::Tls,
        () => Fault::Connect,
    }
}

fn broken_of(error: &(dyn StdError + 'static)) -> Broken {
    if let Some(broken) = causes(error).find_map(|cause| cause.downcast_ref::<Broken>()) {
        return *broken;
    }
    let invalid = |error: &io::Error| error.kind() == io::ErrorKind::InvalidInput;
    let framing = |error: &hyper::Error| error.is_parse() || error.is_body_write_aborted();
    match causes(error)
        .any(|cause| cause.downcast_ref().is_some_and(invalid) || cause.downcast_ref().is_some_and(framing))
    {
        true => Broken::Invalid,
        false => Broken::Reset,
    }
}
