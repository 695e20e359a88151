//! Bedrock, through `aws-sdk-bedrockruntime`, losslessly: exactly our bytes go out, exactly the answer comes back.
//!
//! The SDK finds the endpoint, encodes the model's id, gets credentials and signs. It does not retry: that is the
//! gateway's to decide, and to pay for.

use crate::{
    Answer, Attempt, Aws, Dialer, Failure, Fault, ServiceAttempt, Upstream,
    dialer::{bytes_of, causes, connect},
    endpoint,
};
use aws_config::{SdkConfig, sts::AssumeRoleProvider};
use aws_credential_types::{Credentials, Token, provider::error::CredentialsError};
use aws_sdk_bedrockruntime::{
    Client,
    config::{
        Builder, Region, StalledStreamProtectionConfig,
        retry::{ReconnectMode, RetryConfig},
        timeout::TimeoutConfig,
    },
};
use aws_smithy_runtime_api::client::{
    auth::{AuthSchemeId, http::HTTP_BEARER_AUTH_SCHEME_ID},
    orchestrator::HttpResponse,
    result::SdkError,
};
use aws_smithy_types::body::SdkBody;
use config::{
    Provider, Quirks,
    providers::{Aws as Account, AwsCredentials},
};
use domain::{Dialect, Operation, Service, Wire};
use raw_wire::{RawWire, handed_back};
use std::{
    error::Error as StdError,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// The interceptor that makes the SDK lossless.
pub mod raw_wire;

/// What InvokeModel takes and gives.
const JSON: &str = "application/json";

const SIGV4: AuthSchemeId = AuthSchemeId::new("sigv4");

/// The name under which assumed roles appear in CloudTrail.
const SESSION_NAME: &str = "portunus";

/// One Bedrock account, role and region.
pub struct Bedrock {
    client: Client,
    wires: Vec<Wire>,
    services: Vec<Service>,
    region: Option<String>,
    quirks: Quirks,
}

impl Bedrock {
    /// Makes the provider's client; nothing is sent.
    ///
    /// # Errors
    /// What is wrong with the configuration of the provider.
    pub async fn build(
        provider: &Provider,
        account: &Account,
        dialer: &Dialer,
        aws: &Aws,
    ) -> Result<Self, &'static str> {
        let region = provider.region.clone();
        let sdk = in_region(aws.sdk().await, region.as_deref());
        let region = sdk.region().map(|region| region.as_ref().to_owned());
        if region.is_none() {
            return Err("region is missing, and the environment names none");
        }
        let builder = with_account(Builder::from(&sdk), account, &sdk).await;
        let builder = match &provider.endpoint_url {
            Some(url) => builder.endpoint_url(url.as_str()).http_client(dialer.clone()),
            None if sdk.endpoint_url().is_some() => builder.http_client(dialer.clone()),
            None => builder.http_client(dialer.for_aws_endpoints().map_err(|_| "TLS could not be set up")?),
        };
        Ok(Self {
            client: Client::from_conf(undisturbed(builder).build()),
            wires: spoken(&provider.speaks),
            services: offered(&provider.services),
            region,
            quirks: provider.quirks.clone(),
        })
    }
}

/// The two wires of this service, as the provider prefers them.
fn spoken(preferred: &[Wire]) -> Vec<Wire> {
    let both = [Wire::BedrockConverse, Wire::BedrockInvoke];
    preferred.iter().copied().filter(|wire| both.contains(wire)).collect()
}

/// The services that are InvokeModel of some family of models.
fn offered(preferred: &[Service]) -> Vec<Service> {
    preferred.iter().copied().filter(|service| service.dialect() == Dialect::Bedrock).collect()
}

/// The shared settings, with the provider's own region.
fn in_region(sdk: &SdkConfig, region: Option<&str>) -> SdkConfig {
    match region {
        Some(region) => sdk.to_builder().region(Region::new(region.to_owned())).build(),
        None => sdk.clone(),
    }
}

/// Everything the SDK would do on its own account is off: retries, timeouts, and giving up slow streams.
fn undisturbed(builder: Builder) -> Builder {
    builder
        .retry_config(RetryConfig::disabled().with_reconnect_mode(ReconnectMode::ReuseAllConnections))
        .timeout_config(TimeoutConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
}

async fn with_account(builder: Builder, account: &Account, sdk: &SdkConfig) -> Builder {
    let keys = match &account.credentials {
        AwsCredentials::Bearer(token) => {
            return builder
                .bearer_token(Token::new(token.expose(), None))
                .auth_scheme_preference([HTTP_BEARER_AUTH_SCHEME_ID]);
        }
        AwsCredentials::Chain => None,
        AwsCredentials::Keys { access_key_id, secret_access_key, session_token } => Some(Credentials::new(
            access_key_id.expose(),
            secret_access_key.expose(),
            session_token.as_ref().map(|token| token.expose().to_owned()),
            None,
            "configuration",
        )),
    };
    match (&account.role_arn, keys) {
        // Explicit credentials win over a Bedrock API key that happens to be in the environment.
        (Some(role), keys) => {
            let role = AssumeRoleProvider::builder(role).session_name(SESSION_NAME).configure(sdk);
            let role = match keys {
                Some(keys) => role.build_from_provider(keys).await,
                None => role.build().await,
            };
            builder.credentials_provider(role).auth_scheme_preference([SIGV4])
        }
        (None, Some(keys)) => builder.credentials_provider(keys).auth_scheme_preference([SIGV4]),
        (None, None) => builder,
    }
}

#[async_trait::async_trait]
impl Upstream for Bedrock {
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
        match operation {
            Operation::Chat => self.wires.contains(&wire),
            Operation::CountTokens => wire == Wire::BedrockConverse,
        }
    }

    fn quirks(&self) -> &Quirks {
        &self.quirks
    }

    async fn send(&self, attempt: Attempt<'_>) -> Result<Answer, Failure> {
        if !self.serves(attempt.wire, attempt.operation) {
            return Err(Failure::before(Fault::Unserved));
        }
        self.exchange(attempt).await
    }

    /// Whole answers only: InvokeModel with the body of the model's family.
    async fn send_service(&self, attempt: ServiceAttempt<'_>) -> Result<Answer, Failure> {
        if !self.services.contains(&attempt.service) {
            return Err(Failure::before(Fault::Unserved));
        }
        let ServiceAttempt { model, body, headers, limits, .. } = attempt;
        let (wire, operation) = (Wire::BedrockInvoke, Operation::Chat);
        self.exchange(Attempt { wire, operation, model, stream: false, body, headers, limits }).await
    }
}

