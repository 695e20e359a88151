//! Which configuration is in force: what an admin put or the file says, whichever was changed last; else the demo.

use crate::vault::Drawer;
use admin::http::Configure;
use async_trait::async_trait;
use config::{Config, HandedIn, Problem, ProcessEnv, WithCredentials};
use domain::Clock;
use gateway::{Gateway, live::Live};
use providers::{Aws, Dialer, Providers, Secrets, auth::Renewal, secrets::Rotation};
use std::{
    error::Error,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use stores::{
    TableError,
    keys::Keys,
    ledger::Ledger,
    responses::Responses,
    settings::{Draft, Settings, Source, StoredConfig, StoredCredential},
};

/// What went wrong, for people.
pub type Failure = Box<dyn Error>;

/// How often it is looked for another configuration.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Reads configurations with this process's environment, and secrets from AWS where a text names any.
pub struct Reading {
    pub aws: Aws,
    pub clock: Arc<dyn Clock>,
    /// What was handed in to this server.
    pub drawer: Arc<Drawer>,
}

/// A configuration that was read, and what reads providers' credentials again when they are rotated, if any is a secret.
pub struct Read {
    pub config: Config,
    pub renewal: Option<Arc<dyn Renewal>>,
}

impl Reading {
    async fn read(&self, name: &str, text: &str, credentials: &[StoredCredential]) -> Result<Read, Vec<Problem>> {
        let handed_in: Vec<HandedIn> = credentials.iter().filter_map(|credential| self.handed_in(credential)).collect();
        let with = |lookup| WithCredentials { lookup, handed_in: &handed_in };
        if text.trim().is_empty() {
            return Ok(Read { config: config::demo(&with(&ProcessEnv)), renewal: None });
        }
        let named = config::secret_names(text);
        // AWS is asked only if the text names a secret.
        if named.is_empty() {
            return Ok(Read { config: config::load(name, text, &with(&ProcessEnv))?, renewal: None });
        }
        let secrets = Arc::new(Secrets::new(self.aws.sdk().await, self.clock.clone()));
        let found = secrets.lookup(&named).await.map_err(|missing| {
            vec![Problem { file: name.to_owned(), line: 1, column: 1, message: missing.to_string() }]
        });
        let config = config::load(name, text, &with(&found?))?;
        Ok(Read { config, renewal: Some(Arc::new(Rotation::new(secrets, name, text).beside(handed_in))) })
    }

    /// A credential out of the drawer. Without it the provider is as if none had been handed in.
    fn handed_in(&self, credential: &StoredCredential) -> Option<HandedIn> {
        let StoredCredential { provider, address, kept, .. } = credential;
        let found = self.drawer.find(kept);
        if found.is_none() {
            tracing::error!(provider, "the credential that was handed in is not in the data folder; hand it in again");
        }
        Some(HandedIn { provider: provider.clone(), address: address.clone(), secret: found? })
    }

    /// The configuration that was put in force, or the demo.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn in_force(&self, stored: Option<&StoredConfig>) -> Result<Read, Failure> {
        let (name, text) =
            stored.map_or(("portunus.yaml", ""), |config| ("the configuration in force", config.text.as_str()));
        let credentials = stored.map_or(&[][..], |config| &config.credentials);
        let Read { config, renewal } = self.read(name, text, credentials).await.map_err(listed)?;
        Ok(Read { config: Config { version: stored.map_or(0, |stored| stored.version), ..config }, renewal })
    }
}

#[async_trait]
impl Configure for Reading {
    async fn check(&self, text: &str, credentials: &[StoredCredential]) -> Result<Config, Vec<Problem>> {
        Ok(self.read("portunus.yaml", text, credentials).await?.config)
    }

    fn built_in(&self) -> Config {
        config::demo(&ProcessEnv)
    }
}

/// What is in force at the start. A file that changed since it was last read comes into force; one that did not leaves what
/// an admin put meanwhile.
pub async fn at_start(reading: &Reading, settings: &Settings, file: Option<&Path>) -> Result<Read, Failure> {
    let file = found(file)?;
    let stored = adopt(reading, settings, file).await?;
    let read = reading.in_force(stored.as_ref()).await?;
    read.config.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    Ok(read)
}

