//! The one trait every provider is called through, and all providers by name.

use crate::{
    Aws, Broken, Dialer, Failure, Fault, Media, auth::Renewal, bedrock_sdk::Bedrock, echo::Echo,
    http_upstream::HttpUpstream,
};
use bytes::Bytes;
use config::{Auth, Config, Provider, Quirks};
use domain::{ModelName, Operation, ProviderName, Service, Wire};
use futures::stream::BoxStream;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::{
    collections::HashMap,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

/// One try at one target.
#[derive(Clone, Debug)]
pub struct Attempt<'a> {
    /// One of [`Upstream::wires`].
    pub wire: Wire,
    pub operation: Operation,
    /// The provider's name of the model; only Bedrock puts it in the URL.
    pub model: &'a ModelName,
    /// The body asks for a stream. For Bedrock this chooses the operation.
    pub stream: bool,
    /// The whole request body in the wire's words; it leaves byte for byte.
    pub body: Bytes,
    /// Already allow-listed [H1]: `anthropic-version`, `anthropic-beta`, `traceparent`, `x-amzn-bedrock-…`. They win over the provider's own.
    pub headers: &'a [(HeaderName, HeaderValue)],
    pub limits: Limits,
}

/// One try at one service of one target.
#[derive(Clone, Debug)]
pub struct ServiceAttempt<'a> {
    /// One of [`Upstream::services`].
    pub service: Service,
    /// The provider's name of the model; some services have it in the URL.
    pub model: &'a ModelName,
    /// The whole request body in the service's words; it leaves byte for byte.
    pub body: Bytes,
    /// `application/json`, or a form and its boundary.
    pub content_type: HeaderValue,
    /// Already allow-listed [H1].
    pub headers: &'a [(HeaderName, HeaderValue)],
    pub limits: Limits,
}

/// How long an attempt may take [U1]. The time between bytes of the body is the caller's to watch.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// To connect, TLS included.
    pub connect: Duration,
    /// From the start of the attempt to the answer's headers.
    pub first_byte: Duration,
    /// When the headers must be there whatever `first_byte` says.
    pub deadline: Option<Instant>,
}

impl Limits {
    /// When the headers must be there at the latest.
    pub(crate) fn headers_by(&self) -> Instant {
        let by = Instant::now() + self.first_byte;
        self.deadline.map_or(by, |deadline| deadline.min(by))
    }
}

impl Default for Limits {
    /// 3 s to connect, 60 s to the headers.
    fn default() -> Self {
        Self { connect: Duration::from_secs(3), first_byte: Duration::from_secs(60), deadline: None }
    }
}

/// What a provider answered, whatever its status.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// The bytes as they came; nothing is read before it is polled, and dropping it ends the exchange [U8].
    pub body: BoxStream<'static, Result<Bytes, Broken>>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({})", self.status)
    }
}

/// A provider that can be spoken to.
#[async_trait::async_trait]
pub trait Upstream: Send + Sync {
    /// The wires it speaks, in order of preference.
    fn wires(&self) -> &[Wire];

    /// What it offers beside chat, in order of preference.
    fn services(&self) -> &[Service] {
        &[]
    }

    /// The region it answers from, where that is known.
    fn region(&self) -> Option<&str>;

    /// Whether it offers the operation on the wire.
    fn serves(&self, wire: Wire, operation: Operation) -> bool;

    /// Edits its requests need, applied by the dialect.
    fn quirks(&self) -> &Quirks;

    /// Sends one request and waits for the headers of its answer; tries exactly once.
    ///
    /// # Errors
    /// No headers came; an answer of any status is no error.
    async fn send(&self, attempt: Attempt<'_>) -> Result<Answer, Failure>;

    /// The same for a service.
    ///
    /// # Errors
    /// No headers came, or it has no such service.
    async fn send_service(&self, _attempt: ServiceAttempt<'_>) -> Result<Answer, Failure> {
        Err(Failure::before(Fault::Unserved))
    }

    /// The provider answered 401: whether a newer credential was found, worth one more attempt [X6]. Cheap to ask; a
    /// source is read at most once in 30 s.
    async fn renew(&self) -> bool {
        false
    }
}

/// All providers of a configuration, by name; built once.
pub struct Providers {
    by_name: HashMap<ProviderName, Arc<dyn Upstream>>,
    listing: Vec<Listing>,
    media: Option<Media>,
    dialer: Option<Dialer>,
}

/// One line of the list of providers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    pub name: ProviderName,
    /// Its row in the catalogue.
    pub kind: String,
    pub wires: Vec<Wire>,
    pub services: Vec<Service>,
    pub region: Option<String>,
}

