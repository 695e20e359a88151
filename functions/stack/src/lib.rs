//! What `template.yaml` gives a function: tables, secrets and settings, by the names in its environment.
//!
//! The four functions share it, so that each `main.rs` is wiring alone. No logic of the gateway is here.

/// The caller as the edge knows it.
pub mod edge;
/// The configuration of the stack.
pub mod settings;

use std::sync::Arc;

use aws_sdk_dynamodb::config::{Builder, retry::RetryConfig};
use config::{Lookup, egress::Egress};
use domain::{
    Secret,
    time::{Clock, SystemClock},
};
use lambda_http::Error;
use providers::{Aws, Dialer, Secrets};
use stores::{Names, Table, dynamodb::DynamoTable, retry::Retrying};

/// The parts every function builds its own from.
pub struct Stack {
    pub clock: Arc<dyn Clock>,
    pub aws: Aws,
    pub secrets: Arc<Secrets>,
    pub names: Names,
    pub table: Arc<dyn Table>,
}

impl Stack {
    /// Reads the environment; asks no network.
    ///
    /// # Errors
    /// A variable that the template sets is not there, or TLS cannot be set up.
    pub async fn from_environment(environment: &dyn Lookup) -> Result<Self, Error> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let names = names(environment)?;
        let aws = Aws::new(&Dialer::new(&Egress::default())?, environment)?;
        let sdk = aws.sdk().await;
        let secrets = Arc::new(Secrets::new(sdk, clock.clone()));
        // `Retrying` is the one that tries again.
        let dynamodb = Builder::from(sdk).retry_config(RetryConfig::disabled()).build();
        let table = Retrying::new(DynamoTable(aws_sdk_dynamodb::Client::from_conf(dynamodb)));
        Ok(Self { clock, secrets, names, table: Arc::new(table), aws })
    }

    /// The value of the secret that an environment variable names.
    ///
    /// # Errors
    /// The variable is not set, or the secret cannot be had.
    pub async fn secret(&self, environment: &dyn Lookup, variable: &str) -> Result<Secret, Error> {
        Ok(self.secrets.value(&required(environment, variable)?).await?)
    }
}

/// A variable that the template sets on every function that reads it.
///
/// # Errors
/// It is not set.
pub fn required(environment: &dyn Lookup, variable: &str) -> Result<String, Error> {
    let unset = || format!("the environment variable {variable} is not set; template.yaml sets it");
    environment.env(variable).ok_or_else(|| unset().into())
}

/// Who frees the holds of settled calls: whoever reads the stream of call records, many to a write, or each call its own.
///
/// # Errors
/// The variable says something else.
pub fn frees_from_stream(environment: &dyn Lookup) -> Result<bool, Error> {
    match environment.env("PORTUNUS_FREE_HOLDS").as_deref() {
        None | Some("call") => Ok(false),
        Some("stream") => Ok(true),
        Some(other) => Err(format!("PORTUNUS_FREE_HOLDS is `{other}`, allowed: call, stream").into()),
    }
}

/// The tables, as the template names them.
fn names(environment: &dyn Lookup) -> Result<Names, Error> {
    let name = |variable| required(environment, variable).map(Into::into);
    Ok(Names {
        keys: name("PORTUNUS_KEYS_TABLE")?,
        quotas: name("PORTUNUS_QUOTAS_TABLE")?,
        usage: name("PORTUNUS_USAGE_TABLE")?,
        cache: name("PORTUNUS_CACHE_TABLE")?,
    })
}