/// A file and its text.
struct File {
    path: PathBuf,
    text: String,
}

/// The named file, or `./portunus.yaml` if there is one.
fn found(file: Option<&Path>) -> Result<Option<File>, Failure> {
    let default = Path::new("portunus.yaml");
    let Some(path) = file.or_else(|| default.exists().then_some(default)) else { return Ok(None) };
    let text = std::fs::read_to_string(path).map_err(|problem| format!("{}: {problem}", path.display()))?;
    Ok(Some(File { path: path.to_owned(), text }))
}

/// Brings the file into force if it is its turn, and answers what is in force then.
async fn adopt(reading: &Reading, settings: &Settings, file: Option<File>) -> Result<Option<StoredConfig>, Failure> {
    let stored = settings.config().await?;
    let by_admin = |stored: &StoredConfig| matches!(stored.source, Source::Admin | Source::Rollback { .. });
    let source = stored.as_ref().map(|stored| stored.source);
    let credentials = stored.as_ref().map(|stored| stored.credentials.clone()).unwrap_or_default();
    let (text, source) = match (file, &stored) {
        // An empty text is the demo: what a file said is over with the file.
        (None, Some(_)) if source == Some(Source::File) => (String::new(), Source::Packaged),
        (None, _) => return Ok(stored),
        (Some(file), Some(there)) if by_admin(there) && settings.came_from_file(&file.text).await? => {
            let (version, path) = (there.version, file.path.display());
            tracing::warn!(
                "version {version} of the configuration, put by an admin, is in force; {path} is read again when it changes"
            );
            return Ok(stored);
        }
        (Some(file), Some(there)) if source == Some(Source::File) && there.text == file.text => return Ok(stored),
        (Some(file), _) => {
            reading.read(&file.path.display().to_string(), &file.text, &credentials).await.map_err(listed)?;
            (file.text, Source::File)
        }
    };
    let seen = stored.map_or(0, |stored| stored.version);
    let now = reading.clock.now();
    let draft = Draft { text: &text, credentials: &credentials, source, seen, now, entry: None };
    Ok(Some(settings.put_config(&draft).await?))
}

fn listed(problems: Vec<Problem>) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Makes gateways, one for each configuration.
pub struct Maker {
    pub reading: Arc<Reading>,
    pub keys: Arc<Keys>,
    pub ledger: Arc<Ledger>,
    pub responses: Responses,
    pub settings: Settings,
}

impl Maker {
    /// A gateway under a configuration.
    pub async fn gateway(&self, read: Read) -> Result<Gateway, Failure> {
        let Read { config, renewal } = read;
        let (dialer, clock) = (Dialer::new(&config.egress)?, self.reading.clock.clone());
        let providers = Providers::build_renewing(&config, &dialer, &self.reading.aws, renewal).await?;
        let gateway =
            Gateway::new(Arc::new(config), Arc::new(providers), self.keys.clone(), self.ledger.clone(), clock);
        Ok(gateway.with_responses(self.responses.clone()))
    }

    /// Replaces the gateway whenever another configuration is in force. One that cannot be served leaves the last one, and
    /// is not tried again.
    pub async fn follow(&self, live: &Live, mut version: u64) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            match self.newer(&mut version).await {
                Ok(Some(gateway)) => {
                    live.replace(Arc::new(gateway));
                    tracing::info!(version, "another configuration is in force");
                }
                Ok(None) => {}
                Err(problem) => {
                    tracing::error!(version, %problem, "a configuration cannot be served; the last one still is")
                }
            }
        }
    }

    async fn newer(&self, version: &mut u64) -> Result<Option<Gateway>, Failure> {
        let there = match self.settings.version().await {
            Ok(there) if there == *version => return Ok(None),
            Ok(_) => self.settings.config().await,
            Err(problem) => Err(problem),
        };
        let Some(stored) = there.map_err(unread)? else { return Ok(None) };
        *version = stored.version;
        self.gateway(self.reading.in_force(Some(&stored)).await?).await.map(Some)
    }
}

fn unread(problem: TableError) -> String {
    format!("the version in force could not be read: {problem}")
}
