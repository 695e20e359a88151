//! What the two stream consumers do on AWS, here in the process: the same handlers over the embedded engine's stream.
//!
//! Records leave the stream once they are counted and archived, so whatever a crash interrupts comes again.

use admin::{
    alerts::Alerts,
    archive::Archive,
    listing,
    notify::delivery::Delivery,
    outbox::{self, Record},
    rollups,
};
use serde_json::Value;
use std::{
    io::Write,
    path::PathBuf,
    time::{Duration, Instant},
};
use stores::{
    TableError,
    embedded::{Batch, Position, Stream},
    requests::Requests,
    rollups::Rollups,
};

/// The most records counted at once.
const BATCH: u32 = 250;
/// Records are archived together, and budgets looked at once for all of them: so many at most, of so long a time.
const MOST_ARCHIVED: usize = 1_000;
const ARCHIVED_EVERY: Duration = Duration::from_secs(5);
/// How long nothing new is asked for.
const PAUSE: Duration = Duration::from_millis(500);
/// How often hours that are over are closed.
const CLOSED_EVERY: Duration = Duration::from_secs(60);

/// The jobs and where they stand.
pub struct Jobs {
    stream: Stream,
    rollups: Rollups,
    requests: Requests,
    alerts: Alerts,
    delivery: Delivery,
    /// None where nothing is kept on disk.
    archive: Option<Archive>,
    /// Where records are put that nobody can read.
    dead_letters: Option<PathBuf>,
    counted: Position,
    /// Counted, and not archived yet: these are told of budgets, too.
    waiting: Vec<Record>,
    shard: String,
    archived_at: Instant,
    closed_at: Option<Instant>,
}

impl Jobs {
    pub fn new(
        stream: Stream,
        (rollups, requests): (Rollups, Requests),
        (alerts, delivery): (Alerts, Delivery),
        archive: Option<Archive>,
        dead_letters: Option<PathBuf>,
    ) -> Self {
        Self {
            stream,
            rollups,
            requests,
            alerts,
            delivery,
            archive,
            dead_letters,
            counted: Position::default(),
            waiting: Vec::new(),
            shard: String::new(),
            archived_at: Instant::now(),
            closed_at: None,
        }
    }

    /// Works until the process ends. What goes wrong is tried again.
    pub async fn run(mut self) {
        loop {
            match self.turn().await {
                Ok(true) => {}
                Ok(false) => tokio::time::sleep(PAUSE).await,
                Err(problem) => {
                    tracing::warn!(%problem, "usage could not be counted or archived; it is tried again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// One batch, and what is due; whether there may be more at once.
    async fn turn(&mut self) -> Result<bool, TableError> {
        let batch = self.stream.next(self.counted, BATCH).await?;
        let is_full = batch.len() >= BATCH as usize;
        if !batch.is_empty() {
            self.count(&batch).await?;
        }
        let is_due = self.archived_at.elapsed() >= ARCHIVED_EVERY || self.waiting.len() >= MOST_ARCHIVED;
        if is_due && !self.waiting.is_empty() {
            self.archive().await?;
        }
        self.delivery.turn().await?;
        self.close().await;
        Ok(is_full)
    }

    async fn count(&mut self, batch: &Batch) -> Result<(), TableError> {
        self.shard = outbox::shard(&batch.event).unwrap_or_default().to_owned();
        let records = outbox::records(&batch.event).unwrap_or_default();
        let mut failures = rollups::take(&self.rollups, &self.shard, &records).await;
        listing::take(&self.requests, &records, &mut failures).await;
        let unread = records.iter().filter(|record| record.content.is_err()).count();
        if failures.ids().len() > unread {
            return Err(TableError::Unavailable("calls were not counted or listed".to_owned()));
        }
        self.bury(batch, &records);
        self.counted = batch.next;
        self.waiting.extend(records.into_iter().filter(|record| matches!(record.content, Ok(Some(_)))));
        Ok(())
    }

    /// Looks at the budgets of what waits, archives it, and lets the stream forget it.
    async fn archive(&mut self) -> Result<(), TableError> {
        if !self.alerts.take(&self.waiting).await.ids().is_empty() {
            return Err(TableError::Unavailable("not every budget was looked at".to_owned()));
        }
        if let Some(archive) = &self.archive {
            let archived = archive.take(&self.shard, &self.waiting).await;
            archived.map_err(|problem| TableError::Unavailable(problem.to_string()))?;
        }
        self.stream.done(self.counted).await?;
        self.waiting.clear();
        self.archived_at = Instant::now();
        Ok(())
    }

    /// Writes the digests of hours that are over.
    async fn close(&mut self) {
        let Some(archive) = &self.archive else { return };
        if self.closed_at.is_some_and(|at| at.elapsed() < CLOSED_EVERY) {
            return;
        }
        self.closed_at = Some(Instant::now());
        if let Err(problem) = archive.close().await {
            tracing::warn!(%problem, "an hour of the archive was not closed; it is tried again");
        }
    }

    /// Keeps records that cannot be read for people to look at: they hold nobody up [L5].
    fn bury(&self, batch: &Batch, records: &[Record]) {
        let raw = batch.event.get("Records").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for (_, raw) in records.iter().zip(raw).filter(|(record, _)| record.content.is_err()) {
            let Some(path) = &self.dead_letters else { continue };
            let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
            if let Err(problem) = file.and_then(|mut file| writeln!(file, "{raw}")) {
                tracing::error!(%problem, "a record that cannot be read could not be kept either");
            }
        }
    }
}