impl Bedrock {
    async fn exchange(&self, attempt: Attempt<'_>) -> Result<Answer, Failure> {
        // A dot segment would be folded for signing only: a signature that never matches.
        if !endpoint::is_segment(attempt.model.as_str()) {
            return Err(Failure::before(Fault::BadModel));
        }
        let dispatched = Arc::new(AtomicBool::new(false));
        let headers_by = attempt.limits.headers_by();
        let sending = connect::within(Some(attempt.limits.connect), self.dispatch(attempt, dispatched.clone()));
        let late = || Failure { fault: Fault::TimedOut, dispatched: dispatched.load(Ordering::Relaxed) };
        answer(tokio::time::timeout_at(headers_by.into(), sending).await.map_err(|_| late())??)
    }
}

/// Sends one of the SDK's operations as our own bytes.
macro_rules! raw {
    ($operation:expr, $wire:expr, $headers:expr) => {{
        let headers = $headers;
        let sent = $operation
            .customize()
            .interceptor($wire)
            .mutate_request(move |request| {
                for (name, value) in &headers {
                    request.headers_mut().insert(name.clone(), value.clone());
                }
            })
            .send()
            .await;
        handed_back(sent).map_err(failure_of)
    }};
}

impl Bedrock {
    async fn dispatch(&self, attempt: Attempt<'_>, dispatched: Arc<AtomicBool>) -> Result<HttpResponse, Failure> {
        let model = attempt.model.as_str();
        let headers = forwarded(&attempt);
        let wire = RawWire { body: attempt.body, dispatched };
        let client = &self.client;
        match (attempt.wire, attempt.operation, attempt.stream) {
            (_, Operation::CountTokens, _) => raw!(client.count_tokens().model_id(model), wire, headers),
            (Wire::BedrockInvoke, Operation::Chat, false) => {
                raw!(client.invoke_model().model_id(model).content_type(JSON).accept(JSON), wire, headers)
            }
            (Wire::BedrockInvoke, Operation::Chat, true) => {
                let streamed = client.invoke_model_with_response_stream().model_id(model);
                raw!(streamed.content_type(JSON).accept(JSON), wire, headers)
            }
            (_, Operation::Chat, false) => raw!(client.converse().model_id(model), wire, headers),
            (_, Operation::Chat, true) => raw!(client.converse_stream().model_id(model), wire, headers),
        }
    }
}

/// Headers of the attempt that mean something to this service: the trace, and on InvokeModel its own.
fn forwarded(attempt: &Attempt<'_>) -> Vec<(String, String)> {
    let ours = |name: &str| {
        name == "traceparent" || attempt.wire == Wire::BedrockInvoke && name.starts_with("x-amzn-bedrock-")
    };
    let headers = attempt.headers.iter().filter(|(name, _)| ours(name.as_str()));
    headers.filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))).collect()
}

fn answer(response: HttpResponse) -> Result<Answer, Failure> {
    let response: http::Response<SdkBody> = response.try_into_http1x().map_err(|_| Failure::after(Fault::Invalid))?;
    let (parts, body) = response.into_parts();
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body: bytes_of(body) })
}

/// Finds our own failure under whatever the SDK wrapped it in. Credentials come first: their errors may have a network
/// failure of their own inside, which says nothing about Bedrock.
fn failure_of<E: StdError + 'static>(error: Option<Box<SdkError<E, HttpResponse>>>) -> Failure {
    let Some(error) = error else { return Failure::after(Fault::Misconfigured) };
    if causes(&*error).any(|cause| cause.is::<CredentialsError>()) {
        return Failure::before(Fault::BadCredentials);
    }
    if let Some(failure) = causes(&*error).find_map(|cause| cause.downcast_ref::<Failure>()) {
        return *failure;
    }
    match *error {
        SdkError::TimeoutError(_) => Failure::after(Fault::TimedOut),
        SdkError::ConstructionFailure(_) => Failure::before(Fault::Misconfigured),
        // No request was made: no credential, or no scheme that could use one.
        SdkError::DispatchFailure(_) => Failure::before(Fault::BadCredentials),
        _ => Failure::after(Fault::Invalid),
    }
}
