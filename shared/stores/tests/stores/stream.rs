//! The embedded engine's stream: every record once it is settled, again until it is dealt with, also over a restart.

use crate::harness::{Trial, directory, key, record, start, usd};
use domain::time::HandClock;
use std::{path::Path, sync::Arc};
use stores::{
    Names,
    calls::{CallImage, SequenceNumber},
    embedded::{Batch, Embedded, Position},
    ledger::Ledger,
};

struct Opened {
    embedded: Embedded,
    ledger: Ledger,
    stream: stores::embedded::Stream,
}

async fn open(directory: Option<&Path>) -> Opened {
    let names = Names::prefixed("test");
    let embedded = Embedded::open_streaming(directory).unwrap();
    let stream = embedded.stream(&names).await.unwrap();
    let table = Arc::new(embedded.direct_table(&names).await.unwrap());
    Opened { embedded, stream, ledger: Ledger::new(table, names, Arc::new(HandClock::at(start()))) }
}

impl Opened {
    async fn settle(&self, call: &str) {
        let held = Trial::new(call, "0.5").reserve(&self.ledger, &key("a", Some("100")), start()).await.unwrap();
        self.ledger.settle(&held, &record(&held.call, usd("0.01"))).await.unwrap();
    }
}

fn images(batch: &Batch) -> Vec<(SequenceNumber, CallImage)> {
    let records = batch.event["Records"].as_array().unwrap();
    records.iter().filter_map(|record| CallImage::from_stream_record(record).unwrap()).collect()
}

fn calls(batch: &Batch) -> Vec<String> {
    images(batch).iter().map(|(_, image)| image.new.record.call.to_string()).collect()
}

async fn records_come_until_they_are_dealt_with(directory: Option<&Path>) {
    let opened = open(directory).await;
    assert!(opened.stream.next(Position::default(), 10).await.unwrap().is_empty());
    for call in ["call_1", "call_2", "call_3"] {
        opened.settle(call).await;
    }
    let first = opened.stream.next(Position::default(), 2).await.unwrap();
    assert_eq!((calls(&first), first.len()), (vec!["call_1".to_owned(), "call_2".to_owned()], 2));
    assert_eq!(calls(&opened.stream.next(Position::default(), 2).await.unwrap()), calls(&first));
    let (numbers, last) = (images(&first), images(&opened.stream.next(first.next, 3).await.unwrap()).pop().unwrap());
    assert!(numbers[0].0 < numbers[1].0 && numbers[1].0 < last.0);
    opened.stream.done(first.next).await.unwrap();
    assert_eq!(calls(&opened.stream.next(Position::default(), 10).await.unwrap()), ["call_3"]);
}

#[tokio::test]
async fn l4_in_memory_records_come_until_they_are_dealt_with() {
    records_come_until_they_are_dealt_with(None).await;
}

#[tokio::test]
async fn m18_on_disk_what_nobody_dealt_with_comes_again_after_a_restart() {
    let directory = directory();
    records_come_until_they_are_dealt_with(Some(&directory)).await;
    let opened = open(Some(&directory)).await;
    opened.settle("call_4").await;
    let batch = opened.stream.next(Position::default(), 10).await.unwrap();
    assert_eq!(calls(&batch), ["call_3", "call_4"]);
    opened.stream.done(batch.next).await.unwrap();
    opened.embedded.shutdown();
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test]
async fn a_database_made_before_there_was_a_stream_gets_one() {
    let directory = directory();
    let names = Names::prefixed("test");
    let old = Embedded::open(Some(&directory)).unwrap();
    old.table(&names).await.unwrap();
    assert!(old.stream(&names).await.is_err());
    old.shutdown();
    let opened = open(Some(&directory)).await;
    opened.settle("call_1").await;
    assert_eq!(calls(&opened.stream.next(Position::default(), 10).await.unwrap()), ["call_1"]);
    opened.embedded.shutdown();
    std::fs::remove_dir_all(directory).unwrap();
}
