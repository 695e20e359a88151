//! The configuration of a stack: the settings item of the keys table, seeded from the packaged file.

use config::{Config, HandedIn, Lookup, Problem, ProcessEnv, WithCredentials};
use domain::{Secret, Timestamp};
use futures::future::try_join_all;
use lambda_http::Error;
use providers::{Secrets, secrets::Rotation};
use std::sync::Arc;
use stores::settings::{ConfigError, Draft, Settings, Source, StoredConfig, StoredCredential};

/// What the configuration is called in messages.
const NAME: &str = "portunus.yaml";
/// What a fresh stack serves.
const PACKAGED: &str = include_str!("../../../infra/portunus.yaml");

/// The stack's configuration as it was put. The first to ask puts the packaged one in force.
///
/// # Errors
/// The table cannot be reached.
pub async fn in_force(settings: &Settings, now: Timestamp) -> Result<StoredConfig, Error> {
    if let Some(config) = settings.config().await? {
        return Ok(config);
    }
    let draft = Draft { text: PACKAGED, credentials: &[], source: Source::Packaged, seen: 0, now, entry: None };
    match settings.put_config(&draft).await {
        Ok(config) => Ok(config),
        // Another instance was first; an operator may have been, too.
        Err(ConfigError::Conflict) => settings.config().await?.ok_or_else(|| "there is no configuration".into()),
        Err(error) => Err(error.into()),
    }
}

/// The checked configuration, its secrets and the credentials that were handed in fetched; and what reads providers'
/// credentials again when they are rotated [X6].
///
/// # Errors
/// A secret that cannot be had, or everything that is wrong with the text, one problem a line.
pub async fn load(stored: &StoredConfig, secrets: &Arc<Secrets>) -> Result<(Config, Rotation), Error> {
    let lookup = secrets.lookup(&config::secret_names(&stored.text)).await?;
    let handed_in = stored.credentials.iter().map(async |credential| {
        let secret = secrets.handed_in(&credential.kept).await?;
        Ok::<_, Error>(bound(credential, secret))
    });
    let handed_in = try_join_all(handed_in).await?;
    let config = check(&stored.text, &WithCredentials { lookup: &lookup, handed_in: &handed_in })?;
    Ok((config, Rotation::new(secrets.clone(), NAME, &stored.text).beside(handed_in)))
}

/// The checked configuration for a function that may not read provider secrets [Z1].
///
/// # Errors
/// Everything that is wrong with the text.
pub fn load_without_secrets(text: &str, credentials: &[StoredCredential]) -> Result<Config, Vec<Problem>> {
    config::load(NAME, text, &WithCredentials { lookup: &Withheld, handed_in: &all_withheld(credentials) })
}

fn all_withheld(credentials: &[StoredCredential]) -> Vec<HandedIn> {
    credentials.iter().map(|credential| bound(credential, withheld(&credential.kept.version))).collect()
}

fn bound(credential: &StoredCredential, secret: Secret) -> HandedIn {
    HandedIn { provider: credential.provider.clone(), address: credential.address.clone(), secret }
}

/// The checked configuration for a function that may read the secrets below one prefix only.
///
/// # Errors
/// As [`load`].
pub async fn load_some(stored: &StoredConfig, secrets: &Secrets, prefix: &str) -> Result<Config, Error> {
    let mut named = config::secret_names(&stored.text);
    named.retain(|name| name.starts_with(prefix));
    let fetched = secrets.lookup(&named).await?;
    let lookup = &Few { fetched: &fetched, prefix };
    check(&stored.text, &WithCredentials { lookup, handed_in: &all_withheld(&stored.credentials) })
}

/// The environment, the secrets below a prefix, and a placeholder for every other.
struct Few<'s> {
    fetched: &'s dyn Lookup,
    prefix: &'s str,
}

impl Lookup for Few<'_> {
    fn env(&self, name: &str) -> Option<String> {
        ProcessEnv.env(name)
    }

    fn secret(&self, name: &str, field: Option<&str>) -> Option<Secret> {
        if name.starts_with(self.prefix) { self.fetched.secret(name, field) } else { Withheld.secret(name, field) }
    }
}

/// The environment, and a placeholder for every secret, which names it: so that two can be told apart [E3].
struct Withheld;

impl Lookup for Withheld {
    fn env(&self, name: &str) -> Option<String> {
        ProcessEnv.env(name)
    }

    fn secret(&self, name: &str, field: Option<&str>) -> Option<Secret> {
        Some(withheld(&format!("{name}#{}", field.unwrap_or_default())))
    }
}

/// What stands in for a secret. It passes for an address, too: that of a webhook may be a secret.
fn withheld(named: &str) -> Secret {
    let hex: String = named.bytes().map(|byte| format!("{byte:02x}")).collect();
    Secret::new(format!("https://withheld.invalid/{hex}"))
}

fn check(text: &str, lookup: &dyn Lookup) -> Result<Config, Error> {
    config::load(NAME, text, lookup).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        lines.join("\n").into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::CredentialFrom;
    use domain::outward::Kept;

    /// The environment that Lambda gives every function.
    struct Lambda;

    impl Lookup for Lambda {
        fn env(&self, name: &str) -> Option<String> {
            (name == "AWS_REGION").then(|| "eu-west-2".to_owned())
        }

        fn secret(&self, _name: &str, _field: Option<&str>) -> Option<Secret> {
            None
        }
    }

    #[test]
    fn the_packaged_configuration_is_sound_on_lambda() {
        let config = config::load("infra/portunus.yaml", PACKAGED, &Lambda).unwrap();
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
        let names: Vec<_> = config.models.iter().map(|model| model.name.to_string()).collect();
        assert_eq!(names, ["echo", "claude-sonnet"]);
    }

    #[test]
    fn the_packaged_configuration_needs_no_secret_to_exist() {
        assert!(PACKAGED.contains("${secret:"), "the example is gone");
        assert!(config::secret_names(PACKAGED).is_empty());
    }

    #[test]
    fn z1_a_configuration_with_secrets_can_be_read_without_them() {
        let text = "providers: { claude: { kind: anthropic, api_key: \"${secret:portunus/anthropic#api_key}\" } }";
        assert!(load_without_secrets(text, &[]).is_ok());
        let text = "alerts: { webhooks: [{ url: \"${secret:portunus/webhooks/slack}\" }] }";
        assert!(load_without_secrets(text, &[]).is_ok());
    }

    #[test]
    fn e3_a_credential_that_was_handed_in_is_withheld_and_goes_to_its_address_only() {
        let credential = StoredCredential {
            provider: "claude".to_owned(),
            address: "https://api.anthropic.com:443".to_owned(),
            kept: Kept { name: "portunus/providers/claude".to_owned(), version: "v1".to_owned() },
            fingerprint: String::new(),
            put_at: Timestamp::default(),
        };
        let from = |text: &str| {
            let config = load_without_secrets(text, std::slice::from_ref(&credential)).unwrap();
            config.provider(&"claude".into()).unwrap().credential
        };
        assert_eq!(from("providers: { claude: { kind: anthropic } }"), CredentialFrom::HandedIn);
        let elsewhere = "providers: { claude: { kind: anthropic, base_url: \"https://thief.example.com\" } }";
        assert_eq!(from(elsewhere), CredentialFrom::Nowhere);
    }
}
