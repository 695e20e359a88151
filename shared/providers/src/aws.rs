//! One AWS SDK configuration over the shared dialer, made when it is first needed.

use crate::{Dialer, dialer::Unbuilt};
use aws_config::{
    BehaviorVersion, SdkConfig, environment::EnvironmentVariableRegionProvider, meta::region::RegionProviderChain,
    profile::ProfileFileRegionProvider,
};
use config::{HostPort, Lookup};
use reqwest::Url;
use tokio::sync::OnceCell;

/// Variables that name endpoints of our own: stores, secrets, credentials. Bedrock's is not among them: a provider's
/// address passes `egress.allow` or not at all [E2].
const ENDPOINT_VARIABLES: [&str; 7] = [
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_ENDPOINT_URL_SNS",
    "AWS_ENDPOINT_URL_STS",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
];

/// The AWS settings of this process, over a dialer that reaches AWS, the metadata services and the endpoints that the
/// environment names.
pub struct Aws {
    dialer: Dialer,
    sdk: OnceCell<SdkConfig>,
}

impl Aws {
    /// Reads which endpoints the environment names; nothing else yet.
    ///
    /// # Errors
    /// TLS could not be set up.
    pub fn new(dialer: &Dialer, environment: &dyn Lookup) -> Result<Aws, Unbuilt> {
        let named = ENDPOINT_VARIABLES.iter().filter_map(|name| environment.env(name));
        let dialer = dialer.for_credentials(named.filter_map(|url| host_port(&url)))?;
        Ok(Aws { dialer, sdk: OnceCell::new() })
    }

    /// Settings that were made elsewhere; whoever made them chose the HTTP client.
    pub fn of(sdk: SdkConfig, dialer: Dialer) -> Aws {
        Aws { dialer, sdk: OnceCell::new_with(Some(sdk)) }
    }

    /// The dialer of our own services.
    pub(crate) fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    /// The configuration to build clients of our own services from: DynamoDB, Secrets Manager, SNS, STS. Loaded once;
    /// no network is asked, also not for the region.
    pub async fn sdk(&self) -> &SdkConfig {
        self.sdk.get_or_init(|| load(self.dialer.clone())).await
    }
}

async fn load(dialer: Dialer) -> SdkConfig {
    let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::builder().build());
    aws_config::defaults(BehaviorVersion::latest()).region(region).http_client(dialer).load().await
}

fn host_port(url: &str) -> Option<HostPort> {
    let url = Url::parse(url).ok()?;
    let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']').to_owned();
    Some(HostPort { host, port: url.port_or_known_default()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_of_the_environment_is_one_exact_host_and_port() {
        let named = |url| host_port(url).map(|h| (h.host, h.port));
        assert_eq!(named("http://127.0.0.1:8000/base"), Some(("127.0.0.1".to_owned(), 8000)));
        assert_eq!(named("https://[::1]"), Some(("::1".to_owned(), 443)));
        assert_eq!(named("nonsense"), None);
    }
}
