//! Budget alerts on Lambda: fed by the usage table's stream it tells the topic what was crossed, fed by the queue below
//! the topic it delivers to webhooks. Settings in, jobs out. No logic here.

use std::{sync::Arc, time::Duration};

use admin::{
    alerts::Alerts,
    notify::{Place, delivery::Delivery, sns::Topic, webhook::Hook},
    outbox::{self, Failures},
};
use config::{Config, Lookup, ProcessEnv};
use domain::{Secret, outward::Post};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use providers::Dialer;
use serde_json::Value;
use stack::{Stack, required, settings};
use stores::{
    groups::Groups,
    keys::{Keys, Peppers},
    ledger::Ledger,
    settings::{Following, Settings, StoredConfig},
};

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let jobs = Arc::new(Jobs::new(&ProcessEnv).await?);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let jobs = jobs.clone();
        async move { jobs.run(&event.payload).await }
    }))
    .await
}

/// How often it is looked for another configuration.
const LOOK_EVERY: Duration = Duration::from_secs(5);

struct Jobs {
    parts: Parts,
    telling: Following<Telling>,
}

/// What no configuration changes.
struct Parts {
    stack: Stack,
    topic: Arc<Topic>,
    /// The secrets of webhooks begin so; this function may read no others.
    secrets: String,
}

/// What one configuration says of alerts, at work.
struct Telling {
    alerts: Alerts,
    delivery: Delivery,
}

impl Jobs {
    async fn new(environment: &dyn Lookup) -> Result<Self, Error> {
        let stack = Stack::from_environment(environment).await?;
        let client = aws_sdk_sns::Client::new(stack.aws.sdk().await);
        let topic = Arc::new(Topic::new(client, required(environment, "PORTUNUS_ALERTS_TOPIC")?));
        let secrets = format!("{}/webhooks/", required(environment, "PORTUNUS_SECRETS_PREFIX")?);
        let settings = Settings::new(stack.table.clone(), stack.names.clone());
        Ok(Self { parts: Parts { stack, topic, secrets }, telling: Following::new(settings, LOOK_EVERY) })
    }

    /// One batch of the stream or of the queue; what could not be dealt with comes again [L5].
    async fn run(&self, event: &Value) -> Result<Failures, Error> {
        let telling = self.telling.current(|stored| self.parts.telling(stored)).await?;
        if event.pointer("/Records/0/eventSource").is_some_and(|source| source == "aws:sqs") {
            return Ok(telling.delivery.take(event).await);
        }
        let batch = outbox::records(event).ok_or("this function takes batches of the usage table's stream")?;
        Ok(telling.alerts.take(&batch).await)
    }
}

impl Parts {
    /// The jobs under what an operator has put in force.
    async fn telling(&self, stored: Option<StoredConfig>) -> Result<Telling, Error> {
        let config = match stored {
            Some(stored) => {
                let config = settings::load_some(&stored, &self.stack.secrets, &self.secrets).await?;
                Config { version: stored.version, ..config }
            }
            None => Config::default(),
        };
        let Stack { table, names, clock, .. } = &self.stack;
        // Keys are read by id here, never by secret: this function may not read the pepper [Z1].
        let pepper = Peppers::one(Secret::new(""));
        let keys = Arc::new(Keys::new(table.clone(), names.clone(), pepper.clone()));
        let groups = Groups::new(table.clone(), names.clone(), pepper);
        let ledger = Ledger::new(table.clone(), names.clone(), clock.clone());
        let ledger = Arc::new(ledger.with_zone(config.budget.time_zone.clone()));
        let places = hooks(&config)?;
        let (topic, shares) = (self.topic.clone(), config.alerts.thresholds);
        let alerts = Alerts::new(table.clone(), names, keys, groups, ledger, topic, shares, clock.clone());
        let alerts = alerts.watching(config.budget.scopes, config.version);
        Ok(Telling { alerts, delivery: Delivery::new(places, table.clone(), names, clock.clone()) })
    }
}

fn hooks(config: &Config) -> Result<Vec<Box<dyn Place>>, Error> {
    let dialer: Arc<dyn Post> = Arc::new(Dialer::new(&config.egress)?);
    let hook =
        |webhook: &config::alerts::Webhook| Box::new(Hook::new(webhook.clone(), dialer.clone())) as Box<dyn Place>;
    Ok(config.alerts.webhooks.iter().map(hook).collect())
}
