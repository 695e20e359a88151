//! Batches of the usage table's stream, as the event source mapping hands them to a function.

use serde::{Serialize, Serializer, ser::SerializeStruct};
use serde_json::Value;
use stores::calls::{CallImage, Malformed, SequenceNumber};

/// One record of the stream.
#[derive(Clone, Debug)]
pub struct Record {
    /// The record's sequence number as the event writes it: what a failure is reported by.
    pub id: String,
    /// `None` for anything but a call record put or corrected; an error for one that cannot be read.
    pub content: Result<Option<(SequenceNumber, CallImage)>, Malformed>,
}

impl Record {
    /// Reads one record of an event.
    pub fn of(record: &Value) -> Self {
        let id = record.pointer("/dynamodb/SequenceNumber").and_then(Value::as_str).unwrap_or_default();
        Self { id: id.to_owned(), content: CallImage::from_stream_record(record) }
    }
}

/// The records of a stream event (`{"Records": […]}`), in order; `None` if it is no such event.
pub fn records(event: &Value) -> Option<Vec<Record>> {
    let records = event.get("Records")?.as_array()?;
    Some(records.iter().map(Record::of).collect())
}

/// The shard that a batch comes from; emulators do not name it, and have one. `None` if the event names neither it
/// nor its stream, though it has records.
pub fn shard(event: &Value) -> Option<&str> {
    let stream = || event.pointer("/Records/0/eventSourceARN");
    let empty = || event.pointer("/Records/0").is_none().then_some("none");
    event.get("shardId").or_else(stream).and_then(Value::as_str).or_else(empty)
}

/// Records that were not dealt with, by their sequence numbers. As JSON it is what
/// `ReportBatchItemFailures` expects: the mapping tries again from the lowest on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    again: Vec<String>,
    dead: Vec<(String, String)>,
}

impl Failures {
    /// The record comes again.
    pub fn add(&mut self, record: &str) {
        if !self.again.iter().any(|known| known == record) {
            self.again.push(record.to_owned());
        }
    }

    /// The record is of no use, now and ever.
    pub fn bury(&mut self, record: &str, why: &impl std::fmt::Display) {
        if !self.dead.iter().any(|(known, _)| known == record) {
            tracing::error!(record, %why, "a stream record is of no use");
            self.dead.push((record.to_owned(), why.to_string()));
        }
    }

    /// What comes again.
    pub fn ids(&self) -> &[String] {
        &self.again
    }

    /// What is of no use, and why; whoever takes it keeps it.
    pub fn take_dead(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.dead)
    }
}

impl Serialize for Failures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let items: Vec<Value> = self.again.iter().map(|id| serde_json::json!({ "itemIdentifier": id })).collect();
        let mut answer = serializer.serialize_struct("Failures", 1)?;
        answer.serialize_field("batchItemFailures", &items)?;
        answer.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l5_failures_read_as_the_event_source_mapping_expects() {
        let mut failures = Failures::default();
        assert_eq!(serde_json::to_string(&failures).unwrap(), r#"{"batchItemFailures":[]}"#);
        failures.add("4421584500000000017450439091");
        failures.add("4421584500000000017450439091");
        let text = serde_json::to_string(&failures).unwrap();
        assert_eq!(text, r#"{"batchItemFailures":[{"itemIdentifier":"4421584500000000017450439091"}]}"#);
    }

    #[test]
    fn l5_a_record_that_cannot_be_read_keeps_its_number() {
        let event = serde_json::json!({ "Records": [
            { "dynamodb": { "SequenceNumber": "7", "NewImage": { "pk": { "S": "CALL#c" }, "sk": { "S": "CALL" } } } },
            { "dynamodb": { "SequenceNumber": "8", "NewImage": { "pk": { "S": "OTHER" }, "sk": { "S": "X" } } } },
        ]});
        let records = records(&event).unwrap();
        assert!(records[0].id == "7" && records[0].content.is_err());
        assert!(records[1].id == "8" && matches!(records[1].content, Ok(None)));
    }
}
