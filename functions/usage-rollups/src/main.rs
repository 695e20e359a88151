//! Rollups on Lambda, fed by the usage table's stream, and the sweeper, on a schedule: settings in, jobs out. No logic here.

use std::sync::Arc;

use admin::{listing, outbox, rollups};
use config::{Lookup, ProcessEnv};
use domain::Clock;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use stack::Stack;
use stores::{ledger::Ledger, requests::Requests, rollups::Rollups};

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

struct Jobs {
    rollups: Rollups,
    requests: Requests,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
}

impl Jobs {
    async fn new(environment: &dyn Lookup) -> Result<Self, Error> {
        let Stack { table, names, clock, .. } = Stack::from_environment(environment).await?;
        let rollups = Rollups::new(table.clone(), names.clone());
        let requests = Requests::new(table.clone(), &names);
        Ok(Self { rollups, requests, ledger: Ledger::new(table, names, clock.clone()), clock })
    }

    /// A batch of the stream is counted; the schedule sweeps.
    async fn run(&self, event: &Value) -> Result<Value, Error> {
        match outbox::records(event) {
            Some(batch) => self.count(event, &batch).await,
            None if event.get("source").is_some_and(|source| source == "aws.events") => self.sweep().await,
            None => Err("this function takes batches of the usage table's stream, and its schedule".into()),
        }
    }

    /// What it could not count comes again [L5]. The tumbling window of the event source mapping is there for
    /// `shardId`; its state is not used.
    async fn count(&self, event: &Value, batch: &[outbox::Record]) -> Result<Value, Error> {
        let mut failures = rollups::take(&self.rollups, shard(event)?, batch).await;
        listing::take(&self.requests, batch, &mut failures).await;
        let mut answer = serde_json::to_value(failures)?;
        if let Some(fields) = answer.as_object_mut() {
            fields.insert("state".to_owned(), json!({}));
        }
        Ok(answer)
    }

    async fn sweep(&self) -> Result<Value, Error> {
        let swept = self.ledger.sweep(self.clock.now()).await?;
        tracing::info!(lanes = swept.lanes, expired = swept.expired, "swept");
        Ok(json!({ "lanes": swept.lanes, "expired": swept.expired }))
    }
}

/// The shard that a batch comes from. Emulators do not name it, and have one.
fn shard(event: &Value) -> Result<&str, Error> {
    let first = || event.pointer("/Records/0/eventSourceARN");
    let name = event.get("shardId").or_else(first).and_then(Value::as_str);
    match name {
        Some(name) => Ok(name),
        None if event.pointer("/Records/0").is_none() => Ok("none"),
        None => Err("the batch names no shard: the event source mapping needs TumblingWindowInSeconds".into()),
    }
}
