//! Credentials handed in, kept in Secrets Manager: written here, read by [`crate::Secrets`] under another role.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_secretsmanager::{Client, error::DisplayErrorContext};
use domain::{
    ProviderName, Secret,
    outward::{Kept, Vault, VaultError},
};

/// One secret a provider, below a prefix: `portunus/providers/openai`.
pub struct SecretsManager {
    client: Client,
    prefix: String,
}

impl SecretsManager {
    /// In the account and region of `sdk`.
    pub fn new(sdk: &SdkConfig, prefix: impl Into<String>) -> Self {
        Self { client: Client::new(sdk), prefix: prefix.into() }
    }

    /// Another version of a secret that is there; false if it is not.
    async fn put(&self, kept: &Kept, credential: &Secret) -> Result<bool, VaultError> {
        let put = self.client.put_secret_value().secret_id(&kept.name).client_request_token(&kept.version);
        match put.secret_string(credential.expose()).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => {
                Ok(false)
            }
            Err(error) => Err(VaultError(DisplayErrorContext(error).to_string())),
        }
    }

    async fn create(&self, kept: &Kept, credential: &Secret) -> Result<(), VaultError> {
        let create = self.client.create_secret().name(&kept.name).client_request_token(&kept.version);
        let create = create.description("A provider's credential, handed in over the admin API of Portunus.");
        let sent = create.secret_string(credential.expose()).send().await;
        sent.map(drop).map_err(|error| VaultError(DisplayErrorContext(error).to_string()))
    }
}

#[async_trait]
impl Vault for SecretsManager {
    async fn keep(&self, provider: &ProviderName, credential: &Secret) -> Result<Kept, VaultError> {
        let kept = Kept { name: format!("{}/providers/{provider}", self.prefix), version: version()? };
        if !self.put(&kept, credential).await? {
            self.create(&kept, credential).await?;
        }
        Ok(kept)
    }
}

/// The name of a version: 32 characters that were never used before.
///
/// # Errors
/// There is no randomness.
pub fn version() -> Result<String, VaultError> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(|_| VaultError("the operating system gives no random numbers".to_owned()))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
