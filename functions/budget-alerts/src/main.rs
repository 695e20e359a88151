//! Budget alerts on Lambda, fed by the usage table's stream: settings in, job out. No logic here.

use std::sync::Arc;

use admin::{
    alerts::Alerts,
    notify::sns::Topic,
    outbox::{self, Failures},
};
use config::{Lookup, ProcessEnv};
use domain::Secret;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use stack::{Stack, required};
use stores::{
    keys::{Keys, Peppers},
    ledger::Ledger,
};

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let alerts = Arc::new(alerts(&ProcessEnv).await?);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let alerts = alerts.clone();
        async move { take(&alerts, &event.payload).await }
    }))
    .await
}

async fn alerts(environment: &dyn Lookup) -> Result<Alerts, Error> {
    let stack = Stack::from_environment(environment).await?;
    let client = aws_sdk_sns::Client::new(stack.aws.sdk().await);
    let topic = Arc::new(Topic::new(client, required(environment, "PORTUNUS_ALERTS_TOPIC")?));
    // Keys are read by id here, never by secret: this function may not read the pepper [Z1].
    let keys = Arc::new(Keys::new(stack.table.clone(), stack.names.clone(), Peppers::one(Secret::new(""))));
    let ledger = Arc::new(Ledger::new(stack.table.clone(), stack.names.clone(), stack.clock.clone()));
    Ok(Alerts::new(stack.table, &stack.names, keys, ledger, topic, stack.clock))
}

/// One batch of the stream; what it could not deal with comes again [L5].
async fn take(alerts: &Alerts, event: &Value) -> Result<Failures, Error> {
    let batch = outbox::records(event).ok_or("this function takes batches of the usage table's stream")?;
    Ok(alerts.take(&batch).await)
}
