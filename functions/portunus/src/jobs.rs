//! What the two stream consumers do on AWS, here in the process: the same handlers over the embedded engine's stream.
//!
//! Records leave the stream once they are counted and archived, so whatever a crash interrupts comes again.

use crate::telling::{Telling, Tellings};
use admin::{
    archive::Archive,
    dead_letters::{self, File},
    listing,
    outbox::{self, Record},
    rollups,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use stores::{
    TableError,
    audit::Audit,
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
    tellings: Tellings,
    /// None where nothing is kept on disk.
    archive: Option<Archive>,
    audit: Audit,
    dead_letters: File,
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
        tellings: Tellings,
        (archive, audit): (Option<Archive>, Audit),
        dead_letters: File,
    ) -> Self {
        Self {
            stream,
            rollups,
            requests,
            tellings,
            archive,
            audit,
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
        self.telling().await?.delivery.turn().await?;
        self.close().await;
        Ok(is_full)
    }

    async fn count(&mut self, batch: &Batch) -> Result<(), TableError> {
        self.shard = outbox::shard(&batch.event).unwrap_or_default().to_owned();
        let records = outbox::records(&batch.event).unwrap_or_default();
        let mut failures = rollups::take(&self.rollups, &self.shard, &records).await;
        listing::take(&self.requests, &records, &mut failures).await;
        dead_letters::keep(&self.dead_letters, &batch.event, &mut failures).await;
        if !failures.ids().is_empty() {
            return Err(TableError::Unavailable("calls were not counted or listed".to_owned()));
        }
        self.counted = batch.next;
        self.waiting.extend(records.into_iter().filter(|record| matches!(record.content, Ok(Some(_)))));
        Ok(())
    }

    /// Looks at the budgets of what waits, archives it, and lets the stream forget it.
    async fn archive(&mut self) -> Result<(), TableError> {
        if !self.telling().await?.alerts.take(&self.waiting).await.ids().is_empty() {
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

    /// The alerts under the configuration in force.
    async fn telling(&self) -> Result<Arc<Telling>, TableError> {
        let current = self.tellings.current().await;
        current.map_err(|problem| TableError::Unavailable(problem.to_string()))
    }

    /// Archives what admins changed, and writes the digests of hours that are over.
    async fn close(&mut self) {
        let Some(archive) = &self.archive else { return };
        if self.closed_at.is_some_and(|at| at.elapsed() < CLOSED_EVERY) {
            return;
        }
        self.closed_at = Some(Instant::now());
        if let Err(problem) = archive.changes(&self.audit).await {
            tracing::warn!(%problem, "what admins changed was not archived; it is tried again");
        }
        if let Err(problem) = archive.close().await {
            tracing::warn!(%problem, "an hour of the archive was not closed; it is tried again");
        }
    }
}