/// A provider of the configuration that nothing here can speak to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    pub provider: ProviderName,
    /// What is wrong and what to do; never a credential.
    pub why: &'static str,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "provider {}: {}", self.provider, self.why)
    }
}

impl std::error::Error for Unusable {}

impl Providers {
    /// Makes every provider of the configuration able to speak. Nothing is sent; AWS settings are read only if
    /// a provider needs them.
    ///
    /// # Errors
    /// The first provider that cannot be used.
    pub async fn build(config: &Config, dialer: &Dialer, aws: &Aws) -> Result<Providers, Unusable> {
        Self::build_renewing(config, dialer, aws, None).await
    }

    /// The same, with credentials that are read again from `renewal` [X6]; see [`crate::secrets::Rotation`].
    ///
    /// # Errors
    /// The first provider that cannot be used.
    pub async fn build_renewing(
        config: &Config,
        dialer: &Dialer,
        aws: &Aws,
        renewal: Option<Arc<dyn Renewal>>,
    ) -> Result<Providers, Unusable> {
        let media = Media::build(&config.media, dialer, aws).await;
        let mut providers =
            Providers { by_name: HashMap::new(), listing: Vec::new(), media, dialer: Some(dialer.clone()) };
        for provider in &config.providers {
            let upstream = upstream(provider, dialer, aws, renewal.clone())
                .await
                .map_err(|why| Unusable { provider: provider.name.clone(), why })?;
            providers.add(&provider.name, &provider.kind, upstream);
        }
        Ok(providers)
    }

    /// Exactly these, for tests and benchmarks.
    pub fn of(upstreams: impl IntoIterator<Item = (ProviderName, Arc<dyn Upstream>)>) -> Providers {
        let mut providers = Providers { by_name: HashMap::new(), listing: Vec::new(), media: None, dialer: None };
        for (name, upstream) in upstreams {
            providers.add(&name, name.as_str(), upstream);
        }
        providers
    }

    /// What they are dialled with, if anything is dialled.
    pub fn dialer(&self) -> Option<&Dialer> {
        self.dialer.as_ref()
    }

    /// The provider of that name.
    pub fn find(&self, name: &ProviderName) -> Option<&Arc<dyn Upstream>> {
        self.by_name.get(name)
    }

    /// Fetches media for providers that take bytes only, where configuration says so.
    pub fn media(&self) -> Option<&Media> {
        self.media.as_ref()
    }

    /// Every provider, in the order of the configuration.
    pub fn list(&self) -> &[Listing] {
        &self.listing
    }

    fn add(&mut self, name: &ProviderName, kind: &str, upstream: Arc<dyn Upstream>) {
        self.listing.push(Listing {
            name: name.clone(),
            kind: kind.to_owned(),
            wires: upstream.wires().to_vec(),
            services: upstream.services().to_vec(),
            region: upstream.region().map(str::to_owned),
        });
        self.by_name.insert(name.clone(), upstream);
    }
}

async fn upstream(
    provider: &Provider,
    dialer: &Dialer,
    aws: &Aws,
    renewal: Option<Arc<dyn Renewal>>,
) -> Result<Arc<dyn Upstream>, &'static str> {
    Ok(match (&*provider.kind, &provider.auth) {
        ("echo", _) => Arc::new(Echo::default()),
        (_, Auth::Aws(credentials)) => Arc::new(Bedrock::build(provider, credentials, dialer, aws).await?),
        _ => Arc::new(HttpUpstream::build(provider, dialer, renewal)?),
    })
}
