//! The configuration of a stack: the settings item of the keys table, seeded from the packaged file.

use config::{Config, Lookup, Problem, ProcessEnv};
use domain::{Secret, Timestamp};
use lambda_http::Error;
use providers::Secrets;
use stores::settings::{ConfigError, Draft, Settings, Source};

/// What the configuration is called in messages.
const NAME: &str = "portunus.yaml";
/// What a fresh stack serves.
const PACKAGED: &str = include_str!("../../../infra/portunus.yaml");

/// The stack's configuration as written. The first to ask puts the packaged one in force.
///
/// # Errors
/// The table cannot be reached.
pub async fn text(settings: &Settings, now: Timestamp) -> Result<String, Error> {
    if let Some(config) = settings.config().await? {
        return Ok(config.text);
    }
    let draft = Draft { text: PACKAGED, source: Source::Packaged, seen: 0, now, entry: None };
    match settings.put_config(&draft).await {
        Ok(config) => Ok(config.text),
        // Another instance was first; an operator may have been, too.
        Err(ConfigError::Conflict) => {
            Ok(settings.config().await?.map_or_else(|| PACKAGED.to_owned(), |config| config.text))
        }
        Err(error) => Err(error.into()),
    }
}

/// The checked configuration, its secrets fetched.
///
/// # Errors
/// A secret that cannot be had, or everything that is wrong with the text, one problem a line.
pub async fn load(text: &str, secrets: &Secrets) -> Result<Config, Error> {
    check(text, &secrets.lookup(&config::secret_names(&without_comment_lines(text))).await?)
}

/// The checked configuration for a function that may not read provider secrets [Z1].
///
/// # Errors
/// Everything that is wrong with the text.
pub fn load_without_secrets(text: &str) -> Result<Config, Vec<Problem>> {
    config::load(NAME, text, &Withheld)
}

/// The checked configuration for a function that may read the secrets below one prefix only.
///
/// # Errors
/// As [`load`].
pub async fn load_some(text: &str, secrets: &Secrets, prefix: &str) -> Result<Config, Error> {
    let mut named = config::secret_names(&without_comment_lines(text));
    named.retain(|name| name.starts_with(prefix));
    let fetched = secrets.lookup(&named).await?;
    check(text, &Few { fetched: &fetched, prefix })
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
        // It passes for an address, too: that of a webhook may be a secret.
        let named = format!("{name}#{}", field.unwrap_or_default());
        let hex: String = named.bytes().map(|byte| format!("{byte:02x}")).collect();
        Some(Secret::new(format!("https://withheld.invalid/{hex}")))
    }
}

fn check(text: &str, lookup: &dyn Lookup) -> Result<Config, Error> {
    config::load(NAME, text, lookup).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        lines.join("\n").into()
    })
}

/// A secret named in a comment need not exist.
fn without_comment_lines(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with('#')).fold(String::new(), |text, line| text + line + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(config::secret_names(&without_comment_lines(PACKAGED)).is_empty());
    }

    #[test]
    fn z1_a_configuration_with_secrets_can_be_read_without_them() {
        let text = "providers: { claude: { kind: anthropic, api_key: \"${secret:portunus/anthropic#api_key}\" } }";
        assert!(load_without_secrets(text).is_ok());
        let text = "alerts: { webhooks: [{ url: \"${secret:portunus/webhooks/slack}\" }] }";
        assert!(load_without_secrets(text).is_ok());
    }
}
