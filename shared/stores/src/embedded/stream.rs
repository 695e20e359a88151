//! The usage table's stream, as its consumers see it: batches in the form that Lambda hands to functions.

use super::{
    engine::{Job, Queue},
    tail::Kept,
};
use crate::table::TableError;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::oneshot;

/// What the engine's numbers are shown with, so that they have 21 digits as DynamoDB's do.
const FIRST: u128 = 100_000_000_000_000_000_000;

/// The stream of the usage table.
#[derive(Clone, Debug)]
pub struct Stream {
    queue: Queue,
    table: Arc<str>,
}

/// Records that nobody has dealt with.
#[derive(Debug)]
pub struct Batch {
    /// `{"shardId", "Records": […]}`, as Lambda's event source mapping would write it.
    pub event: Value,
    /// Where the next batch begins.
    pub next: Position,
}

/// A place between two records; the default is before the oldest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(i64);

impl Batch {
    /// How many records there are.
    pub fn len(&self) -> usize {
        self.event.pointer("/Records").and_then(Value::as_array).map_or(0, Vec::len)
    }

    /// Nothing happened.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Stream {
    pub(super) fn new(queue: Queue, table: Arc<str>) -> Self {
        Self { queue, table }
    }

    /// The records that follow a place, at most so many, as far as they are not [`done`](Self::done) with.
    ///
    /// # Errors
    /// [`TableError::Unavailable`] if the engine has stopped or has no stream.
    pub async fn next(&self, after: Position, limit: u32) -> Result<Batch, TableError> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Read { table: Arc::clone(&self.table), after: after.0, limit, reply })?;
        let kept = answer.await.map_err(|_| stopped())?.map_err(TableError::Unavailable)?;
        let next = kept.last().map_or(after, |kept| Position(kept.id));
        let records = Value::Array(kept.into_iter().map(record).collect());
        let shard = Value::String(format!("embedded-{}", self.table));
        Ok(Batch { event: object([("shardId", shard), ("Records", records)]), next })
    }

    /// Forgets the records up to a place.
    ///
    /// # Errors
    /// As [`Stream::next`]; they then come again.
    pub async fn done(&self, upto: Position) -> Result<(), TableError> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Trim { table: Arc::clone(&self.table), upto: upto.0, reply })?;
        answer.await.map_err(|_| stopped())?.map_err(TableError::Unavailable)
    }

    fn send(&self, job: Job) -> Result<(), TableError> {
        self.queue.send(job).map_err(|_| stopped())
    }
}

fn stopped() -> TableError {
    TableError::Unavailable("the embedded database has stopped".to_owned())
}

/// A stream record as functions get it. An image that cannot be read becomes one that no call record has.
fn record(kept: Kept) -> Value {
    let image = |text: String| serde_json::from_str(&text).unwrap_or(Value::Null);
    let number = kept.number.parse::<u128>().map(|number| (FIRST + number).to_string()).unwrap_or_default();
    let said = [("SequenceNumber", number.into()), ("StreamViewType", "NEW_AND_OLD_IMAGES".into())];
    let images = [("NewImage", kept.new), ("OldImage", kept.old)];
    let shown = images.into_iter().filter_map(|(name, text)| Some((name, image(text?))));
    let change = object(said.into_iter().chain(shown));
    object([("eventName", kept.event.into()), ("eventSource", "aws:dynamodb".into()), ("dynamodb", change)])
}

/// An object of what is moved into it: `json!` would copy every image.
fn object<'n>(entries: impl IntoIterator<Item = (&'n str, Value)>) -> Value {
    Value::Object(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
