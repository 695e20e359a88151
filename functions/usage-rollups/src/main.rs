//! Rollups, archive and metrics on Lambda, fed by the usage table's stream; the sweeper, what admins changed and the
//! digests, on a schedule: settings in, jobs out. No logic here.

use std::sync::Arc;

use admin::{
    archive::Archive,
    dead_letters::{self, Queue},
    listing,
    metrics::Metrics,
    outbox::{self, Failures},
    rollups,
};
use config::{Lookup, ProcessEnv, egress::Egress};
use domain::Clock;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use providers::{Bucket, Dialer};
use serde_json::{Value, json};
use stack::{Stack, frees_from_stream, required};
use stores::{audit::Audit, ledger::Ledger, requests::Requests, rollups::Rollups};

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
    archive: Archive,
    audit: Audit,
    dead_letters: Queue,
    metrics: Metrics,
    ledger: Ledger,
    /// The router leaves the holds of settled calls to this function.
    frees_holds: bool,
    clock: Arc<dyn Clock>,
}

impl Jobs {
    async fn new(environment: &dyn Lookup) -> Result<Self, Error> {
        let Stack { table, names, clock, aws, .. } = Stack::from_environment(environment).await?;
        let place = format!("s3://{}", required(environment, "PORTUNUS_AUDIT_BUCKET")?);
        let bucket = Bucket::open(&place, &Dialer::new(&Egress::default())?, &aws).await;
        let bucket = Arc::new(bucket.ok_or("the audit bucket cannot be asked: no region or no credentials")?);
        Ok(Self {
            rollups: Rollups::new(table.clone(), names.clone()),
            requests: Requests::new(table.clone(), &names),
            archive: Archive::new(bucket, table.clone(), &names, clock.clone()),
            audit: Audit::new(table.clone(), names.clone()),
            dead_letters: Queue::new(
                aws_sdk_sqs::Client::new(aws.sdk().await),
                required(environment, "PORTUNUS_DEAD_LETTERS")?,
            ),
            metrics: Metrics::of(&required(environment, "PORTUNUS_GATEWAY")?),
            ledger: Ledger::new(table, names, clock.clone()).in_any_zone(),
            frees_holds: frees_from_stream(environment)?,
            clock,
        })
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
        let unnamed = "the batch names no shard: the event source mapping needs TumblingWindowInSeconds";
        let shard = outbox::shard(event).ok_or(unnamed)?;
        let mut failures = rollups::take(&self.rollups, shard, batch).await;
        listing::take(&self.requests, batch, &mut failures).await;
        if self.frees_holds {
            self.free(batch, &mut failures).await;
        }
        self.archive(shard, batch, &mut failures).await;
        dead_letters::keep(&self.dead_letters, event, &mut failures).await;
        let mut answer = serde_json::to_value(failures)?;
        if let Some(fields) = answer.as_object_mut() {
            fields.insert("state".to_owned(), json!({}));
        }
        Ok(answer)
    }

    /// Takes the holds of these calls out of their lanes: each once, however often its record comes.
    async fn free(&self, batch: &[outbox::Record], failures: &mut Failures) {
        let settled = batch.iter().filter_map(|record| Some(&record.content.as_ref().ok()?.as_ref()?.1));
        if let Err(problem) = self.ledger.free_settled(settled).await {
            tracing::error!(%problem, "holds of settled calls were not freed; they are tried again");
            batch.iter().for_each(|record| failures.add(&record.id));
        }
    }

    /// Metrics are told of what was archived just now: of each record once, but for a crash in between.
    async fn archive(&self, shard: &str, batch: &[outbox::Record], failures: &mut Failures) {
        match self.archive.take(shard, batch).await {
            Ok(fresh) => self.metrics.lines(&fresh, self.clock.now()).iter().for_each(|line| println!("{line}")),
            Err(problem) => {
                tracing::error!(%problem, "a batch of call records was not archived");
                batch.iter().for_each(|record| failures.add(&record.id));
            }
        }
    }

    async fn sweep(&self) -> Result<Value, Error> {
        let swept = self.ledger.sweep(self.clock.now()).await?;
        let changes = self.archive.changes(&self.audit).await?;
        let digests = self.archive.close().await?;
        tracing::info!(lanes = swept.lanes, expired = swept.expired, changes, digests, "swept");
        Ok(json!({ "lanes": swept.lanes, "expired": swept.expired, "changes": changes, "digests": digests }))
    }
}
