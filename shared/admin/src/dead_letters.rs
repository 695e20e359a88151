//! Records that are of no use: kept where people look, so that they hold up nobody [L5].
//!
//! A record that cannot be read, or that the store will never take, is put there whole by whoever found it out, and the
//! stream goes on. What may be done a moment later is no dead letter: it comes again for as long as the stream keeps it.

use crate::outbox::Failures;
use async_trait::async_trait;
use aws_sdk_sqs::{Client, error::DisplayErrorContext};
use serde_json::{Value, json};
use std::{io::Write, path::PathBuf};

/// The longest message: a queue takes 256 KiB, and no more than this is needed to know whose record it is.
const LONGEST: usize = 240_000;

/// Where they are kept.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Keeps one; the same one may come twice.
    ///
    /// # Errors
    /// Why it was not kept; the record then comes again.
    async fn keep(&self, letter: &str) -> Result<(), String>;
}

/// Keeps the records of `event` that are of no use. What could not be kept comes again.
pub async fn keep(place: &dyn DeadLetters, event: &Value, failures: &mut Failures) {
    for (id, why) in failures.take_dead() {
        if let Err(problem) = place.keep(&letter(event, &id, &why)).await {
            tracing::error!(record = id, problem, "a record of no use could not be kept for people; it comes again");
            failures.add(&id);
        }
    }
}

/// The record as it came and why it is of no use, as one line.
fn letter(event: &Value, id: &str, why: &str) -> String {
    let number = |record: &Value| record.pointer("/dynamodb/SequenceNumber").and_then(Value::as_str) == Some(id);
    let records = event.get("Records").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let record = records.iter().find(|record| number(record));
    let whole = json!({ "record": record, "sequence": id, "why": why }).to_string();
    if whole.len() <= LONGEST {
        return whole;
    }
    let keys = record.and_then(|record| record.pointer("/dynamodb/Keys"));
    json!({ "keys": keys, "sequence": id, "too_long": true, "why": why }).to_string()
}

/// A queue of Amazon SQS.
#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    /// The queue of that address.
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }
}

#[async_trait]
impl DeadLetters for Queue {
    async fn keep(&self, letter: &str) -> Result<(), String> {
        let sent = self.client.send_message().queue_url(&self.url).message_body(letter).send().await;
        sent.map(drop).map_err(|error| DisplayErrorContext(error).to_string())
    }
}

/// A file of a local server, a letter a line; none where nothing is kept on disk.
#[derive(Clone, Debug)]
pub struct File(pub Option<PathBuf>);

#[async_trait]
impl DeadLetters for File {
    async fn keep(&self, letter: &str) -> Result<(), String> {
        let Some(path) = &self.0 else { return Ok(()) };
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| writeln!(file, "{letter}")).map_err(|problem| problem.to_string())
    }
}
